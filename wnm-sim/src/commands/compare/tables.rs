//! The tables of a comparison, for the terminal and for Markdown pages.

use super::ablation::{Absence, Worth};
use super::policies::STEADY;
use super::targets::TARGETS;
use super::variant::{Figures, Paired, VariantComparison};
use super::{Comparison, Round};
use crate::commands::score::pooled::{HEADING, rows};
use crate::statistics::Mean;
use crate::table::{finish, table};

/// A table with a title. The first `words` columns are text, the others figures.
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

/// Returns the comparison for a terminal. The targets come last, where the reader sees them first.
pub(super) fn text(comparison: &Comparison) -> String {
    let rounds = || comparison.rounds.iter();
    let comparisons = || rounds().flat_map(|round| round.comparisons.iter().map(move |compared| (round, compared)));
    let mut sheets: Vec<Sheet> = comparisons().map(|(round, compared)| differences(round, compared)).collect();
    sheets.extend(rounds().map(pooled));
    sheets.extend(ablation(comparison));
    sheets.extend(rounds().flat_map(|round| [targets(round, &round.baselines), targets(round, &round.comparisons)]));
    let sheets: Vec<_> = sheets.iter().map(Sheet::text).collect();
    format!("{}{}", sheets.join("\n"), missing_variant(comparison, "\n"))
}

/// Returns the page of overall results, with the charts.
pub(super) fn figures(comparison: &Comparison, run: &str) -> String {
    let rounds = || comparison.rounds.iter();
    let of_round = |round| [targets(round, &round.comparisons), targets(round, &round.baselines), pooled(round)];
    let tables: Vec<_> = rounds().flat_map(of_round).map(|sheet| sheet.markdown()).collect();
    let charts = format!(
        "## Charts\n\n![node-hours against avoidable time](front.svg)\n\n\
         ![scalar minus that of the better classic, by scenario](differences.svg)\n\n\
         {run}\n\n![a run under classic and steady](run.svg)\n"
    );
    format!(
        "{}{}{}\n{charts}",
        heading("Steady and classic, in figures", comparison),
        tables.join("\n"),
        missing_variant(comparison, "\n")
    )
}

/// Returns the page of results by scenario.
pub(super) fn scenarios(comparison: &Comparison) -> String {
    let comparisons =
        comparison.rounds.iter().flat_map(|round| round.comparisons.iter().map(move |compared| (round, compared)));
    let tables = comparisons.flat_map(|(round, compared)| [differences(round, compared), both(round, compared)]);
    let tables: Vec<_> = tables.map(|sheet| sheet.markdown()).collect();
    format!("{}{}", heading("Steady and classic, scenario by scenario", comparison), tables.join("\n"))
}

/// Returns the page of the ablation.
pub(super) fn parts(comparison: &Comparison) -> String {
    let tables: Vec<_> = ablation(comparison).map(|sheet| sheet.markdown()).collect();
    format!("{}{}", heading("Steady without each of its parts", comparison), tables.join("\n"))
}

fn heading(title: &str, comparison: &Comparison) -> String {
    let extent = &comparison.extent;
    format!(
        "# {title}\n\nWritten by `wnm-sim compare --report`; [policies.md](../policies.md) explains it. Runs of {} days, \
         seeds from {}.\n\n",
        extent.days, extent.seed
    )
}

/// Returns a note where the tuned variant is missing.
fn missing_variant(comparison: &Comparison, before: &str) -> String {
    let [.., tuned] = STEADY;
    let mut comparisons = comparison.rounds.iter().flat_map(|round| &round.comparisons);
    let is_there = comparisons.any(|compared| compared.policy == tuned);
    if is_there { String::new() } else { format!("{before}{tuned} is missing: --tuned was not given.\n") }
}

fn title(subject: &str, round: &Round) -> String {
    let seeds = if round.seeds == 1 { "1 seed".to_owned() } else { format!("{} seeds", round.seeds) };
    format!("{subject}: cycles of {} s, {seeds}", round.cycle)
}

/// The targets and the results of each variant of steady.
fn targets(round: &Round, comparisons: &[VariantComparison]) -> Sheet {
    let row = |(i, rule): (usize, &super::targets::TargetRule)| {
        let of_rule = || comparisons.iter().filter_map(|compared| compared.targets.get(i));
        let (factor, unit) = if rule.is_ratio { (100.0, " %") } else { (1.0, "") };
        let mut limits: Vec<_> = of_rule().map(|target| format!("{:.0}{unit}", target.limit * factor)).collect();
        // Only limits that depend on the weight and on the thresholds differ between the variants.
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
    let policies = comparisons.iter().filter_map(|c| STEADY.iter().find(|name| **name == c.policy));
    Sheet {
        title: title(
            &format!("Targets against {}", comparisons.first().map_or("", |compared| compared.reference)),
            round,
        ),
        heading: ["target", "limit"].into_iter().chain(policies.copied()).collect(),
        words: 2 + comparisons.len(),
        rows: TARGETS.iter().enumerate().map(row).collect(),
    }
}

/// The differences between a variant and the better classic on the same seeds, by scenario.
fn differences(round: &Round, compared: &VariantComparison) -> Sheet {
    let row = |scenario: &str, classic: &str, of: &dyn Fn(fn(&Figures) -> &Paired) -> Paired, share: f64| {
        let difference = |figure, factor, digits: usize| grown(of(figure).difference().times(factor), digits);
        let ratio = of(|f| &f.node_hours).sure_ratio();
        vec![
            scenario.to_owned(),
            classic.to_owned(),
            difference(|f| &f.scalar, share, 3),
            ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{:.1}", ratio.times(100.0))),
            difference(|f| &f.yielded, 100.0 * share, 1),
            difference(|f| &f.lost, 1.0, 1),
            difference(|f| &f.avoidable, 100.0 * share, 2),
            difference(|f| &f.churn, 1.0, 0),
            difference(|f| &f.flaps, 1.0, 0),
            difference(|f| &f.bytes, 1e-9, 0),
        ]
    };
    let mut rows: Vec<_> = compared
        .scenarios
        .iter()
        .map(|scenario| row(&scenario.scenario, &scenario.reference, &|figure| figure(&scenario.figures).clone(), 1.0))
        .collect();
    // Shares are averaged over the scenarios, counts are added.
    rows.push(row("all", "", &|figure| compared.sum(figure), 1.0 / compared.scenarios.len().max(1) as f64));
    Sheet {
        title: title(&format!("{} minus the better classic, by seed", compared.policy), round),
        heading: vec![
            "scenario",
            "classic",
            "scalar",
            "node-hours, ratio %",
            "of best, points",
            "lost core-hours",
            "avoidable, points",
            "churn",
            "flaps",
            "deleted GB",
        ],
        words: 2,
        rows,
    }
}

/// The figures of the variant and of the better classic, by scenario.
fn both(round: &Round, compared: &VariantComparison) -> Sheet {
    let pair = |paired: &Paired, factor: f64, digits: usize| {
        format!("{:.digits$} / {:.digits$}", paired.variant() * factor, paired.reference() * factor)
    };
    let rows = compared.scenarios.iter().map(|scenario| {
        let figures = &scenario.figures;
        vec![
            scenario.scenario.clone(),
            scenario.reference.clone(),
            pair(&figures.scalar, 1.0, 3),
            format!("{} / {:.0}", pair(&figures.node_hours, 1.0, 0), scenario.best),
            pair(&figures.lost, 1.0, 1),
            pair(&figures.stalled, 1.0 / 60.0, 0),
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
        title: title(&format!("{} / the better classic", compared.policy), round),
        heading: vec![
            "scenario",
            "classic",
            "scalar",
            "node-hours / clairvoyant",
            "lost core-hours",
            "stalled min",
            "avoidable %",
            "bound %",
            "churn",
            "flaps",
            "deleted GB",
            "out of memory s",
            "disk full s",
        ],
        words: 2,
        rows: rows.collect(),
    }
}

/// The sums of all policies over the scenarios, best first, below the line of the clairvoyant.
fn pooled(round: &Round) -> Sheet {
    Sheet {
        title: title("All policies, sums over the scenarios in a run of each", round),
        heading: HEADING.to_vec(),
        words: 1,
        rows: rows(&round.pooled),
    }
}

/// The effect of leaving out each part; one table for each variant, none without `--ablation`.
fn ablation(comparison: &Comparison) -> impl Iterator<Item = Sheet> {
    let of_one = comparison.ablation.chunk_by(|one, next| one.of == next.of);
    of_one.filter_map(|absences| Some(absent(comparison.rounds.first()?, absences.first()?, absences)))
}

fn absent(round: &Round, first: &Absence, absences: &[Absence]) -> Sheet {
    let row = |absence: &Absence| {
        let worth = match absence.worth {
            Worth::Nothing => "no effect",
            Worth::Needed => "worse without it",
            Worth::Harmful => "better without it",
            Worth::Traded => "trade-off",
        };
        let most = absence.most.as_ref().map(|(scenario, scalar)| format!("{scenario} {scalar:+.3}"));
        let growth = |by: Option<Mean>, is_ratio: bool| {
            let factor = if is_ratio { 100.0 } else { 1.0 };
            by.map_or_else(|| "–".to_owned(), |by| grown(by.times(factor), 1))
        };
        let figures = absence.figures.iter().zip(TARGETS).map(|(figure, rule)| growth(figure.by, rule.is_ratio));
        let words = [absence.part.clone(), worth.to_owned(), most.unwrap_or_default()];
        let runs = [absence.changed.to_string(), grown(absence.scalar, 4)];
        words.into_iter().chain(runs).chain(figures).collect()
    };
    let fixed = ["part", "", "largest in", "runs changed", "scalar"];
    Sheet {
        title: format!("Changes in {} without a part: cycles of {} s, {} runs each", first.of, round.cycle, first.runs),
        heading: fixed.into_iter().chain(TARGETS.iter().map(|rule| rule.short)).collect(),
        words: 3,
        rows: absences.iter().map(row).collect(),
    }
}

/// Formats a difference with its sign; 0 for a difference without any variation.
fn grown(mean: Mean, digits: usize) -> String {
    match mean {
        Mean { mean: 0.0, within: None | Some(0.0) } => "0".to_owned(),
        mean => format!("{mean:+.digits$}"),
    }
}
