//! The state that the engine carries from cycle to cycle, and the effect of outcomes on it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::action::decision::{Action, Afterwards, Planned, Reason, ReasonGone};
use crate::action::steps::{ActionRecord, Failure, Outcome, Step};
use crate::engine::ceiling::RecentActions;
use crate::engine::failures::{self, FailedAction};
use crate::engine::forecast::Forecast;
use crate::engine::own_upgrades::{self, FailedVersion, OwnUpgrade};
use crate::engine::recovery::Recovery;
use crate::model::clock::Clock;
use crate::model::node::{Desired, NodeId, NodeMap, NodeState, StopCause};
use crate::model::observation::{Observation, Presence};
use crate::model::units::{Timestamp, Version};
use crate::policy::constants::REFUSED_AFTER;

/// The state that the engine carries from cycle to cycle, stored with each cycle.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EngineState {
    /// State of each node.
    #[serde(skip_serializing_if = "NodeMap::is_empty")]
    pub nodes: NodeMap<NodeState>,
    /// Desired conditions that differ from [`Desired::implied_by`] the state of their node.
    ///
    /// Few nodes have one: a node that was stopped by request and whose process manager does not answer, for example.
    #[serde(skip_serializing_if = "NodeMap::is_empty")]
    pub desired: NodeMap<Desired>,
    /// Nodes that ended by themselves and have not been up for ten minutes since.
    #[serde(skip_serializing_if = "NodeMap::is_empty")]
    pub recoveries: NodeMap<Recovery>,
    /// Actions that failed, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FailedAction>,
    /// Nodes with an action in progress.
    pub acting: BTreeSet<NodeId>,
    /// Reasons of the removals in their delay, which end when their reason has gone.
    #[serde(skip_serializing_if = "NodeMap::is_empty")]
    pub removals: NodeMap<Reason>,
    /// Nodes whose folder was missing in the last observation, with the time of the first one that lacked it.
    pub missing_since: BTreeMap<NodeId, Timestamp>,
    /// Identity of the volume of each storage folder, as of the last observation without a missing folder.
    pub volumes: BTreeMap<PathBuf, u64>,
    /// Failed upgrades to each version.
    pub failed_upgrades: BTreeMap<Version, u32>,
    /// Upgrades of the last week that nodes made themselves.
    #[serde(skip_serializing_if = "NodeMap::is_empty")]
    pub own_upgrades: NodeMap<OwnUpgrade>,
    /// Forecast of the steady rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Box<Forecast>>,
    /// Actions that the rules began within the last hour.
    #[serde(skip_serializing_if = "RecentActions::is_empty")]
    pub recent: RecentActions,
    /// Clock of the colony at the last observation.
    pub clock: Option<Clock>,
}

impl EngineState {
    /// Returns the desired condition of a node in this state.
    #[must_use]
    pub fn desired(&self, id: NodeId, state: &NodeState) -> Desired {
        self.desired.get(&id).copied().unwrap_or_else(|| Desired::implied_by(state))
    }

    /// Returns the number of additions that failed in succession.
    #[must_use]
    pub fn failed_additions(&self) -> u32 {
        failures::failed_additions(&self.failures)
    }

    /// Returns the desired condition of a node with a state; None for a new node.
    fn known_desired(&self, id: NodeId) -> Option<Desired> {
        self.nodes.get(&id).map(|state| self.desired(id, state))
    }

    /// Sets the desired condition of a node. Call this after a change of its state.
    pub fn set_desired(&mut self, id: NodeId, desired: Desired) {
        let implied = self.nodes.get(&id).map_or(Desired::Running, Desired::implied_by);
        if desired == implied {
            self.desired.remove(&id);
        } else {
            self.desired.insert(id, desired);
        }
    }

    /// Applies the changes of states by an observation. A stopped node stays desired stopped, whatever is observed of
    /// it, until its process is seen up: an external process that answers on its port is not the node.
    pub(crate) fn extend(&mut self, changes: Vec<(NodeId, NodeState)>, observation: &Observation) {
        let is_unverified =
            |id: NodeId| observation.nodes.get(&id).is_some_and(|sample| sample.presence == Presence::Unverified);
        for (id, next) in changes {
            self.count_upgrade_without_effect(id, &next, observation);
            let desired = match (&next, self.nodes.get(&id)) {
                (NodeState::Running { .. }, Some(recorded)) if is_unverified(id) => self.desired(id, recorded),
                (NodeState::Running { .. }, _) | (_, None) => Desired::Running,
                (_, Some(recorded)) => self.desired(id, recorded),
            };
            self.nodes.insert(id, next);
            self.set_desired(id, desired);
        }
    }

    /// Counts an upgrade as failed whose node runs and still answers with an older version: the program names one version
    /// when asked for it, and its process another one. Without the count the rules would upgrade the node for ever.
    fn count_upgrade_without_effect(&mut self, id: NodeId, next: &NodeState, observation: &Observation) {
        let (Some(NodeState::Upgrading { to, .. }), NodeState::Running { .. }) = (self.nodes.get(&id), next) else {
            return;
        };
        let answered = observation.nodes.get(&id).filter(|sample| sample.presence == Presence::Answering);
        if answered.and_then(|sample| sample.version.as_ref()).is_some_and(|version| version < to) {
            *self.failed_upgrades.entry(to.clone()).or_default() += 1;
        }
    }

    /// Returns whether upgrades to a version failed too often to be tried again.
    #[must_use]
    pub fn is_refused(&self, version: &Version) -> bool {
        self.failed_upgrades.get(version).is_some_and(|failures| *failures >= REFUSED_AFTER)
    }

    /// Returns the versions that failed on nodes that upgraded themselves, the oldest version first.
    #[must_use]
    pub fn failed_versions(&self) -> Vec<FailedVersion> {
        own_upgrades::failed_versions(&self.own_upgrades)
    }

    /// Records the upgrades that nodes made themselves, and the nodes that ended after theirs. The states are those before
    /// the observation, the recoveries those after it.
    pub(crate) fn record_own_upgrades<'a>(
        &mut self,
        observation: &Observation,
        ended: impl Iterator<Item = &'a NodeId>,
    ) {
        let Self { own_upgrades, recoveries, acting, nodes, .. } = self;
        let is_changed = |id: NodeId| {
            let state = nodes.get(&id);
            acting.contains(&id) || matches!(state, Some(NodeState::Upgrading { .. } | NodeState::Restarting { .. }))
        };
        own_upgrades::update(own_upgrades, recoveries, observation, ended, is_changed);
    }

    /// Marks the nodes of unfinished actions, as the journal has them.
    ///
    /// After a crash the stored state is older than the journal: without this call the rules would select the nodes of
    /// actions that have begun a second time.
    pub fn resume_actions(&mut self, unfinished: &[ActionRecord]) {
        self.acting = unfinished.iter().map(ActionRecord::node).collect();
        self.recent.resume(unfinished);
        let cancellable = unfinished.iter().filter(|record| record.is_cancellable());
        self.removals = cancellable.map(|record| (record.node(), record.planned.reason.clone())).collect();
        for record in unfinished {
            let id = record.node();
            let before = self.known_desired(id);
            if let Next::Is(state) = while_pending(&record.planned.action, self.nodes.get(&id), record.begun) {
                self.nodes.insert(id, state);
            }
            if let Some(desired) = desired_by(&record.planned, Progress::Pending, self.nodes.get(&id)).or(before) {
                self.set_desired(id, desired);
            }
        }
    }
}

pub(crate) fn remember_volumes(state: &mut EngineState, observation: &Observation) {
    for (i, volume) in observation.host.volumes.iter().enumerate().filter(|(_, volume)| volume.fault.is_none()) {
        if state.volumes.get(&volume.root) != Some(&volume.identity) && is_ours(state, observation, i) {
            state.volumes.insert(volume.root.clone(), volume.identity);
        }
    }
}

/// Returns whether a volume with a new identity holds nodes of the colony: at least one is observed there.
///
/// While folders are missing, the known identity stays, so that a volume that is not mounted remains an anomaly.
fn is_ours(state: &EngineState, observation: &Observation, volume: usize) -> bool {
    let on_it = || observation.nodes.iter().filter(|(_, sample)| sample.volume.is_none_or(|v| v == volume));
    let is_seen =
        |presence| !matches!(presence, Presence::Unobserved | Presence::FolderMissing | Presence::VolumeFault);
    let is_known = observation.host.volumes.get(volume).is_some_and(|v| state.volumes.contains_key(&v.root));
    let is_missing = |id: &NodeId| state.missing_since.contains_key(id) && !state.acting.contains(id);
    let lacks_some = || is_known && on_it().any(|(id, _)| is_missing(id));
    on_it().any(|(_, sample)| is_seen(sample.presence)) && !lacks_some()
}

/// Updates the state of one node by the outcome of one action.
pub(crate) fn apply(state: &mut EngineState, planned: &Planned, outcome: &Outcome, now: Timestamp) {
    let id = planned.action.node();
    match outcome {
        Outcome::Pending { .. } => state.acting.insert(id),
        Outcome::Done | Outcome::Failed(_) | Outcome::Cancelled { .. } => state.acting.remove(&id),
    };
    let lingers = matches!(outcome, Outcome::Pending { step: Step::Linger, .. });
    if lingers && matches!(planned.action, Action::Remove { .. }) {
        state.removals.insert(id, planned.reason.clone());
    } else {
        state.removals.remove(&id);
    }
    if *outcome == Outcome::Done {
        failures::forget(&mut state.failures, &planned.action);
    }
    let before = state.known_desired(id);
    let recorded = state.nodes.get(&id);
    let next = match outcome {
        Outcome::Pending { .. } => while_pending(&planned.action, recorded, now),
        Outcome::Done => after_success(planned, recorded, now),
        Outcome::Failed(failure) => {
            failures::record(&mut state.failures, &planned.action, &failure.failed, now);
            if let Action::Start { .. } = &planned.action {
                let error = &failure.failed.error;
                state.recoveries.entry(id).or_default().record_failed_start(failure.failed.step, now, error);
                if failure.failed.step == Step::Confirm {
                    own_upgrades::record_end(&mut state.own_upgrades, id, now);
                }
            }
            if let Action::Upgrade { to, .. } | Action::Start { upgrade_to: Some(to), .. } = &planned.action {
                *state.failed_upgrades.entry(to.clone()).or_default() += 1;
            }
            after_failure(planned, failure, before, now)
        }
        Outcome::Cancelled { because } => after_cancellation(because, before, now),
    };
    match next {
        Next::Keep => {}
        Next::Is(next) => {
            state.nodes.insert(id, next);
        }
        Next::NoMore => {
            state.nodes.remove(&id);
            state.missing_since.remove(&id);
            state.desired.remove(&id);
            state.recoveries.remove(&id);
            state.own_upgrades.remove(&id);
            return;
        }
    }
    if planned.reason == Reason::Requested && *outcome == Outcome::Done {
        // A request begins anew: the operator has changed the node, or wants to see it start now.
        state.recoveries.remove(&id);
    }
    let progress = match outcome {
        Outcome::Pending { .. } => Progress::Pending,
        Outcome::Done => Progress::Done,
        Outcome::Failed(_) => Progress::Failed,
        // The cause of the stop tells the desired condition.
        Outcome::Cancelled { .. } => {
            state.desired.remove(&id);
            return;
        }
    };
    // A removal that fails must not start a node that was stopped.
    if let Some(desired) = desired_by(planned, progress, state.nodes.get(&id)).or(before) {
        state.set_desired(id, desired);
    }
}

/// How far an action has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Pending,
    Done,
    Failed,
}

/// Returns the desired condition that an action sets; None for an action that leaves it as it is.
fn desired_by(planned: &Planned, progress: Progress, state: Option<&NodeState>) -> Option<Desired> {
    let is_requested = planned.reason == Reason::Requested;
    match (&planned.action, progress) {
        (Action::Add { .. } | Action::Start { .. } | Action::Restart { .. } | Action::Upgrade { .. }, _) => {
            Some(Desired::Running)
        }
        // An operator's stop that fails is still desired: the process may end later, and must then stay down.
        (Action::Stop { .. }, _) if is_requested => Some(Desired::StoppedByRequest),
        // A stop that took too long may have been observed before its failure: its purpose is reached.
        (Action::Stop { .. }, Progress::Failed) if matches!(state, Some(NodeState::Stopped { .. })) => {
            Some(Desired::StoppedByPolicy)
        }
        (Action::Stop { .. }, Progress::Failed) => Some(Desired::Running),
        (Action::Stop { .. }, Progress::Pending | Progress::Done) => Some(Desired::StoppedByPolicy),
        (Action::Disable { .. }, Progress::Done) => Some(Desired::Disabled),
        (Action::Disable { .. }, Progress::Pending | Progress::Failed) => Some(Desired::StoppedByRequest),
        (Action::Enable { .. }, Progress::Done) => Some(Desired::StoppedByPolicy),
        (Action::Update { then: Afterwards::Running, .. } | Action::Move { then: Afterwards::Running, .. }, _) => {
            Some(Desired::Running)
        }
        (Action::Enable { .. }, Progress::Pending | Progress::Failed)
        | (Action::Restore { .. } | Action::Remove { .. } | Action::Update { .. } | Action::Move { .. }, _) => None,
    }
}

/// The change of the stored state of a node.
enum Next {
    /// The state stays until the next observation.
    Keep,
    /// The state changes to this one.
    Is(NodeState),
    /// The node is deleted from the state.
    NoMore,
}

/// Returns the state of a node during an action; a state that the action has set keeps its start time.
fn while_pending(action: &Action, recorded: Option<&NodeState>, now: Timestamp) -> Next {
    match (action, recorded) {
        (Action::Stop { .. } | Action::Disable { .. } | Action::Enable { .. } | Action::Restore { .. }, _)
        // The node stays as it is: stopped or disabled.
        | (Action::Update { then: Afterwards::Stopped, .. } | Action::Move { then: Afterwards::Stopped, .. }, _)
        | (
            Action::Add { .. } | Action::Start { .. } | Action::Restart { .. } | Action::Update { .. },
            Some(NodeState::Restarting { .. }),
        )
        | (Action::Upgrade { .. }, Some(NodeState::Upgrading { .. }))
        | (Action::Move { .. }, Some(NodeState::Migrating { .. }))
        | (Action::Remove { .. }, Some(NodeState::Removing { .. })) => Next::Keep,
        (Action::Add { .. } | Action::Start { .. } | Action::Restart { .. } | Action::Update { .. }, _) => {
            Next::Is(NodeState::Restarting { since: now })
        }
        (Action::Move { .. }, _) => Next::Is(NodeState::Migrating { since: now }),
        (Action::Upgrade { from, to, .. }, _) => {
            Next::Is(NodeState::Upgrading { since: now, from: from.clone(), to: to.clone() })
        }
        (Action::Remove { .. }, _) => Next::Is(NodeState::Removing { since: now }),
    }
}

fn after_success(planned: &Planned, recorded: Option<&NodeState>, now: Timestamp) -> Next {
    match &planned.action {
        Action::Add { .. }
        | Action::Start { .. }
        | Action::Restart { .. }
        | Action::Upgrade { .. }
        | Action::Update { .. } => while_pending(&planned.action, recorded, now),
        Action::Move { then: Afterwards::Running, .. } => Next::Is(NodeState::Restarting { since: now }),
        Action::Restore { .. } | Action::Move { then: Afterwards::Stopped, .. } => Next::Keep,
        Action::Stop { .. } => {
            let cause = if planned.reason == Reason::Requested { StopCause::Requested } else { StopCause::Pressure };
            Next::Is(NodeState::Stopped { since: Some(now), cause })
        }
        Action::Disable { .. } => Next::Is(NodeState::Disabled { since: now }),
        Action::Enable { .. } => match recorded {
            Some(NodeState::Disabled { .. }) => {
                Next::Is(NodeState::Stopped { since: None, cause: StopCause::Requested })
            }
            _ => Next::Keep,
        },
        Action::Remove { .. } => Next::NoMore,
    }
}

/// Returns the state of a node whose removal was cancelled. A node within the cap again should run; one of a volume that
/// was full starts when the host has headroom, as after every relief. A node that was stopped before its removal stays
/// stopped for the same cause.
fn after_cancellation(because: &ReasonGone, before: Option<Desired>, now: Timestamp) -> Next {
    let cause = match because {
        ReasonGone::WithinCap { .. } | ReasonGone::Drained => StopCause::Removal,
        ReasonGone::Relieved { .. } | ReasonGone::NotRemovedFor => StopCause::Pressure,
    };
    after_removal(before, cause, now)
}

/// Returns the state of a node that its removal has stopped, and that stays: `cause` for one that should run.
fn after_removal(before: Option<Desired>, cause: StopCause, now: Timestamp) -> Next {
    let cause = match before.unwrap_or_default() {
        Desired::Disabled => return Next::Is(NodeState::Disabled { since: now }),
        Desired::StoppedByRequest => StopCause::Requested,
        Desired::StoppedByPolicy => StopCause::Pressure,
        Desired::Running => cause,
    };
    Next::Is(NodeState::Stopped { since: Some(now), cause })
}

fn after_failure(planned: &Planned, failure: &Failure, before: Option<Desired>, now: Timestamp) -> Next {
    let rolled_back = failure.rolled_back;
    let start_failed = NodeState::Stopped { since: Some(now), cause: StopCause::StartFailed };
    match &planned.action {
        // The rollback of an addition removes the node.
        Action::Add { .. } if rolled_back => Next::NoMore,
        // A new node has no identity worth keeping: remnants are removed, unless an observation shows a whole node.
        Action::Add { .. } => Next::Is(NodeState::Dead { since: now }),
        Action::Start { upgrade_to: None, .. } => Next::Is(start_failed),
        // The rollback restarted the old program.
        Action::Start { upgrade_to: Some(_), .. } | Action::Upgrade { .. } if rolled_back => {
            Next::Is(NodeState::Running { since: now })
        }
        Action::Start { upgrade_to: Some(_), .. } | Action::Upgrade { .. } => Next::Is(start_failed),
        Action::Update { then: Afterwards::Stopped, .. } | Action::Move { then: Afterwards::Stopped, .. } => Next::Keep,
        // The undo started the node as it was, or it never stopped.
        Action::Update { .. } | Action::Move { .. } if rolled_back => Next::Is(NodeState::Running { since: now }),
        Action::Update { .. } | Action::Move { .. } => Next::Is(start_failed),
        Action::Remove { .. } if planned.reason == Reason::Dead => Next::Is(NodeState::Dead { since: now }),
        // The removal has stopped the node: its process did not end by itself, and the node may run again once it is not over
        // the cap any more.
        Action::Remove { .. } if matches!(failure.failed.step, Step::Undefine | Step::Trash | Step::ClosePort) => {
            after_removal(before, StopCause::Removal, now)
        }
        // No observation would show the end of this state.
        Action::Remove { .. } if before == Some(Desired::Disabled) => Next::Is(NodeState::Disabled { since: now }),
        // The next observation shows whether the node still runs.
        Action::Restart { .. } | Action::Remove { .. } => Next::Is(NodeState::Unknown { since: now }),
        Action::Stop { .. } | Action::Disable { .. } | Action::Enable { .. } | Action::Restore { .. } => Next::Keep,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::observation::NodeSample;

    #[test]
    fn upgrade_is_the_own_one_of_a_node_that_no_action_changes() {
        let (from, to) = (Version::new(0, 4, 17), Version::new(0, 4, 18));
        let id = NodeId::FIRST;
        let sample = NodeSample { version: Some(to.clone()), upgraded_from: Some(from), ..NodeSample::default() };
        let observation = Observation { nodes: [(id, sample)].into_iter().collect(), ..Observation::default() };
        let since = Timestamp::default();
        for (state, acting, is_own) in [
            (NodeState::Running { since }, false, true),
            (NodeState::Running { since }, true, false),
            (NodeState::Stopped { since: None, cause: StopCause::Found }, false, true),
            (NodeState::Upgrading { since, from: None, to }, false, false),
            (NodeState::Restarting { since }, false, false),
        ] {
            let mut engine =
                EngineState { nodes: [(id, state.clone())].into_iter().collect(), ..EngineState::default() };
            engine.acting.extend(acting.then_some(id));
            engine.record_own_upgrades(&observation, std::iter::empty());
            assert_eq!(engine.own_upgrades.contains_key(&id), is_own, "{state:?} {acting}");
        }
    }
}
