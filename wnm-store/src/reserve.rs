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
/// The size to which the index of the log is allocated, in bytes: four regions of SQLite, for a log of 64 MiB.
const INDEX: u64 = 128 << 10;

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

/// Allocates the index of the log, so that a disk that fills up later cannot leave a hole in it.
pub(crate) fn allocate_index(path: &Path) {
    #[cfg(target_os = "linux")]
    if let Ok(index) = File::options().write(true).open(suffixed(path, "-shm")) {
        // A file system without the call keeps the file as SQLite made it.
        let _ = rustix::fs::fallocate(&index, rustix::fs::FallocateFlags::empty(), 0, INDEX);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (path, INDEX, suffixed);
}

/// Tells whether another process has allocated the index of the log.
fn has_index(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(suffixed(path, "-shm")).is_ok_and(|index| index.blocks().saturating_mul(512) >= INDEX)
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
