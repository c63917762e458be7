//! Each node in a container, through the `docker` command or what answers to it, such as podman's.
//!
//! A container shares the host's network, because the metrics server listens on loopback only, and its process
//! numbers: the node is then not the first process of its own, which the kernel would not let SIGTERM end. Its folder
//! is bound into the container at its own path, so that process, program and arguments look the same from both sides.

mod container;
mod create;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use wnm_core::{ManagerKind, Node, NodeId};

use super::{Found, Listed, Options, ProcessManager, Service, StopSignal, definition, signal, slice_name};
use crate::error::{NameHolder, PlatformError};
use crate::exec::{Call, Exec};
use crate::node_dir::{self, Folder};
use crate::observe::process::{Liveness, Processes};
use container::Container;

/// How much of the log of a container is told, in lines.
const TAIL: &str = "5";

pub(super) struct Docker {
    kind: ManagerKind,
    exec: Exec,
    processes: Processes,
    command: PathBuf,
    image: String,
    /// The control group that containers are in.
    group: Option<String>,
    /// What docker calls that group, once it has told how it names them.
    parent: OnceLock<Option<String>>,
}

impl Docker {
    pub(super) fn new(kind: ManagerKind, options: &Options) -> Self {
        Self::with(kind, options, Exec::real(), Processes::of_host())
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
        }
    }

    fn call(&self, verb: &str) -> Call {
        Call::new(&self.command).args(["container", verb])
    }

    /// Returns the group that containers are to be in, as this docker names it; None where it has no such name.
    fn parent(&self) -> Option<&str> {
        let group = self.group.as_deref()?;
        let ask = || {
            let call = Call::new(&self.command).args(["info", "--format", "{{.CgroupDriver}}"]);
            let output = self.exec.run(&call).ok()?;
            match output.text().trim() {
                "systemd" => Some(slice_name(group)),
                "cgroupfs" => Some(format!("/{group}")),
                _ => None,
            }
        };
        self.parent.get_or_init(ask).as_deref()
    }

    /// Returns the container of a node, whoever made it; None when there is none of its name.
    fn container(&self, node: &Node) -> Result<Option<Container>, PlatformError> {
        let call = self.call("inspect").args(["--format", container::FORMAT]).arg(node.id.name());
        let output = self.exec.run(&call)?;
        match container::read(&output.text()).pop() {
            Some(container) => Ok(Some(container)),
            None if container::says_missing(&output, &node.id.name()) => Ok(None),
            None => Err(output.failure_of(call.summary())),
        }
    }

    /// Returns the container of a node, if there is one and it is not that of something else.
    fn own(&self, node: &Node) -> Result<Option<Container>, PlatformError> {
        Ok(self.container(node)?.filter(|container| container.is_of(node)))
    }

    /// Returns all containers there are, with everything they were made from.
    fn containers(&self) -> Result<Vec<Container>, PlatformError> {
        let ids = self.exec.succeed(&self.call("ls").args(["--all", "--quiet", "--no-trunc"]))?.text();
        let ids: Vec<&str> = ids.split_whitespace().collect();
        let mut containers = Vec::new();
        // So many at once that what they say stays within the bounds of output.
        for ids in ids.chunks(50) {
            let call = self.call("inspect").args(["--format", container::LONG_FORMAT]).args(ids);
            containers.extend(container::read(&self.exec.run(&call)?.text()));
        }
        Ok(containers)
    }

    fn create(&self, node: &Node, words: Vec<String>) -> Result<(), PlatformError> {
        let call = self.call("create").args(words);
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
        Err(output.failure_of(call.summary()))
    }

    fn service(&self, container: &Container) -> Service {
        match container.pid {
            0 if container.status == "restarting" && container.code == 0 => {
                // It may have ended to upgrade itself: that is no stop, and it is back in a moment.
                Service::Unknown("docker is about to start it again".to_owned())
            }
            0 => Service::Stopped,
            pid => match self.processes.facts(pid) {
                Some(facts) if facts.life == Liveness::Alive => Service::Running(self.processes.identity(&facts)),
                Some(_) => Service::Unknown(format!("process {pid} of its container is ending")),
                None => Service::Unknown(format!("process {pid} of its container cannot be seen from here")),
            },
        }
    }
}

impl ProcessManager for Docker {
    fn kind(&self) -> ManagerKind {
        self.kind
    }

    fn define(&self, node: &Node) -> Result<(), PlatformError> {
        let words = create::words(node, &self.image, self.parent())?;
        match self.container(node)? {
            None => self.create(node, words),
            Some(container) if !container.is_of(node) => Err(PlatformError::Taken {
                node: node.id,
                name: format!("container {}", node.id.name()),
                holder: NameHolder::Container { root: container.root },
            }),
            // One that runs is made anew when it is next defined while it does not.
            Some(container) if container.is_up() || words.contains(&container.digest_label()) => Ok(()),
            Some(_) => {
                self.exec.succeed(&self.call("rm").arg(node.id.name()))?;
                self.create(node, words)
            }
        }
    }

    fn start(&self, node: &Node) -> Result<(), PlatformError> {
        // One that runs is left as it is by docker itself.
        self.exec.succeed(&self.call("start").arg(node.id.name())).map(drop)
    }

    fn stop(&self, node: &Node, stop_signal: StopSignal) -> Result<(), PlatformError> {
        let signal = match stop_signal {
            StopSignal::Term => "TERM",
            StopSignal::Kill => "KILL",
        };
        let container = self.own(node)?.filter(Container::is_up);
        // Outside its container the node has no business to run; but what runs there ends too.
        signal::all_but(container.as_ref().map(|container| container.pid), &self.processes, node, stop_signal)?;
        if container.is_none() {
            return Ok(());
        }
        // The stop signal by hand: `stop` would wait. Docker takes it as a wish that the container stays down.
        let killed = self.exec.succeed(&self.call("kill").args(["--signal", signal]).arg(node.id.name()));
        match killed {
            Ok(_) => Ok(()),
            // It may have ended by itself meanwhile.
            Err(error) => match self.own(node)? {
                Some(container) if container.is_up() => Err(error),
                Some(_) | None => Ok(()),
            },
        }
    }

    fn last_words(&self, node: &Node) -> Option<String> {
        let output = self.exec.run(&self.call("logs").args(["--tail", TAIL]).arg(node.id.name())).ok()?;
        Some(output.message()).filter(|message| output.is_success() && !message.is_empty())
    }

    fn undefine(&self, node: &Node) -> Result<(), PlatformError> {
        if self.own(node)?.is_none() {
            return Ok(());
        }
        let removed = self.exec.succeed(&self.call("rm").args(["--force", "--volumes"]).arg(node.id.name()));
        match removed {
            Ok(_) => Ok(()),
            Err(error) => self.own(node)?.map_or(Ok(()), |_| Err(error)),
        }
    }

    fn survey(&self, nodes: &[&Node]) -> BTreeMap<NodeId, Service> {
        if nodes.is_empty() {
            return BTreeMap::new();
        }
        let names = nodes.iter().map(|node| node.id.name());
        let output = self.exec.run(&self.call("inspect").args(["--format", container::FORMAT]).args(names));
        let seen: BTreeMap<String, Container> = match &output {
            Ok(output) => container::read(&output.text()).into_iter().map(|one| (one.name.clone(), one)).collect(),
            Err(_) => BTreeMap::new(),
        };
        let look = |node: &Node| match (seen.get(&node.id.name()), &output) {
            (Some(container), _) if container.is_of(node) => self.service(container),
            // A container of its name that is not its own says nothing of it: it has none.
            (Some(_), _) => Service::Stopped,
            (None, Ok(output)) if container::says_missing(output, &node.id.name()) => Service::Stopped,
            (None, Ok(output)) => Service::Unknown(format!("docker container inspect failed: {}", output.message())),
            (None, Err(error)) => Service::from(error),
        };
        nodes.iter().map(|node| (node.id, look(node))).collect()
    }

    fn restarts(&self, nodes: &[&Node]) -> Result<BTreeMap<NodeId, u32>, PlatformError> {
        if nodes.is_empty() {
            return Ok(BTreeMap::new());
        }
        let names = nodes.iter().map(|node| node.id.name());
        let output = self.exec.run(&self.call("inspect").args(["--format", container::RESTARTS]).args(names))?;
        let counts = container::restarts(&output.text());
        Ok(nodes.iter().filter_map(|node| Some((node.id, *counts.get(&node.id.name())?))).collect())
    }

    fn discover(&self, roots: &[PathBuf]) -> Result<Vec<Found>, PlatformError> {
        let containers = self.containers()?;
        let all = self.processes.all();
        let found = |folder: Folder| {
            let here = containers.iter().find(|container| {
                container.root().is_some_and(|root| definition::is_same(Path::new(&root), &folder.path))
            });
            let node = here.map_or_else(
                || Err("no container runs it at its own path".to_owned()),
                |container| container.node(self.kind, &folder),
            );
            let process = definition::process_on(&folder, &all, &self.processes);
            Found::new(folder, node, process)
        };
        Ok(node_dir::find(roots)?.into_iter().map(found).collect())
    }

    fn services(&self) -> Result<Vec<Listed>, PlatformError> {
        let containers = self.containers()?.into_iter().filter(|container| container.name.starts_with("antnode"));
        Ok(containers.map(|one| Listed { folder: one.root().map(PathBuf::from), name: one.name }).collect())
    }
}

#[cfg(test)]
mod tests;
