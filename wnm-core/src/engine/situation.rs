//! The situation of one cycle: everything that the rules evaluate, computed once.

use std::cell::LazyCell;
use std::collections::BTreeMap;

use crate::action::decision::Ended;
use crate::action::verdict::{Anomaly, Blocker};
use crate::engine::census::{Census, anomaly, node_statuses};
use crate::engine::forecast::{Forecast, Outlook, Usage};
use crate::engine::node_status::{NodeStatus, StateRef};
use crate::engine::recovery::Recovery;
use crate::engine::rule_set::RuleSet;
use crate::engine::state::EngineState;
use crate::model::clock::Clock;
use crate::model::node::{Desired, NodeId, NodeState};
use crate::model::observation::{Observation, Presence};
use crate::model::units::Timestamp;
use crate::policy::constants::MOST_MEASURES;
use crate::policy::pressure::{Features, Measure, Signal, measures};
use crate::policy::thresholds::{Policy, Preset, Upgrades};

/// The input of the rules in one cycle.
pub(crate) struct Situation<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) state: &'a EngineState,
    pub(crate) observation: &'a Observation,
    /// All nodes, in order of their numbers.
    pub(crate) nodes: Vec<NodeStatus<'a>>,
    pub(crate) census: Census,
    pub(crate) features: Features,
    pub(crate) anomaly: Option<Anomaly>,
    /// Nodes whose folder is missing, or was missing when it was last observed, with the time of the first observation of
    /// that.
    missing_since: BTreeMap<NodeId, Timestamp>,
    /// Nodes whose process ended by itself since the last observation. A restart of the host ends processes, too, and
    /// is not counted.
    ended: Vec<NodeId>,
    /// Nodes whose process manager has restarted them since the last observation.
    restarted: Vec<NodeId>,
    /// Input of the steady rules; None under `classic`.
    pub(crate) steady: Option<Steady>,
}

/// The additional input of the steady rules.
#[derive(Debug)]
pub(crate) struct Steady {
    /// The forecast, updated by this observation.
    pub(crate) forecast: Box<Forecast>,
    pub(crate) outlook: Outlook,
    pub(crate) usage: Usage,
}

impl<'a> Situation<'a> {
    /// Returns the situation. `forecast` comes from the state and is moved, because its copy costs more than a cycle.
    pub(crate) fn new(
        policy: &'a Policy,
        rule_set: RuleSet,
        state: &'a EngineState,
        forecast: Option<Box<Forecast>>,
        observation: &'a Observation,
    ) -> Self {
        let anomaly = LazyCell::new(|| anomaly(state, observation));
        let nodes: Vec<_> = node_statuses(policy, state, observation, &anomaly).collect();
        let census = Census::of(&nodes, policy, rule_set, observation.target.as_ref());
        let mut missing_since = BTreeMap::new();
        let mut vanished = false;
        let mut ended = Vec::new();
        for seen in nodes.iter().filter(|seen| seen.sample.presence != Presence::Answering) {
            match seen.sample.presence {
                Presence::FolderMissing => {
                    vanished = true;
                    let since = state.missing_since.get(&seen.id).copied().unwrap_or(observation.now);
                    missing_since.insert(seen.id, since);
                }
                Presence::Gone => {
                    vanished |= !matches!(seen.state, StateRef::Stored(NodeState::Stopped { .. }));
                    let ran = || {
                        let recorded = state.nodes.get(&seen.id).filter(|recorded| recorded.is_active());
                        recorded.is_some_and(|recorded| state.desired(seen.id, recorded) == Desired::Running)
                    };
                    if !observation.rebooted && seen.is_found_stopped() && ran() {
                        ended.push(seen.id);
                    }
                }
                // An action in progress hides the folder, so the last observation of it stays.
                Presence::Unobserved => {
                    missing_since.extend(state.missing_since.get_key_value(&seen.id));
                }
                Presence::Answering
                | Presence::Silent
                | Presence::Unverified
                | Presence::Unreachable
                | Presence::VolumeFault => {}
            }
        }
        let restarted = nodes.iter().filter(|seen| seen.sample.restarted && is_end(state, observation, seen));
        let restarted = restarted.map(|seen| seen.id).collect();
        // The count of vanished nodes is lazy: most cycles have none.
        let anomaly = if vanished { *anomaly } else { None };
        let features = features(policy, rule_set, observation, &nodes, &census);
        let is_steady = policy.preset == Preset::Steady && rule_set == RuleSet::OfPreset;
        let steady = is_steady.then(|| Usage::count(policy, observation, &nodes)).map(|usage| {
            let mut forecast = forecast.unwrap_or_default();
            let outlook = forecast.update(policy, observation, &usage);
            Steady { forecast, outlook, usage }
        });
        Self { policy, state, observation, nodes, census, features, anomaly, missing_since, ended, restarted, steady }
    }

    /// Returns the nodes whose process ended by itself since the last cycle.
    pub(crate) fn ends(&self) -> Vec<Ended> {
        let exit = |id| self.observation.nodes.get(id).and_then(|sample| sample.exit.as_deref()).cloned();
        let ended = self.ended.iter().map(|id| Ended { node: *id, exit: exit(id), restarted: false });
        let restarted = self.restarted.iter().map(|id| Ended { node: *id, exit: exit(id), restarted: true });
        ended.chain(restarted).collect()
    }

    /// Returns every signal that has thresholds, with its value.
    pub(crate) fn measures(&self) -> Vec<Measure> {
        let host = &self.observation.host;
        let mut all = Vec::with_capacity(MOST_MEASURES + host.volumes.len());
        measures(self.policy, host).for_each(|measure| all.push(measure));
        all
    }

    /// Returns the blocker of the rules that need the outlook, in a cycle without one.
    pub(crate) fn no_outlook(&self) -> Blocker {
        let host = &self.observation.host;
        match &self.steady {
            // With both values of the host, only the CPU of the nodes can be what is missing.
            Some(Steady { usage, .. }) if host.cpu.is_some() && host.cpus.is_some() => {
                let (unmeasured, running) = usage.unmeasured();
                Blocker::UnmeasuredNodes { unmeasured, running }
            }
            _ => Blocker::MissingMetric { signal: Signal::Cpu },
        }
    }

    /// Returns the desired condition of a node.
    pub(crate) fn desired(&self, seen: &NodeStatus<'_>) -> Desired {
        self.state.desired(seen.id, &seen.state)
    }

    /// Returns whether a node is down although it should run.
    pub(crate) fn is_down(&self, seen: &NodeStatus<'_>) -> bool {
        seen.is_stopped() && self.desired(seen) == Desired::Running
    }

    /// Returns whether the policy stopped a node, and may start it again.
    pub(crate) fn waits_for_headroom(&self, seen: &NodeStatus<'_>) -> bool {
        seen.is_stopped() && self.desired(seen) == Desired::StoppedByPolicy
    }

    /// Returns whether a node is down that should run, unless it is in a crash loop: no new node is added beside it.
    pub(crate) fn comes_back(&self, seen: &NodeStatus<'_>) -> bool {
        let is_crash_loop = || self.state.recoveries.get(&seen.id).is_some_and(Recovery::is_crash_loop);
        self.is_down(seen) && !is_crash_loop()
    }

    /// Returns the time from which a node that is down may start.
    pub(crate) fn recovers_at(&self, id: NodeId) -> Timestamp {
        let recovery = self.state.recoveries.get(&id);
        if self.ended.contains(&id) {
            let mut recovery = recovery.cloned().unwrap_or_default();
            recovery.record_end(self.observation.now, None);
            recovery.retry_at
        } else {
            recovery.map_or(self.observation.now, |recovery| recovery.retry_at)
        }
    }

    /// Returns the changes that this observation makes to the state.
    pub(crate) fn into_update(self) -> StateUpdate {
        let Self { state, nodes, missing_since, ended, restarted, steady, .. } = self;
        let mut changes = Vec::new();
        for seen in nodes {
            match seen.state {
                StateRef::New(now) if state.nodes.get(&seen.id) != Some(&now) => changes.push((seen.id, *now)),
                StateRef::New(_) | StateRef::Stored(_) => {}
            }
        }
        StateUpdate { changes, missing_since, ended, restarted, steady }
    }
}

/// Returns whether a process that took the place of another one follows an end by itself. An action replaces a process on
/// purpose, and is seen in the observation after it.
fn is_end(state: &EngineState, observation: &Observation, seen: &NodeStatus<'_>) -> bool {
    let last = state.clock.as_ref().map_or(observation.now, Clock::now);
    let ran_before = |since: &Timestamp| *since < last;
    let ran = match state.nodes.get(&seen.id) {
        Some(NodeState::Running { since } | NodeState::Unknown { since }) => ran_before(since),
        _ => false,
    };
    ran && !seen.acting && !observation.rebooted
}

/// The changes of the engine state by one observation.
#[derive(Debug)]
pub(crate) struct StateUpdate {
    /// States that differ from the stored ones.
    pub(crate) changes: Vec<(NodeId, NodeState)>,
    /// Nodes whose folder is missing, or was missing when it was last observed, with the time of the first observation of
    /// that.
    pub(crate) missing_since: BTreeMap<NodeId, Timestamp>,
    /// Nodes whose process ended by itself since the last observation.
    pub(crate) ended: Vec<NodeId>,
    /// Nodes whose process manager has restarted them since the last observation.
    pub(crate) restarted: Vec<NodeId>,
    /// The updated forecast; None under `classic`.
    pub(crate) steady: Option<Steady>,
}

/// Returns the comparisons of the signals, completed by those that depend on the nodes.
fn features(
    policy: &Policy,
    rule_set: RuleSet,
    observation: &Observation,
    nodes: &[NodeStatus<'_>],
    census: &Census,
) -> Features {
    let mut features = Features::of_signals(policy, &observation.host);
    let in_operation = census.operations() + census.migrating;
    features.allow_node_cap = census.running < policy.node_cap;
    features.remove = features.signals_demand() || census.total > policy.node_cap;
    // A stopped node has its place in the colony: it may start in a full one, too.
    let has_place = match rule_set {
        RuleSet::OfPreset => census.stopped > 0 && census.total == policy.node_cap,
        RuleSet::Parity => false,
    };
    features.add_new_node = in_operation == 0
        && features.signals_allow()
        && features.allow_node_cap
        && (census.total < policy.node_cap || has_place);
    let first = nodes.first().and_then(|seen| seen.sample.version.as_ref());
    let is_older = observation.target.as_ref().zip(first).is_some_and(|(target, first)| target < first);
    features.upgrade = policy.upgrades == Upgrades::ByManager && census.outdated > 0 && !is_older && !features.remove;
    features
}
