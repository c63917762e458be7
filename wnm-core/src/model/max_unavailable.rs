//! A limit on the nodes that are unavailable at the same time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::units::Percent;

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
}
