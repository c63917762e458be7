//! The capacity model: a host whose load, throttling and costs follow from the policy's actions, to compare policies.
//!
//! Time advances in steps of five seconds, as the kernel's load averages do. The use of all nodes together is kept in
//! sums that decay by one constant factor a step, so that a step costs the same for a thousand nodes as for one; each
//! node is computed once a cycle. Everything is drawn from the seed, and events of the host do not depend on the
//! policy's actions. `docs/capacity-model.md` lists the parts of a host in the model, and those left out.

pub(crate) mod background;
mod baselines;
pub(crate) mod constants;
mod events;
mod executor;
mod node;
mod observe;
mod pilot;
mod processes;
mod processors;
pub(crate) mod recording;
mod run;
mod score;
mod score_keeper;
mod sums;
mod volumes;

#[cfg(test)]
mod tests;

use wnm_core::{NodeId, Timestamp};

use crate::chance::Chance;
use crate::load_average::LoadAverages;

use background::{Background, Demand, Episodes, Wander};
use constants::Constants;
use events::Events;
use node::{Curves, Node, Remaining, decayed};
use processors::{Division, Shares, share};
use sums::Sums;
use volumes::Volumes;

pub(crate) use crate::scenario::capacity::{CapacityScenario, Scenario};
pub(crate) use pilot::{Groups, Pilot, PilotSpec, SteadyPart};
pub(crate) use processors::runnable;
pub(crate) use run::{Cycle, run_observed, run_once};
pub(crate) use score::Score;

/// Seconds since the run began; negative before it.
type Seconds = f64;

/// The model's step, in seconds: that of the kernel's load averages.
pub(crate) const TICK: Seconds = 5.0;

/// The wall clock at the beginning of a run, in milliseconds since the epoch (May 2026).
const BEGINNING: i64 = 1_780_000_000_000;

/// Seconds after its start from which a node serves and counts as healthy.
const SERVES_AFTER: Seconds = 60.0;

fn timestamp(at: Seconds) -> Timestamp {
    Timestamp::from_millis(BEGINNING + (at * 1000.0) as i64)
}

/// The result of one step.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    /// Cores that the background load demands without noise; then the cores that it and the nodes got.
    wanted: f64,
    background: f64,
    own: f64,
    /// Cores that the background load would have got without nodes.
    alone: f64,
    /// Tasks that waited for disks.
    blocked: f64,
    /// The share of their demand that the nodes got.
    served: f64,
    /// The share of its demand for which the background load waits because of the nodes.
    harm: f64,
    /// The slow variation of the nodes' demand, as a factor around 1.
    wandered: f64,
    /// The share of memory in use: by all processes, and by the background load.
    memory: f64,
    background_memory: f64,
    /// Whether the host was up.
    is_up: bool,
}

/// Sums over the interval between two observations.
#[derive(Debug, Clone, Copy, Default)]
struct Interval {
    seconds: f64,
    busy: f64,
    io_wait: f64,
    /// Core-seconds/5 that the nodes got, and their demand before noise and sharing.
    own: f64,
    own_shape: f64,
    throttled: f64,
    /// Pressure times seconds: of the nodes, of the background load, and of the tasks that wait for disks.
    own_stall: f64,
    background_stall: f64,
    io_stall: f64,
}

/// The host with its nodes and its load.
struct CapacityModel {
    constants: Constants,
    curves: Curves,
    /// Factors by which the decaying parts shrink in one step.
    left: Remaining,
    cpus: f64,
    memory_mb: f64,
    now: Seconds,
    nodes: Vec<Node>,
    sums: Sums,
    volumes: Volumes,
    background: Background,
    own_wander: Wander,
    background_memory: [f64; 2],
    /// The share of memory that the background load holds now.
    memory_background: f64,
    squeeze: f64,
    squeezes: Option<Episodes>,
    events: Events,
    /// Noise of demand and spikes of the background load.
    noise: Chance,
    /// Draws the properties of created nodes.
    creation: Chance,
    /// The share of nodes that leak, and the leak in MB/s.
    leaking: (f64, f64),
    loads: LoadAverages,
    /// The load averages that the host would have without nodes.
    loads_alone: LoadAverages,
    /// The CPU limit: cores that all nodes together may use.
    cpu_limit: Option<f64>,
    /// Whether the host can limit the CPU of the nodes.
    has_cpu_limit: bool,
    /// The weight of the nodes against the background load; None where every task competes alone.
    weight: Option<f64>,
    /// The patch numbers of the binary for new nodes, and of the current release.
    target: u64,
    release: u64,
    next_serial: u32,
    /// When the current reboot ends, and whether one has ended since the last observation.
    down_until: Seconds,
    rebooted: bool,
    /// Whether nodes were created or removed since the last observation.
    has_new_nodes: bool,
    interval: Interval,
}

impl CapacityModel {
    /// Builds the host of a scenario with its initial colony, for cycles of `cycle` seconds.
    fn new(spec: &CapacityScenario, seed: u64, cycle: Seconds) -> Self {
        let scenario = &spec.scenario;
        let constants = scenario.model;
        let cpus = f64::from(spec.size.cpus);
        let wander = Wander::new(constants.background_wander.get(), constants.background_wander_seconds.get());
        let rates = &scenario.nodes;
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
            events: Events::new(rates, seed),
            noise: Chance::new(seed, 997),
            creation: Chance::new(seed, 996),
            leaking: (rates.leaking.get() / 100.0, rates.leak_mb_per_hour.get() / 3600.0),
            loads: LoadAverages::default(),
            loads_alone: LoadAverages::default(),
            cpu_limit: None,
            has_cpu_limit: false,
            weight: None,
            target: 1,
            release: 1,
            next_serial: 0,
            down_until: f64::NEG_INFINITY,
            rebooted: false,
            has_new_nodes: true,
            interval: Interval::default(),
        };
        host.create_initial_nodes(spec.start());
        host
    }

    /// Creates the initial nodes, each with a random age of up to ten days.
    fn create_initial_nodes(&mut self, count: u32) {
        for id in (1..=count).filter_map(NodeId::new) {
            let age = self.creation.between(0.0, 10.0 * 86_400.0);
            self.create(id, timestamp(-age));
            if let Some(node) = self.nodes.last_mut() {
                node.at = -age;
            }
            self.start(id, -age);
            if let Some(node) = self.nodes.last_mut() {
                node.grow(0.0, &self.curves);
            }
        }
        // `start` has added each node at its age 0; the sums must hold the nodes at their present age.
        self.sums = Sums::default();
        self.volumes.clear_nodes();
        for node in &self.nodes {
            node.count(&mut self.sums, &mut self.volumes, &self.constants);
        }
    }

    /// Sets the CPU limit of all nodes together, in cores; None removes it.
    fn set_cpu_limit(&mut self, cpu_limit: Option<f64>) {
        self.cpu_limit = cpu_limit;
    }

    /// Tells whether the host is rebooting.
    fn is_down(&self) -> bool {
        self.now < self.down_until
    }

    /// Advances the model by five seconds.
    fn step(&mut self) -> Step {
        self.now += TICK;
        let mut demand = self.background.step(self.now);
        let (wandered, noise) = (1.0 + self.own_wander.step(&mut self.noise), self.draw_noise());
        self.decay();
        self.apply_events();
        let is_up = !self.is_down();
        if !is_up {
            demand = Demand::default();
        }
        let shape = self.sums.base + self.sums.surge;
        let spike = if is_up { self.draw_spike() } else { 0.0 };
        let own_wanted = (shape * wandered * noise).max(0.0);
        let background_wanted = demand.cores * noise + spike;
        let division = Division { cpus: self.cpus, cpu_limit: self.cpu_limit, weight: self.weight };
        let Shares { own, background, runnable, own_stall, background_stall } =
            share(own_wanted, background_wanted, division);
        let alone = share(0.0, background_wanted, division);
        if is_up {
            // A host that is down runs no tasks; `reboot` has cleared its averages.
            self.loads.tick(((runnable + demand.blocked) * 1000.0) as u32);
            self.loads_alone.tick(((alone.runnable + demand.blocked) * 1000.0) as u32);
        }
        let interval = &mut self.interval;
        interval.seconds += TICK;
        interval.busy += own + background;
        interval.io_wait += demand.blocked.min(self.cpus - own - background).max(0.0);
        interval.own += own;
        interval.own_shape += shape;
        interval.own_stall += own_stall * TICK;
        interval.background_stall += background_stall * TICK;
        interval.io_stall += if demand.blocked > 0.0 { TICK } else { 0.0 };
        interval.throttled += if self.cpu_limit.is_some_and(|cpu_limit| own_wanted > cpu_limit) { TICK } else { 0.0 };
        Step {
            wanted: demand.cores,
            background,
            own,
            alone: alone.background,
            blocked: demand.blocked,
            harm: background_stall - alone.background_stall,
            served: if own < own_wanted { own / own_wanted } else { 1.0 },
            wandered,
            memory: self.use_memory(),
            background_memory: self.memory_background,
            is_up,
        }
    }

    /// Applies five seconds of growth and decay to the sums of all nodes.
    fn decay(&mut self) {
        let left = self.left;
        self.sums.surge = decayed(self.sums.surge, left.surge);
        self.sums.memory_gap = decayed(self.sums.memory_gap, left.memory);
        self.sums.leaked += self.sums.leak * TICK;
        self.volumes.step(left.disk);
    }

    /// Updates the use of memory and kills processes while it exceeds the memory; returns the share in use before that.
    fn use_memory(&mut self) -> f64 {
        let [base, growth] = self.background_memory;
        let squeeze = self.squeezes.as_mut().map_or(0.0, |squeezes| squeezes.step(self.now)) * self.squeeze;
        self.memory_background = base + growth * self.now + squeeze;
        let used = |model: &Self| model.memory_background + model.own_memory_mb() / model.memory_mb;
        let before = used(self);
        // Swap is not modelled: memory beyond 100 % is refused at once.
        while used(self) > 1.0 && self.kill_largest() {}
        before
    }

    fn draw_noise(&mut self) -> f64 {
        (1.0 + self.constants.noise.get() * self.noise.normal()).max(0.0)
    }

    /// Draws a rare spike of background load, in cores.
    fn draw_spike(&mut self) -> f64 {
        let often = self.constants.spikes_per_hour.get() / (3600.0 / TICK);
        if self.noise.share() < often { self.noise.between(0.0, self.constants.spike.get()) * self.cpus } else { 0.0 }
    }

    fn own_memory_mb(&self) -> f64 {
        f64::from(self.sums.up) * self.constants.memory_full_mb.get() - self.sums.memory_gap + self.sums.leaked
    }
}
