//! The summary of the runs of an interval.

use std::collections::BTreeMap;

use super::outcome::{Atto, ProbeOutcome, ProbeRun};
use super::plan::{ProbeKind, SizeClass};
use crate::model::units::Timestamp;

const DAY: i64 = 24 * 60 * 60 * 1000;

/// Returns the number of the day of a time, counted from 1970; days begin at midnight UTC.
#[must_use]
pub const fn day_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(DAY)
}

/// Returns the tokens that the uploads among these runs spent on the day of `now`.
#[must_use]
pub fn spent_on_day<'a>(runs: impl IntoIterator<Item = &'a ProbeRun>, now: Timestamp) -> Atto {
    let is_of_today = |run: &&ProbeRun| run.kind == ProbeKind::Upload && day_of(run.started) == day_of(now);
    runs.into_iter().filter(is_of_today).filter_map(|run| run.cost).fold(Atto::default(), Atto::plus)
}

/// The runs of one kind and class.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeSummary {
    /// The operation.
    pub kind: ProbeKind,
    /// The class of the files.
    pub size: SizeClass,
    /// The count of runs.
    pub count: usize,
    /// The count of runs with [`ProbeOutcome::Ok`].
    pub ok: usize,
    /// The count of runs that tell against the network.
    pub network_failures: usize,
    /// The times of the successful runs, in seconds; None without one.
    pub seconds: Option<Distribution>,
}

/// Figures of a set of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distribution {
    /// The least one.
    pub min: f64,
    /// The greatest one.
    pub max: f64,
    /// The arithmetic mean.
    pub mean: f64,
    /// The 95th percentile: the least number that is not less than 95 % of them (nearest rank).
    pub p95: f64,
}

impl Distribution {
    fn of(mut numbers: Vec<f64>) -> Option<Self> {
        numbers.sort_by(f64::total_cmp);
        let rank = (numbers.len() * 95).div_ceil(100);
        let p95 = *numbers.get(rank.checked_sub(1)?)?;
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        Some(Self { min: *numbers.first()?, max: *numbers.last()?, mean, p95 })
    }
}

impl ProbeSummary {
    /// Returns a summary for each kind and class that has a run.
    #[must_use]
    pub fn of<'a>(runs: impl IntoIterator<Item = &'a ProbeRun>) -> Vec<Self> {
        let mut groups: BTreeMap<(ProbeKind, SizeClass), Vec<&ProbeRun>> = BTreeMap::new();
        for run in runs {
            groups.entry((run.kind, run.size)).or_default().push(run);
        }
        let summary = |((kind, size), runs): ((ProbeKind, SizeClass), Vec<&ProbeRun>)| {
            let ok = runs.iter().filter(|run| run.outcome == ProbeOutcome::Ok);
            let seconds: Vec<f64> = ok.map(|run| run.took.as_secs_f64()).collect();
            Self {
                kind,
                size,
                count: runs.len(),
                ok: seconds.len(),
                network_failures: runs.iter().filter(|run| run.outcome.is_network_failure()).count(),
                seconds: Distribution::of(seconds),
            }
        };
        groups.into_iter().map(summary).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentile_is_the_nearest_rank() {
        let of = |count: u32| Distribution::of((1..=count).rev().map(f64::from).collect());
        assert_eq!(of(0), None);
        assert_eq!(of(1), Some(Distribution { min: 1.0, max: 1.0, mean: 1.0, p95: 1.0 }));
        assert_eq!(of(20), Some(Distribution { min: 1.0, max: 20.0, mean: 10.5, p95: 19.0 }));
        assert_eq!(of(100).map(|found| found.p95), Some(95.0));
    }
}
