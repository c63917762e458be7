//! `wnm-sim score`: summarises and ranks runs.

pub(crate) mod pooled;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::capacity::Score;
use crate::output::{Format, Output};
use crate::run_file::{self, RunLine};
use crate::statistics::Mean;
use crate::table::{finish, table};
use crate::{Exit, SimError};

use pooled::{HEADING, Pooled, pooled, rows};

/// Summarise runs: means with 95 % confidence intervals by scenario and policy, and a ranking of the policies
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wnm-sim score runs.jsonl
  wnm-sim score classic.jsonl mine.jsonl --json | jq .ranking

See docs/capacity-model.md for the figures.")]
pub(crate) struct Args {
    /// Read these files of `wnm-sim run --out`; .gz is decompressed, - is standard input
    #[arg(required = true, value_name = "RUNS")]
    runs: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, SimError> {
    let runs = args.runs.iter().map(|path| run_file::read(path)).collect::<Result<Vec<_>, _>>()?.concat();
    show(&runs, Format::of_flag(args.json))
}

/// Prints the summary of runs.
pub(crate) fn show(runs: &[RunLine], format: Format) -> Result<Exit, SimError> {
    let sums = summed_up(runs);
    let ranking = ranking(&sums);
    let pooled = pooled(runs);
    let mut output = Output::standard();
    if format == Format::Json {
        let scores = Scores { scores: &sums, pooled: &pooled, ranking: &ranking };
        output.line(&serde_json::to_string(&scores).map_err(|error| SimError::Output(error.into()))?)?;
    } else {
        output.text(&text(&sums, &pooled, &ranking))?;
    }
    output.finish()?;
    Ok(Exit::Done)
}

/// The summary of runs.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Scores<'a> {
    /// The figures of each policy in each scenario.
    scores: &'a [Sum],
    /// The sums of each policy over all scenarios.
    pooled: &'a [Pooled],
    /// All policies, best first.
    ranking: &'a [Rank],
}

/// Means over the runs of one policy in one scenario.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Sum {
    /// Name of the scenario, with its host.
    pub(crate) scenario: String,
    /// Name of the policy.
    pub(crate) policy: String,
    /// Length of a run, in days.
    pub(crate) days: f64,
    /// Length of a cycle, in seconds.
    pub(crate) cycle: u32,
    /// Number of runs.
    pub(crate) runs: usize,
    /// The single figure that ranks policies.
    pub(crate) scalar: Mean,
    /// Node-hours as a share of the best possible, 0 to 1.
    pub(crate) yielded: Mean,
    /// Served node-hours in a run.
    pub(crate) node_hours: Mean,
    /// Core-hours that the background load lost to the nodes, per run.
    pub(crate) lost_core_hours: Mean,
    /// Share of the time for which the background load waited for a processor because of the nodes, 0 to 1.
    pub(crate) stalled: Mean,
    /// Share of the time over any limit, 0 to 1.
    pub(crate) over: Mean,
    /// Share of the time over a limit that the background load alone does not exceed, 0 to 1.
    pub(crate) avoidable: Mean,
    /// Least share of the time over limits that this many crossings cost in cycles of this length.
    pub(crate) bound: Mean,
    /// Excess over the limits as a share of each, in seconds a day.
    pub(crate) severity: Mean,
    /// Stops, removals and restarts per day of a healthy node.
    pub(crate) churn: Mean,
    /// Reversals of an action on the same node within half an hour, per run.
    pub(crate) flaps: Mean,
    /// Nodes deleted because of pressure, per run.
    pub(crate) deletions: Mean,
    /// Bytes of these nodes, per run.
    pub(crate) deleted_bytes: Mean,
    /// Sum of the ages of these nodes, in hours per run.
    pub(crate) deleted_age_hours: Mean,
    /// Seconds with memory exhausted, per run.
    pub(crate) out_of_memory: Mean,
    /// Seconds with a full volume, per run.
    pub(crate) disk_full: Mean,
}

/// The rank of a policy.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Rank {
    /// Name of the policy.
    pub(crate) policy: String,
    /// Length of a cycle, in seconds.
    pub(crate) cycle: u32,
    /// Number of scenarios in which it ran.
    pub(crate) scenarios: usize,
    /// Mean of its scalars over the scenarios.
    pub(crate) scalar: Mean,
}

/// Summarises runs by scenario, policy, length and cycle, in the order of their first appearance.
pub(crate) fn summed_up(runs: &[RunLine]) -> Vec<Sum> {
    let mut groups: Vec<Vec<&RunLine>> = Vec::new();
    let mut places = BTreeMap::new();
    for run in runs {
        // f64 has no order; equal lengths have equal bits, because they come from one command line.
        let key = (&run.scenario, &run.policy, run.days.to_bits(), run.cycle);
        let place = *places.entry(key).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(run),
            None => groups.push(vec![run]),
        }
    }
    groups.iter().filter_map(|group| Some(sum(group.first()?, group))).collect()
}

fn sum(first: &RunLine, runs: &[&RunLine]) -> Sum {
    let mean = |figure: fn(&Score) -> f64| Mean::of(runs.iter().map(|run| figure(&run.score)));
    Sum {
        scenario: first.scenario.clone(),
        policy: first.policy.clone(),
        days: first.days,
        cycle: first.cycle,
        runs: runs.len(),
        scalar: mean(Score::scalar),
        yielded: mean(Score::yielded),
        node_hours: mean(|score| score.node_hours),
        lost_core_hours: mean(|score| score.lost_core_hours),
        stalled: mean(|score| score.share(score.stalled)),
        over: mean(|score| score.share(score.over.any)),
        avoidable: mean(|score| score.share(score.avoidable.any)),
        bound: mean(|score| score.share(score.bound)),
        severity: mean(|score| score.share(score.severity) * 86_400.0),
        churn: mean(|score| score.per_node_day(score.churn())),
        flaps: mean(|score| f64::from(score.flaps)),
        deletions: mean(|score| f64::from(score.deletions)),
        deleted_bytes: mean(|score| score.deleted_bytes),
        deleted_age_hours: mean(|score| score.deleted_age_hours),
        out_of_memory: mean(|score| score.out_of_memory),
        disk_full: mean(|score| score.disk_full),
    }
}

/// Ranks the policies by the mean of their scalars over all scenarios, best first.
pub(crate) fn ranking(sums: &[Sum]) -> Vec<Rank> {
    let mut scalars: BTreeMap<(&str, u32), Vec<f64>> = BTreeMap::new();
    for sum in sums {
        scalars.entry((&sum.policy, sum.cycle)).or_default().push(sum.scalar.mean);
    }
    let rank = |((policy, cycle), scalars): ((&str, u32), Vec<f64>)| Rank {
        policy: policy.to_owned(),
        cycle,
        scenarios: scalars.len(),
        scalar: Mean::of(scalars.into_iter()),
    };
    let mut ranks: Vec<_> = scalars.into_iter().map(rank).collect();
    ranks.sort_by(|one, other| other.scalar.mean.total_cmp(&one.scalar.mean));
    ranks
}

fn text(sums: &[Sum], pooled: &[Pooled], ranking: &[Rank]) -> String {
    let heading = [
        "scenario",
        "policy",
        "cycle",
        "runs",
        "scalar",
        "of best %",
        "over %",
        "avoidable %",
        "bound %",
        "lost core-hours",
        "stalled %",
        "churn",
        "flaps",
        "deleted",
        "GB",
        "out of memory s",
        "disk full s",
    ];
    let mut all = table(&heading);
    for sum in sums {
        let percent = |mean: Mean, digits: usize| format!("{:.digits$}", mean.times(100.0));
        all.add_row(vec![
            sum.scenario.clone(),
            sum.policy.clone(),
            format!("{} s", sum.cycle),
            sum.runs.to_string(),
            format!("{:.3}", sum.scalar),
            percent(sum.yielded, 1),
            percent(sum.over, 2),
            percent(sum.avoidable, 2),
            format!("{:.2}", sum.bound.mean * 100.0),
            format!("{:.1}", sum.lost_core_hours),
            percent(sum.stalled, 2),
            format!("{:.2}", sum.churn),
            format!("{:.0}", sum.flaps),
            format!("{:.0}", sum.deletions),
            format!("{:.0}", sum.deleted_bytes.mean / 1e9),
            format!("{:.0}", sum.out_of_memory.mean),
            format!("{:.0}", sum.disk_full.mean),
        ]);
    }
    let mut text = format!("{}\n", finish(all, 2));
    // A single scenario is its own sum.
    if sums.iter().any(|sum| sum.scenario != sums[0].scenario) {
        let mut all = table(HEADING);
        all.add_rows(rows(pooled));
        text.push_str(&format!("\nsums over the scenarios, in a run of each\n{}\n", finish(all, 1)));
    }
    if ranking.len() > 1 {
        let mut ranks = table(&["rank", "policy", "cycle", "scenarios", "scalar"]);
        for (i, rank) in ranking.iter().enumerate() {
            ranks.add_row(vec![
                (i + 1).to_string(),
                rank.policy.clone(),
                format!("{} s", rank.cycle),
                rank.scenarios.to_string(),
                format!("{:.3}", rank.scalar),
            ]);
        }
        text.push_str(&format!("\n{}\n", finish(ranks, 2)));
    }
    text
}

#[cfg(test)]
mod tests {
    use schemars::generate::SchemaSettings;
    use serde_json::Value;

    use super::Scores;

    #[test]
    fn schema_in_docs_is_current() {
        let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
        let schema = Value::from(generator.into_root_schema_for::<Scores<'_>>());
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schema/sim-score.json");
        if std::env::var_os("WNM_RENEW_SCHEMAS").is_some() {
            std::fs::write(path, serde_json::to_string_pretty(&schema).unwrap() + "\n").unwrap();
        }
        let kept = serde_json::from_str::<Value>(&std::fs::read_to_string(path).unwrap_or_default()).ok();
        let renew = "WNM_RENEW_SCHEMAS=1 cargo test -p wnm-sim --lib schema";
        assert!(kept == Some(schema), "docs/schema/sim-score.json is stale: run `{renew}`");
    }
}
