//! Process managers: the program that runs the nodes, and the rights of the nodes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::node::NodeId;

/// The program that starts and stops nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Program {
    /// wnm starts each node in a session of its own.
    Setsid,
    /// Each node is a unit of systemd.
    Systemd,
    /// Each node is a service of macOS.
    Launchd,
    /// Each node is a container of Docker, or of a program with the same command line, such as podman.
    Docker,
    /// Each node is a service of `antctl`, the manager that Autonomi ships for `antnode`.
    Antctl,
}

impl Program {
    /// All programs, in the order of messages.
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

/// The rights of the nodes, and the location of their folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The rights of the user who runs wnm; folders below the home folder.
    User,
    /// The rights of a system service; folders below `/var`.
    Sudo,
    /// The rights of the user who runs wnm; `antctl` chooses the node program and the folders.
    Zen,
}

/// A process manager with its scope, as text `setsid+user`. The text of `docker` is without scope, because its
/// containers always have the rights of the user who runs wnm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct ManagerKind {
    /// The program that starts and stops nodes.
    pub program: Program,
    /// The rights of the nodes.
    pub scope: Scope,
}

impl ManagerKind {
    /// All process managers, in the order of messages.
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

    /// Returns the process manager of a program and a scope.
    #[must_use]
    pub const fn new(program: Program, scope: Scope) -> Self {
        Self { program, scope }
    }

    /// Tells whether the process manager chooses the node program, so that wnm neither provides nor upgrades it.
    #[must_use]
    pub fn chooses_program(self) -> bool {
        self == Self::new(Program::Antctl, Scope::Zen)
    }

    /// Returns the name of the folder of a node: `antnode0003`, or `antnode3` as `antctl` names it.
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
    fn managers_round_trip_through_their_names() {
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
