//! Closed valves: the conditions that keep a rule from a voluntary action.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::hold::Hold;
use crate::model::rollout::RolloutWait;
use crate::model::units::{Timestamp, Version};

/// A valve that is closed. Voluntary actions wait; reliefs, and starts of nodes that ended by themselves, continue.
///
/// The ceiling is the exception: it stops every action of the rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "closed", rename_all = "snake_case")]
pub enum ClosedValve {
    /// A hold is in effect.
    Hold {
        /// The hold.
        hold: Hold,
    },
    /// The time is outside the windows.
    Window {
        /// The next opening; None when the windows do not open within a day.
        opens: Option<Timestamp>,
    },
    /// The window ends before the delay of the action, and `drain` is set.
    WindowEnds {
        /// The end of the window.
        closes: Timestamp,
    },
    /// The time is outside the windows of the fleet.
    FleetWindow {
        /// The next opening; None when the windows do not open within a day.
        opens: Option<Timestamp>,
    },
    /// The time zone of a window is unknown on this host.
    UnknownZone {
        /// The name of the zone.
        zone: String,
    },
    /// The action would stop a running node while `max_unavailable` nodes are unavailable.
    MaxUnavailable {
        /// Nodes that should run and are not available.
        unavailable: u32,
        /// The limit, in nodes.
        most: u32,
    },
    /// The rules have begun as many actions as the program ever allows.
    Ceiling {
        /// The limit of actions.
        most: u32,
        /// The time that the limit counts.
        per: Duration,
        /// The time at which the next action may begin.
        until: Timestamp,
    },
    /// The rollout of the fleet lets no upgrade begin.
    Rollout {
        /// The version of the rollout.
        version: Version,
        /// The reason.
        wait: RolloutWait,
    },
    /// Most running nodes give no answer: the observation is suspect rather than the nodes.
    MostNodesSilent {
        /// Running nodes without an answer.
        silent: u32,
        /// Running nodes.
        total: u32,
    },
}

impl ClosedValve {
    /// Returns the word in metrics, such as `hold`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Hold { .. } => "hold",
            Self::Window { .. } => "window",
            Self::WindowEnds { .. } => "window_ends",
            Self::FleetWindow { .. } => "fleet_window",
            Self::UnknownZone { .. } => "unknown_zone",
            Self::MaxUnavailable { .. } => "max_unavailable",
            Self::Ceiling { .. } => "ceiling",
            Self::Rollout { .. } => "rollout",
            Self::MostNodesSilent { .. } => "most_nodes_silent",
        }
    }
}
