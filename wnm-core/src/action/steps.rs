//! The steps of an action: idempotent, journalled one by one, and resumed at the step reached.
//!
//! No step waits. A step that is not complete leaves its action pending, and the next cycle resumes the action there.
//! Recovery after a crash takes the same path; no other recovery code exists.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::action::decision::{Action, Cancellation, Planned, ReasonGone};
use crate::action::failure_cause::FailureCause;
pub use crate::action::step::Step;
use crate::model::node::{Node, NodeId};
use crate::model::observation::ProcessIdentity;
use crate::model::units::Timestamp;

/// Number of an action in the journal, unique within a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct ActionId(pub i64);

/// The facts that a step records for later steps and for recovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "evidence", rename_all = "snake_case")]
pub enum Evidence {
    /// No facts beyond the completion of the step.
    Nothing,
    /// The process that was started.
    Process {
        /// Boot, number and start time of the process.
        process: ProcessIdentity,
    },
    /// The digests of the programs before and after, as lower-case hexadecimal SHA-256.
    Programs {
        /// Digest of the program in place; None when no program was in place.
        from: Option<String>,
        /// Digest of the staged program.
        to: String,
    },
    /// The new path of a moved folder.
    Moved {
        /// Absolute path below the trash folder.
        to: PathBuf,
    },
}

/// A completed step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StepRecord {
    /// The completed step.
    pub step: Step,
    /// Time of completion, on the clock of the colony.
    pub at: Timestamp,
    /// Facts for later steps.
    pub evidence: Evidence,
}

/// A failed step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StepFailure {
    /// The failed step.
    pub step: Step,
    /// Time of the failure, on the clock of the colony.
    pub at: Timestamp,
    /// The failure and its cause, lower case and without a full stop.
    pub error: String,
    /// The kind of cause.
    #[serde(default, skip_serializing_if = "FailureCause::is_other")]
    pub cause: FailureCause,
    /// How the operator can fix the cause; absent when there is no specific advice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// An action that has begun, with its progress so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActionRecord {
    /// Number in the journal.
    pub id: ActionId,
    /// The action with its reason.
    pub planned: Planned,
    /// Time at which the action began, on the clock of the colony.
    pub begun: Timestamp,
    /// Completed steps, in order.
    pub done: Vec<StepRecord>,
    /// The step that failed and started the undo; None while no step has failed.
    pub failure: Option<StepFailure>,
    /// Completed undo steps, in order.
    pub undone: Vec<StepRecord>,
}

impl ActionRecord {
    /// Returns the record of an action without any completed step.
    #[must_use]
    pub const fn new(id: ActionId, planned: Planned, begun: Timestamp) -> Self {
        Self { id, planned, begun, done: Vec::new(), failure: None, undone: Vec::new() }
    }

    /// Returns the node of the action.
    #[must_use]
    pub const fn node(&self) -> NodeId {
        self.planned.action.node()
    }

    /// Returns the next step, of the action or of its undo; None after the last one.
    #[must_use]
    pub fn next_step(&self) -> Option<Step> {
        match &self.failure {
            // By name and not by position: a record of an earlier version may have another order.
            None => {
                let is_done = |step: &Step| self.done.iter().any(|record| record.step == *step);
                self.planned.action.steps().iter().copied().find(|step| !is_done(step))
            }
            Some(failure) => self.planned.action.steps_back(failure.step).get(self.undone.len()).copied(),
        }
    }

    /// Returns the time at which the next step became due: the end of the step before it.
    #[must_use]
    pub fn waiting_since(&self) -> Timestamp {
        let back = self.failure.as_ref().map(|failure| self.undone.last().map_or(failure.at, |last| last.at));
        back.unwrap_or_else(|| self.done.last().map_or(self.begun, |last| last.at))
    }

    /// Returns the evidence of a completed step; None when the step is not complete.
    #[must_use]
    pub fn evidence(&self, step: Step) -> Option<&Evidence> {
        self.done.iter().find(|record| record.step == step).map(|record| &record.evidence)
    }

    /// Returns whether the node has the new description of the action, and not the one from before.
    #[must_use]
    pub fn is_switched(&self) -> bool {
        self.evidence(Step::Switch).is_some() && !self.undone.iter().any(|undone| undone.step == Step::SwitchBack)
    }

    /// Returns the new description of a node that the action has changed; None while the old one is true.
    #[must_use]
    pub fn changed(&self, node: &Node) -> Option<Node> {
        self.is_switched().then(|| self.planned.action.changed(node)).flatten()
    }

    /// Returns whether the action is a removal in its delay, which may still be cancelled.
    #[must_use]
    pub fn is_cancellable(&self) -> bool {
        let is_removal = matches!(self.planned.action, Action::Remove { .. });
        is_removal && self.next_step() == Some(Step::Linger) && self.evidence(Step::Tombstone).is_none()
    }

    fn ended(&self) -> Outcome {
        match &self.failure {
            None => Outcome::Done,
            Some(failure) => Outcome::Failed(Failure { failed: failure.clone(), rolled_back: true }),
        }
    }
}

/// The error of a journal that cannot be written: the step does not count as completed.
#[derive(Debug, thiserror::Error)]
#[error("expected to write to the journal: {0}")]
pub struct JournalError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// The durable record of progress, written before the next step runs.
pub trait Journal {
    /// Records a completed step.
    ///
    /// # Errors
    /// The record could not be made durable.
    fn step_done(&mut self, action: ActionId, record: &StepRecord) -> Result<(), JournalError>;

    /// Records a failed step, after which the action is undone.
    ///
    /// # Errors
    /// The record could not be made durable.
    fn turned_back(&mut self, action: ActionId, failure: &StepFailure) -> Result<(), JournalError>;
}

/// The result of one attempt at a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The step is complete, with its evidence.
    Done(Evidence),
    /// The step is not complete yet, for this reason.
    NotYet(String),
    /// The step failed, and the action is undone.
    Failed(StepError),
}

/// The error of a failed step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StepError {
    /// The failure and its cause, lower case and without a full stop.
    pub message: String,
    /// The kind of cause.
    pub cause: FailureCause,
    /// How the operator can fix the cause; None when there is no specific advice.
    pub hint: Option<String>,
}

impl StepError {
    /// Returns an error without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), cause: FailureCause::Other, hint: None }
    }
}

/// The executor of steps: the host, or a model of a host.
pub trait Executor {
    /// Attempts one step of an action. A repeated step must have no further effect.
    fn perform(&mut self, record: &ActionRecord, step: Step, now: Timestamp) -> Effect;
}

/// A failed action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Failure {
    /// The failed step.
    #[serde(flatten)]
    pub failed: StepFailure,
    /// Whether the undo restored the state before the action.
    pub rolled_back: bool,
}

/// The outcome of an action after a cycle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Every step is complete.
    Done,
    /// A step is not complete yet; the next cycle resumes the action there.
    Pending {
        /// The pending step.
        step: Step,
        /// Time at which the step became due.
        since: Timestamp,
        /// The condition that the step waits for.
        why: String,
    },
    /// A step failed.
    Failed(Failure),
    /// A removal ended in its delay: the node stays, stopped.
    Cancelled {
        /// The change that ended the reason of the removal.
        because: ReasonGone,
    },
}

/// Runs the next step of an action, or of its undo, and journals it.
///
/// Returns None when the next step can run at once, and the outcome of the action when its work in this cycle is over.
pub fn take_step(
    record: &mut ActionRecord,
    executor: &mut (impl Executor + ?Sized),
    journal: &mut (impl Journal + ?Sized),
    now: Timestamp,
) -> Option<Outcome> {
    let Some(step) = record.next_step() else { return Some(record.ended()) };
    let since = record.waiting_since();
    let pending = |why: String| Some(Outcome::Pending { step, since, why });
    let error = match executor.perform(record, step, now) {
        Effect::Done(evidence) => {
            let done = StepRecord { step, at: now, evidence };
            if let Err(error) = journal.step_done(record.id, &done) {
                return pending(error.to_string());
            }
            let list = if record.failure.is_none() { &mut record.done } else { &mut record.undone };
            list.push(done);
            return record.next_step().is_none().then(|| record.ended());
        }
        Effect::NotYet(why) => match step.patience() {
            Some(patience) if now.since(since) >= patience => StepError::new(why),
            Some(_) | None => return pending(why),
        },
        Effect::Failed(error) => error,
    };
    let failure = StepFailure { step, at: now, error: error.message, cause: error.cause, hint: error.hint };
    if record.failure.is_some() {
        // An undo has no undo: the action ends here, not rolled back.
        return Some(Outcome::Failed(Failure { failed: failure, rolled_back: false }));
    }
    if let Err(error) = journal.turned_back(record.id, &failure) {
        return pending(error.to_string());
    }
    record.failure = Some(failure);
    record.next_step().is_none().then(|| record.ended())
}

/// Runs the steps of all actions until each action has ended or is pending. A removal in its delay ends at once when the
/// engine has cancelled it.
///
/// The actions advance in lockstep, so that an effect shared by many nodes, such as the reload of the service manager
/// between definitions and starts, happens once.
pub fn carry_out(
    records: &mut [ActionRecord],
    cancelled: &[Cancellation],
    executor: &mut (impl Executor + ?Sized),
    journal: &mut (impl Journal + ?Sized),
    now: Timestamp,
) -> Vec<Outcome> {
    let cancel = |record: &ActionRecord| {
        let found = cancelled.iter().find(|found| found.node == record.node() && record.is_cancellable())?;
        Some(Outcome::Cancelled { because: found.because.clone() })
    };
    let mut outcomes: Vec<Option<Outcome>> = records.iter().map(cancel).collect();
    while outcomes.iter().any(Option::is_none) {
        for (record, outcome) in records.iter_mut().zip(&mut outcomes) {
            if outcome.is_none() {
                *outcome = take_step(record, executor, journal, now);
            }
        }
    }
    outcomes.into_iter().flatten().collect()
}
