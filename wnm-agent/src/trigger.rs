//! The cause of a cycle, and its mode.

use wnm_core::{ChangeRequest, NodeId, Selection, Verb};

/// The cause of a cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// The schedule: the rules of the policy decide.
    Scheduled,
    /// A command of the operator: the actions are those that it requests.
    Requested(Verb, Selection),
    /// A command of the operator: these nodes get other settings or another storage folder.
    Changed(Vec<ChangeRequest>),
    /// A command of the operator that has taken these nodes into the colony again: the cycle records it.
    Restored(Vec<NodeId>),
    /// Actions that have not ended: the cycle resumes them and begins none.
    Resumed,
}

impl Trigger {
    /// Returns the nodes that a request names.
    pub(crate) fn named(&self) -> &[NodeId] {
        match self {
            Self::Requested(_, Selection::Named(nodes)) => nodes,
            Self::Requested(_, Selection::Count(_) | Selection::All)
            | Self::Scheduled
            | Self::Changed(_)
            | Self::Restored(_)
            | Self::Resumed => &[],
        }
    }
}

/// Whether a cycle acts on its decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The decision is stored and executed.
    Act,
    /// The cycle ends after the decision, and neither the store nor the host changes.
    DryRun,
}
