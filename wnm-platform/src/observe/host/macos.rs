//! Metrics of the host on macOS, through sysinfo.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sysinfo::{Disks, MINIMUM_CPU_UPDATE_INTERVAL, Networks, Pid, ProcessRefreshKind, ProcessesToUpdate, System};
use wnm_core::{Bytes, Clock, Counters, HostSample, Load, LoadAverages, LoadScope, Percent, ProcessIdentity};

use super::{Host, Memory, Placement, Reading, Traffic, Usage, plain_sample};

impl Host {
    /// Reads the counters. Blocks for 200 ms: sysinfo measures CPU use and has no counter of CPU time.
    #[must_use]
    pub fn read(&self, clock: &Clock, _nodes: Placement<'_>) -> Reading {
        let uptime = uptime().max(clock.uptime());
        Reading {
            at: clock.now().after(Duration::from_millis(uptime - clock.uptime())),
            boot: clock.boot().to_owned(),
            uptime,
            cpu: None,
            cpu_now: cpu_now(),
            disk: disk_traffic(),
            net: net_traffic(),
            ..Reading::default()
        }
    }

    /// Returns the current metrics, with rates since `before` and without volumes.
    #[must_use]
    pub fn sample(&self, before: &Counters, now: &Reading) -> HostSample {
        let memory = memory();
        HostSample {
            memory: memory.and_then(Memory::used_share),
            memory_total: memory.map(|memory| Bytes(memory.total)),
            load: load_averages(),
            ..plain_sample(before, now)
        }
    }

    /// Tells which processes the load averages count: those of this host.
    #[must_use]
    pub fn load_scope(&self) -> LoadScope {
        LoadScope::Own
    }

    /// Returns the resource use of processes by PID. Ended processes and reused PIDs are absent.
    #[must_use]
    pub fn usage<'a>(&self, processes: impl IntoIterator<Item = &'a ProcessIdentity>) -> BTreeMap<u32, Usage> {
        let processes: Vec<&ProcessIdentity> = processes.into_iter().collect();
        let pids: Vec<Pid> = processes.iter().map(|process| Pid::from_u32(process.pid)).collect();
        let Ok(mut system) = System::new() else { return BTreeMap::new() };
        let wanted = ProcessRefreshKind::nothing().with_cpu().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), true, wanted);
        let usage = |process: &&ProcessIdentity| {
            let seen = system.process(Pid::from_u32(process.pid))?;
            let usage = Usage {
                cpu_millis: seen.accumulated_cpu_time(),
                memory: Bytes(seen.memory()),
                age: seen.run_time().saturating_mul(1000),
            };
            (seen.start_time() == process.start).then_some((process.pid, usage))
        };
        processes.iter().filter_map(usage).collect()
    }
}

/// Measures the use of all CPUs over 200 ms.
fn cpu_now() -> Option<Percent> {
    let mut system = System::new().ok()?;
    system.refresh_cpu_usage();
    std::thread::sleep(MINIMUM_CPU_UPDATE_INTERVAL);
    system.refresh_cpu_usage();
    Percent::clamped(f64::from(system.global_cpu_usage()))
}

fn memory() -> Option<Memory> {
    let mut system = System::new().ok()?;
    system.refresh_memory();
    let total = system.total_memory();
    (total > 0).then(|| Memory { total, used: total.saturating_sub(system.available_memory()) })
}

fn load_averages() -> Option<LoadAverages> {
    let load = System::load_average().ok()?;
    Some(LoadAverages {
        one: Load::clamped(load.one)?,
        five: Load::clamped(load.five)?,
        fifteen: Load::clamped(load.fifteen)?,
    })
}

/// Sums up the disks. The volumes of one APFS container report the same counters, so equal ones count once.
fn disk_traffic() -> Option<Traffic> {
    let disks = Disks::new_with_refreshed_list().ok()?;
    let usages = disks.iter().map(|disk| disk.usage()).map(|usage| (usage.total_read_bytes, usage.total_written_bytes));
    Some(sum(usages.collect::<BTreeSet<_>>()))
}

fn net_traffic() -> Option<Traffic> {
    let networks = Networks::new_with_refreshed_list().ok()?;
    let own = networks.iter().filter(|(name, _)| !name.to_string_lossy().starts_with("lo"));
    Some(sum(own.map(|(_, data)| (data.total_received(), data.total_transmitted()))))
}

fn sum(traffic: impl IntoIterator<Item = (u64, u64)>) -> Traffic {
    traffic.into_iter().fold(Traffic::default(), |sum, (read, written)| Traffic {
        read: sum.read.saturating_add(read),
        written: sum.written.saturating_add(written),
    })
}

/// Returns the boot ID: the second of the boot, because macOS has no random one.
pub(super) fn boot_name(_proc: &Path) -> io::Result<String> {
    System::boot_time().map(|started| started.to_string()).map_err(|error| io::Error::other(error.to_string()))
}

/// Returns the milliseconds since the boot, including suspended time.
pub(crate) fn uptime() -> u64 {
    let Ok(started) = System::boot_time() else { return 0 };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let since = now.saturating_sub(Duration::from_secs(started));
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
