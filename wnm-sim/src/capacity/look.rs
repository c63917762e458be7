//! What the manager sees of the modelled host: means over the whole interval, as the platform measures them.

use std::path::PathBuf;

use wnm_core::{Bytes, Cores, CpuLimitSample, Load, LoadAverages, NodeSample, Observation, Percent, Presence, Volume};

use super::node::Folder;
use super::{Host, Interval, Sums, timestamp};
use crate::chaos::version;

/// Returns an amount, by way of a signed number: processors convert to those far more quickly.
fn bytes(amount: f64) -> Bytes {
    Bytes((amount as i64).max(0) as u64)
}

impl Host {
    /// Looks at everything, in the place of what was seen before.
    pub(super) fn look(&mut self, seen: &mut Observation) {
        seen.now = timestamp(self.now);
        seen.rebooted = std::mem::take(&mut self.rebooted);
        let target = version(self.target);
        if seen.target.as_ref() != Some(&target) {
            seen.target = Some(target);
        }
        let interval = std::mem::take(&mut self.interval);
        self.look_at_host(&interval, seen);
        if std::mem::take(&mut self.is_new) {
            self.list_nodes(seen);
        }
        self.look_at_nodes(&interval, seen);
    }

    fn look_at_host(&self, interval: &Interval, seen: &mut Observation) {
        let host = &mut seen.host;
        let steps = interval.seconds / super::TICK;
        let share = |cores: f64| Percent::clamped(100.0 * cores / (steps * self.cpus).max(1.0));
        host.cpus = Some(self.cpus as u32);
        host.cpu = share(interval.busy);
        host.io_wait = share(interval.io_wait);
        let memory = self.memory_background + self.own_memory_mb() / self.memory_mb;
        host.memory = Percent::clamped(100.0 * memory.min(1.0));
        host.memory_total = Some(Bytes((self.memory_mb * 1e6) as u64));
        let throttled = Percent::clamped(100.0 * interval.throttled / interval.seconds.max(1.0));
        let limit = self.cpu_limit.and_then(Cores::clamped);
        host.cpu_limit = self.has_cpu_limit.then_some(CpuLimitSample { limit, throttled });
        let load = |load: f64| Load::clamped(load).unwrap_or_default();
        let [one, five, fifteen] = self.loads.get().map(load);
        host.load = Some(LoadAverages { one, five, fifteen });
        host.volumes.resize_with(self.volumes.all.len(), Volume::default);
        let spaces = self.volumes.all.iter().zip(self.volumes.shares());
        for (i, (volume, (space, (used, _)))) in host.volumes.iter_mut().zip(spaces).enumerate() {
            if volume.device == 0 {
                volume.root = PathBuf::from(format!("/storage/{i}"));
                volume.device = 100 + i as u64;
                volume.total = Some(Bytes((space.size * 1e9) as u64));
            }
            let used = used.clamp(0.0, 1.0);
            volume.used = Percent::clamped(100.0 * used);
            volume.available = Some(Bytes(((1.0 - used) * space.size * 1e9) as u64));
        }
    }

    /// Makes the samples those of the nodes there are.
    fn list_nodes(&mut self, seen: &mut Observation) {
        seen.nodes.retain(|id, _| self.place(*id).is_ok());
        for node in &mut self.nodes {
            let sample = seen.nodes.entry(node.id).or_default();
            // A number may be another node by now.
            if sample.born != node.born {
                node.is_untold = true;
                *sample = NodeSample { born: node.born, volume: Some(node.volume), ..NodeSample::default() };
            }
        }
    }

    /// Looks at each node, and sums all up as they are now: what rounding has gathered in the sums goes.
    fn look_at_nodes(&mut self, interval: &Interval, seen: &mut Observation) {
        let got = if interval.own_shape > 0.0 { interval.own / interval.own_shape } else { 0.0 };
        let (now, curves, constants) = (self.now, self.curves, self.constants);
        let answers = constants.answer_seconds.get();
        let mut sums = Sums::default();
        self.volumes.empty();
        for (node, (_, sample)) in self.nodes.iter_mut().zip(&mut seen.nodes) {
            node.grow(now, &curves);
            if std::mem::take(&mut node.is_untold) {
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
            sample.presence = if age >= answers { Presence::Answering } else { Presence::Silent };
            let present = if age < interval.seconds { age / interval.seconds } else { 1.0 };
            sample.cpu = Cores::clamped(node.mean_demand(process) * got * present);
            sample.memory = Some(bytes(process.memory_mb(&constants) * 1e6));
        }
        self.sums = sums;
    }
}
