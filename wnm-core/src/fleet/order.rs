//! The signed documents of a rollout.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::command::{Command, Refusal, Target, Verbs, one_line};
use crate::model::units::Version;

/// A SHA-256, as 64 hexadecimal digits in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256(String);

/// A text that is no SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-256 of 64 hexadecimal digits")]
pub struct NotASha256;

impl FromStr for Sha256 {
    type Err = NotASha256;

    fn from_str(text: &str) -> Result<Self, NotASha256> {
        let is_digest = text.len() == 64 && text.bytes().all(|c| c.is_ascii_hexdigit());
        if is_digest { Ok(Self(text.to_ascii_lowercase())) } else { Err(NotASha256) }
    }
}

impl TryFrom<String> for Sha256 {
    type Error = NotASha256;

    fn try_from(text: String) -> Result<Self, NotASha256> {
        text.parse()
    }
}

impl From<Sha256> for String {
    fn from(digest: Sha256) -> Self {
        digest.0
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The node program of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The version.
    pub version: Version,
    /// The digest of the file.
    pub sha256: Sha256,
}

/// The closed list of verbs of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RolloutVerb {
    /// All hosts: upgrades need a lease. The generation of the document is that of the rollout.
    Rollout {
        /// The node program.
        program: Program,
    },
    /// All hosts: no upgrade begins.
    Abort {
        /// The node program.
        program: Program,
        /// The reason, on one line.
        reason: String,
    },
    /// All hosts: upgrades follow the own rules of each host again.
    Release,
    /// One host: upgrades may begin until the end of the document.
    Lease {
        /// The generation of the rollout.
        rollout: u64,
    },
}

impl Verbs for RolloutVerb {
    fn bounded(self) -> Result<Self, Refusal> {
        Ok(match self {
            Self::Abort { program, reason } => Self::Abort { program, reason: one_line(&reason) },
            other => other,
        })
    }
}

/// A signed document of a rollout.
pub type RolloutOrder = Command<RolloutVerb>;

impl RolloutOrder {
    /// Checks that the verb fits the target.
    ///
    /// # Errors
    /// A lease for all hosts, or another verb for one.
    pub fn check_target(&self) -> Result<(), Refusal> {
        let is_for_one = matches!(self.verb, RolloutVerb::Lease { .. });
        if is_for_one == matches!(self.target, Target::Host(_)) {
            Ok(())
        } else {
            Err(Refusal::VerbOfOthers(self.target.clone()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_64_digits() {
        let digest: Sha256 = "AB".repeat(32).parse().unwrap();
        assert_eq!(digest.to_string(), "ab".repeat(32));
        for text in ["", "ab", &"g".repeat(64), &"a".repeat(63), &"a".repeat(65), &"ä".repeat(32)] {
            assert_eq!(text.parse::<Sha256>(), Err(NotASha256), "{text}");
        }
    }
}
