//! The actions of past cycles, newest first, and cycles as JSON.

use serde::Serialize;
use wnm_core::{Cores, Decision, Ended, NodeId, Outcome};
use wnm_store::{CycleAction, CycleKind, CycleRecord};

use super::{DIM, GREEN, RED, YELLOW, counted, reason, styled, time};
use crate::json::{ActionView, EndView, HostView, PlannedView, SignalView, Time, VerdictView};

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
    at: Time,
    /// The time of its end; null if it still runs or was interrupted.
    ended_at: Option<Time>,
    /// The sample of the host.
    host: HostView,
    /// The signals with their thresholds.
    signals: Vec<SignalView>,
    /// The decided actions, in their order.
    decided: Vec<PlannedView>,
    /// The nodes whose process ended by itself since the cycle before.
    ended: Vec<EndView>,
    /// The verdicts of the evaluated rules, in order of priority. The last one ended the evaluation.
    verdicts: Vec<VerdictView>,
    /// The decided CPU limit of all nodes together; null for none.
    cpu_limit_cores: Option<f64>,
    /// The actions that the cycle started, with their latest outcomes.
    work: Vec<ActionView>,
}

impl From<&CycleRecord> for CycleView {
    fn from(cycle: &CycleRecord) -> Self {
        // `features` of the decision repeats the comparisons of the signals, under the names of recorded traces. Each removal
        // that it cancels has that outcome.
        let Decision { measures, features: _, actions, cancelled: _, ended, verdicts, cpu_limit } = &cycle.decision;
        Self {
            cycle: cycle.id.0,
            kind: cycle.kind.word(),
            at: cycle.at.into(),
            ended_at: cycle.ended.map(Time::from),
            host: HostView::from(&cycle.host),
            signals: SignalView::all(measures, &cycle.host.volumes),
            decided: actions.iter().map(PlannedView::from).collect(),
            ended: ended.iter().map(EndView::from).collect(),
            verdicts: verdicts.iter().map(|verdict| VerdictView::of(verdict, measures, cycle.at)).collect(),
            cpu_limit_cores: cpu_limit.map(Cores::get),
            work: cycle.actions.iter().map(ActionView::from).collect(),
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
        let concerns = |ended: &&Ended| node.is_none_or(|node| ended.node == node);
        lines.extend(cycle.decision.ended.iter().filter(concerns).map(|ended| end_line(cycle, ended)));
        if cycle.actions.is_empty() && cycle.decision.ended.is_empty() {
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

/// Returns the line of a cycle without an action, with the reason.
fn idle_line(cycle: &CycleRecord) -> String {
    let decision = &cycle.decision;
    let reason = match cycle.kind {
        CycleKind::Scheduled => {
            let (ended_by, blockers) = (decision.blocker(), decision.blockers());
            let mut lines = reason::no_action_lines(ended_by, blockers, &decision.measures, cycle.at);
            // Its first line repeats the words before this reason.
            if ended_by.is_none() && lines.len() > 1 {
                lines.remove(0);
            }
            lines.join("; ")
        }
        // No rule was evaluated: the cycle carried out the request of a command, or continued actions.
        CycleKind::Requested => "nothing to do for the request".to_owned(),
        CycleKind::Resumed => "continued earlier actions, or only observed".to_owned(),
    };
    format!("{}  {}  {}: {reason}", time(cycle.at), styled(DIM, format!("#{}", cycle.id)), styled(DIM, "no action"))
}

/// Returns the line of a process that ended by itself.
fn end_line(cycle: &CycleRecord, ended: &Ended) -> String {
    format!("{}  {}  {}", time(cycle.at), styled(DIM, format!("#{}", cycle.id)), reason::end(ended))
}

fn line(cycle: &CycleRecord, action: &CycleAction) -> String {
    let (style, outcome) = match &action.outcome {
        Some(outcome @ Outcome::Done) => (GREEN, reason::outcome(outcome, cycle.at)),
        Some(outcome @ Outcome::Failed(_)) => (RED, reason::outcome(outcome, cycle.at)),
        Some(outcome @ Outcome::Cancelled { .. }) => (YELLOW, reason::outcome(outcome, cycle.at)),
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
