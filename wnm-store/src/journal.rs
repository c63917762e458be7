//! The journal: what is about to be done, each step that was done, and what came of it.

use rusqlite::{Connection, Row};
use wnm_core::steps::{Journal, JournalError, StepFailure, StepRecord};
use wnm_core::{
    Action, ActionId, ActionRecord, Counters, Decision, EngineState, Node, NodeId, Observation, Outcome, Planned,
    Timestamp,
};

use crate::error::{Fault, StoreError};
use crate::history::{self, CycleAction, CycleId, CycleKind};
use crate::nodes::{self, Unreadable};
use crate::{Store, json, reserve};

impl Store {
    /// Writes down what was decided, before anything of it is done: the cycle, the new nodes with the reservations of
    /// their numbers and ports, and each action. All of that is durable when this returns, or nothing of it is there.
    ///
    /// # Errors
    /// A new node's number or one of its ports is taken, or the database cannot be written.
    pub fn begin(
        &mut self,
        kind: CycleKind,
        observation: &Observation,
        decision: &Decision,
        new_nodes: &[Node],
    ) -> Result<(CycleId, Vec<ActionRecord>), StoreError> {
        let now = observation.now;
        let host = json::text(&observation.host, || "the host's sample".into())?;
        let decided = json::text(decision, || "the decision".into())?;
        let planned: Vec<(&Planned, String)> = decision
            .actions
            .iter()
            .map(|planned| Ok((planned, json::text(planned, || "a planned action".into())?)))
            .collect::<Result<_, StoreError>>()?;
        self.write(|tx| {
            for node in new_nodes {
                nodes::insert(tx, node)?;
            }
            tx.prepare_cached("INSERT INTO cycles (kind, at, acted, host, decision) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute((kind.word(), now.as_millis(), !planned.is_empty(), &host, &decided))?;
            let cycle = CycleId(tx.last_insert_rowid());
            let mut insert =
                tx.prepare_cached("INSERT INTO actions (cycle, node, begun, planned) VALUES (?1, ?2, ?3, ?4)")?;
            let mut records = Vec::with_capacity(planned.len());
            for (planned, text) in &planned {
                insert.execute((cycle.0, planned.action.node().get(), now.as_millis(), text))?;
                records.push(ActionRecord::new(ActionId(tx.last_insert_rowid()), (*planned).clone(), now));
            }
            Ok((cycle, records))
        })
    }

    /// Writes down what came of a cycle, all or nothing: actions that ended or go on, the engine's state, samples and
    /// counters. Nodes that were removed, or could not be made and were undone, are forgotten with their
    /// reservations; history that is no longer kept goes.
    ///
    /// # Errors
    /// The cycle is unknown, an action is unknown or had ended, or the database cannot be written.
    pub fn finish(
        &mut self,
        cycle: CycleId,
        outcomes: &[(ActionId, Outcome)],
        state: &EngineState,
        observation: &Observation,
        counters: &Counters,
    ) -> Result<(), StoreError> {
        let now = observation.now;
        let engine = nodes::engine_text(state)?;
        let states = nodes::texts(&state.nodes, "the state of node")?;
        let samples = nodes::sample_texts(observation)?;
        let counters = json::text(counters, || "the counters".into())?;
        let outcomes: Vec<(ActionId, &Outcome, String)> = outcomes
            .iter()
            .map(|(id, outcome)| Ok((*id, outcome, json::text(outcome, || format!("the outcome of action {}", id.0))?)))
            .collect::<Result<_, StoreError>>()?;
        let retention = self.retention;
        self.write(|tx| {
            for (action, outcome, text) in &outcomes {
                if let Some(gone) = write_outcome(tx, *action, outcome, text, now)? {
                    nodes::drop_node(tx, gone)?;
                }
            }
            nodes::write_single(tx, "engine", &engine)?;
            nodes::write_single(tx, "counters", &counters)?;
            nodes::write_states(tx, &states)?;
            nodes::write_samples(tx, &samples)?;
            let ended =
                tx.prepare_cached("UPDATE cycles SET ended = ?2 WHERE id = ?1")?.execute((cycle.0, now.as_millis()))?;
            if ended == 0 {
                return Err(StoreError::NotUnderWay { what: format!("cycle {cycle}") }.into());
            }
            history::prune(tx, retention, now)
        })?;
        reserve::hold(&self.path);
        Ok(())
    }
}

/// Writes what came of an action; returns the node that is no more because of it.
fn write_outcome(
    tx: &Connection,
    action: ActionId,
    outcome: &Outcome,
    text: &str,
    now: Timestamp,
) -> Result<Option<NodeId>, Fault> {
    let ended = match outcome {
        Outcome::Pending { .. } => None,
        Outcome::Done | Outcome::Failed(_) => Some(now.as_millis()),
    };
    let changed = tx
        .prepare_cached("UPDATE actions SET outcome = ?2, ended = ?3 WHERE id = ?1 AND ended IS NULL")?
        .execute((action.0, text, ended))?;
    if changed == 0 {
        return Err(not_under_way(action).into());
    }
    if ended.is_none() {
        return Ok(None);
    }
    let mut statement = tx.prepare_cached("SELECT planned FROM actions WHERE id = ?1")?;
    let mut rows = statement.query([action.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let planned: Planned = json::required(row, 0, || format!("action {}", action.0))?;
    Ok(match (planned.action, outcome) {
        (Action::Remove { node, .. }, Outcome::Done) => Some(node),
        (Action::Add { node }, Outcome::Failed(failure)) if failure.rolled_back => Some(node),
        _ => None,
    })
}

fn not_under_way(action: ActionId) -> StoreError {
    StoreError::NotUnderWay { what: format!("action {}", action.0) }
}

impl Journal for Store {
    fn step_done(&mut self, action: ActionId, record: &StepRecord) -> Result<(), JournalError> {
        let write = |store: &mut Self| {
            let step = json::text(&record.step, || "a step".into())?;
            let text = json::text(record, || format!("a step of action {}", action.0))?;
            store.write(|tx| {
                // Forward until the action turned back. A step that is already there keeps its place.
                let written = tx
                    .prepare_cached(
                        "INSERT INTO steps
                         SELECT id, failure IS NOT NULL, ?2,
                             (SELECT count(*) FROM steps WHERE action = id AND way = (failure IS NOT NULL)), ?3
                         FROM actions WHERE id = ?1 AND ended IS NULL
                         ON CONFLICT DO UPDATE SET record = excluded.record",
                    )?
                    .execute((action.0, &step, &text))?;
                if written == 0 { Err(not_under_way(action).into()) } else { Ok(()) }
            })
        };
        write(self).map_err(|error| JournalError(Box::new(error)))
    }

    fn turned_back(&mut self, action: ActionId, failure: &StepFailure) -> Result<(), JournalError> {
        let write = |store: &mut Self| {
            let text = json::text(failure, || format!("the failure of action {}", action.0))?;
            store.write(|tx| {
                let written = tx
                    .prepare_cached("UPDATE actions SET failure = ?2 WHERE id = ?1 AND ended IS NULL")?
                    .execute((action.0, &text))?;
                if written == 0 { Err(not_under_way(action).into()) } else { Ok(()) }
            })
        };
        write(self).map_err(|error| JournalError(Box::new(error)))
    }
}

/// Reads the actions that have not ended, in the order they began.
pub(crate) fn unfinished(db: &Connection, unreadable: &mut Unreadable) -> Result<Vec<CycleAction>, Fault> {
    let mut statement = db.prepare_cached(
        "SELECT id, begun, planned, failure, outcome, ended FROM actions WHERE ended IS NULL ORDER BY id",
    )?;
    read_actions(db, statement.query([])?, unreadable)
}

/// Reads the actions that began in a cycle, in order.
pub(crate) fn of_cycle(db: &Connection, id: CycleId, unreadable: &mut Unreadable) -> Result<Vec<CycleAction>, Fault> {
    let mut statement = db.prepare_cached(
        "SELECT id, begun, planned, failure, outcome, ended FROM actions WHERE cycle = ?1 ORDER BY id",
    )?;
    read_actions(db, statement.query([id.0])?, unreadable)
}

fn read_actions(
    db: &Connection,
    mut rows: rusqlite::Rows<'_>,
    unreadable: &mut Unreadable,
) -> Result<Vec<CycleAction>, Fault> {
    let mut actions = Vec::new();
    while let Some(row) = rows.next()? {
        match read_action(db, row) {
            Ok(action) => actions.push(action),
            Err(Fault::Store(error @ StoreError::Corrupt { .. })) => unreadable.push(error),
            Err(fault) => return Err(fault),
        }
    }
    Ok(actions)
}

fn read_action(db: &Connection, row: &Row<'_>) -> Result<CycleAction, Fault> {
    let id = ActionId(row.get(0)?);
    let what = |part: &str| format!("{part} action {}", id.0);
    let begun = Timestamp::from_millis(row.get(1)?);
    let mut record = ActionRecord::new(id, json::required(row, 2, || what("the plan of"))?, begun);
    record.failure = json::optional(row, 3, || what("the failure of"))?;
    let outcome = json::optional(row, 4, || what("the outcome of"))?;
    let ended = row.get::<_, Option<i64>>(5)?.map(Timestamp::from_millis);
    let mut statement = db.prepare_cached("SELECT way, record FROM steps WHERE action = ?1 ORDER BY way, position")?;
    let mut steps = statement.query([id.0])?;
    while let Some(step) = steps.next()? {
        let list = if step.get::<_, i64>(0)? == 0 { &mut record.done } else { &mut record.undone };
        list.push(json::required(step, 1, || what("a step of"))?);
    }
    Ok(CycleAction { record, outcome, ended })
}
