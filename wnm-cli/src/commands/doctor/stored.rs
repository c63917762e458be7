//! The database, its lock, and the lock file of the Python wnm.

use std::path::Path;
use std::time::Duration;

use wnm_core::RawSettings;
use wnm_platform::places;
use wnm_store::{Lock, LockError, Snapshot, Store, StoreError};

use super::{Check, counted};
use crate::commands::status;
use crate::error::CliError;
use crate::render::daemon::Unreachable;
use crate::render::duration;

/// Checks the database, and returns its settings and the colony; None if no readable database exists.
pub(super) fn database(db: &Path, checks: &mut Vec<Check>) -> (RawSettings, Option<Snapshot>) {
    const CHECK: &str = "database";
    let read = Store::open_read_only(db).and_then(|store| Ok((store.settings()?, store.snapshot()?, store.check()?)));
    match read {
        Ok((settings, snapshot, problems)) => {
            let nodes = counted(snapshot.nodes.len(), "node", "nodes");
            checks.push(match problems.as_slice() {
                [] => Check::ok(CHECK, format!("{}, {nodes}", db.display())),
                [first, more @ ..] => {
                    let more =
                        if more.is_empty() { String::new() } else { format!(" (and {} more problems)", more.len()) };
                    let hint = format!("copy {} before any repair, then run `wnm db restore BACKUP`", db.display());
                    Check::error(CHECK, format!("{}: {first}{more}", db.display()), hint)
                }
            });
            (settings, Some(snapshot))
        }
        Err(StoreError::NotInitialised { path }) => {
            let message = format!("no database at {}", path.display());
            checks.push(Check::warning(CHECK, message, "run `wnm init --rewards-address 0x…`"));
            (RawSettings::default(), None)
        }
        Err(error) => {
            let error = CliError::from(error);
            let hint = error.hint().unwrap_or_else(|| "restore a backup with `wnm db restore BACKUP`".to_owned());
            checks.push(Check::error(CHECK, error.to_string(), hint));
            (RawSettings::default(), None)
        }
    }
}

/// Checks whether the lock can be taken. Does not create the lock file or its folder.
pub(super) fn lock(db: &Path) -> Check {
    const CHECK: &str = "lock";
    const HINT: &str = "make the folder of the database writable, or run wnm as the user that owns it";
    let folder = std::path::absolute(db).ok().and_then(|db| Some(db.parent()?.to_owned()));
    match Lock::check(db) {
        Ok(()) => match places::unwritable(folder.as_slice()) {
            None => Check::ok(CHECK, "free"),
            Some(folder) => Check::error(CHECK, format!("{} is not writable", folder.display()), HINT),
        },
        // A daemon holds it for the time of a cycle.
        Err(error @ LockError::Held { .. }) => Check::ok(CHECK, error.to_string()),
        Err(error) => Check::error(CHECK, error.to_string(), error.hint()),
    }
}

/// Reports a running daemon that cannot be asked; None otherwise.
pub(super) fn daemon(db: &Path) -> Option<Check> {
    let Unreachable { holder, problem, hint } = status::unreachable_daemon(db)?;
    let pid = holder.map_or_else(String::new, |holder| format!(" (PID {})", holder.pid));
    Some(Check::warning("daemon", format!("{problem}{pid}"), hint))
}

/// The file that the Python wnm creates while it runs, and leaves behind when it is killed.
const PYTHON_LOCK: &str = "wnm_active";
/// Age from which the file is stale: a run of the Python wnm takes seconds.
const STALE_LOCK: Duration = Duration::from_secs(600);

/// Reports a lock file of the Python wnm beside the database; None without one. That lock does not stop this wnm.
pub(super) fn lock_of_python_wnm(db: &Path) -> Option<Check> {
    const CHECK: &str = "python_lock";
    let folder = db.parent()?;
    let mut places = [folder.join(PYTHON_LOCK), folder.join("node").join(PYTHON_LOCK)].into_iter();
    let (path, modified) = places.find_map(|path| path.metadata().ok()?.modified().ok().map(|at| (path, at)))?;
    let age = modified.elapsed().unwrap_or_default();
    let path = path.display();
    Some(if age < STALE_LOCK {
        let message = format!("the Python wnm ran {} ago ({path})", duration(age));
        Check::error(
            CHECK,
            message,
            "remove it from the crontab: two managers of the same nodes work against each other",
        )
    } else {
        let message = format!("the Python wnm left {path} {} ago", duration(age));
        Check::warning(CHECK, message, format!("rm '{path}'"))
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::SystemTime;

    use super::*;
    use crate::commands::doctor::Level;

    #[test]
    fn lock_of_python_wnm_is_an_error_while_it_is_fresh() {
        let folder = tempfile::tempdir().unwrap();
        let db = folder.path().join("wnm.db");
        assert_eq!(lock_of_python_wnm(&db), None);
        fs::create_dir(folder.path().join("node")).unwrap();
        for (place, age, level, message) in [
            ("node/wnm_active", 60, Level::Error, "the Python wnm ran 1min ago ("),
            ("wnm_active", 7200, Level::Warning, "the Python wnm left "),
        ] {
            let file = File::create(folder.path().join(place)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
            let check = lock_of_python_wnm(&db).unwrap();
            assert_eq!(check.level, level, "{place}");
            assert!(check.message.starts_with(message) && check.message.contains(place), "{}", check.message);
        }
    }

    #[test]
    fn checking_the_lock_creates_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let db = folder.path().join("not/yet/wnm.db");
        assert_eq!(lock(&db), Check::ok("lock", "free"));
        assert!(!folder.path().join("not").exists());
        let held = Lock::acquire(&db, Duration::ZERO).unwrap();
        assert!(lock(&db).message.contains(&std::process::id().to_string()));
        drop(held);
        assert_eq!(lock(&db), Check::ok("lock", "free"));
    }
}
