//! The way out of the trash: the removed nodes in it, and the return of their folders to the storage folders.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use wnm_core::{Bytes, Flavor, Node, NodeId, Timestamp, VolumeFault};

use super::place::CheckedPath;
use super::trash::{LOGS, check, end_age, has_begun, is_folder, list, since};
use super::{MARKER, Marker, TRASH, create, holds_identity, mark, refused, write};
use crate::error::{FileOperation, PlatformError, Refusal, not_serialized};
use crate::files;
use crate::guarded::{self, Trust, sync_folder};
use crate::observe::disk_use;
use crate::transfer::is_moved_away;
use crate::volume;

/// The file in a removed node's folder that describes the node: the database forgets it.
const DESCRIPTION: &str = ".wnm-removed";
/// The maximum size of a description, in bytes: a node with a long environment stays far below it.
const DESCRIPTION_LIMIT: u64 = 256 * 1024;
/// The time limit for measuring one folder.
const SIZE_TIMEOUT: Duration = Duration::from_millis(500);

/// The time for the move of one folder, which flushes a few folders of a disk that others use as well.
const DEADLINE: Duration = Duration::from_secs(30);

/// A removed node whose folder still exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedNode {
    /// The UUID of the node.
    pub uuid: String,
    /// The number that the node had; None for a folder of another tool without a description.
    pub id: Option<NodeId>,
    /// The folder of the node.
    pub folder: PathBuf,
    /// The time of the removal; None when it is unreadable.
    pub removed: Option<Timestamp>,
    /// Disk space of the folder; None when it is unreadable or takes too long to measure.
    pub size: Option<Bytes>,
    /// The node as it was; None for a folder whose description could not be written.
    pub node: Option<Node>,
    /// The program whose identity file the folder contains; None when it contains none.
    pub identity: Option<Flavor>,
}

/// Writes the description of a node that is removed into its folder.
pub(super) fn describe(folder: &Path, node: &Node) -> Result<(), PlatformError> {
    let path = folder.join(DESCRIPTION);
    let text = serde_json::to_vec_pretty(node).map_err(|error| not_serialized(&path, error))?;
    // The environment of a node may contain secrets.
    write(&path, &text, 0o600)
}

/// Removes a description that wnm has not written for this removal: the process of a node with the user of wnm, as in a
/// container, could have left one, and its paths would be believed.
pub(super) fn forget_description(folder: &Path) {
    if let Err(error) = guarded::remove(&folder.join(DESCRIPTION)) {
        tracing::warn!(path = %folder.display(), %error, "cannot remove the description of an earlier removal");
    }
}

/// Returns the removed nodes in the trash of the storage folders, the latest first.
#[must_use]
pub fn list_trash(roots: &[PathBuf]) -> Vec<RemovedNode> {
    let entries = real(roots).into_iter().flat_map(|root| list(&root.join(TRASH)));
    let is_node = |path: &PathBuf| !has_begun(path) && !is_logs(path) && !is_moved_away(path) && check(path).is_ok();
    let mut removed: Vec<RemovedNode> = entries.filter(is_node).map(read).collect();
    removed.sort_by(|one, other| (other.removed, &other.folder).cmp(&(one.removed, &one.folder)));
    removed
}

/// Returns the nodes whose folders a restore has moved back without completing it.
#[must_use]
pub fn interrupted_restores(roots: &[PathBuf]) -> Vec<RemovedNode> {
    let entries = real(roots).into_iter().flat_map(|root| list(&root));
    let is_described = |path: &PathBuf| is_folder(path) && files::is_file(path.join(DESCRIPTION));
    entries.filter(is_described).map(read).filter(|node| node.node.is_some()).collect()
}

/// Returns the removed node of this folder if a restore has moved it back without completing it.
pub(crate) fn interrupted_restore(folder: &Path) -> Option<RemovedNode> {
    let removed = files::is_file(folder.join(DESCRIPTION)).then(|| read(folder.to_owned()))?;
    let is_here = removed.node.as_ref().is_some_and(|node| files::is_same(&node.root_dir, folder));
    (is_here && removed.identity.is_some()).then_some(removed)
}

/// Moves the folder of a removed node to the place that the node names, with its logs, and marks it.
///
/// The description stays in it until [`complete_restore`], so that a cycle or the same command completes an interrupted restore.
///
/// # Errors
/// The folder has no identity, its new place exists or is outside the storage folders, it cannot be moved, or the file
/// system does not answer.
pub fn restore(removed: &RemovedNode, node: &Node, roots: &[PathBuf]) -> Result<(), PlatformError> {
    let root = volume::volume_of(&node.root_dir, roots).map_or(&node.root_dir, |at| &roots[at]);
    let (removed, node, roots) = (removed.clone(), node.clone(), roots.to_vec());
    volume::within(root, DEADLINE, move || move_back(&removed, &node, &roots))
        .unwrap_or_else(|_| Err(PlatformError::Volume { path: root.clone(), fault: VolumeFault::Hung }))
}

fn move_back(removed: &RemovedNode, node: &Node, roots: &[PathBuf]) -> Result<(), PlatformError> {
    if removed.identity.is_none() {
        return Err(refused(&removed.folder, Refusal::NoIdentityFile));
    }
    let place = CheckedPath::of(&node.root_dir, roots)?;
    if removed.folder != place.path {
        // rename(2) would replace an empty folder.
        if files::symlink_metadata(&place.path).is_ok() {
            return Err(refused(&node.root_dir, Refusal::Occupied));
        }
        let fail = |source| PlatformError::File {
            operation: FileOperation::MoveFromTrash,
            path: removed.folder.clone(),
            source,
        };
        // The node may get another number and other ports. Without the description an interrupted restore is left to the operator.
        if let Err(error) = describe(&removed.folder, node) {
            tracing::warn!(node = %node.id, %error, "cannot describe a node that is restored");
        }
        files::rename(&removed.folder, &place.path).map_err(fail)?;
        sync_folder(&place.path).and_then(|()| sync_folder(&removed.folder)).map_err(fail)?;
        restore_logs(removed, node);
    }
    end_age(&place.path);
    mark(&place.path, node)?;
    create(node, roots)
}

/// Removes the description from the folder of a node that the database contains again.
///
/// # Errors
/// The file cannot be removed.
pub fn complete_restore(node: &Node) -> Result<(), PlatformError> {
    let path = node.root_dir.join(DESCRIPTION);
    guarded::remove(&path).map_err(|source| PlatformError::File { operation: FileOperation::Remove, path, source })
}

/// Moves the logs of a node out of the trash if their place is free. A node without its old logs is whole.
fn restore_logs(removed: &RemovedNode, node: &Node) {
    let mut name = removed.uuid.clone();
    name.push_str(LOGS);
    let logs = removed.folder.with_file_name(name);
    if node.log_dir.starts_with(&node.root_dir) || !is_folder(&logs) || files::symlink_metadata(&node.log_dir).is_ok() {
        return;
    }
    let parent = node.log_dir.parent().map_or(Ok(()), guarded::make_folder);
    let id = guarded::folder_id(&logs);
    let moved = parent.and(id).and_then(|id| id.map_or(Ok(()), |id| guarded::move_folder(&logs, id, &node.log_dir)));
    if let Err(error) = moved {
        tracing::warn!(node = %node.id, %error, "the old logs of a restored node stay in the trash");
    } else if let Err(error) = mark(&node.log_dir, node) {
        tracing::warn!(node = %node.id, %error, "cannot mark the logs of a restored node");
    }
}

/// Returns the storage folders that exist, each once and without links.
fn real(roots: &[PathBuf]) -> Vec<PathBuf> {
    let mut real: Vec<PathBuf> = roots.iter().filter_map(|root| files::canonicalize(root).ok()).collect();
    real.sort();
    real.dedup();
    real
}

fn read(folder: PathBuf) -> RemovedNode {
    let marker = Marker::read(&folder).ok().flatten();
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let uuid = marker
        .as_ref()
        .map_or_else(|| name.split('.').next().unwrap_or_default().to_owned(), |marker| marker.uuid.clone());
    let node = description(&folder).filter(|node| node.uuid == uuid);
    let known = node.iter().map(|node| node.flavor.clone()).chain(Flavor::ALL.iter().cloned());
    let identity = known.into_iter().find(|flavor| holds_identity(&folder, flavor));
    RemovedNode {
        id: node.as_ref().map(|node| node.id).or(marker.map(|marker| marker.id)),
        removed: since(&folder).or_else(|| ctime(&folder)),
        size: disk_use(&folder, Instant::now() + SIZE_TIMEOUT).map(Bytes),
        uuid,
        node,
        identity,
        folder,
    }
}

/// Returns the time of the rename into the trash by the wall clock, for a folder that no sweep has seen yet.
fn ctime(folder: &Path) -> Option<Timestamp> {
    files::symlink_metadata(folder).ok().map(|facts| Timestamp::from_secs(facts.ctime()))
}

fn description(folder: &Path) -> Option<Node> {
    // The node can write into its folder in the trash too, and its paths and its wallet are believed.
    let text = guarded::read(&folder.join(DESCRIPTION), DESCRIPTION_LIMIT, Trust::Owner).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Tells whether an entry of the trash contains the logs of a node.
fn is_logs(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().ends_with(LOGS) && files::exists(path.join(MARKER))
}
