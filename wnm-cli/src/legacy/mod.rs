//! Command lines of the Python wnm, translated before clap parses them, so that no command has to know old flags.
//!
//! ```text
//! wnm --force_action stop --service_name antnode0003     wnm node stop antnode0003
//! wnm --node_cap 50 --dry_run                            wnm run --dry-run --node-cap 50
//! ```
//!
//! A line that names a command is new and stays unchanged. `docs/from-python-wnm.md` lists the translation of each flag.

mod read;
mod write;

pub(crate) use read::is_old_flag;
pub(crate) use write::database;

use std::ffi::OsString;

/// The translation of a command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rewritten {
    /// A command line for this wnm, beginning with the name of the program.
    Line {
        args: Vec<OsString>,
        /// A message for each ignored flag.
        notes: Vec<String>,
    },
    /// The command line has no effect in this wnm.
    Nothing {
        /// The reason, as a message.
        reason: &'static str,
    },
}

/// An error in a command line of the Python wnm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LegacyError {
    #[error("--{flag} needs a value")]
    NoValue { flag: String },
    #[error("invalid value {value:?} for --{flag}: not one of {allowed}")]
    InvalidValue { flag: &'static str, value: String, allowed: &'static str },
    #[error("invalid value {value:?} for --{flag}: not UTF-8")]
    NotUtf8 { flag: &'static str, value: String },
    #[error("--{one} and --{other} cannot be used together")]
    TwoRequests { one: &'static str, other: &'static str },
    #[error("cannot name a new node with --service_name: it gets the lowest free number")]
    NamedAddition,
    #[error("--force_action disable needs --service_name")]
    DisableWithoutNode,
    #[error("--force_action disable_config needs switches without a value, such as --no_upnp")]
    DisableConfigWithoutSwitch,
    #[error("--force_action disable_config cannot turn off {setting}: it is no switch")]
    NotASwitch { setting: String },
    #[error("{command} takes no settings: {settings}")]
    UnusedSettings { command: String, settings: String },
}

impl LegacyError {
    /// Returns how the operator can fix the command line.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::NoValue { flag } if flag == "db" || flag == "config" => {
                format!("write --{flag} FILE; see `wnm --help`")
            }
            Self::NoValue { .. } | Self::InvalidValue { .. } | Self::NotUtf8 { .. } => {
                "see `wnm --help` for the commands that replace these flags".to_owned()
            }
            Self::TwoRequests { .. } => "run wnm once for each of them".to_owned(),
            Self::NamedAddition => "run `wnm node add --count 1`".to_owned(),
            Self::DisableWithoutNode => "run `wnm node disable NODE`, such as antnode0003".to_owned(),
            Self::DisableConfigWithoutSwitch | Self::NotASwitch { .. } => {
                "reset any other setting with `wnm config unset SETTING`".to_owned()
            }
            Self::UnusedSettings { settings, .. } => format!("store them first with `wnm run {settings}`"),
        }
    }
}

/// Translates a command line, which begins with the name of the program. A new one is returned unchanged.
///
/// # Errors
/// A flag of the Python wnm has no value or an invalid one, or the combination of flags has no counterpart.
pub(crate) fn rewrite(args: Vec<OsString>) -> Result<Rewritten, LegacyError> {
    match read::read(&args)? {
        Some(line) => write::write(line),
        None => Ok(Rewritten::Line { args, notes: Vec::new() }),
    }
}

#[cfg(test)]
mod tests;
