//! Reasons of actions, blockers of rules, and anomalies.

use wnm_core::{
    Action, Anomaly, Blocker, BytesPerSecond, Comparison, Decision, Load, NodeState, Percent, Presence, Reading,
    Reason, Signal, SkipReason, StopCause, Verdict, Version, Volume,
};

use crate::colony::{Colony, NOW, TARGET, ago, id, percent};

fn decision(colony: &Colony) -> Decision {
    colony.decision()
}

/// Returns the blocker for which a rule was skipped.
fn skipped(colony: &Colony, rule: &str) -> Option<Blocker> {
    decision(colony).verdicts.into_iter().find(|said| said.rule == rule).and_then(|said| match said.verdict {
        Verdict::Skip(SkipReason::Blocked(blocker)) => Some(blocker),
        Verdict::Act | Verdict::Wait(_) | Verdict::Skip(_) => None,
    })
}

fn reasons(colony: &Colony) -> Vec<Reason> {
    decision(colony).actions.into_iter().map(|planned| planned.reason).collect()
}

/// Returns a colony of `total` nodes, the first of which have these presences.
fn seen_as(total: u32, presences: &[Presence]) -> Colony {
    let colony = (1..=total).fold(Colony::new(&[("node_cap", "100")]), Colony::running);
    (1..).zip(presences).fold(colony, |colony, (number, presence)| colony.seen(number, *presence))
}

#[test]
fn mass_disappearance_is_an_anomaly() {
    use Presence::{FolderMissing, Gone, Silent};
    let mass = |vanished, total| Some(Anomaly::MassDisappearance { vanished, total });
    let cases: [(u32, &[Presence], Option<Anomaly>); 7] = [
        (10, &[FolderMissing, FolderMissing, FolderMissing], None),
        (10, &[FolderMissing, FolderMissing, Gone, Gone], mass(4, 10)),
        (10, &[FolderMissing, FolderMissing, Silent, Gone], None),
        (3, &[Gone, Gone, Gone], None),
        (25, &[Gone; 5], None),
        (25, &[Gone; 6], mass(6, 25)),
        (29, &[Gone; 6], mass(6, 29)),
    ];
    for (total, presences, want) in cases {
        let found = match seen_as(total, presences).blocker() {
            Some(Blocker::Anomaly { anomaly }) => Some(anomaly),
            _ => None,
        };
        assert_eq!(found, want, "{total} {presences:?}");
    }
}

#[test]
fn expected_absence_is_no_anomaly() {
    let gone = seen_as(10, &[Presence::Gone; 4]);
    let missing = seen_as(10, &[Presence::FolderMissing; 4]);
    for mut colony in [gone, missing] {
        assert!(matches!(colony.blocker(), Some(Blocker::Anomaly { .. })));
        colony.state.acting.insert(id(4));
        assert!(!matches!(colony.blocker(), Some(Blocker::Anomaly { .. })));
    }
    let expected = [
        (NodeState::Stopped { since: None, cause: StopCause::Found }, Presence::Gone),
        (NodeState::Dead { since: ago(90) }, Presence::FolderMissing),
        (NodeState::Removing { since: ago(90) }, Presence::FolderMissing),
    ];
    for (state, presence) in expected {
        let colony = seen_as(10, &[presence; 4]).node(4, state.clone(), presence);
        assert!(!matches!(colony.blocker(), Some(Blocker::Anomaly { .. })), "{state:?}");
    }
}

#[test]
fn missing_folder_on_another_volume_is_not_dead() {
    let on = |known: Option<u64>, volume: Option<usize>| {
        let mut colony = Colony::new(&[]).running(1).running(2).seen(2, Presence::FolderMissing).cpu(60.0);
        colony.look.host.volumes[0].identity = 7;
        let other = Volume { root: "/other".into(), identity: 8, used: percent(20.0), ..Volume::default() };
        colony.look.host.volumes.push(other);
        colony.state.volumes = known.map(|device| (Default::default(), device)).into_iter().collect();
        colony.state.missing_since.insert(id(2), ago(300));
        if let Some(sample) = colony.look.nodes.get_mut(&id(2)) {
            sample.volume = volume;
        }
        colony
    };
    assert_eq!(on(Some(7), Some(0)).decided(), [("remove", 2)]);
    assert_eq!(reasons(&on(Some(7), Some(0))), [Reason::Dead]);
    // The identity or the volume of the node is unknown.
    for colony in [on(None, Some(0)), on(Some(7), Some(2)), on(Some(7), None)] {
        assert_eq!(colony.decided(), []);
    }
    let mut all_known = on(Some(7), None);
    all_known.state.volumes.insert("/other".into(), 8);
    assert_eq!(all_known.decided(), [("remove", 2)]);
    let moved = on(Some(6), Some(0));
    assert_eq!(moved.blocker(), Some(Blocker::Anomaly { anomaly: Anomaly::StorageChanged }));
    // While nothing is missing, another volume is just that.
    assert!(!matches!(moved.seen(2, Presence::Answering).blocker(), Some(Blocker::Anomaly { .. })));
    let both_seen = on(Some(7), Some(0));
    assert_eq!(both_seen.seen(2, Presence::Gone).decided(), []);
}

#[test]
fn restart_stays_until_its_action_ends() {
    let restarting = NodeState::Restarting { since: ago(400) };
    let mut colony = Colony::new(&[]).node(1, restarting.clone(), Presence::Answering);
    colony.state.acting.insert(id(1));
    assert_eq!(colony.settled(&[])[&id(1)], restarting);
    colony.state.acting.clear();
    assert_eq!(colony.settled(&[])[&id(1)], NodeState::Running { since: NOW });
}

#[test]
fn relief_names_the_exceeded_signal() {
    let signal = |colony: &Colony| match reasons(colony).as_slice() {
        [Reason::Pressure { measure }] => Some(measure.signal),
        _ => None,
    };
    assert_eq!(signal(&Colony::new(&[]).running(1).cpu(90.0)), Some(Signal::Cpu));
    let full = |volume: usize| {
        let mut colony = Colony::new(&[]).running(1).cpu(90.0);
        let empty = Volume { root: "/other".into(), used: percent(20.0), ..Volume::default() };
        colony.look.host.volumes.push(empty);
        colony.look.host.volumes[volume].used = percent(95.0);
        if let Some(sample) = colony.look.nodes.get_mut(&id(1)) {
            sample.volume = Some(volume);
        }
        colony
    };
    for volume in [0, 1] {
        assert_eq!(signal(&full(volume)), Some(Signal::Disk(volume)));
    }
    let over = Colony::new(&[("node_cap", "1")]).running(1).running(2).cpu(90.0);
    assert_eq!(reasons(&over), [Reason::OverCap { total: 2, cap: 1 }]);
    let at_cap = Colony::new(&[("node_cap", "2")]).running(1).running(2).cpu(90.0);
    assert_eq!(signal(&at_cap), Some(Signal::Cpu));
    assert_eq!(at_cap.decided(), [("stop", 2)]);
}

#[test]
fn waiting_relief_has_a_blocker() {
    let settings = [("max_concurrent_removals", "1"), ("max_concurrent_operations", "9")];
    let removing = NodeState::Removing { since: ago(5) };
    let under_way = Colony::new(&settings).running(1).node(2, removing, Presence::Answering).cpu(90.0);
    assert_eq!(under_way.blocker(), Some(Blocker::ReliefInProgress { removing: 1 }));
    let nobody = Colony::new(&settings).node(1, NodeState::Disabled { since: ago(5) }, Presence::Unobserved).cpu(90.0);
    assert_eq!(nobody.blocker(), Some(Blocker::NoCandidate));
    // Stopping would free nothing while a removal goes on; another removal may begin where the limit allows it.
    let settings = [("max_concurrent_removals", "3"), ("max_concurrent_operations", "9"), ("node_cap", "2")];
    let removing = NodeState::Removing { since: ago(5) };
    let over = Colony::new(&settings).running(1).running(3).node(2, removing, Presence::Answering).cpu(90.0);
    // One of three nodes is over the cap, and it is being removed.
    assert_eq!(over.decided(), []);
}

#[test]
fn waiting_growth_has_a_blocker() {
    let full = Colony::new(&[("node_cap", "1")]).running(1);
    assert_eq!(skipped(&full, "grow"), Some(Blocker::NodeCap { total: 1, cap: 1 }));
    let one_stopped = Colony::new(&[("node_cap", "2")]).running(1).stopped(2, None);
    assert_eq!(one_stopped.decided(), [("start", 2)], "a stopped node has its place in a full colony");
    let two_run = Colony::new(&[("node_cap", "2")]).running(1).running(2).stopped(3, None);
    assert_eq!(two_run.decided(), [("remove", 3)]);
    let (seen, threshold) = (Percent::new(60.0).unwrap().into(), Percent::new(50.0).unwrap().into());
    let cpu = Comparison { signal: Signal::Cpu, seen, threshold, mean_over: None };
    assert_eq!(skipped(&Colony::new(&[]).running(1).cpu(60.0), "grow"), Some(Blocker::OverThreshold(cpu)));
    let settings = [("max_concurrent_operations", "9"), ("max_concurrent_starts", "1")];
    let busy = Colony::new(&settings).running(1).node(2, NodeState::Restarting { since: ago(5) }, Presence::Silent);
    assert_eq!(skipped(&busy, "grow"), Some(Blocker::OperationInProgress));
    let growing = Colony::new(&[]).running(1);
    assert_eq!(reasons(&growing), [Reason::HeadroomToAdd { total: 1, cap: 20 }]);
    let said = decision(&growing).verdicts.pop().map(|last| (last.rule, last.verdict));
    assert_eq!(said, Some(("grow".into(), Verdict::Act)));
}

#[test]
fn start_upgrades_only_to_a_newer_version() {
    let start = |version, refused| {
        let mut colony = Colony::new(&[]).running(1).stopped(2, None).version(2, version);
        if refused {
            colony.state.failed_upgrades.insert(TARGET, 2);
        }
        decision(&colony).actions.first().map(|planned| planned.action.clone())
    };
    let with = |upgrade_to| Some(Action::Start { node: id(2), upgrade_to });
    assert_eq!(start(Some(Version::new(0, 4, 16)), false), with(Some(TARGET)));
    assert_eq!(start(Some(Version::new(0, 4, 16)), true), with(None));
    assert_eq!(start(Some(TARGET), false), with(None));
    assert_eq!(start(Some(Version::new(0, 4, 18)), false), with(None));
    assert_eq!(start(None, false), with(None));
}

#[test]
fn signals_with_thresholds_are_measured_in_their_unit() {
    let io = [
        ("hdio_read_less_than", "1000"),
        ("hdio_read_remove", "2000"),
        ("hdio_write_less_than", "1"),
        ("hdio_write_remove", "2"),
    ];
    let mut colony = Colony::new(&io).running(1);
    colony.look.host.disk_read = Some(BytesPerSecond(1500));
    let said: Vec<_> = decision(&colony)
        .measures
        .iter()
        .map(|m| (m.signal.to_string(), m.seen.map(|seen| (seen.number(), seen.to_string())), m.remove.number()))
        .collect();
    let seen = |number, text: &str| Some((number, text.to_owned()));
    let load =
        |name: &str| (name.to_owned(), seen(0.5, &Reading::Load(Load::clamped(0.5).expect("sound")).to_string()), 4.0);
    assert_eq!(
        said,
        [
            ("cpu".to_owned(), seen(20.0, "20.0 %"), 70.0),
            ("memory".to_owned(), seen(20.0, "20.0 %"), 75.0),
            ("disk".to_owned(), seen(20.0, "20.0 %"), 90.0),
            load("load 1 min"),
            load("load 5 min"),
            load("load 15 min"),
            ("disk read".to_owned(), seen(1500.0, "1.5 kB/s"), 2000.0),
            ("disk write".to_owned(), None, 2.0),
        ]
    );
    assert_eq!(Signal::Disk(1).to_string(), "disk 2");
}
