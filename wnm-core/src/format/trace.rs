//! Traces: a machine and its nodes over time, as JSON lines that `wnm record` writes and the simulator replays.
//!
//! Text and value only: files and compression are for others. A trace is a header, samples, notes, and, in a run,
//! what was decided at each sample.

mod nodes;
mod sample;
mod writer;

use serde::{Deserialize, Serialize};

use crate::action::decision::Planned;
use crate::action::verdict::Blocker;
use crate::model::node::NodeId;
use crate::model::units::{Bytes, Timestamp};
use crate::policy::settings::RawSettings;

pub use nodes::{NodeChange, NodeChanges, Patch};
pub use sample::TraceSample;
pub use writer::TraceWriter;

/// The version of the format that is written, and the newest that is read.
pub const TRACE_VERSION: u32 = 1;

/// The most nodes of a trace: each needs a port of its own.
pub const MOST_NODES: u32 = 65_535;

/// What a trace begins with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TraceHeader {
    /// What wrote it, such as `wnm 0.1.0`.
    pub program: Option<String>,
    /// Processors that wnm may use.
    pub cpus: Option<u32>,
    /// All memory.
    pub memory: Option<Bytes>,
    /// What the operator wants of the host.
    pub policy: RawSettings,
}

/// One line of a trace.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly every line is a sample")]
pub enum TraceLine {
    /// What follows is of this machine.
    Header(Box<TraceHeader>),
    /// The machine and its nodes at one moment.
    Sample(TraceSample),
    /// What somebody had to say.
    Note {
        /// When.
        at: Timestamp,
        /// What.
        text: String,
    },
    /// What was decided at the sample before.
    Decided(Decided),
}

/// What was decided at one sample of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The time of the sample.
    pub at: Timestamp,
    /// What to do, in order.
    pub actions: Vec<Planned>,
    /// The blocker that ended the cycle; None with actions, and when nothing called for one.
    pub blocker: Option<Blocker>,
}

/// A line that is none of a trace, or does not fit those before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// It is not JSON, or its values are of the wrong type.
    #[error("{message}")]
    Malformed {
        /// The column at which reading ended, from 1.
        column: usize,
        /// What was expected and found.
        message: String,
    },
    /// It was written by a later program.
    #[error("expected a trace of version {TRACE_VERSION}, found version {found}: a newer wnm-sim can read it")]
    UnknownVersion {
        /// The version of the trace.
        found: u64,
    },
    /// It has no time.
    #[error("expected a sample with ts (Unix seconds), a header with wnm_trace, or a note, found none of them")]
    NotALine,
    /// It tells what changed of a node that was not listed.
    #[error("expected a node of the last full list, or a new one with its state, found node {id}")]
    UnlistedNode {
        /// The node.
        id: NodeId,
    },
    /// There are more nodes than a host can have.
    #[error("expected at most {MOST_NODES} nodes, found more")]
    TooManyNodes,
    /// It names a node twice.
    #[error("expected each node once, found node {id} twice")]
    NodeTwice {
        /// The node.
        id: NodeId,
    },
}

impl TraceError {
    /// Returns the column the error is about, from 1; 1 where it is about the whole line.
    #[must_use]
    pub const fn column(&self) -> usize {
        match self {
            Self::Malformed { column, .. } => *column,
            Self::UnknownVersion { .. }
            | Self::NotALine
            | Self::UnlistedNode { .. }
            | Self::TooManyNodes
            | Self::NodeTwice { .. } => 1,
        }
    }
}

impl From<serde_json::Error> for TraceError {
    fn from(error: serde_json::Error) -> Self {
        let (text, column) = (error.to_string(), error.column());
        let place = format!(" at line {} column {column}", error.line());
        Self::Malformed { column: column.max(1), message: text.strip_suffix(&place).unwrap_or(&text).to_owned() }
    }
}

/// The header as it stands in the file.
#[derive(Serialize, Deserialize)]
struct HeaderLine {
    wnm_trace: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    program: Option<String>,
    #[serde(default)]
    host: HeaderHost,
    #[serde(default)]
    policy: RawSettings,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct HeaderHost {
    #[serde(skip_serializing_if = "Option::is_none")]
    cpus: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
}

/// The version alone: what else stands in a header of another version is unknown.
#[derive(Deserialize)]
struct VersionLine {
    wnm_trace: u64,
}

/// A decision as it stands in the file.
#[derive(Serialize, Deserialize)]
struct DecidedLine {
    ts: f64,
    decided: Vec<Planned>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blocker: Option<Blocker>,
}

impl TraceLine {
    /// Reads a line.
    ///
    /// # Errors
    /// It is none of a trace, or of a version yet unknown.
    pub fn parse(text: &str) -> Result<Self, TraceError> {
        // Serde would take a list for an object.
        if !text.trim_start().starts_with('{') {
            return Err(TraceError::NotALine);
        }
        let kind = match sample::parse(text) {
            Ok(sample::Parsed::Sample(sample)) => return Ok(Self::Sample(sample)),
            Ok(sample::Parsed::Note { at, text }) => return Ok(Self::Note { at, text }),
            Ok(sample::Parsed::Other(kind)) => kind,
            // A header of another version may hold anything.
            Err(error) => return Err(other_version(text).unwrap_or_else(|| error.into())),
        };
        match kind {
            sample::Kind::Header => Self::parse_header(text),
            sample::Kind::Decided => {
                let DecidedLine { ts, decided, blocker } = serde_json::from_str(text)?;
                Ok(Self::Decided(Decided { at: crate::format::case::timestamp(ts), actions: decided, blocker }))
            }
            sample::Kind::Unknown => Err(TraceError::NotALine),
        }
    }

    fn parse_header(text: &str) -> Result<Self, TraceError> {
        if let Some(error) = other_version(text) {
            return Err(error);
        }
        let HeaderLine { program, host, policy, .. } = serde_json::from_str(text)?;
        let header = TraceHeader { program, cpus: host.cpus, memory: host.memory_bytes.map(Bytes), policy };
        Ok(Self::Header(Box::new(header)))
    }
}

fn other_version(text: &str) -> Option<TraceError> {
    let VersionLine { wnm_trace: found } = serde_json::from_str(text).ok()?;
    (found != u64::from(TRACE_VERSION)).then_some(TraceError::UnknownVersion { found })
}

/// Returns the moment as Unix seconds, exact to the millisecond.
fn seconds(at: Timestamp) -> f64 {
    at.as_millis() as f64 / 1000.0
}
