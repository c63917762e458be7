//! Errors of SQLite, before the path of the database is attached.

use std::path::Path;
use std::time::Duration;

use rusqlite::{ErrorCode, ffi};

use super::{Content, StoreError};
use crate::record::{Corruption, Record};

/// The time for which SQLite retries while another program writes. A backup program that copies the file takes less.
pub(crate) const BUSY_WAIT: Duration = Duration::from_secs(5);

/// An error inside this crate, before the path of the database is attached.
#[derive(Debug)]
pub(crate) enum DbError {
    /// An error of SQLite, still without the path.
    Sqlite(rusqlite::Error),
    /// A complete error.
    Store(StoreError),
}

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for DbError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<rusqlite_migration::Error> for DbError {
    fn from(error: rusqlite_migration::Error) -> Self {
        match error {
            rusqlite_migration::Error::RusqliteError { err, .. } => Self::Sqlite(err),
            other => Self::Store(StoreError::Corrupt {
                record: Record::Schema,
                cause: Corruption::Migration(Box::new(other)),
            }),
        }
    }
}

impl DbError {
    /// Tells whether the disk is full.
    pub(crate) fn is_full(&self) -> bool {
        let Self::Sqlite(error) = self else { return false };
        let code = error.sqlite_error();
        // SQLite extends the `-shm` file by truncation, and reports a full disk there as an I/O error of its own.
        code.is_some_and(|e| e.code == ErrorCode::DiskFull || e.extended_code == ffi::SQLITE_IOERR_SHMSIZE)
    }

    /// Tells whether SQLite could not open the database or a file beside it.
    pub(crate) fn is_cannot_open(&self) -> bool {
        let Self::Sqlite(error) = self else { return false };
        matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
    }

    /// Returns the error with the path of the database.
    pub(crate) fn at(self, path: &Path) -> StoreError {
        let path = path.to_path_buf();
        let is_full = self.is_full();
        let source = match self {
            Self::Store(error) => return error,
            Self::Sqlite(_) if is_full => return StoreError::Full { path },
            // A column of another type than that of its table; or a constant statement that does not fit the tables, as of a
            // migration after the version was damaged.
            Self::Sqlite(
                source @ (rusqlite::Error::SqlInputError { .. }
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::Utf8Error(..)),
            ) => return StoreError::Damaged { path, details: source.to_string() },
            Self::Sqlite(source) => source,
        };
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { path, waited: BUSY_WAIT },
            Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { path },
            Some(ErrorCode::CannotOpen) => StoreError::CannotOpen { path },
            Some(ErrorCode::NotADatabase) => StoreError::NotADatabase { path, content: Content::DamagedHeader },
            // All statements are constant: an unknown table or format is a damaged one.
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::Unknown | ErrorCode::TypeMismatch) => {
                StoreError::Damaged { path, details: source.to_string() }
            }
            _ => StoreError::Sqlite { path, source },
        }
    }
}
