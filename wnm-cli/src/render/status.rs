//! The machine and the colony at a glance.

use std::collections::BTreeMap;
use std::time::Duration;

use anstyle::Style;
use serde::Serialize;
use wnm_core::{
    ActionRecord, Blocker, Bytes, CpuLimitSample, Measure, NodeId, NodeState, Outcome, Planned, Reading, Timestamp,
};

use super::page::Width;
use super::{BOLD, DIM, GREEN, RED, YELLOW, reason, span, styled};

/// Everything that `wnm status` shows.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Status {
    /// The last recorded cycle; None before the first.
    pub(crate) cycle: Option<i64>,
    /// When it looked.
    pub(crate) at: Option<Timestamp>,
    /// How old that is, in seconds.
    pub(crate) age_seconds: u64,
    /// Processors of the host.
    pub(crate) cpus: Option<u32>,
    /// Memory of the host.
    pub(crate) memory_total: Option<Bytes>,
    /// The cap on the CPU of all nodes; None where they cannot be capped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_limit: Option<CpuLimitSample>,
    /// Signals beside their marks.
    pub(crate) signals: Vec<Measure>,
    /// Nodes there may be.
    pub(crate) node_cap: u32,
    /// Nodes there are.
    pub(crate) nodes: usize,
    /// Nodes by state.
    pub(crate) by_state: BTreeMap<&'static str, usize>,
    /// Nodes by version; those of unknown version under an empty text.
    pub(crate) by_version: BTreeMap<String, usize>,
    /// Actions under way, with where each stands.
    pub(crate) under_way: Vec<UnderWay>,
    /// Nodes that are given time after an operation, the next to be over first.
    pub(crate) settling: Vec<Settling>,
    /// What the last cycle decided.
    pub(crate) decided: Vec<Planned>,
    /// The blocker that ended the last cycle without an action; None when nothing called for one.
    pub(crate) blocker: Option<Blocker>,
    /// Blockers of the rules that were skipped in the last cycle.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) blockers: Vec<Blocker>,
    /// States, for their colours.
    #[serde(skip)]
    pub(crate) states: BTreeMap<&'static str, NodeState>,
}

/// An action that has begun and not ended.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct UnderWay {
    #[serde(flatten)]
    pub(crate) record: ActionRecord,
    /// Where it stands; None when its cycle did not come to an end.
    pub(crate) outcome: Option<Outcome>,
}

/// Columns beside a signal's bar: its name before, its figures after.
const BESIDE_BAR: usize = 14 + 34;

/// A node that is given time to settle after an operation.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Settling {
    pub(crate) node: NodeId,
    /// Its state word.
    pub(crate) status: &'static str,
    /// What is left of that time, in seconds.
    pub(crate) left_seconds: u64,
}

/// Most settling nodes that are told.
const MOST_SETTLING: usize = 5;

/// Returns the glance: at most 78 columns wide, the bars shorter where that is too much.
pub(crate) fn text(status: &Status, width: Width) -> String {
    let bar = width.beside(BESIDE_BAR, 10, 30);
    let Some(at) = status.at else {
        return "no cycle yet: `wnm run` looks once, `wnm daemon` keeps looking\n".to_owned();
    };
    let age = Duration::from_secs(status.age_seconds);
    let seen = format!("seen {} ago", span(age));
    let columns = format!("{:>6} {:>10} {:>10}", "now", "adds <", "acts >");
    let rest = BESIDE_BAR + bar - "machine  ".len() - columns.len();
    let mut text = format!("{}  {seen:<rest$}{}\n\n", styled(BOLD, "machine"), styled(DIM, columns));
    for measure in &status.signals {
        text.push_str(&signal(measure, bar));
    }
    if let Some(line) = status.cpu_limit.and_then(|seen| cpu_limit(seen, status.cpus)) {
        text.push_str(&format!("  {line}\n"));
    }
    let of_cap = format!("{} of at most {}", status.nodes, status.node_cap);
    text.push_str(&format!("\n{}   {of_cap}\n\n", styled(BOLD, "nodes")));
    for (word, count) in &status.by_state {
        let style = status.states.get(word).map_or(Style::new(), super::state_style);
        text.push_str(&format!("  {}{count:>5}\n", styled(style, format!("{word:<12}"))));
    }
    let versions = status.by_version.iter().map(|(version, count)| {
        let version = if version.is_empty() { "unknown" } else { version };
        format!("{version} × {count}")
    });
    let versions = versions.collect::<Vec<_>>().join(", ");
    if !versions.is_empty() {
        text.push_str(&format!("  {:<12}{versions}\n", "versions"));
    }
    if !status.under_way.is_empty() || !status.settling.is_empty() {
        text.push_str(&format!("\n{}\n\n", styled(BOLD, "under way")));
        text.extend(status.under_way.iter().map(|work| under_way(work, at)));
        text.extend(status.settling.iter().take(MOST_SETTLING).map(settling));
        if let Some(more) = status.settling.len().checked_sub(MOST_SETTLING).filter(|more| *more > 0) {
            text.push_str(&format!("  and {more} more\n"));
        }
    }
    text.push_str(&format!("\n{}\n\n{}", styled(BOLD, "last decision"), decision(status, at)));
    text
}

/// Returns a signal as a bar with its two marks: `cpu  ▕████│   │  ▏ 42.0 % of 50.0 % and 70.0 %`.
fn signal(measure: &Measure, width: usize) -> String {
    let full = match measure.remove {
        Reading::Percent(_) => 100.0,
        Reading::Load(_) | Reading::Rate(_) => measure.remove.number() * 1.5,
    };
    let place = |value: f64| if full > 0.0 { ((value / full * width as f64).round() as usize).min(width) } else { 0 };
    let style = if measure.is_exceeded() {
        RED
    } else if measure.allows() {
        GREEN
    } else {
        YELLOW
    };
    let (seen, low, high) = (
        measure.seen.map(|seen| place(seen.number())),
        place(measure.less_than.number()),
        place(measure.remove.number()),
    );
    let bar: String = (0..width)
        .map(|at| match seen {
            _ if at + 1 == low || at + 1 == high => '│',
            Some(seen) if at < seen => '█',
            _ => '·',
        })
        .collect();
    let seen = measure.seen.map_or_else(|| "unknown".to_owned(), |seen| seen.to_string());
    format!(
        "  {:<12}{} {seen:>11} {:>10} {:>10}\n",
        measure.signal.to_string(),
        styled(style, bar),
        measure.less_than.to_string(),
        measure.remove.to_string()
    )
}

/// Returns the cap in force: `CPU CPU limit 12.0 of 16 cores, throttled 8 % of the time`.
fn cpu_limit(seen: CpuLimitSample, cpus: Option<u32>) -> Option<String> {
    let limit = seen.limit?.get();
    let of = cpus.map_or_else(String::new, |cpus| format!(" of {cpus}"));
    let throttled =
        seen.throttled.map_or_else(String::new, |share| format!(", throttled {:.0} % of the time", share.get()));
    Some(format!("CPU cpu_limit {limit:.1}{of} cores{throttled}"))
}

fn under_way(work: &UnderWay, now: Timestamp) -> String {
    let stands = work.outcome.as_ref().map_or_else(|| "begun".to_owned(), |outcome| reason::outcome(outcome, now));
    format!("  {}: {stands}\n", reason::action(&work.record.planned.action))
}

fn settling(node: &Settling) -> String {
    let left = span(Duration::from_secs(node.left_seconds));
    format!("  {} {}: {left} left\n", node.node.name(), node.status.to_lowercase())
}

fn decision(status: &Status, at: Timestamp) -> String {
    if status.cycle.is_some() && status.decided.is_empty() {
        let quiet = reason::quiet(status.blocker.as_ref(), &status.blockers, at);
        return quiet.iter().map(|line| format!("  {line}\n")).collect();
    }
    let line = |p: &Planned| format!("  {}: {}\n", reason::action(&p.action), reason::reason(&p.reason));
    status.decided.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use wnm_core::{Cores, Percent};

    use super::*;

    #[test]
    fn a_cap_in_force_is_shown_with_what_it_held_back() {
        let (limit, throttled) = (Cores::new(12.0).ok(), Percent::new(8.3).ok());
        for (seen, cpus, line) in [
            (CpuLimitSample::default(), Some(16), None),
            (CpuLimitSample { limit, throttled: None }, None, Some("CPU cpu_limit 12.0 cores")),
            (
                CpuLimitSample { limit, throttled },
                Some(16),
                Some("CPU cpu_limit 12.0 of 16 cores, throttled 8 % of the time"),
            ),
        ] {
            assert_eq!(cpu_limit(seen, cpus).as_deref(), line);
        }
    }
}
