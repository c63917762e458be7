//! Each node as a unit of systemd: of the system, under a user of its own, or of the user who runs wnm.
//!
//! A node that is to run is enabled, one that is told to stop is not, so that a reboot brings back what was wanted.
//! systemd starts a node again that ended by itself: so a node may end to upgrade itself.

mod look;
mod others;
mod owner;
mod render;
mod rights;
mod show;
mod slice;
mod unit;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};

use wnm_core::{ManagerKind, Node, NodeId, Scope};

use super::definition::{self, is_missing};
use super::{Found, How, Listed, Options, ProcessManager, Service, adopt, signal};
use crate::error::{FileOperation, NameHolder, PlatformError};
use crate::exec::Exec;
use crate::node_dir;
use crate::observe::process::Processes;
pub(super) use others::other_holders;
use render::Group;
use rights::{Bus, Deed, Rights};
pub(crate) use slice::{Slice, slice_name};
use unit::Unit;
pub(crate) use unit::command_line;

/// What exists exactly where systemd is the service manager.
const BOOTED: &str = "/run/systemd/system";
/// Where the system's administrator puts units, and so does wnm.
const SYSTEM_UNITS: &str = "/etc/systemd/system";
/// Where units of the system stand that wnm did not put there.
const ELSEWHERE: [&str; 3] = ["/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"];
/// The exit code of systemctl for a unit that is not loaded.
const NOT_LOADED: i32 = 5;

#[derive(Debug)]
pub(super) struct Systemd {
    kind: ManagerKind,
    bus: Bus,
    /// The slice that its units are in; None for the usual one.
    slice: Option<String>,
    /// Where the units stand.
    folder: PathBuf,
    processes: Processes,
    /// Whether systemd has not yet read what changed.
    dirty: AtomicBool,
    /// Whether systemd was told to read all units since this was opened.
    is_read: AtomicBool,
    /// The number of the user that runs nodes of the system, once it is known to exist.
    owner: OnceLock<u32>,
    lingers: OnceLock<()>,
}

impl Systemd {
    /// Returns the systemd of this host.
    ///
    /// # Errors
    /// The host runs without it, or the user has no session of it.
    pub(super) fn open(kind: ManagerKind, options: &Options) -> Result<Self, PlatformError> {
        if !Path::new(BOOTED).is_dir() {
            return Err(PlatformError::NoSystemd { manager: kind });
        }
        let (folder, runtime) = match kind.scope {
            Scope::Sudo => (PathBuf::from(SYSTEM_UNITS), None),
            Scope::User | Scope::Zen => {
                let runtime = rights::runtime_folder();
                let runtime = runtime.ok_or_else(|| PlatformError::NoUserSession { user: rights::uid() })?;
                (user_units(), Some(runtime))
            }
        };
        let mut systemd = Self::with(kind, Exec::real(), folder, runtime, Rights::here(kind.scope));
        systemd.slice = options.group.as_deref().map(slice_name);
        Ok(systemd)
    }

    fn with(kind: ManagerKind, exec: Exec, folder: PathBuf, runtime: Option<PathBuf>, rights: Rights) -> Self {
        Self {
            kind,
            bus: Bus { exec, scope: kind.scope, rights, runtime, hung: Mutex::default() },
            slice: None,
            folder,
            processes: Processes::of_host(),
            dirty: AtomicBool::new(false),
            is_read: AtomicBool::new(false),
            owner: OnceLock::new(),
            lingers: OnceLock::new(),
        }
    }

    fn path(&self, node: &Node) -> PathBuf {
        self.folder.join(unit_name(node))
    }

    /// Returns the link that has the node started when the host is.
    fn wanted(&self, node: &Node) -> PathBuf {
        let target = match self.kind.scope {
            Scope::User | Scope::Zen => "default.target.wants",
            Scope::Sudo => "multi-user.target.wants",
        };
        self.folder.join(target).join(unit_name(node))
    }

    fn group(&self) -> Group {
        match self.bus.rights {
            Rights::Own => Group::Own,
            Rights::Sudo => Group::Operator(rustix::process::getegid().as_raw()),
        }
    }

    /// Has systemd read what changed.
    fn reload(&self) -> Result<(), PlatformError> {
        if self.dirty.swap(false, Ordering::Relaxed) {
            let reloaded = self.bus.change(["daemon-reload"]);
            return reloaded.inspect_err(|_| self.dirty.store(true, Ordering::Relaxed));
        }
        Ok(())
    }

    /// Makes systemd forget how the unit failed, and how often it was started. That there is nothing to forget, or that
    /// it is not known, is no error.
    fn reset(&self, node: &Node) -> Result<(), PlatformError> {
        self.bus.systemctl(Deed::Change, ["reset-failed", "--", &unit_name(node)]).map(|_| ())
    }

    fn start_once(&self, node: &Node) -> Result<(), PlatformError> {
        let Err(error) = self.bus.change(["start", "--", &unit_name(node)]) else { return Ok(()) };
        match (error, self.show_one(node)) {
            // It started and ended at once.
            (PlatformError::ProgramFailed { .. }, Ok(shown)) if shown.had_started() => Ok(()),
            (PlatformError::ProgramFailed { command, ended, printed }, Ok(shown)) => {
                let printed = format!("{printed} ({})", shown.words());
                Err(PlatformError::ProgramFailed { command, ended, printed })
            }
            (error, _) => Err(error),
        }
    }

    /// Tells whether the unit of this name is the node's: by its marker, or by the folder it runs on. One that is not
    /// there is nobody else's.
    fn is_ours(&self, node: &Node) -> bool {
        match Unit::read(&self.path(node)) {
            Ok(None) => true,
            Ok(Some(unit)) => {
                unit.value("Unit", render::UUID) == Some(&node.uuid)
                    || root_of(&unit).as_deref() == Some(&node.root_dir)
            }
            Err(_) => false,
        }
    }

    /// Tells whether there is no unit to stop: to look needs no rights, which may be what keeps it from being made.
    fn is_unknown(&self, node: &Node) -> bool {
        let is_made = [self.path(node), self.wanted(node)].iter().any(|path| fs::symlink_metadata(path).is_ok());
        !is_made && self.show_one(node).is_ok_and(|shown| matches!(shown.active.as_str(), "inactive" | "failed"))
    }

    /// Fails when the unit of this name is not wnm's to write.
    fn check_free(&self, node: &Node) -> Result<(), PlatformError> {
        let path = self.path(node);
        let taken = |path: PathBuf, holder: NameHolder| {
            Err(PlatformError::Taken { node: node.id, name: format!("unit {}", path.display()), holder })
        };
        if let Ok(target) = fs::read_link(&path) {
            // `systemctl mask` replaces a unit by a link to /dev/null.
            let is_mask = target == Path::new("/dev/null");
            let holder = if is_mask { NameHolder::Mask { unit: unit_name(node) } } else { NameHolder::Link(target) };
            return taken(path, holder);
        }
        if let Some(unit) = Unit::read(&path)? {
            match unit.value("Unit", render::UUID) {
                Some(uuid) if uuid == node.uuid => {}
                Some(uuid) if root_of(&unit).is_some_and(|root| root != node.root_dir && root.exists()) => {
                    return taken(path.clone(), NameHolder::OtherNode { uuid: uuid.to_owned() });
                }
                Some(_) => {}
                None => return taken(path, NameHolder::ExternalUnit),
            }
        }
        let elsewhere = ELSEWHERE.map(|folder| Path::new(folder).join(unit_name(node)));
        match elsewhere.into_iter().find(|_| self.kind.scope == Scope::Sudo).filter(|path| path.exists()) {
            Some(path) => taken(path, NameHolder::ExternalUnit),
            None => Ok(()),
        }
    }

    /// Has the services of the user run while the user is not logged in, where that may be changed.
    fn keep_lingering(&self) {
        if lingers(&self.bus) == Some(false)
            && let Err(error) = self.bus.succeed(Deed::Change, "loginctl", &["enable-linger"])
        {
            tracing::warn!(%error, "nodes end when the user logs out");
        }
    }
}

impl ProcessManager for Systemd {
    fn kind(&self) -> ManagerKind {
        self.kind
    }

    fn define(&self, node: &Node) -> Result<(), PlatformError> {
        self.check_free(node)?;
        let text = render::render(node, self.kind.scope, self.group(), self.slice.as_deref())?;
        definition::write(node)?;
        // A node by another tool may have logged elsewhere.
        self.bus.make_folder(&node.log_dir)?;
        match self.kind.scope {
            Scope::Sudo => self.hand_over(node)?,
            Scope::User | Scope::Zen => *self.lingers.get_or_init(|| self.keep_lingering()),
        }
        let path = self.path(node);
        if fs::read(&path).is_ok_and(|now| now == text.as_bytes()) {
            return Ok(());
        }
        self.dirty.store(true, Ordering::Relaxed);
        self.bus.write(&path, &text)?;
        // From here on the unit itself says whose it is.
        if self.bus.remove(&others::mark(&path))? {
            self.bus.remove_folder(&unit::drop_in_folder(&path));
        }
        Ok(())
    }

    fn start(&self, node: &Node) -> Result<(), PlatformError> {
        // An earlier run may have ended before it could have read what it changed.
        if !self.is_read.swap(true, Ordering::Relaxed) {
            self.dirty.store(true, Ordering::Relaxed);
        }
        self.reload()?;
        self.bus.link(&self.path(node), &self.wanted(node))?;
        match self.start_once(node) {
            // Starts that wnm asked for are not to be counted against the node.
            Err(error) if self.show_one(node).is_ok_and(|shown| shown.was_started_too_often()) => {
                tracing::debug!(node = %node.id, %error, "the count of starts is reset");
                self.reset(node)?;
                self.start_once(node)
            }
            result => result,
        }
    }

    fn stop(&self, node: &Node, how: How) -> Result<(), PlatformError> {
        if self.is_ours(node) && !self.is_unknown(node) {
            let name = unit_name(node);
            if how == How::Kill {
                // What has ended meanwhile cannot be killed.
                self.bus.systemctl(Deed::Change, ["kill", "--signal=SIGKILL", "--", &name])?;
            }
            let arguments = ["stop", "--no-block", "--", &name];
            let output = self.bus.systemctl(Deed::Change, arguments)?;
            if !output.is_success() && output.code != Some(NOT_LOADED) {
                return Err(self.bus.failed(&arguments.join(" "), &output));
            }
            // One that could not be told to end goes on, also after a reboot.
            self.bus.remove(&self.wanted(node))?;
        }
        // Those that somebody started beside systemd.
        for facts in self.processes.running(node).iter().filter(|facts| !is_in_unit(facts.pid, node)) {
            signal::one(&self.processes, facts, node, how).map_err(|source| PlatformError::SignalFailed {
                node: node.id,
                pid: facts.pid,
                source,
            })?;
        }
        Ok(())
    }

    fn last_words(&self, node: &Node) -> Option<String> {
        let shown = self.show_one(node).ok()?;
        shown.has_failed().then(|| shown.words())
    }

    fn undefine(&self, node: &Node) -> Result<(), PlatformError> {
        definition::remove(node)?;
        if !self.is_ours(node) {
            return Ok(());
        }
        let path = self.path(node);
        self.bus.remove(&self.wanted(node))?;
        let drop_ins = unit::drop_ins(&path);
        for drop_in in drop_ins.map_err(|source| PlatformError::File {
            operation: FileOperation::List,
            path: path.clone(),
            source,
        })? {
            self.bus.remove(&drop_in)?;
        }
        if unit::drop_in_folder(&path).exists() {
            self.bus.remove_folder(&unit::drop_in_folder(&path));
        }
        if self.bus.remove(&path)? {
            self.dirty.store(true, Ordering::Relaxed);
        }
        self.reset(node)
    }

    fn survey(&self, nodes: &[&Node]) -> BTreeMap<NodeId, Service> {
        let told = self.reload().and_then(|()| self.look_at(nodes));

        told.unwrap_or_else(|error| nodes.iter().map(|node| (node.id, Service::from(&error))).collect())
    }

    fn restarts(&self, nodes: &[&Node]) -> Result<BTreeMap<NodeId, u32>, PlatformError> {
        self.count_restarts(nodes)
    }

    fn discover(&self, roots: &[PathBuf]) -> Result<Vec<Found>, PlatformError> {
        let all = self.processes.all();
        let units = self.units()?;
        let found = |folder| {
            let node = definition::read(&folder).map_or_else(|| self.adoptable(&folder, &units), Ok);
            let process = definition::process_on(&folder, &all, &self.processes);
            Found::new(folder, node, process)
        };
        Ok(node_dir::find(roots)?.into_iter().map(found).collect())
    }

    fn services(&self) -> Result<Vec<Listed>, PlatformError> {
        let listed = |name: String| {
            let unit = Unit::read(&self.folder.join(format!("{name}.service"))).ok().flatten();
            Listed { folder: unit.as_ref().and_then(root_of), name }
        };
        Ok(self.unit_names()?.into_iter().map(listed).collect())
    }

    fn adopt(&self, node: &Node) -> Result<(), PlatformError> {
        let path = self.path(node);
        if let Some(unit) = Unit::read(&path)?.filter(|unit| unit.value("Unit", render::UUID).is_none()) {
            if !root_of(&unit).is_some_and(|root| definition::is_same(&root, &node.root_dir)) {
                self.check_free(node)?;
            }
            definition::keep(&path, node)?;
            let mark =
                format!("# Written by wnm when it took the node over.\n[Unit]\n{}={}\n", render::UUID, node.uuid);
            self.dirty.store(true, Ordering::Relaxed);
            self.bus.write(&others::mark(&path), &mark)?;
            // What runs is to come back after a reboot, whoever saw to that before.
            if self.show_one(node)?.pid.is_some() {
                self.bus.link(&path, &self.wanted(node))?;
            }
        }
        definition::write(node)
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        if let Err(error) = self.reload() {
            tracing::warn!(%error, "systemd has not read what changed");
        }
    }
}

/// Something about a process manager that an operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// What was found.
    pub found: String,
    /// What mends it.
    pub hint: String,
}

/// Returns what speaks against keeping nodes under a systemd of the user: they end with the session.
pub(super) fn doubt() -> Option<Doubt> {
    let kind = ManagerKind::new(wnm_core::Program::Systemd, Scope::User);
    let systemd = Systemd::open(kind, &Options::default()).ok()?;
    (lingers(&systemd.bus) == Some(false)).then(|| Doubt {
        found: "lingering is off: nodes end when the user logs out, and do not come back after a reboot".to_owned(),
        hint: "loginctl enable-linger".to_owned(),
    })
}

/// Tells whether the services of the user run while the user is not logged in; None where that cannot be told.
fn lingers(bus: &Bus) -> Option<bool> {
    let user = rights::uid().to_string();
    let output = bus.succeed(Deed::Look, "loginctl", &["show-user", "--property=Linger", &user]).ok()?;
    match output.text().trim() {
        "Linger=yes" => Some(true),
        "Linger=no" => Some(false),
        _ => None,
    }
}

/// Returns where the units of the user stand.
pub(super) fn user_units() -> PathBuf {
    let told = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    told.unwrap_or_else(|| crate::places::home().join(".config")).join("systemd/user")
}

fn unit_name(node: &Node) -> String {
    format!("{}.service", node.id.name())
}

/// Returns the folder that a unit runs its node on.
fn root_of(unit: &Unit) -> Option<PathBuf> {
    adopt::root_dir(unit.command()?.get(1..)?).map(PathBuf::from)
}

/// Tells whether a process belongs to the unit of a node.
fn is_in_unit(pid: u32, node: &Node) -> bool {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let end = format!("/{}", unit_name(node));
    groups.lines().any(|line| line.ends_with(&end))
}

#[cfg(test)]
mod tests;
