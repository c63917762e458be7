//! The bytes that cycles write, and the file in memory that saves them.

use std::fs;
use std::time::Duration;

use wnm_core::{Action, Clock, ClockReading, EngineState, NodeState, Outcome};
use wnm_store::{Activity, CycleKind, HistoryFilter, Store};

use crate::fixtures::{add, at, counters, decision, folder, id, node, observation, save, settings};

/// Cycles a day at the default interval of 5 s.
const CYCLES_A_DAY: u64 = 24 * 60 * 60 / 5;
/// The limit of the bytes that a colony of a thousand nodes writes a day.
const LIMIT: u64 = 200_000_000;

/// Returns the bytes for the disk that this thread has written.
fn written() -> u64 {
    let counts = fs::read_to_string("/proc/thread-self/io").unwrap();
    let line = counts.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap();
    line.parse().unwrap()
}

/// Returns the state of running nodes, with a clock that advances as in a daemon.
fn running(nodes: u32, now: i64) -> EngineState {
    let reading = ClockReading { wall: at(now), uptime: now.unsigned_abs(), boot: "b".into(), init: Some(7) };
    EngineState {
        nodes: (1..=nodes).map(|number| (id(number), NodeState::Running { since: at(1) })).collect(),
        clock: Some(Clock::start(reading)),
        ..EngineState::default()
    }
}

/// An hour of a daemon with a thousand nodes whose samples change in every cycle, and one whose state changes each minute.
/// Two cycles a minute stand for twelve: those between write nothing, as the next test shows.
#[test]
fn idle_colony_of_a_thousand_nodes_wears_no_disk() {
    const NODES: u32 = 1000;
    // Temporary folders are often in memory, where nothing counts.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let before = written();
    fs::write(folder.path().join("control"), vec![7; 1 << 20]).unwrap();
    assert!(written() - before >= 1 << 20, "the kernel counts what a process writes to this folder");

    let mut store = Store::create(&folder.path().join("wnm.db")).unwrap();
    let nodes: Vec<_> = (1..=NODES).map(|number| (node(number), NodeState::Running { since: at(1) })).collect();
    store.insert_nodes(&nodes).unwrap();
    save(&mut store, 0, &running(NODES, 0), 1..=NODES);
    let before = written();
    for cycle in 1..=120 {
        let now = cycle * 30_000;
        let mut observed = observation(now, 1..=NODES);
        for number in (1..=NODES).map(id) {
            observed.nodes.get_mut(&number).unwrap().metrics.as_mut().unwrap().memory_mb = Some(now as f64);
        }
        let mut state = running(NODES, now);
        if cycle / 2 % 2 == 1 {
            state.nodes.insert(id(7), NodeState::Unknown { since: at(9) });
        }
        let (number, _) = store.begin(CycleKind::Scheduled, &observed, &decision([]), &[]).unwrap();
        store.finish(number, &[], &state, &observed, &counters(now)).unwrap();
    }
    let a_day = (written() - before) * 24;
    println!("{} MB a day, {} bytes a cycle", a_day / 1_000_000, a_day / CYCLES_A_DAY);
    assert!(a_day <= LIMIT, "{a_day} bytes a day");
}

#[test]
fn cycles_that_change_nothing_are_read_from_memory() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    add(&mut store, node(1)).unwrap();
    add(&mut store, node(2)).unwrap();
    let first = save(&mut store, 1000, &running(2, 1000), [1, 2]);
    let log = || fs::metadata(path.with_file_name("wnm.db-wal")).unwrap().len();
    let size = log();
    let mut last = first;
    for cycle in 2..=150 {
        last = save(&mut store, cycle * 1000, &running(2, cycle * 1000), [1]);
    }
    assert_eq!(log(), size, "the database is not written");

    for store in [store, Store::open(&path).unwrap(), Store::open_read_only(&path).unwrap()] {
        let colony = store.load(settings()).unwrap();
        assert_eq!(colony.state, running(2, 150_000));
        assert_eq!(colony.counters, Some(counters(150_000)));
        assert_eq!(colony.samples, observation(0, [1, 2]).nodes, "a node that was not observed keeps its sample");
        let snapshot = store.snapshot().unwrap();
        assert_eq!((snapshot.last.unwrap().id, snapshot.samples), (last, colony.samples));
        assert_eq!(store.last_cycle().unwrap().unwrap().at, at(150_000));
        assert_eq!(store.last_scheduled().unwrap().unwrap().id, last);
        let all = HistoryFilter { activity: Activity::Any, limit: u32::MAX, ..HistoryFilter::default() };
        let found = store.history(&all).unwrap().cycles;
        assert!(found.is_sorted_by(|a, b| a.id > b.id));
        assert_eq!((found.len(), found[0].id, found.last().unwrap().id), (101, last, first), "a limited number");
        assert_eq!(store.cycle(found[50].id).unwrap().as_ref(), Some(&found[50]));
        let since = HistoryFilter { since: Some(at(148_000)), until: Some(at(149_000)), ..all };
        assert_eq!(store.history(&since).unwrap().cycles.len(), 2);
        assert!(store.check().unwrap().is_empty());
    }

    // No later cycle gets the number of an idle one.
    let mut store = Store::open(&path).unwrap();
    let stop = decision([Action::Stop { node: id(1) }]);
    let observed = observation(151_000, [1, 2]);
    let (acting, records) = store.begin(CycleKind::Requested, &observed, &stop, &[]).unwrap();
    assert!(acting > last);
    let state = running(2, 151_000);
    store.finish(acting, &[(records[0].id, Outcome::Done)], &state, &observed, &counters(151_000)).unwrap();
    assert_eq!(store.load(settings()).unwrap().state, state);
    assert_eq!(store.last_cycle().unwrap().unwrap().id, acting);
}

#[test]
fn state_in_memory_counts_only_for_its_database() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    add(&mut store, node(1)).unwrap();
    save(&mut store, 1000, &running(1, 1000), [1]);
    let backup = path.with_file_name("backup.db");
    store.backup(&backup).unwrap();
    save(&mut store, 2000, &running(1, 2000), [1]);
    let state = |path: &_| Store::open_read_only(path).unwrap().load(settings()).unwrap().state;
    assert_eq!(state(&path), running(1, 2000));
    assert_eq!(state(&backup), running(1, 1000), "a backup has no state in memory");

    // A write that does not know of the file makes it void.
    store.save_volumes([("/s".into(), 7)].into()).unwrap();
    let with_volume = EngineState { volumes: [("/s".into(), 7)].into(), ..running(1, 2000) };
    assert_eq!(state(&path), with_volume);
    save(&mut store, 3000, &running(1, 3000), [1]);
    assert_eq!(state(&path), running(1, 3000));

    // A restart of the host: the state is at most ten minutes old, the samples an hour.
    for minute in 1..=61 {
        save(&mut store, minute * 60_000, &running(1, minute * 60_000), [1]);
    }
    let after_restart = path.with_file_name("copy.db");
    store.backup(&after_restart).unwrap();
    let found = Store::open_read_only(&after_restart).unwrap().snapshot().unwrap();
    let age = at(61 * 60_000).since(found.last.unwrap().at);
    assert!(age < Duration::from_secs(600), "{age:?}");
}
