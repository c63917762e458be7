//! A policy against another one that ran on the same seeds, scenario by scenario.

use std::collections::BTreeMap;

use serde::Serialize;

use super::field::CLASSICS;
use super::targets::{RULES, Target};
use crate::capacity::{CapacityScenario, Score};
use crate::run_file::RunLine;
use crate::statistics::Mean;

/// The scores of one round, seed by seed.
pub(super) struct Board<'a> {
    /// By scenario and policy.
    scores: BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a Score>>>,
    /// Scenarios that were run, and whether the load that is not ours is constant there.
    scenarios: Vec<(&'a str, bool)>,
}

impl<'a> Board<'a> {
    /// Returns the scores of runs that came seed by seed.
    pub(super) fn new(runs: &[&'a RunLine], specs: &'a [CapacityScenario]) -> Self {
        let mut scores: BTreeMap<&str, BTreeMap<&str, Vec<&Score>>> = BTreeMap::new();
        for run in runs {
            scores.entry(&run.scenario).or_default().entry(&run.policy).or_default().push(&run.score);
        }
        let scenarios = specs.iter().map(|spec| (spec.name.as_str(), spec.is_constant()));
        let scenarios = scenarios.filter(|(name, _)| scores.contains_key(name)).collect();
        Self { scores, scenarios }
    }

    /// Returns the scores of a policy in a scenario.
    pub(super) fn scores(&self, scenario: &str, policy: &str) -> &[&'a Score] {
        self.scores.get(scenario).and_then(|policies| policies.get(policy)).map_or(&[], Vec::as_slice)
    }

    /// Returns the classic that has the higher scalar in a scenario.
    fn better_classic(&self, scenario: &str) -> &'static str {
        let scalar = |classic| self.scores(scenario, classic).iter().map(|score| score.scalar()).sum::<f64>();
        let [one, four] = CLASSICS;
        if scalar(four) > scalar(one) { four } else { one }
    }
}

/// A figure of a policy and of the one it is compared with, seed by seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(into = "Pair")]
pub(super) struct Paired(pub(super) Vec<[f64; 2]>);

/// A figure of a policy and of the better classic, as means over the seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Pair {
    /// Of the policy.
    ours: f64,
    /// Of the better classic.
    classic: f64,
    /// The one by the other; none where classic has 0.
    ratio: Option<f64>,
    /// By how much ours is greater, from seed to seed.
    difference: Mean,
}

impl From<Paired> for Pair {
    fn from(paired: Paired) -> Self {
        Self { ours: paired.ours(), classic: paired.classic(), ratio: paired.ratio(), difference: paired.difference() }
    }
}

impl Paired {
    fn of(ours: &[&Score], classic: &[&Score], figure: impl Fn(&Score) -> f64) -> Self {
        Self(ours.iter().zip(classic).map(|(ours, classic)| [figure(ours), figure(classic)]).collect())
    }

    pub(super) fn ours(&self) -> f64 {
        Mean::of(self.0.iter().map(|[ours, _]| *ours)).mean
    }

    pub(super) fn classic(&self) -> f64 {
        Mean::of(self.0.iter().map(|[_, classic]| *classic)).mean
    }

    pub(super) fn ratio(&self) -> Option<f64> {
        let classic = self.classic();
        (classic > 0.0).then(|| self.ours() / classic)
    }

    pub(super) fn difference(&self) -> Mean {
        Mean::of(self.0.iter().map(|[ours, classic]| ours - classic))
    }

    /// Returns the ratio with its bounds.
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

/// A policy against the better classic in one scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Against {
    /// The scenario and its host.
    pub(super) scenario: String,
    /// The classic that has the higher scalar here.
    pub(super) classic: String,
    /// Whether the load that is not ours is always the same.
    pub(super) is_constant: bool,
    /// Hours of healthy nodes that a count that knows all would have had in a run.
    pub(super) best: f64,
    #[serde(flatten)]
    pub(super) figures: Figures,
}

macro_rules! figures {
    ($($(#[$doc:meta])* $name:ident: $of:expr,)*) => {
        /// What is compared, seed by seed.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        pub(super) struct Figures {
            $($(#[$doc])* pub(super) $name: Paired,)*
        }

        impl Figures {
            fn new(ours: &[&Score], classic: &[&Score]) -> Self {
                Self { $($name: Paired::of(ours, classic, $of),)* }
            }

            fn without(&self, seed: usize) -> Self {
                Self { $($name: self.$name.without(seed),)* }
            }

            /// Returns the same of no scenario: for tests.
            #[cfg(test)]
            pub(super) const fn none() -> Self {
                Self { $($name: Paired(Vec::new()),)* }
            }
        }
    };
}

figures! {
    /// The one figure for ranking.
    scalar: Score::scalar,
    /// Hours of healthy nodes in a run.
    node_hours: |score| score.node_hours,
    /// The same, as a share of what a count that knows all would have had.
    yielded: Score::yielded,
    /// The share of the time that is avoidably over a limit.
    avoidable: |score| score.share(score.avoidable.any),
    /// The share of the time that so many crossings must cost in such cycles.
    bound: |score| score.share(score.bound),
    /// Stops, removals and restarts in a run.
    churn: Score::churn,
    /// Reversals of one node within half an hour, in a run.
    flaps: |score| f64::from(score.flaps),
    /// Bytes deleted for pressure in a run.
    bytes: |score| score.deleted_bytes,
    /// Seconds of a run without memory.
    out_of_memory: |score| score.out_of_memory,
    /// Seconds of a run with a full volume.
    disk_full: |score| score.disk_full,
}

/// A policy against the better classic in all scenarios of a round.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Contest {
    /// The policy.
    pub(super) policy: String,
    /// What is to be reached, and what was.
    pub(super) targets: Vec<Target>,
    /// Scenario by scenario.
    pub(super) scenarios: Vec<Against>,
    #[serde(skip)]
    pub(super) terms: Terms,
}

/// What the limits of the targets depend on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Terms {
    /// Whether the policy may cap the colony's CPU.
    pub(super) has_cpu_limit: bool,
    /// Seconds from cycle to cycle.
    pub(super) cycle: u32,
}

impl Contest {
    pub(super) fn new(policy: &str, board: &Board<'_>, terms: Terms) -> Self {
        let against = |(scenario, is_constant): &(&str, bool)| {
            let better = board.better_classic(scenario);
            let (ours, classic) = (board.scores(scenario, policy), board.scores(scenario, better));
            Against {
                scenario: (*scenario).to_owned(),
                classic: better.to_owned(),
                is_constant: *is_constant,
                best: Mean::of(ours.iter().map(|score| score.node_hours_best)).mean,
                figures: Figures::new(ours, classic),
            }
        };
        let mut contest = Self {
            policy: policy.to_owned(),
            targets: Vec::new(),
            scenarios: board.scenarios.iter().map(against).collect(),
            terms,
        };
        contest.targets = RULES.iter().map(|rule| rule.target(&contest)).collect();
        contest
    }

    /// Returns how many seeds were run.
    pub(super) fn seeds(&self) -> usize {
        self.scenarios.first().map_or(0, |against| against.figures.scalar.0.len())
    }

    /// Returns the scenarios, without a seed where one is named.
    pub(super) fn left(&self, left_out: Option<usize>) -> Vec<Against> {
        let left = |against: &Against| {
            let figures = left_out.map_or_else(|| against.figures.clone(), |seed| against.figures.without(seed));
            Against { figures, ..against.clone() }
        };
        self.scenarios.iter().map(left).collect()
    }

    /// Returns a figure of ours and classic's, summed up over the scenarios.
    pub(super) fn sum(&self, figure: fn(&Figures) -> &Paired) -> Paired {
        Paired::sum(self.scenarios.iter().map(|against| figure(&against.figures)))
    }
}
