//! Nodes as a table, as pages, and as JSON.

use serde::Serialize;
use wnm_core::{Node, NodeId, NodeSample, NodeState, Timestamp};

use super::page::Width;
use super::table::Table;
use super::{BOLD, DIM, duration, state_style, styled};
use crate::freshness::Freshness;

/// A node with its state and its last sample.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct NodeView {
    #[serde(flatten)]
    pub(crate) node: Node,
    /// The name of the node's folder and service, such as `antnode0001`.
    pub(crate) name: String,
    /// The state in one word, such as `RUNNING`.
    pub(crate) status: &'static str,
    /// The state with its details; null if the engine does not know the node.
    pub(crate) state: Option<NodeState>,
    /// The last sample; null before the first cycle that observed the node.
    pub(crate) sample: Option<NodeSample>,
    /// The time now, for ages.
    #[serde(skip)]
    pub(crate) now: Timestamp,
    /// Whether the last cycle is too old for the state to be the present one.
    #[serde(skip)]
    pub(crate) is_stale: bool,
}

fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

impl NodeView {
    fn styled_status(&self) -> String {
        let style = |state| if self.is_stale { DIM } else { state_style(state) };
        self.state.as_ref().map_or_else(|| self.status.to_owned(), |state| styled(style(state), self.status))
    }

    fn peers(&self) -> Option<u64> {
        self.sample.as_ref()?.metrics.as_ref()?.connected_peers
    }

    fn records(&self) -> Option<u64> {
        self.sample.as_ref()?.metrics.as_ref()?.records
    }

    fn version(&self) -> Option<&wnm_core::Version> {
        self.sample.as_ref()?.version.as_ref()
    }

    fn peer_id(&self) -> Option<&str> {
        self.sample.as_ref()?.peer_id.as_deref()
    }

    fn since(&self) -> Option<String> {
        self.state.as_ref()?.since().map(|since| duration(self.now.since(since)))
    }
}

/// Returns a table of nodes, one line per node. A narrow page has fewer columns.
pub(crate) fn list(nodes: &[NodeView], width: Width) -> String {
    if nodes.is_empty() {
        return "no nodes\n".to_owned();
    }
    let row = |view: &NodeView| {
        vec![
            view.name.clone(),
            view.status.to_owned(),
            or_dash(view.since()),
            or_dash(view.version()),
            or_dash(view.peers()),
            or_dash(view.records()),
            or_dash(view.sample.as_ref().and_then(|sample| sample.memory)),
            view.node.ports.node.to_string(),
            duration(view.now.since(view.node.born)),
            or_dash(view.peer_id()),
        ]
    };
    let table = Table {
        header: &["NODE", "STATE", "SINCE", "VERSION", "PEERS", "RECORDS", "MEMORY", "PORT", "AGE", "PEER ID"],
        right: &[4, 5, 6, 7],
        // The peer ID is the widest column and the least useful one; the others follow by use.
        optional: &[9, 7, 8, 6, 4],
        rows: nodes.iter().map(row).collect(),
    };
    // Escape codes would count for the width of a cell, so the colour comes after the layout.
    let plain = table.text(width);
    let mut lines = plain.lines();
    let header = lines.next().map(str::to_owned);
    let coloured = lines.zip(nodes).map(|(line, view)| line.replacen(view.status, &view.styled_status(), 1));
    header.into_iter().chain(coloured).collect::<Vec<_>>().join("\n") + "\n"
}

/// Returns one page per node.
pub(crate) fn show(nodes: &[NodeView]) -> String {
    nodes.iter().map(page).collect::<Vec<_>>().join("\n")
}

fn page(view: &NodeView) -> String {
    let node = &view.node;
    let sample = view.sample.as_ref();
    let metrics = sample.and_then(|sample| sample.metrics.as_ref());
    let lines = [
        ("state", format!("{} for {}", view.styled_status(), or_dash(view.since()))),
        ("version", or_dash(view.version())),
        ("peer id", or_dash(view.peer_id())),
        ("pid", or_dash(sample.and_then(|s| s.process.as_ref()).map(|p| p.pid))),
        ("uptime", or_dash(metrics.and_then(|m| m.uptime).map(|s| duration(std::time::Duration::from_secs(s))))),
        ("peers", or_dash(view.peers())),
        ("records", or_dash(view.records())),
        ("cpu", or_dash(sample.and_then(|s| s.cpu))),
        ("memory", or_dash(sample.and_then(|s| s.memory))),
        ("age", duration(view.now.since(node.born))),
        ("wallet", node.wallet.to_string()),
        ("network", node.network.join(" ")),
        ("ports", format!("{} (node), {} (metrics), {} (rpc)", node.ports.node, node.ports.metrics, node.ports.rpc)),
        ("folder", node.root_dir.display().to_string()),
        ("logs", node.log_dir.display().to_string()),
        ("program", node.binary.display().to_string()),
        ("manager", node.manager.to_string()),
        ("uuid", node.uuid.clone()),
    ];
    let mut text = format!("{}\n", styled(BOLD, &view.name));
    for (key, value) in lines {
        text.push_str(&format!("  {key:<8} {value}\n"));
    }
    text
}

/// Returns a sample without the values of a process that no longer runs. Identity, version and disk use stay true of a
/// stopped node; a disabled one is not observed and keeps its last sample for ever.
fn present(sample: NodeSample, state: Option<&NodeState>) -> NodeSample {
    match state {
        Some(NodeState::Stopped { .. } | NodeState::Disabled { .. } | NodeState::Dead { .. }) => {
            NodeSample { cpu: None, memory: None, process: None, metrics: None, ..sample }
        }
        _ => sample,
    }
}

/// Returns the views of these nodes, or of all nodes if `only` is empty.
pub(crate) fn views(
    snapshot: wnm_store::Snapshot,
    only: &[NodeId],
    now: Timestamp,
    freshness: Freshness,
) -> Vec<NodeView> {
    let wnm_store::Snapshot { nodes, state, mut samples, .. } = snapshot;
    let is_wanted = |id: &NodeId| only.is_empty() || only.contains(id);
    nodes
        .into_iter()
        .filter(|(id, _)| is_wanted(id))
        .map(|(id, node)| {
            let state = state.nodes.get(&id).cloned();
            NodeView {
                name: id.name(),
                status: state.as_ref().map_or("UNKNOWN", NodeState::word),
                sample: samples.get_mut(&id).map(std::mem::take).map(|sample| present(sample, state.as_ref())),
                state,
                node,
                now,
                is_stale: freshness.is_stale(),
            }
        })
        .collect()
}
