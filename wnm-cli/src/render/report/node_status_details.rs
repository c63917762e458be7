//! `node-status-details`: every value of each node.

use std::path::PathBuf;

use serde::Serialize;
use wnm_core::secret::masked_words;
use wnm_core::{NodeState, Timestamp};

use super::Row;
use crate::render::secret;

/// A node with all keys of the Python wnm. An unknown number is 0.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Details {
    id: u32,
    machine_id: u32,
    container_id: Option<u32>,
    manager_type: String,
    node_name: String,
    service: String,
    user: &'static str,
    binary: PathBuf,
    version: String,
    root_dir: PathBuf,
    log_dir: PathBuf,
    port: u16,
    metrics_port: Option<u16>,
    rpc_port: Option<u16>,
    network: String,
    wallet: String,
    peer_id: String,
    status: &'static str,
    timestamp: i64,
    records: u64,
    uptime: u64,
    shunned: u64,
    connected_peers: u64,
    gets: u64,
    puts: u64,
    mem: u64,
    cpu: u64,
    open_connections: u64,
    total_peers: u64,
    bad_peers: u64,
    rel_records: u64,
    max_records: u64,
    rewards: String,
    payment_count: u64,
    live_time: u64,
    network_size: u64,
    age: i64,
    host: String,
    method: String,
    layout: &'static str,
    environment: String,
}

/// Returns the details of the nodes, whose metrics servers listen at `host`. `observed_at` stands for the time of a state
/// without one.
pub(crate) fn values(rows: &[Row<'_>], host: &str, observed_at: Option<Timestamp>) -> Vec<Details> {
    rows.iter().map(|row| details(row, host, observed_at)).collect()
}

fn details(row: &Row<'_>, host: &str, observed_at: Option<Timestamp>) -> Details {
    let node = row.node;
    let figure = |of: fn(&wnm_core::NodeMetrics) -> Option<u64>| row.figure(of).unwrap_or(0);
    Details {
        id: node.id.get(),
        // The Python wnm wrote these constants for every node.
        machine_id: 1,
        container_id: None,
        user: "ant",
        layout: "1",
        manager_type: node.manager.to_string(),
        node_name: node.id.to_string(),
        service: row.service(),
        binary: node.binary.clone(),
        version: row.version().unwrap_or_default(),
        root_dir: node.root_dir.clone(),
        log_dir: node.log_dir.clone(),
        port: node.ports.node,
        metrics_port: node.ports.metrics,
        rpc_port: node.ports.rpc,
        network: secret::line(&masked_words(&node.network)),
        wallet: node.wallet.to_string(),
        peer_id: row.peer_id().unwrap_or_default().to_owned(),
        status: row.status(),
        timestamp: row.state.and_then(NodeState::since).or(observed_at).unwrap_or_default().as_secs(),
        records: figure(|metrics| metrics.records),
        uptime: figure(|metrics| metrics.uptime),
        shunned: figure(|metrics| metrics.shunned_by_close_group),
        connected_peers: figure(|metrics| metrics.connected_peers),
        // No node program reports the count of gets.
        gets: 0,
        puts: figure(|metrics| metrics.puts_ok),
        mem: row.memory().unwrap_or(0),
        cpu: row.cpu().unwrap_or(0),
        open_connections: figure(|metrics| metrics.open_connections),
        total_peers: figure(|metrics| metrics.routing_table_peers),
        bad_peers: figure(|metrics| metrics.bad_peers),
        rel_records: figure(|metrics| metrics.relevant_records),
        max_records: figure(|metrics| metrics.max_records),
        rewards: row.rewards().unwrap_or(0).to_string(),
        payment_count: figure(|metrics| metrics.payment_count),
        live_time: figure(|metrics| metrics.live_time),
        network_size: figure(|metrics| metrics.network_size),
        age: node.born.as_secs(),
        host: host.to_owned(),
        method: node.manager.to_string(),
        environment: secret::variables(&node.environment),
    }
}

/// Returns the main details, one paragraph per node.
pub(crate) fn text(rows: &[Row<'_>]) -> String {
    if rows.is_empty() {
        return "No nodes found.\n".to_owned();
    }
    rows.iter().map(paragraph).collect::<Vec<_>>().join("\n")
}

fn paragraph(row: &Row<'_>) -> String {
    let node = row.node;
    let lines = [
        ("Service Name", row.service()),
        ("Version", row.version().unwrap_or_else(|| "unknown".to_owned())),
        ("Port", node.ports.node.to_string()),
        ("Metrics Port", node.ports.metrics.map_or_else(|| "unknown".to_owned(), |port| port.to_string())),
        ("Data path", node.root_dir.display().to_string()),
        ("Log path", node.log_dir.display().to_string()),
        ("Bin Path", node.binary.display().to_string()),
        ("Connected peers", row.figure(|metrics| metrics.connected_peers).unwrap_or(0).to_string()),
        ("Rewards address", node.wallet.to_string()),
        ("Age", node.born.as_secs().to_string()),
        ("Peer ID", row.peer_id().unwrap_or("-").to_owned()),
        ("Status", row.status().to_owned()),
    ];
    lines.iter().map(|(key, value)| format!("{key}: {value}\n")).collect()
}
