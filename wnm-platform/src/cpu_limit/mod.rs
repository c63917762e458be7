//! The CPU limit of a colony: one control group that contains all of its nodes.
//!
//! The kernel keeps the applied limit, and wnm stores nothing. A reboot removes every limit.

mod controller;
mod own;
mod unavailable;

use std::path::PathBuf;

use wnm_core::{Cores, CpuLimitCounters, CpuLimitSample, ManagerKind, Program, Scope, Settings};

use crate::error::PlatformError;
use crate::exec::Exec;
use crate::manager::Slice;
pub(crate) use controller::{Controller, Version};
pub(crate) use own::OwnGroup;
pub use unavailable::NoCpuLimit;

/// The CPU limit of a colony, in the way that its process manager supports.
#[derive(Debug, Clone)]
pub struct CpuLimit {
    kind: ManagerKind,
    /// The name of the control group.
    name: String,
    exec: Exec,
    /// The folder that contains `proc` and `sys`.
    root: PathBuf,
}

/// The applied limit and its counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppliedLimit {
    /// The limit; None without one.
    pub limit: Option<Cores>,
    /// The counters of the kernel; None where the group has none.
    pub counters: Option<CpuLimitCounters>,
}

/// The group of a colony.
enum Group {
    /// A slice of systemd.
    Slice(Slice),
    /// A group that docker creates, and whose limit wnm writes.
    Docker(OwnGroup),
    /// A group that wnm creates with the first limit.
    Own(OwnGroup),
}

impl Group {
    /// Returns the folder of the limit.
    fn folder(&self) -> PathBuf {
        match self {
            Self::Slice(slice) => slice.folder(),
            Self::Docker(group) | Self::Own(group) => group.folder.clone(),
        }
    }

    /// Tells whether the group exists or wnm can create it.
    fn is_there(&self) -> bool {
        match self {
            Self::Slice(slice) => slice.is_there(),
            Self::Docker(group) => group.folder.is_dir(),
            Self::Own(_) => true,
        }
    }
}

/// Returns the name of a colony's control group. It contains the first port, because two colonies on one host cannot
/// share ports.
#[must_use]
pub fn group_name(settings: &Settings) -> String {
    let [nodes, ..] = settings.ports.thousands();
    format!("wnm-{nodes}000")
}

impl CpuLimit {
    /// Returns the CPU limit of a colony.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        Self::new(settings.manager, group_name(settings))
    }

    /// Returns the CPU limit of the nodes of a process manager in a group.
    #[must_use]
    pub fn new(kind: ManagerKind, name: String) -> Self {
        Self { kind, name, exec: Exec::real(), root: "/".into() }
    }

    /// Returns the applied limit.
    ///
    /// # Errors
    /// A limit is not possible on this host.
    pub fn look(&self) -> Result<AppliedLimit, NoCpuLimit> {
        let (controller, group) = self.group()?;
        if !group.is_there() {
            return Err(NoCpuLimit::EmptyGroup);
        }
        let folder = group.folder();
        let limit = controller.limit(&folder);
        match group {
            Group::Slice(slice) if limit.is_some() && !slice.is_limited_by_wnm() => {
                Err(NoCpuLimit::LimitedByOther(slice.name().to_owned()))
            }
            Group::Slice(_) | Group::Docker(_) | Group::Own(_) => {
                Ok(AppliedLimit { limit, counters: controller.counters(&folder) })
            }
        }
    }

    /// Returns the sample for the engine, and the counters for the next sample.
    pub(crate) fn sample(
        &self,
        before: Option<CpuLimitCounters>,
    ) -> (Option<CpuLimitSample>, Option<CpuLimitCounters>) {
        let Ok(AppliedLimit { limit, counters }) = self.look() else { return (None, None) };
        let throttled = counters.zip(before).and_then(|(now, before)| now.share_since(before));
        (Some(CpuLimitSample { limit, throttled }), counters)
    }

    /// Sets the limit of the colony, whose nodes run as these processes, until the next boot.
    ///
    /// # Errors
    /// A limit is not possible on this host, or setting it fails.
    pub fn set(&self, limit: Cores, processes: &[u32]) -> Result<(), PlatformError> {
        match self.group() {
            Ok((_, Group::Slice(slice))) => slice.cap(Some(limit)),
            Ok((_, Group::Docker(group))) => group.cap(Some(limit)),
            Ok((_, Group::Own(group))) => {
                group.make()?;
                processes.iter().try_for_each(|process| group.enter(*process))?;
                group.cap(Some(limit))
            }
            Err(reason) => Err(PlatformError::NoCpuLimit(reason)),
        }
    }

    /// Removes the limit if wnm set it.
    ///
    /// # Errors
    /// Removing it fails.
    pub fn lift(&self) -> Result<(), PlatformError> {
        match self.group() {
            Ok((_, Group::Slice(slice))) if slice.is_limited_by_wnm() => slice.cap(None),
            Ok((controller, Group::Docker(group) | Group::Own(group))) if controller.limit(&group.folder).is_some() => {
                group.cap(None)
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Removes the limit as [`lift`](Self::lift) does, and the control group if it is empty and wnm created it.
    ///
    /// # Errors
    /// Removing the limit fails.
    pub fn end(&self) -> Result<(), PlatformError> {
        self.lift()?;
        if let Ok((_, Group::Docker(group) | Group::Own(group))) = self.group() {
            group.remove();
        }
        Ok(())
    }

    /// Tells whether a process is in the group.
    #[must_use]
    pub fn holds(&self, process: u32) -> bool {
        match self.group() {
            Ok((_, Group::Slice(slice))) => slice.holds(process),
            Ok((_, Group::Docker(group) | Group::Own(group))) => group.holds(process),
            Err(_) => false,
        }
    }

    /// Puts a process that wnm started into the group, if the group exists.
    pub(crate) fn enter(&self, process: u32) -> Result<(), PlatformError> {
        match self.group() {
            Ok((_, Group::Own(group))) if group.folder.is_dir() => group.enter(process),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Returns the group, which need not exist yet.
    fn group(&self) -> Result<(Controller, Group), NoCpuLimit> {
        match self.kind.program {
            Program::Launchd => return Err(NoCpuLimit::Launchd),
            Program::Antctl => return Err(NoCpuLimit::Antctl),
            Program::Setsid | Program::Systemd | Program::Docker => {}
        }
        let controller = Controller::below(&self.root).ok_or(NoCpuLimit::NoController)?;
        if controller.is_read_only() {
            return Err(NoCpuLimit::ReadOnly);
        }
        let group = match self.kind.program {
            Program::Systemd => Group::Slice(self.slice(&controller, self.kind.scope)?),
            Program::Docker => self.of_docker(&controller)?,
            Program::Setsid | Program::Launchd | Program::Antctl => {
                Group::Own(OwnGroup::around_us(&controller, &self.name)?)
            }
        };
        Ok((controller, group))
    }

    fn slice(&self, controller: &Controller, scope: Scope) -> Result<Slice, NoCpuLimit> {
        Slice::new(&self.name, scope, controller, &self.exec)
    }

    /// Returns the group of containers: docker creates it itself or through systemd, depending on its cgroup driver.
    fn of_docker(&self, controller: &Controller) -> Result<Group, NoCpuLimit> {
        if !rustix::process::geteuid().is_root() {
            return Err(NoCpuLimit::ContainersNeedRoot);
        }
        let slice = self.slice(controller, Scope::Sudo).ok().filter(Slice::is_there);
        let own = || OwnGroup::within(controller, controller.folder(""), &self.name);
        Ok(slice.map_or_else(|| Group::Docker(own()), Group::Slice))
    }
}

#[cfg(test)]
mod tests;
