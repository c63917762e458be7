//! The comparison in words and figures: the same tables for a terminal and for a page.

use super::ablation::{Absence, Worth};
use super::contest::{Contest, Figures, Paired};
use super::field::STEADY;
use super::targets::RULES;
use super::{Comparison, Round};
use crate::commands::score::{Rank, Sum};
use crate::statistics::Mean;
use crate::table::{finish, table};

/// A table under a title. The first columns are words, the others figures.
struct Sheet {
    title: String,
    heading: Vec<&'static str>,
    words: usize,
    rows: Vec<Vec<String>>,
}

impl Sheet {
    fn text(&self) -> String {
        let mut table = table(&self.heading);
        table.add_rows(&self.rows);
        format!("{}\n{}\n", self.title, finish(table, self.words))
    }

    fn markdown(&self) -> String {
        let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
        let rule = (0..self.heading.len()).map(|i| if i < self.words { "---" } else { "--:" }).collect();
        let rows = self.rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
        format!("## {}\n\n{}{}{}", self.title, line(self.heading.clone()), line(rule), rows.collect::<String>())
    }
}

/// Returns the comparison for a terminal: what is most wanted comes last.
pub(super) fn text(comparison: &Comparison) -> String {
    let rounds = || comparison.rounds.iter();
    let contests = || rounds().flat_map(|round| round.contests.iter().map(move |contest| (round, contest)));
    let mut sheets: Vec<Sheet> = contests().map(|(round, contest)| differences(round, contest)).collect();
    sheets.extend(rounds().map(standing));
    sheets.extend(ablation(comparison));
    sheets.extend(rounds().map(targets));
    let sheets: Vec<_> = sheets.iter().map(Sheet::text).collect();
    format!("{}{}", sheets.join("\n"), left_out(comparison, "\n"))
}

/// Returns the page of what was found in all, beside its pictures.
pub(super) fn figures(comparison: &Comparison, run: &str) -> String {
    let rounds = || comparison.rounds.iter();
    let tables: Vec<_> = rounds().map(targets).chain(rounds().map(standing)).map(|sheet| sheet.markdown()).collect();
    let pictures = format!(
        "## Pictures\n\n![node-hours against avoidable time](front.svg)\n\n\
         ![scalar above that of the better classic, by scenario](differences.svg)\n\n\
         {run}\n\n![a run under classic and steady](run.svg)\n"
    );
    format!(
        "{}{}{}\n{pictures}",
        heading("Steady and classic, in figures", comparison),
        tables.join("\n"),
        left_out(comparison, "\n")
    )
}

/// Returns the page of what was found in each scenario.
pub(super) fn scenarios(comparison: &Comparison) -> String {
    let contests =
        comparison.rounds.iter().flat_map(|round| round.contests.iter().map(move |contest| (round, contest)));
    let tables = contests.flat_map(|(round, contest)| [differences(round, contest), both(round, contest)]);
    let tables: Vec<_> = tables.map(|sheet| sheet.markdown()).collect();
    format!("{}{}", heading("Steady and classic, scenario by scenario", comparison), tables.join("\n"))
}

/// Returns the page of what each part of steady is worth.
pub(super) fn parts(comparison: &Comparison) -> String {
    let tables: Vec<_> = ablation(comparison).map(|sheet| sheet.markdown()).collect();
    format!("{}{}", heading("Steady without each of its parts", comparison), tables.join("\n"))
}

fn heading(what: &str, comparison: &Comparison) -> String {
    let extent = &comparison.extent;
    format!(
        "# {what}\n\nWritten by `wnm-sim compare --report`, and described in [policies.md](../policies.md). Runs of {} days, \
         seeds from {} on.\n\n",
        extent.days, extent.seed
    )
}

/// Says which variant was not compared.
fn left_out(comparison: &Comparison, before: &str) -> String {
    let [.., tuned] = STEADY;
    let mut contests = comparison.rounds.iter().flat_map(|round| &round.contests);
    let is_there = contests.any(|contest| contest.policy == tuned);
    if is_there { String::new() } else { format!("{before}{tuned} is left out: no policy was given with --tuned.\n") }
}

fn title(what: &str, round: &Round) -> String {
    let seeds = if round.seeds == 1 { "1 seed".to_owned() } else { format!("{} seeds", round.seeds) };
    format!("{what}: cycles of {} s, {seeds}", round.cycle)
}

/// What was to be reached, and what each variant of steady did.
fn targets(round: &Round) -> Sheet {
    let row = |(i, rule): (usize, &super::targets::Rule)| {
        let of_rule = || round.contests.iter().filter_map(|contest| contest.targets.get(i));
        let (factor, unit) = if rule.is_ratio { (100.0, " %") } else { (1.0, "") };
        let mut limits: Vec<_> = of_rule().map(|target| format!("{:.0}{unit}", target.limit * factor)).collect();
        limits.dedup();
        let sign = if rule.is_least { "≥" } else { "≤" };
        let found = of_rule().map(|target| {
            let nothing = || if target.is_met { "–" } else { "∞" }.to_owned();
            let found = target.found.map_or_else(nothing, |found| format!("{:.1}", found.times(factor)));
            let verdict = if target.is_met { "met" } else { "MISSED" };
            let worst = target.worst.as_ref().map(|worst| format!(", worst in {worst}")).unwrap_or_default();
            format!("{verdict}: {found}{worst}")
        });
        [rule.name.to_owned(), format!("{sign} {}", limits.join(" / "))].into_iter().chain(found).collect()
    };
    let policies = round.contests.iter().filter_map(|c| STEADY.iter().find(|name| **name == c.policy));
    Sheet {
        title: title("What was to be reached, against the better classic", round),
        heading: ["to reach", "limit"].into_iter().chain(policies.copied()).collect(),
        words: 2 + round.contests.len(),
        rows: RULES.iter().enumerate().map(row).collect(),
    }
}

/// The differences of each seed's runs, scenario by scenario.
fn differences(round: &Round, contest: &Contest) -> Sheet {
    let row = |scenario: &str, classic: &str, of: &dyn Fn(fn(&Figures) -> &Paired) -> Paired, share: f64| {
        let difference = |figure, factor, digits: usize| grown(of(figure).difference().times(factor), digits);
        let ratio = of(|f| &f.node_hours).sure_ratio();
        vec![
            scenario.to_owned(),
            classic.to_owned(),
            difference(|f| &f.scalar, share, 3),
            ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{:.1}", ratio.times(100.0))),
            difference(|f| &f.yielded, 100.0 * share, 1),
            difference(|f| &f.avoidable, 100.0 * share, 2),
            difference(|f| &f.churn, 1.0, 0),
            difference(|f| &f.flaps, 1.0, 0),
            difference(|f| &f.bytes, 1e-9, 0),
        ]
    };
    let mut rows: Vec<_> = contest
        .scenarios
        .iter()
        .map(|against| row(&against.scenario, &against.classic, &|figure| figure(&against.figures).clone(), 1.0))
        .collect();
    // Shares are means over the scenarios, counts are sums.
    rows.push(row("all", "", &|figure| contest.sum(figure), 1.0 / contest.scenarios.len().max(1) as f64));
    Sheet {
        title: title(&format!("{} less the better classic, seed by seed", contest.policy), round),
        heading: vec![
            "scenario",
            "classic",
            "scalar",
            "node-hours, ratio %",
            "of best, points",
            "avoidable, points",
            "churn",
            "flaps",
            "deleted GB",
        ],
        words: 2,
        rows,
    }
}

/// The figures of both and their bounds, scenario by scenario.
fn both(round: &Round, contest: &Contest) -> Sheet {
    let pair = |paired: &Paired, factor: f64, digits: usize| {
        format!("{:.digits$} / {:.digits$}", paired.ours() * factor, paired.classic() * factor)
    };
    let rows = contest.scenarios.iter().map(|against| {
        let figures = &against.figures;
        vec![
            against.scenario.clone(),
            against.classic.clone(),
            pair(&figures.scalar, 1.0, 3),
            format!("{} / {:.0}", pair(&figures.node_hours, 1.0, 0), against.best),
            pair(&figures.avoidable, 100.0, 2),
            pair(&figures.bound, 100.0, 2),
            pair(&figures.churn, 1.0, 0),
            pair(&figures.flaps, 1.0, 0),
            pair(&figures.bytes, 1e-9, 0),
            pair(&figures.out_of_memory, 1.0, 0),
            pair(&figures.disk_full, 1.0, 0),
        ]
    });
    Sheet {
        title: title(&format!("{} / the better classic", contest.policy), round),
        heading: vec![
            "scenario",
            "classic",
            "scalar",
            "node-hours / clairvoyant",
            "avoidable %",
            "bound %",
            "churn",
            "flaps",
            "deleted GB",
            "no memory s",
            "disk full s",
        ],
        words: 2,
        rows: rows.collect(),
    }
}

/// All policies, by their means over the scenarios.
fn standing(round: &Round) -> Sheet {
    let row = |rank: &Rank| {
        let mean = |figure: fn(&Sum) -> f64| round.mean(&rank.policy, figure);
        vec![
            rank.policy.clone(),
            format!("{:.3}", rank.scalar.mean),
            format!("{:.1}", mean(|sum| sum.yielded.mean) * 100.0),
            format!("{:.2}", mean(|sum| sum.over.mean) * 100.0),
            format!("{:.2}", mean(|sum| sum.avoidable.mean) * 100.0),
            format!("{:.2}", mean(|sum| sum.bound.mean) * 100.0),
            format!("{:.2}", mean(|sum| sum.churn.mean)),
            format!("{:.1}", mean(|sum| sum.flaps.mean)),
            format!("{:.0}", mean(|sum| sum.deleted_bytes.mean) / 1e9),
            format!("{:.0}", mean(|sum| sum.out_of_memory.mean)),
            format!("{:.0}", mean(|sum| sum.disk_full.mean)),
        ]
    };
    Sheet {
        title: title("All policies, means over the scenarios", round),
        heading: vec![
            "policy",
            "scalar",
            "of best %",
            "over %",
            "avoidable %",
            "bound %",
            "churn",
            "flaps",
            "deleted GB",
            "no memory s",
            "disk full s",
        ],
        words: 1,
        rows: round.ranking.iter().map(row).collect(),
    }
}

/// What changes without each part, for each that parts are left out of: none where that was not asked for.
fn ablation(comparison: &Comparison) -> impl Iterator<Item = Sheet> {
    let of_one = comparison.ablation.chunk_by(|one, next| one.of == next.of);
    of_one.filter_map(|absences| Some(absent(comparison.rounds.first()?, absences.first()?, absences)))
}

fn absent(round: &Round, first: &Absence, absences: &[Absence]) -> Sheet {
    let row = |absence: &Absence| {
        let worth = match absence.worth {
            Worth::Nothing => "changes nothing",
            Worth::Needed => "worse without it",
            Worth::Harmful => "better without it",
            Worth::Traded => "a trade",
        };
        let most = absence.most.as_ref().map(|(scenario, scalar)| format!("{scenario} {scalar:+.3}"));
        let growth = |by: Option<Mean>, is_ratio: bool| {
            let factor = if is_ratio { 100.0 } else { 1.0 };
            by.map_or_else(|| "–".to_owned(), |by| grown(by.times(factor), 1))
        };
        let figures = absence.figures.iter().zip(RULES).map(|(figure, rule)| growth(figure.by, rule.is_ratio));
        let words = [absence.part.clone(), worth.to_owned(), most.unwrap_or_default()];
        let runs = [absence.changed.to_string(), grown(absence.scalar, 4)];
        words.into_iter().chain(runs).chain(figures).collect()
    };
    let fixed = ["part", "", "most in", "runs changed", "scalar"];
    Sheet {
        title: format!(
            "What changes in {} without a part: cycles of {} s, {} runs each",
            first.of, round.cycle, first.runs
        ),
        heading: fixed.into_iter().chain(RULES.iter().map(|rule| rule.short)).collect(),
        words: 3,
        rows: absences.iter().map(row).collect(),
    }
}

/// Returns by how much something grows; nothing where it does not.
fn grown(mean: Mean, digits: usize) -> String {
    match mean {
        Mean { mean: 0.0, within: None | Some(0.0) } => "0".to_owned(),
        mean => format!("{mean:+.digits$}"),
    }
}
