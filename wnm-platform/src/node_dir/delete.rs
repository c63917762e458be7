//! Deletion of a folder that follows no links, enters no other file system and respects a deadline.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fstat, openat, statat, unlinkat};
use rustix::io::Errno;

/// The maximum depth of nested folders; a node's folder has three. It bounds the recursion.
const DEPTH: u32 = 40;

/// The result of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// The folder is deleted.
    Complete,
    /// The deadline passed before the end.
    OutOfTime,
}

/// Deletes the folder `name` in `parent`. The files in `last` are deleted last, so that a partly deleted folder is still
/// recognized as a node's.
///
/// # Errors
/// An entry cannot be deleted, or is a mount point.
pub(super) fn delete(parent: impl AsFd, name: &CStr, last: &[&CStr], deadline: Instant) -> io::Result<Progress> {
    let parent = parent.as_fd();
    let folder = match open_below(parent, name) {
        Err(Errno::NOENT) => return Ok(Progress::Complete),
        opened => opened?,
    };
    if empty(&folder, last, deadline, DEPTH)? == Progress::OutOfTime {
        return Ok(Progress::OutOfTime);
    }
    for name in last {
        ignore_missing(unlinkat(&folder, *name, AtFlags::empty()))?;
    }
    drop(folder);
    ignore_missing(unlinkat(parent, name, AtFlags::REMOVEDIR))?;
    Ok(Progress::Complete)
}

fn empty(folder: &OwnedFd, last: &[&CStr], deadline: Instant, depth: u32) -> io::Result<Progress> {
    for (name, kind) in list(folder)? {
        if last.contains(&name.as_c_str()) {
            continue;
        }
        if Instant::now() >= deadline {
            return Ok(Progress::OutOfTime);
        }
        if kind != FileType::Directory {
            ignore_missing(unlinkat(folder, &name, AtFlags::empty()))?;
            continue;
        }
        let Some(depth) = depth.checked_sub(1) else {
            return Err(io::Error::other(format!("more than {DEPTH} nested folders")));
        };
        let inner = open_below(folder.as_fd(), &name)?;
        if empty(&inner, &[], deadline, depth)? == Progress::OutOfTime {
            return Ok(Progress::OutOfTime);
        }
        drop(inner);
        ignore_missing(unlinkat(folder, &name, AtFlags::REMOVEDIR))?;
    }
    Ok(Progress::Complete)
}

/// Returns the entries of a folder. They are read before any deletion, because POSIX leaves it open whether readdir(3)
/// sees changes.
fn list(folder: &OwnedFd) -> io::Result<Vec<(CString, FileType)>> {
    let mut found = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => FileType::from_raw_mode(statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode),
            known => known,
        };
        found.push((name.to_owned(), kind));
    }
    Ok(found)
}

/// Opens a folder that is not a link and is on the same file system as its parent.
pub(crate) fn open_below(parent: impl AsFd, name: &CStr) -> rustix::io::Result<OwnedFd> {
    let parent = parent.as_fd();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{ResolveFlags, openat2};
        // NO_XDEV also detects a bind mount of the same file system, which st_dev does not show.
        let resolve = ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH;
        match openat2(parent, name, flags, Mode::empty(), resolve) {
            // A kernel before 5.6, or a seccomp filter that forbids the call.
            Err(Errno::NOSYS | Errno::PERM) => {}
            opened => return opened,
        }
    }
    let folder = openat(parent, name, flags, Mode::empty())?;
    if fstat(&folder)?.st_dev != fstat(parent)?.st_dev {
        return Err(Errno::XDEV);
    }
    Ok(folder)
}

/// Treats a missing entry as deleted.
fn ignore_missing(result: rustix::io::Result<()>) -> rustix::io::Result<()> {
    match result {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}
