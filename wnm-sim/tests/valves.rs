//! The properties of the valves can fail: a decision that passes, changed by one action, does not pass.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

use std::time::Duration;

use wnm_core::{
    Action, Decision, EngineState, Hold, HoldSource, HostSample, Load, LoadAverages, NodeId, NodeSample, NodeState,
    Observation, Percent, Planned, Policy, Presence, RawSettings, Reason, RolloutSample, RolloutWait, Timestamp,
    Version, Volume, evaluate,
};
use wnm_sim::invariants::{Property, Trial, check};

const NOW: Timestamp = Timestamp::from_secs(1_000_000);

fn id(number: u32) -> NodeId {
    NodeId::new(number).unwrap()
}

/// A calm host with five running nodes, one version behind.
fn colony(settings: &[(&str, &str)]) -> (Policy, EngineState, Observation) {
    let mut raw = RawSettings::default();
    let own = [("enable_upgrade", "true"), ("max_concurrent_upgrades", "9"), ("max_concurrent_operations", "9")];
    for (key, text) in own.iter().chain(settings) {
        raw.set(key, text).unwrap();
    }
    let load = Load::clamped(0.1).unwrap();
    let host = HostSample {
        cpu: Percent::clamped(10.0),
        memory: Percent::clamped(10.0),
        volumes: vec![Volume { used: Percent::clamped(10.0), ..Volume::default() }],
        load: Some(LoadAverages { one: load, five: load, fifteen: load }),
        ..HostSample::default()
    };
    let mut observation =
        Observation { now: NOW, host, target: Some(Version::new(0, 4, 17)), ..Observation::default() };
    let mut state = EngineState::default();
    for node in (1..=5).map(id) {
        let version = Some(Version::new(0, 4, 16));
        let sample = NodeSample { presence: Presence::Answering, version, volume: Some(0), ..NodeSample::default() };
        observation.nodes.insert(node, sample);
        state.nodes.insert(node, NodeState::Running { since: NOW.before(Duration::from_secs(9000)) });
    }
    (Policy::new(&raw, Some(4)).unwrap(), state, observation)
}

/// Requires that the decision satisfies the property, and that it does not once it begins `action` too.
fn fails_with(
    property: Property,
    (policy, state, observation): &(Policy, EngineState, Observation),
    change: impl FnOnce(&mut Decision),
) {
    let mut decision = evaluate(policy, state.clone(), observation).decision;
    let of = |decision: &Decision| check(property, &Trial { policy, state, observation, decision });
    assert_eq!(of(&decision), Ok(()));
    change(&mut decision);
    assert_eq!(of(&decision).unwrap_err().property, property, "{decision:#?}");
}

fn upgrade(node: u32) -> Planned {
    let (from, to) = (Version::new(0, 4, 16), Version::new(0, 4, 17));
    let action = Action::Upgrade { node: id(node), from: Some(from.clone()), to: to.clone() };
    Planned { action, reason: Reason::Outdated { from, to } }
}

#[test]
fn voluntary_action_under_a_hold_is_found() {
    let mut held = colony(&[]);
    let reason = "new disks".to_owned();
    held.2.valves.holds = vec![Hold { source: HoldSource::Command, reason, since: None, until: None, drain: false }];
    fails_with(Property::Voluntary, &held, |decision| decision.actions.push(upgrade(1)));
}

#[test]
fn voluntary_action_outside_a_window_is_found() {
    // The time is 13:46:40 in UTC.
    for window in
        ["daily 22:00-06:00", "hourly :50-:10", "deny daily 13:00-14:00", "daily 13:00-14:00, deny hourly :40-:50"]
    {
        fails_with(Property::Voluntary, &colony(&[("window", window)]), |decision| decision.actions.push(upgrade(1)));
    }
}

#[test]
fn voluntary_action_beside_silent_nodes_is_found() {
    let mut silent = colony(&[]);
    silent.2.nodes.iter_mut().take(4).for_each(|(_, sample)| sample.presence = Presence::Silent);
    fails_with(Property::Voluntary, &silent, |decision| decision.actions.push(upgrade(5)));
}

#[test]
fn stop_beyond_max_unavailable_is_found() {
    for limit in ["2", "40%", "21%"] {
        let limited = colony(&[("max_unavailable", limit)]);
        fails_with(Property::Unavailable, &limited, |decision| {
            assert_eq!(decision.actions.len(), 2);
            decision.actions.push(upgrade(5));
        });
    }
}

#[test]
fn upgrade_against_a_rollout_is_found() {
    let rollout = |patch, wait| Some(RolloutSample { version: Version::new(0, 4, patch), wait });
    for sample in [rollout(17, Some(RolloutWait::NoLease)), rollout(18, None)] {
        let mut fleet = colony(&[]);
        fleet.2.valves.rollout = sample;
        fails_with(Property::Fleet, &fleet, |decision| decision.actions.push(upgrade(1)));
    }
    // A lease, and a policy under which the nodes upgrade themselves.
    let mut leased = colony(&[("enable_upgrade", "false")]);
    leased.2.valves.rollout = rollout(17, None);
    fails_with(Property::Fleet, &leased, |decision| decision.actions.push(upgrade(1)));
}

#[test]
fn action_beyond_the_ceiling_is_found() {
    for (age, most) in [(59, 120), (3599, 1200)] {
        let mut busy = colony(&[]);
        let begun = serde_json::json!([[NOW.before(Duration::from_secs(age)), most - 1]]);
        busy.1.recent = serde_json::from_value(begun).unwrap();
        fails_with(Property::Ceiling, &busy, |decision| {
            assert_eq!(decision.actions.len(), 1);
            decision.actions.push(upgrade(5));
        });
    }
}
