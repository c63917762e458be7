//! What can go wrong, and the exit code it ends with.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use wnm_core::trace::TraceError;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well: 0.
    Done,
    /// The input was bad: 1.
    BadInput,
    /// A property was violated: 3.
    Violated,
    /// Somebody ended it early: 130, as shells have it.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::BadInput => Self::from(1),
            // 2 is clap's, for a command line that cannot be read.
            Exit::Violated => Self::from(3),
            Exit::Interrupted => Self::from(130),
        }
    }
}

/// Why a command could not go on.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// A file could not be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Standard output could not be written.
    #[error("cannot write to standard output: {0}")]
    Output(#[source] io::Error),
    /// A line of a trace is none, or does not fit those before it.
    #[error("{name}:{line}:{column}: {what}")]
    Line {
        /// The file.
        name: String,
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: usize,
        /// What was expected and found.
        what: String,
    },
    /// The input is not what it should be, in words that name the place.
    #[error("{0}")]
    Input(String),
}

impl SimError {
    /// Returns the error of one line of a trace.
    pub(crate) fn line(name: &str, line: u64, error: &TraceError) -> Self {
        Self::Line { name: name.to_owned(), line, column: error.column(), what: error.to_string() }
    }

    /// Says on standard error what is wrong; a reader of our output that has gone away is nothing to talk about.
    pub(crate) fn report(&self) -> Exit {
        if let Self::Output(source) | Self::Write { source, .. } = self
            && source.kind() == io::ErrorKind::BrokenPipe
        {
            return Exit::Done;
        }
        talk(&format!("wnm-sim: {self}"));
        Exit::BadInput
    }
}

/// Writes a line to standard error: the one door for talk. A closed one is no reason to stop.
pub(crate) fn talk(line: &str) {
    _ = writeln!(io::stderr(), "{line}");
}
