//! The store in SQLite and the platform of this host, as a cycle needs them.

mod rebuild;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wnm_core::{
    ActionId, ActionRecord, Clock, ClockReading, Colony, Cores, Counters, Day, Health, Node, NodeId, NodeState,
    Observation, Outcome, ProgramCache, Settings, Timestamp, UnlistedFolder,
};
use wnm_platform::PlatformError;
use wnm_platform::executor::HostExecutor;
use wnm_platform::manager::ProvenNode;
use wnm_platform::node_dir::sweep_trash;
use wnm_platform::volume;
use wnm_platform::weight::RunningNode;
use wnm_store::{CycleKind, StoreError};

use crate::error::HintedError;
use crate::platform::{Boot, FoundNode, NewNodeIdentity, NodeProcess, Platform};
use crate::store::{Begin, CycleId, Finish, Store};
use crate::trigger::Trigger;
use crate::{Agent, AgentError};

pub use rebuild::{Reconciled, reconcile};

/// The agent of this host.
pub type HostAgent = Agent<wnm_store::Store, wnm_platform::Platform>;

/// The error of a cycle on this host.
pub type HostAgentError = AgentError<StoreError, HostError>;

/// The error of an operation of this host.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The platform failed.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// The kernel has no random numbers.
    #[error("cannot get random numbers from the system: {0}")]
    Random(#[from] getrandom::Error),
}

impl HintedError for StoreError {
    fn hint(&self) -> Option<String> {
        self.hint()
    }
}

impl HintedError for HostError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Platform(error) => error.hint(),
            Self::Random(_) => None,
        }
    }
}

/// Time that each cycle may spend on deleting from the trash of one kind of volume. A node folder of some gigabytes in
/// thousands of files can take longer; the next cycles delete the rest.
const SWEEP_BUDGET: Duration = Duration::from_millis(200);

impl Store for wnm_store::Store {
    type Error = StoreError;

    fn load(&mut self, settings: &Settings) -> Result<Colony, StoreError> {
        wnm_store::Store::load(self, settings.clone())
    }

    fn record_highest_id(&mut self, highest: u32) -> Result<u32, StoreError> {
        // A setting, not a part of the engine state: the operator may raise it to skip numbers.
        let mut stored = self.settings()?;
        let highest = highest.max(stored.highest_node_id_used.unwrap_or(0));
        stored.highest_node_id_used = Some(highest);
        self.save_settings(&stored)?;
        Ok(highest)
    }

    fn begin(&mut self, begin: Begin<'_>) -> Result<(CycleId, Vec<ActionRecord>), StoreError> {
        let Begin { trigger, observation, decision, new_nodes } = begin;
        let kind = match trigger {
            Trigger::Scheduled => CycleKind::Scheduled,
            Trigger::Requested(..) | Trigger::Changed(_) | Trigger::Restored(_) => CycleKind::Requested,
            Trigger::Resumed => CycleKind::Resumed,
        };
        let (cycle, records) = wnm_store::Store::begin(self, kind, observation, decision, new_nodes)?;
        Ok((CycleId(cycle.0), records))
    }

    fn finish(&mut self, finish: Finish<'_>) -> Result<(), StoreError> {
        let Finish { cycle, worked, state, observation, counters } = finish;
        let outcomes: Vec<(ActionId, Outcome)> =
            worked.iter().map(|(record, outcome)| (record.id, outcome.clone())).collect();
        wnm_store::Store::finish(self, wnm_store::CycleId(cycle.0), &outcomes, state, observation, counters)
    }

    fn take_in(&mut self, nodes: &[(Node, NodeState)]) -> Result<(), StoreError> {
        self.insert_nodes(nodes)
    }

    fn health(&mut self, today: Day) -> Result<Health, StoreError> {
        wnm_store::Store::health(self, today)
    }

    fn save_program_cache(&mut self, cache: &ProgramCache) -> Result<(), StoreError> {
        wnm_store::Store::save_cache(self, cache)
    }
}

impl Platform for wnm_platform::Platform {
    type Error = HostError;
    type Executor<'a> = HostExecutor<'a>;

    fn read_clock(&mut self) -> Result<ClockReading, HostError> {
        Ok(wnm_platform::read_clock()?)
    }

    fn observe(&mut self, colony: &Colony, clock: &Clock, boot: Boot) -> (Observation, Counters) {
        wnm_platform::Platform::observe(self, colony, clock, boot == Boot::New)
    }

    fn in_transition(&self, nodes: &[NodeId]) -> Vec<NodeId> {
        wnm_platform::Platform::in_transition(self, nodes)
    }

    fn new_identity(&mut self) -> Result<NewNodeIdentity, HostError> {
        Ok(NewNodeIdentity { uuid: uuid::Uuid::new_v4().to_string(), roll: getrandom::u64()? })
    }

    fn protect<'a>(&mut self, nodes: impl Iterator<Item = &'a Node>) {
        for (node, error) in wnm_platform::Platform::protect(self, nodes) {
            let hint = error.hint();
            tracing::warn!(%node, %error, hint, "cannot move the files of wnm out of the folder of a node");
        }
    }

    fn set_cpu_limit(&mut self, limit: Cores, processes: &[u32]) -> Result<(), HostError> {
        Ok(self.cpu_limit().set(limit, processes)?)
    }

    fn lift_cpu_limit(&mut self) -> Result<(), HostError> {
        Ok(self.cpu_limit().lift()?)
    }

    fn apply_weight(&mut self, settings: &Settings, nodes: &[(&Node, u32)]) -> Result<(), HostError> {
        let nodes: Vec<RunningNode<'_>> = nodes.iter().map(|(node, pid)| RunningNode { node, pid: *pid }).collect();
        Ok(wnm_platform::Platform::apply_weight(self, settings, &nodes)?)
    }

    fn executor<'a>(&'a mut self, settings: &'a Settings, nodes: &'a BTreeMap<NodeId, Node>) -> HostExecutor<'a> {
        wnm_platform::Platform::executor(self, settings, nodes)
    }

    fn identify_volumes(&mut self, storage: &[&Path]) -> BTreeMap<PathBuf, u64> {
        storage.iter().filter_map(|root| Some((root.to_path_buf(), volume::mark(root)?))).collect()
    }

    fn settle_unlisted(&mut self, settings: &Settings, folders: &[UnlistedFolder]) -> Vec<FoundNode> {
        let found = wnm_platform::Platform::settle_unlisted(self, settings, folders).into_iter();
        found
            .map(|ProvenNode { node, process }| FoundNode {
                node,
                process: process.map_or(NodeProcess::Absent, |_| NodeProcess::Runs),
            })
            .collect()
    }

    fn sweep_trash(&mut self, storage: &[&Path], min_age: Duration, now: Timestamp) {
        if storage.is_empty() {
            return;
        }
        let folders: Vec<PathBuf> = storage.iter().map(|folder| folder.to_path_buf()).collect();
        for (path, cause) in sweep_trash(&folders, SWEEP_BUDGET, min_age, now).refused {
            tracing::warn!(path = %path.display(), cause, "cannot delete a folder of the trash");
        }
    }

    fn program_cache(&self) -> ProgramCache {
        wnm_platform::Platform::program_cache(self)
    }
}
