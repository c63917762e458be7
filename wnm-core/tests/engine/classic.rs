//! The departures of `classic` from the Python wnm: what it keeps, and the size and the pace of its stops.

use std::time::Duration;

use wnm_core::steps::Outcome;
use wnm_core::{
    Action, Blocker, Bytes, Cores, Load, LoadAverages, NodeState, Percent, Presence, Signal, SkipReason, StopCause,
    Verdict, Version, evaluate, evaluate_parity,
};

use crate::colony::{Colony, NOW, ago, id, percent};

const MANY: [(&str, &str); 2] = [("max_concurrent_removals", "9"), ("max_concurrent_operations", "9")];

/// Gives every node this CPU, in cores of four.
fn with_cpu(mut colony: Colony, each: f64) -> Colony {
    colony.look.host.cpus = Some(4);
    for (_, sample) in &mut colony.look.nodes {
        sample.cpu = Cores::clamped(each);
    }
    colony
}

fn skipped(colony: &Colony, rule: &str) -> Option<SkipReason> {
    colony.decision().verdicts.into_iter().find(|said| said.rule == rule).and_then(|said| match said.verdict {
        Verdict::Skip(reason) => Some(reason),
        Verdict::Act | Verdict::Wait(_) => None,
    })
}

#[test]
fn node_of_another_version_is_stopped_and_not_removed() {
    let newer = Version::new(0, 4, 18);
    let older = Version::new(0, 4, 16);
    for upgrades in ["false", "true"] {
        for version in [&newer, &older] {
            let settings = [&MANY[..], &[("enable_upgrade", upgrades)]].concat();
            let colony = (1..=3).fold(Colony::new(&settings), Colony::running);
            let colony = colony.version(2, Some(version.clone())).cpu(90.0);
            assert_eq!(colony.decided(), [("stop", 3)], "{version} {upgrades}");
            let parity = evaluate_parity(&colony.policy, colony.state.clone(), &colony.look).decision;
            assert_eq!(parity.actions.len(), 3);
            assert!(parity.actions.iter().all(|planned| planned.action.verb() == "remove"));
        }
    }
}

#[test]
fn exactly_the_excess_over_the_cap_is_removed() {
    let colony = || (1..=5).fold(Colony::new(&[&MANY[..], &[("node_cap", "4")]].concat()), Colony::running);
    assert_eq!(colony().decided(), [("remove", 5)]);
    let parity = evaluate_parity(&colony().policy, colony().state, &colony().look).decision;
    assert_eq!(parity.actions.len(), 5, "the Python wnm removes all");
    // The removal in progress is the whole excess, and a relief does not wait for it.
    let removing = colony().node(5, NodeState::Removing { since: ago(5) }, Presence::Gone);
    assert_eq!(removing.decided(), []);
    let two_over = (1..=6).fold(Colony::new(&[("node_cap", "4"), ("max_concurrent_operations", "9")]), Colony::running);
    assert_eq!(two_over.decided(), [("remove", 6)], "one at a time by default");
}

#[test]
fn load_averages_stop_no_node() {
    let mut colony = (1..=4).fold(Colony::new(&MANY), Colony::running);
    let load = Load::clamped(400.0).unwrap_or_default();
    colony.look.host.load = Some(LoadAverages { one: load, five: load, fifteen: load });
    assert_eq!(colony.decided(), []);
    assert!(colony.decision().features.load_not_allow);
}

#[test]
fn relief_stops_as_many_nodes_as_reach_the_threshold() {
    // Each of ten nodes uses 4 % of the machine: 79 % is 9 % over the threshold.
    let colony = |each| with_cpu((1..=10).fold(Colony::new(&MANY), Colony::running), each).cpu(79.0);
    assert_eq!(colony(0.16).decided(), [("stop", 10), ("stop", 9), ("stop", 8)]);
    assert_eq!(colony(0.40).decided(), [("stop", 10)]);
    assert_eq!(colony(0.01).decided().len(), 9, "the limit of removals holds");
}

#[test]
fn relief_waits_a_minute_for_the_effect_of_a_stop() {
    let mut colony = with_cpu((1..=6).fold(Colony::new(&MANY), Colony::running), 0.4).cpu(99.0);
    let mut stops = Vec::new();
    for second in (0..=125).step_by(5) {
        colony.look.now = NOW.after(Duration::from_secs(second));
        let evaluation = evaluate(&colony.policy, colony.state.clone(), &colony.look);
        let actions = evaluation.decision.actions.clone();
        stops.extend(actions.iter().map(|planned| (second, planned.action.node().get())));
        let done: Vec<_> = actions.into_iter().map(|planned| (planned, Outcome::Done)).collect();
        colony.state = evaluation.apply(&done);
        for (planned, _) in done {
            colony = colony.seen(planned.action.node().get(), Presence::Gone);
        }
    }
    assert_eq!(stops, [(0, 6), (0, 5), (0, 4), (60, 3), (60, 2), (60, 1)], "{stops:?}");
}

#[test]
fn peak_of_a_start_stops_no_node() {
    let start = |seconds| NodeState::Running { since: ago(seconds) };
    let settings = [("delay_start", "10")];
    let peak = |seconds| {
        let colony = Colony::new(&settings).running(1).running(2).running(3);
        colony.node(4, start(seconds), Presence::Answering).cpu(88.0)
    };
    // The use of single nodes is unknown: the rule waits for three minutes after the start.
    assert_eq!(peak(169).decided(), []);
    assert_eq!(peak(170).decided(), [("stop", 4)]);
    // Three nodes use 5 % each, and the new one 35 %: 58 % remain once it has started.
    let measured = |peak: f64, own: f64| {
        let mut colony = with_cpu(Colony::new(&settings).running(1).running(2).running(3), 0.2);
        colony = colony.node(4, start(10), Presence::Answering).cpu(peak);
        colony.look.nodes.get_mut(&id(4)).expect("it is there").cpu = Cores::clamped(own);
        colony
    };
    let expected = Percent::clamped(58.0).expect("a share");
    let target = Percent::clamped(70.0).expect("a share");
    let settled = Some(SkipReason::BelowReliefTarget { expected, target });
    assert_eq!(skipped(&measured(88.0, 1.4), "relieve_pressure"), settled);
    assert_eq!(measured(88.0, 1.4).decided(), []);
    assert_eq!(measured(88.0, 0.3).decided(), [("stop", 4)]);
}

#[test]
fn memory_of_other_programs_stops_no_node() {
    let colony = |each| {
        let mut colony = Colony::new(&MANY).running(1).running(2).running(3);
        colony.look.host.memory = percent(80.0);
        colony.look.host.memory_total = Some(Bytes(100_000_000_000));
        for (_, sample) in &mut colony.look.nodes {
            sample.memory = each;
        }
        colony
    };
    // 5 GB are over the threshold of 75 %.
    assert_eq!(colony(Some(Bytes(3_000_000_000))).decided(), [("stop", 3), ("stop", 2)]);
    let small = colony(Some(Bytes(100_000_000)));
    let (held, over) = (Bytes(300_000_000), Bytes(5_000_000_000));
    let blocker = Blocker::ExternalUse { signal: Signal::Memory, held, over };
    assert_eq!(skipped(&small, "relieve_pressure"), Some(SkipReason::Blocked(blocker)));
    assert_eq!(small.decided(), []);
    assert_eq!(colony(None).decided(), [("stop", 3)], "unknown sizes: one at a time");
}

#[test]
fn volume_full_of_other_data_loses_no_node() {
    let colony = |each| {
        let mut colony = Colony::new(&MANY).running(1).running(2).stopped(3, None);
        let volume = &mut colony.look.host.volumes[0];
        (volume.used, volume.total) = (percent(95.0), Some(Bytes(1_000_000_000_000)));
        for (_, sample) in &mut colony.look.nodes {
            sample.disk = each;
        }
        colony
    };
    // 50 GB are over the threshold of 90 %.
    assert_eq!(colony(Some(Bytes(30_000_000_000))).decided(), [("remove", 3), ("remove", 2)]);
    let small = colony(Some(Bytes(1_000_000_000)));
    let blocker =
        Blocker::ExternalUse { signal: Signal::Disk(0), held: Bytes(3_000_000_000), over: Bytes(50_000_000_000) };
    assert_eq!(skipped(&small, "relieve_disk"), Some(SkipReason::Blocked(blocker)));
    assert_eq!(small.decided(), []);
    assert_eq!(colony(None).decided(), [("remove", 3)], "unknown sizes: one at a time");
}

#[test]
fn node_stopped_for_pressure_comes_back_in_a_full_colony() {
    let full = |seconds| Colony::new(&[("node_cap", "3")]).running(1).running(2).stopped(3, Some(seconds));
    assert_eq!(full(599).decided(), []);
    assert_eq!(full(600).decided(), [("start", 3)]);
    let parity = |colony: &Colony| evaluate_parity(&colony.policy, colony.state.clone(), &colony.look).decision;
    assert_eq!(parity(&full(600)).actions, [], "the Python wnm leaves it stopped for ever");
    let cause = StopCause::Found;
    let found = Colony::new(&[("node_cap", "1")]).node(1, NodeState::Stopped { since: None, cause }, Presence::Gone);
    assert!(matches!(found.decision().actions[0].action, Action::Start { .. }));
}
