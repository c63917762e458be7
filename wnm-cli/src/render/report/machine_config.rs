//! `machine-config`: the effective settings.

use std::path::Path;

use wnm_core::{Delays, IoThresholds, Limits, NodeState, Settings, Threshold, Upnp};

use super::Row;
use super::fields::{Fields, Value};
use crate::render::shell_text;

/// The keys whose values have quotes in the environment and config formats.
const QUOTED: &[&str] = &["node_storage", "environment", "start_args", "antnode_path", "dbpath"];

/// Returns the settings with the names and the order of the Python wnm.
pub(crate) fn fields(settings: &Settings, cpus: u32, rows: &[Row<'_>], database: &Path) -> Fields {
    let policy = &settings.policy;
    let Delays { start, restart, upgrade, remove } = policy.delays;
    let Limits { upgrades, starts, removals, operations } = policy.limits;
    let [node_start, metrics_start, rpc_start] = settings.ports.thousands();
    let percent = |value: wnm_core::Percent| Value::number(value.get());
    let mut values = vec![
        ("id", Value::Number(1)),
        ("cpu_count", Value::Number(cpus.into())),
        ("node_cap", Value::Number(policy.node_cap.into())),
        ("cpu_less_than", percent(policy.cpu.less_than)),
        ("cpu_remove", percent(policy.cpu.remove)),
        ("mem_less_than", percent(policy.memory.less_than)),
        ("mem_remove", percent(policy.memory.remove)),
        ("hd_less_than", percent(policy.disk.less_than)),
        ("hd_remove", percent(policy.disk.remove)),
        ("delay_start", Value::Number(start.as_secs())),
        ("delay_restart", Value::Number(restart.as_secs())),
        ("delay_upgrade", Value::Number(upgrade.as_secs())),
        ("delay_remove", Value::Number(remove.as_secs())),
        ("survey_delay", millis(settings.survey_delay)),
        ("action_delay", millis(settings.action_delay)),
        ("node_storage", joined_paths(settings)),
        ("rewards_address", Value::Text(settings.rewards.to_string())),
        ("donate_address", Value::Text(settings.donate.to_string())),
        ("max_load_average_allowed", Value::or_unknown(policy.load.map(|load| load.remove.get()))),
        ("desired_load_average", Value::or_unknown(policy.load.map(|load| load.less_than.get()))),
        ("port_start", Value::Number(node_start.into())),
    ];
    values.extend(traffic(["hdio_read_less_than", "hdio_read_remove"], policy.disk_io, |io| io.read));
    values.extend(traffic(["hdio_write_less_than", "hdio_write_remove"], policy.disk_io, |io| io.write));
    values.extend(traffic(["netio_read_less_than", "netio_read_remove"], policy.net_io, |io| io.read));
    values.extend(traffic(["netio_write_less_than", "netio_write_remove"], policy.net_io, |io| io.write));
    values.extend([
        ("last_stopped_at", last_stopped(rows)),
        ("host", Value::Text(settings.host.clone())),
        ("crisis_bytes", Value::Number(settings.crisis.0)),
        ("metrics_port_start", Value::Number(metrics_start.into())),
        ("rpc_port_start", Value::Number(rpc_start.into())),
        ("environment", environment(settings)),
        ("start_args", Value::Text(shell_text(&settings.arguments))),
        ("max_concurrent_upgrades", Value::Number(upgrades.into())),
        ("max_concurrent_starts", Value::Number(starts.into())),
        ("max_concurrent_removals", Value::Number(removals.into())),
        ("max_concurrent_operations", Value::Number(operations.into())),
    ]);
    values.extend(fixed(settings));
    values.push(("dbpath", Value::Text(format!("sqlite:///{}", database.display()))));
    Fields { values, quoted: QUOTED }
}

/// Returns the settings of programs. A setting that this wnm does not have gets the default of the Python wnm, since
/// dashboards expect the key.
fn fixed(settings: &Settings) -> [(&'static str, Value); 11] {
    [
        ("node_removal_strategy", Value::Text("youngest".to_owned())),
        ("process_manager", Value::Text(settings.manager.to_string())),
        ("max_node_per_container", Value::Number(200)),
        ("min_container_count", Value::Number(1)),
        ("docker_image", Value::Text("iweave/antnode:latest".to_owned())),
        ("no_upnp", Value::Switch(settings.upnp == Upnp::Off)),
        ("antnode_path", Value::Text(settings.binary.display().to_string())),
        ("antctl_path", Value::Text("~/.local/bin/antctl".to_owned())),
        ("antctl_debug", Value::Switch(false)),
        ("antctl_version", Value::Unknown),
        ("highest_node_id_used", Value::Unknown),
    ]
}

fn millis(span: std::time::Duration) -> Value {
    Value::Number(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

fn joined_paths(settings: &Settings) -> Value {
    let paths: Vec<String> = settings.storage.iter().map(|path| path.display().to_string()).collect();
    Value::Text(paths.join(","))
}

fn environment(settings: &Settings) -> Value {
    let words = settings.environment.iter().map(|(name, value)| format!("{name}={value}"));
    Value::Text(shell_text(&words.collect::<Vec<_>>()))
}

/// Returns the two thresholds of a traffic signal; 0 for each that is not set.
fn traffic(
    [less_than, remove]: [&'static str; 2],
    io: Option<IoThresholds>,
    of: fn(IoThresholds) -> Threshold<wnm_core::BytesPerSecond>,
) -> [(&'static str, Value); 2] {
    let thresholds = io.map(of);
    let rate = |rate: Option<wnm_core::BytesPerSecond>| Value::Number(rate.map_or(0, |rate| rate.0));
    [(less_than, rate(thresholds.map(|both| both.less_than))), (remove, rate(thresholds.map(|both| both.remove)))]
}

/// Returns the time of the latest stop of a stopped node, in Unix seconds; 0 without one.
fn last_stopped(rows: &[Row<'_>]) -> Value {
    let stopped = rows.iter().filter(|row| matches!(row.state, Some(NodeState::Stopped { .. })));
    let stopped = stopped.filter_map(|row| row.state?.since());
    let last = stopped.max().map_or(0, |at| u64::try_from(at.as_secs()).unwrap_or(0));
    Value::Number(last)
}
