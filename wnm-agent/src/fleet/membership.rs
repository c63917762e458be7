//! The membership of a host in a fleet, and the file of an operator.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use wnm_core::{EngineUrl, Timestamp};

use super::command::next_generation;
use super::name::Name;
use super::secret_file::{self, SecretFileError};
use super::signature::PublicKey;
use crate::valves::host::beside;

/// The begin of an invitation, with the version of its form.
const PREFIX: &str = "wnm1.";
/// Longest invitation, in bytes: one with a chain of certificates.
const LONGEST_INVITATION: usize = 32 << 10;
/// Largest file of an operator that is read, in bytes: that of more than 10,000 hosts.
const LARGEST_OPERATOR: u64 = 4 << 20;

/// A password that no debug output shows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Returns a secret of a text.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// Returns a new random secret of 128 bits.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn random() -> Result<Self, getrandom::Error> {
        super::random_hex().map(Self)
    }

    /// Returns the text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Whether a connection without TLS may leave this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plaintext {
    /// It may not.
    #[default]
    Refused,
    /// The operator says that the network encrypts, as WireGuard does.
    Allowed,
}

/// The files of the certificate of a client, for an engine that requires one. They are read for each connection, so that a
/// renewed certificate needs no other command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientFiles {
    /// The certificate with its chain, in PEM form.
    pub certificate: PathBuf,
    /// The private key of the certificate, in PEM form.
    pub key: PathBuf,
}

/// The credentials for the engine, and the rules of the connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The user of the ACL.
    pub user: String,
    /// The password; None for a user without one.
    pub password: Option<Secret>,
    /// The certificates of the authorities that are trusted, in PEM form; None for those of the system.
    pub ca: Option<String>,
    /// The certificate of this client; None without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientFiles>,
    /// Whether a connection without TLS may leave this host.
    #[serde(default)]
    pub plaintext: Plaintext,
}

/// The membership of a host, beside its database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The fleet.
    pub fleet: Name,
    /// The name of this host in it.
    pub host: Name,
    /// The public key, whose signed commands this host obeys.
    pub key: PublicKey,
    /// The credentials of this host.
    pub login: Login,
}

impl Membership {
    /// Returns the file of the membership of a colony.
    #[must_use]
    pub fn path(database: &Path) -> PathBuf {
        beside(database, ".fleet")
    }

    /// Reads the membership of a colony.
    ///
    /// # Errors
    /// The file is missing or damaged, or other users can read it.
    pub fn read(database: &Path) -> Result<Self, SecretFileError> {
        secret_file::read_json(&Self::path(database))
    }

    /// Stores the membership of a colony.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, database: &Path) -> Result<(), SecretFileError> {
        secret_file::write_json(&Self::path(database), self)
    }

    /// Removes the membership of a colony.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove(database: &Path) -> Result<(), SecretFileError> {
        secret_file::remove(&Self::path(database))
    }
}

/// The fleet of an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// The fleet.
    pub fleet: Name,
    /// The address of the engine.
    pub url: EngineUrl,
    /// The public key of the fleet.
    pub key: PublicKey,
    /// The credentials of the operator.
    pub login: Login,
    /// The generation of the last command from here.
    #[serde(default)]
    pub generation: u64,
    /// The hosts that were invited from here, with the time of their last invitation: an empty engine gets its list again.
    #[serde(default)]
    pub hosts: BTreeMap<Name, Timestamp>,
}

impl Operator {
    /// Returns the file of the secret key beside the file of an operator.
    #[must_use]
    pub fn key_path(path: &Path) -> PathBuf {
        path.with_extension("key")
    }

    /// Reads the file of an operator.
    ///
    /// # Errors
    /// The file is missing or damaged, or other users can read it.
    pub fn read(path: &Path) -> Result<Self, SecretFileError> {
        secret_file::read_json_up_to(path, LARGEST_OPERATOR)
    }

    /// Writes the file of an operator.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), SecretFileError> {
        secret_file::write_json(path, self)
    }

    /// Returns the generation of the next command, and remembers it: the time in milliseconds, and above all before.
    pub fn next_generation(&mut self, wall: Timestamp, seen: u64) -> u64 {
        self.generation = next_generation(self.generation, wall, seen);
        self.generation
    }
}

/// An invitation: the text that an operator pastes on a host. It works once, and until its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The fleet.
    pub fleet: Name,
    /// The name of the invited host.
    pub host: Name,
    /// The address of the engine.
    pub url: EngineUrl,
    /// The public key of the fleet.
    pub key: PublicKey,
    /// The identifier.
    pub id: String,
    /// The credentials that fetch the password of the host, once.
    pub login: Login,
}

/// A text that is no invitation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a complete invitation of this version")]
pub struct NotAnInvitation;

impl Invitation {
    /// Returns the text of the invitation, one word.
    ///
    /// # Errors
    /// The invitation cannot be written as JSON.
    pub fn encode(&self) -> Result<String, serde_json::Error> {
        Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(serde_json::to_vec(self)?)))
    }

    /// Reads an invitation.
    ///
    /// # Errors
    /// The text is incomplete, or no invitation of this version.
    pub fn decode(text: &str) -> Result<Self, NotAnInvitation> {
        let rest = text.trim().strip_prefix(PREFIX).filter(|rest| rest.len() <= LONGEST_INVITATION);
        let bytes = rest.and_then(|rest| URL_SAFE_NO_PAD.decode(rest).ok()).ok_or(NotAnInvitation)?;
        serde_json::from_slice(&bytes).map_err(|_| NotAnInvitation)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn invitation() -> Invitation {
        Invitation {
            fleet: "farm".parse().unwrap(),
            host: "web-1".parse().unwrap(),
            url: EngineUrl::new("rediss://redis.example.org").unwrap(),
            key: PublicKey::new("RWS73k8HdhP9jrL5Z0M3cPW9kc/yJnMtTmFyo4k8L6RipS4XKm4qXB2F").unwrap(),
            id: "0".repeat(32),
            login: Login {
                user: "u".to_owned(),
                password: Some(Secret::new("hunter2".to_owned())),
                ca: None,
                client: None,
                plaintext: Plaintext::Refused,
            },
        }
    }

    #[test]
    fn invitations_are_one_word_and_complete() {
        let text = invitation().encode().unwrap();
        assert!(!text.contains(char::is_whitespace));
        assert_eq!(Invitation::decode(&format!(" {text}\n")), Ok(invitation()));
        for wrong in ["", "wnm1.", "wnm2.e30", "wnm1.e30", &text[1..], &text[..text.len() - 2]] {
            assert_eq!(Invitation::decode(wrong), Err(NotAnInvitation), "{wrong}");
        }
        assert!(!format!("{:?}", invitation()).contains("hunter2"));
    }

    #[test]
    fn generations_rise_also_when_the_clock_is_set_back() {
        let Invitation { fleet, url, key, login, .. } = invitation();
        let mut operator = Operator { fleet, url, key, login, generation: 0, hosts: BTreeMap::new() };
        let at = |millis| Timestamp::from_millis(millis);
        let generations = [(1_000, 0), (1_000, 0), (10, 0), (10, 5_000), (9_000, 0), (-5, 0)];
        let given = generations.map(|(millis, seen)| operator.next_generation(at(millis), seen));
        assert_eq!(given, [1_000, 1_001, 1_002, 5_001, 9_000, 9_001]);
        assert_eq!(operator.next_generation(at(0), u64::MAX), u64::MAX);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn no_text_panics(text in ".{0,200}") {
            prop_assert_eq!(Invitation::decode(&text), Err(NotAnInvitation));
            _ = Invitation::decode(&format!("wnm1.{text}"));
        }
    }
}
