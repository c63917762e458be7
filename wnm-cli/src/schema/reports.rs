//! The shapes of the two reports that are written key by key. The tests of their output fail if a key is missing here or
//! in the report.

use std::collections::BTreeMap;

use schemars::JsonSchema;

/// The effective settings, with the names of the Python wnm. A setting without a value is null.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a schema needs only the shape")]
pub(super) struct MachineConfig {
    id: u64,
    cpu_count: u64,
    node_cap: u64,
    cpu_less_than: f64,
    cpu_remove: f64,
    mem_less_than: f64,
    mem_remove: f64,
    hd_less_than: f64,
    hd_remove: f64,
    delay_start: u64,
    delay_restart: u64,
    delay_upgrade: u64,
    delay_remove: u64,
    survey_delay: u64,
    action_delay: u64,
    node_storage: String,
    rewards_address: String,
    donate_address: String,
    max_load_average_allowed: Option<f64>,
    desired_load_average: Option<f64>,
    port_start: Option<u64>,
    hdio_read_less_than: u64,
    hdio_read_remove: u64,
    hdio_write_less_than: u64,
    hdio_write_remove: u64,
    netio_read_less_than: u64,
    netio_read_remove: u64,
    netio_write_less_than: u64,
    netio_write_remove: u64,
    last_stopped_at: u64,
    host: String,
    crisis_bytes: u64,
    metrics_port_start: Option<u64>,
    rpc_port_start: Option<u64>,
    environment: String,
    start_args: String,
    max_concurrent_upgrades: u64,
    max_concurrent_starts: u64,
    max_concurrent_removals: u64,
    max_concurrent_operations: u64,
    node_removal_strategy: String,
    process_manager: String,
    max_node_per_container: u64,
    min_container_count: u64,
    docker_image: String,
    no_upnp: bool,
    antnode_path: String,
    antctl_path: String,
    antctl_debug: bool,
    antctl_version: Option<String>,
    highest_node_id_used: Option<u64>,
    dbpath: String,
}

/// Metrics of the host and counts of the nodes, of the last recorded cycle. An unknown value is null.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a schema needs only the shape")]
pub(super) struct MachineMetrics {
    system_start: Option<u64>,
    total_nodes: u64,
    running_nodes: u64,
    stopped_nodes: u64,
    restarting_nodes: u64,
    upgrading_nodes: u64,
    migrating_nodes: u64,
    removing_nodes: u64,
    dead_nodes: u64,
    disabled_nodes: u64,
    antnode: String,
    antnode_version: Option<String>,
    queen_node_version: Option<String>,
    nodes_latest_v: Option<u64>,
    nodes_no_version: u64,
    nodes_to_upgrade: Option<u64>,
    nodes_by_version: BTreeMap<String, u64>,
    load_average_1: Option<f64>,
    load_average_5: Option<f64>,
    load_average_15: Option<f64>,
    idle_cpu_percent: Option<f64>,
    io_wait: Option<f64>,
    used_cpu_percent: Option<f64>,
    used_mem_percent: Option<f64>,
    free_mem_percent: Option<f64>,
    used_hd_percent: Option<f64>,
    total_hd_bytes: Option<u64>,
    hdio_write_bytes: Option<u64>,
    hdio_read_bytes: Option<u64>,
    netio_write_bytes: Option<u64>,
    netio_read_bytes: Option<u64>,
    node_hd_crisis: Option<u64>,
}
