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
    /// Nodes that moved to another folder since the copy.
    pub moved: Vec<NodeId>,
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
    follow_moves(remains, found, &mut result);
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

/// Gives nodes the descriptions that lie beside their folders. Each change writes them, so that they are later than a copy.
fn follow_moves(remains: &mut Remains, found: &[Found], result: &mut Reconciled) {
    let ids: Vec<NodeId> = remains.nodes.keys().copied().collect();
    for id in ids {
        let Some(node) = remains.nodes.get(&id) else { continue };
        let of_node = |found: &&Found| marker(found).is_some_and(|marker| marker.uuid == node.uuid);
        // The end of a move may be missing: then both folders are complete, and the one with the process counts.
        let preference = |found: &&Found| (found.process.is_some(), found.folder.path == node.root_dir);
        let Some(found) = found.iter().filter(of_node).max_by_key(preference) else { continue };
        let described = found.node.as_ref().ok().map(|described| &described.node);
        let changed = match described.filter(|described| described.uuid == node.uuid) {
            Some(described) => Node { id, ..described.clone() },
            None if found.folder.path == node.root_dir => continue,
            None => node.with_folder(&found.folder.path),
        };
        let has_conflict = remains.nodes.values().any(|other| other.id != id && is_conflict(&changed, other));
        let changed = if has_conflict { node.with_folder(&found.folder.path) } else { changed };
        if changed.root_dir != node.root_dir {
            result.moved.push(id);
        }
        remains.nodes.insert(id, changed);
    }
}

/// Gives each node a state, and takes away those of nodes that no longer exist.
fn complete_states(remains: &mut Remains, now: Timestamp) {
    let state = &mut remains.state;
    state.acting.clear();
    state.nodes.retain(|id, _| remains.nodes.contains_key(id));
    state.desired.retain(|id, _| remains.nodes.contains_key(id));
    state.recoveries.retain(|id, _| remains.nodes.contains_key(id));
    state.missing_since.retain(|id, _| remains.nodes.contains_key(id));
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use wnm_core::{Desired, FAUCET, Flavor, ManagerKind, Ports, ProcessIdentity, Upnp};
    use wnm_platform::manager::{Described, FoundProcess};
    use wnm_platform::node_dir::Folder;

    use super::*;

    fn id(number: u32) -> NodeId {
        NodeId::new(number).unwrap()
    }

    fn node(number: u32, uuid: &str) -> Node {
        let port = u16::try_from(number).unwrap();
        Node {
            service: None,
            id: id(number),
            uuid: uuid.to_owned(),
            flavor: Flavor::Antnode,
            manager: ManagerKind::ALL[0],
            root_dir: PathBuf::from(format!("/s/antnode{number:04}")),
            log_dir: "/l".into(),
            binary: "/b".into(),
            ports: Ports { node: 55000 + port, metrics: None, rpc: None },
            wallet: FAUCET,
            network: Vec::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            upnp: Upnp::Off,
            born: Timestamp::from_millis(1),
        }
    }

    fn found(node: &Node, pid: Option<u32>) -> Found {
        let identity = |pid| ProcessIdentity { boot: "b".to_owned(), pid, start: 1 };
        let process =
            |pid| FoundProcess { identity: identity(pid), executable: None, arguments: Vec::new(), working_dir: None };
        Found {
            folder: Folder { path: node.root_dir.clone(), marker: Some(Marker::of(node)), flavor: None },
            // The number and the UUID are those of the marker.
            node: Ok(Described::from(Node { id: id(99), uuid: String::new(), ..node.clone() })),
            process: pid.map(process),
            status: None,
            version: None,
            peer_id: None,
        }
    }

    fn remains(nodes: impl IntoIterator<Item = (Node, NodeState)>) -> Remains {
        let mut remains = Remains::default();
        for (node, state) in nodes {
            remains.state.nodes.insert(node.id, state);
            remains.nodes.insert(node.id, node);
        }
        remains
    }

    const NOW: Timestamp = Timestamp::from_millis(1000);
    const RUNNING: NodeState = NodeState::Running { since: Timestamp::from_millis(5) };

    fn words(remains: &Remains) -> Vec<String> {
        let state = |node: &Node| {
            let state = &remains.state.nodes[&node.id];
            format!("{} {} {} {}", node.id.get(), node.uuid, state.word(), remains.state.desired(node.id, state).word())
        };
        remains.nodes.values().map(state).collect()
    }

    #[test]
    fn nodes_of_a_copy_are_compared_with_the_host() {
        let stopped = NodeState::Stopped { since: None, cause: StopCause::Requested };
        let removing = NodeState::Removing { since: NOW };
        let nodes = [
            (node(1, "a"), RUNNING),
            (node(2, "b"), stopped),
            (node(3, "removed"), RUNNING),
            (node(4, "replaced"), RUNNING),
            (node(5, "unmounted"), RUNNING),
            (node(6, "c"), removing),
        ];
        let mut remains = remains(nodes);
        remains.state.acting.insert(id(6));
        let other = Node { root_dir: "/s/antnode0004".into(), ..node(4, "new") };
        let on_host = [
            found(&node(1, "a"), None),
            found(&node(2, "b"), Some(7)),
            found(&other, Some(8)),
            found(&node(6, "c"), None),
            found(&node(7, "younger"), Some(9)),
            found(&node(8, "ended"), None),
        ];
        let result = merge(&mut remains, &on_host, &BTreeSet::from(["removed".to_owned()]), NOW);
        assert_eq!((result.found, result.dropped), (vec![id(4), id(7), id(8)], vec![id(3), id(4)]));
        assert_eq!(result.unreadable, []);
        assert_eq!(
            words(&remains),
            [
                "1 a RUNNING running",
                "2 b STOPPED stopped_by_request",
                "4 new RUNNING running",
                // Without a folder and not in the trash: its volume may be missing, and the observation decides.
                "5 unmounted RUNNING running",
                "6 c UNKNOWN running",
                "7 younger RUNNING running",
                "8 ended STOPPED running",
            ]
        );
        assert!(remains.state.acting.is_empty());
    }

    #[test]
    fn nodes_that_moved_after_the_copy_are_at_their_new_folders() {
        let at = |number, uuid: &str, root: &str| Node {
            root_dir: format!("{root}/antnode{number:04}").into(),
            log_dir: format!("{root}/antnode{number:04}/logs").into(),
            ..node(number, uuid)
        };
        let described = |node: &Node, pid| Found { node: Ok(node.clone().into()), ..found(node, pid) };
        let updated = Node { ports: Ports { node: 56000, ..node(4, "d").ports }, ..at(4, "d", "/s") };
        let taken = Node { ports: node(1, "a").ports, ..at(5, "e", "/t") };
        let nodes =
            ["a", "b", "c", "d", "e", "f"].iter().zip(1..).map(|(uuid, number)| (at(number, uuid, "/s"), RUNNING));
        let mut remains = remains(nodes);
        let on_host = [
            described(&at(1, "a", "/t"), None),
            // Its definition is lost.
            Found { node: Err("no definition".to_owned()), ..found(&at(2, "b", "/t"), Some(2)) },
            // The old folder of a move that is not complete.
            described(&at(3, "c", "/s"), None),
            described(&at(3, "c", "/t"), Some(3)),
            described(&updated, Some(4)),
            described(&taken, Some(5)),
            described(&at(6, "f", "/s"), None),
            described(&at(6, "f", "/t"), None),
        ];
        let result = merge(&mut remains, &on_host, &BTreeSet::new(), NOW);
        assert_eq!((result.moved, result.found), (vec![id(1), id(2), id(3), id(5)], vec![]));
        assert_eq!((result.dropped, result.unreadable), (vec![], vec![]));
        let wanted =
            [at(1, "a", "/t"), at(2, "b", "/t"), at(3, "c", "/t"), updated, at(5, "e", "/t"), at(6, "f", "/s")];
        assert_eq!(remains.nodes.into_values().collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn node_that_cannot_be_described_or_has_a_taken_port_is_reported() {
        let mut remains = remains([(node(1, "a"), RUNNING)]);
        let taken = Node { ports: node(1, "").ports, ..node(2, "b") };
        let broken = Found { node: Err("no definition".to_owned()), ..found(&node(3, "c"), None) };
        let unmarked = found(&node(4, "d"), Some(1));
        let unmarked = Found { folder: Folder { marker: None, ..unmarked.folder }, ..unmarked };
        let on_host = [found(&node(1, "a"), None), found(&taken, Some(3)), broken, unmarked];
        let result = merge(&mut remains, &on_host, &BTreeSet::new(), NOW);
        let reasons: Vec<(&Path, &str)> =
            result.unreadable.iter().map(|(folder, reason)| (folder.as_path(), reason.as_str())).collect();
        assert_eq!(
            reasons,
            [
                (Path::new("/s/antnode0002"), "antnode0001 has the same number or port"),
                (Path::new("/s/antnode0003"), "no definition"),
            ]
        );
        assert_eq!(words(&remains), ["1 a RUNNING running"]);
    }

    #[test]
    fn node_without_a_state_is_unknown_and_keeps_its_desired_condition() {
        let mut remains = remains([(node(1, "a"), RUNNING)]);
        remains.state = wnm_core::EngineState::default();
        merge(&mut remains, &[found(&node(1, "a"), None)], &BTreeSet::new(), NOW);
        assert_eq!(remains.state.nodes[&id(1)], NodeState::Unknown { since: NOW });
        assert_eq!(remains.state.desired(id(1), &remains.state.nodes[&id(1)]), Desired::Running);
    }
}
