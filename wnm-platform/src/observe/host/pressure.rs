//! Pressure stall information of the host, and of the control groups of version 2.
//!
//! On hosts whose controllers are of version 1, systemd keeps its groups in a hierarchy of version 2 beside them, and
//! the kernel counts stalls there too.

use std::fs;
use std::path::{Path, PathBuf};

use wnm_core::{Psi, Stalls};

use super::{ColonyProcesses, kernel};

/// Returns the stalls of a host with its `proc` and `sys` in a folder.
pub(super) fn psi(root: &Path, nodes: ColonyProcesses<'_>) -> Option<Psi> {
    let host = stalls(|resource| root.join("proc/pressure").join(resource))?;
    let split = mount(root).and_then(|mount| split(root, &mount, nodes, &host));
    let (colony, background) = split.unzip();
    Some(Psi { host, colony, background })
}

/// Returns the stalls of the nodes and of the rest; None unless one control group contains all nodes.
fn split(root: &Path, mount: &Path, nodes: ColonyProcesses<'_>, host: &Stalls) -> Option<(Stalls, Stalls)> {
    let mut groups = nodes.pids.iter().map(|pid| Some(mount.join(around(root, *pid, nodes.group)?)));
    let group = groups.next()??;
    if !groups.all(|other| other.as_ref() == Some(&group)) {
        return None;
    }
    let colony = of_group(&group)?;
    let mut background = host.without(&colony);
    // While nodes and other work wait at the same time, the difference shows nothing. The groups beside those around
    // the nodes contain other work only.
    for around in group.ancestors().take_while(|around| *around != mount) {
        for beside in subgroups(around.parent()?).filter(|beside| beside != around) {
            background = of_group(&beside).map_or(background, |stalls| background.max(&stalls));
        }
    }
    Some((colony, background))
}

/// Returns where control groups of version 2 are mounted.
fn mount(root: &Path) -> Option<PathBuf> {
    let groups = root.join("sys/fs/cgroup");
    [groups.clone(), groups.join("unified")].into_iter().find(|mount| mount.join("cgroup.controllers").exists())
}

/// Returns the path below the mount of the group with a name that contains a process; None if none does.
fn around(root: &Path, pid: u32, name: &str) -> Option<PathBuf> {
    let path = group_of(root, &pid.to_string())?;
    let is_it = |group: &&Path| {
        let group = group.file_name().and_then(|group| group.to_str()).unwrap_or_default();
        group.strip_suffix(".slice").unwrap_or(group) == name
    };
    path.ancestors().find(is_it).map(Path::to_owned)
}

/// Returns the path of a process's group below the mount.
fn group_of(root: &Path, process: &str) -> Option<PathBuf> {
    let groups = fs::read_to_string(root.join("proc").join(process).join("cgroup")).ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    // A path with `..` is outside the cgroup namespace of this process.
    (!path.split('/').any(|part| part == "..")).then(|| PathBuf::from(path))
}

fn of_group(group: &Path) -> Option<Stalls> {
    stalls(|resource| group.join(format!("{resource}.pressure")))
}

fn stalls(file: impl Fn(&str) -> PathBuf) -> Option<Stalls> {
    let stall = |resource: &str| kernel::stall(&fs::read_to_string(file(resource)).ok()?);
    Some(Stalls { cpu: stall("cpu")?, memory: stall("memory")?, io: stall("io")? })
}

fn subgroups(group: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
}
