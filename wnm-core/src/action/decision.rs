//! Decisions: actions with their reasons as data. The command line renders them.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::verdict::{Blocker, Comparison, RuleVerdict, SkipReason, Verdict};
use crate::model::exit::Exit;
use crate::model::node::{Node, NodeId};
use crate::model::node_update::{NodeUpdate, moved_to};
use crate::model::units::{Cores, Version};
use crate::policy::pressure::{Features, Measure};

/// A change to one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Create a node and start it.
    Add {
        /// Number of the new node, which no node has.
        node: NodeId,
    },
    /// Start a stopped node, after an upgrade if `upgrade_to` has a version.
    Start {
        /// Number of the node.
        node: NodeId,
        /// Version to install before the start; None to start the installed one.
        upgrade_to: Option<Version>,
    },
    /// Stop a node; the policy may start it again.
    Stop {
        /// Number of the node.
        node: NodeId,
    },
    /// Stop a node if it runs, and keep it stopped until an operator starts or enables it.
    Disable {
        /// Number of the node.
        node: NodeId,
    },
    /// Allow the policy to start a disabled node.
    Enable {
        /// Number of the node.
        node: NodeId,
    },
    /// Take a node with its folder into the colony: out of the trash, or from a folder that the database did not contain.
    /// It stays as it is, stopped or running, and its row precedes the action.
    Restore {
        /// Number of the node.
        node: NodeId,
    },
    /// Stop a node and start it again.
    Restart {
        /// Number of the node.
        node: NodeId,
    },
    /// Replace the program of a node by another version.
    Upgrade {
        /// Number of the node.
        node: NodeId,
        /// Installed version; None when it is unknown.
        from: Option<Version>,
        /// Version to install.
        to: Version,
    },
    /// Remove a node with its folder and its identity.
    Remove {
        /// Number of the node.
        node: NodeId,
        /// Time between the exit of the process and the removal of the folder.
        linger: Duration,
    },
    /// Give a node other settings, such as arguments. A running node restarts.
    Update {
        /// Number of the node.
        node: NodeId,
        /// The new settings.
        update: Box<NodeUpdate>,
        /// Condition of the node before and after.
        then: Afterwards,
    },
    /// Move the folder of a node to another storage folder. A running node stops only for the last part of the copy.
    Move {
        /// Number of the node.
        node: NodeId,
        /// The storage folder.
        to: PathBuf,
        /// Condition of the node before and after.
        then: Afterwards,
    },
}

/// The condition of a node before an action that changes its description, and again after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Afterwards {
    /// The node runs.
    Running,
    /// The node is stopped or disabled, and stays so.
    Stopped,
}

impl Action {
    /// Returns the number of the node that the action changes.
    #[must_use]
    pub const fn node(&self) -> NodeId {
        match self {
            Self::Add { node }
            | Self::Start { node, .. }
            | Self::Stop { node }
            | Self::Disable { node }
            | Self::Enable { node }
            | Self::Restore { node }
            | Self::Restart { node }
            | Self::Upgrade { node, .. }
            | Self::Remove { node, .. }
            | Self::Update { node, .. }
            | Self::Move { node, .. } => *node,
        }
    }

    /// Returns the verb, such as `add`.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Add { .. } => "add",
            Self::Start { .. } => "start",
            Self::Stop { .. } => "stop",
            Self::Disable { .. } => "disable",
            Self::Enable { .. } => "enable",
            Self::Restore { .. } => "restore",
            Self::Restart { .. } => "restart",
            Self::Upgrade { .. } => "upgrade",
            Self::Remove { .. } => "remove",
            Self::Update { .. } => "update",
            Self::Move { .. } => "move",
        }
    }

    /// Returns the description of a node after the action; None for an action that changes no description.
    #[must_use]
    pub fn changed(&self, node: &Node) -> Option<Node> {
        match self {
            Self::Update { update, .. } => Some(update.applied_to(node)),
            Self::Move { to, .. } => Some(moved_to(node, to)),
            Self::Add { .. }
            | Self::Start { .. }
            | Self::Stop { .. }
            | Self::Disable { .. }
            | Self::Enable { .. }
            | Self::Restore { .. }
            | Self::Restart { .. }
            | Self::Upgrade { .. }
            | Self::Remove { .. } => None,
        }
    }
}

/// The reason of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// The folder of the node is missing.
    Dead,
    /// A signal is above its high threshold.
    Pressure {
        /// The signal with its value and its thresholds.
        measure: Measure,
    },
    /// A rule of steady relieves a signal.
    Relief {
        /// Cause of the relief.
        relief: Relief,
        /// The signal with its value and its thresholds.
        measure: Measure,
    },
    /// The colony has more nodes than `node_cap` allows.
    OverCap {
        /// Nodes of the colony.
        total: u32,
        /// The node cap.
        cap: u32,
    },
    /// The node is older than the node binary.
    Outdated {
        /// Installed version.
        from: Version,
        /// Version of the node binary.
        to: Version,
    },
    /// The node should run, and its process ended by itself or was not started.
    Ended {
        /// Starts since the node was last up for ten minutes, this one included.
        attempt: u32,
        /// The end of the process; None where nothing is known about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit: Option<Box<Exit>>,
    },
    /// All signals have headroom, and the node is the oldest stopped one.
    #[serde(alias = "room_to_start")]
    HeadroomToStart,
    /// All signals have headroom, and the colony has fewer nodes than `node_cap` allows.
    #[serde(alias = "room_to_add")]
    HeadroomToAdd {
        /// Nodes of the colony.
        total: u32,
        /// The node cap.
        cap: u32,
    },
    /// The database did not contain the node, whose folder is in a storage folder.
    Unlisted,
    /// An operator requested the action.
    #[serde(alias = "asked")]
    Requested,
}

/// The cause of a relief under steady.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Relief {
    /// CPU use was over its high threshold for the grace period.
    #[serde(alias = "ride")]
    Grace,
    /// CPU use was over its warning threshold for 15 minutes.
    #[serde(alias = "soft")]
    Warning,
    /// Memory use exceeds its warning threshold.
    Memory,
    /// Memory use exceeds its warning threshold, and the node holds more than 1.5 times the typical memory.
    Leak,
    /// The use of the volume is near its high threshold.
    Disk,
    /// The traffic of disks or network exceeds its high threshold.
    Traffic,
    /// The CPU limit held the nodes below the CPU with which they serve. No rule gives this cause any more.
    Throttled,
}

/// An action and its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Planned {
    /// The action.
    pub action: Action,
    /// Its reason.
    pub reason: Reason,
}

/// A removal that ends in its delay, because its reason has gone. The node stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cancellation {
    /// Number of the node.
    pub node: NodeId,
    /// The change that ended the reason of the removal.
    pub because: ReasonGone,
}

/// A node whose process ended by itself since the last cycle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ended {
    /// Number of the node.
    pub node: NodeId,
    /// The end of the process; None where nothing is known about it, as after a restart by the process manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
    /// Whether the process manager has started the node again.
    pub restarted: bool,
}

/// The change that ends the reason of a removal in its delay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "gone", rename_all = "snake_case")]
pub enum ReasonGone {
    /// The node is not over the node cap any more.
    WithinCap {
        /// Nodes of the colony, without those whose removal continues.
        total: u32,
        /// The node cap.
        cap: u32,
    },
    /// The volume of the node is not over the level at which nodes leave it.
    Relieved {
        /// Use of the volume, and the level.
        below: Comparison,
    },
    /// A hold that drains is in effect, or the window ends and `drain` is set.
    Drained,
    /// No rule removes a node for this reason: an earlier version began the removal.
    NotRemovedFor,
}

/// The decision of one cycle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Decision {
    /// Every signal that has thresholds, with its value.
    pub measures: Vec<Measure>,
    /// Comparisons of the signals with their thresholds.
    pub features: Features,
    /// Actions in order, at most one for each node.
    pub actions: Vec<Planned>,
    /// Removals of earlier cycles that end in their delay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cancelled: Vec<Cancellation>,
    /// Nodes whose process ended by itself since the last cycle.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<Ended>,
    /// Verdicts of the evaluated rules, in order of priority; the last one ended the cycle.
    pub verdicts: Vec<RuleVerdict>,
    /// CPU limit of the colony, in cores; None for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_limit: Option<Cores>,
}

impl Decision {
    /// Returns whether the cycle begins no action and saw no process end by itself.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.actions.is_empty() && self.ended.is_empty()
    }

    /// Returns the blocker that ended the cycle without an action; None when actions are planned, and when nothing
    /// calls for one.
    #[must_use]
    pub fn blocker(&self) -> Option<&Blocker> {
        match self.verdicts.last().map(|last| &last.verdict) {
            Some(Verdict::Wait(blocker)) if self.actions.is_empty() => Some(blocker),
            Some(Verdict::Wait(_) | Verdict::Act | Verdict::Skip(_)) | None => None,
        }
    }

    /// Returns the blockers of the rules that were skipped, in order of the rules, without repetition.
    #[must_use]
    pub fn blockers(&self) -> Vec<&Blocker> {
        let mut blockers = Vec::new();
        for RuleVerdict { verdict, .. } in &self.verdicts {
            if let Verdict::Skip(SkipReason::Blocked(blocker)) = verdict
                && !blockers.contains(&blocker)
            {
                blockers.push(blocker);
            }
        }
        blockers
    }
}
