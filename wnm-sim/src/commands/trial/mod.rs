//! `wnm-sim try`: the effect of changed settings on a recorded host; calibrates the model, runs both policies, compares.

mod host;
mod report;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use wnm_core::RawSettings;

use crate::capacity::{CapacityScenario, PilotSpec, Score, run_observed, run_once};
use crate::commands::calibrate::calibrated;
use crate::commands::chart::{CollectedRun, side_by_side};
use crate::commands::run::check_length;
use crate::output::{Format, Output};
use crate::policy_args::{read_settings, set_all};
use crate::trace_file::{BadLines, TraceFile};
use crate::{Exit, SimError, candidates, jobs, values};

use report::Trial;

/// Show what changed settings would have done on a recorded host: calibrate, run and compare in one command
///
/// Fits the capacity model to the trace, and says first for which signals the fit is credible. Runs the present
/// settings (those of the trace, with --policy over them) and the changed ones (with --set over both) on that model, in a
/// closed loop, on the same seeds and under the recorded background load. Scores both by the limits of the present
/// settings.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wnm-sim try machine.jsonl.gz --set cpu_remove=80
  wnm-sim try machine.jsonl.gz --set preset=steady --output try.svg      also draw a day of both
  wnm-sim try old.jsonl --cpus 4 --policy present.toml --set node_cap=60   a trace without a header
  wnm-sim try machine.jsonl.gz --set cpu_remove=80 --scenario mine.toml && wnm-sim tune --scenario mine.toml

See docs/calibration.md for the method and its limits; `wnm record` writes traces.")]
pub(crate) struct Args {
    /// Read this trace; .gz is decompressed
    trace: PathBuf,
    /// Change one setting; repeatable
    #[arg(long = "set", value_name = "KEY=VALUE", required = true, add = candidates::settings())]
    set: Vec<String>,
    /// Read present settings from a TOML file, over those of the trace
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Set the number of processors where the trace has none
    #[arg(long, value_name = "N", value_parser = values::cpus)]
    cpus: Option<u32>,
    /// Set the first seed
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = values::seed)]
    seed: u64,
    /// Set the number of seeds
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = values::seeds_to_compare)]
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
    /// Draw the first day of both policies side by side, on the first seed
    #[arg(short, long, value_name = "FILE.svg", value_parser = values::svg_file)]
    output: Option<PathBuf>,
    /// Write the fitted host as a scenario, for run, tune and compare
    #[arg(long, value_name = "SCENARIO.toml")]
    scenario: Option<PathBuf>,
    /// Print the comparison as one JSON object
    #[arg(long)]
    json: bool,
    /// Skip and count invalid lines
    #[arg(long)]
    lenient: bool,
}

/// The longest part of a run that is drawn, in days: a week would hide the single decisions.
const DRAWN_DAYS: f64 = 1.0;

pub(crate) fn run(args: &Args) -> Result<Exit, SimError> {
    check_length(args.days, args.cycle)?;
    let (present, changes) = settings(args)?;
    let bad = BadLines::of_flag(args.lenient);
    let (calibration, facts) = calibrated(&args.trace, args.cpus, bad)?;
    let host = host::Host::new(&args.trace, &calibration, &facts, &present, bad)?;
    let pilots = [
        PilotSpec::engine("present", RawSettings::default(), None),
        PilotSpec::engine("changed", changes.clone(), None),
    ];
    // Contradictory settings end the command before the first run.
    for pilot in &pilots {
        pilot.pilot(&host.spec)?;
    }
    let scores = scores(args, &host.spec, &pilots)?;
    if let Some(path) = &args.output {
        write(path, &drawing(args, &host.spec, &pilots)?)?;
    }
    if let Some(path) = &args.scenario {
        write(path, &host.text)?;
    }
    let trial = Trial::new(args, &calibration, &host, &changes, &scores);
    let mut output = Output::standard();
    match Format::of_flag(args.json) {
        Format::Json => {
            output.line(&serde_json::to_string(&trial).map_err(|error| SimError::Output(error.into()))?)?;
        }
        Format::Text => output.text(&trial.page())?,
    }
    output.finish()?;
    Ok(Exit::Done)
}

/// Returns the present settings, and the changes.
fn settings(args: &Args) -> Result<(RawSettings, RawSettings), SimError> {
    let changes = set_all(RawSettings::default(), "--set", &args.set)?;
    if args.trace.as_os_str() == "-" {
        return Err(SimError::input("cannot read standard input: try reads the trace twice")
            .hint("write the trace to a file, and name that file"));
    }
    let file = TraceFile::open(&args.trace, BadLines::of_flag(args.lenient))?;
    let recorded = file.header().map(|header| header.policy.clone()).unwrap_or_default();
    let present = match &args.policy {
        Some(path) => read_settings(path)?.over(recorded),
        None => recorded,
    };
    Ok((present, changes))
}

/// Runs both policies on all seeds; returns the scores of the present and of the changed settings, seed by seed.
fn scores(args: &Args, spec: &CapacityScenario, pilots: &[PilotSpec; 2]) -> Result<[Vec<Score>; 2], SimError> {
    let seeds = (0..args.seeds).map(|further| args.seed.wrapping_add(further));
    let tasks: Vec<_> = seeds.flat_map(|seed| [(0, seed), (1, seed)]).collect();
    let work = |(side, seed): &(usize, u64)| {
        let mut pilot = pilots[*side].pilot(spec)?;
        Ok::<_, SimError>(run_once(spec, &mut pilot, *seed, args.days, args.cycle))
    };
    let mut scores = [Vec::new(), Vec::new()];
    jobs::in_order(&tasks, args.jobs.unwrap_or_else(jobs::available), work, |(side, _), score| {
        scores[*side].push(score?);
        Ok::<_, SimError>(())
    })?;
    Ok(scores)
}

/// Draws the first day of both policies on the first seed.
fn drawing(args: &Args, spec: &CapacityScenario, pilots: &[PilotSpec; 2]) -> Result<String, SimError> {
    let mut runs = Vec::with_capacity(pilots.len());
    for pilot in pilots {
        let mut driver = pilot.pilot(spec)?;
        let mut collected = CollectedRun::new(format!("{} settings", pilot.name), driver.policy().clone());
        run_observed(spec, &mut driver, args.seed, args.days.min(DRAWN_DAYS), args.cycle, |cycle| {
            collected.observe(cycle);
        });
        runs.push(collected);
    }
    side_by_side(&runs)
}

fn write(path: &std::path::Path, text: &str) -> Result<(), SimError> {
    let mut output = Output::create(path)?;
    output.text(text)?;
    output.finish()
}
