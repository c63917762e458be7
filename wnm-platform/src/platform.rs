//! The host as one value: what looks at it and what acts on it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use wnm_core::{Node, NodeId, Settings, Version};

use crate::binary::BinaryCache;
use crate::cpu_limit::CpuLimit;
use crate::error::PlatformError;
use crate::exec::Exec;
use crate::executor::HostExecutor;
use crate::firewall::{self, Firewall};
use crate::manager::{self, Options, ProcessManager};
use crate::node_dir;
use crate::observe::host::Host;
use crate::observe::probe::Limits;

/// The host that a colony lives on, with the process manager and the firewall that its settings name.
pub struct Platform {
    pub(crate) exec: Exec,
    pub(crate) host: Host,
    pub(crate) manager: Box<dyn ProcessManager>,
    pub(crate) firewall: Box<dyn Firewall>,
    pub(crate) probe_limits: Limits,
    cpu_limit: CpuLimit,
    binaries: Mutex<BinaryCache>,
}

impl Platform {
    /// Returns the host as the settings want it used.
    ///
    /// # Errors
    /// The process manager cannot work here, or not with wnm's rights.
    pub fn new(settings: &Settings) -> Result<Self, PlatformError> {
        Ok(Self {
            exec: Exec::real(),
            host: Host::real(),
            manager: manager::open(settings.manager, &Options::of(settings))?,
            firewall: firewall::open(settings.firewall),
            probe_limits: Limits::default(),
            cpu_limit: CpuLimit::of(settings),
            binaries: Mutex::default(),
        })
    }

    /// Returns the cap on all nodes together.
    #[must_use]
    pub fn cpu_limit(&self) -> &CpuLimit {
        &self.cpu_limit
    }

    /// Takes up what an earlier run learnt of node programs; see [`learnt`](Self::learnt).
    pub fn remember(&self, cached: serde_json::Value) {
        *self.binaries() = BinaryCache::load(cached);
    }

    /// Returns what was learnt of node programs, to be kept for the next run: without it each run asks them anew.
    #[must_use]
    pub fn cached(&self) -> serde_json::Value {
        self.binaries().save()
    }

    /// Returns the version of the program that new nodes get; None where their process manager chooses it.
    ///
    /// # Errors
    /// It is missing, may not be executed, is for another machine, is another program, or hangs.
    pub fn program_version(&self, settings: &Settings) -> Result<Option<Version>, PlatformError> {
        self.target(&mut self.binaries(), settings)
    }

    pub(crate) fn target(
        &self,
        binaries: &mut BinaryCache,
        settings: &Settings,
    ) -> Result<Option<Version>, PlatformError> {
        if settings.manager.chooses_program() {
            return Ok(None);
        }
        binaries.version(&self.exec, &settings.flavor, &settings.binary).map(Some)
    }

    /// Returns how often the process manager started each node again by itself since somebody started it last, as far
    /// as it counts.
    ///
    /// # Errors
    /// It cannot be asked.
    pub fn restarts<'a>(
        &self,
        nodes: impl IntoIterator<Item = &'a Node>,
    ) -> Result<BTreeMap<NodeId, u32>, PlatformError> {
        let own: Vec<&Node> = nodes.into_iter().filter(|node| node.manager == self.manager.kind()).collect();
        self.manager.restarts(&own)
    }

    /// Makes a node that another tool made one of wnm's: its folder is marked, and its process manager knows it as
    /// such. What runs is left as it is.
    ///
    /// # Errors
    /// The folder or the service is another node's, or cannot be marked.
    pub fn adopt(&self, node: &Node) -> Result<(), PlatformError> {
        node_dir::adopt(node)?;
        self.manager.adopt(node)
    }

    /// Returns the executor that act on these nodes, which must include those about to be made.
    #[must_use]
    pub fn executor<'a>(&'a self, settings: &'a Settings, nodes: &'a BTreeMap<NodeId, Node>) -> HostExecutor<'a> {
        HostExecutor::new(self.manager.as_ref(), self.firewall.as_ref(), settings, nodes)
    }

    pub(crate) fn binaries(&self) -> MutexGuard<'_, BinaryCache> {
        // What is in it is true even if a thread that had it panicked.
        self.binaries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
