//! `wnm node logs`: the log of a node's program, or that of its process manager.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use wnm_core::{Node, NodeId, RawSettings};
use wnm_platform::manager::{self, Options};
use wnm_platform::node_log::{Follow, NewLines, NodeLog};
use wnm_store::Store;

use crate::args::{LogSource, Logs};
use crate::config;
use crate::context;
use crate::error::{CliError, CommandError, Exit};
use crate::interrupt::{Interrupt, Waited};
use crate::output::Output;

/// Time between two readings of a log that is followed.
const POLL: Duration = Duration::from_millis(250);
/// Time between two readings of a program that prints the lines on record and exits.
const SHORT_POLL: Duration = Duration::from_millis(10);
/// Time for which a display waits for the lines of a process manager.
const TAIL_LIMIT: Duration = Duration::from_secs(2);

/// Lines of a log.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LogView {
    /// The name of the node, such as `antnode0003`.
    node: String,
    /// The file of the node program; null for the log of the process manager.
    file: Option<PathBuf>,
    /// The command that prints the log of the process manager; null for a file.
    command: Option<String>,
    /// The lines, oldest first.
    lines: Vec<String>,
}

/// Prints the last lines of a node's log, and new ones with `--follow`.
///
/// # Errors
/// The node does not exist or has no such log, the log cannot be read, or the output cannot be written.
pub(crate) fn run(db: &Path, args: &Logs, output: &Output) -> Result<Exit, CliError> {
    let store = Store::open_read_only(db)?;
    let mut nodes = store.nodes()?;
    let node = nodes.remove(&args.node).ok_or(CommandError::NoSuchNode(args.node))?;
    let mut log = open(db, &store, &node, args)?;
    drop(store);
    // Before the first line, so that a Ctrl-C right after it ends the command with code 0 too.
    let interrupt = Interrupt::new()?;
    output.say(&format!("log of {}: {}", node.id.name(), log.origin()));
    let poll = if args.follow { POLL } else { SHORT_POLL };
    let is_done = |log: &NodeLog, new: &NewLines| new.has_ended || (!args.follow && log.path().is_some());
    let mut all = Vec::new();
    loop {
        let new = log.read()?;
        let is_done = is_done(&log, &new);
        all.extend(new.lines);
        // Without --follow, JSON is one document.
        if args.follow || is_done || !output.is_json() {
            write(&node, &log, &mut all, is_done && !args.follow, output)?;
        }
        if is_done || interrupt.wait(poll) == Waited::Interrupted {
            return Ok(Exit::Done);
        }
    }
}

/// Writes the lines, if there are any or an empty document is due.
fn write(node: &Node, log: &NodeLog, lines: &mut Vec<String>, is_due: bool, output: &Output) -> Result<(), CliError> {
    if lines.is_empty() && !(is_due && output.is_json()) {
        return Ok(());
    }
    let view = LogView {
        node: node.id.name(),
        file: log.path().map(Path::to_owned),
        command: log.path().is_none().then(|| log.origin()),
        lines: std::mem::take(lines),
    };
    // A line of a log is not wrapped, as that of any file.
    output.value(&view, |view| view.lines.join("\n"))
}

/// Returns the origin and the last lines of a node's log, at most `lines`. Waits for a program that prints them for at
/// most [`TAIL_LIMIT`].
///
/// # Errors
/// The node does not exist or has no log, or the log cannot be read.
pub(super) fn tail(db: &Path, node: NodeId, lines: u32) -> Result<(String, Vec<String>), CliError> {
    let store = Store::open_read_only(db)?;
    let node = store.nodes()?.remove(&node).ok_or(CommandError::NoSuchNode(node))?;
    let mut log = open(db, &store, &node, &Logs { node: node.id, follow: false, lines, source: None })?;
    drop(store);
    let begun = Instant::now();
    let mut tail = Vec::new();
    loop {
        let new = log.read()?;
        tail.extend(new.lines);
        if new.has_ended || log.path().is_some() || begun.elapsed() > TAIL_LIMIT {
            tail.drain(..tail.len().saturating_sub(usize::try_from(lines).unwrap_or(usize::MAX)));
            return Ok((log.origin(), tail));
        }
        std::thread::sleep(SHORT_POLL);
    }
}

fn open(db: &Path, store: &Store, node: &Node, args: &Logs) -> Result<NodeLog, CliError> {
    let lines = usize::try_from(args.lines).unwrap_or(usize::MAX);
    if args.source != Some(LogSource::Manager) {
        if let Some(log) = NodeLog::of_program(node, lines)? {
            return Ok(log);
        }
        if args.source == Some(LogSource::Program) {
            return Err(CommandError::NoLogFile { node: node.id, folder: node.log_dir.clone() }.into());
        }
    }
    let stored = store.settings()?;
    let surroundings = config::reload::surroundings_of(db)?;
    let host = context::host_defaults(&stored, &surroundings);
    let settings = config::fold([RawSettings::default(), surroundings, stored], &host)?;
    let follow = if args.follow { Follow::Yes } else { Follow::No };
    let manager = manager::open(node.manager, &Options::of(&settings))?;
    let call = manager.log(node, args.lines, follow);
    let call = call.ok_or_else(|| CommandError::NoManagerLog { node: node.id, folder: node.log_dir.clone() })?;
    Ok(NodeLog::of_manager(&call)?)
}
