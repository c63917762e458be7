//! Reports, one a file, in the keys, order and layout that scripts and dashboards of the Python wnm read.
//!
//! Other than there, a list stays a list for one node, and the paths of logs and programs are the real ones. What is
//! not known is 0 or empty in lists, as it was, and left out of InfluxDB's lines.

pub(crate) mod fields;
pub(crate) mod influx;
pub(crate) mod machine_config;
pub(crate) mod machine_metrics;
pub(crate) mod node_status;
pub(crate) mod node_status_details;

use wnm_core::{Node, NodeId, NodeMetrics, NodeSample, NodeState, Timestamp};
use wnm_store::Snapshot;

/// One node with what is known of it.
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

    /// Returns the name of the node's service.
    pub(crate) fn service(&self) -> String {
        format!("{}.service", self.node.id.name())
    }

    pub(crate) fn peer_id(&self) -> Option<&'a str> {
        self.sample?.peer_id.as_deref().filter(|id| !id.is_empty())
    }

    pub(crate) fn version(&self) -> Option<String> {
        Some(self.sample?.version.as_ref()?.to_string())
    }

    /// Returns one figure that the node tells of itself.
    pub(crate) fn figure(&self, of: impl FnOnce(&NodeMetrics) -> Option<u64>) -> Option<u64> {
        of(self.sample?.metrics.as_deref()?)
    }

    pub(crate) fn rewards(&self) -> Option<u128> {
        self.sample?.metrics.as_ref()?.reward_balance
    }

    /// Returns the memory of the process in hundredths of a megabyte.
    pub(crate) fn memory(&self) -> Option<u64> {
        let sample = self.sample?;
        let told = sample.metrics.as_ref().and_then(|metrics| metrics.memory_mb);
        hundredths(told.or_else(|| sample.memory.map(|memory| memory.0 as f64 / 1e6))?)
    }

    /// Returns the processor time of the process in hundredths of a percent of one core.
    pub(crate) fn cpu(&self) -> Option<u64> {
        let sample = self.sample?;
        let told = sample.metrics.as_ref().and_then(|metrics| metrics.cpu_percent);
        hundredths(told.or_else(|| sample.cpu.map(|cores| cores.get() * 100.0))?)
    }
}

fn hundredths(value: f64) -> Option<u64> {
    let hundredths = (value * 100.0).round();
    (hundredths.is_finite() && hundredths >= 0.0).then_some(hundredths as u64)
}

/// Returns the nodes of these ids in that order, or all by id; the id that is no node's otherwise.
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

/// Returns when the last recorded cycle looked; None before the first.
pub(crate) fn looked(snapshot: &Snapshot) -> Option<Timestamp> {
    snapshot.last.as_ref().map(|cycle| cycle.at)
}
