//! Looks at small colonies whose processes stand in a recorded `/proc`, and whose nodes are servers on the loopback.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wnm_core::steps::{ActionId, ActionRecord};
use wnm_core::{
    Bytes, ClockReading, Cores, EngineState, Flavor, HostDefaults, ManagerKind, NewNodeInputs, NodeMap, Planned,
    ProcessIdentity, Program, RawSettings, Reason, Scope, Settings, Timestamp, Version, new_node,
};

use super::*;
use crate::exec::{Exec, Output};
use crate::observe::host::Host;

/// A host in a temporary folder.
struct Place {
    folder: tempfile::TempDir,
    platform: Platform,
    colony: Colony,
    services: BTreeMap<NodeId, Service>,
    /// How often a program was started.
    started: Arc<AtomicUsize>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = HostDefaults {
            cpus: 2,
            storage: folder.path().join("node"),
            programs: folder.path().to_owned(),
            manager: ManagerKind::new(Program::Setsid, Scope::User),
        };
        let mut raw = RawSettings::default();
        raw.set("rewards_address", "faucet").unwrap();
        let settings = Settings::new(&raw, &host).unwrap();
        let mut platform = Platform::new(&settings).unwrap();
        let started = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&started);
        platform.exec = Exec::scripted(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(Output::success("Autonomi Node v0.4.17\n"))
        });
        platform.host = Host::below(folder.path());
        platform.probe_limits.deadline = Duration::from_millis(500);
        let colony = Colony {
            settings,
            nodes: BTreeMap::new(),
            state: EngineState::default(),
            samples: NodeMap::new(),
            unfinished: Vec::new(),
            counters: None,
        };
        Self { folder, platform, colony, services: BTreeMap::new(), started }
    }

    /// Adds a node with its folder and binary; its port is one nobody listens on.
    fn add(&mut self, number: u32, flavor: Flavor) -> NodeId {
        let id = NodeId::new(number).unwrap();
        let birth = NewNodeInputs {
            uuid: format!("uuid-{number}"),
            roll: 0,
            storage: self.folder.path().join("node"),
            logs: PathBuf::new(),
            now: Timestamp::from_secs(i64::from(number)),
        };
        let mut node = new_node(id, &Settings { flavor, ..self.colony.settings.clone() }, birth, []).unwrap();
        node.ports.metrics = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        fs::create_dir_all(&node.root_dir).unwrap();
        program(&node.binary);
        self.services.insert(id, Service::Stopped);
        self.colony.nodes.insert(id, node);
        id
    }

    /// Lets a node run as a process that has used this much.
    fn run(&mut self, id: NodeId, pid: u32, ticks: u64, pages: u64) -> ProcessIdentity {
        let process = ProcessIdentity { boot: "run".to_owned(), pid, start: 500 };
        self.services.insert(id, Service::Running(process.clone()));
        let folder = self.folder.path().join(format!("proc/{pid}"));
        fs::create_dir_all(&folder).unwrap();
        let stat = format!("{pid} (antnode) S 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 4 0 500 1 {pages} 0\n");
        fs::write(folder.join("stat"), stat).unwrap();
        process
    }

    /// Looks so many milliseconds after the host started, and remembers what was seen.
    fn look(&mut self, uptime: u64) -> NodeMap<NodeSample> {
        let reading = Reading { boot: "run".to_owned(), uptime, ..Reading::default() };
        let before = self.colony.counters.clone().unwrap_or_else(|| reading.counters());
        let (observation, counters) =
            self.platform.observe_services(&self.colony, false, &before, &reading, &self.services);
        self.colony.counters = Some(counters);
        self.colony.samples = observation.nodes.clone();
        observation.nodes
    }
}

fn program(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, "a program").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Serves a node's figures; returns the port, and how often the identity was asked for.
fn serve(version: &'static str) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 512];
            while let Ok(length @ 1..) = stream.read(&mut request) {
                let is_identity = request[..length].starts_with(b"GET /metadata");
                count.fetch_add(usize::from(is_identity), Ordering::Relaxed);
                let body = if is_identity {
                    format!(
                        "ant_node_antnode_version_info{{antnode_version=\"{version}\"}} 1\nant_networking_peer_id_info{{peer_id=\"12D3\"}} 1\n"
                    )
                } else {
                    "ant_node_uptime 100\n".to_owned()
                };
                let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            }
        }
    });
    (port, asked)
}

#[test]
fn presence_follows_from_folder_service_and_answer() {
    let (port, _) = serve("0.4.17");
    let unknown = || Service::Unknown("it said nothing".to_owned());
    let running = || Service::Running(ProcessIdentity { boot: "run".to_owned(), pid: 9, start: 1 });
    for (flavor, service, answers, want) in [
        (Flavor::Antnode, running(), true, Presence::Answering),
        (Flavor::Antnode, running(), false, Presence::Silent),
        (Flavor::Antnode, Service::Stopped, true, Presence::Unverified),
        (Flavor::Antnode, Service::Stopped, false, Presence::Gone),
        (Flavor::Antnode, unknown(), true, Presence::Answering),
        (Flavor::Antnode, unknown(), false, Presence::Unreachable),
        (Flavor::AntNode, running(), false, Presence::Answering),
        (Flavor::AntNode, Service::Stopped, true, Presence::Gone),
        (Flavor::AntNode, unknown(), true, Presence::Unreachable),
    ] {
        let mut place = Place::new();
        let id = place.add(1, flavor.clone());
        if answers {
            place.colony.nodes.get_mut(&id).unwrap().ports.metrics = port;
        }
        place.services.insert(id, service.clone());
        assert_eq!(place.look(1000)[&id].presence, want, "{flavor} {service:?} {answers}");
    }
}

#[test]
fn a_missing_folder_is_told_unless_the_node_is_being_made_or_removed() {
    let mut place = Place::new();
    let [lost, coming] = [place.add(1, Flavor::Antnode), place.add(2, Flavor::Antnode)];
    for id in [lost, coming] {
        fs::remove_dir_all(&place.colony.nodes[&id].root_dir).unwrap();
    }
    let planned = Planned { action: Action::Add { node: coming }, reason: Reason::Requested };
    place.colony.unfinished.push(ActionRecord::new(ActionId(1), planned, Timestamp::from_secs(1)));
    let seen = place.look(1000);
    assert_eq!((seen[&lost].presence, seen[&coming].presence), (Presence::FolderMissing, Presence::Unobserved));
}

#[test]
fn a_disabled_node_is_left_alone_and_keeps_what_was_known() {
    let mut place = Place::new();
    let id = place.add(1, Flavor::Antnode);
    place.colony.state.nodes.insert(id, NodeState::Disabled { since: Timestamp::from_secs(1) });
    let known =
        NodeSample { version: Some(Version::new(0, 4, 1)), born: Timestamp::from_secs(1), ..NodeSample::default() };
    place.colony.samples.insert(id, known);
    let clock = Clock::start(ClockReading { wall: Timestamp::from_secs(1), uptime: 1, boot: "run".to_owned() });
    let (observation, _) = place.platform.observe(&place.colony, &clock, false);
    assert_eq!(observation.nodes[&id].presence, Presence::Unobserved);
    assert_eq!(observation.nodes[&id].version, Some(Version::new(0, 4, 1)));
}

#[test]
fn identity_is_asked_once_in_the_life_of_a_process() {
    let mut place = Place::new();
    let id = place.add(1, Flavor::Antnode);
    let (port, asked) = serve("0.4.16");
    place.colony.nodes.get_mut(&id).unwrap().ports.metrics = port;
    for (pid, want) in [(10, 1), (10, 1), (11, 2), (11, 2)] {
        place.run(id, pid, 0, 0);
        let seen = place.look(1000).remove(&id).unwrap();
        assert_eq!(
            (seen.version.unwrap().to_string(), seen.peer_id.unwrap()),
            ("0.4.16".to_owned(), "12D3".to_owned())
        );
        assert_eq!(asked.load(Ordering::Relaxed), want, "{pid}");
    }
    // Silence forgets neither as long as the process is the same; another process may be of another version.
    place.colony.nodes.get_mut(&id).unwrap().ports.metrics = 1;
    assert_eq!(place.look(1000)[&id].version, Some(Version::new(0, 4, 16)));
    place.run(id, 12, 0, 0);
    let seen = place.look(1000).remove(&id).unwrap();
    assert_eq!((seen.presence, seen.version, seen.peer_id.as_deref()), (Presence::Silent, None, Some("12D3")));
}

#[test]
fn a_stopped_node_has_the_version_of_its_binary_and_is_asked_once() {
    let mut place = Place::new();
    let ids = [place.add(1, Flavor::Antnode), place.add(2, Flavor::Antnode)];
    for _ in 0..2 {
        let seen = place.look(1000);
        for id in ids {
            assert_eq!((seen[&id].version.clone(), seen[&id].volume), (Some(Version::new(0, 4, 17)), Some(0)));
        }
    }
    assert_eq!(place.started.load(Ordering::Relaxed), 2);
    let cached = place.platform.program_cache();
    place.platform.restore_program_cache(wnm_core::ProgramCache::default());
    place.platform.restore_program_cache(cached);
    place.look(1000);
    assert_eq!(place.started.load(Ordering::Relaxed), 2);
}

#[test]
fn processor_time_is_over_the_whole_interval_of_one_process() {
    let mut place = Place::new();
    let id = place.add(1, Flavor::AntNode);
    let ticks = rustix::param::clock_ticks_per_second();
    place.run(id, 10, 0, 3);
    let first = place.look(10_000).remove(&id).unwrap();
    assert_eq!((first.cpu, first.memory), (None, Some(Bytes(3 * rustix::param::page_size() as u64))));
    place.run(id, 10, 5 * ticks, 3);
    assert_eq!(place.look(20_000)[&id].cpu, Cores::new(0.5).ok());
    // Backwards, and another process.
    place.run(id, 10, ticks, 3);
    assert_eq!(place.look(30_000)[&id].cpu, None);
    place.run(id, 11, 9 * ticks, 3);
    assert_eq!(place.look(40_000)[&id].cpu, None);
}

#[test]
fn a_node_without_figures_is_known_by_its_process_folder_and_log() {
    let mut place = Place::new();
    let id = place.add(1, Flavor::AntNode);
    let peer = "ab".repeat(32);
    let node = &place.colony.nodes[&id];
    fs::create_dir_all(node.root_dir.join("chunks/0a")).unwrap();
    fs::write(node.root_dir.join("chunks/0a").join("c".repeat(64)), "").unwrap();
    fs::create_dir_all(&node.log_dir).unwrap();
    fs::write(node.log_dir.join("ant-node.2026-11-19.log"), "Node identity resolved peer_id=old\n").unwrap();
    let line = format!("INFO Node identity resolved peer_id={peer} root_dir=/x\n");
    fs::write(node.log_dir.join("ant-node.2026-11-20.log"), line).unwrap();
    place.platform.exec = Exec::scripted(|_| Ok(Output::success("ant-node 0.23.1\n")));
    place.run(id, 10, 0, 3);
    let seen = place.look(10_000).remove(&id).unwrap();
    assert_eq!(
        (seen.presence, seen.version, seen.peer_id),
        (Presence::Answering, Some(Version::new(0, 23, 1)), Some(peer))
    );
    let metrics = seen.metrics.unwrap();
    assert_eq!((metrics.records, metrics.uptime.is_some(), metrics.connected_peers), (Some(1), true, None));
}

#[test]
fn a_second_look_needs_no_pause() {
    let place = Place::new();
    let clock = |uptime| Clock::start(ClockReading { wall: Timestamp::from_secs(9), uptime, boot: "run".to_owned() });
    let here = crate::observe::host::uptime();
    let begun = Instant::now();
    let (_, counters) = place.platform.observe(&place.colony, &clock(here), false);
    assert!(begun.elapsed() >= SHORTEST_INTERVAL);
    assert_eq!((counters.boot.as_str(), counters.uptime > here), ("run", true));
    let colony =
        Colony { counters: Some(Counters { uptime: here.saturating_sub(1000), ..counters }), ..place.colony.clone() };
    let begun = Instant::now();
    let (observation, _) = place.platform.observe(&colony, &clock(here), true);
    assert!(begun.elapsed() < SHORTEST_INTERVAL && observation.rebooted);
}

#[test]
fn folders_are_weighed_and_what_was_weighed_is_remembered() {
    let mut place = Place::new();
    let (one, two) = (place.add(1, Flavor::AntNode), place.add(2, Flavor::AntNode));
    let root = place.colony.nodes[&one].root_dir.clone();
    fs::write(root.join("record"), [7; 300_000]).unwrap();
    let samples = place.look(10_000);
    let held = |samples: &NodeMap<NodeSample>, id| samples[&id].disk.map(|disk| disk.0 / 100_000);
    assert_eq!((held(&samples, one), held(&samples, two)), (Some(3), Some(0)));
    fs::remove_dir_all(&root).unwrap();
    assert_eq!(held(&place.look(70_000), one), Some(3), "it cannot be seen now");
}
