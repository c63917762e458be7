//! `wnm-sim run`: runs policies on the capacity model and prints their scores.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use wnm_core::RawSettings;
use wnm_core::trace::{TraceHeader, TraceWriter};

use crate::capacity::recording::TraceFacts;
use crate::capacity::{CapacityScenario, Pilot, PilotSpec, Score, run_observed, run_once};
use crate::commands::score;
use crate::jobs;
use crate::output::{Format, Output};
use crate::policy_args::set_all;
use crate::run_file::{RunLine, VERSION};
use crate::{Exit, SimError, candidates, values};

/// Run policies on the capacity model and print their scores
///
/// Closed loop: actions change the model, and so the next observation. A seed gives the same load to every policy. The
/// limits for the score are those of the scenario and of --set; a policy file changes the decisions of its policy, not
/// the limits.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wnm-sim run storms-16                                    the classic preset, 7 days, 5 seeds
  wnm-sim run storms --policy classic --policy aimd        two policies, on all four hosts
  wnm-sim run all --policy my.toml --seeds 20 --out my.jsonl && wnm-sim score my.jsonl classic.jsonl
  wnm-sim run jump-2 --seeds 1 --days 4 --trace run.jsonl.gz && wnm-sim chart run.jsonl.gz -o run.svg

See docs/capacity-model.md for the model and the scenarios.")]
pub(crate) struct Args {
    /// Run these scenarios: built-in (storms-16, storms-2, storms for its four hosts, all) or TOML files
    #[arg(required = true, value_name = "SCENARIO", add = candidates::scenarios())]
    scenarios: Vec<String>,
    /// Run this policy: a preset (classic, steady), a baseline (fixed:N, proportional, aimd) or a TOML file; repeatable
    #[arg(long, value_name = "POLICY", default_value = "classic", add = candidates::policies())]
    policy: Vec<String>,
    /// Set one setting, over the scenario and the policy; repeatable
    #[arg(long = "set", value_name = "KEY=VALUE", add = candidates::settings())]
    set: Vec<String>,
    /// Set the processors of recorded hosts, for traces of background load without a header
    #[arg(long, value_name = "N", value_parser = values::cpus)]
    cpus: Option<u32>,
    /// Set the first seed
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = values::seed)]
    seed: u64,
    /// Set the number of seeds
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = values::count)]
    seeds: u64,
    /// Set the length of a run, at most 3660 days; a bare number is days
    #[arg(long, default_value_t = 7.0, value_name = "TIME", value_parser = values::days)]
    days: f64,
    /// Set the length of a cycle, a multiple of 5s, at most 1d; a bare number is seconds
    #[arg(long, default_value_t = 60, value_name = "TIME", value_parser = values::cycle)]
    cycle: u32,
    /// Set the number of parallel runs [default: number of processors]
    #[arg(long, value_name = "N", value_parser = values::jobs)]
    jobs: Option<NonZeroUsize>,
    /// Write the runs to a file for score, one JSON object per line; .gz compresses, - is standard output
    #[arg(long, value_name = "RUNS.jsonl")]
    out: Option<PathBuf>,
    /// Write a single run as a trace with decisions, for chart; .gz compresses
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Print the table as one JSON object
    #[arg(long)]
    json: bool,
}

/// Returns an error for a run of `days` days that is shorter than one cycle of `cycle` seconds.
pub(crate) fn check_length(days: f64, cycle: u32) -> Result<(), SimError> {
    if days * 86_400.0 < f64::from(cycle) {
        return Err(SimError::input(format!("invalid --days {days}: shorter than one cycle of {cycle} s")));
    }
    Ok(())
}

/// Runs a policy in a scenario on one host and returns the mean number of healthy nodes, for benchmarks.
///
/// # Errors
/// The scenario or the policy is unknown, the scenario covers several hosts, or they contradict each other.
pub fn healthy_nodes(scenario: &str, policy: &str, seed: u64, days: f64, cycle_s: u32) -> Result<f64, SimError> {
    let specs = CapacityScenario::find(scenario, &RawSettings::default(), TraceFacts::default())?;
    let [spec] = specs.as_slice() else {
        return Err(SimError::input(format!("scenario {scenario} covers several hosts"))
            .hint("add the number of processors to its name: -64, -16, -4 or -2"));
    };
    let mut pilot = PilotSpec::parse(policy, &RawSettings::default())?.pilot(spec)?;
    Ok(run_once(spec, &mut pilot, seed, days, cycle_s).node_hours / days / 24.0)
}

/// A run to execute.
struct Task<'a> {
    spec: &'a CapacityScenario,
    pilot: &'a PilotSpec,
    seed: u64,
}

pub(crate) fn run(args: &Args) -> Result<Exit, SimError> {
    let set = set_all(RawSettings::default(), "--set", &args.set)?;
    check_length(args.days, args.cycle)?;
    let facts = TraceFacts { cpus: args.cpus, ..TraceFacts::default() };
    let specs = args
        .scenarios
        .iter()
        .map(|name| CapacityScenario::find(name, &set, facts))
        .collect::<Result<Vec<_>, _>>()?
        .concat();
    let pilots = args.policy.iter().map(|name| PilotSpec::parse(name, &set)).collect::<Result<Vec<_>, _>>()?;
    let mut tasks = Vec::new();
    for spec in &specs {
        for pilot in &pilots {
            // Report contradictory settings before the first run.
            pilot.pilot(spec)?;
            // All policies use the same seeds, so that their differences are paired.
            let seeds = (0..args.seeds).map(|further| args.seed.wrapping_add(further));
            tasks.extend(seeds.map(|seed| Task { spec, pilot, seed }));
        }
    }
    let mut out = args.out.as_deref().map(Output::create).transpose()?;
    let mut runs = Vec::with_capacity(tasks.len());
    let mut take = |task: &Task<'_>, score: Score| {
        let run = RunLine {
            wnm_run: VERSION,
            scenario: task.spec.name.clone(),
            policy: task.pilot.name.clone(),
            seed: task.seed,
            days: args.days,
            cycle: args.cycle,
            score,
        };
        if let Some(out) = &mut out {
            out.line(&serde_json::to_string(&run).unwrap_or_default())?;
        }
        runs.push(run);
        Ok(())
    };
    if let Some(path) = &args.trace {
        let [task] = tasks.as_slice() else {
            let problem = format!("--trace writes a single run, and these arguments give {} runs", tasks.len());
            return Err(SimError::input(problem).hint("select one scenario on one host, one --policy and --seeds 1"));
        };
        take(task, record(args, task, Output::create(path)?)?)?;
    } else {
        let jobs = args.jobs.unwrap_or_else(jobs::available);
        let work = |task: &Task<'_>| {
            let mut pilot = task.pilot.pilot(task.spec)?;
            Ok(run_once(task.spec, &mut pilot, task.seed, args.days, args.cycle))
        };
        jobs::in_order(&tasks, jobs, work, |task, score: Result<_, SimError>| take(task, score?))?;
    }
    if let Some(out) = out {
        out.finish()?;
    }
    if args.out.as_deref().is_some_and(|path| path.as_os_str() == "-") {
        return Ok(Exit::Done);
    }
    score::show(&runs, Format::of_flag(args.json))
}

/// Executes a run and writes it as a trace.
fn record(args: &Args, task: &Task<'_>, mut output: Output) -> Result<Score, SimError> {
    let mut pilot: Pilot = task.pilot.pilot(task.spec)?;
    let header = TraceHeader {
        program: Some(format!("wnm-sim {}", env!("CARGO_PKG_VERSION"))),
        cpus: Some(task.spec.size.cpus),
        policy: task.pilot.settings.clone().over(task.spec.settings.clone()),
        ..TraceHeader::default()
    };
    let mut writer = TraceWriter::new(header);
    let mut written = output.line(&writer.header());
    let score = run_observed(task.spec, &mut pilot, task.seed, args.days, args.cycle, |cycle| {
        if written.is_ok() {
            written = output
                .line(&writer.sample(cycle.observation, cycle.state))
                .and_then(|()| output.line(&writer.decided(cycle.observation.now, cycle.decision)));
        }
    });
    written?;
    output.finish()?;
    Ok(score)
}
