//! The settings of the valves: when and how fast the policy may change a healthy colony.

use serde::{Deserialize, Serialize};

use crate::model::hold::ValveSample;
pub use crate::model::max_unavailable::{MaxUnavailable, NotMaxUnavailable};
use crate::model::units::Timestamp;
use crate::model::window::{WindowState, Windows};
use crate::policy::constants::{SILENT_BY_CHANCE, VANISHING_BY_CHANCE, VANISHING_SHARE};
use crate::policy::settings::RawSettings;

/// Limits on the voluntary actions of the policy. The default has none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Valves {
    /// The times at which voluntary actions may begin.
    pub windows: Windows,
    /// The end of work in progress at the end of a window.
    pub window_end: WindowEnd,
    /// Maximum number of nodes that are unavailable when a voluntary action stops another one; None for no limit.
    pub max_unavailable: Option<MaxUnavailable>,
}

/// The treatment of work that the end of a window would interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowEnd {
    /// Work in progress continues after the end.
    #[default]
    Continue,
    /// An action begins only if its delay ends inside the window, and a removal in its delay is cancelled at the end.
    Drain,
}

impl Valves {
    /// Returns the valves that the settings describe.
    pub(crate) fn new(raw: &RawSettings) -> Self {
        Self {
            windows: raw.window.clone().unwrap_or_default(),
            window_end: if raw.drain == Some(true) { WindowEnd::Drain } else { WindowEnd::Continue },
            max_unavailable: raw.max_unavailable,
        }
    }

    /// Returns whether the windows are open. A window without a local time in the sample uses UTC, at `now`.
    ///
    /// # Errors
    /// The name of a time zone that the host does not know. No voluntary action begins then.
    pub fn window_state(&self, sample: &ValveSample, now: Timestamp) -> Result<WindowState, String> {
        self.windows.state_at(&sample.local, now)
    }
}

/// Returns whether so many nodes vanished in one observation that independent failures do not explain it.
///
/// The one rule for "most nodes look bad at once": the cause is then the host, its storage or wnm itself, so that wnm
/// reports it and changes no node because of it.
#[must_use]
pub fn is_mass_disappearance(vanished: u32, total: u32) -> bool {
    vanished > VANISHING_BY_CHANCE.max(total / VANISHING_SHARE)
}

/// Returns whether so many running nodes give no answer that the observer is suspect rather than the nodes.
///
/// A silent node still runs, so that more than half of the nodes must be silent before the colony stays as it is.
#[must_use]
pub fn is_mass_silence(silent: u32, total: u32) -> bool {
    silent > SILENT_BY_CHANCE && u64::from(silent) * 2 > u64::from(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_bad_nodes_are_no_mass() {
        assert!(!is_mass_disappearance(3, 4) && is_mass_disappearance(4, 19));
        assert!(!is_mass_disappearance(4, 20) && is_mass_disappearance(5, 20));
        assert!(!is_mass_silence(3, 3) && is_mass_silence(4, 4));
        assert!(!is_mass_silence(5, 10) && is_mass_silence(6, 10));
    }
}
