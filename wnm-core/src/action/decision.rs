//! What was decided and why: reasons are data, and are put into words once, by whoever shows them.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::node::NodeId;
use crate::model::units::{Cores, Percent, Timestamp, Version};
use crate::policy::pressure::{Features, Measure, Reading, Signal};

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

/// What keeps steady rules from acting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "hold", rename_all = "snake_case")]
pub enum Hold {
    /// A figure could not be had.
    Missing {
        /// Which.
        signal: Signal,
    },
    /// The host was not watched for long enough.
    Watching {
        /// For how long it was.
        seen: Duration,
        /// For how long it must be.
        wanted: Duration,
    },
    /// A signal is higher than growth begins at.
    OverWarning {
        /// Which.
        signal: Signal,
        /// Its value.
        seen: Reading,
        /// What it must be below.
        mark: Reading,
    },
    /// With one more node a signal would come too high.
    NoHeadroom {
        /// Which.
        signal: Signal,
        /// What it would be.
        expected: Reading,
        /// What it must stay below.
        ceiling: Reading,
    },
    /// What a node needs while it starts would come too high.
    Surge {
        /// What CPU use would be.
        expected: Percent,
        /// What it must stay below.
        ceiling: Percent,
    },
    /// The colony is held back by its CPU limit.
    Throttled {
        /// For which share of the time.
        share: Percent,
        /// What is kept free of the processors for what others may begin.
        #[serde(default)]
        reserve: Percent,
        /// The load average that nodes give way to, where it is over its mark.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        load: Option<Measure>,
    },
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

/// Something the host's nodes did together that no policy foresaw, so that nothing may be destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "anomaly", rename_all = "snake_case")]
pub enum Anomaly {
    /// More nodes vanished in one look than chance explains.
    MassDisappearance {
        /// Nodes that vanished.
        vanished: u32,
        /// Nodes there are.
        total: u32,
    },
    /// The storage folder is on another device than before: a volume is probably not mounted.
    StorageChanged,
}

/// Why a cycle ends without an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "rest", rename_all = "snake_case")]
pub enum Rest {
    /// The host was restarted: look at everything first.
    Rebooted,
    /// Something is wrong that must not be made worse.
    Anomaly {
        /// What it is.
        anomaly: Anomaly,
    },
    /// As many operations are under way as the limit allows.
    OperationsUnderWay {
        /// Operations under way.
        under_way: u32,
        /// Operations allowed.
        limit: u32,
    },
    /// There is pressure, and a removal under way will relieve it.
    ReliefUnderWay {
        /// Nodes on their way out.
        removing: u32,
    },
    /// There is pressure, and no node left that may be stopped or removed.
    NothingToRelieve,
    /// A change has not shown its effect yet.
    Settling {
        /// When it will have.
        until: Timestamp,
    },
    /// There is room for a node, and stopped ones wait before they may start again.
    WaitingToRestart {
        /// The node whose turn comes first.
        node: NodeId,
        /// When.
        until: Timestamp,
    },
    /// Nothing calls for action.
    Content,
}

/// Why a rule let the next one have its turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "pass", rename_all = "snake_case")]
pub enum Pass {
    /// The host was not restarted.
    NotRebooted,
    /// Nothing unforeseen.
    NoAnomaly,
    /// No node is dead.
    NoneDead,
    /// Fewer operations are under way than the limit allows.
    OperationsLeft {
        /// Operations under way.
        under_way: u32,
        /// Operations allowed.
        limit: u32,
    },
    /// No signal is above its high threshold, and the nodes are within the cap.
    NoPressure,
    /// Nodes upgrade themselves.
    UpgradesOff,
    /// The version of the node binary is not known.
    TargetUnknown,
    /// The version of the node binary failed too often.
    TargetRefused {
        /// The version.
        version: Version,
    },
    /// No node runs an older version.
    NothingOutdated,
    /// The node binary is older than what the first node runs.
    TargetIsOlder,
    /// An operation is under way, and nodes are added only in calm.
    Busy,
    /// There are as many nodes as the cap allows.
    CapReached {
        /// Nodes there are.
        total: u32,
        /// Nodes there may be.
        cap: u32,
    },
    /// Some signal leaves no room, or is missing.
    NoHeadroom,
    /// There are no more nodes than the cap allows.
    WithinCap {
        /// Nodes there are.
        total: u32,
        /// Nodes there may be.
        cap: u32,
    },
    /// There is too much of something, and no node left whose stop or removal would help.
    NothingLeft,
    /// There is too much of something, and removals under way will relieve it.
    ReliefUnderWay {
        /// Nodes on their way out.
        removing: u32,
    },
    /// Others alone keep the processors near their mark: stopping nodes cannot help.
    ExternalOverload {
        /// What others ask for.
        background: Percent,
        /// The high threshold.
        mark: Percent,
    },
    /// There is too much, and not yet for long enough.
    Dwelling {
        /// For how long CPU use was over its high threshold.
        over: Duration,
        /// For how long it may be.
        grace: Duration,
        /// For how long it was over the warning threshold.
        over_warning: Duration,
        /// For how long it may be.
        warning_grace: Duration,
    },
    /// Something must be waited for.
    Holds(Hold),
}

/// What one rule made of the situation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It planned actions: no further rule is asked.
    Acts,
    /// It ends the cycle without an action.
    Rests(Rest),
    /// It has nothing to do: the next rule is asked.
    Passes(Pass),
}

/// What one rule made of the situation, with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuleVerdict {
    /// The rule's name, as in `relieve_pressure`.
    pub rule: Cow<'static, str>,
    /// What it said.
    pub verdict: Verdict,
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
    /// Returns why nothing is done; None when something is.
    #[must_use]
    pub fn rest(&self) -> Option<Rest> {
        if !self.actions.is_empty() {
            return None;
        }
        match self.verdicts.last().map(|last| &last.verdict) {
            Some(Verdict::Rests(rest)) => Some(rest.clone()),
            Some(Verdict::Acts | Verdict::Passes(_)) | None => Some(Rest::Content),
        }
    }

    /// Returns what rules wait for or hold back on, each once.
    #[must_use]
    pub fn waits(&self) -> Vec<&Pass> {
        let mut waits = Vec::new();
        for judged in &self.verdicts {
            if let Verdict::Passes(pass @ (Pass::ExternalOverload { .. } | Pass::Dwelling { .. } | Pass::Holds(_))) =
                &judged.verdict
                && !waits.contains(&pass)
            {
                waits.push(pass);
            }
        }
        waits
    }
}
