//! Which process manager keeps the nodes, and with whose rights.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::node::NodeId;

/// The program that starts and stops nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Program {
    /// Each node in a session of its own, started by wnm itself.
    Setsid,
    /// Each node as a unit of systemd.
    Systemd,
    /// Each node as a service of macOS.
    Launchd,
    /// Each node in a container of Docker, or of what answers to its command.
    Docker,
    /// Each node as a service that the official manager of `antnode` made.
    Antctl,
}

impl Program {
    /// Every program, in the order they are listed to people.
    pub const ALL: [Self; 5] = [Self::Setsid, Self::Systemd, Self::Launchd, Self::Docker, Self::Antctl];

    const fn word(self) -> &'static str {
        match self {
            Self::Setsid => "setsid",
            Self::Systemd => "systemd",
            Self::Launchd => "launchd",
            Self::Docker => "docker",
            Self::Antctl => "antctl",
        }
    }
}

/// Whose rights the nodes run with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Those of the user who runs wnm; folders below the home directory.
    User,
    /// The system's; folders below `/var`.
    Sudo,
    /// Those of the user who runs wnm; node program and folders as the official manager of `antnode` chooses them.
    Zen,
}

/// A process manager, written `setsid+user`; `docker`, whose containers have the rights of the user who runs wnm, has
/// no scope to name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct ManagerKind {
    /// What starts and stops nodes.
    pub program: Program,
    /// With whose rights.
    pub scope: Scope,
}

impl ManagerKind {
    /// Every process manager there is.
    pub const ALL: [Self; 10] = [
        Self::new(Program::Setsid, Scope::User),
        Self::new(Program::Setsid, Scope::Sudo),
        Self::new(Program::Systemd, Scope::User),
        Self::new(Program::Systemd, Scope::Sudo),
        Self::new(Program::Launchd, Scope::User),
        Self::new(Program::Launchd, Scope::Sudo),
        Self::new(Program::Docker, Scope::User),
        Self::new(Program::Antctl, Scope::User),
        Self::new(Program::Antctl, Scope::Sudo),
        Self::new(Program::Antctl, Scope::Zen),
    ];

    /// Returns the manager of this program and scope.
    #[must_use]
    pub const fn new(program: Program, scope: Scope) -> Self {
        Self { program, scope }
    }

    /// Tells whether it chooses the node program, which wnm then neither has nor exchanges.
    #[must_use]
    pub fn chooses_program(self) -> bool {
        self == Self::new(Program::Antctl, Scope::Zen)
    }

    /// Returns what the folder of a node is called: the official manager of `antnode` has names of its own.
    #[must_use]
    pub fn folder_name(self, id: NodeId) -> String {
        match self.program {
            Program::Antctl => format!("antnode{}", id.get()),
            Program::Setsid | Program::Systemd | Program::Launchd | Program::Docker => id.name(),
        }
    }
}

impl fmt::Display for ManagerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.program.word();
        match (self.program, self.scope) {
            (Program::Docker, _) => f.write_str(word),
            (_, Scope::User) => write!(f, "{word}+user"),
            (_, Scope::Sudo) => write!(f, "{word}+sudo"),
            (_, Scope::Zen) => write!(f, "{word}+zen"),
        }
    }
}

/// A text that names no process manager.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown process manager {name:?}: not one of {}", ManagerKind::ALL.map(|kind| kind.to_string()).join(", "))]
pub struct NotAManager {
    /// The text.
    pub name: String,
}

impl FromStr for ManagerKind {
    type Err = NotAManager;
    fn from_str(text: &str) -> Result<Self, NotAManager> {
        let named = Self::ALL.into_iter().find(|kind| kind.to_string() == text);
        named.ok_or_else(|| NotAManager { name: text.to_owned() })
    }
}

impl TryFrom<String> for ManagerKind {
    type Error = NotAManager;
    fn try_from(text: String) -> Result<Self, NotAManager> {
        text.parse()
    }
}

impl From<ManagerKind> for String {
    fn from(kind: ManagerKind) -> String {
        kind.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manager_is_read_back_from_its_name() {
        for kind in ManagerKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        let error = "sysv+user".parse::<ManagerKind>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown process manager \"sysv+user\": not one of setsid+user, setsid+sudo, systemd+user, systemd+sudo, \
             launchd+user, launchd+sudo, docker, antctl+user, antctl+sudo, antctl+zen"
        );
        assert!("docker+user".parse::<ManagerKind>().is_err());
    }
}
