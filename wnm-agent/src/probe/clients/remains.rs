//! The scratch folders of processes that were killed, with the clients that run on and the files that they write.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use wnm_core::probe::ProbeRun;
use wnm_platform::probe::end_leftovers;

use super::cut;

/// The begin of the name of the scratch folder of a command.
const COMMAND: &str = "now-";
/// The age from which a folder without an owner is a remain. A process owns its folder a moment after it made it.
const YOUNGEST: Duration = Duration::from_secs(10);

/// Makes a process the owner of its scratch folder, until it drops the result or ends.
///
/// # Errors
/// The folder cannot be opened, or has an owner.
pub(super) fn own(scratch: &Path) -> io::Result<OwnedFd> {
    let folder = open(scratch, OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    flock(&folder, FlockOperation::NonBlockingLockExclusive)?;
    Ok(folder)
}

/// Kills the clients of a scratch folder.
pub(in crate::probe) fn end_clients(scratch: &Path) {
    // Clients have the mark of the folder behind all links.
    if let Ok(scratch) = scratch.canonicalize() {
        end_leftovers(&scratch);
    }
}

/// Kills the clients of a scratch folder, removes it, and returns the runs that were cut.
///
/// # Errors
/// The folder cannot be removed.
pub(super) fn clear(scratch: &Path) -> io::Result<Vec<ProbeRun>> {
    end_clients(scratch);
    let cut = cut::left(scratch);
    match fs::remove_dir_all(scratch) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(cut),
    }
}

/// Clears the scratch folders of commands that were killed, in the folder of the probes. Returns the runs that were cut.
pub fn clear_commands(probes: &Path) -> Vec<ProbeRun> {
    let entries = fs::read_dir(probes).into_iter().flatten().flatten();
    let of_commands = entries.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(COMMAND)));
    let mut cut = Vec::new();
    for scratch in of_commands.map(|entry| entry.path()) {
        let made = fs::symlink_metadata(&scratch).and_then(|facts| facts.modified());
        let is_young = made.ok().and_then(|made| made.elapsed().ok()).is_none_or(|age| age < YOUNGEST);
        if is_young {
            continue;
        }
        let Ok(_owner) = own(&scratch) else { continue };
        match clear(&scratch) {
            Ok(runs) => cut.extend(runs),
            Err(error) => tracing::warn!(path = %scratch.display(), %error, "cannot remove the folder of a probe"),
        }
    }
    cut
}
