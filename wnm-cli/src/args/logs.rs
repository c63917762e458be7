//! The log of a node: which node, which log, and how many lines.

use clap::{Args, ValueEnum};
use wnm_core::NodeId;

use super::numbers;

/// The log of one node.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Node, such as 3, 0003 or antnode0003
    #[arg(value_name = "NODE")]
    pub(crate) node: NodeId,
    /// Number of lines, the last ones
    #[arg(short = 'n', long = "lines", default_value_t = 50, value_name = "N", value_parser = numbers::lines)]
    pub(crate) lines: u32,
    /// Go on with new lines until interrupted; with --json one document per reading
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Log to read [default: program, or manager if the program has written no log]
    #[arg(long, value_enum, value_name = "SOURCE")]
    pub(crate) source: Option<LogSource>,
}

/// A log of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogSource {
    /// The file that the node program writes
    Program,
    /// The log of the process manager: the journal of systemd, or the log of the container
    Manager,
}
