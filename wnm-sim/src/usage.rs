//! Errors of the command line: the words that clap refuses, in the form of all other errors of the program.

use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

use crate::error::talk;
use crate::{Exit, SimError};

/// Prints the error of a command line that clap refused, and returns the exit code. Help and the version are no errors:
/// clap prints them.
pub(crate) fn report(error: &clap::Error, command: &Command, args: &[OsString]) -> Exit {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let end = if error.use_stderr() { Exit::Usage } else { Exit::Done };
        return error.print().map_err(SimError::Output).map_or_else(|error| error.report(), |()| end);
    }
    let (command, path) = at_words(command, args);
    let (message, advice) = hyphen_value(error, command, args).unwrap_or_else(|| described(error, &path));
    let advice = advice.map_or_else(String::new, |advice| format!("{advice}; "));
    talk(&format!("error: {message}"));
    talk(&format!("hint: {advice}see `{path} --help`"));
    Exit::Usage
}

/// Returns the command that a line names, and its words: `wnm-sim util man`.
fn at_words<'a>(command: &'a Command, args: &[OsString]) -> (&'a Command, String) {
    let (mut at, mut path) = (command, command.get_name().to_owned());
    for word in args.iter().skip(1) {
        if let Some(below) = at.find_subcommand(word) {
            at = below;
            path = format!("{path} {}", below.get_name());
        }
    }
    (at, path)
}

/// Returns the failure of a word that begins with a hyphen, where the word before it needs a value; None for others. clap
/// takes such a word for a flag, and would call it unknown.
fn hyphen_value(error: &clap::Error, command: &Command, args: &[OsString]) -> Option<(String, Option<String>)> {
    let refused = text(error, ContextKind::InvalidArg).filter(|_| error.kind() == ErrorKind::UnknownArgument)?;
    // clap names the first letter alone of a word such as `-7d`.
    let is_refused =
        |word: &OsString| refused.starts_with('-') && word.as_encoded_bytes().starts_with(refused.as_bytes());
    let at = args.iter().take_while(|word| *word != "--").position(is_refused)?;
    let (before, value) = (args.get(at.checked_sub(1)?)?.to_str()?, args.get(at)?.to_str()?);
    let is_named = |arg: &&Arg| {
        let is_long = arg.get_long().is_some_and(|long| before.strip_prefix("--") == Some(long));
        is_long || arg.get_short().is_some_and(|short| before == format!("-{short}"))
    };
    let flag = command.get_arguments().filter(|arg| arg.get_action().takes_values()).find(is_named)?;
    let flag = format!("--{}", flag.get_long()?);
    // The parser of the flag knows the fault of the value.
    let line = [command.get_name().to_owned(), format!("{flag}={value}")];
    let refused = command.clone().try_get_matches_from(line).err();
    let is_of_value =
        |error: &clap::Error| matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation);
    if let Some(error) = refused.filter(is_of_value) {
        return Some(described(&error, command.get_name()));
    }
    let advice = format!("for that value, write {flag}={value}");
    Some((format!("{flag} needs a value, and {value:?} is read as a flag"), Some(advice)))
}

/// Returns the failure with its cause, and advice for this case.
fn described(error: &clap::Error, path: &str) -> (String, Option<String>) {
    let arg = text(error, ContextKind::InvalidArg).unwrap_or_default();
    let arg = arg.split(['=', ' ', '[']).next().unwrap_or_default();
    let value = text(error, ContextKind::InvalidValue).unwrap_or_default();
    let use_it = |name: String| format!("use {name}");
    match error.kind() {
        ErrorKind::UnknownArgument if arg.starts_with('-') => {
            (format!("unknown flag {arg} for `{path}`"), text(error, ContextKind::SuggestedArg).map(use_it))
        }
        ErrorKind::UnknownArgument => (format!("unexpected argument {arg:?} for `{path}`"), None),
        ErrorKind::InvalidSubcommand => {
            let unknown = text(error, ContextKind::InvalidSubcommand).unwrap_or_default();
            // clap puts the most similar one last.
            let nearest = texts(error, ContextKind::SuggestedSubcommand).pop();
            (format!("unknown command {unknown:?} for `{path}`"), nearest.map(|name| format!("use `{path} {name}`")))
        }
        ErrorKind::InvalidValue if value.is_empty() => (format!("{arg} needs a value"), None),
        ErrorKind::InvalidValue => {
            let allowed = texts(error, ContextKind::ValidValue).join(", ");
            let nearest = text(error, ContextKind::SuggestedValue).map(use_it);
            (format!("invalid value {value:?} for {arg}: not one of {allowed}"), nearest)
        }
        ErrorKind::ValueValidation => {
            let cause = error.source().map_or_else(|| "not allowed".to_owned(), ToString::to_string);
            (format!("invalid value {value:?} for {arg}: {cause}"), None)
        }
        ErrorKind::ArgumentConflict => {
            let others = texts(error, ContextKind::PriorArg);
            let others = others.iter().filter_map(|other| other.split_whitespace().next());
            match others.filter(|other| *other != arg).collect::<Vec<_>>().join(", ") {
                others if others.is_empty() => (format!("{arg} is given twice"), Some("leave one out".to_owned())),
                others => (format!("{arg} cannot be used with {others}"), Some("leave one out".to_owned())),
            }
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = texts(error, ContextKind::InvalidArg).join(", ");
            (format!("cannot run `{path}`: {missing} missing"), None)
        }
        ErrorKind::InvalidUtf8 => ("cannot read the command line: an argument is not UTF-8".to_owned(), None),
        _ => (format!("cannot read the command line of `{path}`"), None),
    }
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    texts(error, kind).into_iter().next()
}

fn texts(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}
