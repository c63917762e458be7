//! One node of the modelled host: what it uses by its age, and what is left of it when it is down.

use wnm_core::{NodeId, Timestamp};

use super::constants::Constants;
use super::volumes::Volumes;
use super::{Seconds, Sums, TICK};

/// Returns a part of something, or nothing where hardly anything is left: processors are very slow with numbers that
/// are nearly 0.
pub(super) fn left_of(whole: f64, part: f64) -> f64 {
    let left = whole * part;
    if left > 1e-12 { left } else { 0.0 }
}

/// What a time leaves of all that decays as a node grows: parts of a whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    pub(super) surge: f64,
    /// What there was of it on average, at the ends of the model's steps.
    surge_mean: f64,
    pub(super) memory: f64,
    pub(super) disk: f64,
}

/// How what a node uses goes from what it starts with to what it ends with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Curves {
    surge_seconds: Seconds,
    memory_seconds: Seconds,
    disk_seconds: Seconds,
    step: Seconds,
    per_step: Left,
}

impl Curves {
    /// Returns the curves for steps of so many seconds.
    pub(super) fn new(constants: &Constants, step: Seconds) -> Self {
        let whole = Left { surge: 1.0, surge_mean: 1.0, memory: 1.0, disk: 1.0 };
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

    /// Returns what is left after a time: at no cost after the usual one.
    pub(super) fn after(&self, time: Seconds) -> Left {
        if time == self.step {
            return self.per_step;
        }
        let left = |time: Seconds, seconds: Seconds| (-time / seconds).exp();
        let (surge, step) = (left(time, self.surge_seconds), left(TICK, self.surge_seconds));
        Left {
            surge,
            // The sum of a geometric series, of equal terms where nothing decays.
            surge_mean: if step < 1.0 { step / (1.0 - step) * (1.0 - surge) * TICK / time } else { 1.0 },
            memory: left(time, self.memory_seconds),
            disk: left(time, self.disk_seconds),
        }
    }
}

/// A process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process {
    /// Tells it from those before it.
    pub(super) serial: u32,
    pub(super) started: Seconds,
    /// Whether it was told to end.
    pub(super) is_ending: bool,
    /// Whether it is up for a minute.
    pub(super) is_grown_up: bool,
    /// What it uses of a processor beyond its grown use, in cores.
    pub(super) surge: f64,
    /// What that was on average until it last grew, in cores.
    pub(super) surge_mean: f64,
    /// What it costs more for a while, in cores.
    pub(super) extra: f64,
    /// Memory that it has still to take, in MB.
    pub(super) memory_gap: f64,
    /// What had leaked since it started, or the run began, when it last grew, in MB.
    pub(super) leaked: f64,
}

impl Process {
    /// Returns what it holds of the memory, in MB.
    pub(super) fn memory_mb(&self, constants: &Constants) -> f64 {
        constants.memory_full_mb.get() - self.memory_gap + self.leaked
    }
}

/// What became of a node's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folder {
    There,
    Lost,
}

/// A node.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) born: Timestamp,
    pub(super) volume: usize,
    pub(super) folder: Folder,
    /// Cores that it uses when grown.
    pub(super) base: f64,
    /// What it leaks, in MB/s.
    pub(super) leak: f64,
    /// The patch number of its program, and whether that is still to be told.
    pub(super) version: u64,
    pub(super) is_untold: bool,
    pub(super) process: Option<Process>,
    /// Whether somebody wants it to run: it starts again with the host.
    pub(super) is_wanted: bool,
    /// What it has still to store, in GB.
    pub(super) disk_gap: f64,
    /// When the gaps were as they are.
    pub(super) at: Seconds,
}

impl Node {
    /// Lets the node grow until now.
    pub(super) fn grow(&mut self, now: Seconds, curves: &Curves) {
        let time = now - self.at;
        if time <= 0.0 {
            return;
        }
        self.at = now;
        if let Some(process) = &mut self.process {
            let left = curves.after(time);
            process.surge_mean = process.surge * left.surge_mean;
            process.surge = left_of(process.surge, left.surge);
            process.memory_gap = left_of(process.memory_gap, left.memory);
            process.leaked = self.leak * (now - process.started.max(0.0));
            self.disk_gap = left_of(self.disk_gap, left.disk);
        }
    }

    /// Returns what it wanted of the processors until it last grew, in cores.
    pub(super) fn mean_demand(&self, process: &Process) -> f64 {
        self.base + process.extra + process.surge_mean
    }

    /// Returns what its folder holds, in GB.
    pub(super) fn disk_gb(&self, constants: &Constants) -> f64 {
        match self.folder {
            Folder::There => constants.disk_gb.get() - self.disk_gap,
            Folder::Lost => 0.0,
        }
    }

    /// Adds what it uses to the sums, once it has grown until now.
    pub(super) fn count(&self, sums: &mut Sums, volumes: &mut Volumes, constants: &Constants) {
        match &self.process {
            Some(process) => {
                sums.add(self, process);
                volumes.begin(self.volume, self.disk_gap, constants);
            }
            None => volumes.hold(self.volume, self.disk_gb(constants)),
        }
    }
}
