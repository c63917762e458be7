//! Each node as a launchd service of macOS: a property list, and the `launchctl` command.
//!
//! A stopped service is booted out of its domain and disabled, so that a login does not start it. Any other defined
//! service starts again after its exit, a login or a boot.

mod output;
mod service;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use wnm_core::{ExitStatus, ManagerKind, Node, NodeId, Scope};

use super::{
    Described, Found, FoundProcess, Listed, Options, ProcessManager, Service, StopSignal, adopt, definition, signal,
};
use crate::error::{FileOperation, PlatformError};
use crate::exec::{Call, Exec};
use crate::guarded;
use crate::node_dir::{self, Folder, STDERR_LOG};
use crate::observe::process::{Liveness, Processes};
use crate::weight::Weights;
use output::Loaded;
use service::Plist;

/// The prefix of service labels.
const PREFIX: &str = "com.autonomi.";
/// Exit codes of `bootstrap` while the service is loaded or still being removed: EIO, EINPROGRESS, EALREADY of macOS.
/// EIO (5) is also the code of unrelated errors.
const IN_THE_WAY: [i32; 3] = [5, 36, 37];
/// The number of attempts to `bootstrap` while launchd removes the old service.
const TRIES: u32 = 10;
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
    /// The launchd domain: `system` or `gui/UID`.
    domain: String,
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
        let (folder, domain) = match kind.scope {
            Scope::User | Scope::Zen => (&options.launch_agents, format!("gui/{user}")),
            Scope::Sudo => (&options.launch_daemons, "system".to_owned()),
        };
        let processes = Processes::of_host();
        Self {
            kind,
            exec,
            processes,
            command: options.launchctl.clone(),
            folder: folder.clone(),
            weights: options.weights,
            domain,
        }
    }

    fn call(&self, verb: &str) -> Call {
        Call::new(&self.command).arg(verb)
    }

    fn target(&self, node: &Node) -> String {
        format!("{}/{}", self.domain, label(node))
    }

    fn file(&self, node: &Node) -> PathBuf {
        self.folder.join(format!("{}.plist", label(node)))
    }

    /// Returns the loaded service of a node; None when it is not loaded.
    fn loaded(&self, node: &Node) -> Result<Option<Loaded>, PlatformError> {
        let call = self.call("print").arg(self.target(node));
        let output = self.exec.run(&call)?;
        match output.code {
            Some(0) => Ok(Some(output::service(&output.text()))),
            _ if output::says_missing(&output) => Ok(None),
            _ => Err(output.failure_of(call.summary())),
        }
    }

    /// Removes a service from its domain. launchd sends SIGTERM to its process.
    fn boot_out(&self, node: &Node) -> Result<(), PlatformError> {
        let call = self.call("bootout").arg(self.target(node));
        let output = self.exec.run(&call)?;
        let is_out = output.is_success() || output.code == Some(IN_PROGRESS) || output::says_missing(&output);
        if is_out { Ok(()) } else { Err(output.failure_of(call.summary())) }
    }

    fn boot(&self, node: &Node) -> Result<(), PlatformError> {
        self.exec.succeed(&self.call("enable").arg(self.target(node)))?;
        let call = self.call("bootstrap").arg(&self.domain).arg(self.file(node));
        let mut output = self.exec.run(&call)?;
        for _ in 0..TRIES {
            if !output.code.is_some_and(|code| IN_THE_WAY.contains(&code)) {
                break;
            }
            thread::sleep(PAUSE);
            output = self.exec.run(&call)?;
        }
        match output.code {
            Some(0) => Ok(()),
            // The service may have been loaded meanwhile. `kickstart` fails when the cause is another one.
            Some(code) if IN_THE_WAY.contains(&code) => {
                let kick = self.exec.run(&self.call("kickstart").arg(self.target(node)))?;
                if kick.is_success() { Ok(()) } else { Err(output.failure_of(call.summary())) }
            }
            _ => Err(output.failure_of(call.summary())),
        }
    }

    fn service(&self, loaded: Option<&Loaded>) -> Service {
        match loaded {
            None => Service::Stopped,
            Some(Loaded { pid: Some(pid), .. }) => match self.processes.facts(*pid) {
                Some(facts) if facts.life == Liveness::Alive => Service::Running(self.processes.identity(&facts)),
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
        lists: &[(String, Option<Plist>)],
        process: Option<&FoundProcess>,
    ) -> Result<Described, String> {
        let is_here = |list: &Plist| list.root().is_some_and(|root| definition::is_same(&root, &folder.path));
        let here = lists.iter().find_map(|(label, list)| Some((label, list.as_ref().filter(|list| is_here(list))?)));
        let (label, list) = here.ok_or_else(|| "no launchd service runs it".to_owned())?;
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

    fn define(&self, node: &Node) -> Result<(), PlatformError> {
        definition::write(node)?;
        let path = self.file(node);
        let text = Plist::of(node, &label(node), self.weights)?.to_text(&path)?;
        if fs::read(&path).is_ok_and(|present| present == text) {
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

    fn start(&self, node: &Node) -> Result<(), PlatformError> {
        match self.loaded(node)? {
            Some(loaded) if loaded.pid.is_some() => return Ok(()),
            // launchd keeps the property list from the time of loading, so a stopped service is loaded again.
            Some(_) => self.boot_out(node)?,
            None => {}
        }
        // launchd appends. Emptying the file is a convenience, so a failure is ignored.
        let log = guarded::open_or_create(&node.log_dir.join(STDERR_LOG), 0o644);
        let _ = log.and_then(|log| log.set_len(0));
        self.boot(node)
    }

    fn stop(&self, node: &Node, stop_signal: StopSignal) -> Result<(), PlatformError> {
        let told = self.loaded(node)?;
        // Disabled first: a crash of wnm after this line leaves a service that no login starts.
        self.exec.succeed(&self.call("disable").arg(self.target(node)))?;
        if told.is_some() {
            self.boot_out(node)?;
        }
        let told = told.and_then(|loaded| loaded.pid).filter(|_| stop_signal == StopSignal::Term);
        signal::all_but(told, &self.processes, node, stop_signal)
    }

    fn undefine(&self, node: &Node) -> Result<(), PlatformError> {
        if self.loaded(node)?.is_some() {
            self.boot_out(node)?;
        }
        definition::remove_file(&self.file(node))?;
        definition::remove(node)
    }

    fn survey(&self, nodes: &[&Node]) -> BTreeMap<NodeId, Service> {
        let printed = self.exec.succeed(&self.call("print").arg(&self.domain));
        let look = |services: &BTreeMap<String, Loaded>, node: &Node| self.service(services.get(&label(node)));
        match printed.map(|output| output::services(&output.text())) {
            Ok(Some(services)) => nodes.iter().map(|node| (node.id, look(&services, node))).collect(),
            Ok(None) => {
                let why = "launchctl print shows no list of services".to_owned();
                nodes.iter().map(|node| (node.id, Service::Unknown(why.clone()))).collect()
            }
            Err(error) => nodes.iter().map(|node| (node.id, Service::from(&error))).collect(),
        }
    }

    fn exits(&self, nodes: &[&Node]) -> BTreeMap<NodeId, ExitStatus> {
        let printed = self.exec.succeed(&self.call("print").arg(&self.domain)).ok();
        let services = printed.and_then(|output| output::services(&output.text())).unwrap_or_default();
        nodes.iter().filter_map(|node| Some((node.id, services.get(&label(node))?.exit?))).collect()
    }

    fn discover(&self, roots: &[PathBuf]) -> Result<Vec<Found>, PlatformError> {
        let lists = service::below(&self.folder)?;
        let all = self.processes.all();
        let found = |folder| {
            let process = definition::process_on(&folder, &all, &self.processes);
            let node = definition::read(&folder, self.kind)
                .map_or_else(|| self.described(&folder, &lists, process.as_ref()), |node| Ok(node.into()));
            Found::new(folder, node, process)
        };
        Ok(node_dir::find(roots)?.into_iter().map(found).collect())
    }

    fn adopt(&self, node: &Node) -> Result<(), PlatformError> {
        let path = self.file(node);
        let ours = Plist::of(node, &label(node), self.weights)?.to_text(&path)?;
        if path.exists() && !fs::read(&path).is_ok_and(|present| present == ours) {
            definition::keep(&path, node)?;
        }
        definition::write(node)
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

fn label(node: &Node) -> String {
    node.service.clone().unwrap_or_else(|| usual_label(node.id))
}

fn usual_label(id: NodeId) -> String {
    format!("{PREFIX}{}", id.name())
}

#[cfg(test)]
mod tests;
