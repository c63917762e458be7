//! A crash between begin and finish.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use wnm_core::steps::{Evidence, Journal, Step, StepRecord};
use wnm_core::{Action, EngineState, NodeState, Outcome, ProcessIdentity};
use wnm_store::{CycleKind, Store};

use crate::fixtures::{add, at, counters, decision, failure, folder, id, node, observation, save, settings};

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
fn begun_actions_survive_a_crash_with_every_step() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    add(&mut store, node(1)).unwrap();
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
    let observed = observation(200, [1]);
    let (cycle, new) = recovered.begin(CycleKind::Scheduled, &observed, &decision([]), &[]).unwrap();
    assert!(new.is_empty());
    let outcomes = [(records[0].id, Outcome::Done), (records[1].id, Outcome::Failed(failure(Step::Binary, true)))];
    recovered.finish(cycle, &outcomes, &EngineState::default(), &observed, &counters(200)).unwrap();
    let colony = recovered.load(settings()).unwrap();
    assert!(colony.nodes.is_empty() && colony.unfinished.is_empty() && colony.state.acting.is_empty());
    assert!(recovered.check().unwrap().is_empty());
}
