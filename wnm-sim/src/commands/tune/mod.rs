//! `wnm-sim tune`: searches for better settings on the capacity model, and validates them on unseen scenarios and seeds.

mod page;
mod plan;
mod report;
mod search;
mod sensitivity;
mod space;

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use wnm_core::{Policy, Preset, RawSettings};

use crate::capacity::recording::TraceFacts;
use crate::capacity::{CapacityScenario, PilotSpec};
use crate::commands::run::check_length;
use crate::output::Output;
use crate::policy_args::set_all;
use crate::{Exit, SimError, candidates, jobs, values};

use plan::{Plan, Sizes};
use report::Report;
use search::{End, Found, Search, Watch};
use space::Space;
pub(crate) use space::tunable;

/// Search for better settings on the capacity model and validate the best ones on unseen runs
///
/// Draws candidates from a Sobol sequence, runs all of them on the same seeds of the same scenarios, and keeps the
/// better half in each rung. The starting policy is one of the candidates. Validates the remaining candidates in
/// scenarios and on seeds that the search did not use.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wnm-sim tune --out tuned.toml                            steady in the built-in scenarios, some minutes
  wnm-sim tune --scenario storms --scenario jump --held-out bursts --budget 800
  wnm-sim tune --scenario mine.toml --bound steady_grace=30..300 --set steady_adds=2 --report tuned/
  wnm-sim tune --scenario mine.toml --bound cpu_less_than=40..80 --bound cpu_remove=60..95
  wnm-sim run all --policy steady --policy tuned.toml

Ctrl-C ends the search: wnm-sim writes the best settings so far, marks the report as partial, and exits with 130.
See docs/tuning.md for the method and for how to read the report.")]
pub(crate) struct Args {
    /// Search in this scenario, a name or file as for run; repeatable
    #[arg(long = "scenario", value_name = "SCENARIO", default_value = "all", add = candidates::scenarios())]
    scenarios: Vec<String>,
    /// Validate in this scenario and exclude it from the search; repeatable [default: every fourth of four or more]
    #[arg(long = "held-out", value_name = "SCENARIO", add = candidates::scenarios())]
    held_out: Vec<String>,
    /// Start from this policy: a preset (steady, classic) or a TOML file of settings
    #[arg(long, value_name = "POLICY", default_value = "steady", add = candidates::policies())]
    policy: String,
    /// Validate this policy or baseline as well; repeatable
    #[arg(long, value_name = "POLICY", add = candidates::policies())]
    against: Vec<String>,
    /// Try whole numbers from LOW to HIGH for a setting; repeatable. A bound on a threshold, such as
    /// cpu_remove=60..90, tunes that threshold as well; the limits of the score stay those of the scenario
    #[arg(long = "bound", value_name = "KEY=LOW..HIGH", add = candidates::bounds())]
    bounds: Vec<String>,
    /// Fix a setting at a value; repeatable
    #[arg(long = "set", value_name = "KEY=VALUE", add = candidates::settings())]
    set: Vec<String>,
    /// Limit the number of runs, each one candidate in one scenario on one seed
    #[arg(long, default_value_t = 2000, value_name = "N", value_parser = values::runs)]
    budget: usize,
    /// Set the processors of recorded hosts, for traces of background load without a header
    #[arg(long, value_name = "N", value_parser = values::cpus)]
    cpus: Option<u32>,
    /// Set the first seed, which also selects the candidates
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = values::seed)]
    seed: u64,
    /// Set the length of a run, at most 3660 days; a bare number is days
    #[arg(long, default_value_t = 7.0, value_name = "TIME", value_parser = values::days)]
    days: f64,
    /// Set the length of a cycle, a multiple of 5s, at most 1d; a bare number is seconds
    #[arg(long, default_value_t = 60, value_name = "TIME", value_parser = values::cycle)]
    cycle: u32,
    /// Set the number of parallel runs [default: number of processors]
    #[arg(long, value_name = "N", value_parser = values::jobs)]
    jobs: Option<NonZeroUsize>,
    /// Write the best policy to a settings file for `wnm --config` and `wnm-sim run --policy`; - for standard output
    #[arg(long, value_name = "POLICY.toml")]
    out: Option<PathBuf>,
    /// Write tune.txt, tune.json, front.svg and runs.jsonl.gz to a directory
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Print the report as one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, SimError> {
    let search = plan(args)?;
    let is_wanted = interrupted()?;
    let jobs = args.jobs.unwrap_or_else(jobs::available);
    if let Some(path) = args.out.as_deref().filter(|path| !is_standard(path)) {
        // Fail on an unwritable file before hours of search; its content is replaced only by a finished result.
        let opened = fs::OpenOptions::new().append(true).create(true).open(path);
        opened.map_err(|source| SimError::Write { path: path.to_owned(), source })?;
    }
    if let Some(folder) = &args.report {
        fs::create_dir_all(folder).map_err(|source| SimError::Write { path: folder.clone(), source })?;
    }
    let out = args.report.as_deref().map(|folder| Output::create(&folder.join("runs.jsonl.gz"))).transpose()?;
    let mut watch =
        Watch { is_over: &|_| is_wanted.load(Ordering::Relaxed), bar: search::bar(search.plan.runs), out, jobs };
    let mut found = Found::default();
    let end = search.run(&mut watch, &mut found);
    watch.bar.finish_and_clear();
    if let Some(out) = watch.out {
        out.finish()?;
    }
    let exit = match end {
        Ok(()) => Exit::Done,
        Err(End::Interrupted) => Exit::Interrupted,
        Err(End::Failed(error)) => return Err(error),
    };
    let report = Report::new(&search, &found, exit)?;
    publish(args, &report, &report.picture(&search, &found)?)?;
    Ok(exit)
}

/// Returns a flag that SIGINT and SIGTERM set; a second signal ends the program immediately.
fn interrupted() -> Result<Arc<AtomicBool>, SimError> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // The order matters: the conditional default must see the flag of the first signal unset.
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&flag))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
            .map_err(|source| SimError::input(format!("cannot install a signal handler: {source}")))?;
    }
    Ok(flag)
}

fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Writes the report, the policy file and the chart to their destinations.
fn publish(args: &Args, report: &Report, picture: &str) -> Result<(), SimError> {
    let write = |path: &Path, text: &str| {
        let mut output = Output::create(path)?;
        output.text(text)?;
        output.finish()
    };
    let json = serde_json::to_string(report).map_err(|error| SimError::Output(error.into()))? + "\n";
    let page = report.page();
    if let Some(folder) = &args.report {
        for (name, text) in [("tune.txt", page.as_str()), ("tune.json", &json), ("front.svg", picture)] {
            write(&folder.join(name), text)?;
        }
    }
    if let Some(path) = &args.out {
        write(path, &report.policy_file())?;
    }
    // With `--out -` standard output holds the policy alone, so that it can be redirected to a file.
    if args.out.as_deref().is_none_or(|path| !is_standard(path)) {
        write(Path::new("-"), if args.json { &json } else { &page })?;
    }
    Ok(())
}

/// Checks the arguments and plans the search, before the first run.
fn plan(args: &Args) -> Result<Search, SimError> {
    let set = set_all(RawSettings::default(), "--set", &args.set)?;
    check_length(args.days, args.cycle)?;
    let facts = TraceFacts { cpus: args.cpus, ..TraceFacts::default() };
    let find = |names: &[String]| {
        let found =
            names.iter().map(|name| CapacityScenario::find(name, &set, facts)).collect::<Result<Vec<_>, _>>()?.concat();
        let mut once: Vec<CapacityScenario> = Vec::new();
        for spec in found {
            if !once.iter().any(|known| known.name == spec.name) {
                once.push(spec);
            }
        }
        Ok::<_, SimError>(once)
    };
    let (searched, validated_in) = split(find(&args.scenarios)?, find(&args.held_out)?)?;
    // Thresholds are promises to the operator: a policy has those of the score, unless --bound tunes them.
    let base = PilotSpec::parse(&args.policy, &set)?.at_equal_thresholds();
    if base.is_baseline() {
        let problem = format!("invalid --policy {}: a baseline has no settings to tune", args.policy);
        return Err(SimError::input(problem).hint("use a preset (steady, classic) or a file of settings"));
    }
    let parse = |name: &String| Ok::<_, SimError>(PilotSpec::parse(name, &set)?.at_equal_thresholds());
    let against = args.against.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let starts: Vec<Policy> = searched
        .iter()
        .chain(&validated_in)
        .map(|spec| Ok(base.pilot(spec)?.policy().clone()))
        .collect::<Result<_, SimError>>()?;
    let space = Space::new(base.settings.preset.unwrap_or(Preset::Classic), &args.bounds, &set, &starts)?;
    let mut drawn = space.candidates((args.budget / searched.len()).max(plan::LEAST), args.seed);
    if let Some(start) = starts.first() {
        drawn.retain(|values| values != &space.values_of(start));
    }
    let sizes = Sizes {
        budget: args.budget,
        searched: searched.len(),
        validated: validated_in.len(),
        baselines: 1 + against.len(),
        candidates: 1 + drawn.len(),
    };
    let plan = Plan::new(sizes)?;
    drawn.truncate(plan.rungs.first().map_or(0, |rung| rung.candidates) - 1);
    let search = Search {
        base,
        space,
        drawn,
        searched,
        validated_in,
        against,
        plan,
        seed: args.seed,
        days: args.days,
        cycle: args.cycle,
    };
    search.check()?;
    Ok(search)
}

/// The number of scenarios from which on every fourth one is held out by default.
const ENOUGH: usize = 4;

/// Splits the scenarios into those of the search and those of the validation.
///
/// The hosts of a scenario stay together unless `--held-out` names one. Without held-out scenarios, the validation
/// uses the scenarios of the search with new seeds.
fn split(
    all: Vec<CapacityScenario>,
    held_out: Vec<CapacityScenario>,
) -> Result<(Vec<CapacityScenario>, Vec<CapacityScenario>), SimError> {
    let (searched, validated_in): (Vec<_>, Vec<_>) = if held_out.is_empty() {
        let mut kinds = Vec::new();
        for spec in &all {
            if !kinds.contains(&spec.scenario) {
                kinds.push(Arc::clone(&spec.scenario));
            }
        }
        let is_held_out = |spec: &CapacityScenario| {
            let place = kinds.iter().position(|kind| *kind == spec.scenario).unwrap_or(0);
            kinds.len() >= ENOUGH && place % ENOUGH == ENOUGH - 1
        };
        let (validated_in, searched): (Vec<_>, Vec<_>) = all.into_iter().partition(is_held_out);
        if validated_in.is_empty() { (searched.clone(), searched) } else { (searched, validated_in) }
    } else {
        let is_seen = |spec: &CapacityScenario| held_out.iter().all(|held| held.name != spec.name);
        (all.into_iter().filter(is_seen).collect(), held_out)
    };
    if searched.is_empty() {
        return Err(SimError::input("every --scenario is held out: the search has none left")
            .hint("name more scenarios, or fewer with --held-out"));
    }
    Ok((searched, validated_in))
}
