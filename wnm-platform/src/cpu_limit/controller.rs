//! The files by which control groups cap and count processor time, in both versions.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, statvfs};
use wnm_core::{Cores, CpuLimitCounters};

/// The span over which a cap holds, in microseconds: the kernel's own.
const PERIOD: u64 = 100_000;
/// The least that the kernel takes for a cap, in microseconds of a period.
const LEAST: u64 = 1000;

/// Where this host caps processor time.
#[derive(Debug, Clone)]
pub(crate) struct Controller {
    mount: PathBuf,
    version: Version,
    /// Where `proc` and `sys` stand.
    root: PathBuf,
}

/// The version of control groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    One,
    Two,
}

impl Controller {
    /// Returns that of the host whose `proc` and `sys` stand in a folder; None where there is none.
    pub(crate) fn below(root: &Path) -> Option<Self> {
        let groups = root.join("sys/fs/cgroup");
        let (mount, version) = match groups.join("cpu") {
            _ if groups.join("cgroup.controllers").exists() => (groups, Version::Two),
            mount if mount.is_dir() => (mount, Version::One),
            _ => return None,
        };
        Some(Self { mount, version, root: root.to_owned() })
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// Returns the folder of a group.
    pub(crate) fn folder(&self, path: &str) -> PathBuf {
        self.mount.join(path.trim_start_matches('/'))
    }

    /// Tells whether nobody may change anything here.
    pub(crate) fn is_read_only(&self) -> bool {
        statvfs(&self.mount).is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::RDONLY))
    }

    /// Tells whether groups in this one can be capped.
    pub(crate) fn is_offered_in(&self, folder: &Path) -> bool {
        match self.version {
            Version::One => folder.is_dir(),
            Version::Two => text(&folder.join("cgroup.controllers")).split_whitespace().any(|name| name == "cpu"),
        }
    }

    /// Returns the path of the group in which a process is capped; None when it cannot be told.
    pub(crate) fn group_of(&self, process: &str) -> Option<String> {
        let wanted = match self.version {
            Version::One => "cpu",
            Version::Two => "",
        };
        self.path_of(process, wanted)
    }

    /// Returns the path of the group in which systemd keeps a process, capped or not.
    pub(crate) fn unit_of(&self, process: &str) -> Option<String> {
        self.path_of(process, "name=systemd").or_else(|| self.path_of(process, ""))
    }

    /// Returns the path of what all groups of the system's systemd are in.
    pub(crate) fn system(&self) -> String {
        let init = self.unit_of("1").unwrap_or_default();
        init.strip_suffix("/init.scope").unwrap_or_default().to_owned()
    }

    /// Tells whether systemd has a group: in version 1 it makes one for processor time only when there is a cap.
    pub(crate) fn has_unit(&self, path: &str) -> bool {
        match self.version {
            Version::One => self.mount.with_file_name("systemd").join(path.trim_start_matches('/')).is_dir(),
            Version::Two => self.folder(path).is_dir(),
        }
    }

    /// Reads a controller's line of `/proc/PID/cgroup`: a number, controllers and a path.
    fn path_of(&self, process: &str, controller: &str) -> Option<String> {
        let groups = text(&self.root.join("proc").join(process).join("cgroup"));
        let mut lines = groups.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
        let (_, path) = lines.find(|(controllers, _)| controllers.split(',').any(|name| name == controller))?;
        // One that leads out of what is mounted is another namespace's.
        (!path.split('/').any(|part| part == "..")).then(|| path.to_owned())
    }

    /// Returns the cap of a group; None where it has none.
    pub(crate) fn limit(&self, folder: &Path) -> Option<Cores> {
        let (cpu_limit, period) = match self.version {
            Version::One => (text(&folder.join("cpu.cfs_quota_us")), text(&folder.join("cpu.cfs_period_us"))),
            Version::Two => {
                let max = text(&folder.join("cpu.max"));
                let (cpu_limit, period) = max.trim().split_once(' ')?;
                (cpu_limit.to_owned(), period.to_owned())
            }
        };
        // Without a cap it is -1, or a word.
        let (cpu_limit, period) = (cpu_limit.trim().parse::<u64>().ok()?, period.trim().parse::<u64>().ok()?);
        Cores::new(cpu_limit as f64 / period as f64).ok()
    }

    /// Returns how often a group was looked at and held back; None where nobody counts.
    pub(crate) fn counters(&self, folder: &Path) -> Option<CpuLimitCounters> {
        let stat = text(&folder.join("cpu.stat"));
        let count = |name: &str| stat.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        Some(CpuLimitCounters { periods: count("nr_periods ")?, throttled: count("nr_throttled ")? })
    }

    /// Lets groups in this one be capped.
    pub(crate) fn offer(&self, folder: &Path) -> io::Result<()> {
        match self.version {
            Version::One => Ok(()),
            Version::Two => fs::write(folder.join("cgroup.subtree_control"), "+cpu"),
        }
    }

    /// Caps a group; None lifts the cap.
    pub(crate) fn cap(&self, folder: &Path, limit: Option<Cores>) -> io::Result<()> {
        let cpu_limit = limit.map(|limit| ((limit.get() * PERIOD as f64) as u64).max(LEAST).to_string());
        match self.version {
            Version::One => {
                if cpu_limit.is_some() {
                    fs::write(folder.join("cpu.cfs_period_us"), PERIOD.to_string())?;
                }
                fs::write(folder.join("cpu.cfs_quota_us"), cpu_limit.as_deref().unwrap_or("-1"))
            }
            Version::Two => {
                fs::write(folder.join("cpu.max"), format!("{} {PERIOD}", cpu_limit.as_deref().unwrap_or("max")))
            }
        }
    }
}

/// Returns what a file says; nothing where it cannot be read.
fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
