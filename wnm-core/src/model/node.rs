//! Nodes: number, description and state.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::flavor::{Flavor, MetricsSource};
use crate::model::manager::ManagerKind;
use crate::model::units::{Timestamp, Version};
use crate::model::wallet::Address;

/// The number of a node in its colony, from 1. The name, the ports and the folder derive from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "u32", into = "u32")]
pub struct NodeId(u32);

/// A text that is no name of a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid node name {name:?}: not like 3, 0003, antnode0003 or antnode0003.service")]
pub struct NotANode {
    /// The text.
    pub name: String,
}

/// A map by node id. It is a sorted vector, because a cycle reads all entries in order and seldom inserts one.
pub type NodeMap<T> = litemap::LiteMap<NodeId, T>;

impl NodeId {
    /// The lowest number of a node.
    pub const FIRST: Self = Self(1);

    /// Returns the id with this number; None for 0.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if number == 0 { None } else { Some(Self(number)) }
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Returns the next id, or the same id at the end of the range.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Returns the name for folders, services and containers, such as `antnode0003`.
    #[must_use]
    pub fn name(self) -> String {
        format!("antnode{self}")
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.0)
    }
}

impl FromStr for NodeId {
    type Err = NotANode;
    fn from_str(text: &str) -> Result<Self, NotANode> {
        let name = text.strip_suffix(".service").unwrap_or(text);
        let digits = name.strip_prefix("antnode").unwrap_or(name);
        // `parse` alone accepts a leading plus sign.
        let plain = digits.bytes().all(|b| b.is_ascii_digit());
        let number = if plain { digits.parse().ok() } else { None };
        number.and_then(Self::new).ok_or_else(|| NotANode { name: text.to_owned() })
    }
}

impl TryFrom<u32> for NodeId {
    type Error = NotANode;
    fn try_from(number: u32) -> Result<Self, NotANode> {
        Self::new(number).ok_or_else(|| NotANode { name: number.to_string() })
    }
}

impl From<NodeId> for u32 {
    fn from(id: NodeId) -> u32 {
        id.0
    }
}

/// The ports of a node. Nodes that wnm creates have all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ports {
    /// UDP port for peers.
    pub node: u16,
    /// TCP port on loopback where an `antnode` serves metrics; None for an adopted node without a metrics server. An
    /// `ant-node` does not use it.
    pub metrics: Option<u16>,
    /// Port for the RPC service of `antctl`; None for an adopted node without one. An `ant-node` uses it (UDP) for
    /// WebRTC, and takes a random port without it.
    pub rpc: Option<u16>,
}

impl Ports {
    /// Returns all ports that the node has.
    pub fn all(&self) -> impl Iterator<Item = u16> + use<> {
        [Some(self.node), self.metrics, self.rpc].into_iter().flatten()
    }
}

/// The permanent description of a node.
///
/// The engine state holds its [`NodeState`](crate::NodeState), and an observation holds its
/// [`NodeSample`](crate::NodeSample).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Node {
    /// Number in the colony.
    pub id: NodeId,
    /// Permanent identifier. The marker file in the node's folder contains it, which reveals a number used twice.
    pub uuid: String,
    /// The node program.
    pub flavor: Flavor,
    /// The process manager of the node.
    pub manager: ManagerKind,
    /// The name of its service or container, without a suffix such as `.service`, for an adopted node that had another
    /// name than [`NodeId::name`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The folder with the data, the identity and the program.
    pub root_dir: PathBuf,
    /// The folder for logs.
    pub log_dir: PathBuf,
    /// The node's own copy of the program.
    pub binary: PathBuf,
    /// The ports of the node.
    pub ports: Ports,
    /// The rewards address.
    pub wallet: Address,
    /// The payment network, as the words at the end of the command line of an `antnode`.
    pub network: Vec<String>,
    /// Further arguments, split into words.
    pub arguments: Vec<String>,
    /// The complete environment of the process, as names and values.
    pub environment: Vec<(String, String)>,
    /// Whether the node asks the router to open its port.
    pub upnp: Upnp,
    /// The creation time of the identity, from which the age counts.
    pub born: Timestamp,
}

impl Node {
    /// Returns the name of its service or container, without a suffix such as `.service`.
    #[must_use]
    pub fn service_name(&self) -> String {
        self.service.clone().unwrap_or_else(|| self.id.name())
    }

    /// Returns the port of its metrics server; None for a node that is observed by its process.
    #[must_use]
    pub fn metrics_port(&self) -> Option<u16> {
        match self.flavor.metrics_source() {
            MetricsSource::Http => self.ports.metrics,
            MetricsSource::Process => None,
        }
    }
}

/// The use of UPnP, by which a node asks the router to open its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Upnp {
    /// The node asks the router.
    On,
    /// The node starts with `--no-upnp`.
    Off,
}

/// The reason why a node is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    /// The engine stopped the node to relieve the host.
    Pressure,
    /// The operator stopped the node.
    #[serde(alias = "asked")]
    Requested,
    /// An observation found the process gone.
    Found,
    /// The start of the node failed.
    StartFailed,
    /// The node was stopped when wnm took it over.
    Imported,
    /// A removal stopped the node, and was cancelled or failed.
    Removal,
}

/// The condition that a node should be in, in contrast to its observed [`NodeState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Desired {
    /// The node should run: the rule `recover` starts it when it ends by itself.
    #[default]
    Running,
    /// The policy stopped the node, and starts it again when the host has headroom.
    StoppedByPolicy,
    /// The operator stopped the node: no rule starts it.
    StoppedByRequest,
    /// The operator disabled the node: no rule starts, upgrades or observes it.
    Disabled,
}

impl Desired {
    /// All conditions.
    pub const ALL: [Self; 4] = [Self::Running, Self::StoppedByPolicy, Self::StoppedByRequest, Self::Disabled];

    /// Returns the word in the database and in reports, such as `stopped_by_policy`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::StoppedByPolicy => "stopped_by_policy",
            Self::StoppedByRequest => "stopped_by_request",
            Self::Disabled => "disabled",
        }
    }

    /// Returns the condition with this word; None for any other word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|desired| desired.word() == word)
    }

    /// Returns the desired condition that a state implies: the cause of a stop tells who stopped the node.
    #[must_use]
    pub const fn implied_by(state: &NodeState) -> Self {
        match state {
            NodeState::Disabled { .. } => Self::Disabled,
            NodeState::Stopped { cause: StopCause::Pressure | StopCause::Imported, .. } => Self::StoppedByPolicy,
            NodeState::Stopped { cause: StopCause::Requested, .. } => Self::StoppedByRequest,
            NodeState::Stopped { cause: StopCause::Found | StopCause::StartFailed | StopCause::Removal, .. }
            | NodeState::Running { .. }
            | NodeState::Unknown { .. }
            | NodeState::Restarting { .. }
            | NodeState::Upgrading { .. }
            | NodeState::Migrating { .. }
            | NodeState::Removing { .. }
            | NodeState::Dead { .. } => Self::Running,
        }
    }

    /// Returns whether a node in this state can have this desired condition: a disabled node is disabled in both, and
    /// during its removal.
    #[must_use]
    pub const fn is_possible_in(self, state: &NodeState) -> bool {
        match state {
            NodeState::Disabled { .. } => matches!(self, Self::Disabled),
            NodeState::Removing { .. } => true,
            NodeState::Running { .. }
            | NodeState::Unknown { .. }
            | NodeState::Stopped { .. }
            | NodeState::Restarting { .. }
            | NodeState::Upgrading { .. }
            | NodeState::Migrating { .. }
            | NodeState::Dead { .. } => !matches!(self, Self::Disabled),
        }
    }

    /// Returns the cause of a stop that an observation finds; the desired condition tells whether the stop was planned.
    #[must_use]
    pub(crate) const fn cause_of_a_found_stop(self) -> StopCause {
        match self {
            Self::Running => StopCause::Found,
            Self::StoppedByPolicy => StopCause::Pressure,
            Self::StoppedByRequest | Self::Disabled => StopCause::Requested,
        }
    }
}

/// The state of a node, with the facts of that state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum NodeState {
    /// The node runs and answers.
    Running {
        /// The start of this state.
        since: Timestamp,
    },
    /// The process runs, or may run, without an answer. The node counts as running, and no rule selects it.
    Unknown {
        /// The start of this state.
        since: Timestamp,
    },
    /// The node does not run and may start.
    Stopped {
        /// The time of the stop; None if unknown, and the node then has no cooldown.
        since: Option<Timestamp>,
        /// The reason of the stop.
        cause: StopCause,
    },
    /// The node was started less than `delay_start` ago.
    Restarting {
        /// The start of this state.
        since: Timestamp,
    },
    /// The node got another program less than `delay_upgrade` ago.
    Upgrading {
        /// The start of this state.
        since: Timestamp,
        /// The version before; None if unknown.
        from: Option<Version>,
        /// The version after.
        to: Version,
    },
    /// The folder of the node moves to another storage folder. The node runs, except for the last part of the copy.
    Migrating {
        /// The start of this state.
        since: Timestamp,
    },
    /// The node is in removal: it stops, or its folder waits for deletion.
    Removing {
        /// The start of this state.
        since: Timestamp,
    },
    /// The folder no longer exists, and with it the identity.
    Dead {
        /// The start of this state.
        since: Timestamp,
    },
    /// The operator disabled the node: no rule starts, upgrades or observes it until the operator starts it by name.
    Disabled {
        /// The start of this state.
        since: Timestamp,
    },
}

impl NodeState {
    /// Returns the status word of reports and of the Python wnm, such as `RUNNING`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Running { .. } => "RUNNING",
            Self::Unknown { .. } => "UNKNOWN",
            Self::Stopped { .. } => "STOPPED",
            Self::Restarting { .. } => "RESTARTING",
            Self::Upgrading { .. } => "UPGRADING",
            Self::Migrating { .. } => "MIGRATING",
            Self::Removing { .. } => "REMOVING",
            Self::Dead { .. } => "DEAD",
            Self::Disabled { .. } => "DISABLED",
        }
    }

    /// Returns the start of this state; None for a stopped node with an unknown time of its stop.
    #[must_use]
    pub const fn since(&self) -> Option<Timestamp> {
        match self {
            Self::Stopped { since, .. } => *since,
            Self::Running { since }
            | Self::Unknown { since }
            | Self::Restarting { since }
            | Self::Upgrading { since, .. }
            | Self::Migrating { since }
            | Self::Removing { since }
            | Self::Dead { since }
            | Self::Disabled { since } => Some(*since),
        }
    }

    /// Tells whether an operation on the node is under way, so that no rule may select it.
    #[must_use]
    pub const fn is_in_operation(&self) -> bool {
        match self {
            Self::Restarting { .. } | Self::Upgrading { .. } | Self::Migrating { .. } | Self::Removing { .. } => true,
            Self::Running { .. }
            | Self::Unknown { .. }
            | Self::Stopped { .. }
            | Self::Dead { .. }
            | Self::Disabled { .. } => false,
        }
    }

    /// Tells whether the node runs, may run or is about to run: `node_cap` limits the number of such nodes.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        match self {
            Self::Running { .. }
            | Self::Unknown { .. }
            | Self::Restarting { .. }
            | Self::Upgrading { .. }
            | Self::Migrating { .. } => true,
            Self::Stopped { .. } | Self::Removing { .. } | Self::Dead { .. } | Self::Disabled { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_names_have_four_forms() {
        for text in ["3", "0003", "antnode0003", "antnode0003.service"] {
            assert_eq!(text.parse(), Ok(NodeId(3)), "{text}");
        }
        assert_eq!("1234".parse(), Ok(NodeId(1234)));
        for text in ["", "0", "-3", "+3", "antnode", "node3", "3.5", "99999999999", "antnode0003.timer"] {
            assert!(text.parse::<NodeId>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_have_at_least_four_digits() {
        assert_eq!(NodeId(7).name(), "antnode0007");
        assert_eq!(NodeId(12345).name(), "antnode12345");
    }
}
