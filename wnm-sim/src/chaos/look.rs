//! What the manager sees of the model: the same observation as of a host, with its gaps and its lies.

use std::collections::BTreeMap;
use std::path::PathBuf;

use wnm_core::{
    Bytes, BytesPerSecond, Cores, HostSample, Load, LoadAverages, NodeId, NodeSample, Observation, Percent, Policy,
    Presence, Preset, Threshold, Timestamp, Version, Volume,
};

use super::{Calm, ChaosModel};
use crate::chaos::faults::Figure;
use crate::chaos::ledger::Row;

const MEGABYTE: u64 = 1_000_000;

/// Returns the version with this patch number.
pub(crate) const fn version(patch: u64) -> Version {
    Version::new(0, 4, patch)
}

/// What became of a figure on its way to the manager.
enum Told {
    Truly,
    Not,
    /// With so many thousandths of what could be.
    Falsely(u32),
}

impl ChaosModel {
    /// Looks at everything, in the place of what was seen before.
    pub(crate) fn look(
        &mut self,
        rows: &BTreeMap<NodeId, Row>,
        policy: &Policy,
        now: Timestamp,
        rebooted: bool,
        seen: &mut Observation,
    ) {
        seen.now = now;
        seen.rebooted = rebooted;
        let is_target_seen = matches!(self.told(Figure::Target), Told::Truly | Told::Falsely(_));
        let target = is_target_seen.then(|| version(self.binary));
        if seen.target != target {
            seen.target = target;
        }
        self.look_at_host(&mut seen.host);
        if self.calm == Calm::On {
            hold(&mut seen.host, policy);
        }
        if seen.nodes.len() != rows.len() || !seen.nodes.keys().eq(rows.keys()) {
            seen.nodes.retain(|id, _| rows.contains_key(id));
            for id in rows.keys() {
                seen.nodes.entry(*id).or_insert_with(|| {
                    self.sites.get_mut(id.get() as usize - 1).into_iter().for_each(|site| site.told = None);
                    NodeSample::default()
                });
            }
        }
        for ((id, row), (_, sample)) in rows.iter().zip(&mut seen.nodes) {
            self.look_at_node(*id, row, sample);
            self.tell_version(*id, sample);
        }
    }

    fn look_at_node(&self, id: NodeId, row: &Row, sample: &mut NodeSample) {
        sample.born = row.born;
        sample.volume = Some(row.volume);
        let Some(site) = self.sites.get(id.get() as usize - 1) else {
            sample.presence = Presence::FolderMissing;
            return;
        };
        // A node that the operator keeps down is not looked at.
        sample.presence = if row.is_disabled { Presence::Unobserved } else { self.presence(id, row) };
        if sample.presence == Presence::Unobserved {
            return;
        }
        sample.disk = site.folder.as_ref().map(|_| Bytes(site.disk_mb.max(0) as u64 * MEGABYTE));
        sample.cpu = Cores::clamped(site.millicores as f64 / 1000.0);
        let memory = site.process.as_ref().map(|process| process.memory_mb(self.now));
        sample.memory = memory.map(|mb| Bytes(mb.max(0) as u64 * MEGABYTE));
    }

    /// Tells the version that runs, or of the program where none does, if it is another than was told before.
    fn tell_version(&mut self, id: NodeId, sample: &mut NodeSample) {
        let Some(site) = self.sites.get_mut(id.get() as usize - 1) else { return };
        if sample.presence == Presence::Unobserved {
            return;
        }
        let program = site.process.as_ref().map(|process| process.program);
        let patch = program.or_else(|| site.folder.as_ref().and_then(|folder| folder.program));
        if site.told != Some(patch) {
            site.told = Some(patch);
            sample.version = patch.map(version);
        }
    }

    fn presence(&self, id: NodeId, row: &Row) -> Presence {
        let Some(site) = self.sites.get(id.get() as usize - 1) else { return Presence::FolderMissing };
        if self.blind > self.now || site.overlooked > self.now {
            return Presence::Unobserved;
        }
        let has_folder = site.folder.as_ref().is_some_and(|folder| folder.marker == row.uuid);
        if !has_folder || site.hidden > self.now || !self.is_mounted(row.volume) {
            return Presence::FolderMissing;
        }
        let answers = self.answers(id);
        let is_reachable = self.unreachable <= self.now;
        match &site.process {
            Some(_) if site.denied > self.now => Presence::Gone,
            Some(_) if answers => {
                if is_reachable {
                    Presence::Answering
                } else {
                    Presence::Unverified
                }
            }
            None if site.stray > self.now => Presence::Unverified,
            Some(_) | None if !is_reachable => Presence::Unreachable,
            Some(_) => Presence::Silent,
            None => Presence::Gone,
        }
    }

    fn told(&self, figure: Figure) -> Told {
        let glitch = self.glitches.iter().find(|glitch| glitch.figure == figure && glitch.until > self.now);
        match glitch.map(|glitch| glitch.lie) {
            None => Told::Truly,
            Some(None) => Told::Not,
            Some(Some(permille)) => Told::Falsely(permille),
        }
    }

    /// Returns a figure as it is told, given as thousandths of what could be.
    fn figure(&self, figure: Figure, truth: i64) -> Option<i64> {
        match self.told(figure) {
            Told::Truly => Some(truth),
            Told::Not => None,
            Told::Falsely(permille) => Some(i64::from(permille)),
        }
    }

    fn look_at_host(&self, host: &mut HostSample) {
        let percent = |permille: i64| Percent::clamped(permille as f64 / 10.0);
        host.cpus = u32::try_from(self.cpus).ok();
        host.memory_total = Some(Bytes(self.memory_mb.max(0) as u64 * MEGABYTE));
        host.cpu = self.figure(Figure::Cpu, self.cpu_permille).and_then(percent);
        host.memory = self.figure(Figure::Memory, self.memory_permille).and_then(percent);
        let whole = self.cpus * 2;
        let loads = self.load.get();
        let load = |truth: f64| match self.told(Figure::Load) {
            Told::Truly => Load::clamped(truth),
            Told::Not => None,
            Told::Falsely(permille) => Load::clamped(f64::from(permille) * whole as f64 / 1000.0),
        };
        host.load = load(loads[0]).zip(load(loads[1])).zip(load(loads[2])).map(|((one, five), fifteen)| LoadAverages {
            one,
            five,
            fifteen,
        });
        let rate = |each: i64| {
            let truth = self.running * each + self.background * 1000;
            let told = self.figure(Figure::Traffic, truth);
            told.map(|rate| BytesPerSecond(rate.max(0) as u64))
        };
        host.disk_read = rate(20_000);
        host.disk_write = rate(40_000);
        host.net_read = rate(30_000);
        host.net_write = rate(30_000);
        self.look_at_volumes(&mut host.volumes);
    }

    fn look_at_volumes(&self, volumes: &mut Vec<Volume>) {
        if volumes.len() != self.disks.len() {
            let volume = |i| Volume { root: PathBuf::from(format!("/storage/{i}")), ..Volume::default() };
            *volumes = (0..self.disks.len()).map(volume).collect();
        }
        for (i, (disk, volume)) in self.disks.iter().zip(volumes).enumerate() {
            let is_mounted = self.is_mounted(i);
            // What lies below a mount point is on the device of the system.
            let device = if is_mounted { 100 + i as u64 } else { 1 };
            let used_mb = (disk.background_mb + disk.nodes_mb + disk.trash_mb).min(disk.total_mb);
            let permille = if is_mounted { used_mb * 1000 / disk.total_mb.max(1) } else { 300 };
            volume.device = device;
            volume.used = self.figure(Figure::Disk, permille).and_then(|p| Percent::clamped(p as f64 / 10.0));
            volume.total = Some(Bytes(disk.total_mb.max(0) as u64 * MEGABYTE));
            volume.available = Some(Bytes((disk.total_mb - used_mb).max(0) as u64 * MEGABYTE));
        }
    }
}

/// Returns a value between two marks at which a preset neither grows nor relieves.
fn between(preset: Preset, low: f64, high: f64) -> f64 {
    match preset {
        Preset::Classic => low,
        Preset::Steady => low + 0.6 * (high - low),
    }
}

/// Puts every figure between its thresholds: there is no room, and no pressure.
fn hold(host: &mut HostSample, policy: &Policy) {
    let calm = |low, high| between(policy.preset, low, high);
    let share = |marks: Threshold<Percent>| Percent::clamped(calm(marks.less_than.get(), marks.remove.get()));
    host.cpu = share(policy.cpu);
    host.memory = share(policy.memory);
    for volume in &mut host.volumes {
        volume.used = share(policy.disk);
    }
    host.load = policy.load.map(|marks| {
        let load = Load::clamped(calm(marks.less_than.get(), marks.remove.get())).unwrap_or_default();
        LoadAverages { one: load, five: load, fifteen: load }
    });
    (host.disk_read, host.disk_write) =
        (policy.disk_io.map(|io| io.read.less_than), policy.disk_io.map(|io| io.write.less_than));
    (host.net_read, host.net_write) =
        (policy.net_io.map(|io| io.read.less_than), policy.net_io.map(|io| io.write.less_than));
}
