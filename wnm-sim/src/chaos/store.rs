//! The fake store: the ledger behind the agent's trait, with crashes and failing writes.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use wnm_agent::{Begin, CycleId, Finish, HintedError, Store};
use wnm_core::steps::{Journal, JournalError, Step, StepFailure, StepRecord};
use wnm_core::{Action, ActionId, ActionRecord, Colony, EngineState, Outcome, Reason, Settings, Timestamp};

use crate::chaos::crash::CrashCountdown;
use crate::chaos::invariants::{Property, Violation};
use crate::chaos::ledger::Ledger;

/// The reason why the fake store ends a cycle.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreFault {
    /// The manager crashes here.
    #[error("the manager crashed")]
    Crashed,
    /// The cycle violates a property.
    #[error(transparent)]
    Violated(Violation),
}

impl HintedError for StoreFault {}

impl HintedError for Violation {}

/// A store in memory that a crash may interrupt, and whose journal may fail.
#[derive(Debug)]
pub(crate) struct FakeStore {
    pub(crate) ledger: Rc<RefCell<Ledger>>,
    pub(crate) crash: Rc<CrashCountdown>,
    /// The number of journal writes that fail from now on.
    pub(crate) failing_writes: u32,
    /// The time for which the manager has run. A host that sleeps gives it no time, so that the limits of actions
    /// count this time and not that of the clock.
    pub(crate) awake: Duration,
    /// The colony that the last complete cycle left, equal to that of the ledger. A copy of all nodes would cost as
    /// much as the rest of a cycle.
    pub(crate) loaded: Option<Colony>,
    /// The begins of the actions of the rules, for the check of the pace.
    pub(crate) begun: Vec<Timestamp>,
    cycles: i64,
}

impl FakeStore {
    pub(crate) fn new(ledger: Rc<RefCell<Ledger>>, crash: Rc<CrashCountdown>) -> Self {
        Self { ledger, crash, failing_writes: 0, awake: Duration::ZERO, loaded: None, begun: Vec::new(), cycles: 0 }
    }

    /// Changes the record of an open action, unless the manager has crashed or the write fails.
    fn write(
        &mut self,
        action: ActionId,
        change: impl FnOnce(&mut ActionRecord) -> Leaving,
    ) -> Result<(), JournalError> {
        if !self.crash.pass() {
            return Err(JournalError(StoreFault::Crashed.into()));
        }
        if self.failing_writes > 0 {
            self.failing_writes -= 1;
            return Err(JournalError("no space left on the device".into()));
        }
        let ledger = &mut *self.ledger.borrow_mut();
        let open = ledger.open.iter_mut().find(|open| open.record.id == action);
        let open = open.ok_or_else(|| JournalError("no such action".into()))?;
        if change(&mut open.record) == Leaving::Yes
            && let Some(stored) = ledger.nodes.get_mut(&open.record.node())
        {
            stored.is_leaving = true;
        }
        Ok(())
    }
}

/// Whether a write means that the folder of the node goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaving {
    Yes,
    No,
}

impl Journal for FakeStore {
    fn step_done(&mut self, action: ActionId, done: &StepRecord) -> Result<(), JournalError> {
        self.write(action, |record| {
            let steps = if record.failure.is_none() { &mut record.done } else { &mut record.undone };
            steps.push(done.clone());
            if done.step == Step::Tombstone { Leaving::Yes } else { Leaving::No }
        })
    }

    fn turned_back(&mut self, action: ActionId, failure: &StepFailure) -> Result<(), JournalError> {
        self.write(action, |record| {
            record.failure = Some(failure.clone());
            if matches!(record.planned.action, Action::Add { .. }) { Leaving::Yes } else { Leaving::No }
        })
    }
}

impl Store for FakeStore {
    type Error = StoreFault;

    fn load(&mut self, settings: &Settings) -> Result<Colony, StoreFault> {
        if self.crash.has_crashed() {
            return Err(StoreFault::Crashed);
        }
        let ledger = self.ledger.borrow();
        let Some(mut colony) = self.loaded.take() else { return Ok(ledger.colony(settings)) };
        if colony.settings != *settings {
            colony.settings = settings.clone();
        }
        colony.unfinished = ledger.unfinished();
        debug_assert_eq!(colony, ledger.colony(settings), "the last cycle left another colony than the ledger");
        Ok(colony)
    }

    fn record_highest_id(&mut self, highest: u32) -> Result<u32, StoreFault> {
        Ok(highest)
    }

    fn begin(&mut self, begin: Begin<'_>) -> Result<(CycleId, Vec<ActionRecord>), StoreFault> {
        if !self.crash.pass() {
            return Err(StoreFault::Crashed);
        }
        self.cycles += 1;
        let now = begin.observation.now;
        let begun = begin.decision.actions.iter().filter(|planned| planned.reason != Reason::Requested);
        self.begun.extend(begun.map(|_| now));
        // The longest period of the ceiling is an hour.
        let old = self.begun.partition_point(|at| now.since(*at) > Duration::from_secs(3600));
        self.begun.drain(..old);
        let mut ledger = self.ledger.borrow_mut();
        let records = ledger.begin(begin.decision, begin.new_nodes, self.awake, begin.observation.now);
        Ok((CycleId(self.cycles), records))
    }

    fn finish(&mut self, finish: Finish<'_>) -> Result<(), StoreFault> {
        if !self.crash.pass() {
            return Err(StoreFault::Crashed);
        }
        check_acting(finish.state, finish.worked).map_err(StoreFault::Violated)?;
        let mut ledger = self.ledger.borrow_mut();
        ledger.finish(finish.worked, finish.state, finish.observation.now);
        if finish.observation.rebooted {
            // After a restart of the host every stopped node may start at once.
            ledger.nodes.values_mut().for_each(|stored| stored.stopped_at = None);
        }
        Ok(())
    }
}

/// Requires that a node counts as acting exactly while its action is pending.
fn check_acting(state: &EngineState, worked: &[(ActionRecord, Outcome)]) -> Result<(), Violation> {
    for (record, outcome) in worked {
        let is_pending = matches!(outcome, Outcome::Pending { .. });
        if state.acting.contains(&record.node()) != is_pending {
            let verb = record.planned.action.verb();
            let text = format!("{verb} of {} is {outcome:?}, and acting is {}", record.node(), !is_pending);
            return Err(Violation::new(Property::Ends, text));
        }
    }
    Ok(())
}
