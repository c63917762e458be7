//! One cycle, as it is shown by those who run it.

use serde::Serialize;
use wnm_agent::Report;
use wnm_core::{ActionRecord, Cores, NodeId, Observation, Outcome, Planned, Refusal, Rest};

use super::{BOLD, GREEN, RED, YELLOW, reason, styled, time};

/// A cycle as JSON.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Summary<'a> {
    /// Its number; null for a dry run, which is not recorded.
    cycle: Option<i64>,
    /// When it looked.
    at: wnm_core::Timestamp,
    /// Whether the host was restarted since the last one.
    rebooted: bool,
    /// Nodes that run, or are about to.
    running: usize,
    /// Nodes there are.
    nodes: usize,
    /// What it decided.
    decided: &'a [Planned],
    /// The most CPU that all nodes together may use; absent for no cap.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_limit: Option<Cores>,
    /// Why it decided nothing, if so.
    rest: Option<Rest>,
    /// Every action that it worked on, those begun earlier included.
    worked: Vec<Work<'a>>,
    /// What was asked and not begun.
    refused: Vec<Refused<'a>>,
}

/// An action with where it stands.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Work<'a> {
    #[serde(flatten)]
    planned: &'a Planned,
    #[serde(flatten)]
    outcome: &'a Outcome,
}

/// What was not begun, and why.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Refused<'a> {
    /// The node; null where no node could be had.
    node: Option<NodeId>,
    #[serde(flatten)]
    refusal: &'a Refusal,
}

pub(crate) fn summary(report: &Report) -> Summary<'_> {
    Summary {
        cycle: report.cycle.map(|cycle| cycle.0),
        at: report.observation.now,
        rebooted: report.observation.rebooted,
        running: running(report),
        nodes: report.colony.nodes.len(),
        decided: &report.decision.actions,
        cpu_limit: report.decision.cpu_limit,
        rest: report.decision.rest(),
        worked: report.worked.iter().map(|(record, outcome)| Work { planned: &record.planned, outcome }).collect(),
        refused: report.refused.iter().map(|(node, refusal)| Refused { node: *node, refusal }).collect(),
    }
}

fn running(report: &Report) -> usize {
    report.colony.state.nodes.values().filter(|state| state.is_active()).count()
}

/// Returns a cycle in a line of its own and one for each action.
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
    if report.cycle.is_none() {
        let planned = report.decision.actions.iter();
        lines.extend(planned.map(|p| format!("  would {}: {}", reason::action(&p.action), reason::reason(&p.reason))));
    }
    lines.extend(cpu_limit(report));
    lines.extend(report.worked.iter().map(|(record, outcome)| work(record, outcome, now)));
    lines.extend(report.refused.iter().map(|(node, refusal)| refused(*node, refusal)));
    if let (true, Some(rest)) = (report.worked.is_empty() && report.refused.is_empty(), report.decision.rest()) {
        let nodes = (report.colony.nodes.len(), report.colony.settings.policy.node_cap);
        let quiet = reason::quiet(&rest, report.decision.waits(), &report.decision.measures, nodes, now);
        lines.extend(quiet.iter().map(|line| format!("  {line}")));
    }
    lines.join("\n") + "\n"
}

/// Returns the cap on the CPU of all nodes, where it becomes another one.
fn cpu_limit(report: &Report) -> Option<String> {
    let seen = report.observation.host.cpu_limit.filter(|seen| seen.differs_from(report.decision.cpu_limit))?;
    let text = |limit: Option<Cores>| limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string());
    let verb = if report.cycle.is_none() { "would set" } else { "set" };
    Some(format!("  {verb} CPU cpu_limit to {}, was {}", text(report.decision.cpu_limit), text(seen.limit)))
}

/// Returns one action with its reason and where it stands.
fn work(record: &ActionRecord, outcome: &Outcome, now: wnm_core::Timestamp) -> String {
    let style = match outcome {
        Outcome::Done => GREEN,
        Outcome::Pending { .. } => YELLOW,
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
    let who = node.map_or_else(String::new, |id| format!("{}: ", id.name()));
    format!("  {who}{} {refusal}", styled(YELLOW, "not done:"))
}

/// Returns the most telling signals in a few words.
fn signals(observation: &Observation) -> String {
    let host = &observation.host;
    let percent =
        |value: Option<wnm_core::Percent>| value.map_or_else(|| "?".to_owned(), |p| format!("{:.0}%", p.get()));
    let fullest = host.volumes.iter().filter_map(|volume| volume.used).max();
    let load = host.load.map_or_else(|| "?".to_owned(), |load| load.one.to_string());
    format!("cpu {}  mem {}  disk {}  load {load}", percent(host.cpu), percent(host.memory), percent(fullest))
}
