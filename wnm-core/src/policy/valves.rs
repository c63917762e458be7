//! The settings of the valves: when and how fast the policy may change a healthy colony.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::hold::ValveSample;
use crate::model::units::{Percent, Timestamp};
use crate::model::window::{TimeOfDay, WindowState, Windows};
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
        let windows = self.windows.as_slice();
        if windows.is_empty() {
            return Ok(WindowState::Open { closes: None });
        }
        let utc = TimeOfDay::utc(now);
        let local = windows.iter().enumerate().map(|(place, window)| {
            let known = sample.local.get(place).copied().unwrap_or(Some(utc));
            known.ok_or_else(|| window.zone().unwrap_or_default().to_owned())
        });
        let local: Vec<_> = local.collect::<Result<_, _>>()?;
        Ok(self.windows.state(&local))
    }
}

/// A number of nodes, or a share of the nodes that should run: `2` or `10%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum MaxUnavailable {
    /// A number of nodes; with 0 no voluntary action stops a node.
    Nodes(u32),
    /// A share, 0 to 100 %, rounded up to whole nodes, so that a small colony can be upgraded too.
    Share(Percent),
}

/// The text is neither a whole number nor a percentage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither a whole number nor a percentage, such as 2 or 10%")]
pub struct NotMaxUnavailable;

impl MaxUnavailable {
    /// Returns the limit as a number of nodes, of `total` nodes that should run.
    #[must_use]
    pub fn of(self, total: u32) -> u32 {
        match self {
            Self::Nodes(nodes) => nodes,
            // At most `total`, so that the cast is exact.
            Self::Share(share) => (f64::from(total) * share.get() / 100.0).ceil() as u32,
        }
    }
}

impl FromStr for MaxUnavailable {
    type Err = NotMaxUnavailable;

    fn from_str(text: &str) -> Result<Self, NotMaxUnavailable> {
        match text.strip_suffix('%') {
            Some(share) => {
                let share = share.trim_end().parse().ok().and_then(|share| Percent::new(share).ok());
                share.filter(|share| share.get() <= 100.0).map(Self::Share)
            }
            None => text.parse().ok().map(Self::Nodes),
        }
        .ok_or(NotMaxUnavailable)
    }
}

impl fmt::Display for MaxUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nodes(nodes) => write!(f, "{nodes}"),
            Self::Share(share) => write!(f, "{}%", share.get()),
        }
    }
}

impl TryFrom<String> for MaxUnavailable {
    type Error = NotMaxUnavailable;
    fn try_from(text: String) -> Result<Self, NotMaxUnavailable> {
        text.parse()
    }
}

impl From<MaxUnavailable> for String {
    fn from(limit: MaxUnavailable) -> Self {
        limit.to_string()
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
    fn limits_round_trip_and_shares_round_up() {
        for (text, total, nodes) in
            [("0", 10, 0), ("3", 10, 3), ("10%", 20, 2), ("10%", 5, 1), ("0%", 5, 0), ("100%", 7, 7), ("12.5%", 8, 1)]
        {
            let limit: MaxUnavailable = text.parse().unwrap();
            assert_eq!(limit.to_string(), text);
            assert_eq!(limit.of(total), nodes, "{text} of {total}");
        }
        for text in ["", "-1", "%", "101%", "-1%", "NaN%", "1.5", "ten", "inf%"] {
            assert_eq!(text.parse::<MaxUnavailable>(), Err(NotMaxUnavailable), "{text}");
        }
    }

    #[test]
    fn few_bad_nodes_are_no_mass() {
        assert!(!is_mass_disappearance(3, 4) && is_mass_disappearance(4, 19));
        assert!(!is_mass_disappearance(4, 20) && is_mass_disappearance(5, 20));
        assert!(!is_mass_silence(3, 3) && is_mass_silence(4, 4));
        assert!(!is_mass_silence(5, 10) && is_mass_silence(6, 10));
    }
}
