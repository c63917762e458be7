//! Filters and limits of the history.

use std::path::PathBuf;

use rusqlite::Connection;
use tempfile::TempDir;
use wnm_core::steps::Step;
use wnm_core::{Action, Ended, EngineState, Outcome};
use wnm_store::{Activity, CycleId, CycleKind, CycleRecord, HistoryFilter, Store};

use crate::fixtures::{add, at, counters, decision, failure, folder, id, node, observation, save};

const DAY: i64 = 24 * 60 * 60 * 1000;

/// Returns a filter that all cycles match.
fn all() -> HistoryFilter {
    HistoryFilter { activity: Activity::Any, limit: u32::MAX, ..HistoryFilter::default() }
}

fn find(store: &Store, filter: HistoryFilter) -> Vec<CycleRecord> {
    store.history(&filter).unwrap().cycles
}

fn rows(store: &Store, table: &str) -> u32 {
    let db = Connection::open(store.path()).unwrap();
    db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

fn act(store: &mut Store, now: i64, number: u32, outcome: Outcome) -> CycleId {
    let observed = observation(now, []);
    let stop = decision([Action::Stop { node: id(number) }]);
    let (cycle, records) = store.begin(CycleKind::Scheduled, &observed, &stop, &[]).unwrap();
    store.finish(cycle, &[(records[0].id, outcome)], &EngineState::default(), &observed, &counters(now)).unwrap();
    cycle
}

/// A store with a cycle at day 0 whose action never ends.
fn store_with_a_pending_action() -> (TempDir, PathBuf, Store, CycleId) {
    let (folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    add(&mut store, node(1)).unwrap();
    add(&mut store, node(2)).unwrap();
    let pending = Outcome::Pending { step: Step::Stop, since: at(0), why: String::new() };
    let stuck = act(&mut store, 0, 2, pending);
    (folder, path, store, stuck)
}

#[test]
fn history_is_filtered() {
    let (_folder, _path, mut store, stuck) = store_with_a_pending_action();
    for day in 1..=9 {
        act(&mut store, day * DAY, 1, Outcome::Done);
        save(&mut store, day * DAY, &EngineState::default(), []);
    }
    let acting = find(&store, HistoryFilter::default());
    assert_eq!((acting.len(), find(&store, all()).len()), (10, 19));
    assert!(acting.is_sorted_by(|a, b| a.id > b.id));
    assert_eq!(acting.last().unwrap().id, stuck);
    assert_eq!(store.cycle(stuck).unwrap().unwrap().actions[0].ended, None);
    let since = HistoryFilter { since: Some(at(5 * DAY)), ..HistoryFilter::default() };
    assert_eq!(find(&store, since).len(), 5);
    assert_eq!(find(&store, HistoryFilter { limit: 2, ..all() }).len(), 2);
    let of = |number| HistoryFilter { node: Some(id(number)), ..all() };
    assert_eq!((find(&store, of(1)).len(), find(&store, of(2)).len(), find(&store, of(3)).len()), (9, 1, 0));
    assert_eq!(find(&store, HistoryFilter { after: Some(acting[1].id), ..all() }).len(), 3);
    assert!(find(&store, HistoryFilter { kind: Some(CycleKind::Requested), ..all() }).is_empty());

    // A clock that went back hides nothing.
    let cycle = save(&mut store, -5, &EngineState::default(), []);
    assert_eq!(store.last_cycle().unwrap().unwrap().id, cycle);
}

#[test]
fn restarts_are_the_starts_that_ended_well() {
    let (_folder, _path, mut store, _) = store_with_a_pending_action();
    let observed = observation(DAY, []);
    let failed = Outcome::Failed(failure(Step::Start, true));
    let restarts = [
        Action::Start { node: id(1), upgrade_to: None },
        Action::Restart { node: id(1) },
        Action::Restart { node: id(2) },
    ];
    let (cycle, records) = store.begin(CycleKind::Scheduled, &observed, &decision(restarts), &[]).unwrap();
    let outcomes = [Outcome::Done, Outcome::Done, failed];
    let ended: Vec<_> = records.iter().map(|record| record.id).zip(outcomes).collect();
    store.finish(cycle, &ended, &EngineState::default(), &observed, &counters(DAY)).unwrap();
    let restarts = |store: &Store| store.restarts(&store.nodes().unwrap()).unwrap();
    assert_eq!(restarts(&store), [(id(1), 2)].into());
    // A damaged record hides no other.
    let db = Connection::open(store.path()).unwrap();
    let damage = "UPDATE actions SET outcome = '{' WHERE id = ?1";
    db.execute(damage, [records[0].id.0]).unwrap();
    db.execute("UPDATE actions SET planned = '?' WHERE id = ?1", [records[2].id.0]).unwrap();
    assert_eq!(restarts(&store), [(id(1), 1)].into());
}

#[test]
fn ends_of_processes_are_found_beside_actions() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    for number in [1, 2, 12] {
        add(&mut store, node(number)).unwrap();
    }
    let acting = act(&mut store, 1, 1, Outcome::Done);
    let mut saw_ends = decision([]);
    saw_ends.ended = vec![Ended { node: id(2), exit: None, restarted: true }];
    let observed = observation(2, []);
    let (ends, _) = store.begin(CycleKind::Scheduled, &observed, &saw_ends, &[]).unwrap();
    store.finish(ends, &[], &EngineState::default(), &observed, &counters(2)).unwrap();
    save(&mut store, 3, &EngineState::default(), []);
    let found = |filter| find(&store, filter).iter().map(|cycle| cycle.id).collect::<Vec<_>>();
    assert_eq!(found(HistoryFilter::default()), [ends, acting]);
    for (number, expected) in [(1, vec![acting]), (2, vec![ends]), (12, vec![])] {
        assert_eq!(found(HistoryFilter { node: Some(id(number)), ..all() }), expected, "node {number}");
    }
    assert_eq!(find(&store, HistoryFilter::default())[0].decision, saw_ends);

    // A record that is no JSON hides no other one.
    let db = Connection::open(store.path()).unwrap();
    db.execute("UPDATE cycles SET decision = '{\"ended\":' WHERE id = ?1", [acting.0]).unwrap();
    let history = store.history(&HistoryFilter { node: Some(id(2)), ..all() }).unwrap();
    assert_eq!(history.cycles.iter().map(|cycle| cycle.id).collect::<Vec<_>>(), [ends]);
}

#[test]
fn cycles_are_deleted_by_age_and_number() {
    let (_folder, path, mut store, stuck) = store_with_a_pending_action();
    for day in 1..=40 {
        act(&mut store, day * DAY, 1, Outcome::Done);
    }
    let acting = find(&store, HistoryFilter::default());
    assert_eq!(acting.len(), 32, "30 days, and the pending action");
    assert_eq!((acting.last().unwrap().id, rows(&store, "actions")), (stuck, 32));
    assert!(store.cycle(CycleId(2)).unwrap().is_none());

    let mut idle = Vec::new();
    // The clock goes back, so that each cycle is due for the database.
    for earlier in 0..120 {
        idle.push(save(&mut store, 40 * DAY - earlier, &EngineState::default(), []));
    }
    assert_eq!(rows(&store, "cycles WHERE acted = 0"), 100);
    assert!(store.cycle(idle[20]).unwrap().is_some() && store.cycle(idle[19]).unwrap().is_none());

    let copies = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20060)
                  INSERT INTO cycles (at, acted, host, decision)
                  SELECT at, acted, host, decision FROM n, (SELECT * FROM cycles WHERE acted = 1 ORDER BY id DESC LIMIT 1)";
    Connection::open(&path).unwrap().execute_batch(copies).unwrap();
    let acted = |store: &Store| rows(store, "cycles WHERE acted = 1");
    assert_eq!(acted(&store), 20_092);
    save(&mut store, 40 * DAY - 120, &EngineState::default(), []);
    assert_eq!(acted(&store), 20_042, "50 at once");
    save(&mut store, 40 * DAY - 121, &EngineState::default(), []);
    assert_eq!(acted(&store), 20_001, "the limit, and the pending action");
    assert!(store.cycle(stuck).unwrap().is_some());
}

#[test]
fn last_scheduled_cycle_is_never_deleted() {
    let (_folder, _path, mut store, _) = store_with_a_pending_action();
    let scheduled = save(&mut store, DAY, &EngineState::default(), []);
    for now in 1..=150 {
        let observed = observation(DAY + now, []);
        let (cycle, _) = store.begin(CycleKind::Resumed, &observed, &decision([]), &[]).unwrap();
        store.finish(cycle, &[], &EngineState::default(), &observed, &counters(now)).unwrap();
    }
    assert_eq!(store.last_scheduled().unwrap().unwrap().id, scheduled);
    assert_eq!(find(&store, HistoryFilter { kind: Some(CycleKind::Resumed), ..all() }).len(), 100);
}
