//! The nodes of a decision case.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};

use super::{CaseVolume, timestamp};
use crate::model::node::{NodeId, NodeState, StopCause};
use crate::model::observation::NodeSample;
use crate::model::units::{Bytes, Cores, Timestamp, Version};

/// Time for which a node has run that the first line shows as running: longer than any time that a rule looks back.
const LONG_AGO: Duration = Duration::from_secs(86_400);

/// The words for the states of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CaseStatus {
    /// The node runs and answers.
    Running,
    /// The process runs and does not answer.
    Unknown,
    /// The node does not run.
    Stopped,
    /// The node is starting.
    Restarting,
    /// The node is changing its program.
    Upgrading,
    /// The node is moving to another volume.
    Migrating,
    /// The node is in removal.
    Removing,
    /// The folder of the node no longer exists.
    Dead,
    /// The operator disabled the node.
    Disabled,
}

/// One node of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseNode {
    /// The number of the node, from 1.
    pub id: NodeId,
    /// The state, without its facts.
    pub status: CaseStatus,
    /// The version of the program; None if the text is empty or not a version.
    #[serde(default, deserialize_with = "version_or_nothing", skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The creation time, in Unix seconds. The Python wnm calls it the age: the youngest node has the greatest.
    #[serde(default)]
    pub age: i64,
    /// The start of the state, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<f64>,
    /// CPU use, in cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f64>,
    /// Resident memory, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Disk space of the node's folder, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_bytes: Option<u64>,
    /// The storage folder of the node, one of those in `metrics.volumes`; the first one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<PathBuf>,
}

impl CaseNode {
    /// Returns the state of the node; without `since`, it keeps the start of the same state from before.
    #[must_use]
    pub fn state(&self, remembered: Option<&NodeState>, now: Timestamp, target: Option<&Version>) -> NodeState {
        let given = self.since.map(timestamp);
        let same = remembered.filter(|state| state.word() == self.status.word());
        let since = given.or_else(|| same.and_then(NodeState::since));
        // A node that runs in the first line that shows it has run for long: a start is shown as RESTARTING.
        let long_ago = || (self.status == CaseStatus::Running && remembered.is_none()).then(|| now.before(LONG_AGO));
        let since = since.or_else(long_ago);
        match (self.status.state(since, now, || self.version.clone(), target), remembered) {
            (NodeState::Stopped { since, .. }, Some(NodeState::Stopped { cause, .. })) => {
                NodeState::Stopped { since, cause: *cause }
            }
            // A node that ran and that no decision stopped has ended by itself.
            (NodeState::Stopped { since, .. }, Some(remembered)) if remembered.is_active() => {
                NodeState::Stopped { since: since.or(Some(now)), cause: StopCause::Found }
            }
            (state, _) => state,
        }
    }

    /// Returns the case as a sample of the node on these volumes. A folder that is none of them is an unknown volume.
    #[must_use]
    pub fn sample(&self, volumes: &[CaseVolume]) -> NodeSample {
        let place = |folder: &PathBuf| volumes.iter().position(|volume| volume.folder == *folder);
        NodeSample {
            born: Timestamp::from_secs(self.age),
            version: self.version.clone(),
            volume: self.volume.as_ref().map_or(Some(0), place),
            cpu: self.cpu.and_then(|cpu| Cores::new(cpu).ok()),
            memory: self.memory_bytes.map(Bytes),
            disk: self.disk_bytes.map(Bytes),
            ..NodeSample::default()
        }
    }
}

impl CaseStatus {
    /// Returns the word for a state.
    #[must_use]
    pub const fn of(state: &NodeState) -> Self {
        match state {
            NodeState::Running { .. } => Self::Running,
            NodeState::Unknown { .. } => Self::Unknown,
            NodeState::Stopped { .. } => Self::Stopped,
            NodeState::Restarting { .. } => Self::Restarting,
            NodeState::Upgrading { .. } => Self::Upgrading,
            NodeState::Migrating { .. } => Self::Migrating,
            NodeState::Removing { .. } => Self::Removing,
            NodeState::Dead { .. } => Self::Dead,
            NodeState::Disabled { .. } => Self::Disabled,
        }
    }

    /// Returns the state for the word. An unknown start means now, except for a stopped node, which then has no cooldown.
    #[must_use]
    pub fn state(
        self,
        since: Option<Timestamp>,
        now: Timestamp,
        version: impl FnOnce() -> Option<Version>,
        target: Option<&Version>,
    ) -> NodeState {
        let begun = since.unwrap_or(now);
        match self {
            Self::Running => NodeState::Running { since: begun },
            Self::Unknown => NodeState::Unknown { since: begun },
            // As in the Python wnm, where the policy stops nodes and starts them again.
            Self::Stopped => NodeState::Stopped { since, cause: StopCause::Pressure },
            Self::Restarting => NodeState::Restarting { since: begun },
            Self::Upgrading => NodeState::Upgrading {
                since: begun,
                from: version(),
                to: target.cloned().unwrap_or(Version::new(0, 0, 0)),
            },
            Self::Migrating => NodeState::Migrating { since: begun },
            Self::Removing => NodeState::Removing { since: begun },
            Self::Dead => NodeState::Dead { since: begun },
            Self::Disabled => NodeState::Disabled { since: begun },
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Unknown => "UNKNOWN",
            Self::Stopped => "STOPPED",
            Self::Restarting => "RESTARTING",
            Self::Upgrading => "UPGRADING",
            Self::Migrating => "MIGRATING",
            Self::Removing => "REMOVING",
            Self::Dead => "DEAD",
            Self::Disabled => "DISABLED",
        }
    }
}

/// Reads a version without a copy of its text; null, an empty text and any text that is no version are None.
fn version_or_nothing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Version>, D::Error> {
    struct Text;
    impl Visitor<'_> for Text {
        type Value = Option<Version>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a version or an empty text")
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Option<Version>, E> {
            Ok(text.parse().ok())
        }
        fn visit_unit<E: serde::de::Error>(self) -> Result<Option<Version>, E> {
            Ok(None)
        }
    }
    deserializer.deserialize_any(Text)
}
