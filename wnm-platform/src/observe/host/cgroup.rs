//! The limits of the control groups around the nodes, in both versions: of memory and of CPU.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use wnm_core::{Cores, CpuLimitCounters, CpuQuotaCounters};

use super::{Memory, Placement, QuotaReading};

/// The nodes whose control groups are read: the nodes of a colony share all groups but the innermost.
const NODES_READ: usize = 4;

/// Returns the memory limits of all control groups around the nodes.
pub(super) fn memory_limits(root: &Path, nodes: Placement<'_>) -> Vec<Memory> {
    Groups::around(root, nodes, "memory").into_iter().flat_map(|groups| groups.memory_limits()).collect()
}

/// Returns the CPU quota of each control group around the nodes that has one.
pub(super) fn cpu_quotas(root: &Path, nodes: Placement<'_>) -> Vec<QuotaReading> {
    let (Placement::WithWnm(colony) | Placement::Apart(colony)) = nodes;
    let around = Groups::around(root, nodes, "cpu").into_iter().map(|groups| groups.without_colony(colony.group));
    let quotas = around.flat_map(|groups| groups.cpu_quotas());
    let by_path: BTreeMap<String, QuotaReading> = quotas.map(|quota| (quota.path.clone(), quota)).collect();
    by_path.into_values().collect()
}

/// The version of control groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// The control groups of one controller around one process.
#[derive(Debug)]
struct Groups {
    version: Version,
    mount: PathBuf,
    /// The folders of the groups, innermost first.
    folders: Vec<PathBuf>,
}

impl Groups {
    /// Returns the groups around the nodes; None where a process has none.
    fn around(root: &Path, nodes: Placement<'_>, controller: &str) -> Vec<Self> {
        let (Placement::WithWnm(colony) | Placement::Apart(colony)) = nodes;
        let pids = colony.pids.iter().take(NODES_READ).map(u32::to_string);
        let around = pids.filter_map(|pid| Self::of(&pid, root, controller));
        let around: Vec<Self> = around.map(|groups| groups.without_node(nodes)).collect();
        if !around.is_empty() {
            return around;
        }
        let own = Self::of("self", root, controller);
        match nodes {
            Placement::WithWnm(_) => own.into_iter().collect(),
            // The nodes that start next are on this host at least.
            Placement::Apart(_) => own.map(Self::outermost).into_iter().collect(),
        }
    }

    /// Parses `/proc/PID/cgroup`: lines of a number, controllers and a path.
    fn of(process: &str, root: &Path, controller: &str) -> Option<Self> {
        let own = fs::read_to_string(root.join("proc").join(process).join("cgroup")).ok()?;
        let mounts = root.join("sys/fs/cgroup");
        let lines = || own.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
        let first = lines().find(|(controllers, _)| controllers.split(',').any(|name| name == controller));
        let (version, mount, path) = match first {
            // Controllers that share a hierarchy, as in `cpu,cpuacct`, need not have a link for each of them.
            Some((controllers, path)) => {
                let own = mounts.join(controller);
                (Version::One, if own.is_dir() { own } else { mounts.join(controllers) }, path)
            }
            None => (Version::Two, mounts, lines().find(|(controllers, _)| controllers.is_empty())?.1),
        };
        // A path with `..` is outside the cgroup namespace of this process.
        let path = if path.split('/').any(|part| part == "..") { "" } else { path.trim_start_matches('/') };
        // In a container the path may be that of the host, while the mount shows only the container's group.
        let folder = mount.join(path);
        let folders = folder.ancestors().take_while(|folder| folder.starts_with(&mount)).map(Path::to_owned).collect();
        Some(Self { version, mount, folders })
    }

    /// Removes the group of the node itself, whose limit concerns no other node.
    fn without_node(mut self, nodes: Placement<'_>) -> Self {
        match nodes {
            Placement::Apart(_) if self.folders.len() > 1 => drop(self.folders.remove(0)),
            Placement::Apart(_) | Placement::WithWnm(_) => {}
        }
        self
    }

    /// Removes the group of all nodes, whose CPU wnm limits.
    fn without_colony(mut self, colony: &str) -> Self {
        self.folders.retain(|folder| {
            let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            *folder == self.mount || name.strip_suffix(".slice").unwrap_or(name) != colony
        });
        self
    }

    fn outermost(mut self) -> Self {
        self.folders.drain(..self.folders.len().saturating_sub(1));
        self
    }

    fn memory_limits(&self) -> Vec<Memory> {
        self.folders.iter().filter_map(|folder| self.memory_limit(folder)).collect()
    }

    /// Returns limit and use of memory at one level; None without a limit.
    fn memory_limit(&self, folder: &Path) -> Option<Memory> {
        // The page cache of files and the reclaimable slab count as available, as in `MemAvailable`.
        let (total, usage, reclaimable) = match self.version {
            Version::One => (
                number(&folder.join("memory.limit_in_bytes"))?,
                number(&folder.join("memory.usage_in_bytes"))?,
                ["total_inactive_file", "total_active_file", ""],
            ),
            // Over `memory.high` the kernel slows the processes down, long before `memory.max`.
            Version::Two => (
                ["memory.high", "memory.max"].iter().filter_map(|file| number(&folder.join(file))).min()?,
                number(&folder.join("memory.current"))?,
                ["inactive_file", "active_file", "slab_reclaimable"],
            ),
        };
        let stat = Stat::read(&folder.join("memory.stat"));
        let reclaimable = reclaimable.iter().filter_map(|name| stat.count(name)).fold(0, u64::saturating_add);
        Some(Memory { total, used: usage.saturating_sub(reclaimable) })
    }

    fn cpu_quotas(&self) -> Vec<QuotaReading> {
        self.folders.iter().filter_map(|folder| self.cpu_quota(folder)).collect()
    }

    /// Returns CPU quota and use at one level; None without a CPU quota.
    fn cpu_quota(&self, folder: &Path) -> Option<QuotaReading> {
        let (quota, period) = match self.version {
            Version::One => (number(&folder.join("cpu.cfs_quota_us"))?, number(&folder.join("cpu.cfs_period_us"))?),
            Version::Two => {
                let max = fs::read_to_string(folder.join("cpu.max")).ok()?;
                let (quota, period) = max.trim().split_once(' ')?;
                (quota.parse::<u64>().ok()?, period.trim().parse::<u64>().ok()?)
            }
        };
        let limit = Cores::new(quota as f64 / period as f64).ok().filter(|limit| limit.get() > 0.0)?;
        let stat = Stat::read(&folder.join("cpu.stat"));
        let path = folder.strip_prefix(&self.mount).ok()?.to_string_lossy().into_owned();
        let used_micros = match self.version {
            Version::One => {
                let beside = self.mount.with_file_name("cpuacct").join(&path);
                [folder, &beside].iter().find_map(|group| number(&group.join("cpuacct.usage")))? / 1000
            }
            Version::Two => stat.count("usage_usec")?,
        };
        let periods = stat.count("nr_periods").zip(stat.count("nr_throttled"));
        let periods = periods.map(|(periods, throttled)| CpuLimitCounters { periods, throttled });
        Some(QuotaReading { path, limit, counters: CpuQuotaCounters { used_micros, periods } })
    }
}

/// Reads a file with one number; None for "max", for -1 and for everything else.
fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// The text of a file with a name and a number in each line.
struct Stat(String);

impl Stat {
    fn read(file: &Path) -> Self {
        Self(fs::read_to_string(file).unwrap_or_default())
    }

    fn count(&self, name: &str) -> Option<u64> {
        self.0.lines().find_map(|line| {
            let (key, value) = line.split_once(' ')?;
            (key == name).then(|| value.trim().parse().ok())?
        })
    }
}

#[cfg(test)]
mod tests;
