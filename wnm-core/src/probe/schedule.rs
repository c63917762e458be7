//! The decision which runs start and which end, a pure function of time and of the runs that ended.

use std::time::Duration;

use super::ceiling::{ProbeCeilings, ProbeLedger, Refused, millis};
use super::outcome::ProbeRun;
use super::plan::{KnownFile, ProbeKind, ProbePlan, ProbeTask, SeededFile};
use super::window::Gate;
use crate::model::units::{Bytes, Timestamp};

/// The number of a run, unique in its schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

/// The file of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A file on the network.
    Known(KnownFile),
    /// A file that is made from a seed.
    Seeded(SeededFile),
}

impl Subject {
    /// Returns the bytes that the run counts for at its start: those of a seed, or the most of the class of a known file.
    #[must_use]
    pub const fn bytes(&self) -> Bytes {
        match self {
            Self::Known(file) => file.size.most(),
            Self::Seeded(file) => file.bytes,
        }
    }

    /// Returns the name for people: that of a known file, or `seed N`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Known(file) => file.name.clone(),
            Self::Seeded(file) => format!("seed {}", file.seed),
        }
    }
}

/// A run that is to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The number of the run.
    pub run: RunId,
    /// The task.
    pub task: ProbeTask,
    /// The file.
    pub subject: Subject,
    /// The attempt, from 1 on.
    pub attempt: u32,
}

/// An order of the schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Start this run.
    Start(Box<Assignment>),
    /// End this run.
    End(RunId),
}

/// The condition of one worker of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Worker {
    /// The worker has done its runs of this period.
    Idle,
    /// The next run starts at this time or later, in milliseconds of the monotonic clock.
    Waiting { at: i64, left: u32, again: Option<(Subject, u32)> },
    /// A run is running.
    Running { run: RunId, left: u32, subject: Subject, attempt: u32 },
}

#[derive(Debug, Clone)]
struct TaskState {
    task: ProbeTask,
    /// The number of the last period that began, counted from 1970.
    period: Option<i64>,
    workers: Vec<Worker>,
    /// The count of files chosen so far.
    chosen: u64,
    /// The reason why the last due run did not start; None after a start.
    refused: Option<Refused>,
}

/// The schedule of a plan.
///
/// Two clocks drive it: periods follow the wall clock, and ceilings and pauses follow a monotonic one, so that a wall
/// clock that jumps never starts more runs than the ceilings allow.
#[derive(Debug, Clone)]
pub struct ProbeSchedule {
    plan: ProbePlan,
    ceilings: ProbeCeilings,
    ledger: ProbeLedger,
    tasks: Vec<TaskState>,
    next: u64,
    seed: u64,
}

impl ProbeSchedule {
    /// Returns a schedule without tasks. `seed` chooses the content of files without a seed in the plan.
    #[must_use]
    pub fn new(ceilings: ProbeCeilings, ledger: ProbeLedger, seed: u64) -> Self {
        Self { plan: ProbePlan::default(), ceilings, ledger, tasks: Vec::new(), next: 1, seed }
    }

    /// Replaces the plan. A task that is unchanged keeps its progress; the runs of a task that is gone continue.
    pub fn set_plan(&mut self, plan: ProbePlan) {
        let mut before = std::mem::take(&mut self.tasks);
        for task in &plan.tasks {
            let unchanged = before.iter().position(|state| state.task == *task);
            let state = unchanged.map(|at| before.swap_remove(at));
            self.tasks.push(state.unwrap_or_else(|| TaskState {
                workers: vec![Worker::Idle; task.workers as usize],
                task: task.clone(),
                period: None,
                chosen: 0,
                refused: None,
            }));
        }
        // A task without a place in the plan begins no further run.
        for mut state in before {
            state.workers.retain(|worker| matches!(worker, Worker::Running { .. }));
            for worker in &mut state.workers {
                if let Worker::Running { left, .. } = worker {
                    *left = 0;
                }
            }
            if !state.workers.is_empty() {
                state.period = Some(i64::MAX);
                self.tasks.push(state);
            }
        }
        self.plan = plan;
    }

    /// Counts a run of another process for the ceilings.
    pub fn remember(&mut self, run: &ProbeRun, now: Timestamp, elapsed: Duration) {
        self.ledger.remember_run(run, now, elapsed);
    }

    /// Returns the plan.
    #[must_use]
    pub const fn plan(&self) -> &ProbePlan {
        &self.plan
    }

    /// Returns the count of running runs.
    #[must_use]
    pub fn running(&self) -> usize {
        self.tasks.iter().map(TaskState::running).sum()
    }

    /// Tells whether a run waits: for its time, for its turn, or for another attempt.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        let mut workers = self.tasks.iter().flat_map(|state| &state.workers);
        workers.any(|worker| matches!(worker, Worker::Waiting { .. }))
    }

    /// Returns the due runs of each task that do not start, with the reason.
    pub fn refused(&self) -> impl Iterator<Item = (&str, Refused)> {
        self.tasks.iter().filter_map(|state| Some((state.task.name.as_str(), state.refused?)))
    }

    /// Returns the orders of a moment: `now` by the wall clock, `elapsed` by the monotonic one.
    pub fn step(&mut self, now: Timestamp, elapsed: Duration, gate: Gate, uploads: Result<(), Refused>) -> Vec<Order> {
        let time = millis(elapsed);
        for state in &mut self.tasks {
            state.begin_period(now, time);
        }
        if gate == Gate::Closed {
            return self.tasks.iter().flat_map(TaskState::runs).map(Order::End).collect();
        }
        if gate == Gate::Draining {
            return Vec::new();
        }
        let mut orders = Vec::new();
        let mut at_once = self.running();
        for state in &mut self.tasks {
            for index in 0..state.workers.len() {
                let Some(Worker::Waiting { at, left, again }) = state.workers.get(index) else { continue };
                if *at > time {
                    continue;
                }
                let left = *left;
                let (subject, attempt) =
                    again.clone().unwrap_or_else(|| (choose(&self.plan, state, self.seed.wrapping_add(self.next)), 1));
                let kind = state.task.kind;
                let admitted = if at_once >= self.ceilings.at_once as usize {
                    Err(Refused::AtOnce(self.ceilings.at_once))
                } else if kind == ProbeKind::Upload && uploads.is_err() {
                    uploads
                } else {
                    self.ledger.admit(self.ceilings, kind, subject.bytes(), elapsed)
                };
                state.refused = admitted.err();
                if admitted.is_err() {
                    continue;
                }
                state.chosen += 1;
                let run = RunId(self.next);
                self.next += 1;
                at_once += 1;
                let task = state.task.clone();
                orders.push(Order::Start(Box::new(Assignment { run, task, subject: subject.clone(), attempt })));
                if let Some(worker) = state.workers.get_mut(index) {
                    *worker = Worker::Running { run, left, subject, attempt };
                }
            }
        }
        orders
    }

    /// Records the end of a run. A run that failed is repeated as often as its task allows; uploads never are.
    pub fn ended(&mut self, run: RunId, failed: Failed, elapsed: Duration) {
        for state in &mut self.tasks {
            let (retry, kind) = (state.task.retry, state.task.kind);
            for worker in &mut state.workers {
                let Worker::Running { run: running, left, subject, attempt } = worker else { continue };
                if *running != run {
                    continue;
                }
                let at = millis(elapsed.saturating_add(ProbeTask::PAUSE));
                let repeats = failed == Failed::Yes && *attempt <= retry && kind != ProbeKind::Upload;
                *worker = if repeats {
                    Worker::Waiting { at, left: *left, again: Some((subject.clone(), *attempt + 1)) }
                } else if *left > 0 {
                    Worker::Waiting { at, left: *left - 1, again: None }
                } else {
                    Worker::Idle
                };
            }
        }
    }
}

/// Whether a run failed, so that another attempt may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// The run failed.
    Yes,
    /// The run succeeded, or was ended by wnm.
    No,
}

impl TaskState {
    fn running(&self) -> usize {
        self.runs().count()
    }

    fn runs(&self) -> impl Iterator<Item = RunId> {
        self.workers.iter().filter_map(|worker| match worker {
            Worker::Running { run, .. } => Some(*run),
            Worker::Idle | Worker::Waiting { .. } => None,
        })
    }

    /// Gives each worker its runs, when another period has begun. Those that are left of the period before are dropped; a
    /// run that is running is completed first.
    fn begin_period(&mut self, now: Timestamp, time: i64) {
        let period = (now.as_millis() - millis(self.task.offset)).div_euclid(millis(self.task.every).max(1));
        if self.period == Some(i64::MAX) || self.period == Some(period) {
            return;
        }
        self.period = Some(period);
        for worker in &mut self.workers {
            match worker {
                Worker::Running { left, .. } => *left = self.task.repeat,
                Worker::Idle | Worker::Waiting { .. } => {
                    *worker = Worker::Waiting { at: time, left: self.task.repeat.saturating_sub(1), again: None };
                }
            }
        }
    }
}

/// Chooses the next file of a task: all files of its class in turn, or a file of new content. `seed` is that of the new
/// content: another one for each run, because the network stores no content twice.
fn choose(plan: &ProbePlan, state: &TaskState, seed: u64) -> Subject {
    let size = state.task.size;
    let turn = |count: usize| usize::try_from(state.chosen).unwrap_or(0) % count.max(1);
    if state.task.kind == ProbeKind::Download {
        let count = plan.files_of(size).count();
        if let Some(file) = plan.files_of(size).nth(turn(count)) {
            return Subject::Known(file.clone());
        }
    }
    let count = plan.seeds_of(size).count();
    let new = || SeededFile { size, seed: mixed(seed), bytes: size.usual(), md5: None };
    Subject::Seeded(plan.seeds_of(size).nth(turn(count)).cloned().unwrap_or_else(new))
}

/// Returns the number mixed by the finaliser of SplitMix64 (Steele, Lea and Flood 2014), so that consecutive numbers give
/// unrelated seeds.
const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests;
