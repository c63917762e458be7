//! What was decided and done in earlier cycles, for as long as it is kept.

use std::fmt;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row};
use wnm_core::{ActionRecord, Decision, HostSample, NodeId, Outcome, Timestamp};

use crate::error::{Fault, StoreError};
use crate::nodes::Unreadable;
use crate::{Store, journal, json};

/// The number of a cycle. It is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CycleId(pub i64);

impl fmt::Display for CycleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One cycle.
#[derive(Debug, Clone, PartialEq)]
pub struct CycleRecord {
    /// Its number.
    pub id: CycleId,
    /// When it looked.
    pub at: Timestamp,
    /// When it was finished; None while it goes on, and for ever when it was cut short.
    pub ended: Option<Timestamp>,
    /// What it saw of the machine.
    pub host: HostSample,
    /// What it decided, and why.
    pub decision: Decision,
    /// The actions it began, in order, as they stand now.
    pub actions: Vec<CycleAction>,
}

/// An action on record.
#[derive(Debug, Clone, PartialEq)]
pub struct CycleAction {
    /// What it is, and the steps taken.
    pub record: ActionRecord,
    /// What came of it in the last cycle that worked on it; None before the first one has finished.
    pub outcome: Option<Outcome>,
    /// When it ended; None while it goes on.
    pub ended: Option<Timestamp>,
}

/// Which cycles to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryFilter {
    /// Only cycles that began an action on this node.
    pub node: Option<NodeId>,
    /// Only cycles from this moment on.
    pub since: Option<Timestamp>,
    /// The most cycles to return: the latest ones.
    pub limit: u32,
    /// Which kind.
    pub kind: CycleKind,
}

impl Default for HistoryFilter {
    /// Returns a filter for the last 100 cycles that acted.
    fn default() -> Self {
        Self { node: None, since: None, limit: 100, kind: CycleKind::Acting }
    }
}

/// A kind of cycles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CycleKind {
    /// Those that began an action.
    Acting,
    /// All.
    Any,
}

/// Cycles found, latest first.
#[derive(Debug, Default)]
pub struct History {
    /// Those that could be read.
    pub cycles: Vec<CycleRecord>,
    /// Why others, or actions of theirs, could not.
    pub unreadable: Vec<StoreError>,
}

/// What is kept of the past. Cycles with an action that goes on are kept in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How long cycles that acted are kept.
    pub acting: Duration,
    /// The most cycles that acted, however young.
    pub acting_at_most: u32,
    /// The most cycles that did not act.
    pub idle: u32,
}

impl Default for Retention {
    /// Returns 30 days and 20,000 cycles that acted, and 100 that did not.
    fn default() -> Self {
        Self { acting: Duration::from_secs(30 * 24 * 60 * 60), acting_at_most: 20_000, idle: 100 }
    }
}

/// The most cycles looked at, and dropped, of each kind at the end of one.
const PRUNED_AT_ONCE: u32 = 50;

impl Store {
    /// Returns the latest cycle; None before the first.
    ///
    /// # Errors
    /// The database, or the record of that cycle, cannot be read.
    pub fn last_cycle(&self) -> Result<Option<CycleRecord>, StoreError> {
        self.read(|db| {
            let id = last_id(db)?;
            id.map_or(Ok(None), |id| one(db, id))
        })
    }

    /// Returns a cycle; None when it is not on record, or no longer.
    ///
    /// # Errors
    /// The database, or the record of that cycle, cannot be read.
    pub fn cycle(&self, id: CycleId) -> Result<Option<CycleRecord>, StoreError> {
        self.read(|db| one(db, id))
    }

    /// Returns the cycles that a filter lets through, latest first.
    ///
    /// # Errors
    /// The database cannot be read. One record that cannot be read is reported beside the others.
    pub fn history(&self, filter: &HistoryFilter) -> Result<History, StoreError> {
        self.read(|db| find(db, filter))
    }
}

pub(crate) fn find(db: &Connection, filter: &HistoryFilter) -> Result<History, Fault> {
    let node = filter.node.map(NodeId::get);
    let since = filter.since.map_or(i64::MIN, Timestamp::as_millis);
    let acted = match filter.kind {
        CycleKind::Acting => 1,
        CycleKind::Any => 0,
    };
    let mut statement = db.prepare_cached(
        "SELECT id, at, ended, host, decision FROM cycles
         WHERE (?1 IS NULL OR id IN (SELECT cycle FROM actions WHERE node = ?1)) AND at >= ?2 AND acted >= ?3
         ORDER BY id DESC LIMIT ?4",
    )?;
    let mut rows = statement.query((node, since, acted, filter.limit))?;
    let mut history = History::default();
    while let Some(row) = rows.next()? {
        match read(db, row, &mut history.unreadable) {
            Ok(cycle) => history.cycles.push(cycle),
            Err(Fault::Store(error @ StoreError::Corrupt { .. })) => history.unreadable.push(error),
            Err(fault) => return Err(fault),
        }
    }
    Ok(history)
}

pub(crate) fn last_id(db: &Connection) -> Result<Option<CycleId>, Fault> {
    let last: Option<i64> = db
        .prepare_cached("SELECT id FROM cycles ORDER BY id DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(last.map(CycleId))
}

/// Reads one cycle with all its actions, or fails.
pub(crate) fn one(db: &Connection, id: CycleId) -> Result<Option<CycleRecord>, Fault> {
    let mut statement = db.prepare_cached("SELECT id, at, ended, host, decision FROM cycles WHERE id = ?1")?;
    let mut rows = statement.query([id.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let mut unreadable = Vec::new();
    let cycle = read(db, row, &mut unreadable)?;
    match unreadable.pop() {
        Some(error) => Err(error.into()),
        None => Ok(Some(cycle)),
    }
}

fn read(db: &Connection, row: &Row<'_>, unreadable: &mut Unreadable) -> Result<CycleRecord, Fault> {
    let id = CycleId(row.get(0)?);
    Ok(CycleRecord {
        id,
        at: Timestamp::from_millis(row.get(1)?),
        ended: row.get::<_, Option<i64>>(2)?.map(Timestamp::from_millis),
        host: json::required(row, 3, || format!("the host's sample of cycle {id}"))?,
        decision: json::required(row, 4, || format!("the decision of cycle {id}"))?,
        actions: journal::of_cycle(db, id, unreadable)?,
    })
}

/// Drops what is no longer kept, a bounded number of cycles at a time.
pub(crate) fn prune(tx: &Connection, keep: Retention, now: Timestamp) -> Result<(), Fault> {
    for (acted, at_most) in [(0, keep.idle), (1, keep.acting_at_most)] {
        tx.prepare_cached(
            "DELETE FROM cycles WHERE id IN (
                 SELECT id FROM cycles WHERE acted = ?1
                     AND id <= (SELECT id FROM cycles WHERE acted = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
                     AND NOT EXISTS (SELECT 1 FROM actions WHERE cycle = cycles.id AND ended IS NULL)
                 ORDER BY id LIMIT ?3)",
        )?
        .execute((acted, at_most, PRUNED_AT_ONCE))?;
    }
    // Time passes in the order of numbers, so that the old ones are among the first.
    tx.prepare_cached(
        "DELETE FROM cycles WHERE id IN (
             SELECT old.id FROM (SELECT id, at FROM cycles WHERE acted = 1 ORDER BY id LIMIT ?2) AS old
             WHERE at < ?1 AND NOT EXISTS (SELECT 1 FROM actions WHERE cycle = old.id AND ended IS NULL))",
    )?
    .execute((now.before(keep.acting).as_millis(), PRUNED_AT_ONCE))?;
    Ok(())
}
