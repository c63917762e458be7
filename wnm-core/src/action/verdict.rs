//! Verdicts of the rules: act, wait or skip, with the blocker or the reason as data.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::valve::ClosedValve;
use crate::model::node::NodeId;
use crate::model::units::{Bytes, Percent, Timestamp, Version};
use crate::policy::pressure::{Measure, Reading, Signal};

/// An event that hits many nodes at once and has one cause outside them, so that removing nodes would destroy data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "anomaly", rename_all = "snake_case")]
pub enum Anomaly {
    /// More nodes vanished within one cycle than independent failures explain.
    MassDisappearance {
        /// Nodes whose process or folder vanished.
        vanished: u32,
        /// Nodes of the colony.
        total: u32,
    },
    /// Folders are missing and their storage folder is on another device: a volume is probably not mounted.
    StorageChanged,
}

/// A condition that prevents a rule from acting in this cycle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "blocker", rename_all = "snake_case")]
pub enum Blocker {
    /// The host restarted since the last cycle: all nodes are observed once before any action.
    Rebooted,
    /// Many nodes vanished at once.
    Anomaly {
        /// The kind of anomaly, with its counts.
        anomaly: Anomaly,
    },
    /// As many operations are in progress as `max_concurrent_operations` allows.
    OperationLimit {
        /// Operations in progress.
        in_progress: u32,
        /// Operations allowed at once.
        limit: u32,
    },
    /// An operation is in progress, and nodes are added only when none is.
    OperationInProgress,
    /// A threshold is exceeded, and removals in progress will relieve it.
    ReliefInProgress {
        /// Nodes that are being removed.
        removing: u32,
    },
    /// A volume is over its threshold, and the move of a node in progress, or the next one, will relieve it.
    MoveInProgress,
    /// A threshold is exceeded, and no node is left whose stop or removal would help.
    NoCandidate,
    /// The nodes hold less than the use over the threshold: without all of them it would still be exceeded.
    ExternalUse {
        /// The signal over its threshold, memory or the use of a volume.
        signal: Signal,
        /// Bytes that the nodes hold.
        held: Bytes,
        /// Bytes in use over the threshold.
        over: Bytes,
    },
    /// The last change has not yet had the time to show its effect.
    Cooldown {
        /// End of the cooldown.
        until: Timestamp,
    },
    /// A node could start, and every stopped node is still in its cooldown.
    RestartDelay {
        /// The node whose cooldown ends first.
        node: NodeId,
        /// End of that node's cooldown.
        until: Timestamp,
    },
    /// A node that should run has ended by itself, and waits for its next start.
    RetryDelay {
        /// The node that starts first.
        node: NodeId,
        /// The time of its start.
        until: Timestamp,
    },
    /// A node ended five times within ten minutes, and waits for its next start.
    CrashLoop {
        /// The node that starts first.
        node: NodeId,
        /// The time of its start.
        until: Timestamp,
    },
    /// An addition failed, and the next one waits.
    AddDelay {
        /// Failed additions in succession.
        failures: u32,
        /// End of the delay.
        until: Timestamp,
        /// The last failure and its cause.
        error: String,
    },
    /// A node that should run would be stopped or removed again: a signal exceeds its high threshold.
    RestartOverThreshold(Comparison),
    /// A metric that the rule needs could not be read.
    MissingMetric {
        /// The signal without a value.
        signal: Signal,
    },
    /// The CPU of too many running nodes is unknown, as in the first cycle that observes them: it is a mean between two
    /// cycles.
    UnmeasuredNodes {
        /// Running nodes whose CPU is unknown.
        unmeasured: u32,
        /// Running nodes.
        running: u32,
    },
    /// The host has not been observed long enough for a forecast.
    ObservationPeriod {
        /// Time observed without a gap.
        covered: Duration,
        /// Time required.
        required: Duration,
    },
    /// A signal is too high to add a node.
    OverThreshold(Comparison),
    /// With one more node a signal is expected to exceed the growth target.
    NoHeadroom {
        /// The signal that blocks growth.
        signal: Signal,
        /// Its expected value with the node.
        expected: Reading,
        /// The growth target, which it must stay below.
        ceiling: Reading,
    },
    /// The CPU that a node needs while it starts would exceed the limit for starts.
    StartSurge {
        /// Expected CPU use during the start.
        expected: Percent,
        /// The level that it must stay below.
        ceiling: Percent,
    },
    /// The background load waits for a CPU too often to add a node.
    BackgroundStalls {
        /// Share of the time in which a task of the background load waited.
        share: Percent,
        /// The share from which no node is added.
        threshold: Percent,
    },
    /// The CPU limit throttles the nodes.
    Throttled {
        /// Share of the time in which the kernel throttled them.
        share: Percent,
        /// CPU that the limit keeps free for a rise of the background load, in percent of the machine.
        #[serde(default)]
        reserve: Percent,
        /// The one-minute load average, while it is over its high threshold and lowers the limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        load: Option<Measure>,
    },
    /// The background load alone keeps CPU use near its high threshold: stopping nodes does not help.
    ExternalOverload {
        /// CPU that the background load asks for.
        background: Percent,
        /// The high threshold of CPU use.
        threshold: Percent,
    },
    /// CPU use is or was over a threshold, and its grace period has not passed.
    GracePeriod {
        /// Time over the high threshold, less the time below it.
        over: Duration,
        /// Grace period of the high threshold.
        grace: Duration,
        /// Time over the warning threshold, less the time below it.
        over_warning: Duration,
        /// Grace period of the warning threshold.
        warning_grace: Duration,
    },
    /// No volume can take another node: each has a fault, or lacks `crisis_bytes` or inodes.
    NoVolume,
    /// The colony has as many nodes as `node_cap` allows.
    NodeCap {
        /// Nodes of the colony.
        total: u32,
        /// The node cap.
        cap: u32,
    },
    /// A valve is closed: a hold, a window, or a limit on the pace of changes.
    Valve {
        /// The closed valve.
        valve: ClosedValve,
    },
}

/// A signal beside the level that a rule compared it with.
///
/// Both are the values that the rule used, which may differ from the latest sample and from the configured thresholds:
/// `steady` uses the mean of CPU use over a minute, and levels between the low and the high threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Comparison {
    /// The signal compared.
    pub signal: Signal,
    /// Its value as the rule used it.
    pub seen: Reading,
    /// The level that the value was compared with.
    pub threshold: Reading,
    /// Time over which the value is averaged; None for the latest sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_over: Option<Duration>,
}

impl Comparison {
    /// Returns the comparison of the latest sample of a signal with a level.
    pub(crate) const fn latest(signal: Signal, seen: Reading, threshold: Reading) -> Self {
        Self { signal, seen, threshold, mean_over: None }
    }

    /// Returns the comparison of a signal with its high threshold; None when the signal has no value.
    pub(crate) fn with_high(measure: &Measure) -> Option<Self> {
        Some(Self::latest(measure.signal, measure.seen?, measure.remove))
    }

    /// Returns the value as a share of the level, so that signals of different units can be compared.
    fn share(&self) -> f64 {
        self.seen.number() / self.threshold.number().max(f64::MIN_POSITIVE)
    }
}

/// The reason for which a rule leaves the cycle to the next rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum SkipReason {
    /// The host was not restarted since the last cycle.
    NotRebooted,
    /// No more nodes vanished than independent failures explain.
    NoAnomaly,
    /// Every node has its folder.
    NoDeadNode,
    /// Every node that should run is up, or is being started.
    NothingDown,
    /// Fewer operations are in progress than `max_concurrent_operations` allows.
    OperationsWithinLimit {
        /// Operations in progress.
        in_progress: u32,
        /// Operations allowed at once.
        limit: u32,
    },
    /// The colony has no more nodes than `node_cap` allows.
    NodesWithinCap {
        /// Nodes of the colony.
        total: u32,
        /// The node cap.
        cap: u32,
    },
    /// No signal of the rule exceeds the level above which the rule acts.
    BelowThreshold {
        /// The rule's signal that is nearest to its level; None when none of them has both a value and a threshold.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        nearest: Option<Comparison>,
    },
    /// CPU use was over a threshold, and is expected at or below the relief target once young nodes have settled.
    BelowReliefTarget {
        /// Expected CPU use.
        expected: Percent,
        /// The relief target.
        target: Percent,
    },
    /// Nodes do not move between volumes: `move_nodes` is false, or antctl decides their folders.
    MovesDisabled,
    /// A volume is over its threshold, and no node on it can move.
    NoMove {
        /// The obstacle.
        obstacle: MoveObstacle,
    },
    /// Nodes upgrade themselves: `enable_upgrade` is false.
    UpgradesByNodes,
    /// The version of the node binary is unknown.
    TargetUnknown,
    /// Upgrades to the version of the node binary failed too often.
    TargetRefused {
        /// The version of the node binary.
        version: Version,
    },
    /// No running node is known to be older than the node binary.
    NothingOutdated,
    /// The node binary is older than the version of the first node.
    TargetIsOlder,
    /// The rule would act, and a blocker prevents it.
    Blocked(Blocker),
}

/// A condition that keeps all nodes on a volume that is over its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MoveObstacle {
    /// No other usable volume stays below its low threshold with the smallest node.
    NoSpace,
    /// No node on the volume can be chosen, or the sizes of those that can are unknown.
    NoCandidate,
    /// Moves failed, and the delays after them run.
    Failures,
    /// Less than `crisis_bytes` are free, so that the volume cannot wait for a copy.
    NearlyFull,
}

impl SkipReason {
    /// Returns the reason of a rule none of whose signals is above its level.
    pub(crate) fn below(signals: impl IntoIterator<Item = Comparison>) -> Self {
        let nearest = signals.into_iter().max_by(|one, other| one.share().total_cmp(&other.share()));
        Self::BelowThreshold { nearest }
    }
}

/// The answer of a rule in one cycle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// The rule planned actions; rules of lower priority are not evaluated.
    Act,
    /// A blocker ends the cycle without an action of this rule or of rules of lower priority.
    Wait(Blocker),
    /// The rule does nothing; the next rule is evaluated.
    Skip(SkipReason),
}

impl Verdict {
    /// Returns the verdict of a rule that is blocked and lets rules of lower priority act.
    pub(crate) const fn blocked(blocker: Blocker) -> Self {
        Self::Skip(SkipReason::Blocked(blocker))
    }
}

/// The verdict of one rule, with the name of the rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuleVerdict {
    /// Name of the rule, such as `relieve_pressure`.
    pub rule: Cow<'static, str>,
    /// Answer of the rule.
    pub verdict: Verdict,
}
