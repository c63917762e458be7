//! Volumes: background use, folders of nodes, and folders being deleted.

use super::constants::Constants;
use super::node::decayed;
use super::{Seconds, TICK};
use crate::scenario::capacity::Disks;

/// A volume, in GB.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Space {
    pub(super) size: f64,
    /// The reciprocal of `size`.
    share: f64,
    background: f64,
    background_growth: f64,
    /// The mature size of the running nodes' folders, and the part of it that they have yet to take.
    grown: f64,
    gap: f64,
    /// Folders of stopped nodes.
    stopped: f64,
    trash: f64,
}

impl Space {
    fn used(&self) -> f64 {
        self.background + self.grown - self.gap + self.stopped + self.trash
    }
}

/// A folder that is being deleted.
#[derive(Debug, Clone, Copy)]
struct Deletion {
    volume: usize,
    left: f64,
    per_second: f64,
}

/// All volumes of the host.
#[derive(Debug, Clone)]
pub(super) struct Volumes {
    pub(super) all: Vec<Space>,
    deletions: Vec<Deletion>,
}

impl Volumes {
    pub(super) fn new(disks: &Disks, size_gb: f64) -> Self {
        let space = |percent: &wnm_core::Percent| {
            let size = size_gb * percent.get() / 100.0;
            let background_growth = size * disks.growth_per_day.get() / 100.0 / 86_400.0;
            Space {
                size,
                share: 1.0 / size,
                background: size * disks.background.get() / 100.0,
                background_growth,
                ..Space::default()
            }
        };
        Self { all: disks.volumes.iter().map(space).collect(), deletions: Vec::new() }
    }

    /// Advances by five seconds; `left` is the factor by which the gaps of the running nodes shrink.
    pub(super) fn step(&mut self, left: f64) {
        for space in &mut self.all {
            space.background += space.background_growth * TICK;
            space.gap = decayed(space.gap, left);
        }
        if self.deletions.is_empty() {
            return;
        }
        for deletion in &mut self.deletions {
            let gone = (deletion.per_second * TICK).min(deletion.left);
            deletion.left -= gone;
            self.all[deletion.volume].trash -= gone;
        }
        // Rounding leaves a trace of a byte where the last step should reach 0.
        self.deletions.retain(|deletion| deletion.left > 1e-9);
        if self.deletions.is_empty() {
            self.all.iter_mut().for_each(|space| space.trash = 0.0);
        }
    }

    /// Returns the index of the volume with the most free space; of equal volumes the first.
    pub(super) fn most_free(&self) -> usize {
        let free = |space: &Space| space.size - space.used();
        let by_free = |best: usize, i: usize| if free(&self.all[i]) > free(&self.all[best]) { i } else { best };
        (0..self.all.len()).reduce(by_free).unwrap_or_default()
    }

    /// Returns for each volume the share in use, and the share that would be in use without nodes.
    pub(super) fn shares(&self) -> impl Iterator<Item = (f64, f64)> {
        self.all.iter().map(|space| (space.used() * space.share, space.background * space.share))
    }

    /// Clears the use of all nodes, before they are counted again.
    pub(super) fn clear_nodes(&mut self) {
        for space in &mut self.all {
            (space.grown, space.gap, space.stopped) = (0.0, 0.0, 0.0);
        }
    }

    /// Adds the folder of a running node.
    pub(super) fn add_running(&mut self, volume: usize, gap: f64, constants: &Constants) {
        let space = &mut self.all[volume];
        space.grown += constants.disk_gb.get();
        space.gap += gap;
    }

    /// Adds the folder of a stopped node, in GB; negative to remove it.
    pub(super) fn add_stopped(&mut self, volume: usize, gb: f64) {
        self.all[volume].stopped += gb;
    }

    /// Moves the folder of a node from stopped to running.
    pub(super) fn start_growth(&mut self, volume: usize, gap: f64, constants: &Constants) {
        self.add_running(volume, gap, constants);
        self.add_stopped(volume, gap - constants.disk_gb.get());
    }

    /// Moves the folder of a node from running to stopped.
    pub(super) fn stop_growth(&mut self, volume: usize, gap: f64, constants: &Constants) {
        let space = &mut self.all[volume];
        space.grown -= constants.disk_gb.get();
        space.gap -= gap;
        space.stopped += constants.disk_gb.get() - gap;
    }

    /// Begins to delete the folder of a stopped node and returns the seconds that this takes.
    pub(super) fn delete(&mut self, volume: usize, gb: f64, constants: &Constants) -> Seconds {
        let (least, most) = (constants.delete_least_seconds.get(), constants.delete_most_seconds.get());
        let seconds = least + (most - least) * (gb / constants.disk_gb.get()).min(1.0);
        self.add_stopped(volume, -gb);
        self.all[volume].trash += gb;
        self.deletions.push(Deletion { volume, left: gb, per_second: gb / seconds.max(TICK) });
        seconds
    }
}
