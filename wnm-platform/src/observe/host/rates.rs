//! Rates between two readings, and the CPU of the nodes where a control group limits it.

use std::cmp::Reverse;
use std::time::Duration;

use wnm_core::{BytesPerSecond, Cores, Counters, CpuLimitSample, CpuQuotaCounters, Percent};

use super::{Reading, Traffic, share};

/// A control group with a CPU quota.
#[derive(Debug, Clone, PartialEq)]
pub struct QuotaReading {
    /// Its path below the mount of its controller.
    pub path: String,
    /// The CPU quota.
    pub limit: Cores,
    /// Its counters.
    pub counters: CpuQuotaCounters,
}

/// Returns the number of CPUs for the nodes: those that they may run on, or this process where the host does not tell, at most
/// the whole cores of the tightest CPU quota around the nodes.
pub(super) fn cpus(now: &Reading) -> Option<u32> {
    let quota = now.cpu_quotas.iter().map(|quota| quota.limit.get()).min_by(f64::total_cmp);
    let all = now.cpus.or_else(allowed_cpus)?;
    Some(quota.map_or(all, |quota| all.min(quota as u32)).max(1))
}

/// Returns the number of CPUs in the affinity mask of this process.
#[cfg(not(target_os = "macos"))]
fn allowed_cpus() -> Option<u32> {
    // `available_parallelism` also counts the CPU quota of wnm itself, which need not be around the nodes.
    let mask = rustix::thread::sched_getaffinity(None).ok()?;
    Some(mask.count())
}

#[cfg(target_os = "macos")]
fn allowed_cpus() -> Option<u32> {
    std::thread::available_parallelism().ok().and_then(|cpus| u32::try_from(cpus.get()).ok())
}

/// The rates between two readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// Use of the CPUs for the nodes, or of the CPU quota around them where that is higher.
    pub cpu: Option<Percent>,
    /// The CPU quota that the nodes are nearest to.
    pub cpu_quota: Option<CpuLimitSample>,
    /// Share of CPU time in I/O wait.
    pub io_wait: Option<Percent>,
    /// Disk reads and writes.
    pub disk: Option<(BytesPerSecond, BytesPerSecond)>,
    /// Network traffic received and sent.
    pub net: Option<(BytesPerSecond, BytesPerSecond)>,
}

impl Rates {
    /// Returns the rates between earlier counters and a reading.
    ///
    /// All are None after a reboot or for too short an interval. A single one is None when its counter decreased, is
    /// missing, or was missing before.
    #[must_use]
    pub fn between(before: &Counters, now: &Reading) -> Self {
        let Some(elapsed) = now.since(before) else { return Self::default() };
        // CPUs that come or go bring or take all of their time since the boot.
        let are_the_same = before.cpus.is_none() || before.cpus == now.cpus;
        let cpu = now.cpu.filter(|_| are_the_same).and_then(|cpu| {
            let total = cpu.total.checked_sub(before.cpu_total).filter(|_| before.cpu_total > 0)?;
            let busy = share(cpu.busy.checked_sub(before.cpu_busy)?, total)?;
            // I/O wait may decrease: proc(5) calls it unreliable, because a waiting task can move to another CPU.
            Some((busy, share(cpu.io_wait.saturating_sub(before.cpu_io_wait), total)?))
        });
        let traffic = |now: Option<Traffic>, read: u64, written: u64| {
            let now = now?;
            let was_absent = read == 0 && written == 0 && now != Traffic::default();
            let rates = (rate(now.read, read, elapsed)?, rate(now.written, written, elapsed)?);
            (!was_absent).then_some(rates)
        };
        let quotas = now.cpu_quotas.iter().map(|quota| Some((quota.share_since(before, elapsed)?, quota)));
        let quotas: Option<Vec<(Percent, &QuotaReading)>> = quotas.collect();
        let nearest = quotas
            .as_ref()
            .and_then(|quotas| quotas.iter().max_by_key(|(share, quota)| (*share, Reverse(quota.limit))));
        Self {
            // With a CPU quota of unknown use, the use of the host alone would be a guess.
            cpu: cpu.filter(|_| quotas.is_some()).map(|(busy, _)| nearest.map_or(busy, |(share, _)| busy.max(*share))),
            cpu_quota: nearest.map(|(_, quota)| quota.sample(before)),
            io_wait: cpu.map(|(_, io_wait)| io_wait),
            disk: traffic(now.disk, before.disk_read, before.disk_write),
            net: traffic(now.net, before.net_read, before.net_write),
        }
    }
}

impl QuotaReading {
    /// Returns the use of the CPU quota, or the share of throttled periods where that is higher: work in bursts is
    /// throttled long before its average reaches the CPU quota.
    fn share_since(&self, before: &Counters, elapsed: Duration) -> Option<Percent> {
        let earlier = before.cpu_quotas.get(&self.path)?;
        let used = self.counters.used_micros.checked_sub(earlier.used_micros)?;
        let allowed = elapsed.as_micros() as f64 * self.limit.get();
        let share = Percent::clamped((used as f64 * 100.0 / allowed).min(100.0))?;
        Some(self.throttled_since(before).map_or(share, |throttled| share.max(throttled)))
    }

    fn throttled_since(&self, before: &Counters) -> Option<Percent> {
        self.counters.periods?.share_since(before.cpu_quotas.get(&self.path)?.periods?)
    }

    fn sample(&self, before: &Counters) -> CpuLimitSample {
        CpuLimitSample { limit: Some(self.limit), throttled: self.throttled_since(before) }
    }
}

fn rate(now: u64, before: u64, elapsed: Duration) -> Option<BytesPerSecond> {
    let per_second = u128::from(now.checked_sub(before)?) * 1000 / elapsed.as_millis().max(1);
    Some(BytesPerSecond(u64::try_from(per_second).unwrap_or(u64::MAX)))
}
