//! Nodes as JSON.

use std::path::PathBuf;

use serde::{Serialize, Serializer};
use wnm_core::{
    Ended, Exit, ExitStatus, Node, NodeId, NodeSample, NodeState, Presence, Recovery, Upnp, WrongAnswer, secret,
};

use super::{Time, word};
use crate::render::health::NodeHealthView;
use crate::render::nodes::NodeView;

/// The permanent description of a node, with secrets as `***`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct NodeDescription {
    /// The number in the colony.
    node: u32,
    /// The name of the node's folder and service, such as `antnode0001`.
    name: String,
    /// The name of its service or container, without a suffix such as `.service`.
    service: String,
    /// The UUID of the node, which its marker file contains.
    uuid: String,
    /// The node program: `antnode`, `ant-node` or the name of a custom one.
    flavor: String,
    /// The process manager, such as `systemd+user`.
    manager: String,
    /// The folder with the data, the identity and the program.
    folder: PathBuf,
    /// The folder for logs.
    log_folder: PathBuf,
    /// The node's own copy of the program.
    program: PathBuf,
    ports: PortsView,
    /// The rewards address.
    wallet: String,
    /// The payment network, as words of the command line.
    network: Vec<String>,
    /// Further arguments of the command line.
    arguments: Vec<String>,
    /// The environment of the process, as `NAME=VALUE`.
    environment: Vec<String>,
    /// Whether the node asks the router to open its port.
    upnp: bool,
    /// The creation time of the identity, from which the age counts.
    created_at: Time,
}

/// The ports of a node.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PortsView {
    /// UDP port for peers.
    node: u16,
    /// TCP port on loopback for metrics; null for an adopted node without a metrics server.
    metrics: Option<u16>,
    /// Port of the RPC service under antctl, or of WebRTC; null for an adopted node without one.
    rpc: Option<u16>,
}

impl From<&Node> for NodeDescription {
    fn from(node: &Node) -> Self {
        let environment = secret::masked_variables(&node.environment);
        Self {
            node: node.id.get(),
            name: node.id.name(),
            service: node.service_name(),
            uuid: node.uuid.clone(),
            flavor: word(&node.flavor),
            manager: node.manager.to_string(),
            folder: node.root_dir.clone(),
            log_folder: node.log_dir.clone(),
            program: node.binary.clone(),
            ports: PortsView { node: node.ports.node, metrics: node.ports.metrics, rpc: node.ports.rpc },
            wallet: node.wallet.to_string(),
            network: secret::masked_words(&node.network),
            arguments: secret::masked_words(&node.arguments),
            environment: environment.into_iter().map(|(name, value)| format!("{name}={value}")).collect(),
            upnp: node.upnp == Upnp::On,
            created_at: Time(node.born),
        }
    }
}

/// Serialises a node as [`NodeDescription`], for `serialize_with`.
pub(crate) fn description<S: Serializer>(node: &Node, serializer: S) -> Result<S::Ok, S::Error> {
    NodeDescription::from(node).serialize(serializer)
}

/// Serialises a state as its word, such as `RUNNING`, for `serialize_with`.
pub(crate) fn state_word<S: Serializer>(state: &NodeState, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state.word())
}

/// A node with its state and its last sample.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct NodeJson {
    #[serde(flatten)]
    node: NodeDescription,
    /// The state in one word, such as `RUNNING`.
    status: &'static str,
    /// The start of the state; null if it is unknown.
    status_since: Option<Time>,
    /// The condition that the node should be in.
    #[cfg_attr(test, schemars(extend("enum" = ["running", "stopped_by_policy", "stopped_by_request", "disabled"])))]
    desired: &'static str,
    /// The last end of a node that ended by itself; null once it has been up for ten minutes.
    ended: Option<EndedView>,
    /// Why the node is in that state; null if the state says it all.
    reason: Option<String>,
    /// How often wnm has started the node again, in the history of the last 30 days.
    restarts: u32,
    /// The health on the last complete day; null if no reading of that day contained a count.
    health: Option<NodeHealthView>,
    /// The last sample; null before the first cycle that observed the node.
    sample: Option<SampleView>,
}

impl From<&NodeView> for NodeJson {
    fn from(view: &NodeView) -> Self {
        Self {
            node: NodeDescription::from(&view.node),
            status: view.status,
            status_since: view.state.as_ref().and_then(|state| state.since()).map(Time),
            desired: view.desired.word(),
            ended: view.recovery.as_ref().map(|recovery| EndedView::of(recovery, view.sample.as_ref())),
            reason: view.reason.clone(),
            restarts: view.restarts,
            health: view.health.map(NodeHealthView::from),
            sample: view.sample.as_ref().map(SampleView::from),
        }
    }
}

/// The end of a process, as far as its process manager reports it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ExitView {
    /// The exit code; null after a signal, and where the process manager does not report it.
    exit_code: Option<i32>,
    /// The number of the signal that ended the process; null after an exit.
    exit_signal: Option<i32>,
    /// The last line of the standard error; null if it is empty or unknown.
    last_message: Option<String>,
}

impl From<Option<&Exit>> for ExitView {
    fn from(exit: Option<&Exit>) -> Self {
        let (exit_code, exit_signal) = match exit.and_then(|exit| exit.status) {
            Some(ExitStatus::Code(code)) => (Some(code), None),
            Some(ExitStatus::Signal(signal)) => (None, Some(signal)),
            None => (None, None),
        };
        Self { exit_code, exit_signal, last_message: exit.and_then(|exit| exit.message.clone()) }
    }
}

/// A node whose process ended by itself, in the history.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct EndView {
    /// The number of the node.
    node: NodeId,
    /// The name of the node.
    name: String,
    #[serde(flatten)]
    exit: ExitView,
    /// Whether its process manager has started it again.
    restarted: bool,
}

impl From<&Ended> for EndView {
    fn from(ended: &Ended) -> Self {
        let Ended { node, exit, restarted } = ended;
        Self { node: *node, name: node.name(), exit: ExitView::from(exit.as_ref()), restarted: *restarted }
    }
}

/// The end of a node that ended by itself, and its next start.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct EndedView {
    #[serde(flatten)]
    exit: ExitView,
    /// The error of the last start; null if the process ended after its start.
    start_error: Option<String>,
    /// Ends and failed starts since the node was last up for ten minutes.
    attempts: u32,
    /// The start of the crash loop; null outside of one.
    crash_loop_since: Option<Time>,
    /// The time from which the node may start again.
    next_start_at: Time,
}

impl EndedView {
    fn of(recovery: &Recovery, sample: Option<&NodeSample>) -> Self {
        let exit = recovery.exit.as_ref().or(sample.and_then(|sample| sample.exit.as_deref()));
        Self {
            exit: ExitView::from(exit),
            start_error: recovery.error.clone(),
            attempts: recovery.attempts,
            crash_loop_since: recovery.crash_loop_since.map(Time),
            next_start_at: Time(recovery.retry_at),
        }
    }
}

/// The last sample of a node. A value that could not be read is null: unknown is not zero.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SampleView {
    /// The observed condition of the node.
    #[cfg_attr(test, schemars(extend("enum" = ["unobserved", "answering", "silent", "unverified", "gone",
        "unreachable", "folder_missing"])))]
    presence: &'static str,
    /// The kind of a wrong answer on the metrics port; null for an answer of the node, or without one.
    #[cfg_attr(test, schemars(extend("enum" = ["not_metrics", "other_peer", null])))]
    wrong_answer: Option<&'static str>,
    /// The version of the running program, or of the node's copy of it.
    version: Option<String>,
    /// The peer ID.
    peer_id: Option<String>,
    /// The PID of the node's process.
    pid: Option<u32>,
    /// CPU use since the last observation.
    cpu_cores: Option<f64>,
    /// Resident memory.
    memory_bytes: Option<u64>,
    /// Disk space of the node's folder.
    disk_bytes: Option<u64>,
    /// The first observation that peers shun the node; null if no peer is known to shun it now.
    shunned_since: Option<Time>,
    /// Time since the start of the program.
    uptime_seconds: Option<u64>,
    /// Number of stored records.
    records: Option<u64>,
    /// Number of stored records that the node is responsible for.
    relevant_records: Option<u64>,
    /// Maximum number of records.
    max_records: Option<u64>,
    /// Number of payments received.
    payment_count: Option<u64>,
    /// Time as a part of the network.
    live_time_hours: Option<u64>,
    /// Number of connected peers.
    connected_peers: Option<u64>,
    /// Number of peers in the routing table.
    routing_table_peers: Option<u64>,
    /// Number of open connections.
    open_connections: Option<u64>,
    /// Number of nodes in the whole network, as the node estimates it.
    network_size: Option<u64>,
    /// Number of times that peers shunned the node.
    shunned_count: Option<u64>,
    /// Number of peers that the node considers bad.
    bad_peers: Option<u64>,
    /// Number of records stored on request.
    puts_ok: Option<u64>,
    /// Number of failed requests to store a record.
    puts_failed: Option<u64>,
    /// Network traffic in both directions together.
    network_bytes: Option<u64>,
    /// Balance of the rewards wallet in atto (10⁻¹⁸ tokens), as a decimal string, because it exceeds 64 bits.
    reward_balance_atto: Option<String>,
}

impl From<&NodeSample> for SampleView {
    fn from(sample: &NodeSample) -> Self {
        let metrics = sample.metrics.as_deref().cloned().unwrap_or_default();
        Self {
            presence: match sample.presence {
                Presence::Unobserved => "unobserved",
                Presence::Answering => "answering",
                Presence::Silent => "silent",
                Presence::Unverified => "unverified",
                Presence::Gone => "gone",
                Presence::Unreachable => "unreachable",
                Presence::VolumeFault => "volume_fault",
                Presence::FolderMissing => "folder_missing",
            },
            wrong_answer: sample.wrong_answer.as_ref().map(|answer| match answer {
                WrongAnswer::NotMetrics => "not_metrics",
                WrongAnswer::OtherPeer { .. } => "other_peer",
            }),
            version: sample.version.as_ref().map(ToString::to_string),
            peer_id: sample.peer_id.clone(),
            pid: sample.process.as_ref().map(|process| process.pid),
            cpu_cores: sample.cpu.map(wnm_core::Cores::get),
            memory_bytes: sample.memory.map(|bytes| bytes.0),
            disk_bytes: sample.disk.map(|bytes| bytes.0),
            shunned_since: sample.shunned_since.map(Time),
            uptime_seconds: metrics.uptime,
            records: metrics.records,
            relevant_records: metrics.relevant_records,
            max_records: metrics.max_records,
            payment_count: metrics.payment_count,
            live_time_hours: metrics.live_time,
            connected_peers: metrics.connected_peers,
            routing_table_peers: metrics.routing_table_peers,
            open_connections: metrics.open_connections,
            network_size: metrics.network_size,
            shunned_count: metrics.shunned_count,
            bad_peers: metrics.bad_peers,
            puts_ok: metrics.puts_ok,
            puts_failed: metrics.puts_failed,
            network_bytes: metrics.network_bytes,
            reward_balance_atto: metrics.reward_balance.map(|balance| balance.to_string()),
        }
    }
}
