//! The way out: a removed node's folder is first renamed into the trash of its storage folder, later deleted there.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{Mode, OFlags, openat};
use wnm_core::{Flavor, Node};

use super::delete::{Progress, delete};
use super::place::CheckedPath;
use super::{MARKER, Marker, Owner, TRASH, holds_identity, not_of_this, owner_of, refused, sync_folder};
use crate::error::{FileOperation, PlatformError, Refusal};

/// What is added to the uuid of a node to name its logs in the trash.
const LOGS: &str = "-logs";
/// What ends the name of a folder in the trash whose deletion has begun.
const BEGUN: &str = ".deleting";
/// How often a name in the trash may be taken already.
const ATTEMPTS: u32 = 100;
/// How long logs that cannot be renamed into the trash may take to be deleted where they are.
const LOG_BUDGET: Duration = Duration::from_secs(2);

/// Moves the folder of a node into the trash of its storage folder, its logs too, and returns where it is now; None
/// when there was no folder and there is none in the trash.
///
/// # Errors
/// The folder is not this node's, lies outside the storage folders or behind a link, or cannot be moved.
pub fn trash(node: &Node, roots: &[PathBuf]) -> Result<Option<PathBuf>, PlatformError> {
    if !is_plain(&node.uuid) {
        return Err(refused(&node.root_dir, Refusal::BadUuid(node.uuid.clone())));
    }
    let place = CheckedPath::of(&node.root_dir, roots)?;
    let bin = place.root.join(TRASH);
    let owner = owner_of(&place.path, node)?;
    match &owner {
        Owner::This | Owner::Absent => {}
        // Made by another tool: its identity file says that it is a node, and the row in the database whose.
        Owner::Unmarked if holds_identity(&place.path, &node.flavor) && is_uuid(&node.uuid) => {}
        Owner::Unmarked => return Err(refused(&node.root_dir, Refusal::NoIdentity)),
        Owner::Other(marker) => return Err(not_of_this(&node.root_dir, marker)),
    }
    if let Err(error) = trash_logs(node, &place, roots) {
        tracing::warn!(node = %node.id, %error, "the logs of a removed node stay where they are");
    }
    if owner == Owner::Absent {
        let moved = bin.join(&node.uuid);
        return Ok(is_folder(&moved).then_some(moved));
    }
    rename_into(&bin, &place.path, &node.uuid).map(Some)
}

/// Moves the logs of a node, where they lie outside its folder and carry its marker, into the trash as well; deletes
/// them where they are when they lie on another volume.
fn trash_logs(node: &Node, place: &CheckedPath, roots: &[PathBuf]) -> Result<(), PlatformError> {
    let logs = &node.log_dir;
    if logs.starts_with(&node.root_dir) || !is_folder(logs) || owner_of(logs, node)? != Owner::This {
        return Ok(());
    }
    let fail = |source| PlatformError::File { operation: FileOperation::Remove, path: logs.clone(), source };
    let real = logs.canonicalize().map_err(fail)?;
    let holds = |path: &Path| path.canonicalize().is_ok_and(|path| path.starts_with(&real));
    if place.path.starts_with(&real) || roots.iter().any(|root| holds(root)) {
        return Err(refused(logs, Refusal::ContainsNodes));
    }
    match rename_into(&place.root.join(TRASH), &real, &format!("{}{LOGS}", node.uuid)) {
        Err(PlatformError::File { source, .. }) if source.kind() == io::ErrorKind::CrossesDevices => {}
        moved => return moved.map(|_| ()),
    }
    match delete_folder(&real, Instant::now() + LOG_BUDGET).map_err(fail)? {
        Progress::Complete => Ok(()),
        Progress::OutOfTime => Err(fail(io::ErrorKind::TimedOut.into())),
    }
}

/// Renames a folder into a trash, under this name or the next that is free, and returns where it is.
fn rename_into(bin: &Path, folder: &Path, name: &str) -> Result<PathBuf, PlatformError> {
    let fail = |source| PlatformError::File { operation: FileOperation::MoveToTrash, path: folder.to_owned(), source };
    match fs::create_dir(bin) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(fail(error)),
        Ok(()) | Err(_) if is_folder(bin) => {}
        Ok(()) | Err(_) => return Err(refused(bin, Refusal::TrashIsNoFolder)),
    }
    let names = (0..ATTEMPTS).map(|n| if n == 0 { name.to_owned() } else { format!("{name}.{n}") });
    let free = names.map(|name| bin.join(name)).find(|path| fs::symlink_metadata(path).is_err());
    let target = free.ok_or_else(|| fail(io::ErrorKind::AlreadyExists.into()))?;
    fs::rename(folder, &target).map_err(fail)?;
    sync_folder(folder).and_then(|()| sync_folder(&target)).map_err(fail)?;
    Ok(target)
}

/// What a sweep of the trash did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Folders that are gone now.
    pub deleted: u32,
    /// Folders that wait: too young, or the time was over.
    pub left: u32,
    /// What stands in the trash and is not a node's, or could not be deleted, and why.
    pub refused: Vec<(PathBuf, String)>,
}

/// Deletes folders that have been in the trash for so long, oldest first, for at most `budget`; what is not done then
/// is done by the next sweep.
pub fn sweep_trash(roots: &[PathBuf], budget: Duration, older_than: Duration) -> Swept {
    let deadline = Instant::now() + budget;
    let now = SystemTime::now();
    let mut swept = Swept::default();
    let mut due = Vec::new();
    for path in roots.iter().filter_map(|root| root.canonicalize().ok()).flat_map(|root| list(&root.join(TRASH))) {
        if let Err(found) = check(&path) {
            swept.refused.push((path, found));
            continue;
        }
        let since = moved_at(&path);
        let is_old = since.is_some_and(|since| now.duration_since(since).is_ok_and(|age| age >= older_than));
        if is_old || has_begun(&path) {
            due.push((since, path));
        } else {
            swept.left += 1;
        }
    }
    due.sort();
    due.dedup();
    for (_, path) in due {
        if Instant::now() >= deadline {
            swept.left += 1;
            continue;
        }
        match begin(&path).and_then(|path| delete_folder(&path, deadline)) {
            Ok(Progress::Complete) => swept.deleted += 1,
            Ok(Progress::OutOfTime) => swept.left += 1,
            Err(error) => swept.refused.push((path, error.to_string())),
        }
    }
    swept
}

/// Notes in the name of a folder that its deletion has begun: from then on its age no longer counts, which deleting
/// changes.
fn begin(path: &Path) -> io::Result<PathBuf> {
    if has_begun(path) {
        return Ok(path.to_owned());
    }
    let mut begun = path.as_os_str().to_owned();
    begun.push(BEGUN);
    let begun = PathBuf::from(begun);
    if fs::symlink_metadata(&begun).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(path, &begun)?;
    Ok(begun)
}

fn has_begun(path: &Path) -> bool {
    path.as_os_str().as_bytes().ends_with(BEGUN.as_bytes())
}

/// Returns what stands in a trash; nothing when the trash is a link.
fn list(bin: &Path) -> Vec<PathBuf> {
    if !is_folder(bin) {
        return Vec::new();
    }
    fs::read_dir(bin).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Tells what speaks against deleting something in the trash.
fn check(path: &Path) -> Result<(), String> {
    if !is_folder(path) {
        return Err("a link or a file".to_owned());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.split('.').next().unwrap_or_default();
    let uuid = stem.strip_suffix(LOGS).unwrap_or(stem);
    match Marker::read(path) {
        Ok(Some(marker)) if marker.uuid == uuid => Ok(()),
        Ok(Some(marker)) => Err(format!("the marker of {}", marker.uuid)),
        Ok(None) if !is_uuid(uuid) => Err("no marker, and a name that is no uuid".to_owned()),
        Ok(None) if Flavor::ALL.into_iter().any(|flavor| holds_identity(path, &flavor)) => Ok(()),
        // The last of a deletion that was interrupted.
        Ok(None) if fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none()) => Ok(()),
        Ok(None) => Err("neither a marker nor an identity file".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Deletes a folder, marker and identity last.
fn delete_folder(path: &Path, deadline: Instant) -> io::Result<Progress> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let names = [MARKER].into_iter().chain(Flavor::ALL.iter().map(Flavor::identity_file));
    let last: Vec<CString> = names.filter_map(|name| CString::new(name).ok()).collect();
    let last: Vec<_> = last.iter().map(CString::as_c_str).collect();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let parent = openat(rustix::fs::CWD, parent, flags, Mode::empty())?;
    delete(&parent, &CString::new(name.as_bytes())?, &last, deadline)
}

/// Returns when a folder came to its place: renaming it changes its status.
fn moved_at(path: &Path) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt as _;
    let seconds = u64::try_from(fs::symlink_metadata(path).ok()?.ctime()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Tells whether a folder stands there, and not a link to one.
fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|facts| facts.is_dir())
}

/// Tells whether a text can name a file in the trash.
fn is_plain(uuid: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=64).contains(&uuid.len()) && uuid.bytes().all(fits) && !uuid.ends_with(LOGS)
}

/// Tells whether a text has the form of a uuid, 8-4-4-4-12 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12] && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
