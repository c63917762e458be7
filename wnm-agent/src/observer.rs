//! Observers of a cycle: progress bars, checks, trace events.

use std::time::Instant;

use wnm_core::steps::{Effect, Executor, Journal, JournalError, Step, StepFailure};
use wnm_core::{ActionId, ActionRecord, Colony, Decision, Observation, StepRecord, Timestamp};

use crate::trigger::Trigger;

/// The input and the result of the decision of one cycle.
#[derive(Debug, Clone, Copy)]
pub struct Evaluated<'a> {
    /// The cause of the cycle.
    pub trigger: &'a Trigger,
    /// The colony as loaded, its state completed by the unfinished actions.
    pub colony: &'a Colony,
    /// The observation of the cycle.
    pub observation: &'a Observation,
    /// The decision, additions that cannot have their ports included.
    pub decision: &'a Decision,
}

/// Follows a cycle without changing it. Every method does nothing by default.
pub trait Observer {
    /// Called after the decision and before the intent is stored; the last call in a dry run.
    fn evaluated(&mut self, evaluated: Evaluated<'_>) {
        let _ = evaluated;
    }

    /// Called before the first step, with every action that the cycle works on.
    fn executing(&mut self, records: &[ActionRecord]) {
        let _ = records;
    }

    /// Called before a completed step is written to the journal.
    fn step_done(&mut self, step: &StepRecord) {
        let _ = step;
    }
}

/// Observes nothing.
impl Observer for () {}

/// A journal that reports each step to an observer first.
pub(crate) struct ObservedJournal<'a, J, O> {
    pub(crate) journal: &'a mut J,
    pub(crate) observer: &'a mut O,
}

impl<J: Journal, O: Observer> Journal for ObservedJournal<'_, J, O> {
    fn step_done(&mut self, action: ActionId, record: &StepRecord) -> Result<(), JournalError> {
        self.observer.step_done(record);
        self.journal.step_done(action, record)
    }

    fn turned_back(&mut self, action: ActionId, failure: &StepFailure) -> Result<(), JournalError> {
        self.journal.turned_back(action, failure)
    }
}

/// An executor that logs each step with its time at the level of `wnm -v`, and has a trace event before and after it, so
/// that a test can end the process there.
pub(crate) struct TracedExecutor<E>(pub(crate) E);

impl<E: Executor> Executor for TracedExecutor<E> {
    fn perform(&mut self, record: &ActionRecord, step: Step, now: Timestamp) -> Effect {
        let node = record.node();
        let begun = tracing::enabled!(tracing::Level::DEBUG).then(Instant::now);
        tracing::trace!(target: "points", ?step, moment = "before", %node);
        let effect = self.0.perform(record, step, now);
        tracing::trace!(target: "points", ?step, moment = "after", %node);
        if let Some(begun) = begun {
            let ended = match &effect {
                Effect::Done(_) => "done",
                Effect::NotYet(cause) => cause,
                Effect::Failed(error) => &error.message,
            };
            let milliseconds = u64::try_from(begun.elapsed().as_millis()).ok();
            tracing::debug!(node = node.name(), %step, milliseconds, "{ended}");
        }
        effect
    }
}
