//! Volumes with a fault, and volumes without space for a node.

use std::time::Duration;

use wnm_core::steps::Step;
use wnm_core::{
    Action, Afterwards, Blocker, Bytes, Desired, FailedAction, FailureCause, Hold, HoldSource, MoveObstacle, NodeId,
    NodeState, Planned, Presence, Preset, Refusal, Selection, SkipReason, StopCause, Verb, Verdict, Version, Volume,
    VolumeFault, evaluate_request,
};

use crate::colony::{Colony, NOW, ago, id, percent};

const FAULTS: [VolumeFault; 4] = [VolumeFault::Lost, VolumeFault::Hung, VolumeFault::Failing, VolumeFault::ReadOnly];

/// Returns a colony with nodes 1 and 2 on a usable volume, and 3 and 4 on a volume with a fault.
fn half_lost(fault: VolumeFault) -> Colony {
    let mut colony = (1..=4).fold(Colony::new(&[("node_cap", "9")]), Colony::running);
    colony.look.host.volumes.push(Volume { root: "/b".into(), fault: Some(fault), ..Volume::default() });
    for (_, sample) in colony.look.nodes.iter_mut().filter(|(node, _)| **node >= id(3)) {
        (sample.presence, sample.volume) = (Presence::VolumeFault, Some(1));
    }
    colony
}

fn refused(colony: &Colony, verb: Verb, selection: Selection) -> (usize, Vec<(Option<NodeId>, Refusal)>) {
    let asked = evaluate_request(&colony.policy, colony.state.clone(), &colony.look, verb, &selection);
    (asked.evaluation.decision.actions.len(), asked.refused)
}

#[test]
fn fault_affects_the_nodes_of_its_volume_only() {
    for fault in FAULTS {
        let states = half_lost(fault).settled(&[]);
        let words: Vec<&str> = states.values().map(NodeState::word).collect();
        assert_eq!(words, ["RUNNING", "RUNNING", "UNKNOWN", "UNKNOWN"], "{fault:?}");
        // Relief, starts and additions go on elsewhere.
        assert_eq!(half_lost(fault).cpu(95.0).decided(), [("stop", 2)]);
        assert_eq!(half_lost(fault).stopped(2, None).decided(), [("start", 2)]);
        assert_eq!(half_lost(fault).decided(), [("add", 5)]);
    }
}

#[test]
fn nodes_return_with_their_volume() {
    let mut colony = half_lost(VolumeFault::Lost);
    colony.state = colony.settled_state(&[]);
    for (number, presence) in [(3, Presence::Answering), (4, Presence::Gone)] {
        colony = colony.seen(number, presence);
    }
    colony.look.host.volumes[1].fault = None;
    let states = colony.settled(&[]);
    assert_eq!((states[&id(3)].word(), states[&id(4)].word()), ("RUNNING", "STOPPED"));
}

#[test]
fn remnant_of_a_failed_addition_is_removed_with_its_volume_in_place() {
    use Presence::{Gone, VolumeFault};
    let peer = || Some("12D3KooWAAAA".to_owned());
    // Presence, whether the program and the identity of the node exist; the state, and whether the node is removed.
    let cases = [
        (Gone, None, None, "DEAD", true),
        (VolumeFault, None, None, "DEAD", false),
        // A node that ran once has an identity, and another one at least a program.
        (Gone, None, peer(), "STOPPED", false),
        (Gone, Some(Version::new(0, 4, 17)), None, "STOPPED", false),
        (VolumeFault, None, peer(), "UNKNOWN", false),
    ];
    for (presence, version, peer_id, word, is_removed) in cases {
        let dead = NodeState::Dead { since: ago(90) };
        let mut colony = Colony::new(&[]).running(1).node(2, dead, presence).cpu(60.0);
        if let Some(sample) = colony.look.nodes.get_mut(&id(2)) {
            (sample.version, sample.peer_id) = (version.clone(), peer_id.clone());
        }
        let name = format!("{presence:?} {version:?} {peer_id:?}");
        assert_eq!(colony.decided().contains(&("remove", 2)), is_removed, "{name}");
        assert_eq!(colony.settled(&[])[&id(2)].word(), word, "{name}");
    }
}

#[test]
fn requested_stop_outlives_the_fault() {
    let by_request = NodeState::Stopped { since: Some(ago(9)), cause: StopCause::Requested };
    let mut colony = half_lost(VolumeFault::Hung).node(3, by_request, Presence::Gone);
    for presence in [Presence::VolumeFault, Presence::VolumeFault, Presence::Gone] {
        colony = colony.seen(3, presence);
        assert!(!colony.decided().contains(&("start", 3)), "{presence:?}");
        colony.state = colony.settled_state(&[]);
    }
    let desired = colony.state.desired(id(3), &colony.state.nodes[&id(3)]);
    assert_eq!((colony.state.nodes[&id(3)].word(), desired), ("STOPPED", Desired::StoppedByRequest));
}

#[test]
fn requests_by_name_are_refused_on_a_volume_with_a_fault() {
    let colony = half_lost(VolumeFault::Lost);
    for verb in [Verb::Start, Verb::Stop, Verb::Restart, Verb::Upgrade, Verb::Remove, Verb::Disable] {
        let fault = Refusal::VolumeFault { fault: VolumeFault::Lost };
        assert_eq!(refused(&colony, verb, Selection::Named(vec![id(3)])), (0, vec![(Some(id(3)), fault)]), "{verb:?}");
    }
    // A teardown names the nodes that it does not reach.
    let (removed, left) = refused(&colony, Verb::Remove, Selection::All);
    let left: Vec<_> = left.into_iter().map(|(node, _)| node).collect();
    assert_eq!((removed, left), (2, vec![Some(id(3)), Some(id(4))]));
}

#[test]
fn node_is_added_only_where_it_fits() {
    let gigabytes = |n: u64| Some(Bytes(n * 1_000_000_000));
    let on = |volume: Volume| {
        let mut colony = Colony::new(&[]).running(1);
        colony.look.host.volumes = vec![Volume { used: percent(0.4), ..volume }];
        colony
    };
    let roomy = on(Volume { available: gigabytes(60), inodes_free: Some(1 << 20), ..Volume::default() });
    assert_eq!(roomy.decided(), [("add", 2)]);
    for volume in [
        // A dataset in a full pool.
        Volume { available: gigabytes(1), ..Volume::default() },
        Volume { available: gigabytes(60), inodes_free: Some(300), ..Volume::default() },
        Volume { fault: Some(VolumeFault::ReadOnly), ..Volume::default() },
    ] {
        for preset in Preset::ALL {
            let mut colony = on(volume.clone());
            colony.policy.preset = preset;
            assert_eq!(colony.decided(), [], "{volume:?}");
        }
        assert_eq!(on(volume.clone()).decision().blockers().first(), Some(&&Blocker::NoVolume), "{volume:?}");
        for selection in [Selection::Count(1), Selection::All, Selection::Named(vec![id(7)])] {
            let (added, left) = refused(&on(volume.clone()), Verb::Add, selection);
            assert!(added == 0 && matches!(left[..], [(None, Refusal::NoVolume { .. })]), "{left:?}");
        }
    }
}

#[test]
fn full_inodes_are_relieved_like_full_bytes() {
    let mut colony = (1..=3).fold(Colony::new(&[]), Colony::running);
    colony.look.host.volumes[0].inodes_used = percent(97.0);
    assert_eq!(colony.decided(), [("remove", 3)]);
}

/// Returns three nodes on the first of two volumes, which is over its threshold of 90 %, with 30, 10 and 20 GB.
fn full_beside_an_empty_one(settings: &[(&str, &str)]) -> Colony {
    let gigabytes = |n: u64| Some(Bytes(n * 1_000_000_000));
    let mut colony = (1..=3).fold(Colony::new(settings), Colony::running);
    let volume = |root: &str, used: u64| Volume {
        root: root.into(),
        used: percent(used as f64),
        total: gigabytes(100),
        available: gigabytes(100 - used),
        ..Volume::default()
    };
    colony.look.host.volumes = vec![volume("/full", 95), volume("/empty", 5)];
    for (number, size) in [(1, 30), (2, 10), (3, 20)] {
        let sample = colony.look.nodes.get_mut(&id(number)).expect("it is there");
        (sample.volume, sample.disk) = (Some(0), gigabytes(size));
    }
    colony
}

fn verdict(colony: &Colony, rule: &str) -> Option<Verdict> {
    let verdicts = colony.decision().verdicts;
    verdicts.into_iter().find(|found| found.rule == rule).map(|found| found.verdict)
}

#[test]
fn smallest_node_moves_before_any_node_is_removed() {
    for preset in ["classic", "steady"] {
        let colony = full_beside_an_empty_one(&[("preset", preset), ("max_concurrent_operations", "4")]);
        let actions = colony.decision().actions;
        let [Planned { action: Action::Move { node, to, then }, .. }] = &actions[..] else { panic!("{actions:?}") };
        assert_eq!((node.get(), to.to_str(), *then), (2, Some("/empty"), Afterwards::Running));

        // The next one waits until its copy is complete, and no node is removed meanwhile.
        let mut moving = colony;
        moving.state.nodes.insert(id(2), NodeState::Migrating { since: ago(5) });
        moving.state.acting.insert(id(2));
        assert_eq!(moving.decided(), [], "{preset}");
        for rule in ["move_nodes", "relieve_disk"] {
            let blocked = Verdict::Skip(SkipReason::Blocked(Blocker::MoveInProgress));
            assert_eq!(verdict(&moving, rule), Some(blocked), "{preset}, {rule}");
        }
        // The other signals are relieved meanwhile.
        assert_eq!(
            moving.clone().cpu(99.0).decided().first().map(|(verb, _)| *verb),
            match preset {
                "classic" => Some("stop"),
                // steady has a grace period for CPU use.
                _ => None,
            }
        );
    }
}

#[test]
fn move_counts_as_an_operation() {
    let mut busy = full_beside_an_empty_one(&[("max_concurrent_operations", "1")]);
    busy.policy.preset = Preset::Steady;
    busy.state.nodes.insert(id(3), NodeState::Restarting { since: ago(5) });
    busy.state.acting.insert(id(3));
    assert_eq!(busy.decided(), []);
    let blocked = Blocker::OperationLimit { in_progress: 1, limit: 1 };
    assert_eq!(verdict(&busy, "move_nodes"), Some(Verdict::Skip(SkipReason::Blocked(blocked))));
}

#[test]
fn move_takes_the_place_of_a_removal_under_a_hold() {
    let mut held = full_beside_an_empty_one(&[]);
    held.look.valves.holds.push(Hold {
        source: HoldSource::Command,
        reason: String::new(),
        since: None,
        until: None,
        drain: false,
    });
    assert_eq!(held.decided(), [("move", 2)]);
}

#[test]
fn nodes_are_removed_where_none_can_move() {
    use MoveObstacle::{Failures, NearlyFull, NoCandidate, NoSpace};
    type Change = fn(&mut Colony);
    let cases: [(&str, Change, Option<MoveObstacle>); 11] = [
        ("no space", |colony| colony.look.host.volumes[1].available = Some(Bytes(11_000_000_000)), Some(NoSpace)),
        ("above the low threshold", |colony| colony.look.host.volumes[1].used = percent(70.0), Some(NoSpace)),
        ("drained", |colony| colony.look.host.volumes[1].drained = true, Some(NoSpace)),
        ("fault", |colony| colony.look.host.volumes[1].fault = Some(VolumeFault::ReadOnly), Some(NoSpace)),
        ("same space", |colony| colony.look.host.volumes.iter_mut().for_each(|it| it.pool = "p".into()), Some(NoSpace)),
        ("unknown space", |colony| colony.look.host.volumes[1].total = None, Some(NoSpace)),
        ("inodes", |colony| colony.look.host.volumes[1].inodes_free = Some(9_999), Some(NoSpace)),
        (
            "unknown sizes",
            |colony| colony.look.nodes.iter_mut().for_each(|(_, sample)| sample.disk = None),
            Some(NoCandidate),
        ),
        ("nearly full", |colony| colony.look.host.volumes[0].available = Some(Bytes(1_000_000_000)), Some(NearlyFull)),
        ("failures", |colony| colony.state.failures.push(failed_move(3)), Some(Failures)),
        ("the setting", |colony| colony.policy.move_nodes = false, None),
    ];
    for (name, change, obstacle) in cases {
        let mut colony = full_beside_an_empty_one(&[]);
        change(&mut colony);
        assert_eq!(colony.decided(), [("remove", 3)], "{name}");
        let skipped = obstacle.map_or(SkipReason::MovesDisabled, |obstacle| SkipReason::NoMove { obstacle });
        assert_eq!(verdict(&colony, "move_nodes"), Some(Verdict::Skip(skipped)), "{name}");
    }
}

fn failed_move(failures: u32) -> FailedAction {
    FailedAction {
        verb: "move".to_owned(),
        node: id(2),
        step: Step::Copy,
        error: String::new(),
        cause: FailureCause::Other,
        hint: None,
        failures,
        at: NOW,
        retry_at: NOW.after(Duration::from_secs(40)),
    }
}

#[test]
fn next_smallest_node_moves_after_a_failure() {
    let mut colony = full_beside_an_empty_one(&[]);
    colony.state.failures.push(failed_move(1));
    assert_eq!(colony.decided(), [("move", 3)]);
}

#[test]
fn stopped_node_stays_stopped_where_it_moves() {
    let mut colony = full_beside_an_empty_one(&[]).stopped(2, None);
    let sample = colony.look.nodes.get_mut(&id(2)).expect("it is there");
    (sample.volume, sample.disk) = (Some(0), Some(Bytes(1_000_000_000)));
    let action = colony.decision().actions.remove(0).action;
    assert!(matches!(action, Action::Move { then: Afterwards::Stopped, .. }), "{action:?}");
}
