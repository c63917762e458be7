//! The actions of past cycles, newest first, and cycles as JSON.

use serde::Serialize;
use wnm_core::{Cores, Decision, HostSample, NodeId, Outcome, Planned, RuleVerdict, StepRecord, Timestamp};
use wnm_store::{CycleAction, CycleKind, CycleRecord};

use super::signal::SignalView;
use super::{DIM, GREEN, RED, YELLOW, reason, styled, time};

/// A recorded cycle as JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CycleView {
    /// The number of the cycle.
    cycle: i64,
    /// The cause: the schedule, an operator's command, or actions of earlier cycles that had not ended.
    #[cfg_attr(test, schemars(extend("enum" = ["scheduled", "requested", "resumed"])))]
    kind: &'static str,
    /// The time of its observation.
    at: Timestamp,
    /// The time of its end; null if it still runs or was interrupted.
    ended: Option<Timestamp>,
    /// The sample of the host.
    host: HostSample,
    /// The signals with their thresholds.
    signals: Vec<SignalView>,
    /// The decided actions, in their order.
    actions: Vec<Planned>,
    /// The verdicts of the evaluated rules, in order of priority. The last one ended the evaluation.
    verdicts: Vec<RuleVerdict>,
    /// The decided CPU limit of all nodes together, in cores; absent for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_limit: Option<Cores>,
    /// The actions that the cycle started, with their latest outcomes.
    work: Vec<ActionView>,
}

/// A recorded action as JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ActionView {
    /// The number of the action.
    id: i64,
    #[serde(flatten)]
    planned: Planned,
    /// The time of its start.
    started: Timestamp,
    /// The time of its end; null while it is pending.
    ended: Option<Timestamp>,
    /// The outcome; null until the first cycle that executed it has ended.
    outcome: Option<Outcome>,
    /// The executed steps, then those of the rollback.
    steps: Vec<StepRecord>,
}

impl From<CycleRecord> for CycleView {
    fn from(cycle: CycleRecord) -> Self {
        // `features` of the decision repeats the comparisons of the signals, under the names of recorded traces.
        let Decision { measures, features: _, actions, verdicts, cpu_limit } = cycle.decision;
        Self {
            cycle: cycle.id.0,
            kind: cycle.kind.word(),
            at: cycle.at,
            ended: cycle.ended,
            host: cycle.host,
            signals: measures.iter().map(SignalView::from).collect(),
            actions,
            verdicts,
            cpu_limit,
            work: cycle.actions.into_iter().map(ActionView::from).collect(),
        }
    }
}

impl From<CycleAction> for ActionView {
    fn from(action: CycleAction) -> Self {
        Self {
            id: action.record.id.0,
            planned: action.record.planned,
            started: action.record.begun,
            ended: action.ended,
            outcome: action.outcome,
            steps: action.record.done.into_iter().chain(action.record.undone).collect(),
        }
    }
}

/// Returns one line per action, of one node or of all, and one per cycle without an action; then their counts.
pub(crate) fn text(cycles: &[CycleRecord], node: Option<NodeId>, limit: u32) -> String {
    let concerns = |action: &&CycleAction| node.is_none_or(|node| action.record.node() == node);
    let mut lines = Vec::new();
    let (mut actions, mut idle) = (0, 0);
    for cycle in cycles {
        let before = lines.len();
        // The latest action stands first, as the latest cycle does.
        lines.extend(cycle.actions.iter().rev().filter(concerns).map(|action| line(cycle, action)));
        actions += lines.len() - before;
        if cycle.actions.is_empty() {
            idle += 1;
            lines.push(idle_line(cycle));
        }
    }
    if lines.is_empty() {
        return "no actions recorded; `wnm history --idle` lists cycles without actions\n".to_owned();
    }
    let acting = cycles.len() - idle;
    let mut counts = format!("{} in {}", counted(actions, "action"), counted(acting, "cycle"));
    if idle > 0 {
        counts.push_str(&format!(", {} without actions", counted(idle, "cycle")));
    }
    if cycles.len() >= limit as usize {
        counts.push_str(&format!("; the latest {limit} cycles, --limit N shows more"));
    }
    lines.join("\n") + "\n\n" + &counts + "\n"
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Returns the line of a cycle without an action, with the reason.
fn idle_line(cycle: &CycleRecord) -> String {
    let decision = &cycle.decision;
    let reason = match cycle.kind {
        CycleKind::Scheduled => reason::no_action(decision.blocker(), &decision.measures, cycle.at),
        // No rule was evaluated: the cycle carried out the request of a command, or continued actions.
        CycleKind::Requested => "nothing to do for the request".to_owned(),
        CycleKind::Resumed => "continued earlier actions, or only observed".to_owned(),
    };
    format!("{}  {}  {}: {reason}", time(cycle.at), styled(DIM, format!("#{}", cycle.id)), styled(DIM, "no action"))
}

fn line(cycle: &CycleRecord, action: &CycleAction) -> String {
    let (style, outcome) = match &action.outcome {
        Some(outcome @ Outcome::Done) => (GREEN, reason::outcome(outcome, cycle.at)),
        Some(outcome @ Outcome::Failed(_)) => (RED, reason::outcome(outcome, cycle.at)),
        Some(Outcome::Pending { step, why, .. }) => (YELLOW, format!("pending: {step}: {why}")),
        None => (YELLOW, "started".to_owned()),
    };
    format!(
        "{}  {}  {}: {} ({})",
        time(cycle.at),
        styled(DIM, format!("#{}", cycle.id)),
        reason::action(&action.record.planned.action),
        styled(style, outcome),
        reason::reason(&action.record.planned.reason),
    )
}
