//! Holds: requests that wnm begins no voluntary action until they end.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::fleet_limits::FleetLimitsSample;
use crate::model::rollout::RolloutSample;
use crate::model::units::Timestamp;
use crate::model::window::TimeOfDay;

/// The origin of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HoldSource {
    /// The command `wnm hold`.
    Command,
    /// The file that the setting `hold_file` names.
    File,
    /// The address that the setting `hold_url` names.
    Url,
    /// The operator of the fleet that the host has joined.
    Fleet,
}

impl HoldSource {
    /// Returns the word in JSON and in labels, such as `command`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::File => "file",
            Self::Url => "url",
            Self::Fleet => "fleet",
        }
    }
}

impl fmt::Display for HoldSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A hold in effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Hold {
    /// The origin.
    pub source: HoldSource,
    /// The reason as the origin gives it, on one line; empty when it gives none.
    pub reason: String,
    /// The begin, by the wall clock; None when the origin does not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The end, by the wall clock; None until the origin ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Whether removals in their delay are cancelled too.
    #[serde(default)]
    pub drain: bool,
}

/// A source of holds that cannot be read. The last hold that it gave stays in effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HoldTrouble {
    /// The source.
    pub source: HoldSource,
    /// The failure and its cause.
    pub problem: String,
}

/// The input of the valves in one cycle: the holds in effect, the local times of the windows, and the rollout and the limits
/// of the fleet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ValveSample {
    /// The holds in effect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Hold>,
    /// The sources of holds that cannot be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub troubles: Vec<HoldTrouble>,
    /// The local time in the zone of each window, in the order of the setting; None for an unknown zone. Windows
    /// without an entry use UTC.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub local: Vec<Option<TimeOfDay>>,
    /// The rollout of the fleet; None without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutSample>,
    /// The limits of the fleet in effect: those for all hosts, and those for this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<FleetLimitsSample>,
}

impl ValveSample {
    /// Returns whether the sample has no hold, no local time, no rollout and no limit, as on a host without valves.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        let is_held = !(self.holds.is_empty() && self.troubles.is_empty());
        !is_held && self.local.is_empty() && self.rollout.is_none() && self.limits.is_empty()
    }
}
