//! Observes the capacity model as the platform observes a host: rates are means over the whole interval.

use std::path::PathBuf;

use wnm_core::{
    Bytes, Cores, CpuLimitSample, Load, LoadAverages, NodeSample, Observation, Percent, Presence, Psi, Stall,
    StallTime, Stalls, Volume, Weight, WeightMeans, WeightSample,
};

use super::node::Folder;
use super::{CapacityModel, Interval, Sums, timestamp};
use crate::chaos::version;

/// Converts to bytes by way of a signed number: the conversion from f64 to i64 is one instruction, to u64 several.
fn bytes(amount: f64) -> Bytes {
    Bytes((amount as i64).max(0) as u64)
}

impl CapacityModel {
    /// Updates an observation in place with the state of the host and all nodes.
    pub(super) fn observe(&mut self, observation: &mut Observation) {
        observation.now = timestamp(self.now);
        observation.rebooted = std::mem::take(&mut self.rebooted);
        let target = version(self.target);
        if observation.target.as_ref() != Some(&target) {
            observation.target = Some(target);
        }
        let interval = std::mem::take(&mut self.interval);
        self.observe_host(&interval, observation);
        if std::mem::take(&mut self.has_new_nodes) {
            self.list_nodes(observation);
        }
        self.observe_nodes(&interval, observation);
    }

    fn observe_host(&self, interval: &Interval, observation: &mut Observation) {
        let host = &mut observation.host;
        let steps = interval.seconds / super::TICK;
        let share = |cores: f64| Percent::clamped(100.0 * cores / (steps * self.cpus).max(1.0));
        host.cpus = Some(self.cpus as u32);
        host.cpu = share(interval.busy);
        // The kernel counts a processor as waiting only while it is idle.
        host.io_wait = share(interval.io_wait);
        let memory = self.memory_background + self.own_memory_mb() / self.memory_mb;
        host.memory = Percent::clamped(100.0 * memory.min(1.0));
        host.memory_total = Some(Bytes((self.memory_mb * 1e6) as u64));
        let throttled = Percent::clamped(100.0 * interval.throttled / interval.seconds.max(1.0));
        let limit = self.cpu_limit.and_then(Cores::clamped);
        host.cpu_limit = self.has_cpu_limit.then_some(CpuLimitSample { limit, throttled });
        let is_behind = self.weight.is_some_and(|weight| weight < f64::from(Weight::ORDINARY));
        let weighted = is_behind.then_some(WeightMeans::Group);
        host.weight = Some(WeightSample { cpu: weighted, io: weighted });
        host.psi = Some(self.stalls(interval));
        let load = |load: f64| Load::clamped(load).unwrap_or_default();
        let [one, five, fifteen] = self.loads.get().map(load);
        host.load = Some(LoadAverages { one, five, fifteen });
        host.volumes.resize_with(self.volumes.all.len(), Volume::default);
        let spaces = self.volumes.all.iter().zip(self.volumes.shares());
        for (i, (volume, (space, (used, _)))) in host.volumes.iter_mut().zip(spaces).enumerate() {
            // Root, device and size never change, so they are filled once.
            if volume.identity == 0 {
                volume.root = PathBuf::from(format!("/storage/{i}"));
                volume.identity = 100 + i as u64;
                volume.total = Some(Bytes((space.size * 1e9) as u64));
            }
            let used = used.clamp(0.0, 1.0);
            volume.used = Percent::clamped(100.0 * used);
            volume.available = Some(Bytes(((1.0 - used) * space.size * 1e9) as u64));
        }
    }

    /// Returns the pressure over the interval. Only control groups tell the nodes from the background load.
    fn stalls(&self, interval: &Interval) -> Psi {
        let time = |seconds: f64| {
            let avg10 = Percent::clamped(100.0 * seconds / interval.seconds.max(1.0)).unwrap_or_default();
            StallTime { avg10, total: None }
        };
        let some = |seconds| Stall { some: time(seconds), full: None };
        let of = |cpu, io| Stalls { cpu: some(cpu), io: some(io), ..Stalls::default() };
        let (own, background, io) = (interval.own_stall, interval.background_stall, interval.io_stall);
        let is_told = self.weight.is_some();
        Psi {
            host: of(own.max(background), io),
            colony: is_told.then(|| of(own, 0.0)),
            background: is_told.then(|| of(background, io)),
        }
    }

    /// Adds samples of created nodes and drops those of removed ones.
    fn list_nodes(&mut self, observation: &mut Observation) {
        observation.nodes.retain(|id, _| self.place(*id).is_ok());
        for node in &mut self.nodes {
            let sample = observation.nodes.entry(node.id).or_default();
            // The id of a removed node may have been given to a new one between two cycles.
            if sample.born != node.born {
                node.is_version_new = true;
                *sample = NodeSample { born: node.born, volume: Some(node.volume), ..NodeSample::default() };
            }
        }
    }

    /// Observes every node, and recomputes the sums from the nodes, so that rounding errors do not accumulate.
    fn observe_nodes(&mut self, interval: &Interval, observation: &mut Observation) {
        let got = if interval.own_shape > 0.0 { interval.own / interval.own_shape } else { 0.0 };
        let (now, curves, constants) = (self.now, self.curves, self.constants);
        let answers = constants.answer_seconds.get();
        let mut sums = Sums::default();
        self.volumes.clear_nodes();
        for (node, (_, sample)) in self.nodes.iter_mut().zip(&mut observation.nodes) {
            node.grow(now, &curves);
            if std::mem::take(&mut node.is_version_new) {
                sample.version = Some(version(node.version));
            }
            sample.disk = Some(bytes(node.disk_gb(&constants) * 1e9));
            node.count(&mut sums, &mut self.volumes, &constants);
            let Some(process) = &node.process else {
                sample.presence = if node.folder == Folder::Lost { Presence::FolderMissing } else { Presence::Gone };
                (sample.cpu, sample.memory) = (None, None);
                continue;
            };
            let age = now - process.started;
            // A process answers its metrics port only some seconds after its start.
            sample.presence = if age >= answers { Presence::Answering } else { Presence::Silent };
            // A process that started within the interval was present for a part of it.
            let present = if age < interval.seconds { age / interval.seconds } else { 1.0 };
            sample.cpu = Cores::clamped(node.mean_demand(process) * got * present);
            sample.memory = Some(bytes(process.memory_mb(&constants) * 1e6));
        }
        self.sums = sums;
    }
}
