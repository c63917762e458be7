//! The report of a cycle.

use wnm_core::steps::Step;
use wnm_core::{Action, ActionRecord, Afterwards, Colony, Decision, NodeId, Observation, Outcome, Refusal};

use crate::store::CycleId;

/// The observation, the decision and the outcomes of one cycle.
#[derive(Debug)]
pub struct Report {
    /// The number in the history; None for a dry run.
    pub cycle: Option<CycleId>,
    /// The observation of the cycle.
    pub observation: Observation,
    /// The decision. Additions that could not have their ports are missing, except in a dry run.
    pub decision: Decision,
    /// Parts of the request that were refused; the node is None where no node was available.
    pub refused: Vec<(Option<NodeId>, Refusal)>,
    /// Every action that the cycle worked on, those of earlier cycles included, with its outcome.
    pub worked: Vec<(ActionRecord, Outcome)>,
    /// The colony after the cycle; before it for a dry run. Its samples are those of the cycle before.
    pub colony: Colony,
}

impl Report {
    /// Returns whether an action of this cycle failed.
    #[must_use]
    pub fn has_failures(&self) -> bool {
        self.worked.iter().any(|(_, outcome)| matches!(outcome, Outcome::Failed(_)))
    }

    /// Returns whether an action has not ended.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.worked.iter().any(|(_, outcome)| matches!(outcome, Outcome::Pending { .. }))
    }

    /// Returns whether an action of this cycle has ended, done or failed.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.worked.iter().any(|(_, outcome)| !matches!(outcome, Outcome::Pending { .. }))
    }

    /// Returns whether a node that moves is down until the last part of its move is complete.
    #[must_use]
    pub fn has_node_down_for_move(&self) -> bool {
        self.worked.iter().any(|(record, outcome)| {
            matches!(outcome, Outcome::Pending { .. })
                && matches!(record.planned.action, Action::Move { then: Afterwards::Running, .. })
                && record.evidence(Step::Stop).is_some()
        })
    }
}
