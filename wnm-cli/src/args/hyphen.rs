//! Values that begin with a hyphen, such as `--since -1d`. clap takes such a word for a flag, and would call it unknown.

use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};
use wnm_core::RawSettings;

use crate::error::at_words;

/// A word that begins with a hyphen, after a word that needs a value.
pub(super) struct HyphenValue {
    /// The word that needs a value: `--since`, or a setting of `wnm config set`.
    pub(super) before: String,
    pub(super) value: String,
    /// The line with both as one word: `--since=-1d`.
    pub(super) joined: Vec<OsString>,
}

impl HyphenValue {
    /// Returns the word that clap refused as an unknown flag, where the word before it needs a value.
    pub(super) fn of(error: &clap::Error, args: &[OsString], command: &Command) -> Option<Self> {
        let (ErrorKind::UnknownArgument, Some(ContextValue::String(refused))) =
            (error.kind(), error.get(ContextKind::InvalidArg))
        else {
            return None;
        };
        // clap names the first letter alone of a word such as `-1d`.
        let is_refused =
            |word: &OsString| refused.starts_with('-') && word.as_encoded_bytes().starts_with(refused.as_bytes());
        let at = args.iter().take_while(|word| *word != "--").position(is_refused)?;
        let (before, value) = (args.get(at.checked_sub(1)?)?, args.get(at)?.to_str()?);
        let named = needing_a_value(before, &args[..at], command)?;
        let mut joined = args.to_vec();
        let mut word = before.clone();
        word.push("=");
        word.push(value);
        joined.splice(at - 1..=at, [word]);
        Some(Self { before: named, value: value.to_owned(), joined })
    }

    /// Tells whether the value begins like a number. No flag does, so that it is a value without doubt.
    pub(super) fn is_number(&self) -> bool {
        self.value.trim_start_matches('-').starts_with(|first: char| first.is_ascii_digit())
    }

    /// Tells whether an error of the joined line is about this value.
    pub(super) fn is_cause(&self, error: &clap::Error) -> bool {
        let named = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(arg)) => arg.split([' ', '=', '[']).next() == Some(&self.before),
            _ => false,
        };
        named && matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation)
    }
}

/// Returns the name of the flag, or the setting of `wnm config set`, that the last word of a line gives without a value.
fn needing_a_value(word: &OsStr, line: &[OsString], root: &Command) -> Option<String> {
    let (at, path) = at_words(root, line);
    let word = word.to_str()?;
    // A flag of all commands may be defined at the root only.
    let flags = || at.get_arguments().chain(root.get_arguments()).filter(|arg| arg.get_action().takes_values());
    let is_long = |arg: &&Arg| {
        let name = word.strip_prefix("--");
        name.is_some_and(|name| {
            arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|all| all.contains(&name))
        })
    };
    let is_short = |arg: &&Arg| arg.get_short().is_some_and(|short| word == format!("-{short}"));
    if let Some(flag) = flags().find(|arg| is_long(arg) || is_short(arg)) {
        return flag.get_long().map(|long| format!("--{long}"));
    }
    let is_setting = path == "wnm config set" && RawSettings::setting(&word.replace('-', "_")).is_some();
    is_setting.then(|| word.to_owned())
}
