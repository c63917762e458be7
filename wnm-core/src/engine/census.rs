//! The census: the state of every node in a cycle, the counts by state, and anomalies of the whole colony.

use std::cell::LazyCell;

use crate::action::verdict::Anomaly;
use crate::engine::node_status::{NodeStatus, StateRef};
use crate::engine::rule_set::RuleSet;
use crate::engine::state::EngineState;
use crate::model::node::{Desired, NodeId, NodeState};
use crate::model::observation::{NodeSample, Observation, Presence};
use crate::model::units::Version;
use crate::model::volume::Volume;
use crate::policy::constants::DEAD_AFTER;
use crate::policy::thresholds::Policy;
use crate::policy::valves::is_mass_disappearance;

/// Counts of nodes by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Census {
    pub(crate) total: u32,
    /// Nodes that run, or whose state is unknown.
    pub(crate) running: u32,
    pub(crate) restarting: u32,
    pub(crate) upgrading: u32,
    pub(crate) migrating: u32,
    pub(crate) removing: u32,
    pub(crate) stopped: u32,
    pub(crate) dead: u32,
    /// Nodes with an action in progress that their state does not show, such as a stop.
    pub(crate) otherwise_acting: u32,
    /// Nodes of a known version that is older than that of the node binary, while wnm upgrades nodes; disabled nodes do
    /// not count.
    pub(crate) outdated: u32,
}

impl Census {
    /// Returns the operations that count against `max_concurrent_operations`.
    pub(crate) const fn operations(&self) -> u32 {
        self.upgrading + self.restarting + self.removing + self.otherwise_acting
    }
}

/// The anomaly of the colony, computed on first use: few cycles need it.
pub(crate) type Lazily<'a, F> = &'a LazyCell<Option<Anomaly>, F>;

/// Returns the status of every node, in order of the numbers.
pub(crate) fn node_statuses<'a>(
    policy: &'a Policy,
    state: &'a EngineState,
    observation: &'a Observation,
    anomaly: Lazily<'_, impl FnOnce() -> Option<Anomaly>>,
) -> impl Iterator<Item = NodeStatus<'a>> {
    let mut remembered = state.nodes.as_slice();
    observation.nodes.as_slice().iter().map(move |(id, sample)| {
        // Both lists are sorted by number, so that one pass joins them.
        while let [(other, _), others @ ..] = remembered
            && other < id
        {
            remembered = others;
        }
        let recorded = remembered.first().filter(|(other, _)| other == id).map(|(_, state)| state);
        let acting = !state.acting.is_empty() && state.acting.contains(id);
        let now = match (recorded, sample.presence) {
            // The common case, without a copy of the state.
            (Some(recorded), Presence::Unobserved)
            | (Some(recorded @ NodeState::Running { .. }), Presence::Answering) => StateRef::Stored(recorded),
            _ => current_state(policy, state, observation, anomaly, (*id, sample), recorded, acting),
        };
        NodeStatus { id: *id, sample, state: now, acting }
    })
}

impl Census {
    /// Counts the nodes. Not inlined: the loop is faster when it does not share registers with its caller.
    #[inline(never)]
    pub(crate) fn of(nodes: &[NodeStatus<'_>], policy: &Policy, rule_set: RuleSet, target: Option<&Version>) -> Self {
        let mut census = Self { total: u32::try_from(nodes.len()).unwrap_or(u32::MAX), ..Self::default() };
        let is_outdated =
            |version: &Version| target.is_some_and(|target| rule_set.is_outdated(policy, version, target));
        nodes.iter().for_each(|seen| census.count(seen, is_outdated));
        census
    }

    fn count(&mut self, seen: &NodeStatus<'_>, is_outdated: impl Fn(&Version) -> bool) {
        match *seen.state {
            NodeState::Running { .. } | NodeState::Unknown { .. } => self.running += 1,
            NodeState::Restarting { .. } => self.restarting += 1,
            NodeState::Upgrading { .. } => self.upgrading += 1,
            NodeState::Migrating { .. } => self.migrating += 1,
            NodeState::Removing { .. } => self.removing += 1,
            NodeState::Dead { .. } => self.dead += 1,
            NodeState::Stopped { .. } => self.stopped += 1,
            NodeState::Disabled { .. } => return,
        }
        // A recorded state of the Python wnm may be migrating without an action; it does not count.
        let is_counted = seen.state.is_in_operation() && !matches!(*seen.state, NodeState::Migrating { .. });
        if seen.acting && !is_counted {
            self.otherwise_acting += 1;
        }
        if let Some(version) = &seen.sample.version {
            self.outdated += u32::from(is_outdated(version));
        }
    }
}

/// Returns the state of a node from its stored state and its observation.
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
        let new_node = NodeState::Unknown { since: now };
        let now = observed(&new_node, presence, observation, false, Desired::default).unwrap_or(new_node);
        return StateRef::New(Box::new(now));
    };
    // A process that is gone has ended: the delays are for nodes that come up.
    let settled = |since, delay| !acting && (presence == Presence::Gone || now.since(since) >= delay);
    let is_open = match recorded {
        NodeState::Running { .. } | NodeState::Unknown { .. } | NodeState::Stopped { .. } | NodeState::Dead { .. } => {
            true
        }
        NodeState::Restarting { since } => settled(*since, policy.delays.start),
        NodeState::Upgrading { since, .. } => settled(*since, policy.delays.upgrade),
        // An action or an operator ends these states, never an observation.
        NodeState::Migrating { .. } | NodeState::Removing { .. } | NodeState::Disabled { .. } => false,
    };
    if !is_open || is_remnant(recorded, sample) {
        return StateRef::Stored(recorded);
    }
    // After a reboot volumes may not be mounted yet, so that a missing folder proves nothing.
    let may_die = presence == Presence::FolderMissing
        && !observation.rebooted
        && state.missing_since.get(&id).is_some_and(|since| now.since(*since) >= DEAD_AFTER)
        && anomaly.is_none()
        && is_in_place(state, observation, sample.volume);
    observed(recorded, presence, observation, may_die, || state.desired(id, recorded))
        .map_or(StateRef::Stored(recorded), |now| StateRef::New(Box::new(now)))
}

/// Returns whether a dead node is the remnant of an addition that failed and could not be undone, as on a disk that broke
/// during the copy. Without a program and an identity it can never run, so that its folder and its number are freed once
/// the volume is back.
fn is_remnant(recorded: &NodeState, sample: &NodeSample) -> bool {
    matches!(recorded, NodeState::Dead { .. })
        && matches!(sample.presence, Presence::Gone | Presence::VolumeFault)
        && sample.peer_id.is_none()
        && sample.version.is_none()
}

/// Returns the state that an observation shows; None when it confirms the stored one.
fn observed(
    recorded: &NodeState,
    presence: Presence,
    observation: &Observation,
    may_die: bool,
    desired: impl FnOnce() -> Desired,
) -> Option<NodeState> {
    let since = observation.now;
    match (presence, recorded) {
        (Presence::Unobserved, _)
        | (Presence::Answering | Presence::Unverified, NodeState::Running { .. })
        | (Presence::Silent | Presence::Unreachable | Presence::VolumeFault, NodeState::Unknown { .. })
        | (Presence::FolderMissing, NodeState::Dead { .. }) => None,
        // After a reboot the time of the stop is unknown and no connection of the old process is left: no cooldown.
        (Presence::Gone, NodeState::Stopped { since: Some(_), cause }) if observation.rebooted => {
            Some(NodeState::Stopped { since: None, cause: *cause })
        }
        (Presence::Gone, NodeState::Stopped { .. }) => None,
        (Presence::Answering | Presence::Unverified, _) => Some(NodeState::Running { since }),
        (Presence::Silent | Presence::Unreachable | Presence::VolumeFault, _) => Some(NodeState::Unknown { since }),
        (Presence::Gone, _) => {
            let since = (!observation.rebooted).then_some(since);
            Some(NodeState::Stopped { since, cause: desired().cause_of_a_found_stop() })
        }
        (Presence::FolderMissing, _) if may_die => Some(NodeState::Dead { since }),
        // Without its folder and its process a node does not run, and the result of an operation cannot be observed.
        (
            Presence::FolderMissing,
            NodeState::Running { .. } | NodeState::Restarting { .. } | NodeState::Upgrading { .. },
        ) => Some(NodeState::Unknown { since }),
        (Presence::FolderMissing, _) => None,
    }
}

/// Returns whether a volume has its known identity; without a volume, whether every volume has.
fn is_in_place(state: &EngineState, observation: &Observation, volume: Option<usize>) -> bool {
    let is_known = |volume: &Volume| state.volumes.get(&volume.root) == Some(&volume.identity);
    let volumes = &observation.host.volumes;
    match volume {
        Some(volume) => volumes.get(volume).is_some_and(is_known),
        None => !volumes.is_empty() && volumes.iter().all(is_known),
    }
}

/// Returns the anomaly of the colony, if it has one.
pub(crate) fn anomaly(state: &EngineState, observation: &Observation) -> Option<Anomaly> {
    if observation.rebooted {
        return None;
    }
    let mut vanished = 0;
    let mut total = 0;
    let mut missing = false;
    // Whether every node that can be observed lacks its folder, at any size of the colony.
    let mut all_missing = true;
    for (id, sample) in &observation.nodes {
        total += 1;
        let is_out_of_sight =
            matches!(sample.presence, Presence::FolderMissing | Presence::Unobserved | Presence::VolumeFault);
        // The folder of a node that is being added proves nothing about those of the others.
        all_missing &= is_out_of_sight || state.acting.contains(id);
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
            | Presence::Unreachable
            | Presence::VolumeFault => {}
        }
    }
    let is_moved = || {
        let volumes = &observation.host.volumes;
        volumes.iter().any(|v| state.volumes.get(&v.root).is_some_and(|known| *known != v.identity))
    };
    if missing && is_moved() {
        Some(Anomaly::StorageChanged)
    } else if is_mass_disappearance(vanished, total) || missing && all_missing {
        Some(Anomaly::MassDisappearance { vanished, total })
    } else {
        None
    }
}
