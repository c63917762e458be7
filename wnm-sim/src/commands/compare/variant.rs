//! A variant of steady compared with the better classic on the same seeds, scenario by scenario.

use std::collections::BTreeMap;

use serde::Serialize;

use super::policies::CLASSICS;
use super::targets::{TARGETS, Target};
use crate::capacity::{CapacityScenario, Score};
use crate::run_file::RunLine;
use crate::statistics::Mean;

/// The scores of a round, in the order of the seeds.
pub(super) struct RoundScores<'a> {
    /// By scenario and policy.
    scores: BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a Score>>>,
    /// The scenarios of the round, and whether their background load is constant.
    scenarios: Vec<(&'a str, bool)>,
}

impl<'a> RoundScores<'a> {
    /// Groups runs, which must be in the order of their seeds.
    pub(super) fn new(runs: &[&'a RunLine], specs: &'a [CapacityScenario]) -> Self {
        let mut scores: BTreeMap<&str, BTreeMap<&str, Vec<&Score>>> = BTreeMap::new();
        for run in runs {
            scores.entry(&run.scenario).or_default().entry(&run.policy).or_default().push(&run.score);
        }
        let scenarios = specs.iter().map(|spec| (spec.name.as_str(), spec.is_constant()));
        let scenarios = scenarios.filter(|(name, _)| scores.contains_key(name)).collect();
        Self { scores, scenarios }
    }

    /// Returns the scores of a policy in a scenario; empty where it did not run.
    pub(super) fn scores(&self, scenario: &str, policy: &str) -> &[&'a Score] {
        self.scores.get(scenario).and_then(|policies| policies.get(policy)).map_or(&[], Vec::as_slice)
    }

    /// Returns the classic policy with the higher scalar in a scenario.
    fn better_classic(&self, scenario: &str) -> &'static str {
        let scalar = |classic| self.scores(scenario, classic).iter().map(|score| score.scalar()).sum::<f64>();
        // One operation at a time is the default of classic, so that it wins a tie.
        let [one, four] = CLASSICS;
        if scalar(four) > scalar(one) { four } else { one }
    }
}

/// A figure of a variant and of the better classic, one pair for each seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(into = "Pair")]
pub(super) struct Paired(pub(super) Vec<[f64; 2]>);

/// A figure of a variant and of the better classic, as means over the seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Pair {
    /// Mean of the variant.
    variant: f64,
    /// Mean of the better classic.
    classic: f64,
    /// Variant divided by classic; absent where classic has 0.
    ratio: Option<f64>,
    /// Variant minus classic on the same seed.
    difference: Mean,
}

impl From<Paired> for Pair {
    fn from(paired: Paired) -> Self {
        Self {
            variant: paired.variant(),
            classic: paired.classic(),
            ratio: paired.ratio(),
            difference: paired.difference(),
        }
    }
}

impl Paired {
    fn of(variant: &[&Score], classic: &[&Score], figure: impl Fn(&Score) -> f64) -> Self {
        Self(variant.iter().zip(classic).map(|(variant, classic)| [figure(variant), figure(classic)]).collect())
    }

    pub(super) fn variant(&self) -> f64 {
        Mean::of(self.0.iter().map(|[variant, _]| *variant)).mean
    }

    pub(super) fn classic(&self) -> f64 {
        Mean::of(self.0.iter().map(|[_, classic]| *classic)).mean
    }

    pub(super) fn ratio(&self) -> Option<f64> {
        let classic = self.classic();
        (classic > 0.0).then(|| self.variant() / classic)
    }

    pub(super) fn difference(&self) -> Mean {
        Mean::of(self.0.iter().map(|[variant, classic]| variant - classic))
    }

    /// Returns the ratio with its jackknife interval; None where classic has 0.
    pub(super) fn sure_ratio(&self) -> Option<Mean> {
        Mean::jackknifed(self.0.len(), |left_out| {
            left_out.map_or_else(|| self.ratio(), |seed| self.without(seed).ratio())
        })
    }

    fn without(&self, seed: usize) -> Self {
        Self(self.0.iter().enumerate().filter(|(i, _)| *i != seed).map(|(_, pair)| *pair).collect())
    }

    /// Returns the sum over scenarios, seed by seed.
    pub(super) fn sum<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        let add = |[a, b]: [f64; 2], [c, d]: [f64; 2]| [a + c, b + d];
        let sum = all.fold(Vec::new(), |sum: Vec<_>, Self(next)| {
            let longest = 0..sum.len().max(next.len());
            let at = |seeds: &[[f64; 2]], i| seeds.get(i).copied().unwrap_or_default();
            longest.map(|i| add(at(&sum, i), at(next, i))).collect()
        });
        Self(sum)
    }
}

/// A variant compared with the better classic in one scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ScenarioComparison {
    /// Name of the scenario, with its host.
    pub(super) scenario: String,
    /// The classic policy with the higher scalar in this scenario.
    pub(super) classic: String,
    /// Whether the background load is constant.
    pub(super) is_constant: bool,
    /// Node-hours of a clairvoyant policy in a run.
    pub(super) best: f64,
    #[serde(flatten)]
    pub(super) figures: Figures,
}

macro_rules! figures {
    ($($(#[$doc:meta])* $name:ident: $of:expr,)*) => {
        /// The compared figures, seed by seed.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        pub(super) struct Figures {
            $($(#[$doc])* pub(super) $name: Paired,)*
        }

        impl Figures {
            fn new(variant: &[&Score], classic: &[&Score]) -> Self {
                Self { $($name: Paired::of(variant, classic, $of),)* }
            }

            fn without(&self, seed: usize) -> Self {
                Self { $($name: self.$name.without(seed),)* }
            }

            /// Returns figures without any seed, for tests.
            #[cfg(test)]
            pub(super) const fn none() -> Self {
                Self { $($name: Paired(Vec::new()),)* }
            }
        }
    };
}

figures! {
    /// The single figure that ranks policies.
    scalar: Score::scalar,
    /// Hours of healthy nodes in a run.
    node_hours: |score| score.node_hours,
    /// Node-hours as a share of the best possible.
    yielded: Score::yielded,
    /// Share of the time that is avoidably over a limit.
    avoidable: |score| score.share(score.avoidable.any),
    /// Least share of the time over limits that this many crossings cost in cycles of this length.
    bound: |score| score.share(score.bound),
    /// Stops, removals and restarts in a run.
    churn: Score::churn,
    /// Reversals of an action on the same node within half an hour, in a run.
    flaps: |score| f64::from(score.flaps),
    /// Bytes deleted because of pressure, in a run.
    bytes: |score| score.deleted_bytes,
    /// Seconds of a run with memory exhausted.
    out_of_memory: |score| score.out_of_memory,
    /// Seconds of a run with a full volume.
    disk_full: |score| score.disk_full,
}

/// A variant of steady compared with the better classic in all scenarios of a round.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct VariantComparison {
    /// Name of the variant.
    pub(super) policy: String,
    /// The targets with their results.
    pub(super) targets: Vec<Target>,
    /// The figures of each scenario.
    pub(super) scenarios: Vec<ScenarioComparison>,
    #[serde(skip)]
    pub(super) conditions: Conditions,
}

/// The conditions that the limits of the targets depend on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Conditions {
    /// Whether the policy may set a CPU limit.
    pub(super) has_cpu_limit: bool,
    /// Length of a cycle, in seconds.
    pub(super) cycle: u32,
}

impl VariantComparison {
    pub(super) fn new(policy: &str, scores: &RoundScores<'_>, conditions: Conditions) -> Self {
        let scenario = |(scenario, is_constant): &(&str, bool)| {
            let better = scores.better_classic(scenario);
            let (variant, classic) = (scores.scores(scenario, policy), scores.scores(scenario, better));
            ScenarioComparison {
                scenario: (*scenario).to_owned(),
                classic: better.to_owned(),
                is_constant: *is_constant,
                best: Mean::of(variant.iter().map(|score| score.node_hours_best)).mean,
                figures: Figures::new(variant, classic),
            }
        };
        let mut compared = Self {
            policy: policy.to_owned(),
            targets: Vec::new(),
            scenarios: scores.scenarios.iter().map(scenario).collect(),
            conditions,
        };
        compared.targets = TARGETS.iter().map(|rule| rule.target(&compared)).collect();
        compared
    }

    /// Returns the number of seeds.
    pub(super) fn seeds(&self) -> usize {
        self.scenarios.first().map_or(0, |scenario| scenario.figures.scalar.0.len())
    }

    /// Returns the scenarios, without the seed `left_out` where it is given.
    pub(super) fn scenarios_without(&self, left_out: Option<usize>) -> Vec<ScenarioComparison> {
        let without = |scenario: &ScenarioComparison| {
            let figures = left_out.map_or_else(|| scenario.figures.clone(), |seed| scenario.figures.without(seed));
            ScenarioComparison { figures, ..scenario.clone() }
        };
        self.scenarios.iter().map(without).collect()
    }

    /// Returns a figure summed over the scenarios.
    pub(super) fn sum(&self, figure: fn(&Figures) -> &Paired) -> Paired {
        Paired::sum(self.scenarios.iter().map(|scenario| figure(&scenario.figures)))
    }
}
