//! The situation of one cycle: everything that the rules evaluate, computed once.

use std::cell::LazyCell;
use std::collections::BTreeSet;

use crate::action::verdict::Anomaly;
use crate::engine::census::{Census, anomaly, node_statuses};
use crate::engine::forecast::{Forecast, Outlook, Usage};
use crate::engine::node_status::{NodeStatus, StateRef};
use crate::engine::rule_set::RuleSet;
use crate::engine::state::EngineState;
use crate::model::node::{NodeId, NodeState};
use crate::model::observation::{Observation, Presence};
use crate::policy::constants::MOST_MEASURES;
use crate::policy::pressure::{Features, Measure, measures};
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
    /// Nodes whose folder is missing, or was missing when it was last observed.
    missing: BTreeSet<NodeId>,
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
        let mut missing = BTreeSet::new();
        let mut vanished = false;
        for seen in nodes.iter().filter(|seen| seen.sample.presence != Presence::Answering) {
            match seen.sample.presence {
                Presence::FolderMissing => {
                    vanished = true;
                    missing.insert(seen.id);
                }
                Presence::Gone => vanished |= !matches!(seen.state, StateRef::Stored(NodeState::Stopped { .. })),
                // An action in progress hides the folder, so the last observation of it stays.
                Presence::Unobserved if state.missing.contains(&seen.id) => _ = missing.insert(seen.id),
                Presence::Unobserved
                | Presence::Answering
                | Presence::Silent
                | Presence::Unverified
                | Presence::Unreachable => {}
            }
        }
        // The count of vanished nodes is lazy: most cycles have none.
        let anomaly = if vanished { *anomaly } else { None };
        let features = features(policy, rule_set, observation, &nodes, &census);
        let is_steady = policy.preset == Preset::Steady && rule_set == RuleSet::OfPreset;
        let steady = is_steady.then(|| Usage::count(policy, observation, &nodes)).map(|usage| {
            let mut forecast = forecast.unwrap_or_default();
            let outlook = forecast.update(policy, observation, &usage);
            Steady { forecast, outlook, usage }
        });
        Self { policy, state, observation, nodes, census, features, anomaly, missing, steady }
    }

    /// Returns every signal that has thresholds, with its value.
    pub(crate) fn measures(&self) -> Vec<Measure> {
        let host = &self.observation.host;
        let mut all = Vec::with_capacity(MOST_MEASURES + host.volumes.len());
        measures(self.policy, host).for_each(|measure| all.push(measure));
        all
    }

    /// Returns the changes that this observation makes to the state.
    pub(crate) fn into_update(self) -> StateUpdate {
        let Self { state, nodes, missing, steady, .. } = self;
        let mut changes = Vec::new();
        for seen in nodes {
            match seen.state {
                StateRef::New(now) if state.nodes.get(&seen.id) != Some(&now) => changes.push((seen.id, *now)),
                StateRef::New(_) | StateRef::Stored(_) => {}
            }
        }
        StateUpdate { changes, missing, steady }
    }
}

/// The changes of the engine state by one observation.
#[derive(Debug)]
pub(crate) struct StateUpdate {
    /// States that differ from the stored ones.
    pub(crate) changes: Vec<(NodeId, NodeState)>,
    /// Nodes whose folder is missing, or was missing when it was last observed.
    pub(crate) missing: BTreeSet<NodeId>,
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
