//! What is remembered: the database, its lock, and what the Python wnm left beside them.

use std::path::Path;
use std::time::Duration;

use wnm_core::RawSettings;
use wnm_platform::places;
use wnm_store::{Lock, LockError, Snapshot, Store, StoreError};

use super::Check;
use crate::render::span;

/// Returns the settings and what is known of the colony; nothing where there is no database that can be read.
pub(super) fn database(db: &Path, checks: &mut Vec<Check>) -> (RawSettings, Option<Snapshot>) {
    let read = Store::open_read_only(db).and_then(|store| Ok((store.settings()?, store.snapshot()?, store.check()?)));
    match read {
        Ok((settings, snapshot, problems)) => {
            checks.push(match problems.first() {
                None => Check::fine("database", format!("{}, {} nodes", db.display(), snapshot.nodes.len())),
                Some(problem) => Check::wrong(
                    "database",
                    problem.clone(),
                    format!("keep a copy of {} before anything else", db.display()),
                ),
            });
            (settings, Some(snapshot))
        }
        Err(StoreError::NotInitialised { path }) => {
            let found = format!("none at {}", path.display());
            checks.push(Check::wrong("database", found, "wnm init --rewards-address 0x…"));
            (RawSettings::default(), None)
        }
        Err(error) => {
            checks.push(Check::wrong("database", error.to_string(), "restore a copy, or ask for help with this text"));
            (RawSettings::default(), None)
        }
    }
}

pub(super) fn lock(db: &Path) -> Check {
    let folder = std::path::absolute(db).ok().and_then(|db| Some(db.parent()?.to_owned()));
    match Lock::look(db) {
        Ok(()) => match places::unwritable(folder.as_slice()) {
            None => Check::fine("lock", "free"),
            Some(folder) => Check::wrong(
                "lock",
                format!("nothing can be written in {}", folder.display()),
                "make that folder writable, or run wnm as the user who owns it",
            ),
        },
        Err(error @ LockError::Held { .. }) => Check::fine("lock", error.to_string()),
        Err(error) => Check::wrong("lock", error.to_string(), "make the folder of the database writable"),
    }
}

/// The file that the Python wnm makes while it runs, and leaves behind when it is killed.
const PYTHON_LOCK: &str = "wnm_active";
/// Age from which on it is left over: a run takes seconds.
const LEFT_OVER: Duration = Duration::from_secs(600);

/// Tells whether the Python wnm runs, or was cut short, beside this database. Its lock keeps nobody else out.
pub(super) fn lock_of_python_wnm(db: &Path) -> Option<Check> {
    let folder = db.parent()?;
    let mut places = [folder.join(PYTHON_LOCK), folder.join("node").join(PYTHON_LOCK)].into_iter();
    let (path, modified) = places.find_map(|path| path.metadata().ok()?.modified().ok().map(|at| (path, at)))?;
    let age = modified.elapsed().unwrap_or_default();
    let found = format!("{} of the Python wnm is {} old", path.display(), span(age));
    Some(if age < LEFT_OVER {
        Check::wrong("old lock", found, "it may act on the same nodes now: take it out of the crontab")
    } else {
        Check::doubtful("old lock", found, format!("left over and without meaning here: rm '{}'", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::SystemTime;

    use super::*;
    use crate::commands::doctor::Health;

    #[test]
    fn a_lock_of_the_python_wnm_is_young_or_left_over() {
        let folder = tempfile::tempdir().unwrap();
        let db = folder.path().join("wnm.db");
        assert_eq!(lock_of_python_wnm(&db), None);
        fs::create_dir(folder.path().join("node")).unwrap();
        for (place, age, health, found) in
            [("node/wnm_active", 60, Health::Wrong, "is 1m old"), ("wnm_active", 7200, Health::Doubtful, "is 2h old")]
        {
            let file = File::create(folder.path().join(place)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
            let check = lock_of_python_wnm(&db).unwrap();
            assert_eq!(check.health, health, "{place}");
            assert!(check.found.contains(found) && check.found.contains(place), "{}", check.found);
        }
    }

    #[test]
    fn looking_at_the_lock_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let db = folder.path().join("not/yet/wnm.db");
        assert_eq!(lock(&db), Check::fine("lock", "free"));
        assert!(!folder.path().join("not").exists());
        let held = Lock::acquire(&db, Duration::ZERO).unwrap();
        assert!(lock(&db).found.contains(&format!("process {}", std::process::id())));
        drop(held);
        assert_eq!(lock(&db), Check::fine("lock", "free"));
    }
}
