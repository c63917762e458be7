//! Each node as a launchd service of macOS: a property list, and the `launchctl` command.
//!
//! A stopped service is booted out of its domain and disabled, so that a login does not start it. Any other defined
//! service starts again after its exit, a login or a boot.

mod output;
mod service;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use wnm_core::{ExitStatus, ManagerKind, Node, NodeId, Scope};

use super::{
    Described, Found, FoundProcess, Listed, Options, ProcessManager, Service, StopSignal, adopt, definition, signal,
};
use crate::by_folder::ByFolder;
use crate::error::{FileOperation, PlatformError};
use crate::exec::{Call, Exec, Output};
use crate::guarded;
use crate::node_dir::{self, Folder, STDERR_LOG};
use crate::observe::process::{Liveness, Processes};
use crate::weight::Weights;
use output::Loaded;
#[cfg(any(test, fuzzing))]
pub(crate) use output::fuzz as fuzz_output;
use service::Plist;
#[cfg(any(test, fuzzing))]
pub(crate) use service::fuzz as fuzz_service;

/// The prefix of service labels.
const PREFIX: &str = "com.autonomi.";
/// Exit codes of `bootstrap` while the service is loaded or still being removed: EIO, EINPROGRESS, EALREADY of macOS.
/// EIO (5) is also the code of unrelated errors.
const IN_THE_WAY: [i32; 3] = [5, 36, 37];
/// The number of attempts to `bootstrap` while launchd removes the old service, which takes up to a second.
const TRIES: u32 = 30;
const PAUSE: Duration = Duration::from_millis(50);
/// The exit code of `bootout` while the process is still exiting: EINPROGRESS of macOS.
const IN_PROGRESS: i32 = 36;

pub(super) struct Launchd {
    kind: ManagerKind,
    exec: Exec,
    processes: Processes,
    command: PathBuf,
    /// The folder of the property lists.
    folder: PathBuf,
    /// The weights of the nodes, of which launchd knows only whether they are low.
    weights: Option<Weights>,
    /// The launchd domains in the order of preference: `system`, or `gui/UID` and `user/UID`. On a Mac without a graphical
    /// login only the last exists, and a later login does not move its services.
    domains: Vec<String>,
}

impl Launchd {
    pub(super) fn new(kind: ManagerKind, options: &Options) -> Result<Self, PlatformError> {
        let user = rustix::process::geteuid();
        if kind.scope == Scope::Sudo && !user.is_root() {
            return Err(PlatformError::NeedsRoot { manager: kind });
        }
        Ok(Self::with(kind, options, user.as_raw(), Exec::real()))
    }

    fn with(kind: ManagerKind, options: &Options, user: u32, exec: Exec) -> Self {
        let (folder, domains) = match kind.scope {
            Scope::User | Scope::Zen => (&options.launch_agents, vec![format!("gui/{user}"), format!("user/{user}")]),
            Scope::Sudo => (&options.launch_daemons, vec!["system".to_owned()]),
        };
        let processes = Processes::of_host();
        Self {
            kind,
            exec,
            processes,
            command: options.launchctl.clone(),
            folder: folder.clone(),
            weights: options.weights,
            domains,
        }
    }

    /// Returns a manager whose tools `exec` runs, and whose files and processes are in a folder.
    #[cfg(test)]
    pub(super) fn with_tools(kind: ManagerKind, exec: Exec, folder: &Path) -> Self {
        let options = Options { launch_agents: folder.join("agents"), ..Options::default() };
        Self { processes: Processes::below(&folder.join("proc")), ..Self::with(kind, &options, 501, exec) }
    }

    fn call(&self, verb: &str) -> Call {
        Call::new(&self.command).arg(verb)
    }

    fn file(&self, node: &Node) -> PathBuf {
        self.folder.join(format!("{}.plist", label(node)))
    }

    /// Returns the loaded service of a node with its domain; None when it is not loaded.
    fn loaded(&self, node: &Node) -> Result<Option<(&str, Loaded)>, PlatformError> {
        for domain in &self.domains {
            let call = self.call("print").arg(target(domain, node));
            let output = self.exec.run(&call)?;
            match output.code {
                Some(0) => return Ok(Some((domain, output::service(&output.text())))),
                _ if output::says_missing(&output) || output::says_no_domain(&output) => {}
                _ => return Err(output.failure_of(call.summary())),
            }
        }
        Ok(None)
    }

    /// Returns the loaded services of these nodes by label; None when launchd shows no list of services.
    fn loaded_services(&self, nodes: &[&Node]) -> Result<Option<BTreeMap<String, Loaded>>, PlatformError> {
        let mut all: Option<BTreeMap<String, Loaded>> = None;
        for domain in &self.domains {
            let is_found = |known: &BTreeMap<String, Loaded>| nodes.iter().all(|node| known.contains_key(&label(node)));
            if all.as_ref().is_some_and(is_found) {
                break;
            }
            let call = self.call("print").arg(domain);
            let output = self.exec.run(&call)?;
            if output::says_no_domain(&output) {
                continue;
            }
            if !output.is_success() {
                return Err(output.failure_of(call.summary()));
            }
            let Some(services) = output::services(&output.text()) else { return Ok(None) };
            let known = all.get_or_insert_default();
            for (label, loaded) in services {
                known.entry(label).or_insert(loaded);
            }
        }
        Ok(all)
    }

    /// Removes a service from its domain. launchd sends SIGTERM to its process.
    fn boot_out(&self, domain: &str, node: &Node) -> Result<(), PlatformError> {
        let call = self.call("bootout").arg(target(domain, node));
        let output = self.exec.run(&call)?;
        let is_out = output.is_success() || output.code == Some(IN_PROGRESS) || output::says_missing(&output);
        if is_out { Ok(()) } else { Err(output.failure_of(call.summary())) }
    }

    /// Loads a service into the first domain that exists.
    fn boot(&self, node: &Node) -> Result<(), PlatformError> {
        let (last, first) = self.domains.split_last().map_or(("", &[][..]), |(last, first)| (last.as_str(), first));
        for domain in first {
            let output = self.bootstrap(domain, node)?;
            if !output::says_no_domain(&output) {
                return self.booted(domain, node, &output);
            }
        }
        let output = self.bootstrap(last, node)?;
        self.booted(last, node, &output)
    }

    /// Loads a service; tries again while launchd removes the old one. Returns the last answer.
    fn bootstrap(&self, domain: &str, node: &Node) -> Result<Output, PlatformError> {
        let call = self.call("enable").arg(target(domain, node));
        let enabled = self.exec.run(&call)?;
        if output::says_no_domain(&enabled) {
            return Ok(enabled);
        }
        if !enabled.is_success() {
            return Err(enabled.failure_of(call.summary()));
        }
        let call = self.call("bootstrap").arg(domain).arg(self.file(node));
        let mut output = self.exec.run(&call)?;
        for _ in 0..TRIES {
            if !output::failed_with(&output, &IN_THE_WAY) {
                break;
            }
            thread::sleep(PAUSE);
            output = self.exec.run(&call)?;
        }
        Ok(output)
    }

    /// Checks the answer of `bootstrap`.
    fn booted(&self, domain: &str, node: &Node, output: &Output) -> Result<(), PlatformError> {
        let failure = || output.failure_of(format!("launchctl bootstrap {domain} {}", self.file(node).display()));
        if output.is_success() {
            return Ok(());
        }
        // The service may have been loaded meanwhile. `kickstart` fails when the cause is another one.
        let is_started = output::failed_with(output, &IN_THE_WAY)
            && self.exec.run(&self.call("kickstart").arg(target(domain, node)))?.is_success();
        if is_started { Ok(()) } else { Err(failure()) }
    }

    /// Prevents the start of a service at a login, in the domain where it is loaded or else in the first that exists.
    fn disable(&self, loaded: Option<&str>, node: &Node) -> Result<(), PlatformError> {
        for domain in loaded.into_iter().chain(self.domains.iter().map(String::as_str)) {
            let call = self.call("disable").arg(target(domain, node));
            let output = self.exec.run(&call)?;
            if output.is_success() {
                return Ok(());
            }
            if !output::says_no_domain(&output) {
                return Err(output.failure_of(call.summary()));
            }
        }
        Ok(())
    }

    fn service(&self, node: &Node, loaded: Option<&Loaded>) -> Service {
        match loaded {
            None => Service::Stopped,
            Some(Loaded { pid: Some(pid), .. }) => match self.processes.facts(*pid) {
                Some(facts) if facts.life == Liveness::Alive && facts.may_run(node) => {
                    Service::Running(self.processes.identity(&facts))
                }
                Some(facts) if facts.life == Liveness::Alive => {
                    Service::Unknown(format!("launchd names process {pid}, which does not run this node"))
                }
                Some(_) | None => Service::Unknown(format!("process {pid} of its service is exiting")),
            },
            // Exit code 0 may be the end of a self-upgrade, and launchd restarts the service.
            Some(Loaded { pid: None, exit: None | Some(ExitStatus::Code(0)) }) => {
                Service::Unknown("launchd starts it in a moment".to_owned())
            }
            Some(Loaded { pid: None, exit: Some(ExitStatus::Code(_) | ExitStatus::Signal(_)) }) => Service::Stopped,
        }
    }

    /// Returns the node that an external property list runs on a folder.
    ///
    /// # Errors
    /// No property list runs the folder, or it does not describe a node.
    fn described(
        &self,
        folder: &Folder,
        lists: &ByFolder<&(String, Plist)>,
        process: Option<&FoundProcess>,
    ) -> Result<Described, String> {
        let (label, list) = lists.of(&folder.path).next().ok_or_else(|| "no launchd service runs it".to_owned())?;
        let [program, arguments @ ..] = list.program_arguments.as_slice() else {
            return Err(format!("service {label} has no program"));
        };
        let mut described = adopt::node(&adopt::Service {
            name: label,
            manager: self.kind,
            program: Path::new(program),
            arguments,
            environment: list.environment_variables.clone().into_iter().collect(),
            working_dir: list.working_directory.as_deref(),
            folder,
            process,
        })
        .map_err(|error| error.to_string())?;
        let node = &mut described.node;
        node.service = (*label != usual_label(node.id)).then(|| label.clone());
        Ok(described)
    }
}

impl ProcessManager for Launchd {
    fn kind(&self) -> ManagerKind {
        self.kind
    }

    fn check(&self) -> Result<(), PlatformError> {
        match self.loaded_services(&[])? {
            Some(_) => Ok(()),
            None => Err(PlatformError::NoDomain { domain: self.domains.join(" and ") }),
        }
    }

    fn define(&self, node: &Node) -> Result<(), PlatformError> {
        definition::write(node)?;
        let path = self.file(node);
        let text = Plist::of(node, &label(node), self.weights)?.to_text(&path)?;
        if fs::read(&path).is_ok_and(|present| present == text) && is_private(&path) {
            return Ok(());
        }
        for folder in [&self.folder, &node.log_dir] {
            guarded::make_folder(folder).map_err(|source| PlatformError::File {
                operation: FileOperation::Create,
                path: folder.clone(),
                source,
            })?;
        }
        // The environment of a node may contain secrets.
        node_dir::write(&path, &text, 0o600)
    }

    fn protect(&self, node: &Node) -> Result<(), PlatformError> {
        let path = self.file(node);
        if node.environment.is_empty() || is_private(&path) {
            return Ok(());
        }
        // An adopted property list belongs to another tool until the next start of the node.
        let ours = Plist::of(node, &label(node), self.weights)?.to_text(&path)?;
        if fs::read(&path).is_ok_and(|present| present == ours) {
            return node_dir::write(&path, &ours, 0o600);
        }
        Ok(())
    }

    fn start(&self, node: &Node) -> Result<(), PlatformError> {
        match self.loaded(node)? {
            Some((_, loaded)) if loaded.pid.is_some() => return Ok(()),
            // launchd keeps the property list from the time of loading, so a stopped service is loaded again.
            Some((domain, _)) => self.boot_out(domain, node)?,
            None => {}
        }
        // launchd appends. Emptying the file is a convenience, so a failure is ignored.
        let _ = guarded::empty(&node.log_dir.join(STDERR_LOG), 0o644);
        self.boot(node)
    }

    fn stop(&self, node: &Node, stop_signal: StopSignal) -> Result<(), PlatformError> {
        let told = self.loaded(node)?;
        // Disabled first: a crash of wnm after this line leaves a service that no login starts.
        self.disable(told.as_ref().map(|(domain, _)| *domain), node)?;
        if let Some((domain, _)) = told {
            self.boot_out(domain, node)?;
        }
        let told = told.and_then(|(_, loaded)| loaded.pid).filter(|_| stop_signal == StopSignal::Term);
        signal::all_but(told, &self.processes, node, stop_signal)
    }

    fn undefine(&self, node: &Node) -> Result<(), PlatformError> {
        if let Some((domain, _)) = self.loaded(node)? {
            self.boot_out(domain, node)?;
        }
        definition::remove_file(&self.file(node))?;
        definition::remove(node)
    }

    fn survey(&self, nodes: &[&Node]) -> BTreeMap<NodeId, Service> {
        let look = |services: &BTreeMap<String, Loaded>, node: &Node| self.service(node, services.get(&label(node)));
        match self.loaded_services(nodes) {
            Ok(Some(services)) => nodes.iter().map(|node| (node.id, look(&services, node))).collect(),
            Ok(None) => {
                let why = "launchctl print shows no list of services".to_owned();
                nodes.iter().map(|node| (node.id, Service::Unknown(why.clone()))).collect()
            }
            Err(error) => nodes.iter().map(|node| (node.id, Service::from(&error))).collect(),
        }
    }

    fn exits(&self, nodes: &[&Node]) -> BTreeMap<NodeId, ExitStatus> {
        let services = self.loaded_services(nodes).ok().flatten().unwrap_or_default();
        nodes.iter().filter_map(|node| Some((node.id, services.get(&label(node))?.exit?))).collect()
    }

    fn discover(&self, roots: &[PathBuf]) -> Result<Vec<Found>, PlatformError> {
        let lists: Vec<(String, Plist)> =
            service::below(&self.folder)?.into_iter().filter_map(|(label, list)| Some((label, list?))).collect();
        let lists = lists.iter().filter_map(|service| Some((service.1.root()?, service))).collect();
        let all = definition::by_folder(self.processes.all());
        let found = |folder| {
            let process = definition::process_on(&folder, &all, &self.processes);
            let node = definition::read(&folder, self.kind)
                .map_or_else(|| self.described(&folder, &lists, process.as_ref()), |node| Ok(node.into()));
            Found::new(folder, node, process)
        };
        Ok(node_dir::find(roots)?.into_iter().map(found).collect())
    }

    fn adopt(&self, nodes: &[&Node]) -> Result<(), PlatformError> {
        adopt::each(nodes, |node| {
            let path = self.file(node);
            let ours = Plist::of(node, &label(node), self.weights)?.to_text(&path)?;
            if path.exists() && !fs::read(&path).is_ok_and(|present| present == ours) {
                definition::keep(&path, node)?;
            }
            definition::write(node)
        })
    }

    fn services(&self) -> Result<Vec<Listed>, PlatformError> {
        let listed = |(name, list): (String, Option<Plist>)| Listed {
            folder: list.and_then(|list| list.root()),
            name,
            fault: None,
        };
        Ok(service::below(&self.folder)?.into_iter().map(listed).collect())
    }
}

/// Tells whether the definition with which launchd has loaded a node puts it behind other work. Each start of a node
/// writes the definition before launchd loads it.
pub(crate) fn runs_behind(options: &Options, kind: ManagerKind, node: &Node) -> bool {
    let folder = match kind.scope {
        Scope::User | Scope::Zen => &options.launch_agents,
        Scope::Sudo => &options.launch_daemons,
    };
    service::read(&folder.join(format!("{}.plist", label(node)))).is_some_and(|list| list.is_behind())
}

/// Tells whether no other user can read a file. A missing one shows nothing.
fn is_private(path: &Path) -> bool {
    fs::symlink_metadata(path).map_or(true, |facts| facts.mode() & 0o077 == 0)
}

fn target(domain: &str, node: &Node) -> String {
    format!("{domain}/{}", label(node))
}

fn label(node: &Node) -> String {
    node.service.clone().unwrap_or_else(|| usual_label(node.id))
}

fn usual_label(id: NodeId) -> String {
    format!("{PREFIX}{}", id.name())
}

#[cfg(test)]
mod tests;
