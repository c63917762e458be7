//! Traces: a host and its nodes over time, as JSON lines that `wnm record` writes and `wnm-sim` reads.
//!
//! This module converts between text and values; files and compression are in the callers. A trace consists of a
//! header, samples, notes and, in a run, the decision at each sample. `docs/traces.md` describes the format.

mod nodes;
mod sample;
mod writer;

use serde::{Deserialize, Serialize};

use crate::action::decision::Planned;
use crate::action::verdict::Blocker;
use crate::model::node::NodeId;
use crate::model::units::{Bytes, Timestamp};
use crate::policy::settings::RawSettings;

pub use crate::policy::constants::MOST_NODES;
pub use nodes::{NodeChange, NodeChanges, Patch};
pub use sample::TraceSample;
pub use writer::TraceWriter;

/// The version of the format that this crate writes, and the newest that it reads.
pub const TRACE_VERSION: u32 = 1;

/// The first line of a trace.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TraceHeader {
    /// The program that wrote the trace, such as `wnm 0.1.0`.
    pub program: Option<String>,
    /// Number of CPUs that wnm may use.
    pub cpus: Option<u32>,
    /// Memory of the host.
    pub memory: Option<Bytes>,
    /// The settings that decisions depend on.
    pub policy: RawSettings,
}

/// One line of a trace.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly every line is a sample")]
pub enum TraceLine {
    /// The host and the policy of the following lines.
    Header(Box<TraceHeader>),
    /// The host and its nodes at one moment.
    Sample(TraceSample),
    /// A remark of an operator or a test, such as the start of a load.
    Note {
        /// The time of the remark.
        at: Timestamp,
        /// The remark, of any length.
        text: String,
    },
    /// The decision at the previous sample.
    Decided(Decided),
}

/// The decision at one sample of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The time of the sample.
    pub at: Timestamp,
    /// The actions, in order of execution.
    pub actions: Vec<Planned>,
    /// The blocker that ended the cycle; None with actions, and when nothing called for one.
    pub blocker: Option<Blocker>,
}

/// A line that is not part of a trace, or that contradicts the lines before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// The line is not JSON, or a value has the wrong type.
    #[error("not a line of a trace: {message}")]
    Malformed {
        /// The column of the error, from 1.
        column: usize,
        /// The message of the JSON parser, without line and column.
        message: String,
    },
    /// The trace has a later version.
    #[error(
        "cannot read a trace of version {found}: this program reads version {TRACE_VERSION}, a newer one may read it"
    )]
    UnknownVersion {
        /// The version of the trace.
        found: u64,
    },
    /// The line is JSON, but neither a header nor a line with a time.
    #[error("not a line of a trace: neither a header with wnm_trace nor a line with ts (Unix seconds)")]
    NotALine,
    /// The line changes a node that no earlier line lists, without the state that a new node needs.
    #[error("unknown node {id}: not in the last full list, and without the state of a new node")]
    UnlistedNode {
        /// The number of the node.
        id: NodeId,
    },
    /// The trace has more nodes than a host has ports.
    #[error("more than {MOST_NODES} nodes")]
    TooManyNodes,
    /// A full list contains a node twice.
    #[error("node {id} is listed twice")]
    NodeTwice {
        /// The number of the node.
        id: NodeId,
    },
}

impl TraceError {
    /// Returns the column of the error, from 1; 1 for an error of the whole line.
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

/// The JSON of a header.
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

/// The version alone: the other keys of another version are unknown.
#[derive(Deserialize)]
struct VersionLine {
    wnm_trace: u64,
}

/// The JSON of a decision.
#[derive(Serialize, Deserialize)]
struct DecidedLine {
    ts: f64,
    decided: Vec<Planned>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blocker: Option<Blocker>,
}

impl TraceLine {
    /// Parses a line.
    ///
    /// # Errors
    /// The line is not part of a trace, or has a later version.
    pub fn parse(text: &str) -> Result<Self, TraceError> {
        // The derived deserializer accepts a list as the fields of a struct in order.
        if !text.trim_start().starts_with('{') {
            return Err(TraceError::NotALine);
        }
        let kind = match sample::parse(text) {
            Ok(sample::Parsed::Sample(sample)) => return Ok(Self::Sample(sample)),
            Ok(sample::Parsed::Note { at, text }) => return Ok(Self::Note { at, text }),
            Ok(sample::Parsed::Other(kind)) => kind,
            // A header of another version may have any keys and types.
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

/// Returns the time as Unix seconds, exact to the millisecond.
fn seconds(at: Timestamp) -> f64 {
    at.as_millis() as f64 / 1000.0
}
