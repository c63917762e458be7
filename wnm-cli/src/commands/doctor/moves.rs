//! Traces of moves that did not end: unfinished copies of nodes, and folders that nodes do not use any more.

use std::path::{Path, PathBuf};

use wnm_core::{Action, Node};
use wnm_platform::volume::Storage;
use wnm_platform::{files, interrupted_copies, node_dir};
use wnm_store::Snapshot;

use super::Check;
use crate::render::typed;

const CHECK: &str = "moves";

/// Returns the traces on volumes without a fault; none on a healthy host. A move that is in progress leaves none.
pub(super) fn check(snapshot: &Snapshot, storage: &Storage) -> Vec<Check> {
    let usable = storage.volumes.iter().filter(|volume| volume.fault.is_none());
    of(snapshot, &usable.map(|volume| volume.root.clone()).collect::<Vec<_>>())
}

fn of(snapshot: &Snapshot, roots: &[PathBuf]) -> Vec<Check> {
    let copies = interrupted_copies(roots);
    let copies = copies.iter().filter_map(|copy| {
        let uuid = copy.file_name()?.to_str()?;
        let node = snapshot.nodes.values().find(|node| node.uuid == uuid);
        (!node.is_some_and(|node| is_moving(snapshot, node))).then(|| unfinished(copy, node))
    });
    let folders = node_dir::find(roots).unwrap_or_default();
    let others = folders.iter().filter_map(|folder| {
        let uuid = &folder.marker.as_ref()?.uuid;
        let node = snapshot.nodes.values().find(|node| node.uuid == *uuid)?;
        let is_other = !files::is_same(&node.root_dir, &folder.path) && !is_moving(snapshot, node);
        is_other.then(|| second(&folder.path, node))
    });
    copies.chain(others).collect()
}

fn is_moving(snapshot: &Snapshot, node: &Node) -> bool {
    let moves = |action: &Action| matches!(action, Action::Move { .. }) && action.node() == node.id;
    snapshot.unfinished.iter().any(|action| moves(&action.record.planned.action))
}

fn unfinished(copy: &Path, node: Option<&Node>) -> Check {
    let owner = node.map_or_else(|| "a node that no longer exists".to_owned(), |node| node.id.name());
    let message = format!("an unfinished copy of {owner} takes space: {}", copy.display());
    match node.filter(|node| !files::symlink_metadata(&node.root_dir).is_ok_and(|facts| facts.is_dir())) {
        Some(node) => {
            let hint =
                format!("mount the drive of {}: until then the copy may be all that is left", node.root_dir.display());
            Check::warning(CHECK, message, hint)
        }
        None => Check::warning(CHECK, message, deletion(copy)),
    }
}

fn second(folder: &Path, node: &Node) -> Check {
    let (name, used) = (node.id.name(), node.root_dir.display());
    let message = format!("{name} has a second folder at {}, and uses {used}", folder.display());
    Check::warning(CHECK, message, deletion(folder))
}

fn deletion(folder: &Path) -> String {
    format!("delete it with `rm -r {}`", typed(folder))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use wnm_core::{NewNodeInputs, NodeId, Timestamp, new_node};
    use wnm_platform::node_dir::Marker;

    use super::*;
    use crate::commands::doctor::settings_with;

    fn node(number: u32, storage: &Path) -> Node {
        let birth = NewNodeInputs {
            uuid: format!("uuid-{number}"),
            roll: 0,
            storage: storage.to_owned(),
            logs: "/l".into(),
            now: Timestamp::default(),
        };
        new_node(NodeId::new(number).unwrap(), &settings_with(&[]), birth, []).unwrap()
    }

    fn folder(path: &Path, node: &Node) {
        fs::create_dir_all(path).unwrap();
        fs::write(path.join(".wnm-node"), serde_json::to_vec(&Marker::of(node)).unwrap()).unwrap();
    }

    #[test]
    fn traces_of_moves_are_named_with_a_command() {
        let home = tempfile::tempdir().unwrap();
        let [old, new] = ["old", "with space"].map(|name| home.path().join(name));
        let mut snapshot = Snapshot::default();
        for number in 1..=4 {
            let node = node(number, &old);
            if number != 3 {
                folder(&node.root_dir, &node);
            }
            snapshot.nodes.insert(node.id, node);
        }
        let roots = [old, new.clone()];
        assert_eq!(of(&snapshot, &roots), []);
        for name in ["uuid-1", "uuid-3", "uuid-gone"] {
            fs::create_dir_all(new.join(".moving").join(name)).unwrap();
        }
        folder(&new.join("antnode0004"), snapshot.nodes.values().last().unwrap());
        let place = |text: &str| text.replace(&home.path().display().to_string(), "");
        let found: Vec<(String, String)> = of(&snapshot, &roots)
            .into_iter()
            .map(|check| (place(&check.message), place(&check.hint.unwrap())))
            .collect();
        let wanted = [
            (
                "an unfinished copy of antnode0001 takes space: /with space/.moving/uuid-1",
                "delete it with `rm -r '/with space/.moving/uuid-1'`",
            ),
            (
                "an unfinished copy of antnode0003 takes space: /with space/.moving/uuid-3",
                "mount the drive of /old/antnode0003: until then the copy may be all that is left",
            ),
            (
                "an unfinished copy of a node that no longer exists takes space: /with space/.moving/uuid-gone",
                "delete it with `rm -r '/with space/.moving/uuid-gone'`",
            ),
            (
                "antnode0004 has a second folder at /with space/antnode0004, and uses /old/antnode0004",
                "delete it with `rm -r '/with space/antnode0004'`",
            ),
        ];
        let found: Vec<(&str, &str)> = found.iter().map(|(message, hint)| (message.as_str(), hint.as_str())).collect();
        assert_eq!(found, wanted);
    }
}
