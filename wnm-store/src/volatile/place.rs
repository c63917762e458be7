//! The file of a database on the memory file system of Linux, in a folder that only the user of the process can enter.
//!
//! Every user can write `/dev/shm`: folder and file are used only when this user, or for a reader the owner of the database,
//! owns them, and no link is followed.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, mkdirat, openat, renameat, statat, unlinkat};

use crate::file::FileIdentity;

const MEMORY: &str = "/dev/shm";
/// The maximum size of a file that is read, in bytes. A thousand nodes need about one mebibyte.
const MAXIMUM: u64 = 64 << 20;
/// The age of a file that no daemon continues. Its database may be gone, and memory is not for ever.
const OLD: Duration = Duration::from_secs(7 * 24 * 60 * 60);

fn name((device, inode): FileIdentity) -> String {
    format!("{device:x}-{inode:x}")
}

/// Opens the folder of a user; None when the host has no file system in memory, or another user can write the folder.
fn folder(owner: u32) -> Option<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = openat(CWD, format!("{MEMORY}/wnm-{owner}"), flags, Mode::empty()).ok()?;
    let facts = File::from(folder.try_clone().ok()?).metadata().ok()?;
    let is_private = facts.uid() == owner && facts.mode() & 0o077 == 0;
    (is_private && is_in_memory(&folder)).then_some(folder)
}

#[cfg(target_os = "linux")]
fn is_in_memory(folder: &OwnedFd) -> bool {
    use nix::sys::statfs::{TMPFS_MAGIC, fstatfs};
    fstatfs(folder).is_ok_and(|volume| volume.filesystem_type() == TMPFS_MAGIC)
}

/// macOS has no file system in memory that every program finds at the same path.
#[cfg(not(target_os = "linux"))]
fn is_in_memory(_: &OwnedFd) -> bool {
    false
}

/// Opens the folder of this user, and creates it where the host has a file system in memory.
fn own_folder() -> Option<OwnedFd> {
    let user = rustix::process::geteuid().as_raw();
    folder(user).or_else(|| {
        mkdirat(CWD, format!("{MEMORY}/wnm-{user}"), Mode::RWXU).ok()?;
        folder(user)
    })
}

/// Reads the file of a database that a user owns; None when there is none that may be believed.
pub(super) fn read(identity: FileIdentity, owner: u32) -> Option<String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(folder(owner)?, name(identity), flags, Mode::empty()).ok()?);
    let facts = file.metadata().ok()?;
    if !facts.is_file() || facts.uid() != owner || facts.len() > MAXIMUM {
        return None;
    }
    let mut text = String::new();
    file.take(MAXIMUM).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Replaces the file of a database as a whole. It is not flushed: it is in memory.
///
/// # Errors
/// The host has no file system in memory, or no space is left in it.
pub(super) fn write(identity: FileIdentity, text: &str) -> io::Result<()> {
    let folder = own_folder().ok_or(io::ErrorKind::Unsupported)?;
    let (name, draft) = (name(identity), format!("{}.new", name(identity)));
    let is_first = statat(&folder, &name, AtFlags::SYMLINK_NOFOLLOW).is_err();
    if is_first {
        drop_old(&folder);
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let written = openat(&folder, &draft, flags, Mode::RUSR | Mode::WUSR)
        .map_err(io::Error::from)
        .and_then(|file| File::from(file).write_all(text.as_bytes()))
        .and_then(|()| Ok(renameat(&folder, &draft, &folder, &name)?));
    if written.is_err() {
        let _ = unlinkat(&folder, &draft, AtFlags::empty());
        // An earlier file would be older than the database.
        let _ = unlinkat(&folder, &name, AtFlags::empty());
    }
    written
}

/// Removes the file of a database.
pub(super) fn remove(identity: FileIdentity) {
    if let Some(folder) = folder(rustix::process::geteuid().as_raw()) {
        let _ = unlinkat(&folder, name(identity), AtFlags::empty());
    }
}

/// Removes the files of databases that no cycle has continued for a week.
fn drop_old(folder: &OwnedFd) {
    let Ok(entries) = rustix::fs::Dir::read_from(folder) else { return };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    for entry in entries.flatten() {
        let Ok(facts) = statat(folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) else { continue };
        let written = Duration::from_secs(u64::try_from(facts.st_mtime).unwrap_or(0));
        if now.saturating_sub(written) > OLD {
            let _ = unlinkat(folder, entry.file_name(), AtFlags::empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_replaced_as_a_whole_and_is_private() {
        let identity = (u64::MAX, u64::from(std::process::id()));
        let user = rustix::process::geteuid().as_raw();
        write(identity, "first, and longer").unwrap();
        write(identity, "second").unwrap();
        assert_eq!(read(identity, user).as_deref(), Some("second"));
        let facts = std::fs::metadata(format!("{MEMORY}/wnm-{user}/{}", name(identity))).unwrap();
        assert_eq!(facts.mode() & 0o777, 0o600);
        assert_eq!(read(identity, user + 1), None, "of another user");
        remove(identity);
        assert_eq!(read(identity, user), None);
    }

    #[test]
    fn links_and_devices_are_not_read() {
        let identity = (u64::MAX - 1, u64::from(std::process::id()));
        let user = rustix::process::geteuid().as_raw();
        write(identity, "x").unwrap();
        remove(identity);
        let path = format!("{MEMORY}/wnm-{user}/{}", name(identity));
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert_eq!(read(identity, user), None);
        remove(identity);
        nix::unistd::mkfifo(path.as_str(), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(read(identity, user), None);
        remove(identity);
    }
}
