//! wnm dies after each step of a change of a node, with the record of that step written and without: the node keeps its
//! identity and runs once, at its old place or at its new one.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use wnm_core::{Action, Afterwards, ManagerKind, Node, NodeId, NodeUpdate, Outcome};

use crate::colony::{TestColony, free_port};
use crate::crashes::{FailingJournal, Last, dies};

/// A folder on another volume than the colony: the file system in memory.
fn other_volume() -> TempDir {
    let folder = tempfile::Builder::new().prefix("wnm-move-").tempdir_in("/dev/shm").unwrap();
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let device = |path: &std::path::Path| fs::metadata(path).unwrap().dev();
    assert_ne!(device(folder.path()), device(&std::env::temp_dir()), "both folders are on one volume");
    folder
}

fn identity(node: &Node) -> Vec<u8> {
    fs::read(node.root_dir.join("secret-key")).unwrap()
}

/// Makes a change again and again with a crash after its first record, its second, and so on. `check` gets the outcome,
/// the description from before, and the one that is true afterwards. Returns the number of crashes.
fn at_each_step(
    colony: &mut TestColony,
    id: NodeId,
    next: impl Fn(&Node) -> Action,
    check: impl Fn(&TestColony, &Outcome, &Node),
) -> usize {
    for deaths in 1..100 {
        for last in [Last::Written, Last::Lost] {
            let before = colony.node(id).clone();
            let key = identity(&before);
            let mut record = colony.record(next(&before));
            let died = dies(colony, &mut record, &mut FailingJournal { left: deaths, last });
            // Without a crash the record has its outcome already, and this only returns it.
            let outcome = colony.finish(&mut record);
            if let Some(changed) = record.changed(&before) {
                colony.nodes.insert(id, changed);
            }
            check(colony, &outcome, &before);
            assert_eq!(identity(colony.node(id)), key);
            if !died {
                return deaths - 1;
            }
        }
    }
    panic!("an action without an end");
}

fn move_between(folders: [PathBuf; 2], id: NodeId, then: Afterwards) -> impl Fn(&Node) -> Action {
    move |node| {
        let is_in_first = node.root_dir.starts_with(&folders[0]);
        Action::Move { node: id, to: folders[usize::from(is_in_first)].clone(), then }
    }
}

fn assert_moved(colony: &TestColony, id: NodeId, outcome: &Outcome, before: &Node) {
    assert_eq!(*outcome, Outcome::Done);
    assert!(!before.root_dir.exists());
    let node = colony.node(id);
    assert_eq!(node.uuid, before.uuid);
    assert_ne!(node.root_dir, before.root_dir);
    for folder in &colony.settings.storage {
        assert!(!folder.join(".moving").exists(), "{}", folder.display());
    }
}

pub(crate) fn moves_to_another_volume(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let other = other_volume();
    colony.settings.storage.push(other.path().to_owned());
    let id = colony.added(1);
    let folders = [colony.settings.storage[0].clone(), other.path().to_owned()];
    let next = move_between(folders, id, Afterwards::Running);
    let died = at_each_step(&mut colony, id, next, |colony, outcome, before| {
        assert_moved(colony, id, outcome, before);
        colony.assert_running_once(id);
    });
    assert_eq!(died, 10);
    colony.done(crate::lifecycle::remove_of(id));
}

pub(crate) fn moves_on_the_same_volume(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let other = colony.folder.path().join("other");
    fs::create_dir(&other).unwrap();
    colony.settings.storage.push(other.clone());
    let id = colony.added(1);
    let next = move_between([colony.settings.storage[0].clone(), other], id, Afterwards::Running);
    let died = at_each_step(&mut colony, id, next, |colony, outcome, before| {
        assert_moved(colony, id, outcome, before);
        colony.assert_running_once(id);
    });
    assert_eq!(died, 10);
}

pub(crate) fn moves_stopped(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let other = other_volume();
    colony.settings.storage.push(other.path().to_owned());
    let id = colony.added(1);
    colony.done(Action::Stop { node: id });
    let folders = [colony.settings.storage[0].clone(), other.path().to_owned()];
    let next = move_between(folders, id, Afterwards::Stopped);
    let died = at_each_step(&mut colony, id, next, |colony, outcome, before| {
        assert_moved(colony, id, outcome, before);
        colony.assert_stopped(id);
    });
    assert_eq!(died, 5);
    colony.done(Action::Start { node: id, upgrade_to: None });
    colony.assert_running_once(id);
    colony.done(crate::lifecycle::remove_of(id));
}

/// A folder is in the way at the new place.
pub(crate) fn fails_to_move(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let other = other_volume();
    colony.settings.storage.push(other.path().to_owned());
    let id = colony.added(1);
    let to = other.path().to_owned();
    let next = |_: &Node| Action::Move { node: id, to: to.clone(), then: Afterwards::Running };
    let blocked = to.join(colony.node(id).root_dir.file_name().unwrap());
    fs::create_dir(&blocked).unwrap();
    let died = at_each_step(&mut colony, id, next, |colony, outcome, before| {
        assert!(matches!(outcome, Outcome::Failed(failure) if failure.rolled_back), "{outcome:?}");
        assert_eq!(colony.node(id), before);
        colony.assert_running_once(id);
        assert!(!to.join(".moving").exists());
    });
    // The turn, and one step back.
    assert_eq!(died, 2);
}

fn argument(id: NodeId, arguments: Vec<String>, port: u16) -> Action {
    let update = NodeUpdate { arguments: Some(arguments), port: Some(port), ..NodeUpdate::default() };
    Action::Update { node: id, update: Box::new(update), then: Afterwards::Running }
}

pub(crate) fn updates(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let id = colony.added(1);
    let next = |node: &Node| {
        let arguments = if node.arguments.is_empty() { vec!["--relay".to_owned()] } else { Vec::new() };
        argument(id, arguments, free_port())
    };
    let died = at_each_step(&mut colony, id, next, |colony, outcome, before| {
        assert_eq!(*outcome, Outcome::Done);
        colony.assert_running_once(id);
        assert_ne!(colony.node(id).ports, before.ports);
    });
    assert_eq!(died, 8);
}

pub(crate) fn fails_to_update(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let id = colony.added(1);
    let next = |_: &Node| argument(id, vec!["--no-such-flag".to_owned()], free_port());
    let died = at_each_step(&mut colony, id, next, |colony, outcome, before| {
        assert!(matches!(outcome, Outcome::Failed(failure) if failure.rolled_back), "{outcome:?}");
        assert_eq!(colony.node(id), before);
        colony.assert_running_once(id);
    });
    // Seven steps forward, the turn, eight steps back.
    assert_eq!(died, 16);
}
