//! Errors of the command line: the words that clap refuses, in the form of all other errors of the program.

use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory};

use crate::error::talk;
use crate::{Cli, Exit};

/// Prints the error of a command line that clap refused, and returns the exit code. Help and the version are no errors:
/// clap prints them and ends the process.
pub(crate) fn report(error: &clap::Error, args: &[OsString]) -> Exit {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        error.exit();
    }
    let path = path(&Cli::command(), args);
    let (message, advice) = described(error, &path);
    let advice = advice.map_or_else(String::new, |advice| format!("{advice}; "));
    talk(&format!("error: {message}"));
    talk(&format!("hint: {advice}see `{path} --help`"));
    Exit::Usage
}

/// Returns the words of the command that a line names, as far as they are commands: `wnm-sim util man`.
fn path(command: &Command, args: &[OsString]) -> String {
    let (mut at, mut path) = (command, command.get_name().to_owned());
    for word in args.iter().skip(1) {
        if let Some(below) = at.find_subcommand(word) {
            at = below;
            path = format!("{path} {}", below.get_name());
        }
    }
    path
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
