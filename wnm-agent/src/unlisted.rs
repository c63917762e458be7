//! Nodes that the database does not contain, and that a scheduled cycle takes in.

use wnm_core::{Colony, Node, NodeId, NodeState, Observation, StopCause, Timestamp};

use crate::agent::Agent;
use crate::platform::{FoundNode, NodeProcess, Platform};
use crate::store::Store;

/// Takes the nodes into the colony that the platform proves to be in folders without a row, up to the node cap: more would
/// be removed again. A node whose number or port another node has is left alone. Returns the nodes that were taken in.
///
/// The observation has none of them, so that the caller must load and observe again. An error is logged, and the next cycle
/// tries again.
pub(crate) fn take_in<S: Store, P: Platform>(
    agent: &mut Agent<S, P>,
    colony: &Colony,
    observation: &Observation,
) -> Vec<NodeId> {
    let folders = &observation.host.unlisted;
    if folders.is_empty() {
        return Vec::new();
    }
    let found = agent.platform.settle_unlisted(&colony.settings, folders);
    let nodes = admissible(colony, found, observation.now);
    if nodes.is_empty() {
        return Vec::new();
    }
    if let Err(error) = agent.store.take_in(&nodes) {
        tracing::warn!(%error, "cannot take in nodes that the database does not contain");
        return Vec::new();
    }
    for (node, state) in &nodes {
        let (folder, state) = (node.root_dir.display(), state.word());
        tracing::warn!(node = %node.id.name(), %folder, state, "took in a node that the database did not contain");
    }
    nodes.iter().map(|(node, _)| node.id).collect()
}

fn admissible(colony: &Colony, found: Vec<FoundNode>, now: Timestamp) -> Vec<(Node, NodeState)> {
    let mut nodes: Vec<(Node, NodeState)> = Vec::new();
    let cap = colony.settings.policy.node_cap as usize;
    for FoundNode { node, process } in found {
        let mut others = colony.nodes.values().chain(nodes.iter().map(|(node, _)| node));
        if colony.nodes.len() + nodes.len() >= cap || others.any(|other| is_conflict(&node, other)) {
            continue;
        }
        let state = match process {
            NodeProcess::Runs => NodeState::Running { since: now },
            NodeProcess::Absent => NodeState::Stopped { since: None, cause: StopCause::Found },
        };
        nodes.push((node, state));
    }
    nodes
}

fn is_conflict(one: &Node, other: &Node) -> bool {
    let shares_port = || one.ports.all().any(|port| other.ports.all().any(|taken| taken == port));
    one.id == other.id || one.uuid == other.uuid || shares_port()
}
