//! `machine-metrics`: the machine and its nodes in numbers, as of the last recorded cycle.

use wnm_core::{HostSample, NodeState, Settings, Version};

use super::Row;
use super::fields::{Fields, Value};

/// The keys whose values have quotes in the environment format.
const QUOTED: &[&str] = &["antnode", "nodes_by_version"];

/// Returns the metrics with the names and the order of the Python wnm. `target` is the version of new nodes.
pub(crate) fn fields(settings: &Settings, host: &HostSample, rows: &[Row<'_>], target: Option<&Version>) -> Fields {
    let count = |wanted: fn(&NodeState) -> bool| {
        Value::Number(rows.iter().filter(|row| row.state.is_some_and(wanted)).count() as u64)
    };
    let started = host.started.and_then(|started| u64::try_from(started.as_secs()).ok());
    let mut values = vec![
        ("system_start", Value::or_unknown(started)),
        ("total_nodes", Value::Number(rows.len() as u64)),
        // The Python wnm has no unknown state: it counts a process without an answer as running.
        ("running_nodes", count(|s| matches!(s, NodeState::Running { .. } | NodeState::Unknown { .. }))),
        ("stopped_nodes", count(|s| matches!(s, NodeState::Stopped { .. }))),
        ("restarting_nodes", count(|s| matches!(s, NodeState::Restarting { .. }))),
        ("upgrading_nodes", count(|s| matches!(s, NodeState::Upgrading { .. }))),
        ("migrating_nodes", count(|s| matches!(s, NodeState::Migrating { .. }))),
        ("removing_nodes", count(|s| matches!(s, NodeState::Removing { .. }))),
        ("dead_nodes", count(|s| matches!(s, NodeState::Dead { .. }))),
        ("disabled_nodes", count(|s| matches!(s, NodeState::Disabled { .. }))),
        ("antnode", Value::Text(settings.binary.display().to_string())),
    ];
    values.extend(versions(rows, target));
    values.extend(signals(host));
    values.push(("node_hd_crisis", crisis(settings, host, rows)));
    Fields { values, quoted: QUOTED }
}

fn versions(rows: &[Row<'_>], target: Option<&Version>) -> [(&'static str, Value); 6] {
    let target = target.map(ToString::to_string);
    // Without a target version no node is current or outdated.
    let if_known = |count: usize| Value::or_unknown(target.is_some().then_some(count as u64));
    let version = |row: &Row<'_>| row.version().unwrap_or_default();
    // A disabled node is not upgraded.
    let counted = || rows.iter().filter(|row| !matches!(row.state, Some(NodeState::Disabled { .. }))).map(version);
    let latest = counted().filter(|version| target.as_ref() == Some(version)).count();
    let unknown = counted().filter(String::is_empty).count();
    let queen = rows.iter().min_by_key(|row| (row.node.born, row.node.id)).and_then(Row::version);
    let mut by_version: Vec<(String, usize)> = Vec::new();
    for version in rows.iter().map(version) {
        match by_version.iter_mut().find(|(known, _)| *known == version) {
            Some((_, count)) => *count += 1,
            None => by_version.push((version, 1)),
        }
    }
    [
        ("antnode_version", Value::or_unknown(target.clone())),
        ("queen_node_version", Value::or_unknown(queen.or_else(|| target.clone().filter(|_| rows.is_empty())))),
        ("nodes_latest_v", if_known(latest)),
        ("nodes_no_version", Value::Number(unknown as u64)),
        ("nodes_to_upgrade", if_known(counted().count().saturating_sub(latest + unknown))),
        ("nodes_by_version", Value::Counts(by_version)),
    ]
}

fn signals(host: &HostSample) -> [(&'static str, Value); 14] {
    let share = |value: Option<wnm_core::Percent>| value.map(|value| tenths(value.get()));
    let rest = |value: Option<f64>| value.map(|value| tenths(100.0 - value));
    let rate = |value: Option<wnm_core::BytesPerSecond>| Value::or_unknown(value.map(|rate| rate.0));
    let load = |of: fn(&wnm_core::LoadAverages) -> wnm_core::Load| {
        Value::or_unknown(host.load.as_ref().map(|load| of(load).get()))
    };
    let (cpu, memory) = (share(host.cpu), share(host.memory));
    let volume = host.volumes.first();
    [
        ("load_average_1", load(|load| load.one)),
        ("load_average_5", load(|load| load.five)),
        ("load_average_15", load(|load| load.fifteen)),
        ("idle_cpu_percent", Value::or_unknown(rest(cpu))),
        ("io_wait", Value::or_unknown(share(host.io_wait))),
        ("used_cpu_percent", Value::or_unknown(cpu)),
        ("used_mem_percent", Value::or_unknown(memory)),
        ("free_mem_percent", Value::or_unknown(rest(memory))),
        ("used_hd_percent", Value::or_unknown(share(volume.and_then(|volume| volume.used)))),
        ("total_hd_bytes", Value::or_unknown(volume.and_then(|volume| volume.total).map(|total| total.0))),
        ("hdio_write_bytes", rate(host.disk_write)),
        ("hdio_read_bytes", rate(host.disk_read)),
        ("netio_write_bytes", rate(host.net_write)),
        ("netio_read_bytes", rate(host.net_read)),
    ]
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Returns the space that all nodes need with `crisis_bytes` each, in percent of the space of the first volume below
/// `hd_remove`.
fn crisis(settings: &Settings, host: &HostSample, rows: &[Row<'_>]) -> Value {
    let total = host.volumes.first().and_then(|volume| volume.total).filter(|total| total.0 > 0);
    let Some(total) = total else { return Value::Unknown };
    let wanted = rows.len() as f64 * settings.crisis.0 as f64;
    let may_hold = total.0 as f64 * settings.policy.disk.remove.get() / 100.0;
    let percent = wanted / may_hold * 100.0;
    if percent.is_finite() { Value::Number(percent as u64) } else { Value::Unknown }
}
