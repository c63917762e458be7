//! The facts of a recorded host that a scenario needs beside the constants of the model.

use super::fit::median;
use super::record::{Point, Record};
use super::report::Report;

/// The size of a recorded host, its colony and its background use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HostFacts {
    pub(crate) cpus: u32,
    /// Memory; None where the trace does not say.
    pub(crate) memory_gb: Option<f64>,
    /// The sum of all volumes; None where the trace does not say.
    pub(crate) disk_gb: Option<f64>,
    /// Running nodes in the first step.
    pub(crate) nodes: usize,
    /// Background use of memory in percent, the median; None where memory or its use is unknown.
    pub(crate) background_memory: Option<f64>,
    /// Background use of the volumes in percent, at the end; None where the trace lacks the disk use of each node.
    pub(crate) background_disk: Option<f64>,
}

impl HostFacts {
    pub(super) fn new(record: &Record, report: &Report) -> Self {
        let node_mb = report.credible("memory_full_mb");
        let background_mb = |point: &Point| {
            let own = point.own_memory_mb.or_else(|| node_mb.map(|each| each * point.up() as f64))?;
            Some((point.memory_mb? - own).max(0.0))
        };
        let mut background: Vec<f64> = record.points.iter().filter_map(background_mb).collect();
        let background_memory = median(&mut background).zip(record.memory).map(|(used, all)| 100.0 * used / all);
        let own_gb = || {
            let nodes = &record.points.last()?.nodes;
            nodes.iter().map(|node| node.disk_gb.map(f64::from)).sum::<Option<f64>>()
        };
        let background_disk = record.disk.and_then(|(total, used)| Some((used? - own_gb()?).max(0.0) / total * 100.0));
        Self {
            cpus: record.cpus,
            memory_gb: record.memory.map(|mb| mb / 1000.0),
            disk_gb: record.disk.map(|(total, _)| total),
            nodes: record.points.first().map_or(0, Point::up),
            background_memory: background_memory.map(|percent| percent.min(100.0)),
            background_disk: background_disk.map(|percent| percent.min(100.0)),
        }
    }
}
