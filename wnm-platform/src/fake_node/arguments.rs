//! Command lines as the node programs' own parser (clap) reads them, from a table of options.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::iter::Peekable;
use std::net::{IpAddr, SocketAddr};

/// A program's options and subcommands.
pub(super) struct Grammar {
    pub(super) program: &'static str,
    pub(super) options: &'static [Opt],
    pub(super) commands: &'static [Command],
    /// Pairs of options that exclude each other.
    pub(super) conflicts: &'static [(&'static str, &'static str)],
}

/// A subcommand with options of its own; the program's options are errors after it.
pub(super) struct Command {
    pub(super) name: &'static str,
    pub(super) options: &'static [Opt],
    pub(super) required: &'static [&'static str],
}

/// An option of the table.
pub(super) struct Opt {
    name: &'static str,
    alias: Option<&'static str>,
    short: Option<char>,
    variable: Option<&'static str>,
    takes: Takes,
}

/// The value of an option.
#[derive(Clone, Copy)]
pub(super) enum Takes {
    /// No value; it stands or does not.
    Nothing,
    /// One value, given at most once.
    One(Kind),
    /// A value each time it is given, commas between several.
    Many(Kind),
    /// No value; parsing stops there.
    Stops(Stop),
}

/// The format of a value.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Port,
    Byte,
    Count,
    Ip,
    Socket,
    OneOf(&'static [&'static str]),
}

/// Why there is nothing to play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The command line asks for text only.
    Stop(Stop),
    /// It is wrong; exit code 2.
    Usage(String),
}

/// A request that ends the parsing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Help,
    Version,
}

/// A command line that was read.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    values: BTreeMap<&'static str, Vec<String>>,
    command: Option<&'static str>,
}

impl Opt {
    /// Returns an option `--name` that takes this and has no short name, alias or variable.
    pub(super) const fn new(name: &'static str, takes: Takes) -> Self {
        Self { name, alias: None, short: None, variable: None, takes }
    }

    /// Adds the short name `-c`.
    pub(super) const fn short(self, short: char) -> Self {
        Self { short: Some(short), ..self }
    }

    /// Adds a second long name.
    pub(super) const fn alias(self, alias: &'static str) -> Self {
        Self { alias: Some(alias), ..self }
    }

    /// Adds the environment variable that counts where the option is not given.
    pub(super) const fn variable(self, variable: &'static str) -> Self {
        Self { variable: Some(variable), ..self }
    }
}

impl Arguments {
    /// Tells whether the option was given.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Returns the option's value, the last where there are several.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.last().map(String::as_str)
    }

    /// Returns the value as a number; None when it was not given.
    pub(super) fn port(&self, name: &str) -> Option<u16> {
        self.value(name)?.parse().ok()
    }

    /// Returns the subcommand's name.
    pub(super) fn command(&self) -> Option<&'static str> {
        self.command
    }
}

impl Grammar {
    /// Reads a command line without the program's name; `variable` looks up the environment.
    pub(super) fn parse(
        &self,
        line: impl IntoIterator<Item = OsString>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Arguments, Refusal> {
        let mut arguments = Arguments::default();
        let mut command: Option<&Command> = None;
        let mut line = line.into_iter().peekable();
        while let Some(word) = line.next() {
            let word = utf8(word)?;
            if word == "-" || !word.starts_with('-') {
                command = Some(self.command(&word, command)?);
                arguments.command = command.map(|command| command.name);
                continue;
            }
            let (name, attached) = split(&word);
            let options = command.map_or(self.options, |command| command.options);
            let option = find(options, name).ok_or_else(|| usage(format!("unexpected argument '{name}' found")))?;
            let values = arguments.values.entry(option.name);
            match option.takes {
                Takes::Stops(stop) => return Err(Refusal::Stop(stop)),
                Takes::Nothing if attached.is_some() => {
                    return Err(usage(format!(
                        "unexpected value for '--{}' found; no more were expected",
                        option.name
                    )));
                }
                Takes::Nothing | Takes::One(_) if matches!(values, Entry::Occupied(_)) => {
                    return Err(usage(format!("the argument '--{}' cannot be used multiple times", option.name)));
                }
                Takes::Nothing => drop(values.or_default()),
                Takes::One(kind) | Takes::Many(kind) => {
                    let value = match attached {
                        Some(value) => value.to_owned(),
                        None => next_value(&mut line, option)?,
                    };
                    values.or_default().extend(checked(option, kind, &value)?);
                }
            }
        }
        for option in self.options {
            fill(&mut arguments, option, &variable)?;
        }
        self.check(&arguments, command)?;
        Ok(arguments)
    }

    /// Returns the text of `--help`, in short.
    pub(super) fn help(&self) -> String {
        let mut text = format!("{}\n\nOptions:\n", self.usage_line());
        for option in self.options {
            let short = option.short.map_or(String::from("    "), |short| format!("-{short}, "));
            let _ = writeln!(text, "  {short}--{}", option.name);
        }
        text
    }

    /// Returns the message of a wrong command line, as it stands on standard error.
    pub(super) fn message(&self, error: &str) -> String {
        format!("error: {error}\n\n{}\n\nFor more information, try '--help'.", self.usage_line())
    }

    fn usage_line(&self) -> String {
        let commands = if self.commands.is_empty() { "" } else { " [COMMAND]" };
        format!("Usage: {} [OPTIONS]{commands}", self.program)
    }

    fn command(&self, word: &str, given: Option<&Command>) -> Result<&'static Command, Refusal> {
        if given.is_some() || self.commands.is_empty() {
            return Err(usage(format!("unexpected argument '{word}' found")));
        }
        if word == "help" {
            return Err(Refusal::Stop(Stop::Help));
        }
        let found = self.commands.iter().find(|command| command.name == word);
        found.ok_or_else(|| usage(format!("unrecognized subcommand '{word}'")))
    }

    fn check(&self, arguments: &Arguments, command: Option<&Command>) -> Result<(), Refusal> {
        for name in command.map_or(&[][..], |command| command.required) {
            if !arguments.has(name) {
                return Err(usage(format!("the following required arguments were not provided:\n  --{name}")));
            }
        }
        for (one, other) in self.conflicts {
            if arguments.has(one) && arguments.has(other) {
                return Err(usage(format!("the argument '--{one}' cannot be used with '--{other}'")));
            }
        }
        Ok(())
    }
}

/// Takes an option's value from the next word, which must not look like an option.
fn next_value(line: &mut Peekable<impl Iterator<Item = OsString>>, option: &Opt) -> Result<String, Refusal> {
    let next = line.next_if(|word| !word.as_encoded_bytes().starts_with(b"-"));
    next.map_or_else(|| Err(usage(format!("a value is required for '--{}' but none was supplied", option.name))), utf8)
}

/// Takes an option that was not given from its environment variable.
fn fill(arguments: &mut Arguments, option: &Opt, variable: impl Fn(&str) -> Option<String>) -> Result<(), Refusal> {
    let Some(value) = option.variable.and_then(variable).filter(|_| !arguments.has(option.name)) else {
        return Ok(());
    };
    let values = match (option.takes, value.as_str()) {
        (Takes::One(kind) | Takes::Many(kind), _) => checked(option, kind, &value)?,
        (Takes::Stops(_), _) | (Takes::Nothing, "false") => return Ok(()),
        (Takes::Nothing, "true") => Vec::new(),
        (Takes::Nothing, _) => return Err(invalid(option, &value)),
    };
    arguments.values.insert(option.name, values);
    Ok(())
}

/// Returns the values that a text holds, or why they are not of the kind.
fn checked(option: &Opt, kind: Kind, text: &str) -> Result<Vec<String>, Refusal> {
    let values = match option.takes {
        Takes::Many(_) => text.split(',').map(str::to_owned).collect(),
        Takes::Nothing | Takes::One(_) | Takes::Stops(_) => vec![text.to_owned()],
    };
    match values.iter().find(|value| !kind.accepts(value)) {
        Some(wrong) => Err(invalid(option, wrong)),
        None => Ok(values),
    }
}

impl Kind {
    fn accepts(self, value: &str) -> bool {
        match self {
            Kind::Text => !value.is_empty(),
            Kind::Port => value.parse::<u16>().is_ok(),
            Kind::Byte => value.parse::<u8>().is_ok(),
            Kind::Count => value.parse::<usize>().is_ok(),
            Kind::Ip => value.parse::<IpAddr>().is_ok(),
            Kind::Socket => value.parse::<SocketAddr>().is_ok(),
            Kind::OneOf(words) => words.contains(&value),
        }
    }
}

/// Splits `--name=value`, `-nvalue` and `-n=value`.
fn split(word: &str) -> (&str, Option<&str>) {
    if word.starts_with("--") {
        return word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    }
    let end = word.chars().take(2).map(char::len_utf8).sum();
    let (name, rest) = word.split_at(end);
    (name, if rest.is_empty() { None } else { Some(rest.strip_prefix('=').unwrap_or(rest)) })
}

fn find<'a>(options: &'a [Opt], word: &str) -> Option<&'a Opt> {
    match word.strip_prefix("--") {
        Some(name) => options.iter().find(|option| option.name == name || option.alias == Some(name)),
        None => options.iter().find(|option| option.short == word.chars().nth(1)),
    }
}

fn utf8(word: OsString) -> Result<String, Refusal> {
    word.into_string().map_err(|word| usage(format!("invalid UTF-8 was detected in {}", word.display())))
}

fn invalid(option: &Opt, value: &str) -> Refusal {
    usage(format!("invalid value '{value}' for '--{}'", option.name))
}

fn usage(message: String) -> Refusal {
    Refusal::Usage(message)
}
