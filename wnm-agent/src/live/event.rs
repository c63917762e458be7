//! Events: changes from one cycle of the daemon to the next.

use std::path::PathBuf;
use std::time::Duration;

use wnm_core::steps::Failure;
use wnm_core::{ActionId, Blocker, Cores, Measure, NodeId, NodeState, Planned, ReasonGone, Timestamp, VolumeFault};

use super::snapshot::CycleFailure;

/// A change that a daemon observed or made.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The daemon started.
    DaemonStarted {
        /// The time between two scheduled cycles.
        interval: Duration,
    },
    /// The daemon was told to end, and completes its pending actions.
    DaemonDrains,
    /// A turn failed, for another cause than the turn before.
    CycleFailed(CycleFailure),
    /// A cycle completed after failed ones.
    CyclesRecovered,
    /// The host restarted.
    HostRestarted,
    /// The settings have other effective values.
    SettingsChanged,
    /// An action began.
    ActionBegun {
        /// The number of the action.
        action: ActionId,
        /// The action and its reason.
        planned: Planned,
        /// The time of the begin.
        begun: Timestamp,
    },
    /// An action ended.
    ActionEnded {
        /// The number of the action.
        action: ActionId,
        /// The action and its reason.
        planned: Planned,
        /// The time of its begin.
        begun: Timestamp,
        /// The failure; None for a complete action.
        failure: Option<Box<Failure>>,
    },
    /// A removal ended in its delay, because its reason has gone.
    ActionCancelled {
        /// The number of the action.
        action: ActionId,
        /// The action and its reason.
        planned: Planned,
        /// The time of its begin.
        begun: Timestamp,
        /// The change that ended the reason.
        because: ReasonGone,
    },
    /// A node has another state.
    NodeChanged {
        /// The node.
        node: NodeId,
        /// The state before; None for a new node.
        from: Option<NodeState>,
        /// The state after; None for a node that left the colony.
        to: Option<NodeState>,
    },
    /// A signal rose over its high threshold.
    SignalExceeded(Measure),
    /// A signal is no longer over its high threshold, or is no longer measured.
    SignalRelieved(Measure),
    /// A volume has a fault, or lost it.
    VolumeChanged {
        /// The storage folder.
        root: PathBuf,
        /// The fault; None when the volume is usable again.
        fault: Option<VolumeFault>,
    },
    /// The decided CPU limit changed.
    CpuLimitChanged {
        /// The limit before; None for none.
        from: Option<Cores>,
        /// The limit after; None for none.
        to: Option<Cores>,
    },
    /// Another kind of blocker prevents actions, or none does.
    BlockerChanged(Option<Blocker>),
}

impl Event {
    /// Returns the node of the event; None for an event of the host or of the daemon.
    #[must_use]
    pub const fn node(&self) -> Option<NodeId> {
        match self {
            Self::ActionBegun { planned, .. }
            | Self::ActionEnded { planned, .. }
            | Self::ActionCancelled { planned, .. } => Some(planned.action.node()),
            Self::NodeChanged { node, .. } => Some(*node),
            _ => None,
        }
    }

    /// Returns the name of the kind, such as `action_begun`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::DaemonStarted { .. } => "daemon_started",
            Self::DaemonDrains => "daemon_drains",
            Self::CycleFailed(_) => "cycle_failed",
            Self::CyclesRecovered => "cycles_recovered",
            Self::HostRestarted => "host_restarted",
            Self::SettingsChanged => "settings_changed",
            Self::ActionBegun { .. } => "action_begun",
            Self::ActionEnded { .. } => "action_ended",
            Self::ActionCancelled { .. } => "action_cancelled",
            Self::NodeChanged { .. } => "node_changed",
            Self::SignalExceeded(_) => "signal_exceeded",
            Self::SignalRelieved(_) => "signal_relieved",
            Self::VolumeChanged { .. } => "volume_changed",
            Self::CpuLimitChanged { .. } => "cpu_limit_changed",
            Self::BlockerChanged(_) => "blocker_changed",
        }
    }
}
