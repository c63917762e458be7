//! A small model of a host: processors, memory, disks and load follow the nodes, and things go wrong.
//!
//! All arithmetic is on whole numbers, and all noise is drawn from the seed, the cycle and nothing else: the same
//! scenario runs alike on every machine, and leaving out one event leaves the noise of all others as it was.

mod executor;
pub(crate) mod faults;
pub(crate) mod fuse;
pub mod invariants;
pub(crate) mod ledger;
mod look;
mod site;

use wnm_core::{ClockReading, NodeId, Timestamp};

use crate::chance::{Chance, mixed};
use crate::chaos::faults::{Event, Figure};
use crate::chaos::ledger::Row;
use crate::load_average::LoadAverages;
use crate::scenario::chaos::Scenario;

pub(crate) use look::version;
pub(crate) use site::Site;
use site::{Folder, Process};

/// Milliseconds since the world began; what was before it is negative.
pub(crate) type Millis = i64;

/// When the world begins on its wall clock, in milliseconds since the epoch.
const BEGINNING: i64 = 1_780_000_000_000;

/// A figure that is wrong or cannot be had, until a moment.
#[derive(Debug, Clone, Copy)]
struct Glitch {
    figure: Figure,
    until: Millis,
    /// Thousandths of what could be; None when it cannot be had.
    lie: Option<u32>,
}

/// A volume.
#[derive(Debug, Clone)]
struct Disk {
    total_mb: i64,
    /// What does not belong to nodes.
    background_mb: i64,
    /// What nodes hold.
    nodes_mb: i64,
    /// What is being deleted.
    trash_mb: i64,
    /// Until when something else lies in its place.
    unmounted: Millis,
}

/// The host and everything on it.
#[derive(Debug, Clone)]
pub(crate) struct ChaosModel {
    seed: u64,
    now: Millis,
    /// When the host started.
    started: Millis,
    boots: u32,
    /// How far the wall clock is off.
    off: Millis,
    cpus: i64,
    memory_mb: i64,
    disks: Vec<Disk>,
    /// Where a node of a number lives, by number from 1.
    sites: Vec<Site>,
    next_pid: u32,
    /// The patch number of the node binary's version, and those that do not work.
    binary: u64,
    broken: Vec<u64>,
    /// Thousandths of the processors and of the memory that other work uses.
    background: i64,
    surge: (i64, Millis),
    /// Use in thousandths over the last interval.
    cpu_permille: i64,
    memory_permille: i64,
    load: LoadAverages,
    running: i64,
    glitches: Vec<Glitch>,
    blind: Millis,
    unreachable: Millis,
    calm: Calm,
    /// A deed that no manager may do, with what was done.
    crime: Option<(crate::chaos::invariants::Property, String)>,
}

/// Whether the host is as it is, or between all thresholds so that nothing calls for action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calm {
    Off,
    On,
}

impl ChaosModel {
    /// Returns the host of a scenario, with no node on it.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let disk = |total: &u64| {
            let total_mb = (*total).min(1 << 40) as i64;
            Disk { total_mb, background_mb: total_mb / 5, nodes_mb: 0, trash_mb: 0, unmounted: 0 }
        };
        Self {
            seed: scenario.seed,
            now: 0,
            started: -1_000_000,
            boots: 1,
            off: 0,
            cpus: i64::from(scenario.host.cpus),
            memory_mb: scenario.host.memory_mb.clamp(1, 1 << 40) as i64,
            disks: scenario.host.volumes_mb.iter().map(disk).collect(),
            sites: Vec::new(),
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
            crime: None,
        }
    }

    /// Puts a node on the host that has run for some time, and returns when it was born.
    pub(crate) fn settle_in(&mut self, id: NodeId, row: &Row, chance: &mut Chance) {
        let age = Millis::from(chance.within(0..=1_000_000)) * 1000;
        let version = self.binary - u64::from(chance.below(3));
        let pid = self.new_pid();
        let site = self.site(id);
        site.folder = Some(Folder::new(row, -age, Some(version)));
        site.process = Some(Process::new(pid, -age, version));
        site.is_defined = true;
    }

    /// Lets time pass, and the host do what it does meanwhile.
    pub(crate) fn pass(&mut self, cycle: u64, interval: Millis) {
        let mut chance = Chance::new(self.seed ^ mixed(cycle), 2);
        // Nobody looks at exactly equal intervals.
        let step = interval + interval * i64::from(chance.below(100)) / 1000;
        self.now += step;
        self.work(step, &mut chance);
    }

    /// Moves the model to where the host stands now, after `step` milliseconds.
    fn work(&mut self, step: Millis, chance: &mut Chance) {
        let wander = i64::from(chance.below(41)) - 20;
        self.background = (self.background + wander + (150 - self.background) / 16).clamp(0, 900);
        let mut millicores = 0;
        let mut memory_mb = 0;
        self.running = 0;
        for disk in &mut self.disks {
            disk.nodes_mb = 0;
            disk.trash_mb = (disk.trash_mb - step / 5).max(0);
        }
        for site in &mut self.sites {
            site.age(self.now);
            if let Some(process) = &site.process {
                self.running += 1;
                millicores += site.millicores;
                memory_mb += process.memory_mb(self.now);
            }
            if let Some(folder) = &site.folder {
                self.disks[folder.volume].nodes_mb += site.disk_mb;
            }
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
        // After two hours the averages stand.
        for _ in 0..(step / 5000).clamp(1, 1440) {
            self.load.tick(demand.max(0) as u32);
        }
    }

    /// Returns what the host's clocks show.
    pub(crate) fn clocks(&self) -> ClockReading {
        ClockReading {
            wall: Timestamp::from_millis(BEGINNING + self.now + self.off),
            uptime: (self.now - self.started).max(0) as u64,
            boot: format!("boot-{}", self.boots),
        }
    }

    /// Returns what the wall clock showed when something was, had it never been set.
    pub(crate) fn on_wall(&self, moment: Millis) -> Timestamp {
        Timestamp::from_millis(BEGINNING + moment)
    }

    fn new_pid(&mut self) -> u32 {
        self.next_pid += 1;
        self.next_pid
    }

    /// Returns where a node of this number lives, or would.
    pub(crate) fn site(&mut self, id: NodeId) -> &mut Site {
        let place = id.get() as usize - 1;
        if self.sites.len() <= place {
            self.sites.resize_with(place + 1, Site::default);
        }
        &mut self.sites[place]
    }

    /// Returns all places, by number.
    pub(crate) fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn is_mounted(&self, volume: usize) -> bool {
        self.disks.get(volume).is_some_and(|disk| disk.unmounted <= self.now)
    }

    /// Returns how many volumes there are.
    pub(crate) fn volumes(&self) -> usize {
        self.disks.len()
    }

    /// Returns the volume on which the most is free as far as can be seen.
    pub(crate) fn roomiest(&self) -> usize {
        let free = |disk: &Disk| disk.total_mb - disk.background_mb - disk.nodes_mb - disk.trash_mb;
        let by_room = self.disks.iter().enumerate().max_by_key(|(i, disk)| (free(disk), std::cmp::Reverse(*i)));
        by_room.map_or(0, |(i, _)| i)
    }

    /// Returns and forgets what nobody may do, if it was done.
    pub(crate) fn take_crime(&mut self) -> Option<(crate::chaos::invariants::Property, String)> {
        self.crime.take()
    }

    /// Ends all trouble, and holds every figure between its thresholds.
    pub(crate) fn calm_down(&mut self) {
        self.calm = Calm::On;
        self.glitches.clear();
        self.broken.clear();
        (self.blind, self.unreachable) = (0, 0);
        for disk in &mut self.disks {
            disk.unmounted = 0;
        }
        for site in &mut self.sites {
            site.end_trouble();
        }
    }

    /// Lets something happen; what concerns the manager alone is no concern of the host.
    pub(crate) fn meet(&mut self, event: &Event) {
        let until = |seconds: u32| self.now + i64::from(seconds) * 1000;
        match *event {
            Event::Die { node } => self.site(node).process = None,
            Event::Hang { node, seconds } => self.site(node).hung = until(seconds),
            Event::Stubborn { node, seconds } => self.site(node).stubborn = until(seconds),
            Event::Fail { node, steps } => self.site(node).failing = steps,
            Event::Slow { node, seconds } => self.site(node).slow = until(seconds),
            Event::Overlook { node, seconds } => self.site(node).overlooked = until(seconds),
            Event::Deny { node, seconds } => self.site(node).denied = until(seconds),
            Event::Stray { node, seconds } => self.site(node).stray = until(seconds),
            Event::Lose { figure, seconds } => self.glitch(Glitch { figure, until: until(seconds), lie: None }),
            Event::Lie { figure, permille, seconds } => {
                self.glitch(Glitch { figure, until: until(seconds), lie: Some(permille) });
            }
            Event::Blind { seconds } => self.blind = until(seconds),
            Event::Unreachable { seconds } => self.unreachable = until(seconds),
            Event::Jump { seconds } => self.off = seconds.saturating_mul(1000),
            Event::Sleep { seconds } => self.sleep(i64::from(seconds) * 1000),
            Event::Reboot { seconds, off } => self.reboot(i64::from(seconds) * 1000, off.saturating_mul(1000)),
            Event::LoseFolder { node } => self.site(node).lose_folder(),
            Event::MassDeath { first, every } => self.every(first, every, |site| site.process = None),
            Event::MassLoss { first, every, seconds } => {
                let until = until(seconds);
                self.every(first, every, |site| site.hidden = until);
            }
            Event::Unmount { volume, seconds } => {
                let until = until(seconds);
                let count = self.disks.len();
                self.disks[volume as usize % count].unmounted = until;
            }
            Event::Release { patch, works } => {
                self.binary = patch;
                self.broken.retain(|broken| *broken != patch);
                if !works {
                    self.broken.push(patch);
                }
            }
            Event::SelfUpgrade { node } => {
                let binary = self.binary;
                self.site(node).upgrade_itself(binary);
            }
            Event::Surge { permille, seconds } => self.surge = (i64::from(permille), until(seconds)),
            Event::Sabotage { node } => self.site(node).folder = None,
            Event::Ask { .. }
            | Event::AskSome { .. }
            | Event::Cap { .. }
            | Event::Crash { .. }
            | Event::JournalFails { .. } => {}
        }
    }

    fn glitch(&mut self, glitch: Glitch) {
        let now = self.now;
        self.glitches.retain(|known| known.until > now && known.figure != glitch.figure);
        self.glitches.push(glitch);
    }

    fn every(&mut self, first: u32, every: u32, mut happens: impl FnMut(&mut Site)) {
        self.sites.iter_mut().skip(first as usize).step_by(every.max(1) as usize).for_each(&mut happens);
    }

    fn sleep(&mut self, millis: Millis) {
        self.now += millis;
    }

    fn reboot(&mut self, millis: Millis, off: Millis) {
        self.now += millis;
        self.started = self.now;
        self.off += off;
        self.boots += 1;
        self.load = LoadAverages::default();
        for site in &mut self.sites {
            site.process = None;
        }
    }
}
