//! wnm dies after each step of each action, with the record of that step written and without.

use wnm_core::steps::{Journal, JournalError, StepFailure, StepRecord};
use wnm_core::{Action, ActionId, ActionRecord, ManagerKind, NodeId, Outcome};
use wnm_platform::fake_node::Behaviour;

use crate::lifecycle::{remove_of, upgrade_of};
use crate::stand::{Stand, wait_for};

/// Whether the record of the last step before the crash was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Written,
    Lost,
}

/// A journal that fails, as a process that dies does, once so many records were written.
struct Dying {
    left: usize,
    last: Last,
}

impl Dying {
    fn write(&mut self) -> Result<(), JournalError> {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 && self.last == Last::Lost {
            return Err(JournalError("the process died".into()));
        }
        Ok(())
    }
}

impl Journal for Dying {
    fn step_done(&mut self, _: ActionId, _: &StepRecord) -> Result<(), JournalError> {
        self.write()
    }

    fn turned_back(&mut self, _: ActionId, _: &StepFailure) -> Result<(), JournalError> {
        self.write()
    }
}

/// Carries out an action again and again, dying after its first record, its second, and so on until it ends by
/// itself; each time everything is opened anew and the action carried on from what is on record. `prepare` makes it
/// possible once more, `check` looks at what came of it. Returns how often it died.
fn at_each_step(
    stand: &Stand,
    action: &Action,
    mut prepare: impl FnMut(&Stand),
    mut check: impl FnMut(&Stand, &Outcome),
) -> usize {
    for deaths in 1..100 {
        for last in [Last::Written, Last::Lost] {
            prepare(stand);
            let mut record = stand.record(action.clone());
            if !dies(stand, &mut record, &mut Dying { left: deaths, last }) {
                return deaths - 1;
            }
            let outcome = stand.finish(&mut record);
            check(stand, &outcome);
        }
    }
    panic!("an action without an end");
}

/// Carries out an action until the journal dies; false when it ended before.
fn dies(stand: &Stand, record: &mut ActionRecord, journal: &mut Dying) -> bool {
    let mut ended = false;
    wait_for("a death", || {
        ended = matches!(stand.step(record, journal), Some(Outcome::Done | Outcome::Failed(_)));
        ended || journal.left == 0
    });
    // With the last record written the action may have ended at the very moment of the death.
    !ended || journal.left == 0
}

fn is_done(outcome: &Outcome) {
    assert_eq!(*outcome, Outcome::Done);
}

fn stopped(stand: &Stand, id: NodeId) {
    stand.done(Action::Stop { node: id });
}

fn running(stand: &Stand, id: NodeId) {
    stand.done(Action::Start { node: id, upgrade_to: None });
}

pub(crate) fn add(kind: ManagerKind) {
    let mut stand = Stand::new(kind);
    let id = stand.plan(1);
    let died = at_each_step(
        &stand,
        &Action::Add { node: id },
        |_| (),
        |stand, outcome| {
            is_done(outcome);
            stand.assert_running_once(id);
            assert!(stand.node(id).root_dir.join("secret-key").exists());
            stand.done(remove_of(id));
            stand.free_numbers();
        },
    );
    assert_eq!(died, 6);
}

pub(crate) fn start(kind: ManagerKind) {
    let mut stand = Stand::new(kind);
    let id = stand.added(1);
    let action = Action::Start { node: id, upgrade_to: None };
    let died = at_each_step(
        &stand,
        &action,
        |stand| stopped(stand, id),
        |stand, outcome| {
            is_done(outcome);
            stand.assert_running_once(id);
        },
    );
    assert_eq!(died, 4);
}

pub(crate) fn stop(kind: ManagerKind) {
    let mut stand = Stand::new(kind);
    let id = stand.added(1);
    let died = at_each_step(
        &stand,
        &Action::Stop { node: id },
        |stand| running(stand, id),
        |stand, outcome| {
            is_done(outcome);
            stand.assert_stopped(id);
            assert!(stand.node(id).root_dir.join("secret-key").exists());
        },
    );
    assert_eq!(died, 3);
}

pub(crate) fn restart(kind: ManagerKind) {
    let mut stand = Stand::new(kind);
    let id = stand.added(1);
    let died = at_each_step(
        &stand,
        &Action::Restart { node: id },
        |_| (),
        |stand, outcome| {
            is_done(outcome);
            stand.assert_running_once(id);
        },
    );
    assert_eq!(died, 6);
}

/// Makes the next version the one that nodes get.
fn provide_next(stand: &Stand, version: &mut u32, behaviour: Behaviour) {
    *version += 1;
    stand.provide(&format!("{version}.0.0"), behaviour);
}

fn assert_upgraded(stand: &Stand, id: NodeId) {
    stand.assert_running_once(id);
    assert_eq!(stand.digest(&stand.node(id).binary), stand.digest(&stand.settings.binary));
    assert_eq!(stand.leftovers(id), Vec::<std::path::PathBuf>::new());
}

pub(crate) fn upgrade(kind: ManagerKind) {
    let mut stand = Stand::new(kind);
    let id = stand.added(1);
    let mut version = 1;
    let prepare = |stand: &Stand| provide_next(stand, &mut version, Behaviour::Normal);
    let died = at_each_step(&stand, &upgrade_of(id), prepare, |stand, outcome| {
        is_done(outcome);
        assert_upgraded(stand, id);
    });
    assert_eq!(died, 8);
}

pub(crate) fn start_with_upgrade(kind: ManagerKind) {
    let mut stand = Stand::new(kind);
    let id = stand.added(1);
    let mut version = 1;
    let prepare = |stand: &Stand| {
        stopped(stand, id);
        provide_next(stand, &mut version, Behaviour::Normal);
    };
    let action = Action::Start { node: id, upgrade_to: Some("2.0.0".parse().unwrap()) };
    let died = at_each_step(&stand, &action, prepare, |stand, outcome| {
        is_done(outcome);
        assert_upgraded(stand, id);
    });
    assert_eq!(died, 9);
}

pub(crate) fn upgrade_that_fails(kind: ManagerKind) {
    let mut stand = Stand::new(kind);
    let id = stand.added(1);
    let old = stand.digest(&stand.node(id).binary);
    let mut version = 1;
    let prepare = |stand: &Stand| provide_next(stand, &mut version, Behaviour::ExitAtStart { code: 1 });
    let died = at_each_step(&stand, &upgrade_of(id), prepare, |stand, outcome| {
        assert!(matches!(outcome, Outcome::Failed(failure) if failure.rolled_back), "{outcome:?}");
        stand.assert_running_once(id);
        assert_eq!(stand.digest(&stand.node(id).binary), old);
        assert_eq!(stand.leftovers(id), Vec::<std::path::PathBuf>::new());
    });
    // Six steps forward, the turn, five steps back.
    assert_eq!(died, 12);
}

pub(crate) fn remove(kind: ManagerKind) {
    let mut stand = Stand::new(kind);
    let id = stand.plan(1);
    let prepare = |stand: &Stand| {
        stand.free_numbers();
        stand.done(Action::Add { node: id });
    };
    let died = at_each_step(&stand, &remove_of(id), prepare, |stand, outcome| {
        is_done(outcome);
        stand.assert_stopped(id);
        assert!(!stand.node(id).root_dir.exists());
    });
    assert_eq!(died, 7);
}
