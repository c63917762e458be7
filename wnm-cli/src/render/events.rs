//! Events of nodes: the begins and ends of their actions, one line each.

use serde::Serialize;
use wnm_core::{NodeId, Outcome, Timestamp};
use wnm_store::{CycleAction, CycleId};

use super::{DIM, GREEN, RED, YELLOW, duration, reason, styled, time};
use crate::json;

/// The kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum EventKind {
    /// An action began.
    Begun,
    /// An action is complete.
    Done,
    /// An action failed.
    Failed,
    /// A removal ended in its delay, and the node stays.
    Cancelled,
}

/// The begin or the end of an action.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct EventView {
    /// The time of the event.
    #[serde(serialize_with = "json::time")]
    #[cfg_attr(test, schemars(with = "json::Time"))]
    pub(crate) at: Timestamp,
    /// The number of the action, which its begin and its end share.
    pub(crate) action_id: i64,
    /// The number of the cycle that began the action.
    cycle: i64,
    /// The node of the action.
    node: NodeId,
    /// The name of the node.
    name: String,
    /// The action, such as `upgrade`.
    action: &'static str,
    /// The action with its node and versions, such as `upgrade antnode0002 from 0.4.16 to 0.4.17`.
    description: String,
    /// The kind of the event.
    pub(crate) event: EventKind,
    /// The reason of a begin, and the cause of a failure or cancellation; null for a complete action.
    reason: Option<String>,
    /// The duration of the action, in seconds; null for a begin.
    seconds: Option<f64>,
}

/// Returns the events of actions, oldest first.
pub(crate) fn of_actions(actions: &[(CycleId, CycleAction)]) -> Vec<EventView> {
    let mut events: Vec<EventView> = actions
        .iter()
        .flat_map(|(cycle, action)| [Some(begin(*cycle, action)), end(*cycle, action)])
        .flatten()
        .collect();
    events.sort_by_key(|event| (event.at, event.action_id, event.event));
    events
}

fn begin(cycle: CycleId, action: &CycleAction) -> EventView {
    let record = &action.record;
    EventView {
        at: record.begun,
        action_id: record.id.0,
        cycle: cycle.0,
        node: record.node(),
        name: record.node().name(),
        action: record.planned.action.verb(),
        description: reason::action(&record.planned.action),
        event: EventKind::Begun,
        reason: Some(reason::reason(&record.planned.reason)),
        seconds: None,
    }
}

/// Returns the end of an action; None while it is under way.
fn end(cycle: CycleId, action: &CycleAction) -> Option<EventView> {
    let at = action.ended?;
    let (event, reason) = match action.outcome.as_ref()? {
        Outcome::Done => (EventKind::Done, None),
        Outcome::Failed(failure) => (EventKind::Failed, Some(reason::failure(failure))),
        Outcome::Cancelled { because } => (EventKind::Cancelled, Some(reason::cancelled(because))),
        Outcome::Pending { .. } => return None,
    };
    let seconds = Some(at.since(action.record.begun).as_secs_f64());
    Some(EventView { at, event, reason, seconds, ..begin(cycle, action) })
}

/// Returns the line of an event.
pub(crate) fn line(event: &EventView) -> String {
    let spent = || duration(std::time::Duration::from_secs_f64(event.seconds.unwrap_or(0.0).max(0.0)));
    let cause = event.reason.as_deref().unwrap_or_default();
    let text = match event.event {
        EventKind::Begun => format!("{}: {cause}", styled(DIM, "begun")),
        EventKind::Done => format!("{} in {}", styled(GREEN, "done"), spent()),
        EventKind::Cancelled => format!("{} after {}: {cause}", styled(YELLOW, "cancelled"), spent()),
        EventKind::Failed => format!("{} after {} to {cause}", styled(RED, "failed"), spent()),
    };
    format!("{}  {} {text}\n", time(event.at), event.description)
}

/// Returns the lines of events.
pub(crate) fn text(events: &[EventView]) -> String {
    if events.is_empty() { "no events\n".to_owned() } else { events.iter().map(line).collect() }
}
