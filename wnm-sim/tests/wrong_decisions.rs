//! Properties 21 to 25, 33 and 34 find wrong decisions: each holds for the decision of the engine, and fails for a changed one.
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::time::Duration;

use wnm_core::steps::Step;
use wnm_core::{
    Action, Afterwards, Bytes, Cores, CpuLimitSample, Decision, EngineState, FailedAction, FailureCause, HostSample,
    Load, LoadAverages, NodeId, NodeSample, NodeState, Observation, Percent, Planned, Policy, Presence, RawSettings,
    Reason, Signal, StopCause, Timestamp, Version, Volume, evaluate,
};
use wnm_sim::invariants::{Property, Trial, check};

const NOW: Timestamp = Timestamp::from_secs(1_000_000);

fn id(number: u32) -> NodeId {
    NodeId::new(number).unwrap()
}

/// A colony of four running nodes on a calm host.
struct Colony {
    policy: Policy,
    state: EngineState,
    observation: Observation,
}

impl Colony {
    fn new(settings: &[(&str, &str)]) -> Self {
        let mut raw = RawSettings::default();
        settings.iter().for_each(|(key, value)| raw.set(key, value).unwrap());
        let percent = |value| Percent::clamped(value);
        let load = Load::clamped(0.5).unwrap();
        let volume = Volume { used: percent(20.0), total: Some(Bytes(1 << 40)), ..Volume::default() };
        let host = HostSample {
            cpus: Some(4),
            cpu: percent(20.0),
            memory: percent(20.0),
            memory_total: Some(Bytes(1 << 36)),
            volumes: vec![volume],
            load: Some(LoadAverages { one: load, five: load, fifteen: load }),
            ..HostSample::default()
        };
        let mut observation =
            Observation { now: NOW, host, target: Some(Version::new(0, 4, 17)), ..Observation::default() };
        let mut state = EngineState::default();
        for number in 1..=4 {
            let sample = NodeSample {
                presence: Presence::Answering,
                born: Timestamp::from_secs(i64::from(number)),
                version: Some(Version::new(0, 4, 17)),
                volume: Some(0),
                cpu: Cores::clamped(0.1),
                ..NodeSample::default()
            };
            observation.nodes.insert(id(number), sample);
            state.nodes.insert(id(number), NodeState::Running { since: NOW.before(Duration::from_secs(90_000)) });
        }
        Self { policy: Policy::new(&raw, Some(4)).unwrap(), state, observation }
    }

    fn decided(&self) -> Decision {
        evaluate(&self.policy, self.state.clone(), &self.observation).decision
    }

    /// Requires that a property holds for the decision of the engine, and fails for the decision after a change.
    fn fails(&self, property: Property, change: impl FnOnce(&mut Decision)) {
        let Self { policy, state, observation } = self;
        let mut decision = self.decided();
        let checked = |decision: &Decision| check(property, &Trial { policy, state, observation, decision });
        checked(&decision).unwrap();
        change(&mut decision);
        let violation = checked(&decision).unwrap_err();
        assert_eq!(violation.property, property, "{violation}");
    }
}

fn removal(number: u32, reason: Reason) -> Planned {
    Planned { action: Action::Remove { node: id(number), linger: Duration::ZERO }, reason }
}

#[test]
fn removal_for_a_signal_other_than_disk_is_found() {
    for preset in ["classic", "steady"] {
        let mut colony = Colony::new(&[("preset", preset), ("node_cap", "4")]);
        colony.observation.host.cpu = Percent::clamped(99.0);
        colony.observation.host.memory = Percent::clamped(99.0);
        for signal in [Signal::Cpu, Signal::Memory] {
            colony.fails(Property::Kept, |decision| {
                let measure = decision.measures.iter().find(|measure| measure.signal == signal).cloned();
                decision.actions = vec![removal(4, Reason::Pressure { measure: measure.unwrap() })];
            });
        }
    }
}

#[test]
fn node_that_should_run_and_is_not_started_is_found() {
    for preset in ["classic", "steady"] {
        let mut colony = Colony::new(&[("preset", preset), ("node_cap", "4")]);
        let stopped = NodeState::Stopped { since: Some(NOW.before(Duration::from_secs(60))), cause: StopCause::Found };
        colony.state.nodes.insert(id(2), stopped);
        colony.observation.nodes.get_mut(&id(2)).unwrap().presence = Presence::Gone;
        colony.fails(Property::Recovers, |decision| {
            assert_eq!(decision.actions.len(), 1, "the engine starts it");
            decision.actions.clear();
        });
    }
}

#[test]
fn cpu_limit_below_the_floor_is_found() {
    let mut colony = Colony::new(&[("preset", "steady"), ("node_cap", "4")]);
    colony.observation.host.cpu_limit = Some(CpuLimitSample::default());
    for minute in 1..=20 {
        let evaluation = evaluate(&colony.policy, colony.state.clone(), &colony.observation);
        let state = evaluation.apply(&[]);
        colony.state = state;
        colony.observation.now = NOW.after(Duration::from_secs(60 * minute));
    }
    assert!(colony.decided().cpu_limit.is_some());
    // Less than a fiftieth of a core for each of four nodes, and less than 55 % of the demand of 0.1 cores each.
    for cores in [0.079, 0.21] {
        colony.fails(Property::Floor, |decision| decision.cpu_limit = Cores::clamped(cores));
    }
}

#[test]
fn addition_within_the_delay_of_a_failed_one_is_found() {
    for preset in ["classic", "steady"] {
        let mut colony = Colony::new(&[("preset", preset), ("node_cap", "9")]);
        colony.state.failures.push(FailedAction {
            verb: "add".to_owned(),
            node: id(5),
            step: Step::Start,
            error: String::new(),
            cause: FailureCause::Other,
            hint: None,
            failures: 1,
            at: NOW,
            retry_at: NOW.after(Duration::from_secs(10)),
        });
        colony.fails(Property::Bounded, |decision| {
            let reason = Reason::HeadroomToAdd { total: 4, cap: 9 };
            decision.actions = vec![Planned { action: Action::Add { node: id(6) }, reason }];
        });
    }
}

#[test]
fn wrong_moves_are_found() {
    for preset in ["classic", "steady"] {
        let mut colony = Colony::new(&[("preset", preset), ("node_cap", "4"), ("max_concurrent_operations", "9")]);
        let gigabytes = |n: u64| Some(Bytes(n * 1_000_000_000));
        let volume = |root: &str, used: u64| Volume {
            root: root.into(),
            used: Percent::clamped(used as f64),
            total: gigabytes(100),
            available: gigabytes(100 - used),
            ..Volume::default()
        };
        colony.observation.host.volumes = vec![volume("/a", 95), volume("/b", 5), volume("/c", 70)];
        for (number, size) in [(1, 20), (2, 10), (3, 20), (4, 20)] {
            colony.observation.nodes.get_mut(&id(number)).unwrap().disk = gigabytes(size);
        }
        let to = |node: u32, to: &str| Action::Move { node: id(node), to: to.into(), then: Afterwards::Running };
        let move_of = |decision: &mut Decision| -> Planned {
            assert!(matches!(decision.actions[..], [Planned { action: Action::Move { .. }, .. }]), "{decision:?}");
            decision.actions.remove(0)
        };
        for target in ["/c", "/a", "/d"] {
            colony.fails(Property::Moved, |decision| {
                let planned = move_of(decision);
                decision.actions = vec![Planned { action: to(2, target), ..planned }];
            });
        }
        colony.fails(Property::Moved, |decision| {
            let planned = move_of(decision);
            decision.actions = vec![planned.clone(), Planned { action: to(3, "/b"), ..planned }];
        });
        colony.fails(Property::MovedFirst, |decision| {
            let planned = move_of(decision);
            decision.actions = vec![removal(4, planned.reason)];
        });
        // A node does not move off a volume with space.
        let reason = colony.decided().actions[0].reason.clone();
        colony.observation.host.volumes[0] = volume("/a", 40);
        colony.fails(Property::Moved, |decision| {
            decision.actions = vec![Planned { action: to(2, "/b"), reason }];
        });
    }
}

#[test]
fn more_removals_than_the_excess_are_found() {
    for preset in ["classic", "steady"] {
        let colony = Colony::new(&[("preset", preset), ("node_cap", "3")]);
        colony.fails(Property::Excess, |decision| {
            assert_eq!(decision.actions.len(), 1, "the engine removes one");
            decision.actions.push(removal(3, Reason::OverCap { total: 4, cap: 3 }));
        });
    }
}
