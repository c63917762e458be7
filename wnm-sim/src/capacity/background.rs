//! Background load: generated, or replayed from a trace. Only the seed decides it, never the policy.

use std::sync::Arc;

use super::{Seconds, TICK};
use crate::chance::Chance;
use crate::scenario::capacity::{EpisodeRate, Source};

/// A random value around 0 with mean reversion (Ornstein-Uhlenbeck process).
#[derive(Debug, Clone)]
pub(super) struct Wander {
    value: f64,
    decay: f64,
    innovation: f64,
}

impl Wander {
    /// Returns a process with this standard deviation and correlation time in seconds.
    pub(super) fn new(spread: f64, seconds: f64) -> Self {
        let decay = (-TICK / seconds.max(TICK / 10.0)).exp();
        Self { value: 0.0, decay, innovation: spread * (1.0 - decay * decay).sqrt() }
    }

    pub(super) fn step(&mut self, chance: &mut Chance) -> f64 {
        self.value = self.value * self.decay + self.innovation * chance.normal();
        self.value
    }
}

/// Episodes that begin at random times and last for a random time.
pub(super) struct Episodes {
    often: EpisodeRate,
    chance: Chance,
    start: Seconds,
    end: Seconds,
    strength: f64,
}

impl Episodes {
    pub(super) fn new(often: EpisodeRate, mut chance: Chance) -> Self {
        let start = chance.wait(often.per_second());
        Self { often, chance, start, end: 0.0, strength: 0.0 }
    }

    /// Returns the strength at `now`: 0 between episodes, 0.8 to 1.2 during one.
    pub(super) fn step(&mut self, now: Seconds) -> f64 {
        while now >= self.start {
            self.end = self.start + self.often.minutes.draw(&mut self.chance) * 60.0;
            self.start = self.end + self.chance.wait(self.often.per_second());
            self.strength = self.chance.between(0.8, 1.2);
        }
        if now < self.end { self.strength } else { 0.0 }
    }
}

/// A generator of load. CPU is in cores.
enum Generator {
    Constant(f64),
    Noisy { cores: f64, wander: Wander, chance: Chance },
    Diurnal { cores: f64, swing: f64, peak: Seconds, value: f64, until: Seconds },
    Jump { cores: f64, at: Seconds },
    Episodes { cores: f64, episodes: Episodes },
    Waiters { tasks: f64, episodes: Episodes },
    Trace { points: Arc<[Point]>, place: usize, cpus: f64 },
}

/// The background load of five recorded seconds, as shares of all processors.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Point {
    /// Share of CPU time used by processes that are not nodes.
    pub(crate) busy: f64,
    /// Share of time spent waiting for disks (`iowait`).
    pub(crate) waiting: f64,
}

/// The load demanded in one step.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Demand {
    /// Cores demanded.
    pub(super) cores: f64,
    /// Tasks waiting for disks.
    pub(super) blocked: f64,
}

/// All background load of the host.
pub(super) struct Background {
    generators: Vec<Generator>,
    wander: Wander,
    chance: Chance,
}

impl Background {
    /// Builds the generators of these sources for a host with `cpus` processors.
    pub(super) fn new(sources: &[Source], cpus: f64, wander: Wander, seed: u64) -> Self {
        let generator = |(i, source): (usize, &Source)| generator(source, cpus, Chance::new(seed, 1000 + i as u64));
        let generators = sources.iter().enumerate().map(generator).collect();
        Self { generators, wander, chance: Chance::new(seed, 999) }
    }

    /// Returns the load of the next five seconds.
    pub(super) fn step(&mut self, now: Seconds) -> Demand {
        // Noise of the sum, not of each source, so that a scenario with many sources is not quieter.
        let mut part = Demand::default();
        for generator in &mut self.generators {
            generator.step(now, &mut part);
        }
        part.cores = (part.cores * (1.0 + self.wander.step(&mut self.chance))).max(0.0);
        part
    }
}

fn generator(source: &Source, cpus: f64, mut chance: Chance) -> Generator {
    let share = |percent: wnm_core::Percent| percent.get() / 100.0 * cpus;
    match source {
        Source::Constant { percent } => Generator::Constant(share(*percent)),
        Source::Noisy { percent, spread, seconds } => {
            let wander = Wander::new(spread.get() / 100.0, seconds.get());
            Generator::Noisy { cores: share(*percent), wander, chance }
        }
        Source::Diurnal { percent, swing, peak_hour } => {
            let peak = peak_hour.get() * 3600.0;
            Generator::Diurnal { cores: share(*percent), swing: share(*swing), peak, value: 0.0, until: 0.0 }
        }
        Source::Jump { percent, day } => Generator::Jump { cores: share(*percent), at: day.get() * 86_400.0 },
        Source::Storms { percent, often }
        | Source::Bursts { percent, often }
        | Source::Neighbour { percent, often } => {
            Generator::Episodes { cores: share(*percent), episodes: Episodes::new(*often, chance) }
        }
        Source::Waiters { tasks_per_core, often } => {
            Generator::Waiters { tasks: tasks_per_core.get() * cpus, episodes: Episodes::new(*often, chance) }
        }
        Source::Trace { points, .. } => {
            // The starting point in the recording is the only thing that differs between seeds.
            let place = chance.below(u32::try_from(points.len()).unwrap_or(u32::MAX)) as usize;
            Generator::Trace { points: Arc::clone(points), place, cpus }
        }
    }
}

impl Generator {
    fn step(&mut self, now: Seconds, part: &mut Demand) {
        match self {
            Self::Constant(cores) => part.cores += *cores,
            Self::Noisy { cores, wander, chance } => part.cores += (*cores * (1.0 + wander.step(chance))).max(0.0),
            Self::Diurnal { cores, swing, peak, value, until } => {
                // A minute changes little, and the cosine would dominate the cost of a step.
                if now >= *until {
                    *until = now + 60.0;
                    let phase = (now - *peak) / 86_400.0 * std::f64::consts::TAU;
                    *value = (*cores + *swing * phase.cos()).max(0.0);
                }
                part.cores += *value;
            }
            Self::Jump { cores, at } => part.cores += if now >= *at { *cores } else { 0.0 },
            Self::Episodes { cores, episodes } => part.cores += *cores * episodes.step(now),
            // Waiting tasks use no CPU: they raise only the load average, which misleads classic.
            Self::Waiters { tasks, episodes } => part.blocked += *tasks * episodes.step(now),
            Self::Trace { points, place, cpus } => {
                if let Some(point) = points.get(*place) {
                    part.cores += point.busy * *cpus;
                    part.blocked += point.waiting * *cpus;
                }
                // A recording of minutes fills days by repetition.
                *place = if *place + 1 < points.len() { *place + 1 } else { 0 };
            }
        }
    }
}
