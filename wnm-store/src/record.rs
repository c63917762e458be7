//! One record of the database: its name in errors, and its JSON text in a column.

use std::fmt;

use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wnm_core::{ActionId, Day, Desired, NodeId, Problem};

use crate::error::StoreError;
use crate::history::CycleId;

/// One record of the database, as errors name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// The description of a node.
    Node(NodeId),
    /// A row of the table of nodes whose number is 0.
    UnnumberedNode,
    /// The state of a node.
    NodeState(NodeId),
    /// The desired condition of a node.
    Desired(NodeId),
    /// The last sample of a node.
    NodeSample(NodeId),
    /// The health of a node on a day.
    NodeDay(NodeId, Day),
    /// The state of the engine without the states of the nodes.
    Engine,
    /// The counters that rates are computed from.
    Counters,
    /// The cache of the platform: versions of node programs by digest.
    Cache,
    /// The schedule of the cycles.
    Schedule,
    /// The time and the settings of the last copy.
    Copied,
    /// The health of all nodes on a day.
    Health,
    /// The kind of a cycle.
    CycleKind(CycleId),
    /// The sample of the host in a cycle.
    HostSample(CycleId),
    /// The decision of a cycle.
    Decision(CycleId),
    /// The cycle that is about to begin.
    NewCycle,
    /// The plan of an action.
    Plan(ActionId),
    /// The failure that made an action turn back.
    Failure(ActionId),
    /// The outcome of an action.
    Outcome(ActionId),
    /// A step of an action.
    Step(ActionId),
    /// A run of a probe, by its row.
    ProbeRun(i64),
    /// The run of a probe that is about to be stored.
    NewProbeRun,
    /// A setting, by its name.
    Setting(&'static str),
    /// The table of settings.
    Settings,
    /// The tables themselves.
    Schema,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id) => write!(f, "node {id}"),
            Self::UnnumberedNode => f.write_str("the number of a node"),
            Self::NodeState(id) => write!(f, "the state of node {id}"),
            Self::Desired(id) => write!(f, "the desired state of node {id}"),
            Self::NodeSample(id) => write!(f, "the last sample of node {id}"),
            Self::NodeDay(id, day) => write!(f, "day {} of node {id}", day.0),
            Self::Engine => f.write_str("the state of the engine"),
            Self::Counters => f.write_str("the counters"),
            Self::Cache => f.write_str("the cache of node programs"),
            Self::Schedule => f.write_str("the schedule"),
            Self::Copied => f.write_str("the time of the last copy"),
            Self::Health => f.write_str("the health of the nodes"),
            Self::CycleKind(id) => write!(f, "the kind of cycle {id}"),
            Self::HostSample(id) => write!(f, "the host sample of cycle {id}"),
            Self::Decision(id) => write!(f, "the decision of cycle {id}"),
            Self::NewCycle => f.write_str("the new cycle"),
            Self::Plan(id) => write!(f, "the plan of action {}", id.0),
            Self::Failure(id) => write!(f, "the failure of action {}", id.0),
            Self::Outcome(id) => write!(f, "the outcome of action {}", id.0),
            Self::Step(id) => write!(f, "a step of action {}", id.0),
            Self::ProbeRun(id) => write!(f, "probe run {id}"),
            Self::NewProbeRun => f.write_str("the new probe run"),
            Self::Setting(key) => write!(f, "the setting {key}"),
            Self::Settings => f.write_str("the settings"),
            Self::Schema => f.write_str("the schema"),
        }
    }
}

/// The reason why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Corruption {
    /// The text is not JSON, or not the JSON of such a record.
    #[error("invalid JSON: {0}")]
    Json(serde_json::Error),
    /// The column holds no value.
    #[error("the value is missing")]
    Missing,
    /// The column holds a number where a text belongs.
    #[error("a number instead of text")]
    Number,
    /// The number of a node is 0; the first node is 1.
    #[error("the number is 0")]
    Zero,
    /// The description is that of another node.
    #[error("it describes node {0}")]
    OtherNode(NodeId),
    /// The word is none of those that this wnm knows.
    #[error("unknown word {0:?}")]
    UnknownWord(String),
    /// The desired condition does not fit the state: a disabled node is disabled in both.
    #[error("{} contradicts the state {state}", .desired.word())]
    Contradicts {
        /// The desired condition.
        desired: Desired,
        /// The state as in reports.
        state: &'static str,
    },
    /// The value of a setting cannot be used.
    #[error(transparent)]
    Setting(Box<Problem>),
    /// The row is not the one that wnm wrote.
    #[error("its digest is wrong: the row has changed since wnm wrote it")]
    Digest,
    /// The column does not exist.
    #[error("the column cannot be read: {0}")]
    Column(rusqlite::Error),
    /// The tables cannot be migrated.
    #[error("the migration failed: {0}")]
    Migration(Box<rusqlite_migration::Error>),
}

/// Returns the JSON text of a value.
///
/// # Errors
/// The value has no JSON form, such as a path that is not UTF-8.
pub(crate) fn to_json(value: &impl Serialize, record: Record) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|source| StoreError::NotSerialisable { record, source })
}

/// Checks that a column with the comparison of a row and its digest is true.
///
/// # Errors
/// The row has changed since it was written.
pub(crate) fn verified(row: &Row<'_>, column: usize, record: Record) -> Result<(), StoreError> {
    match row.get(column) {
        Ok(true) => Ok(()),
        Ok(false) => Err(StoreError::Corrupt { record, cause: Corruption::Digest }),
        Err(error) => Err(StoreError::Corrupt { record, cause: Corruption::Column(error) }),
    }
}

/// Reads a value from a column; None where the column is null.
///
/// # Errors
/// The text is not the JSON of such a value.
pub(crate) fn optional<T: DeserializeOwned>(
    row: &Row<'_>,
    column: usize,
    record: Record,
) -> Result<Option<T>, StoreError> {
    let cause = match row.get_ref(column) {
        Ok(ValueRef::Null) => return Ok(None),
        // From the bytes: a damaged text need not be UTF-8, and is an error of this record only.
        Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => match serde_json::from_slice(bytes) {
            Ok(value) => return Ok(Some(value)),
            Err(error) => Corruption::Json(error),
        },
        Ok(ValueRef::Integer(_) | ValueRef::Real(_)) => Corruption::Number,
        Err(error) => Corruption::Column(error),
    };
    Err(StoreError::Corrupt { record, cause })
}

/// Reads a value from a column.
///
/// # Errors
/// The column is null, or the text is not the JSON of such a value.
pub(crate) fn required<T: DeserializeOwned>(row: &Row<'_>, column: usize, record: Record) -> Result<T, StoreError> {
    optional(row, column, record)?.ok_or(StoreError::Corrupt { record, cause: Corruption::Missing })
}
