//! What opens and closes the ports of nodes on the host.

mod none;

use wnm_core::FirewallKind;

use crate::error::PlatformError;

/// A firewall. Both verbs are idempotent: what is already so counts as done.
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
}

/// Returns the firewall of this kind.
#[must_use]
pub fn open(kind: FirewallKind) -> Box<dyn Firewall> {
    match kind {
        FirewallKind::None => Box::new(none::None),
    }
}
