//! The definition of a node in its own folder, from which `wnm` rebuilds a lost database.

use std::path::{Path, PathBuf};

use wnm_core::{ManagerKind, Node};

use super::FoundProcess;
use crate::by_folder::ByFolder;
use crate::error::{FileOperation, PlatformError, not_serialized};
use crate::files;
pub(super) use crate::guarded::is_missing;
use crate::guarded::{self, Trust};
use crate::node_dir::{self, Folder};
use crate::observe::process::{Liveness, ProcessInfo, Processes};

/// The file of the definition, in the protected folder of a node or else in the node's folder.
const DEFINITION: &str = ".wnm-definition";
/// The file beside the definition with the service definition from before the adoption.
const SERVICE_BACKUP: &str = ".wnm-service-before";
/// The maximum size of a definition or service file, in bytes.
const LIMIT: u64 = 256 * 1024;

/// Returns the folder of a node for files that wnm believes later.
fn folder(node: &Node) -> PathBuf {
    node_dir::protected(node).unwrap_or_else(|| node.root_dir.clone())
}

/// Tells whether a node has its definition where its own process cannot write it.
pub(super) fn is_protected(node: &Node) -> bool {
    node_dir::protected(node).is_none_or(|folder| files::exists(folder.join(DEFINITION)))
}

/// Writes the definition of a node.
pub(super) fn write(node: &Node) -> Result<(), PlatformError> {
    node_dir::ensure_protected(node)?;
    let path = folder(node).join(DEFINITION);
    let text = serde_json::to_vec_pretty(node).map_err(|error| not_serialized(&path, error))?;
    // The environment of a node may contain secrets.
    node_dir::write(&path, &text, 0o600)?;
    // Left by an earlier release of wnm, in the folder where the node writes.
    if node_dir::protected(node).is_some() { remove_file(&node.root_dir.join(DEFINITION)) } else { Ok(()) }
}

/// Copies an external service definition beside the definition of the node, before wnm overwrites it. An earlier copy stays.
pub(super) fn keep(service: &Path, node: &Node) -> Result<(), PlatformError> {
    node_dir::ensure_protected(node)?;
    let path = folder(node).join(SERVICE_BACKUP);
    if files::exists(&path) {
        return Ok(());
    }
    let text = guarded::read(service, LIMIT, Trust::Anyone);
    let text = text.map_err(|source| PlatformError::File {
        operation: FileOperation::Read,
        path: service.to_owned(),
        source,
    })?;
    node_dir::write(&path, &text, 0o600)
}

/// Removes the definition of a node, if it exists.
pub(super) fn remove(node: &Node) -> Result<(), PlatformError> {
    node_dir::remove_protected(node)?;
    remove_file(&node.root_dir.join(DEFINITION))
}

/// Removes a file, if it exists.
pub(super) fn remove_file(path: &Path) -> Result<(), PlatformError> {
    guarded::remove(path).map_err(|source| PlatformError::File {
        operation: FileOperation::Remove,
        path: path.to_owned(),
        source,
    })
}

/// Returns the node of a folder's definition; None without one, when it belongs to another folder, or when another user
/// than root and that of wnm can write it: it names paths, a program and a wallet.
pub(super) fn read(folder: &Folder, kind: ManagerKind) -> Option<Node> {
    let protected = node_dir::protected_folder(&folder.path, kind).unwrap_or_else(|| folder.path.clone());
    let text = [protected, folder.path.clone()]
        .into_iter()
        .find_map(|place| guarded::read(&place.join(DEFINITION), LIMIT, Trust::Owner).ok())?;
    serde_json::from_slice(&text).ok().filter(|node| is_of(node, folder))
}

/// Tells whether a definition belongs to a folder, rather than having been copied together with another folder.
pub(super) fn is_of(node: &Node, folder: &Folder) -> bool {
    folder.marker.as_ref().is_none_or(|marker| marker.uuid == node.uuid) && files::is_same(&node.root_dir, &folder.path)
}

/// Returns the living processes by their `--root-dir`.
pub(super) fn by_folder(all: impl IntoIterator<Item = ProcessInfo>) -> ByFolder<ProcessInfo> {
    let alive = all.into_iter().filter(|facts| facts.life == Liveness::Alive);
    alive.filter_map(|facts| Some((facts.root_dir()?.into(), facts))).collect()
}

/// Returns the newest process with this `--root-dir` whose user may run the node of the folder.
pub(super) fn process_on(folder: &Folder, all: &ByFolder<ProcessInfo>, processes: &Processes) -> Option<FoundProcess> {
    newest(all.of(&folder.path).filter(|facts| facts.may_use(&folder.path)), processes)
}

/// Returns the newest process with this `--root-dir`, of any user.
pub(super) fn process_of_any_user_on(
    folder: &Folder,
    all: &ByFolder<ProcessInfo>,
    processes: &Processes,
) -> Option<FoundProcess> {
    newest(all.of(&folder.path), processes)
}

fn newest<'a>(found: impl Iterator<Item = &'a ProcessInfo>, processes: &Processes) -> Option<FoundProcess> {
    let newest = found.max_by_key(|facts| (facts.start, facts.pid))?;
    Some(FoundProcess {
        identity: processes.identity(newest),
        executable: newest.program().map(Path::to_owned),
        arguments: newest.arguments.clone(),
        working_dir: newest.working_dir.clone(),
    })
}
