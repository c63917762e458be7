//! The metrics of the colony and of each node.

use std::collections::BTreeMap;

use wnm_core::{Cores, DayCounts, Desired, NodeId, NodeMetrics, NodeSample, NodeState, Outcome, Presence, Recovery};

use super::{Family, Sink, counter, gauge, single};
use crate::live::Snapshot;

/// The states, each with a sample also while no node has it, so that a rule can compare with 0.
const STATES: [&str; 9] =
    ["RUNNING", "UNKNOWN", "STOPPED", "RESTARTING", "UPGRADING", "MIGRATING", "REMOVING", "DEAD", "DISABLED"];
/// The maximum number of versions with a sample of their own. The version `other` counts the nodes of the rest.
const MOST_VERSIONS: usize = 20;
/// The maximum length of a version or a peer ID in a label, in characters. Nodes report both.
const LONGEST_LABEL: usize = 128;

/// A node with its label, its state and its last sample.
struct Row<'a> {
    id: NodeId,
    name: String,
    state: &'a NodeState,
    sample: Option<&'a NodeSample>,
}

pub(super) fn write(snapshot: &Snapshot, sink: &mut dyn Sink) {
    let report = &snapshot.report;
    let row = |(id, state)| Row { id, name: id.name(), state, sample: report.observation.nodes.get(&id) };
    let rows: Vec<Row<'_>> = snapshot.states().map(row).collect();
    colony(snapshot, &rows, sink);
    identity(&rows, sink);
    measured(&rows, sink);
    reported(&rows, sink);
    health(snapshot, &rows, sink);
}

fn colony(snapshot: &Snapshot, rows: &[Row<'_>], sink: &mut dyn Sink) {
    let colony = &snapshot.report.colony;
    let cap = f64::from(colony.settings.policy.node_cap);
    single(sink, gauge("wnm_node_cap", "Maximum number of nodes."), Some(cap));
    let by_state = snapshot.nodes_by_state();
    sink.family(gauge("wnm_nodes", "Nodes in each state."));
    for state in STATES {
        let count = by_state.get(state).copied().unwrap_or(0);
        sink.sample("", &[("state", &state.to_ascii_lowercase())], count as f64);
    }
    sink.family(gauge("wnm_nodes_desired", "Nodes that should be in each condition."));
    for desired in Desired::ALL {
        let count = rows.iter().filter(|row| colony.state.desired(row.id, row.state) == desired).count();
        sink.sample("", &[("desired", desired.word())], count as f64);
    }
    let is_down = |row: &&Row<'_>| {
        colony.state.desired(row.id, row.state) == Desired::Running
            && matches!(row.state, NodeState::Stopped { .. } | NodeState::Dead { .. } | NodeState::Unknown { .. })
    };
    let down = rows.iter().filter(is_down).count();
    single(sink, gauge("wnm_nodes_down", "Nodes that should run and do not."), Some(down as f64));
    let loops = colony.state.recoveries.values().filter(|recovery: &&Recovery| recovery.is_crash_loop()).count();
    single(sink, gauge("wnm_nodes_in_crash_loop", "Nodes that end again and again."), Some(loops as f64));
    versions(snapshot, sink);
    let pending = |(_, outcome): &&(_, Outcome)| matches!(outcome, Outcome::Pending { .. });
    let mut actions: BTreeMap<&'static str, usize> = BTreeMap::new();
    for (record, _) in snapshot.report.worked.iter().filter(pending) {
        *actions.entry(record.planned.action.verb()).or_default() += 1;
    }
    sink.family(gauge("wnm_actions_pending", "Actions that have begun and not ended."));
    for (action, count) in actions {
        sink.sample("", &[("action", action)], count as f64);
    }
}

fn versions(snapshot: &Snapshot, sink: &mut dyn Sink) {
    let mut versions: Vec<(String, usize)> = snapshot
        .nodes_by_version()
        .into_iter()
        .map(|(version, count)| (version.map_or_else(|| "unknown".to_owned(), |v| label(&v.to_string())), count))
        .collect();
    versions.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let rest: usize = versions.iter().skip(MOST_VERSIONS).map(|(_, count)| count).sum();
    versions.truncate(MOST_VERSIONS);
    if rest > 0 {
        versions.push(("other".to_owned(), rest));
    }
    sink.family(gauge("wnm_nodes_by_version", "Nodes with each version of the node program."));
    for (version, count) in versions {
        sink.sample("", &[("version", &version)], count as f64);
    }
}

/// Returns a text of a node as the value of a label.
fn label(text: &str) -> String {
    text.chars().take(LONGEST_LABEL).collect()
}

fn identity(rows: &[Row<'_>], sink: &mut dyn Sink) {
    sink.family(gauge("wnm_node_info", "Version and peer ID of a node; the value is always 1."));
    for row in rows {
        let version = row.sample.and_then(|sample| sample.version.as_ref());
        let version = version.map_or_else(String::new, |version| label(&version.to_string()));
        let peer = row.sample.and_then(|sample| sample.peer_id.as_deref()).map(label).unwrap_or_default();
        sink.sample("", &[("node", &row.name), ("peer_id", &peer), ("version", &version)], 1.0);
    }
    sink.family(gauge("wnm_node_state", "State of a node, as a label; the value is always 1."));
    for row in rows {
        sink.sample("", &[("node", &row.name), ("state", &row.state.word().to_ascii_lowercase())], 1.0);
    }
    sink.family(gauge("wnm_node_up", "Whether a node runs and answers: 1 if it does."));
    for row in rows {
        let Some(sample) = row.sample.filter(|sample| sample.presence != Presence::Unobserved) else { continue };
        sink.sample("", &[("node", &row.name)], f64::from(u8::from(sample.presence == Presence::Answering)));
    }
}

/// Writes a family with a sample for each node of which the value is known.
fn each(rows: &[Row<'_>], sink: &mut dyn Sink, family: Family, value: impl Fn(&NodeSample) -> Option<f64>) {
    sink.family(family);
    for row in rows {
        if let Some(value) = row.sample.and_then(&value) {
            sink.sample("", &[("node", &row.name)], value);
        }
    }
}

fn measured(rows: &[Row<'_>], sink: &mut dyn Sink) {
    each(rows, sink, gauge("wnm_node_cpu_cores", "CPU use of a node since the last cycle, in cores."), |sample| {
        sample.cpu.map(Cores::get)
    });
    each(rows, sink, gauge("wnm_node_memory_bytes", "Resident memory of a node."), |sample| {
        sample.memory.map(|bytes| bytes.0 as f64)
    });
    each(rows, sink, gauge("wnm_node_disk_bytes", "Disk space of the folder of a node."), |sample| {
        sample.disk.map(|bytes| bytes.0 as f64)
    });
    each(rows, sink, gauge("wnm_node_born_timestamp_seconds", "Creation of the identity of a node."), |sample| {
        (sample.born.as_millis() > 0).then(|| super::seconds(sample.born))
    });
    each(rows, sink, gauge("wnm_node_shunned_now", "Whether peers shun a node: 1 while they do."), |sample| {
        sample.metrics.as_ref().map(|_| f64::from(u8::from(sample.shunned_since.is_some())))
    });
}

/// A family of a metric that nodes report about themselves.
type Reported = (Family, fn(&NodeMetrics) -> Option<u64>);

/// Counters restart with their node; Prometheus expects that of counters.
const REPORTED: [Reported; 14] = [
    (gauge("wnm_node_uptime_seconds", "Time since the start of a node."), |m| m.uptime),
    (gauge("wnm_node_records", "Records that a node stores."), |m| m.records),
    (gauge("wnm_node_relevant_records", "Stored records that a node is responsible for."), |m| m.relevant_records),
    (gauge("wnm_node_max_records", "Maximum number of records of a node."), |m| m.max_records),
    (counter("wnm_node_payments_total", "Payments that a node received."), |m| m.payment_count),
    (gauge("wnm_node_connected_peers", "Peers that a node is connected with."), |m| m.connected_peers),
    (gauge("wnm_node_routing_table_peers", "Peers in the routing table of a node."), |m| m.routing_table_peers),
    (gauge("wnm_node_open_connections", "Open connections of a node."), |m| m.open_connections),
    (gauge("wnm_node_network_size", "Nodes in the whole network, as a node estimates it."), |m| m.network_size),
    (counter("wnm_node_shunned_total", "Times that peers shunned a node."), |m| m.shunned_count),
    (gauge("wnm_node_bad_peers", "Peers that a node considers bad."), |m| m.bad_peers),
    (counter("wnm_node_puts_total", "Records that a node stored on request."), |m| m.puts_ok),
    (counter("wnm_node_puts_failed_total", "Failed requests to a node to store a record."), |m| m.puts_failed),
    (counter("wnm_node_network_bytes_total", "Network traffic of a node in both directions."), |m| m.network_bytes),
];

fn reported(rows: &[Row<'_>], sink: &mut dyn Sink) {
    for (family, value) in REPORTED {
        each(rows, sink, family, |sample| sample.metrics.as_deref().and_then(value).map(|value| value as f64));
    }
}

/// A family of a count of the last complete day.
type OfDay = (Family, fn(&DayCounts) -> Option<f64>);

const OF_DAY: [OfDay; 4] = [
    (
        gauge("wnm_node_records_gained_last_day", "Growth of the records of a node on the last complete day in UTC."),
        |day| day.records_gained.map(|records| records as f64),
    ),
    (gauge("wnm_node_payments_last_day", "Payments to a node on the last complete day in UTC."), |day| {
        day.payments.map(|payments| payments as f64)
    }),
    (gauge("wnm_node_shunned_last_day", "Times that peers shunned a node on the last complete day in UTC."), |day| {
        day.shunned.map(|shunned| shunned as f64)
    }),
    (
        gauge("wnm_node_shunned_trend", "That count against the week before: 1 if rising, 0 if steady, -1 if falling."),
        |day| day.shunned_trend.map(|trend| f64::from(trend.number())),
    ),
];

fn health(snapshot: &Snapshot, rows: &[Row<'_>], sink: &mut dyn Sink) {
    let known = || rows.iter().filter_map(|row| Some((row, snapshot.health.nodes.get(&row.id)?)));
    for (family, value) in OF_DAY {
        sink.family(family);
        for (row, health) in known() {
            if let Some(value) = value(&health.counts) {
                sink.sample("", &[("node", &row.name)], value);
            }
        }
    }
    let help = "Whether a node gained no record on the last complete day while most of its neighbours did: 1 if so.";
    sink.family(gauge("wnm_node_gains_nothing", help));
    for (row, health) in known() {
        sink.sample("", &[("node", &row.name)], f64::from(u8::from(health.gains_nothing)));
    }
}
