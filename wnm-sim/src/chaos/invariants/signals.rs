//! Properties of signals: the actions they require and the actions they forbid.

use std::time::Duration;

use wnm_core::{Action, Bytes, FailedAction, HostSample, NodeState, Planned, Policy, Preset, StopCause, Upgrades};

use super::facts::{Believed, Facts};
use super::{Finding, Trial, is_recovery};

fn is_growth(planned: &Planned) -> bool {
    matches!(planned.action, Action::Add { .. } | Action::Start { .. })
}

/// Property 10: a full disk, a removable node and no operation in progress lead to a removal in the same cycle, or to a
/// move in its place.
///
/// A removable node is eligible, runs or is stopped, and lies on a full volume whose nodes together hold more than is
/// over (or on any volume, when the colony exceeds the node cap). Cycles of a reboot, of dead nodes and of an anomaly are
/// exempt: those rules come first.
pub(super) fn full_disk(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    // Removals that failed shortly before count as if they were in progress.
    let awaits_removal = |entry: &FailedAction| entry.verb == "remove" && entry.retry_at > trial.observation.now;
    if trial.state.failures.iter().any(awaits_removal) {
        return Ok(());
    }
    // A node that ended on another volume starts first; the removal follows in the next cycle.
    if !facts.disk_is_full || facts.under_way > 0 || !facts.may_plan(trial) || trial.recovers() {
        return Ok(());
    }
    let over_cap = facts.total() > trial.policy.node_cap && facts.may_volunteer(trial);
    let helps = |node: &&Believed<'_>| node.is_free() && (over_cap || is_on_relievable_volume(trial, facts, node));
    let Some(removable) = facts.nodes.iter().find(helps) else { return Ok(()) };
    let relieves = |planned: &Planned| matches!(planned.action, Action::Remove { .. } | Action::Move { .. });
    if trial.decided().any(relieves) {
        Ok(())
    } else {
        Err(format!("nothing is removed, and {} could be", removable.id))
    }
}

/// Tells whether a node lies on a full volume that the removal of all its nodes would relieve.
fn is_on_relievable_volume(trial: &Trial<'_>, facts: &Facts<'_>, node: &Believed<'_>) -> bool {
    let volumes = &trial.observation.host.volumes;
    let Some(i) = node.sample.volume.or((volumes.len() == 1).then_some(0)) else { return false };
    let Some(used) = volumes.get(i).and_then(|volume| volume.used.filter(|used| *used > trial.policy.disk.remove))
    else {
        return false;
    };
    // The rule of steady acts on lower use, and so on more bytes over.
    let level = match trial.policy.preset {
        wnm_core::Preset::Classic => trial.policy.disk.remove.get(),
        wnm_core::Preset::Steady => super::steady::below(trial.policy.disk, 0.02),
    };
    let total = volumes.get(i).and_then(|volume| volume.total);
    let over = total.map_or(1.0, |Bytes(total)| (used.get() - level) / 100.0 * total as f64);
    let on_it = facts.nodes.iter().filter(|other| other.is_free() && other.sample.volume == node.sample.volume);
    let held = on_it.map(|other| other.sample.disk.map_or(f64::INFINITY, |Bytes(held)| held as f64)).sum::<f64>();
    held > over * 1.001
}

/// Property 12: while a signal with thresholds is unknown, no node is added or started.
///
/// One known volume is enough, because a new node goes to a known one.
pub(super) fn missing(trial: &Trial<'_>, _: &Facts<'_>) -> Finding {
    let Some(missing) = first_missing(trial.policy, &trial.observation.host) else { return Ok(()) };
    match trial.decided().find(|planned| is_growth(planned) && !is_recovery(planned)) {
        Some(planned) => Err(format!("{} {} without knowing {missing}", planned.action.verb(), planned.action.node())),
        None => Ok(()),
    }
}

fn first_missing(policy: &Policy, host: &HostSample) -> Option<&'static str> {
    let lacks = [
        ("cpu", host.cpu.is_none()),
        ("memory", host.memory.is_none()),
        ("disk", host.volumes.iter().all(|volume| volume.used.is_none())),
        ("load", policy.load.is_some() && host.load.is_none()),
        ("disk traffic", policy.disk_io.is_some() && (host.disk_read.is_none() || host.disk_write.is_none())),
        ("network traffic", policy.net_io.is_some() && (host.net_read.is_none() || host.net_write.is_none())),
    ];
    lacks.into_iter().find(|(_, lacks)| *lacks).map(|(signal, _)| signal)
}

/// Property 15: when more nodes vanish in one observation than independent failures explain, or vanish with their
/// storage, the decision is empty. A restart of the host explains them, and its first cycle has an empty decision too.
pub(super) fn vanished(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    if !facts.is_anomalous && !trial.observation.rebooted {
        return Ok(());
    }
    match trial.decided().next() {
        Some(planned) => {
            let (verb, id) = (planned.action.verb(), planned.action.node());
            Err(format!("{verb} {id}, and {} of {} nodes have vanished", facts.vanished, facts.total()))
        }
        None => Ok(()),
    }
}

/// Returns the failed addition whose delay runs.
fn failed_addition<'a>(trial: &Trial<'a>) -> Option<&'a FailedAction> {
    trial.state.failures.iter().find(|entry| entry.verb == "add" && entry.retry_at > trial.observation.now)
}

/// Property 24 of one decision: while the delay after a failed addition runs, no node is added. The delay grows to half an
/// hour. [`Costs`](super::Costs) counts the folders and bytes of a whole run.
pub(super) fn bounded(trial: &Trial<'_>, _: &Facts<'_>) -> Finding {
    let Some(failed) = failed_addition(trial) else { return Ok(()) };
    match trial.decided().find(|planned| matches!(planned.action, Action::Add { .. })) {
        Some(planned) => Err(format!("add {} within the delay after {failed:?}", planned.action.node())),
        None => Ok(()),
    }
}

/// Property 22: a node that should run and is down is started again as soon as its delay has passed, whatever the node
/// cap says: no delay is longer than half an hour. A signal over its high threshold that a stop would lower, a full
/// volume under the node, starts in progress up to the limit, and more nodes than the cap postpone it.
pub(super) fn recovers(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    const LONGEST_DELAY: Duration = Duration::from_secs(1800);
    let now = trial.observation.now;
    if let Some(node) = facts.nodes.iter().find(|node| node.is_down() && node.retry_at.since(now) > LONGEST_DELAY) {
        return Err(format!("{} is down, and waits for {:?}", node.id, node.retry_at.since(now)));
    }
    let limits = &trial.policy.limits;
    let is_busy = facts.restarting - facts.settled >= limits.starts
        || facts.under_way - facts.settled >= limits.operations
        || facts.total() > trial.policy.node_cap;
    if is_restart_postponed(trial) || is_busy || !facts.may_plan(trial) || trial.recovers() {
        return Ok(());
    }
    let due = facts.nodes.iter().find(|node| node.is_free() && node.is_due(now));
    due.map_or(Ok(()), |node| Err(format!("{} is down and due, and is not started", node.id)))
}

/// Classic relieves: CPU, memory or traffic over a high threshold leads to a stop when a node is eligible, no operation
/// is in progress and the last stop shows its effect; no other signal stops a node.
pub(super) fn relief(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    let is_due = is_relievable(trial);
    let mut stops = trial.decided().filter(|planned| matches!(planned.action, Action::Stop { .. }));
    if let Some(planned) = stops.next() {
        let id = planned.action.node();
        return if is_due { Ok(()) } else { Err(format!("stop {id} without pressure")) };
    }
    let is_acting = trial.decided().next().is_some();
    if !is_due || is_acting || facts.under_way > 0 || !facts.may_plan(trial) || is_unsettled(trial) {
        return Ok(());
    }
    // Where the use of single nodes is known, the rule may find that a stop does not help.
    if facts.nodes.iter().any(|node| node.sample.cpu.is_some() || node.sample.memory.is_some()) {
        return Ok(());
    }
    match facts.nodes.iter().find(|node| node.is_free() && node.is_running()) {
        Some(node) => Err(format!("nothing is stopped, and {} could be", node.id)),
        None => Ok(()),
    }
}

/// Tells whether a relief may stop a started node again. Under steady a stop for CPU has conditions of its own.
fn is_restart_postponed(trial: &Trial<'_>) -> bool {
    let mut host = trial.observation.host.clone();
    if trial.policy.preset == Preset::Steady {
        host.cpu = None;
    }
    is_exceeded(trial.policy, &host)
}

/// Tells whether a signal that a stop lowers is over its high threshold.
fn is_relievable(trial: &Trial<'_>) -> bool {
    is_exceeded(trial.policy, &trial.observation.host)
}

fn is_exceeded(policy: &Policy, host: &HostSample) -> bool {
    let io = [
        (policy.disk_io.map(|io| io.read), host.disk_read),
        (policy.disk_io.map(|io| io.write), host.disk_write),
        (policy.net_io.map(|io| io.read), host.net_read),
        (policy.net_io.map(|io| io.write), host.net_write),
    ];
    policy.cpu.is_exceeded(host.cpu)
        || policy.memory.is_exceeded(host.memory)
        || io.iter().any(|(threshold, seen)| threshold.is_some_and(|threshold| threshold.is_exceeded(*seen)))
}

/// Tells whether a node started within three minutes, or stopped for pressure within one.
fn is_unsettled(trial: &Trial<'_>) -> bool {
    let now = trial.observation.now;
    let is_recent = |since, seconds| now.since(since) < Duration::from_secs(seconds);
    trial.observation.nodes.keys().filter_map(|id| trial.state.nodes.get(id)).any(|state| match state {
        NodeState::Stopped { since: Some(since), cause: StopCause::Pressure } => is_recent(*since, 60),
        NodeState::Stopped { .. } => false,
        state => state.since().is_some_and(|since| is_recent(since, 180)),
    }) || trial.observation.nodes.keys().any(|id| !trial.state.nodes.contains_key(id))
        // An observation that changes a state to running starts that state now.
        || trial.observation.nodes.iter().any(|(id, sample)| {
            let runs = matches!(trial.state.nodes.get(id), Some(NodeState::Running { .. }));
            !runs && matches!(sample.presence, wnm_core::Presence::Answering | wnm_core::Presence::Unverified)
        })
}

/// Classic grows: with headroom on every signal, no operation in progress and fewer nodes than the cap, a stopped node
/// starts after its delay, or else a node is added; without headroom no node starts.
pub(super) fn growth(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    let (total, cap, now) = (facts.total(), trial.policy.node_cap, trial.observation.now);
    let running =
        facts.nodes.iter().filter(|node| matches!(node.belief, super::facts::Belief::Unknown) || node.is_running());
    if trial.recovers() {
        return Ok(());
    }
    // A stopped node has its place in a full colony.
    let has_place = total < cap || total == cap && facts.nodes.iter().any(Believed::waits_for_headroom);
    let has_room = facts.has_headroom && facts.under_way == 0 && has_place && (running.count() as u32) < cap;
    let mut grown = trial.decided().filter(|planned| is_growth(planned));
    if let Some(planned) = grown.next() {
        let (verb, id) = (planned.action.verb(), planned.action.node());
        return if has_room { Ok(()) } else { Err(format!("{verb} {id} without room")) };
    }
    // An upgrade comes first, and so does a removal from a full volume beside one with space.
    if !has_room || !facts.may_plan(trial) || !facts.may_volunteer(trial) || trial.decided().next().is_some() {
        return Ok(());
    }
    let waits = facts.nodes.iter().any(|node| node.blocks_additions(now));
    match facts.nodes.iter().find(|node| node.is_free() && node.is_ready(now)) {
        Some(node) => Err(format!("nothing is started, and {} could be", node.id)),
        None if !waits && total < cap && failed_addition(trial).is_none() => {
            Err(format!("nothing is added, and there are {total} nodes of {cap}"))
        }
        None => Ok(()),
    }
}

/// Classic rolls out: never with upgrades off, under pressure, or to a refused version; and always when a running node
/// is older, the first node is not newer than the binary, and no operation is in progress.
pub(super) fn rollout(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    let target = trial.observation.target.as_ref();
    let is_pressed = facts.is_pressed || facts.total() > trial.policy.node_cap;
    let is_refused = target.is_some_and(|target| trial.state.is_refused(target));
    let is_newer = |node: &Believed<'_>| node.sample.version.as_ref().zip(target).is_some_and(|(has, to)| has > to);
    let is_older = |node: &Believed<'_>| node.sample.version.as_ref().zip(target).is_some_and(|(has, to)| has < to);
    let first_is_newer = facts.nodes.first().is_some_and(is_newer);
    let is_leased = |to| trial.observation.valves.rollout.as_ref().is_none_or(|rollout| rollout.wait_for(to).is_none());
    let is_wanted = trial.policy.upgrades == Upgrades::ByManager && !first_is_newer && target.is_some_and(is_leased);
    let may = is_wanted && !is_pressed && !is_refused;
    let mut upgrades = trial.decided().filter(|planned| matches!(planned.action, Action::Upgrade { .. }));
    if let Some(planned) = upgrades.next() {
        let id = planned.action.node();
        return if may { Ok(()) } else { Err(format!("{id} is upgraded, and may not be")) };
    }
    if !may || facts.under_way > 0 || !facts.may_plan(trial) || !facts.may_volunteer(trial) || trial.recovers() {
        return Ok(());
    }
    let is_due = |node: &&Believed<'_>| node.is_free() && node.is_running() && is_older(node);
    facts.nodes.iter().find(is_due).map_or(Ok(()), |node| Err(format!("nothing is upgraded, and {} is due", node.id)))
}
