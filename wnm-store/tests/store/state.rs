//! Any engine state, stored and loaded.

use proptest::prelude::*;
use std::path::PathBuf;
use wnm_core::{
    Clock, ClockReading, EngineState, Exit, ExitStatus, NodeId, NodeMap, NodeState, Recovery, StopCause, Timestamp,
    Version,
};
use wnm_store::Store;

use crate::fixtures::{at, folder, id, save, settings};

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

fn any_recovery() -> impl Strategy<Value = Recovery> {
    let exit = (proptest::option::of(any::<i32>()), proptest::option::of(any::<String>()));
    (any::<u32>(), any_time(), proptest::option::of(any_time()), exit).prop_map(
        |(attempts, retry_at, crash_loop_since, (code, message))| Recovery {
            attempts,
            ends: vec![retry_at],
            retry_at,
            crash_loop_since,
            exit: Some(Exit { status: code.map(ExitStatus::Code), message }),
            ..Recovery::default()
        },
    )
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
        btree_map(any_id(), any_time(), 0..4),
        btree_map(any::<String>().prop_map(PathBuf::from), any::<u64>(), 0..3),
        btree_map(any_version(), any::<u32>(), 0..3),
        proptest::option::of(
            clock
                .prop_map(|(wall, uptime, boot)| Clock::start(ClockReading { wall, uptime, boot, init: Some(uptime) })),
        ),
        btree_map(any_id(), any_recovery(), 0..3),
        btree_map(any::<i64>(), any::<u32>(), 0..3),
    )
        .prop_map(|(nodes, acting, missing_since, devices, failed_upgrades, clock, recoveries, begun)| {
            EngineState {
                removals: NodeMap::default(),
                nodes: nodes.into_iter().collect(),
                acting,
                missing_since,
                volumes: devices,
                failed_upgrades,
                desired: NodeMap::new(),
                recoveries: recoveries.into_iter().collect(),
                failures: Vec::new(),
                own_upgrades: NodeMap::new(),
                forecast: None,
                recent: recent(begun),
                clock,
            }
        })
}

fn recent(begun: std::collections::BTreeMap<i64, u32>) -> wnm_core::RecentActions {
    let pairs: Vec<(i64, u32)> = begun.into_iter().collect();
    serde_json::from_value(serde_json::to_value(pairs).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn stored_state_is_loaded_unchanged(states in proptest::collection::vec(any_engine_state(), 1..5)) {
        let (_folder, path) = folder();
        let mut store = Store::create(&path).unwrap();
        for (now, state) in (1..).zip(states) {
            save(&mut store, now, &state, []);
            prop_assert_eq!(store.load(settings()).unwrap().state, state);
        }
    }
}
