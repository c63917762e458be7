//! The report of one cycle, for `wnm run` and `wnm daemon`.

use serde::Serialize;
use wnm_agent::Report;
use wnm_core::{ActionRecord, Cores, NodeId, NodeState, Observation, Outcome, Refusal, Volume};

use super::volumes::{self, VolumeView};
use super::work::Work;
use super::{BOLD, GREEN, RED, YELLOW, reason, recovery, styled, time};
use crate::json::{Cause, PlannedView, Time};

/// A cycle as JSON.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Summary {
    /// The number of the cycle; null for a dry run, which is not recorded.
    cycle: Option<i64>,
    /// The time of its observation.
    at: Time,
    /// Whether the host was rebooted since the last cycle.
    rebooted: bool,
    /// The count of nodes that run or start; those of unknown state only where their process was seen.
    running: usize,
    /// The count of all nodes.
    nodes: usize,
    /// The actions that the policy decided.
    decided: Vec<PlannedView>,
    /// The decided CPU limit of all nodes together; null for none.
    cpu_limit_cores: Option<f64>,
    /// The blocker that ended the cycle without an action; null when nothing called for one.
    blocker: Option<Cause>,
    /// Every action that the cycle executed, resumed ones included.
    work: Vec<Work>,
    /// The volumes of the storage folders.
    volumes: Vec<VolumeView>,
}

/// Returns the JSON form of a report.
pub(crate) fn summary(report: &Report) -> Summary {
    let now = report.observation.now;
    Summary {
        cycle: report.cycle.map(|cycle| cycle.0),
        at: now.into(),
        rebooted: report.observation.rebooted,
        running: running(report),
        nodes: report.colony.nodes.len(),
        decided: report.decision.actions.iter().map(PlannedView::from).collect(),
        cpu_limit_cores: report.decision.cpu_limit.map(Cores::get),
        blocker: report.decision.blocker().map(|blocker| Cause::blocker(blocker, now)),
        work: report.worked.iter().map(|(record, outcome)| Work::of_cycle(record, outcome, now)).collect(),
        volumes: volumes::views(&report.observation.host.volumes, &report.observation.nodes),
    }
}

/// Counts the nodes that run or start. One of unknown state counts only if its process was seen.
fn running(report: &Report) -> usize {
    let is_up = |(id, state): &(&NodeId, &NodeState)| match state {
        NodeState::Unknown { .. } => report.observation.nodes.get(id).is_some_and(recovery::is_up),
        _ => state.is_active(),
    };
    report.colony.state.nodes.iter().filter(is_up).count()
}

/// Returns a line for the cycle, and one for each of its actions.
pub(crate) fn text(report: &Report) -> String {
    let now = report.observation.now;
    let number = report.cycle.map_or_else(|| "dry run".to_owned(), |cycle| format!("cycle {cycle}"));
    let mut lines = vec![format!(
        "{}  {}  {}  {} of {} nodes up",
        time(now),
        styled(BOLD, number),
        signals(&report.observation),
        running(report),
        report.colony.nodes.len(),
    )];
    lines.extend(volumes::fault_lines(&volumes::views(&report.observation.host.volumes, &report.observation.nodes)));
    if report.cycle.is_none() {
        let planned = report.decision.actions.iter();
        lines.extend(planned.map(|p| format!("  would {}: {}", reason::action(&p.action), reason::reason(&p.reason))));
        // An executed cycle prints them as outcomes.
        lines.extend(report.decision.cancelled.iter().map(|found| format!("  would {}", reason::cancellation(found))));
    }
    lines.extend(cpu_limit(report));
    lines.extend(report.worked.iter().map(|(record, outcome)| work_line(record, outcome, now)));
    lines.extend(report.refused.iter().map(|(node, refusal)| refused(*node, refusal)));
    if report.worked.is_empty() && report.refused.is_empty() && report.decision.actions.is_empty() {
        let decision = &report.decision;
        let reasons = reason::no_action_lines(decision.blocker(), decision.blockers(), &decision.measures, now);
        lines.extend(reasons.iter().map(|line| format!("  {line}")));
    }
    lines.join("\n") + "\n"
}

/// Returns a line for a change of the CPU limit; None if the applied limit stays.
fn cpu_limit(report: &Report) -> Option<String> {
    let applied = report.observation.host.cpu_limit;
    let applied = applied.filter(|applied| applied.differs_from(report.decision.cpu_limit))?;
    let text = |limit: Option<Cores>| limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string());
    let verb = if report.cycle.is_none() { "would set" } else { "set" };
    Some(format!("  {verb} the CPU limit to {} (before: {})", text(report.decision.cpu_limit), text(applied.limit)))
}

/// Returns a line for an action with its outcome and reason.
fn work_line(record: &ActionRecord, outcome: &Outcome, now: wnm_core::Timestamp) -> String {
    let style = match outcome {
        Outcome::Done => GREEN,
        Outcome::Pending { .. } | Outcome::Cancelled { .. } => YELLOW,
        Outcome::Failed(_) => RED,
    };
    format!(
        "  {}: {} ({})",
        reason::action(&record.planned.action),
        styled(style, reason::outcome(outcome, now)),
        reason::reason(&record.planned.reason)
    )
}

fn refused(node: Option<NodeId>, refusal: &Refusal) -> String {
    let node = node.map_or_else(String::new, |id| format!("{}: ", id.name()));
    format!("  {node}{} {refusal}", styled(YELLOW, "refused:"))
}

/// Returns the main signals in one line; `?` stands for a missing one, and `disk` is the fullest volume.
fn signals(observation: &Observation) -> String {
    let host = &observation.host;
    let percent =
        |value: Option<wnm_core::Percent>| value.map_or_else(|| "?".to_owned(), |p| format!("{:.0} %", p.get()));
    let fullest = host.volumes.iter().filter_map(Volume::fullness).max();
    let load = host.load.map_or_else(|| "?".to_owned(), |load| load.one.to_string());
    format!("cpu {}  mem {}  disk {}  load {load}", percent(host.cpu), percent(host.memory), percent(fullest))
}
