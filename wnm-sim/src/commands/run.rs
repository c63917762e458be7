//! `wnm-sim run`: policies on modelled hosts, judged by what comes of them.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use wnm_core::RawSettings;
use wnm_core::trace::{TraceHeader, TraceWriter};

use crate::capacity::{CapacityScenario, Pilot, PilotSpec, Score, TICK, run_observed, run_once};
use crate::commands::score;
use crate::jobs;
use crate::output::Output;
use crate::policy_args::set_all;
use crate::run_file::{RunLine, VERSION};
use crate::{Exit, SimError};

/// Runs policies on modelled hosts under load, and judges them by what comes of it
///
/// Closed loop: what is decided is done to the model, and changes what is seen next. The same seed gives the same load
/// to every policy. Limits are those of the scenario and of --set; a policy file moves what its policy does, and not
/// what it is judged by.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wnm-sim run storms-16                                    the classic preset, a week, five seeds
  wnm-sim run storms --policy classic --policy aimd        two policies, on the hosts of 16 and 2 processors
  wnm-sim run all --policy my.toml --seeds 20 --out my.jsonl && wnm-sim score my.jsonl classic.jsonl
  wnm-sim run jump-2 --seeds 1 --days 4 --trace run.jsonl.gz && wnm-sim chart run.jsonl.gz -o run.svg

The model and the scenarios are described in docs/host-model.md.")]
pub(crate) struct Args {
    /// Built-in scenarios (storms-16, storms-2, storms for both, all), or TOML files
    #[arg(required = true, value_name = "SCENARIO")]
    scenarios: Vec<String>,
    /// A preset (classic), a baseline (fixed:N, proportional, aimd), or a TOML file of settings; may be given more than once
    #[arg(long, value_name = "POLICY", default_value = "classic")]
    policy: Vec<String>,
    /// One setting, over the scenario and the policy; may be given more than once
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Names the first run
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Runs so many seeds, from the first one on
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Length of each run, in days
    #[arg(long, default_value_t = 7.0, value_parser = days)]
    days: f64,
    /// Seconds from cycle to cycle, a multiple of 5
    #[arg(long, default_value_t = 60, value_parser = cycle)]
    cycle: u32,
    /// Runs at once; as many as there are processors unless given
    #[arg(long)]
    jobs: Option<NonZeroUsize>,
    /// Write the runs to a file, a JSON object each, for score; .gz is compressed, - is standard output
    #[arg(long, value_name = "RUNS.jsonl")]
    out: Option<PathBuf>,
    /// Write the one run as a trace with decisions, for chart; .gz is compressed
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Print the table as one JSON object
    #[arg(long)]
    json: bool,
}

/// The longest run, in days.
const LONGEST: f64 = 3660.0;

/// Reads the length of a run, in days.
pub(crate) fn days(text: &str) -> Result<f64, String> {
    let days = text.parse().ok().filter(|days| (TICK / 86_400.0..=LONGEST).contains(days));
    days.ok_or_else(|| format!("expected days above 0, at most {LONGEST}"))
}

/// Reads the length of a cycle, in seconds.
pub(crate) fn cycle(text: &str) -> Result<u32, String> {
    let cycle = text.parse().ok().filter(|cycle| (5..=86_400).contains(cycle) && cycle % 5 == 0);
    cycle.ok_or_else(|| "expected a multiple of 5 seconds, from 5 to 86400".to_owned())
}

/// Runs a policy in a scenario on one host, by their names, and returns how many healthy nodes there were on average:
/// for measuring.
///
/// # Errors
/// There is no such scenario on one host or no such policy, or they contradict each other.
pub fn healthy_nodes(scenario: &str, policy: &str, seed: u64, days: f64, cycle_s: u32) -> Result<f64, SimError> {
    let specs = CapacityScenario::find(scenario, &RawSettings::default())?;
    let [spec] = specs.as_slice() else {
        return Err(SimError::Input(format!("expected a scenario on one host, found {scenario}")));
    };
    let mut pilot = PilotSpec::parse(policy, &RawSettings::default())?.pilot(spec)?;
    Ok(run_once(spec, &mut pilot, seed, days, cycle_s).node_hours / days / 24.0)
}

/// One run that is to be made.
struct Task<'a> {
    spec: &'a CapacityScenario,
    pilot: &'a PilotSpec,
    seed: u64,
}

pub(crate) fn run(args: &Args) -> Result<Exit, SimError> {
    let set = set_all(RawSettings::default(), "--set", &args.set)?;
    if args.days * 86_400.0 < f64::from(args.cycle) {
        return Err(SimError::Input(format!("--days {}: expected at least one cycle of {} s", args.days, args.cycle)));
    }
    let specs =
        args.scenarios.iter().map(|name| CapacityScenario::find(name, &set)).collect::<Result<Vec<_>, _>>()?.concat();
    let pilots = args.policy.iter().map(|name| PilotSpec::parse(name, &set)).collect::<Result<Vec<_>, _>>()?;
    let mut tasks = Vec::new();
    for spec in &specs {
        for pilot in &pilots {
            // What contradicts itself is told before the first run.
            pilot.pilot(spec)?;
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
            let what = "expected one run: one scenario on one host, one --policy and --seeds 1";
            return Err(SimError::Input(format!("--trace: {what}, found {} runs", tasks.len())));
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
    score::show(&runs, args.json)
}

/// Makes one run, and writes it down as a trace.
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
                .line(&writer.sample(cycle.seen, cycle.state))
                .and_then(|()| output.line(&writer.decided(cycle.seen.now, cycle.decision)));
        }
    });
    written?;
    output.finish()?;
    Ok(score)
}
