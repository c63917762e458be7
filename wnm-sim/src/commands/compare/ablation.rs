//! The ablation: the effect of each part of steady, measured by a run without it.
//!
//! A part is disabled by a wrapper around the engine ([`SteadyPart`](crate::capacity::SteadyPart)). Parts that no wrapper can
//! express (external overload, the CPU of young nodes, the learned grace period, leaks, the forecast of volumes, the long
//! window, the surge of starts, memory to come, the order of fresh nodes, the reserve) are not in the table.

use serde::Serialize;

use super::policies::Ablated;
use super::targets::TARGETS;
use super::variant::{Reference, RoundScores, VariantComparison};
use crate::statistics::Mean;

/// The changes when a part of steady is disabled, each run compared with the run of the same seed that has the part.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Absence {
    /// The policy without the part.
    pub(super) of: &'static str,
    /// Name of the disabled part.
    pub(super) part: String,
    /// The verdict on the part.
    pub(super) worth: Worth,
    /// Change of the scalar without the part, as a mean over the scenarios; below 0 when the part is useful.
    pub(super) scalar: Mean,
    /// Change of the figure of each target.
    pub(super) figures: Vec<Growth>,
    /// Number of runs.
    pub(super) runs: usize,
    /// Number of runs whose score differs.
    pub(super) changed: usize,
    /// The scenario with the largest change of the scalar, and the change; None without a change.
    pub(super) most: Option<(String, f64)>,
}

/// Change of the figure of a target.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Growth {
    /// Name of the target.
    pub(super) name: &'static str,
    /// The change; None without a figure to compare with.
    pub(super) by: Option<Mean>,
}

/// The verdict on a part, with a confidence of 95 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) enum Worth {
    /// No score differs, or the differences are within the variation between seeds.
    Nothing,
    /// The scalar is worse without it.
    Needed,
    /// The scalar is better without it.
    Harmful,
    /// The scalar is the same, but the figure of a target is not.
    Traded,
}

/// Returns the changes in a comparison when a part is disabled.
pub(super) fn absence(ablated: &Ablated, with: &VariantComparison, scores: &RoundScores<'_>) -> Absence {
    let without = VariantComparison::new(&ablated.pilot.name, scores, with.conditions, Reference::Classic);
    let (mut runs, mut changed) = (0, 0);
    let mut most: Option<(String, f64)> = None;
    let mut differences = vec![Vec::new(); with.seeds()];
    for scenario in with.scenarios.iter().map(|scenario| &scenario.scenario) {
        let scores = |policy: &str| scores.scores(scenario, policy);
        let pairs: Vec<_> = scores(&with.policy).iter().zip(scores(&ablated.pilot.name)).collect();
        runs += pairs.len();
        let changed_here = pairs.iter().filter(|(with, without)| with != without).count();
        changed += changed_here;
        let scalars = pairs.iter().map(|(with, without)| without.scalar() - with.scalar());
        let here = Mean::of(scalars.clone()).mean;
        if changed_here > 0 && most.as_ref().is_none_or(|(_, before)| here.abs() > before.abs()) {
            most = Some((scenario.clone(), here));
        }
        differences.iter_mut().zip(scalars).for_each(|(seed, difference)| seed.push(difference));
    }
    // The scenarios are a fixed list and not a sample: only the seeds vary.
    let scalar = Mean::of(differences.iter().map(|seed| Mean::of(seed.iter().copied()).mean));
    let growth = |left_out, rule: &super::targets::TargetRule| {
        let growth = rule.figure(&without, left_out)? - rule.figure(with, left_out)?;
        growth.is_finite().then_some(growth)
    };
    let figures: Vec<_> = TARGETS
        .iter()
        .map(|rule| Growth { name: rule.name, by: Mean::jackknifed(with.seeds(), |left_out| growth(left_out, rule)) })
        .collect();
    let worth = worth(scalar, figures.iter().filter_map(|figure| figure.by));
    Absence { of: ablated.of, part: ablated.part.word().to_owned(), worth, scalar, figures, runs, changed, most }
}

fn worth(scalar: Mean, mut figures: impl Iterator<Item = Mean>) -> Worth {
    match scalar.is_sure() {
        true if scalar.mean < 0.0 => Worth::Needed,
        true => Worth::Harmful,
        false if figures.any(Mean::is_sure) => Worth::Traded,
        false => Worth::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_worth_what_is_surely_lost_without_it() {
        let mean = |mean, within| Mean { mean, within: Some(within) };
        let (little, much) = (mean(0.1, 0.2), mean(0.3, 0.2));
        for (scalar, figures, expected) in [
            (mean(-0.3, 0.2), vec![little], Worth::Needed),
            (mean(0.3, 0.2), vec![much], Worth::Harmful),
            (little, vec![little, much], Worth::Traded),
            (little, vec![little, little], Worth::Nothing),
            (mean(0.0, 0.0), vec![mean(0.0, 0.0)], Worth::Nothing),
            // One seed gives no confidence interval.
            (Mean { mean: 1.0, within: None }, vec![], Worth::Nothing),
        ] {
            assert_eq!(worth(scalar, figures.into_iter()), expected, "{scalar:?}");
        }
    }
}
