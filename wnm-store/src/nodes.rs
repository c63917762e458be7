//! The nodes with their ports, states and last samples, and the values of which the database holds one each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wnm_core::{Desired, EngineState, Node, NodeId, NodeMap, NodeSample, NodeState, Observation, Presence};

use crate::error::{DbError, StoreError, UniqueValue};
use crate::record::{self, Corruption, Record};
use crate::volatile::Volatile;

/// Records that could not be read and were left out.
pub(crate) type Unreadable = Vec<StoreError>;

const SELECT_SAMPLES: &str = "SELECT node, sample, digest IS row_digest(node, sample) FROM samples ORDER BY node";
const SELECT_STATES: &str = "SELECT node, state, digest IS row_digest(node, state) FROM states ORDER BY node";
const SELECT_DESIRED: &str = "SELECT node, desired, digest IS row_digest(node, desired) FROM desired ORDER BY node";

pub(crate) const INSERT_STATE: &str = "INSERT OR REPLACE INTO states VALUES (?1, ?2, row_digest(?1, ?2))";
pub(crate) const INSERT_DESIRED: &str = "INSERT OR REPLACE INTO desired VALUES (?1, ?2, row_digest(?1, ?2))";

/// Reads the number of a node.
fn id(row: &Row<'_>, column: usize) -> Result<NodeId, DbError> {
    let number: u32 = row.get(column)?;
    let zero = StoreError::Corrupt { record: Record::UnnumberedNode, cause: Corruption::Zero };
    Ok(NodeId::new(number).ok_or(zero)?)
}

/// Reads a table of numbers and JSON texts, each with the result of its digest, into a map without the rows that cannot be
/// read.
fn by_node<T: DeserializeOwned>(
    db: &Connection,
    select: &str,
    record: fn(NodeId) -> Record,
    unreadable: &mut Unreadable,
) -> Result<NodeMap<T>, DbError> {
    let mut statement = db.prepare_cached(select)?;
    let mut rows = statement.query([])?;
    let mut found = NodeMap::new();
    while let Some(row) = rows.next()? {
        let id = id(row, 0)?;
        match record::verified(row, 2, record(id)).and_then(|()| record::required(row, 1, record(id))) {
            Ok(value) => _ = found.insert(id, value),
            Err(error) => unreadable.push(error),
        }
    }
    Ok(found)
}

/// Reads all nodes, without those that cannot be read.
pub(crate) fn all(db: &Connection, unreadable: &mut Unreadable) -> Result<BTreeMap<NodeId, Node>, DbError> {
    let mut nodes: NodeMap<Node> = by_node(
        db,
        "SELECT id, facts, digest IS row_digest(id, uuid, facts) FROM nodes ORDER BY id",
        Record::Node,
        unreadable,
    )?;
    nodes.retain(|id, node| {
        if *id != node.id {
            let cause = Corruption::OtherNode(node.id);
            unreadable.push(StoreError::Corrupt { record: Record::Node(*id), cause });
        }
        *id == node.id
    });
    Ok(nodes.into_iter().collect())
}

/// Reads the last samples of the nodes, without those that cannot be read.
pub(crate) fn samples(db: &Connection, unreadable: &mut Unreadable) -> Result<NodeMap<NodeSample>, DbError> {
    by_node(db, SELECT_SAMPLES, Record::NodeSample, unreadable)
}

/// Reads the last samples of existing nodes, from the file in memory where there is one.
pub(crate) fn latest_samples(
    db: &Connection,
    volatile: Option<&Volatile>,
    nodes: &BTreeMap<NodeId, Node>,
    unreadable: &mut Unreadable,
) -> Result<NodeMap<NodeSample>, DbError> {
    let Some(volatile) = volatile else { return samples(db, unreadable) };
    let existing = volatile.samples.iter().filter(|(id, _)| nodes.contains_key(id));
    // Another release may have written it in its own form. The next observation makes a new one.
    Ok(existing.filter_map(|(id, text)| Some((*id, serde_json::from_str(text).ok()?))).collect())
}

/// Reads the JSON texts of the last samples in the database, without those that cannot be read.
pub(crate) fn sample_texts(db: &Connection) -> Result<BTreeMap<NodeId, String>, DbError> {
    let samples = samples(db, &mut Vec::new())?;
    Ok(json_rows(samples.iter(), Record::NodeSample)?.into_iter().collect())
}

/// Counts all nodes.
pub(crate) fn count(db: &Connection) -> Result<usize, DbError> {
    let count: u32 = db.prepare_cached("SELECT count(*) FROM nodes")?.query_row([], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Reads the numbers of all nodes.
pub(crate) fn numbers(db: &Connection) -> Result<BTreeSet<NodeId>, DbError> {
    let mut statement = db.prepare_cached("SELECT id FROM nodes")?;
    let mut rows = statement.query([])?;
    let mut found = BTreeSet::new();
    while let Some(row) = rows.next()? {
        found.insert(id(row, 0)?);
    }
    Ok(found)
}

/// Tells whether the database has other states of the nodes, desired conditions or volumes than these.
pub(crate) fn is_changed(
    db: &Connection,
    states: &JsonRows,
    desired: &JsonRows,
    volumes: &BTreeMap<PathBuf, u64>,
) -> Result<bool, DbError> {
    let mut is_changed = false;
    for (select, wanted) in [(SELECT_STATES, states), (SELECT_DESIRED, desired)] {
        compare(db, select, wanted, |_| {
            is_changed = true;
            Ok(())
        })?;
    }
    let stored: Option<EngineState> = single(db, Single::Engine, &mut Vec::new())?;
    Ok(is_changed || stored.is_none_or(|stored| stored.volumes != *volumes))
}

/// Reads the state of the engine, without the parts that cannot be read. The file in memory is later than the database.
///
/// Desired conditions that cannot be read are listed in `ignored`: their nodes have the conditions that their states
/// imply, so that no node is lost.
pub(crate) fn state(
    db: &Connection,
    volatile: Option<&Volatile>,
    unreadable: &mut Unreadable,
    ignored: &mut Unreadable,
) -> Result<EngineState, DbError> {
    let nodes = states(db, unreadable)?;
    let desired = desired(db, &nodes, ignored)?;
    let rest = match volatile.and_then(|volatile| serde_json::from_str(&volatile.engine).ok()) {
        Some(rest) => rest,
        None => single(db, Single::Engine, unreadable)?.unwrap_or_default(),
    };
    Ok(EngineState { nodes, desired, ..rest })
}

/// Reads the states of the nodes, without those that cannot be read.
pub(crate) fn states(db: &Connection, unreadable: &mut Unreadable) -> Result<NodeMap<NodeState>, DbError> {
    by_node(db, SELECT_STATES, Record::NodeState, unreadable)
}

/// Reads all desired conditions that can be read.
pub(crate) fn readable_desired(db: &Connection, unreadable: &mut Unreadable) -> Result<NodeMap<Desired>, DbError> {
    let mut statement = db.prepare_cached(SELECT_DESIRED)?;
    let mut rows = statement.query([])?;
    let mut found = NodeMap::new();
    while let Some(row) = rows.next()? {
        let id = id(row, 0)?;
        let word = row.get_ref(1)?.as_bytes().map(String::from_utf8_lossy).unwrap_or_default();
        match (row.get(2)?, Desired::from_word(&word)) {
            (true, Some(desired)) => _ = found.insert(id, desired),
            _ => unreadable.push(StoreError::Corrupt { record: Record::Desired(id), cause: Corruption::Digest }),
        }
    }
    Ok(found)
}

/// Reads the desired conditions that differ from those that the states imply.
fn desired(
    db: &Connection,
    states: &NodeMap<NodeState>,
    ignored: &mut Unreadable,
) -> Result<NodeMap<Desired>, DbError> {
    let mut statement = db.prepare_cached(SELECT_DESIRED)?;
    let mut rows = statement.query([])?;
    let mut found = NodeMap::new();
    while let Some(row) = rows.next()? {
        let id = id(row, 0)?;
        // Such a row is left over from a node that no longer exists.
        let Some(state) = states.get(&id) else { continue };
        // A damaged text need not be UTF-8.
        let word = row.get_ref(1)?.as_bytes().map(String::from_utf8_lossy).unwrap_or_default();
        let cause = match Desired::from_word(&word) {
            _ if !row.get::<_, bool>(2)? => Corruption::Digest,
            Some(desired) if !desired.is_possible_in(state) => Corruption::Contradicts { desired, state: state.word() },
            Some(desired) if desired != Desired::implied_by(state) => {
                found.insert(id, desired);
                continue;
            }
            Some(_) => continue,
            None => Corruption::UnknownWord(word.into_owned()),
        };
        ignored.push(StoreError::Corrupt { record: Record::Desired(id), cause });
    }
    Ok(found)
}

/// Returns the rows with the desired conditions of all nodes that have a state.
pub(crate) fn desired_rows(state: &EngineState) -> JsonRows {
    let word = |(id, node): (&NodeId, &NodeState)| (*id, state.desired(*id, node).word().to_owned());
    state.nodes.iter().map(word).collect()
}

/// Writes the desired conditions that changed, and deletes those of nodes that no longer exist.
pub(crate) fn write_desired(tx: &Connection, wanted: &JsonRows) -> Result<(), DbError> {
    let mut write = tx.prepare_cached(INSERT_DESIRED)?;
    let mut delete = tx.prepare_cached("DELETE FROM desired WHERE node = ?1")?;
    compare(tx, SELECT_DESIRED, wanted, |difference| {
        match difference {
            Difference::Changed(id, word) | Difference::New(id, word) => write.execute((id, word))?,
            Difference::Gone(id) => delete.execute([id])?,
        };
        Ok(())
    })
}

/// A value of which the database holds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Single {
    /// The state of the engine without the states of the nodes.
    Engine,
    /// The counters that rates are computed from.
    Counters,
    /// The cache of the platform.
    Cache,
    /// The schedule of the cycles.
    Schedule,
    /// The last copy of the database.
    Copied,
    /// The health of the nodes on a day.
    Health,
}

impl Single {
    /// Returns the name in the table.
    fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Counters => "counters",
            Self::Cache => "cached",
            Self::Schedule => "schedule",
            Self::Copied => "copied",
            Self::Health => "health",
        }
    }

    /// Returns the name in errors.
    fn record(self) -> Record {
        match self {
            Self::Engine => Record::Engine,
            Self::Counters => Record::Counters,
            Self::Cache => Record::Cache,
            Self::Schedule => Record::Schedule,
            Self::Copied => Record::Copied,
            Self::Health => Record::Health,
        }
    }
}

/// Reads a single value; None when it was never written, or cannot be read.
pub(crate) fn single<T: DeserializeOwned>(
    db: &Connection,
    single: Single,
    unreadable: &mut Unreadable,
) -> Result<Option<T>, DbError> {
    let mut statement =
        db.prepare_cached("SELECT value, digest IS row_digest(name, value) FROM singles WHERE name = ?1")?;
    let mut rows = statement.query([single.name()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let read = record::verified(row, 1, single.record()).and_then(|()| record::required(row, 0, single.record()));
    Ok(read.map_err(|error| unreadable.push(error)).ok())
}

/// Tells whether a single value has this JSON text.
pub(crate) fn is_single(db: &Connection, single: Single, json: &str) -> Result<bool, DbError> {
    let mut statement =
        db.prepare_cached("SELECT 1 FROM singles WHERE name = ?1 AND value = ?2 AND digest IS row_digest(?1, ?2)")?;
    Ok(statement.exists((single.name(), json))?)
}

/// Writes a single value, given as JSON, unless it is unchanged.
pub(crate) fn write_single(tx: &Connection, single: Single, value: &str) -> Result<(), DbError> {
    tx.prepare_cached(
        "INSERT INTO singles VALUES (?1, ?2, row_digest(?1, ?2))
         ON CONFLICT DO UPDATE SET value = excluded.value, digest = excluded.digest
         WHERE value <> excluded.value OR digest IS NOT excluded.digest",
    )?
    .execute((single.name(), value))?;
    Ok(())
}

/// Writes a new node, and reserves its number and ports.
///
/// # Errors
/// Another node has the number, the UUID or a port.
pub(crate) fn insert(tx: &Connection, node: &Node) -> Result<(), DbError> {
    let owner: Option<u32> = tx
        .prepare_cached("SELECT id FROM nodes WHERE id = ?1 OR uuid = ?2")?
        .query_row((node.id.get(), &node.uuid), |row| row.get(0))
        .optional()?;
    if let Some(owner) = owner.and_then(NodeId::new) {
        let value = if owner == node.id { UniqueValue::Number(owner) } else { UniqueValue::Uuid(node.uuid.clone()) };
        return Err(StoreError::NotUnique { value, owner }.into());
    }
    let facts = record::to_json(node, Record::Node(node.id))?;
    tx.prepare_cached("INSERT INTO nodes VALUES (?1, ?2, ?3, row_digest(?1, ?2, ?3))")?.execute((
        node.id.get(),
        &node.uuid,
        facts,
    ))?;
    reserve_ports(tx, node)
}

/// Reserves the ports that a node gets by a change, beside those that it has.
///
/// # Errors
/// Another node has a port.
pub(crate) fn reserve_new_ports(
    tx: &Connection,
    id: NodeId,
    change: impl Fn(&Node) -> Option<Node>,
) -> Result<(), DbError> {
    let Some(changed) = one(tx, id)?.as_ref().and_then(change) else { return Ok(()) };
    let mut owner = tx.prepare_cached("SELECT node FROM ports WHERE port = ?1")?;
    for port in changed.ports.all() {
        let owner: Option<u32> = owner.query_row([port], |row| row.get(0)).optional()?;
        match owner.and_then(NodeId::new) {
            Some(owner) if owner == id => {}
            Some(owner) => return Err(StoreError::NotUnique { value: UniqueValue::Port(port), owner }.into()),
            None => _ = tx.prepare_cached("INSERT INTO ports VALUES (?1, ?2)")?.execute((port, id.get()))?,
        }
    }
    Ok(())
}

/// Changes the description of a node at the end of an action, and reserves exactly its ports. Without a change, ports that
/// the action has reserved are free again.
pub(crate) fn change(tx: &Connection, id: NodeId, change: impl Fn(&Node) -> Option<Node>) -> Result<(), DbError> {
    let Some(node) = one(tx, id)? else { return Ok(()) };
    let node = change(&node).unwrap_or(node);
    let facts = record::to_json(&node, Record::Node(id))?;
    tx.prepare_cached("UPDATE nodes SET facts = ?2, digest = row_digest(id, uuid, ?2) WHERE id = ?1 AND facts <> ?2")?
        .execute((id.get(), facts))?;
    tx.prepare_cached("DELETE FROM ports WHERE node = ?1")?.execute([id.get()])?;
    reserve_ports(tx, &node)
}

fn one(tx: &Connection, id: NodeId) -> Result<Option<Node>, DbError> {
    let mut statement =
        tx.prepare_cached("SELECT facts, digest IS row_digest(id, uuid, facts) FROM nodes WHERE id = ?1")?;
    let mut rows = statement.query([id.get()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    record::verified(row, 1, Record::Node(id))?;
    Ok(Some(record::required(row, 0, Record::Node(id))?))
}

/// Deletes a node with its sample and its reserved ports, and the health in which it counts.
pub(crate) fn delete(tx: &Connection, id: NodeId) -> Result<(), DbError> {
    tx.prepare_cached("DELETE FROM nodes WHERE id = ?1")?.execute([id.get()])?;
    tx.prepare_cached("DELETE FROM singles WHERE name = ?1")?.execute([Single::Health.name()])?;
    Ok(())
}

fn reserve_ports(tx: &Connection, node: &Node) -> Result<(), DbError> {
    let mut owner = tx.prepare_cached("SELECT node FROM ports WHERE port = ?1")?;
    let mut reserve = tx.prepare_cached("INSERT INTO ports VALUES (?1, ?2)")?;
    for port in node.ports.all() {
        let owner: Option<u32> = owner.query_row([port], |row| row.get(0)).optional()?;
        if let Some(owner) = owner.and_then(NodeId::new) {
            return Err(StoreError::NotUnique { value: UniqueValue::Port(port), owner }.into());
        }
        reserve.execute((port, node.id.get()))?;
    }
    Ok(())
}

/// JSON texts by node, made before the transaction begins, because a full disk makes the transaction run twice.
pub(crate) type JsonRows = Vec<(NodeId, String)>;

/// Returns the JSON texts of values.
pub(crate) fn json_rows<'a, T: Serialize + 'a>(
    values: impl IntoIterator<Item = (&'a NodeId, &'a T)>,
    record: fn(NodeId) -> Record,
) -> Result<JsonRows, StoreError> {
    values.into_iter().map(|(id, value)| Ok((*id, record::to_json(value, record(*id))?))).collect()
}

/// Returns the samples to store. A node that was not observed in this cycle keeps its last sample.
pub(crate) fn sample_rows(observation: &Observation) -> Result<JsonRows, StoreError> {
    let observed = observation.nodes.iter().filter(|(_, sample)| sample.presence != Presence::Unobserved);
    json_rows(observed, Record::NodeSample)
}

/// Returns the JSON text of the state of the engine without the states of the nodes, which have rows of their own.
pub(crate) fn engine_json(state: &EngineState) -> Result<String, StoreError> {
    let rest = EngineState { nodes: NodeMap::new(), desired: NodeMap::new(), ..state.clone() };
    record::to_json(&rest, Record::Engine)
}

/// Writes the samples that changed, of nodes that are in the table of nodes.
pub(crate) fn write_samples(tx: &Connection, wanted: &JsonRows) -> Result<(), DbError> {
    let mut update =
        tx.prepare_cached("UPDATE samples SET sample = ?2, digest = row_digest(?1, ?2) WHERE node = ?1")?;
    let mut insert = tx.prepare_cached(
        "INSERT INTO samples SELECT ?1, ?2, row_digest(?1, ?2) WHERE EXISTS (SELECT 1 FROM nodes WHERE id = ?1)",
    )?;
    compare(tx, SELECT_SAMPLES, wanted, |difference| {
        match difference {
            Difference::Changed(id, text) => update.execute((id, text))?,
            Difference::New(id, text) => insert.execute((id, text))?,
            // Not observed in this cycle: the last sample stays.
            Difference::Gone(_) => 0,
        };
        Ok(())
    })
}

/// Writes the states that changed, and deletes those that no longer exist.
pub(crate) fn write_states(tx: &Connection, wanted: &JsonRows) -> Result<(), DbError> {
    let mut write = tx.prepare_cached(INSERT_STATE)?;
    let mut delete = tx.prepare_cached("DELETE FROM states WHERE node = ?1")?;
    compare(tx, SELECT_STATES, wanted, |difference| {
        match difference {
            Difference::Changed(id, text) | Difference::New(id, text) => write.execute((id, text))?,
            Difference::Gone(id) => delete.execute([id])?,
        };
        Ok(())
    })
}

/// A row that a table lacks, has with another text, or has in excess.
enum Difference<'a> {
    New(u32, &'a str),
    Changed(u32, &'a str),
    Gone(u32),
}

/// Finds the rows that differ between a table and the wanted rows, both in the order of nodes, in one pass.
///
/// Unchanged rows are not written again: every page that is written goes through the log and its fsync.
fn compare(
    tx: &Connection,
    select: &str,
    wanted: &JsonRows,
    mut apply: impl FnMut(Difference<'_>) -> Result<(), DbError>,
) -> Result<(), DbError> {
    let mut differences = Vec::new();
    let mut wanted = wanted.iter().map(|(id, text)| (id.get(), text.as_str())).peekable();
    let mut statement = tx.prepare_cached(select)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: u32 = row.get(0)?;
        while let Some((new, text)) = wanted.next_if(|(other, _)| *other < id) {
            differences.push(Difference::New(new, text));
        }
        match wanted.next_if(|(other, _)| *other == id) {
            // Compared as bytes: a damaged text need not be UTF-8.
            Some((_, text)) if row.get(2)? && row.get_ref(1)?.as_bytes().is_ok_and(|old| old == text.as_bytes()) => {}
            Some((_, text)) => differences.push(Difference::Changed(id, text)),
            None => differences.push(Difference::Gone(id)),
        }
    }
    drop(rows);
    differences.extend(wanted.map(|(id, text)| Difference::New(id, text)));
    differences.into_iter().try_for_each(&mut apply)
}
