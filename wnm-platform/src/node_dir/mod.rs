//! The folders of nodes: creation, marker, program and trash. Nothing outside the storage folders is changed.

mod delete;
mod place;
mod program;
mod protected;
mod restore;
mod trash;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wnm_core::{Flavor, Node, NodeId};

use crate::error::{FileOperation, ParsedFile, PlatformError, Refusal, json_fault};
use crate::files::{self, Entry};
use crate::guarded::{self, Trust};
use place::CheckedPath;

pub(crate) use delete::open_below;

pub(crate) use place::check_storage_place;
pub(crate) use program::check_free_space;
pub(crate) use program::install_of_node;
pub use program::{SwapProgress, digest, drop_old, drop_staged, install, resolved, stage, swap, swap_back};
pub use protected::protected;
pub(crate) use protected::{
    carry as carry_protected, check_around, drop_leftovers, ensure as ensure_protected, errors_log, installed,
    protected_folder, provide, remove as remove_protected, take_over, take_over_first,
};
pub(crate) use restore::interrupted_restore;
pub use restore::{RemovedNode, complete_restore, interrupted_restores, list_trash, restore};
pub use trash::{Swept, delete_trashed, sweep_trash, trash, trash_size};
pub(crate) use trash::{check_own, check_uuid, delete_below, delete_trashed_of, is_plain, trash_folder, trash_remnant};

/// The file in a node's folder that names the node.
pub const MARKER: &str = ".wnm-node";
/// The folder in a storage folder for removed nodes, until they are deleted.
pub const TRASH: &str = ".trash";
/// The file in a node's log folder with the standard error of its process.
pub const STDERR_LOG: &str = "stderr.log";

/// The format version of markers that this release writes.
const MARKER_VERSION: u32 = 1;
/// The maximum size of a marker, in bytes.
const MARKER_LIMIT: u64 = 4096;

/// The marker in a node's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The format version.
    pub version: u32,
    /// The UUID of the node, which never changes.
    pub uuid: String,
    /// The number of the node when the folder was created.
    pub id: NodeId,
}

impl Marker {
    /// Returns the marker of a node.
    #[must_use]
    pub fn of(node: &Node) -> Self {
        Self { version: MARKER_VERSION, uuid: node.uuid.clone(), id: node.id }
    }

    /// Reads the marker of a folder; None without a marker.
    ///
    /// # Errors
    /// The marker is unreadable or invalid, or its UUID has other characters than those of one: the node can write the
    /// file, and the UUID becomes a line of its unit.
    pub fn read(folder: &Path) -> Result<Option<Self>, PlatformError> {
        let path = folder.join(MARKER);
        let text = match guarded::read(&path, MARKER_LIMIT, Trust::Anyone) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(PlatformError::File { operation: FileOperation::Read, path, source }),
        };
        let marker: Self = serde_json::from_slice(&text).map_err(|error| PlatformError::Unparsable {
            file: ParsedFile::Marker,
            path,
            reason: json_fault(&error),
        })?;
        trash::check_file_name(folder, &marker.uuid)?;
        Ok(Some(marker))
    }
}

/// The owner of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// The folder does not exist.
    Absent,
    /// The marker names this node.
    This,
    /// The folder has no marker.
    Unmarked,
    /// The marker names another node.
    Other(Marker),
}

/// Returns the owner of a node's root folder.
///
/// # Errors
/// The folder or its marker is unreadable.
pub fn owner(node: &Node) -> Result<Owner, PlatformError> {
    owner_of(&node.root_dir, node)
}

pub(crate) fn owner_of(folder: &Path, node: &Node) -> Result<Owner, PlatformError> {
    match files::symlink_metadata(folder) {
        Ok(_) => {}
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Owner::Absent);
        }
        Err(source) => {
            return Err(PlatformError::File { operation: FileOperation::Inspect, path: folder.to_owned(), source });
        }
    }
    Ok(match Marker::read(folder)? {
        None => Owner::Unmarked,
        Some(marker) if marker.uuid == node.uuid => Owner::This,
        Some(marker) => Owner::Other(marker),
    })
}

/// Checks that a folder is below a storage folder, without links on the way.
///
/// # Errors
/// It is not.
pub(crate) fn check_place(folder: &Path, roots: &[PathBuf]) -> Result<(), PlatformError> {
    CheckedPath::of(folder, roots).map(drop)
}

/// Creates the folders of a node for data and logs, each with a marker.
///
/// # Errors
/// The root folder is outside the storage folders, belongs to another node, contains unknown files, or cannot be created.
pub fn create(node: &Node, roots: &[PathBuf]) -> Result<(), PlatformError> {
    for root in roots.iter().filter(|root| root.is_absolute() && node.root_dir.starts_with(root)) {
        make_folder(root)?;
    }
    let place = CheckedPath::of(&node.root_dir, roots)?;
    let owner = owner_of(&place.path, node)?;
    match &owner {
        Owner::This => {}
        Owner::Absent => make_folder(&place.path).and_then(|()| mark(&place.path, node))?,
        Owner::Unmarked if is_bare(&place.path) => mark(&place.path, node)?,
        Owner::Unmarked => return Err(refused(&node.root_dir, Refusal::Unmarked)),
        Owner::Other(marker) => return Err(not_of_this(&node.root_dir, marker)),
    }
    // Created now, because a removal must work on a full disk. A failure is reported by the removal.
    let _ = files::create_dir(place.root.join(TRASH));
    let made = create_logs(node);
    if made.is_err() && owner != Owner::This {
        // The folder is still empty, and a leftover would block the next node with this number.
        let _ = guarded::remove(&place.path.join(MARKER)).and_then(|()| files::remove_dir(&place.path));
    }
    made
}

/// Creates the folder for the logs of a node, with a marker unless it holds other logs too.
///
/// # Errors
/// The folder belongs to another node, or cannot be created.
pub(crate) fn create_logs(node: &Node) -> Result<(), PlatformError> {
    if node.log_dir.starts_with(&node.root_dir) {
        return make_folder(&node.log_dir);
    }
    match owner_of(&node.log_dir, node)? {
        Owner::This => Ok(()),
        Owner::Other(marker) => Err(not_of_this(&node.log_dir, &marker)),
        Owner::Absent => make_folder(&node.log_dir).and_then(|()| mark(&node.log_dir, node)),
        Owner::Unmarked if is_bare(&node.log_dir) => mark(&node.log_dir, node),
        // The folder contains other logs too: the node writes there, and wnm never deletes it.
        Owner::Unmarked => Ok(()),
    }
}

/// Writes the marker of a node into a folder that another tool created. Nothing else is changed.
///
/// # Errors
/// The folder does not exist, belongs to another node, or is not writable.
pub fn adopt(node: &Node) -> Result<(), PlatformError> {
    match owner(node)? {
        Owner::This => Ok(()),
        Owner::Unmarked => mark(&node.root_dir, node),
        Owner::Absent => Err(refused(&node.root_dir, Refusal::Missing)),
        Owner::Other(marker) => Err(not_of_this(&node.root_dir, &marker)),
    }
}

/// A folder in a storage folder that may be a node's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The folder.
    pub path: PathBuf,
    /// Its marker; None for a node of another tool.
    pub marker: Option<Marker>,
    /// The flavor of its identity file; None without one.
    pub flavor: Option<Flavor>,
}

impl Folder {
    fn at(path: PathBuf) -> Self {
        let marker = Marker::read(&path).ok().flatten();
        let flavor = Flavor::ALL.into_iter().find(|flavor| holds_identity(&path, flavor));
        Self { path, marker, flavor }
    }
}

/// Returns the folders directly in a storage folder that have a marker, besides those with these names. Links are skipped.
pub(crate) fn marked_besides(root: &Path, known: &BTreeSet<OsString>) -> Vec<Folder> {
    let entries = files::read_dir(root).into_iter().flatten();
    let is_new = |entry: &Entry| {
        let name = entry.file_name();
        name != TRASH && !known.contains(&name) && entry.is_dir()
    };
    let folders = entries.filter(is_new).map(|entry| Folder::at(entry.path()));
    let mut marked: Vec<Folder> = folders.filter(|folder| folder.marker.is_some()).collect();
    marked.sort_by(|one, other| one.path.cmp(&other.path));
    marked
}

/// Returns all folders directly in the storage folders with a marker or an identity file. Links are skipped.
///
/// # Errors
/// An existing storage folder is unreadable.
pub fn find(roots: &[PathBuf]) -> Result<Vec<Folder>, PlatformError> {
    let mut found = Vec::new();
    for root in roots {
        let fail = |source| PlatformError::File { operation: FileOperation::List, path: root.clone(), source };
        let entries = match files::read_dir(root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(fail(error)),
        };
        for entry in entries {
            if entry.file_name() == TRASH || !entry.is_dir() {
                continue;
            }
            let folder = Folder::at(entry.path());
            if folder.marker.is_some() || folder.flavor.is_some() {
                found.push(folder);
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found.dedup();
    Ok(found)
}

/// Tells whether a folder contains the identity file of a flavor, as a file and not as a link.
pub(crate) fn holds_identity(folder: &Path, flavor: &Flavor) -> bool {
    files::symlink_metadata(folder.join(flavor.identity_file())).is_ok_and(|facts| facts.is_file())
}

/// Tells whether a folder exists for this node only: it has the marker of the node, is empty, or is inside another
/// folder that has the marker.
///
/// # Errors
/// A marker is unreadable.
pub(crate) fn is_made_for(node: &Node, folder: &Path) -> Result<bool, PlatformError> {
    if folder != node.root_dir && folder.starts_with(&node.root_dir) {
        return is_made_for(node, &node.root_dir);
    }
    Ok(match owner_of(folder, node)? {
        Owner::This => true,
        Owner::Unmarked => is_bare(folder),
        Owner::Absent | Owner::Other(_) => false,
    })
}

fn refused(path: &Path, reason: Refusal) -> PlatformError {
    PlatformError::Refused { path: path.to_owned(), reason }
}

pub(crate) fn not_of_this(path: &Path, marker: &Marker) -> PlatformError {
    refused(path, Refusal::OtherNode { id: marker.id, uuid: marker.uuid.clone() })
}

fn make_folder(path: &Path) -> Result<(), PlatformError> {
    guarded::make_folder(path).map_err(|source| PlatformError::File {
        operation: FileOperation::Create,
        path: path.to_owned(),
        source,
    })
}

fn mark(folder: &Path, node: &Node) -> Result<(), PlatformError> {
    let text = serde_json::to_vec(&Marker::of(node)).unwrap_or_default();
    write(&folder.join(MARKER), &text, 0o644)
}

/// Tells whether a folder is empty except for the temporary file of an interrupted [`mark`].
fn is_bare(folder: &Path) -> bool {
    let left = temporary(&folder.join(MARKER));
    files::read_dir(folder).is_ok_and(|entries| entries.iter().all(|entry| entry.path() == left))
}

/// Returns the name of a file while it is written.
fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    path.with_file_name(name)
}

/// Writes a file atomically: after a crash it has the old or the new content.
pub(crate) fn write(path: &Path, text: &[u8], mode: u32) -> Result<(), PlatformError> {
    guarded::write(path, text, mode).map_err(|source| PlatformError::File {
        operation: FileOperation::Write,
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
pub(crate) mod tests;
