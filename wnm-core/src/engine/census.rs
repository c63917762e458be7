//! The situation: everything the rules look at, worked out once a cycle.

use std::cell::LazyCell;
use std::collections::BTreeSet;
use std::ops::Deref;

use crate::action::verdict::Anomaly;
use crate::engine::evaluate::EngineState;
use crate::engine::forecast::{Forecast, Outlook, Usage};
use crate::model::node::{NodeId, NodeState, StopCause};
use crate::model::observation::{NodeSample, Observation, Presence, Volume};
use crate::model::units::Version;
use crate::policy::pressure::{Features, MOST_MEASURES, Measure, measures};
use crate::policy::thresholds::{Policy, Upgrades};

/// A state, small as long as it is the one remembered: every node of every look has one.
pub(crate) enum Believed<'a> {
    /// It is as it was.
    Remembered(&'a NodeState),
    /// It is another one now.
    Now(Box<NodeState>),
}

impl Deref for Believed<'_> {
    type Target = NodeState;
    fn deref(&self) -> &NodeState {
        match self {
            Self::Remembered(state) => state,
            Self::Now(state) => state,
        }
    }
}

/// A node as it is believed to be now.
pub(crate) struct Seen<'a> {
    pub(crate) id: NodeId,
    pub(crate) sample: &'a NodeSample,
    pub(crate) state: Believed<'a>,
    /// Whether an action on it has begun and not ended.
    pub(crate) acting: bool,
}

impl Seen<'_> {
    /// Tells whether an action may choose the node: it is in no operation, what runs is known to be ours, and its
    /// folder is in sight.
    pub(crate) fn is_free(&self) -> bool {
        let is_at_hand = !matches!(self.sample.presence, Presence::Unverified | Presence::FolderMissing);
        !self.acting && !self.state.is_in_operation() && is_at_hand
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(*self.state, NodeState::Running { .. })
    }

    pub(crate) fn is_stopped(&self) -> bool {
        matches!(*self.state, NodeState::Stopped { .. })
    }

    pub(crate) fn is_dead(&self) -> bool {
        matches!(*self.state, NodeState::Dead { .. })
    }
}

/// How many nodes are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Census {
    pub(crate) total: u32,
    /// Running or unknown.
    pub(crate) running: u32,
    pub(crate) restarting: u32,
    pub(crate) upgrading: u32,
    pub(crate) migrating: u32,
    pub(crate) removing: u32,
    pub(crate) dead: u32,
    /// Nodes with an action under way that their state does not show, such as one that is being stopped.
    pub(crate) otherwise_acting: u32,
    /// Nodes whose version is known and is not the one new nodes get; disabled ones aside.
    pub(crate) outdated: u32,
}

impl Census {
    /// Operations that count against the limit.
    pub(crate) const fn operations(&self) -> u32 {
        self.upgrading + self.restarting + self.removing + self.otherwise_acting
    }
}

/// Everything the rules look at.
pub(crate) struct Situation<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) state: &'a EngineState,
    pub(crate) observation: &'a Observation,
    /// All nodes, by id.
    pub(crate) nodes: Vec<Seen<'a>>,
    pub(crate) census: Census,
    pub(crate) features: Features,
    pub(crate) anomaly: Option<Anomaly>,
    /// The nodes whose folder is missing, or was when somebody last looked.
    missing: BTreeSet<NodeId>,
    /// What the steady rules look at besides; None under another preset.
    pub(crate) steady: Option<Steady>,
}

/// What the steady rules look at besides.
#[derive(Debug)]
pub(crate) struct Steady {
    /// The forecast, this look included.
    pub(crate) forecast: Box<Forecast>,
    pub(crate) outlook: Outlook,
    pub(crate) usage: Usage,
}

impl<'a> Situation<'a> {
    /// Works out the situation. The forecast is the one remembered in the state, which may have been taken out of it.
    pub(crate) fn new(
        policy: &'a Policy,
        state: &'a EngineState,
        forecast: Option<Box<Forecast>>,
        observation: &'a Observation,
    ) -> Self {
        let anomaly = LazyCell::new(|| anomaly(state, observation));
        let nodes: Vec<_> = believed(policy, state, observation, &anomaly).collect();
        let census = Census::of(&nodes, observation.target.as_ref());
        let mut missing = BTreeSet::new();
        let mut vanished = false;
        for seen in nodes.iter().filter(|seen| seen.sample.presence != Presence::Answering) {
            match seen.sample.presence {
                Presence::FolderMissing => {
                    vanished = true;
                    missing.insert(seen.id);
                }
                Presence::Gone => vanished |= !matches!(seen.state, Believed::Remembered(NodeState::Stopped { .. })),
                // Nobody looked, so it is as it was.
                Presence::Unobserved if state.missing.contains(&seen.id) => _ = missing.insert(seen.id),
                Presence::Unobserved
                | Presence::Answering
                | Presence::Silent
                | Presence::Unverified
                | Presence::Unreachable => {}
            }
        }
        // Where no node vanished there is nothing to count.
        let anomaly = if vanished { *anomaly } else { None };
        let features = features(policy, observation, &nodes, &census);
        let steady = Usage::of(policy, observation, &nodes).map(|usage| {
            let mut forecast = forecast.unwrap_or_default();
            let outlook = forecast.look(policy, observation, &usage);
            Steady { forecast, outlook, usage }
        });
        Self { policy, state, observation, nodes, census, features, anomaly, missing, steady }
    }

    /// Returns every signal that has thresholds, beside them.
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
                Believed::Now(now) if state.nodes.get(&seen.id) != Some(&now) => changes.push((seen.id, *now)),
                Believed::Now(_) | Believed::Remembered(_) => {}
            }
        }
        StateUpdate { changes, missing, steady }
    }
}

/// The changes that one observation makes to the engine's state.
#[derive(Debug)]
pub(crate) struct StateUpdate {
    /// The states that differ from those remembered.
    pub(crate) changes: Vec<(NodeId, NodeState)>,
    /// The nodes whose folder is missing, or was when somebody last looked.
    pub(crate) missing: BTreeSet<NodeId>,
    /// The forecast with this look, under a preset that has one.
    pub(crate) steady: Option<Steady>,
}

/// What is wrong with the colony, worked out when somebody asks.
type Lazily<'a, F> = &'a LazyCell<Option<Anomaly>, F>;

/// Returns every node as it is believed to be now, by id.
fn believed<'a>(
    policy: &'a Policy,
    state: &'a EngineState,
    observation: &'a Observation,
    anomaly: Lazily<'_, impl FnOnce() -> Option<Anomaly>>,
) -> impl Iterator<Item = Seen<'a>> {
    let mut remembered = state.nodes.as_slice();
    observation.nodes.as_slice().iter().map(move |(id, sample)| {
        // Both are in order of the ids, and seldom differ.
        while let [(other, _), others @ ..] = remembered
            && other < id
        {
            remembered = others;
        }
        let recorded = remembered.first().filter(|(other, _)| other == id).map(|(_, state)| state);
        let acting = !state.acting.is_empty() && state.acting.contains(id);
        let now = match (recorded, sample.presence) {
            // What most looks show of most nodes.
            (Some(recorded), Presence::Unobserved)
            | (Some(recorded @ NodeState::Running { .. }), Presence::Answering) => Believed::Remembered(recorded),
            _ => current_state(policy, state, observation, anomaly, (*id, sample), recorded, acting),
        };
        Seen { id: *id, sample, state: now, acting }
    })
}

impl Census {
    /// Counts, with all registers to itself.
    #[inline(never)]
    fn of(nodes: &[Seen<'_>], target: Option<&Version>) -> Self {
        let mut census = Self { total: u32::try_from(nodes.len()).unwrap_or(u32::MAX), ..Self::default() };
        nodes.iter().for_each(|seen| census.count(seen, target));
        census
    }

    fn count(&mut self, seen: &Seen<'_>, target: Option<&Version>) {
        match *seen.state {
            NodeState::Running { .. } | NodeState::Unknown { .. } => self.running += 1,
            NodeState::Restarting { .. } => self.restarting += 1,
            NodeState::Upgrading { .. } => self.upgrading += 1,
            NodeState::Migrating { .. } => self.migrating += 1,
            NodeState::Removing { .. } => self.removing += 1,
            NodeState::Dead { .. } => self.dead += 1,
            NodeState::Stopped { .. } => {}
            NodeState::Disabled { .. } => return,
        }
        if seen.acting && !seen.state.is_in_operation() {
            self.otherwise_acting += 1;
        }
        if let (Some(version), Some(target)) = (&seen.sample.version, target) {
            self.outdated += u32::from(version != target);
        }
    }
}

/// Returns what a node is believed to be doing, from what was remembered of it and what was seen.
fn current_state<'a>(
    policy: &Policy,
    state: &EngineState,
    observation: &Observation,
    anomaly: Lazily<'_, impl FnOnce() -> Option<Anomaly>>,
    (id, sample): (NodeId, &NodeSample),
    recorded: Option<&'a NodeState>,
    acting: bool,
) -> Believed<'a> {
    let (now, presence) = (observation.now, sample.presence);
    let Some(recorded) = recorded else {
        let newcomer = NodeState::Unknown { since: now };
        let now = observed(&newcomer, presence, observation, false).unwrap_or(newcomer);
        return Believed::Now(Box::new(now));
    };
    let settled = |since, delay| !acting && now.since(since) >= delay;
    let is_open = match recorded {
        NodeState::Running { .. } | NodeState::Unknown { .. } | NodeState::Stopped { .. } | NodeState::Dead { .. } => {
            true
        }
        NodeState::Restarting { since } => settled(*since, policy.delays.start),
        NodeState::Upgrading { since, .. } => settled(*since, policy.delays.upgrade),
        // These end with their action, or by name.
        NodeState::Migrating { .. } | NodeState::Removing { .. } | NodeState::Disabled { .. } => false,
    };
    if !is_open {
        return Believed::Remembered(recorded);
    }
    // A restart explains away what is an anomaly before and after it.
    let may_die = presence == Presence::FolderMissing
        && !observation.rebooted
        && state.missing.contains(&id)
        && anomaly.is_none()
        && is_in_place(state, observation, sample.volume);
    observed(recorded, presence, observation, may_die)
        .map_or(Believed::Remembered(recorded), |now| Believed::Now(Box::new(now)))
}

/// Returns the state that a look shows; None where it shows the one remembered.
fn observed(recorded: &NodeState, presence: Presence, observation: &Observation, may_die: bool) -> Option<NodeState> {
    let since = observation.now;
    match (presence, recorded) {
        (Presence::Unobserved, _)
        | (Presence::Answering | Presence::Unverified, NodeState::Running { .. })
        | (Presence::Silent | Presence::Unreachable, NodeState::Unknown { .. })
        | (Presence::FolderMissing, NodeState::Dead { .. }) => None,
        // After a reboot nothing is known of when it stopped, and nothing is left of it elsewhere: it need not wait.
        (Presence::Gone, NodeState::Stopped { since: Some(_), cause }) if observation.rebooted => {
            Some(NodeState::Stopped { since: None, cause: *cause })
        }
        (Presence::Gone, NodeState::Stopped { .. }) => None,
        (Presence::Answering | Presence::Unverified, _) => Some(NodeState::Running { since }),
        (Presence::Silent | Presence::Unreachable, _) => Some(NodeState::Unknown { since }),
        (Presence::Gone, _) => {
            let since = (!observation.rebooted).then_some(since);
            Some(NodeState::Stopped { since, cause: StopCause::Found })
        }
        (Presence::FolderMissing, _) if may_die => Some(NodeState::Dead { since }),
        // What it was told to do is over, and what became of it cannot be seen.
        (Presence::FolderMissing, NodeState::Restarting { .. } | NodeState::Upgrading { .. }) => {
            Some(NodeState::Unknown { since })
        }
        (Presence::FolderMissing, _) => None,
    }
}

/// Tells whether a volume (or every one, where it is not known which) is on the device it is known to be on.
fn is_in_place(state: &EngineState, observation: &Observation, volume: Option<usize>) -> bool {
    let is_known = |volume: &Volume| state.devices.get(&volume.root) == Some(&volume.device);
    let volumes = &observation.host.volumes;
    match volume {
        Some(volume) => volumes.get(volume).is_some_and(is_known),
        None => !volumes.is_empty() && volumes.iter().all(is_known),
    }
}

/// Nodes that may vanish in one look by chance, whatever the size of the colony.
const VANISHING_BY_CHANCE: u32 = 3;
/// One node in this many may vanish in one look by chance.
const VANISHING_SHARE: u32 = 5;

/// Returns what is wrong with the colony as a whole, if anything.
fn anomaly(state: &EngineState, observation: &Observation) -> Option<Anomaly> {
    if observation.rebooted {
        return None;
    }
    let mut vanished = 0;
    let mut total = 0;
    let mut missing = false;
    for (id, sample) in &observation.nodes {
        total += 1;
        let recorded = || state.nodes.get(id);
        match sample.presence {
            Presence::FolderMissing if !state.acting.contains(id) => {
                let known_dead = matches!(recorded(), Some(NodeState::Dead { .. } | NodeState::Removing { .. }));
                vanished += u32::from(!known_dead);
                missing |= !known_dead;
            }
            Presence::Gone if !state.acting.contains(id) => {
                let ran = matches!(recorded(), Some(NodeState::Running { .. } | NodeState::Unknown { .. }));
                vanished += u32::from(ran);
            }
            Presence::FolderMissing
            | Presence::Gone
            | Presence::Unobserved
            | Presence::Answering
            | Presence::Silent
            | Presence::Unverified
            | Presence::Unreachable => {}
        }
    }
    let is_moved = || {
        let volumes = &observation.host.volumes;
        volumes.iter().any(|v| state.devices.get(&v.root).is_some_and(|device| *device != v.device))
    };
    if missing && is_moved() {
        Some(Anomaly::StorageChanged)
    } else if vanished > VANISHING_BY_CHANCE.max(total / VANISHING_SHARE) {
        Some(Anomaly::MassDisappearance { vanished, total })
    } else {
        None
    }
}

fn features(policy: &Policy, observation: &Observation, nodes: &[Seen<'_>], census: &Census) -> Features {
    let mut features = Features::of_signals(policy, &observation.host);
    let in_operation = census.operations() + census.migrating;
    features.allow_node_cap = census.running < policy.node_cap;
    features.remove = features.signals_demand() || census.total > policy.node_cap;
    features.add_new_node =
        in_operation == 0 && features.signals_allow() && features.allow_node_cap && census.total < policy.node_cap;
    let first = nodes.first().and_then(|seen| seen.sample.version.as_ref());
    let is_older = observation.target.as_ref().zip(first).is_some_and(|(target, first)| target < first);
    features.upgrade = policy.upgrades == Upgrades::ByManager && census.outdated > 0 && !is_older && !features.remove;
    features
}
