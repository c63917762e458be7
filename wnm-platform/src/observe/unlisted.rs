//! Folders of nodes in the storage folders that the colony does not contain.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use wnm_core::{Node, NodeId, UnlistedFolder};

use crate::node_dir;
use crate::volume::{self, Storage};

/// The time for one storage folder. A thousand nodes take some milliseconds: only the markers of unknown folders are read.
const DEADLINE: Duration = Duration::from_secs(2);

/// Returns the folders on volumes without a fault whose markers name none of these nodes of the colony. Nothing else in
/// them is read.
#[must_use]
pub fn unlisted_folders(nodes: &BTreeMap<NodeId, Node>, storage: &Storage) -> Vec<UnlistedFolder> {
    let mut names: BTreeMap<&Path, BTreeSet<OsString>> = BTreeMap::new();
    for node in nodes.values() {
        if let (Some(root), Some(name)) = (node.root_dir.parent(), node.root_dir.file_name()) {
            names.entry(root).or_default().insert(name.to_owned());
        }
    }
    let mut unlisted = Vec::new();
    for volume in storage.volumes.iter().filter(|volume| volume.fault.is_none()) {
        let known = names.remove(volume.root.as_path()).unwrap_or_default();
        let root = volume.root.clone();
        let marked = volume::within(&volume.root, DEADLINE, move || node_dir::marked_besides(&root, &known));
        let found = marked.unwrap_or_default().into_iter().filter_map(|folder| {
            let marker = folder.marker?;
            Some(UnlistedFolder { folder: folder.path, number: marker.id, uuid: marker.uuid })
        });
        unlisted.extend(found);
    }
    if !unlisted.is_empty() {
        // A node that moves has two folders for a time, and the path of a storage folder may have led through a link.
        let uuids: BTreeSet<&str> = nodes.values().map(|node| node.uuid.as_str()).collect();
        unlisted.retain(|folder| !uuids.contains(folder.uuid.as_str()));
    }
    unlisted
}
