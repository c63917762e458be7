//! Execution of the steps of actions on this host.

mod checks;
mod end;
mod program;
mod relocate;
mod start;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use wnm_core::steps::{ActionRecord, Effect, Evidence, Executor, Step};
use wnm_core::{Action, BoundPort, Node, NodeId, Settings, Timestamp};

use crate::Platform;
use crate::error::PlatformError;
use crate::firewall::Firewall;
use crate::manager::{ProcessManager, Service};
use crate::node_dir::{self, Owner};
use crate::observe::process::Processes;
use crate::transfer::Movers;
use crate::volume;

/// The executor of steps on this host.
pub struct HostExecutor<'a> {
    manager: &'a dyn ProcessManager,
    firewall: &'a dyn Firewall,
    movers: &'a Movers,
    settings: &'a Settings,
    nodes: &'a BTreeMap<NodeId, Node>,
    processes: Processes,
    last_start: Option<Instant>,
    /// The known identities of the volumes, by storage folder.
    volumes: BTreeMap<PathBuf, u64>,
    /// The host with its cache of program versions; None in tests of single steps.
    platform: Option<&'a Platform>,
    /// Whether process manager and firewall have been tried for an addition.
    has_tools: bool,
}

impl<'a> HostExecutor<'a> {
    /// Returns an executor for these nodes, which include the nodes that an action is about to add.
    #[must_use]
    pub fn new(
        manager: &'a dyn ProcessManager,
        firewall: &'a dyn Firewall,
        movers: &'a Movers,
        settings: &'a Settings,
        nodes: &'a BTreeMap<NodeId, Node>,
    ) -> Self {
        Self {
            manager,
            firewall,
            movers,
            settings,
            nodes,
            processes: Processes::of_host(),
            last_start: None,
            volumes: BTreeMap::new(),
            platform: None,
            has_tools: false,
        }
    }

    /// Returns the executor with the known identities of the volumes, by storage folder, and the host that checks the
    /// program of new nodes.
    pub(crate) fn on_host(self, platform: &'a Platform, volumes: BTreeMap<PathBuf, u64>) -> Self {
        Self { volumes, platform: Some(platform), ..self }
    }

    /// Returns the storage folder around the folder of a node; None for one outside of all.
    fn storage_of(&self, node: &Node) -> Option<&PathBuf> {
        let roots = &self.settings.storage;
        volume::volume_of(&node.root_dir, roots).and_then(|at| roots.get(at))
    }

    /// Checks that the volume of a node is in place. On the bare mount point of a lost one, a new node would be hidden when
    /// the volume is back, and a removed one would seem to have no folder.
    fn check_volume(&self, node: &Node) -> Result<(), PlatformError> {
        match self.storage_of(node) {
            Some(root) => volume::check(root, self.volumes.get(root).copied()),
            None => Ok(()),
        }
    }

    /// Runs the part of a step that changes files below a storage folder, in a helper thread: a file system that hangs in
    /// the middle of it must not hold the cycle and its lock. Until the thread returns, each further call on that storage
    /// folder fails, so that no two of them change the same files.
    fn on_volume(&self, node: &Node, change: impl FnOnce(&Node) -> Performed + Send + 'static) -> Performed {
        let root = self.storage_of(node).unwrap_or(&node.root_dir);
        let node = node.clone();
        volume::try_within(root, volume::WRITE, move || change(&node))
    }

    fn service(&self, node: &Node) -> Service {
        let unknown = || Service::Unknown("the process manager does not report it".to_owned());
        self.manager.survey(&[node]).remove(&node.id).unwrap_or_else(unknown)
    }

    fn try_step(&mut self, record: &ActionRecord, step: Step, now: Timestamp, node: &Node) -> Performed {
        if (touches_folder(step) || step == Step::Folder) && !was_never_made(record) {
            self.check_volume(node)?;
        }
        if touches_folder(step) && !was_never_made(record) {
            check_owner(node)?;
        }
        match step {
            // The addition failed at its first step: folder and processes belong to another node.
            Step::Stop | Step::SeeGone | Step::Undefine | Step::Trash | Step::ClosePort if was_never_made(record) => {
                DONE
            }
            Step::Folder => self.folder(record, now, node),
            Step::Binary => self.install(node),
            Step::Define => self.manager.define(node).map(|()| Effect::Done(Evidence::Nothing)),
            Step::OpenPort => self.each_port(node, |firewall, port, name| firewall.open(port, name)),
            Step::ClosePort => self.each_port(node, |firewall, port, name| firewall.close(port, name)),
            Step::Start => self.start(record, now, node),
            Step::Confirm => Ok(self.confirm(record, now, node)),
            Step::Stop => self.stop(node),
            Step::SeeGone => self.wait_for_exit(record, now, node),
            Step::Tombstone => DONE,
            Step::Linger => Ok(linger(record, now)),
            Step::Undefine => self.manager.undefine(node).map(|()| Effect::Done(Evidence::Nothing)),
            Step::Trash => self.trash(record, node),
            Step::Stage => self.stage(node),
            Step::Swap => self.swap(record, node),
            Step::SwapBack => self.swap_back(record, node),
            Step::DropOld => self.on_volume(node, |node| {
                node_dir::drop_old(&node_dir::installed(node))?;
                node_dir::drop_leftovers(node)?;
                DONE
            }),
            Step::Copy
            | Step::CopyRest
            | Step::Verify
            | Step::Switch
            | Step::SwitchBack
            | Step::DropCopy
            | Step::DropSource => self.relocate(record, now, step),
        }
    }

    fn each_port(&self, node: &Node, act: impl Fn(&dyn Firewall, u16, &str) -> Result<(), PlatformError>) -> Performed {
        for port in node.flavor.bound_ports(&node.ports) {
            match port {
                BoundPort::Udp(port) => act(self.firewall, port, &node.id.name())?,
                BoundPort::LoopbackTcp(_) => {}
            }
        }
        DONE
    }
}

impl Executor for HostExecutor<'_> {
    fn perform(&mut self, record: &ActionRecord, step: Step, now: Timestamp) -> Effect {
        let Some(node) = self.nodes.get(&record.node()) else {
            return Effect::Failed(PlatformError::UnknownNode { node: record.node() }.into());
        };
        let changed = record.changed(node);
        let node = changed.as_ref().unwrap_or(node);
        self.try_step(record, step, now, node).unwrap_or_else(|error| Effect::Failed(error.into()))
    }
}

/// The result of a step; an error becomes [`Effect::Failed`].
type Performed = Result<Effect, PlatformError>;

const DONE: Performed = Ok(Effect::Done(Evidence::Nothing));

/// Tells whether a step changes a node's folder or its process.
const fn touches_folder(step: Step) -> bool {
    match step {
        Step::Binary
        | Step::Define
        | Step::Start
        | Step::Stop
        | Step::Undefine
        | Step::Trash
        | Step::Stage
        | Step::Swap
        | Step::SwapBack
        | Step::DropOld => true,
        // Creating the folder checks the owner itself. The other steps only read, or change the firewall.
        Step::Folder
        | Step::OpenPort
        | Step::Confirm
        | Step::SeeGone
        | Step::ClosePort
        | Step::Tombstone
        | Step::Linger
        // These check both places themselves.
        | Step::Copy
        | Step::CopyRest
        | Step::Verify
        | Step::Switch
        | Step::SwitchBack
        | Step::DropCopy
        | Step::DropSource => false,
    }
}

/// Fails when the folder belongs to another node, as after a restored backup of the database.
fn check_owner(node: &Node) -> Result<(), PlatformError> {
    match node_dir::owner(node)? {
        Owner::This | Owner::Unmarked | Owner::Absent => Ok(()),
        Owner::Other(marker) => Err(node_dir::not_of_this(&node.root_dir, &marker)),
    }
}

/// Tells whether an addition turned back because its folder could not be created.
fn was_never_made(record: &ActionRecord) -> bool {
    let turned_at = record.failure.as_ref().map(|failure| failure.step);
    matches!(record.planned.action, Action::Add { .. }) && turned_at == Some(Step::Folder)
}

/// Returns the evidence of the last execution of a step, on the way back or forward.
fn evidence(record: &ActionRecord, step: Step) -> Option<&Evidence> {
    let done = record.undone.iter().rev().chain(record.done.iter().rev());
    done.into_iter().find(|done| done.step == step).map(|done| &done.evidence)
}

fn linger(record: &ActionRecord, now: Timestamp) -> Effect {
    let Action::Remove { linger, .. } = record.planned.action else { return Effect::Done(Evidence::Nothing) };
    let gone = record.done.iter().rev().find(|done| done.step == Step::SeeGone).map_or(record.begun, |done| done.at);
    let stopped_for = now.since(gone);
    if stopped_for >= linger {
        return Effect::Done(Evidence::Nothing);
    }
    Effect::NotYet(format!("{} s until the folder moves to the trash", (linger - stopped_for).as_secs_f64().ceil()))
}
