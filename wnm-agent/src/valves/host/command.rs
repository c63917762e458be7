//! The hold of the command `wnm hold`: a file beside the database.
//!
//! A file and not a row: a hold must be possible while the database is busy, damaged or full.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use wnm_core::{Hold, HoldSource, Settings, Timestamp};
use wnm_store::draft;

use super::super::{ReadHold, Reading};
use super::file::{Content, read_bounded};

/// The file of a hold by command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandHold {
    path: PathBuf,
}

/// The file of the hold cannot be changed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {}: {source}", path.display())]
pub struct CommandHoldError {
    operation: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl CommandHold {
    /// Returns the hold of the colony of a database.
    #[must_use]
    pub fn of(database: &Path) -> Self {
        Self { path: beside(database, ".hold") }
    }

    /// Stores a hold, in place of an earlier one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set(&self, hold: &Hold) -> Result<(), CommandHoldError> {
        let failed = |source| CommandHoldError { operation: "write", path: self.path.clone(), source };
        let text = serde_json::to_vec(hold).map_err(|error| failed(error.into()))?;
        draft::replace(&self.path, &text).map_err(failed)
    }

    /// Ends the hold; returns whether there was one.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn end(&self) -> Result<bool, CommandHoldError> {
        match std::fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(CommandHoldError { operation: "remove", path: self.path.clone(), source }),
        }
    }
}

impl ReadHold for CommandHold {
    fn source(&self) -> HoldSource {
        HoldSource::Command
    }

    fn read(&mut self, _: &Settings, _: Timestamp) -> Reading {
        let unreadable = |problem: String| {
            // The file exists, so that an operator asked for a hold, whatever its content.
            let reason = "its file cannot be read".to_owned();
            let hold = Hold { source: HoldSource::Command, reason, since: None, until: None, drain: false };
            Reading { hold: Some(hold), problem: Some(format!("{}: {problem}", self.path.display())) }
        };
        match read_bounded(&self.path) {
            Ok(Content::Missing) => Reading::default(),
            Ok(Content::Unusual(kind)) => unreadable(format!("is {kind}")),
            Ok(Content::Text(text)) => match serde_json::from_str(&text) {
                Ok(hold) => Reading { hold: Some(hold), problem: None },
                Err(error) => unreadable(error.to_string()),
            },
            Err(error) => unreadable(error.to_string()),
        }
    }
}

/// Returns the path of a file beside the database, such as `wnm.db.hold`.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let path = database.canonicalize().unwrap_or_else(|_| database.to_path_buf());
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
