//! Command lines of the Python wnm, turned into those of this one before clap sees them: no command knows old flags.
//!
//! ```text
//! wnm --force_action stop --service_name antnode0003     wnm node stop antnode0003
//! wnm --node_cap 50 --dry_run                            wnm run --dry-run --node-cap 50
//! ```
//!
//! A line that names a command is new, and stays as it is. `docs/from-python-wnm.md` lists what each flag became.

mod read;
mod write;

pub(crate) use read::is_old_flag;

use std::ffi::OsString;

/// What an old command line comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rewritten {
    /// A new command line, the program's name first.
    Line {
        args: Vec<OsString>,
        /// What was left out, and why.
        notes: Vec<String>,
    },
    /// Nothing is to be done.
    Nothing {
        /// Why that is.
        why: &'static str,
    },
}

/// Why an old command line has no new form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LegacyError {
    #[error("--{flag}: expected a value, found nothing")]
    NoValue { flag: String },
    #[error("--{flag}: expected {expected}, found {found:?}")]
    Value { flag: &'static str, expected: &'static str, found: String },
    #[error("expected one thing to do, found --{one} and --{other}")]
    TwoWishes { one: &'static str, other: &'static str },
    #[error("{what}")]
    NotHere { what: String, hint: String },
}

impl LegacyError {
    /// Returns what the operator can do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::NoValue { .. } | Self::Value { .. } => {
                "`wnm --help` lists the commands that took the place of these flags".to_owned()
            }
            Self::TwoWishes { .. } => "run wnm once for each of them".to_owned(),
            Self::NotHere { hint, .. } => hint.clone(),
        }
    }
}

/// Returns the new form of a command line, the program's name first; one that is new already comes back as it is.
///
/// # Errors
/// A flag of the Python wnm lacks its value or has a wrong one, or stands for what this wnm does otherwise.
pub(crate) fn rewrite(args: Vec<OsString>) -> Result<Rewritten, LegacyError> {
    match read::read(&args)? {
        Some(line) => write::write(line),
        None => Ok(Rewritten::Line { args, notes: Vec::new() }),
    }
}

#[cfg(test)]
mod tests;
