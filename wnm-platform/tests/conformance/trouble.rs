//! Nodes that do not behave, and hosts that are not ours alone.

use std::fs;
use std::thread;
use std::time::Duration;

use wnm_core::{Action, Flavor, ManagerKind, Outcome, Program};
use wnm_platform::fake_node::Behaviour;
use wnm_platform::manager::Service;
use wnm_platform::node_dir;

use crate::colony::{NoJournal, TestColony, wait_for};
use crate::lifecycle::remove_of;

pub(crate) fn ignores_sigterm(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    colony.provide("1.0.0", Behaviour::IgnoreTerm);
    let id = colony.added(1);
    // Its handler stands before its ports are open, so from here on it ignores the signal.
    let process = colony.process(id);
    let mut record = colony.record(Action::Stop { node: id });
    assert_eq!(colony.step(&mut record, &mut NoJournal), None);
    // The time that a busy host needs for these steps counts, too: most of the grace period of 20 s is left for it.
    for skip in [0, 1, 1] {
        colony.skipped += Duration::from_secs(skip);
        thread::sleep(Duration::from_millis(30));
        let outcome = colony.step(&mut record, &mut NoJournal);
        assert!(matches!(outcome, Some(Outcome::Pending { .. })), "{outcome:?}");
        assert_eq!(colony.process(id), process);
    }
    colony.skipped += Duration::from_secs(20);
    assert_eq!(colony.finish(&mut record), Outcome::Done);
    colony.assert_stopped(id);
}

pub(crate) fn upgrades_itself(kind: ManagerKind) {
    stays_the_same_node(TestColony::new(kind));
}

/// This one ends with exit code 0 whether it was told to or goes on as a newer version.
pub(crate) fn ant_node_upgrades_itself(kind: ManagerKind) {
    stays_the_same_node(TestColony::with(kind, Flavor::AntNode, "storage"));
}

fn stays_the_same_node(mut colony: TestColony) {
    let kind = colony.kind;
    colony.provide("1.0.0", Behaviour::SelfUpgrade { after_ms: 300, restart_after_ms: 300, to: "2.0.0".to_owned() });
    let id = colony.added(1);
    let (before, old) = (colony.process(id), colony.digest(&colony.settings.binary));
    wait_for("a new program on disk", || colony.digest(&colony.node(id).binary) != old);
    // Replaced on disk, not yet restarted, or just so: in any case it is seen as running.
    // A manager that starts it again may not know for a moment; none says that it is stopped.
    let mut after = before.clone();
    wait_for("a new process", || {
        match colony.service(id) {
            Service::Running(process) => after = process,
            Service::Unknown(_) => {}
            Service::Stopped => panic!("a node that upgrades itself is not stopped"),
        }
        after != before
    });
    wait_for("the old process to end", || colony.on_folder(id).len() == 1);
    colony.assert_running_once(id);
    match kind.program {
        Program::Setsid => holds_its_lock(after.pid),
        Program::Systemd | Program::Launchd | Program::Docker | Program::Antctl => {}
    }
    colony.done(Action::Start { node: id, upgrade_to: None });
    assert_eq!(colony.process(id), after);
    colony.done(remove_of(id));
    colony.assert_stopped(id);
    assert!(!colony.node(id).root_dir.exists());
}

/// Checks that the lock that says "running" was handed on.
fn holds_its_lock(pid: u32) {
    if cfg!(target_os = "linux") {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
        let mut open = open.filter_map(|entry| fs::read_link(entry.path()).ok());
        assert!(open.any(|path| path.ends_with(".wnm-lock")));
    }
}

pub(crate) fn ends_at_once(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    colony.provide("1.0.0", Behaviour::ExitAtStart { code: 1 });
    let id = colony.plan(1);
    let (error, rolled_back) = colony.failed(Action::Add { node: id });
    assert!(error.starts_with("node 0001 exited within "), "{error}");
    assert!(rolled_back);
    colony.assert_stopped(id);
    assert!(!colony.node(id).root_dir.exists());
    // One that says why.
    colony.free_numbers();
    colony.provide("1.0.0", Behaviour::Normal);
    colony.nodes.get_mut(&id).unwrap().arguments.push("--no-such-flag".to_owned());
    let (error, _) = colony.failed(Action::Add { node: id });
    assert!(error.contains("--no-such-flag"), "{error}");
    assert!(!colony.node(id).root_dir.exists());
}

pub(crate) fn port_taken(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let id = colony.added(1);
    colony.done(Action::Stop { node: id });
    let port = colony.node(id).ports.node;
    let mut external = colony.external(&colony.folder.path().join("elsewhere"), port);
    let (error, rolled_back) = colony.failed(Action::Start { node: id, upgrade_to: None });
    let holder = if cfg!(target_os = "linux") { format!("process {} (", external.0.id()) } else { String::new() };
    assert!(error.contains(&format!("UDP port {port} is in use by {holder}")), "{error}");
    assert!(rolled_back);
    colony.assert_stopped(id);
    external.assert_alive();
    drop(external);
    colony.done(Action::Start { node: id, upgrade_to: None });
}

pub(crate) fn folder_taken(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let id = colony.added(1);
    colony.done(Action::Stop { node: id });
    let port = colony.plan(2);
    let mut external = colony.external(&colony.node(id).root_dir, colony.node(port).ports.node);
    let (error, _) = colony.failed(Action::Start { node: id, upgrade_to: None });
    assert!(error.contains(&format!("process {} (", external.0.id())), "{error}");
    colony.done(Action::Stop { node: id });
    external.assert_alive();
}

pub(crate) fn folder_of_another(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let id = colony.added(1);
    let process = colony.process(id);
    // The database was lost, and the number is given out again.
    colony.nodes.get_mut(&id).unwrap().uuid = "7c9e6679-7425-40de-944b-e07fc1f90ae7".to_owned();
    // The node writes its files after the process has started; the file with its PID is the last one.
    wait_for("the files of the node", || colony.node(id).root_dir.join("antnode.pid").exists());
    let before = fs::read_dir(&colony.node(id).root_dir).unwrap().count();
    let actions = [
        Action::Add { node: id },
        Action::Start { node: id, upgrade_to: None },
        Action::Stop { node: id },
        Action::Restart { node: id },
        remove_of(id),
    ];
    for action in actions {
        let (error, _) = colony.failed(action);
        assert!(error.contains("its marker names node 0001"), "{error}");
        assert_eq!(colony.process(id), process);
    }
    assert_eq!(fs::read_dir(&colony.node(id).root_dir).unwrap().count(), before);
    assert_eq!(fs::read_dir(colony.settings.storage[0].join(node_dir::TRASH)).unwrap().count(), 0);
}

pub(crate) fn lingers(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let id = colony.added(1);
    let mut record = colony.record(Action::Remove { node: id, linger: Duration::from_secs(300) });
    wait_for("the node to linger", || {
        let outcome = colony.step(&mut record, &mut NoJournal);
        matches!(outcome, Some(Outcome::Pending { step: wnm_core::steps::Step::Linger, .. }))
    });
    colony.skipped += Duration::from_secs(290);
    assert!(matches!(colony.step(&mut record, &mut NoJournal), Some(Outcome::Pending { .. })));
    assert!(colony.node(id).root_dir.exists());
    colony.assert_stopped(id);
    colony.skipped += Duration::from_secs(11);
    assert_eq!(colony.finish(&mut record), Outcome::Done);
    assert!(!colony.node(id).root_dir.exists());
}

pub(crate) fn folder_lost(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let id = colony.added(1);
    let process = colony.process(id);
    let folder = colony.node(id).root_dir.clone();
    // A node that cannot write its last file at its start ends.
    wait_for("the files of the node", || folder.join("antnode.pid").exists());
    wait_for("the folder to be lost", || fs::remove_dir_all(&folder).is_ok() || !folder.exists());
    assert_eq!(colony.process(id), process);
    colony.done(remove_of(id));
    colony.assert_stopped(id);
}
