//! The health and the work of the nodes per day, within limits of age and number.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use wnm_core::{Day, Health, NodeDay, NodeId, NodeMap, Observation};

use crate::Store;
use crate::error::{DbError, StoreError};
use crate::nodes::{self, Single};
use crate::record::{Record, required, to_json, verified};

/// The number of days on record for a node: a month shows a trend.
const DAYS: i64 = 31;
/// The last day of any clock.
pub(crate) const LAST: Day = Day(i64::MAX);

/// The days of nodes.
#[derive(Debug, Default)]
pub struct NodeDays {
    /// The days of each node, in order.
    pub days: BTreeMap<NodeId, Vec<NodeDay>>,
    /// Days that could not be read.
    pub unreadable: Vec<StoreError>,
}

impl Store {
    /// Returns the days of the nodes from a day on. The days of a node end with it.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn node_days(&self, since: Day) -> Result<NodeDays, StoreError> {
        self.read(|db| find(db, since..=LAST))
    }

    /// Returns the health of the nodes on a day, without the days that cannot be read.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn health(&self, today: Day) -> Result<Health, StoreError> {
        self.read(|db| match nodes::single::<DayHealth>(db, Single::Health, &mut Vec::new())? {
            Some(known) if known.today == today => Ok(known.health),
            _ => health(db, today),
        })
    }
}

/// The health of the nodes on a day. It follows from the days before, which change no more: the first row of a day stores
/// it, because a week of a thousand nodes takes longer to read than all that a page shows.
#[derive(Serialize, Deserialize)]
struct DayHealth {
    today: Day,
    health: Health,
}

fn health(db: &Connection, today: Day) -> Result<Health, DbError> {
    Ok(Health::of(&find(db, Health::since(today)..=today.before(1))?.days, today))
}

pub(crate) fn find(db: &Connection, days: RangeInclusive<Day>) -> Result<NodeDays, DbError> {
    let mut statement = db.prepare_cached(
        "SELECT node, day, facts, digest IS row_digest(facts) FROM node_days WHERE day BETWEEN ?1 AND ?2
         ORDER BY day, node",
    )?;
    let mut rows = statement.query([days.start().0, days.end().0])?;
    let mut found = NodeDays::default();
    while let Some(row) = rows.next()? {
        let Some(node) = NodeId::new(row.get(0)?) else { continue };
        let record = Record::NodeDay(node, Day(row.get(1)?));
        match verified(row, 3, record).and_then(|()| required::<NodeDay>(row, 2, record)) {
            Ok(day) => found.days.entry(node).or_default().push(day),
            Err(error) => found.unreadable.push(error),
        }
    }
    Ok(found)
}

/// Returns the rows of the days after an observation, from the days that the database has.
pub(crate) fn rows(db: &Connection, observation: &Observation) -> Result<NodeMap<String>, DbError> {
    let today = Day::of(observation.now);
    // A reading of the day before is continued.
    let known = find(db, today.before(1)..=today)?.days;
    let mut rows = NodeMap::new();
    for (id, sample) in observation.nodes.iter() {
        let previous = known.get(id).and_then(|days| days.last());
        let day = NodeDay::after(previous, observation.now, sample.metrics.as_deref());
        rows.insert(*id, to_json(&day, Record::NodeDay(*id, today))?);
    }
    Ok(rows)
}

/// Writes the rows of a day, and deletes those that are too old. Days of the future are those of a clock that jumped.
pub(crate) fn write(tx: &Connection, today: Day, rows: &NodeMap<String>) -> Result<(), DbError> {
    // A node that was removed in this cycle has no row any more.
    let mut insert = tx.prepare_cached(
        "INSERT OR REPLACE INTO node_days (day, node, facts, digest)
         SELECT ?1, id, ?3, row_digest(?3) FROM nodes WHERE id = ?2",
    )?;
    for (id, facts) in rows.iter() {
        insert.execute((today.0, id.get(), facts))?;
    }
    tx.prepare_cached("DELETE FROM node_days WHERE day <= ?1 OR day > ?2")?.execute((today.before(DAYS).0, today.0))?;
    let known: Option<DayHealth> = nodes::single(tx, Single::Health, &mut Vec::new())?;
    if known.is_none_or(|known| known.today != today) {
        let health = DayHealth { today, health: health(tx, today)? };
        nodes::write_single(tx, Single::Health, &to_json(&health, Record::Health)?)?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;
    use wnm_core::{DayCounts, Node, NodeMetrics, NodeSample, NodeState, Timestamp};

    use super::*;

    const DAY: i64 = 24 * 60 * 60 * 1000;

    fn observation(at: i64, records: u64) -> Observation {
        let metrics = NodeMetrics { records: Some(records), ..NodeMetrics::default() };
        let sample = NodeSample { metrics: Some(Box::new(metrics)), ..NodeSample::default() };
        Observation {
            now: Timestamp::from_millis(at),
            nodes: [(NodeId::FIRST, sample)].into_iter().collect(),
            ..Observation::default()
        }
    }

    pub(crate) fn node() -> Node {
        let node = json!({
            "id": 1, "uuid": "u", "flavor": "antnode", "manager": "setsid+user", "root_dir": "/r", "log_dir": "/l",
            "binary": "/b", "ports": {"node": 55_001, "metrics": 13_001, "rpc": 30_001},
            "wallet": "0x00455d78f850b0358E8cea5be24d415E01E107CF", "network": [], "arguments": [], "environment": [],
            "upnp": "on", "born": 0
        });
        serde_json::from_value(node).unwrap()
    }

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::create(&folder.path().join("wnm.db")).unwrap();
        let state = NodeState::Running { since: Timestamp::default() };
        store.insert_nodes(&[(node(), state)]).unwrap();
        (folder, store)
    }

    fn put(store: &mut Store, observation: &Observation) {
        let rows = store.read(|db| rows(db, observation)).unwrap();
        let today = Day::of(observation.now);
        store.write(crate::Write::Samples, |tx| write(tx, today, &rows)).unwrap();
    }

    fn gained(store: &Store) -> Vec<(i64, Option<i64>)> {
        let days = store.node_days(Day(0)).unwrap().days;
        days.values().flatten().map(|day| (day.day.0, day.records_gained())).collect()
    }

    #[test]
    fn days_follow_each_other_and_old_ones_go() {
        let (_folder, mut store) = store();
        for (at, records) in [(0, 5), (DAY / 2, 8), (DAY + 1, 9), (DAY + 2, 12)] {
            put(&mut store, &observation(at, records));
        }
        assert_eq!(gained(&store), [(0, Some(3)), (1, Some(4))]);
        assert_eq!(store.health(Day(1)).unwrap().total.records_gained, Some(3));
        assert_eq!(store.health(Day(2)).unwrap().nodes[&NodeId::FIRST].counts.records_gained, Some(4));
        assert_eq!(store.health(Day(3)).unwrap().nodes.len(), 0);
        // A clock that jumps forward and back leaves no day of the future.
        put(&mut store, &observation(31 * DAY, 20));
        assert_eq!(gained(&store), [(1, Some(4)), (31, Some(0))]);
        put(&mut store, &observation(3 * DAY, 20));
        assert_eq!(gained(&store), [(1, Some(4)), (3, Some(0))]);
        store.write(crate::Write::Nodes, |tx| nodes::delete(tx, NodeId::FIRST)).unwrap();
        assert_eq!(gained(&store), []);
        // The node that another cycle has removed gets no row.
        put(&mut store, &observation(3 * DAY, 20));
        assert_eq!(gained(&store), []);
    }

    #[test]
    fn health_of_a_day_is_stored_with_its_first_row_and_ends_with_a_node() {
        let (_folder, mut store) = store();
        put(&mut store, &observation(0, 5));
        put(&mut store, &observation(DAY / 2, 8));
        let stored = |store: &Store| -> Option<i64> {
            let known = store.read(|db| nodes::single::<DayHealth>(db, Single::Health, &mut Vec::new())).unwrap();
            known.map(|known| known.today.0)
        };
        assert_eq!((stored(&store), store.health(Day(1)).unwrap().total.records_gained), (Some(0), Some(3)));
        put(&mut store, &observation(DAY + 1, 9));
        let health = store.health(Day(1)).unwrap();
        assert_eq!((stored(&store), health.total.records_gained), (Some(1), Some(3)));
        // It is read without the days.
        store.db.execute("DELETE FROM node_days WHERE day = 0", []).unwrap();
        assert_eq!(store.health(Day(1)).unwrap(), health);
        store.db.execute("UPDATE singles SET value = '{}' WHERE name = 'health'", []).unwrap();
        assert_eq!(
            store.health(Day(1)).unwrap(),
            Health { total: DayCounts { day: Day(0), ..DayCounts::default() }, ..Health::default() }
        );
        put(&mut store, &observation(DAY + 2, 9));
        assert_eq!(stored(&store), Some(1));
        store.write(crate::Write::Nodes, |tx| nodes::delete(tx, NodeId::FIRST)).unwrap();
        assert_eq!(stored(&store), None);
    }

    #[test]
    fn damaged_day_is_left_out() {
        let (_folder, mut store) = store();
        put(&mut store, &observation(0, 5));
        store.db.execute("UPDATE node_days SET facts = '{}'", []).unwrap();
        let found = store.node_days(Day(0)).unwrap();
        assert_eq!((found.days.len(), found.unreadable.len()), (0, 1));
        // The next reading begins the day anew.
        put(&mut store, &observation(1, 6));
        assert_eq!(gained(&store), [(0, Some(0))]);
    }
}
