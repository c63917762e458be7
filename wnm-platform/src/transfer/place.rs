//! The places of a move: the unfinished copy, the switch to it, and the way back. Each call can be repeated.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use wnm_core::Node;

use crate::error::{FileOperation, PlatformError, Refusal};
use crate::files;
use crate::guarded::{self, sync_folder};
use crate::node_dir::{self, Owner};

/// The folder in a storage folder for copies that are not complete.
const MOVING: &str = ".moving";
/// The file in a folder of the trash whose node lives on at another place.
const MOVED: &str = ".wnm-moved";
/// The time that one cycle spends on the deletion of a copy.
const DROP_BUDGET: Duration = Duration::from_secs(2);

/// Returns the folder of the unfinished copy of a node.
pub(super) fn staging(to: &Node) -> PathBuf {
    moving(to).join(&to.uuid)
}

/// Returns the file whose lock the process holds that copies.
pub(super) fn lock_file(to: &Node) -> PathBuf {
    moving(to).join(format!("{}.lock", to.uuid))
}

fn moving(to: &Node) -> PathBuf {
    to.root_dir.parent().unwrap_or(Path::new("/")).join(MOVING)
}

/// Tells whether an unfinished copy of the node exists.
pub(crate) fn holds_copy(to: &Node) -> bool {
    is_folder(&staging(to))
}

/// Returns the unfinished copies in storage folders: of a move that is in progress, or was given up while its drive was
/// away.
#[must_use]
pub fn interrupted_copies(roots: &[PathBuf]) -> Vec<PathBuf> {
    let entries = roots.iter().filter_map(|root| files::read_dir(root.join(MOVING)).ok()).flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| is_folder(path)).collect();
    found.sort();
    found
}

/// Tells whether a folder of the trash belongs to a node that lives on at another place, so that a restore would make a
/// second node of its identity.
pub(crate) fn is_moved_away(folder: &Path) -> bool {
    files::symlink_metadata(folder.join(MOVED)).is_ok()
}

/// Checks the places of a move, and creates the folder for the copy.
///
/// # Errors
/// A place is outside the storage folders, the new one is occupied, the folder belongs to another node, or the target is
/// not writable.
pub(crate) fn prepare(from: &Node, to: &Node, roots: &[PathBuf]) -> Result<(), PlatformError> {
    node_dir::check_place(&from.root_dir, roots)?;
    node_dir::check_place(&to.root_dir, roots)?;
    node_dir::check_uuid(from)?;
    match node_dir::owner(from)? {
        Owner::This | Owner::Unmarked => {}
        Owner::Absent => return Err(refused(&from.root_dir, Refusal::Missing)),
        Owner::Other(marker) => return Err(node_dir::not_of_this(&from.root_dir, &marker)),
    }
    if files::symlink_metadata(&to.root_dir).is_ok() {
        return Err(refused(&to.root_dir, Refusal::Occupied));
    }
    let fail =
        |path: &Path, source| PlatformError::File { operation: FileOperation::Create, path: path.to_owned(), source };
    for path in [moving(to), staging(to)] {
        guarded::make_folder(&path).map_err(|error| fail(&path, error))?;
        node_dir::check_own(&path)?;
        // The node must not change its copy.
        files::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .map_err(|error| fail(&path, error))?;
    }
    Ok(())
}

/// Tells whether the folder of a node can be renamed to its new place, by the trial of an empty file. Two folders of one
/// device number may be on different mounts.
pub(crate) fn can_rename(from: &Node, to: &Node) -> bool {
    let trial = from.root_dir.join(".wnm-trial");
    let landed = moving(to).join(format!("{}.trial", to.uuid));
    let is_possible = guarded::write(&trial, b"", 0o600).is_ok() && files::rename(&trial, &landed).is_ok();
    let _ = files::remove_file(&trial);
    let _ = files::remove_file(&landed);
    is_possible
}

/// Puts the copy, or the folder itself on the same volume, at the new place.
///
/// # Errors
/// There is neither, or the folder cannot be renamed.
pub(crate) fn switch(from: &Node, to: &Node) -> Result<(), PlatformError> {
    node_dir::carry_protected(from, to)?;
    match node_dir::owner(to)? {
        Owner::This => return Ok(()),
        Owner::Absent => {}
        Owner::Unmarked => return Err(refused(&to.root_dir, Refusal::Occupied)),
        Owner::Other(marker) => return Err(node_dir::not_of_this(&to.root_dir, &marker)),
    }
    if holds_copy(to) {
        // The copy had the mode of an unfinished one.
        copy_owner(&from.root_dir, &staging(to))?;
        return rename(&staging(to), &to.root_dir);
    }
    rename(&from.root_dir, &to.root_dir)
}

/// Undoes [`switch`].
///
/// # Errors
/// The folder cannot be renamed back. A copy whose drive is away is no error: the folder is at its old place.
pub(crate) fn switch_back(from: &Node, to: &Node) -> Result<(), PlatformError> {
    let is_copy = is_folder(&from.root_dir);
    let is_switched = matches!(node_dir::owner(to), Ok(Owner::This));
    if is_copy {
        if is_switched && let Err(error) = rename(&to.root_dir, &staging(to)) {
            tracing::warn!(node = %to.id, %error, "the copy of a node stays at its new place");
        }
    } else if is_switched {
        rename(&to.root_dir, &from.root_dir)?;
    }
    if let Err(error) = node_dir::carry_protected(to, from) {
        tracing::debug!(node = %to.id, %error, "the installed program is taken from the folder of the node");
        node_dir::take_over_first(from)?;
    }
    if let Err(error) = node_dir::remove_protected(to) {
        tracing::warn!(node = %to.id, %error, "files of a node stay at the place that it did not move to");
    }
    Ok(())
}

/// Whether files of a copy are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remaining {
    Nothing,
    Files,
}

/// Deletes the copy while time is left.
///
/// The only copy is never deleted. A drive that is away keeps its copy; the reason is logged.
pub(crate) fn drop_copy(from: &Node, to: &Node) -> Remaining {
    let copy = staging(to);
    if is_folder(&copy) && is_folder(&from.root_dir) {
        match node_dir::delete_below(&moving(to), &name(&to.uuid), Instant::now() + DROP_BUDGET) {
            Ok(true) => {}
            Ok(false) => return Remaining::Files,
            Err(error) => {
                tracing::warn!(node = %to.id, copy = %copy.display(), %error, "cannot delete the copy of a node");
            }
        }
    }
    tidy(to);
    Remaining::Nothing
}

/// Moves the folder at the old place to the trash, from where it cannot be restored while its node lives on.
///
/// # Errors
/// The folder belongs to another node, or cannot be moved.
pub(crate) fn drop_source(from: &Node, to: &Node, roots: &[PathBuf]) -> Result<Option<PathBuf>, PlatformError> {
    tidy(to);
    if !matches!(node_dir::owner(to)?, Owner::This) {
        return Err(refused(&to.root_dir, Refusal::Missing));
    }
    let moved = match node_dir::owner(from)? {
        Owner::Absent => None,
        Owner::This | Owner::Unmarked => {
            let path = from.root_dir.join(MOVED);
            guarded::write(&path, b"", 0o600).map_err(|source| PlatformError::File {
                operation: FileOperation::Write,
                path,
                source,
            })?;
            Some(node_dir::trash_folder(from, roots)?)
        }
        Owner::Other(marker) => return Err(node_dir::not_of_this(&from.root_dir, &marker)),
    };
    node_dir::remove_protected(from)?;
    Ok(moved)
}

/// Deletes the folders of a node in the trash of its old storage folder while time is left: the node lives on at another
/// place. The sweeps of the trash delete, and report, what cannot be deleted here.
pub(crate) fn delete_source(from: &Node) -> Remaining {
    let trash = from.root_dir.parent().unwrap_or(Path::new("/"));
    if node_dir::delete_trashed_of(&from.uuid, trash, DROP_BUDGET) { Remaining::Files } else { Remaining::Nothing }
}

/// Removes the lock file, and the folder of unfinished copies when it is empty.
fn tidy(to: &Node) {
    let _ = guarded::remove(&lock_file(to));
    let _ = files::remove_dir(staging(to));
    let _ = files::remove_dir(moving(to));
}

/// Gives the folder of a complete copy the owner and the mode of its source.
fn copy_owner(from: &Path, to: &Path) -> Result<(), PlatformError> {
    let give = || {
        let facts = files::symlink_metadata(from)?;
        let copy = super::tree::open(to)?;
        if rustix::process::geteuid().is_root() {
            use std::os::unix::fs::MetadataExt as _;
            std::os::unix::fs::fchown(&copy, Some(facts.uid()), Some(facts.gid()))?;
        }
        fs::File::from(copy).set_permissions(facts.permissions())
    };
    give().map_err(|source| PlatformError::File { operation: FileOperation::Create, path: to.to_owned(), source })
}

fn rename(from: &Path, to: &Path) -> Result<(), PlatformError> {
    let renamed = files::rename(from, to).and_then(|()| sync_folder(to)).and_then(|()| sync_folder(from));
    renamed.map_err(|source| PlatformError::File {
        operation: FileOperation::MoveFolder,
        path: from.to_owned(),
        source,
    })
}

fn is_folder(path: &Path) -> bool {
    files::symlink_metadata(path).is_ok_and(|facts| facts.is_dir())
}

fn refused(path: &Path, reason: Refusal) -> PlatformError {
    PlatformError::Refused { path: path.to_owned(), reason }
}

fn name(uuid: &str) -> CString {
    // `prepare` refuses a UUID that is no plain file name.
    CString::new(Path::new(uuid).as_os_str().as_bytes()).unwrap_or_default()
}
