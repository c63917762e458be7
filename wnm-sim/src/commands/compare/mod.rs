//! `wnm-sim compare`: compares steady with classic and with baselines, and checks the targets of steady.

mod ablation;
mod charts;
mod plan;
mod policies;
mod report;
mod tables;
mod targets;
mod variant;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::Serialize;

use crate::capacity::{CapacityScenario, Groups, PilotSpec};
use crate::commands::score::pooled::{Pooled, pooled};
use crate::commands::score::{Rank, Sum, ranking, summed_up};
use crate::error::talk;
use crate::output::{Format, Output};
use crate::run_file::RunLine;
use crate::statistics::Mean;
use crate::{Exit, SimError, candidates, jobs, values};

use ablation::{Absence, absence};
use plan::{Extent, FINE_CYCLE, FINE_SEEDS, Plan, Watch};
use policies::{Ablated, Ablation, FixedCount, Policies, STEADY_DEFAULTS, STEADY_IDLE};
use variant::{Conditions, Reference, RoundScores, VariantComparison};

/// Compare steady with classic and with baselines, and check the targets of steady
///
/// Compares each variant of steady with the better of the two classic policies (one and four operations at once) and
/// with the best simple baseline by the scalar, for each scenario and seed. Runs five scenarios in cycles of 5 s as
/// well, where they are among those selected. Runs seed by seed: after an interrupt the comparison covers the complete
/// seeds.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wnm-sim compare --report docs/policies                   all scenarios, with tables and charts
  wnm-sim compare storms leaks --seeds 3 --days 2          two kinds of scenario, a short run
  wnm-sim compare --tuned mine.toml --out runs.jsonl       also a policy of wnm-sim tune
  wnm-sim compare --ablation                               also steady without each of its parts

See docs/policies.md for the method and the results.")]
pub(crate) struct Args {
    /// Run these scenarios: built-in (storms-16, storms-2, storms for its four hosts, all) or TOML files
    #[arg(value_name = "SCENARIO", default_value = "all", add = candidates::scenarios())]
    scenarios: Vec<String>,
    /// Set the processors of recorded hosts, for traces of background load without a header
    #[arg(long, value_name = "N", value_parser = values::cpus)]
    cpus: Option<u32>,
    /// Set the first seed; the default is outside the seeds that wnm-sim tune uses
    #[arg(long, default_value_t = 1001, value_name = "N", value_parser = values::seed)]
    seed: u64,
    /// Set the number of seeds; at most 3 of them run in cycles of 5 s
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = values::count)]
    seeds: u64,
    /// Set the length of a run, at most 3660 days; a bare number is days
    #[arg(long, default_value_t = 7.0, value_name = "TIME", value_parser = values::days)]
    days: f64,
    /// Set the length of a cycle, a multiple of 5s, at most 1d; a bare number is seconds
    #[arg(long, default_value_t = 60, value_name = "TIME", value_parser = values::cycle)]
    cycle: u32,
    /// Compare the settings of a TOML file, such as one of wnm-sim tune, as steady-tuned
    #[arg(long, value_name = "POLICY.toml")]
    tuned: Option<PathBuf>,
    /// Compare steady, behind other work and as its equal, also without each of its parts, on at most 3 seeds
    #[arg(long)]
    ablation: bool,
    /// Set the number of parallel runs [default: number of processors]
    #[arg(long, value_name = "N", value_parser = values::jobs)]
    jobs: Option<NonZeroUsize>,
    /// Write the runs to a file for score, one JSON object per line; .gz compresses, - is standard output
    #[arg(long, value_name = "RUNS.jsonl")]
    out: Option<PathBuf>,
    /// Write tables as Markdown and charts as SVG to a directory; replaces those of an earlier comparison
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Print the comparison as one JSON object
    #[arg(long)]
    json: bool,
}

/// The result of a comparison.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Comparison {
    #[serde(flatten)]
    extent: Extent,
    /// Number of complete seeds at the interrupt; absent for a complete comparison.
    interrupted_after: Option<u64>,
    /// One round for each length of cycle.
    rounds: Vec<Round>,
    /// The node count of the fixed baseline in each scenario.
    fixed: Vec<FixedCount>,
    /// Effect of leaving out each part of steady; empty without `--ablation`.
    ablation: Vec<Absence>,
}

/// All runs with one length of cycle.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Round {
    /// Length of a cycle, in seconds.
    cycle: u32,
    /// Number of seeds.
    seeds: u64,
    /// Each variant of steady compared with the better classic.
    comparisons: Vec<VariantComparison>,
    /// Each variant of steady compared with the best simple baseline.
    baselines: Vec<VariantComparison>,
    /// The sums of each policy over all scenarios.
    pooled: Vec<Pooled>,
    /// The figures of each policy in each scenario.
    scores: Vec<Sum>,
    /// All policies, best first.
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
    let specs = plan::scenarios(&args.scenarios, args.cpus)?;
    // Report unreadable, unwritable and contradictory input before the first run.
    let mut policies =
        Policies::new(args.tuned.as_deref(), if args.ablation { Ablation::Run } else { Ablation::Skip })?;
    policies.check(&specs)?;
    if let Some(folder) = &args.report {
        report::prepare(folder)?;
    }
    let out = args.out.as_deref().map(Output::create).transpose()?;
    let mut watch = Watch::new(out, args.jobs.unwrap_or_else(jobs::available))?;

    let (runs, seeds) = if watch.choose_fixed(&mut policies, &specs, extent)? {
        let plan = Plan::new(&specs, &policies, extent);
        watch.make(&plan)?
    } else {
        (Vec::new(), 0)
    };
    watch.finish()?;
    let is_whole = seeds == extent.seeds;
    if seeds > 0 {
        let comparison = compared(&runs, seeds, &specs, &policies, extent);
        if let Some(folder) = args.report.as_deref().filter(|_| is_whole) {
            report::write(folder, &comparison, &specs, &policies)?;
        }
        // With `--out -` standard output holds the runs alone.
        if args.out.as_deref().is_none_or(|path| path.as_os_str() != "-") {
            show(&comparison, Format::of_flag(args.json))?;
        }
    }
    if is_whole {
        return Ok(Exit::Done);
    }
    let unreported = if args.report.is_some() { "; the report is not written" } else { "" };
    talk(&format!("warning: interrupted after {seeds} of {} seeds{unreported}", extent.seeds));
    Ok(Exit::Interrupted)
}

fn show(comparison: &Comparison, format: Format) -> Result<(), SimError> {
    let mut output = Output::standard();
    if format == Format::Json {
        output.line(&serde_json::to_string(comparison).map_err(|error| SimError::Output(error.into()))?)?;
    } else {
        output.text(&tables::text(comparison))?;
    }
    output.finish()
}

/// Returns the conditions under which a variant must reach its targets.
fn conditions(pilot: &PilotSpec, cycle: u32) -> Conditions {
    let has_weight = pilot.groups() == Groups::Present;
    let has_own_thresholds = [STEADY_DEFAULTS, STEADY_IDLE].contains(&pilot.name.as_str());
    Conditions { has_weight, has_own_thresholds, cycle }
}

fn compared(
    runs: &[RunLine],
    seeds: u64,
    specs: &[CapacityScenario],
    policies: &Policies,
    extent: Extent,
) -> Comparison {
    let interrupted_after = (seeds < extent.seeds).then_some(seeds);
    let mut rounds = Vec::new();
    for (cycle, seeds) in [(extent.cycle, seeds), (FINE_CYCLE, seeds.min(FINE_SEEDS))] {
        let of_round: Vec<_> = runs.iter().filter(|run| run.cycle == cycle).collect();
        if of_round.is_empty() || rounds.iter().any(|round: &Round| round.cycle == cycle) {
            continue;
        }
        let scores = RoundScores::new(&of_round, specs);
        let compare = |of| {
            let one = |pilot: &PilotSpec| VariantComparison::new(&pilot.name, &scores, conditions(pilot, cycle), of);
            policies.variants().map(one).collect::<Vec<_>>()
        };
        let (comparisons, baselines) = (compare(Reference::Classic), compare(Reference::Baseline));
        // Policies of the ablation have a table of their own and would crowd the ranking.
        let entered = of_round.into_iter().filter(|run| policies.is_ranked(&run.policy)).cloned();
        let entered = entered.collect::<Vec<_>>();
        let (scores, pooled) = (summed_up(&entered), pooled(&entered));
        rounds.push(Round { cycle, seeds, comparisons, baselines, pooled, ranking: ranking(&scores), scores });
    }
    let ablated: Vec<_> = runs.iter().filter(|run| extent.is_ablated(run)).collect();
    let scores = RoundScores::new(&ablated, specs);
    let absences = |ablated: &[Ablated]| {
        let Some(first) = ablated.first() else { return Vec::new() };
        let conditions = conditions(&first.pilot, extent.cycle);
        let whole = VariantComparison::new(first.of, &scores, conditions, Reference::Classic);
        ablated.iter().map(|ablated| absence(ablated, &whole, &scores)).collect()
    };
    let ablation = policies.ablated.chunk_by(|one, next| one.of == next.of).flat_map(absences).collect();
    Comparison { extent, interrupted_after, rounds, fixed: policies.fixed_counts(), ablation }
}

#[cfg(test)]
mod tests {
    use schemars::generate::SchemaSettings;
    use serde_json::Value;

    use super::Comparison;

    #[test]
    fn schema_in_docs_is_current() {
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
