//! The state that the engine carries from cycle to cycle, and the effect of outcomes on it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::action::decision::{Action, Planned, Reason};
use crate::action::steps::{ActionRecord, Outcome};
use crate::engine::forecast::Forecast;
use crate::model::clock::Clock;
use crate::model::node::{NodeId, NodeMap, NodeState, StopCause};
use crate::model::observation::{Observation, Presence};
use crate::model::units::{Timestamp, Version};
use crate::policy::constants::REFUSED_AFTER;

/// What the engine remembers from cycle to cycle: plain data, saved with each.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EngineState {
    /// What each node is believed to be doing.
    #[serde(skip_serializing_if = "NodeMap::is_empty")]
    pub nodes: NodeMap<NodeState>,
    /// Nodes with an action that has begun and not ended.
    pub acting: BTreeSet<NodeId>,
    /// Nodes whose folder was missing at the last look.
    pub missing: BTreeSet<NodeId>,
    /// The device of each storage folder, as last seen in order.
    pub devices: BTreeMap<PathBuf, u64>,
    /// How often a change to a version failed.
    pub failed_upgrades: BTreeMap<Version, u32>,
    /// What the steady rules remember of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Box<Forecast>>,
    /// The colony's clock at the last look.
    pub clock: Option<Clock>,
}

impl EngineState {
    /// Tells whether a version failed too often to be tried again.
    #[must_use]
    pub fn is_refused(&self, version: &Version) -> bool {
        self.failed_upgrades.get(version).is_some_and(|failures| *failures >= REFUSED_AFTER)
    }

    /// Takes up the actions that began and have not ended, as the journal has them.
    ///
    /// After a crash the state is that of the cycle before, which knew nothing of what was begun since: without this
    /// the same nodes would be chosen again.
    pub fn take_up(&mut self, unfinished: &[ActionRecord]) {
        self.acting = unfinished.iter().map(ActionRecord::node).collect();
        for record in unfinished {
            let id = record.node();
            if let Next::Is(state) = while_pending(&record.planned.action, self.nodes.get(&id), record.begun) {
                self.nodes.insert(id, state);
            }
        }
    }
}

pub(crate) fn remember_devices(state: &mut EngineState, observation: &Observation) {
    for (i, volume) in observation.host.volumes.iter().enumerate() {
        if state.devices.get(&volume.root) != Some(&volume.device) && is_ours(state, observation, i) {
            state.devices.insert(volume.root.clone(), volume.device);
        }
    }
}

/// Tells whether a volume whose device is new is the one that our nodes are on: one of them is seen there. While
/// folders are missing, the device they were on stays the one that is looked for.
fn is_ours(state: &EngineState, observation: &Observation, volume: usize) -> bool {
    let on_it = || observation.nodes.iter().filter(|(_, sample)| sample.volume.is_none_or(|v| v == volume));
    let is_seen = |presence| !matches!(presence, Presence::Unobserved | Presence::FolderMissing);
    let is_known = observation.host.volumes.get(volume).is_some_and(|v| state.devices.contains_key(&v.root));
    let is_missing = |id: &NodeId| state.missing.contains(id) && !state.acting.contains(id);
    let lacks_some = || is_known && on_it().any(|(id, _)| is_missing(id));
    on_it().any(|(_, sample)| is_seen(sample.presence)) && !lacks_some()
}

/// Changes the state of one node by what came of one action.
pub(crate) fn apply(state: &mut EngineState, planned: &Planned, outcome: &Outcome, now: Timestamp) {
    let id = planned.action.node();
    match outcome {
        Outcome::Pending { .. } => state.acting.insert(id),
        Outcome::Done | Outcome::Failed(_) => state.acting.remove(&id),
    };
    let recorded = state.nodes.get(&id);
    let next = match outcome {
        Outcome::Pending { .. } => while_pending(&planned.action, recorded, now),
        Outcome::Done => after_success(planned, recorded, now),
        Outcome::Failed(failure) => {
            if let Action::Upgrade { to, .. } | Action::Start { upgrade_to: Some(to), .. } = &planned.action {
                *state.failed_upgrades.entry(to.clone()).or_default() += 1;
            }
            after_failure(planned, failure.rolled_back, now)
        }
    };
    match next {
        Next::Keep => {}
        Next::Is(next) => {
            state.nodes.insert(id, next);
        }
        Next::NoMore => {
            state.nodes.remove(&id);
            state.missing.remove(&id);
        }
    }
}

/// What becomes of the state remembered of a node.
enum Next {
    /// It stays, and the next look may change it.
    Keep,
    /// It is this now.
    Is(NodeState),
    /// The node is no more.
    NoMore,
}

/// Returns the state while an action goes on: a state that it began keeps its beginning.
fn while_pending(action: &Action, recorded: Option<&NodeState>, now: Timestamp) -> Next {
    match (action, recorded) {
        (Action::Stop { .. } | Action::Disable { .. } | Action::Enable { .. }, _)
        | (Action::Add { .. } | Action::Start { .. } | Action::Restart { .. }, Some(NodeState::Restarting { .. }))
        | (Action::Upgrade { .. }, Some(NodeState::Upgrading { .. }))
        | (Action::Remove { .. }, Some(NodeState::Removing { .. })) => Next::Keep,
        (Action::Add { .. } | Action::Start { .. } | Action::Restart { .. }, _) => {
            Next::Is(NodeState::Restarting { since: now })
        }
        (Action::Upgrade { from, to, .. }, _) => {
            Next::Is(NodeState::Upgrading { since: now, from: from.clone(), to: to.clone() })
        }
        (Action::Remove { .. }, _) => Next::Is(NodeState::Removing { since: now }),
    }
}

fn after_success(planned: &Planned, recorded: Option<&NodeState>, now: Timestamp) -> Next {
    match &planned.action {
        Action::Add { .. } | Action::Start { .. } | Action::Restart { .. } | Action::Upgrade { .. } => {
            while_pending(&planned.action, recorded, now)
        }
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

fn after_failure(planned: &Planned, rolled_back: bool, now: Timestamp) -> Next {
    let start_failed = NodeState::Stopped { since: Some(now), cause: StopCause::StartFailed };
    match &planned.action {
        // Nothing is left of a node that could not be made.
        Action::Add { .. } if rolled_back => Next::NoMore,
        // It never lived: what is left of it goes, unless a look shows a whole node.
        Action::Add { .. } => Next::Is(NodeState::Dead { since: now }),
        Action::Start { upgrade_to: None, .. } => Next::Is(start_failed),
        // The old program runs again.
        Action::Start { upgrade_to: Some(_), .. } | Action::Upgrade { .. } if rolled_back => {
            Next::Is(NodeState::Running { since: now })
        }
        Action::Start { upgrade_to: Some(_), .. } | Action::Upgrade { .. } => Next::Is(start_failed),
        Action::Remove { .. } if planned.reason == Reason::Dead => Next::Is(NodeState::Dead { since: now }),
        // Whether it still runs is for the next look to tell.
        Action::Restart { .. } | Action::Remove { .. } => Next::Is(NodeState::Unknown { since: now }),
        Action::Stop { .. } | Action::Disable { .. } | Action::Enable { .. } => Next::Keep,
    }
}
