//! Earlier cycles with their decisions and actions, within limits of age and number.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::Deserialize;
use wnm_core::{ActionRecord, Decision, HostSample, Node, NodeId, Outcome, Timestamp};

use crate::error::{DbError, StoreError};
use crate::journal::ACTION_COLUMNS;
use crate::nodes::Unreadable;
use crate::record::{Corruption, Record, required, verified};
use crate::volatile::Volatile;
use crate::{Store, journal};

/// The number of a cycle. No later cycle gets the number of a deleted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CycleId(pub i64);

impl fmt::Display for CycleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The cause of a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CycleKind {
    /// The policy decided, in `wnm run` or in the daemon.
    Scheduled,
    /// A command of the operator asked for actions, such as `wnm node stop 3`.
    Requested,
    /// The cycle only continued actions that earlier cycles had begun.
    Resumed,
}

impl CycleKind {
    const ALL: [Self; 3] = [Self::Scheduled, Self::Requested, Self::Resumed];

    /// Returns the word that the database and JSON output use, such as `scheduled`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Requested => "requested",
            Self::Resumed => "resumed",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// One cycle on record.
#[derive(Debug, Clone, PartialEq)]
pub struct CycleRecord {
    /// The number, in the order of time.
    pub id: CycleId,
    /// The cause.
    pub kind: CycleKind,
    /// The time of the observation, on the colony's clock.
    pub at: Timestamp,
    /// The time of the end; None while the cycle runs, and for ever when a crash interrupted it.
    pub ended: Option<Timestamp>,
    /// The sample of the host that the decision is based on.
    pub host: HostSample,
    /// The verdict of every rule, and the actions that follow from it.
    pub decision: Decision,
    /// The actions that the cycle began, in order, in their present state.
    pub actions: Vec<CycleAction>,
}

/// One action on record.
#[derive(Debug, Clone, PartialEq)]
pub struct CycleAction {
    /// The plan and the steps taken.
    pub record: ActionRecord,
    /// The outcome in the last cycle that worked on the action; None before the first of them has finished.
    pub outcome: Option<Outcome>,
    /// The time of the end; None while the action is under way.
    pub ended: Option<Timestamp>,
}

/// The cycles to find. All conditions must be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryFilter {
    /// Only cycles that began an action on this node, or saw its process end by itself.
    pub node: Option<NodeId>,
    /// Only cycles at or after this time.
    pub since: Option<Timestamp>,
    /// Only cycles at or before this time.
    pub until: Option<Timestamp>,
    /// Only cycles after this one.
    pub after: Option<CycleId>,
    /// Only cycles of this kind.
    pub kind: Option<CycleKind>,
    /// Whether idle cycles count.
    pub activity: Activity,
    /// The maximum number of cycles; the latest ones are returned.
    pub limit: u32,
}

impl Default for HistoryFilter {
    /// Returns a filter for the last 100 cycles that acted.
    fn default() -> Self {
        Self { node: None, since: None, until: None, after: None, kind: None, activity: Activity::Acting, limit: 100 }
    }
}

/// The actions to find. All conditions must be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionFilter {
    /// Only actions on this node.
    pub node: Option<NodeId>,
    /// Only actions that began or ended at or after this time.
    pub since: Option<Timestamp>,
    /// Only actions that began at or before this time.
    pub until: Option<Timestamp>,
    /// The maximum number of actions; those of the latest begin or end are returned.
    pub limit: u32,
}

/// The actions that match a filter, with the cycles that began them, latest begin or end first.
#[derive(Debug, Default)]
pub struct Actions {
    /// The actions that could be read.
    pub actions: Vec<(CycleId, CycleAction)>,
    /// Actions that could not be read.
    pub unreadable: Vec<StoreError>,
}

/// A selection of cycles by their actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// Cycles that began at least one action, or saw a process end by itself.
    Acting,
    /// All cycles.
    Any,
}

/// The cycles that match a filter, latest first.
#[derive(Debug, Default)]
pub struct History {
    /// The cycles that could be read.
    pub cycles: Vec<CycleRecord>,
    /// Cycles, and actions of the cycles above, that could not be read.
    pub unreadable: Vec<StoreError>,
}

/// The maximum age of a cycle that acted. A month of actions is enough to explain the present state of any node.
const ACTING_AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The maximum number of cycles that acted, of any age, so that a colony that acts in every cycle cannot fill the disk.
const ACTING_COUNT: u32 = 20_000;
/// The maximum number of cycles that did not act, here and in memory: eight minutes of a daemon with its default interval of
/// 5 s.
pub(crate) const IDLE_COUNT: u32 = 100;

/// The maximum number of cycles that one cycle deletes at its end, for each limit. A colony adds one cycle at a time, so
/// that 50 catch up quickly after a change of the limits, and one transaction stays short.
const PRUNED_AT_ONCE: u32 = 50;

/// The columns that `read` expects, in its order.
const COLUMNS: &str = "id, at, ended, host, decision, kind, digest IS row_digest(host, decision)";

impl Store {
    /// Returns the latest cycle; None before the first.
    ///
    /// # Errors
    /// The database, or the record of that cycle, cannot be read.
    pub fn last_cycle(&self) -> Result<Option<CycleRecord>, StoreError> {
        self.read_latest(|db, volatile| last(db, volatile.as_ref()))
    }

    /// Returns the latest cycle in which the policy decided; None before the first.
    ///
    /// # Errors
    /// The database, or the record of that cycle, cannot be read.
    pub fn last_scheduled(&self) -> Result<Option<CycleRecord>, StoreError> {
        self.read_latest(|db, volatile| {
            let id: Option<i64> = db
                .prepare_cached("SELECT max(id) FROM cycles WHERE kind = 'scheduled'")?
                .query_row([], |row| row.get(0))?;
            let filter = HistoryFilter {
                kind: Some(CycleKind::Scheduled),
                after: id.map(CycleId),
                activity: Activity::Any,
                limit: 1,
                ..HistoryFilter::default()
            };
            match volatile.and_then(|volatile| volatile.find(&filter).pop()) {
                Some(idle) => Ok(Some(idle)),
                None => id.map_or(Ok(None), |id| one(db, CycleId(id))),
            }
        })
    }

    /// Returns for each of the nodes how often wnm has started it again since its creation, as far as the history goes
    /// back. Restarts and upgrades count; the start in an addition does not.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn restarts(&self, nodes: &BTreeMap<NodeId, Node>) -> Result<BTreeMap<NodeId, u32>, StoreError> {
        self.read(|db| {
            let mut statement =
                db.prepare_cached("SELECT node, begun, planned, outcome FROM actions WHERE ended IS NOT NULL")?;
            let mut rows = statement.query([])?;
            let mut counts = BTreeMap::new();
            while let Some(row) = rows.next()? {
                if !started_again(row.get_ref(2)?, row.get_ref(3)?) {
                    continue;
                }
                let (number, begun): (u32, i64) = (row.get(0)?, row.get(1)?);
                let node = NodeId::new(number).and_then(|id| nodes.get(&id));
                // An earlier node may have had the number.
                if let Some(node) = node.filter(|node| Timestamp::from_millis(begun) >= node.born) {
                    *counts.entry(node.id).or_insert(0) += 1;
                }
            }
            Ok(counts)
        })
    }

    /// Returns a cycle; None when it is not on record, or no longer.
    ///
    /// # Errors
    /// The database, or the record of that cycle, cannot be read.
    pub fn cycle(&self, id: CycleId) -> Result<Option<CycleRecord>, StoreError> {
        self.read_latest(|db, volatile| match volatile.and_then(|volatile| volatile.cycle(id)) {
            Some(idle) => Ok(Some(idle)),
            None => one(db, id),
        })
    }

    /// Returns the actions that match a filter. Records that cannot be read are reported beside the others.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn actions(&self, filter: &ActionFilter) -> Result<Actions, StoreError> {
        self.read(|db| find_actions(db, filter))
    }

    /// Returns the cycles that match a filter, latest first. Records that cannot be read are reported beside the others.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn history(&self, filter: &HistoryFilter) -> Result<History, StoreError> {
        self.read_latest(|db, volatile| {
            let mut history = find(db, filter)?;
            if let (Some(volatile), Activity::Any, None) = (volatile, filter.activity, filter.node) {
                history.cycles.extend(volatile.find(filter));
                history.cycles.sort_by_key(|cycle| Reverse(cycle.id));
                history.cycles.truncate(usize::try_from(filter.limit).unwrap_or(usize::MAX));
            }
            Ok(history)
        })
    }
}

fn find_actions(db: &Connection, filter: &ActionFilter) -> Result<Actions, DbError> {
    let since = filter.since.map_or(i64::MIN, Timestamp::as_millis);
    let until = filter.until.map_or(i64::MAX, Timestamp::as_millis);
    // A pending action has no end and counts by its begin.
    let mut statement = db.prepare_cached(&format!(
        "SELECT {ACTION_COLUMNS}, cycle FROM actions
         WHERE (?1 IS NULL OR node = ?1) AND max(begun, coalesce(ended, begun)) >= ?2 AND begun <= ?3
         ORDER BY max(begun, coalesce(ended, begun)) DESC, id DESC LIMIT ?4",
    ))?;
    let mut rows = statement.query((filter.node.map(NodeId::get), since, until, filter.limit))?;
    let mut found = Actions::default();
    while let Some(row) = rows.next()? {
        let cycle = CycleId(row.get(7)?);
        match journal::read_action(db, row) {
            Ok(action) => found.actions.push((cycle, action)),
            Err(DbError::Store(error @ StoreError::Corrupt { .. })) => found.unreadable.push(error),
            Err(fault) => return Err(fault),
        }
    }
    Ok(found)
}

/// Finds the cycles that match a filter, latest first.
pub(crate) fn find(db: &Connection, filter: &HistoryFilter) -> Result<History, DbError> {
    let node = filter.node.map(NodeId::get);
    let since = filter.since.map_or(i64::MIN, Timestamp::as_millis);
    let until = filter.until.map_or(i64::MAX, Timestamp::as_millis);
    let after = filter.after.map_or(i64::MIN, |id| id.0);
    let kind = filter.kind.map(CycleKind::word);
    let acted = match filter.activity {
        Activity::Acting => 1,
        Activity::Any => 0,
    };
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM cycles
         WHERE (?1 IS NULL OR id IN (SELECT cycle FROM actions WHERE node = ?1) OR acted = 1
                 AND instr(decision, '\"ended\":') AND json_valid(decision) AND EXISTS (
                     SELECT 1 FROM json_each(decision, '$.ended') WHERE value ->> '$.node' = ?1))
             AND at >= ?2 AND acted >= ?3 AND id > ?4 AND (?5 IS NULL OR kind = ?5) AND at <= ?7
         ORDER BY id DESC LIMIT ?6"
    ))?;
    let mut rows = statement.query((node, since, acted, after, kind, filter.limit, until))?;
    let mut history = History::default();
    while let Some(row) = rows.next()? {
        match read(db, row, &mut history.unreadable) {
            Ok(cycle) => history.cycles.push(cycle),
            Err(DbError::Store(error @ StoreError::Corrupt { .. })) => history.unreadable.push(error),
            Err(fault) => return Err(fault),
        }
    }
    Ok(history)
}

/// Reads the latest cycle; None before the first.
pub(crate) fn last(db: &Connection, volatile: Option<&Volatile>) -> Result<Option<CycleRecord>, DbError> {
    let stored = last_id(db)?;
    let idle = volatile.and_then(Volatile::last_id).filter(|idle| stored.is_none_or(|stored| *idle > stored));
    match idle.and_then(|id| volatile?.cycle(id)) {
        Some(cycle) => Ok(Some(cycle)),
        None => stored.map_or(Ok(None), |id| one(db, id)),
    }
}

/// Returns the number of the next cycle.
pub(crate) fn next_id(db: &Connection, volatile: Option<&Volatile>) -> Result<CycleId, DbError> {
    let last: Option<i64> = db
        .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'cycles'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let idle = volatile.and_then(Volatile::last_id).map_or(0, |id| id.0);
    Ok(CycleId(last.unwrap_or(0).max(idle) + 1))
}

/// Returns the number of the latest cycle in the database; None before the first.
fn last_id(db: &Connection) -> Result<Option<CycleId>, DbError> {
    let last: Option<i64> = db
        .prepare_cached("SELECT id FROM cycles ORDER BY id DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(last.map(CycleId))
}

/// Reads one cycle with all its actions; None when it is not on record.
pub(crate) fn one(db: &Connection, id: CycleId) -> Result<Option<CycleRecord>, DbError> {
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM cycles WHERE id = ?1"))?;
    let mut rows = statement.query([id.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let mut unreadable = Vec::new();
    let cycle = read(db, row, &mut unreadable)?;
    match unreadable.pop() {
        Some(error) => Err(error.into()),
        None => Ok(Some(cycle)),
    }
}

fn read(db: &Connection, row: &Row<'_>, unreadable: &mut Unreadable) -> Result<CycleRecord, DbError> {
    let id = CycleId(row.get(0)?);
    verified(row, 6, Record::Decision(id))?;
    let word: String = row.get(5)?;
    let kind = CycleKind::from_word(&word);
    let unknown = || StoreError::Corrupt { record: Record::CycleKind(id), cause: Corruption::UnknownWord(word) };
    Ok(CycleRecord {
        id,
        kind: kind.ok_or_else(unknown)?,
        at: Timestamp::from_millis(row.get(1)?),
        ended: row.get::<_, Option<i64>>(2)?.map(Timestamp::from_millis),
        host: required(row, 3, Record::HostSample(id))?,
        decision: required(row, 4, Record::Decision(id))?,
        actions: journal::of_cycle(db, id, unreadable)?,
    })
}

/// Tells whether the JSON texts of an action and of its outcome are those of a start after an earlier one. A damaged text
/// counts for none. Only the words that tell it are read: a month has thousands of actions, and `wnm node list` shows their
/// number.
fn started_again(planned: ValueRef<'_>, outcome: ValueRef<'_>) -> bool {
    #[derive(Deserialize)]
    struct Planned<'a> {
        #[serde(borrow)]
        action: Action<'a>,
    }
    #[derive(Deserialize)]
    struct Action<'a> {
        #[serde(borrow)]
        action: Cow<'a, str>,
    }
    #[derive(Deserialize)]
    struct Ended<'a> {
        #[serde(borrow)]
        outcome: Cow<'a, str>,
    }
    fn read<'a, T: Deserialize<'a>>(column: ValueRef<'a>) -> Option<T> {
        serde_json::from_slice(column.as_bytes().ok()?).ok()
    }
    let is_start = |planned: Planned<'_>| matches!(&*planned.action.action, "start" | "restart" | "upgrade");
    read(planned).is_some_and(is_start) && read(outcome).is_some_and(|ended: Ended<'_>| ended.outcome == "done")
}

/// Deletes cycles over the limits, a bounded number at a time.
///
/// The last scheduled cycle stays, because `wnm explain` shows it: a command that waits for a slow node runs several
/// resumed cycles a second, enough to push it out of the idle ones within half a minute.
pub(crate) fn prune(tx: &Connection, now: Timestamp) -> Result<(), DbError> {
    for (acted, at_most) in [(0, IDLE_COUNT), (1, ACTING_COUNT)] {
        tx.prepare_cached(
            "DELETE FROM cycles WHERE id IN (
                 SELECT id FROM cycles WHERE acted = ?1
                     AND id <= (SELECT id FROM cycles WHERE acted = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
                     AND NOT EXISTS (SELECT 1 FROM actions WHERE cycle = cycles.id AND ended IS NULL)
                     AND id <> (SELECT coalesce(max(id), 0) FROM cycles WHERE kind = 'scheduled')
                 ORDER BY id LIMIT ?3)",
        )?
        .execute((acted, at_most, PRUNED_AT_ONCE))?;
    }
    // The times rise with the numbers, so that the oldest cycles are among the first. Without the inner limit SQLite would
    // scan the whole table in every cycle.
    tx.prepare_cached(
        "DELETE FROM cycles WHERE id IN (
             SELECT old.id FROM (SELECT id, at FROM cycles WHERE acted = 1 ORDER BY id LIMIT ?2) AS old
             WHERE at < ?1 AND NOT EXISTS (SELECT 1 FROM actions WHERE cycle = old.id AND ended IS NULL)
                 AND id <> (SELECT coalesce(max(id), 0) FROM cycles WHERE kind = 'scheduled'))",
    )?
    .execute((now.before(ACTING_AGE).as_millis(), PRUNED_AT_ONCE))?;
    Ok(())
}
