//! Volumes with a fault, and volumes without space for a node.

use wnm_core::{
    Anomaly, Blocker, Bytes, Desired, NodeId, NodeState, Presence, Preset, Refusal, Selection, StopCause, Verb,
    Version, Volume, VolumeFault, evaluate_request,
};

use crate::colony::{Colony, ago, id, percent};

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

#[test]
fn missing_folders_of_all_nodes_are_an_anomaly_at_any_size() {
    for total in 1..=4 {
        let all = (1..=total).fold(Colony::new(&[]), Colony::running);
        let all = (1..=total).fold(all, |colony, number| colony.seen(number, Presence::FolderMissing));
        let anomaly = Anomaly::MassDisappearance { vanished: total, total };
        assert_eq!(all.blocker(), Some(Blocker::Anomaly { anomaly }), "{total}");
    }
}
