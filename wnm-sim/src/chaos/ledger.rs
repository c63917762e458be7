//! The store, modelled: what is durable at which moment, and nothing else survives a crash.

use std::collections::{BTreeMap, BTreeSet};

use std::time::Duration;

use wnm_core::steps::{ActionRecord, Journal, JournalError, Step, StepFailure, StepRecord};
use wnm_core::{Action, ActionId, Decision, EngineState, NodeId, NodeState, Outcome, PortRanges, Ports, Timestamp};

use crate::chaos::fuse::Fuse;

/// A node, as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// Names it for ever.
    pub(crate) uuid: u64,
    pub(crate) volume: usize,
    pub(crate) ports: Ports,
    pub(crate) born: Timestamp,
    /// When it was last stopped for pressure.
    pub(crate) stopped_at: Option<Timestamp>,
    /// It is on record that its folder goes.
    pub(crate) is_leaving: bool,
    pub(crate) is_disabled: bool,
}

/// An action that began, and how long the manager had worked until then.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Open {
    pub(crate) record: ActionRecord,
    pub(crate) awake: Duration,
}

/// Everything that is durable.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Ledger {
    pub(crate) rows: BTreeMap<NodeId, Row>,
    pub(crate) state: EngineState,
    /// Actions that began and did not end, in the order they began.
    pub(crate) open: Vec<Open>,
    next_action: i64,
    next_uuid: u64,
    ports: BTreeSet<u16>,
}

impl Ledger {
    /// Returns all of it but the time.
    pub(crate) fn timeless(&self) -> Self {
        let mut timeless = self.clone();
        timeless.state.clock = None;
        timeless.state.forecast = None;
        timeless
    }

    /// Makes a row for a new node; None when it cannot have its ports.
    pub(crate) fn enter(&mut self, id: NodeId, ranges: &PortRanges, volume: usize, born: Timestamp) -> Option<&Row> {
        let ports = ranges.of(id)?;
        if ports.all().iter().any(|port| self.ports.contains(port)) {
            return None;
        }
        self.ports.extend(ports.all());
        self.next_uuid += 1;
        let row =
            Row { uuid: self.next_uuid, volume, ports, born, stopped_at: None, is_leaving: false, is_disabled: false };
        self.rows.insert(id, row);
        self.rows.get(&id)
    }

    /// Writes the intent of every action, and the rows of new nodes, in one transaction.
    ///
    /// A new node that cannot have its ports is left out.
    pub(crate) fn begin(
        &mut self,
        decision: &Decision,
        awake: Duration,
        ranges: &PortRanges,
        volume: usize,
        now: Timestamp,
    ) {
        for planned in &decision.actions {
            if let Action::Add { node } = planned.action
                && self.enter(node, ranges, volume, now).is_none()
            {
                continue;
            }
            self.next_action += 1;
            let record = ActionRecord::new(ActionId(self.next_action), planned.clone(), now);
            self.open.push(Open { record, awake });
        }
    }

    /// Writes what came of every action and the state after it, in one transaction; rows that no state is kept of go.
    pub(crate) fn finish(&mut self, outcomes: &[(ActionId, Action, Outcome)], state: EngineState, now: Timestamp) {
        for (id, action, outcome) in outcomes {
            if !matches!(outcome, Outcome::Pending { .. }) {
                self.open.retain(|open| open.record.id != *id);
            }
            let Some(kept) = state.nodes.get(&action.node()) else {
                let row = self.rows.remove(&action.node());
                row.iter().flat_map(|row| row.ports.all()).for_each(|port| _ = self.ports.remove(&port));
                continue;
            };
            let Some(row) = self.rows.get_mut(&action.node()) else { continue };
            row.is_disabled = matches!(kept, NodeState::Disabled { .. });
            match (action, outcome) {
                (Action::Stop { .. }, Outcome::Done) => row.stopped_at = Some(now),
                (Action::Start { .. } | Action::Enable { .. }, _) => row.stopped_at = None,
                _ => {}
            }
        }
        self.state = state;
    }
}

/// The journal of open actions: a step written here is durable, and one that is not may never have been.
pub(crate) struct Pages<'a> {
    pub(crate) open: &'a mut [Open],
    /// Nodes of which it came on record that their folder goes.
    pub(crate) leaving: Vec<NodeId>,
    pub(crate) fuse: &'a Fuse,
    /// Writes that fail from now on.
    pub(crate) failing: &'a mut u32,
}

impl Pages<'_> {
    fn page(&mut self, action: ActionId) -> Result<&mut Open, JournalError> {
        if !self.fuse.holds() {
            return Err(JournalError("the manager is dead".into()));
        }
        if *self.failing > 0 {
            *self.failing -= 1;
            return Err(JournalError("no space left".into()));
        }
        let unknown = || JournalError("no such action".into());
        self.open.iter_mut().find(|open| open.record.id == action).ok_or_else(unknown)
    }
}

impl Journal for Pages<'_> {
    fn step_done(&mut self, action: ActionId, done: &StepRecord) -> Result<(), JournalError> {
        let open = self.page(action)?;
        let node = open.record.node();
        let list = if open.record.failure.is_none() { &mut open.record.done } else { &mut open.record.undone };
        list.push(done.clone());
        if done.step == Step::Tombstone {
            self.leaving.push(node);
        }
        Ok(())
    }

    fn turned_back(&mut self, action: ActionId, failure: &StepFailure) -> Result<(), JournalError> {
        let open = self.page(action)?;
        open.record.failure = Some(failure.clone());
        if let Action::Add { node } = open.record.planned.action {
            self.leaving.push(node);
        }
        Ok(())
    }
}
