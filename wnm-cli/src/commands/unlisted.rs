//! Nodes in the storage folders that the database does not contain: an older database was restored, or a row was lost.

use std::collections::BTreeMap;
use std::path::PathBuf;

use wnm_core::{Node, NodeId};
use wnm_platform::node_dir::RemovedNode;
use wnm_platform::{Platform, PlatformError, files};

/// A node that the database does not contain.
#[derive(Debug, Clone)]
pub(crate) struct Unlisted {
    /// The node with its folder, as a restore needs it.
    pub(crate) node: RemovedNode,
    /// The process of the node.
    pub(crate) process: Process,
}

/// Whether a node has a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Process {
    Runs,
    Absent,
}

/// Finds the folders with the marker of a node that is not among `nodes`.
///
/// # Errors
/// The storage folders or the definitions are unreadable.
pub(crate) fn find(
    platform: &Platform,
    roots: &[PathBuf],
    nodes: &BTreeMap<NodeId, Node>,
) -> Result<Vec<Unlisted>, PlatformError> {
    let is_listed = |uuid: &str| nodes.values().any(|node| node.uuid == uuid);
    let mut unlisted = Vec::new();
    for found in platform.discover(roots)? {
        let Some(marker) = found.folder.marker.filter(|marker| !is_listed(&marker.uuid)) else { continue };
        let described = found.node.ok().map(|described| described.node);
        unlisted.push(Unlisted {
            process: if found.process.is_some() { Process::Runs } else { Process::Absent },
            node: RemovedNode {
                // The number and the UUID are those of the marker.
                node: described.map(|node| Node { id: marker.id, uuid: marker.uuid.clone(), ..node }),
                uuid: marker.uuid,
                id: Some(marker.id),
                folder: files::canonicalize(&found.folder.path).unwrap_or(found.folder.path),
                removed: None,
                size: None,
                identity: found.folder.flavor,
            },
        });
    }
    Ok(unlisted)
}
