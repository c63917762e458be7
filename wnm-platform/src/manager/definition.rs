//! The definition of a node in its own folder, from which `wnm` rebuilds a lost database.

use std::fs;
use std::io;
use std::path::Path;

use wnm_core::Node;

use super::FoundProcess;
use crate::error::{FileOperation, PlatformError, not_serialized};
use crate::node_dir::{self, Folder};
use crate::observe::process::{Liveness, ProcessInfo, Processes};

/// The file of the definition in a node's folder.
const DEFINITION: &str = ".wnm-definition";
/// The file in a node's folder with the service definition from before its adoption.
const SERVICE_BACKUP: &str = ".wnm-service-before";
/// The maximum size of a definition or service file, in bytes.
const LIMIT: u64 = 256 * 1024;

/// Writes the definition of a node into its folder.
pub(super) fn write(node: &Node) -> Result<(), PlatformError> {
    let path = node.root_dir.join(DEFINITION);
    let text = serde_json::to_vec_pretty(node).map_err(|error| not_serialized(&path, error))?;
    // The environment of a node may contain secrets.
    node_dir::write(&path, &text, 0o600)
}

/// Copies an external service definition into the node's folder, before wnm overwrites it. An earlier copy stays.
pub(super) fn keep(service: &Path, node: &Node) -> Result<(), PlatformError> {
    let path = node.root_dir.join(SERVICE_BACKUP);
    if path.exists() {
        return Ok(());
    }
    let text = node_dir::read_bounded(service, LIMIT);
    let text = text.map_err(|source| PlatformError::File {
        operation: FileOperation::Read,
        path: service.to_owned(),
        source,
    })?;
    node_dir::write(&path, &text, 0o600)
}

/// Removes the definition of a node, if it exists.
pub(super) fn remove(node: &Node) -> Result<(), PlatformError> {
    remove_file(&node.root_dir.join(DEFINITION))
}

/// Removes a file, if it exists.
pub(super) fn remove_file(path: &Path) -> Result<(), PlatformError> {
    match fs::remove_file(path) {
        Err(error) if !is_missing(&error) => {
            Err(PlatformError::File { operation: FileOperation::Remove, path: path.to_owned(), source: error })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Returns the node of a folder's definition; None without one, or when it belongs to another folder.
pub(super) fn read(folder: &Folder) -> Option<Node> {
    let text = node_dir::read_bounded(&folder.path.join(DEFINITION), LIMIT).ok()?;
    serde_json::from_slice(&text).ok().filter(|node| is_of(node, folder))
}

/// Tells whether a definition belongs to a folder, rather than having been copied together with another folder.
pub(super) fn is_of(node: &Node, folder: &Folder) -> bool {
    folder.marker.as_ref().is_none_or(|marker| marker.uuid == node.uuid) && is_same(&node.root_dir, &folder.path)
}

/// Returns the newest process with this `--root-dir`.
pub(super) fn process_on(folder: &Folder, all: &[ProcessInfo], processes: &Processes) -> Option<FoundProcess> {
    let on_it = |facts: &&ProcessInfo| {
        facts.life == Liveness::Alive && facts.root_dir().is_some_and(|given| is_same(Path::new(&given), &folder.path))
    };
    let newest = all.iter().filter(on_it).max_by_key(|facts| (facts.start, facts.pid))?;
    Some(FoundProcess {
        identity: processes.identity(newest),
        executable: newest.program().map(Path::to_owned),
        arguments: newest.arguments.clone(),
        working_dir: newest.working_dir.clone(),
    })
}

/// Tells whether two paths name the same folder, also through links.
pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Tells whether an error means that the path does not exist.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
