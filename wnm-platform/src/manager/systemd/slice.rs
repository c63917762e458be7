//! The slice that all nodes of a colony are in, so that they can be capped together.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

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
    /// The path of its group.
    path: String,
    /// Where systemd notes a cap that was set until the next restart.
    note: PathBuf,
}

/// Returns what systemd calls the slice of a colony's group.
pub(crate) fn slice_name(group: &str) -> String {
    format!("{group}.slice")
}

impl Slice {
    /// Returns the slice of a group, whether it is there by now or not.
    ///
    /// # Errors
    /// systemd may not cap it.
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
        let bus = Bus { exec: exec.clone(), scope, rights: Rights::here(scope), runtime, hung: Mutex::default() };
        let note = control.join(format!("{name}.d/50-CPUQuota.conf"));
        let path = format!("{around}/{}", path_of(&name));
        Ok(Self { bus, controller: controller.clone(), path, note, name })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Tells whether there is such a slice now, which it is while a unit in it is up.
    pub(crate) fn is_there(&self) -> bool {
        self.controller.has_unit(&self.path)
    }

    /// Returns where it is capped.
    pub(crate) fn folder(&self) -> PathBuf {
        self.controller.folder(&self.path)
    }

    /// Tells whether a process is in it.
    pub(crate) fn holds(&self, process: u32) -> bool {
        let unit = self.controller.unit_of(&process.to_string());
        unit.is_some_and(|unit| Path::new(&unit).starts_with(&self.path))
    }

    /// Tells whether a cap was set until the next restart, as wnm does.
    pub(crate) fn is_capped_by_us(&self) -> bool {
        let note = fs::read_to_string(&self.note).unwrap_or_default();
        note.lines().filter_map(|line| line.strip_prefix("CPUQuota=")).any(|cap| !cap.trim().is_empty())
    }

    /// Caps the slice until the next restart; None lifts the cap.
    pub(crate) fn cap(&self, limit: Option<Cores>) -> Result<(), PlatformError> {
        self.bus.change(["set-property", "--runtime", "--", &self.name, &property(limit)])?;
        if limit.is_none() {
            // A note of no cap would stand above a cap by other tools.
            self.bus.remove(&self.note)?;
        }
        Ok(())
    }
}

/// Returns a cap as systemd reads it: in whole percent of one processor.
fn property(limit: Option<Cores>) -> String {
    let cap = limit.map(|limit| format!("{}%", (limit.get() * 100.0).round().max(1.0)));
    format!("CPUQuota={}", cap.unwrap_or_default())
}

/// Returns where the group of a slice is: each dash in its name is a level.
fn path_of(name: &str) -> String {
    let levels = name.match_indices('-').map(|(at, _)| format!("{}.slice/", &name[..at]));
    levels.chain([name.to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_lies_in_those_that_its_name_begins_with() {
        assert_eq!(path_of("wnm-55000.slice"), "wnm.slice/wnm-55000.slice");
        assert_eq!(path_of("wnm.slice"), "wnm.slice");
    }

    #[test]
    fn a_cap_is_told_in_percent_of_one_processor() {
        for (cores, told) in [(Some(0.5), "50%"), (Some(12.0), "1200%"), (Some(0.0), "1%"), (None, "")] {
            let limit = cores.map(|cores| Cores::new(cores).unwrap());
            assert_eq!(property(limit), format!("CPUQuota={told}"));
        }
    }
}
