//! The weight of the nodes against the other work of the host.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The weight of all nodes together, as `CPUWeight=` of systemd counts it: an ordinary service has 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// A share in proportion, 1 to 10000.
    Share(u16),
    /// Only time that no other work wants.
    Idle,
}

impl Weight {
    /// The greatest share.
    pub const MOST: u16 = 10_000;
    /// The share of an ordinary service.
    pub const ORDINARY: u16 = 100;
    /// The default: a tenth of an ordinary service. In measurements on one core, other work beside ten nodes that
    /// wanted 80 % of it got as much as it got alone.
    pub const BEHIND: Self = Self::Share(10);

    /// Returns the weight for interfaces without `idle`, 1 to 10000.
    #[must_use]
    pub const fn share(self) -> u16 {
        match self {
            Self::Share(share) => share,
            Self::Idle => 1,
        }
    }

    /// Tells whether the nodes get less than an ordinary service.
    #[must_use]
    pub const fn is_behind(self) -> bool {
        self.share() < Self::ORDINARY
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share) => share.fmt(f),
            Self::Idle => f.write_str("idle"),
        }
    }
}

/// A text that is no weight.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAWeight {
    /// The number is outside of 1 to 10000.
    #[error("not from 1 to {}", Weight::MOST)]
    OutOfRange,
    /// The text is neither a whole number nor `idle`.
    #[error("neither a whole number nor idle")]
    Text,
}

impl FromStr for Weight {
    type Err = NotAWeight;
    fn from_str(text: &str) -> Result<Self, NotAWeight> {
        if text == "idle" {
            return Ok(Self::Idle);
        }
        let number: i128 = text.parse().map_err(|_| NotAWeight::Text)?;
        let share = u16::try_from(number).ok().filter(|share| (1..=Self::MOST).contains(share));
        share.map(Self::Share).ok_or(NotAWeight::OutOfRange)
    }
}

/// The means by which the nodes run behind the host's other work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WeightMeans {
    /// A control group around all nodes has the weight, against all other work of the host.
    Group,
    /// A control group around all nodes has the weight, against the other services of the same user only.
    UserGroup,
    /// Each node has a control group with its part of the weight.
    NodeGroups,
    /// Each process of a node has a low scheduling priority.
    Priority,
}

/// The applied means in one observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WeightSample {
    /// The means for CPU time; None if nodes compete with other work as equals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<WeightMeans>,
    /// The means for disks; None if nodes compete with other work as equals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub io: Option<WeightMeans>,
}

impl WeightSample {
    /// Tells whether other work of the host goes before the nodes for CPU time.
    #[must_use]
    pub const fn yields_cpu(&self) -> bool {
        match self.cpu {
            Some(WeightMeans::Group | WeightMeans::NodeGroups | WeightMeans::Priority) => true,
            // Work outside of the user's services competes with the user, not with the nodes.
            Some(WeightMeans::UserGroup) | None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_round_trip_through_text() {
        for (text, weight) in [
            ("1", Ok(Weight::Share(1))),
            ("10000", Ok(Weight::Share(10_000))),
            ("idle", Ok(Weight::Idle)),
            ("0", Err(NotAWeight::OutOfRange)),
            ("10001", Err(NotAWeight::OutOfRange)),
            ("-3", Err(NotAWeight::OutOfRange)),
            ("Idle", Err(NotAWeight::Text)),
            ("1.5", Err(NotAWeight::Text)),
            ("", Err(NotAWeight::Text)),
        ] {
            assert_eq!(text.parse(), weight, "{text}");
            assert!(weight.is_err() || weight.unwrap().to_string() == text);
        }
    }

    #[test]
    fn ordinary_share_is_not_behind() {
        for (weight, is_behind) in [(Weight::Idle, true), (Weight::Share(99), true), (Weight::Share(100), false)] {
            assert_eq!(weight.is_behind(), is_behind, "{weight}");
        }
    }
}
