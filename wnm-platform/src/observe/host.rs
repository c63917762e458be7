//! Metrics of the host, with rates over the whole time since the last observation.
//!
//! The colony stores raw counters, so that even a single `wnm run` needs no pause for its rates. A value that the host
//! does not provide is None, never zero.

#[cfg(not(target_os = "macos"))]
mod allowed_cpus;
#[cfg(not(target_os = "macos"))]
mod cgroup;
#[cfg(not(target_os = "macos"))]
mod disks;
mod interface_names;
#[cfg(not(target_os = "macos"))]
mod interfaces;
#[cfg(not(target_os = "macos"))]
mod kernel;
#[cfg(any(test, target_os = "macos"))]
mod mac_memory;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(not(target_os = "macos"))]
mod memory;
#[cfg(not(target_os = "macos"))]
mod pressure;
mod rates;
#[cfg(not(target_os = "macos"))]
mod tasks;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[cfg(not(target_os = "macos"))]
use wnm_core::LoadScope;
use wnm_core::{Bytes, ClockReading, Counters, HostSample, Percent, Timestamp};

use crate::error::PlatformError;
pub use rates::{QuotaReading, Rates};

/// The shortest interval for rates: the kernel counts CPU time in steps of 10 ms, so 250 ms gives 4 %.
pub const SHORTEST_INTERVAL: Duration = Duration::from_millis(250);
/// The name of the first PID namespace, `PROC_PID_INIT_INO` of the kernel.
#[cfg(not(target_os = "macos"))]
const HOST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// The source of host metrics.
#[derive(Debug, Clone)]
pub struct Host {
    /// The folder that contains `proc` and `sys`.
    #[cfg_attr(target_os = "macos", expect(dead_code, reason = "there is no /proc to read"))]
    root: PathBuf,
}

/// The counters of the host at one moment; None where the host has no such counter.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// The time of the reading on the colony's clock.
    pub at: Timestamp,
    /// The boot ID, which differs after each start of the host.
    pub boot: String,
    /// Milliseconds since the host started.
    pub uptime: u64,
    /// CPU time since the boot.
    pub cpu: Option<CpuTicks>,
    /// The number of CPUs that this time is of, where that is known.
    pub(crate) cpus: Option<u32>,
    /// Bytes read from and written to disks.
    pub disk: Option<Traffic>,
    /// Bytes received from and sent to the network.
    pub net: Option<Traffic>,
    /// The control groups around the nodes that have a CPU quota.
    pub cpu_quotas: Vec<QuotaReading>,
    /// The limits of the control groups around the nodes on memory.
    pub(crate) memory_limits: Vec<Memory>,
}

/// CPU time since the boot, of the CPUs that the nodes may use, in ticks of usually 10 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuTicks {
    /// Time spent in user and kernel mode, including steal.
    pub busy: u64,
    /// Idle time with outstanding disk requests.
    pub io_wait: u64,
    /// All time: busy, idle and I/O wait.
    pub total: u64,
}

#[cfg(not(target_os = "macos"))]
impl CpuTicks {
    /// Returns the sum of two counters.
    fn plus(self, other: Self) -> Self {
        Self {
            busy: self.busy.saturating_add(other.busy),
            io_wait: self.io_wait.saturating_add(other.io_wait),
            total: self.total.saturating_add(other.total),
        }
    }
}

/// Bytes since the boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Bytes read or received.
    pub read: u64,
    /// Bytes written or sent.
    pub written: u64,
}

impl Traffic {
    /// Returns the sum of two counters.
    fn plus(self, other: Self) -> Self {
        Self { read: self.read.saturating_add(other.read), written: self.written.saturating_add(other.written) }
    }
}

/// The resource use of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// CPU time since its start, in milliseconds.
    pub cpu_millis: u64,
    /// Resident memory.
    pub memory: Bytes,
    /// Its age in milliseconds.
    pub age: u64,
}

/// The place of the nodes in the control groups of the host.
#[derive(Debug, Clone, Copy)]
pub enum Placement<'a> {
    /// wnm starts their processes itself: their control group is that of the wnm that started them.
    WithWnm(ColonyProcesses<'a>),
    /// Another program has put each node in a control group of its own.
    Apart(ColonyProcesses<'a>),
}

/// The nodes of a colony, for the stalls and the limits of their control groups.
#[derive(Debug, Clone, Copy)]
pub struct ColonyProcesses<'a> {
    /// The name of the control group or, without `.slice`, of the slice that should contain them.
    pub group: &'a str,
    /// Their processes.
    pub pids: &'a [u32],
}

impl Reading {
    /// Returns the counters for the rates of the next observation, without those of nodes.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let cpu = self.cpu.unwrap_or_default();
        let (disk, net) = (self.disk.unwrap_or_default(), self.net.unwrap_or_default());
        Counters {
            at: self.at,
            boot: self.boot.clone(),
            uptime: self.uptime,
            cpus: self.cpus,
            cpu_busy: cpu.busy,
            cpu_io_wait: cpu.io_wait,
            cpu_total: cpu.total,
            disk_read: disk.read,
            disk_write: disk.written,
            net_read: net.read,
            net_write: net.written,
            cpu_limit: None,
            cpu_quotas: self.cpu_quotas.iter().map(|quota| (quota.path.clone(), quota.counters)).collect(),
            nodes: std::collections::BTreeMap::new(),
        }
    }

    /// Returns the time since earlier counters; None after a reboot, or when it is below [`SHORTEST_INTERVAL`].
    #[must_use]
    pub fn since(&self, before: &Counters) -> Option<Duration> {
        let elapsed = Duration::from_millis(self.uptime.checked_sub(before.uptime)?);
        (self.boot == before.boot && elapsed >= SHORTEST_INTERVAL).then_some(elapsed)
    }
}

impl Host {
    /// Returns this host.
    #[must_use]
    pub fn real() -> Self {
        Self::below("/")
    }

    /// Returns a recorded host from a folder with its `proc` and `sys`.
    #[must_use]
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Returns the text of a file such as `proc/loadavg`.
    #[cfg(not(target_os = "macos"))]
    fn text(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.root.join(path)).ok()
    }

    /// Reads the counters of the host, and of the control groups around the nodes.
    #[cfg(not(target_os = "macos"))]
    #[must_use]
    pub fn read(&self, clock: &wnm_core::Clock, nodes: Placement<'_>) -> Reading {
        let boot = clock.boot().to_owned();
        // The clock was read at the start of the cycle; counters are read now, so their time is later.
        let uptime = uptime().max(clock.uptime());
        let allowed = allowed_cpus::of(&self.root, nodes);
        let (cpu, cpus) = self.text("proc/stat").and_then(|text| kernel::cpu_ticks(&text, &allowed)).unzip();
        Reading {
            at: clock.now().after(Duration::from_millis(uptime - clock.uptime())),
            boot,
            uptime,
            cpu,
            cpus: cpus.flatten(),
            disk: self.text("proc/diskstats").map(|text| disks::traffic(&text, &self.root.join("sys/block"))),
            net: self.net_traffic(),
            cpu_quotas: cgroup::cpu_quotas(&self.root, nodes),
            memory_limits: cgroup::memory_limits(&self.root, nodes),
        }
    }

    /// Returns the current metrics, with rates since `before` and without volumes.
    #[cfg(not(target_os = "macos"))]
    #[must_use]
    pub fn sample(&self, before: &Counters, now: &Reading) -> HostSample {
        let (memory, memory_total) = self.memory(&now.memory_limits);
        let load_scope = self.load_scope();
        let load = self.text("proc/loadavg").filter(|_| load_scope == LoadScope::Own);
        HostSample {
            memory,
            memory_total,
            load: load.and_then(|text| kernel::load_averages(&text)),
            load_scope,
            ..plain_sample(before, now)
        }
    }

    #[cfg(not(target_os = "macos"))]
    fn net_traffic(&self) -> Option<Traffic> {
        let interfaces = self.text("proc/net/dev")?;
        let routes = ["proc/net/route", "proc/net/ipv6_route"].map(|path| self.text(path).unwrap_or_default());
        Some(interfaces::traffic(&interfaces, &self.root.join("sys/class/net"), &routes.concat()))
    }

    /// Tells which processes the load averages count.
    ///
    /// In a PID namespace of its own, which every container has, `/proc/loadavg` is that of the host, unless LXCFS is
    /// mounted over it.
    #[cfg(not(target_os = "macos"))]
    #[must_use]
    pub fn load_scope(&self) -> LoadScope {
        let namespace = std::fs::read_link(self.root.join("proc/self/ns/pid"));
        let is_of_host = namespace.map_or(true, |name| name == Path::new(HOST_PID_NAMESPACE));
        let is_own_file = |text: String| text.lines().any(|line| line.split(' ').nth(4) == Some("/proc/loadavg"));
        if is_of_host || self.text("proc/self/mountinfo").is_some_and(is_own_file) {
            LoadScope::Own
        } else {
            LoadScope::Container
        }
    }

    /// Returns use and size of memory: of the host, or of the control group with less free memory.
    #[cfg(not(target_os = "macos"))]
    fn memory(&self, limits: &[Memory]) -> (Option<Percent>, Option<Bytes>) {
        let zfs = self.text("proc/spl/kstat/zfs/arcstats").unwrap_or_default();
        let host = self.text("proc/meminfo").and_then(|text| memory::memory(&text, &zfs));
        let Some(host) = host else { return (None, None) };
        // A group without any memory would run no process: its file is malformed.
        let limits = limits.iter().filter(|limit| limit.total > 0 && limit.total < host.total);
        let (mut used, mut total) = (host.used_share(), host.total);
        for limit in limits {
            used = used.max(limit.used_share());
            total = total.min(limit.total);
        }
        (used, Some(Bytes(total)))
    }

    /// Returns the pressure stall information of the host, of the nodes, and of the rest. None where the kernel provides
    /// none.
    #[cfg(not(target_os = "macos"))]
    #[must_use]
    pub fn psi(&self, nodes: ColonyProcesses<'_>) -> Option<wnm_core::Psi> {
        pressure::psi(&self.root, nodes)
    }

    /// Returns None: macOS has no pressure stall information.
    #[cfg(target_os = "macos")]
    #[must_use]
    pub fn psi(&self, _nodes: ColonyProcesses<'_>) -> Option<wnm_core::Psi> {
        None
    }
}

/// Size and use of memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) total: u64,
    pub(crate) used: u64,
}

impl Memory {
    pub(crate) fn used_share(self) -> Option<Percent> {
        share(self.used, self.total)
    }
}

/// Returns the metrics that are read in the same way on every system.
fn plain_sample(before: &Counters, now: &Reading) -> HostSample {
    let rates = Rates::between(before, now);
    HostSample {
        cpus: rates::cpus(now),
        started: Some(now.at.before(Duration::from_millis(now.uptime))),
        cpu: rates.cpu,
        io_wait: rates.io_wait,
        cpu_quota: rates.cpu_quota,
        disk_read: rates.disk.map(|(read, _)| read),
        disk_write: rates.disk.map(|(_, written)| written),
        net_read: rates.net.map(|(read, _)| read),
        net_write: rates.net.map(|(_, written)| written),
        ..HostSample::default()
    }
}

/// Returns a part of a whole in percent; None when the whole is zero.
fn share(part: u64, whole: u64) -> Option<Percent> {
    if whole == 0 { None } else { Percent::clamped((part as f64 * 100.0 / whole as f64).min(100.0)) }
}

/// Reads the wall clock, the uptime and the boot ID of the host.
///
/// # Errors
/// The boot ID is not readable. Without it wnm cannot detect a reboot.
pub fn read_clock() -> Result<ClockReading, PlatformError> {
    let wall = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Timestamp::from_millis(0).after(since),
        Err(error) => Timestamp::from_millis(0).before(error.duration()),
    };
    let boot = boot_name(Path::new("/proc")).map_err(|source| PlatformError::Clock { source })?;
    Ok(ClockReading { wall, uptime: uptime(), boot, init: init_start() })
}

/// Returns the start of process 1 in clock ticks since the boot; None where it is not visible.
#[cfg(not(target_os = "macos"))]
fn init_start() -> Option<u64> {
    Some(procfs::process::Process::new(1).ok()?.stat().ok()?.starttime)
}

/// Returns None: macOS has no containers, so that the boot tells every restart.
#[cfg(target_os = "macos")]
const fn init_start() -> Option<u64> {
    None
}

#[cfg(not(target_os = "macos"))]
fn boot_name(proc: &Path) -> std::io::Result<String> {
    let name = std::fs::read_to_string(proc.join("sys/kernel/random/boot_id"))?;
    Ok(name.trim().to_owned())
}

/// Returns the milliseconds since the boot, including suspended time.
#[cfg(not(target_os = "macos"))]
pub(crate) fn uptime() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let millis = time.tv_sec.saturating_mul(1000).saturating_add(time.tv_nsec / 1_000_000);
    u64::try_from(millis).unwrap_or(0)
}

#[cfg(target_os = "macos")]
use macos::boot_name;
#[cfg(target_os = "macos")]
pub(crate) use macos::uptime;

#[cfg(test)]
mod tests;
