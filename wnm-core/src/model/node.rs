//! A node: who it is, where it lives, and what state it is in.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::flavor::Flavor;
use crate::model::manager::ManagerKind;
use crate::model::units::{Timestamp, Version};
use crate::model::wallet::Address;

/// The number of a node within its colony, from 1. Its name, ports and folder follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "u32", into = "u32")]
pub struct NodeId(u32);

/// A text names no node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a node such as 3, 0003, antnode0003 or antnode0003.service, found {found:?}")]
pub struct NotANode {
    /// What was given.
    pub found: String,
}

/// Something of each node, by id: in one stretch of memory, as a cycle reads all of it from end to end.
pub type NodeMap<T> = litemap::LiteMap<NodeId, T>;

impl NodeId {
    /// The lowest number a node can have.
    pub const FIRST: Self = Self(1);

    /// Returns the id of this number, or None for 0.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if number == 0 { None } else { Some(Self(number)) }
    }

    /// Returns the bare number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Returns the id that follows, or this one at the end of the range.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Returns the name that folders, services and containers carry, such as `antnode0003`.
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
        // `parse` alone would take a leading plus sign.
        let plain = digits.bytes().all(|b| b.is_ascii_digit());
        let number = if plain { digits.parse().ok() } else { None };
        number.and_then(Self::new).ok_or_else(|| NotANode { found: text.to_owned() })
    }
}

impl TryFrom<u32> for NodeId {
    type Error = NotANode;
    fn try_from(number: u32) -> Result<Self, NotANode> {
        Self::new(number).ok_or_else(|| NotANode { found: number.to_string() })
    }
}

impl From<NodeId> for u32 {
    fn from(id: NodeId) -> u32 {
        id.0
    }
}

/// The ports of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ports {
    /// UDP, where peers reach the node.
    pub node: u16,
    /// TCP on loopback, where an `antnode` serves its metrics; reserved but unused by an `ant-node`.
    pub metrics: u16,
    /// Reserved for `antctl`, which wants a third one. An `ant-node` uses it (UDP) for WebRTC.
    pub rpc: u16,
}

impl Ports {
    /// Returns all ports of the node, for checks against those of others.
    #[must_use]
    pub const fn all(&self) -> [u16; 3] {
        [self.node, self.metrics, self.rpc]
    }
}

/// One node of the colony: everything that stays the same while it lives.
///
/// What changes from look to look is its [`NodeState`](crate::NodeState), kept by the engine, and its
/// [`NodeSample`](crate::NodeSample), the last observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Node {
    /// Its number in the colony.
    pub id: NodeId,
    /// Names this very node for ever: written to the marker in its folder, so that a number used twice is noticed.
    pub uuid: String,
    /// Which program it runs.
    pub flavor: Flavor,
    /// What starts and stops it.
    pub manager: ManagerKind,
    /// Its data, identity and binary.
    pub root_dir: PathBuf,
    /// Its logs.
    pub log_dir: PathBuf,
    /// Its own copy of the program.
    pub binary: PathBuf,
    /// Its ports.
    pub ports: Ports,
    /// Who is paid.
    pub wallet: Address,
    /// The payment network, as the words that end the command line of an `antnode`.
    pub network: Vec<String>,
    /// Further arguments, already split into words.
    pub arguments: Vec<String>,
    /// The whole environment of the process, as names and values.
    pub environment: Vec<(String, String)>,
    /// Whether it may ask the router to open its port.
    pub upnp: Upnp,
    /// When its identity was made: what its age is counted from.
    pub born: Timestamp,
}

/// Whether nodes ask the router to open their port (UPnP).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Upnp {
    /// The node asks the router.
    On,
    /// The node is told `--no-upnp`.
    Off,
}

/// Why a node is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    /// The engine stopped it to relieve the host.
    Pressure,
    /// The operator stopped it.
    Requested,
    /// It was found not running.
    Found,
    /// It was to start and did not.
    StartFailed,
}

/// What a node is believed to be doing, with the facts that belong to that state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum NodeState {
    /// It runs and answers.
    Running {
        /// When this state began.
        since: Timestamp,
    },
    /// Its process lives, or may live, but gave no answer. Counts as running and is never chosen for anything.
    Unknown {
        /// When this state began.
        since: Timestamp,
    },
    /// It does not run and may be started.
    Stopped {
        /// When it stopped; None when nobody saw it happen, and then it need not wait before it starts.
        since: Option<Timestamp>,
        /// Why it stopped.
        cause: StopCause,
    },
    /// It was told to start, and is given `delay_start` to settle.
    Restarting {
        /// When this state began.
        since: Timestamp,
    },
    /// It was told to change its program, and is given `delay_upgrade` to settle.
    Upgrading {
        /// When this state began.
        since: Timestamp,
        /// The version it had; None when that was not known.
        from: Option<Version>,
        /// The version it is to have.
        to: Version,
    },
    /// It moves to another volume. Counted, and entered by nothing yet.
    Migrating {
        /// When this state began.
        since: Timestamp,
    },
    /// It is on its way out: being stopped, or gone and waiting for its folder to go.
    Removing {
        /// When this state began.
        since: Timestamp,
    },
    /// Its folder is gone, and with it its identity.
    Dead {
        /// When this state began.
        since: Timestamp,
    },
    /// The operator keeps it down: never counted for versions, touched or surveyed until it is started by name.
    Disabled {
        /// When this state began.
        since: Timestamp,
    },
}

impl NodeState {
    /// Returns the status word that reports and the earlier tools use, such as `RUNNING`.
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

    /// Returns when this state began; None for a stopped node nobody saw stopping.
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

    /// Tells whether an operation on the node is under way, so that nothing else may choose it.
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

    /// Tells whether the node runs, may run or is about to: what `node_cap` bounds.
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
    fn a_node_is_named_in_four_ways() {
        for text in ["3", "0003", "antnode0003", "antnode0003.service"] {
            assert_eq!(text.parse(), Ok(NodeId(3)), "{text}");
        }
        assert_eq!("1234".parse(), Ok(NodeId(1234)));
        for text in ["", "0", "-3", "+3", "antnode", "node3", "3.5", "99999999999", "antnode0003.timer"] {
            assert!(text.parse::<NodeId>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_have_four_digits_and_more_when_needed() {
        assert_eq!(NodeId(7).name(), "antnode0007");
        assert_eq!(NodeId(12345).name(), "antnode12345");
    }
}
