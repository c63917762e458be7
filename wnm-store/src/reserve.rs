//! A file that is given up when the disk is full, so that what ends can still be written down.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::file::{beside, folder};

/// Bytes held in reserve.
const SIZE: usize = 1 << 20;
/// Bytes that must be free before as many are held in reserve again.
const ROOM: u64 = 16 * SIZE as u64;

fn place(path: &Path) -> PathBuf {
    beside(path, "reserve")
}

/// Makes the reserve of a database if it is not there and there is room. What fails is tried again later.
pub(crate) fn hold(path: &Path) {
    let place = place(path);
    if fs::metadata(&place).is_ok_and(|file| file.len() == SIZE as u64) {
        return;
    }
    let free = rustix::fs::statvfs(folder(path)).map_or(0, |volume| volume.f_bavail.saturating_mul(volume.f_frsize));
    if free < ROOM {
        return;
    }
    if File::create(&place).and_then(|mut file| file.write_all(&noise()).and_then(|()| file.sync_all())).is_err() {
        let _ = fs::remove_file(&place);
    }
}

/// Gives the reserve up; tells whether there was one.
pub(crate) fn release(path: &Path) -> bool {
    fs::remove_file(place(path)).is_ok()
}

/// Returns bytes that no file system stores as less than they are.
fn noise() -> Vec<u8> {
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
