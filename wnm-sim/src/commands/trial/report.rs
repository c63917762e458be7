//! The report of a trial: credibility first, then both policies side by side, then the conclusion.

use std::collections::BTreeMap;

use serde::Serialize;
use wnm_core::{Policy, RawSettings};

use super::Args;
use super::host::Host;
use crate::capacity::Score;
use crate::commands::calibrate::Report;
use crate::statistics::Mean;
use crate::table::{finish, table};

/// The comparison of present and changed settings on a recorded host.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Trial {
    /// The trace.
    trace: String,
    /// Processors, samples, nodes and starts of the trace, in words.
    extent: String,
    /// The verdicts on the fit of each signal, in words.
    credibility: Vec<String>,
    /// Signals whose part of the model uses assumed constants.
    doubted: Vec<&'static str>,
    /// Facts of the host that the trace lacks, with the assumed values.
    assumed: Vec<String>,
    /// The changed settings.
    changes: BTreeMap<&'static str, String>,
    /// Number of seeds, length of a run in days, and length of a cycle in seconds.
    seeds: u64,
    days: f64,
    cycle: u32,
    /// The limits of the score, in words.
    limits: String,
    /// The figures of both policies.
    figures: Vec<Compared>,
    /// The conclusion in words, one sentence for each line.
    conclusion: Vec<String>,
}

/// A figure under the present and under the changed settings.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Compared {
    /// Name of the figure.
    figure: &'static str,
    /// Unit of the figure.
    unit: &'static str,
    /// Mean over the seeds under the present settings.
    present: Mean,
    /// Mean over the seeds under the changed settings.
    changed: Mean,
    /// Mean over the seeds of the difference on one seed, changed minus present.
    difference: Mean,
    /// Whether the difference is certain (95 %), and which side it favours.
    verdict: Verdict,
}

/// The side that a difference favours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Better,
    Worse,
    Uncertain,
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Uncertain => "no certain difference",
        }
    }
}

/// Whether a greater or a smaller figure is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    More,
    Less,
}

/// A figure of the page.
struct Figure {
    name: &'static str,
    unit: &'static str,
    digits: usize,
    wanted: Wanted,
    of: fn(&Score) -> f64,
}

const fn figure(name: &'static str, unit: &'static str, digits: usize, of: fn(&Score) -> f64) -> Figure {
    Figure { name, unit, digits, wanted: Wanted::Less, of }
}

/// The figures in the order of the page: the gain first, then the costs.
const FIGURES: &[Figure] = &[
    Figure { wanted: Wanted::More, ..figure("served node-hours", "h", 0, |score| score.node_hours) },
    Figure { wanted: Wanted::More, ..figure("of best", "%", 1, |score| 100.0 * score.yielded()) },
    figure("lost by other work", "core-h", 1, |score| score.lost_core_hours),
    figure("pressure on it", "%", 2, |score| 100.0 * score.share(score.stalled)),
    figure("time over limits", "%", 2, |score| 100.0 * score.share(score.over.any)),
    figure("avoidable part of it", "%", 2, |score| 100.0 * score.share(score.avoidable.any)),
    figure("churn", "per node-day", 2, |score| score.per_node_day(score.churn())),
    figure("flaps", "", 0, |score| f64::from(score.flaps)),
    figure("deleted", "GB", 0, |score| score.deleted_bytes / 1e9),
    figure("out of memory", "s", 0, |score| score.out_of_memory),
    figure("disk full", "s", 0, |score| score.disk_full),
];

impl Trial {
    pub(super) fn new(
        args: &Args,
        calibration: &Report,
        host: &Host,
        changes: &RawSettings,
        scores: &[Vec<Score>; 2],
    ) -> Self {
        let changes: BTreeMap<_, _> =
            RawSettings::KEYS.iter().filter_map(|key| Some((*key, changes.get(key)?))).collect();
        let figures: Vec<_> = FIGURES.iter().map(|figure| compared(figure, scores)).collect();
        let doubted = calibration.doubted();
        Self {
            trace: args.trace.display().to_string(),
            extent: calibration.heading(),
            credibility: calibration.verdicts().to_vec(),
            conclusion: conclusion(&figures, &doubted),
            doubted,
            assumed: host.assumed.clone(),
            changes,
            seeds: args.seeds,
            days: args.days,
            cycle: args.cycle,
            limits: limits(&host.spec.limits),
            figures,
        }
    }

    /// Returns the report as text.
    pub(super) fn page(&self) -> String {
        let changes: Vec<_> = self.changes.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let mut lines = vec![("trace", format!("{}: {}", self.trace, self.extent))];
        lines.extend(self.credibility.iter().map(|verdict| ("model", verdict.clone())));
        lines.extend(self.assumed.iter().map(|fact| ("assumed", fact.clone())));
        lines.push(("change", changes.join(", ")));
        lines.push(("limits", self.limits.clone()));
        let (seeds, days, cycle) = (self.seeds, self.days, self.cycle);
        lines.push(("runs", format!("{seeds} seeds of {days} days in cycles of {cycle} s, closed loop")));
        let mut text = String::new();
        let mut before = "";
        for (name, line) in lines {
            let shown = if name == before { "" } else { name };
            text.push_str(&format!("{shown:<8} {line}\n"));
            before = name;
        }
        let mut all = table(&["figure", "unit", "present", "changed", "difference", "changed is"]);
        for (compared, figure) in self.figures.iter().zip(FIGURES) {
            let digits = figure.digits;
            all.add_row(vec![
                compared.figure.to_owned(),
                compared.unit.to_owned(),
                format!("{:.digits$}", compared.present.mean),
                format!("{:.digits$}", compared.changed.mean),
                format!("{:+.digits$}", compared.difference),
                compared.verdict.word().to_owned(),
            ]);
        }
        text.push_str(&format!("\n{}\n\n", finish(all, 2)));
        self.conclusion.iter().for_each(|line| text.push_str(&format!("{line}\n")));
        text
    }
}

fn compared(figure: &Figure, [present, changed]: &[Vec<Score>; 2]) -> Compared {
    let mean = |scores: &[Score]| Mean::of(scores.iter().map(figure.of));
    // Both policies ran on the same seeds, so that the differences are paired.
    let difference =
        Mean::of(present.iter().zip(changed).map(|(before, after)| (figure.of)(after) - (figure.of)(before)));
    let verdict = match (difference.is_sure(), (difference.mean > 0.0) == (figure.wanted == Wanted::More)) {
        (false, _) => Verdict::Uncertain,
        (true, true) => Verdict::Better,
        (true, false) => Verdict::Worse,
    };
    let (present, changed) = (mean(present), mean(changed));
    Compared { figure: figure.name, unit: figure.unit, present, changed, difference, verdict }
}

/// Returns the conclusion: the certain differences, and the doubt that remains.
fn conclusion(figures: &[Compared], doubted: &[&str]) -> Vec<String> {
    let named = |wanted: Verdict| {
        let names = figures.iter().filter(|compared| compared.verdict == wanted).map(|compared| compared.figure);
        names.collect::<Vec<_>>().join(", ")
    };
    let (better, worse) = (named(Verdict::Better), named(Verdict::Worse));
    let mut lines = vec![match (better.is_empty(), worse.is_empty()) {
        (true, true) => "The change makes no certain difference on this host.".to_owned(),
        (false, true) => format!("The change is better in {better}, and worse in nothing."),
        (true, false) => format!("The change is worse in {worse}, and better in nothing."),
        (false, false) => format!("The change is a trade-off: better in {better}; worse in {worse}."),
    }];
    if !doubted.is_empty() {
        let signals = doubted.join(", ");
        lines.push(format!(
            "The model is not shown to be credible for {signals} on this host: it uses assumed constants."
        ));
        lines.push("A longer trace, with starts of nodes, makes the result more certain.".to_owned());
    }
    lines
}

/// Returns the high thresholds in words.
fn limits(policy: &Policy) -> String {
    let load = policy.load.map_or_else(String::new, |load| format!(", load {:.1}", load.remove.get()));
    let percent = |percent: wnm_core::Percent| format!("{:.0} %", percent.get());
    format!(
        "of the present settings: cpu {}, memory {}, disk {}{load}, {} nodes",
        percent(policy.cpu.remove),
        percent(policy.memory.remove),
        percent(policy.disk.remove),
        policy.node_cap
    )
}

#[cfg(test)]
mod tests {
    use schemars::generate::SchemaSettings;
    use serde_json::Value;

    use super::*;

    #[test]
    fn certain_differences_are_named_by_their_side() {
        let score =
            |node_hours, stops| Score { node_hours, node_hours_best: 100.0, seconds: 1.0, stops, ..Score::default() };
        let present = vec![score(50.0, 2), score(52.0, 2), score(51.0, 2)];
        let changed = vec![score(60.0, 9), score(62.1, 9), score(61.0, 9)];
        let figures: Vec<_> =
            FIGURES.iter().map(|figure| compared(figure, &[present.clone(), changed.clone()])).collect();
        assert_eq!(
            conclusion(&figures, &[]),
            ["The change is a trade-off: better in served node-hours, of best; worse in churn."]
        );
        let same: Vec<_> = FIGURES.iter().map(|figure| compared(figure, &[present.clone(), present.clone()])).collect();
        let told = conclusion(&same, &["cpu"]);
        assert_eq!(told[0], "The change makes no certain difference on this host.");
        assert!(told[1].contains("not shown to be credible for cpu"), "{told:?}");
    }

    #[test]
    fn schema_in_docs_is_current() {
        let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
        let schema = Value::from(generator.into_root_schema_for::<Trial>());
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schema/sim-try.json");
        if std::env::var_os("WNM_RENEW_SCHEMAS").is_some() {
            std::fs::write(path, serde_json::to_string_pretty(&schema).unwrap() + "\n").unwrap();
        }
        let kept = serde_json::from_str::<Value>(&std::fs::read_to_string(path).unwrap_or_default()).ok();
        let renew = "WNM_RENEW_SCHEMAS=1 cargo test -p wnm-sim --lib schema";
        assert!(kept == Some(schema), "docs/schema/sim-try.json is stale: run `{renew}`");
    }
}
