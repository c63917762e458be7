//! The trust in programs of the operator.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use wnm_platform::files;

/// Tells whether wnm may run a program: any one as an ordinary user; as root only one that root alone can write, in
/// folders that root alone can write.
pub(crate) fn is_trusted(path: &Path) -> bool {
    if !rustix::process::geteuid().is_root() {
        return true;
    }
    // A program that does not exist fails at its start, with a better error.
    let Ok(real) = path.canonicalize() else { return !path.exists() };
    // A sticky folder such as /tmp lets other users add files, but not replace those of root.
    let is_safe = |path: &Path| {
        fs::symlink_metadata(path).is_ok_and(|facts| {
            let is_sticky = facts.is_dir() && facts.mode() & 0o1000 != 0;
            files::is_own(&facts) || (facts.uid() == 0 && is_sticky)
        })
    };
    real.ancestors().all(is_safe)
}
