//! One writer at a time: a lock that the kernel releases when its holder ends, even by a crash.

use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use serde::{Deserialize, Serialize};
use wnm_core::Timestamp;

use crate::error::typed;
use crate::file::{Owner, beside, other_owner, resolved};

/// The right to change a colony, until it is dropped or the process ends.
///
/// The lock is an `flock` on a file beside the database. The file is never removed: a process that waits for the lock has
/// the file open, and would lock a file that another process no longer finds.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// The holder of a lock, for messages only. The lock itself is in the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process ID.
    pub pid: u32,
    /// The time at which the process took the lock, by the wall clock.
    pub since: Timestamp,
}

/// A failure to take the lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds the lock.
    #[error("another wnm{} is running", pid(.holder.as_ref()))]
    Held {
        /// The path of the lock file.
        path: PathBuf,
        /// The holder; None when the file does not name it.
        holder: Option<Holder>,
    },
    /// The database or its lock file belongs to another user than root and that of this process.
    #[error("cannot lock {path}: it belongs to user {owner}")]
    OtherOwner {
        /// The path of the database, or of the lock file.
        path: PathBuf,
        /// The path of the database.
        database: PathBuf,
        /// The owner.
        owner: Owner,
    },
    /// The lock file cannot be created, opened or locked.
    #[error("cannot lock {path}: {source}")]
    Unusable {
        /// The path of the lock file.
        path: PathBuf,
        /// The path of the database.
        database: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
}

impl LockError {
    /// Returns how the operator can fix the cause.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Held { .. } => "wait for it, or see `wnm status`".to_owned(),
            Self::OtherOwner { database, owner, .. } => {
                format!("run wnm as {owner}, as in `{}`", owner.command(database, "status"))
            }
            Self::Unusable { path, database, .. } => {
                let owner = |path: &Path| fs::symlink_metadata(path).ok().as_ref().map(MetadataExt::uid);
                // `sudo wnm` of an earlier release left the file beside the database of a user.
                if owner(path) == Some(0) && owner(database).is_some_and(|user| user != 0) {
                    format!("run `sudo rm {}` when no wnm runs", typed(path))
                } else {
                    "run wnm as the owner of the database, or make its folder writable".to_owned()
                }
            }
        }
    }
}

fn pid(holder: Option<&Holder>) -> String {
    holder.map_or_else(String::new, |holder| format!(" (PID {})", holder.pid))
}

/// The extension of the file that a daemon locks.
const DAEMON: &str = "daemon";

/// The time between two attempts. A daemon frees the lock for 100 ms between two cycles, which leaves a waiting command
/// five of them.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

impl Lock {
    /// Takes the lock of the database at `database`, which need not exist yet. Creates its folder if necessary.
    ///
    /// Retries until `wait` has passed; with a `wait` of zero, tries once.
    ///
    /// # Errors
    /// The database belongs to another user, whom a lock file of this one would shut out. Or another process holds the lock for all of that time, or the lock file cannot be used.
    pub fn acquire(database: &Path, wait: Duration) -> Result<Self, LockError> {
        Self::acquire_at(database, "lock", wait)
    }

    /// Takes the lock that a daemon of a database holds from its start to its end, so that another command finds the
    /// daemon between two cycles. At most one daemon runs for a database.
    ///
    /// # Errors
    /// As for [`acquire`](Self::acquire).
    pub fn acquire_for_daemon(database: &Path, wait: Duration) -> Result<Self, LockError> {
        Self::acquire_at(database, DAEMON, wait)
    }

    /// Checks that no daemon of a database runs.
    ///
    /// # Errors
    /// A daemon runs, or the lock file cannot be used.
    pub fn check_daemon(database: &Path) -> Result<(), LockError> {
        Self::check_at(database, DAEMON)
    }

    fn acquire_at(database: &Path, extension: &str, wait: Duration) -> Result<Self, LockError> {
        let database = resolved(database);
        let path = beside(&database, extension);
        let unusable = |source| LockError::Unusable { path: path.clone(), database: database.clone(), source };
        check_owners(&database, &path)?;
        fs::create_dir_all(crate::file::folder(&path)).map_err(unusable)?;
        let mut file = open(&path).map_err(unusable)?;
        let begun = Instant::now();
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if is_at(&file, &path) => break,
                // The file was removed or replaced: the lock on the old one excludes no later process.
                Ok(()) => file = open(&path).map_err(unusable)?,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    let left = wait.saturating_sub(begun.elapsed());
                    if left.is_zero() {
                        return Err(LockError::Held { holder: read_holder(&mut file), path });
                    }
                    std::thread::sleep(RETRY_INTERVAL.min(left));
                }
                Err(error) => return Err(unusable(error.into())),
            }
        }
        let mut lock = Self { file };
        // The holder is only for messages: a full disk must not prevent the lock.
        let _ = lock.write_holder();
        Ok(lock)
    }

    /// Checks whether the lock of a database is free, without keeping it and without creating its file.
    ///
    /// # Errors
    /// Another process holds the lock, or the lock file cannot be used.
    pub fn check(database: &Path) -> Result<(), LockError> {
        Self::check_at(database, "lock")
    }

    /// Checks that neither a database nor its lock file belongs to another user.
    ///
    /// # Errors
    /// One of them does.
    pub fn check_owner(database: &Path) -> Result<(), LockError> {
        let database = resolved(database);
        check_owners(&database, &beside(&database, "lock"))
    }

    fn check_at(database: &Path, extension: &str) -> Result<(), LockError> {
        let database = resolved(database);
        let path = beside(&database, extension);
        check_owners(&database, &path)?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mut file = match rustix::fs::open(&path, flags, Mode::empty()).map_err(std::io::Error::from) {
            Ok(file) => File::from(file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(LockError::Unusable { path, database, source }),
        };
        // Shared, so that two checks at once do not report each other.
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(()),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(LockError::Held { holder: read_holder(&mut file), path }),
            Err(error) => Err(LockError::Unusable { path, database, source: error.into() }),
        }
    }

    fn write_holder(&mut self) -> std::io::Result<()> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let holder = Holder { pid: std::process::id(), since: Timestamp::from_millis(0).after(since) };
        let text = serde_json::to_string(&holder)?;
        self.file.set_len(0)?;
        self.file.rewind()?;
        writeln!(self.file, "{text}")
    }
}

/// Checks that neither the database nor its lock file belongs to another user. A file that is missing is no obstacle.
fn check_owners(database: &Path, lock: &Path) -> Result<(), LockError> {
    for path in [database, lock] {
        if let Some(owner) = fs::symlink_metadata(path).ok().and_then(|facts| other_owner(&facts)) {
            return Err(LockError::OtherOwner { path: path.to_owned(), database: database.to_owned(), owner });
        }
    }
    Ok(())
}

/// Opens the lock file, and creates it where it is missing. Only its owner may lock it: another user could hold the lock
/// for ever. A link is refused, and a FIFO does not block.
fn open(path: &Path) -> std::io::Result<File> {
    // O_CLOEXEC: a node must not inherit the file, and with it the lock.
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?);
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok(file)
}

/// Tells whether an open file is the one at a path.
fn is_at(file: &File, path: &Path) -> bool {
    let identity = |facts: &fs::Metadata| (facts.dev(), facts.ino());
    matches!((file.metadata(), fs::symlink_metadata(path)), (Ok(open), Ok(there)) if identity(&open) == identity(&there))
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Without its content, the next reader sees no holder that has ended.
        let _ = self.file.set_len(0);
        // Closing the file is not enough: a process that hangs between fork and exec, because its program is on a file
        // system that does not answer, has the file open too.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// Reads the holder. A process signals it, so that a file of another user does not count.
fn read_holder(file: &mut File) -> Option<Holder> {
    use std::os::unix::fs::MetadataExt as _;
    let owner = file.metadata().ok()?.uid();
    if ![0, rustix::process::geteuid().as_raw()].contains(&owner) {
        return None;
    }
    let mut text = String::new();
    file.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
