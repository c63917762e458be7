//! Errors and exit codes.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use wnm_core::trace::TraceError;

/// The result of a command that ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Success: 0.
    Done,
    /// Invalid input: 1.
    BadInput,
    /// An invalid command line: 2.
    Usage,
    /// A target or an invariant was violated: 3.
    Violated,
    /// Interrupted by a signal: 130, as shells report SIGINT.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::BadInput => Self::from(1),
            Exit::Usage => Self::from(2),
            Exit::Violated => Self::from(3),
            Exit::Interrupted => Self::from(130),
        }
    }
}

/// The reason why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// A file could not be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Standard output could not be written.
    #[error("cannot write to standard output: {0}")]
    Output(#[source] io::Error),
    /// A line of a trace is invalid, or contradicts the lines before it.
    #[error("{name}:{line}:{column}: {problem}")]
    Line {
        /// The file.
        name: String,
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: usize,
        /// The problem, without the position.
        problem: String,
    },
    /// The input is invalid.
    #[error("{problem}")]
    Input {
        /// The problem, with the file, option or setting and its value.
        problem: String,
        /// The way to fix it.
        hint: Option<String>,
    },
}

impl SimError {
    /// Returns an error about the input, without a hint. `problem` names the file, option or setting, and the reason.
    pub(crate) fn input(problem: impl Into<String>) -> Self {
        Self::Input { problem: problem.into(), hint: None }
    }

    /// Adds a hint to an error about the input.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        match self {
            Self::Input { problem, .. } => Self::Input { problem, hint: Some(hint.into()) },
            other => other,
        }
    }

    /// Returns the error of a TOML document, with the line of the byte `at`.
    pub(crate) fn toml(name: &str, text: &str, at: usize, error: &toml::de::Error) -> Self {
        let before = text.get(..at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        // The parser lists the permitted keys on lines of their own.
        let problem = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        Self::input(format!("{name}:{line}: invalid TOML: {}", in_terms_of_toml(&problem)))
    }

    /// Returns the error of one line of a trace.
    pub(crate) fn line(name: &str, line: u64, error: &TraceError) -> Self {
        Self::Line { name: name.to_owned(), line, column: error.column(), problem: error.to_string() }
    }

    /// Prints the error and its hint to standard error. A closed pipe is no error: `head` ends after its lines.
    pub(crate) fn report(&self) -> Exit {
        if let Self::Output(source) | Self::Write { source, .. } = self
            && source.kind() == io::ErrorKind::BrokenPipe
        {
            return Exit::Done;
        }
        talk(&format!("error: {}", wnm_agent::without_numbers(&self.to_string())));
        if let Self::Input { hint: Some(hint), .. } = self {
            talk(&format!("hint: {hint}"));
        }
        Exit::BadInput
    }
}

/// Returns a problem of the parser in terms of the document: it names keys as fields and words as variants, in backticks.
fn in_terms_of_toml(problem: &str) -> String {
    if let Some(key) = problem.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return format!("missing key {key}");
    }
    for (found, said) in [("unknown field `", "unknown key"), ("unknown variant `", "unknown word")] {
        if let Some((word, allowed)) = problem.strip_prefix(found).and_then(|rest| rest.split_once("`, expected ")) {
            let allowed = allowed.trim_start_matches("one of ").replace('`', "").replace(" or ", ", ");
            return format!("{said} {word}, allowed: {allowed}");
        }
    }
    problem.to_owned()
}

/// Writes a line to standard error. Ignores a closed standard error, because the data may still be wanted.
pub(crate) fn talk(line: &str) {
    _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_of_toml_name_keys_and_words() {
        for (problem, said) in [
            ("missing field `cpus`", "missing key cpus"),
            ("unknown field `cpu`, expected one of `cpus`, `disk_gb`", "unknown key cpu, allowed: cpus, disk_gb"),
            ("unknown field `x`, expected `a` or `b`", "unknown key x, allowed: a, b"),
            ("unknown variant `x`, expected `a`", "unknown word x, allowed: a"),
            ("invalid type: string \"2\", expected u32", "invalid type: string \"2\", expected u32"),
        ] {
            assert_eq!(in_terms_of_toml(problem), said);
        }
    }
}
