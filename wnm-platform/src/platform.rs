//! The host as one value, for observations and for actions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use wnm_core::{
    ManagerKind, NewestProgram, Node, NodeId, Program, ProgramCache, Scope, Settings, UnlistedFolder, Version,
};

use crate::binary::{self, BinaryCache};
use crate::cpu_limit::CpuLimit;
use crate::error::PlatformError;
use crate::exec::{Call, Exec};
use crate::executor::HostExecutor;
use crate::firewall::{self, Firewall};
use crate::manager::{self, Found, Options, ProcessManager, ProvenNode, Service};
use crate::node_dir;
use crate::observe::folders::FolderTurns;
use crate::observe::host::Host;
use crate::observe::probe::Limits;
use crate::observe::slices::Slices;
use crate::transfer::Movers;
use crate::volume;
use crate::weight::{ColonyWeight, RunningNode};

/// The time in a cycle for the conversion of nodes that an earlier release made.
const PROTECT_BUDGET: Duration = Duration::from_secs(2);

/// The host of a colony, with the process manager and the firewall that its settings name.
pub struct Platform {
    pub(crate) exec: Exec,
    pub(crate) host: Host,
    pub(crate) manager: Arc<dyn ProcessManager>,
    pub(crate) firewall: Box<dyn Firewall>,
    pub(crate) probe_limits: Limits,
    /// The nodes that were asked for their metrics.
    pub(crate) slices: Mutex<Slices>,
    pub(crate) folder_turns: Mutex<FolderTurns>,
    cpu_limit: CpuLimit,
    binaries: Mutex<BinaryCache>,
    /// The identities of the volumes, by storage folder.
    volumes: Mutex<BTreeMap<PathBuf, u64>>,
    /// The program of healthy nodes that a new node gets; None where it gets the node binary.
    newest: Mutex<Option<NewestProgram>>,
    /// The nodes whose conversion failed and was reported.
    unprotected: Mutex<BTreeSet<NodeId>>,
    movers: Movers,
    /// The failure of the process manager in the last observation.
    failed_manager: Mutex<Option<ManagerFailure>>,
    /// The nodes whose state the process manager could not tell in the last observation, while it answered.
    in_transition: Mutex<BTreeSet<NodeId>>,
}

/// A process manager that did not answer, so that the state of its nodes is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagerFailure {
    /// The process manager.
    pub manager: ManagerKind,
    /// Its nodes.
    pub nodes: Vec<NodeId>,
    /// The failure.
    pub message: String,
    /// The fix, where one is known.
    pub hint: Option<String>,
}

impl Platform {
    /// Opens the host for a colony with these settings.
    ///
    /// # Errors
    /// The process manager is not available on this host, or wnm lacks the rights it needs.
    pub fn new(settings: &Settings) -> Result<Self, PlatformError> {
        volume::know(settings.storage.iter().map(PathBuf::as_path));
        if !settings.storage.iter().any(|folder| settings.binary.starts_with(folder)) {
            // Its file system can hang as well.
            volume::know([settings.binary.as_path()]);
        }
        Ok(Self {
            exec: Exec::real(),
            host: Host::real(),
            manager: manager::open(settings.manager, &Options::of(settings))?.into(),
            firewall: firewall::open(settings.firewall),
            probe_limits: Limits::default(),
            slices: Mutex::default(),
            folder_turns: Mutex::default(),
            cpu_limit: CpuLimit::of(settings),
            binaries: Mutex::default(),
            volumes: Mutex::default(),
            newest: Mutex::default(),
            unprotected: Mutex::default(),
            movers: Movers::default(),
            failed_manager: Mutex::default(),
            in_transition: Mutex::default(),
        })
    }

    /// Returns the CPU limit of the colony.
    #[must_use]
    pub fn cpu_limit(&self) -> &CpuLimit {
        &self.cpu_limit
    }

    /// Puts the running nodes behind other work, so far as their process manager can without a restart.
    ///
    /// # Errors
    /// A weight cannot be applied. Nodes are not affected by that.
    pub fn apply_weight(&self, settings: &Settings, nodes: &[RunningNode<'_>]) -> Result<(), PlatformError> {
        ColonyWeight::of(settings).apply(nodes)
    }

    /// Replaces the cache of program versions by one that an earlier run stored.
    pub fn restore_program_cache(&self, stored: ProgramCache) {
        *self.binaries() = BinaryCache::load(stored);
    }

    /// Returns the cache of program versions, to be stored for the next run.
    #[must_use]
    pub fn program_cache(&self) -> ProgramCache {
        self.binaries().save()
    }

    /// Tries the process manager: it answers, and has all that a new node needs.
    ///
    /// # Errors
    /// The manager is not installed, does not answer, or lacks a right or a file.
    pub fn check_manager(&self) -> Result<(), PlatformError> {
        self.manager.check()
    }

    /// Runs a short program as a service of the process manager; None for managers without such a trial.
    #[must_use]
    pub fn try_service(&self) -> Option<Result<(), PlatformError>> {
        self.manager.try_service()
    }

    /// Returns the version of the program that new nodes get; None where their process manager chooses it.
    ///
    /// # Errors
    /// The program is missing, not executable, for another machine, another program, or does not exit in time.
    pub fn program_version(&self, settings: &Settings) -> Result<Option<Version>, PlatformError> {
        self.target(&mut self.binaries(), settings)
    }

    /// Checks that the program of new nodes accepts the arguments of a node.
    ///
    /// # Errors
    /// The program refuses them, or does not exit in time.
    pub(crate) fn check_arguments(&self, settings: &Settings, node: &Node) -> Result<(), PlatformError> {
        binary::check_arguments(&self.exec, settings, node)
    }

    pub(crate) fn target(
        &self,
        binaries: &mut BinaryCache,
        settings: &Settings,
    ) -> Result<Option<Version>, PlatformError> {
        if settings.manager.chooses_program() {
            return Ok(None);
        }
        binary::check_owner(&settings.binary)?;
        binaries.version(&self.exec, &settings.flavor, &settings.binary).map(Some)
    }

    /// Returns the number of automatic restarts of each node since its last requested start. Nodes of process managers
    /// without such a counter are absent.
    ///
    /// # Errors
    /// The process manager does not answer.
    pub fn restarts<'a>(
        &self,
        nodes: impl IntoIterator<Item = &'a Node>,
    ) -> Result<BTreeMap<NodeId, u32>, PlatformError> {
        let own: Vec<&Node> = nodes.into_iter().filter(|node| node.manager == self.manager.kind()).collect();
        self.manager.restarts(&own)
    }

    /// Returns the state of these nodes in their process manager. Nodes of other process managers are absent.
    pub fn services<'a>(&self, nodes: impl IntoIterator<Item = &'a Node>) -> BTreeMap<NodeId, Service> {
        let own: Vec<&Node> = nodes.into_iter().filter(|node| node.manager == self.manager.kind()).collect();
        self.manager.survey(&own)
    }

    /// Returns those of these started nodes that their process manager does not start after a reboot of the host. Nodes of
    /// other process managers are absent.
    pub fn not_enabled<'a>(&self, nodes: impl IntoIterator<Item = &'a Node>) -> Vec<NodeId> {
        let own: Vec<&Node> = nodes.into_iter().filter(|node| node.manager == self.manager.kind()).collect();
        self.manager.not_enabled(&own)
    }

    /// Lets the process manager start a node after a reboot of the host.
    ///
    /// # Errors
    /// The process manager refuses, or a file cannot be written.
    pub fn enable(&self, node: &Node) -> Result<(), PlatformError> {
        self.manager.enable(node)
    }

    /// Returns the failure of the process manager in the last observation, if it reported no node.
    #[must_use]
    pub fn manager_failure(&self) -> Option<ManagerFailure> {
        self.failed_manager().clone()
    }

    /// Notes whether the process manager reported any of its nodes, and why not.
    pub(crate) fn judge_manager(&self, services: &BTreeMap<NodeId, Service>) {
        let is_silent = !services.is_empty() && services.values().all(|it| matches!(it, Service::Unknown(_)));
        // Each node can have a reason of its own, so the manager is asked by itself.
        let error = is_silent.then(|| self.manager.check().err()).flatten();
        let unknown = services.iter().filter(|(_, service)| matches!(service, Service::Unknown(_)));
        let in_transition = unknown.map(|(id, _)| *id).filter(|_| error.is_none());
        *self.in_transition.lock().unwrap_or_else(PoisonError::into_inner) = in_transition.collect();
        *self.failed_manager() =
            error.filter(|error| !matches!(error, PlatformError::ImageAbsent { .. })).map(|error| {
                let (manager, nodes) = (self.manager.kind(), services.keys().copied().collect());
                ManagerFailure { manager, nodes, message: error.to_string(), hint: error.hint() }
            });
    }

    /// Returns those of these nodes whose process started or ended at the moment of the last observation.
    #[must_use]
    pub fn in_transition(&self, nodes: &[NodeId]) -> Vec<NodeId> {
        let known = self.in_transition.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.iter().copied().filter(|node| known.contains(node)).collect()
    }

    fn failed_manager(&self) -> MutexGuard<'_, Option<ManagerFailure>> {
        self.failed_manager.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves files that wnm believes or runs out of the folders where these nodes write, for nodes that an earlier release
    /// of wnm made. Running processes continue. The copies of many programs take several cycles. Returns the nodes that
    /// could not be converted, each once, with the reason.
    pub fn protect<'a>(&self, nodes: impl IntoIterator<Item = &'a Node>) -> Vec<(NodeId, PlatformError)> {
        let deadline = Instant::now() + PROTECT_BUDGET;
        let kind = self.manager.kind();
        let nodes: Vec<&Node> = nodes.into_iter().filter(|node| node.manager == kind).collect();
        let mut failed = Vec::new();
        for (folder, nodes) in volume::by_volume(&nodes) {
            let manager = Arc::clone(&self.manager);
            let protect = move || {
                let in_time = nodes.iter().take_while(|_| Instant::now() < deadline);
                in_time.filter_map(|node| Some((node.id, manager.protect(node).err()?))).collect::<Vec<_>>()
            };
            // The next observation tells of a file system that does not answer.
            failed.extend(volume::within(&folder, volume::WRITE, protect).unwrap_or_default());
        }
        let mut known = self.unprotected.lock().unwrap_or_else(PoisonError::into_inner);
        failed.retain(|(node, _)| known.insert(*node));
        failed
    }

    /// Returns a call of a node's program with the rights of the node's process; None when that is impossible.
    pub(crate) fn as_node(&self, node: &Node, call: Call) -> Option<Call> {
        if node.manager == self.manager.kind() {
            return self.manager.as_node(node, call);
        }
        // Another manager than that of the settings: only a node without a user of its own runs as wnm does.
        (node.manager.scope != Scope::Sudo && node.manager.program != Program::Docker).then_some(call)
    }

    /// Finds the nodes in storage folders by their markers, definitions and processes, without a database.
    ///
    /// # Errors
    /// The storage folders or the definitions are unreadable.
    pub fn discover(&self, roots: &[PathBuf]) -> Result<Vec<Found>, PlatformError> {
        self.manager.discover(roots)
    }

    /// Returns the nodes in folders that the colony does not contain, if their identities and definitions prove them, and
    /// moves folders without an identity into the trash. Any other folder stays, for doctor to report.
    #[must_use]
    pub fn settle_unlisted(&self, settings: &Settings, folders: &[UnlistedFolder]) -> Vec<ProvenNode> {
        let settle = |unlisted: &UnlistedFolder| {
            let settled =
                manager::settle_unlisted(self.manager.as_ref(), &settings.flavor, unlisted, &settings.storage);
            settled.unwrap_or_else(|error| {
                tracing::warn!(folder = %unlisted.folder.display(), %error, "cannot settle a folder without a row");
                None
            })
        };
        folders.iter().filter_map(settle).collect()
    }

    /// Adopts nodes of another tool: writes the marker into the folder and the service of each. A running process continues
    /// without a restart.
    ///
    /// # Errors
    /// A folder or a service belongs to another node, or cannot be marked.
    pub fn adopt(&self, nodes: &[&Node]) -> Result<(), PlatformError> {
        manager::each(nodes, node_dir::adopt)?;
        self.manager.adopt(nodes)
    }

    /// Returns an executor of steps on these nodes, which include the nodes that an action is about to add.
    #[must_use]
    pub fn executor<'a>(&'a self, settings: &'a Settings, nodes: &'a BTreeMap<NodeId, Node>) -> HostExecutor<'a> {
        let volumes = self.volumes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (manager, firewall) = (self.manager.as_ref(), self.firewall.as_ref());
        HostExecutor::new(manager, firewall, &self.movers, settings, nodes).on_host(self, volumes)
    }

    /// Waits until a copy of a folder ends that the last cycle went on with, at most for `limit`; the next cycle takes its
    /// result. Returns false if no folder is being copied. A process that ends earlier leaves the rest of a copy to the
    /// next one, which begins a file or a comparison anew.
    pub fn wait_for_copy(&self, limit: Duration) -> bool {
        self.movers.wait(limit)
    }

    /// Sets the known identities of the volumes, which actions compare with before they change files.
    pub(crate) fn know_volumes(&self, known: &BTreeMap<PathBuf, u64>) {
        self.volumes.lock().unwrap_or_else(PoisonError::into_inner).clone_from(known);
    }

    /// Sets the program that the last observation found for new nodes.
    pub(crate) fn know_newest(&self, newest: Option<NewestProgram>) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = newest;
    }

    /// Returns the program that the last observation found for new nodes; None where they get the node binary.
    pub(crate) fn newest(&self) -> Option<NewestProgram> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn binaries(&self) -> MutexGuard<'_, BinaryCache> {
        // Each entry is complete when it is inserted, so the cache stays valid after a panic of another thread.
        self.binaries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
