//! No firewall: ports are open, or the operator opens them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Closed, Firewall, Rule};
use crate::error::PlatformError;

/// A firewall without rules.
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

    fn closed(&self, _ports: &BTreeSet<u16>) -> Result<BTreeMap<u16, Closed>, PlatformError> {
        Ok(BTreeMap::new())
    }
}
