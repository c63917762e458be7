//! Observations of the model: those of a host, with missing and wrong values where faults cause them.

use std::collections::BTreeMap;

use wnm_core::{
    Bytes, BytesPerSecond, Cores, HostSample, Load, LoadAverages, NodeId, NodeSample, Observation, Percent, Policy,
    Presence, Preset, Threshold, Version, Volume,
};

use super::model::{Calm, ChaosModel};
use crate::chaos::faults::Figure;
use crate::chaos::ledger::{StoredNode, storage_folder};

const MEGABYTE: u64 = 1_000_000;

/// Returns the version with this patch number.
pub(crate) const fn version(patch: u64) -> Version {
    Version::new(0, 4, patch)
}

/// The observed value of a figure.
enum Reported {
    True,
    Missing,
    /// A wrong value, in thousandths of the maximum.
    Wrong(u32),
}

impl ChaosModel {
    /// Replaces the host and the nodes of an observation by those of now. A node that is not observed keeps its values.
    pub(crate) fn observe(
        &mut self,
        stored: &BTreeMap<NodeId, StoredNode>,
        policy: &Policy,
        observation: &mut Observation,
    ) {
        let has_target = matches!(self.reported(Figure::Target), Reported::True | Reported::Wrong(_));
        let target = has_target.then(|| version(self.binary));
        if observation.target != target {
            observation.target = target;
        }
        self.observe_host(&mut observation.host);
        if self.calm == Calm::On {
            set_calm(&mut observation.host, policy);
        }
        if observation.nodes.len() != stored.len() || !observation.nodes.keys().eq(stored.keys()) {
            observation.nodes.retain(|id, _| stored.contains_key(id));
            for id in stored.keys() {
                observation.nodes.entry(*id).or_insert_with(|| {
                    self.nodes.get_mut(id.get() as usize - 1).into_iter().for_each(|node| node.observed_version = None);
                    NodeSample::default()
                });
            }
        }
        for ((id, stored), (_, sample)) in stored.iter().zip(&mut observation.nodes) {
            self.observe_node(*id, stored, sample);
            self.observe_version(*id, sample);
        }
    }

    fn observe_node(&self, id: NodeId, stored: &StoredNode, sample: &mut NodeSample) {
        sample.born = stored.node.born;
        sample.volume = Some(stored.volume);
        let Some(node) = self.nodes.get(id.get() as usize - 1) else {
            sample.presence = Presence::FolderMissing;
            return;
        };
        // The platform does not observe disabled nodes.
        sample.presence = if stored.is_disabled { Presence::Unobserved } else { self.presence(id, stored) };
        if sample.presence == Presence::Unobserved {
            return;
        }
        sample.disk = node.folder.as_ref().map(|_| Bytes(node.disk_mb.max(0) as u64 * MEGABYTE));
        sample.cpu = Cores::clamped(node.millicores as f64 / 1000.0);
        let memory = node.process.as_ref().map(|process| process.memory_mb(self.now));
        sample.memory = memory.map(|mb| Bytes(mb.max(0) as u64 * MEGABYTE));
    }

    /// Observes the version of the process, or of the program where no process runs. An unchanged version is not built
    /// again: that would cost more than the rest of the sample.
    fn observe_version(&mut self, id: NodeId, sample: &mut NodeSample) {
        let Some(node) = self.nodes.get_mut(id.get() as usize - 1) else { return };
        if sample.presence == Presence::Unobserved {
            return;
        }
        let program = node.process.as_ref().map(|process| process.program);
        let patch = program.or_else(|| node.folder.as_ref().and_then(|folder| folder.program));
        if node.observed_version != Some(patch) {
            node.observed_version = Some(patch);
            sample.version = patch.map(version);
        }
    }

    fn presence(&self, id: NodeId, stored: &StoredNode) -> Presence {
        let Some(node) = self.nodes.get(id.get() as usize - 1) else { return Presence::FolderMissing };
        if self.blind > self.now || node.overlooked > self.now {
            return Presence::Unobserved;
        }
        let has_folder = node.folder.as_ref().is_some_and(|folder| folder.marker == stored.uuid);
        if !has_folder || node.hidden > self.now || !self.is_mounted(stored.volume) {
            return Presence::FolderMissing;
        }
        let answers = self.answers(id);
        let is_reachable = self.unreachable <= self.now;
        match &node.process {
            Some(_) if node.denied > self.now => Presence::Gone,
            Some(_) if answers => {
                if is_reachable {
                    Presence::Answering
                } else {
                    Presence::Unverified
                }
            }
            None if node.external > self.now => Presence::Unverified,
            Some(_) | None if !is_reachable => Presence::Unreachable,
            Some(_) => Presence::Silent,
            None => Presence::Gone,
        }
    }

    fn reported(&self, figure: Figure) -> Reported {
        let glitch = self.glitches.iter().find(|glitch| glitch.figure == figure && glitch.until > self.now);
        match glitch.map(|glitch| glitch.wrong) {
            None => Reported::True,
            Some(None) => Reported::Missing,
            Some(Some(permille)) => Reported::Wrong(permille),
        }
    }

    /// Returns the observed value of a figure in thousandths of its maximum.
    fn figure(&self, figure: Figure, truth: i64) -> Option<i64> {
        match self.reported(figure) {
            Reported::True => Some(truth),
            Reported::Missing => None,
            Reported::Wrong(permille) => Some(i64::from(permille)),
        }
    }

    fn observe_host(&self, host: &mut HostSample) {
        let percent = |permille: i64| Percent::clamped(permille as f64 / 10.0);
        host.cpus = u32::try_from(self.cpus).ok();
        host.cpu_limit = self.cpu_limit.map(|limit| limit.sample());
        host.memory_total = Some(Bytes(self.memory_mb.max(0) as u64 * MEGABYTE));
        host.cpu = self.figure(Figure::Cpu, self.cpu_permille).and_then(percent);
        host.memory = self.figure(Figure::Memory, self.memory_permille).and_then(percent);
        // The maximum of a wrong load: two per processor.
        let whole = self.cpus * 2;
        let loads = self.load.get();
        let load = |truth: f64| match self.reported(Figure::Load) {
            Reported::True => Load::clamped(truth),
            Reported::Missing => None,
            Reported::Wrong(permille) => Load::clamped(f64::from(permille) * whole as f64 / 1000.0),
        };
        host.load = load(loads[0]).zip(load(loads[1])).zip(load(loads[2])).map(|((one, five), fifteen)| LoadAverages {
            one,
            five,
            fifteen,
        });
        let rate = |each: i64| {
            let truth = self.running * each + self.background * 1000;
            let reported = self.figure(Figure::Traffic, truth);
            reported.map(|rate| BytesPerSecond(rate.max(0) as u64))
        };
        host.disk_read = rate(20_000);
        host.disk_write = rate(40_000);
        host.net_read = rate(30_000);
        host.net_write = rate(30_000);
        self.observe_volumes(&mut host.volumes);
    }

    fn observe_volumes(&self, volumes: &mut Vec<Volume>) {
        if volumes.len() != self.disks.len() {
            let volume = |i| Volume { root: storage_folder(i), ..Volume::default() };
            *volumes = (0..self.disks.len()).map(volume).collect();
        }
        for (i, (disk, volume)) in self.disks.iter().zip(volumes).enumerate() {
            let is_mounted = self.is_mounted(i);
            // Below an empty mount point lies the device of the root file system.
            let device = if is_mounted { 100 + i as u64 } else { 1 };
            let on_disk_mb = (disk.background_mb + disk.nodes_mb + disk.trash_mb).min(disk.total_mb);
            let used_mb = if is_mounted { on_disk_mb } else { disk.total_mb * 3 / 10 };
            let permille = used_mb * 1000 / disk.total_mb.max(1);
            volume.identity = device;
            volume.used = self.figure(Figure::Disk, permille).and_then(|p| Percent::clamped(p as f64 / 10.0));
            volume.total = Some(Bytes(disk.total_mb.max(0) as u64 * MEGABYTE));
            volume.available = Some(Bytes((disk.total_mb - used_mb).max(0) as u64 * MEGABYTE));
        }
    }
}

/// Returns a value between two thresholds at which a preset neither grows nor relieves.
fn between(preset: Preset, low: f64, high: f64) -> f64 {
    match preset {
        Preset::Classic => low,
        Preset::Steady => low + 0.6 * (high - low),
    }
}

/// Sets every figure between its thresholds: no headroom, and no pressure.
fn set_calm(host: &mut HostSample, policy: &Policy) {
    let calm = |low, high| between(policy.preset, low, high);
    let share =
        |thresholds: Threshold<Percent>| Percent::clamped(calm(thresholds.less_than.get(), thresholds.remove.get()));
    host.cpu = share(policy.cpu);
    host.memory = share(policy.memory);
    for volume in &mut host.volumes {
        volume.used = share(policy.disk);
    }
    host.load = policy.load.map(|thresholds| {
        let load = Load::clamped(calm(thresholds.less_than.get(), thresholds.remove.get())).unwrap_or_default();
        LoadAverages { one: load, five: load, fifteen: load }
    });
    (host.disk_read, host.disk_write) =
        (policy.disk_io.map(|io| io.read.less_than), policy.disk_io.map(|io| io.write.less_than));
    (host.net_read, host.net_write) =
        (policy.net_io.map(|io| io.read.less_than), policy.net_io.map(|io| io.write.less_than));
}
