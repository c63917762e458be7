//! The events of one cycle, from its report and the report before it.

use std::mem::discriminant;

use wnm_core::{Decision, Measure, NodeState, Outcome, Settings};

use super::event::Event;
use super::snapshot::Snapshot;
use crate::report::Report;
use crate::trigger::Trigger;

/// Returns the changes from one cycle to the next. Without a cycle before, the nodes are no change, and everything that
/// needs attention is one.
pub(crate) fn changes(last: Option<&Snapshot>, report: &Report, trigger: &Trigger) -> Vec<Event> {
    let before = last.map(|last| &last.report);
    let mut events = Vec::new();
    if report.observation.rebooted {
        events.push(Event::HostRestarted);
    }
    if before.is_some_and(|before| differ(&before.colony.settings, &report.colony.settings)) {
        events.push(Event::SettingsChanged);
    }
    volumes(before, report, &mut events);
    signals(before, report, &mut events);
    actions(before, report, &mut events);
    nodes(before, report, &mut events);
    if *trigger == Trigger::Scheduled {
        decision(last.and_then(|last| last.scheduled.as_deref()), &report.decision, &mut events);
    }
    events
}

/// Adds the changes from one decision of the policy to the next. Other cycles decide by a request.
fn decision(before: Option<&Decision>, decision: &Decision, events: &mut Vec<Event>) {
    let limit = before.and_then(|before| before.cpu_limit);
    if limit != decision.cpu_limit {
        events.push(Event::CpuLimitChanged { from: limit, to: decision.cpu_limit });
    }
    let blocker = decision.blocker();
    // The values of a blocker, such as the time left, differ in every cycle.
    if before.and_then(Decision::blocker).map(discriminant) != blocker.map(discriminant) {
        events.push(Event::BlockerChanged(blocker.cloned()));
    }
}

/// Returns whether the operator changed settings; wnm itself maintains one of them.
fn differ(before: &Settings, after: &Settings) -> bool {
    if before == after {
        return false;
    }
    let mut before = before.clone();
    before.policy.highest_node_id_used = after.policy.highest_node_id_used;
    before != *after
}

fn volumes(before: Option<&Report>, report: &Report, events: &mut Vec<Event>) {
    for volume in &report.observation.host.volumes {
        let known =
            before.and_then(|before| before.observation.host.volumes.iter().find(|known| known.root == volume.root));
        if known.and_then(|known| known.fault) != volume.fault {
            events.push(Event::VolumeChanged { root: volume.root.clone(), fault: volume.fault });
        }
    }
}

fn signals(before: Option<&Report>, report: &Report, events: &mut Vec<Event>) {
    let measures = before.map_or(&[][..], |before| &before.decision.measures);
    let find = |measures: &[Measure], of: &Measure| measures.iter().find(|m| m.signal == of.signal).copied();
    for measure in report.decision.measures.iter().filter(|measure| measure.is_exceeded()) {
        if !find(measures, measure).is_some_and(|before| before.is_exceeded()) {
            events.push(Event::SignalExceeded(*measure));
        }
    }
    for measure in measures.iter().filter(|measure| measure.is_exceeded()) {
        let now = find(&report.decision.measures, measure);
        if !now.is_some_and(|now| now.is_exceeded()) {
            events.push(Event::SignalRelieved(now.unwrap_or(Measure { seen: None, ..*measure })));
        }
    }
}

fn actions(before: Option<&Report>, report: &Report, events: &mut Vec<Event>) {
    let now = report.observation.now;
    for (record, outcome) in &report.worked {
        // Another process may have begun an action since the cycle before.
        let is_new = before.map_or(record.begun >= now, |before| record.begun > before.observation.now);
        let (action, planned, begun) = (record.id, &record.planned, record.begun);
        if is_new {
            events.push(Event::ActionBegun { action, planned: planned.clone(), begun });
        }
        let failure = match outcome {
            Outcome::Pending { .. } => continue,
            Outcome::Done => None,
            Outcome::Failed(failure) => Some(Box::new(failure.clone())),
            Outcome::Cancelled { because } => {
                let because = because.clone();
                events.push(Event::ActionCancelled { action, planned: planned.clone(), begun, because });
                continue;
            }
        };
        events.push(Event::ActionEnded { action, planned: planned.clone(), begun, failure });
    }
}

fn nodes(before: Option<&Report>, report: &Report, events: &mut Vec<Event>) {
    let Some(before) = before else { return };
    let (known, present) = (&before.colony.state.nodes, &report.colony.state.nodes);
    for (id, state) in present {
        let from = known.get(id);
        if from.map(NodeState::word) != Some(state.word()) {
            events.push(Event::NodeChanged { node: *id, from: from.cloned(), to: Some(state.clone()) });
        }
    }
    for (id, state) in known.iter().filter(|(id, _)| !present.contains_key(id)) {
        events.push(Event::NodeChanged { node: *id, from: Some(state.clone()), to: None });
    }
}
