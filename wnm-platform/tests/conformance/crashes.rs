//! wnm dies after each step of each action, with the record of that step written and without.

use wnm_core::steps::{Journal, JournalError, StepFailure, StepRecord};
use wnm_core::{Action, ActionId, ActionRecord, ManagerKind, NodeId, Outcome};
use wnm_platform::fake_node::Behaviour;

use crate::colony::{TestColony, wait_for};
use crate::lifecycle::{remove_of, upgrade_of};

/// Whether the record of the last step before the crash was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    Written,
    Lost,
}

/// A journal that fails, as a process that dies does, once so many records were written.
pub(crate) struct FailingJournal {
    pub(crate) left: usize,
    pub(crate) last: Last,
}

impl FailingJournal {
    fn write(&mut self) -> Result<(), JournalError> {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 && self.last == Last::Lost {
            return Err(JournalError("the process died".into()));
        }
        Ok(())
    }
}

impl Journal for FailingJournal {
    fn step_done(&mut self, _: ActionId, _: &StepRecord) -> Result<(), JournalError> {
        self.write()
    }

    fn turned_back(&mut self, _: ActionId, _: &StepFailure) -> Result<(), JournalError> {
        self.write()
    }
}

/// Carries out an action again and again, dying after its first record, its second, and so on until it ends by
/// itself; each time the suite opens everything anew and resumes the action from its record. `prepare` makes the action
/// possible again, `check` verifies the result. Returns the number of crashes.
fn at_each_step(
    colony: &TestColony,
    action: &Action,
    mut prepare: impl FnMut(&TestColony),
    mut check: impl FnMut(&TestColony, &Outcome),
) -> usize {
    for deaths in 1..100 {
        for last in [Last::Written, Last::Lost] {
            prepare(colony);
            let mut record = colony.record(action.clone());
            if !dies(colony, &mut record, &mut FailingJournal { left: deaths, last }) {
                return deaths - 1;
            }
            let outcome = colony.finish(&mut record);
            check(colony, &outcome);
        }
    }
    panic!("an action without an end");
}

/// Carries out an action until the journal dies; false when it ended before.
pub(crate) fn dies(colony: &TestColony, record: &mut ActionRecord, journal: &mut FailingJournal) -> bool {
    let mut ended = false;
    wait_for("a death", || {
        ended = matches!(colony.step(record, journal), Some(Outcome::Done | Outcome::Failed(_)));
        ended || journal.left == 0
    });
    // With the last record written the action may have ended at the very moment of the death.
    !ended || journal.left == 0
}

fn is_done(outcome: &Outcome) {
    assert_eq!(*outcome, Outcome::Done);
}

fn stopped(colony: &TestColony, id: NodeId) {
    colony.done(Action::Stop { node: id });
}

fn running(colony: &TestColony, id: NodeId) {
    colony.done(Action::Start { node: id, upgrade_to: None });
}

pub(crate) fn add(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let id = colony.plan(1);
    let died = at_each_step(
        &colony,
        &Action::Add { node: id },
        |_| (),
        |colony, outcome| {
            is_done(outcome);
            colony.assert_running_once(id);
            assert!(colony.node(id).root_dir.join("secret-key").exists());
            colony.done(remove_of(id));
            colony.free_numbers();
        },
    );
    assert_eq!(died, 6);
}

pub(crate) fn start(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let id = colony.added(1);
    let action = Action::Start { node: id, upgrade_to: None };
    let died = at_each_step(
        &colony,
        &action,
        |colony| stopped(colony, id),
        |colony, outcome| {
            is_done(outcome);
            colony.assert_running_once(id);
        },
    );
    assert_eq!(died, 4);
}

pub(crate) fn stop(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let id = colony.added(1);
    let died = at_each_step(
        &colony,
        &Action::Stop { node: id },
        |colony| running(colony, id),
        |colony, outcome| {
            is_done(outcome);
            colony.assert_stopped(id);
            assert!(colony.node(id).root_dir.join("secret-key").exists());
        },
    );
    assert_eq!(died, 3);
}

pub(crate) fn restart(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let id = colony.added(1);
    let died = at_each_step(
        &colony,
        &Action::Restart { node: id },
        |_| (),
        |colony, outcome| {
            is_done(outcome);
            colony.assert_running_once(id);
        },
    );
    assert_eq!(died, 6);
}

/// Makes the next version the one that nodes get.
fn provide_next(colony: &TestColony, version: &mut u32, behaviour: Behaviour) {
    *version += 1;
    colony.provide(&format!("{version}.0.0"), behaviour);
}

fn assert_upgraded(colony: &TestColony, id: NodeId) {
    colony.assert_running_once(id);
    assert_eq!(colony.digest(&colony.node(id).binary), colony.digest(&colony.settings.binary));
    assert_eq!(colony.leftovers(id), Vec::<std::path::PathBuf>::new());
}

pub(crate) fn upgrade(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let id = colony.added(1);
    let mut version = 1;
    let prepare = |colony: &TestColony| provide_next(colony, &mut version, Behaviour::Normal);
    let died = at_each_step(&colony, &upgrade_of(id), prepare, |colony, outcome| {
        is_done(outcome);
        assert_upgraded(colony, id);
    });
    assert_eq!(died, 8);
}

pub(crate) fn start_with_upgrade(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let id = colony.added(1);
    let mut version = 1;
    let prepare = |colony: &TestColony| {
        stopped(colony, id);
        provide_next(colony, &mut version, Behaviour::Normal);
    };
    let action = Action::Start { node: id, upgrade_to: Some("2.0.0".parse().unwrap()) };
    let died = at_each_step(&colony, &action, prepare, |colony, outcome| {
        is_done(outcome);
        assert_upgraded(colony, id);
    });
    assert_eq!(died, 9);
}

pub(crate) fn upgrade_that_fails(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let id = colony.added(1);
    let old = colony.digest(&colony.node(id).binary);
    let mut version = 1;
    let prepare = |colony: &TestColony| provide_next(colony, &mut version, Behaviour::ExitAtStart { code: 1 });
    let died = at_each_step(&colony, &upgrade_of(id), prepare, |colony, outcome| {
        assert!(matches!(outcome, Outcome::Failed(failure) if failure.rolled_back), "{outcome:?}");
        colony.assert_running_once(id);
        assert_eq!(colony.digest(&colony.node(id).binary), old);
        assert_eq!(colony.leftovers(id), Vec::<std::path::PathBuf>::new());
    });
    // Six steps forward, the turn, five steps back.
    assert_eq!(died, 12);
}

pub(crate) fn remove(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let id = colony.plan(1);
    let prepare = |colony: &TestColony| {
        colony.free_numbers();
        colony.done(Action::Add { node: id });
    };
    let died = at_each_step(&colony, &remove_of(id), prepare, |colony, outcome| {
        is_done(outcome);
        colony.assert_stopped(id);
        assert!(!colony.node(id).root_dir.exists());
    });
    assert_eq!(died, 7);
}
