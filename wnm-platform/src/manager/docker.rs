//! Each node in a container, through the `docker` command or a compatible one such as that of podman.
//!
//! A container shares the host's network, because the metrics server listens on the loopback only. It also shares the
//! PID namespace: as PID 1 of its own namespace, a node without a SIGTERM handler would ignore SIGTERM. Its folder is
//! mounted at the same path, so that program and arguments are the same inside and outside.

mod container;
mod create;
mod engine;
mod outside;

use std::collections::BTreeMap;
#[cfg(test)]
use std::path::Path;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use wnm_core::{ExitStatus, ManagerKind, Node, NodeId};

use super::{Found, Listed, Options, ProcessManager, Service, StopSignal, definition, signal, slice_name};
use crate::by_folder::ByFolder;
use crate::error::{NameHolder, PlatformError};
use crate::exec::{Call, Exec};
use crate::node_dir::{self, Folder};
use crate::node_log::Follow;
use crate::observe::process::{Liveness, Processes};
use container::Container;
#[cfg(any(test, fuzzing))]
pub(crate) use container::fuzz;
use engine::Engine;
pub use outside::{Activity, OtherContainer};

/// The lines at the end of a container's log that are searched for a message.
const TAIL: &str = "5";
/// The deadline of a query of all nodes. A daemon that hangs must not take the time of the cycle.
const QUERY_DEADLINE: Duration = Duration::from_secs(10);
/// The age up to which the engine is asked for ends of containers: many times the interval of any daemon.
const END_AGE: &str = "1h";
/// The number of attempts to read a container whose process ends at the same time.
const INSPECTIONS: usize = 3;

pub(super) struct Docker {
    kind: ManagerKind,
    exec: Exec,
    processes: Processes,
    command: PathBuf,
    image: String,
    /// The control group of the containers.
    group: Option<String>,
    /// The name of that group for docker's cgroup driver, once it is known.
    parent: OnceLock<Option<String>>,
    /// The program behind the command, once it is known.
    engine: OnceLock<Engine>,
}

impl Docker {
    pub(super) fn new(kind: ManagerKind, options: &Options) -> Self {
        Self::with(kind, options, Exec::real(), Processes::of_host())
    }

    /// Returns a manager whose tools `exec` runs, and whose files and processes are in a folder.
    #[cfg(test)]
    pub(super) fn with_tools(kind: ManagerKind, exec: Exec, folder: &Path) -> Self {
        Self::with(kind, &Options::default(), exec, Processes::below(&folder.join("proc")))
    }

    fn with(kind: ManagerKind, options: &Options, exec: Exec, processes: Processes) -> Self {
        Self {
            kind,
            exec,
            processes,
            command: options.docker.clone(),
            image: options.docker_image.clone(),
            group: options.group.clone(),
            parent: OnceLock::new(),
            engine: OnceLock::new(),
        }
    }

    fn call(&self, verb: &str) -> Call {
        Call::new(&self.command).args(["container", verb])
    }

    /// Returns the parent group for docker's cgroup driver; None for an unknown driver.
    fn parent(&self) -> Option<&str> {
        let group = self.group.as_deref()?;
        let ask = || {
            let driver = match self.engine() {
                Engine::Docker => "{{.CgroupDriver}}",
                Engine::Podman => "{{.Host.CgroupManager}}",
            };
            let call = Call::new(&self.command).args(["info", "--format", driver]);
            let output = self.exec.run(&call).ok()?;
            match output.text().trim() {
                "systemd" => Some(slice_name(group)),
                "cgroupfs" => Some(format!("/{group}")),
                _ => None,
            }
        };
        self.parent.get_or_init(ask).as_deref()
    }

    /// Returns the container with the name of a node, also an external one; None when it does not exist.
    fn container(&self, node: &Node) -> Result<Option<Container>, PlatformError> {
        let call = self.call("inspect").args(["--format", container::FORMAT]).arg(node.service_name());
        let mut output = self.exec.run(&call)?;
        for _ in 1..INSPECTIONS {
            if !container::says_ended(&output) {
                break;
            }
            output = self.exec.run(&call)?;
        }
        match container::read(&output.text()).pop() {
            Some(container) => Ok(Some(container)),
            None if container::says_missing(&output, &node.service_name()) => Ok(None),
            None => Err(engine::failure(&call, &output)),
        }
    }

    /// Returns the container of a node, unless it runs another node.
    fn own(&self, node: &Node) -> Result<Option<Container>, PlatformError> {
        Ok(self.container(node)?.filter(|container| container.is_of(node)))
    }

    /// Returns all containers with their definitions.
    fn containers(&self) -> Result<Vec<Container>, PlatformError> {
        let ids = self.succeed(&self.call("ls").args(["--all", "--quiet", "--no-trunc"]))?.text();
        let ids: Vec<&str> = ids.split_whitespace().collect();
        let mut containers = Vec::new();
        // Up to 50 containers for each call, so that the output stays below the limit of 1 MiB.
        for ids in ids.chunks(50) {
            let call = self.call("inspect").args(["--format", container::LONG_FORMAT]).args(ids);
            containers.extend(container::read(&self.exec.run(&call)?.text()));
        }
        Ok(containers)
    }

    fn create(&self, node: &Node, words: Vec<String>) -> Result<(), PlatformError> {
        let call = create::call(self.call("create"), node, words)?;
        let output = self.exec.run(&call)?;
        if output.is_success() {
            return Ok(());
        }
        if container::says_image_missing(&output) {
            return Err(PlatformError::ImageMissing {
                node: node.id,
                image: self.image.clone(),
                command: Call::new(&self.command).arg("pull").arg(&self.image).to_string(),
            });
        }
        Err(engine::failure(&call, &output))
    }

    /// Returns the status with which each of these containers last ended, as the engine remembers it.
    fn last_ends(&self, names: &[&str]) -> BTreeMap<String, ExitStatus> {
        let (event, format) = match self.engine() {
            Engine::Docker => ("event=die", "{{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}}"),
            Engine::Podman => ("event=died", "{{.Name}} {{.ContainerExitCode}}"),
        };
        // A duration such as "0s" counts from the begin of this second, so that the newest end would be missing.
        let now = jiff::Timestamp::now().to_string();
        let call = Call::new(&self.command).args(["events", "--since", END_AGE, "--until", &now]);
        let call = call.args(["--filter", event, "--format", format]).within(QUERY_DEADLINE);
        let call = names.iter().fold(call, |call, name| call.args(["--filter", &format!("container={name}")]));
        self.exec.run(&call).map(|output| container::ends(&output.text())).unwrap_or_default()
    }

    fn service(&self, node: &Node, container: &Container) -> Service {
        match container.pid {
            0 if container.status == "restarting" && container.code == 0 => {
                // Exit code 0 may be the end of a self-upgrade, and docker restarts the container.
                Service::Unknown("docker restarts it in a moment".to_owned())
            }
            // podman has no state for that.
            0 if container.code == 0 && container.has_just_ended() && self.engine() == Engine::Podman => {
                Service::Unknown("it exited with code 0, and podman restarts it in a moment".to_owned())
            }
            0 => Service::Stopped,
            pid => match self.processes.facts(pid) {
                Some(facts) if facts.life != Liveness::Alive => {
                    Service::Unknown(format!("process {pid} of its container is exiting"))
                }
                Some(facts) if facts.may_run(node) => Service::Running(self.processes.identity(&facts)),
                Some(_) => Service::Unknown(format!("docker names process {pid}, which does not run this node")),
                None => Service::Unknown(format!("process {pid} of its container is not visible on this host")),
            },
        }
    }
}

/// Returns the error of a node whose name another container has.
fn taken(node: &Node, root: Option<String>) -> PlatformError {
    let name = format!("container {}", node.service_name());
    PlatformError::Taken { node: node.id, name, holder: NameHolder::Container { root } }
}

impl ProcessManager for Docker {
    fn kind(&self) -> ManagerKind {
        self.kind
    }

    fn check(&self) -> Result<(), PlatformError> {
        self.try_engine()
    }

    fn check_name(&self, node: &Node) -> Result<(), PlatformError> {
        match self.container(node)? {
            Some(container) if !container.is_of(node) => Err(taken(node, container.root)),
            Some(_) | None => Ok(()),
        }
    }

    fn define(&self, node: &Node) -> Result<(), PlatformError> {
        let words = create::words(node, &self.image, self.parent())?;
        match self.container(node)? {
            None => self.create(node, words),
            Some(container) if !container.is_of(node) => Err(taken(node, container.root)),
            // A container cannot change. A running one is created again at the next definition while it is stopped.
            Some(container) if container.is_up() || words.contains(&container.digest_label()) => Ok(()),
            Some(_) => {
                self.succeed(&self.call("rm").arg(node.service_name()))?;
                self.create(node, words)
            }
        }
    }

    fn start(&self, node: &Node) -> Result<(), PlatformError> {
        // `docker start` leaves a running container unchanged, and takes one that docker starts again later for running.
        // SIGKILL ends that wait, and `kill` returns when it is over.
        if self.own(node)?.is_some_and(|container| container.waits_for_restart()) {
            // It fails when docker has given up meanwhile.
            let _ = self.exec.run(&self.call("kill").args(["--signal", "KILL"]).arg(node.service_name()));
        }
        let call = self.call("start").arg(node.service_name());
        match self.succeed(&call) {
            // The stop of a container that podman starts again removes it.
            Err(_) if self.container(node)?.is_none() => {
                self.define(node)?;
                self.succeed(&call).map(drop)
            }
            result => result.map(drop),
        }
    }

    fn stop(&self, node: &Node, stop_signal: StopSignal) -> Result<(), PlatformError> {
        let signal = match stop_signal {
            StopSignal::Term => "TERM",
            StopSignal::Kill => "KILL",
        };
        // Between two starts podman shows a container as exited, which it starts again.
        let comes_back = |container: &Container| container.has_just_ended() && self.engine() == Engine::Podman;
        let container = self.own(node)?.filter(|container| container.is_up() || comes_back(container));
        // Processes of the node outside of its container end as well.
        let pid = container.as_ref().map(|container| container.pid).filter(|pid| *pid != 0);
        signal::all_but(pid, &self.processes, node, stop_signal)?;
        let Some(container) = container else { return Ok(()) };
        // podman forgets the stop of a container that ends in the same moment, and starts it again.
        let ends_by_itself = container.has_just_restarted();
        let killed = match (self.engine(), stop_signal) {
            // `docker stop` would block for the stop timeout. After `kill`, docker does not restart the container either.
            (Engine::Docker, _) => self.succeed(&self.call("kill").args(["--signal", signal]).arg(node.service_name())),
            (Engine::Podman, StopSignal::Term) if pid.is_some() && !ends_by_itself => self.stop_by_podman(node),
            // Only a container that is gone is not restarted for sure; the next start of the node creates it again.
            (Engine::Podman, StopSignal::Term | StopSignal::Kill) => {
                self.succeed(&self.call("rm").args(["--force", "--time", "0"]).arg(node.service_name()))
            }
        };
        match killed {
            Ok(_) => Ok(()),
            // `kill` fails when the container has exited meanwhile.
            Err(error) => match self.own(node)? {
                Some(container) if container.is_up() => Err(error),
                Some(_) | None => Ok(()),
            },
        }
    }

    fn as_node(&self, node: &Node, call: Call) -> Option<Call> {
        create::version_words(node, &self.image, &call).map(|words| {
            let within = call.deadline;
            Call::new(&self.command).args(words).within(within)
        })
    }

    fn last_words(&self, node: &Node) -> Option<String> {
        let output = self.exec.run(&self.call("logs").args(["--tail", TAIL]).arg(node.service_name())).ok()?;
        Some(output.message()).filter(|message| output.is_success() && !message.is_empty())
    }

    fn log(&self, node: &Node, lines: u32, follow: Follow) -> Option<Call> {
        let call = self.call("logs").arg("--tail").arg(lines.to_string());
        let call = if follow == Follow::Yes { call.arg("--follow") } else { call };
        Some(call.arg(node.service_name()))
    }

    fn exits(&self, nodes: &[&Node]) -> BTreeMap<NodeId, ExitStatus> {
        let names = nodes.iter().map(|node| node.service_name());
        let output = self.exec.run(&self.call("inspect").args(["--format", container::FORMAT]).args(names));
        let seen = output.map(|output| container::read(&output.text())).unwrap_or_default();
        let of_node = |node: &Node| seen.iter().find(|one| one.name == node.service_name() && one.is_of(node));
        // A container that runs again shows no end; that is in the events of the engine.
        let restarted: Vec<&str> = seen.iter().filter(|one| one.pid != 0).map(|one| one.name.as_str()).collect();
        let before = if restarted.is_empty() { BTreeMap::new() } else { self.last_ends(&restarted) };
        let exit = |node: &&Node| {
            let own = of_node(node)?;
            Some((node.id, own.exit().or_else(|| before.get(&own.name).copied())?))
        };
        nodes.iter().filter_map(exit).collect()
    }

    fn undefine(&self, node: &Node) -> Result<(), PlatformError> {
        if self.own(node)?.is_none() {
            return Ok(());
        }
        let removed = self.succeed(&self.call("rm").args(["--force", "--volumes"]).arg(node.service_name()));
        match removed {
            Ok(_) => Ok(()),
            Err(error) => self.own(node)?.map_or(Ok(()), |_| Err(error)),
        }
    }

    fn release(&self, old: &Node) -> Result<(), PlatformError> {
        // A container names its folder, and cannot change.
        self.undefine(old)
    }

    fn survey(&self, nodes: &[&Node]) -> BTreeMap<NodeId, Service> {
        if nodes.is_empty() {
            return BTreeMap::new();
        }
        let names = nodes.iter().map(|node| node.service_name());
        let call = self.call("inspect").args(["--format", container::FORMAT]).args(names).within(QUERY_DEADLINE);
        let output = self.exec.run(&call);
        let seen: BTreeMap<String, Container> = match &output {
            Ok(output) => container::read(&output.text()).into_iter().map(|one| (one.name.clone(), one)).collect(),
            Err(_) => BTreeMap::new(),
        };
        let look = |node: &Node| match (seen.get(&node.service_name()), &output) {
            (Some(container), _) if container.is_of(node) => self.service(node, container),
            // The container with its name runs another node, so this node has none.
            (Some(_), _) => Service::Stopped,
            (None, Ok(output)) if container::says_missing(output, &node.service_name()) => Service::Stopped,
            (None, Ok(output)) => Service::from(&engine::failure(&call, output)),
            (None, Err(error)) => Service::from(error),
        };
        nodes.iter().map(|node| (node.id, look(node))).collect()
    }

    fn restarts(&self, nodes: &[&Node]) -> Result<BTreeMap<NodeId, u32>, PlatformError> {
        if nodes.is_empty() {
            return Ok(BTreeMap::new());
        }
        let names = nodes.iter().map(|node| node.service_name());
        let output = self.exec.run(&self.call("inspect").args(["--format", container::RESTARTS]).args(names))?;
        let counts = container::restarts(&output.text());
        Ok(nodes.iter().filter_map(|node| Some((node.id, *counts.get(&node.service_name())?))).collect())
    }

    fn discover(&self, roots: &[PathBuf]) -> Result<Vec<Found>, PlatformError> {
        let containers = self.containers()?;
        let by_folder: ByFolder<&Container> =
            containers.iter().filter_map(|container| Some((container.root()?.into(), container))).collect();
        let all = definition::by_folder(self.processes.all());
        let found = |folder: Folder| {
            let here = by_folder.of(&folder.path).next();
            let process = definition::process_on(&folder, &all, &self.processes);
            let node = here.map_or_else(
                || Err("no container runs it at this path".to_owned()),
                |container| container.node(self.kind, &folder, process.as_ref()),
            );
            Found::new(folder, node, process)
        };
        Ok(node_dir::find(roots)?.into_iter().map(found).collect())
    }

    fn definition_of(&self, folder: &Folder) -> Option<Node> {
        // The process of a node writes its folder as the user of wnm, so that only the label of its container counts.
        let containers = self.containers().ok()?;
        containers.iter().find_map(|container| container.defined(folder))
    }

    fn adopt(&self, _nodes: &[&Node]) -> Result<(), PlatformError> {
        // The container shows the node, and a file in its folder would prove nothing.
        Ok(())
    }

    fn services(&self) -> Result<Vec<Listed>, PlatformError> {
        let containers =
            self.containers()?.into_iter().filter(|one| one.name.starts_with("antnode") || one.runs_node());
        Ok(containers
            .map(|one| Listed { folder: one.root().map(PathBuf::from), name: one.name, fault: None })
            .collect())
    }
}

#[cfg(test)]
mod tests;
