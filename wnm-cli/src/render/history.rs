//! What was done, newest first, and cycles as JSON.

use serde::Serialize;
use wnm_core::{Decision, HostSample, NodeId, Outcome, StepRecord, Timestamp};
use wnm_store::{CycleAction, CycleRecord};

use super::{DIM, GREEN, RED, YELLOW, reason, styled, time};

/// A cycle as JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CycleView {
    /// The number of the cycle.
    cycle: i64,
    /// The cause: the schedule, an operator's command, or actions of earlier cycles that had not ended.
    #[cfg_attr(test, schemars(extend("enum" = ["scheduled", "requested", "resumed"])))]
    kind: &'static str,
    /// When it looked.
    at: Timestamp,
    /// When it was finished; null while it goes on, and where it was cut short.
    ended: Option<Timestamp>,
    /// What it saw of the machine.
    host: HostSample,
    #[serde(flatten)]
    decision: Decision,
    /// The actions it began, as they stand now.
    work: Vec<ActionView>,
}

/// An action on record as JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ActionView {
    /// Its number.
    id: i64,
    #[serde(flatten)]
    planned: wnm_core::Planned,
    /// When it began.
    begun: Timestamp,
    /// When it ended; null while it goes on.
    ended: Option<Timestamp>,
    /// What came of it; null before the first cycle that worked on it was finished.
    stands: Option<Outcome>,
    /// The steps taken, those back included.
    steps: Vec<StepRecord>,
}

impl From<CycleRecord> for CycleView {
    fn from(cycle: CycleRecord) -> Self {
        Self {
            cycle: cycle.id.0,
            kind: cycle.kind.word(),
            at: cycle.at,
            ended: cycle.ended,
            host: cycle.host,
            decision: cycle.decision,
            work: cycle.actions.into_iter().map(ActionView::from).collect(),
        }
    }
}

impl From<CycleAction> for ActionView {
    fn from(action: CycleAction) -> Self {
        Self {
            id: action.record.id.0,
            planned: action.record.planned,
            begun: action.record.begun,
            ended: action.ended,
            stands: action.outcome,
            steps: action.record.done.into_iter().chain(action.record.undone).collect(),
        }
    }
}

/// Returns the cycles that acted, a line for each action.
pub(crate) fn text(cycles: &[CycleRecord], node: Option<NodeId>) -> String {
    let concerns = |action: &&CycleAction| node.is_none_or(|node| action.record.node() == node);
    let lines: Vec<String> = cycles
        .iter()
        .flat_map(|cycle| cycle.actions.iter().filter(concerns).map(move |action| line(cycle, action)))
        .collect();
    if lines.is_empty() { "nothing was done\n".to_owned() } else { lines.join("\n") + "\n" }
}

fn line(cycle: &CycleRecord, action: &CycleAction) -> String {
    let (style, stands) = match &action.outcome {
        Some(outcome @ Outcome::Done) => (GREEN, reason::outcome(outcome, cycle.at)),
        Some(outcome @ Outcome::Failed(_)) => (RED, reason::outcome(outcome, cycle.at)),
        Some(Outcome::Pending { step, why, .. }) => (YELLOW, format!("{step}: {why}")),
        None => (YELLOW, "begun".to_owned()),
    };
    format!(
        "{}  {}  {}: {} ({})",
        time(cycle.at),
        styled(DIM, format!("#{}", cycle.id)),
        reason::action(&action.record.planned.action),
        styled(style, stands),
        reason::reason(&action.record.planned.reason),
    )
}
