//! A credible model of a host: what a policy meets when it acts, for judging policies by what comes of them.
//!
//! Time goes in steps of five seconds, as the kernel's load averages do. What all nodes use together is kept as sums
//! that decay by one constant factor a step, so that a step costs the same for a thousand nodes as for one; each node
//! is looked at once a cycle. Everything is drawn from the seed, and what befalls the host does not depend on what the
//! policy does. `docs/host-model.md` says what is modelled and what is not.

pub(crate) mod background;
mod baselines;
pub(crate) mod constants;
mod events;
mod executor;
mod judge;
mod look;
mod node;
mod pilot;
mod processes;
pub(crate) mod recording;
mod run;
mod score;
mod volumes;

#[cfg(test)]
mod tests;

use wnm_core::{NodeId, Timestamp};

use crate::chance::Chance;
use crate::load_average::LoadAverages;

use background::{Background, Episodes, Part, Wander};
use constants::Constants;
use events::Events;
use node::{Curves, Left, Node, Process, left_of};
use volumes::Volumes;

pub(crate) use crate::scenario::capacity::{CapacityScenario, Scenario};
pub(crate) use pilot::{Pilot, PilotSpec, SteadyPart};
pub(crate) use run::{Cycle, run_observed, run_once};
pub(crate) use score::Score;

/// Seconds since the run began; what was before it is negative.
type Seconds = f64;

/// The model's step, in seconds: that of the kernel's load averages.
pub(crate) const TICK: Seconds = 5.0;

/// When a run begins on the wall clock, in milliseconds since the epoch.
const BEGINNING: i64 = 1_780_000_000_000;

/// From when on a node serves, in seconds after its start.
const GROWN_UP: Seconds = 60.0;

fn timestamp(at: Seconds) -> Timestamp {
    Timestamp::from_millis(BEGINNING + (at * 1000.0) as i64)
}

/// Sums over all processes.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    up: u32,
    grown_up: u32,
    /// Grown use with what is extra, and what is above it, in cores.
    base: f64,
    surge: f64,
    /// What is still to be taken of the memory, what leaks in a second, and what has leaked, in MB.
    memory_gap: f64,
    leak: f64,
    leaked: f64,
}

/// What happened in one step.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    /// Cores that others want, without noise; what they got, and what ours got.
    wanted: f64,
    background: f64,
    own: f64,
    /// What others would have got without us.
    alone: f64,
    /// Tasks that waited for disks.
    blocked: f64,
    /// The share of what our nodes wanted that they got.
    served: f64,
    /// How far our demand has wandered, as a factor.
    wandered: f64,
    /// The share of memory in use, by all and by others.
    memory: f64,
    background_memory: f64,
    /// Whether the host is up.
    is_up: bool,
}

/// Sums over a cycle.
#[derive(Debug, Clone, Copy, Default)]
struct Interval {
    seconds: f64,
    busy: f64,
    io_wait: f64,
    /// What our nodes got, beside what they wanted before noise and sharing.
    own: f64,
    own_shape: f64,
    throttled: f64,
}

/// The host and everything on it.
struct Host {
    constants: Constants,
    curves: Curves,
    /// What a step leaves of what decays.
    left: Left,
    cpus: f64,
    memory_mb: f64,
    now: Seconds,
    nodes: Vec<Node>,
    sums: Sums,
    volumes: Volumes,
    background: Background,
    own_wander: Wander,
    background_memory: [f64; 2],
    /// The share of memory that others have now.
    memory_background: f64,
    squeeze: f64,
    squeezes: Option<Episodes>,
    events: Events,
    /// What the weather is made of: noise of the host, of the nodes' fates, and of nodes that are made.
    noise: Chance,
    births: Chance,
    leaking: (f64, f64),
    loads: LoadAverages,
    /// What the load averages would be without us.
    loads_alone: LoadAverages,
    /// Cores that our nodes may use together.
    cpu_limit: Option<f64>,
    /// Whether it can be capped at all.
    has_cpu_limit: bool,
    target: u64,
    next_serial: u32,
    /// When the host is up again, and whether that was not yet told.
    down_until: Seconds,
    rebooted: bool,
    /// Whether there are other nodes than at the last look.
    is_new: bool,
    interval: Interval,
}

impl Host {
    /// Returns the host of a scenario with its colony on it, at the beginning of a run in cycles of so many seconds.
    fn new(spec: &CapacityScenario, seed: u64, cycle: Seconds) -> Self {
        let scenario = &spec.scenario;
        let constants = scenario.model;
        let cpus = f64::from(spec.size.cpus);
        let wander = Wander::new(constants.background_wander.get(), constants.background_wander_seconds.get());
        let fates = &scenario.nodes;
        let memory = &scenario.memory;
        let mut host = Self {
            constants,
            curves: Curves::new(&constants, cycle),
            left: Curves::new(&constants, TICK).after(TICK),
            cpus,
            memory_mb: spec.size.memory_gb.get() * 1000.0,
            now: 0.0,
            nodes: Vec::new(),
            sums: Sums::default(),
            volumes: Volumes::new(&scenario.disks, spec.size.disk_gb.get()),
            background: Background::new(&scenario.load, cpus, wander, seed),
            own_wander: Wander::new(constants.own_wander.get(), constants.own_wander_seconds.get()),
            background_memory: [memory.background.get() / 100.0, memory.growth_per_day.get() / 100.0 / 86_400.0],
            memory_background: memory.background.get() / 100.0,
            squeeze: memory.squeeze.get() / 100.0,
            squeezes: memory.often.map(|often| Episodes::new(often, Chance::new(seed, 998))),
            events: Events::new(fates, seed),
            noise: Chance::new(seed, 997),
            births: Chance::new(seed, 996),
            leaking: (fates.leaking.get() / 100.0, fates.leak_mb_per_hour.get() / 3600.0),
            loads: LoadAverages::default(),
            loads_alone: LoadAverages::default(),
            cpu_limit: None,
            has_cpu_limit: false,
            target: 1,
            next_serial: 0,
            down_until: f64::NEG_INFINITY,
            rebooted: false,
            is_new: true,
            interval: Interval::default(),
        };
        host.settle_in(spec.start());
        host
    }

    /// Puts nodes on the host that have run for up to ten days.
    fn settle_in(&mut self, count: u32) {
        for id in (1..=count).filter_map(NodeId::new) {
            let age = self.births.between(0.0, 10.0 * 86_400.0);
            self.make(id, timestamp(-age));
            if let Some(node) = self.nodes.last_mut() {
                node.at = -age;
            }
            self.start(id, -age);
            if let Some(node) = self.nodes.last_mut() {
                node.grow(0.0, &self.curves);
            }
        }
        // They were counted as they started, long ago.
        self.sums = Sums::default();
        self.volumes.empty();
        for node in &self.nodes {
            node.count(&mut self.sums, &mut self.volumes, &self.constants);
        }
    }

    /// Caps what our nodes may use together, in cores; None lifts the cap.
    fn set_cpu_limit(&mut self, cpu_limit: Option<f64>) {
        self.cpu_limit = cpu_limit;
    }

    /// Tells whether the host is starting anew.
    fn is_down(&self) -> bool {
        self.now < self.down_until
    }

    /// Goes on by five seconds.
    fn step(&mut self) -> Step {
        self.now += TICK;
        let mut part = self.background.step(self.now);
        let (wandered, noise) = (1.0 + self.own_wander.step(&mut self.noise), self.draw_noise());
        let left = self.left;
        self.sums.surge = left_of(self.sums.surge, left.surge);
        self.sums.memory_gap = left_of(self.sums.memory_gap, left.memory);
        self.sums.leaked += self.sums.leak * TICK;
        self.volumes.step(left.disk);
        self.happen();
        let is_up = !self.is_down();
        if !is_up {
            part = Part::default();
        }
        let shape = self.sums.base + self.sums.surge;
        let spike = if is_up { self.draw_spike() } else { 0.0 };
        let own_wanted = (shape * wandered * noise).max(0.0);
        let others = part.cores * noise + spike;
        let Shares { own, background, runnable } = share(own_wanted, others, self.cpu_limit, self.cpus);
        let alone = share(0.0, others, None, self.cpus);
        if is_up {
            self.loads.tick(((runnable + part.blocked) * 1000.0) as u32);
            self.loads_alone.tick(((alone.runnable + part.blocked) * 1000.0) as u32);
        }
        let interval = &mut self.interval;
        interval.seconds += TICK;
        interval.busy += own + background;
        interval.io_wait += part.blocked.min(self.cpus - own - background).max(0.0);
        interval.own += own;
        interval.own_shape += shape;
        interval.throttled += if self.cpu_limit.is_some_and(|cpu_limit| own_wanted > cpu_limit) { TICK } else { 0.0 };
        let [base, growth] = self.background_memory;
        let squeeze = self.squeezes.as_mut().map_or(0.0, |squeezes| squeezes.step(self.now)) * self.squeeze;
        let background_memory = base + growth * self.now + squeeze;
        self.memory_background = background_memory;
        let memory = |host: &Self| background_memory + host.own_memory_mb() / host.memory_mb;
        let used = memory(self);
        if used > 1.0 {
            while memory(self) > 1.0 && self.kill_largest() {}
        }
        Step {
            wanted: part.cores,
            background,
            own,
            alone: alone.background,
            blocked: part.blocked,
            served: if own < own_wanted { own / own_wanted } else { 1.0 },
            wandered,
            memory: used,
            background_memory,
            is_up,
        }
    }

    fn draw_noise(&mut self) -> f64 {
        (1.0 + self.constants.noise.get() * self.noise.normal()).max(0.0)
    }

    /// Draws a spike of background load, which is rare.
    fn draw_spike(&mut self) -> f64 {
        let often = self.constants.spikes_per_hour.get() / (3600.0 / TICK);
        if self.noise.share() < often { self.noise.between(0.0, self.constants.spike.get()) * self.cpus } else { 0.0 }
    }

    fn own_memory_mb(&self) -> f64 {
        f64::from(self.sums.up) * self.constants.memory_full_mb.get() - self.sums.memory_gap + self.sums.leaked
    }
}

impl Sums {
    fn add(&mut self, node: &Node, process: &Process) {
        self.up += 1;
        self.grown_up += u32::from(process.is_grown_up);
        self.base += node.base + process.extra;
        self.surge += process.surge;
        self.memory_gap += process.memory_gap;
        self.leak += node.leak;
        self.leaked += process.leaked;
    }

    fn take(&mut self, node: &Node, process: &Process) {
        self.up -= 1;
        self.grown_up -= u32::from(process.is_grown_up);
        self.base -= node.base + process.extra;
        self.surge -= process.surge;
        self.memory_gap -= process.memory_gap;
        self.leak -= node.leak;
        self.leaked -= process.leaked;
    }
}

/// What the processors give.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shares {
    own: f64,
    background: f64,
    /// Tasks that run or wait for a processor.
    runnable: f64,
}

/// Shares processors in proportion to what is wanted. What a CPU limit holds back waits without being runnable.
fn share(own: f64, background: f64, cpu_limit: Option<f64>, cpus: f64) -> Shares {
    let own = cpu_limit.map_or(own, |cpu_limit| own.min(cpu_limit));
    let wanted = own + background;
    let given = if wanted > cpus { cpus / wanted } else { 1.0 };
    Shares { own: own * given, background: background * given, runnable: runnable(wanted, cpus) }
}

/// Returns how many tasks run or wait for a processor, when so many cores are wanted.
pub(crate) fn runnable(wanted: f64, cpus: f64) -> f64 {
    let crowd = if wanted > 0.6 * cpus { (wanted / cpus).min(1.0) - 0.6 } else { 0.0 };
    wanted * (1.0 + 0.5 * crowd)
}
