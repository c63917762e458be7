//! What can go wrong with the database: expected, found, and what mends it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{ErrorCode, ffi};
use wnm_core::NodeId;

/// Why something could not be read or remembered.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no database.
    #[error("expected a database at {path}, found none: run `wnm init`")]
    NotInitialised {
        /// Where it should be.
        path: PathBuf,
    },
    /// There is a database where one was to be made.
    #[error("expected no database at {path}, found one: it is initialised already")]
    AlreadyInitialised {
        /// Where it is.
        path: PathBuf,
    },
    /// What is there is no database of wnm.
    #[error(
        "expected a database of wnm at {path}, found {found}: \
         name the right file with --db, or move this one away and run `wnm init`"
    )]
    NotADatabase {
        /// Where it is.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// What was to be taken over is no database of the Python wnm.
    #[error(
        "expected a database of the Python wnm at {path}, found {found}: name its colony.db, or a sound copy of it"
    )]
    NotAPythonColony {
        /// Where it should be.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// What was to be taken over is being written, or a write was cut short.
    #[error(
        "expected nothing to write {path}, found unfinished writes in {log}: \
         end the Python wnm and its crontab line, and let it run once to its end if that stays"
    )]
    PythonColonyInUse {
        /// The database.
        path: PathBuf,
        /// Where the writes are.
        log: PathBuf,
    },
    /// A later wnm wrote it.
    #[error(
        "expected a database of version {expected} or less at {path}, found version {found}: \
         install the wnm that wrote it, or a later one"
    )]
    NewerVersion {
        /// Where it is.
        path: PathBuf,
        /// The latest version that is understood.
        expected: u32,
        /// The version it has.
        found: u32,
    },
    /// An earlier wnm wrote it, and it was opened for reading only.
    #[error("expected a database of version {expected} at {path}, found version {found}: run `wnm db migrate`")]
    OlderVersion {
        /// Where it is.
        path: PathBuf,
        /// The version that is understood.
        expected: u32,
        /// The version it has.
        found: u32,
    },
    /// Its pages do not hold together.
    #[error("expected a sound database at {path}, found {found}: restore a copy with `wnm db restore FILE`")]
    Damaged {
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        found: String,
    },
    /// One row cannot be understood; the others can.
    #[error(
        "expected to read {what} from the database: {found}; \
         see `wnm db check`, or restore a copy with `wnm db restore FILE`"
    )]
    Corrupt {
        /// Which row, such as "node 0003".
        what: String,
        /// What is wrong with it.
        found: String,
    },
    /// It may not be written.
    #[error(
        "expected to write to {path}, found it read-only: run as its owner, or make the file and its folder writable"
    )]
    ReadOnly {
        /// Where it is.
        path: PathBuf,
    },
    /// It, or what SQLite keeps beside it, cannot be opened.
    #[error(
        "expected to open {path} and the files beside it, found that SQLite cannot: \
         run as its owner, or make the file and its folder writable"
    )]
    CannotOpen {
        /// Where it is.
        path: PathBuf,
    },
    /// Another program is writing it and does not end.
    #[error(
        "expected {path} to be free within {waited:?}, found it locked: try again when the other program has ended"
    )]
    Busy {
        /// Where it is.
        path: PathBuf,
        /// How long it was waited for.
        waited: Duration,
    },
    /// There is no room to write.
    #[error("expected room to write to {path}, found its disk or cpu_limit full: free some space, then run this again")]
    Full {
        /// Where it is.
        path: PathBuf,
    },
    /// Two nodes cannot have the same.
    #[error("expected {what} to be free, found it given to node {by}")]
    Taken {
        /// What was wanted.
        what: Claim,
        /// Who has it.
        by: NodeId,
    },
    /// No such node is on record.
    #[error("expected node {id} to be on record, found no such node")]
    NoSuchNode {
        /// The node.
        id: NodeId,
    },
    /// Progress was reported of something that does not go on.
    #[error("expected {what} to be under way, found it ended or unknown")]
    NotUnderWay {
        /// What it is, such as "action 12".
        what: String,
    },
    /// There is a file where a copy was to be written.
    #[error("expected no file at {path}, found one: name another file for the copy")]
    CopyExists {
        /// Where it is.
        path: PathBuf,
    },
    /// A value cannot be written as text.
    #[error("expected to write {what} as text, found {found}")]
    Unwritable {
        /// Which value.
        what: String,
        /// What is wrong with it.
        found: String,
    },
    /// A file could not be handled.
    #[error("expected to {doing} {path}, found: {source}")]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Anything else that SQLite says.
    #[error("expected to use the database {path}, found: {source}")]
    Sqlite {
        /// Where it is.
        path: PathBuf,
        /// What it said.
        source: rusqlite::Error,
    },
}

impl StoreError {
    /// Returns what is wrong, for a list of such things, without what mends it.
    pub(crate) fn complaint(&self) -> String {
        match self {
            Self::Corrupt { what, found } => format!("{what}: {found}"),
            other => other.to_string(),
        }
    }
}

/// What only one node can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// A number.
    Number(NodeId),
    /// A port, of whichever use.
    Port(u16),
    /// A name for ever.
    Uuid(String),
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(id) => write!(f, "number {id}"),
            Self::Port(port) => write!(f, "port {port}"),
            Self::Uuid(uuid) => write!(f, "uuid {uuid}"),
        }
    }
}

/// How long SQLite waits for another program's write to end.
pub(crate) const BUSY_WAIT: Duration = Duration::from_secs(5);

/// An error on its way up to where the path of the database is known.
#[derive(Debug)]
pub(crate) enum Fault {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<rusqlite_migration::Error> for Fault {
    fn from(error: rusqlite_migration::Error) -> Self {
        match error {
            rusqlite_migration::Error::RusqliteError { err, .. } => Self::Sqlite(err),
            other => Self::Store(StoreError::Corrupt { what: "the schema".into(), found: other.to_string() }),
        }
    }
}

impl Fault {
    /// Tells whether there was no room to write.
    pub(crate) fn is_full(&self) -> bool {
        let Self::Sqlite(error) = self else { return false };
        let code = error.sqlite_error();
        // The index of the write-ahead log grows by itself, and says so in its own way.
        code.is_some_and(|e| e.code == ErrorCode::DiskFull || e.extended_code == ffi::SQLITE_IOERR_SHMSIZE)
    }

    /// Tells whether SQLite could not open the file, or what belongs to it.
    pub(crate) fn is_cannot_open(&self) -> bool {
        let Self::Sqlite(error) = self else { return false };
        matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
    }

    /// Returns the error with the path of the database in it.
    pub(crate) fn at(self, path: &Path) -> StoreError {
        let path = path.to_path_buf();
        let full = self.is_full();
        let source = match self {
            Self::Store(error) => return error,
            Self::Sqlite(_) if full => return StoreError::Full { path },
            Self::Sqlite(source) => source,
        };
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { path, waited: BUSY_WAIT },
            Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { path },
            Some(ErrorCode::CannotOpen) => StoreError::CannotOpen { path },
            Some(ErrorCode::NotADatabase) => {
                StoreError::NotADatabase { path, found: "a file that is not SQLite's, or a damaged one" }
            }
            Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged { path, found: source.to_string() },
            _ => StoreError::Sqlite { path, source },
        }
    }
}

/// Returns an error of a file, ready for `map_err`.
pub(crate) fn file_error(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_path_buf();
    move |source| match source.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full { path },
        _ => StoreError::File { doing, path, source },
    }
}
