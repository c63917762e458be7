//! The metrics and the identity that a node reports about itself.

use serde::{Deserialize, Serialize};

use crate::model::units::Version;

/// The metrics of one node. A metric that is absent or invalid is None: unknown is not zero.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct NodeMetrics {
    /// Time since the start of the program, in seconds.
    pub uptime: Option<u64>,
    /// Number of stored records.
    pub records: Option<u64>,
    /// Number of stored records that the node is responsible for; 0 before its first quote.
    pub relevant_records: Option<u64>,
    /// Maximum number of records; 0 before the first quote.
    pub max_records: Option<u64>,
    /// Number of payments received; 0 before the first quote.
    pub payment_count: Option<u64>,
    /// Time as a part of the network, in hours; 0 before the first quote.
    pub live_time: Option<u64>,
    /// Number of connected peers.
    pub connected_peers: Option<u64>,
    /// Number of peers in the routing table.
    pub routing_table_peers: Option<u64>,
    /// Number of open connections.
    pub open_connections: Option<u64>,
    /// Number of nodes in the whole network, as the node estimates it.
    pub network_size: Option<u64>,
    /// Memory of the process in megabytes, as the node measures it.
    pub memory_mb: Option<f64>,
    /// CPU of the process in percent of one core, as the node measures it.
    pub cpu_percent: Option<f64>,
    /// Greater than 0 while peers of the close group shun the node; whether it counts them is not known.
    pub shunned_by_close_group: Option<u64>,
    /// Number of times that peers shunned the node.
    pub shunned_count: Option<u64>,
    /// Number of peers that the node considers bad.
    pub bad_peers: Option<u64>,
    /// Number of records stored on request, all kinds together; 0 if the counter is declared without a sample.
    pub puts_ok: Option<u64>,
    /// Number of failed requests to store a record.
    pub puts_failed: Option<u64>,
    /// Network traffic in bytes, both directions together.
    pub network_bytes: Option<u64>,
    /// Balance of the rewards wallet in atto (10⁻¹⁸ tokens), which exceeds 64 bits.
    pub reward_balance: Option<u128>,
}

/// The version and the peer id that a node reports.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NodeIdentity {
    /// The version of the running program.
    pub version: Option<Version>,
    /// The peer id, which identifies the node in the network.
    pub peer_id: Option<String>,
}
