//! Each node as a service of antctl, the official manager of `antnode`, which creates services, folders and names itself.
//!
//! wnm reads the registry of antctl before and after each call and never parses its output for people. antctl has no
//! lock, so wnm calls it one at a time, under a lock file beside the registry. antctl assigns each number once and
//! chooses the next one: wnm does not add a node whose number would differ.
//!
//! Where the services are units of systemd, wnm starts and stops these: a start by antctl takes 3.5 s and asks the RPC
//! server of the node without a deadline, and antctl finds the processes by the paths of their programs.

mod add;
mod registry;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use wnm_core::{Flavor, ManagerKind, Node, NodeId, Ports, Scope};

use super::{
    Described, ExternalUnit, ExternalUnits, Found, FoundProcess, Listed, Options, ProcessManager, Service, StopSignal,
    Verbosity, adopt, definition, signal,
};
use crate::by_folder::ByFolder;
use crate::error::{FileOperation, PlatformError, RegistryProblem};
use crate::exec::{Call, Exec};
use crate::guarded;
use crate::node_dir::{self, Folder};
use crate::observe::process::Processes;
use crate::places::home;
#[cfg(any(test, fuzzing))]
pub(crate) use registry::fuzz;
use registry::{Entry, Registry, Status};

/// The time to wait for another call by wnm.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);
/// The time in which a process of systemd becomes that of its node. One whose program cannot be run never does.
const EXEC_TIMEOUT: Duration = Duration::from_secs(1);
/// The pause between two attempts to lock, and between two checks for a process.
const PAUSE: Duration = Duration::from_millis(20);
/// The lock file beside the registry.
const LOCK: &str = ".wnm-antctl-lock";

pub(super) struct Antctl {
    kind: ManagerKind,
    exec: Exec,
    processes: Processes,
    options: Options,
    registry: PathBuf,
    /// The units of the nodes; None for another antctl than that of this host, as in tests, and without systemd.
    units: Option<ExternalUnits>,
}

impl Antctl {
    pub(super) fn new(kind: ManagerKind, options: &Options) -> Result<Self, PlatformError> {
        if kind.scope == Scope::Sudo && !rustix::process::geteuid().is_root() {
            return Err(PlatformError::NeedsRoot { manager: kind });
        }
        Ok(Self::with(kind, options, Exec::real()))
    }

    fn with(kind: ManagerKind, options: &Options, exec: Exec) -> Self {
        let usual = || match kind.scope {
            Scope::Sudo => PathBuf::from("/var/antctl/node_registry.json"),
            Scope::User | Scope::Zen => home().join(".local/share/autonomi/node/node_registry.json"),
        };
        let registry = options.antctl_registry.clone().unwrap_or_else(usual);
        let is_usual = options.antctl_registry.is_none();
        let units = is_usual.then(|| ExternalUnits::of_host(kind.scope)).flatten();
        Self { kind, exec, processes: Processes::of_host(), options: options.clone(), registry, units }
    }

    /// Returns a manager whose tools `exec` runs, and whose files and processes are in a folder.
    #[cfg(test)]
    pub(super) fn with_tools(kind: ManagerKind, exec: Exec, folder: &std::path::Path) -> Self {
        let options = Options { antctl_registry: Some(folder.join("node_registry.json")), ..Options::default() };
        Self { processes: Processes::below(&folder.join("proc")), ..Self::with(kind, &options, exec) }
    }

    fn call(&self) -> Call {
        let call = Call::new(&self.options.antctl);
        match self.options.antctl_verbosity {
            Verbosity::Debug => call.arg("--debug"),
            Verbosity::Default => call,
        }
    }

    /// Returns a call for one service. One `-v` is the least verbosity of antctl, two are its default: only then it leaves
    /// out the questions to the RPC servers of all running nodes, which have no deadline, so that a node that hangs would
    /// hold the calls for all others.
    fn named(&self, verb: &str, entry: &Entry) -> Call {
        self.call().args(["-v", verb, "--service-name", &entry.service_name])
    }

    fn read(&self) -> Result<Registry, PlatformError> {
        Registry::read(&self.registry)
    }

    /// Waits for the lock that serializes the calls of all wnm processes.
    fn turn(&self) -> Result<Turn, PlatformError> {
        let path = self.registry.with_file_name(LOCK);
        let fail = |operation, source| PlatformError::File { operation, path: path.clone(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| fail(FileOperation::Create, source))?;
        }
        // The registry may be in a folder of another user, who could put a link to a file of root there.
        let file = guarded::open_or_create(&path, 0o644).map_err(|source| fail(FileOperation::Create, source))?;
        let deadline = Instant::now() + LOCK_TIMEOUT;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Turn { _file: file }),
                Err(error) if error == rustix::io::Errno::WOULDBLOCK && Instant::now() < deadline => {
                    thread::sleep(PAUSE)
                }
                Err(error) => return Err(fail(FileOperation::Lock, error.into())),
            }
        }
    }

    /// Returns the unit of an entry; None where the services are not units.
    fn unit(&self, entry: &Entry) -> Option<ExternalUnit> {
        self.units.as_ref()?.unit(&entry.service_name)
    }

    /// Returns the unit of a node.
    fn unit_of(&self, node: &Node) -> Option<ExternalUnit> {
        self.unit(self.read().ok()?.of(node)?)
    }

    /// Writes the drop-in for the service of a node. A failure leaves the node as an equal of other work and without a
    /// start at boot, which doctor reports.
    fn place(&self, node: &Node) {
        let placed = self.unit_of(node).map(|unit| unit.place(node, self.options.group.as_deref()));
        if let Some(Err(error)) = placed {
            warn_of_drop_in(node, &error);
        }
    }

    /// Records the new program of a node in the registry. antctl refuses an older version than the recorded one.
    fn upgrade(&self, node: &Node, entry: &Entry) -> Result<(), PlatformError> {
        let Some(known) = entry.version() else { return Ok(()) };
        let is_source = node_dir::digest(&node_dir::resolved(&self.options.binary))? == node_dir::digest(&node.binary)?;
        // Not by the registry, which may be older than the last stop.
        if !is_source || !self.processes.running(node).is_empty() {
            return Ok(());
        }
        // The configured program, which is equal: the node can replace its own one, which may run as another user.
        let asked = Call::new(&self.options.binary).arg("--version").only_environment([]);
        let Some(here) = node.flavor.version_in(&self.exec.succeed(&asked)?.text()) else { return Ok(()) };
        if here <= known {
            return Ok(());
        }
        let call = self.named("upgrade", entry).args(["--do-not-start", "--interval", "1", "--path"]);
        self.exec.succeed(&call.arg(&self.options.binary)).map(drop)
    }

    /// Waits until a started node has its program: systemd returns after the fork, in which the process is still one of
    /// systemd and would count as missing.
    fn await_program(&self, node: &Node) {
        let deadline = Instant::now() + EXEC_TIMEOUT;
        while self.processes.running(node).is_empty() && Instant::now() < deadline {
            thread::sleep(PAUSE);
        }
    }

    /// Returns the processes of nodes.
    fn running(&self, nodes: &[&Node]) -> BTreeMap<NodeId, Service> {
        let all = self.processes.all();
        let process = |node: &Node| {
            let newest = all.iter().filter(|facts| facts.runs(node)).max_by_key(|facts| (facts.start, facts.pid))?;
            Some((node.id, Service::Running(self.processes.identity(newest))))
        };
        nodes.iter().filter_map(|node| process(node)).collect()
    }

    /// Returns the states of nodes without a process, as systemd knows them: of no node, when it does not tell.
    ///
    /// The registry does not know what happened since the last command of antctl, such as the end of a node that upgrades
    /// itself, which systemd restarts in a moment.
    fn by_systemd(&self, nodes: &[&Node], registry: &Registry) -> BTreeMap<NodeId, Service> {
        let Some(units) = &self.units else { return BTreeMap::new() };
        let named = |node: &&Node| registry.of(node).map(|entry| (node.id, entry.service_name.as_str()));
        let (ids, names): (Vec<NodeId>, Vec<&str>) = nodes.iter().filter_map(named).unzip();
        let service = |is_active| match is_active {
            true => Service::Unknown("systemd reports it as active, but no process exists".to_owned()),
            false => Service::Stopped,
        };
        ids.into_iter().zip(units.are_active(&names).into_iter().map(service)).collect()
    }
}

/// Returns the node of a registry entry, under a process manager.
///
/// # Errors
/// A value is missing in the entry, or its payment network is unknown.
fn described(
    manager: ManagerKind,
    registry: &Registry,
    entry: &Entry,
    uuid: String,
    process: Option<&FoundProcess>,
) -> Result<Node, String> {
    let missing = |value: &str| format!("its registry entry has no {value}");
    let id = NodeId::new(entry.number).ok_or_else(|| missing("number"))?;
    let rpc = entry.rpc_socket_addr.as_deref().and_then(|address| address.rsplit(':').next()?.parse().ok());
    let port = match (entry.port(), process) {
        (Some(port), _) => port,
        (None, Some(process)) => {
            adopt::bound_ports(process, &entry.data_dir_path, rpc).map_err(|error| error.to_string())?.0
        }
        (None, None) => return Err(format!("{}: start it, then import it", missing("port"))),
    };
    let network = entry.network().ok_or_else(|| "its payment network is unknown to wnm".to_owned())?;
    let wallet = entry.rewards_address.as_deref().ok_or_else(|| missing("rewards address"))?;
    Ok(Node {
        id,
        uuid,
        flavor: Flavor::Antnode,
        manager,
        service: Some(entry.service_name.clone()),
        root_dir: entry.data_dir_path.clone(),
        log_dir: entry.log_dir_path.clone(),
        binary: entry.antnode_path.clone(),
        ports: Ports { node: port, metrics: entry.metrics_port, rpc },
        wallet: wallet.to_lowercase().parse().map_err(|error: wnm_core::WalletError| error.to_string())?,
        network,
        arguments: entry.arguments(),
        environment: registry.environment(entry),
        upnp: entry.upnp(),
        born: adopt::born(&entry.data_dir_path, &Flavor::Antnode),
    })
}

/// A node in a registry of antctl that is not the one of this host.
#[derive(Debug, Clone, PartialEq)]
pub struct Registered {
    /// The name of its service.
    pub name: String,
    /// Its folder, where the registry was written.
    pub folder: PathBuf,
    /// Its program, where the registry was written.
    pub program: PathBuf,
    /// Its status in capital letters, such as `RUNNING`.
    pub status: String,
    /// The recorded version.
    pub version: Option<wnm_core::Version>,
    /// The recorded peer ID.
    pub peer_id: Option<String>,
    /// Settings with another value than the one that wnm gives every node, such as `--max-log-files 5`.
    pub replaced: Vec<String>,
    /// The node, or the reason why the entry does not suffice.
    pub node: Result<Node, String>,
}

/// The nodes in a registry of antctl that is not the one of this host, and the names of the entries that wnm cannot read,
/// each with the reason.
pub type RegisteredNodes = (Vec<Registered>, Vec<(String, String)>);

/// Returns the nodes of a copied registry of antctl, under a process manager.
///
/// # Errors
/// The file is unreadable, or no registry.
pub fn registered(path: &std::path::Path, manager: ManagerKind) -> Result<RegisteredNodes, PlatformError> {
    let registry = Registry::read(path)?;
    let node = |entry: &Entry| Registered {
        name: entry.service_name.clone(),
        folder: entry.data_dir_path.clone(),
        program: entry.antnode_path.clone(),
        status: entry.status.word().to_uppercase(),
        version: entry.version(),
        peer_id: entry.peer_id.clone(),
        replaced: entry.replaced(),
        node: described(manager, &registry, entry, String::new(), None),
    };
    let nodes = registry.living().map(node).collect();
    let fault = |(name, fault): &(String, String)| (name.clone(), format!("its entry is unreadable: {fault}"));
    Ok((nodes, registry.unreadable.iter().map(fault).collect()))
}

/// The lock for calls of antctl, held until it is dropped.
struct Turn {
    _file: File,
}

impl ProcessManager for Antctl {
    fn kind(&self) -> ManagerKind {
        self.kind
    }

    fn check(&self) -> Result<(), PlatformError> {
        self.read()?;
        self.exec.succeed(&Call::new(&self.options.antctl).arg("--version")).map(drop)
    }

    fn supports(&self, node: &Node) -> Result<(), PlatformError> {
        self.addition(node).map(drop)
    }

    fn define(&self, node: &Node) -> Result<(), PlatformError> {
        let _turn = self.turn()?;
        let registry = self.read()?;
        match registry.of(node) {
            Some(entry) => self.upgrade(node, entry)?,
            None => self.add(node, &registry)?,
        }
        self.place(node);
        definition::write(node)
    }

    fn as_node(&self, node: &Node, call: Call) -> Option<Call> {
        if self.kind.scope != Scope::Sudo {
            return Some(call);
        }
        // antctl chooses the user of its nodes, who owns their folder and can replace the program there. The configured
        // program, if it is the same, has the same version.
        let digests = [node_dir::resolved(&self.options.binary), node.binary.clone()];
        let digests = digests.map(|path| node_dir::digest(&path).ok().flatten());
        let [Some(source), Some(own)] = digests else { return None };
        (source == own).then(|| Call { program: self.options.binary.clone().into(), ..call })
    }

    fn start(&self, node: &Node) -> Result<(), PlatformError> {
        self.enable(node)?;
        if !self.processes.running(node).is_empty() {
            return Ok(());
        }
        let _turn = self.turn()?;
        let registry = self.read()?;
        let entry = registry.of(node).ok_or_else(|| PlatformError::Registry {
            node: node.id,
            path: self.registry.clone(),
            problem: RegistryProblem::NoEntry,
        })?;
        match self.unit(entry) {
            Some(unit) => {
                unit.start()?;
                self.await_program(node);
                Ok(())
            }
            // Without --interval, antctl waits minutes for the connection to the network.
            None => self.exec.succeed(&self.named("start", entry).args(["--interval", "1"])).map(drop),
        }
    }

    fn stop(&self, node: &Node, stop_signal: StopSignal) -> Result<(), PlatformError> {
        let _turn = self.turn()?;
        let registry = self.read()?;
        let unit = registry.of(node).and_then(|entry| self.unit(entry));
        let is_signalled = match (registry.of(node), &unit) {
            // systemd starts the node again after a signal of another program that ends it well.
            (Some(_), Some(unit)) => {
                unit.stop()?;
                unit.is_active() != Some(false)
            }
            (Some(entry), None) if entry.status == Status::Running => {
                match self.exec.succeed(&self.named("stop", entry)) {
                    // antctl waits for the exit of the process. It sent the signal, and the step "wait for exit" handles a
                    // process that takes longer.
                    Ok(_) | Err(PlatformError::Hung { .. }) => true,
                    Err(error) => return Err(error),
                }
            }
            (Some(_) | None, _) => false,
        };
        // After the stop: if the stop fails, the node keeps running, and a reboot must start it again.
        unit.map_or(Ok(()), |unit| unit.disable())?;
        // A process that antctl believes to have ended, or does not know.
        if is_signalled && stop_signal == StopSignal::Term {
            Ok(())
        } else {
            signal::all_but(None, &self.processes, node, stop_signal)
        }
    }

    fn undefine(&self, node: &Node) -> Result<(), PlatformError> {
        let _turn = self.turn()?;
        if let Some(entry) = self.read()?.of(node) {
            if entry.status == Status::Running {
                self.exec.succeed(&self.named("stop", entry))?;
            }
            if let Some(unit) = self.unit(entry) {
                unit.release()?;
            }
            // wnm moves the folders itself after checking their marker.
            self.exec.succeed(&self.named("remove", entry).arg("--keep-directories"))?;
        }
        definition::remove(node)
    }

    fn survey(&self, nodes: &[&Node]) -> BTreeMap<NodeId, Service> {
        let registry = match self.read() {
            Ok(registry) => registry,
            Err(error) => return nodes.iter().map(|node| (node.id, Service::from(&error))).collect(),
        };
        let mut seen = self.running(nodes);
        let rest: Vec<&Node> = nodes.iter().copied().filter(|node| !seen.contains_key(&node.id)).collect();
        seen.extend(self.by_systemd(&rest, &registry));
        let rest: Vec<&Node> = rest.into_iter().filter(|node| !seen.contains_key(&node.id)).collect();
        if !rest.iter().any(|node| recorded(node, &registry) != Service::Stopped) {
            seen.extend(rest.iter().map(|node| (node.id, Service::Stopped)));
            return seen;
        }
        // The registry is only as new as the last antctl command. `status` refreshes it but is slow, so it runs only when
        // processes and registry disagree.
        let asked = self.turn().and_then(|_turn| self.exec.succeed(&self.call().args(["status", "--json"])));
        let now = asked.ok().and_then(|output| Registry::parse(&output.stdout).ok()).unwrap_or(registry);
        let started = self.running(&rest);
        let state = |node: &Node| started.get(&node.id).cloned().unwrap_or_else(|| recorded(node, &now));
        seen.extend(rest.iter().map(|node| (node.id, state(node))));
        seen
    }

    fn discover(&self, roots: &[PathBuf]) -> Result<Vec<Found>, PlatformError> {
        let registry = self.read()?;
        let living: ByFolder<&Entry> = registry.living().map(|entry| (entry.data_dir_path.clone(), entry)).collect();
        let all = definition::by_folder(self.processes.all());
        let found = |folder: Folder| {
            let process = definition::process_on(&folder, &all, &self.processes);
            let entry = living.of(&folder.path).next().copied();
            let node = match entry {
                Some(entry) => definition::read(&folder, self.kind)
                    .map_or_else(
                        || {
                            let uuid = folder.marker.as_ref().map(|marker| marker.uuid.clone()).unwrap_or_default();
                            described(self.kind, &registry, entry, uuid, process.as_ref())
                        },
                        Ok,
                    )
                    .map(|node| Described { replaced: entry.replaced(), ..Described::from(node) }),
                None => Err(format!("{} has no entry of it", self.registry.display())),
            };
            Found {
                status: entry.map(|entry| entry.status.word().to_uppercase()),
                peer_id: entry.and_then(|entry| entry.peer_id.clone()),
                version: entry.and_then(Entry::version),
                ..Found::new(folder, node, process)
            }
        };
        Ok(node_dir::find(roots)?.into_iter().map(found).collect())
    }

    fn services(&self) -> Result<Vec<Listed>, PlatformError> {
        let listed = |entry: &Entry| Listed {
            name: entry.service_name.clone(),
            folder: Some(entry.data_dir_path.clone()),
            fault: None,
        };
        let registry = self.read()?;
        let unreadable = registry.unreadable.iter().map(|(name, fault)| Listed {
            name: name.clone(),
            folder: None,
            fault: Some(format!("its entry in {} is unreadable: {fault}", self.registry.display())),
        });
        Ok(registry.living().map(listed).chain(unreadable).collect())
    }

    fn adopt(&self, nodes: &[&Node]) -> Result<(), PlatformError> {
        adopt::each(nodes, definition::write)?;
        let Ok(registry) = self.read() else { return Ok(()) };
        let all: Vec<(&Node, ExternalUnit)> =
            nodes.iter().filter_map(|node| Some((*node, self.unit(registry.of(node)?)?))).collect();
        let Some((_, first)) = all.first() else { return Ok(()) };
        let group = self.options.group.as_deref();
        let mut is_changed = false;
        for (node, unit) in &all {
            is_changed |= unit.write(node, group).unwrap_or_else(|error| warn_of_drop_in(node, &error));
        }
        // A node keeps running if it cannot be placed or enabled, which doctor reports.
        if is_changed && let Err(error) = first.reload() {
            tracing::warn!(%error, "cannot reload systemd after the drop-ins for the services of antctl");
        }
        let running = self.running(nodes);
        let running: Vec<_> = all.iter().filter(|(node, _)| running.contains_key(&node.id)).collect();
        if !running.is_empty() {
            first.keep_user();
        }
        for (node, unit) in running {
            if let Err(error) = unit.link() {
                tracing::warn!(node = %node.id, %error, "cannot let the node start at boot");
            }
        }
        Ok(())
    }

    fn not_enabled(&self, nodes: &[&Node]) -> Vec<NodeId> {
        let Ok(registry) = self.read() else { return Vec::new() };
        let is_enabled =
            |node: &Node| registry.of(node).and_then(|entry| self.unit(entry)).is_none_or(|it| it.is_enabled());
        nodes.iter().filter(|node| !is_enabled(node)).map(|node| node.id).collect()
    }

    fn enable(&self, node: &Node) -> Result<(), PlatformError> {
        self.place(node);
        self.unit_of(node).map_or(Ok(()), |unit| unit.enable())
    }

    fn highest_number(&self) -> Result<Option<u32>, PlatformError> {
        Ok(u32::try_from(self.read()?.len()).ok())
    }
}

/// Logs that a drop-in cannot be written. Returns that it is not changed.
fn warn_of_drop_in(node: &Node, error: &PlatformError) -> bool {
    tracing::warn!(node = %node.id, %error, "cannot write the drop-in for the service of antctl");
    false
}

/// Returns the state of a node without a process, as a registry has it.
fn recorded(node: &Node, registry: &Registry) -> Service {
    match registry.of(node).map(|entry| &entry.status) {
        None | Some(Status::Added | Status::Stopped | Status::Removed) => Service::Stopped,
        Some(Status::Running) => Service::Unknown("antctl reports it as running, but no process exists".to_owned()),
        Some(Status::Other(word)) => {
            Service::Unknown(format!("antctl reports the status {word}, which wnm does not know"))
        }
    }
}

#[cfg(test)]
mod tests;
