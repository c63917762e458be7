//! Sums over all scenarios with confidence intervals: no mean of ratios, in which a scenario without nodes dominates.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::capacity::Score;
use crate::run_file::RunLine;
use crate::statistics::Mean;

/// The sums of one policy over all scenarios in which it ran, as means over the seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Pooled {
    /// Name of the policy.
    pub(crate) policy: String,
    /// Length of a cycle, in seconds.
    pub(crate) cycle: u32,
    /// Number of scenarios.
    pub(crate) scenarios: usize,
    /// Number of seeds on which the policy ran in all of these scenarios.
    pub(crate) seeds: usize,
    /// Served node-hours.
    pub(crate) node_hours: Mean,
    /// Node-hours of a clairvoyant policy.
    pub(crate) node_hours_best: Mean,
    /// Served node-hours as a share of the clairvoyant ones: the ratio of the sums, with its jackknife interval.
    pub(crate) of_best: Mean,
    /// Core-hours that the background load lost to the nodes.
    pub(crate) lost_core_hours: Mean,
    /// Hours for which the background load waited for a processor because of the nodes.
    pub(crate) stalled_hours: Mean,
    /// Hours over any limit.
    pub(crate) over_hours: Mean,
    /// The avoidable part of these hours.
    pub(crate) avoidable_hours: Mean,
    /// Stops, removals and restarts per 1000 clairvoyant node-hours: the ratio of the sums, with its jackknife interval.
    pub(crate) churn: Mean,
    /// Reversals of an action on the same node within half an hour.
    pub(crate) flaps: Mean,
    /// Bytes deleted because of pressure.
    pub(crate) deleted_bytes: Mean,
    /// Seconds with memory exhausted.
    pub(crate) out_of_memory: Mean,
    /// Seconds with a full volume.
    pub(crate) disk_full: Mean,
}

/// The scores of one seed, by scenario.
type SeedScores<'a> = BTreeMap<&'a str, &'a Score>;

/// Sums the runs of each policy and length of cycle over the scenarios, best share of the clairvoyant first.
pub(crate) fn pooled(runs: &[RunLine]) -> Vec<Pooled> {
    let mut policies: BTreeMap<(&str, u32), BTreeMap<u64, SeedScores<'_>>> = BTreeMap::new();
    for run in runs {
        let seeds = policies.entry((&run.policy, run.cycle)).or_default();
        seeds.entry(run.seed).or_default().insert(&run.scenario, &run.score);
    }
    let mut all: Vec<_> = policies.iter().map(|((policy, cycle), seeds)| pool(policy, *cycle, seeds)).collect();
    all.sort_by(|one, other| other.of_best.mean.total_cmp(&one.of_best.mean));
    all
}

fn pool(policy: &str, cycle: u32, seeds: &BTreeMap<u64, SeedScores<'_>>) -> Pooled {
    let scenarios = seeds.values().map(BTreeMap::len).max().unwrap_or_default();
    // A seed that lacks a scenario would have smaller sums for that reason alone.
    let whole: Vec<Vec<&Score>> = seeds
        .values()
        .filter(|scores| scores.len() == scenarios)
        .map(|scores| scores.values().copied().collect())
        .collect();
    let sum = |scores: &[&Score], figure: fn(&Score) -> f64| scores.iter().map(|score| figure(score)).sum::<f64>();
    let sums = |figure: fn(&Score) -> f64| whole.iter().map(|scores| sum(scores, figure)).collect::<Vec<_>>();
    let mean = |figure| Mean::of(sums(figure).into_iter());
    let ratio = |part: fn(&Score) -> f64, whole: fn(&Score) -> f64, factor: f64| {
        let (part, whole) = (sums(part), sums(whole));
        let total = |values: &[f64], left_out| {
            values.iter().enumerate().filter(|(i, _)| Some(*i) != left_out).map(|(_, value)| value).sum::<f64>()
        };
        let of = |left_out| {
            let whole = total(&whole, left_out);
            (whole > 0.0).then(|| factor * total(&part, left_out) / whole)
        };
        Mean::jackknifed(part.len(), of).unwrap_or(Mean { mean: 0.0, within: None })
    };
    Pooled {
        policy: policy.to_owned(),
        cycle,
        scenarios,
        seeds: whole.len(),
        node_hours: mean(|score| score.node_hours),
        node_hours_best: mean(|score| score.node_hours_best),
        of_best: ratio(|score| score.node_hours, |score| score.node_hours_best, 1.0),
        lost_core_hours: mean(|score| score.lost_core_hours),
        stalled_hours: mean(|score| score.stalled / 3600.0),
        over_hours: mean(|score| score.over.any / 3600.0),
        avoidable_hours: mean(|score| score.avoidable.any / 3600.0),
        churn: ratio(Score::churn, |score| score.node_hours_best, 1000.0),
        flaps: mean(|score| f64::from(score.flaps)),
        deleted_bytes: mean(|score| score.deleted_bytes),
        out_of_memory: mean(|score| score.out_of_memory),
        disk_full: mean(|score| score.disk_full),
    }
}

/// The heading of a table of sums.
pub(crate) const HEADING: &[&str] = &[
    "policy",
    "node-hours",
    "of best %",
    "lost core-hours",
    "stalled h",
    "over h",
    "avoidable h",
    "churn",
    "flaps",
    "deleted GB",
    "out of memory s",
    "disk full s",
];

/// Returns the rows of a table of sums, the clairvoyant first.
pub(crate) fn rows(pooled: &[Pooled]) -> Vec<Vec<String>> {
    let mut rows = Vec::with_capacity(pooled.len() + 1);
    if let Some(first) = pooled.first() {
        let best = format!("{:.0}", first.node_hours_best);
        let mut clairvoyant = vec!["clairvoyant".to_owned(), best, "100.0".to_owned()];
        clairvoyant.resize(HEADING.len(), "–".to_owned());
        rows.push(clairvoyant);
    }
    rows.extend(pooled.iter().map(|pooled| {
        vec![
            pooled.policy.clone(),
            format!("{:.0}", pooled.node_hours),
            format!("{:.1}", pooled.of_best.times(100.0)),
            format!("{:.1}", pooled.lost_core_hours),
            format!("{:.1}", pooled.stalled_hours),
            format!("{:.1}", pooled.over_hours),
            format!("{:.1}", pooled.avoidable_hours),
            format!("{:.2}", pooled.churn),
            format!("{:.0}", pooled.flaps),
            format!("{:.0}", pooled.deleted_bytes.times(1e-9)),
            format!("{:.0}", pooled.out_of_memory),
            format!("{:.0}", pooled.disk_full),
        ]
    }));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(scenario: &str, seed: u64, node_hours: f64, best: f64) -> RunLine {
        let score = Score { node_hours, node_hours_best: best, stops: 2, ..Score::default() };
        let (policy, scenario) = ("mine".to_owned(), scenario.to_owned());
        RunLine { wnm_run: crate::run_file::VERSION, scenario, policy, seed, days: 1.0, cycle: 60, score }
    }

    #[test]
    fn sums_weigh_scenarios_by_their_size() {
        // The mean of the ratios of one seed would be 75 %.
        let runs = [
            run("large", 1, 50.0, 100.0),
            run("small", 1, 1.0, 1.0),
            run("large", 2, 52.0, 100.0),
            run("small", 2, 1.0, 1.0),
        ];
        let [all] = <[Pooled; 1]>::try_from(pooled(&runs)).unwrap();
        assert_eq!((all.scenarios, all.seeds), (2, 2));
        assert!((all.of_best.mean - 104.0 / 202.0).abs() < 1e-12);
        assert_eq!(all.node_hours.mean, 52.0);
        assert!((all.churn.mean - 8.0 * 1000.0 / 202.0).abs() < 1e-12);
        // A seed without one of the scenarios does not count.
        let [all] = <[Pooled; 1]>::try_from(pooled(&runs[..3])).unwrap();
        assert_eq!((all.seeds, all.node_hours.mean), (1, 51.0));
    }
}
