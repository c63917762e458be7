//! What is remembered, and what survives.
#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests, helpers included")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use proptest::prelude::*;
use rusqlite::Connection;
use tempfile::TempDir;
use wnm_core::steps::{Evidence, Failure, Journal, Step, StepFailure, StepRecord};
use wnm_core::{
    Action, ActionId, Anomaly, Clock, ClockReading, Cores, Counters, Decision, EngineState, FAUCET, Flavor,
    HostDefaults, HostSample, ManagerKind, Node, NodeCounters, NodeId, NodeMetrics, NodeSample, NodeState, Observation,
    Outcome, Percent, Planned, Ports, Presence, ProcessIdentity, RawSettings, Reason, Rest, RuleVerdict, Settings,
    StopCause, Timestamp, Upnp, Verdict, Version, Volume, evaluate,
};
use wnm_store::{Activity, Claim, CycleId, CycleKind, HistoryFilter, Lock, LockError, Retention, Store, StoreError};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn id(number: u32) -> NodeId {
    NodeId::new(number).unwrap()
}

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deeper/wnm.db");
    (folder, path)
}

fn settings() -> Settings {
    let mut raw = RawSettings::default();
    raw.set("rewards_address", "faucet").unwrap();
    let manager = ManagerKind::ALL[0];
    let host = HostDefaults { cpus: 4, storage: "/s".into(), programs: "/p".into(), manager };
    Settings::new(&raw, &host).unwrap()
}

fn node(number: u32) -> Node {
    let port = |start: u32| u16::try_from(start + number).unwrap();
    Node {
        id: id(number),
        uuid: format!("uuid-{number}"),
        flavor: Flavor::Antnode,
        manager: ManagerKind::ALL[0],
        root_dir: PathBuf::from(format!("/nodes/a \"quoted\" 'path'/antnode{number:04}")),
        log_dir: PathBuf::from("/logs"),
        binary: PathBuf::from("/nodes/antnode"),
        ports: Ports { node: port(55000), metrics: port(13000), rpc: port(30000) },
        wallet: FAUCET,
        network: vec!["evm-arbitrum-one".into()],
        arguments: vec!["--a".into(), "b c\n".into()],
        environment: vec![("K".into(), "v=w".into())],
        upnp: Upnp::Off,
        born: at(1),
    }
}

fn sample(presence: Presence, number: u32) -> NodeSample {
    NodeSample {
        presence,
        born: at(i64::from(number)),
        version: Some(Version::new(0, 4, 17)),
        volume: Some(0),
        cpu: Cores::new(0.1 + 0.2).ok(),
        memory: None,
        disk: None,
        process: Some(ProcessIdentity { boot: "b".into(), pid: 7, start: u64::MAX }),
        peer_id: Some("12D3Koo".into()),
        shunned_since: Some(at(2)),
        metrics: Some(Box::new(NodeMetrics {
            reward_balance: Some(u128::MAX),
            memory_mb: Some(0.1),
            ..NodeMetrics::default()
        })),
    }
}

fn observation(now: i64, nodes: impl IntoIterator<Item = u32>) -> Observation {
    let volume = Volume { root: "/s".into(), device: u64::MAX, ..Volume::default() };
    Observation {
        now: at(now),
        host: HostSample { cpu: Percent::new(12.3).ok(), volumes: vec![volume], ..HostSample::default() },
        nodes: nodes.into_iter().map(|n| (id(n), sample(Presence::Answering, n))).collect(),
        ..Observation::default()
    }
}

fn decision(actions: impl IntoIterator<Item = Action>) -> Decision {
    let actions: Vec<_> = actions.into_iter().map(|action| Planned { action, reason: Reason::Requested }).collect();
    let verdict = if actions.is_empty() { Verdict::Rests(Rest::Content) } else { Verdict::Acts };
    let verdicts = vec![RuleVerdict { rule: "grow".into(), verdict }];
    Decision {
        actions,
        verdicts,
        ..evaluate(&settings().policy, EngineState::default(), &Observation::default()).decision
    }
}

fn counters(now: i64) -> Counters {
    let nodes = BTreeMap::from([(id(1), NodeCounters { pid: 7, cpu_millis: u64::MAX })]);
    Counters { at: at(now), boot: "b".into(), net_write: u64::MAX, nodes, ..Counters::default() }
}

fn failure(step: Step, rolled_back: bool) -> Failure {
    Failure { failed: StepFailure { step, at: at(9), error: "no \"room\"\n".into(), hint: None }, rolled_back }
}

/// Saves a state in a cycle that does nothing else.
fn save(store: &mut Store, now: i64, state: &EngineState, nodes: impl IntoIterator<Item = u32>) -> CycleId {
    let observation = observation(now, nodes);
    let (cycle, _) = store.begin(CycleKind::Scheduled, &observation, &decision([]), &[]).unwrap();
    store.finish(cycle, &[], state, &observation, &counters(now)).unwrap();
    cycle
}

fn every_state() -> [NodeState; 9] {
    let since = at(5);
    [
        NodeState::Running { since },
        NodeState::Unknown { since },
        NodeState::Stopped { since: None, cause: StopCause::StartFailed },
        NodeState::Restarting { since },
        NodeState::Upgrading { since, from: None, to: Version::new(1, 2, 3) },
        NodeState::Migrating { since },
        NodeState::Removing { since },
        NodeState::Dead { since },
        NodeState::Disabled { since },
    ]
}

fn every_action() -> [Action; 8] {
    let to = Version::new(1, 2, 3);
    [
        Action::Add { node: id(1) },
        Action::Start { node: id(2), upgrade_to: Some(to.clone()) },
        Action::Stop { node: id(3) },
        Action::Disable { node: id(4) },
        Action::Enable { node: id(5) },
        Action::Restart { node: id(6) },
        Action::Upgrade { node: id(7), from: None, to },
        Action::Remove { node: id(8), linger: Duration::from_millis(300_500) },
    ]
}

#[test]
fn a_colony_comes_back_as_it_was() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    let nodes: Vec<_> = (1..=9).map(node).collect();
    let actions = every_action();
    let begun = observation(100, []);
    let (cycle, records) = store.begin(CycleKind::Scheduled, &begun, &decision(actions.clone()), &nodes).unwrap();
    assert_eq!(records.iter().map(|r| r.planned.action.clone()).collect::<Vec<_>>(), actions);

    let state = EngineState {
        nodes: (1..=9).map(id).zip(every_state()).collect(),
        acting: records.iter().map(wnm_core::ActionRecord::node).collect(),
        missing: [id(9)].into(),
        devices: [("/s".into(), u64::MAX)].into(),
        failed_upgrades: [(Version::new(1, 2, 3), 2)].into(),
        forecast: None,
        clock: Some(Clock::start(ClockReading { wall: at(-5), uptime: 9, boot: "b".into() })),
    };
    let pending = Outcome::Pending { step: Step::Linger, since: at(100), why: "until 5".into() };
    let outcomes: Vec<_> = records.iter().map(|record| (record.id, pending.clone())).collect();
    store.finish(cycle, &outcomes, &state, &observation(100, 1..=9), &counters(100)).unwrap();
    drop(store);

    for store in [Store::open(&path).unwrap(), Store::open_read_only(&path).unwrap()] {
        let colony = store.load(settings()).unwrap();
        assert_eq!(colony.nodes.values().cloned().collect::<Vec<_>>(), nodes);
        assert_eq!(colony.state, state);
        assert_eq!(colony.samples, observation(100, 1..=9).nodes);
        assert_eq!(colony.unfinished, records);
        assert_eq!(colony.counters, Some(counters(100)));
        let snapshot = store.snapshot().unwrap();
        assert_eq!(snapshot.nodes, colony.nodes);
        assert_eq!(snapshot.state, state);
        assert_eq!(snapshot.samples, colony.samples);
        assert!(snapshot.unfinished.iter().all(|action| action.outcome.as_ref() == Some(&pending)));
        let last = snapshot.last.unwrap();
        assert_eq!((last.id, last.at, last.ended, &last.host), (cycle, at(100), Some(at(100)), &begun.host));
        assert_eq!(last.decision, decision(actions.clone()));
        assert!(snapshot.unreadable.is_empty());
        assert!(store.check().unwrap().is_empty());
    }
}

#[test]
fn every_outcome_is_remembered_and_drops_the_nodes_that_are_gone() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    let look = observation(100, 1..=5);
    let actions = [
        Action::Add { node: id(1) },
        Action::Add { node: id(2) },
        Action::Remove { node: id(3), linger: Duration::ZERO },
        Action::Remove { node: id(4), linger: Duration::ZERO },
        Action::Stop { node: id(5) },
    ];
    let nodes: Vec<_> = (1..=5).map(node).collect();
    let (cycle, records) = store.begin(CycleKind::Scheduled, &look, &decision(actions), &nodes).unwrap();
    let outcomes = [
        Outcome::Failed(failure(Step::Folder, true)),
        Outcome::Failed(failure(Step::Trash, false)),
        Outcome::Done,
        Outcome::Failed(failure(Step::Trash, false)),
        Outcome::Pending { step: Step::SeeGone, since: at(100), why: "it ends".into() },
    ];
    let outcomes: Vec<_> = records.iter().map(|record| record.id).zip(outcomes).collect();
    store.finish(cycle, &outcomes, &EngineState::default(), &look, &counters(100)).unwrap();

    let colony = store.load(settings()).unwrap();
    assert_eq!(colony.nodes.keys().copied().collect::<Vec<_>>(), [id(2), id(4), id(5)]);
    assert_eq!(colony.samples.keys().copied().collect::<Vec<_>>(), [id(2), id(4), id(5)]);
    assert_eq!(colony.unfinished, records[4..]);
    // What they had is free again.
    store.insert_node(&Node { uuid: "another".into(), ..node(3) }).unwrap();

    let record = store.last_cycle().unwrap().unwrap();
    let ends: Vec<_> = record.actions.iter().map(|action| (action.outcome.clone(), action.ended)).collect();
    let expected = outcomes.iter().zip([Some(at(100)), Some(at(100)), Some(at(100)), Some(at(100)), None]);
    assert_eq!(ends, expected.map(|((_, outcome), ended)| (Some(outcome.clone()), ended)).collect::<Vec<_>>());

    // What ended does not end again, and takes no step.
    let again = store.finish(cycle, &outcomes[..1], &EngineState::default(), &look, &counters(100));
    assert!(matches!(again, Err(StoreError::NotUnderWay { .. })));
    let step = StepRecord { step: Step::Folder, at: at(1), evidence: Evidence::Nothing };
    assert!(store.step_done(records[0].id, &step).is_err());
    assert!(store.turned_back(ActionId(999), &failure(Step::Folder, true).failed).is_err());
}

#[test]
fn the_last_sample_of_a_node_stays_where_nobody_looked() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    store.insert_nodes(&[1, 2].map(|n| (node(n), NodeState::Disabled { since: at(3) }))).unwrap();
    assert_eq!(store.load(settings()).unwrap().state.nodes.len(), 2);
    save(&mut store, 1, &EngineState::default(), [1, 2, 3]);
    let mut look = observation(2, [1]);
    look.nodes.insert(id(1), sample(Presence::Unobserved, 77));
    let (cycle, _) = store.begin(CycleKind::Scheduled, &look, &decision([]), &[]).unwrap();
    store.finish(cycle, &[], &EngineState::default(), &look, &counters(2)).unwrap();
    let colony = store.load(settings()).unwrap();
    assert_eq!(colony.samples, observation(1, [1, 2]).nodes);
    assert!(colony.state.nodes.is_empty());
}

/// Copies the files as a crash would leave them: the writer neither closed nor finished anything.
fn after_a_crash(path: &Path) -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["wnm.db", "wnm.db-wal"] {
        fs::copy(path.with_file_name(name), folder.path().join(name)).unwrap();
    }
    let store = Store::open(&folder.path().join("wnm.db")).unwrap();
    (folder, store)
}

#[test]
fn what_was_begun_survives_a_crash_with_every_step() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    store.insert_node(&node(1)).unwrap();
    let running = EngineState {
        nodes: [(id(1), NodeState::Running { since: at(1) })].into_iter().collect(),
        ..EngineState::default()
    };
    save(&mut store, 50, &running, [1]);
    let decided =
        decision([Action::Remove { node: id(1), linger: Duration::from_secs(1) }, Action::Add { node: id(2) }]);
    let (_, mut records) = store.begin(CycleKind::Scheduled, &observation(100, [1]), &decided, &[node(2)]).unwrap();

    let step = |step, millis| StepRecord { step, at: at(millis), evidence: Evidence::Nothing };
    let process = ProcessIdentity { boot: "b".into(), pid: 7, start: 8 };
    records[0].done = vec![step(Step::Tombstone, 101), step(Step::Stop, 102)];
    records[1].done = vec![StepRecord { evidence: Evidence::Process { process }, ..step(Step::Folder, 103) }];
    records[1].failure = Some(failure(Step::Binary, false).failed);
    records[1].undone = vec![
        step(Step::Stop, 105),
        StepRecord { evidence: Evidence::Moved { to: "/t".into() }, ..step(Step::SeeGone, 106) },
    ];
    // Each twice: whoever was not told that it is written writes it again.
    for record in &records {
        for done in &record.done {
            store.step_done(record.id, done).unwrap();
            store.step_done(record.id, done).unwrap();
        }
        if let Some(failure) = &record.failure {
            store.turned_back(record.id, failure).unwrap();
            store.turned_back(record.id, failure).unwrap();
        }
        for undone in &record.undone {
            store.step_done(record.id, undone).unwrap();
        }
        for undone in &record.undone {
            store.step_done(record.id, undone).unwrap();
        }
    }

    let (_other, mut recovered) = after_a_crash(&path);
    let colony = recovered.load(settings()).unwrap();
    assert_eq!(colony.unfinished, records);
    assert_eq!(colony.nodes.len(), 2, "the reservation holds");
    assert_eq!(colony.state.nodes, running.nodes);
    assert_eq!(colony.state.acting, BTreeSet::from([id(1), id(2)]), "neither may be chosen again");
    let cut_short = recovered.last_cycle().unwrap().unwrap();
    assert_eq!((cut_short.ended, cut_short.actions.len()), (None, 2));

    // The next cycle ends them.
    let look = observation(200, [1]);
    let (cycle, new) = recovered.begin(CycleKind::Scheduled, &look, &decision([]), &[]).unwrap();
    assert!(new.is_empty());
    let outcomes = [(records[0].id, Outcome::Done), (records[1].id, Outcome::Failed(failure(Step::Binary, true)))];
    recovered.finish(cycle, &outcomes, &EngineState::default(), &look, &counters(200)).unwrap();
    let colony = recovered.load(settings()).unwrap();
    assert!(colony.nodes.is_empty() && colony.unfinished.is_empty() && colony.state.acting.is_empty());
    assert!(recovered.check().unwrap().is_empty());
}

#[test]
fn numbers_ports_and_uuids_are_given_once() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    store.insert_node(&node(1)).unwrap();
    let taken = |error: StoreError| match error {
        StoreError::Taken { what, by } => (what, by),
        other => panic!("{other}"),
    };
    let ports = |node, metrics, rpc| Ports { node, metrics, rpc };
    for (newcomer, what) in [
        (node(1), Claim::Number(id(1))),
        (Node { uuid: "uuid-1".into(), ..node(2) }, Claim::Uuid("uuid-1".into())),
        // For whatever use.
        (Node { ports: ports(13001, 2, 3), ..node(2) }, Claim::Port(13001)),
        (Node { ports: ports(1, 2, 55001), ..node(2) }, Claim::Port(55001)),
    ] {
        let planned = decision([Action::Add { node: newcomer.id }]);
        let error = store
            .begin(CycleKind::Scheduled, &observation(1, []), &planned, std::slice::from_ref(&newcomer))
            .unwrap_err();
        assert_eq!(taken(error), (what, id(1)));
    }
    let twice = Node { ports: ports(1, 2, 1), ..node(2) };
    assert_eq!(taken(store.insert_node(&twice).unwrap_err()), (Claim::Port(1), id(2)));
    assert!(store.last_cycle().unwrap().is_none(), "all or nothing");

    store.insert_node(&node(2)).unwrap();
    let moved = Node { ports: ports(55002, 9, 30002), binary: "/new".into(), ..node(2) };
    store.update_node(&moved).unwrap();
    assert_eq!(store.nodes().unwrap()[&id(2)], moved);
    assert_eq!(taken(store.update_node(&Node { ports: ports(55001, 9, 8), ..node(2) }).unwrap_err()).1, id(1));
    assert_eq!(taken(store.update_node(&Node { uuid: "uuid-1".into(), ..node(2) }).unwrap_err()).1, id(1));
    assert!(matches!(store.update_node(&node(3)), Err(StoreError::NoSuchNode { .. })));
    store.insert_node(&Node { ports: ports(13002, 5, 6), ..node(3) }).unwrap();
    assert!(store.check().unwrap().is_empty());
}

#[test]
fn settings_come_back_and_those_of_a_later_version_stay() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    let other = Connection::open(store.path()).unwrap();
    other.execute("INSERT INTO settings VALUES ('from_tomorrow', 'x')", []).unwrap();
    let mut raw = RawSettings::default();
    let values = [
        ("cpu_remove", "70.1"),
        ("node_storage", "/a b,/c"),
        ("rewards_address", "faucet:1,donate:10"),
        ("node_cap", "3"),
    ];
    for (key, value) in values {
        raw.set(key, value).unwrap();
    }
    store.save_settings(&raw).unwrap();
    assert_eq!(store.settings().unwrap(), raw);
    raw.node_cap = None;
    store.save_settings(&raw).unwrap();
    assert_eq!(store.settings().unwrap(), raw);
    let kept: String =
        other.query_row("SELECT value FROM settings WHERE key = 'from_tomorrow'", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, "x");
    other.execute("UPDATE settings SET value = 'much' WHERE key = 'cpu_remove'", []).unwrap();
    let error = store.settings().unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt { what, .. } if what == "setting cpu_remove"), "{error}");
}

#[test]
fn one_damaged_row_hides_no_other() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    store.insert_nodes(&[1, 2, 3].map(|n| (node(n), NodeState::Running { since: at(1) }))).unwrap();
    let state = store.load(settings()).unwrap().state;
    save(&mut store, 1, &state, [1, 2, 3]);
    let planned = decision([Action::Stop { node: id(1) }, Action::Stop { node: id(2) }]);
    store.begin(CycleKind::Scheduled, &observation(2, []), &planned, &[]).unwrap();
    let other = Connection::open(store.path()).unwrap();
    let damage = |sql: &str| assert_eq!(other.execute(sql, []), Ok(1), "{sql}");

    damage("UPDATE samples SET sample = 'torn' WHERE node = 2");
    damage("UPDATE singles SET value = '[' WHERE name = 'counters'");
    let colony = store.load(settings()).unwrap();
    assert_eq!((colony.samples.len(), colony.nodes.len()), (2, 3), "the next look makes new ones");
    assert_eq!(colony.counters, None);

    damage("UPDATE nodes SET facts = CAST(x'ff22' AS TEXT) WHERE id = 2");
    damage("UPDATE states SET state = '{\"state\":\"dancing\"}' WHERE node = 3");
    damage("UPDATE actions SET planned = '{}' WHERE node = 1");
    damage("UPDATE cycles SET decision = '' WHERE acted = 0");
    let error = store.load(settings()).unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt { what, .. } if what == "node 0002"), "{error}");
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.nodes.keys().copied().collect::<Vec<_>>(), [id(1), id(3)]);
    assert_eq!((snapshot.state.nodes.len(), snapshot.unfinished.len()), (2, 1));
    assert_eq!(snapshot.last, None);
    let history = store.history(&HistoryFilter { activity: Activity::Any, ..HistoryFilter::default() }).unwrap();
    assert_eq!((history.cycles.len(), history.unreadable.len()), (1, 2));
    insta::assert_snapshot!("complaints", store.check().unwrap().join("\n"));
}

#[test]
fn a_reader_sees_the_last_cycle_while_another_writes() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    store.insert_node(&node(1)).unwrap();
    let writer = Connection::open(store.path()).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE; DELETE FROM nodes;").unwrap();
    let mut reader = Store::open_read_only(&path).unwrap();
    assert_eq!(reader.snapshot().unwrap().nodes.len(), 1);
    writer.execute_batch("COMMIT").unwrap();
    assert_eq!(reader.snapshot().unwrap().nodes.len(), 0);
    assert!(matches!(reader.insert_node(&node(1)), Err(StoreError::ReadOnly { .. })));
}

#[test]
fn a_database_at_rest_is_read_without_its_log() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    store.insert_node(&node(1)).unwrap();
    drop(store);
    assert!(!path.with_file_name("wnm.db-wal").exists());
    assert_eq!(Store::open_read_only(&path).unwrap().nodes().unwrap().len(), 1);
}

#[test]
fn history_is_found_and_bounded() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    store.set_retention(Retention { acting: Duration::from_millis(1000), acting_at_most: 30, idle: 10 });
    store.insert_nodes(&[1, 2].map(|n| (node(n), NodeState::Running { since: at(1) }))).unwrap();
    let act = |store: &mut Store, now: i64, number: u32, outcome: Outcome| {
        let look = observation(now, []);
        let (cycle, records) =
            store.begin(CycleKind::Scheduled, &look, &decision([Action::Stop { node: id(number) }]), &[]).unwrap();
        store.finish(cycle, &[(records[0].id, outcome)], &EngineState::default(), &look, &counters(now)).unwrap();
        cycle
    };
    let pending = Outcome::Pending { step: Step::Stop, since: at(0), why: String::new() };
    let stuck = act(&mut store, 0, 2, pending);
    for now in 1..=60 {
        act(&mut store, now * 10, 1, Outcome::Done);
        save(&mut store, now * 10, &EngineState::default(), []);
    }
    let find = |store: &Store, filter: HistoryFilter| store.history(&filter).unwrap().cycles;
    let all = HistoryFilter { activity: Activity::Any, ..HistoryFilter::default() };
    let acting = find(&store, HistoryFilter::default());
    assert_eq!(acting.len(), 31, "30, and the one that goes on");
    assert_eq!(find(&store, all).len(), 41);
    assert!(acting.is_sorted_by(|a, b| a.id > b.id));
    assert_eq!(acting.last().unwrap().id, stuck);
    assert_eq!(store.cycle(stuck).unwrap().unwrap().actions[0].ended, None);
    let since = HistoryFilter { since: Some(at(550)), ..HistoryFilter::default() };
    assert_eq!(find(&store, since).len(), 6);
    assert_eq!(find(&store, HistoryFilter { limit: 2, ..all }).len(), 2);
    let of = |number| HistoryFilter { node: Some(id(number)), ..all };
    assert_eq!((find(&store, of(1)).len(), find(&store, of(2)).len(), find(&store, of(3)).len()), (30, 1, 0));

    save(&mut store, 1500, &EngineState::default(), []);
    assert_eq!(find(&store, HistoryFilter::default()).len(), 12, "the last second, and the one that goes on");
    let rows: i64 = Connection::open(store.path())
        .unwrap()
        .query_row("SELECT count(*) FROM actions", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 12);

    // The last scheduled cycle outlives any number of cycles that only wait for an action.
    let scheduled = store.last_scheduled().unwrap().unwrap().id;
    for now in 1501..1540 {
        let look = observation(now, []);
        let (cycle, _) = store.begin(CycleKind::Resumed, &look, &decision([]), &[]).unwrap();
        store.finish(cycle, &[], &EngineState::default(), &look, &counters(now)).unwrap();
    }
    assert_eq!(store.last_scheduled().unwrap().unwrap().id, scheduled);
    let resumed = HistoryFilter { kind: Some(CycleKind::Resumed), ..all };
    assert_eq!(find(&store, resumed).len(), 10);
    let last = find(&store, resumed)[0].id;
    assert!(find(&store, HistoryFilter { after: Some(last), ..all }).is_empty());

    // A clock that went back hides nothing.
    let cycle = save(&mut store, -5, &EngineState::default(), []);
    assert_eq!(store.last_cycle().unwrap().unwrap().id, cycle);
    assert!(store.cycle(CycleId(2)).unwrap().is_none());
}

#[test]
fn a_copy_is_complete_and_can_be_restored() {
    let (folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    store.insert_node(&node(1)).unwrap();
    let copy = folder.path().join("copy.db");
    Store::open_read_only(&path).unwrap().backup(&copy).unwrap();
    assert!(matches!(store.backup(&copy), Err(StoreError::CopyExists { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "a folder and one copy");
    store.insert_node(&node(2)).unwrap();
    std::mem::forget(store);

    let garbage = folder.path().join("garbage");
    fs::write(&garbage, "x".repeat(5000)).unwrap();
    assert!(Store::restore(&path, &garbage).is_err());
    assert!(matches!(Store::restore(&path, &folder.path().join("none")), Err(StoreError::File { .. })));
    let aside = Store::restore(&path, &copy).unwrap().unwrap();
    assert!(aside.exists());
    let restored = Store::open(&path).unwrap();
    assert_eq!(restored.nodes().unwrap().len(), 1, "and no log of the other one played into it");
    assert!(restored.check().unwrap().is_empty());
}

#[test]
fn the_log_of_a_lost_database_is_not_played_into_a_new_one() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    store.insert_node(&node(1)).unwrap();
    std::mem::forget(store);
    fs::remove_file(&path).unwrap();
    assert!(path.with_file_name("wnm.db-wal").exists());
    assert!(Store::create(&path).unwrap().nodes().unwrap().is_empty());
}

#[test]
fn every_wrong_file_is_told_apart() {
    let (folder, path) = folder();
    let mut errors = Vec::new();
    let mut tell = |what: &str, error: StoreError| errors.push(format!("{what}: {error}"));
    assert!(!Store::exists(&path));
    tell("absent", Store::open(&path).unwrap_err());
    tell("absent", Store::open_read_only(&path).unwrap_err());

    drop(Store::create(&path).unwrap());
    assert!(Store::exists(&path));
    tell("there", Store::create(&path).unwrap_err());

    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    tell("newer", Store::open(&path).unwrap_err());
    tell("newer", Store::open_read_only(&path).unwrap_err());

    let place = |name: &str| folder.path().join(name);
    fs::write(place("empty.db"), "").unwrap();
    tell("empty", Store::open(&place("empty.db")).unwrap_err());
    tell("empty", Store::create(&place("empty.db")).unwrap_err());
    tell("directory", Store::open(folder.path()).unwrap_err());
    fs::write(place("text.db"), "key=value\n".repeat(1000)).unwrap();
    tell("text", Store::open(&place("text.db")).unwrap_err());
    let header = [b"SQLite format 3\0".as_slice(), &[0xa5; 5000]].concat();
    fs::write(place("header.db"), header).unwrap();
    tell("garbage", Store::open(&place("header.db")).unwrap_err());
    Connection::open(place("other.db")).unwrap().execute_batch("CREATE TABLE machine (a)").unwrap();
    tell("other", Store::open(&place("other.db")).unwrap_err());
    tell("other", Store::open_read_only(&place("other.db")).unwrap_err());

    let sound = place("sound.db");
    drop(Store::create(&sound).unwrap());
    let bytes = fs::read(&sound).unwrap();
    let mut flipped = bytes.clone();
    flipped[4096..4196].fill(0xff);
    fs::write(place("flipped.db"), flipped).unwrap();
    tell("flipped", Store::open(&place("flipped.db")).unwrap_err());
    fs::write(place("cut.db"), &bytes[..bytes.len() / 2]).unwrap();
    tell("cut", Store::open(&place("cut.db")).unwrap_err());

    let mut permissions = fs::metadata(&sound).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&sound, permissions).unwrap();
    tell("read-only", Store::open(&sound).unwrap_err());
    assert!(Store::open_read_only(&sound).is_ok());

    let here = folder.path().canonicalize().unwrap().display().to_string();
    insta::assert_snapshot!("wrong_files", errors.join("\n").replace(&here, "[folder]"));
}

/// Holds the lock until it is killed; only ever run by the test below.
#[test]
#[ignore = "run as another process by a_lock_is_freed_by_the_end_of_its_holder"]
fn hold_the_lock() {
    let Some(path) = std::env::var_os("WNM_TEST_LOCK") else { return };
    let _lock = Lock::acquire(Path::new(&path), Duration::ZERO).unwrap();
    println!("held");
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_lock_is_freed_by_the_end_of_its_holder() {
    let (_folder, path) = folder();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hold_the_lock", "--ignored", "--nocapture"])
        .env("WNM_TEST_LOCK", &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    assert!(lines.map_while(Result::ok).any(|line| line.contains("held")));

    let error = Lock::acquire(&path, Duration::from_millis(50)).unwrap_err();
    let text = error.to_string();
    let LockError::Held { holder: Some(holder), path: file } = error else { panic!("{text}") };
    assert_eq!(holder.pid, child.id());
    assert!(holder.since.as_secs() > 1_600_000_000);
    assert!(text.contains(&format!("process {}", child.id())), "{text}");

    child.kill().unwrap();
    child.wait().unwrap();
    let lock = Lock::acquire(&path, Duration::from_secs(5)).unwrap();
    assert_eq!(lock.path(), file);
    drop(lock);
    assert!(file.exists(), "never removed");
}

#[test]
fn a_lock_excludes_others_of_the_same_process_and_by_other_names() {
    let (folder, path) = folder();
    drop(Store::create(&path).unwrap());
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let lock = Lock::acquire(&path, Duration::ZERO).unwrap();
    assert!(matches!(Lock::acquire(&link, Duration::ZERO), Err(LockError::Held { .. })));
    let waiting = std::thread::spawn(move || Lock::acquire(&link, Duration::from_secs(10)).is_ok());
    std::thread::sleep(Duration::from_millis(50));
    drop(lock);
    assert!(waiting.join().unwrap());
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(at)
}

fn any_version() -> impl Strategy<Value = Version> {
    prop_oneof![
        (any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(a, b, c)| Version::new(a, b, c)),
        Just("0.4.10-rc.1".parse().unwrap()),
    ]
}

fn any_state() -> impl Strategy<Value = NodeState> {
    let causes = [StopCause::Pressure, StopCause::Requested, StopCause::Found, StopCause::StartFailed];
    prop_oneof![
        any_time().prop_map(|since| NodeState::Running { since }),
        any_time().prop_map(|since| NodeState::Unknown { since }),
        (proptest::option::of(any_time()), proptest::sample::select(causes.to_vec()))
            .prop_map(|(since, cause)| NodeState::Stopped { since, cause }),
        any_time().prop_map(|since| NodeState::Restarting { since }),
        (any_time(), proptest::option::of(any_version()), any_version())
            .prop_map(|(since, from, to)| NodeState::Upgrading { since, from, to }),
        any_time().prop_map(|since| NodeState::Migrating { since }),
        any_time().prop_map(|since| NodeState::Removing { since }),
        any_time().prop_map(|since| NodeState::Dead { since }),
        any_time().prop_map(|since| NodeState::Disabled { since }),
    ]
}

fn any_id() -> impl Strategy<Value = NodeId> {
    prop_oneof![(1..12u32).prop_map(id), (1..=u32::MAX).prop_map(id)]
}

fn any_engine_state() -> impl Strategy<Value = EngineState> {
    use proptest::collection::{btree_map, btree_set};
    let clock = (any_time(), any::<u64>(), any::<String>());
    (
        btree_map(any_id(), any_state(), 0..12),
        btree_set(any_id(), 0..4),
        btree_set(any_id(), 0..4),
        btree_map(any::<String>().prop_map(PathBuf::from), any::<u64>(), 0..3),
        btree_map(any_version(), any::<u32>(), 0..3),
        proptest::option::of(clock.prop_map(|(wall, uptime, boot)| Clock::start(ClockReading { wall, uptime, boot }))),
    )
        .prop_map(|(nodes, acting, missing, devices, failed_upgrades, clock)| EngineState {
            nodes: nodes.into_iter().collect(),
            acting,
            missing,
            devices,
            failed_upgrades,
            forecast: None,
            clock,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn saving_and_loading_a_state_changes_nothing(states in proptest::collection::vec(any_engine_state(), 1..5)) {
        let (_folder, path) = folder();
        let mut store = Store::create(&path).unwrap();
        for (now, state) in (1..).zip(states) {
            save(&mut store, now, &state, []);
            prop_assert_eq!(store.load(settings()).unwrap().state, state);
        }
    }
}

#[test]
fn rests_and_anomalies_are_remembered() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    let anomaly = Anomaly::MassDisappearance { vanished: 3, total: 9 };
    for rest in [
        Rest::Rebooted,
        Rest::Anomaly { anomaly },
        Rest::OperationsUnderWay { under_way: 1, limit: 1 },
        Rest::ReliefUnderWay { removing: 1 },
        Rest::NothingToRelieve,
        Rest::WaitingToRestart { node: id(3), until: at(9) },
        Rest::Content,
    ] {
        let mut decided = decision([]);
        decided.verdicts[0].verdict = Verdict::Rests(rest);
        let (cycle, _) = store.begin(CycleKind::Scheduled, &observation(1, []), &decided, &[]).unwrap();
        assert_eq!(store.cycle(cycle).unwrap().unwrap().decision, decided);
    }
}
