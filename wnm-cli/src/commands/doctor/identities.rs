//! Identities of nodes: keys that are no keys, nodes that share one, and answers with another identity than the key.

use std::collections::BTreeMap;

use wnm_core::{Node, NodeId};
use wnm_platform::identity;
use wnm_platform::volume::Storage;
use wnm_store::Snapshot;

use super::{Check, counted, first_few};

const CHECK: &str = "identity";

/// Returns the problems with the identities of the nodes; none on a healthy host. The keys on a file system that does not
/// answer are not read: the read would never end.
pub(super) fn check(snapshot: &Snapshot, storage: &Storage) -> Vec<Check> {
    let nodes: Vec<&Node> = snapshot.nodes.values().filter(|node| storage.answers(node.id)).collect();
    [faults(&nodes), shared(&nodes), other_answers(snapshot, &nodes)].into_iter().flatten().collect()
}

fn faults(nodes: &[&Node]) -> Option<Check> {
    let fault = |node: &&Node| Some((node.id, identity::key_fault(&node.root_dir, &node.flavor)?));
    let faults: Vec<_> = nodes.iter().filter_map(fault).collect();
    (!faults.is_empty()).then(|| {
        let nodes = counted(faults.len(), "node does", "nodes do");
        let list = first_few(faults.into_iter().map(|(id, fault)| format!("{}: {fault}", id.name())));
        let hint = "restore the file from a backup, or delete the node with `wnm node remove NODE`";
        Check::error(CHECK, format!("{nodes} not start again: {list}"), hint)
    })
}

fn shared(nodes: &[&Node]) -> Option<Check> {
    let mut owners: BTreeMap<_, Vec<NodeId>> = BTreeMap::new();
    for node in nodes {
        if let Some(digest) = identity::digest(&node.root_dir, &node.flavor) {
            owners.entry(digest).or_default().push(node.id);
        }
    }
    owners.retain(|_, nodes| nodes.len() > 1);
    (!owners.is_empty()).then(|| {
        let list =
            first_few(owners.values().map(|nodes| nodes.iter().map(|id| id.name()).collect::<Vec<_>>().join(" and ")));
        // Peers see one node with two addresses, and count what either of them lacks.
        let hint = "keep one of them, and run `wnm node disable NODE` for the others";
        Check::error(CHECK, format!("nodes with the same identity: {list}"), hint)
    })
}

/// Reports nodes whose metrics server answers with another peer ID than that of their key.
fn other_answers(snapshot: &Snapshot, nodes: &[&Node]) -> Option<Check> {
    let other = |node: &&Node| {
        let sample = snapshot.samples.get(&node.id).filter(|sample| sample.wrong_answer.is_none())?;
        let answer = sample.peer_id.as_ref()?;
        let own = identity::peer_id(&node.root_dir, &node.flavor)?;
        (*answer != own).then(|| format!("{} answers as {answer}, its key is that of {own}", node.id.name()))
    };
    let others: Vec<String> = nodes.iter().filter_map(other).collect();
    (!others.is_empty()).then(|| {
        let nodes = counted(others.len(), "node has", "nodes have");
        let list = first_few(others.into_iter());
        let hint = "`wnm node restart NODE` starts it with its key; `wnm doctor` reports another process on its port";
        Check::error(CHECK, format!("{nodes} another identity than that of its key: {list}"), hint)
    })
}

#[cfg(test)]
mod tests {
    use wnm_core::{NewNodeInputs, NodeSample, Timestamp, new_node};
    use wnm_platform::volume::FolderState;

    use super::*;
    use crate::commands::doctor::settings_with;

    fn node(number: u32, storage: &std::path::Path) -> Node {
        let birth = NewNodeInputs {
            uuid: number.to_string(),
            roll: 0,
            storage: storage.to_owned(),
            logs: "/l".into(),
            now: Timestamp::default(),
        };
        let node = new_node(NodeId::new(number).unwrap(), &settings_with(&[]), birth, []).unwrap();
        std::fs::create_dir_all(&node.root_dir).unwrap();
        node
    }

    #[test]
    fn bad_shared_and_other_identities_are_named() {
        let storage = tempfile::tempdir().unwrap();
        let nodes = [1, 2, 3, 4].map(|number| node(number, storage.path()));
        let mut snapshot = Snapshot { nodes: nodes.map(|node| (node.id, node)).into(), ..Snapshot::default() };
        let key = |number: u32, key: &[u8]| {
            let node = &snapshot.nodes[&NodeId::new(number).unwrap()];
            std::fs::write(node.root_dir.join("secret-key"), key).unwrap();
        };
        key(1, &[7; 32]);
        key(2, &[8; 32]);
        let all = Storage::default();
        assert_eq!(check(&snapshot, &all), []);
        key(3, &[7; 32]);
        key(4, &[1; 5]);
        let answer = |id: &str| NodeSample { peer_id: Some(id.to_owned()), ..NodeSample::default() };
        snapshot.samples.insert(NodeId::FIRST, answer("12D3KooWRawPbxPtP1eZaJpumGnyWX2DcUyd3RQnydr3eAto4Az7"));
        snapshot.samples.insert(NodeId::new(2).unwrap(), answer("12D3KooWOther"));
        let messages: Vec<String> = check(&snapshot, &all).into_iter().map(|check| check.message).collect();
        let text = messages.join("\n").replace(storage.path().to_str().unwrap(), "/s");
        insta::assert_snapshot!(text);
        let hung = Storage {
            folders: snapshot.nodes.keys().map(|id| (*id, FolderState::NoAnswer)).collect(),
            ..Storage::default()
        };
        assert_eq!(check(&snapshot, &hung), []);
    }
}
