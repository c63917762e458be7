//! The way to a file: a path is followed one folder at a time.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::{mode_of, others_can_write};

/// The number of symbolic links on one path after which it is refused, the same as in Linux.
pub(super) const MAX_LINKS: u32 = 40;

/// A folder for the way to a file: on Linux without the right to list it.
#[cfg(target_os = "linux")]
const WAY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const WAY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The treatment of missing folders on a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Fail,
    Create,
}

/// Opens a folder step by step.
pub(super) fn walk(path: &Path, missing: Missing) -> io::Result<OwnedFd> {
    let mut rest: VecDeque<OsString> = VecDeque::new();
    let mut at = begin(path, &mut rest)?;
    let mut links = 0;
    while let Some(name) = rest.pop_front() {
        at = match step(at.as_fd(), &name, missing) {
            Ok(next) => next,
            Err(error @ (Errno::LOOP | Errno::NOTDIR)) => {
                let Ok(target) = rustix::fs::readlinkat(&at, &*name, Vec::new()) else { return Err(error.into()) };
                links += 1;
                if links > MAX_LINKS || !may_follow(&at, &name)? {
                    return Err(Errno::LOOP.into());
                }
                let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
                if target.is_absolute() {
                    at = begin(&target, &mut rest)?;
                } else {
                    push(&target, &mut rest);
                }
                continue;
            }
            Err(error) => return Err(error.into()),
        };
    }
    Ok(at)
}

/// Opens the start of a path, and puts its names before the rest of the way.
fn begin(path: &Path, rest: &mut VecDeque<OsString>) -> io::Result<OwnedFd> {
    let start = if path.is_absolute() { "/" } else { "." };
    push(path, rest);
    Ok(rustix::fs::open(start, WAY, Mode::empty())?)
}

fn push(path: &Path, rest: &mut VecDeque<OsString>) {
    let names = path.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        Component::ParentDir => Some(OsStr::new("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    names.for_each(|name| rest.push_front(name.to_owned()));
}

fn step(at: impl AsFd, name: &OsStr, missing: Missing) -> rustix::io::Result<OwnedFd> {
    let open = || rustix::fs::openat(&at, name, WAY, Mode::empty());
    match open() {
        Err(Errno::NOENT) if missing == Missing::Create => {
            match rustix::fs::mkdirat(&at, name, mode_of(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
            open()
        }
        opened => opened,
    }
}

/// Tells whether a symbolic link counts: root or the user of wnm made it, where no other user can exchange it.
pub(super) fn may_follow(folder: &OwnedFd, name: &OsStr) -> io::Result<bool> {
    let around = rustix::fs::fstat(folder)?;
    let link = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    // In a folder with the sticky bit, such as /tmp, only its owner can exchange an entry.
    let is_kept = around.st_mode & 0o1000 != 0 || !others_can_write(around.st_mode, around.st_gid);
    Ok(is_own_user(around.st_uid) && is_kept && is_own_user(link.st_uid))
}

/// Tells whether a user is root or that of wnm.
pub(crate) fn is_own_user(user: u32) -> bool {
    user == 0 || user == rustix::process::geteuid().as_raw()
}
