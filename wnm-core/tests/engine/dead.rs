//! Nodes whose folder is missing: when one of them is dead, and when the host is in doubt instead.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use wnm_core::{Anomaly, Blocker, NodeState, Presence, Reason, StopCause, Timestamp};

use crate::colony::{Colony, NOW, id};

/// Time for which a folder must be missing, in seconds.
const DEAD_AFTER: u64 = 300;

/// No removals.
const NONE: [u32; 0] = [];

/// Returns a colony of running nodes on one volume whose identity is known.
fn colony(total: u32) -> Colony {
    let mut colony = (1..=total).fold(Colony::new(&[("node_cap", "50")]), Colony::running).cpu(60.0);
    let volume = &colony.look.host.volumes[0];
    colony.state.volumes.insert(volume.root.clone(), volume.identity);
    colony
}

/// Runs one cycle some seconds after [`NOW`], and returns its removals.
fn cycle(colony: &mut Colony, second: u64) -> Vec<u32> {
    colony.look.now = NOW.after(Duration::from_secs(second));
    let decision = colony.decision();
    colony.state = colony.settled_state(&[]);
    let removals = decision.actions.into_iter().filter(|planned| planned.action.verb() == "remove");
    removals
        .map(|planned| {
            assert_eq!(planned.reason, Reason::Dead);
            planned.action.node().get()
        })
        .collect()
}

#[test]
fn node_is_dead_after_minutes_without_its_folder() {
    for total in [2, 3, 50] {
        for pause in [5, 60, 3600] {
            let mut colony = colony(total).seen(2, Presence::FolderMissing);
            let mut second = 0;
            while second < DEAD_AFTER {
                assert_eq!(cycle(&mut colony, second), NONE, "{total} nodes, {second} s");
                assert_eq!(colony.state.nodes[&id(2)].word(), "UNKNOWN", "without its folder it does not run");
                second += pause;
            }
            assert_eq!(cycle(&mut colony, second), [2], "{total} nodes, {second} s");
            assert_eq!(colony.state.nodes[&id(2)].word(), "DEAD");
        }
    }
}

#[test]
fn folder_that_comes_back_begins_the_time_anew() {
    use Presence::{Answering, FolderMissing, Gone, Silent, Unobserved};
    // The presence after 200 s, and whether the time without a folder continues.
    for (between, continues) in
        // An observation of a process that names the folder is Silent. An action hides the folder.
        [(Answering, false), (Silent, false), (Gone, false), (Unobserved, true), (FolderMissing, true)]
    {
        let mut colony = colony(3).seen(2, FolderMissing);
        assert_eq!(cycle(&mut colony, 0), NONE);
        colony = colony.seen(2, between);
        assert_eq!(cycle(&mut colony, 200), NONE, "{between:?}");
        colony = colony.seen(2, FolderMissing);
        let removed: &[u32] = if continues { &[2] } else { &[] };
        assert_eq!(cycle(&mut colony, 400), removed, "{between:?}");
        if !continues {
            assert_eq!(cycle(&mut colony, 699), NONE, "{between:?}");
            assert_eq!(cycle(&mut colony, 700), [2], "{between:?}");
        }
    }
}

#[test]
fn missing_folders_of_all_nodes_are_an_anomaly_at_any_size() {
    for total in [1, 2, 3, 4, 50] {
        let mut all = (1..=total).fold(colony(total), |colony, number| colony.seen(number, Presence::FolderMissing));
        for second in [0, 60, 600, 86_400] {
            all.look.now = NOW.after(Duration::from_secs(second));
            let anomaly = Anomaly::MassDisappearance { vanished: total, total };
            assert_eq!(all.blocker(), Some(Blocker::Anomaly { anomaly }), "{total} nodes, {second} s");
            assert_eq!(cycle(&mut all, second), NONE, "{total} nodes, {second} s");
        }
        assert!(all.state.nodes.values().all(|state| state.word() == "UNKNOWN"), "{total} nodes");
    }
}

#[test]
fn last_visible_folders_are_an_anomaly_beside_a_lost_volume_and_an_addition() {
    let lost_beside = |other: Presence, acting: bool| {
        let mut colony = colony(2).seen(1, other).seen(2, Presence::FolderMissing);
        if acting {
            colony.state.acting.insert(id(1));
        }
        colony
    };
    for (other, acting, is_anomaly) in [
        (Presence::VolumeFault, false, true),
        (Presence::Unobserved, true, true),
        // The folder of an addition is new.
        (Presence::Gone, true, true),
        (Presence::Gone, false, false),
        (Presence::Answering, false, false),
    ] {
        let mut colony = lost_beside(other, acting);
        let is_blocked = matches!(colony.blocker(), Some(Blocker::Anomaly { .. }));
        assert_eq!(is_blocked, is_anomaly, "{other:?} {acting}");
        let removed = [0, DEAD_AFTER].map(|second| cycle(&mut colony, second));
        assert_eq!(removed[1].is_empty(), is_anomaly, "{other:?} {acting}");
    }
}

#[test]
fn stopped_node_stays_stopped_until_it_is_dead() {
    let by_request = NodeState::Stopped { since: None, cause: StopCause::Requested };
    let mut colony = colony(3).node(2, by_request, Presence::FolderMissing);
    assert_eq!(cycle(&mut colony, 0), NONE);
    assert_eq!(colony.state.nodes[&id(2)].word(), "STOPPED");
    assert_eq!(cycle(&mut colony, DEAD_AFTER), [2]);
}

fn any_presence() -> impl Strategy<Value = Presence> {
    prop_oneof![
        4 => Just(Presence::FolderMissing),
        1 => Just(Presence::Unobserved),
        1 => Just(Presence::VolumeFault),
        1 => Just(Presence::Silent),
        1 => Just(Presence::Gone),
        1 => Just(Presence::Answering),
    ]
}

/// An observation: seconds since the one before, and changed presences.
type Look = (u64, BTreeMap<u32, Presence>);

/// Returns a colony of one of these sizes, and its observations.
fn history() -> impl Strategy<Value = (u32, Vec<Look>)> {
    prop_oneof![Just(1_u32), Just(2), Just(3), Just(50)].prop_flat_map(|total| {
        let changes = proptest::collection::btree_map(1..=total, any_presence(), 0..4);
        (Just(total), proptest::collection::vec((1..200_u64, changes), 1..20))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// A row goes only after its folder was missing for minutes in a row, without a process that names it, and never with
    /// the last folder that can be seen.
    #[test]
    fn only_a_folder_that_is_missing_for_minutes_costs_its_node((total, looks) in history()) {
        let mut colony = colony(total);
        let mut missing_since: BTreeMap<u32, u64> = BTreeMap::new();
        let mut second = 0;
        for (pause, changes) in looks {
            second += pause;
            colony = changes.into_iter().fold(colony, |colony, (number, presence)| colony.seen(number, presence));
            let mut in_sight = 0;
            for (node, sample) in &colony.look.nodes {
                match sample.presence {
                    Presence::FolderMissing => _ = missing_since.entry(node.get()).or_insert(second),
                    Presence::Unobserved => {}
                    presence => {
                        missing_since.remove(&node.get());
                        in_sight += u32::from(presence != Presence::VolumeFault);
                    }
                }
            }
            for removed in cycle(&mut colony, second) {
                let since = missing_since.get(&removed).copied();
                prop_assert_eq!(colony.look.nodes[&id(removed)].presence, Presence::FolderMissing);
                prop_assert!(since.is_some_and(|since| second - since >= DEAD_AFTER), "{} at {}", removed, second);
                prop_assert!(in_sight > 0, "{} of {} nodes at {}", removed, total, second);
                colony.look.nodes.remove(&id(removed));
                colony.state.nodes.remove(&id(removed));
                colony.state.missing_since.remove(&id(removed));
            }
        }
    }
}

#[test]
fn time_without_a_folder_is_stored() {
    let mut colony = colony(2).seen(2, Presence::FolderMissing);
    cycle(&mut colony, 0);
    let stored = serde_json::to_string(&colony.state).expect("a state is plain data");
    assert!(stored.contains(&format!(r#""missing_since":{{"2":{}}}"#, NOW.as_millis())), "{stored}");
    // A release before this one stored the numbers alone.
    let earlier = stored.replace("missing_since", "missing").replace(&format!(r#"{{"2":{}}}"#, NOW.as_millis()), "[2]");
    colony.state = serde_json::from_str(&earlier).expect("a state of an earlier release is read");
    assert_eq!(cycle(&mut colony, 1), NONE);
    assert_eq!(colony.state.missing_since[&id(2)], Timestamp::from_secs(1_000_001));
}
