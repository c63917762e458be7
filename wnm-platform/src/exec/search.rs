//! The folders in which programs are found by their names.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::Access;

use crate::files;
use crate::guarded::others_can_write;

/// Returns the `PATH` for programs that wnm runs; None without one.
///
/// For root these are the folders in which no other user can put a program: `sudo env PATH=$PATH wnm` would otherwise run
/// programs from the home folder of that user as root. The folders are read once.
pub(crate) fn path() -> Option<&'static OsStr> {
    static PATH: OnceLock<Option<OsString>> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = env::var_os("PATH")?;
        if rustix::process::geteuid().is_root() { env::join_paths(safe(&path)).ok() } else { Some(path) }
    })
    .as_deref()
}

/// Tells whether `PATH` contains an executable with this name.
#[must_use]
pub fn is_in_path(program: impl AsRef<OsStr>) -> bool {
    let program = program.as_ref();
    let is_executable = |path: PathBuf| files::is_file(&path) && files::is_accessible(&path, Access::EXEC_OK);
    path().is_some_and(|path| env::split_paths(path).any(|folder| is_executable(folder.join(program))))
}

/// Returns the folders of a `PATH` that no other user can write or exchange, without links on their way.
fn safe(path: &OsStr) -> Vec<PathBuf> {
    let folders = env::split_paths(path).filter(|folder| folder.is_absolute());
    let real = folders.filter_map(|folder| files::canonicalize(folder).ok());
    let (safe, others): (Vec<PathBuf>, Vec<PathBuf>) = real.partition(|folder| is_safe(folder));
    for folder in others {
        tracing::info!(folder = %folder.display(), "root runs no program of this folder in PATH: another user can write it");
    }
    safe
}

fn is_safe(folder: &Path) -> bool {
    // In a user namespace the root of the host is another user, who owns the root folder.
    let of_host = files::symlink_metadata("/").map_or(0, |root| root.uid());
    let own = [0, rustix::process::geteuid().as_raw(), of_host];
    folder.ancestors().all(|at| {
        let Ok(facts) = files::symlink_metadata(at) else { return false };
        // In a folder with the sticky bit, such as /tmp, any user can add an entry, but not exchange one.
        let is_kept = at != folder && facts.mode() & 0o1000 != 0;
        own.contains(&facts.uid()) && (is_kept || !others_can_write(facts.mode(), facts.gid()))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn folders_that_other_users_can_write_are_left_out() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        for (name, mode) in [("own", 0o755), ("shared", 0o777), ("sticky", 0o1777), ("shared/own", 0o755)] {
            fs::create_dir(root.join(name)).unwrap();
            fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::create_dir(root.join("sticky/own")).unwrap();
        symlink(root.join("own"), root.join("shared/link")).unwrap();
        let below = |name: &str| root.join(name);
        for (folder, found) in [
            (below("own"), Some("own")),
            (below("sticky/own"), Some("sticky/own")),
            // Resolved, so that another user changes nothing with another link.
            (below("shared/link"), Some("own")),
            (below("shared"), None),
            (below("shared/own"), None),
            (below("sticky"), None),
            (below("missing"), None),
            (PathBuf::new(), None),
            (".".into(), None),
        ] {
            let path = env::join_paths([&folder]).unwrap();
            assert_eq!(safe(&path), found.map(below).into_iter().collect::<Vec<_>>(), "{}", folder.display());
        }
    }

    #[test]
    fn programs_get_the_path() {
        let printed = crate::exec::Exec::real().run(&crate::exec::Call::new("sh").args(["-c", "printf %s \"$PATH\""]));
        assert_eq!(printed.unwrap().text(), path().unwrap().to_str().unwrap());
    }
}
