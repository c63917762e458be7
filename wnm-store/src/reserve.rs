//! A file that is deleted when the disk is full, so that the end of running actions can still be recorded.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::file::{beside, folder, suffixed};

/// The size of the reserve, in bytes. One transaction of a cycle takes well below a mebibyte.
const SIZE: usize = 1 << 20;
/// The free space from which the reserve is created again, in bytes, so that a disk at its limit does not lose it to and
/// fro in every cycle.
const ROOM: u64 = 16 * SIZE as u64;

/// The free space below which the reserve is deleted before the database is opened, in bytes. SQLite maps the index of the
/// write-ahead log into memory, and a store to a mapped hole that the disk cannot back ends the process with SIGBUS.
const OPENING: u64 = 256 << 10;

fn place(path: &Path) -> PathBuf {
    beside(path, "reserve")
}

/// Creates the reserve of a database, if it does not exist and enough space is free. A failure is ignored: the next cycle
/// tries again.
pub(crate) fn hold(path: &Path) {
    let place = place(path);
    if fs::metadata(&place).is_ok_and(|file| file.len() == SIZE as u64) {
        return;
    }
    if free(path).unwrap_or(0) < ROOM {
        return;
    }
    // Created anew: a file of another user at this path is neither written nor followed.
    let created = fs::remove_file(&place).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    });
    let options = File::options().write(true).create_new(true).mode(0o600).clone();
    if created
        .and_then(|()| options.open(&place))
        .and_then(|mut file| file.write_all(&incompressible()).and_then(|()| file.sync_all()))
        .is_err()
    {
        let _ = fs::remove_file(&place);
    }
}

/// Tells whether the disk of a database has space for more than the database itself.
pub(crate) fn has_room(path: &Path) -> bool {
    free(path).is_none_or(|free| free >= ROOM)
}

/// Deletes the reserve if the disk is too full to open the database.
///
/// # Errors
/// The disk is too full without the reserve too.
pub(crate) fn make_room(path: &Path) -> Result<(), StoreError> {
    let is_full = || free(path).is_some_and(|free| free < OPENING);
    if !is_full() || (release(path) && !is_full()) || has_index(path) {
        return Ok(());
    }
    Err(StoreError::Full { path: path.to_owned() })
}

/// Tells whether the index of the log, which another process uses, has no hole.
///
/// wnm never opens this file itself: SQLite holds its locks by process and file, and the kernel drops all of them as soon as
/// the process closes any descriptor of the file. The next process would then believe to be the first one and truncate the
/// index that this process has mapped.
fn has_index(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(suffixed(path, "-shm"))
        .is_ok_and(|index| index.len() > 0 && index.blocks().saturating_mul(512) >= index.len())
}

/// Returns the free space for this user on the disk of a database, in bytes; None when it is unknown.
fn free(path: &Path) -> Option<u64> {
    let volume = rustix::fs::statvfs(folder(path)).ok()?;
    Some(volume.f_bavail.saturating_mul(volume.f_frsize))
}

/// Deletes the reserve. Returns whether it existed.
pub(crate) fn release(path: &Path) -> bool {
    fs::remove_file(place(path)).is_ok()
}

/// Returns pseudo-random bytes. Btrfs and ZFS compress zeros to nothing, which would reserve nothing.
fn incompressible() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..SIZE / 8).flat_map(|_| next()).collect()
}
