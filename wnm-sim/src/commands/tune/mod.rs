//! `wnm-sim tune`: better settings, by a search over them on modelled hosts, and a judgement on what it never saw.

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

use crate::capacity::{CapacityScenario, PilotSpec};
use crate::commands::run::{cycle, days};
use crate::output::Output;
use crate::policy_args::set_all;
use crate::{Exit, SimError, jobs};

use plan::{Plan, Sizes};
use report::Report;
use search::{End, Found, Search, Watch};
use space::Space;

/// Looks for better settings on modelled hosts, and judges what it finds where it did not look
///
/// Candidates of a Sobol sequence run on the same seeds of the same scenarios, and the better half goes on each time.
/// The policy it begins from is one of them. What is left is judged in scenarios and on seeds that the search never saw.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wnm-sim tune --out tuned.toml                            steady in the built-in scenarios, some minutes
  wnm-sim tune --scenario storms --scenario jump --held-out bursts --budget 800
  wnm-sim tune --scenario mine.toml --bound steady_grace=30..300 --set steady_adds=2 --report tuned/
  wnm-sim run all --policy steady --policy tuned.toml

Ended with Ctrl-C it writes the best so far, says that it is partial, and ends with exit code 130.
How it works, and how to read what it says: docs/tuning.md.")]
pub(crate) struct Args {
    /// Scenarios of the search, as for run; may be given more than once
    #[arg(long = "scenario", value_name = "SCENARIO", default_value = "all")]
    scenarios: Vec<String>,
    /// Scenarios of the judgement, out of the search's sight; every fourth one of four or more unless given
    #[arg(long = "held-out", value_name = "SCENARIO")]
    held_out: Vec<String>,
    /// What to begin from: a preset (steady, classic), or a TOML file of settings
    #[arg(long, value_name = "POLICY", default_value = "steady")]
    policy: String,
    /// A policy or baseline that is judged as well; may be given more than once
    #[arg(long, value_name = "POLICY")]
    against: Vec<String>,
    /// Try a setting from LOW to HIGH, whole numbers; may be given more than once
    #[arg(long = "bound", value_name = "KEY=LOW..HIGH")]
    bounds: Vec<String>,
    /// One setting that stays as it is; may be given more than once
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Makes so many runs at most, each a candidate in a scenario on a seed
    #[arg(long, default_value_t = 2000)]
    budget: usize,
    /// Names the candidates and the first run of each
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Length of each run, in days
    #[arg(long, default_value_t = 7.0, value_parser = days)]
    days: f64,
    /// Seconds from cycle to cycle, a multiple of 5
    #[arg(long, default_value_t = 60, value_parser = cycle)]
    cycle: u32,
    /// Runs at once; as many as there are processors unless given
    #[arg(long)]
    jobs: Option<NonZeroUsize>,
    /// Write the best policy to a file of settings, for `wnm --config` and `wnm-sim run --policy`; - is standard output
    #[arg(long, value_name = "POLICY.toml")]
    out: Option<PathBuf>,
    /// Write tune.txt, tune.json, front.svg and runs.jsonl.gz into a folder
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
        // Whether it can be written is known before the first run; what it holds goes when there is something better.
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
    let report = Report::new(&search, &found, exit == Exit::Done)?;
    tell(args, &report, &report.picture(&search, &found)?)?;
    Ok(exit)
}

/// Returns a flag that SIGINT and SIGTERM set; the second one ends the program at once.
fn interrupted() -> Result<Arc<AtomicBool>, SimError> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // The order matters: the flag must still be down when the first one asks for it.
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&flag))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
            .map_err(|source| SimError::Input(format!("signals cannot be caught: {source}")))?;
    }
    Ok(flag)
}

fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Writes and prints what came of it.
fn tell(args: &Args, report: &Report, picture: &str) -> Result<(), SimError> {
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
    // Standard output has the policy alone.
    if args.out.as_deref().is_none_or(|path| !is_standard(path)) {
        write(Path::new("-"), if args.json { &json } else { &page })?;
    }
    Ok(())
}

/// Returns what is to be searched, checked before the first run.
fn plan(args: &Args) -> Result<Search, SimError> {
    let set = set_all(RawSettings::default(), "--set", &args.set)?;
    if args.days * 86_400.0 < f64::from(args.cycle) {
        return Err(SimError::Input(format!("--days {}: expected at least one cycle of {} s", args.days, args.cycle)));
    }
    let find = |names: &[String]| {
        let found =
            names.iter().map(|name| CapacityScenario::find(name, &set)).collect::<Result<Vec<_>, _>>()?.concat();
        let mut once: Vec<CapacityScenario> = Vec::new();
        for spec in found {
            if !once.iter().any(|known| known.name == spec.name) {
                once.push(spec);
            }
        }
        Ok::<_, SimError>(once)
    };
    let (seen, judged_in) = split(find(&args.scenarios)?, find(&args.held_out)?)?;
    let base = PilotSpec::parse(&args.policy, &set)?;
    if base.is_baseline() {
        let what = "expected a preset (steady, classic) or a file of settings: baselines have none";
        return Err(SimError::Input(format!("--policy {}: {what}", args.policy)));
    }
    let against = args.against.iter().map(|name| PilotSpec::parse(name, &set)).collect::<Result<Vec<_>, _>>()?;
    let space = Space::new(base.settings.preset.unwrap_or(Preset::Classic), &args.bounds, &set)?;
    let mut drawn = space.candidates((args.budget / seen.len()).max(plan::LEAST), args.seed);
    let began_at =
        Policy::new(&base.settings, None).map_err(|problems| SimError::Input(format!("policy: {problems}")))?;
    drawn.retain(|values| values != &space.values_of(&began_at));
    let sizes = Sizes {
        budget: args.budget,
        seen: seen.len(),
        judged: judged_in.len(),
        baselines: 1 + against.len(),
        candidates: 1 + drawn.len(),
    };
    let plan = Plan::new(sizes)?;
    drawn.truncate(plan.rungs.first().map_or(0, |rung| rung.candidates) - 1);
    let search = Search {
        base,
        space,
        drawn,
        seen,
        judged_in,
        against,
        plan,
        seed: args.seed,
        days: args.days,
        cycle: args.cycle,
    };
    search.check()?;
    Ok(search)
}

/// Scenarios from which on some are held out without being asked for.
const ENOUGH: usize = 4;

/// Returns the scenarios of the search and those of the judgement.
///
/// The two hosts of a scenario stay on one side, unless they are named. Where nothing is held out, only seeds are.
fn split(
    all: Vec<CapacityScenario>,
    held_out: Vec<CapacityScenario>,
) -> Result<(Vec<CapacityScenario>, Vec<CapacityScenario>), SimError> {
    let (seen, judged_in): (Vec<_>, Vec<_>) = if held_out.is_empty() {
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
        let (judged_in, seen): (Vec<_>, Vec<_>) = all.into_iter().partition(is_held_out);
        if judged_in.is_empty() { (seen.clone(), seen) } else { (seen, judged_in) }
    } else {
        let is_seen = |spec: &CapacityScenario| held_out.iter().all(|held| held.name != spec.name);
        (all.into_iter().filter(is_seen).collect(), held_out)
    };
    if seen.is_empty() {
        let what = "expected a --scenario that is not held out, found none: name more of them, or hold fewer out";
        return Err(SimError::Input(what.to_owned()));
    }
    Ok((seen, judged_in))
}
