//! Metrics of the host on macOS, through sysinfo and psutil, and the programs `vm_stat` and `sysctl` of macOS.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sysinfo::{Disks, Networks, Pid, ProcessRefreshKind, ProcessesToUpdate, System};
use wnm_core::{Bytes, Clock, Counters, HostSample, Load, LoadAverages, LoadScope, ProcessIdentity};

use super::{CpuTicks, Host, Memory, Placement, Reading, Traffic, Usage, interface_names, mac_memory, plain_sample};
use crate::exec::{Call, Exec};
use crate::volume;

/// The deadline of a program that prints figures of the kernel.
const DEADLINE: Duration = Duration::from_secs(5);

impl Host {
    /// Reads the counters of the host.
    #[must_use]
    pub fn read(&self, clock: &Clock, _nodes: Placement<'_>) -> Reading {
        let uptime = uptime().max(clock.uptime());
        Reading {
            at: clock.now().after(Duration::from_millis(uptime - clock.uptime())),
            boot: clock.boot().to_owned(),
            uptime,
            cpu: cpu_ticks(),
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

/// Returns the ticks of all CPUs, which the kernel counts in 32 bits: about once a month a counter begins anew, and one
/// observation has no rate.
fn cpu_ticks() -> Option<CpuTicks> {
    let times = psutil::cpu::cpu_times().ok()?;
    // A tick has 10 ms, as on Linux. macOS does not count waits for disks.
    let ticks = |time: Duration| u64::try_from(time.as_millis() / 10).unwrap_or(u64::MAX);
    Some(CpuTicks { busy: ticks(times.busy()), io_wait: 0, total: ticks(times.total()) })
}

fn memory() -> Option<Memory> {
    let exec = Exec::real();
    let text = |call: Call| exec.succeed(&call.within(DEADLINE)).map(|output| output.text()).ok();
    let settings = ["hw.memsize", "kern.memorystatus_vm_pressure_level"];
    let settings = settings.map(|name| text(Call::new("/usr/sbin/sysctl").arg(name)).unwrap_or_default());
    mac_memory::memory(&text(Call::new("/usr/bin/vm_stat"))?, &settings.concat())
}

fn load_averages() -> Option<LoadAverages> {
    let load = System::load_average().ok()?;
    Some(LoadAverages {
        one: Load::clamped(load.one)?,
        five: Load::clamped(load.five)?,
        fifteen: Load::clamped(load.fifteen)?,
    })
}

/// Sums up the disks. sysinfo returns for each volume the counters of its disk, so that the volumes of a container count
/// once.
fn disk_traffic() -> Option<Traffic> {
    let disks = Disks::new_with_refreshed_list().ok()?;
    let mut by_pool: BTreeMap<String, Traffic> = BTreeMap::new();
    for disk in &disks {
        let usage = disk.usage();
        let counter = by_pool.entry(volume::pool_of(disk.mount_point())).or_default();
        counter.read = counter.read.max(usage.total_read_bytes);
        counter.written = counter.written.max(usage.total_written_bytes);
    }
    Some(by_pool.into_values().fold(Traffic::default(), Traffic::plus))
}

/// Sums up the interfaces with hardware: the traffic of VPNs and bridges passes them.
fn net_traffic() -> Option<Traffic> {
    let networks = Networks::new_with_refreshed_list().ok()?;
    let rows = networks.iter().map(|(name, data)| {
        let traffic = Traffic { read: data.total_received(), written: data.total_transmitted() };
        (name.to_string_lossy().into_owned(), traffic)
    });
    let rows: BTreeMap<String, Traffic> = rows.filter(|(name, _)| !name.starts_with("lo")).collect();
    let names: Vec<&str> = rows.keys().map(String::as_str).collect();
    let counted = interface_names::by_name(&names);
    Some(counted.iter().filter_map(|name| rows.get(*name)).copied().fold(Traffic::default(), Traffic::plus))
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
