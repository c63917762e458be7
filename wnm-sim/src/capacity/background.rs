//! Load that is not ours: generated, or replayed from a trace. All of it is drawn from the seed alone.

use std::sync::Arc;

use super::{Seconds, TICK};
use crate::chance::Chance;
use crate::scenario::capacity::{Often, Source};

/// Something that wanders about 0 and always comes back (Ornstein-Uhlenbeck).
#[derive(Debug, Clone)]
pub(super) struct Wander {
    at: f64,
    keeps: f64,
    strays: f64,
}

impl Wander {
    /// Returns a wander of this spread that forgets where it was in so many seconds.
    pub(super) fn new(spread: f64, seconds: f64) -> Self {
        let keeps = (-TICK / seconds.max(TICK / 10.0)).exp();
        Self { at: 0.0, keeps, strays: spread * (1.0 - keeps * keeps).sqrt() }
    }

    pub(super) fn step(&mut self, chance: &mut Chance) -> f64 {
        self.at = self.at * self.keeps + self.strays * chance.normal();
        self.at
    }
}

/// Something that begins at random, lasts, and ends.
pub(super) struct Episodes {
    often: Often,
    chance: Chance,
    begins: Seconds,
    ends: Seconds,
    strength: f64,
}

impl Episodes {
    pub(super) fn new(often: Often, mut chance: Chance) -> Self {
        let begins = chance.wait(often.per_second());
        Self { often, chance, begins, ends: 0.0, strength: 0.0 }
    }

    /// Returns how strong it is now: 0, or 0.8 to 1.2.
    pub(super) fn step(&mut self, now: Seconds) -> f64 {
        while now >= self.begins {
            self.ends = self.begins + self.often.minutes.draw(&mut self.chance) * 60.0;
            self.begins = self.ends + self.chance.wait(self.often.per_second());
            self.strength = self.chance.between(0.8, 1.2);
        }
        if now < self.ends { self.strength } else { 0.0 }
    }
}

/// One thing that makes load, in cores.
enum Maker {
    Constant(f64),
    Noisy { cores: f64, wander: Wander, chance: Chance },
    Diurnal { cores: f64, swing: f64, peak: Seconds, value: f64, until: Seconds },
    Jump { cores: f64, at: Seconds },
    Episodes { cores: f64, episodes: Episodes },
    Waiters { tasks: f64, episodes: Episodes },
    Trace { points: Arc<[Point]>, place: usize, cpus: f64 },
}

/// Five seconds of a recorded machine, as shares of its processors.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Point {
    /// What worked and was no node.
    pub(crate) busy: f64,
    /// What waited for disks.
    pub(crate) waiting: f64,
}

/// Load at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Part {
    /// Cores that are wanted.
    pub(super) cores: f64,
    /// Tasks that wait for disks.
    pub(super) blocked: f64,
}

/// All load that is not ours.
pub(super) struct Background {
    makers: Vec<Maker>,
    wander: Wander,
    chance: Chance,
}

impl Background {
    /// Returns the load of these sources on so many processors.
    pub(super) fn new(sources: &[Source], cpus: f64, wander: Wander, seed: u64) -> Self {
        let maker = |(i, source): (usize, &Source)| maker(source, cpus, Chance::new(seed, 1000 + i as u64));
        let makers = sources.iter().enumerate().map(maker).collect();
        Self { makers, wander, chance: Chance::new(seed, 999) }
    }

    /// Returns the load of the next five seconds.
    pub(super) fn step(&mut self, now: Seconds) -> Part {
        let mut part = Part::default();
        for maker in &mut self.makers {
            maker.step(now, &mut part);
        }
        part.cores = (part.cores * (1.0 + self.wander.step(&mut self.chance))).max(0.0);
        part
    }
}

fn maker(source: &Source, cpus: f64, mut chance: Chance) -> Maker {
    let share = |percent: wnm_core::Percent| percent.get() / 100.0 * cpus;
    match source {
        Source::Constant { percent } => Maker::Constant(share(*percent)),
        Source::Noisy { percent, spread, seconds } => {
            let wander = Wander::new(spread.get() / 100.0, seconds.get());
            Maker::Noisy { cores: share(*percent), wander, chance }
        }
        Source::Diurnal { percent, swing, peak_hour } => {
            let peak = peak_hour.get() * 3600.0;
            Maker::Diurnal { cores: share(*percent), swing: share(*swing), peak, value: 0.0, until: 0.0 }
        }
        Source::Jump { percent, day } => Maker::Jump { cores: share(*percent), at: day.get() * 86_400.0 },
        Source::Storms { percent, often }
        | Source::Bursts { percent, often }
        | Source::Neighbour { percent, often } => {
            Maker::Episodes { cores: share(*percent), episodes: Episodes::new(*often, chance) }
        }
        Source::Waiters { tasks_per_core, often } => {
            Maker::Waiters { tasks: tasks_per_core.get() * cpus, episodes: Episodes::new(*often, chance) }
        }
        Source::Trace { points, .. } => {
            // Seeds differ in where the recording begins.
            let place = chance.below(u32::try_from(points.len()).unwrap_or(u32::MAX)) as usize;
            Maker::Trace { points: Arc::clone(points), place, cpus }
        }
    }
}

impl Maker {
    fn step(&mut self, now: Seconds, part: &mut Part) {
        match self {
            Self::Constant(cores) => part.cores += *cores,
            Self::Noisy { cores, wander, chance } => part.cores += (*cores * (1.0 + wander.step(chance))).max(0.0),
            Self::Diurnal { cores, swing, peak, value, until } => {
                // A minute changes little, and a cosine costs more than all the rest.
                if now >= *until {
                    *until = now + 60.0;
                    let phase = (now - *peak) / 86_400.0 * std::f64::consts::TAU;
                    *value = (*cores + *swing * phase.cos()).max(0.0);
                }
                part.cores += *value;
            }
            Self::Jump { cores, at } => part.cores += if now >= *at { *cores } else { 0.0 },
            Self::Episodes { cores, episodes } => part.cores += *cores * episodes.step(now),
            Self::Waiters { tasks, episodes } => part.blocked += *tasks * episodes.step(now),
            Self::Trace { points, place, cpus } => {
                if let Some(point) = points.get(*place) {
                    part.cores += point.busy * *cpus;
                    part.blocked += point.waiting * *cpus;
                }
                *place = if *place + 1 < points.len() { *place + 1 } else { 0 };
            }
        }
    }
}
