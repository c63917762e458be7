//! Errors of the command line itself: the words that clap refuses, in the form of all other errors.

use std::error::Error as _;
use std::ffi::{OsStr, OsString};

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use wnm_core::NotANode;

use crate::args::{Moment, NotNodes};
use crate::render::shell_text;

/// A command line that wnm does not understand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct UsageError {
    message: String,
    hint: String,
}

impl UsageError {
    /// Returns the error of a command line that clap refused.
    pub(crate) fn new(error: &clap::Error, command: &Command, args: &[OsString]) -> Self {
        let path = path(command, args);
        let (message, advice) = described(error, &path, command, args);
        Self::of(message, advice, &path)
    }

    /// Returns the error of a value that begins with a hyphen and is a flag, to wnm, after a word that needs a value.
    pub(crate) fn hyphen(before: &str, value: &str, command: &Command, args: &[OsString]) -> Self {
        let advice = format!("for that value, write {}", shell_text(&[format!("{before}={value}")]));
        Self::of(format!("{before} needs a value, and {value:?} is read as a flag"), Some(advice), &path(command, args))
    }

    fn of(message: String, advice: Option<String>, path: &str) -> Self {
        let see = format!("see `{path} --help`");
        Self { message, hint: advice.map_or_else(|| see.clone(), |advice| format!("{advice}; {see}")) }
    }

    /// Returns how to correct the command line.
    pub(super) fn hint(&self) -> &str {
        &self.hint
    }
}

/// Returns the words of the command that a line names, as far as they are commands: `wnm node list`.
pub(crate) fn path(command: &Command, args: &[OsString]) -> String {
    at_words(command, args).1
}

/// Returns the command that a line names, as far as its words are commands, and these words.
pub(crate) fn at_words<'a>(command: &'a Command, args: &[OsString]) -> (&'a Command, String) {
    let (mut at, mut path) = (command, command.get_name().to_owned());
    let mut words = args.iter().skip(1);
    while let Some(word) = words.next() {
        if takes_value(at, word) {
            words.next();
        } else if let Some(below) = at.find_subcommand(word) {
            at = below;
            path.push(' ');
            path.push_str(below.get_name());
        }
    }
    (at, path)
}

/// Returns whether the word is a flag of the command, or of all commands, whose value is the next word.
pub(crate) fn takes_value(command: &Command, word: &OsStr) -> bool {
    let Some(flag) = word.to_str().and_then(|word| word.strip_prefix("--")) else { return false };
    command.get_arguments().any(|arg| arg.get_long() == Some(flag) && arg.get_action().takes_values())
}

/// Returns the failure with its cause, and advice for this case.
fn described(error: &clap::Error, path: &str, command: &Command, args: &[OsString]) -> (String, Option<String>) {
    let arg = argument(error);
    let value = text(error, ContextKind::InvalidValue).unwrap_or_default();
    let without_hyphen = || without_hyphen(&arg, &value, command, args);
    match error.kind() {
        ErrorKind::UnknownArgument if is_negative(&arg) => negative(&arg, path, command, args),
        ErrorKind::UnknownArgument if arg.starts_with('-') => {
            let nearest = text(error, ContextKind::SuggestedArg).map(|nearest| nearest.replace('_', "-"));
            let nearest = match meant_command(&arg, nearest.as_deref(), path, command) {
                Some(command) => Some(format!("run `{command}`")),
                None => nearest.map(|nearest| format!("use {nearest}")),
            };
            (format!("unknown flag {arg} for `{path}`"), nearest)
        }
        ErrorKind::UnknownArgument => {
            let flag = flag_of_moment(&arg, path, command).map(|flag| format!("write --{flag} {arg}"));
            (format!("unexpected argument {arg:?} for `{path}`"), flag)
        }
        ErrorKind::InvalidSubcommand => {
            let unknown = text(error, ContextKind::InvalidSubcommand).unwrap_or_default();
            let below = || in_a_group(&unknown, command, path).map(|words| format!("use `{path} {words}`"));
            let nearest = texts(error, ContextKind::SuggestedSubcommand);
            // clap puts the most similar one last.
            let nearest = || nearest.last().map(|nearest| format!("use `{path} {nearest}`"));
            let nearest = below().or_else(|| of_other_tools(&unknown, path, command)).or_else(nearest);
            (format!("unknown command {unknown:?} for `{path}`"), nearest)
        }
        ErrorKind::InvalidValue if value.is_empty() => match empty_variable(&arg, command) {
            Some(variable) => {
                let advice = format!("name a file in it, or run `unset {variable}`");
                (format!("variable {variable} is empty"), Some(advice))
            }
            None => (format!("{arg} needs a value"), allowed(error).or_else(|| value_form(&arg, path, command))),
        },
        ErrorKind::InvalidValue => {
            let nearest = text(error, ContextKind::SuggestedValue).map(|nearest| format!("use {nearest}"));
            let nearest = nearest.or_else(without_hyphen);
            let cause = match texts(error, ContextKind::ValidValue) {
                values if values.is_empty() => "not allowed".to_owned(),
                values => format!("not one of {}", values.join(", ")),
            };
            (format!("invalid value {value:?} for {arg}: {cause}"), nearest)
        }
        ErrorKind::ValueValidation if names_no_node(error).is_some() => {
            (names_no_node(error).unwrap_or_default(), without_hyphen())
        }
        ErrorKind::ValueValidation => {
            let cause = error.source().map_or_else(|| "not allowed".to_owned(), ToString::to_string);
            // An error that is told elsewhere names its value itself.
            let cause = cause.split_once(&format!("{value:?}: ")).map_or(cause.as_str(), |(_, cause)| cause);
            (format!("invalid value {value:?} for {arg}: {cause}"), without_hyphen())
        }
        ErrorKind::NoEquals => (format!("{arg} needs its value in one word"), Some(format!("use {arg}=VALUE"))),
        ErrorKind::TooManyValues | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            (format!("{arg} has the wrong number of values"), None)
        }
        ErrorKind::ArgumentConflict => conflict(&arg, error),
        ErrorKind::MissingRequiredArgument => {
            let missing = texts(error, ContextKind::InvalidArg);
            let choices = texts(error, ContextKind::Suggested).into_iter().next();
            let missing = if choices.is_some() { "no nodes given".to_owned() } else { missing.join(", ") + " missing" };
            (format!("cannot run `{path}`: {missing}"), choices)
        }
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            (format!("`{path}` needs a command"), None)
        }
        ErrorKind::InvalidUtf8 => ("cannot read the command line: an argument is not UTF-8".to_owned(), None),
        _ => (format!("cannot read the command line of `{path}`"), None),
    }
}

/// Returns the failure of a word such as `-1h` where no value is due. clap names its first digit alone.
fn negative(arg: &str, path: &str, command: &Command, args: &[OsString]) -> (String, Option<String>) {
    let word = args.iter().filter_map(|word| word.to_str()).find(|word| word.starts_with(arg)).unwrap_or(arg);
    let bare = word.trim_start_matches('-');
    let flag = flag_of_moment(bare, path, command).map(|flag| format!("write --{flag} {bare}"));
    (format!("unexpected argument {word:?} for `{path}`"), flag)
}

/// Tells whether a word begins like a number below zero. No flag does.
fn is_negative(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// Returns the argument without the hyphens at the beginning of its value, if it is allowed then: `write --since 1d`.
fn without_hyphen(arg: &str, value: &str, command: &Command, args: &[OsString]) -> Option<String> {
    let bare = value.trim_start_matches('-');
    if bare.is_empty() || bare == value {
        return None;
    }
    let mut line = args.to_vec();
    let word = line.iter_mut().find(|word| word.to_str().is_some_and(|word| word.ends_with(value)))?;
    *word = word.to_str()?.strip_suffix(value)?.to_owned().into();
    word.push(bare);
    let refused = command.clone().try_get_matches_from(&line).err();
    let is_same = |error: clap::Error| text(&error, ContextKind::InvalidValue).as_deref() == Some(bare);
    let is_flag = arg.starts_with('-');
    (!refused.is_some_and(is_same))
        .then(|| if is_flag { format!("write {arg} {bare}") } else { format!("write {bare}") })
}

/// Returns the failure of a flag that excludes others, with advice.
fn conflict(arg: &str, error: &clap::Error) -> (String, Option<String>) {
    let others = texts(error, ContextKind::PriorArg);
    let others: Vec<&str> = others.iter().filter_map(|other| other.split_whitespace().next()).collect();
    let advice = Some("leave one out".to_owned());
    match others.as_slice() {
        [] => (format!("{arg} cannot be used with these flags"), None),
        [other] if *other == arg => (format!("{arg} is given twice"), advice),
        others => (format!("{arg} cannot be used with {}", others.join(", ")), advice),
    }
}

/// Returns the command that a mistyped flag such as `--statuss` means, on a line without a command; None where a flag is as
/// similar.
fn meant_command(flag: &str, nearest_flag: Option<&str>, path: &str, root: &Command) -> Option<String> {
    // Two letters more, less or exchanged.
    const FARTHEST: usize = 2;
    let is_bare = path == root.get_name() || path == format!("{} run", root.get_name());
    let word = flag.strip_prefix("--").filter(|_| is_bare)?;
    let distance = |name: &str| strsim::osa_distance(word, name);
    let nearest = root.get_subcommands().map(Command::get_name).min_by_key(|name| distance(name))?;
    let of_flag = nearest_flag.map_or(usize::MAX, |flag| distance(flag.trim_start_matches('-')));
    let is_meant = distance(nearest) <= FARTHEST && distance(nearest) < of_flag;
    is_meant.then(|| format!("{} {nearest}", root.get_name()))
}

/// Returns the command of a path such as `wnm node list`; None where a word of the path is no command.
fn at_path<'a>(path: &str, root: &'a Command) -> Option<&'a Command> {
    path.split(' ').skip(1).try_fold(root, |at, name| at.find_subcommand(name))
}

/// Returns the flag of the command that takes a time, where the word is one: `until` for `wnm hold 1h`.
fn flag_of_moment(word: &str, path: &str, root: &Command) -> Option<&'static str> {
    word.parse::<Moment>().ok()?;
    let at = at_path(path, root)?;
    let takes = |flag: &&str| at.get_arguments().any(|arg| arg.get_long() == Some(flag));
    ["since", "until"].into_iter().find(takes)
}

/// Returns the command that does here what a command of this name does in other tools.
fn of_other_tools(word: &str, path: &str, root: &Command) -> Option<String> {
    const WORDS: [(&str, &str); 6] = [
        ("info", "status"),
        ("log", "node logs"),
        ("ls", "node list"),
        ("ps", "node list"),
        ("stats", "top"),
        ("version", "--version"),
    ];
    let (_, meant) = WORDS.into_iter().find(|(theirs, _)| path == root.get_name() && *theirs == word)?;
    Some(format!("use `{path} {meant}`"))
}

/// Returns how a flag without its value is written: `write --db FILE`.
fn value_form(flag: &str, path: &str, root: &Command) -> Option<String> {
    let at = at_path(path, root)?;
    let is_flag = |arg: &&clap::Arg| arg.get_long().is_some_and(|long| flag == format!("--{long}"));
    // A flag of all commands is defined at the root only.
    let arg = at.get_arguments().find(is_flag).or_else(|| root.get_arguments().find(is_flag))?;
    let value = arg.get_value_names()?.first()?;
    Some(format!("write {flag} {value}"))
}

/// Returns a group of commands with the command in it that a word names: `node stop` for `stop`, as the first word alone
/// is where new operators look for it; None within a group, and for other words.
fn in_a_group(word: &str, at: &Command, path: &str) -> Option<String> {
    if path != at.get_name() {
        return None;
    }
    let named = |group: &&Command| group.find_subcommand(word).is_some();
    // Most words are those of nodes, also where the trash or the service has them too.
    let group = at.find_subcommand("node").filter(named).or_else(|| at.get_subcommands().find(named))?;
    Some(format!("{} {word}", group.get_name()))
}

/// Returns the text of an invalid name of a node, which names the value itself; None for another error.
fn names_no_node(error: &clap::Error) -> Option<String> {
    let source = error.source()?;
    match source.downcast_ref::<NotNodes>() {
        Some(NotNodes::Node(found)) => Some(found.to_string()),
        Some(NotNodes::Backwards { .. }) => None,
        None => source.downcast_ref::<NotANode>().map(ToString::to_string),
    }
}

/// Returns the variable that gives a flag an empty value.
fn empty_variable(arg: &str, command: &Command) -> Option<String> {
    let long = arg.strip_prefix("--")?;
    let flag = command.get_arguments().find(|flag| flag.get_long() == Some(long))?;
    let name = flag.get_env()?;
    std::env::var_os(name).filter(|value| value.is_empty())?;
    Some(name.to_string_lossy().into_owned())
}

/// Returns the argument that is wrong, without the name of its value: `--count`.
fn argument(error: &clap::Error) -> String {
    let arg = text(error, ContextKind::InvalidArg).unwrap_or_default();
    if !arg.starts_with('-') {
        return arg.trim_matches(|c| "<>[].".contains(c)).to_owned();
    }
    arg.split(['=', ' ', '[', '<']).next().unwrap_or_default().to_owned()
}

fn allowed(error: &clap::Error) -> Option<String> {
    let values = texts(error, ContextKind::ValidValue);
    (!values.is_empty()).then(|| format!("use one of {}", values.join(", ")))
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    texts(error, kind).into_iter().next()
}

fn texts(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        Some(ContextValue::StyledStr(text)) => vec![text.to_string()],
        Some(ContextValue::StyledStrs(texts)) => texts.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}
