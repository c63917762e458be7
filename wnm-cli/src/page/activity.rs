//! The state of the daemon, the problems of the colony, the next and the latest actions.

use std::time::Duration;

use wnm_store::{CycleAction, CycleRecord};

use super::html::escaped;
use crate::render::daemon::Unreachable;
use crate::render::status::{self, Status};
use crate::render::{duration, failures, reason, time, valves, volumes};

/// The number of actions on the page.
const MOST_ACTIONS: usize = 25;

/// Returns the condition of the record in a word: current, stale, or without a cycle.
pub(super) fn badge(status: &Status) -> String {
    let failure = status.daemon.as_ref().is_some_and(|daemon| daemon.info.failure.is_some());
    let (class, word) = match status.at {
        None => ("unknown", "no cycle"),
        Some(_) if status.stale => ("over", "stale"),
        Some(_) if failure => ("over", "cycle failed"),
        Some(_) if !status.is_healthy() => ("between", "problems"),
        Some(_) => ("below", "healthy"),
    };
    format!("<b class=\"badge {class}\">{word}</b> ")
}

/// Returns a list with an item for each line; empty without one.
fn list(lines: impl IntoIterator<Item = String>) -> String {
    let items: String = lines.into_iter().map(|line| format!("<li>{}</li>\n", escaped(line.trim()))).collect();
    if items.is_empty() { items } else { format!("<ul>\n{items}</ul>\n") }
}

/// Returns the problems that need attention; empty without one.
pub(super) fn problems(status: &Status) -> String {
    let mut lines = Vec::new();
    if let Some(problem) = &status.stale_problem {
        let hint = status.hint.as_deref().map_or_else(String::new, |hint| format!(" (hint: {hint})"));
        lines.push(format!("{problem}; the rest of this page describes that cycle{hint}"));
    }
    if let Some(Unreachable { problem, hint, .. }) = &status.unreachable {
        lines.push(format!("{problem} (hint: {hint})"));
    }
    if let Some(failure) = status.daemon.as_ref().and_then(|daemon| daemon.info.failure.as_ref()) {
        let hint = failure.hint.as_deref().map_or_else(String::new, |hint| format!(" (hint: {hint})"));
        lines.push(format!("the last cycle failed: {}{hint}", failure.error));
    }
    let faults = volumes::fault_lines(&status.storage);
    lines.extend(faults.iter().map(|line| anstream::adapter::strip_str(line).to_string()));
    lines.extend(status.node_problems.iter().map(status::node_problem));
    lines.extend(status.failures.iter().map(|failed| failures::text(failed, status.now)));
    list(lines)
}

/// Returns the holds, the sources of holds that cannot be read, and the windows; empty on a host without any.
pub(super) fn valves(status: &Status) -> String {
    let lines = status.valves.as_ref().map(valves::lines).unwrap_or_default();
    let lines = anstream::adapter::strip_str(&lines).to_string();
    list(
        lines.lines().filter(|line| !line.is_empty()).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")),
    )
}

/// Returns the work under way, the waits, the reasons of the last decision, and the limits in effect.
pub(super) fn next(status: &Status) -> String {
    let Some(at) = status.at else { return String::new() };
    let mut lines: Vec<String> = status.under_way.iter().map(|work| status::under_way(work, at)).collect();
    lines.extend(status.delayed.iter().map(status::delayed));
    lines.extend(status::decision(status, at).lines().map(str::to_owned));
    let mut text = list(lines);
    let mut facts = Vec::new();
    let next = status.daemon.as_ref().and_then(|daemon| Some((daemon.info.next?, daemon.info.interval_ms)));
    if let Some((next, interval)) = next {
        facts.push(("next cycle", format!("{}, every {}", time(next), duration(Duration::from_millis(interval)))));
    }
    facts.push(("node cap", format!("{} of at most {} nodes", status.nodes, status.node_cap)));
    let limit = status.cpu_limit.and_then(|applied| status::cpu_limit(applied, status.cpus));
    facts.extend(limit.map(|limit| ("CPU limit", limit)));
    facts.extend(status.cpu_quota.and_then(status::cpu_quota).map(|quota| ("CPU quota", quota)));
    facts.extend(status.weight.as_ref().map(|weight| ("weight", status::weight_line(weight))));
    text.push_str("<dl>\n");
    text.extend(facts.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>\n", escaped(value))));
    text.push_str("</dl>\n");
    text
}

/// Returns a table of the latest actions, latest first; a sentence without one.
pub(super) fn done(history: &[CycleRecord]) -> String {
    let actions = history.iter().flat_map(|cycle| cycle.actions.iter().rev().map(move |action| (cycle, action)));
    let rows: String = actions.take(MOST_ACTIONS).map(|(cycle, action)| row(cycle, action)).collect();
    if rows.is_empty() {
        return "<p>no actions recorded</p>\n".to_owned();
    }
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table of the latest actions\">\n<table>\n<thead><tr>\
         <th scope=\"col\">Time</th><th scope=\"col\">Action</th><th scope=\"col\">Result</th>\
         <th scope=\"col\">Reason</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n"
    )
}

fn row(cycle: &CycleRecord, CycleAction { record, outcome, .. }: &CycleAction) -> String {
    let result = outcome.as_ref().map_or_else(|| "started".to_owned(), |outcome| reason::outcome(outcome, cycle.at));
    format!(
        "<tr><td>{}</td><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>\n",
        escaped(time(record.begun)),
        escaped(reason::action(&record.planned.action)),
        escaped(result),
        escaped(reason::reason(&record.planned.reason)),
    )
}
