//! The part of the history that a command line selects.

use wnm_core::{NodeId, Timestamp};
use wnm_store::{ActionFilter, Store};

use super::status::colony_time;
use crate::args::Period;
use crate::error::{CliError, CommandError};
use crate::render;

/// A checked period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Selected {
    pub(super) node: Option<NodeId>,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
}

/// Checks a period against the colony.
///
/// # Errors
/// The node neither exists nor has an action on record, or the period begins after its end.
pub(super) fn select(store: &Store, period: &Period) -> Result<Selected, CliError> {
    let snapshot = store.snapshot()?;
    let now = colony_time(snapshot.state.clock.as_ref());
    let at = |moment: Option<crate::args::Moment>| moment.map(|moment| moment.at(now));
    let (since, until) = (at(period.since), at(period.until));
    if let (Some(since), Some(until)) = (since, until)
        && since > until
    {
        let (since, until) = (render::time(since), render::time(until));
        return Err(CommandError::EmptyPeriod { since, until }.into());
    }
    if let Some(node) = period.node.filter(|node| !snapshot.nodes.contains_key(node)) {
        // The history of a removed node stays readable.
        let any = ActionFilter { node: Some(node), since: None, until: None, limit: 1 };
        if store.actions(&any)?.actions.is_empty() {
            return Err(CommandError::NoSuchNode(node).into());
        }
    }
    Ok(Selected { node: period.node, since, until })
}
