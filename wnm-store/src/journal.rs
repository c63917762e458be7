//! The journal: every action before it begins, every step after it was done, and the outcome.

use std::time::Duration;

use rusqlite::{Connection, Row};
use wnm_core::steps::{Journal, JournalError, StepFailure, StepRecord};
use wnm_core::{
    Action, ActionId, ActionRecord, Counters, Day, Decision, EngineState, Node, NodeId, NodeMap, Observation, Outcome,
    Planned, Timestamp,
};

use crate::error::{DbError, StoreError, Work};
use crate::history::{self, CycleAction, CycleId, CycleKind, CycleRecord};
use crate::node_days;
use crate::nodes::{self, JsonRows, Single, Unreadable};
use crate::record::{Record, optional, required, to_json, verified};
use crate::volatile::Volatile;
use crate::write::Write;
use crate::{Store, reserve};

/// The time after which an unchanged state is written to the database again: the state after a loss of power is not older.
const STATE_INTERVAL: Duration = Duration::from_secs(10 * 60);
/// The same for samples, which are most of the data, and which the first cycle after a restart of the host replaces.
const SAMPLES_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// A cycle that has begun and not finished.
#[derive(Debug)]
pub(crate) struct Begun {
    id: CycleId,
    /// A cycle without actions is not in the database yet.
    idle: Option<CycleRecord>,
    /// The state in memory before the cycle.
    volatile: Option<Volatile>,
}

/// The result of a cycle, as texts for the database.
struct Results<'a> {
    outcomes: Vec<(ActionId, &'a Outcome, String)>,
    engine: String,
    counters: String,
    states: JsonRows,
    desired: JsonRows,
}

impl Store {
    /// Records a cycle, its new nodes with their reserved numbers and ports, and its actions, before the first action
    /// begins. On return all of this is on the disk; on an error nothing is. A cycle without actions and nodes is recorded at
    /// its end.
    ///
    /// # Errors
    /// Another node has the number, the UUID or a port of a new node, or the database cannot be read or written.
    pub fn begin(
        &mut self,
        kind: CycleKind,
        observation: &Observation,
        decision: &Decision,
        new_nodes: &[Node],
    ) -> Result<(CycleId, Vec<ActionRecord>), StoreError> {
        let (id, volatile) =
            self.read_latest(|db, volatile| Ok((history::next_id(db, volatile.as_ref())?, volatile)))?;
        let mut cycle = CycleRecord {
            id,
            kind,
            at: observation.now,
            ended: None,
            host: observation.host.clone(),
            decision: decision.clone(),
            actions: Vec::new(),
        };
        if decision.is_idle() && new_nodes.is_empty() {
            self.check_path()?;
            self.check_content()?;
            cycle.ended = Some(cycle.at);
            self.begun = Some(Begun { id, idle: Some(cycle), volatile });
            return Ok((id, Vec::new()));
        }
        let records = self.begin_acting(&cycle, new_nodes)?;
        self.begun = Some(Begun { id, idle: None, volatile });
        Ok((id, records))
    }

    /// Writes a cycle with its new nodes and its actions in one transaction.
    fn begin_acting(&mut self, cycle: &CycleRecord, new_nodes: &[Node]) -> Result<Vec<ActionRecord>, StoreError> {
        let actions = &cycle.decision.actions;
        let planned: Vec<(&Planned, String)> = actions
            .iter()
            .map(|planned| Ok((planned, to_json(planned, Record::NewCycle)?)))
            .collect::<Result<_, StoreError>>()?;
        let (host, decision) = cycle_texts(cycle)?;
        self.write(Write::Begin, |tx| {
            for node in new_nodes {
                nodes::insert(tx, node)?;
            }
            insert_cycle(tx, cycle, &host, &decision)?;
            let mut insert = tx.prepare_cached(
                "INSERT INTO actions (cycle, node, begun, planned, digest)
                 VALUES (?1, ?2, ?3, ?4, row_digest(?2, ?4, NULL, NULL))",
            )?;
            let mut records = Vec::with_capacity(planned.len());
            for (planned, text) in &planned {
                nodes::reserve_new_ports(tx, planned.action.node(), |node| planned.action.changed(node))?;
                insert.execute((cycle.id.0, planned.action.node().get(), cycle.at.as_millis(), text))?;
                records.push(ActionRecord::new(ActionId(tx.last_insert_rowid()), (*planned).clone(), cycle.at));
            }
            Ok(records)
        })
    }

    /// Records the end of a cycle in one transaction: the outcomes of actions, the state of the engine, samples and
    /// counters. Deletes nodes that were removed, nodes whose addition was rolled back, and history over its limits.
    ///
    /// On a host with a file system in memory, the results of a cycle that changed nothing go there, and so do all samples;
    /// the database gets them from time to time.
    ///
    /// # Errors
    /// The cycle does not exist, an action does not exist or has ended, or the database cannot be written.
    pub fn finish(
        &mut self,
        cycle: CycleId,
        outcomes: &[(ActionId, Outcome)],
        state: &EngineState,
        observation: &Observation,
        counters: &Counters,
    ) -> Result<(), StoreError> {
        let now = observation.now;
        let results = Results {
            outcomes: outcomes
                .iter()
                .map(|(id, outcome)| Ok((*id, outcome, to_json(outcome, Record::Outcome(*id))?)))
                .collect::<Result<_, StoreError>>()?,
            engine: nodes::engine_json(state)?,
            counters: to_json(counters, Record::Counters)?,
            states: nodes::json_rows(&state.nodes, Record::NodeState)?,
            desired: nodes::desired_rows(state),
        };
        let (idle, last) = match self.begun.take() {
            Some(begun) if begun.id == cycle => (begun.idle, begun.volatile),
            Some(_) | None => (None, self.read_latest(|_, volatile| Ok(volatile))?),
        };
        self.check_path()?;
        let is_due = |at: Timestamp, interval| at > now || now.since(at) >= interval;
        let samples_due = last.as_ref().is_none_or(|last| is_due(last.samples_at, SAMPLES_INTERVAL));
        let state_due = idle.is_none()
            || !outcomes.is_empty()
            || last.as_ref().is_none_or(|last| is_due(last.state_at, STATE_INTERVAL))
            || self.read(|db| nodes::is_changed(db, &results.states, &results.desired, &state.volumes))?;
        let mut next = match last {
            Some(last) => last,
            None => Volatile { samples: self.read(nodes::sample_texts)?, ..Volatile::new(now) },
        };
        next.samples.extend(nodes::sample_rows(observation)?);
        next.engine.clone_from(&results.engine);
        next.counters.clone_from(&results.counters);
        if state_due {
            next.state_at = now;
            self.store_results(cycle, idle.as_ref(), &results, now)?;
            let existing = self.read(nodes::numbers)?;
            next.samples.retain(|id, _| existing.contains(id));
        } else if let Some(idle) = &idle {
            next.push(idle)?;
        }
        if samples_due {
            next.samples_at = now;
            let days = self.read(|db| node_days::rows(db, observation))?;
            self.save_samples(&next, Some((Day::of(now), &days)))?;
        }
        if !self.keep_volatile(&next)? {
            if !state_due {
                self.store_results(cycle, idle.as_ref(), &results, now)?;
            }
            self.save_samples(&next, None)?;
        }
        reserve::hold(&self.path);
        if let Err(error) = self.keep_copy(now) {
            tracing::warn!(%error, "cannot write the hourly copy of the database");
        }
        Ok(())
    }

    /// Writes the results of a cycle without its samples in one transaction, and the cycle itself if it was idle.
    fn store_results(
        &mut self,
        cycle: CycleId,
        idle: Option<&CycleRecord>,
        results: &Results<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let idle = idle.map(|idle| Ok::<_, StoreError>((idle, cycle_texts(idle)?))).transpose()?;
        self.write(Write::Results, |tx| {
            for (action, outcome, text) in &results.outcomes {
                if let Some(gone) = write_outcome(tx, *action, outcome, text, now)? {
                    nodes::delete(tx, gone)?;
                }
            }
            nodes::write_single(tx, Single::Engine, &results.engine)?;
            nodes::write_single(tx, Single::Counters, &results.counters)?;
            nodes::write_states(tx, &results.states)?;
            nodes::write_desired(tx, &results.desired)?;
            let ended = match &idle {
                Some((idle, (host, decision))) => insert_cycle(tx, idle, host, decision)?,
                None => tx
                    .prepare_cached("UPDATE cycles SET ended = ?2 WHERE id = ?1")?
                    .execute((cycle.0, now.as_millis()))?,
            };
            if ended == 0 {
                return Err(StoreError::NotUnderWay { work: Work::Cycle(cycle) }.into());
            }
            history::prune(tx, now)
        })
    }

    /// Writes the last samples, and the rows of a day.
    fn save_samples(&mut self, volatile: &Volatile, days: Option<(Day, &NodeMap<String>)>) -> Result<(), StoreError> {
        let rows: JsonRows = volatile.samples.iter().map(|(id, text)| (*id, text.clone())).collect();
        self.write(Write::Samples, |tx| {
            nodes::write_samples(tx, &rows)?;
            days.map_or(Ok(()), |(day, rows)| node_days::write(tx, day, rows))
        })
    }
}

/// Returns the JSON texts of the host sample and the decision of a cycle.
fn cycle_texts(cycle: &CycleRecord) -> Result<(String, String), StoreError> {
    Ok((to_json(&cycle.host, Record::NewCycle)?, to_json(&cycle.decision, Record::NewCycle)?))
}

/// Writes the row of a cycle. Returns the number of rows written.
fn insert_cycle(tx: &Connection, cycle: &CycleRecord, host: &str, decision: &str) -> Result<usize, DbError> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO cycles (id, kind, at, ended, acted, host, decision, digest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, row_digest(?6, ?7))",
    )?;
    let ended = cycle.ended.map(Timestamp::as_millis);
    let acted = !cycle.decision.is_idle();
    Ok(insert.execute((cycle.id.0, cycle.kind.word(), cycle.at.as_millis(), ended, acted, host, decision))?)
}

/// Records the outcome of an action. Returns the node that no longer exists because of it, if any.
fn write_outcome(
    tx: &Connection,
    action: ActionId,
    outcome: &Outcome,
    text: &str,
    now: Timestamp,
) -> Result<Option<NodeId>, DbError> {
    let ended = match outcome {
        Outcome::Pending { .. } => None,
        Outcome::Done | Outcome::Failed(_) | Outcome::Cancelled { .. } => Some(now.as_millis()),
    };
    let changed = tx
        .prepare_cached(
            "UPDATE actions SET outcome = ?2, ended = ?3, digest = row_digest(node, planned, failure, ?2)
             WHERE id = ?1 AND ended IS NULL",
        )?
        .execute((action.0, text, ended))?;
    if changed == 0 {
        return Err(not_under_way(action).into());
    }
    if ended.is_none() {
        return Ok(None);
    }
    let mut statement = tx.prepare_cached(&format!("SELECT {ACTION_COLUMNS} FROM actions WHERE id = ?1"))?;
    let mut rows = statement.query([action.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let record = read_action(tx, row)?.record;
    Ok(match (&record.planned.action, outcome) {
        (Action::Update { node, .. } | Action::Move { node, .. }, _) => {
            nodes::change(tx, *node, |node| record.changed(node))?;
            None
        }
        (Action::Remove { node, .. }, Outcome::Done) => Some(*node),
        (Action::Add { node }, Outcome::Failed(failure)) if failure.rolled_back => Some(*node),
        _ => None,
    })
}

fn not_under_way(action: ActionId) -> StoreError {
    StoreError::NotUnderWay { work: Work::Action(action) }
}

impl Journal for Store {
    fn step_done(&mut self, action: ActionId, record: &StepRecord) -> Result<(), JournalError> {
        let write = |store: &mut Self| {
            let step = to_json(&record.step, Record::Step(action))?;
            let text = to_json(record, Record::Step(action))?;
            store.write(Write::Step, |tx| {
                // Steps lead forward until the action turns back (`failure` is set), then back. A step may be reported
                // twice, when a crash hid the first report from the executor: it keeps its position.
                let written = tx
                    .prepare_cached(
                        "INSERT INTO steps
                         SELECT id, way, ?2, position, ?3, row_digest(way, ?2, position, ?3) FROM (
                             SELECT id, failure IS NOT NULL AS way,
                                 (SELECT count(*) FROM steps WHERE action = id AND way = (failure IS NOT NULL)) AS position
                             FROM actions WHERE id = ?1 AND ended IS NULL) WHERE true
                         ON CONFLICT DO UPDATE SET record = excluded.record,
                             digest = row_digest(way, step, position, excluded.record)",
                    )?
                    .execute((action.0, &step, &text))?;
                if written == 0 { Err(not_under_way(action).into()) } else { Ok(()) }
            })
        };
        write(self).map_err(|error| JournalError(Box::new(error)))
    }

    fn turned_back(&mut self, action: ActionId, failure: &StepFailure) -> Result<(), JournalError> {
        let write = |store: &mut Self| {
            let text = to_json(failure, Record::Failure(action))?;
            store.write(Write::Failure, |tx| {
                let written = tx
                    .prepare_cached(
                        "UPDATE actions SET failure = ?2, digest = row_digest(node, planned, ?2, outcome)
                         WHERE id = ?1 AND ended IS NULL",
                    )?
                    .execute((action.0, &text))?;
                if written == 0 { Err(not_under_way(action).into()) } else { Ok(()) }
            })
        };
        write(self).map_err(|error| JournalError(Box::new(error)))
    }
}

/// The columns that [`read_action`] expects, in its order.
pub(crate) const ACTION_COLUMNS: &str =
    "id, begun, planned, failure, outcome, ended, digest IS row_digest(node, planned, failure, outcome)";

/// Reads the actions that have not ended, in the order they began.
pub(crate) fn unfinished(db: &Connection, unreadable: &mut Unreadable) -> Result<Vec<CycleAction>, DbError> {
    let mut statement =
        db.prepare_cached(&format!("SELECT {ACTION_COLUMNS} FROM actions WHERE ended IS NULL ORDER BY id"))?;
    read_actions(db, statement.query([])?, unreadable)
}

/// Reads the actions that began in a cycle, in order.
pub(crate) fn of_cycle(db: &Connection, id: CycleId, unreadable: &mut Unreadable) -> Result<Vec<CycleAction>, DbError> {
    let mut statement =
        db.prepare_cached(&format!("SELECT {ACTION_COLUMNS} FROM actions WHERE cycle = ?1 ORDER BY id"))?;
    read_actions(db, statement.query([id.0])?, unreadable)
}

/// Reads actions with their steps, without those that cannot be read.
fn read_actions(
    db: &Connection,
    mut rows: rusqlite::Rows<'_>,
    unreadable: &mut Unreadable,
) -> Result<Vec<CycleAction>, DbError> {
    let mut actions = Vec::new();
    while let Some(row) = rows.next()? {
        match read_action(db, row) {
            Ok(action) => actions.push(action),
            Err(DbError::Store(error @ StoreError::Corrupt { .. })) => unreadable.push(error),
            Err(fault) => return Err(fault),
        }
    }
    Ok(actions)
}

/// Reads one action from [`ACTION_COLUMNS`], with its steps.
pub(crate) fn read_action(db: &Connection, row: &Row<'_>) -> Result<CycleAction, DbError> {
    let id = ActionId(row.get(0)?);
    let begun = Timestamp::from_millis(row.get(1)?);
    verified(row, 6, Record::Plan(id))?;
    let mut record = ActionRecord::new(id, required(row, 2, Record::Plan(id))?, begun);
    record.failure = optional(row, 3, Record::Failure(id))?;
    let outcome = optional(row, 4, Record::Outcome(id))?;
    let ended = row.get::<_, Option<i64>>(5)?.map(Timestamp::from_millis);
    let mut statement = db.prepare_cached(
        "SELECT way, record, digest IS row_digest(way, step, position, record) FROM steps
         WHERE action = ?1 ORDER BY way, position",
    )?;
    let mut steps = statement.query([id.0])?;
    while let Some(step) = steps.next()? {
        let list = if step.get::<_, i64>(0)? == 0 { &mut record.done } else { &mut record.undone };
        verified(step, 2, Record::Step(id))?;
        list.push(required(step, 1, Record::Step(id))?);
    }
    Ok(CycleAction { record, outcome, ended })
}
