//! One writer at a time: a lock that the kernel frees when its holder ends, however it ends.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use wnm_core::Timestamp;

use crate::file::{beside, resolved};

/// The right to change a colony, held until it is dropped or the process ends.
///
/// It is an `flock` on a file beside the database. The file is never removed, and says nothing by being there.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

/// Who holds a lock, for people only: the lock itself is the kernel's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process number.
    pub pid: u32,
    /// Since when it holds the lock, on the wall clock.
    pub since: Timestamp,
    /// When the process started, in the kernel's ticks since boot; None where the system does not say.
    pub start: Option<u64>,
    /// The name of the host's run; None where the system does not say.
    pub boot: Option<String>,
}

/// Why the lock was not to be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else holds it.
    #[error("expected the lock {path} to be free, found it held by {}: wait until that has ended", name(.holder.as_ref()))]
    Held {
        /// The lock.
        path: PathBuf,
        /// Who holds it; None when that cannot be told.
        holder: Option<Holder>,
    },
    /// Its file cannot be used.
    #[error("expected to lock {path}, found: {source}")]
    Unusable {
        /// The lock.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

fn name(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "another process".to_owned(), |holder| format!("process {}", holder.pid))
}

/// Time between two tries.
const POLL: Duration = Duration::from_millis(20);

impl Lock {
    /// Takes the lock of the database at `database`, which need not exist yet; its folder is made where it is absent.
    ///
    /// Tries once, and then again and again until `wait` has passed.
    ///
    /// # Errors
    /// Somebody else holds it all that time, or its file cannot be used.
    pub fn acquire(database: &Path, wait: Duration) -> Result<Self, LockError> {
        let database = resolved(database);
        let path = beside(&database, "lock");
        let unusable = |source| LockError::Unusable { path: path.clone(), source };
        fs::create_dir_all(crate::file::folder(&path)).map_err(unusable)?;
        // Opened as close-on-exec, as everything in Rust's library is: nodes do not inherit it.
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(unusable)?;
        let begun = Instant::now();
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    let left = wait.saturating_sub(begun.elapsed());
                    if left.is_zero() {
                        return Err(LockError::Held { holder: read_holder(&mut file), path });
                    }
                    std::thread::sleep(POLL.min(left));
                }
                Err(error) => return Err(unusable(error.into())),
            }
        }
        let mut lock = Self { file, path };
        // Who holds it is for people: a full disk is no reason to do without the lock.
        let _ = lock.write_holder();
        Ok(lock)
    }

    /// Tells whether the lock of a database could be had, without taking it.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub fn look(database: &Path) -> Result<(), LockError> {
        let path = beside(&resolved(database), "lock");
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(LockError::Unusable { path, source }),
        };
        // Shared, and only for this moment.
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(()),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(LockError::Held { holder: read_holder(&mut file), path }),
            Err(error) => Err(LockError::Unusable { path, source: error.into() }),
        }
    }

    /// Returns the path of the lock's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write_holder(&mut self) -> std::io::Result<()> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let holder = Holder {
            pid: std::process::id(),
            since: Timestamp::from_millis(0).after(since),
            start: own_start(),
            boot: fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|text| text.trim().to_owned()),
        };
        let text = serde_json::to_string(&holder)?;
        self.file.set_len(0)?;
        self.file.rewind()?;
        writeln!(self.file, "{text}")
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file frees the lock; whoever looks into it finds nobody.
        let _ = self.file.set_len(0);
    }
}

fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// Returns when this process started, in the kernel's ticks since boot; None where there is no `/proc`.
fn own_start() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name, in parentheses, may hold anything; the start is the 20th field after it.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}
