//! The limits of a fleet on the voluntary actions of a host. They narrow the settings of the host, and widen none.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::max_unavailable::MaxUnavailable;
use super::units::Timestamp;
use super::window::{TimeOfDay, WindowState, Windows};

/// Limits of a fleet. The default has none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FleetLimits {
    /// Times at which voluntary actions may begin; empty for any time.
    pub window: Windows,
    /// Maximum number of nodes that are unavailable when a voluntary action stops another one; None for no limit.
    pub max_unavailable: Option<MaxUnavailable>,
}

/// Limits in effect on a host, with the local times of their windows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetLimitsSample {
    /// The limits.
    pub limits: FleetLimits,
    /// The end of the limits, by the wall clock.
    pub until: Timestamp,
    /// The local time in the zone of each window; None for an unknown zone. Windows without an entry use UTC.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub local: Vec<Option<TimeOfDay>>,
}

impl FleetLimitsSample {
    /// Returns whether the windows are open.
    ///
    /// # Errors
    /// The name of a time zone that the host does not know. No voluntary action begins then.
    pub fn window_state(&self, now: Timestamp) -> Result<WindowState, String> {
        self.limits.window.state_at(&self.local, now)
    }
}

impl fmt::Display for FleetLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let windows: Vec<String> = self.window.as_slice().iter().map(ToString::to_string).collect();
        match (windows.is_empty(), &self.max_unavailable) {
            (true, None) => f.write_str("none"),
            (true, Some(most)) => write!(f, "max_unavailable {most}"),
            (false, None) => write!(f, "window {}", windows.join(", ")),
            (false, Some(most)) => write!(f, "window {}; max_unavailable {most}", windows.join(", ")),
        }
    }
}
