//! Properties of the preset steady only.

use std::time::Duration;

use wnm_core::{
    Action, Desired, NodeId, NodeState, Percent, Planned, Policy, Reason, Relief, Signal, StopCause, Threshold,
};

use super::facts::{Believed, Facts};
use super::{Finding, Trial, is_recovery};

/// Cooldown of a node after its stop for pressure.
const COOLDOWN: Duration = Duration::from_secs(1800);

/// Returns the level below the high threshold by a share of the gap between both thresholds.
pub(super) fn below(marks: Threshold<Percent>, share: f64) -> f64 {
    marks.remove.get() - (marks.remove.get() - marks.less_than.get()) * share
}

/// Tells whether a volume is near its high threshold.
pub(super) fn is_filling(policy: &Policy, used: Option<Percent>) -> bool {
    used.is_some_and(|used| used.get() > below(policy.disk, 0.05))
}

fn is_growth(planned: &Planned) -> bool {
    matches!(planned.action, Action::Add { .. } | Action::Start { .. })
}

/// Property 18: a relief is only for signals that a stop of nodes can lower. Load averages, memory and disk below their
/// warning level, and CPU use of the background load alone stop no node.
pub(super) fn relief(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    let (policy, host) = (trial.policy, &trial.observation.host);
    for Planned { action, reason } in trial.decided() {
        let (Action::Stop { node } | Action::Remove { node, .. }) = action else { continue };
        let is_due = match reason {
            Reason::Dead => true,
            Reason::OverCap { .. } => facts.total() > policy.node_cap,
            Reason::Relief { relief, measure } => match (relief, measure.signal) {
                (Relief::Grace | Relief::Warning | Relief::Throttled, Signal::Cpu) => host.cpu.is_some(),
                (Relief::Memory | Relief::Leak, Signal::Memory) => {
                    host.memory.is_some_and(|used| used.get() > below(policy.memory, policy.tuning.warning))
                }
                (Relief::Disk, Signal::Disk(volume)) => {
                    host.volumes.get(volume).is_some_and(|volume| is_filling(policy, volume.used))
                }
                (Relief::Traffic, Signal::DiskRead | Signal::DiskWrite | Signal::NetRead | Signal::NetWrite) => true,
                _ => false,
            },
            Reason::Pressure { .. }
            | Reason::Outdated { .. }
            | Reason::Ended { .. }
            | Reason::HeadroomToStart
            | Reason::HeadroomToAdd { .. }
            | Reason::Unlisted
            | Reason::Requested => false,
        };
        if !is_due {
            return Err(format!("{} {node} for {reason:?}", action.verb()));
        }
    }
    Ok(())
}

/// Property 19: growth leaves every known signal under its ceiling.
pub(super) fn predicted(trial: &Trial<'_>, _: &Facts<'_>) -> Finding {
    let is_grown = |planned: &&Planned| is_growth(planned) && !is_recovery(planned);
    let Some(planned) = trial.decided().find(is_grown) else { return Ok(()) };
    let (policy, host) = (trial.policy, &trial.observation.host);
    let is_under = |seen: Option<Percent>, ceiling: f64| seen.is_some_and(|seen| seen.get() < ceiling);
    let goal = |marks| below(marks, 1.0 - policy.tuning.growth_target);
    let io = [
        (policy.disk_io.map(|io| io.read), host.disk_read),
        (policy.disk_io.map(|io| io.write), host.disk_write),
        (policy.net_io.map(|io| io.read), host.net_read),
        (policy.net_io.map(|io| io.write), host.net_write),
    ];
    let over = [
        ("memory", !is_under(host.memory, goal(policy.memory))),
        ("disk", !host.volumes.iter().any(|volume| is_under(volume.used, below(policy.disk, 0.5)))),
        ("traffic", io.iter().any(|(marks, seen)| marks.is_some_and(|marks| !marks.allows(*seen)))),
    ];
    match over.into_iter().find(|(_, is_over)| *is_over) {
        Some((signal, _)) => {
            Err(format!("{} {}, and {signal} has no headroom", planned.action.verb(), planned.action.node()))
        }
        None => Ok(()),
    }
}

/// Tells whether a node that runs has not run for half an hour.
fn has_just_started(trial: &Trial<'_>, id: NodeId) -> bool {
    match trial.state.nodes.get(&id) {
        Some(NodeState::Running { since }) => trial.observation.now.since(*since) < COOLDOWN,
        _ => true,
    }
}

/// Property 20: no node starts within half an hour of its stop for pressure.
pub(super) fn rested(trial: &Trial<'_>, _: &Facts<'_>) -> Finding {
    for planned in trial.decided().filter(|planned| matches!(planned.action, Action::Start { .. })) {
        let id = planned.action.node();
        if let Some(NodeState::Stopped { since: Some(since), cause: StopCause::Pressure }) = trial.state.nodes.get(&id)
            && !trial.observation.rebooted
            && trial.observation.now.since(*since) < COOLDOWN
        {
            return Err(format!("{id} starts {:?} after its stop", trial.observation.now.since(*since)));
        }
    }
    Ok(())
}

/// The youngest are stopped, unless one leaks, but last those that have just started; the oldest that are ready start.
pub(super) fn order(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    let chosen = |wanted: &dyn Fn(&Planned) -> bool| {
        trial.decided().filter(|planned| wanted(planned)).map(|planned| planned.action.node()).collect::<Vec<_>>()
    };
    let by_age = |wanted: &dyn Fn(&Believed<'_>) -> bool| {
        let mut nodes: Vec<_> = facts.nodes.iter().filter(|node| node.is_free() && wanted(node)).collect();
        nodes.sort_by_key(|node| node.age());
        nodes.into_iter().map(|node| node.id).collect::<Vec<_>>()
    };
    let is_stop = |planned: &Planned| {
        let leaks = matches!(planned.reason, Reason::Relief { relief: Relief::Leak, .. });
        matches!(planned.action, Action::Stop { .. }) && !leaks
    };
    let stops = chosen(&is_stop);
    if !stops.is_empty() {
        let mut running = by_age(&|node: &Believed<'_>| node.is_running());
        running.reverse();
        running.sort_by_key(|id| has_just_started(trial, *id));
        if !running.iter().take(stops.len()).eq(stops.iter()) {
            return Err(format!("{stops:?} stop, and the youngest come first, but those that have just started"));
        }
    }
    let starts = chosen(&|planned: &Planned| matches!(planned.action, Action::Start { .. }));
    if !starts.is_empty() {
        let now = trial.observation.now;
        let is_next = |node: &Believed<'_>| {
            if trial.recovers() { node.is_due(now) } else { node.is_ready(now) && !is_in_cooldown(trial, node) }
        };
        let ready = by_age(&is_next);
        if !ready.iter().take(starts.len()).eq(starts.iter()) {
            return Err(format!("{starts:?} start, and the oldest come first"));
        }
    }
    Ok(())
}

fn is_in_cooldown(trial: &Trial<'_>, node: &Believed<'_>) -> bool {
    if trial.observation.rebooted {
        return false;
    }
    match trial.state.nodes.get(&node.id) {
        Some(NodeState::Stopped { since: Some(since), cause: StopCause::Pressure }) => {
            trial.observation.now.since(*since) < COOLDOWN
        }
        Some(NodeState::Stopped { .. }) => false,
        // This observation is the first that shows the stop: the cooldown begins now.
        Some(_) | None => node.desired == Desired::StoppedByPolicy,
    }
}
