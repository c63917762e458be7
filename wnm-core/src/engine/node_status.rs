//! The state of one node in a cycle: its stored state, updated by the observation.

use std::ops::Deref;

use crate::model::node::{NodeId, NodeState, StopCause};
use crate::model::observation::{NodeSample, Presence};

/// The state of a node in this cycle.
///
/// A stored state is borrowed, because most states do not change and every node has one in every cycle.
pub(crate) enum StateRef<'a> {
    /// The stored state, which the observation confirms.
    Stored(&'a NodeState),
    /// A state that differs from the stored one.
    New(Box<NodeState>),
}

impl Deref for StateRef<'_> {
    type Target = NodeState;
    fn deref(&self) -> &NodeState {
        match self {
            Self::Stored(state) => state,
            Self::New(state) => state,
        }
    }
}

/// A node with its sample and its state in this cycle.
pub(crate) struct NodeStatus<'a> {
    pub(crate) id: NodeId,
    pub(crate) sample: &'a NodeSample,
    pub(crate) state: StateRef<'a>,
    /// Whether an action on the node has begun and not ended.
    pub(crate) acting: bool,
}

impl NodeStatus<'_> {
    /// Returns whether a rule may select the node: no operation is in progress on it, its process is verified, its folder
    /// exists, and its volume has no fault.
    pub(crate) fn is_free(&self) -> bool {
        let is_usable =
            !matches!(self.sample.presence, Presence::Unverified | Presence::FolderMissing | Presence::VolumeFault);
        !self.acting && !self.state.is_in_operation() && is_usable
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(*self.state, NodeState::Running { .. })
    }

    pub(crate) fn is_stopped(&self) -> bool {
        matches!(*self.state, NodeState::Stopped { .. })
    }

    /// Returns whether this observation found no process, and no action or request explains it.
    pub(crate) fn is_found_stopped(&self) -> bool {
        let StateRef::New(now) = &self.state else { return false };
        !self.acting && matches!(**now, NodeState::Stopped { cause: StopCause::Found, .. })
    }

    pub(crate) fn is_dead(&self) -> bool {
        matches!(*self.state, NodeState::Dead { .. })
    }
}
