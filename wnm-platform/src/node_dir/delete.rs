//! Deletes a folder without ever leaving it: no links, no other file systems, no more time than given.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fstat, openat, statat, unlinkat};
use rustix::io::Errno;

/// Folders within folders, below which nothing is deleted: a node's folder has three.
const DEPTH: u32 = 40;

/// How far the deletion of a folder came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It is gone.
    Complete,
    /// The time was over first.
    OutOfTime,
}

/// Deletes the folder `name` in the folder `parent`. The files named in `last` go last, so that a folder that is half
/// deleted is still known for what it is.
///
/// # Errors
/// Something in it cannot be deleted, or is another file system.
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
        gone(unlinkat(&folder, *name, AtFlags::empty()))?;
    }
    drop(folder);
    gone(unlinkat(parent, name, AtFlags::REMOVEDIR))?;
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
            gone(unlinkat(folder, &name, AtFlags::empty()))?;
            continue;
        }
        let Some(depth) = depth.checked_sub(1) else {
            return Err(io::Error::other(format!("expected at most {DEPTH} folders within one another")));
        };
        let inner = open_below(folder.as_fd(), &name)?;
        if empty(&inner, &[], deadline, depth)? == Progress::OutOfTime {
            return Ok(Progress::OutOfTime);
        }
        drop(inner);
        gone(unlinkat(folder, &name, AtFlags::REMOVEDIR))?;
    }
    Ok(Progress::Complete)
}

/// Returns what a folder holds. All of it is read before anything is deleted.
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

/// Opens a folder that is no link and lies on the file system of the one it is in.
fn open_below(parent: impl AsFd, name: &CStr) -> rustix::io::Result<OwnedFd> {
    let parent = parent.as_fd();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{ResolveFlags, openat2};
        // Sees a folder of the same file system that was mounted here, too.
        let resolve = ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH;
        match openat2(parent, name, flags, Mode::empty(), resolve) {
            // An old kernel, or a container that forbids the call.
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

/// Counts what is not there as deleted.
fn gone(result: rustix::io::Result<()>) -> rustix::io::Result<()> {
    match result {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}
