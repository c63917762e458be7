//! Reports with the keys, the order and the layout of the Python wnm, for existing scripts and dashboards. One report
//! per file.
//!
//! Differences to the Python wnm: a list of one node stays a list, and the paths of logs and programs are the real ones.
//! An unknown value is 0 or empty in lists, and has no field in InfluxDB lines.

pub(crate) mod fields;
pub(crate) mod influx;
pub(crate) mod machine_config;
pub(crate) mod machine_metrics;
pub(crate) mod node_status;
pub(crate) mod node_status_details;

use wnm_core::{Node, NodeId, NodeMetrics, NodeSample, NodeState, Timestamp};
use wnm_store::Snapshot;

/// A node with its state and its last sample.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) node: &'a Node,
    pub(crate) state: Option<&'a NodeState>,
    pub(crate) sample: Option<&'a NodeSample>,
}

impl<'a> Row<'a> {
    pub(crate) fn status(&self) -> &'static str {
        self.state.map_or("UNKNOWN", NodeState::word)
    }

    /// Returns the name of the node's systemd service, for every process manager: a key of the Python wnm.
    pub(crate) fn service(&self) -> String {
        format!("{}.service", self.node.service_name())
    }

    pub(crate) fn peer_id(&self) -> Option<&'a str> {
        self.sample?.peer_id.as_deref().filter(|id| !id.is_empty())
    }

    pub(crate) fn version(&self) -> Option<String> {
        Some(self.sample?.version.as_ref()?.to_string())
    }

    /// Returns a metric that the node reports; None without an answer.
    pub(crate) fn figure(&self, of: impl FnOnce(&NodeMetrics) -> Option<u64>) -> Option<u64> {
        of(self.sample?.metrics.as_deref()?)
    }

    pub(crate) fn rewards(&self) -> Option<u128> {
        self.sample?.metrics.as_ref()?.reward_balance
    }

    /// Returns the memory of the process in hundredths of a megabyte, as reported by the node, else as measured.
    pub(crate) fn memory(&self) -> Option<u64> {
        let sample = self.sample?;
        let reported = sample.metrics.as_ref().and_then(|metrics| metrics.memory_mb);
        hundredths(reported.or_else(|| sample.memory.map(|memory| memory.0 as f64 / 1e6))?)
    }

    /// Returns the CPU use of the process in hundredths of a percent of one core, as reported by the node, else as
    /// measured.
    pub(crate) fn cpu(&self) -> Option<u64> {
        let sample = self.sample?;
        let reported = sample.metrics.as_ref().and_then(|metrics| metrics.cpu_percent);
        hundredths(reported.or_else(|| sample.cpu.map(|cores| cores.get() * 100.0))?)
    }
}

fn hundredths(value: f64) -> Option<u64> {
    let hundredths = (value * 100.0).round();
    (hundredths.is_finite() && hundredths >= 0.0).then_some(hundredths as u64)
}

/// Returns the rows of these nodes in this order, or of all nodes by number if `only` is empty.
///
/// # Errors
/// Returns the first number without a node.
pub(crate) fn rows<'a>(snapshot: &'a Snapshot, only: &[NodeId]) -> Result<Vec<Row<'a>>, NodeId> {
    let row = |node: &'a Node| Row {
        node,
        state: snapshot.state.nodes.get(&node.id),
        sample: snapshot.samples.get(&node.id),
    };
    if only.is_empty() {
        return Ok(snapshot.nodes.values().map(row).collect());
    }
    only.iter().map(|id| snapshot.nodes.get(id).map(row).ok_or(*id)).collect()
}

/// Returns the time of the last recorded observation; None before the first cycle.
pub(crate) fn observed_at(snapshot: &Snapshot) -> Option<Timestamp> {
    snapshot.last.as_ref().map(|cycle| cycle.at)
}
