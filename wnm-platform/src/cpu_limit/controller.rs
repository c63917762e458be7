//! The CPU files of control groups, in both versions.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, statvfs};
use wnm_core::{Cores, CpuLimitCounters};

/// The period of a limit in microseconds, the kernel's default (CFS bandwidth control).
const PERIOD: u64 = 100_000;
/// The smallest limit in microseconds per period: the kernel rejects less than 1 ms.
const LEAST: u64 = 1000;

/// The CPU controller of this host.
#[derive(Debug, Clone)]
pub(crate) struct Controller {
    mount: PathBuf,
    version: Version,
    /// The folder that contains `proc` and `sys`.
    root: PathBuf,
}

/// The version of control groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    One,
    Two,
}

impl Controller {
    /// Returns the controller of a host with its `proc` and `sys` in a folder; None without control groups.
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

    /// Tells whether the file system of control groups is mounted read-only.
    pub(crate) fn is_read_only(&self) -> bool {
        statvfs(&self.mount).is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::RDONLY))
    }

    /// Tells whether the children of a group can have a limit.
    pub(crate) fn is_offered_in(&self, folder: &Path) -> bool {
        match self.version {
            Version::One => folder.is_dir(),
            Version::Two => text(&folder.join("cgroup.controllers")).split_whitespace().any(|name| name == "cpu"),
        }
    }

    /// Returns the path of a process's group in the CPU controller; None when it is unreadable.
    pub(crate) fn group_of(&self, process: &str) -> Option<String> {
        let wanted = match self.version {
            Version::One => "cpu",
            Version::Two => "",
        };
        self.path_of(process, wanted)
    }

    /// Returns the path of a process's group in the systemd hierarchy.
    pub(crate) fn unit_of(&self, process: &str) -> Option<String> {
        self.path_of(process, "name=systemd").or_else(|| self.path_of(process, ""))
    }

    /// Returns the root path of the system's systemd: empty on a host, a path in some containers.
    pub(crate) fn system(&self) -> String {
        let init = self.unit_of("1").unwrap_or_default();
        init.strip_suffix("/init.scope").unwrap_or_default().to_owned()
    }

    /// Tells whether systemd has a group. With version 1, its CPU group exists only while there is a limit.
    pub(crate) fn has_unit(&self, path: &str) -> bool {
        match self.version {
            Version::One => self.mount.with_file_name("systemd").join(path.trim_start_matches('/')).is_dir(),
            Version::Two => self.folder(path).is_dir(),
        }
    }

    /// Parses a controller's line of `/proc/PID/cgroup`: a number, controllers and a path.
    fn path_of(&self, process: &str, controller: &str) -> Option<String> {
        let groups = text(&self.root.join("proc").join(process).join("cgroup"));
        let mut lines = groups.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
        let (_, path) = lines.find(|(controllers, _)| controllers.split(',').any(|name| name == controller))?;
        // A path with `..` is outside the cgroup namespace of this process.
        (!path.split('/').any(|part| part == "..")).then(|| path.to_owned())
    }

    /// Returns the limit of a group; None without one.
    pub(crate) fn limit(&self, folder: &Path) -> Option<Cores> {
        let (cpu_limit, period) = match self.version {
            Version::One => (text(&folder.join("cpu.cfs_quota_us")), text(&folder.join("cpu.cfs_period_us"))),
            Version::Two => {
                let max = text(&folder.join("cpu.max"));
                let (cpu_limit, period) = max.trim().split_once(' ')?;
                (cpu_limit.to_owned(), period.to_owned())
            }
        };
        // Without a limit the value is -1 in version 1 and "max" in version 2.
        let (cpu_limit, period) = (cpu_limit.trim().parse::<u64>().ok()?, period.trim().parse::<u64>().ok()?);
        Cores::new(cpu_limit as f64 / period as f64).ok()
    }

    /// Returns the numbers of periods and of throttled periods; None where the kernel does not count them.
    pub(crate) fn counters(&self, folder: &Path) -> Option<CpuLimitCounters> {
        let stat = text(&folder.join("cpu.stat"));
        let count = |name: &str| stat.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        Some(CpuLimitCounters { periods: count("nr_periods ")?, throttled: count("nr_throttled ")? })
    }

    /// Enables a controller of version 2 for the children of a group.
    pub(crate) fn offer(&self, folder: &Path, controller: &str) -> io::Result<()> {
        match self.version {
            Version::One => Ok(()),
            Version::Two => fs::write(folder.join("cgroup.subtree_control"), format!("+{controller}")),
        }
    }

    /// Sets the limit of a group; None removes it.
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

/// Returns the text of a file, empty when it is unreadable.
fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
