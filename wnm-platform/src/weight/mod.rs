//! The weight of a colony: its nodes run behind the host's other work.
//!
//! One control group around all nodes has the weight, because the kernel divides time between groups first: ten units
//! of the lowest priority, each a group of its own, get ten shares. Where no group can be had, each process gets a low
//! priority.

mod containers;
mod files;
mod priority;
mod unavailable;

use std::fs;
use std::path::{Path, PathBuf};

use wnm_core::{ManagerKind, Node, Program, Scope, Settings, Weight, WeightMeans, WeightSample};

use crate::cpu_limit::{Controller, NoCpuLimit, OwnGroup, group_name};
use crate::error::{FileOperation, PlatformError};
use crate::exec::Exec;
use crate::manager::{self, Options, Slice};
use files::Disks;
pub(crate) use files::cpu as cpu_weight_of;
pub use unavailable::NoWeight;

/// The weights of all nodes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weights {
    /// For CPU time.
    pub cpu: Weight,
    /// For disks.
    pub io: Weight,
}

/// Puts the calling thread behind all other work, for a copy beside the nodes.
#[cfg(target_os = "linux")]
pub(crate) fn lower_this_thread() {
    let thread = rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs();
    let weights = Weights { cpu: Weight::Share(1), io: Weight::Idle };
    if let Err(error) = priority::lower(&Exec::real(), weights, &[thread]) {
        tracing::debug!(%error, "cannot lower the priority of a copy");
    }
}

/// Puts the calling thread behind all other work. macOS has priorities of processes only.
#[cfg(not(target_os = "linux"))]
pub(crate) fn lower_this_thread() {}

impl Weights {
    /// Returns the weights that the settings name.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        Self { cpu: settings.cpu_weight, io: settings.io_weight }
    }
}

/// A running node with its process.
#[derive(Debug, Clone, Copy)]
pub struct RunningNode<'a> {
    /// The node.
    pub node: &'a Node,
    /// Its process.
    pub pid: u32,
}

/// The weight of a colony, by the means of its process manager.
#[derive(Debug, Clone)]
pub struct ColonyWeight {
    kind: ManagerKind,
    /// The name of the control group.
    name: String,
    weights: Weights,
    options: Options,
    exec: Exec,
    /// The folder that contains `proc` and `sys`.
    root: PathBuf,
}

/// The means in effect, or the reasons why there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedWeight {
    /// For CPU time.
    pub cpu: Result<WeightMeans, NoWeight>,
    /// For disks.
    pub io: Result<WeightMeans, NoWeight>,
}

impl AppliedWeight {
    fn none(reason: NoWeight) -> Self {
        Self { cpu: Err(reason.clone()), io: Err(reason) }
    }

    /// Returns the means for an observation.
    #[must_use]
    pub fn sample(&self) -> WeightSample {
        WeightSample { cpu: self.cpu.clone().ok(), io: self.io.clone().ok() }
    }
}

/// The means of a process manager on this host.
enum Place {
    /// A slice of systemd.
    Slice(Slice, WeightMeans),
    /// A group that docker creates, and whose weight wnm writes.
    Docker(OwnGroup),
    /// A group that wnm creates, and into which it moves the processes.
    Own(OwnGroup, WeightMeans),
    /// The containers themselves: their group cannot be changed.
    Containers,
    /// The processes themselves, for this reason.
    Processes(NoCpuLimit),
    /// The definitions of launchd.
    Launchd,
}

/// The state of the control group of a colony.
struct Group {
    means: WeightMeans,
    cpu: Option<Weight>,
    io: Option<Weight>,
    /// The running nodes outside of it.
    outside: usize,
}

impl ColonyWeight {
    /// Returns the weight of a colony.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        Self::new(settings.manager, group_name(settings), Weights::of(settings), &Options::of(settings))
    }

    /// Returns the weight of the nodes of a process manager in a group.
    #[must_use]
    pub fn new(kind: ManagerKind, name: String, weights: Weights, options: &Options) -> Self {
        Self { kind, name, weights, options: options.clone(), exec: Exec::real(), root: "/".into() }
    }

    /// Returns the means in effect for the running nodes; without a running node, those that new nodes get.
    #[must_use]
    pub fn look(&self, nodes: &[RunningNode<'_>]) -> AppliedWeight {
        let nodes = self.own(nodes);
        match self.place() {
            Err(reason) => AppliedWeight::none(NoWeight::NoGroup(reason)),
            Ok(Place::Slice(slice, means)) => {
                let outer = slice.outer_folder();
                let controller = slice.controller();
                let io = files::io_folder(controller, &outer);
                let outside = nodes.iter().filter(|node| !slice.holds(node.pid)).count();
                let cpu = files::cpu(controller.version(), &outer);
                self.applied(Some(&Group { means, cpu, io: files::io(&io), outside }), None, &nodes)
            }
            Ok(Place::Docker(group)) => {
                self.applied(Some(&self.group(&group, WeightMeans::Group, &nodes)), None, &nodes)
            }
            Ok(Place::Own(group, means)) => {
                let state = self.group(&group, means, &nodes);
                self.applied(Some(&state), Some(NoWeight::NotApplied), &nodes)
            }
            Ok(Place::Processes(reason)) => self.applied(None, Some(NoWeight::NoGroup(reason)), &nodes),
            Ok(Place::Containers) => containers::look(self, &nodes),
            Ok(Place::Launchd) => self.loaded(&nodes),
        }
    }

    /// Applies the weights to the running nodes, so far as their process manager can without a restart.
    ///
    /// # Errors
    /// A weight cannot be set. Nodes are not affected by that.
    pub fn apply(&self, nodes: &[RunningNode<'_>]) -> Result<(), PlatformError> {
        let nodes = self.own(nodes);
        match self.place() {
            Ok(Place::Slice(slice, _)) => slice.weigh(self.weights),
            Ok(Place::Docker(group)) if group.folder.is_dir() => self.weigh(&group),
            Ok(Place::Own(group, _)) => {
                let grouped = self.gather(&group, &nodes);
                // Also in a group, where it gives the disks a priority, and where the kernel has no groups by session.
                let sessions = grouped.is_err() && priority::is_grouped_by_session(&self.root);
                grouped.and(self.lower(&nodes, sessions))
            }
            Ok(Place::Processes(_)) => self.lower(&nodes, priority::is_grouped_by_session(&self.root)),
            Ok(Place::Containers) => containers::apply(self, &nodes),
            Ok(Place::Docker(_) | Place::Launchd) | Err(_) => Ok(()),
        }
    }

    /// Removes the weights that outlive the nodes.
    ///
    /// # Errors
    /// A weight cannot be removed.
    pub fn end(&self) -> Result<(), PlatformError> {
        match self.place() {
            Ok(Place::Slice(slice, _)) => slice.unweigh(),
            Ok(Place::Docker(group) | Place::Own(group, _)) => {
                let _ = fs::remove_dir(files::io_folder(&group.controller, &group.folder));
                group.remove();
                Ok(())
            }
            Ok(Place::Containers | Place::Processes(_) | Place::Launchd) | Err(_) => Ok(()),
        }
    }

    /// Creates the group for a node that wnm is about to start itself. A failure leaves the priority as the means.
    pub(crate) fn prepare(&self) {
        if let Ok(Place::Own(group, _)) = self.place()
            && let Err(error) = group.make().and_then(|()| self.weigh(&group))
        {
            tracing::debug!(%error, "cannot give the control group of the nodes a weight");
        }
    }

    /// Lowers the priority of the calling thread, which the processes that it starts inherit.
    #[cfg(target_os = "linux")]
    pub(crate) fn lower_thread(&self) {
        let thread = rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs();
        if let Err(error) = priority::lower(&self.exec, self.weights, &[thread]) {
            tracing::debug!(%error, "cannot lower the priority of a node before its start");
        }
    }

    /// Puts a node that wnm has started itself behind other work.
    pub(crate) fn enter(&self, process: u32) {
        let entered = match self.place() {
            Ok(Place::Own(group, _)) if group.folder.is_dir() => self.move_into(&group, process),
            _ => Ok(()),
        };
        if let Err(error) = entered {
            tracing::debug!(%error, process, "cannot move a node into the control group");
        }
        #[cfg(not(target_os = "linux"))]
        let _ = priority::lower_process(&self.exec, &self.root, self.weights, process);
        if priority::is_grouped_by_session(&self.root) {
            priority::lower_session(&self.root, self.weights.cpu, process);
        }
    }

    /// Returns the nodes of the process manager of this colony.
    fn own<'a>(&self, nodes: &[RunningNode<'a>]) -> Vec<RunningNode<'a>> {
        nodes.iter().copied().filter(|node| node.node.manager == self.kind).collect()
    }

    fn place(&self) -> Result<Place, NoCpuLimit> {
        let controller = || {
            let controller = Controller::below(&self.root).ok_or(NoCpuLimit::NoController)?;
            if controller.is_read_only() { Err(NoCpuLimit::ReadOnly) } else { Ok(controller) }
        };
        let slice = |scope: Scope| controller().and_then(|it| Slice::new(&self.name, scope, &it, &self.exec));
        match (self.kind.program, self.kind.scope) {
            (Program::Launchd, _) => Ok(Place::Launchd),
            (Program::Antctl, _) if !manager::has_systemd() => Err(NoCpuLimit::Antctl),
            (Program::Systemd | Program::Antctl, Scope::Sudo) => {
                Ok(Place::Slice(slice(Scope::Sudo)?, WeightMeans::Group))
            }
            (Program::Systemd | Program::Antctl, scope @ (Scope::User | Scope::Zen)) => Ok(match slice(scope) {
                Ok(slice) => Place::Slice(slice, WeightMeans::UserGroup),
                // Without groups of their own, the services of the user compete as processes.
                Err(reason) => Place::Processes(reason),
            }),
            (Program::Docker, _) if !rustix::process::geteuid().is_root() => Ok(Place::Containers),
            (Program::Docker, _) => {
                let controller = controller()?;
                let slice = Slice::new(&self.name, Scope::Sudo, &controller, &self.exec).ok().filter(Slice::is_there);
                let own = || OwnGroup::within(&controller, controller.folder(""), &self.name);
                Ok(slice.map_or_else(|| Place::Docker(own()), |slice| Place::Slice(slice, WeightMeans::Group)))
            }
            (Program::Setsid, _) => Ok(match controller().and_then(|it| OwnGroup::around_us(&it, &self.name)) {
                Ok(group) if rustix::process::geteuid().is_root() => Place::Own(group, WeightMeans::Group),
                // A group that the system gave to a user is inside of a group with the weight of that user.
                Ok(group) => Place::Own(group, WeightMeans::UserGroup),
                Err(reason) => Place::Processes(reason),
            }),
        }
    }

    fn group(&self, group: &OwnGroup, means: WeightMeans, nodes: &[RunningNode<'_>]) -> Group {
        let io = files::io_folder(&group.controller, &group.folder);
        Group {
            means,
            cpu: files::cpu(group.controller.version(), &group.folder),
            io: files::io(&io),
            outside: group.outside(nodes.iter().map(|node| node.pid)).len(),
        }
    }

    /// Returns the means in effect in a group, or by priority where the manager uses it.
    fn applied(
        &self,
        group: Option<&Group>,
        by_priority: Option<NoWeight>,
        nodes: &[RunningNode<'_>],
    ) -> AppliedWeight {
        // Of processes in a group the kernel makes no groups by session.
        let sessions = group.is_none_or(|group| group.outside > 0) && priority::is_grouped_by_session(&self.root);
        let is_behind = |node: &RunningNode<'_>| priority::is_behind(&self.root, node.pid, sessions);
        let is_low = by_priority.is_some() && nodes.iter().all(is_behind);
        let in_group = |weight: fn(&Group) -> Option<Weight>| match group {
            Some(group) if nodes.is_empty() => Ok(group.means),
            Some(group) if weight(group).is_some_and(Weight::is_behind) => match group.outside {
                0 => Ok(group.means),
                outside => Err(NoWeight::Outside(outside)),
            },
            Some(_) => Err(NoWeight::NotApplied),
            None => Err(by_priority.clone().unwrap_or(NoWeight::NotApplied)),
        };
        let or_low =
            |means: Result<WeightMeans, NoWeight>| if is_low { means.or(Ok(WeightMeans::Priority)) } else { means };
        let disks = Disks::below(&self.root);
        let io = match in_group(|group| group.io) {
            _ if !self.weights.io.is_behind() => Err(NoWeight::Ordinary),
            means @ Ok(_) if disks.honour_weights => means,
            Err(reason) if disks.honour_weights && !is_low => Err(reason),
            _ if disks.honour_priorities && is_low => Ok(WeightMeans::Priority),
            _ => Err(NoWeight::NoDisk),
        };
        let cpu =
            if self.weights.cpu.is_behind() { or_low(in_group(|group| group.cpu)) } else { Err(NoWeight::Ordinary) };
        AppliedWeight { cpu, io }
    }

    /// Returns the means of launchd: each service is loaded with its definition.
    fn loaded(&self, nodes: &[RunningNode<'_>]) -> AppliedWeight {
        let is_behind = |node: &&RunningNode<'_>| !manager::launchd_runs_behind(&self.options, self.kind, node.node);
        let without = nodes.iter().filter(is_behind).count();
        let means = |weight: Weight| match without {
            _ if !weight.is_behind() => Err(NoWeight::Ordinary),
            0 => Ok(WeightMeans::Priority),
            count => Err(NoWeight::NotLoaded(count)),
        };
        AppliedWeight { cpu: means(self.weights.cpu), io: means(self.weights.io) }
    }

    /// Sets the weights of a group that exists.
    ///
    /// # Errors
    /// The weight for CPU time cannot be set. Without a weight for disks, the observation shows other means or none.
    fn weigh(&self, group: &OwnGroup) -> Result<(), PlatformError> {
        let version = group.controller.version();
        let weighed = group.offer("cpu").and_then(|()| files::set_cpu(version, &group.folder, self.weights.cpu));
        let _ = group.offer("io");
        let io = files::io_folder(&group.controller, &group.folder);
        if io.parent().is_some_and(Path::is_dir)
            && let Err(error) = fs::create_dir_all(&io).and_then(|()| files::set_io(&io, self.weights.io))
        {
            tracing::debug!(%error, group = %io.display(), "cannot set the weight for disks");
        }
        weighed.map_err(|source| PlatformError::File {
            operation: FileOperation::WeighGroup,
            path: group.folder.clone(),
            source,
        })
    }

    /// Moves all nodes into a group with the weights.
    fn gather(&self, group: &OwnGroup, nodes: &[RunningNode<'_>]) -> Result<(), PlatformError> {
        if nodes.is_empty() && !group.folder.is_dir() {
            return Ok(());
        }
        group.make()?;
        self.weigh(group)?;
        let outside = group.outside(nodes.iter().map(|node| node.pid));
        outside.into_iter().try_for_each(|process| self.move_into(group, process))
    }

    fn move_into(&self, group: &OwnGroup, process: u32) -> Result<(), PlatformError> {
        group.enter(process)?;
        let io = files::io_folder(&group.controller, &group.folder);
        if io != group.folder && io.is_dir() {
            // ESRCH means that the process has exited meanwhile.
            let _ = fs::write(io.join("cgroup.procs"), process.to_string());
        }
        Ok(())
    }

    /// Lowers the priority of all nodes, and that of their sessions if the kernel groups by them.
    fn lower(&self, nodes: &[RunningNode<'_>], sessions: bool) -> Result<(), PlatformError> {
        let mut result = Ok(());
        for RunningNode { node, pid } in nodes {
            if let Err(source) = priority::lower_process(&self.exec, &self.root, self.weights, *pid) {
                result = Err(PlatformError::PriorityFailed { node: node.id, pid: *pid, source });
            } else if sessions {
                priority::lower_session(&self.root, self.weights.cpu, *pid);
            }
        }
        result
    }
}

#[cfg(test)]
mod tests;
