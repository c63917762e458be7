//! The log of one node, read from its last lines on: a file that the node program writes, or the log of its manager.

mod file;
mod program;

use std::path::{Path, PathBuf};

use wnm_core::Node;

use crate::error::PlatformError;
use crate::exec::Call;
use crate::exec::message::without_escapes;
use crate::files;
use crate::node_dir::STDERR_LOG;

/// Whether a log is read once, or new lines are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// Only the lines that exist.
    No,
    /// New lines too.
    Yes,
}

/// A log of a node.
pub struct NodeLog(Source);

enum Source {
    File(file::LogFile),
    Manager(program::Lines, String),
}

/// The lines of a log that are new since the last reading.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewLines {
    /// The lines, oldest first, without control characters.
    pub lines: Vec<String>,
    /// Whether no further lines can come.
    pub has_ended: bool,
}

impl NodeLog {
    /// Opens the newest file that the node program has written to its folder for logs, else its standard error; None
    /// when neither exists. The first reading returns the last `lines` lines.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn of_program(node: &Node, lines: usize) -> Result<Option<Self>, PlatformError> {
        let newest = file::newest(&node.log_dir)?;
        let errors = || Some(node.log_dir.join(STDERR_LOG)).filter(|path| files::is_file(path));
        Ok(newest.or_else(errors).map(|path| Self(Source::File(file::LogFile::new(path, lines)))))
    }

    /// Starts the program that prints the log of a process manager.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn of_manager(call: &Call) -> Result<Self, PlatformError> {
        Ok(Self(Source::Manager(program::Lines::start(call)?, call.summary())))
    }

    /// Returns the path of the file, for a log of the node program.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Source::File(file) => Some(file.path()),
            Source::Manager(..) => None,
        }
    }

    /// Returns the origin of the log for people: the path of a file, or the command that prints it.
    #[must_use]
    pub fn origin(&self) -> String {
        match &self.0 {
            Source::File(file) => file.path().display().to_string(),
            Source::Manager(_, command) => command.clone(),
        }
    }

    /// Returns the lines since the last reading, without a wait. After a rotation it goes on with the new file.
    ///
    /// # Errors
    /// The file cannot be read, or the program has failed.
    pub fn read(&mut self) -> Result<NewLines, PlatformError> {
        match &mut self.0 {
            // The end of a file is no end of a log: the node may write more.
            Source::File(file) => Ok(NewLines { lines: file.read()?, has_ended: false }),
            Source::Manager(lines, _) => lines.read(),
        }
    }
}

/// Returns a line as text that cannot control a terminal: a node, or a peer of it, chooses the words of its log.
fn printable(line: &[u8]) -> String {
    let text = without_escapes(&String::from_utf8_lossy(line));
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// Splits off the complete lines of `pending`.
fn complete_lines(pending: &mut Vec<u8>) -> Vec<String> {
    let Some(end) = pending.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
    let rest = pending.split_off(end + 1);
    let whole = std::mem::replace(pending, rest);
    let lines = whole.strip_suffix(b"\n").unwrap_or(&whole).split(|byte| *byte == b'\n');
    lines.map(|line| printable(line.strip_suffix(b"\r").unwrap_or(line))).collect()
}

/// Returns the error for an operation on a log file.
fn failed(operation: crate::FileOperation, path: &Path) -> impl FnOnce(std::io::Error) -> PlatformError + use<> {
    let path: PathBuf = path.to_owned();
    move |source| PlatformError::File { operation, path, source }
}
