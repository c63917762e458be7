//! What opens and closes ports on the host.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A firewall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirewallKind {
    /// No rules are made: ports are open, or opened by the operator.
    None,
}

impl fmt::Display for FirewallKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
        }
    }
}

/// A text names no firewall.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected none, found {found:?}")]
pub struct NotAFirewall {
    /// What was given.
    pub found: String,
}

impl FromStr for FirewallKind {
    type Err = NotAFirewall;
    fn from_str(text: &str) -> Result<Self, NotAFirewall> {
        match text {
            "none" => Ok(Self::None),
            _ => Err(NotAFirewall { found: text.to_owned() }),
        }
    }
}
