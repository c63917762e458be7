//! The nodes of a database that is rebuilt: those of its remains, compared with the folders and processes of the host.

use std::collections::BTreeSet;
use std::path::PathBuf;

use wnm_core::{Clock, Node, NodeId, NodeState, Settings, StopCause, Timestamp};
use wnm_platform::Platform;
use wnm_platform::manager::Found;
use wnm_platform::node_dir::{self, Marker};
use wnm_store::Remains;

use super::HostError;

/// The difference between the remains of a database and the host.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Nodes that were found on the host only: they are younger than the copy.
    pub found: Vec<NodeId>,
    /// Nodes of the remains that were removed since the copy.
    pub dropped: Vec<NodeId>,
    /// Folders of nodes that cannot be described, each with the reason.
    pub unreadable: Vec<(PathBuf, String)>,
}

/// Brings the nodes of the remains up to date with the host. Changes nothing on the host.
///
/// # Errors
/// The process manager does not answer, or the host has no clock. Without its answer a node could be lost.
pub fn reconcile(remains: &mut Remains, settings: &Settings, platform: &Platform) -> Result<Reconciled, HostError> {
    let mut roots = settings.storage.clone();
    roots.extend(remains.nodes.values().filter_map(|node| node.root_dir.parent()).map(PathBuf::from));
    roots.sort();
    roots.dedup();
    let found = platform.discover(&roots)?;
    let trashed = node_dir::list_trash(&roots).into_iter().map(|removed| removed.uuid).collect();
    let reading = wnm_platform::read_clock()?;
    let now = match &remains.state.clock {
        Some(clock) => clock.advance(reading),
        None => Clock::start(reading),
    };
    Ok(merge(remains, &found, &trashed, now.now()))
}

fn merge(remains: &mut Remains, found: &[Found], trashed: &BTreeSet<String>, now: Timestamp) -> Reconciled {
    let mut result = Reconciled::default();
    let uuids: BTreeSet<String> = found.iter().filter_map(marker).map(|marker| marker.uuid.clone()).collect();
    remains.nodes.retain(|id, node| {
        let is_here = uuids.contains(&node.uuid);
        let is_replaced = || found.iter().any(|found| found.folder.path == node.root_dir && marker(found).is_some());
        let stays = is_here || !(trashed.contains(&node.uuid) || is_replaced());
        if !stays {
            result.dropped.push(*id);
        }
        stays
    });
    for found in found {
        let Some(marker) = marker(found) else { continue };
        if remains.nodes.values().any(|node| node.uuid == marker.uuid) {
            continue;
        }
        let described = match &found.node {
            Ok(described) => described.node.clone(),
            Err(reason) => {
                result.unreadable.push((found.folder.path.clone(), reason.clone()));
                continue;
            }
        };
        let node = Node { id: marker.id, uuid: marker.uuid.clone(), ..described };
        if let Some(other) = remains.nodes.values().find(|other| is_conflict(&node, other)) {
            // The other node was removed since the copy: its folder would have been found.
            if uuids.contains(&other.uuid) {
                let reason = format!("{} has the same number or port", other.id.name());
                result.unreadable.push((found.folder.path.clone(), reason));
                continue;
            }
            let other = other.id;
            remains.nodes.remove(&other);
            result.dropped.push(other);
        }
        let state = match found.process {
            Some(_) => NodeState::Running { since: now },
            None => NodeState::Stopped { since: None, cause: StopCause::Found },
        };
        result.found.push(node.id);
        remains.state.desired.remove(&node.id);
        remains.state.nodes.insert(node.id, state);
        remains.nodes.insert(node.id, node);
    }
    complete_states(remains, now);
    result
}

/// Gives each node a state, and takes away those of nodes that no longer exist.
fn complete_states(remains: &mut Remains, now: Timestamp) {
    let state = &mut remains.state;
    state.acting.clear();
    state.nodes.retain(|id, _| remains.nodes.contains_key(id));
    state.desired.retain(|id, _| remains.nodes.contains_key(id));
    state.recoveries.retain(|id, _| remains.nodes.contains_key(id));
    state.missing.retain(|id| remains.nodes.contains_key(id));
    for id in remains.nodes.keys() {
        // The journal with the action is lost: the next observation shows the state.
        let is_known = state.nodes.get(id).is_some_and(|node| !node.is_in_operation());
        if !is_known {
            let desired = state.nodes.get(id).map(|node| state.desired(*id, node)).unwrap_or_default();
            state.nodes.insert(*id, NodeState::Unknown { since: now });
            state.set_desired(*id, desired);
        }
    }
}

fn marker(found: &Found) -> Option<&Marker> {
    found.folder.marker.as_ref()
}

fn is_conflict(one: &Node, other: &Node) -> bool {
    one.id == other.id || one.ports.all().any(|port| other.ports.all().any(|taken| taken == port))
}
