//! The targets of steady against its references; `docs/policies.md` explains their limits.

use serde::Serialize;

use super::variant::{Conditions, Figures, Paired, ScenarioComparison, VariantComparison};
use crate::statistics::Mean;

/// The definition of a target.
pub(super) struct TargetRule {
    /// Description of the figure.
    pub(super) name: &'static str,
    /// Heading of the column.
    pub(super) short: &'static str,
    /// Whether the limit is a lower bound; else an upper bound.
    pub(super) is_least: bool,
    /// Whether the figure is a ratio to that of the reference.
    pub(super) is_ratio: bool,
    limit: fn(Conditions) -> f64,
    /// Computes the figure, and the scenario that contributes most to a miss.
    of: fn(&[ScenarioComparison], f64) -> Found,
}

/// A figure and a scenario. None where the reference has nothing to compare with; infinite where only the reference has 0.
type Found = Option<(f64, String)>;

/// All targets.
pub(super) const TARGETS: &[TargetRule] = &[
    TargetRule {
        name: "served node-hours, ratio of sums",
        short: "node-hours",
        is_least: true,
        is_ratio: true,
        limit: |conditions| match conditions {
            Conditions { has_own_thresholds: true, .. } => 1.25,
            Conditions { has_weight: true, .. } => 1.08,
            Conditions { .. } => 1.05,
        },
        // As shares of the clairvoyant count, so that a host of two processors counts as much as one of sixty-four.
        of: |all, limit| least_of_sums(all, limit, |figures| &figures.yielded),
    },
    TargetRule {
        name: "served node-hours, least ratio",
        short: "least",
        is_least: true,
        is_ratio: true,
        limit: |_| 0.95,
        of: |all, _| greatest(all, |scenario| scenario.figures.node_hours.ratio().map(|ratio| -ratio)).map(negated),
    },
    TargetRule {
        name: "core-hours lost by other work, ratio of sums",
        short: "lost core-hours",
        is_least: false,
        is_ratio: true,
        limit: harm,
        of: |all, limit| of_sums(all, limit, |figures| &figures.lost),
    },
    TargetRule {
        name: "CPU pressure of other work, ratio of sums",
        short: "pressure",
        is_least: false,
        is_ratio: true,
        limit: harm,
        of: |all, limit| of_sums(all, limit, |figures| &figures.stalled),
    },
    TargetRule {
        name: "churn, ratio of sums",
        short: "churn",
        is_least: false,
        is_ratio: true,
        limit: |conditions| if conditions.has_weight { 0.25 } else { 0.4 },
        of: |all, limit| of_sums(all, limit, |figures| &figures.churn),
    },
    TargetRule {
        name: "bytes deleted, ratio of sums",
        short: "deleted",
        is_least: false,
        is_ratio: true,
        limit: |_| 0.6,
        of: |all, limit| of_sums(all, limit, |figures| &figures.bytes),
    },
    TargetRule {
        name: "flaps in a run, constant load",
        short: "flaps, constant",
        is_least: false,
        is_ratio: false,
        limit: |_| 0.0,
        of: |all, _| greatest(all.iter().filter(|scenario| scenario.is_constant), |a| Some(a.figures.flaps.variant())),
    },
    TargetRule {
        name: "seconds out of memory in a run",
        short: "out of memory s",
        is_least: false,
        is_ratio: false,
        limit: |_| 0.0,
        of: |all, _| greatest(all, |scenario| Some(scenario.figures.out_of_memory.variant())),
    },
    TargetRule {
        name: "seconds with a full disk in a run",
        short: "disk full s",
        is_least: false,
        is_ratio: false,
        limit: |_| 0.0,
        of: |all, _| greatest(all, |scenario| Some(scenario.figures.disk_full.variant())),
    },
];

/// Returns the limit of the harm to other work.
const fn harm(conditions: Conditions) -> f64 {
    if conditions.has_weight { 0.05 } else { 0.5 }
}

/// A target and its result.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Target {
    /// Description of the figure.
    name: &'static str,
    /// Whether the limit is a lower bound; else an upper bound.
    is_least: bool,
    /// Whether limit and result are ratios to the reference; else they have the unit in the name.
    is_ratio: bool,
    /// The limit.
    pub(super) limit: f64,
    /// The result; absent where the reference has nothing to compare with, and where the ratio is infinite.
    pub(super) found: Option<Mean>,
    /// Whether the target is met.
    pub(super) is_met: bool,
    /// For a missed target, the scenario that contributes most.
    pub(super) worst: Option<String>,
}

impl TargetRule {
    /// Returns the figure over all scenarios, without the seed `left_out` where it is given.
    pub(super) fn figure(&self, compared: &VariantComparison, left_out: Option<usize>) -> Option<f64> {
        (self.of)(&compared.scenarios_without(left_out), (self.limit)(compared.conditions)).map(|(found, _)| found)
    }

    /// Evaluates the target for a variant.
    pub(super) fn target(&self, compared: &VariantComparison) -> Target {
        let Self { name, is_least, is_ratio, .. } = *self;
        let limit = (self.limit)(compared.conditions);
        let found = Mean::jackknifed(compared.seeds(), |left_out| self.figure(compared, left_out));
        let is_met = found.is_none_or(|found| if is_least { found.mean >= limit } else { found.mean <= limit });
        let worst = (self.of)(&compared.scenarios, limit).map(|(_, scenario)| scenario).filter(|_| !is_met);
        let found = found.filter(|found| found.mean.is_finite());
        Target { name, is_least, is_ratio, limit, found, is_met, worst }
    }
}

fn negated((figure, scenario): (f64, String)) -> (f64, String) {
    (-figure, scenario)
}

/// Returns the largest figure and its scenario.
fn greatest<'a>(
    all: impl IntoIterator<Item = &'a ScenarioComparison>,
    figure: impl Fn(&ScenarioComparison) -> Option<f64>,
) -> Found {
    let figures = all.into_iter().filter_map(|scenario| Some((figure(scenario)?, &scenario.scenario)));
    figures.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(figure, scenario)| (figure, scenario.clone()))
}

/// Returns the ratio of sums, and the scenario with the largest excess over the limit.
fn of_sums<'a>(
    all: impl IntoIterator<Item = &'a ScenarioComparison> + Clone,
    limit: f64,
    figure: impl Fn(&Figures) -> &Paired,
) -> Found {
    let sum = Paired::sum(all.clone().into_iter().map(|scenario| figure(&scenario.figures)));
    let ratio = sum.ratio().or((sum.variant() > 0.0).then_some(f64::INFINITY))?;
    let beyond = |scenario: &ScenarioComparison| {
        let paired = figure(&scenario.figures);
        Some(paired.variant() - limit * paired.reference())
    };
    let worst = greatest(all, beyond).map(|(_, scenario)| scenario).unwrap_or_default();
    Some((ratio, worst))
}

/// Returns the ratio of sums, and the scenario that lacks most to the limit.
fn least_of_sums(all: &[ScenarioComparison], limit: f64, figure: impl Fn(&Figures) -> &Paired) -> Found {
    let ratio = Paired::sum(all.iter().map(|scenario| figure(&scenario.figures))).ratio()?;
    let lacking = |scenario: &ScenarioComparison| {
        let paired = figure(&scenario.figures);
        Some(limit * paired.reference() - paired.variant())
    };
    greatest(all, lacking).map(|(_, worst)| (ratio, worst))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn on(has_weight: bool, has_own_thresholds: bool) -> Conditions {
        Conditions { has_weight, has_own_thresholds, cycle: 60 }
    }

    /// Sets one figure of a scenario: pairs of variant and classic on two seeds.
    type Setting = fn(&mut Figures, Paired);

    fn found(rule: &str, conditions: Conditions, set: Setting, scenarios: &[[[f64; 2]; 2]]) -> String {
        let scenario = |(i, seeds): (usize, &[[f64; 2]; 2])| {
            let mut figures = Figures::none();
            figures.scalar = Paired(seeds.to_vec());
            set(&mut figures, Paired(seeds.to_vec()));
            let scenario = ["one", "two", "three"][i].to_owned();
            // Only the first scenario has a constant load.
            ScenarioComparison { scenario, reference: "classic".to_owned(), is_constant: i == 0, best: 0.0, figures }
        };
        let scenarios = scenarios.iter().enumerate().map(scenario).collect();
        let compared = VariantComparison {
            policy: "steady".to_owned(),
            reference: "the better classic",
            targets: Vec::new(),
            scenarios,
            conditions,
        };
        let target = TARGETS.iter().find(|known| known.name == rule).unwrap().target(&compared);
        let found = target.found.map_or_else(|| "nothing".to_owned(), |found| format!("{found:.3}"));
        let verdict =
            if target.is_met { "met".to_owned() } else { format!("missed in {}", target.worst.unwrap_or_default()) };
        format!("{found} of {} {verdict}", target.limit)
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table: a case for each target")]
    fn targets_are_met_or_missed() {
        let same = |ours: f64, classic: f64| [[ours, classic]; 2];
        let (equal, weight, own) = (on(false, false), on(true, false), on(true, true));
        let hours: Setting = |figures, paired| figures.node_hours = paired;
        let shares: Setting = |figures, paired| figures.yielded = paired;
        let lost: Setting = |figures, paired| figures.lost = paired;
        let stalled: Setting = |figures, paired| figures.stalled = paired;
        let churn: Setting = |figures, paired| figures.churn = paired;
        let bytes: Setting = |figures, paired| figures.bytes = paired;
        let flaps: Setting = |figures, paired| figures.flaps = paired;
        let memory: Setting = |figures, paired| figures.out_of_memory = paired;
        let disk: Setting = |figures, paired| figures.disk_full = paired;
        let none = same(0.0, 0.0);
        let sums = "served node-hours, ratio of sums";
        for (rule, conditions, set, scenarios, expected) in [
            (sums, equal, shares, vec![same(0.75, 0.2), same(0.3, 0.8)], "1.050 ± 0.000 of 1.05 met"),
            (sums, weight, shares, vec![same(0.75, 0.2), same(0.3, 0.8)], "1.050 ± 0.000 of 1.08 missed in two"),
            (sums, weight, shares, vec![same(0.8, 0.2), same(0.28, 0.8)], "1.080 ± 0.000 of 1.08 met"),
            (sums, own, shares, vec![same(0.8, 0.2), same(0.4, 0.8)], "1.200 ± 0.000 of 1.25 missed in two"),
            (sums, own, shares, vec![same(0.8, 0.2), same(0.5, 0.8)], "1.300 ± 0.000 of 1.25 met"),
            (sums, own, shares, vec![], "nothing of 1.25 met"),
            // 1.2 and 1.0 without one seed each: t times half of the difference.
            (sums, equal, shares, vec![[[12.0, 10.0], [10.0, 10.0]]], "1.100 ± 1.271 of 1.05 met"),
            (
                "served node-hours, least ratio",
                equal,
                hours,
                vec![same(97.0, 100.0), same(20.0, 10.0)],
                "0.970 ± 0.000 of 0.95 met",
            ),
            (
                "served node-hours, least ratio",
                own,
                hours,
                vec![same(94.0, 100.0), same(20.0, 10.0)],
                "0.940 ± 0.000 of 0.95 missed in one",
            ),
            (
                "core-hours lost by other work, ratio of sums",
                equal,
                lost,
                vec![same(1.0, 10.0), same(9.0, 10.0)],
                "0.500 ± 0.000 of 0.5 met",
            ),
            (
                "core-hours lost by other work, ratio of sums",
                weight,
                lost,
                vec![same(1.0, 10.0), same(9.0, 10.0)],
                "0.500 ± 0.000 of 0.05 missed in two",
            ),
            // Harm where the reference does none has no ratio, and is a miss.
            (
                "core-hours lost by other work, ratio of sums",
                weight,
                lost,
                vec![same(1.0, 0.0)],
                "nothing of 0.05 missed in one",
            ),
            ("core-hours lost by other work, ratio of sums", weight, lost, vec![none], "nothing of 0.05 met"),
            (
                "CPU pressure of other work, ratio of sums",
                own,
                stalled,
                vec![same(4.0, 100.0)],
                "0.040 ± 0.000 of 0.05 met",
            ),
            ("churn, ratio of sums", equal, churn, vec![same(5.0, 5.0), same(2.2, 13.0)], "0.400 ± 0.000 of 0.4 met"),
            (
                "churn, ratio of sums",
                weight,
                churn,
                vec![same(5.0, 5.0), same(2.2, 13.0)],
                "0.400 ± 0.000 of 0.25 missed in one",
            ),
            ("churn, ratio of sums", weight, churn, vec![same(1.0, 0.0)], "nothing of 0.25 missed in one"),
            ("bytes deleted, ratio of sums", own, bytes, vec![same(1.0, 1.0)], "1.000 ± 0.000 of 0.6 missed in one"),
            ("bytes deleted, ratio of sums", own, bytes, vec![none], "nothing of 0.6 met"),
            ("flaps in a run, constant load", own, flaps, vec![none, same(7.0, 700.0)], "0.000 ± 0.000 of 0 met"),
            (
                "flaps in a run, constant load",
                own,
                flaps,
                vec![[[0.0, 9.0], [1.0, 9.0]]],
                "0.500 ± 6.353 of 0 missed in one",
            ),
            (
                "seconds out of memory in a run",
                own,
                memory,
                vec![none, same(5.0, 5.0)],
                "5.000 ± 0.000 of 0 missed in two",
            ),
            ("seconds with a full disk in a run", own, disk, vec![none, same(0.0, 5.0)], "0.000 ± 0.000 of 0 met"),
        ] {
            assert_eq!(found(rule, conditions, set, &scenarios), expected, "{rule}: {scenarios:?}");
        }
    }
}
