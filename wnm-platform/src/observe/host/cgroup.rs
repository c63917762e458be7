//! Memory limits of control groups, in both versions.

use std::fs;
use std::path::{Path, PathBuf};

use super::Memory;

/// Returns the memory limits of all control groups around this process, innermost first.
pub(super) fn memory_limits(root: &Path) -> Vec<Memory> {
    let Some(own) = fs::read_to_string(root.join("proc/self/cgroup")).ok() else { return Vec::new() };
    let mounts = root.join("sys/fs/cgroup");
    let Some(group) = Group::of(&own, &mounts) else { return Vec::new() };
    // In a container the path may be that of the host, while the mount shows only the container's group.
    group
        .folder
        .ancestors()
        .take_while(|folder| folder.starts_with(&group.mount))
        .filter_map(|f| group.limit(f))
        .collect()
}

/// The control group of this process with the memory controller.
struct Group {
    mount: PathBuf,
    folder: PathBuf,
    files: &'static Files,
}

/// The file names of one version of control groups.
struct Files {
    limit: &'static str,
    usage: &'static str,
    /// The key in `memory.stat` of inactive page cache, which the kernel reclaims first and which counts as free.
    cache: &'static str,
}

static VERSION_1: Files =
    Files { limit: "memory.limit_in_bytes", usage: "memory.usage_in_bytes", cache: "total_inactive_file" };
static VERSION_2: Files = Files { limit: "memory.max", usage: "memory.current", cache: "inactive_file" };

impl Group {
    /// Parses `/proc/self/cgroup`: lines of a number, controllers and a path.
    fn of(own: &str, mounts: &Path) -> Option<Self> {
        let lines = || own.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
        let first = lines().find(|(controllers, _)| controllers.split(',').any(|name| name == "memory"));
        let (mount, path, files) = match first {
            Some((_, path)) => (mounts.join("memory"), path, &VERSION_1),
            None => (mounts.to_owned(), lines().find(|(controllers, _)| controllers.is_empty())?.1, &VERSION_2),
        };
        let folder = mount.join(path.trim_start_matches('/'));
        // A path with `..` is outside the cgroup namespace of this process.
        let folder = if path.split('/').any(|part| part == "..") { mount.clone() } else { folder };
        Some(Self { mount, folder, files })
    }

    /// Returns limit and use at one level; None without a limit.
    fn limit(&self, folder: &Path) -> Option<Memory> {
        let number = |file: &str| fs::read_to_string(folder.join(file)).ok()?.trim().parse::<u64>().ok();
        let total = number(self.files.limit)?;
        let usage = number(self.files.usage)?;
        let stat = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
        let cache = stat.lines().find_map(|line| line.strip_prefix(self.files.cache)?.trim().parse::<u64>().ok());
        Some(Memory { total, used: usage.saturating_sub(cache.unwrap_or(0)) })
    }
}
