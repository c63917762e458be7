//! `wnm-sim compare`: whether steady is worth having, against classic and simple baselines, as one command.

mod ablation;
mod contest;
mod field;
mod pictures;
mod plan;
mod report;
mod tables;
mod targets;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::Serialize;

use crate::capacity::{CapacityScenario, PilotSpec};
use crate::commands::run::{cycle, days};
use crate::commands::score::{Rank, Sum, ranking, summed_up};
use crate::error::talk;
use crate::output::Output;
use crate::run_file::RunLine;
use crate::statistics::Mean;
use crate::{Exit, SimError, jobs};

use ablation::{Absence, absence};
use contest::{Board, Contest, Terms};
use field::{Ablated, Field, FixedCount};
use plan::{Extent, FINE_CYCLE, FINE_SEEDS, Plan, Watch};

/// Compares steady with classic and with simple baselines, and tells which targets are met
///
/// Each variant of steady is held against the better of the two classics (one and four operations at once) by the
/// scalar, scenario by scenario and seed by seed. Five scenarios are run in cycles of 5 s as well, where they are among
/// those compared. Runs are made seed by seed: interrupted, it compares the seeds that are complete.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wnm-sim compare --report docs/policies                   the whole comparison, with tables and pictures
  wnm-sim compare storms leaks --seeds 3 --days 2          a quick look at four scenarios
  wnm-sim compare --tuned mine.toml --out runs.jsonl       with a policy that wnm-sim tune wrote
  wnm-sim compare --ablation                               and what each part of steady is worth

What is compared, and what was found, is described in docs/policies.md.")]
pub(crate) struct Args {
    /// Built-in scenarios (storms-16, storms-2, storms for both, all), or TOML files
    #[arg(value_name = "SCENARIO", default_value = "all")]
    scenarios: Vec<String>,
    /// Names the first run: none that a policy was tuned on
    #[arg(long, default_value_t = 1001)]
    seed: u64,
    /// Runs so many seeds, from the first one on; at most 5 of them in cycles of 5 s
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Length of each run, in days
    #[arg(long, default_value_t = 7.0, value_parser = days)]
    days: f64,
    /// Seconds from cycle to cycle, a multiple of 5
    #[arg(long, default_value_t = 60, value_parser = cycle)]
    cycle: u32,
    /// A TOML file of settings, such as `wnm-sim tune` writes, compared as steady-tuned
    #[arg(long, value_name = "POLICY.toml")]
    tuned: Option<PathBuf>,
    /// Compare steady, with CPU limit and without, without each of its parts in turn as well, on at most 3 seeds
    #[arg(long)]
    ablation: bool,
    /// Runs at once; as many as there are processors unless given
    #[arg(long)]
    jobs: Option<NonZeroUsize>,
    /// Write the runs to a file as they come, a JSON object each, for score; .gz is compressed, - is standard output
    #[arg(long, value_name = "RUNS.jsonl")]
    out: Option<PathBuf>,
    /// Write the tables as Markdown and the pictures as SVG into a folder, over those of an earlier comparison
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The comparison.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Comparison {
    #[serde(flatten)]
    extent: Extent,
    /// How many seeds were complete when it was interrupted; none where it was not.
    interrupted_after: Option<u64>,
    /// One for each length of cycle.
    rounds: Vec<Round>,
    /// How many nodes the baseline of a fixed count ran in each scenario.
    fixed: Vec<FixedCount>,
    /// What changes in steady, with CPU limit and without, without each of its parts; empty unless asked for.
    ablation: Vec<Absence>,
}

/// All runs with cycles of one length.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Round {
    /// Seconds from cycle to cycle.
    cycle: u32,
    /// How many seeds were run.
    seeds: u64,
    /// Each variant of steady against the better classic.
    contests: Vec<Contest>,
    /// Each policy in each scenario.
    scores: Vec<Sum>,
    /// The policies, best first.
    ranking: Vec<Rank>,
}

impl Round {
    /// Returns the mean of a figure of a policy over all scenarios.
    fn mean(&self, policy: &str, figure: fn(&Sum) -> f64) -> f64 {
        let sums = self.scores.iter().filter(|sum| sum.policy == policy);
        Mean::of(sums.map(figure)).mean
    }
}

pub(crate) fn run(args: &Args) -> Result<Exit, SimError> {
    let extent = Extent { seed: args.seed, seeds: args.seeds, days: args.days, cycle: args.cycle };
    extent.check()?;
    let specs = plan::scenarios(&args.scenarios)?;
    // What cannot be read, written or reconciled is told before the first run.
    let mut field = Field::new(args.tuned.as_deref(), args.ablation)?;
    field.check(&specs)?;
    if let Some(folder) = &args.report {
        report::prepare(folder)?;
    }
    let out = args.out.as_deref().map(Output::create).transpose()?;
    let mut watch = Watch::new(out, args.jobs.unwrap_or_else(jobs::available))?;

    let (runs, seeds) = if watch.choose_fixed(&mut field, &specs, extent)? {
        let plan = Plan::new(&specs, &field, extent);
        watch.make(&plan)?
    } else {
        (Vec::new(), 0)
    };
    watch.finish()?;
    let is_whole = seeds == extent.seeds;
    if seeds > 0 {
        let comparison = compared(&runs, seeds, &specs, &field, extent);
        if let Some(folder) = args.report.as_deref().filter(|_| is_whole) {
            report::write(folder, &comparison, &specs, &field)?;
        }
        // Standard output has the runs alone, where they go there.
        if args.out.as_deref().is_none_or(|path| path.as_os_str() != "-") {
            show(&comparison, args.json)?;
        }
    }
    if is_whole {
        return Ok(Exit::Done);
    }
    let unreported = if args.report.is_some() { "; the report is not written" } else { "" };
    talk(&format!("wnm-sim: interrupted after {seeds} of {} seeds{unreported}", extent.seeds));
    Ok(Exit::Interrupted)
}

fn show(comparison: &Comparison, as_json: bool) -> Result<(), SimError> {
    let mut output = Output::standard();
    if as_json {
        output.line(&serde_json::to_string(comparison).map_err(|error| SimError::Output(error.into()))?)?;
    } else {
        output.text(&tables::text(comparison))?;
    }
    output.finish()
}

fn compared(runs: &[RunLine], seeds: u64, specs: &[CapacityScenario], field: &Field, extent: Extent) -> Comparison {
    let interrupted_after = (seeds < extent.seeds).then_some(seeds);
    let mut rounds = Vec::new();
    for (cycle, seeds) in [(extent.cycle, seeds), (FINE_CYCLE, seeds.min(FINE_SEEDS))] {
        let of_round: Vec<_> = runs.iter().filter(|run| run.cycle == cycle).collect();
        if of_round.is_empty() || rounds.iter().any(|round: &Round| round.cycle == cycle) {
            continue;
        }
        let board = Board::new(&of_round, specs);
        let terms = |pilot: &PilotSpec| Terms { has_cpu_limit: pilot.has_cpu_limit(), cycle };
        let contests = field.variants().map(|pilot| Contest::new(&pilot.name, &board, terms(pilot))).collect();
        // Steady without a part is no baseline: it has its own table.
        let entered = of_round.into_iter().filter(|run| field.is_entrant(&run.policy)).cloned();
        let scores = summed_up(&entered.collect::<Vec<_>>());
        rounds.push(Round { cycle, seeds, contests, ranking: ranking(&scores), scores });
    }
    let ablated: Vec<_> = runs.iter().filter(|run| extent.is_ablated(run)).collect();
    let board = Board::new(&ablated, specs);
    let absences = |ablated: &[Ablated]| {
        let Some(first) = ablated.first() else { return Vec::new() };
        let terms = Terms { has_cpu_limit: first.pilot.has_cpu_limit(), cycle: extent.cycle };
        let whole = Contest::new(first.of, &board, terms);
        ablated.iter().map(|ablated| absence(ablated, &whole, &board)).collect()
    };
    let ablation = field.ablated.chunk_by(|one, next| one.of == next.of).flat_map(absences).collect();
    Comparison { extent, interrupted_after, rounds, fixed: field.fixed_counts(), ablation }
}

#[cfg(test)]
mod tests {
    use schemars::generate::SchemaSettings;
    use serde_json::Value;

    use super::Comparison;

    #[test]
    fn the_schema_in_docs_is_that_of_the_comparison() {
        let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
        let schema = Value::from(generator.into_root_schema_for::<Comparison>());
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schema/sim-compare.json");
        if std::env::var_os("WNM_RENEW_SCHEMAS").is_some() {
            std::fs::write(path, serde_json::to_string_pretty(&schema).unwrap() + "\n").unwrap();
        }
        let kept = serde_json::from_str::<Value>(&std::fs::read_to_string(path).unwrap_or_default()).ok();
        let renew = "WNM_RENEW_SCHEMAS=1 cargo test -p wnm-sim --lib schema";
        assert!(kept == Some(schema), "docs/schema/sim-compare.json is stale: run `{renew}`");
    }
}
