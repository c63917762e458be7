//! The CSV output of a replay: one row for each sample.

use std::fmt::Write;

use wnm_core::case::CaseStatus;
use wnm_core::{Decision, LoadAverages};

use crate::commands::replay::Course;
use crate::words::spell;

/// Columns of the observation.
const OBSERVED: &str = "ts,used_cpu_percent,used_mem_percent,used_hd_percent,load_average_1,load_average_5,\
load_average_15,hdio_read_bytes,hdio_write_bytes,netio_read_bytes,netio_write_bytes,nodes,running";

/// Returns the names of the columns, for one policy or two.
pub(super) fn heading(policies: usize) -> String {
    let second = if policies > 1 { ",against_add_new_node,against_remove,against_upgrade,against_decided" } else { "" };
    format!("{OBSERVED},add_new_node,remove,upgrade,decided{second}")
}

/// Returns the row of the last sample of a course; unknown values are empty.
pub(super) fn row(course: &Course, decisions: &[Decision]) -> String {
    let (observation, state) = (course.observation(), course.state());
    let host = &observation.host;
    let mut row = format!("{}", observation.now.as_millis() as f64 / 1000.0);
    let mut cell = |value: Option<f64>| {
        row.push(',');
        if let Some(value) = value {
            _ = write!(row, "{value}");
        }
    };
    let load = |part: fn(&LoadAverages) -> f64| host.load.as_ref().map(part);
    cell(host.cpu.map(|percent| percent.get()));
    cell(host.memory.map(|percent| percent.get()));
    cell(host.volumes.iter().filter_map(|volume| volume.used).max().map(|percent| percent.get()));
    cell(load(|load| load.one.get()));
    cell(load(|load| load.five.get()));
    cell(load(|load| load.fifteen.get()));
    for rate in [host.disk_read, host.disk_write, host.net_read, host.net_write] {
        cell(rate.map(|rate| rate.0 as f64));
    }
    let is_running = |status: CaseStatus| matches!(status, CaseStatus::Running | CaseStatus::Unknown);
    let running = state.nodes.values().filter(|state| is_running(CaseStatus::of(state))).count();
    _ = write!(row, ",{},{running}", observation.nodes.len());
    for decision in decisions {
        let features = &decision.features;
        _ = write!(row, ",{},{},{},", features.add_new_node, features.remove, features.upgrade);
        // Quoted because of the commas; `spell` never writes a quotation mark.
        _ = write!(row, "\"{}\"", spell(decision));
    }
    row
}
