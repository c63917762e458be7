//! Drop-ins that put the services of another manager into the slice of the colony.

use std::path::{Path, PathBuf};

use wnm_core::Scope;

use super::rights::{self, Bus, Rights};
use super::{BOOTED, SYSTEM_UNITS, slice_name, unit, user_units};
use crate::error::PlatformError;
use crate::exec::Exec;

/// The name of the drop-in.
const DROP_IN: &str = "50-wnm-slice.conf";

/// Tells whether systemd is the init process.
pub(crate) fn has_systemd() -> bool {
    Path::new(BOOTED).is_dir()
}

/// The unit of a node that another program writes.
pub(crate) struct ExternalUnit {
    bus: Bus,
    path: PathBuf,
}

impl ExternalUnit {
    /// Returns the unit of a service; None without systemd, or if the service has no unit.
    pub(crate) fn of(service: &str, scope: Scope) -> Option<Self> {
        if !has_systemd() {
            return None;
        }
        let (folder, runtime) = match scope {
            Scope::Sudo => (PathBuf::from(SYSTEM_UNITS), None),
            Scope::User | Scope::Zen => (user_units(), Some(rights::runtime_folder()?)),
        };
        let bus = Bus { exec: Exec::real(), scope, rights: Rights::here(scope), runtime };
        let path = folder.join(format!("{service}.service"));
        path.exists().then_some(Self { bus, path })
    }

    fn drop_in(&self) -> PathBuf {
        unit::drop_in_folder(&self.path).join(DROP_IN)
    }

    /// Puts the unit into the slice of a group from its next start on.
    pub(crate) fn place(&self, group: &str) -> Result<(), PlatformError> {
        // With version 1 of control groups, a weight on the slice applies only to units with a CPU group of their own.
        let text = format!("# Written by wnm.\n[Service]\nSlice={}\nCPUAccounting=yes\n", slice_name(group));
        if std::fs::read(self.drop_in()).is_ok_and(|present| present == text.as_bytes()) {
            return Ok(());
        }
        self.bus.write(&self.drop_in(), &text)?;
        self.bus.change(["daemon-reload"])
    }

    /// Removes the drop-in.
    pub(crate) fn release(&self) -> Result<(), PlatformError> {
        if self.bus.remove(&self.drop_in())? {
            self.bus.remove_folder(&unit::drop_in_folder(&self.path));
        }
        Ok(())
    }
}
