//! Each node as a systemd unit: of the system instance under the user `ant`, or of the instance of wnm's user.
//!
//! The unit of a started node is enabled, that of a stopped node is not, so that a reboot restores the same state. Units
//! have `Restart=always`: a node exits to upgrade itself, and systemd starts the new program.

mod claim;
mod confined;
mod environment;
mod external;
mod lingering;
mod others;
mod owner;
mod query;
mod render;
mod rights;
mod show;
mod slice;
mod slice_weight;
mod trial;
mod unit;
mod version;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use wnm_core::{ExitStatus, ManagerKind, Node, NodeId, Scope};

use super::definition::{self, is_missing};
use super::{Found, Listed, Options, ProcessManager, Service, StopSignal, adopt, signal};
use crate::error::{FileOperation, PlatformError};
use crate::exec::{Call, Exec};
use crate::files;
use crate::guarded;
use crate::node_dir;
use crate::node_log::Follow;
use crate::observe::process::{ProcessInfo, Processes};
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing {
    //! The fuzz targets of this folder.
    pub(crate) use super::environment::fuzz as environment;
    pub(crate) use super::show::fuzz as show;
    pub(crate) use super::unit::fuzz as unit;
}
pub(crate) use external::{ExternalUnit, ExternalUnits, has_systemd};
pub use lingering::ManagerWarning;
pub(super) use lingering::warning;
pub(crate) use lingering::{USERS as LINGERING_USERS, hint as lingering_hint, told as lingering_told};
pub(super) use others::other_holders;
use render::{Group, Surroundings};
pub(crate) use rights::runtime_folder;
use rights::{Access, Bus, Rights};
pub(crate) use slice::{Slice, slice_name};
use unit::Unit;
pub(crate) use unit::command_line;
pub(crate) use unit::is_bare_word;
use version::{StandardError, Version};

/// The folder that exists exactly when systemd is the init process, as `sd_booted(3)` tests it.
const BOOTED: &str = "/run/systemd/system";
/// The folder of the administrator's units, where wnm writes too.
const SYSTEM_UNITS: &str = "/etc/systemd/system";
/// The exit code of systemctl for an unknown unit, EXIT_NOTINSTALLED of the LSB.
const NOT_LOADED: i32 = 5;

#[derive(Debug)]
pub(super) struct Systemd {
    kind: ManagerKind,
    bus: Bus,
    /// The slice of its units; None for the default slice.
    slice: Option<String>,
    /// The folder of its units.
    folder: PathBuf,
    processes: Processes,
    /// Whether units changed since the last `daemon-reload`.
    dirty: AtomicBool,
    /// Whether a `daemon-reload` ran since this was opened.
    is_read: AtomicBool,
    /// The user of system-level nodes, once that user exists.
    owner: OnceLock<owner::NodeUser>,
    lingers: OnceLock<()>,
    version: OnceLock<Version>,
}

impl Systemd {
    /// Connects to the systemd instance of a scope.
    ///
    /// # Errors
    /// The host does not run systemd, or the user has no instance.
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
            bus: Bus { exec, scope: kind.scope, rights, runtime },
            slice: None,
            folder,
            processes: Processes::of_host(),
            dirty: AtomicBool::new(false),
            is_read: AtomicBool::new(false),
            owner: OnceLock::new(),
            lingers: OnceLock::new(),
            version: OnceLock::new(),
        }
    }

    /// Returns a manager whose tools `exec` runs, and whose files and processes are in a folder.
    #[cfg(test)]
    pub(super) fn with_tools(kind: ManagerKind, exec: Exec, folder: &Path) -> Self {
        let rights = if kind.scope == Scope::Sudo { Rights::Sudo } else { Rights::Own };
        let runtime = (kind.scope != Scope::Sudo).then(|| folder.to_owned());
        let mut systemd = Self::with(kind, exec, folder.join("units"), runtime, rights);
        systemd.processes = Processes::below(&folder.join("proc"));
        systemd
    }

    fn path(&self, node: &Node) -> PathBuf {
        self.folder.join(unit_name(node))
    }

    fn path_of(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.service"))
    }

    /// Returns the link that enables the unit of a node.
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

    fn version(&self) -> Version {
        *self.version.get_or_init(|| Version::of(&self.bus))
    }

    fn surroundings(&self) -> Surroundings<'_> {
        let (scope, group, slice) = (self.kind.scope, self.group(), self.slice.as_deref());
        Surroundings { scope, group, slice, version: self.version() }
    }

    /// Runs `daemon-reload` if units changed.
    fn reload(&self) -> Result<(), PlatformError> {
        if self.dirty.swap(false, Ordering::Relaxed) {
            let reloaded = self.bus.change(["daemon-reload"]);
            return reloaded.inspect_err(|_| self.dirty.store(true, Ordering::Relaxed));
        }
        Ok(())
    }

    /// Resets the failure and the start counter of a unit. An unknown unit is no error.
    fn reset(&self, node: &Node) -> Result<(), PlatformError> {
        self.bus.systemctl(Access::Change, ["reset-failed", "--", &unit_name(node)]).map(|_| ())
    }

    fn start_once(&self, node: &Node) -> Result<(), PlatformError> {
        let Err(error) = self.bus.change(["start", "--", &unit_name(node)]) else { return Ok(()) };
        match (error, self.show_one(node)) {
            // The program started and exited at once, which the step "confirm" reports.
            (PlatformError::ProgramFailed { .. }, Ok(shown)) if shown.had_started() => Ok(()),
            (PlatformError::ProgramFailed { command, ended, printed }, Ok(shown)) => {
                let printed = format!("{printed} ({})", shown.words());
                Err(PlatformError::ProgramFailed { command, ended, printed })
            }
            (error, _) => Err(error),
        }
    }

    /// Writes the unit of a node, and the file with its environment. The unit never names a file that is missing.
    fn write_service(&self, node: &Node, text: &str) -> Result<(), PlatformError> {
        environment::write(node)?;
        self.write_unit(node, text)?;
        if node.environment.is_empty() { environment::remove(node) } else { Ok(()) }
    }

    /// Writes the unit of a node, unless it has this text.
    fn write_unit(&self, node: &Node, text: &str) -> Result<(), PlatformError> {
        let path = self.path(node);
        if fs::read(&path).is_ok_and(|now| now == text.as_bytes()) {
            return Ok(());
        }
        self.dirty.store(true, Ordering::Relaxed);
        self.bus.write(&path, text)?;
        // The unit now carries the UUID itself, so the drop-in of the adoption is obsolete.
        if self.bus.remove(&others::mark(&path))? {
            self.bus.remove_folder(&unit::drop_in_folder(&path));
        }
        Ok(())
    }
}

impl ProcessManager for Systemd {
    fn kind(&self) -> ManagerKind {
        self.kind
    }

    fn check(&self) -> Result<(), PlatformError> {
        let answer = self.bus.systemctl(Access::Query, ["show", "--property=Version"])?;
        if !answer.is_success() {
            return Err(self.bus.failed("show", &answer));
        }
        // Under `sudo -n` this shows the right to systemctl.
        self.bus.succeed(Access::Change, "systemctl", &["--version"]).map(drop)
    }

    fn try_service(&self) -> Option<Result<(), PlatformError>> {
        Some(trial::run(&self.bus, &self.folder))
    }

    fn supports(&self, node: &Node) -> Result<(), PlatformError> {
        match self.kind.scope {
            Scope::Sudo => self.check_way(node),
            Scope::User | Scope::Zen => Ok(()),
        }
    }

    fn check_name(&self, node: &Node) -> Result<(), PlatformError> {
        self.check_free(node)?;
        // The definition of the node tries all other commands, before the program is copied.
        let (unit, link) = (self.path(node).display().to_string(), self.wanted(node).display().to_string());
        self.bus.check_allowed("ln", &["-sfn", "--", &unit, &link])?;
        self.bus.check_allowed("rm", &["-f", "--", &link])?;
        self.bus.check_allowed("rm", &["-f", "--", &unit])
    }

    fn define(&self, node: &Node) -> Result<(), PlatformError> {
        self.check_free(node)?;
        let text = render::render(node, self.surroundings())?;
        definition::write(node)?;
        // An adopted node keeps its log folder, which may be outside the node's folder.
        self.bus.make_folder(&node.log_dir)?;
        match self.kind.scope {
            Scope::Sudo => self.hand_over(node)?,
            Scope::User | Scope::Zen => *self.lingers.get_or_init(|| lingering::keep(&self.bus)),
        }
        self.write_service(node, &text)
    }

    fn protect(&self, node: &Node) -> Result<(), PlatformError> {
        let is_protected = definition::is_protected(node);
        if is_protected && node.environment.is_empty() {
            return Ok(());
        }
        let path = self.path(node);
        let unit = Unit::read(&path)?.filter(|unit| unit.value("Unit", render::UUID) == Some(&node.uuid));
        // An adopted unit belongs to another tool until the next start of the node.
        let unit = unit.filter(|_| !others::mark(&path).exists());
        let shows_environment = unit.as_ref().is_some_and(|unit| unit.shows(&node.environment));
        if is_protected && !shows_environment {
            return Ok(());
        }
        if !is_protected {
            node_dir::ensure_protected(node)?;
            node_dir::take_over(node)?;
        }
        if unit.is_some() {
            let text = render::render(node, self.surroundings())?;
            self.write_service(node, &text)?;
        }
        // Last: a node with a protected definition counts as converted.
        definition::write(node)
    }

    fn as_node(&self, node: &Node, call: Call) -> Option<Call> {
        match self.kind.scope {
            Scope::User | Scope::Zen => Some(call),
            Scope::Sudo => Some(confined::call(&self.bus, &node.root_dir, call)),
        }
    }

    fn start(&self, node: &Node) -> Result<(), PlatformError> {
        // An earlier run may have ended between writing a unit and the reload.
        if !self.is_read.swap(true, Ordering::Relaxed) {
            self.dirty.store(true, Ordering::Relaxed);
        }
        self.reload()?;
        if self.version().standard_error() == StandardError::Append {
            // A convenience, so a failure is ignored.
            let _ = guarded::empty(&node_dir::errors_log(node), 0o644);
        }
        self.bus.link(&self.path(node), &self.wanted(node))?;
        match self.start_once(node) {
            // The start limit of the unit counts starts by wnm as well as crashes of the node.
            Err(error) if self.show_one(node).is_ok_and(|shown| shown.was_started_too_often()) => {
                tracing::debug!(node = %node.id, %error, "resetting the start limit");
                self.reset(node)?;
                self.start_once(node)
            }
            result => result,
        }
    }

    fn stop(&self, node: &Node, stop_signal: StopSignal) -> Result<(), PlatformError> {
        if self.is_ours(node) && !self.is_unknown(node) {
            let name = unit_name(node);
            if stop_signal == StopSignal::Kill {
                // `kill` fails when the process has exited meanwhile.
                self.bus.systemctl(Access::Change, ["kill", "--signal=SIGKILL", "--", &name])?;
            }
            let arguments = ["stop", "--no-block", "--", &name];
            let output = self.bus.systemctl(Access::Change, arguments)?;
            if !output.is_success() && output.code != Some(NOT_LOADED) {
                return Err(self.bus.failed(&arguments.join(" "), &output));
            }
            // After the stop: if the stop fails, the node keeps running, and a reboot must start it again.
            self.bus.remove(&self.wanted(node))?;
        }
        // Processes of the node that were started outside of systemd.
        for facts in self.processes.running(node).iter().filter(|facts| !is_in_unit(facts.pid, node)) {
            signal::one(&self.processes, facts, node, stop_signal).map_err(|source| PlatformError::SignalFailed {
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

    fn log(&self, node: &Node, lines: u32, follow: Follow) -> Option<Call> {
        Some(self.journal(node, lines, follow))
    }

    fn exits(&self, nodes: &[&Node]) -> BTreeMap<NodeId, ExitStatus> {
        self.query_exits(nodes)
    }

    fn undefine(&self, node: &Node) -> Result<(), PlatformError> {
        definition::remove(node)?;
        environment::remove(node)?;
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
        let states = self.reload().and_then(|()| self.query_nodes(nodes));
        states.unwrap_or_else(|error| nodes.iter().map(|node| (node.id, Service::from(&error))).collect())
    }

    fn restarts(&self, nodes: &[&Node]) -> Result<BTreeMap<NodeId, u32>, PlatformError> {
        self.count_restarts(nodes)
    }

    fn not_enabled(&self, nodes: &[&Node]) -> Vec<NodeId> {
        // Another target than that of wnm may start the unit of an adopted node.
        let is_enabled = |node: &Node| {
            self.wanted(node).symlink_metadata().is_ok() || others::is_enabled(&self.folder, &unit_name(node))
        };
        nodes.iter().filter(|node| !is_enabled(node)).map(|node| node.id).collect()
    }

    fn enable(&self, node: &Node) -> Result<(), PlatformError> {
        self.bus.link(&self.path(node), &self.wanted(node))
    }

    fn discover(&self, roots: &[PathBuf]) -> Result<Vec<Found>, PlatformError> {
        let all = definition::by_folder(self.processes.all());
        let units = self.units()?;
        let found = |folder| {
            let process = definition::process_on(&folder, &all, &self.processes);
            let node = definition::read(&folder, self.kind)
                .map_or_else(|| self.adoptable(&folder, &units, process.as_ref()), |node| Ok(node.into()));
            Found::new(folder, node, process)
        };
        Ok(node_dir::find(roots)?.into_iter().map(found).collect())
    }

    fn services(&self) -> Result<Vec<Listed>, PlatformError> {
        let listed = |name: String| {
            let unit = Unit::read(&self.folder.join(format!("{name}.service"))).ok().flatten();
            Listed { folder: unit.as_ref().and_then(root_of), name, fault: None }
        };
        let linked = self.linked_units();
        let mut names = self.unit_names()?;
        names.retain(|name| !linked.iter().any(|linked| linked.name == *name));
        Ok(names.into_iter().map(listed).chain(linked).collect())
    }

    fn adopt(&self, nodes: &[&Node]) -> Result<(), PlatformError> {
        let is_external = |node: &Node| Ok(Unit::read(&self.path(node))?.is_some_and(|unit| is_external(&unit)));
        let mut external = Vec::new();
        for node in nodes {
            if is_external(node)? {
                external.push(*node);
            }
        }
        let shown = if external.is_empty() { BTreeMap::new() } else { self.show(external)? };
        let all = OnceLock::new();
        let is_up = |node: &Node| shown.get(&unit_name(node)).is_some_and(|shown| shown.pid.is_some());
        let running = || all.get_or_init(|| self.processes.all()).as_slice();
        adopt::each(nodes, |node| self.adopt_one(node, is_up(node), running))
    }
}

/// Returns the words of the command in the text of a unit.
#[cfg(test)]
pub(crate) fn command_in(text: &str) -> Option<Vec<String>> {
    Unit::parse(text).command()
}

/// Tells whether another tool wrote a unit.
fn is_external(unit: &Unit) -> bool {
    unit.value("Unit", render::UUID).is_none()
}

impl Systemd {
    /// Marks the unit of a node as adopted. `is_up` tells whether systemd runs it.
    fn adopt_one<'a>(
        &self,
        node: &Node,
        is_up: bool,
        running: impl Fn() -> &'a [ProcessInfo],
    ) -> Result<(), PlatformError> {
        let path = self.path(node);
        if let Some(unit) = Unit::read(&path)?.filter(is_external) {
            let runs_it = match root_of(&unit) {
                Some(root) => files::is_same(&root, &node.root_dir),
                // Only systemd can expand its command: the running process shows its folder.
                None => running().iter().any(|facts| facts.runs(node) && is_in_unit(facts.pid, node)),
            };
            if !runs_it {
                self.check_free(node)?;
            }
            definition::keep(&path, node)?;
            let mark = format!("# Written by wnm when it adopted the node.\n[Unit]\n{}={}\n", render::UUID, node.uuid);
            self.dirty.store(true, Ordering::Relaxed);
            self.bus.write(&others::mark(&path), &mark)?;
            // The other tool may have started the node at boot by itself; from now on systemd does.
            if is_up {
                self.bus.link(&path, &self.wanted(node))?;
            }
        }
        definition::write(node)
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        if let Err(error) = self.reload() {
            tracing::warn!(%error, "cannot reload systemd: changed units are not effective yet");
        }
    }
}

/// Returns the folder of the user's units.
pub(super) fn user_units() -> PathBuf {
    let configured = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    configured.unwrap_or_else(|| crate::places::home().join(".config")).join("systemd/user")
}

fn unit_name(node: &Node) -> String {
    format!("{}.service", node.service_name())
}

/// Returns the `--root-dir` in the command of a unit.
fn root_of(unit: &Unit) -> Option<PathBuf> {
    let given = PathBuf::from(adopt::root_dir(unit.command()?.get(1..)?)?);
    Some(
        unit.value("Service", "WorkingDirectory")
            .map_or_else(|| given.clone(), |folder| Path::new(folder).join(&given)),
    )
}

/// Tells whether a process is in the control group of a node's unit.
fn is_in_unit(pid: u32, node: &Node) -> bool {
    is_in_group_of(pid, &unit_name(node))
}

/// Tells whether a process is in the control group of a unit.
fn is_in_group_of(pid: u32, unit: &str) -> bool {
    groups_of(pid).lines().any(|line| line.strip_suffix(unit).is_some_and(|rest| rest.ends_with('/')))
}

/// Returns the service unit whose control group contains a process.
fn unit_of(pid: u32) -> Option<String> {
    let groups = groups_of(pid);
    let mut units = groups.lines().filter_map(|line| line.rsplit_once('/').map(|(_, unit)| unit));
    units.find(|unit| unit.ends_with(".service")).map(str::to_owned)
}

fn groups_of(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
