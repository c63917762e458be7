//! Chunk stores that earlier versions of `ant-node` left in the folders of nodes.

use wnm_core::{Bytes, Node};
use wnm_platform::chunk_store::earlier_store;
use wnm_platform::volume::Storage;
use wnm_store::Snapshot;

use super::{Check, counted, first_few};
use crate::render::shell_text;

const CHECK: &str = "chunk_store";

/// Returns the stores that no present version reads; none on a healthy host. wnm deletes none of them: a version that
/// reads both may still convert one. The folders on a file system that does not answer are not read.
pub(super) fn check(snapshot: &Snapshot, storage: &Storage) -> Option<Check> {
    let nodes = snapshot.nodes.values().filter(|node| storage.answers(node.id));
    let found = |node: &Node| Some((node.id, earlier_store(&node.root_dir, &node.flavor)?));
    let found: Vec<_> = nodes.filter_map(found).collect();
    let (_, (first, _)) = found.first()?;
    let size = found.iter().filter_map(|(_, (_, size))| *size).fold(0, |sum: u64, size| sum.saturating_add(size.0));
    let nodes = counted(found.len(), "node has", "nodes have");
    let list = first_few(found.iter().map(|(id, _)| id.name()));
    let message = format!(
        "{nodes} a chunk store of an earlier version, {}, which ant-node 0.23 does not read: {list}",
        Bytes(size)
    );
    let command = shell_text(&["rm", "-r", &first.to_string_lossy()]);
    let hint = format!("peers expect the chunks in it: keep it while its node can convert it, then `{command}`");
    Some(Check::warning(CHECK, message, hint))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use wnm_core::{NewNodeInputs, NodeId, Timestamp, new_node};

    use super::*;
    use crate::commands::doctor::settings_with;

    #[test]
    fn earlier_stores_are_named_with_their_size() {
        let folder = tempfile::tempdir().unwrap();
        let mut snapshot = Snapshot::default();
        for number in 1..=2 {
            let birth = NewNodeInputs {
                uuid: number.to_string(),
                roll: 0,
                storage: folder.path().to_owned(),
                logs: "/l".into(),
                now: Timestamp::default(),
            };
            let settings = settings_with(&[("flavor", "ant-node")]);
            let node = new_node(NodeId::new(number).unwrap(), &settings, birth, []).unwrap();
            snapshot.nodes.insert(node.id, node);
        }
        let all = Storage::default();
        assert_eq!(check(&snapshot, &all), None);
        fs::create_dir_all(snapshot.nodes[&NodeId::FIRST].root_dir.join("chunks.mdb")).unwrap();
        let found = check(&snapshot, &all).unwrap();
        let text = format!("{}\n{}", found.message, found.hint.unwrap());
        insta::assert_snapshot!(text.replace(folder.path().to_str().unwrap(), "/s"));
    }
}
