//! The cap on the CPU of all nodes of a colony together: one control group that all of them are in.
//!
//! The host itself remembers what is in force; a restart of it lifts every cap.

mod controller;
mod own;
mod unavailable;

use std::path::PathBuf;

use wnm_core::{Cores, CpuLimitCounters, CpuLimitSample, ManagerKind, Program, Scope, Settings};

use crate::error::PlatformError;
use crate::exec::Exec;
use crate::manager::Slice;
pub(crate) use controller::{Controller, Version};
use own::OwnGroup;
pub use unavailable::NoCpuLimit;

/// The cap on a colony, as its process manager can have one.
#[derive(Debug, Clone)]
pub struct CpuLimit {
    kind: ManagerKind,
    /// What the group of its nodes is called.
    name: String,
    exec: Exec,
    /// Where `proc` and `sys` stand.
    root: PathBuf,
}

/// What is in force, and how often it held the colony back so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppliedLimit {
    /// The cap; None where there is none.
    pub limit: Option<Cores>,
    /// None where nobody counts.
    pub counters: Option<CpuLimitCounters>,
}

/// The group of a colony.
enum Group {
    /// A slice of systemd.
    Slice(Slice),
    /// One that docker makes, and wnm writes.
    Docker(OwnGroup),
    /// One that wnm makes when it is first needed.
    Own(OwnGroup),
}

impl Group {
    /// Returns where it is capped.
    fn folder(&self) -> PathBuf {
        match self {
            Self::Slice(slice) => slice.folder(),
            Self::Docker(group) | Self::Own(group) => group.folder.clone(),
        }
    }

    /// Tells whether there is something to cap, or wnm can make it.
    fn is_there(&self) -> bool {
        match self {
            Self::Slice(slice) => slice.is_there(),
            Self::Docker(group) => group.folder.is_dir(),
            Self::Own(_) => true,
        }
    }
}

/// Returns what the control group of a colony is called: no two on a host can have the same ports.
#[must_use]
pub fn group_name(settings: &Settings) -> String {
    let [nodes, ..] = settings.ports.thousands();
    format!("wnm-{nodes}000")
}

impl CpuLimit {
    /// Returns that of the colony with these settings.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        Self::new(settings.manager, group_name(settings))
    }

    /// Returns that of nodes of a process manager, which are in the group of this name.
    #[must_use]
    pub fn new(kind: ManagerKind, name: String) -> Self {
        Self { kind, name, exec: Exec::real(), root: "/".into() }
    }

    /// Returns what is in force now.
    ///
    /// # Errors
    /// The colony cannot be capped.
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

    /// Returns what the engine sees of it, and what the next look counts from.
    pub(crate) fn sample(
        &self,
        before: Option<CpuLimitCounters>,
    ) -> (Option<CpuLimitSample>, Option<CpuLimitCounters>) {
        let Ok(AppliedLimit { limit, counters }) = self.look() else { return (None, None) };
        let throttled = counters.zip(before).and_then(|(now, before)| now.share_since(before));
        (Some(CpuLimitSample { limit, throttled }), counters)
    }

    /// Caps the colony, whose nodes run as these processes, until the host is restarted.
    ///
    /// # Errors
    /// It cannot be capped, or what is asked to do it fails.
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

    /// Lifts the cap if wnm made it.
    ///
    /// # Errors
    /// What is asked to do it fails.
    pub fn lift(&self) -> Result<(), PlatformError> {
        match self.group() {
            Ok((_, Group::Slice(slice))) if slice.is_limited_by_wnm() => slice.cap(None),
            Ok((controller, Group::Docker(group) | Group::Own(group))) if controller.limit(&group.folder).is_some() => {
                group.cap(None)
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Lifts the cap as [`lift`](Self::lift) does, and removes what wnm made for it when no node is in it any more.
    ///
    /// # Errors
    /// What is asked to do it fails.
    pub fn end(&self) -> Result<(), PlatformError> {
        self.lift()?;
        if let Ok((_, Group::Docker(group) | Group::Own(group))) = self.group() {
            group.remove();
        }
        Ok(())
    }

    /// Tells whether a process is in the group, and so held back by its cap.
    #[must_use]
    pub fn holds(&self, process: u32) -> bool {
        match self.group() {
            Ok((_, Group::Slice(slice))) => slice.holds(process),
            Ok((controller, Group::Docker(group) | Group::Own(group))) => {
                let path = controller.group_of(&process.to_string());
                path.is_some_and(|path| controller.folder(&path).starts_with(&group.folder))
            }
            Err(_) => false,
        }
    }

    /// Puts a process that wnm started itself into the group, if there is one by now.
    pub(crate) fn enter(&self, process: u32) -> Result<(), PlatformError> {
        match self.group() {
            Ok((_, Group::Own(group))) if group.folder.is_dir() => group.enter(process),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Finds the group, whether it is there by now or not.
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

    /// Docker makes groups by itself or has systemd make them, as it was set up.
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
