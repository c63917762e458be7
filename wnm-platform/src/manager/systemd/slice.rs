//! The slice that contains all nodes of a colony and carries their common CPU limit.

use std::fs;
use std::path::{Path, PathBuf};

use wnm_core::{Cores, Scope};

use super::rights::{self, Bus, Rights};
use crate::cpu_limit::{Controller, NoCpuLimit, Version};
use crate::error::PlatformError;
use crate::exec::Exec;

/// A slice of the system or of the user who runs wnm.
#[derive(Debug)]
pub(crate) struct Slice {
    bus: Bus,
    name: String,
    controller: Controller,
    /// The path of its control group.
    path: String,
    /// The folder in which systemd stores properties that were set with `--runtime`.
    control: PathBuf,
    /// Its file for a limit.
    note: PathBuf,
}

/// Returns the name of the slice for a group.
pub(crate) fn slice_name(group: &str) -> String {
    format!("{group}.slice")
}

impl Slice {
    /// Returns the slice of a group, which need not exist yet.
    ///
    /// # Errors
    /// systemd has no CPU controller at this place.
    pub(crate) fn new(group: &str, scope: Scope, controller: &Controller, exec: &Exec) -> Result<Self, NoCpuLimit> {
        let system = controller.system();
        let (around, control, runtime) = match scope {
            Scope::Sudo => (system, PathBuf::from("/run/systemd/system.control"), None),
            Scope::User | Scope::Zen => {
                let user = rights::uid();
                let runtime = rights::runtime_folder().ok_or(NoCpuLimit::NoUserSystemd(user))?;
                let around = format!("{system}/user.slice/user-{user}.slice/user@{user}.service");
                (around, runtime.join("systemd/user.control"), Some(runtime))
            }
        };
        let is_users = scope != Scope::Sudo;
        if is_users && controller.version() == Version::One {
            return Err(NoCpuLimit::UserNeedsVersion2);
        }
        let top = controller.folder(&around);
        if !controller.is_offered_in(&top) {
            return Err(if is_users { NoCpuLimit::UserNotDelegated(top) } else { NoCpuLimit::NotDelegated(top) });
        }
        let name = slice_name(group);
        let bus = Bus { exec: exec.clone(), scope, rights: Rights::here(scope), runtime };
        let note = control.join(format!("{name}.d/50-CPUQuota.conf"));
        let path = format!("{around}/{}", path_of(&name));
        Ok(Self { bus, controller: controller.clone(), path, control, note, name })
    }

    pub(super) fn bus(&self) -> &Bus {
        &self.bus
    }

    pub(super) fn control(&self) -> &Path {
        &self.control
    }

    /// Returns the controller of CPU time.
    pub(crate) fn controller(&self) -> &Controller {
        &self.controller
    }

    /// Tells whether the slice is one of the user who runs wnm.
    pub(super) fn is_users(&self) -> bool {
        self.bus.scope != Scope::Sudo
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Tells whether the slice exists, which is the case while a unit in it is active.
    pub(crate) fn is_there(&self) -> bool {
        self.controller.has_unit(&self.path)
    }

    /// Returns the folder of its control group.
    pub(crate) fn folder(&self) -> PathBuf {
        self.controller.folder(&self.path)
    }

    /// Tells whether a process is in the slice.
    pub(crate) fn holds(&self, process: u32) -> bool {
        let unit = self.controller.unit_of(&process.to_string());
        unit.is_some_and(|unit| Path::new(&unit).starts_with(&self.path))
    }

    /// Tells whether the limit was set with `--runtime`, as wnm sets it.
    pub(crate) fn is_limited_by_wnm(&self) -> bool {
        let note = fs::read_to_string(&self.note).unwrap_or_default();
        note.lines().filter_map(|line| line.strip_prefix("CPUQuota=")).any(|limit| !limit.trim().is_empty())
    }

    /// Sets the CPU limit until the next boot; None removes it.
    pub(crate) fn cap(&self, limit: Option<Cores>) -> Result<(), PlatformError> {
        self.bus.change(["set-property", "--runtime", "--", &self.name, &property(limit)])?;
        if limit.is_none() {
            // An empty runtime setting would override a limit that the administrator configured in /etc.
            self.bus.remove(&self.note)?;
        }
        Ok(())
    }
}

/// Returns the property for a limit, in whole percent of one CPU and at least 1 %: systemd rejects 0 %.
fn property(limit: Option<Cores>) -> String {
    let percent = limit.map(|limit| format!("{}%", (limit.get() * 100.0).round().max(1.0)));
    format!("CPUQuota={}", percent.unwrap_or_default())
}

/// Returns the path of a slice's control group. Each dash in the name is a level: `a-b.slice` is in `a.slice`.
fn path_of(name: &str) -> String {
    let levels = name.match_indices('-').map(|(at, _)| format!("{}.slice/", &name[..at]));
    levels.chain([name.to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slice_path_follows_dashes() {
        assert_eq!(path_of("wnm-55000.slice"), "wnm.slice/wnm-55000.slice");
        assert_eq!(path_of("wnm.slice"), "wnm.slice");
    }

    #[test]
    fn limit_is_percent_of_one_cpu() {
        for (cores, told) in [(Some(0.5), "50%"), (Some(12.0), "1200%"), (Some(0.0), "1%"), (None, "")] {
            let limit = cores.map(|cores| Cores::new(cores).unwrap());
            assert_eq!(property(limit), format!("CPUQuota={told}"));
        }
    }
}
