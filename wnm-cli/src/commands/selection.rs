//! The nodes that a command line selects, among those of the colony.

use std::collections::BTreeSet;
use std::path::Path;

use wnm_core::{NodeId, Selection};
use wnm_store::Store;

use crate::args::{NodeRange, Selected};
use crate::error::{CliError, CommandError};

/// Returns the selection of a command line.
///
/// A named node must exist. A range means the nodes of the colony in it, because removals leave gaps.
///
/// # Errors
/// A named node does not exist, or a range contains no node, or the database cannot be read.
pub(super) fn of(db: &Path, which: &Selected) -> Result<Selection, CliError> {
    if which.all {
        return Ok(Selection::All);
    }
    if let Some(count) = which.count {
        return Ok(Selection::Count(count));
    }
    let snapshot = Store::open_read_only(db)?.snapshot()?;
    if which.state.is_empty() {
        return Ok(Selection::Named(named(&which.nodes, snapshot.nodes.keys().copied())?));
    }
    let is_wanted = |id: &NodeId| {
        let state = snapshot.state.nodes.get(id);
        state.is_some_and(|state| which.state.iter().any(|name| name.is_of(state)))
    };
    Ok(Selection::Named(snapshot.nodes.keys().copied().filter(is_wanted).collect()))
}

/// Returns the named nodes in the order of the command line, each once.
///
/// # Errors
/// A named node does not exist, or a range contains no node.
pub(super) fn named(ranges: &[NodeRange], existing: impl Iterator<Item = NodeId>) -> Result<Vec<NodeId>, CommandError> {
    let existing: BTreeSet<NodeId> = existing.collect();
    let mut named = Vec::new();
    for NodeRange { first, last } in ranges {
        let found: Vec<NodeId> = existing.range(*first..=*last).copied().collect();
        if found.is_empty() {
            return Err(if first == last {
                CommandError::NoSuchNode(*first)
            } else {
                CommandError::NoNodeInRange { first: *first, last: *last }
            });
        }
        for id in found {
            if !named.contains(&id) {
                named.push(id);
            }
        }
    }
    Ok(named)
}
