//! `wnm-sim score`: runs that were made, summed up and ranked.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::capacity::Score;
use crate::output::Output;
use crate::run_file::{self, RunLine};
use crate::statistics::Mean;
use crate::table::{finish, table};
use crate::{Exit, SimError};

/// Sums up runs: means with 95 % confidence intervals for each scenario and policy, and the ranking of the policies
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wnm-sim score runs.jsonl
  wnm-sim score classic.jsonl mine.jsonl --json | jq .ranking

The figures are described in docs/host-model.md.")]
pub(crate) struct Args {
    /// Files that `wnm-sim run --out` has written; .gz is decompressed, - is standard input
    #[arg(required = true, value_name = "RUNS")]
    runs: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, SimError> {
    let runs = args.runs.iter().map(|path| run_file::read(path)).collect::<Result<Vec<_>, _>>()?.concat();
    show(&runs, args.json)
}

/// Prints what runs sum up to.
pub(crate) fn show(runs: &[RunLine], as_json: bool) -> Result<Exit, SimError> {
    let sums = summed_up(runs);
    let ranking = ranking(&sums);
    let mut output = Output::standard();
    if as_json {
        let scores = Scores { scores: &sums, ranking: &ranking };
        output.line(&serde_json::to_string(&scores).map_err(|error| SimError::Output(error.into()))?)?;
    } else {
        output.text(&text(&sums, &ranking))?;
    }
    output.finish()?;
    Ok(Exit::Done)
}

/// Runs, summed up.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Scores<'a> {
    /// Each policy in each scenario.
    scores: &'a [Sum],
    /// The policies, best first.
    ranking: &'a [Rank],
}

/// What the runs of one policy in one scenario come to, on average.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Sum {
    /// The scenario and its host.
    pub(crate) scenario: String,
    /// The policy.
    pub(crate) policy: String,
    /// The length of each run.
    pub(crate) days: f64,
    /// Seconds from cycle to cycle.
    pub(crate) cycle: u32,
    /// How many runs there are.
    pub(crate) runs: usize,
    /// The one figure for ranking.
    pub(crate) scalar: Mean,
    /// Node-hours as a share of the best possible.
    pub(crate) yielded: Mean,
    /// Hours of healthy nodes in a run.
    pub(crate) node_hours: Mean,
    /// The share of the time over any limit.
    pub(crate) over: Mean,
    /// The share of the time over a limit that would not have been passed without our nodes.
    pub(crate) avoidable: Mean,
    /// The share of the time that so many crossings must cost in cycles of this length.
    pub(crate) bound: Mean,
    /// By how much limits were passed, as a share of each, in seconds a day.
    pub(crate) severity: Mean,
    /// Stops, removals and restarts for each day of a healthy node.
    pub(crate) churn: Mean,
    /// Reversals of one node within half an hour, in a run.
    pub(crate) flaps: Mean,
    /// Nodes deleted for pressure in a run.
    pub(crate) deletions: Mean,
    /// What they held, in bytes.
    pub(crate) deleted_bytes: Mean,
    /// How old they were together, in hours.
    pub(crate) deleted_age_hours: Mean,
    /// Seconds of a run without memory.
    pub(crate) out_of_memory: Mean,
    /// Seconds of a run with a full volume.
    pub(crate) disk_full: Mean,
}

/// The place of a policy among others.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Rank {
    /// The policy.
    pub(crate) policy: String,
    /// Seconds from cycle to cycle.
    pub(crate) cycle: u32,
    /// In how many scenarios it ran.
    pub(crate) scenarios: usize,
    /// The mean of its scalars over them.
    pub(crate) scalar: Mean,
}

/// Sums up runs by scenario, policy, length and cycle, in the order in which these first appear.
pub(crate) fn summed_up(runs: &[RunLine]) -> Vec<Sum> {
    let mut groups: Vec<Vec<&RunLine>> = Vec::new();
    let mut places = BTreeMap::new();
    for run in runs {
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

fn text(sums: &[Sum], ranking: &[Rank]) -> String {
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
        "churn",
        "flaps",
        "deleted",
        "GB",
        "no memory s",
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
            format!("{:.2}", sum.churn),
            format!("{:.0}", sum.flaps),
            format!("{:.0}", sum.deletions),
            format!("{:.0}", sum.deleted_bytes.mean / 1e9),
            format!("{:.0}", sum.out_of_memory.mean),
            format!("{:.0}", sum.disk_full.mean),
        ]);
    }
    let mut text = format!("{}\n", finish(all, 2));
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
    fn the_schema_in_docs_is_that_of_the_scores() {
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
