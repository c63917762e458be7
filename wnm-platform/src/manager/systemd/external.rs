//! The units that another manager writes for its nodes: a drop-in puts them into the slice of the colony, raises their limit
//! on open files, creates their log folder, and lets them start at boot.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use wnm_core::{Node, Scope};

use super::render::logs_directory;
use super::rights::{self, Access, Bus, Rights};
use super::unit::WordContext;
use super::{BOOTED, SYSTEM_UNITS, lingering, slice_name, unit, user_units};
use crate::error::PlatformError;
use crate::exec::Exec;
use crate::open_files;

/// The name of the drop-in.
const DROP_IN: &str = "50-wnm-slice.conf";

/// Tells whether systemd is the init process.
pub(crate) fn has_systemd() -> bool {
    Path::new(BOOTED).is_dir()
}

/// The units that another program writes for the nodes of a scope.
#[derive(Debug, Clone)]
pub(crate) struct ExternalUnits {
    bus: Bus,
    folder: PathBuf,
}

impl ExternalUnits {
    /// Returns the units of this host; None without systemd.
    pub(crate) fn of_host(scope: Scope) -> Option<Self> {
        if !has_systemd() {
            return None;
        }
        let (folder, runtime) = match scope {
            Scope::Sudo => (PathBuf::from(SYSTEM_UNITS), None),
            Scope::User | Scope::Zen => (user_units(), Some(rights::runtime_folder()?)),
        };
        Some(Self { bus: Bus { exec: Exec::real(), scope, rights: Rights::here(scope), runtime }, folder })
    }

    /// Returns the units in a folder, for a systemctl that `exec` runs.
    #[cfg(test)]
    pub(crate) fn below(folder: &Path, scope: Scope, exec: Exec) -> Self {
        Self { bus: Bus { exec, scope, rights: Rights::Own, runtime: None }, folder: folder.to_owned() }
    }

    /// Returns the unit of a service; None if the service has no unit.
    pub(crate) fn unit(&self, service: &str) -> Option<ExternalUnit> {
        let path = self.folder.join(format!("{service}.service"));
        path.exists().then(|| ExternalUnit { bus: self.bus.clone(), path })
    }

    /// Tells for each service, in one call, whether systemd runs it or is about to. Empty when systemd does not tell.
    pub(crate) fn are_active(&self, services: &[&str]) -> Vec<bool> {
        if services.is_empty() {
            return Vec::new();
        }
        let names: Vec<String> = services.iter().map(|service| format!("{service}.service")).collect();
        let words = ["is-active", "--"].into_iter().chain(names.iter().map(String::as_str));
        let Ok(output) = self.bus.systemctl(Access::Query, words) else { return Vec::new() };
        let states: Option<Vec<bool>> = output.text().lines().map(|line| is_active(line.trim())).collect();
        states.filter(|states| states.len() == services.len()).unwrap_or_default()
    }
}

/// Tells whether systemd runs a unit in this state, or is about to; None for a state that does not tell.
fn is_active(state: &str) -> Option<bool> {
    match state {
        "active" | "activating" | "reloading" | "deactivating" => Some(true),
        "inactive" | "failed" => Some(false),
        _ => None,
    }
}

/// The unit of a node that another program writes.
pub(crate) struct ExternalUnit {
    bus: Bus,
    path: PathBuf,
}

impl ExternalUnit {
    fn drop_in(&self) -> PathBuf {
        unit::drop_in_folder(&self.path).join(DROP_IN)
    }

    /// Writes the drop-in, which applies from the next start of the node on.
    pub(crate) fn place(&self, node: &Node, group: Option<&str>) -> Result<(), PlatformError> {
        if self.write(node, group)? { self.reload() } else { Ok(()) }
    }

    /// Writes the drop-in. Returns whether it was another one: systemd then needs a [reload](Self::reload).
    pub(crate) fn write(&self, node: &Node, group: Option<&str>) -> Result<bool, PlatformError> {
        let text = self.text(node, group);
        if std::fs::read(self.drop_in()).is_ok_and(|present| present == text.as_bytes()) {
            return Ok(false);
        }
        self.bus.write(&self.drop_in(), &text)?;
        Ok(true)
    }

    /// Lets systemd read all units anew.
    pub(crate) fn reload(&self) -> Result<(), PlatformError> {
        self.bus.change(["daemon-reload"])
    }

    /// Returns the text of the drop-in.
    pub(super) fn text(&self, node: &Node, group: Option<&str>) -> String {
        let mut text = "# Written by wnm.\n".to_owned();
        if self.bus.scope == Scope::Sudo {
            text.push_str("[Unit]\nWants=network-online.target\nAfter=network-online.target\n");
        }
        // antctl sets none, and the default of systemd is 1024.
        let mut service = format!("LimitNOFILE={}\n", open_files::WANTED);
        if let Some(group) = group {
            // With version 1 of control groups, a weight on the slice applies only to units with a CPU group of their own.
            let _ = write!(service, "Slice={}\nCPUAccounting=yes\n", slice_name(group));
        }
        let logs = logs_directory(&node.log_dir).filter(|_| self.bus.scope == Scope::Sudo);
        // systemd gives the folder to the user of the node, so it must be that of this service alone.
        if let Some(logs) = logs.filter(|logs| logs.file_name() == self.path.file_stem()) {
            // A host may keep /var/log in memory, and the user of the nodes cannot create a folder there.
            let folder = unit::quote(&logs.display().to_string(), WordContext::Other);
            let _ = write!(service, "LogsDirectory={folder}\nLogsDirectoryMode=0755\n");
        }
        let _ = write!(text, "[Service]\n{service}[Install]\nWantedBy={}\n", self.target());
        text
    }

    /// Returns the target that starts the node at boot.
    const fn target(&self) -> &'static str {
        match self.bus.scope {
            Scope::User | Scope::Zen => "default.target",
            Scope::Sudo => "multi-user.target",
        }
    }

    /// Returns the link that enables the unit.
    fn wanted(&self) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default();
        self.path.with_file_name(format!("{}.wants", self.target())).join(name)
    }

    /// Tells whether the node starts at boot.
    pub(crate) fn is_enabled(&self) -> bool {
        self.wanted().symlink_metadata().is_ok()
    }

    /// Lets the node start at boot. For units of a user this includes lingering.
    pub(crate) fn enable(&self) -> Result<(), PlatformError> {
        self.keep_user();
        self.link()
    }

    /// Lets the services of the user start at boot, where the unit is that of a user.
    pub(crate) fn keep_user(&self) {
        if self.bus.scope != Scope::Sudo {
            lingering::keep(&self.bus);
        }
    }

    /// Lets the node start at boot, as far as its unit decides.
    pub(crate) fn link(&self) -> Result<(), PlatformError> {
        self.bus.link(&self.path, &self.wanted())
    }

    /// Leaves the node stopped at boot.
    pub(crate) fn disable(&self) -> Result<(), PlatformError> {
        self.bus.remove(&self.wanted()).map(drop)
    }

    /// Returns the name of the unit.
    fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Starts the node without its manager.
    pub(crate) fn start(&self) -> Result<(), PlatformError> {
        self.bus.change(["start", "--", &self.name()])
    }

    /// Begins to stop the node without its manager.
    pub(crate) fn stop(&self) -> Result<(), PlatformError> {
        self.bus.change(["stop", "--no-block", "--", &self.name()])
    }

    /// Tells whether systemd runs the node, or is about to; None when systemd does not tell.
    pub(crate) fn is_active(&self) -> Option<bool> {
        let output = self.bus.systemctl(Access::Query, ["is-active", "--", &self.name()]).ok()?;
        is_active(output.text().trim())
    }

    /// Removes the drop-in and the link.
    pub(crate) fn release(&self) -> Result<(), PlatformError> {
        self.disable()?;
        if self.bus.remove(&self.drop_in())? {
            self.bus.remove_folder(&unit::drop_in_folder(&self.path));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::exec::Output;
    use crate::node_dir::tests::node_at;

    /// Returns the unit `antnode1` of antctl in a folder; every tool succeeds.
    fn unit_in(folder: &Path, scope: Scope) -> ExternalUnit {
        let text = "[Unit]\nDescription=antnode1\n[Service]\nRestart=on-success\nUser=ant";
        std::fs::write(folder.join("antnode1.service"), text).unwrap();
        let exec = Exec::scripted(|_| Ok(Output::success("")));
        ExternalUnits::below(folder, scope, exec).unit("antnode1").unwrap()
    }

    fn node() -> Node {
        // A node that wnm adds has no other name of its service than its folder tells.
        Node { log_dir: "/var/log/antnode/antnode1".into(), ..node_at(Path::new("/var/antctl/services/antnode1")) }
    }

    #[test]
    fn drop_in_of_a_system_unit() {
        let folder = tempfile::tempdir().unwrap();
        let unit = unit_in(folder.path(), Scope::Sudo);
        unit.place(&node(), Some("wnm")).unwrap();
        let text = std::fs::read_to_string(folder.path().join("antnode1.service.d/50-wnm-slice.conf")).unwrap();
        insta::assert_snapshot!(text, @r"
        # Written by wnm.
        [Unit]
        Wants=network-online.target
        After=network-online.target
        [Service]
        LimitNOFILE=65536
        Slice=wnm.slice
        CPUAccounting=yes
        LogsDirectory=antnode/antnode1
        LogsDirectoryMode=0755
        [Install]
        WantedBy=multi-user.target
        ");
        // A folder that several nodes share is left to antctl: systemd would give it to the user of one node.
        let shared = Node { log_dir: "/var/log/antnode".into(), ..node() };
        assert!(!unit.text(&shared, None).contains("LogsDirectory"));
        let user = unit_in(folder.path(), Scope::User).text(&node(), None);
        assert_eq!(user, "# Written by wnm.\n[Service]\nLimitNOFILE=65536\n[Install]\nWantedBy=default.target\n");
    }

    #[test]
    fn unit_is_started_and_stopped_without_its_manager() {
        let folder = tempfile::tempdir().unwrap();
        for (answer, state) in [
            ("active\n", Some(true)),
            ("activating\n", Some(true)),
            ("inactive\n", Some(false)),
            ("failed\n", Some(false)),
            ("", None),
            ("unknown\n", None),
        ] {
            let calls = Arc::new(Mutex::new(Vec::new()));
            let log = Arc::clone(&calls);
            let exec = Exec::scripted(move |call| {
                log.lock().unwrap().push(call.summary());
                Ok(Output::success(answer))
            });
            let bus = Bus { exec, scope: Scope::Sudo, rights: Rights::Own, runtime: None };
            let unit = ExternalUnit { bus, ..unit_in(folder.path(), Scope::Sudo) };
            assert_eq!(unit.is_active(), state, "{answer}");
            unit.start().unwrap();
            unit.stop().unwrap();
            let calls: Vec<String> =
                calls.lock().unwrap().iter().map(|call| call.split("--no-pager ").last().unwrap().to_owned()).collect();
            assert_eq!(
                calls,
                ["is-active -- antnode1.service", "start -- antnode1.service", "stop --no-block -- antnode1.service"]
            );
        }
    }

    #[test]
    fn states_of_many_units_are_one_call() {
        let states = |answer: &'static str| {
            let exec = Exec::scripted(move |call| {
                assert!(call.summary().ends_with("is-active -- a.service b.service"), "{}", call.summary());
                Ok(Output::success(answer))
            });
            ExternalUnits::below(Path::new("/"), Scope::Sudo, exec).are_active(&["a", "b"])
        };
        assert_eq!(states("activating\ninactive\n"), [true, false]);
        for unclear in ["", "active\n", "active\nunknown\n", "active\nfailed\nfailed\n", "\n\n"] {
            assert!(states(unclear).is_empty(), "{unclear:?}");
        }
    }

    #[test]
    fn started_node_starts_at_boot_and_a_stopped_one_does_not() {
        for (scope, target) in [(Scope::Sudo, "multi-user.target"), (Scope::User, "default.target")] {
            let folder = tempfile::tempdir().unwrap();
            let unit = unit_in(folder.path(), scope);
            let link = folder.path().join(format!("{target}.wants/antnode1.service"));
            unit.place(&node(), Some("wnm")).unwrap();
            assert!(!unit.is_enabled());
            unit.enable().unwrap();
            unit.enable().unwrap();
            assert_eq!(std::fs::read_link(&link).unwrap(), folder.path().join("antnode1.service"));
            assert!(unit.is_enabled());
            unit.disable().unwrap();
            unit.disable().unwrap();
            assert!(!unit.is_enabled());
            unit.enable().unwrap();
            unit.release().unwrap();
            assert!(!unit.is_enabled() && !folder.path().join("antnode1.service.d").exists());
        }
    }
}
