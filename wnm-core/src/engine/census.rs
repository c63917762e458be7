//! The situation: everything the rules look at, worked out once a cycle.

use std::cell::LazyCell;

use crate::action::verdict::Anomaly;
use crate::engine::node_status::{NodeStatus, StateRef};
use crate::engine::state::EngineState;
use crate::model::node::{NodeId, NodeState, StopCause};
use crate::model::observation::{NodeSample, Observation, Presence, Volume};
use crate::model::units::Version;
use crate::policy::constants::{VANISHING_BY_CHANCE, VANISHING_SHARE};
use crate::policy::thresholds::Policy;

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

/// What is wrong with the colony, worked out when somebody asks.
pub(crate) type Lazily<'a, F> = &'a LazyCell<Option<Anomaly>, F>;

/// Returns every node as it is believed to be now, by id.
pub(crate) fn node_statuses<'a>(
    policy: &'a Policy,
    state: &'a EngineState,
    observation: &'a Observation,
    anomaly: Lazily<'_, impl FnOnce() -> Option<Anomaly>>,
) -> impl Iterator<Item = NodeStatus<'a>> {
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
            | (Some(recorded @ NodeState::Running { .. }), Presence::Answering) => StateRef::Stored(recorded),
            _ => current_state(policy, state, observation, anomaly, (*id, sample), recorded, acting),
        };
        NodeStatus { id: *id, sample, state: now, acting }
    })
}

impl Census {
    /// Counts, with all registers to itself.
    #[inline(never)]
    pub(crate) fn of(nodes: &[NodeStatus<'_>], target: Option<&Version>) -> Self {
        let mut census = Self { total: u32::try_from(nodes.len()).unwrap_or(u32::MAX), ..Self::default() };
        nodes.iter().for_each(|seen| census.count(seen, target));
        census
    }

    fn count(&mut self, seen: &NodeStatus<'_>, target: Option<&Version>) {
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
) -> StateRef<'a> {
    let (now, presence) = (observation.now, sample.presence);
    let Some(recorded) = recorded else {
        let newcomer = NodeState::Unknown { since: now };
        let now = observed(&newcomer, presence, observation, false).unwrap_or(newcomer);
        return StateRef::New(Box::new(now));
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
        return StateRef::Stored(recorded);
    }
    // A restart explains away what is an anomaly before and after it.
    let may_die = presence == Presence::FolderMissing
        && !observation.rebooted
        && state.missing.contains(&id)
        && anomaly.is_none()
        && is_in_place(state, observation, sample.volume);
    observed(recorded, presence, observation, may_die)
        .map_or(StateRef::Stored(recorded), |now| StateRef::New(Box::new(now)))
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

/// Returns what is wrong with the colony as a whole, if anything.
pub(crate) fn anomaly(state: &EngineState, observation: &Observation) -> Option<Anomaly> {
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
