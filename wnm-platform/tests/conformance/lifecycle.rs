//! The life of a node: add, stop, start, restart, upgrade, remove.

use std::fs;
use std::path::Path;
use std::time::Duration;

use wnm_core::steps::carry_out;
use wnm_core::{Action, ActionRecord, FirewallKind, Flavor, ManagerKind, NodeId, Outcome, Program};
use wnm_platform::executor::HostExecutor;
use wnm_platform::fake_node::Behaviour;
use wnm_platform::manager::Service;
use wnm_platform::node_dir::{self, Marker};
use wnm_platform::{Movers, firewall};

use crate::colony::{NoJournal, PATIENCE, TestColony, real_antctl, wait_for};

pub(crate) fn remove_of(node: NodeId) -> Action {
    Action::Remove { node, linger: Duration::ZERO }
}

pub(crate) fn upgrade_of(node: NodeId) -> Action {
    Action::Upgrade { node, from: None, to: "2.0.0".parse().unwrap() }
}

pub(crate) fn create(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let id = colony.added(1);
    let node = colony.node(id);
    assert_eq!(Marker::read(&node.root_dir).unwrap(), Some(Marker::of(node)));
    assert!(node.root_dir.join("secret-key").exists());
    assert_eq!(colony.digest(&node.binary), colony.digest(&colony.settings.binary));
    colony.assert_running_once(id);
    match kind.program {
        Program::Setsid => has_a_session_and_environment_of_its_own(colony.process(id).pid),
        Program::Systemd | Program::Launchd | Program::Docker | Program::Antctl => {
            has_its_environment(colony.process(id).pid)
        }
    }
}

/// Checks that a process has the arguments and the environment of its node.
fn has_its_environment(pid: u32) {
    if cfg!(target_os = "linux") {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
        assert!(environment.split(|byte| *byte == 0).any(|pair| pair == b"WNM_TEST=a b"));
    }
}

/// Checks the attributes of a process that wnm starts itself.
fn has_a_session_and_environment_of_its_own(pid: u32) {
    if !cfg!(target_os = "linux") {
        return;
    }
    let proc = Path::new("/proc").join(pid.to_string());
    let environment = fs::read_to_string(proc.join("environ")).unwrap();
    let mut names: Vec<&str> = environment.split_terminator('\0').map(|pair| pair.split_once('=').unwrap().0).collect();
    names.retain(|name| !["PATH", "HOME", "LANG"].contains(name));
    assert_eq!(names, ["WNM_TEST"]);
    let stat = fs::read_to_string(proc.join("stat")).unwrap();
    assert_eq!(stat.split_whitespace().nth(5), Some(pid.to_string().as_str()), "its session is its own");
    let null = |number: u32| fs::read_link(proc.join(format!("fd/{number}"))).unwrap() == Path::new("/dev/null");
    assert!(null(0) && null(1) && !null(2));
}

pub(crate) fn create_ant_node(kind: ManagerKind) {
    let mut colony = TestColony::with(kind, Flavor::AntNode, "storage");
    fs::write(colony.settings.binary.with_file_name("bootstrap_peers.toml"), "peers = []").unwrap();
    let id = colony.added(1);
    assert!(colony.node(id).root_dir.join("node_identity.key").exists());
    assert!(colony.node(id).root_dir.join("bootstrap_peers.toml").exists());
    colony.assert_running_once(id);
    colony.done(Action::Stop { node: id });
    colony.assert_stopped(id);
    // It binds a second UDP port, and ends when it cannot.
    let second = colony.node(id).ports.rpc.unwrap();
    let holder = std::net::UdpSocket::bind((std::net::Ipv4Addr::UNSPECIFIED, second)).unwrap();
    let (error, _) = colony.failed(Action::Start { node: id, upgrade_to: None });
    assert!(error.contains(&format!("UDP port {second} is in use by ")), "{error}");
    drop(holder);
    colony.done(remove_of(id));
    assert!(!colony.node(id).root_dir.exists());
}

/// A program that wnm knows from its description alone.
pub(crate) fn create_custom(kind: ManagerKind) {
    let flavor = "custom program=third-node 'version=ant-node {version}' metrics=process identity=node_identity.key \
        ports=udp:node,udp:rpc 'arguments=--root-dir {root_dir} --port {port} --webrtc-direct-port {rpc_port} \
        --rewards-address {rewards_address}'";
    let mut colony = TestColony::with(kind, flavor.parse().unwrap(), "storage");
    let id = colony.added(1);
    assert!(colony.node(id).root_dir.join("third-node").exists());
    assert!(colony.node(id).root_dir.join("node_identity.key").exists());
    colony.assert_running_once(id);
    colony.provide("2.0.0", Behaviour::Normal);
    colony.done(upgrade_of(id));
    assert_eq!(colony.digest(&colony.node(id).binary), colony.digest(&colony.settings.binary));
    colony.assert_running_once(id);
    colony.done(remove_of(id));
    colony.assert_stopped(id);
    assert!(!colony.node(id).root_dir.exists());
}

pub(crate) fn start_twice(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let id = colony.added(1);
    colony.done(Action::Stop { node: id });
    colony.done(Action::Start { node: id, upgrade_to: None });
    let process = colony.process(id);
    colony.done(Action::Start { node: id, upgrade_to: None });
    colony.manager().start(colony.node(id)).unwrap();
    assert_eq!(colony.process(id), process);
    colony.assert_running_once(id);
}

pub(crate) fn stop_twice(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let (id, other) = (colony.added(1), colony.added(2));
    let never = colony.plan(3);
    for _ in 0..2 {
        colony.done(Action::Stop { node: id });
        colony.assert_stopped(id);
    }
    colony.assert_running_once(other);
    let nodes: Vec<_> = colony.nodes.values().collect();
    let seen = colony.manager().survey(&nodes);
    assert_eq!((&seen[&id], &seen[&never]), (&Service::Stopped, &Service::Stopped));
    assert_eq!(seen[&other], Service::Running(colony.process(other)));
    assert!(colony.node(id).root_dir.join("secret-key").exists());
}

pub(crate) fn restart(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let id = colony.added(1);
    let before = colony.process(id);
    colony.done(Action::Restart { node: id });
    assert_ne!(colony.process(id), before);
    colony.assert_running_once(id);
}

pub(crate) fn upgrade(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let id = colony.added(1);
    let (before, old) = (colony.process(id), colony.digest(&colony.node(id).binary));
    colony.provide("2.0.0", Behaviour::Normal);
    colony.done(upgrade_of(id));
    let new = colony.digest(&colony.node(id).binary);
    assert_eq!(new, colony.digest(&colony.settings.binary));
    assert_ne!(new, old);
    assert_ne!(colony.process(id), before);
    colony.assert_running_once(id);
    assert_eq!(colony.leftovers(id), Vec::<std::path::PathBuf>::new());
}

pub(crate) fn failed_upgrade_is_rolled_back(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let id = colony.added(1);
    let old = colony.digest(&colony.node(id).binary);
    colony.provide("2.0.0", Behaviour::ExitAtStart { code: 1 });
    for _ in 0..2 {
        let (error, rolled_back) = colony.failed(upgrade_of(id));
        assert!(error.starts_with("node 0001 exited within "), "{error}");
        assert!(rolled_back);
        assert_eq!(colony.digest(&colony.node(id).binary), old);
        colony.assert_running_once(id);
        assert_eq!(colony.leftovers(id), Vec::<std::path::PathBuf>::new());
    }
    // A program that is not there: the node is not even stopped.
    let before = colony.process(id);
    fs::remove_file(&colony.settings.binary).unwrap();
    assert!(colony.failed(upgrade_of(id)).1);
    assert_eq!(colony.process(id), before);
}

pub(crate) fn remove(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let (id, other) = (colony.added(1), colony.added(2));
    colony.done(remove_of(id));
    colony.assert_stopped(id);
    let node = colony.node(id);
    assert!(!node.root_dir.exists());
    let trash = colony.settings.storage[0].join(node_dir::TRASH).join(&node.uuid);
    assert!(trash.join("secret-key").exists());
    colony.done(remove_of(id));
    let swept =
        node_dir::sweep_trash(&colony.settings.storage, PATIENCE, Duration::ZERO, wnm_core::Timestamp::default());
    // Logs that lie elsewhere go there by themselves.
    let folders = if node.log_dir.starts_with(&node.root_dir) { 1 } else { 2 };
    assert_eq!((swept.deleted, swept.left), (folders, 0), "{swept:?}");
    assert!(!trash.exists());
    colony.assert_running_once(other);
    // Its number is free again.
    colony.done(remove_of(other));
    colony.free_numbers();
    colony.done(Action::Add { node: id });
    colony.assert_running_once(id);
}

pub(crate) fn remove_partly_removed_nodes(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    // Never made at all; forgotten by the manager; folder gone; program gone while it runs.
    let (forgotten, gone, torn) = (colony.added(1), colony.added(2), colony.added(3));
    let planned = colony.plan(4);
    colony.manager().undefine(colony.node(forgotten)).unwrap();
    colony.done(Action::Stop { node: gone });
    fs::remove_dir_all(&colony.node(gone).root_dir).unwrap();
    fs::remove_file(&colony.node(torn).binary).unwrap();
    for id in [planned, forgotten, gone, torn] {
        colony.done(remove_of(id));
        colony.assert_stopped(id);
        assert!(!colony.node(id).root_dir.exists());
    }
}

pub(crate) fn discover_after_database_loss(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let (running, stopped, removed) = (colony.added(1), colony.added(2), colony.added(3));
    colony.done(Action::Stop { node: stopped });
    colony.done(remove_of(removed));
    let external = colony.settings.storage[0].join("someone");
    fs::create_dir(&external).unwrap();
    fs::write(external.join("secret-key"), "").unwrap();
    let found = colony.manager().discover(&colony.settings.storage).unwrap();
    assert_eq!(found.len(), 3, "{found:?}");
    for (found, id) in found.iter().zip([running, stopped]) {
        assert_eq!(found.folder.marker, Some(Marker::of(colony.node(id))));
        assert_eq!(found.folder.flavor, Some(Flavor::Antnode));
        assert_eq!(found.node.as_ref().map(|found| &found.node), Ok(colony.node(id)));
    }
    let process = found[0].process.as_ref().unwrap();
    assert_eq!(process.identity, colony.process(running));
    let words = colony.node(running).flavor.arguments(colony.node(running));
    let is_as_said = process.arguments[1..].iter().eq(words.iter().map(std::ffi::OsStr::new));
    // The official manager writes them itself.
    assert!(is_as_said || kind.program == Program::Antctl);
    assert_eq!(found[1].process, None);
    assert!(found[2].folder.marker.is_none() && found[2].node.is_err(), "{:?}", found[2]);
}

pub(crate) fn paths_with_spaces_and_dashes(kind: ManagerKind) {
    let mut storage = "my nodes/--root-dir x (deleted)/-a 'b' \"c\"";
    if kind.program == Program::Antctl && real_antctl().is_some() {
        // It quotes nothing in its units: a node there is refused before a file is written.
        let mut colony = TestColony::with(kind, Flavor::Antnode, storage);
        let id = colony.plan(1);
        let (error, _) = colony.failed(Action::Add { node: id });
        assert!(error.starts_with("antctl cannot manage node 0001: it does not quote "), "{error}");
        assert!(!colony.settings.storage[0].exists());
        storage = "nodes/--root-dir=x/-a,b/(deleted)";
    }
    let mut colony = TestColony::with(kind, Flavor::Antnode, storage);
    let id = colony.added(1);
    colony.assert_running_once(id);
    colony.done(Action::Restart { node: id });
    colony.assert_running_once(id);
    assert_eq!(colony.manager().discover(&colony.settings.storage).unwrap().len(), 1);
    colony.done(remove_of(id));
    colony.assert_stopped(id);
    assert!(!colony.node(id).root_dir.exists());
}

pub(crate) fn twenty_nodes_at_once(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let ids: Vec<NodeId> = (1..=20).map(|number| colony.plan(number)).collect();
    all_done(&colony, ids.iter().map(|node| Action::Add { node: *node }));
    let nodes: Vec<_> = colony.nodes.values().collect();
    let seen = colony.manager().survey(&nodes);
    let mut pids: Vec<u32> = seen
        .values()
        .map(|service| match service {
            Service::Running(process) => process.pid,
            other => panic!("{other:?}"),
        })
        .collect();
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), 20);
    all_done(&colony, ids.iter().map(|node| remove_of(*node)));
    for id in ids {
        colony.assert_stopped(id);
        assert!(!colony.node(id).root_dir.exists());
    }
}

fn all_done(colony: &TestColony, actions: impl Iterator<Item = Action>) {
    let mut records: Vec<ActionRecord> = actions.map(|action| colony.record(action)).collect();
    let (manager, firewall, movers) = (colony.manager(), firewall::open(FirewallKind::None), Movers::default());
    let mut executor = HostExecutor::new(&*manager, &*firewall, &movers, &colony.settings, &colony.nodes);
    wait_for("twenty nodes", || {
        let outcomes = carry_out(&mut records, &[], &mut executor, &mut NoJournal, colony.now());
        assert!(!outcomes.iter().any(|outcome| matches!(outcome, Outcome::Failed(_))), "{outcomes:?}");
        outcomes.iter().all(|outcome| *outcome == Outcome::Done)
    });
}
