//! What was decided and why: reasons are data, and are put into words once, by whoever shows them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::verdict::{Blocker, RuleVerdict, SkipReason, Verdict};
use crate::model::node::NodeId;
use crate::model::units::{Cores, Version};
use crate::policy::pressure::{Features, Measure};

/// Something to do to one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Make a node of this number and start it.
    Add {
        /// The number, free until now.
        node: NodeId,
    },
    /// Start a stopped node, with another program first when `upgrade_to` says so.
    Start {
        /// The node.
        node: NodeId,
        /// The version to put in place before it starts, when its own is older.
        upgrade_to: Option<Version>,
    },
    /// Stop a node; it may be started again.
    Stop {
        /// The node.
        node: NodeId,
    },
    /// Stop a node if it runs, and keep it down until it is started by name.
    Disable {
        /// The node.
        node: NodeId,
    },
    /// Allow a disabled node to be started again.
    Enable {
        /// The node.
        node: NodeId,
    },
    /// Stop a node and start it again.
    Restart {
        /// The node.
        node: NodeId,
    },
    /// Change a node's program for another version.
    Upgrade {
        /// The node.
        node: NodeId,
        /// The version it has.
        from: Option<Version>,
        /// The version it gets.
        to: Version,
    },
    /// Remove a node and its identity.
    Remove {
        /// The node.
        node: NodeId,
        /// How long it stays, stopped, before its folder goes.
        linger: Duration,
    },
}

impl Action {
    /// Returns the node it is about.
    #[must_use]
    pub const fn node(&self) -> NodeId {
        match self {
            Self::Add { node }
            | Self::Start { node, .. }
            | Self::Stop { node }
            | Self::Disable { node }
            | Self::Enable { node }
            | Self::Restart { node }
            | Self::Upgrade { node, .. }
            | Self::Remove { node, .. } => *node,
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
            Self::Restart { .. } => "restart",
            Self::Upgrade { .. } => "upgrade",
            Self::Remove { .. } => "remove",
        }
    }
}

/// Why an action was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// The node's folder is gone.
    Dead,
    /// A signal is above its high threshold.
    Pressure {
        /// The signal, its value and its marks.
        measure: Measure,
    },
    /// A signal was too high for too long, or is about to be.
    Relief {
        /// What made it due.
        relief: Relief,
        /// The signal, its value and its marks.
        measure: Measure,
    },
    /// There are more nodes than the cap allows.
    OverCap {
        /// Nodes there are.
        total: u32,
        /// Nodes there may be.
        cap: u32,
    },
    /// The node runs an older version than the binary new nodes get.
    Outdated {
        /// The version it has.
        from: Version,
        /// The version it gets.
        to: Version,
    },
    /// All signals leave room, and the node is the oldest that is stopped.
    HeadroomToStart,
    /// All signals leave room, and there are fewer nodes than the cap allows.
    HeadroomToAdd {
        /// Nodes there are.
        total: u32,
        /// Nodes there may be.
        cap: u32,
    },
    /// The operator asked for it.
    Requested,
}

/// What made a steady relief due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Relief {
    /// CPU use was over its high threshold for longer than is waited out.
    Grace,
    /// CPU use was a little below its high threshold for long.
    Soft,
    /// Memory use came near its high threshold.
    Memory,
    /// Memory use came near its high threshold, and the node holds much more than is typical.
    Leak,
    /// The volume came near its high threshold.
    Disk,
    /// Traffic of disks or network is over its high threshold.
    Traffic,
    /// The colony was held back by its CPU limit for an hour.
    Throttled,
}

/// An action and its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Planned {
    /// What to do.
    pub action: Action,
    /// Why.
    pub reason: Reason,
}

/// What one cycle decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Decision {
    /// Every signal that has thresholds, beside them.
    pub measures: Vec<Measure>,
    /// What signals and census allow and demand.
    pub features: Features,
    /// What to do, in order. A node stands in it at most once.
    pub actions: Vec<Planned>,
    /// Every rule that was asked, in order of priority; the last one ended the cycle.
    pub verdicts: Vec<RuleVerdict>,
    /// The most CPU that the colony may use; None for no cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_limit: Option<Cores>,
}

impl Decision {
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
