//! The runs of a comparison, and their execution with progress and interruption.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use serde::Serialize;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use wnm_core::RawSettings;

use super::policies::Policies;
use crate::capacity::recording::TraceFacts;
use crate::capacity::{CapacityScenario, Groups, PilotSpec, run_once};
use crate::output::Output;
use crate::run_file::{RunLine, VERSION};
use crate::{SimError, jobs};

/// Scenarios that also run in short cycles.
const FINE: [&str; 5] = ["noisy-2", "storms-4", "bursts-2", "filling-disk-16", "trace-build-2"];
/// Length of a short cycle, in seconds.
pub(super) const FINE_CYCLE: u32 = 5;
/// The most seeds in short cycles, which take twelve times as long as cycles of a minute.
pub(super) const FINE_SEEDS: u64 = 3;

/// The most seeds of the ablation.
const ABLATED_SEEDS: u64 = 3;

/// The extent of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Extent {
    /// The first seed.
    pub(super) seed: u64,
    /// Number of seeds.
    pub(super) seeds: u64,
    /// Length of a run, in days.
    pub(super) days: f64,
    /// Length of a cycle, in seconds; five scenarios also run in cycles of 5 s.
    pub(super) cycle: u32,
}

impl Extent {
    pub(super) fn check(self) -> Result<(), SimError> {
        let Self { days, cycle, .. } = self;
        let is_fine = days * 86_400.0 >= f64::from(cycle);
        let wrong = || SimError::input(format!("invalid --days {days}: shorter than one cycle of {cycle} s"));
        if is_fine { Ok(()) } else { Err(wrong()) }
    }

    /// Tells whether a run belongs to the seeds on which the ablation runs.
    pub(super) fn is_ablated(self, run: &RunLine) -> bool {
        run.cycle == self.cycle && run.seed.wrapping_sub(self.seed) < ABLATED_SEEDS
    }
}

/// Returns the scenarios with these names.
///
/// # Errors
/// A name is unknown, or two scenarios have the same name, so that their runs could not be distinguished.
pub(super) fn scenarios(names: &[String], cpus: Option<u32>) -> Result<Vec<CapacityScenario>, SimError> {
    let facts = TraceFacts { cpus, ..TraceFacts::default() };
    let found = names.iter().map(|name| CapacityScenario::find(name, &RawSettings::default(), facts));
    let all = found.collect::<Result<Vec<_>, _>>()?.concat();
    let mut known = BTreeSet::new();
    let twice = all.iter().find(|spec| !known.insert(&spec.name)).map(|spec| spec.name.clone());
    match twice {
        Some(name) => Err(SimError::input(format!("two scenarios have the name {name}"))),
        None => Ok(all),
    }
}

/// A run to execute.
struct Task<'a> {
    spec: &'a CapacityScenario,
    pilot: &'a PilotSpec,
    /// Index of the seed.
    seed_index: u64,
    seed: u64,
    days: f64,
    cycle: u32,
}

/// All runs, ordered by seed, so that an interrupted comparison has complete seeds.
pub(super) struct Plan<'a> {
    tasks: Vec<Task<'a>>,
    seeds: u64,
}

impl<'a> Plan<'a> {
    pub(super) fn new(specs: &'a [CapacityScenario], policies: &'a Policies, extent: Extent) -> Self {
        let Extent { days, seeds, .. } = extent;
        let mut tasks = Vec::new();
        for seed_index in 0..seeds {
            let seed = extent.seed.wrapping_add(seed_index);
            let task = |spec, pilot, cycle| Task { spec, pilot, seed_index, seed, days, cycle };
            for spec in specs {
                tasks.extend(policies.policies_in(spec).map(|pilot| task(spec, pilot, extent.cycle)));
                if seed_index < ABLATED_SEEDS {
                    tasks.extend(policies.ablated().map(|pilot| task(spec, pilot, extent.cycle)));
                }
                let is_fine = FINE.contains(&spec.name.as_str()) && extent.cycle != FINE_CYCLE;
                if is_fine && seed_index < FINE_SEEDS {
                    tasks.extend(policies.policies_in(spec).map(|pilot| task(spec, pilot, FINE_CYCLE)));
                }
            }
        }
        Self { tasks, seeds }
    }
}

/// The reason why the runs ended early.
enum End {
    Interrupted,
    Failed(SimError),
}

impl From<SimError> for End {
    fn from(error: SimError) -> Self {
        Self::Failed(error)
    }
}

/// Executes runs: shows progress, writes each run to the output, and watches for an interrupt.
pub(super) struct Watch {
    out: Option<Output>,
    jobs: NonZeroUsize,
    bar: ProgressBar,
    is_over: Arc<AtomicBool>,
}

impl Watch {
    /// Installs signal handlers: the first interrupt ends after the current runs, the second immediately.
    pub(super) fn new(out: Option<Output>, jobs: NonZeroUsize) -> Result<Self, SimError> {
        let is_over = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, 130, Arc::clone(&is_over))
                .and_then(|_| flag::register(signal, Arc::clone(&is_over)))
                .map_err(|error| SimError::input(format!("cannot install a signal handler: {error}")))?;
        }
        // indicatif draws on standard error, and only where that is a terminal.
        let bar = ProgressBar::no_length().with_finish(ProgressFinish::AndClear);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} runs, {eta} left  {msg}") {
            bar.set_style(style);
        }
        Ok(Self { out, jobs, bar, is_over })
    }

    /// Selects the best fixed node count of each scenario on a seed outside the comparison. Returns false after an
    /// interrupt.
    pub(super) fn choose_fixed(
        &mut self,
        policies: &mut Policies,
        specs: &[CapacityScenario],
        extent: Extent,
    ) -> Result<bool, SimError> {
        let tries = Policies::fixed_tries(specs);
        self.begin(tries.len());
        // A seed outside the comparison, so that the baseline is not fitted to its own test.
        let seed = extent.seed.wrapping_sub(1);
        let work = |(spec, nodes): &(&CapacityScenario, u32)| {
            let mut pilot = PilotSpec::fixed("fixed", *nodes).on(Groups::Absent).pilot(spec)?;
            Ok(run_once(spec, &mut pilot, seed, extent.days, extent.cycle).scalar())
        };
        let mut scalars = Vec::with_capacity(tries.len());
        // The baseline is chosen with hindsight on purpose: no real operator knows the best count in advance.
        let done = jobs::in_order(&tries, self.jobs, work, |(spec, _), scalar: Result<f64, SimError>| {
            self.count(|| format!("{} fixed", spec.name))?;
            scalars.push(scalar?);
            Ok(())
        });
        let is_whole = whole(done)?;
        if is_whole {
            policies.take_fixed(&tries, &scalars);
        }
        Ok(is_whole)
    }

    /// Executes the plan; returns the runs of the complete seeds and the number of these seeds.
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
                // A flushed run survives whatever ends the program.
                out.flush()?;
            }
            runs.push(run);
            Ok(())
        });
        whole(done)?;
        let seeds = plan.tasks.get(runs.len()).map_or(plan.seeds, |open| open.seed_index);
        let complete = plan.tasks.iter().take(runs.len()).filter(|task| task.seed_index < seeds).count();
        runs.truncate(complete);
        Ok((runs, seeds))
    }

    /// Clears the progress bar and writes the end of the output.
    pub(super) fn finish(self) -> Result<(), SimError> {
        self.bar.finish_and_clear();
        self.out.map_or(Ok(()), Output::finish)
    }

    fn begin(&self, runs: usize) {
        self.bar.reset();
        self.bar.set_length(runs as u64);
    }

    fn count(&self, message: impl FnOnce() -> String) -> Result<(), End> {
        if self.is_over.load(Ordering::Relaxed) {
            return Err(End::Interrupted);
        }
        self.bar.inc(1);
        self.bar.set_message(message());
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
