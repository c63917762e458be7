//! The weight files of control groups, in both versions.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use wnm_core::Weight;

use crate::cpu_limit::{Controller, Version};

/// The shares of an ordinary group of version 1, the kernel's default.
const SHARES: u64 = 1024;
/// The weights that BFQ gives an ordinary group, and at most.
const BFQ: (u64, u64) = (100, 1000);
/// The weights of the CFQ scheduler of old kernels: an ordinary group, the least and the greatest.
const CFQ: (u64, u64, u64) = (500, 10, 1000);

/// A file with a weight, and its scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// 1 to 10000, as [`Weight`].
    Plain,
    Shares,
    Bfq,
    Cfq,
}

impl Scale {
    /// Converts a weight as systemd does.
    fn of(self, weight: Weight) -> u64 {
        let (share, ordinary) = (u64::from(weight.share()), u64::from(Weight::ORDINARY));
        match self {
            Self::Plain => share,
            Self::Shares => (share * SHARES / ordinary).clamp(2, 262_144),
            Self::Bfq if share <= ordinary => share,
            Self::Bfq => BFQ.0 + (share - ordinary) * (BFQ.1 - BFQ.0) / (u64::from(Weight::MOST) - ordinary),
            Self::Cfq => (share * CFQ.0 / ordinary).clamp(CFQ.1, CFQ.2),
        }
    }

    /// Returns the least weight with at least this value.
    fn weight(self, value: u64) -> Weight {
        let shares = 1..=Weight::MOST;
        let reaches = |share: &u16| self.of(Weight::Share(*share)) >= value;
        Weight::Share(shares.into_iter().find(reaches).unwrap_or(Weight::MOST))
    }
}

/// The files for CPU time: the weight and the switch for `idle`.
fn cpu_file(version: Version) -> (&'static str, Scale) {
    match version {
        Version::One => ("cpu.shares", Scale::Shares),
        Version::Two => ("cpu.weight", Scale::Plain),
    }
}

/// The switch of both versions that gives a group only idle CPU time, since Linux 5.15.
const CPU_IDLE: &str = "cpu.idle";
/// The files for disks, of which a kernel has those of its schedulers.
const IO_FILES: [(&str, Scale); 4] = [
    ("io.bfq.weight", Scale::Bfq),
    ("io.weight", Scale::Plain),
    ("blkio.bfq.weight", Scale::Bfq),
    ("blkio.weight", Scale::Cfq),
];

/// Returns the weight of a group for CPU time; None without the controller.
pub(crate) fn cpu(version: Version, folder: &Path) -> Option<Weight> {
    if number(&folder.join(CPU_IDLE)) == Some(1) {
        return Some(Weight::Idle);
    }
    let (file, scale) = cpu_file(version);
    number(&folder.join(file)).map(|value| scale.weight(value))
}

/// Tells whether a group has the nearest to a weight that its kernel supports.
pub(crate) fn has_cpu(version: Version, folder: &Path, weight: Weight) -> bool {
    let idle = folder.join(CPU_IDLE);
    if weight == Weight::Idle && idle.exists() {
        return number(&idle) == Some(1);
    }
    let (file, scale) = cpu_file(version);
    number(&idle).unwrap_or(0) == 0 && number(&folder.join(file)) == Some(scale.of(weight))
}

/// Sets the weight of a group for CPU time.
pub(super) fn set_cpu(version: Version, folder: &Path, weight: Weight) -> io::Result<()> {
    if has_cpu(version, folder, weight) {
        return Ok(());
    }
    let idle = folder.join(CPU_IDLE);
    if idle.exists() {
        // The kernel refuses a weight while the group is idle.
        fs::write(&idle, if weight == Weight::Idle { "1" } else { "0" })?;
        if weight == Weight::Idle {
            return Ok(());
        }
    }
    let (file, scale) = cpu_file(version);
    fs::write(folder.join(file), scale.of(weight).to_string())
}

/// Returns the weight of a group for disks; None where the kernel has none.
pub(crate) fn io(folder: &Path) -> Option<Weight> {
    IO_FILES.iter().find_map(|(file, scale)| number(&folder.join(file)).map(|value| scale.weight(value)))
}

/// Tells whether a group has the nearest to a weight for disks that its kernel supports, or none at all.
pub(crate) fn has_io(folder: &Path, weight: Weight) -> bool {
    let mut values = IO_FILES.iter().filter_map(|(file, scale)| Some((number(&folder.join(file))?, scale)));
    values.all(|(value, scale)| value == scale.of(weight))
}

/// Sets the weight of a group for disks, in each file that the kernel has.
pub(super) fn set_io(folder: &Path, weight: Weight) -> io::Result<()> {
    if has_io(folder, weight) {
        return Ok(());
    }
    let files = IO_FILES.iter().map(|(file, scale)| (folder.join(file), scale)).filter(|(file, _)| file.exists());
    files.into_iter().try_for_each(|(file, scale)| fs::write(file, scale.of(weight).to_string()))
}

/// Returns the folder of a group in the hierarchy of the disk controller, from its folder for CPU time.
pub(super) fn io_folder(controller: &Controller, cpu: &Path) -> PathBuf {
    let mount = controller.folder("");
    match (controller.version(), cpu.strip_prefix(&mount)) {
        (Version::One, Ok(path)) => mount.with_file_name("blkio").join(path),
        (Version::One | Version::Two, _) => cpu.to_owned(),
    }
}

/// The properties of the disks of a host that weights depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Disks {
    /// A disk gives control groups time by their weight.
    pub(super) honour_weights: bool,
    /// A disk serves processes by their I/O priority.
    pub(super) honour_priorities: bool,
}

impl Disks {
    /// Reads the schedulers of the disks of a host with its `sys` in a folder.
    pub(super) fn below(root: &Path) -> Self {
        let disks = fs::read_dir(root.join("sys/block")).into_iter().flatten().flatten();
        let schedulers: Vec<String> =
            disks.filter_map(|disk| fs::read_to_string(disk.path().join("queue/scheduler")).ok()).collect();
        let has = |name: &str| schedulers.iter().any(|scheduler| scheduler.contains(name));
        // The cost model of version 2 is off by default.
        let costs = fs::read_to_string(root.join("sys/fs/cgroup/io.cost.qos")).unwrap_or_default();
        Self {
            honour_weights: has("[bfq]") || has("[cfq]") || costs.contains("enable=1"),
            honour_priorities: has("[bfq]") || has("[cfq]") || has("[mq-deadline]"),
        }
    }
}

/// Returns the number in a file, after the word `default` that some weights have.
fn number(file: &Path) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().next()?.trim();
    line.strip_prefix("default ").unwrap_or(line).trim().parse().ok()
}
