//! A variant of steady compared with its reference on the same seeds, scenario by scenario.

use std::collections::BTreeMap;

use serde::Serialize;

use super::policies::{BASELINES, CLASSICS};
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

    /// Returns the reference with the highest scalar in a scenario; the first one of equals.
    fn best(&self, scenario: &str, of: Reference) -> &'static str {
        let scalar = |name: &str| self.scores(scenario, name).iter().map(|score| score.scalar()).sum::<f64>();
        let better = |best: &'static str, name: &'static str| if scalar(name) > scalar(best) { name } else { best };
        of.names().iter().copied().reduce(better).unwrap_or_default()
    }
}

/// The policies with which a variant is compared, the best of them in each scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reference {
    Classic,
    Baseline,
}

impl Reference {
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Classic => &CLASSICS,
            Self::Baseline => &BASELINES,
        }
    }

    /// Returns the reference in words.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Classic => "the better classic",
            Self::Baseline => "the best simple baseline",
        }
    }
}

/// A figure of a variant and of its reference, one pair for each seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(into = "Pair")]
pub(super) struct Paired(pub(super) Vec<[f64; 2]>);

/// A figure of a variant and of its reference, as means over the seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Pair {
    /// Mean of the variant.
    variant: f64,
    /// Mean of the reference.
    reference: f64,
    /// Variant divided by reference; absent where the reference has 0.
    ratio: Option<f64>,
    /// Variant minus reference on the same seed.
    difference: Mean,
}

impl From<Paired> for Pair {
    fn from(paired: Paired) -> Self {
        Self {
            variant: paired.variant(),
            reference: paired.reference(),
            ratio: paired.ratio(),
            difference: paired.difference(),
        }
    }
}

impl Paired {
    fn of(variant: &[&Score], reference: &[&Score], figure: impl Fn(&Score) -> f64) -> Self {
        Self(variant.iter().zip(reference).map(|(variant, reference)| [figure(variant), figure(reference)]).collect())
    }

    pub(super) fn variant(&self) -> f64 {
        Mean::of(self.0.iter().map(|[variant, _]| *variant)).mean
    }

    pub(super) fn reference(&self) -> f64 {
        Mean::of(self.0.iter().map(|[_, reference]| *reference)).mean
    }

    pub(super) fn ratio(&self) -> Option<f64> {
        let reference = self.reference();
        (reference > 0.0).then(|| self.variant() / reference)
    }

    pub(super) fn difference(&self) -> Mean {
        Mean::of(self.0.iter().map(|[variant, reference]| variant - reference))
    }

    /// Returns the ratio with its jackknife interval; None where the reference has 0.
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

/// A variant compared with its reference in one scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ScenarioComparison {
    /// Name of the scenario, with its host.
    pub(super) scenario: String,
    /// The reference with the highest scalar in this scenario.
    pub(super) reference: String,
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
            fn new(variant: &[&Score], reference: &[&Score]) -> Self {
                Self { $($name: Paired::of(variant, reference, $of),)* }
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
    /// Served node-hours in a run.
    node_hours: |score| score.node_hours,
    /// Node-hours as a share of the best possible.
    yielded: Score::yielded,
    /// Core-hours that the background load lost to the nodes, in a run.
    lost: |score| score.lost_core_hours,
    /// Seconds for which the background load waited because of the nodes, in a run.
    stalled: |score| score.stalled,
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

/// A variant of steady compared with a reference in all scenarios of a round.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct VariantComparison {
    /// Name of the variant.
    pub(super) policy: String,
    /// The policies with which it is compared.
    pub(super) reference: &'static str,
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
    /// Whether the nodes run behind other work.
    pub(super) has_weight: bool,
    /// Whether the policy has thresholds of its own instead of those of the operator.
    pub(super) has_own_thresholds: bool,
    /// Length of a cycle, in seconds.
    pub(super) cycle: u32,
}

impl VariantComparison {
    pub(super) fn new(policy: &str, scores: &RoundScores<'_>, conditions: Conditions, of: Reference) -> Self {
        let scenario = |(scenario, is_constant): &(&str, bool)| {
            let better = scores.best(scenario, of);
            let (variant, reference) = (scores.scores(scenario, policy), scores.scores(scenario, better));
            ScenarioComparison {
                scenario: (*scenario).to_owned(),
                reference: better.to_owned(),
                is_constant: *is_constant,
                best: Mean::of(variant.iter().map(|score| score.node_hours_best)).mean,
                figures: Figures::new(variant, reference),
            }
        };
        let mut compared = Self {
            policy: policy.to_owned(),
            reference: of.word(),
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
