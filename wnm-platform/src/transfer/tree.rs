//! Folders held open while their entries are read: no path is followed twice, and no link is followed at all.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, statat, unlinkat};
use rustix::io::Errno;

use crate::node_dir::open_below;

/// The maximum depth of nested folders; a node's folder has three. It bounds the recursion.
pub(super) const DEPTH: u32 = 40;
/// The number of hexadecimal digits from which a name is the hash of a record, whose content then never changes.
const HASH_DIGITS: usize = 32;

/// Opens a folder by its path. The path is that of wnm, and a link at its end is refused.
pub(super) fn open(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// Opens a folder in another one. Links and other file systems are refused.
pub(super) fn open_in(parent: impl AsFd, name: &CStr) -> io::Result<OwnedFd> {
    Ok(open_below(parent, name)?)
}

/// Opens a file for reading. Links are refused, and a FIFO does not block.
pub(super) fn open_file(folder: impl AsFd, name: &CStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(folder, name, flags, Mode::empty())?)
}

/// Returns the entries of a folder with their facts in the order of their names, without those that vanish meanwhile.
pub(super) fn entries(folder: &OwnedFd) -> io::Result<Vec<(CString, Stat)>> {
    let mut found = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        if let Some(facts) = facts(folder, name)? {
            found.push((name.to_owned(), facts));
        }
    }
    found.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    // btrfs lists a name twice that is replaced meanwhile.
    found.dedup_by(|one, other| one.0 == other.0);
    Ok(found)
}

/// Returns the facts of an entry; None when it does not exist.
pub(super) fn facts(folder: impl AsFd, name: &CStr) -> io::Result<Option<Stat>> {
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(facts) => Ok(Some(facts)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Removes a file, a link or an empty folder, if it exists.
pub(super) fn remove(folder: impl AsFd, name: &CStr, kind: FileType) -> io::Result<()> {
    let flags = if kind == FileType::Directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
    match unlinkat(folder, name, flags) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn kind(facts: &Stat) -> FileType {
    FileType::from_raw_mode(facts.st_mode)
}

/// Returns the size of a file in bytes.
pub(super) fn size(facts: &Stat) -> u64 {
    u64::try_from(facts.st_size).unwrap_or_default()
}

/// Tells whether a name is a hash: the file then holds a record and is replaced as a whole, never changed in part.
pub(super) fn is_hash(name: &CStr) -> bool {
    let name = name.to_bytes();
    name.len() >= HASH_DIGITS && name.iter().all(u8::is_ascii_hexdigit)
}

/// Tells whether a copy has the size and the time of its source. A file system with coarse times rounds them.
pub(super) fn is_same_version(source: &Stat, copy: &Stat) -> bool {
    /// FAT stores even seconds, exFAT hundredths.
    const COARSE: i64 = 10_000_000;
    let time = |facts: &Stat| (facts.st_mtime, i64::try_from(facts.st_mtime_nsec).unwrap_or_default());
    let ((source_s, source_ns), (copy_s, copy_ns)) = (time(source), time(copy));
    let is_rounded = copy_ns % COARSE == 0 && source_ns % COARSE != 0 && source_s.abs_diff(copy_s) < 2;
    size(source) == size(copy) && ((source_s, source_ns) == (copy_s, copy_ns) || is_rounded)
}

/// Returns the bytes of all files below a folder.
pub(super) fn total(folder: &OwnedFd, depth: u32) -> io::Result<u64> {
    let mut bytes: u64 = 0;
    for (name, facts) in entries(folder)? {
        bytes = bytes.saturating_add(match kind(&facts) {
            FileType::RegularFile => size(&facts),
            FileType::Directory => {
                let depth = deeper(depth)?;
                match open_in(folder, &name) {
                    Ok(inner) => total(&inner, depth)?,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
                    Err(error) => return Err(error),
                }
            }
            _ => 0,
        });
    }
    Ok(bytes)
}

/// Returns the depth that is left one folder below.
pub(super) fn deeper(depth: u32) -> io::Result<u32> {
    depth.checked_sub(1).ok_or_else(|| io::Error::other(format!("more than {DEPTH} nested folders")))
}
