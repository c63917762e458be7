//! No firewall: ports are open, or opened by the operator.

use super::{Firewall, Rule};
use crate::error::PlatformError;

/// Does nothing.
pub(super) struct None;

impl Firewall for None {
    fn open(&self, _port: u16, _name: &str) -> Result<(), PlatformError> {
        Ok(())
    }

    fn close(&self, _port: u16, _name: &str) -> Result<(), PlatformError> {
        Ok(())
    }

    fn rules(&self) -> Result<Vec<Rule>, PlatformError> {
        Ok(Vec::new())
    }
}
