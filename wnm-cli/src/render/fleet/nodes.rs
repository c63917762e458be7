//! The nodes and events of a fleet.

use std::cmp::Ordering;

use serde::Serialize;
use wnm_agent::fleet::document::{HostEvent, NodeRow};
use wnm_agent::fleet::name::Name;
use wnm_core::{NodeId, Timestamp};

use crate::json::Time;
use crate::render::page::Width;
use crate::render::table::Table;
use crate::render::{duration, time};

/// A node of a host, as the host publishes it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FleetNodeView {
    /// The name of the host.
    host: String,
    /// The number of the node.
    node: NodeId,
    /// The name of the node.
    name: String,
    /// The state, such as `RUNNING`.
    status: String,
    /// The version of the node program; null if unknown.
    version: Option<String>,
    /// The peer id; null if unknown.
    peer_id: Option<String>,
    /// CPU use; null if unknown.
    cpu_cores: Option<f64>,
    /// Resident memory; null if unknown.
    memory_bytes: Option<u64>,
    /// Time since the start of the program; null if unknown.
    uptime_seconds: Option<u64>,
    /// Stored records; null if unknown.
    records: Option<u64>,
    /// Connected peers; null if unknown.
    peers: Option<u64>,
    /// The number of times that peers shunned the node; null if unknown.
    shunned: Option<u64>,
}

impl FleetNodeView {
    pub(crate) fn new(host: &Name, row: NodeRow) -> Self {
        let NodeRow { id, status, version, peer_id, cpu, memory, uptime, records, peers, shunned } = row;
        Self {
            host: host.to_string(),
            node: id,
            name: id.name(),
            status,
            version,
            peer_id,
            cpu_cores: cpu,
            memory_bytes: memory,
            uptime_seconds: uptime,
            records,
            peers,
            shunned,
        }
    }

    fn row(&self) -> Vec<String> {
        let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let number = |value: Option<u64>| text(value.map(|value| value.to_string()));
        vec![
            self.host.clone(),
            self.name.clone(),
            self.status.clone(),
            text(self.version.clone()),
            text(self.uptime_seconds.map(|seconds| duration(std::time::Duration::from_secs(seconds)))),
            number(self.records),
            number(self.peers),
            number(self.shunned),
        ]
    }
}

/// Returns the table of nodes.
pub(crate) fn nodes(views: &[FleetNodeView], width: Width) -> String {
    if views.is_empty() {
        return "no nodes\n".to_owned();
    }
    let header = ["HOST", "NODE", "STATUS", "VERSION", "UPTIME", "RECORDS", "PEERS", "SHUNNED"];
    let rows = views.iter().map(FleetNodeView::row).collect();
    Table { header: &header, right: &[4, 5, 6, 7], optional: &[7, 6, 5, 4], rows }.text(width)
}

/// An event of a host, as the host publishes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FleetEventView {
    /// The name of the host.
    host: String,
    /// The number of the event, which counts from 1 in each daemon.
    number: u64,
    /// The time of the cycle, by the clock of the host.
    at: Time,
    /// The kind, such as `action_begun`.
    event: String,
    /// The event in a sentence.
    text: String,
    /// The node; null for an event of the host.
    node: Option<NodeId>,
    #[serde(skip)]
    moment: Timestamp,
}

impl FleetEventView {
    pub(crate) fn new(host: &Name, event: HostEvent) -> Self {
        let HostEvent { number, at, event, text, node } = event;
        Self { host: host.to_string(), number, at: at.into(), event, text, node, moment: at }
    }

    /// Compares two events by time, host and number.
    pub(crate) fn by_time(&self, other: &Self) -> Ordering {
        (self.moment, &self.host, self.number).cmp(&(other.moment, &other.host, other.number))
    }
}

/// Returns the line of an event.
pub(crate) fn event_line(event: &FleetEventView) -> String {
    format!("{}  {}  {}\n", time(event.moment), event.host, event.text)
}

/// Returns the lines of events.
pub(crate) fn events(events: &[FleetEventView]) -> String {
    if events.is_empty() { "no events\n".to_owned() } else { events.iter().map(event_line).collect() }
}
