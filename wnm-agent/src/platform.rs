//! The platform that a cycle needs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wnm_core::steps::Executor;
use wnm_core::{
    Bytes, Clock, ClockReading, Colony, Cores, Counters, Node, NodeId, Observation, ProgramCache, Settings, Timestamp,
    UnlistedFolder, storage_with_most_space,
};

use crate::error::HintedError;

/// Whether the host restarted since the last cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boot {
    /// The host is up since before the last cycle, or this is the first cycle.
    Same,
    /// The host, or the container of wnm, restarted: its processes have ended.
    New,
}

/// The random facts of a new node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNodeIdentity {
    /// The name of the node, unique for ever.
    pub uuid: String,
    /// A uniformly random number, from which the wallet of the node is drawn.
    pub roll: u64,
}

/// Whether a node has a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeProcess {
    /// Its process runs.
    Runs,
    /// It has no process.
    Absent,
}

/// A node that the colony does not contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundNode {
    /// The node as its definition describes it.
    pub node: Node,
    /// Its process.
    pub process: NodeProcess,
}

/// A host: it measures, executes steps, and limits the CPU of the nodes.
pub trait Platform {
    /// The error of an operation of the host.
    type Error: HintedError;
    /// The executor of the steps of one cycle.
    type Executor<'a>: Executor
    where
        Self: 'a;

    /// Reads the wall clock, the uptime and the name of the current boot.
    ///
    /// # Errors
    /// The host does not name its boot, so that no restart can be detected.
    fn read_clock(&mut self) -> Result<ClockReading, Self::Error>;

    /// Measures the host and its nodes. A missing metric is None, not an error.
    ///
    /// The counters are the base of the rates of the next observation.
    fn observe(&mut self, colony: &Colony, clock: &Clock, boot: Boot) -> (Observation, Counters);

    /// Returns those of these nodes whose process started or ended at the moment of the last observation, so that the next
    /// one shows their state. The default is for platforms that always know the state.
    fn in_transition(&self, nodes: &[NodeId]) -> Vec<NodeId> {
        let _ = nodes;
        Vec::new()
    }

    /// Returns the random facts of a new node.
    ///
    /// # Errors
    /// The host has no random numbers.
    fn new_identity(&mut self) -> Result<NewNodeIdentity, Self::Error>;

    /// Returns the storage folder for the next new node, besides those that this cycle already `created`; None when no
    /// volume can take it.
    ///
    /// The default is the folder with the most headroom after the growth that the settings expect of every node, and the
    /// next one after a failed addition.
    fn storage_for(
        &self,
        colony: &Colony,
        observation: &Observation,
        created: &BTreeMap<NodeId, Node>,
    ) -> Option<PathBuf> {
        let nodes = colony.nodes.values().chain(created.values()).map(|node| {
            let used = observation.nodes.get(&node.id).and_then(|sample| sample.disk);
            (node.root_dir.as_path(), used.unwrap_or_default())
        });
        let Settings { storage, crisis, .. } = &colony.settings;
        let mut volumes = observation.host.volumes.clone();
        for node in created.values() {
            // Each new node claims its space before the next one is placed.
            let Some(own) = volumes.iter().find(|volume| node.root_dir.starts_with(&volume.root)).cloned() else {
                continue;
            };
            for volume in volumes.iter_mut().filter(|volume| volume.shares_space_with(&own)) {
                volume.available = volume.available.map(|free| Bytes(free.0.saturating_sub(crisis.0)));
            }
        }
        let fits = |folder: &&PathBuf| {
            volumes.iter().find(|volume| volume.root == **folder).is_none_or(|volume| volume.fits(*crisis))
        };
        let mut usable: Vec<PathBuf> = storage.iter().filter(fits).cloned().collect();
        let best = |usable: &[PathBuf]| {
            storage_with_most_space(usable, &observation.host.volumes, *crisis, nodes.clone()).cloned()
        };
        // A volume that refuses nodes for a cause that its figures do not show, such as a disk quota, keeps none from the
        // others: each failure in succession leaves out one folder more, in turn.
        let failures = usize::try_from(colony.state.failed_additions()).unwrap_or(usize::MAX);
        for _ in 0..failures.checked_rem(usable.len()).unwrap_or(0) {
            let left_out = best(&usable)?;
            usable.retain(|folder| *folder != left_out);
        }
        best(&usable)
    }

    /// Returns the identities of the volumes of these storage folders, and marks volumes that have none. A volume without
    /// an identity is absent. The default has no identities.
    fn identify_volumes(&mut self, storage: &[&Path]) -> BTreeMap<PathBuf, u64> {
        let _ = storage;
        BTreeMap::new()
    }

    /// Moves files that the platform believes or runs out of the folders where these nodes write, for nodes of earlier
    /// releases. Repeated in every cycle; the default does nothing.
    fn protect<'a>(&mut self, _nodes: impl Iterator<Item = &'a Node>) {}

    /// Limits the CPU of all nodes together; `processes` are the processes of the running nodes.
    ///
    /// # Errors
    /// The host cannot limit these nodes.
    fn set_cpu_limit(&mut self, limit: Cores, processes: &[u32]) -> Result<(), Self::Error>;

    /// Removes the CPU limit if the platform applied one; a limit of another program stays.
    ///
    /// # Errors
    /// The host does not remove the limit.
    fn lift_cpu_limit(&mut self) -> Result<(), Self::Error>;

    /// Puts the running nodes of a colony behind the host's other work, as the settings say. The default does nothing.
    ///
    /// # Errors
    /// The host cannot do so.
    fn apply_weight(&mut self, settings: &Settings, nodes: &[(&Node, u32)]) -> Result<(), Self::Error> {
        let _ = (settings, nodes);
        Ok(())
    }

    /// Returns the executor for a colony. `nodes` includes the nodes that this cycle adds.
    fn executor<'a>(&'a mut self, settings: &'a Settings, nodes: &'a BTreeMap<NodeId, Node>) -> Self::Executor<'a>;

    /// Returns the nodes in folders that the colony does not contain, if their identities and definitions prove them, and
    /// moves folders to which no node has written into the trash. The default does neither.
    fn settle_unlisted(&mut self, settings: &Settings, folders: &[UnlistedFolder]) -> Vec<FoundNode> {
        let _ = (settings, folders);
        Vec::new()
    }

    /// Deletes from the trash of these storage folders, for a bounded time, the node folders that were moved there at
    /// least `min_age` before `now`, the time of the colony's clock. The default deletes nothing.
    fn sweep_trash(&mut self, storage: &[&Path], min_age: Duration, now: Timestamp) {
        let _ = (storage, min_age, now);
    }

    /// Returns the cached versions of node programs, which the cycle hands to
    /// [`Store::save_program_cache`](crate::Store::save_program_cache). The default is an empty cache.
    fn program_cache(&self) -> ProgramCache {
        ProgramCache::default()
    }
}
