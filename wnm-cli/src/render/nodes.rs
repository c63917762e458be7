//! The values that the list and the pages of nodes share.

use std::collections::BTreeMap;
use std::time::Duration;

use wnm_core::{
    Desired, Health, Node, NodeHealth, NodeId, NodeSample, NodeState, Presence, Recovery, StopCause, Timestamp, secret,
};

use super::{DIM, state_style, styled};
use crate::freshness::Freshness;

/// A node with its state and its last sample.
#[derive(Debug)]
pub(crate) struct NodeView {
    pub(crate) node: Node,
    /// The name of the node's folder and service, such as `antnode0001`.
    pub(crate) name: String,
    /// The state in one word, such as `RUNNING`.
    pub(crate) status: &'static str,
    /// The state with its details; None if the engine does not know the node.
    pub(crate) state: Option<NodeState>,
    /// The condition that the node should be in.
    pub(crate) desired: Desired,
    /// The ends of a node that ended by itself, and its next start; None once it has been up for ten minutes.
    pub(crate) recovery: Option<Recovery>,
    /// Why the node is in that state; None if the state says it all.
    pub(crate) reason: Option<String>,
    /// How often wnm has started the node again, in the history of the last 30 days.
    pub(crate) restarts: u32,
    /// The last sample; None before the first cycle that observed the node.
    pub(crate) sample: Option<NodeSample>,
    /// The health on the last complete day; None if no reading of that day contained a count.
    pub(crate) health: Option<NodeHealth>,
    /// The time now, for ages.
    pub(crate) now: Timestamp,
    /// Whether the last cycle is too old for the state to be the present one.
    pub(crate) is_stale: bool,
}

pub(super) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

impl NodeView {
    pub(super) fn styled_status(&self) -> String {
        let style = |state| if self.is_stale { DIM } else { state_style(state) };
        self.state.as_ref().map_or_else(|| self.status.to_owned(), |state| styled(style(state), self.status))
    }

    pub(crate) fn peers(&self) -> Option<u64> {
        self.sample.as_ref()?.metrics.as_ref()?.connected_peers
    }

    pub(crate) fn records(&self) -> Option<u64> {
        self.sample.as_ref()?.metrics.as_ref()?.records
    }

    pub(crate) fn version(&self) -> Option<&wnm_core::Version> {
        self.sample.as_ref()?.version.as_ref()
    }

    pub(crate) fn peer_id(&self) -> Option<&str> {
        self.sample.as_ref()?.peer_id.as_deref()
    }

    /// Returns the time since the start of the state; None if unknown.
    pub(crate) fn since(&self) -> Option<Duration> {
        self.state.as_ref()?.since().map(|since| self.now.since(since))
    }
}

/// Returns a sample without the values of a process that no longer runs. Identity, version and disk use stay true of a
/// stopped node; a disabled one is not observed and keeps its last sample for ever.
fn present(sample: NodeSample, state: Option<&NodeState>) -> NodeSample {
    match state {
        Some(NodeState::Stopped { .. } | NodeState::Disabled { .. } | NodeState::Dead { .. }) => {
            NodeSample { cpu: None, memory: None, process: None, metrics: None, ..sample }
        }
        _ => sample,
    }
}

/// Returns why a node is in its state, in at most 24 columns; None if the state says it all.
pub(super) fn reason(state: &NodeState, sample: Option<&NodeSample>) -> Option<String> {
    let reason = match state {
        NodeState::Stopped { cause: StopCause::Pressure, .. } => "pressure on the host",
        NodeState::Stopped { cause: StopCause::Requested, .. } => "requested",
        NodeState::Stopped { cause: StopCause::Found, .. } => "process ended by itself",
        NodeState::Stopped { cause: StopCause::StartFailed, .. } => "start failed",
        NodeState::Stopped { cause: StopCause::Imported, .. } => "stopped before import",
        NodeState::Stopped { cause: StopCause::Removal, .. } => "its removal was cancelled or failed",
        NodeState::Upgrading { from: Some(from), to, .. } => return Some(format!("from {from} to {to}")),
        NodeState::Upgrading { from: None, to, .. } => return Some(format!("to {to}")),
        NodeState::Restarting { .. } => "delay after its start",
        NodeState::Unknown { .. } => match sample.map(|sample| sample.presence) {
            Some(Presence::Unverified) => "another process answers",
            _ if sample.is_some_and(|sample| sample.wrong_answer.is_some()) => "wrong answer on its port",
            Some(Presence::VolumeFault) => "volume lost or faulty",
            Some(Presence::Unreachable) => "manager does not answer",
            _ => "does not answer",
        },
        NodeState::Dead { .. } => "folder missing",
        NodeState::Disabled { .. } => "requested",
        NodeState::Running { .. } if sample.is_some_and(|sample| sample.shunned_since.is_some()) => "shunned by peers",
        NodeState::Running { .. } | NodeState::Migrating { .. } | NodeState::Removing { .. } => return None,
    };
    Some(reason.to_owned())
}

/// Returns the views of these nodes, or of all nodes if `only` is empty.
pub(crate) fn views(
    snapshot: wnm_store::Snapshot,
    only: &[NodeId],
    now: Timestamp,
    freshness: Freshness,
    restarts: &BTreeMap<NodeId, u32>,
    health: &Health,
) -> Vec<NodeView> {
    let wnm_store::Snapshot { nodes, state, mut samples, .. } = snapshot;
    let is_wanted = |id: &NodeId| only.is_empty() || only.contains(id);
    nodes
        .into_iter()
        .filter(|(id, _)| is_wanted(id))
        .map(|(id, node)| {
            let recovery = state.recoveries.get(&id).cloned();
            let desired = state.nodes.get(&id).map(|node| state.desired(id, node)).unwrap_or_default();
            let state = state.nodes.get(&id).cloned();
            NodeView {
                name: id.name(),
                status: state.as_ref().map_or("UNKNOWN", NodeState::word),
                desired,
                reason: match &recovery {
                    Some(recovery) if recovery.is_crash_loop() => Some("crash loop".to_owned()),
                    _ => state.as_ref().and_then(|state| reason(state, samples.get(&id))),
                },
                recovery,
                sample: samples.get_mut(&id).map(std::mem::take).map(|sample| present(sample, state.as_ref())),
                restarts: restarts.get(&id).copied().unwrap_or(0),
                health: health.nodes.get(&id).copied(),
                state,
                node: Node {
                    environment: secret::masked_variables(&node.environment),
                    network: secret::masked_words(&node.network),
                    arguments: secret::masked_words(&node.arguments),
                    ..node
                },
                now,
                is_stale: freshness.is_stale(),
            }
        })
        .collect()
}
