//! The runs of a comparison: which there are, and how they are made, until somebody wants an end.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use serde::Serialize;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use wnm_core::RawSettings;

use super::field::Field;
use crate::capacity::{CapacityScenario, PilotSpec, run_once};
use crate::output::Output;
use crate::run_file::{RunLine, VERSION};
use crate::{SimError, jobs};

/// Scenarios that are run in short cycles as well, where they are among those compared.
const FINE: [&str; 5] = ["noisy-2", "storms-16", "bursts-2", "filling-disk-16", "trace-build-2"];
/// Seconds of a short cycle.
pub(super) const FINE_CYCLE: u32 = 5;
/// Seeds in short cycles, at most.
pub(super) const FINE_SEEDS: u64 = 5;

/// Seeds without each part of steady, at most.
const ABLATED_SEEDS: u64 = 3;

/// How much is run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Extent {
    /// The first seed.
    pub(super) seed: u64,
    /// How many there are to be.
    pub(super) seeds: u64,
    /// The length of each run.
    pub(super) days: f64,
    /// Seconds from cycle to cycle, but for those scenarios that are run in short cycles as well.
    pub(super) cycle: u32,
}

impl Extent {
    pub(super) fn check(self) -> Result<(), SimError> {
        let Self { days, cycle, .. } = self;
        let is_fine = days * 86_400.0 >= f64::from(cycle);
        let wrong = || SimError::Input(format!("--days {days}: expected at least one cycle of {cycle} s"));
        if is_fine { Ok(()) } else { Err(wrong()) }
    }

    /// Tells whether a run is of a seed with which steady runs without each of its parts as well.
    pub(super) fn is_ablated(self, run: &RunLine) -> bool {
        run.cycle == self.cycle && run.seed.wrapping_sub(self.seed) < ABLATED_SEEDS
    }
}

/// Returns the scenarios of these names.
///
/// # Errors
/// There is none of a name, or two are called the same, so that their runs could not be told apart.
pub(super) fn scenarios(names: &[String]) -> Result<Vec<CapacityScenario>, SimError> {
    let found = names.iter().map(|name| CapacityScenario::find(name, &RawSettings::default()));
    let all = found.collect::<Result<Vec<_>, _>>()?.concat();
    let mut known = BTreeSet::new();
    let twice = all.iter().find(|spec| !known.insert(&spec.name)).map(|spec| spec.name.clone());
    match twice {
        Some(name) => {
            Err(SimError::Input(format!("scenario {name}: expected each scenario once, found two of this name")))
        }
        None => Ok(all),
    }
}

/// One run that is to be made.
struct Task<'a> {
    spec: &'a CapacityScenario,
    pilot: &'a PilotSpec,
    /// Counts the seeds before.
    turn: u64,
    seed: u64,
    days: f64,
    cycle: u32,
}

/// All runs, seed by seed.
pub(super) struct Plan<'a> {
    tasks: Vec<Task<'a>>,
    seeds: u64,
}

impl<'a> Plan<'a> {
    pub(super) fn new(specs: &'a [CapacityScenario], field: &'a Field, extent: Extent) -> Self {
        let Extent { days, seeds, .. } = extent;
        let mut tasks = Vec::new();
        for turn in 0..seeds {
            let seed = extent.seed.wrapping_add(turn);
            let task = |spec, pilot, cycle| Task { spec, pilot, turn, seed, days, cycle };
            for spec in specs {
                tasks.extend(field.entrants_in(spec).map(|pilot| task(spec, pilot, extent.cycle)));
                if turn < ABLATED_SEEDS {
                    tasks.extend(field.ablated().map(|pilot| task(spec, pilot, extent.cycle)));
                }
                let is_fine = FINE.contains(&spec.name.as_str()) && extent.cycle != FINE_CYCLE;
                if is_fine && turn < FINE_SEEDS {
                    tasks.extend(field.entrants_in(spec).map(|pilot| task(spec, pilot, FINE_CYCLE)));
                }
            }
        }
        Self { tasks, seeds }
    }
}

/// Why runs are not gone on with.
enum End {
    Interrupted,
    Failed(SimError),
}

impl From<SimError> for End {
    fn from(error: SimError) -> Self {
        Self::Failed(error)
    }
}

/// What is done beside making runs: show how far they are, write them down, and listen for an interruption.
pub(super) struct Watch {
    out: Option<Output>,
    jobs: NonZeroUsize,
    target: ProgressBar,
    is_over: Arc<AtomicBool>,
}

impl Watch {
    /// Begins to listen: the first interruption ends the runs in good order, the second one at once.
    pub(super) fn new(out: Option<Output>, jobs: NonZeroUsize) -> Result<Self, SimError> {
        let is_over = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, 130, Arc::clone(&is_over))
                .and_then(|_| flag::register(signal, Arc::clone(&is_over)))
                .map_err(|error| SimError::Input(format!("cannot listen for an interruption: {error}")))?;
        }
        // Drawn on standard error where that is a terminal, and nowhere else.
        let target = ProgressBar::no_length().with_finish(ProgressFinish::AndClear);
        if let Ok(style) = ProgressStyle::with_template("{target:30} {pos}/{len} runs, {eta} left  {msg}") {
            target.set_style(style);
        }
        Ok(Self { out, jobs, target, is_over })
    }

    /// Finds the fixed count that serves each scenario best, with hindsight, on a seed that is not compared. Tells
    /// whether it came to the end.
    pub(super) fn choose_fixed(
        &mut self,
        field: &mut Field,
        specs: &[CapacityScenario],
        extent: Extent,
    ) -> Result<bool, SimError> {
        let tries = Field::fixed_tries(specs);
        self.begin(tries.len());
        let seed = extent.seed.wrapping_sub(1);
        let work = |(spec, nodes): &(&CapacityScenario, u32)| {
            let mut pilot = PilotSpec::fixed("fixed", *nodes).pilot(spec)?;
            Ok(run_once(spec, &mut pilot, seed, extent.days, extent.cycle).scalar())
        };
        let mut scalars = Vec::with_capacity(tries.len());
        let done = jobs::in_order(&tries, self.jobs, work, |(spec, _), scalar: Result<f64, SimError>| {
            self.count(|| format!("{} fixed", spec.name))?;
            scalars.push(scalar?);
            Ok(())
        });
        let is_whole = whole(done)?;
        if is_whole {
            field.take_fixed(&tries, &scalars);
        }
        Ok(is_whole)
    }

    /// Makes all runs, and returns those of the seeds that are complete, and how many seeds these are.
    pub(super) fn make(&mut self, plan: &Plan<'_>) -> Result<(Vec<RunLine>, u64), SimError> {
        self.begin(plan.tasks.len());
        let work = |task: &Task<'_>| {
            let Task { spec, pilot, seed, days, cycle, .. } = *task;
            Ok(run_once(spec, &mut pilot.pilot(spec)?, seed, days, cycle))
        };
        let mut runs = Vec::with_capacity(plan.tasks.len());
        let done = jobs::in_order(&plan.tasks, self.jobs, work, |task, score: Result<_, SimError>| {
            let Task { spec, pilot, seed, days, cycle, .. } = *task;
            let (scenario, policy) = (spec.name.clone(), pilot.name.clone());
            self.count(|| format!("seed {seed} {scenario} {policy}"))?;
            let run = RunLine { wnm_run: VERSION, scenario, policy, seed, days, cycle, score: score? };
            if let Some(out) = &mut self.out {
                out.line(&serde_json::to_string(&run).unwrap_or_default())?;
                // What is there stays, however this ends.
                out.flush()?;
            }
            runs.push(run);
            Ok(())
        });
        whole(done)?;
        let seeds = plan.tasks.get(runs.len()).map_or(plan.seeds, |open| open.turn);
        let complete = plan.tasks.iter().take(runs.len()).filter(|task| task.turn < seeds).count();
        runs.truncate(complete);
        Ok((runs, seeds))
    }

    /// Brings everything to its place.
    pub(super) fn finish(self) -> Result<(), SimError> {
        self.target.finish_and_clear();
        self.out.map_or(Ok(()), Output::finish)
    }

    fn begin(&self, runs: usize) {
        self.target.reset();
        self.target.set_length(runs as u64);
    }

    fn count(&self, what: impl FnOnce() -> String) -> Result<(), End> {
        if self.is_over.load(Ordering::Relaxed) {
            return Err(End::Interrupted);
        }
        self.target.inc(1);
        self.target.set_message(what());
        Ok(())
    }
}

fn whole(done: Result<(), End>) -> Result<bool, SimError> {
    match done {
        Ok(()) => Ok(true),
        Err(End::Interrupted) => Ok(false),
        Err(End::Failed(error)) => Err(error),
    }
}
