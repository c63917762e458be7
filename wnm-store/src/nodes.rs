//! The nodes, what is believed of them and what was last seen of them.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wnm_core::{EngineState, Node, NodeId, NodeMap, NodeSample, Observation, Presence};

use crate::error::{Claim, Fault, StoreError};
use crate::json;

/// Rows that could not be read, while the others were.
pub(crate) type Unreadable = Vec<StoreError>;

/// Reads a node's number. Zero, which no table of nodes holds, is an error.
pub(crate) fn id(row: &Row<'_>, column: usize) -> Result<NodeId, Fault> {
    let number: u32 = row.get(column)?;
    let zero = || StoreError::Corrupt { what: "a node's number".into(), found: "0".into() };
    Ok(NodeId::new(number).ok_or_else(zero)?)
}

/// Reads a table of a number and a text into a map; what cannot be read is left out and reported.
fn by_node<T: DeserializeOwned>(
    db: &Connection,
    select: &str,
    what: &str,
    unreadable: &mut Unreadable,
) -> Result<NodeMap<T>, Fault> {
    let mut statement = db.prepare_cached(select)?;
    let mut rows = statement.query([])?;
    let mut found = NodeMap::new();
    while let Some(row) = rows.next()? {
        let id = id(row, 0)?;
        match json::required(row, 1, || format!("{what} {id}")) {
            Ok(value) => _ = found.insert(id, value),
            Err(error) => unreadable.push(error),
        }
    }
    Ok(found)
}

pub(crate) fn all(db: &Connection, unreadable: &mut Unreadable) -> Result<BTreeMap<NodeId, Node>, Fault> {
    let mut nodes: NodeMap<Node> = by_node(db, "SELECT id, facts FROM nodes ORDER BY id", "node", unreadable)?;
    nodes.retain(|id, node| {
        if *id != node.id {
            let found = format!("node {}", node.id);
            unreadable.push(StoreError::Corrupt { what: format!("node {id}"), found });
        }
        *id == node.id
    });
    Ok(nodes.into_iter().collect())
}

pub(crate) fn samples(db: &Connection, unreadable: &mut Unreadable) -> Result<NodeMap<NodeSample>, Fault> {
    by_node(db, "SELECT node, sample FROM samples ORDER BY node", "the last sample of node", unreadable)
}

pub(crate) fn state(db: &Connection, unreadable: &mut Unreadable) -> Result<EngineState, Fault> {
    let nodes = by_node(db, "SELECT node, state FROM states ORDER BY node", "the state of node", unreadable)?;
    let rest: EngineState = single(db, "engine", unreadable)?.unwrap_or_default();
    Ok(EngineState { nodes, ..rest })
}

/// Reads what there is one of; None when it was never written, or cannot be read and is reported.
pub(crate) fn single<T: DeserializeOwned>(
    db: &Connection,
    name: &str,
    unreadable: &mut Unreadable,
) -> Result<Option<T>, Fault> {
    let mut statement = db.prepare_cached("SELECT value FROM singles WHERE name = ?1")?;
    let mut rows = statement.query([name])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let read = json::required(row, 0, || format!("what is remembered as {name}"));
    Ok(read.map_err(|error| unreadable.push(error)).ok())
}

pub(crate) fn write_single(tx: &Connection, name: &str, value: &str) -> Result<(), Fault> {
    tx.prepare_cached(
        "INSERT INTO singles VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value
         WHERE value <> excluded.value",
    )?
    .execute((name, value))?;
    Ok(())
}

/// Writes a new node and reserves its number and ports.
///
/// # Errors
/// Another node has one of them.
pub(crate) fn insert(tx: &Connection, node: &Node) -> Result<(), Fault> {
    let by: Option<u32> = tx
        .prepare_cached("SELECT id FROM nodes WHERE id = ?1 OR uuid = ?2")?
        .query_row((node.id.get(), &node.uuid), |row| row.get(0))
        .optional()?;
    if let Some(by) = by.and_then(NodeId::new) {
        let what = if by == node.id { Claim::Number(by) } else { Claim::Uuid(node.uuid.clone()) };
        return Err(StoreError::Taken { what, by }.into());
    }
    tx.prepare_cached("INSERT INTO nodes VALUES (?1, ?2, ?3)")?.execute((node.id.get(), &node.uuid, facts(node)?))?;
    reserve_ports(tx, node)
}

/// Writes what changed of a node; its number stays.
///
/// # Errors
/// There is no such node, or another one has what it asks for.
pub(crate) fn update(tx: &Connection, node: &Node) -> Result<(), Fault> {
    let by: Option<u32> = tx
        .prepare_cached("SELECT id FROM nodes WHERE uuid = ?1 AND id <> ?2")?
        .query_row((&node.uuid, node.id.get()), |row| row.get(0))
        .optional()?;
    if let Some(by) = by.and_then(NodeId::new) {
        return Err(StoreError::Taken { what: Claim::Uuid(node.uuid.clone()), by }.into());
    }
    let changed = tx.prepare_cached("UPDATE nodes SET uuid = ?2, facts = ?3 WHERE id = ?1")?.execute((
        node.id.get(),
        &node.uuid,
        facts(node)?,
    ))?;
    if changed == 0 {
        return Err(StoreError::NoSuchNode { id: node.id }.into());
    }
    tx.prepare_cached("DELETE FROM ports WHERE node = ?1")?.execute([node.id.get()])?;
    reserve_ports(tx, node)
}

/// Forgets a node, with its sample and its reservations.
pub(crate) fn drop_node(tx: &Connection, id: NodeId) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM nodes WHERE id = ?1")?.execute([id.get()])?;
    Ok(())
}

fn facts(node: &Node) -> Result<String, StoreError> {
    json::text(node, || format!("node {}", node.id))
}

fn reserve_ports(tx: &Connection, node: &Node) -> Result<(), Fault> {
    let mut owner = tx.prepare_cached("SELECT node FROM ports WHERE port = ?1")?;
    let mut reserve = tx.prepare_cached("INSERT INTO ports VALUES (?1, ?2)")?;
    for port in node.ports.all() {
        let by: Option<u32> = owner.query_row([port], |row| row.get(0)).optional()?;
        if let Some(by) = by.and_then(NodeId::new) {
            return Err(StoreError::Taken { what: Claim::Port(port), by }.into());
        }
        reserve.execute((port, node.id.get()))?;
    }
    Ok(())
}

/// Texts by node, ready to be written again if the transaction has to be.
pub(crate) type Texts = Vec<(NodeId, String)>;

pub(crate) fn texts<'a, T: Serialize + 'a>(
    values: impl IntoIterator<Item = (&'a NodeId, &'a T)>,
    what: &str,
) -> Result<Texts, StoreError> {
    values.into_iter().map(|(id, value)| Ok((*id, json::text(value, || format!("{what} {id}"))?))).collect()
}

/// Returns the samples that are worth remembering: where nobody looked, the one before stays.
pub(crate) fn sample_texts(observation: &Observation) -> Result<Texts, StoreError> {
    let seen = observation.nodes.iter().filter(|(_, sample)| sample.presence != Presence::Unobserved);
    texts(seen, "the sample of node")
}

/// Returns everything of the state but the nodes' states, as text.
pub(crate) fn engine_text(state: &EngineState) -> Result<String, StoreError> {
    let rest = EngineState { nodes: NodeMap::new(), ..state.clone() };
    json::text(&rest, || "the engine's state".into())
}

/// Writes the samples that changed, of nodes that are on record.
pub(crate) fn write_samples(tx: &Connection, wanted: &Texts) -> Result<(), Fault> {
    let mut update = tx.prepare_cached("UPDATE samples SET sample = ?2 WHERE node = ?1")?;
    let mut insert =
        tx.prepare_cached("INSERT INTO samples SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM nodes WHERE id = ?1)")?;
    compare(tx, "SELECT node, sample FROM samples ORDER BY node", wanted, |difference| {
        match difference {
            Difference::Changed(id, text) => update.execute((id, text))?,
            Difference::New(id, text) => insert.execute((id, text))?,
            // Not seen this time: the last sample stays.
            Difference::Gone(_) => 0,
        };
        Ok(())
    })
}

/// Writes the states that changed, and drops those that are no more.
pub(crate) fn write_states(tx: &Connection, wanted: &Texts) -> Result<(), Fault> {
    let mut write = tx.prepare_cached("INSERT OR REPLACE INTO states VALUES (?1, ?2)")?;
    let mut delete = tx.prepare_cached("DELETE FROM states WHERE node = ?1")?;
    compare(tx, "SELECT node, state FROM states ORDER BY node", wanted, |difference| {
        match difference {
            Difference::Changed(id, text) | Difference::New(id, text) => write.execute((id, text))?,
            Difference::Gone(id) => delete.execute([id])?,
        };
        Ok(())
    })
}

enum Difference<'a> {
    New(u32, &'a str),
    Changed(u32, &'a str),
    Gone(u32),
}

/// Finds what differs between a table and what it should hold, both in order of nodes, in one pass over it.
fn compare(
    tx: &Connection,
    select: &str,
    wanted: &Texts,
    mut apply: impl FnMut(Difference<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
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
            // Bytes, because what is there may be damaged.
            Some((_, text)) if row.get_ref(1)?.as_bytes().is_ok_and(|old| old == text.as_bytes()) => {}
            Some((_, text)) => differences.push(Difference::Changed(id, text)),
            None => differences.push(Difference::Gone(id)),
        }
    }
    drop(rows);
    differences.extend(wanted.map(|(id, text)| Difference::New(id, text)));
    differences.into_iter().try_for_each(&mut apply)
}
