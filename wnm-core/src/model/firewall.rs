//! The firewalls of a host.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::manager::{ManagerKind, Program, Scope};

/// A firewall that wnm can configure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirewallKind {
    /// wnm creates no rules: the ports are open, or the operator opens them.
    None,
    /// Rules of ufw, each with the name of the node as its comment.
    Ufw,
}

impl FirewallKind {
    /// All firewalls, in the order of messages.
    pub const ALL: [Self; 2] = [Self::None, Self::Ufw];

    /// Returns the default firewall for a process manager.
    #[must_use]
    pub const fn of(manager: ManagerKind) -> Self {
        match (manager.program, manager.scope) {
            (Program::Systemd, Scope::Sudo) => Self::Ufw,
            _ => Self::None,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Ufw => "ufw",
        }
    }
}

impl fmt::Display for FirewallKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A text that names no firewall.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown firewall {name:?}: not one of none, ufw")]
pub struct NotAFirewall {
    /// The text.
    pub name: String,
}

impl FromStr for FirewallKind {
    type Err = NotAFirewall;
    fn from_str(text: &str) -> Result<Self, NotAFirewall> {
        let named = Self::ALL.into_iter().find(|kind| kind.word() == text);
        named.ok_or_else(|| NotAFirewall { name: text.to_owned() })
    }
}
