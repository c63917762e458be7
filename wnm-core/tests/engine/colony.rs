//! A builder of colonies on a calm host.

use std::time::Duration;

use wnm_core::steps::Outcome;
use wnm_core::{
    Action, Blocker, Decision, EngineState, HostSample, Load, LoadAverages, NodeId, NodeMap, NodeSample, NodeState,
    Observation, Percent, Planned, Policy, Presence, RawSettings, Reason, StopCause, Timestamp, Version, Volume,
    evaluate,
};

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_000_000);
pub(crate) const TARGET: Version = Version::new(0, 4, 17);

pub(crate) fn id(number: u32) -> NodeId {
    NodeId::new(number).expect("numbers in tests are not zero")
}

pub(crate) fn percent(value: f64) -> Option<Percent> {
    Percent::clamped(value)
}

pub(crate) fn ago(seconds: u64) -> Timestamp {
    NOW.before(Duration::from_secs(seconds))
}

/// A colony on a calm host. Nodes are created in the order of their numbers.
#[derive(Clone)]
pub(crate) struct Colony {
    pub(crate) policy: Policy,
    pub(crate) state: EngineState,
    pub(crate) look: Observation,
}

impl Colony {
    pub(crate) fn new(settings: &[(&str, &str)]) -> Self {
        let mut raw = RawSettings::default();
        for (key, text) in settings {
            raw.set(key, text).expect("settings in tests are sound");
        }
        let load = Load::clamped(0.5).unwrap_or_default();
        let host = HostSample {
            cpu: percent(20.0),
            memory: percent(20.0),
            volumes: vec![Volume { used: percent(20.0), ..Volume::default() }],
            load: Some(LoadAverages { one: load, five: load, fifteen: load }),
            ..HostSample::default()
        };
        let policy = Policy::new(&raw, Some(4)).expect("policies in tests are sound");
        let look = Observation { now: NOW, host, target: Some(TARGET), ..Observation::default() };
        Self { policy, state: EngineState::default(), look }
    }

    pub(crate) fn node(mut self, number: u32, state: NodeState, presence: Presence) -> Self {
        let born = Timestamp::from_secs(i64::from(number));
        let sample = NodeSample { presence, born, version: Some(TARGET), volume: Some(0), ..NodeSample::default() };
        self.look.nodes.insert(id(number), sample);
        self.state.nodes.insert(id(number), state);
        self
    }

    pub(crate) fn running(self, number: u32) -> Self {
        self.node(number, NodeState::Running { since: ago(9000) }, Presence::Answering)
    }

    pub(crate) fn stopped(self, number: u32, seconds: Option<u64>) -> Self {
        let since = seconds.map(ago);
        self.node(number, NodeState::Stopped { since, cause: StopCause::Pressure }, Presence::Gone)
    }

    pub(crate) fn version(mut self, number: u32, version: Option<Version>) -> Self {
        if let Some(sample) = self.look.nodes.get_mut(&id(number)) {
            sample.version = version;
        }
        self
    }

    pub(crate) fn seen(mut self, number: u32, presence: Presence) -> Self {
        if let Some(sample) = self.look.nodes.get_mut(&id(number)) {
            sample.presence = presence;
        }
        self
    }

    /// Returns the decision of one cycle.
    pub(crate) fn decision(&self) -> Decision {
        evaluate(&self.policy, self.state.clone(), &self.look).decision
    }

    pub(crate) fn cpu(mut self, value: f64) -> Self {
        self.look.host.cpu = percent(value);
        self
    }

    pub(crate) fn decided(&self) -> Vec<(&'static str, u32)> {
        let decision = self.decision();
        decision.actions.iter().map(|p| (p.action.verb(), p.action.node().get())).collect()
    }

    pub(crate) fn blocker(&self) -> Option<Blocker> {
        self.decision().blocker().cloned()
    }

    pub(crate) fn settled(&self, outcomes: &[(Action, Outcome)]) -> NodeMap<NodeState> {
        self.settled_state(outcomes).nodes
    }

    pub(crate) fn settled_state(&self, outcomes: &[(Action, Outcome)]) -> EngineState {
        let planned = |action: &Action| Planned { action: action.clone(), reason: Reason::Requested };
        let outcomes: Vec<_> = outcomes.iter().map(|(action, outcome)| (planned(action), outcome.clone())).collect();
        evaluate(&self.policy, self.state.clone(), &self.look).apply(&outcomes)
    }
}
