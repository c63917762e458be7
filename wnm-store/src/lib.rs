//! The SQLite database of the Weave Node Manager: nodes, settings, the journal of actions, and history.
//!
//! ```text
//! load ──► observe ──► decide ──► begin ──► execute ──► apply ──► finish
//! ^^^^                            ^^^^^    (journal)              ^^^^^^
//! ```
//!
//! [`Store::begin`] puts the intent on the disk before the first action, the [`Journal`](wnm_core::steps::Journal) each
//! step, and [`Store::finish`] the end of the cycle, each in one transaction. After a crash at any moment,
//! [`Store::load`] returns the actions that have begun and not ended.
//!
//! One process writes, under the [`Lock`]; any number of processes may read meanwhile.
//!
//! Files beside `wnm.db`: `wnm.db-wal` and `wnm.db-shm` belong to the database; `wnm.lock` is the lock, `wnm.daemon` that of a daemon; `wnm.reserve` is
//! given up when the disk is full; `wnm.db.before-N` is a copy from before the migration to version N; `wnm.db.copy-1` to
//! `wnm.db.copy-3` are hourly copies of the data from which [`Store::rebuild`] replaces a database that cannot be read;
//! `.wnm-draft-PID` ends the name of a [draft].
//!
//! The results of cycles that changed nothing are in a file in memory, in `/dev/shm/wnm-UID`, which continues the database.
//! All reads include it.

mod copies;
mod digest;
pub mod draft;
mod error;
mod file;
mod follow;
pub mod formicaio_db;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod history;
mod journal;
mod lock;
mod node_days;
mod nodes;
mod open;
mod other_tool;
mod probe;
pub mod python_db;
mod rebuild;
mod record;
mod reserve;
mod schedule;
mod schema;
mod settings;
mod volatile;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Row, Transaction, TransactionBehavior};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wnm_core::{
    Colony, Counters, Day, Desired, EngineState, Node, NodeId, NodeMap, NodeSample, NodeState, RawSettings, Settings,
};

pub use error::{Content, FileOperation, StoreError, UniqueValue, Work};
pub use file::Owner;
pub use follow::Followed;
pub use history::{
    ActionFilter, Actions, Activity, CycleAction, CycleId, CycleKind, CycleRecord, History, HistoryFilter,
};
pub use lock::{Holder, Lock, LockError};
pub use node_days::NodeDays;
pub use other_tool::{OtherTool, OtherToolError};
pub use probe::{ProbeFilter, ProbeRuns};
pub use rebuild::Remains;
pub use record::{Corruption, Record};
pub use schedule::{Runner, Schedule};
pub use write::Write;

use error::DbError;
use file::{Change, FileIdentity, IfExists};
use journal::Begun;
use nodes::Single;

/// An open database.
///
/// A writer must hold the [`Lock`]. SQLite keeps two writers from mixing their writes, but two cycles at once would act on
/// each other's nodes.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    path: PathBuf,
    /// The file that `db` has open.
    identity: FileIdentity,
    /// The last change of the file after which its pages were checked.
    changed: Change,
    /// The cycle between [`begin`](Self::begin) and [`finish`](Self::finish).
    begun: Option<Begun>,
}

/// The data for commands that only show something, as of one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The nodes, by number.
    pub nodes: BTreeMap<NodeId, Node>,
    /// The state of the engine; nodes of unfinished actions are acting.
    pub state: EngineState,
    /// The last sample of each observed node.
    pub samples: NodeMap<NodeSample>,
    /// The actions that have not ended, in the order of their begin, each with its last outcome.
    pub unfinished: Vec<CycleAction>,
    /// The latest cycle.
    pub last: Option<CycleRecord>,
    /// The schedule of the cycles; that of cron if none is recorded.
    pub schedule: Schedule,
    /// The records that could not be read and are missing above.
    pub unreadable: Vec<StoreError>,
}

/// A defect that [`Store::check`] found.
#[derive(Debug, thiserror::Error)]
pub enum Defect {
    /// The pages of the database are inconsistent, in the words of SQLite.
    #[error("{0}")]
    Pages(String),
    /// A row refers to a row that does not exist.
    #[error("a row of table {table} refers to a missing row of table {parent}")]
    DanglingReference {
        /// The table of the row.
        table: String,
        /// The table of the missing row.
        parent: String,
    },
    /// A record cannot be read.
    #[error("{record}: {cause}")]
    Unreadable {
        /// The record.
        record: Record,
        /// The reason.
        cause: Corruption,
    },
    /// A check could not be completed.
    #[error("{0}")]
    Unchecked(StoreError),
    /// A port is reserved for a node that does not use it.
    #[error("port {port} is reserved for node {node}, which does not use it")]
    UnusedPort {
        /// The port.
        port: u16,
        /// The node.
        node: NodeId,
    },
    /// A node uses a port that is not reserved.
    #[error("port {port} of node {node} is not reserved")]
    UnreservedPort {
        /// The port.
        port: u16,
        /// The node.
        node: NodeId,
    },
}

impl From<StoreError> for Defect {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt { record, cause } => Self::Unreadable { record, cause },
            other => Self::Unchecked(other),
        }
    }
}

impl Store {
    /// Returns the path of the database with links resolved.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Tells whether a copy of a database exists from which it can be rebuilt.
    #[must_use]
    pub fn has_copy(path: &Path) -> bool {
        !copies::existing(&file::resolved(path)).is_empty()
    }

    /// Returns the stored settings. Names that this version does not know are ignored.
    ///
    /// # Errors
    /// The database cannot be read, or the value of a setting is invalid.
    pub fn settings(&self) -> Result<RawSettings, StoreError> {
        self.read(settings::read)
    }

    /// Stores the settings, and deletes those that are None. Names that this version does not know stay.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn save_settings(&mut self, settings: &RawSettings) -> Result<(), StoreError> {
        self.write(Write::Settings, |tx| settings::write(tx, settings))
    }

    /// Returns the colony that a cycle starts with.
    ///
    /// Nodes of unfinished actions count as acting, also after a crash. A sample or a set of counters that cannot be read
    /// counts as absent: the next observation makes new ones.
    ///
    /// # Errors
    /// The database, a node, the state of a node or an unfinished action cannot be read. The engine would count a
    /// missing node as absent and could add another in its place; [`snapshot`](Self::snapshot) shows the readable rest.
    pub fn load(&self, settings: Settings) -> Result<Colony, StoreError> {
        self.read_latest(|db, volatile| {
            let mut unreadable = Vec::new();
            let nodes = nodes::all(db, &mut unreadable)?;
            let mut ignored = Vec::new();
            let mut state = nodes::state(db, volatile.as_ref(), &mut unreadable, &mut ignored)?;
            for error in ignored {
                tracing::warn!(%error, "a desired state is ignored, and the next cycle replaces it");
            }
            let unfinished = journal::unfinished(db, &mut unreadable)?;
            if !unreadable.is_empty() {
                return Err(unreadable.swap_remove(0).into());
            }
            let unfinished: Vec<_> = unfinished.into_iter().map(|action| action.record).collect();
            state.acting.extend(unfinished.iter().map(|record| record.node()));
            let samples = nodes::latest_samples(db, volatile.as_ref(), &nodes, &mut Vec::new())?;
            let counters = match volatile.and_then(|volatile| serde_json::from_str(&volatile.counters).ok()) {
                Some(counters) => Some(counters),
                None => nodes::single(db, Single::Counters, &mut Vec::new())?,
            };
            Ok(Colony { settings: settings.clone(), nodes, state, samples, unfinished, counters })
        })
    }

    /// Returns the data for commands that only show something. Records that cannot be read are reported beside the others.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.read_latest(|db, volatile| {
            let mut unreadable = Vec::new();
            let nodes = nodes::all(db, &mut unreadable)?;
            let mut ignored = Vec::new();
            let mut state = nodes::state(db, volatile.as_ref(), &mut unreadable, &mut ignored)?;
            unreadable.append(&mut ignored);
            let samples = nodes::latest_samples(db, volatile.as_ref(), &nodes, &mut unreadable)?;
            let unfinished = journal::unfinished(db, &mut unreadable)?;
            state.acting.extend(unfinished.iter().map(|action| action.record.node()));
            let last = match history::last(db, volatile.as_ref()) {
                Ok(last) => last,
                Err(DbError::Store(error)) => {
                    unreadable.push(error);
                    None
                }
                Err(error) => return Err(error),
            };
            let schedule = nodes::single(db, Single::Schedule, &mut unreadable)?.unwrap_or_default();
            Ok(Snapshot { nodes, state, samples, unfinished, last, schedule, unreadable })
        })
    }

    /// Returns the nodes, by id.
    ///
    /// # Errors
    /// The database, or a node, cannot be read.
    pub fn nodes(&self) -> Result<BTreeMap<NodeId, Node>, StoreError> {
        self.read(|db| {
            let mut unreadable = Vec::new();
            let nodes = nodes::all(db, &mut unreadable)?;
            unreadable.pop().map_or(Ok(nodes), |error| Err(error.into()))
        })
    }

    /// Returns the number of nodes, those that cannot be read included.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn node_count(&self) -> Result<usize, StoreError> {
        self.read(nodes::count)
    }

    /// Adds nodes with their states, all or none. For takeovers: a cycle adds its nodes in [`begin`](Self::begin).
    ///
    /// # Errors
    /// Two nodes have the same number, UUID or port, or the database cannot be written.
    pub fn insert_nodes(&mut self, nodes: &[(Node, NodeState)]) -> Result<(), StoreError> {
        let states = nodes::json_rows(nodes.iter().map(|(node, state)| (&node.id, state)), Record::NodeState)?;
        self.write(Write::Nodes, |tx| {
            for (node, _) in nodes {
                nodes::insert(tx, node)?;
            }
            let mut write = tx.prepare_cached(nodes::INSERT_STATE)?;
            for (id, text) in &states {
                write.execute((id.get(), text))?;
            }
            let mut write = tx.prepare_cached(nodes::INSERT_DESIRED)?;
            for (node, state) in nodes {
                write.execute((node.id.get(), Desired::implied_by(state).word()))?;
            }
            Ok(())
        })
    }

    /// Stores the identities of volumes for a new colony. A cycle stores them with its state.
    ///
    /// # Errors
    /// The database cannot be read or written.
    pub fn save_volumes(&mut self, volumes: BTreeMap<PathBuf, u64>) -> Result<(), StoreError> {
        let mut state =
            self.read_latest(|db, volatile| nodes::state(db, volatile.as_ref(), &mut Vec::new(), &mut Vec::new()))?;
        state.volumes.extend(volumes);
        let text = nodes::engine_json(&state)?;
        self.write(Write::Volumes, |tx| nodes::write_single(tx, Single::Engine, &text))
    }

    /// Adds the last known samples of nodes. For takeovers, so that the knowledge of another tool stands until the first
    /// cycle.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn insert_samples(&mut self, samples: &NodeMap<NodeSample>) -> Result<(), StoreError> {
        let rows = nodes::json_rows(samples.iter(), Record::NodeSample)?;
        self.write(Write::Samples, |tx| nodes::write_samples(tx, &rows))?;
        // Its samples would hide these.
        self.drop_volatile();
        Ok(())
    }

    /// Returns the cache of the platform; the default when it was never stored or cannot be read.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn cached<T: DeserializeOwned + Default>(&self) -> Result<T, StoreError> {
        self.read(|db| {
            let mut corrupt = Vec::new();
            let cache = nodes::single(db, Single::Cache, &mut corrupt)?;
            for defect in corrupt {
                // Another release may have written it in its own format. Without a cache each program runs once more.
                tracing::debug!(?defect, "ignored the stored cache");
            }
            Ok(cache.unwrap_or_default())
        })
    }

    /// Stores the cache of the platform, unless it is unchanged.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn save_cache(&mut self, cache: &impl Serialize) -> Result<(), StoreError> {
        let text = record::to_json(cache, Record::Cache)?;
        // A write transaction costs an fsync even when it changes nothing, so that the text is compared first.
        if self.read(|db| nodes::is_single(db, Single::Cache, &text))? {
            return Ok(());
        }
        self.write(Write::Cache, |tx| nodes::write_single(tx, Single::Cache, &text))
    }

    /// Returns all defects of the database; none when it is sound.
    ///
    /// # Errors
    /// The database cannot be read at all.
    pub fn check(&self) -> Result<Vec<Defect>, StoreError> {
        let pages = open::integrity_errors(&self.db, "integrity_check").map_err(|error| error.at(&self.path))?;
        if !pages.is_empty() {
            // The records on damaged pages would only add follow-up errors.
            return Ok(pages.into_iter().map(Defect::Pages).collect());
        }
        self.read(|db| {
            let mut defects = dangling_references(db)?;
            let mut unreadable = Vec::new();
            let nodes = nodes::all(db, &mut unreadable)?;
            let mut ignored = Vec::new();
            nodes::state(db, None, &mut unreadable, &mut ignored)?;
            unreadable.append(&mut ignored);
            nodes::samples(db, &mut unreadable)?;
            unreadable.extend(node_days::find(db, Day(i64::MIN)..=node_days::LAST)?.unreadable);
            nodes::single::<Counters>(db, Single::Counters, &mut unreadable)?;
            nodes::single::<Schedule>(db, Single::Schedule, &mut unreadable)?;
            unreadable.extend(settings::read(db).err().map(|error| error.at(&self.path)));
            let all = HistoryFilter { limit: u32::MAX, activity: Activity::Any, ..HistoryFilter::default() };
            unreadable.extend(history::find(db, &all)?.unreadable);
            defects.extend(unreadable.into_iter().map(Defect::from));
            defects.extend(wrong_reservations(db, &nodes)?);
            Ok(defects)
        })
    }

    /// Writes a copy of the database, as of now, to a new file, and flushes it to the disk.
    ///
    /// # Errors
    /// The file exists, or cannot be written.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        file::copy(&self.db, to, IfExists::Fail).map_err(|error| error.at(to))
    }

    /// Deletes the database with its settings, history, nodes and hourly copies. Backups stay, and so does the lock file, whose holder
    /// still needs it.
    ///
    /// # Errors
    /// A file cannot be removed. The database itself is removed last, so that the call can be repeated.
    pub fn purge(self) -> Result<(), StoreError> {
        let path = self.path.clone();
        self.drop_volatile();
        drop(self);
        reserve::release(&path);
        // Before the database: a copy without it would bring the colony back.
        copies::remove(&path)?;
        draft::remove_left(&path);
        file::remove(&path)
    }

    /// Runs reads in one transaction, so that all of them see the same moment.
    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, DbError>) -> Result<T, StoreError> {
        let attempt = || read(&*self.db.unchecked_transaction()?);
        attempt().map_err(|error| error.at(&self.path))
    }

    /// Checks that the open file is the one at the path.
    fn check_path(&self) -> Result<(), StoreError> {
        if self.is_replaced() { Err(StoreError::Replaced { path: self.path.clone() }) } else { Ok(()) }
    }

    /// Runs writes in one transaction, and flushes it to the disk. When the disk is full, frees the reserve and tries once
    /// more, so that the end of a running action can still be recorded.
    fn write<T>(
        &mut self,
        name: Write,
        write: impl Fn(&Transaction<'_>) -> Result<T, DbError>,
    ) -> Result<T, StoreError> {
        self.check_path()?;
        let mut attempt = || {
            // Immediate: a transaction that begins with a read and then writes fails at once, without the busy
            // timeout, when another program has written in between.
            let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = write(&tx)?;
            name.run(|| tx.commit())?;
            Ok(value)
        };
        match attempt() {
            Err(error) if DbError::is_full(&error) && reserve::release(&self.path) => attempt(),
            other => other,
        }
        .map_err(|error: DbError| error.at(&self.path))
    }
}

fn dangling_references(db: &Connection) -> Result<Vec<Defect>, DbError> {
    let mut statement = db.prepare("PRAGMA foreign_key_check")?;
    let reference = |row: &Row<'_>| Ok(Defect::DanglingReference { table: row.get(0)?, parent: row.get(2)? });
    let references = statement.query_map([], reference)?;
    Ok(references.collect::<Result<_, _>>()?)
}

/// Finds ports that are reserved and not used, or used and not reserved.
fn wrong_reservations(db: &Connection, nodes: &BTreeMap<NodeId, Node>) -> Result<Vec<Defect>, DbError> {
    let mut statement = db.prepare("SELECT node, port FROM ports")?;
    let reserved: BTreeSet<(u32, u16)> =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let reserved = reserved.into_iter().filter_map(|(node, port)| Some((NodeId::new(node)?, port)));
    // Ports of a node that cannot be read are no defect of their own.
    let reserved: BTreeSet<_> = reserved.filter(|(node, _)| nodes.contains_key(node)).collect();
    // The ports that an action in progress will give to a node are reserved already.
    let changed = journal::unfinished(db, &mut Vec::new())?.into_iter().filter_map(|action| {
        let node = nodes.get(&action.record.node())?;
        action.record.planned.action.changed(node)
    });
    let changed: Vec<Node> = changed.collect();
    let used = nodes.values().chain(&changed).flat_map(|node| node.ports.all().map(|port| (node.id, port)));
    let used: BTreeSet<_> = used.collect();
    let unused = reserved.difference(&used).map(|&(node, port)| Defect::UnusedPort { port, node });
    let unreserved = used.difference(&reserved).map(|&(node, port)| Defect::UnreservedPort { port, node });
    Ok(unused.chain(unreserved).collect())
}
