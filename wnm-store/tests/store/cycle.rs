//! A cycle from begin to finish: outcomes, states and samples.

use std::time::Duration;
use wnm_core::steps::{Evidence, Journal, Step, StepRecord};
use wnm_core::{
    Action, ActionId, Anomaly, Blocker, Clock, ClockReading, EngineState, Node, NodeMap, NodeState, Outcome,
    OwnUpgrade, Presence, Reason, Verdict, Version,
};
use wnm_store::{CycleKind, Store, StoreError};

use crate::fixtures::{
    add, at, counters, decision, every_action, every_state, failure, folder, id, node, observation, sample, save,
    settings,
};

#[test]
fn colony_is_loaded_as_it_was_stored() {
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
        removals: [(id(8), Reason::OverCap { total: 9, cap: 8 })].into_iter().collect(),
        missing_since: [(id(9), at(-7))].into(),
        volumes: [("/s".into(), u64::MAX)].into(),
        failed_upgrades: [(Version::new(1, 2, 3), 2)].into(),
        desired: NodeMap::new(),
        recoveries: NodeMap::new(),
        failures: Vec::new(),
        own_upgrades: [(id(3), OwnUpgrade { to: Version::new(0, 4, 18), at: at(1), failed: true })]
            .into_iter()
            .collect(),
        forecast: None,
        recent: serde_json::from_str("[[90000,3]]").unwrap(),
        clock: Some(Clock::start(ClockReading { wall: at(-5), uptime: 9, boot: "b".into(), init: Some(7) })),
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
fn outcomes_are_stored_and_delete_removed_nodes() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    let observed = observation(100, 1..=5);
    let actions = [
        Action::Add { node: id(1) },
        Action::Add { node: id(2) },
        Action::Remove { node: id(3), linger: Duration::ZERO },
        Action::Remove { node: id(4), linger: Duration::ZERO },
        Action::Stop { node: id(5) },
    ];
    let nodes: Vec<_> = (1..=5).map(node).collect();
    let (cycle, records) = store.begin(CycleKind::Scheduled, &observed, &decision(actions), &nodes).unwrap();
    let outcomes = [
        Outcome::Failed(failure(Step::Folder, true)),
        Outcome::Failed(failure(Step::Trash, false)),
        Outcome::Done,
        Outcome::Failed(failure(Step::Trash, false)),
        Outcome::Pending { step: Step::SeeGone, since: at(100), why: "it ends".into() },
    ];
    let outcomes: Vec<_> = records.iter().map(|record| record.id).zip(outcomes).collect();
    store.finish(cycle, &outcomes, &EngineState::default(), &observed, &counters(100)).unwrap();

    let colony = store.load(settings()).unwrap();
    assert_eq!(colony.nodes.keys().copied().collect::<Vec<_>>(), [id(2), id(4), id(5)]);
    assert_eq!(colony.samples.keys().copied().collect::<Vec<_>>(), [id(2), id(4), id(5)]);
    assert_eq!(colony.unfinished, records[4..]);
    // What they had is free again.
    add(&mut store, Node { uuid: "another".into(), ..node(3) }).unwrap();

    let record = store.last_cycle().unwrap().unwrap();
    let ends: Vec<_> = record.actions.iter().map(|action| (action.outcome.clone(), action.ended)).collect();
    let expected = outcomes.iter().zip([Some(at(100)), Some(at(100)), Some(at(100)), Some(at(100)), None]);
    assert_eq!(ends, expected.map(|((_, outcome), ended)| (Some(outcome.clone()), ended)).collect::<Vec<_>>());

    // What ended does not end again, and takes no step.
    let again = store.finish(cycle, &outcomes[..1], &EngineState::default(), &observed, &counters(100));
    assert!(matches!(again, Err(StoreError::NotUnderWay { .. })));
    let step = StepRecord { step: Step::Folder, at: at(1), evidence: Evidence::Nothing };
    assert!(store.step_done(records[0].id, &step).is_err());
    assert!(store.turned_back(ActionId(999), &failure(Step::Folder, true).failed).is_err());
}

#[test]
fn unobserved_node_keeps_its_last_sample() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    store.insert_nodes(&[1, 2].map(|n| (node(n), NodeState::Disabled { since: at(3) }))).unwrap();
    assert_eq!(store.load(settings()).unwrap().state.nodes.len(), 2);
    save(&mut store, 1, &EngineState::default(), [1, 2, 3]);
    let mut observed = observation(2, [1]);
    observed.nodes.insert(id(1), sample(Presence::Unobserved, 77));
    let (cycle, _) = store.begin(CycleKind::Scheduled, &observed, &decision([]), &[]).unwrap();
    store.finish(cycle, &[], &EngineState::default(), &observed, &counters(2)).unwrap();
    let colony = store.load(settings()).unwrap();
    assert_eq!(colony.samples, observation(1, [1, 2]).nodes);
    assert!(colony.state.nodes.is_empty());
}

#[test]
fn blockers_and_anomalies_are_stored() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    let anomaly = Anomaly::MassDisappearance { vanished: 3, total: 9 };
    for blocker in [
        Blocker::Rebooted,
        Blocker::Anomaly { anomaly },
        Blocker::OperationLimit { in_progress: 1, limit: 1 },
        Blocker::ReliefInProgress { removing: 1 },
        Blocker::NoCandidate,
        Blocker::RestartDelay { node: id(3), until: at(9) },
    ] {
        let mut decided = decision([]);
        decided.verdicts[0].verdict = Verdict::Wait(blocker);
        let observed = observation(1, []);
        let (cycle, _) = store.begin(CycleKind::Scheduled, &observed, &decided, &[]).unwrap();
        store.finish(cycle, &[], &EngineState::default(), &observed, &counters(1)).unwrap();
        assert_eq!(store.cycle(cycle).unwrap().unwrap().decision, decided);
    }
}
