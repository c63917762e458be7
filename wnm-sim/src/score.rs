//! `wnm-sim score`: runs that were made, summed up and ranked.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::json;

use crate::host::Score;
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
        output.line(&json!({"scores": sums, "ranking": ranking}).to_string())?;
    } else {
        output.text(&text(&sums, &ranking))?;
    }
    output.finish()?;
    Ok(Exit::Done)
}

/// What the runs of one policy in one scenario come to, on average.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Sum {
    pub(crate) scenario: String,
    pub(crate) policy: String,
    pub(crate) days: f64,
    pub(crate) cycle: u32,
    pub(crate) runs: usize,
    pub(crate) scalar: Mean,
    /// Of the best possible.
    pub(crate) yielded: Mean,
    pub(crate) node_hours: Mean,
    /// Shares of the time.
    pub(crate) over: Mean,
    pub(crate) avoidable: Mean,
    pub(crate) bound: Mean,
    /// Seconds a day.
    pub(crate) severity: Mean,
    /// For each day of a node.
    pub(crate) churn: Mean,
    /// For each run.
    pub(crate) flaps: Mean,
    pub(crate) deletions: Mean,
    pub(crate) deleted_bytes: Mean,
    pub(crate) deleted_age_hours: Mean,
    pub(crate) out_of_memory: Mean,
    pub(crate) disk_full: Mean,
}

/// The place of a policy among others.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Rank {
    pub(crate) policy: String,
    pub(crate) cycle: u32,
    pub(crate) scenarios: usize,
    /// The mean over the scenarios.
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
