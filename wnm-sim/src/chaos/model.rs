//! The host of the chaos model: processors, memory, disks and load follow the nodes, the background load, and the faults.

use wnm_core::{ClockReading, Cores, NodeId, Timestamp};

use super::Millis;
use super::cpu_limit::CpuLimit;
use super::node::{Folder, HostNode, Process};
use crate::chance::{Chance, mixed};
use crate::chaos::faults::Figure;
use crate::chaos::invariants::Violation;
use crate::chaos::ledger::StoredNode;
use crate::load_average::LoadAverages;
use crate::scenario::chaos::Scenario;

/// The wall clock at the start of a scenario, in milliseconds since 1970.
const START: i64 = 1_780_000_000_000;

/// A figure that observations miss or report wrongly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Glitch {
    pub(super) figure: Figure,
    pub(super) until: Millis,
    /// The wrong value in thousandths of the maximum; None for a missing figure.
    pub(super) wrong: Option<u32>,
}

/// A volume.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    pub(super) total_mb: i64,
    pub(super) background_mb: i64,
    pub(super) nodes_mb: i64,
    pub(super) trash_mb: i64,
    /// The time until which the volume is not mounted.
    pub(super) unmounted: Millis,
}

/// A host with its nodes, on which faults occur.
#[derive(Debug, Clone)]
pub(crate) struct ChaosModel {
    seed: u64,
    pub(super) now: Millis,
    /// The time at which the host last booted.
    pub(super) booted: Millis,
    pub(super) boots: u32,
    /// The error of the wall clock.
    pub(super) clock_error: Millis,
    pub(super) cpus: i64,
    pub(super) memory_mb: i64,
    /// The CPU limit of the nodes; None on a host without control groups.
    pub(super) cpu_limit: Option<CpuLimit>,
    pub(super) disks: Vec<Disk>,
    /// The nodes by number, from 1.
    pub(super) nodes: Vec<HostNode>,
    next_pid: u32,
    /// The patch number of the current node binary.
    pub(super) binary: u64,
    /// The patch numbers of binaries whose nodes never answer.
    pub(super) broken: Vec<u64>,
    /// Background load in thousandths of the processors.
    pub(super) background: i64,
    /// Additional background load in thousandths of the processors, and its end.
    pub(super) surge: (i64, Millis),
    /// CPU use over the last interval, in thousandths.
    pub(super) cpu_permille: i64,
    pub(super) memory_permille: i64,
    pub(super) load: LoadAverages,
    /// The number of running processes.
    pub(super) running: i64,
    pub(super) glitches: Vec<Glitch>,
    /// The time until which no node is observed.
    pub(super) blind: Millis,
    /// The time until which the process manager does not answer.
    pub(super) unreachable: Millis,
    pub(super) calm: Calm,
    /// A step that the manager must never perform, for the next check of the invariants.
    pub(super) violation: Option<Violation>,
}

/// Whether observations report the host as it is, or every figure between its thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calm {
    Off,
    On,
}

impl ChaosModel {
    /// Returns the host of a scenario, without nodes.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let disk = |total: &u64| {
            let total_mb = (*total).min(1 << 40) as i64;
            Disk { total_mb, background_mb: total_mb / 5, nodes_mb: 0, trash_mb: 0, unmounted: 0 }
        };
        Self {
            seed: scenario.seed,
            now: 0,
            booted: -1_000_000,
            boots: 1,
            clock_error: 0,
            cpus: i64::from(scenario.host.cpus),
            memory_mb: scenario.host.memory_mb.clamp(1, 1 << 40) as i64,
            cpu_limit: scenario.host.cpu_limit.then(CpuLimit::default),
            disks: scenario.host.volumes_mb.iter().map(disk).collect(),
            nodes: Vec::new(),
            next_pid: 1000,
            binary: 5,
            broken: Vec::new(),
            background: 100,
            surge: (0, 0),
            cpu_permille: 0,
            memory_permille: 0,
            load: LoadAverages::default(),
            running: 0,
            glitches: Vec::new(),
            blind: 0,
            unreachable: 0,
            calm: Calm::Off,
            violation: None,
        }
    }

    /// Places a node on the host that has run for a random time.
    pub(crate) fn place(&mut self, id: NodeId, stored: &StoredNode, chance: &mut Chance) {
        let age = Millis::from(chance.within(0..=1_000_000)) * 1000;
        let version = self.binary - u64::from(chance.below(3));
        let pid = self.new_pid();
        let node = self.node(id);
        node.folder = Some(Folder::new(stored, -age, Some(version)));
        node.process = Some(Process::new(pid, -age, version));
        node.is_defined = true;
    }

    /// Advances the host by about one interval.
    pub(crate) fn advance(&mut self, cycle: u64, interval: Millis) {
        let mut chance = Chance::new(self.seed ^ mixed(cycle), 2);
        // Up to a tenth more: the intervals of a daemon are never exactly equal.
        let step = interval + interval * i64::from(chance.below(100)) / 1000;
        self.now += step;
        self.use_resources(step, &mut chance);
    }

    /// Computes the use of the host after `step` milliseconds.
    fn use_resources(&mut self, step: Millis, chance: &mut Chance) {
        let wander = i64::from(chance.below(41)) - 20;
        self.background = (self.background + wander + (150 - self.background) / 16).clamp(0, 900);
        let mut millicores = 0;
        let mut memory_mb = 0;
        self.running = 0;
        for disk in &mut self.disks {
            disk.nodes_mb = 0;
            disk.trash_mb = (disk.trash_mb - step / 5).max(0);
        }
        for node in &mut self.nodes {
            node.advance(self.now);
            if let Some(process) = &node.process {
                self.running += 1;
                millicores += node.millicores;
                memory_mb += process.memory_mb(self.now);
            }
            if let Some(folder) = &node.folder {
                self.disks[folder.volume].nodes_mb += node.disk_mb;
            }
        }
        if let Some(limit) = &mut self.cpu_limit {
            millicores = limit.share_out(&mut self.nodes, millicores);
        }
        let surge = if self.now < self.surge.1 { self.surge.0 } else { 0 };
        let noise = i64::from(chance.below(41)) - 20;
        // Demand in thousandths of one core.
        let demand = (millicores + self.cpus * (self.background + surge + noise)).max(0);
        self.cpu_permille = (demand / self.cpus).min(1000);
        self.memory_permille = (memory_mb * 1000 / self.memory_mb + 100 + self.background / 4 + surge / 8).min(1000);
        self.average_load(demand, step);
    }

    fn average_load(&mut self, demand: i64, step: Millis) {
        // After two hours of equal demand the averages no longer change.
        for _ in 0..(step / 5000).clamp(1, 1440) {
            self.load.tick(demand.max(0) as u32);
        }
    }

    /// Reads the clocks of the host.
    pub(crate) fn clocks(&self) -> ClockReading {
        ClockReading {
            wall: Timestamp::from_millis(START + self.now + self.clock_error),
            uptime: (self.now - self.booted).max(0) as u64,
            boot: format!("boot-{}", self.boots),
            init: Some(u64::from(self.boots)),
        }
    }

    /// Returns the correct wall time of this moment.
    pub(crate) fn correct_time(&self) -> Timestamp {
        self.wall_time(self.now)
    }

    /// Returns the correct wall time of a moment.
    pub(crate) fn wall_time(&self, moment: Millis) -> Timestamp {
        Timestamp::from_millis(START + moment)
    }

    pub(super) fn new_pid(&mut self) -> u32 {
        self.next_pid += 1;
        self.next_pid
    }

    /// Returns the node of this number.
    pub(super) fn node(&mut self, id: NodeId) -> &mut HostNode {
        let index = id.get() as usize - 1;
        if self.nodes.len() <= index {
            self.nodes.resize_with(index + 1, HostNode::default);
        }
        &mut self.nodes[index]
    }

    /// Returns all nodes by number, from 1.
    pub(crate) fn nodes(&self) -> &[HostNode] {
        &self.nodes
    }

    pub(super) fn is_mounted(&self, volume: usize) -> bool {
        self.disks.get(volume).is_some_and(|disk| disk.unmounted <= self.now)
    }

    /// Returns the number of volumes.
    pub(crate) fn volumes(&self) -> usize {
        self.disks.len()
    }

    /// Returns the index of the volume with the most free space, the first of several.
    pub(crate) fn volume_with_most_free_space(&self) -> usize {
        let free = |disk: &Disk| disk.total_mb - disk.background_mb - disk.nodes_mb - disk.trash_mb;
        let by_space = self.disks.iter().enumerate().max_by_key(|(i, disk)| (free(disk), std::cmp::Reverse(*i)));
        by_space.map_or(0, |(i, _)| i)
    }

    /// Applies a CPU limit to all nodes together, or lifts it. A host without control groups has none.
    pub(super) fn limit_cpu(&mut self, limit: Option<Cores>) {
        if let Some(applied) = &mut self.cpu_limit {
            applied.set(limit);
        }
    }

    /// Returns the step that the manager must never perform, if it performed one since the last call.
    pub(crate) fn take_violation(&mut self) -> Option<Violation> {
        self.violation.take()
    }

    /// Ends all faults, and keeps every observed figure between its thresholds.
    pub(crate) fn calm_down(&mut self) {
        self.calm = Calm::On;
        self.glitches.clear();
        self.broken.clear();
        (self.blind, self.unreachable) = (0, 0);
        for disk in &mut self.disks {
            disk.unmounted = 0;
        }
        for node in &mut self.nodes {
            node.end_faults();
        }
    }
}
