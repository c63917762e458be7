//! Errors of the config file, each with its line.

use std::fmt;
use std::io;
use std::path::PathBuf;

use wnm_core::{Problem, RawSettings};

use crate::config::hint::{Origin, fix_hint, value_hint};
use crate::render::typed;

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
    /// The file that wnm used is gone.
    Missing,
    /// Another user than root and that of this process can write the file.
    Untrusted { owner: u32 },
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

impl ConfigFileError {
    /// Returns how to correct the first invalid line.
    pub(super) fn hint(&self) -> String {
        let path = self.path.display();
        match &self.cause {
            ConfigFileCause::Unreadable(_) => "name a readable file with --config FILE".to_owned(),
            ConfigFileCause::Missing => "restore the file, or run `wnm config accept`".to_owned(),
            ConfigFileCause::Untrusted { .. } => {
                let path = typed(&self.path);
                format!("run `chown $(id -u) {path} && chmod go-w {path}`, or name another file with --config FILE")
            }
            ConfigFileCause::NotUtf8 { line } | ConfigFileCause::Syntax { line: Some(line), .. } => {
                format!("correct {path}:{line}, or name another file with --config FILE")
            }
            ConfigFileCause::TooLong(_) | ConfigFileCause::Syntax { line: None, .. } => {
                format!("correct {path}, or name another file with --config FILE")
            }
            ConfigFileCause::Entries(entries) => entries.first().map_or_else(String::new, |entry| {
                let origin = Origin::File { path: self.path.clone(), line: Some(entry.line) };
                match &entry.cause {
                    EntryCause::Setting(problem) => value_hint(problem, &origin),
                    EntryCause::Duplicate { .. } => format!("remove {path}:{}", entry.line),
                    EntryCause::Type { key, .. } => RawSettings::setting(key).map_or_else(
                        || "list all settings with `wnm config list`".to_owned(),
                        |setting| fix_hint(setting, setting.facts.example, &origin),
                    ),
                }
            }),
        }
    }
}

impl fmt::Display for ConfigFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.cause {
            ConfigFileCause::Unreadable(source) => write!(f, "cannot read config file {path}: {source}"),
            ConfigFileCause::Missing => write!(f, "cannot read config file {path}: the file was in use and is missing"),
            ConfigFileCause::Untrusted { owner } => {
                write!(f, "cannot use config file {path}: another user can write it (its owner is user {owner})")
            }
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
