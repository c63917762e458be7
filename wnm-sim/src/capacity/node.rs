//! A node of the capacity model: its use by age, and its folder.

use wnm_core::{NodeId, Timestamp};

use super::constants::Constants;
use super::volumes::Volumes;
use super::{Seconds, Sums, TICK};

/// Returns a part of something; 0 below 1e-12, because arithmetic on subnormal numbers is very slow.
pub(super) fn decayed(whole: f64, part: f64) -> f64 {
    let left = whole * part;
    if left > 1e-12 { left } else { 0.0 }
}

/// The shares of the decaying parts of a node that remain after some time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remaining {
    pub(super) surge: f64,
    /// The mean of the remaining surge at the ends of the model's steps.
    surge_mean: f64,
    pub(super) memory: f64,
    pub(super) disk: f64,
}

/// The decay of a node's use from its value at the start to its mature value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Curves {
    surge_seconds: Seconds,
    memory_seconds: Seconds,
    disk_seconds: Seconds,
    step: Seconds,
    per_step: Remaining,
}

impl Curves {
    /// Builds the curves, with the result for intervals of `step` seconds computed in advance.
    pub(super) fn new(constants: &Constants, step: Seconds) -> Self {
        let whole = Remaining { surge: 1.0, surge_mean: 1.0, memory: 1.0, disk: 1.0 };
        let mut curves = Self {
            surge_seconds: constants.surge_seconds.get(),
            memory_seconds: constants.memory_seconds.get(),
            disk_seconds: constants.disk_seconds.get(),
            step: 0.0,
            per_step: whole,
        };
        (curves.per_step, curves.step) = (curves.after(step), step);
        curves
    }

    /// Returns the shares that remain after `time` seconds; `step` seconds cost no exponential.
    pub(super) fn after(&self, time: Seconds) -> Remaining {
        // Exact comparison on purpose: equal intervals are the normal case, all others take the slow path.
        if time == self.step {
            return self.per_step;
        }
        let left = |time: Seconds, seconds: Seconds| (-time / seconds).exp();
        let (surge, step) = (left(time, self.surge_seconds), left(TICK, self.surge_seconds));
        Remaining {
            surge,
            // The sum of a geometric series; all terms are equal where the surge does not decay.
            surge_mean: if step < 1.0 { step / (1.0 - step) * (1.0 - surge) * TICK / time } else { 1.0 },
            memory: left(time, self.memory_seconds),
            disk: left(time, self.disk_seconds),
        }
    }
}

/// A process of a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process {
    /// Distinguishes the process from earlier ones of the same node.
    pub(super) serial: u32,
    pub(super) started: Seconds,
    /// Whether the process was ordered to end.
    pub(super) is_ending: bool,
    /// Whether the process has been up for [`SERVES_AFTER`](super::SERVES_AFTER).
    pub(super) is_serving: bool,
    /// CPU use above the mature use, in cores.
    pub(super) surge: f64,
    /// The mean of `surge` over the interval that ended with the last `grow`, in cores.
    pub(super) surge_mean: f64,
    /// Additional CPU use after a change of version, in cores.
    pub(super) extra: f64,
    /// Memory that the process has yet to take, in MB.
    pub(super) memory_gap: f64,
    /// Memory leaked since the start of the process or of the run, at the last `grow`, in MB.
    pub(super) leaked: f64,
}

impl Process {
    /// Returns the memory in use, in MB.
    pub(super) fn memory_mb(&self, constants: &Constants) -> f64 {
        constants.memory_full_mb.get() - self.memory_gap + self.leaked
    }
}

/// Whether the folder of a node exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folder {
    There,
    Lost,
}

/// A node with its folder and, while it runs, its process.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) born: Timestamp,
    pub(super) volume: usize,
    pub(super) folder: Folder,
    /// CPU use when mature, in cores.
    pub(super) base: f64,
    /// Leak, in MB/s.
    pub(super) leak: f64,
    /// The patch number of the node's program, and whether it changed since the last observation.
    pub(super) version: u64,
    pub(super) is_version_new: bool,
    pub(super) process: Option<Process>,
    /// Whether the node starts again after a reboot.
    pub(super) is_wanted: bool,
    /// Disk space that the node has yet to take, in GB.
    pub(super) disk_gap: f64,
    /// The time at which the gaps were computed.
    pub(super) at: Seconds,
}

impl Node {
    /// Computes the use of the node at `now`.
    pub(super) fn grow(&mut self, now: Seconds, curves: &Curves) {
        let time = now - self.at;
        if time <= 0.0 {
            return;
        }
        self.at = now;
        if let Some(process) = &mut self.process {
            let left = curves.after(time);
            process.surge_mean = process.surge * left.surge_mean;
            process.surge = decayed(process.surge, left.surge);
            process.memory_gap = decayed(process.memory_gap, left.memory);
            process.leaked = self.leak * (now - process.started.max(0.0));
            self.disk_gap = decayed(self.disk_gap, left.disk);
        }
    }

    /// Returns the mean demand for CPU over the last interval, in cores.
    pub(super) fn mean_demand(&self, process: &Process) -> f64 {
        self.base + process.extra + process.surge_mean
    }

    /// Returns the disk space of the folder, in GB.
    pub(super) fn disk_gb(&self, constants: &Constants) -> f64 {
        match self.folder {
            // A stopped node keeps its data and does not grow.
            Folder::There => constants.disk_gb.get() - self.disk_gap,
            Folder::Lost => 0.0,
        }
    }

    /// Adds the use of the node at its last `grow` to the sums.
    pub(super) fn count(&self, sums: &mut Sums, volumes: &mut Volumes, constants: &Constants) {
        match &self.process {
            Some(process) => {
                sums.add(self, process);
                volumes.add_running(self.volume, self.disk_gap, constants);
            }
            None => volumes.add_stopped(self.volume, self.disk_gb(constants)),
        }
    }
}
