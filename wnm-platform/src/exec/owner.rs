//! The users who can replace a program that wnm runs.

use std::path::Path;

use crate::error::PlatformError;
use crate::files;
use crate::guarded;

/// As [`check_owner`], for a program that root runs. An ordinary user may run the programs of other users.
///
/// # Errors
/// As [`check_owner`], and this process is root.
pub fn check_owner_as_root(path: &Path) -> Result<(), PlatformError> {
    if rustix::process::geteuid().is_root() { check_owner(path) } else { Ok(()) }
}

/// Checks that no other user than root and that of wnm can replace a program that wnm runs: neither the file nor its folder.
///
/// # Errors
/// Another user owns or can write one of them. A missing file is left to the run.
pub fn check_owner(path: &Path) -> Result<(), PlatformError> {
    // The file behind a link is the one that runs.
    let Ok(real) = files::canonicalize(path) else { return Ok(()) };
    let untrusted =
        |at: &Path, owner| PlatformError::BinaryUntrusted { path: path.to_owned(), at: at.to_owned(), owner };
    for at in [Some(real.as_path()), real.parent()].into_iter().flatten() {
        let Ok(Some(facts)) = guarded::facts(at) else { continue };
        // In a folder with the sticky bit, such as /tmp, only the owner of a file can exchange it.
        let is_sticky_folder = at != real && facts.st_mode & 0o1000 != 0;
        if !guarded::is_own(&facts) && !is_sticky_folder {
            return Err(untrusted(at, facts.st_uid));
        }
    }
    Ok(())
}
