//! The keys of a fleet in the engine. Each fleet has a prefix, so that two fleets share a server.
//!
//! All values are strings: `GETRANGE` bounds the length of an answer, whatever another host wrote.

use super::command::Target;
use super::control::Slot;
use super::name::Name;

/// Longest value that is read, in bytes.
pub const LONGEST_VALUE: usize = 256 << 10;

/// The keys of one fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    prefix: String,
}

impl Keys {
    /// Returns the keys of a fleet.
    #[must_use]
    pub fn of(fleet: &Name) -> Self {
        Self { prefix: format!("wnm:{fleet}:") }
    }

    /// Returns the pattern of all keys of the fleet.
    #[must_use]
    pub fn all(&self) -> String {
        format!("{}*", self.prefix)
    }

    /// Returns the key that a check of the engine writes.
    #[must_use]
    pub fn trial(&self) -> String {
        format!("{}trial", self.prefix)
    }

    /// Returns the key of the state of a host.
    #[must_use]
    pub fn state(&self, host: &Name) -> String {
        format!("{}h:{host}", self.prefix)
    }

    /// Returns the key of the nodes of a host.
    #[must_use]
    pub fn nodes(&self, host: &Name) -> String {
        format!("{}n:{host}", self.prefix)
    }

    /// Returns the key of the latest events of a host.
    #[must_use]
    pub fn events(&self, host: &Name) -> String {
        format!("{}e:{host}", self.prefix)
    }

    /// Returns the key of the signed command for a target.
    #[must_use]
    pub fn command(&self, target: &Target) -> String {
        self.of_target('c', target)
    }

    /// Returns the key of the hold without a signature for a target.
    #[must_use]
    pub fn stop(&self, target: &Target) -> String {
        self.of_target('s', target)
    }

    /// Returns the key of the document of a rollout for a target.
    #[must_use]
    pub fn rollout(&self, target: &Target) -> String {
        self.of_target('r', target)
    }

    /// Returns the key of the limits for a target.
    #[must_use]
    pub fn limits(&self, target: &Target) -> String {
        self.of_target('l', target)
    }

    /// Returns the key of a kind of documents for a target.
    #[must_use]
    pub fn document(&self, slot: Slot, target: &Target) -> String {
        match slot {
            Slot::Command => self.command(target),
            Slot::Stop => self.stop(target),
            Slot::Rollout => self.rollout(target),
            Slot::Limits => self.limits(target),
        }
    }

    /// Returns the key of the command that drives a rollout.
    #[must_use]
    pub fn driver(&self) -> String {
        format!("{}driver", self.prefix)
    }

    fn of_target(&self, kind: char, target: &Target) -> String {
        let prefix = &self.prefix;
        match target {
            Target::All => format!("{prefix}{kind}:all"),
            Target::Host(host) => format!("{prefix}{kind}:host:{host}"),
        }
    }

    /// Returns the key of the hash of invited hosts.
    #[must_use]
    pub fn members(&self) -> String {
        format!("{}members", self.prefix)
    }

    /// Returns the key of an invitation.
    #[must_use]
    pub fn invitation(&self, id: &str) -> String {
        format!("{}i:{id}", self.prefix)
    }
}
