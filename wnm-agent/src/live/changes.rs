//! The events of one cycle, from its report and the report before it.

use std::mem::discriminant;

use wnm_core::{Measure, NodeState, Outcome, Settings};

use super::event::Event;
use crate::report::Report;

/// Returns the changes from one cycle to the next. Without a cycle before, the nodes are no change, and everything that
/// needs attention is one.
pub(crate) fn changes(before: Option<&Report>, report: &Report) -> Vec<Event> {
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
    let (limit, decided) = (before.and_then(|before| before.decision.cpu_limit), report.decision.cpu_limit);
    if limit != decided {
        events.push(Event::CpuLimitChanged { from: limit, to: decided });
    }
    let blocked = before.and_then(|before| before.decision.blocker());
    let blocker = report.decision.blocker();
    // The values of a blocker, such as the time left, differ in every cycle.
    if blocked.map(discriminant) != blocker.map(discriminant) {
        events.push(Event::BlockerChanged(blocker.cloned()));
    }
    events
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
