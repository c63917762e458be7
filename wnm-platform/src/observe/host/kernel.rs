//! Parsers for `/proc`. A missing value is None, or zero where the function says so.

use wnm_core::{Load, LoadAverages, Percent, Stall, StallTime};

use super::{CpuTicks, Memory, Traffic};

/// The unit of `/proc/diskstats` in bytes, independent of the disk's own sector size.
const SECTOR: u64 = 512;

/// Parses the first line of `/proc/stat`.
pub(super) fn cpu_ticks(text: &str) -> Option<CpuTicks> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let mut ticks = line.split_ascii_whitespace().map(|word| word.parse::<u64>().ok());
    let mut next = || ticks.next().flatten();
    let (user, nice, system, idle) = (next()?, next()?, next()?, next()?);
    // Old kernels have fewer fields. Guest time is part of user and nice already.
    let (io_wait, irq, soft_irq, steal) =
        (next().unwrap_or(0), next().unwrap_or(0), next().unwrap_or(0), next().unwrap_or(0));
    let sum = |ticks: &[u64]| ticks.iter().fold(0_u64, |sum, ticks| sum.saturating_add(*ticks));
    let busy = sum(&[user, nice, system, irq, soft_irq, steal]);
    Some(CpuTicks { busy, io_wait, total: sum(&[busy, idle, io_wait]) })
}

/// Parses `/proc/meminfo`.
pub(super) fn memory(text: &str) -> Option<Memory> {
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    };
    let total = field("MemTotal")?;
    // Linux before 3.14 has no MemAvailable.
    let available = field("MemAvailable").or_else(|| Some(field("MemFree")? + field("Cached").unwrap_or(0)))?;
    Some(Memory { total, used: total.saturating_sub(available) })
}

/// Parses `/proc/loadavg`.
pub(super) fn load_averages(text: &str) -> Option<LoadAverages> {
    let mut words = text.split_ascii_whitespace();
    let mut next = || Load::clamped(words.next()?.parse().ok()?);
    Some(LoadAverages { one: next()?, five: next()?, fifteen: next()? })
}

/// Parses a file of `/proc/pressure`, or a `*.pressure` of a control group.
pub(super) fn stall(text: &str) -> Option<Stall> {
    let time = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        let value = |key: &str| line.split_ascii_whitespace().find_map(|word| word.strip_prefix(key));
        let avg10 = Percent::clamped(value("avg10=")?.parse().ok()?)?;
        Some(StallTime { avg10, total: value("total=").and_then(|total| total.parse().ok()) })
    };
    Some(Stall { some: time("some")?, full: time("full") })
}

/// Parses `/proc/diskstats` and sums up physical disks: their traffic includes that of partitions, LVM and RAID.
pub(super) fn disk_traffic(text: &str) -> Traffic {
    let rows: Vec<(&str, Traffic)> = text.lines().filter_map(disk_row).collect();
    let is_partition = |name: &str| rows.iter().any(|(disk, _)| is_partition_of(name, disk));
    let disks = rows.iter().filter(|(name, _)| !is_virtual(name) && !is_partition(name));
    sum(disks.map(|(_, traffic)| *traffic))
}

fn disk_row(line: &str) -> Option<(&str, Traffic)> {
    let mut words = line.split_ascii_whitespace();
    let name = words.nth(2)?;
    let read = words.nth(2)?.parse::<u64>().ok()?.saturating_mul(SECTOR);
    let written = words.nth(3)?.parse::<u64>().ok()?.saturating_mul(SECTOR);
    Some((name, Traffic { read, written }))
}

/// Tells whether a block device is virtual or removable: its data is on other devices or in memory.
fn is_virtual(name: &str) -> bool {
    ["loop", "ram", "zram", "dm-", "md", "sr", "fd"].iter().any(|prefix| {
        let rest = name.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '_'))
    })
}

/// Tells whether a device is a partition of a disk, by its name: `sda1`, but `nvme0n1p1`.
fn is_partition_of(name: &str, disk: &str) -> bool {
    let Some(rest) = name.strip_prefix(disk) else { return false };
    let number = if disk.ends_with(|c: char| c.is_ascii_digit()) { rest.strip_prefix('p') } else { Some(rest) };
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// Parses `/proc/net/dev` and sums up physical interfaces; in a container without one, all except the loopback.
pub(super) fn net_traffic(text: &str) -> Traffic {
    let rows: Vec<(&str, Traffic)> = text.lines().filter_map(net_row).filter(|(name, _)| *name != "lo").collect();
    let mut own = rows.iter().filter(|(name, _)| !is_layered(name)).map(|(_, traffic)| *traffic).peekable();
    if own.peek().is_some() { sum(own) } else { sum(rows.iter().map(|(_, traffic)| *traffic)) }
}

fn net_row(line: &str) -> Option<(&str, Traffic)> {
    let (name, counters) = line.split_once(':')?;
    let mut words = counters.split_ascii_whitespace();
    let read = words.next()?.parse().ok()?;
    let written = words.nth(7)?.parse().ok()?;
    Some((name.trim(), Traffic { read, written }))
}

/// Tells whether the traffic of an interface also passes a physical one: bridges, tunnels, containers, bonds, VLANs.
fn is_layered(name: &str) -> bool {
    const PREFIXES: [&str; 15] = [
        "veth", "docker", "br-", "virbr", "vmbr", "vnet", "cni", "flannel", "cali", "ifb", "dummy", "tun", "tap", "wg",
        "bond",
    ];
    name.contains('.') || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn sum(traffic: impl Iterator<Item = Traffic>) -> Traffic {
    traffic.fold(Traffic::default(), |sum, one| Traffic {
        read: sum.read.saturating_add(one.read),
        written: sum.written.saturating_add(one.written),
    })
}
