//! Firewalls, which open and close the ports of nodes.

mod none;
mod ufw;

#[cfg(any(test, fuzzing))]
pub(crate) use ufw::fuzz as fuzz_ufw;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use wnm_core::{FirewallKind, NodeId};

use crate::error::PlatformError;

/// A firewall. Opening and closing are idempotent.
pub trait Firewall: Send + Sync {
    /// Tries the firewall: it is installed, and wnm may call it.
    ///
    /// # Errors
    /// It is not installed, refuses, or its command fails.
    fn check(&self) -> Result<(), PlatformError> {
        Ok(())
    }

    /// Adds a rule with the node's name that allows UDP packets to a port, before any rule that blocks them.
    ///
    /// # Errors
    /// The firewall refuses, or its command fails.
    fn open(&self, port: u16, name: &str) -> Result<(), PlatformError>;

    /// Removes the rule of [`open`](Self::open).
    ///
    /// # Errors
    /// The firewall refuses, or its command fails.
    fn close(&self, port: u16, name: &str) -> Result<(), PlatformError>;

    /// Returns the rules with the name of a node.
    ///
    /// # Errors
    /// The firewall refuses, or its command fails.
    fn rules(&self) -> Result<Vec<Rule>, PlatformError>;

    /// Returns the ports that no rule opens, including rules of the operator; none without a firewall.
    ///
    /// # Errors
    /// The firewall refuses, or its command fails.
    fn closed(&self, ports: &BTreeSet<u16>) -> Result<BTreeMap<u16, Closed>, PlatformError>;
}

/// Returns an installed ufw that `exec` runs as root.
#[cfg(test)]
pub(crate) fn ufw_with_tools(exec: crate::exec::Exec) -> Box<dyn Firewall> {
    Box::new(ufw::Ufw::with(exec, true, true))
}

/// The reason why packets do not reach a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// No rule is for the port.
    NoRule,
    /// This rule blocks them, and no rule before it lets them in.
    Before(String),
}

/// A rule that lets UDP packets reach a port of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// The port.
    pub port: u16,
    /// The node in its name.
    pub node: NodeId,
}

/// Tells whether ufw is active, from its configuration, which all users may read. `root` is the folder that contains `etc`.
#[must_use]
pub fn ufw_is_active(root: &Path) -> bool {
    let text = std::fs::read_to_string(root.join("etc/ufw/ufw.conf")).unwrap_or_default();
    text.lines().any(|line| line.trim().eq_ignore_ascii_case("ENABLED=yes"))
}

/// Returns the firewall of this kind.
#[must_use]
pub fn open(kind: FirewallKind) -> Box<dyn Firewall> {
    match kind {
        FirewallKind::None => Box::new(none::None),
        FirewallKind::Ufw => Box::new(ufw::Ufw::of_host()),
    }
}

/// Returns the rules with the name of a node for ports other than these.
///
/// # Errors
/// As [`Firewall::rules`].
pub fn orphaned_rules(firewall: &dyn Firewall, known: &BTreeSet<u16>) -> Result<Vec<Rule>, PlatformError> {
    let mut rules = firewall.rules()?;
    rules.retain(|rule| !known.contains(&rule.port));
    Ok(rules)
}

/// Removes orphaned rules.
///
/// # Errors
/// As [`Firewall::close`].
pub fn close_orphaned_rules(firewall: &dyn Firewall, orphaned: &[Rule]) -> Result<(), PlatformError> {
    orphaned.iter().try_for_each(|rule| firewall.close(rule.port, &rule.node.name()))
}
