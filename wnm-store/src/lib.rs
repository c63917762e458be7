//! What the Weave Node Manager remembers, in one SQLite database: nodes, settings, the journal of actions, history.
//!
//! ```text
//! load ──► observe ──► decide ──► begin ──► carry out ──► settle ──► finish
//! ^^^^                            ^^^^^     (journal)                ^^^^^^
//! ```
//!
//! [`Store::begin`] makes an intent durable before anything is done, the [`Journal`](wnm_core::steps::Journal) each
//! step, and [`Store::finish`] the end of a cycle, in one transaction. A process that dies anywhere between leaves a
//! database from which [`Store::load`] shows what has begun and not ended.
//!
//! One process writes, and holds the [`Lock`]; any number may read meanwhile.
//!
//! Beside `wnm.db` stand: `wnm.db-wal` and `wnm.db-shm`, which are part of it; `wnm.lock`; `wnm.reserve`, given up
//! when the disk is full; and `wnm.db.before-N`, a copy from before the change to version N.

mod error;
mod file;
mod history;
mod journal;
mod json;
mod lock;
mod nodes;
mod open;
pub mod python_db;
mod reserve;
mod schema;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use wnm_core::{
    Colony, Counters, EngineState, Node, NodeId, NodeMap, NodeSample, NodeState, ProgramCache, RawSettings, Settings,
};

pub use error::{Claim, StoreError};
pub use history::{Activity, CycleAction, CycleId, CycleKind, CycleRecord, History, HistoryFilter, Retention};
pub use lock::{Holder, Lock, LockError};

use error::Fault;
use file::Existing;

/// An open database.
///
/// To write, hold the [`Lock`]: SQLite would keep two writers from mixing their writes, but not their decisions.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    path: PathBuf,
    retention: Retention,
}

/// What commands that only show something need, as of one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The nodes, by id.
    pub nodes: BTreeMap<NodeId, Node>,
    /// What the engine remembers; nodes of unfinished actions are acting.
    pub state: EngineState,
    /// The last sample of each node that was seen.
    pub samples: NodeMap<NodeSample>,
    /// Actions that have not ended, in the order they began, with what they wait for.
    pub unfinished: Vec<CycleAction>,
    /// The latest cycle.
    pub last: Option<CycleRecord>,
    /// Rows that could not be read, and are missing above.
    pub unreadable: Vec<StoreError>,
}

impl Store {
    /// Returns the path of the database, links resolved.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sets what is kept of the past from the next [`finish`](Self::finish) on.
    pub fn set_retention(&mut self, retention: Retention) {
        self.retention = retention;
    }

    /// Returns the settings on record. Those of a later version are passed over.
    ///
    /// # Errors
    /// The database cannot be read, or a setting in it is not of its type.
    pub fn settings(&self) -> Result<RawSettings, StoreError> {
        self.read(settings::read)
    }

    /// Writes the settings; those that are None are forgotten, those of a later version stay.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn save_settings(&mut self, settings: &RawSettings) -> Result<(), StoreError> {
        self.write(|tx| settings::write(tx, settings))
    }

    /// Returns everything a cycle starts from.
    ///
    /// Nodes of unfinished actions count as acting, also when the cycle that began them was cut short. A sample that
    /// cannot be read counts as absent, as do such counters: the next look makes new ones.
    ///
    /// # Errors
    /// The database cannot be read, or the row of a node, of its state or of an unfinished action: to act on the
    /// others as if it were not there could do harm. [`snapshot`](Self::snapshot) shows the others.
    pub fn load(&self, settings: Settings) -> Result<Colony, StoreError> {
        self.read(|db| {
            let mut unreadable = Vec::new();
            let nodes = nodes::all(db, &mut unreadable)?;
            let mut state = nodes::state(db, &mut unreadable)?;
            let unfinished = journal::unfinished(db, &mut unreadable)?;
            if !unreadable.is_empty() {
                return Err(unreadable.swap_remove(0).into());
            }
            let unfinished: Vec<_> = unfinished.into_iter().map(|action| action.record).collect();
            state.acting.extend(unfinished.iter().map(|record| record.node()));
            let samples = nodes::samples(db, &mut Vec::new())?;
            let counters = nodes::single(db, "counters", &mut Vec::new())?;
            Ok(Colony { settings, nodes, state, samples, unfinished, counters })
        })
    }

    /// Returns what commands that only show something need. Rows that cannot be read are reported beside the others.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.read(|db| {
            let mut unreadable = Vec::new();
            let nodes = nodes::all(db, &mut unreadable)?;
            let mut state = nodes::state(db, &mut unreadable)?;
            let samples = nodes::samples(db, &mut unreadable)?;
            let unfinished = journal::unfinished(db, &mut unreadable)?;
            state.acting.extend(unfinished.iter().map(|action| action.record.node()));
            let last = match history::last_id(db)?.map_or(Ok(None), |id| history::one(db, id)) {
                Ok(last) => last,
                Err(Fault::Store(error)) => {
                    unreadable.push(error);
                    None
                }
                Err(fault) => return Err(fault),
            };
            Ok(Snapshot { nodes, state, samples, unfinished, last, unreadable })
        })
    }

    /// Returns the nodes, by id.
    ///
    /// # Errors
    /// The database, or the row of a node, cannot be read.
    pub fn nodes(&self) -> Result<BTreeMap<NodeId, Node>, StoreError> {
        self.read(|db| {
            let mut unreadable = Vec::new();
            let nodes = nodes::all(db, &mut unreadable)?;
            unreadable.pop().map_or(Ok(nodes), |error| Err(error.into()))
        })
    }

    /// Writes a new node and reserves its number and ports.
    ///
    /// # Errors
    /// Another node has one of them, or the database cannot be written.
    pub fn insert_node(&mut self, node: &Node) -> Result<(), StoreError> {
        self.write(|tx| nodes::insert(tx, node))
    }

    /// Writes new nodes with what is believed of them, all or none: an import.
    ///
    /// # Errors
    /// A number or port is given twice, or the database cannot be written.
    pub fn insert_nodes(&mut self, nodes: &[(Node, NodeState)]) -> Result<(), StoreError> {
        let states = nodes::texts(nodes.iter().map(|(node, state)| (&node.id, state)), "the state of node")?;
        self.write(|tx| {
            for (node, _) in nodes {
                nodes::insert(tx, node)?;
            }
            let mut write = tx.prepare_cached("INSERT OR REPLACE INTO states VALUES (?1, ?2)")?;
            for (id, text) in &states {
                write.execute((id.get(), text))?;
            }
            Ok(())
        })
    }

    /// Writes what changed of a node, such as its binary or its ports; its number stays.
    ///
    /// # Errors
    /// There is no such node, another one has its new ports, or the database cannot be written.
    pub fn update_node(&mut self, node: &Node) -> Result<(), StoreError> {
        self.write(|tx| nodes::update(tx, node))
    }

    /// Returns the cached versions of node programs; an empty cache when none is stored or its format is unknown.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn program_cache(&self) -> Result<ProgramCache, StoreError> {
        self.read(|db| {
            let mut unreadable = Vec::new();
            let cache = nodes::single(db, "cached", &mut unreadable)?;
            for error in unreadable {
                // Another release may have written it. Without a cache each program runs once more.
                tracing::debug!(%error, "ignored the stored cache of program versions");
            }
            Ok(cache.unwrap_or_default())
        })
    }

    /// Stores the versions of node programs for the next run; an unchanged cache is not written again.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn save_program_cache(&mut self, cache: &ProgramCache) -> Result<(), StoreError> {
        if self.program_cache()? == *cache {
            return Ok(());
        }
        let text = json::text(cache, || "the cache of program versions".into())?;
        self.write(|tx| nodes::write_single(tx, "cached", &text))
    }

    /// Returns everything that is wrong with the database, in words; nothing when it is sound.
    ///
    /// # Errors
    /// The database cannot be read at all.
    pub fn check(&self) -> Result<Vec<String>, StoreError> {
        let mut wrong = open::complaints(&self.db, "integrity_check");
        if !wrong.is_empty() {
            // What such pages hold is not worth a look.
            return Ok(wrong);
        }
        self.read(|db| {
            let mut statement = db.prepare("PRAGMA foreign_key_check")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
                wrong.push(format!("a row of {table} refers to one of {parent} that is not there"));
            }
            let mut unreadable = Vec::new();
            let nodes = nodes::all(db, &mut unreadable)?;
            nodes::state(db, &mut unreadable)?;
            nodes::samples(db, &mut unreadable)?;
            nodes::single::<Counters>(db, "counters", &mut unreadable)?;
            unreadable.extend(settings::read(db).err().map(|fault| fault.at(&self.path)));
            let past = HistoryFilter { limit: u32::MAX, activity: Activity::Any, ..HistoryFilter::default() };
            unreadable.extend(history::find(db, &past)?.unreadable);
            wrong.extend(unreadable.iter().map(StoreError::complaint));
            wrong.extend(wrong_reservations(db, &nodes)?);
            Ok(wrong)
        })
    }

    /// Writes a copy of the database as of now to a new file, durably.
    ///
    /// # Errors
    /// There is a file of that name, or it cannot be written.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        file::copy(&self.db, to, Existing::Refuse).map_err(|fault| fault.at(to))
    }

    /// Removes the database with all that is part of it: settings, history, and what is known of nodes. Copies stay, and
    /// so does the lock file, which its holder still needs.
    ///
    /// # Errors
    /// One of its files cannot be removed; the database itself goes last.
    pub fn purge(self) -> Result<(), StoreError> {
        let path = self.path.clone();
        drop(self);
        reserve::release(&path);
        file::remove(&path)
    }

    /// Reads as of one moment.
    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, StoreError> {
        let attempt = || read(&*self.db.unchecked_transaction()?);
        attempt().map_err(|fault| fault.at(&self.path))
    }

    /// Writes all or nothing, durably. When the disk is full, gives up the reserve and tries once more.
    fn write<T>(&mut self, write: impl Fn(&Transaction<'_>) -> Result<T, Fault>) -> Result<T, StoreError> {
        let mut attempt = || {
            let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = write(&tx)?;
            tx.commit()?;
            Ok(value)
        };
        match attempt() {
            Err(fault) if Fault::is_full(&fault) && reserve::release(&self.path) => attempt(),
            other => other,
        }
        .map_err(|fault: Fault| fault.at(&self.path))
    }
}

/// Finds ports that are reserved and not used, or used and not reserved.
fn wrong_reservations(db: &Connection, nodes: &BTreeMap<NodeId, Node>) -> Result<Vec<String>, Fault> {
    let mut statement = db.prepare("SELECT node, port FROM ports")?;
    let reserved: BTreeSet<(u32, u16)> =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let used = nodes.values().flat_map(|node| node.ports.all().map(|port| (node.id.get(), port)));
    let used: BTreeSet<(u32, u16)> = used.collect();
    let known = |node: u32| NodeId::new(node).is_some_and(|id| nodes.contains_key(&id));
    let idle = reserved.difference(&used).filter(|(node, _)| known(*node));
    let idle = idle.map(|(node, port)| format!("port {port} is reserved for node {node:04}, which does not use it"));
    let lacking = used.difference(&reserved);
    let lacking = lacking.map(|(node, port)| format!("port {port} of node {node:04} is not reserved"));
    Ok(idle.chain(lacking).collect())
}
