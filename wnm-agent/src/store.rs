//! The store that a cycle needs.

use std::fmt;

use wnm_core::steps::Journal;
use wnm_core::{
    ActionRecord, Colony, Counters, Day, DayCounts, Decision, EngineState, Health, Node, NodeState, Observation,
    Outcome, ProgramCache, Settings,
};

use crate::error::HintedError;
use crate::trigger::Trigger;

/// The number of a cycle in the history. No two cycles of a store share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CycleId(pub i64);

impl fmt::Display for CycleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The intent of a cycle, before any effect.
#[derive(Debug, Clone, Copy)]
pub struct Begin<'a> {
    /// The cause of the cycle.
    pub trigger: &'a Trigger,
    /// The observation that the decision follows from.
    pub observation: &'a Observation,
    /// The decision, without additions that cannot have their ports.
    pub decision: &'a Decision,
    /// The nodes that the decision adds.
    pub new_nodes: &'a [Node],
}

/// The result of a cycle.
#[derive(Debug, Clone, Copy)]
pub struct Finish<'a> {
    /// The number that [`Store::begin`] returned.
    pub cycle: CycleId,
    /// Every action that the cycle worked on, those of earlier cycles included, with its outcome.
    pub worked: &'a [(ActionRecord, Outcome)],
    /// The state that the next cycle starts from.
    pub state: &'a EngineState,
    /// The observation of the cycle.
    pub observation: &'a Observation,
    /// The counters from which the next observation computes rates.
    pub counters: &'a Counters,
}

/// Durable memory of a colony, with the journal of its actions.
///
/// A cycle may end between any two calls, by an error or a crash. Whatever was durable by then must be in the colony
/// that the next [`load`](Self::load) returns; the next cycle then resumes the unfinished actions.
pub trait Store: Journal {
    /// The error of a store that cannot be read or written.
    type Error: HintedError;

    /// Returns the colony with these settings: nodes, engine state, last samples, unfinished actions and counters.
    ///
    /// # Errors
    /// The store cannot be read completely. Acting on a part of the colony could do harm.
    fn load(&mut self, settings: &Settings) -> Result<Colony, Self::Error>;

    /// Records that node numbers up to `highest` are used, and returns the highest number that is on record.
    ///
    /// Called before [`begin`](Self::begin) where the process manager never uses a number twice.
    ///
    /// # Errors
    /// The store cannot be written.
    fn record_highest_id(&mut self, highest: u32) -> Result<u32, Self::Error>;

    /// Stores the intent of a cycle in one transaction, and returns its number and the records of its new actions, in
    /// the order of the decision.
    ///
    /// # Errors
    /// The store cannot be written, or a new node claims a number or a port of another node. Nothing is stored then.
    fn begin(&mut self, begin: Begin<'_>) -> Result<(CycleId, Vec<ActionRecord>), Self::Error>;

    /// Stores the result of a cycle in one transaction. Nodes that were removed are forgotten.
    ///
    /// # Errors
    /// The store cannot be written. Nothing is stored then, and the actions stay unfinished.
    fn finish(&mut self, finish: Finish<'_>) -> Result<(), Self::Error>;

    /// Adds nodes with these states that the host has and the store lacks. The default adds none.
    ///
    /// # Errors
    /// The store cannot be written, or another node has a number, a UUID or a port of one of them. Nothing is stored then.
    fn take_in(&mut self, nodes: &[(Node, NodeState)]) -> Result<(), Self::Error> {
        let _ = nodes;
        Ok(())
    }

    /// Returns the health of the nodes on a day, for the metrics of a daemon. The default knows of no node.
    ///
    /// # Errors
    /// The store cannot be read.
    fn health(&mut self, today: Day) -> Result<Health, Self::Error> {
        let total = DayCounts { day: today.before(1), ..DayCounts::default() };
        Ok(Health { total, ..Health::default() })
    }

    /// Stores the platform's cache of program versions for the next process. The default stores nothing.
    ///
    /// # Errors
    /// The store cannot be written.
    fn save_program_cache(&mut self, cache: &ProgramCache) -> Result<(), Self::Error> {
        let _ = cache;
        Ok(())
    }
}
