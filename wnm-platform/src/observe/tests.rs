//! Looks at small colonies whose processes stand in a recorded `/proc`, and whose nodes are servers on the loopback.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wnm_core::steps::{ActionId, ActionRecord};
use wnm_core::{
    Bytes, ClockReading, Cores, EngineState, Flavor, HostDefaults, ManagerKind, NewNodeInputs, NodeMap, NodeMetrics,
    Planned, ProcessIdentity, Program, RawSettings, Reason, Scope, Settings, Timestamp, Version, WrongAnswer, new_node,
};

use super::*;
use crate::exec::{Exec, Output};
use crate::observe::host::Host;

/// A host in a temporary folder.
struct TestHost {
    folder: tempfile::TempDir,
    platform: Platform,
    colony: Colony,
    services: BTreeMap<NodeId, Service>,
    /// How often a program was started.
    started: Arc<AtomicUsize>,
}

impl TestHost {
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

    /// Adds a node with its folder and binary; no process listens on its port.
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
        node.ports.metrics = Some(TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
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

    /// Observes the nodes at an uptime of this many milliseconds, and keeps the samples.
    fn look(&mut self, uptime: u64) -> NodeMap<NodeSample> {
        let reading = Reading { boot: "run".to_owned(), uptime, ..Reading::default() };
        let before = self.colony.counters.clone().unwrap_or_else(|| reading.counters());
        let surveyed = Surveyed { services: &self.services, storage: self.platform.read_storage(&self.colony) };
        let (observation, counters) = self.platform.observe_services(&self.colony, false, &before, &reading, surveyed);
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
fn peer_id_belongs_to_the_identity() {
    let mut host = TestHost::new();
    let (one, two) = (host.add(1, Flavor::Antnode), host.add(2, Flavor::Antnode));
    let process = |pid| ProcessIdentity { boot: "run".to_owned(), pid, start: 500 };
    for (id, peer) in [(one, "one"), (two, "two")] {
        let born = host.colony.nodes[&id].born;
        let (peer_id, process) = (Some(peer.to_owned()), Some(process(7)));
        host.colony.samples.insert(id, NodeSample { born, peer_id, process, ..NodeSample::default() });
    }
    let same = || Service::Running(process(7));
    // No process has this PID, so that the holder of the port is unknown.
    let restarted = || Service::Running(process(u32::MAX));
    let unknown = || Service::Unknown(String::new());
    for (service, peer, is_wrong) in [
        (same(), "one", false),
        (same(), "two", true),
        (same(), "new", true),
        (restarted(), "one", false),
        (restarted(), "two", true),
        (restarted(), "new", false),
        (Service::Stopped, "one", false),
        (Service::Stopped, "new", true),
        (unknown(), "one", false),
        (unknown(), "new", true),
    ] {
        let identity = wnm_core::NodeIdentity { peer_id: Some(peer.to_owned()), ..wnm_core::NodeIdentity::default() };
        let answer = Answer { identity: Some(identity), asked_identity: true, ..Answer::default() };
        let mut answers = BTreeMap::from([(one, answer)]);
        let wrong = answers::take_wrong(&host.colony, &BTreeMap::from([(one, service.clone())]), &mut answers);
        let want = WrongAnswer::OtherPeer { answered: peer.to_owned(), known: Some("one".to_owned()) };
        assert_eq!(wrong.get(&one), is_wrong.then_some(&want), "{service:?} {peer}");
        assert_eq!(answers.is_empty(), is_wrong);
    }
}

#[test]
fn web_page_on_the_port_of_a_node_is_no_node() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 512]);
            let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n<html>up</html>");
        }
    });
    let running = || Service::Running(ProcessIdentity { boot: "run".to_owned(), pid: 9, start: 1 });
    for (service, presence) in [(running(), Presence::Silent), (Service::Stopped, Presence::Gone)] {
        let mut host = TestHost::new();
        let id = host.add(1, Flavor::Antnode);
        host.colony.nodes.get_mut(&id).unwrap().ports.metrics = Some(port);
        host.services.insert(id, service);
        let seen = host.look(1000).remove(&id).unwrap();
        assert_eq!((seen.presence, seen.wrong_answer), (presence, Some(WrongAnswer::NotMetrics)));
    }
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
        let mut host = TestHost::new();
        let id = host.add(1, flavor.clone());
        if answers {
            host.colony.nodes.get_mut(&id).unwrap().ports.metrics = Some(port);
        }
        host.services.insert(id, service.clone());
        assert_eq!(host.look(1000)[&id].presence, want, "{flavor} {service:?} {answers}");
    }
}

#[test]
fn missing_folder_is_reported_except_during_add_and_remove() {
    let mut host = TestHost::new();
    let [lost, coming, _present] = [1, 2, 3].map(|number| host.add(number, Flavor::Antnode));
    for id in [lost, coming] {
        fs::remove_dir_all(&host.colony.nodes[&id].root_dir).unwrap();
    }
    let planned = Planned { action: Action::Add { node: coming }, reason: Reason::Requested };
    host.colony.unfinished.push(ActionRecord::new(ActionId(1), planned, Timestamp::from_secs(1)));
    let seen = host.look(1000);
    assert_eq!((seen[&lost].presence, seen[&coming].presence), (Presence::FolderMissing, Presence::Unobserved));
}

#[test]
fn disabled_node_keeps_its_last_sample() {
    let mut host = TestHost::new();
    let id = host.add(1, Flavor::Antnode);
    host.colony.state.nodes.insert(id, NodeState::Disabled { since: Timestamp::from_secs(1) });
    let known =
        NodeSample { version: Some(Version::new(0, 4, 1)), born: Timestamp::from_secs(1), ..NodeSample::default() };
    host.colony.samples.insert(id, known);
    let clock =
        Clock::start(ClockReading { wall: Timestamp::from_secs(1), uptime: 1, boot: "run".to_owned(), init: None });
    let (observation, _) = host.platform.observe(&host.colony, &clock, false);
    assert_eq!(observation.nodes[&id].presence, Presence::Unobserved);
    assert_eq!(observation.nodes[&id].version, Some(Version::new(0, 4, 1)));
}

#[test]
fn identity_is_requested_once_per_process() {
    let mut host = TestHost::new();
    let id = host.add(1, Flavor::Antnode);
    let (port, asked) = serve("0.4.16");
    host.colony.nodes.get_mut(&id).unwrap().ports.metrics = Some(port);
    for (pid, want) in [(10, 1), (10, 1), (11, 2), (11, 2)] {
        host.run(id, pid, 0, 0);
        let seen = host.look(1000).remove(&id).unwrap();
        assert_eq!(
            (seen.version.unwrap().to_string(), seen.peer_id.unwrap()),
            ("0.4.16".to_owned(), "12D3".to_owned())
        );
        assert_eq!(asked.load(Ordering::Relaxed), want, "{pid}");
    }
    // Silence forgets neither as long as the process is the same; another process may be of another version.
    host.colony.nodes.get_mut(&id).unwrap().ports.metrics = Some(1);
    assert_eq!(host.look(1000)[&id].version, Some(Version::new(0, 4, 16)));
    host.run(id, 12, 0, 0);
    let seen = host.look(1000).remove(&id).unwrap();
    assert_eq!((seen.presence, seen.version, seen.peer_id.as_deref()), (Presence::Silent, None, Some("12D3")));
}

#[test]
fn stopped_node_has_version_of_its_binary() {
    let mut host = TestHost::new();
    let ids = [host.add(1, Flavor::Antnode), host.add(2, Flavor::Antnode)];
    for _ in 0..2 {
        let seen = host.look(1000);
        for id in ids {
            assert_eq!((seen[&id].version.clone(), seen[&id].volume), (Some(Version::new(0, 4, 17)), Some(0)));
        }
    }
    assert_eq!(host.started.load(Ordering::Relaxed), 2);
    let cached = host.platform.program_cache();
    host.platform.restore_program_cache(wnm_core::ProgramCache::default());
    host.platform.restore_program_cache(cached);
    host.look(1000);
    assert_eq!(host.started.load(Ordering::Relaxed), 2);
}

#[test]
fn cpu_use_covers_whole_interval_of_one_process() {
    let mut host = TestHost::new();
    let id = host.add(1, Flavor::AntNode);
    let ticks = rustix::param::clock_ticks_per_second();
    host.run(id, 10, 0, 3);
    let first = host.look(10_000).remove(&id).unwrap();
    assert_eq!((first.cpu, first.memory), (None, Some(Bytes(3 * rustix::param::page_size() as u64))));
    host.run(id, 10, 5 * ticks, 3);
    assert_eq!(host.look(20_000)[&id].cpu, Cores::new(0.5).ok());
    // Backwards, and another process.
    host.run(id, 10, ticks, 3);
    assert_eq!(host.look(30_000)[&id].cpu, None);
    host.run(id, 11, 9 * ticks, 3);
    assert_eq!(host.look(40_000)[&id].cpu, None);
}

#[test]
fn cpu_use_of_a_node_in_an_unknown_state_is_that_of_its_last_process() {
    let mut host = TestHost::new();
    let id = host.add(1, Flavor::AntNode);
    let ticks = rustix::param::clock_ticks_per_second();
    let process = host.run(id, 10, 0, 3);
    host.look(10_000);
    let unknown = |host: &mut TestHost| host.services.insert(id, Service::Unknown("the tool hangs".to_owned()));
    for (uptime, used) in [(20_000, 5 * ticks), (30_000, 10 * ticks)] {
        host.run(id, 10, used, 3);
        unknown(&mut host);
        let seen = host.look(uptime).remove(&id).unwrap();
        assert_eq!((seen.presence, seen.process.as_ref()), (Presence::Unreachable, Some(&process)));
        assert_eq!(seen.cpu, Cores::new(0.5).ok(), "{uptime}");
    }
    // It ended, or its PID belongs to another process.
    fs::remove_dir_all(host.folder.path().join("proc/10")).unwrap();
    let seen = host.look(40_000).remove(&id).unwrap();
    assert_eq!((seen.process, seen.cpu), (None, None));
}

#[test]
fn node_without_metrics_is_sampled_from_process_and_logs() {
    let mut host = TestHost::new();
    let id = host.add(1, Flavor::AntNode);
    let peer = "ab".repeat(32);
    let node = &host.colony.nodes[&id];
    fs::create_dir_all(node.root_dir.join("chunks/0a")).unwrap();
    fs::write(node.root_dir.join("chunks/0a").join("c".repeat(64)), "").unwrap();
    fs::create_dir_all(&node.log_dir).unwrap();
    fs::write(node.log_dir.join("ant-node.2026-11-19.log"), "Node identity resolved peer_id=old\n").unwrap();
    let line = format!("INFO Node identity resolved peer_id={peer} root_dir=/x\n");
    fs::write(node.log_dir.join("ant-node.2026-11-20.log"), line).unwrap();
    host.platform.exec = Exec::scripted(|_| Ok(Output::success("ant-node 0.23.1\n")));
    host.run(id, 10, 0, 3);
    let seen = host.look(10_000).remove(&id).unwrap();
    assert_eq!(
        (seen.presence, seen.version, seen.peer_id),
        (Presence::Answering, Some(Version::new(0, 23, 1)), Some(peer))
    );
    let metrics = seen.metrics.unwrap();
    assert_eq!((metrics.records, metrics.uptime.is_some(), metrics.connected_peers), (Some(1), true, None));
}

#[test]
fn second_observation_needs_no_pause() {
    let host = TestHost::new();
    let clock = |uptime| {
        Clock::start(ClockReading { wall: Timestamp::from_secs(9), uptime, boot: "run".to_owned(), init: None })
    };
    let here = crate::observe::host::uptime();
    let begun = Instant::now();
    let (_, counters) = host.platform.observe(&host.colony, &clock(here), false);
    assert!(begun.elapsed() >= SHORTEST_INTERVAL);
    assert_eq!((counters.boot.as_str(), counters.uptime > here), ("run", true));
    let colony =
        Colony { counters: Some(Counters { uptime: here.saturating_sub(1000), ..counters }), ..host.colony.clone() };
    let begun = Instant::now();
    let (observation, _) = host.platform.observe(&colony, &clock(here), true);
    assert!(begun.elapsed() < SHORTEST_INTERVAL && observation.rebooted);
}

#[test]
fn disk_use_is_measured_and_kept() {
    let mut host = TestHost::new();
    let (one, two) = (host.add(1, Flavor::AntNode), host.add(2, Flavor::AntNode));
    let root = host.colony.nodes[&one].root_dir.clone();
    fs::write(root.join("record"), [7; 300_000]).unwrap();
    let samples = host.look(10_000);
    let held = |samples: &NodeMap<NodeSample>, id| samples[&id].disk.map(|disk| disk.0 / 100_000);
    assert_eq!((held(&samples, one), held(&samples, two)), (Some(3), Some(0)));
    fs::remove_dir_all(&root).unwrap();
    assert_eq!(held(&host.look(70_000), one), Some(3), "it cannot be seen now");
}

#[test]
fn folders_of_a_large_colony_are_measured_in_turns() {
    let mut host = TestHost::new();
    let nodes: Vec<NodeId> = (1..=30).map(|number| host.add(number, Flavor::AntNode)).collect();
    let mut uptime = 1_000_000;
    // A slow host measures a part of them at once.
    while host.colony.samples.values().filter(|sample| sample.disk.is_some()).count() < nodes.len() {
        uptime += 1;
        host.colony.samples = host.look(uptime);
        assert!(uptime < 1_000_500);
    }
    for id in &nodes {
        fs::write(host.colony.nodes[id].root_dir.join("record"), [7; 300_000]).unwrap();
    }
    let grown = |samples: &NodeMap<NodeSample>| {
        samples.values().filter(|sample| sample.disk.is_some_and(|disk| disk.0 > 300_000)).count()
    };
    uptime += 5000;
    host.colony.samples = host.look(uptime);
    assert!((1..15).contains(&grown(&host.colony.samples)), "{} at once", grown(&host.colony.samples));
    while grown(&host.colony.samples) < nodes.len() {
        uptime += 5000;
        host.colony.samples = host.look(uptime);
        assert!(uptime < 1_090_000, "{} of 30", grown(&host.colony.samples));
    }
}

#[test]
fn nodes_of_a_large_colony_are_asked_in_turns() {
    let mut host = TestHost::new();
    host.platform.slices.get_mut().unwrap().all_at_once = 2;
    let nodes: Vec<NodeId> = (1..=12).map(|number| host.add(number, Flavor::Antnode)).collect();
    let servers: Vec<_> = nodes.iter().map(|_| serve_counted()).collect();
    for (id, (port, _)) in nodes.iter().zip(&servers) {
        let process = host.run(*id, 100 + id.get(), 0, 1);
        host.colony.nodes.get_mut(id).unwrap().ports.metrics = Some(*port);
        let since = Timestamp::default();
        host.colony.state.nodes.insert(*id, NodeState::Running { since });
        // Version and peer ID are known, and not asked for.
        let sample = NodeSample {
            presence: Presence::Answering,
            born: host.colony.nodes[id].born,
            process: Some(process),
            peer_id: Some(format!("12D3{id}")),
            version: Some(Version::new(0, 4, 17)),
            metrics: Some(Box::new(NodeMetrics { uptime: Some(50), ..NodeMetrics::default() })),
            ..NodeSample::default()
        };
        host.colony.samples.insert(*id, sample);
    }
    let asked = || servers.iter().map(|(_, count)| count.load(Ordering::Relaxed)).collect::<Vec<_>>();
    let first = host.look(1_000_000);
    assert_eq!(asked(), [1; 12], "a process that has asked none asks all");
    for cycle in 1..6_u64 {
        let seen = host.look(1_000_000 + cycle * 5000);
        for id in &nodes {
            assert_eq!((seen[id].presence, &seen[id].metrics), (Presence::Answering, &first[id].metrics));
        }
    }
    let counts = asked();
    assert!(
        counts.iter().all(|count| (1..=2).contains(count)) && counts.contains(&1) && counts.contains(&2),
        "{counts:?}"
    );
    host.look(1_035_000);
    assert!(asked().iter().all(|count| (2..=3).contains(count)), "{:?}", asked());
    // The end of a node is seen at once, without its turn.
    let before = asked();
    host.services.insert(nodes[3], Service::Stopped);
    host.colony.nodes.get_mut(&nodes[3]).unwrap().ports.metrics = Some(unused_port());
    assert_eq!(host.look(1_035_100)[&nodes[3]].presence, Presence::Gone);
    assert_eq!(asked(), before);
    // Another process is asked at once; that it does not answer lets all be asked.
    host.run(nodes[4], 999, 0, 1);
    host.colony.nodes.get_mut(&nodes[4]).unwrap().ports.metrics = Some(unused_port());
    assert_eq!(host.look(1_035_200)[&nodes[4]].presence, Presence::Silent);
    let now = asked();
    assert!(now.iter().zip(&before).enumerate().all(|(at, (now, before))| [3, 4].contains(&at) || *now == before + 1));
}

fn unused_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Serves a node's figures; returns the port, and the number of requests.
fn serve_counted() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            while let Ok(1..) = stream.read(&mut [0; 512]) {
                count.fetch_add(1, Ordering::Relaxed);
                let body = "ant_node_uptime 100\n";
                let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            }
        }
    });
    (port, asked)
}
