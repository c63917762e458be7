//! The volumes: what others hold of them, what nodes store, and what is being deleted.

use super::constants::Constants;
use super::node::left_of;
use super::{Seconds, TICK};
use crate::scenario::capacity::Disks;

/// A volume, in GB.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Space {
    pub(super) size: f64,
    /// What a GB is of it.
    share: f64,
    background: f64,
    background_growth: f64,
    /// What the nodes that run will hold, and what of it they have still to store.
    grown: f64,
    gap: f64,
    /// What nodes that do not run hold.
    held: f64,
    trash: f64,
}

impl Space {
    fn used(&self) -> f64 {
        self.background + self.grown - self.gap + self.held + self.trash
    }
}

/// A folder that goes.
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

    /// Goes on by five seconds, after which so much is left of what is still to be stored.
    pub(super) fn step(&mut self, left: f64) {
        for space in &mut self.all {
            space.background += space.background_growth * TICK;
            space.gap = left_of(space.gap, left);
        }
        if self.deletions.is_empty() {
            return;
        }
        for deletion in &mut self.deletions {
            let gone = (deletion.per_second * TICK).min(deletion.left);
            deletion.left -= gone;
            self.all[deletion.volume].trash -= gone;
        }
        self.deletions.retain(|deletion| deletion.left > 1e-9);
        if self.deletions.is_empty() {
            self.all.iter_mut().for_each(|space| space.trash = 0.0);
        }
    }

    /// Returns the volume on which the most is free, of equals the first.
    pub(super) fn roomiest(&self) -> usize {
        let free = |space: &Space| space.size - space.used();
        let by_room = |best: usize, i: usize| if free(&self.all[i]) > free(&self.all[best]) { i } else { best };
        (0..self.all.len()).reduce(by_room).unwrap_or_default()
    }

    /// Returns the share of a volume that is in use, and what it would be without us.
    pub(super) fn shares(&self) -> impl Iterator<Item = (f64, f64)> {
        self.all.iter().map(|space| (space.used() * space.share, space.background * space.share))
    }

    /// Forgets what nodes hold, before all of them are counted again.
    pub(super) fn empty(&mut self) {
        for space in &mut self.all {
            (space.grown, space.gap, space.held) = (0.0, 0.0, 0.0);
        }
    }

    /// Counts a node that runs.
    pub(super) fn begin(&mut self, volume: usize, gap: f64, constants: &Constants) {
        let space = &mut self.all[volume];
        space.grown += constants.disk_gb.get();
        space.gap += gap;
    }

    /// Counts a node that does not run.
    pub(super) fn hold(&mut self, volume: usize, gb: f64) {
        self.all[volume].held += gb;
    }

    /// A node that was held begins to grow.
    pub(super) fn begin_to_grow(&mut self, volume: usize, gap: f64, constants: &Constants) {
        self.begin(volume, gap, constants);
        self.hold(volume, gap - constants.disk_gb.get());
    }

    /// A node that grew is held.
    pub(super) fn cease_to_grow(&mut self, volume: usize, gap: f64, constants: &Constants) {
        let space = &mut self.all[volume];
        space.grown -= constants.disk_gb.get();
        space.gap -= gap;
        space.held += constants.disk_gb.get() - gap;
    }

    /// Begins to delete the folder of a node that was held, and returns how long that takes.
    pub(super) fn delete(&mut self, volume: usize, gb: f64, constants: &Constants) -> Seconds {
        let (least, most) = (constants.delete_least_seconds.get(), constants.delete_most_seconds.get());
        let seconds = least + (most - least) * (gb / constants.disk_gb.get()).min(1.0);
        self.hold(volume, -gb);
        self.all[volume].trash += gb;
        self.deletions.push(Deletion { volume, left: gb, per_second: gb / seconds.max(TICK) });
        seconds
    }
}
