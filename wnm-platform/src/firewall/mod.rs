//! What opens and closes the ports of nodes on the host.

mod none;
mod ufw;

use std::collections::BTreeSet;

use wnm_core::{FirewallKind, NodeId};

use crate::error::PlatformError;

/// A firewall. Opening and closing are idempotent: what is already so counts as done.
pub trait Firewall: Send + Sync {
    /// Lets UDP packets from everywhere reach a port, under a rule that carries the node's name.
    ///
    /// # Errors
    /// The firewall refused, or could not be asked.
    fn open(&self, port: u16, name: &str) -> Result<(), PlatformError>;

    /// Takes back what [`open`](Self::open) allowed.
    ///
    /// # Errors
    /// The firewall refused, or could not be asked.
    fn close(&self, port: u16, name: &str) -> Result<(), PlatformError>;

    /// Returns the rules that carry the name of a node.
    ///
    /// # Errors
    /// The firewall refused, or could not be asked.
    fn rules(&self) -> Result<Vec<Rule>, PlatformError>;

    /// Returns which of these ports no rule opens, whoever made it; none where there is no such firewall.
    ///
    /// # Errors
    /// The firewall refused, or could not be asked.
    fn closed(&self, ports: &BTreeSet<u16>) -> Result<BTreeSet<u16>, PlatformError>;
}

/// A rule that lets UDP packets reach a port of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// The port.
    pub port: u16,
    /// The node whose name it carries.
    pub node: NodeId,
}

/// Returns the firewall of this kind.
#[must_use]
pub fn open(kind: FirewallKind) -> Box<dyn Firewall> {
    match kind {
        FirewallKind::None => Box::new(none::None),
        FirewallKind::Ufw => Box::new(ufw::Ufw::of_host()),
    }
}

/// Returns the rules that carry the name of a node and lead to none of these ports.
///
/// # Errors
/// As [`Firewall::rules`].
pub fn orphaned_rules(firewall: &dyn Firewall, known: &BTreeSet<u16>) -> Result<Vec<Rule>, PlatformError> {
    let mut rules = firewall.rules()?;
    rules.retain(|rule| !known.contains(&rule.port));
    Ok(rules)
}

/// Removes rules that were found to lead nowhere.
///
/// # Errors
/// As [`Firewall::close`].
pub fn close_orphaned_rules(firewall: &dyn Firewall, orphaned: &[Rule]) -> Result<(), PlatformError> {
    orphaned.iter().try_for_each(|rule| firewall.close(rule.port, &rule.node.name()))
}
