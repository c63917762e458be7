//! The trash: a removed node's folder is renamed into the trash of its storage folder, and deleted there later.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, openat};
use wnm_core::{Flavor, Node, Timestamp};

use super::delete::{Progress, delete};
use super::place::CheckedPath;
use super::restore::{describe, forget_description};
use super::{MARKER, Marker, Owner, TRASH, holds_identity, not_of_this, owner_of, refused};
use crate::error::{FileOperation, PlatformError, Refusal};
use crate::files;
use crate::guarded::{self, FolderId, HeldFolder, Trust, sync_folder};
use crate::observe::disk_use;
use crate::volume;

/// The suffix of a node's UUID in the name of its logs in the trash.
pub(super) const LOGS: &str = "-logs";
/// The file in a folder of the trash with the time from which its age counts, in milliseconds of wnm's clock.
const SINCE: &str = ".wnm-trashed";
/// The maximum size of that file, in bytes.
const SINCE_LIMIT: u64 = 32;
/// The time that the deletion of one file can take beyond a budget: that of a large store on a busy disk.
const ONE_DELETION: Duration = Duration::from_secs(30);
/// The suffix of a folder in the trash whose deletion has begun.
const BEGUN: &str = ".deleting";
/// The maximum number of folders with the same UUID in the trash: each move of a node leaves one, until the trash deletes it.
const ATTEMPTS: u32 = 10_000;
/// The time for deleting logs on another volume, which cannot be renamed into the trash.
const LOG_BUDGET: Duration = Duration::from_secs(2);

/// Moves the folder of a node and its logs into the trash of its storage folder. Returns the new path; None when the
/// folder exists neither at its place nor in the trash.
///
/// # Errors
/// The folder belongs to another node, is outside the storage folders or behind a link, or cannot be moved.
pub fn trash(node: &Node, roots: &[PathBuf]) -> Result<Option<PathBuf>, PlatformError> {
    check_uuid(node)?;
    let place = CheckedPath::of(&node.root_dir, roots)?;
    let bin = place.root.join(TRASH);
    let owner = owner_of(&place.path, node)?;
    match &owner {
        Owner::This | Owner::Absent => {}
        // An adopted node without a marker: the identity file shows that it is a node, and the database names it.
        Owner::Unmarked if holds_identity(&place.path, &node.flavor) && is_uuid(&node.uuid) => {}
        Owner::Unmarked => return Err(refused(&node.root_dir, Refusal::NoIdentity)),
        Owner::Other(marker) => return Err(not_of_this(&node.root_dir, marker)),
    }
    if let Err(error) = trash_logs(node, &place, roots) {
        tracing::warn!(node = %node.id, %error, "cannot move the logs of a removed node to the trash");
    }
    if owner == Owner::Absent {
        let moved = bin.join(&node.uuid);
        return Ok(is_folder(&moved).then_some(moved));
    }
    ensure_bin(&bin, &place.path)?;
    forget_description(&place.path);
    // A full disk must not prevent a removal. Without the description the node restores with the present settings.
    if let Err(error) = describe(&place.path, node) {
        tracing::warn!(node = %node.id, %error, "cannot describe a removed node for a later restore");
    }
    end_age(&place.path);
    rename_into(&bin, &place.path, &node.uuid).map(Some)
}

/// Moves logs outside of the node's folder into the trash if they have its marker, or no marker and its name: systemd
/// creates the folder again after `/var/log` was emptied. Logs on another volume are deleted in place, because rename(2)
/// works only within a volume.
fn trash_logs(node: &Node, place: &CheckedPath, roots: &[PathBuf]) -> Result<(), PlatformError> {
    let logs = &node.log_dir;
    let fail = |source| PlatformError::File { operation: FileOperation::Remove, path: logs.clone(), source };
    if logs.starts_with(&node.root_dir) {
        return Ok(());
    }
    // The folder may be where another user can exchange it, also while it moves: only this very folder is removed.
    let Some(id) = guarded::folder_id(logs).map_err(fail)? else { return Ok(()) };
    let has_its_name = logs.file_name().is_some_and(|name| name == node.id.name().as_str());
    match owner_of(logs, node)? {
        Owner::This => {}
        // Logs of an imported node, unless the folder is a node of another tool.
        Owner::Unmarked if has_its_name && !holds_any_identity(logs, node) => {}
        Owner::Unmarked | Owner::Absent | Owner::Other(_) => return Ok(()),
    }
    let roots = roots.iter().filter_map(|root| files::canonicalize(root).ok());
    let inside: Vec<PathBuf> = roots.chain([place.path.clone()]).collect();
    if inside
        .iter()
        .flat_map(|path| path.ancestors())
        .any(|path| guarded::folder_id(path).is_ok_and(|of| of == Some(id)))
    {
        return Err(refused(logs, Refusal::ContainsNodes));
    }
    let bin = place.root.join(TRASH);
    ensure_bin(&bin, logs)?;
    let target = free_name(&bin, logs, &format!("{}{LOGS}", node.uuid))?;
    match guarded::move_folder(logs, id, &target) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
        moved => return moved.map_err(fail),
    }
    match delete_folder_with(logs, Some(id), Instant::now() + LOG_BUDGET).map_err(fail)? {
        Progress::Complete => Ok(()),
        Progress::OutOfTime => Err(fail(io::ErrorKind::TimedOut.into())),
    }
}

fn holds_any_identity(folder: &Path, node: &Node) -> bool {
    Flavor::ALL.iter().chain([&node.flavor]).any(|flavor| holds_identity(folder, flavor))
}

/// Moves the folder of a node into the trash without its logs, for a node that lives on at another place.
///
/// # Errors
/// The folder is outside the storage folders or behind a link, or cannot be moved.
pub(crate) fn trash_folder(node: &Node, roots: &[PathBuf]) -> Result<PathBuf, PlatformError> {
    trash_remnant(&node.root_dir, &node.uuid, roots)
}

/// Moves the folder with this UUID in its marker into the trash without its logs.
///
/// # Errors
/// The folder is outside the storage folders or behind a link, or cannot be moved.
pub(crate) fn trash_remnant(folder: &Path, uuid: &str, roots: &[PathBuf]) -> Result<PathBuf, PlatformError> {
    check_file_name(folder, uuid)?;
    let place = CheckedPath::of(folder, roots)?;
    forget_description(&place.path);
    end_age(&place.path);
    rename_into(&place.root.join(TRASH), &place.path, uuid)
}

/// Checks that the UUID of a node is usable as a file name.
///
/// # Errors
/// It is not.
pub(crate) fn check_uuid(node: &Node) -> Result<(), PlatformError> {
    check_file_name(&node.root_dir, &node.uuid)
}

pub(super) fn check_file_name(folder: &Path, uuid: &str) -> Result<(), PlatformError> {
    if is_plain(uuid) { Ok(()) } else { Err(refused(folder, Refusal::BadUuid(uuid.to_owned()))) }
}

/// Deletes a folder in another one until the deadline. Returns whether it is gone.
///
/// # Errors
/// An entry cannot be deleted, or is a mount point.
pub(crate) fn delete_below(parent: &Path, name: &CString, deadline: Instant) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let parent = openat(rustix::fs::CWD, parent, flags, Mode::empty())?;
    Ok(delete(&parent, name, &[], deadline)? == Progress::Complete)
}

/// Creates the trash for a folder unless it exists.
fn ensure_bin(bin: &Path, folder: &Path) -> Result<(), PlatformError> {
    match files::create_dir(bin) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
            Err(PlatformError::File { operation: FileOperation::MoveToTrash, path: folder.to_owned(), source })
        }
        Ok(()) | Err(_) if is_folder(bin) => check_own(bin),
        Ok(()) | Err(_) => Err(refused(bin, Refusal::TrashIsNoFolder)),
    }
}

/// Checks that no other user owns a folder in a storage folder, and could exchange what wnm puts there: in a storage folder
/// such as /tmp, any user can make the folder first.
///
/// # Errors
/// Another user owns the folder.
pub(crate) fn check_own(folder: &Path) -> Result<(), PlatformError> {
    match guarded::facts(folder) {
        Ok(Some(facts)) if !guarded::is_own_user(facts.st_uid) => {
            Err(refused(folder, Refusal::SharedFolder(folder.to_owned())))
        }
        Ok(_) => Ok(()),
        Err(source) => Err(PlatformError::File { operation: FileOperation::Inspect, path: folder.to_owned(), source }),
    }
}

/// Renames a folder into the trash under this name, or with the next free number. Returns the new path.
fn rename_into(bin: &Path, folder: &Path, name: &str) -> Result<PathBuf, PlatformError> {
    let fail = |source| PlatformError::File { operation: FileOperation::MoveToTrash, path: folder.to_owned(), source };
    ensure_bin(bin, folder)?;
    let target = free_name(bin, folder, name)?;
    files::rename(folder, &target).map_err(fail)?;
    sync_folder(folder).and_then(|()| sync_folder(&target)).map_err(fail)?;
    Ok(target)
}

/// Returns the path in the trash for a folder of this name: with the next free number, if the trash has the name.
fn free_name(bin: &Path, folder: &Path, name: &str) -> Result<PathBuf, PlatformError> {
    let names = (0..ATTEMPTS).map(|n| if n == 0 { name.to_owned() } else { format!("{name}.{n}") });
    let free = names.map(|name| bin.join(name)).find(|path| files::symlink_metadata(path).is_err());
    free.ok_or_else(|| PlatformError::File {
        operation: FileOperation::MoveToTrash,
        path: folder.to_owned(),
        source: io::ErrorKind::AlreadyExists.into(),
    })
}

/// Returns the disk use of the trash of these storage folders, in bytes: that of the folders that were measured until then.
#[must_use]
pub fn trash_size(roots: &[PathBuf], until: Instant) -> u64 {
    let size = |root: &PathBuf| {
        let bin = root.join(TRASH);
        let folders = move || {
            let entries = files::read_dir(bin).into_iter().flatten();
            entries.filter_map(|entry| disk_use(&entry.path(), until)).sum::<u64>()
        };
        volume::within(root, ONE_DELETION, folders).unwrap_or(0)
    };
    roots.iter().map(size).fold(0, u64::saturating_add)
}

/// The result of a sweep of the trash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// The number of deleted folders.
    pub deleted: u32,
    /// The number of folders that stay for a later sweep.
    pub left: u32,
    /// The entries that are not nodes or cannot be deleted, with the reason.
    pub refused: Vec<(PathBuf, String)>,
}

/// Deletes the folders that have been in the trash for `older_than`, within `budget`; in each storage folder the oldest
/// first. The next sweep continues. `now` is the time of wnm's clock: a wall clock that jumps ahead must not end the time
/// for a restore. The trash of a file system that does not answer stays.
pub fn sweep_trash(roots: &[PathBuf], budget: Duration, older_than: Duration, now: Timestamp) -> Swept {
    let deadline = Instant::now() + budget;
    let mut swept = Swept::default();
    for root in roots {
        let folder = root.clone();
        let call = move || sweep_one(&folder, deadline, older_than, now);
        let Ok(of_root) = volume::within(root, budget + ONE_DELETION, call) else { continue };
        swept.deleted += of_root.deleted;
        swept.left += of_root.left;
        swept.refused.extend(of_root.refused);
    }
    swept
}

/// Sweeps the trash of one storage folder until the deadline.
fn sweep_one(root: &Path, deadline: Instant, older_than: Duration, now: Timestamp) -> Swept {
    let mut swept = Swept::default();
    let mut due = Vec::new();
    for path in files::canonicalize(root).iter().flat_map(|root| list(&root.join(TRASH))) {
        if let Err(found) = check(&path) {
            swept.refused.push((path, found));
            continue;
        }
        let since = since(&path).or_else(|| begin_age(&path, now));
        let is_old = older_than.is_zero() || since.is_some_and(|since| now.since(since) >= older_than);
        if is_old || has_begun(&path) {
            due.push((since, path));
        } else {
            swept.left += 1;
        }
    }
    due.sort();
    for (_, path) in due {
        if Instant::now() >= deadline {
            swept.left += 1;
            continue;
        }
        match begin(&path).and_then(|path| delete_folder(&path, deadline)) {
            Ok(Progress::Complete) => swept.deleted += 1,
            Ok(Progress::OutOfTime) => swept.left += 1,
            Err(error) => {
                swept.left += 1;
                swept.refused.push((path, error.to_string()));
            }
        }
    }
    swept
}

/// Deletes a folder in the trash with its logs, at most for the given time. The next sweeps delete the rest, whatever its
/// age, and report what cannot be deleted.
pub fn delete_trashed(moved: &Path, budget: Duration) {
    let deadline = Instant::now() + budget;
    let mut logs = moved.as_os_str().to_owned();
    logs.push(LOGS);
    for path in [moved.to_owned(), PathBuf::from(logs)].iter().filter(|path| check(path).is_ok()) {
        if let Err(error) = begin(path).and_then(|path| delete_folder(&path, deadline)) {
            tracing::debug!(path = %path.display(), %error, "the trash keeps a folder");
        }
    }
}

/// Deletes the folders with this UUID from the trash of a storage folder while time is left. Returns whether files are
/// left that a further call may delete.
pub(crate) fn delete_trashed_of(uuid: &str, root: &Path, budget: Duration) -> bool {
    let deadline = Instant::now() + budget;
    let is_of_it = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.split('.').next() == Some(uuid) && check(path).is_ok()
    };
    let mut is_left = false;
    for path in files::canonicalize(root).iter().flat_map(|root| list(&root.join(TRASH))).filter(is_of_it) {
        match begin(&path).and_then(|path| delete_folder(&path, deadline)) {
            Ok(Progress::Complete) => {}
            Ok(Progress::OutOfTime) => is_left = true,
            Err(error) => tracing::debug!(path = %path.display(), %error, "the trash keeps a folder"),
        }
    }
    is_left
}

/// Marks a folder in its name as being deleted. Its age is its ctime, which each deletion in it resets, so that without
/// the mark an interrupted deletion would wait for the whole age again.
fn begin(path: &Path) -> io::Result<PathBuf> {
    if has_begun(path) {
        return Ok(path.to_owned());
    }
    let mut begun = path.as_os_str().to_owned();
    begun.push(BEGUN);
    let begun = PathBuf::from(begun);
    if files::symlink_metadata(&begun).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    files::rename(path, &begun)?;
    Ok(begun)
}

pub(super) fn has_begun(path: &Path) -> bool {
    path.as_os_str().as_bytes().ends_with(BEGUN.as_bytes())
}

/// Returns the entries of a trash; none when the trash is a link.
pub(super) fn list(bin: &Path) -> Vec<PathBuf> {
    if !is_folder(bin) {
        return Vec::new();
    }
    files::read_dir(bin).into_iter().flatten().map(|entry| entry.path()).collect()
}

/// Checks that an entry of the trash is the folder or the logs of a node; the error is the reason to keep it.
pub(super) fn check(path: &Path) -> Result<(), String> {
    if !is_folder(path) {
        return Err("it is a link or a file".to_owned());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.split('.').next().unwrap_or_default();
    let uuid = stem.strip_suffix(LOGS).unwrap_or(stem);
    match Marker::read(path) {
        Ok(Some(marker)) if marker.uuid == uuid => Ok(()),
        Ok(Some(marker)) => Err(format!("its marker names the UUID {}", marker.uuid)),
        Ok(None) if !is_uuid(uuid) => Err("it has no marker, and its name is not a UUID".to_owned()),
        Ok(None) if Flavor::ALL.into_iter().any(|flavor| holds_identity(path, &flavor)) => Ok(()),
        // An interrupted deletion has already deleted the marker, which is the last file.
        Ok(None) if files::read_dir(path).is_ok_and(|entries| entries.is_empty()) => Ok(()),
        Ok(None) => Err("it has neither a marker nor an identity file".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Deletes a folder; marker and identity file are deleted last.
fn delete_folder(path: &Path, deadline: Instant) -> io::Result<Progress> {
    delete_folder_with(path, None, deadline)
}

/// Deletes a folder as [`delete_folder`], if it is still the folder with this identity.
fn delete_folder_with(path: &Path, id: Option<FolderId>, deadline: Instant) -> io::Result<Progress> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let names = [MARKER].into_iter().chain(Flavor::ALL.iter().map(Flavor::identity_file));
    let last: Vec<CString> = names.filter_map(|name| CString::new(name).ok()).collect();
    let last: Vec<_> = last.iter().map(CString::as_c_str).collect();
    let parent = HeldFolder::open(parent)?;
    if id.is_some() && guarded::folder_id(path)? != id {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "another folder has its place"));
    }
    delete(parent.descriptor(), &CString::new(name.as_bytes())?, &last, deadline)
}

/// Returns the time from which the age of a folder in the trash counts; None before the first sweep that saw it. A file
/// that the node wrote does not count.
pub(super) fn since(path: &Path) -> Option<Timestamp> {
    let text = guarded::read(&path.join(SINCE), SINCE_LIMIT, Trust::Owner).ok()?;
    Some(Timestamp::from_millis(std::str::from_utf8(&text).ok()?.trim().parse().ok()?))
}

/// Writes the time from which the age counts. None when that is impossible, as on a full disk: the folder then stays until
/// its volume is short of space.
fn begin_age(path: &Path, now: Timestamp) -> Option<Timestamp> {
    guarded::write(&path.join(SINCE), now.as_millis().to_string().as_bytes(), 0o600).ok()?;
    Some(now)
}

/// Forgets the time that an earlier stay in the trash left.
pub(super) fn end_age(path: &Path) {
    if let Err(error) = guarded::remove(&path.join(SINCE)) {
        tracing::debug!(path = %path.display(), %error, "the time of an earlier removal stays");
    }
}

/// Tells whether a path is a folder and not a link.
pub(super) fn is_folder(path: &Path) -> bool {
    files::symlink_metadata(path).is_ok_and(|facts| facts.is_dir())
}

/// Tells whether a UUID is usable as a file name in the trash.
pub(crate) fn is_plain(uuid: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=64).contains(&uuid.len()) && uuid.bytes().all(fits) && !uuid.ends_with(LOGS)
}

/// Tells whether a text has the form of a UUID: 8-4-4-4-12 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12] && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
