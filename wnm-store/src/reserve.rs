//! A file that is deleted when the disk is full, so that the end of running actions can still be recorded.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::file::{beside, folder};

/// The size of the reserve, in bytes. One transaction of a cycle takes well below a mebibyte.
const SIZE: usize = 1 << 20;
/// The free space from which the reserve is created again, in bytes, so that a disk at its limit does not lose it to and
/// fro in every cycle.
const ROOM: u64 = 16 * SIZE as u64;

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
    let free = rustix::fs::statvfs(folder(path)).map_or(0, |volume| volume.f_bavail.saturating_mul(volume.f_frsize));
    if free < ROOM {
        return;
    }
    if File::create(&place)
        .and_then(|mut file| file.write_all(&incompressible()).and_then(|()| file.sync_all()))
        .is_err()
    {
        let _ = fs::remove_file(&place);
    }
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
