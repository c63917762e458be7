//! The metrics and the identity that a node reports about itself.

use serde::{Deserialize, Serialize};

use crate::model::units::Version;

/// The figures of one node. What the text does not say, or says as nonsense, is None: unknown is not zero.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct NodeMetrics {
    /// Seconds since the node program started.
    pub uptime: Option<u64>,
    /// Records held.
    pub records: Option<u64>,
    /// Records held that are the node's responsibility; 0 until a first quote.
    pub relevant_records: Option<u64>,
    /// Records it may hold at most; 0 until a first quote.
    pub max_records: Option<u64>,
    /// Payments received; 0 until a first quote.
    pub payment_count: Option<u64>,
    /// Hours the node has been part of the network; 0 until a first quote.
    pub live_time: Option<u64>,
    /// Peers connected now.
    pub connected_peers: Option<u64>,
    /// Peers in the routing table.
    pub routing_table_peers: Option<u64>,
    /// Connections open now.
    pub open_connections: Option<u64>,
    /// Nodes in the whole network, as this one estimates.
    pub network_size: Option<u64>,
    /// Memory of the process, in megabytes, as the node measures it.
    pub memory_mb: Option<f64>,
    /// CPU of the process, in percent of one core, as the node measures it.
    pub cpu_percent: Option<f64>,
    /// Whether, or how many of, its close group shun it now.
    pub shunned_by_close_group: Option<u64>,
    /// Times it was shunned.
    pub shunned_count: Option<u64>,
    /// Peers it holds for bad.
    pub bad_peers: Option<u64>,
    /// Records stored on request, all kinds together; 0 when the counter is declared without a sample.
    pub puts_ok: Option<u64>,
    /// Requests to store that failed.
    pub puts_failed: Option<u64>,
    /// Bytes over the network, both directions together.
    pub network_bytes: Option<u64>,
    /// Balance of the rewards wallet in atto, which outgrows 64 bits.
    pub reward_balance: Option<u128>,
}

/// Who a node says it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NodeIdentity {
    /// The version of the running program.
    pub version: Option<Version>,
    /// Its name in the network.
    pub peer_id: Option<String>,
}
