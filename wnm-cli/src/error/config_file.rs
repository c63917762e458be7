//! Errors of the config file, each with its line.

use std::fmt;
use std::io;
use std::path::PathBuf;

use wnm_core::Problem;

/// A config file that cannot be used.
#[derive(Debug)]
pub(crate) struct ConfigFileError {
    pub(crate) path: PathBuf,
    pub(crate) cause: ConfigFileCause,
}

/// The reason why a config file cannot be used.
#[derive(Debug)]
pub(crate) enum ConfigFileCause {
    /// The system refuses to read the file.
    Unreadable(io::Error),
    /// The file is longer than this number of bytes.
    TooLong(u64),
    /// A line is not UTF-8.
    NotUtf8 { line: usize },
    /// The file is not TOML; the line is None where the parser names none.
    Syntax { line: Option<usize>, message: String },
    /// Settings in the file cannot be used.
    Entries(Vec<EntryError>),
}

/// An entry of a config file that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EntryError {
    pub(crate) line: usize,
    pub(crate) cause: EntryCause,
}

/// The reason why an entry cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EntryCause {
    /// The value, or the name, is invalid.
    Setting(Problem),
    /// An earlier line sets the same setting.
    Duplicate { key: String },
    /// The type of TOML has no text form, such as a table.
    Type { key: String, found: &'static str },
}

impl fmt::Display for ConfigFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.cause {
            ConfigFileCause::Unreadable(source) => write!(f, "cannot read config file {path}: {source}"),
            ConfigFileCause::TooLong(limit) => {
                write!(f, "cannot read config file {path}: longer than {} MiB", limit / (1024 * 1024))
            }
            ConfigFileCause::NotUtf8 { line } => write!(f, "cannot read config file {path}: line {line} is not UTF-8"),
            ConfigFileCause::Syntax { line: Some(line), message } => {
                write!(f, "cannot read config file {path}: line {line}: invalid TOML: {message}")
            }
            ConfigFileCause::Syntax { line: None, message } => {
                write!(f, "cannot read config file {path}: invalid TOML: {message}")
            }
            ConfigFileCause::Entries(entries) => {
                let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
                write!(f, "cannot use config file {path}: {}", entries.join("\n  "))
            }
        }
    }
}

impl std::error::Error for ConfigFileError {}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.cause {
            EntryCause::Setting(problem) => problem.fmt(f),
            EntryCause::Duplicate { key } => write!(f, "{key} is set twice"),
            EntryCause::Type { key, found } => write!(f, "invalid value for {key}: a {found} is not allowed"),
        }
    }
}
