//! The snapshot of a cycle, and the condition of the daemon.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wnm_core::{Decision, NodeId, Timestamp, Version};

use crate::report::Report;

/// The colony after one cycle of the daemon.
#[derive(Debug)]
pub struct Snapshot {
    /// The observation, the decision, the outcomes and the colony after them.
    pub report: Report,
    /// The decision of the last scheduled cycle, whatever the trigger of this one; None before the first.
    pub scheduled: Option<Arc<Decision>>,
    /// The time that the cycle took.
    pub took: Duration,
    /// The moment of the publication, by the monotonic clock of this process.
    pub published: Instant,
}

impl Snapshot {
    /// Returns the count of nodes in each state, by its word, such as `RUNNING`. States without nodes are absent.
    #[must_use]
    pub fn nodes_by_state(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for (_, state) in self.states() {
            *counts.entry(state.word()).or_default() += 1;
        }
        counts
    }

    /// Returns the count of nodes with each version of the node program; None counts the nodes of unknown version.
    #[must_use]
    pub fn nodes_by_version(&self) -> BTreeMap<Option<&Version>, usize> {
        let mut counts = BTreeMap::new();
        for (id, _) in self.states() {
            let sample = self.report.observation.nodes.get(&id);
            *counts.entry(sample.and_then(|sample| sample.version.as_ref())).or_default() += 1;
        }
        counts
    }

    /// Returns the state of each node of the colony. The engine may know a node that the cycle has just removed.
    pub fn states(&self) -> impl Iterator<Item = (NodeId, &wnm_core::NodeState)> {
        let colony = &self.report.colony;
        colony.state.nodes.iter().filter(|(id, _)| colony.nodes.contains_key(id)).map(|(id, state)| (*id, state))
    }
}

/// The condition of a daemon.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DaemonStatus {
    /// The phase of its life.
    pub phase: DaemonPhase,
    /// The start of the daemon, by the wall clock; None if the clock could not be read.
    pub started: Option<Timestamp>,
    /// The time from the start of one scheduled cycle to the start of the next.
    pub interval: Duration,
    /// The due time of the next scheduled cycle, on the colony's clock; None before the first cycle, and while draining.
    pub next: Option<Timestamp>,
    /// The cycles that this daemon has completed.
    pub cycles: u64,
    /// The failure of the last turn; None after a complete cycle.
    pub failure: Option<CycleFailure>,
    /// The reason for which the settings before a change of the config file stay; None while the file is applied.
    pub config_file: Option<CycleFailure>,
    /// The alerts.
    pub alerts: AlertSummary,
    /// The lines for InfluxDB.
    pub influx: InfluxSummary,
}

/// The lines of a daemon for InfluxDB in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InfluxSummary {
    /// The file that names the server; None without one.
    pub file: Option<PathBuf>,
    /// The lines that the server accepted.
    pub accepted: u64,
    /// The lines that were dropped.
    pub dropped: u64,
    /// The size of the lines that wait, in bytes.
    pub spooled: u64,
    /// Why lines do not arrive; None while they do.
    pub problem: Option<String>,
}

/// The alerts of a daemon in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertSummary {
    /// The file of receivers; None without alerts.
    pub file: Option<PathBuf>,
    /// The alerts of severity `warning` that last.
    pub warnings: usize,
    /// The alerts of severity `critical` that last.
    pub critical: usize,
    /// The names of the receivers that did not take the latest message.
    pub failing: Vec<String>,
    /// Why the file of receivers is not applied; None while it is.
    pub problem: Option<String>,
}

/// The phase of the life of a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DaemonPhase {
    /// No cycle has completed.
    #[default]
    Starting,
    /// Cycles run at the interval.
    Running,
    /// The daemon was told to end, and completes its pending actions.
    Draining,
    /// The daemon has ended.
    Ended,
}

impl DaemonPhase {
    /// Returns the word in JSON, such as `running`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Draining => "draining",
            Self::Ended => "ended",
        }
    }
}

/// The failure of a turn of the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CycleFailure {
    /// The failure and its cause.
    pub error: String,
    /// How the operator can fix the cause; None when there is no specific advice.
    pub hint: Option<String>,
}
