//! Properties of signals: the actions they require and the actions they forbid.

use std::time::Duration;

use wnm_core::{Action, HostSample, Planned, Policy, Upgrades};

use super::facts::{Believed, Facts, Room};
use super::{Finding, Trial, is_recovery};

fn is_relief(planned: &Planned) -> bool {
    matches!(planned.action, Action::Stop { .. } | Action::Remove { .. })
}

fn is_growth(planned: &Planned) -> bool {
    matches!(planned.action, Action::Add { .. } | Action::Start { .. })
}

/// Property 10: a full disk, a removable node and no operation in progress lead to a removal in the same cycle.
///
/// A removable node is eligible, runs or is stopped, and lies on the full volume (or on any volume, when the colony
/// exceeds the node cap). Cycles of a reboot, of dead nodes and of an anomaly are exempt: those rules come first.
pub(super) fn full_disk(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    if !facts.disk_is_full || facts.under_way > 0 || !facts.may_plan(trial) {
        return Ok(());
    }
    let over_cap = facts.total() > trial.policy.node_cap;
    let helps = |node: &&Believed<'_>| node.is_free() && (over_cap || Facts::is_on_full_volume(trial, node.sample));
    let Some(removable) = facts.nodes.iter().find(helps) else { return Ok(()) };
    let removes = trial.decided().any(|planned| matches!(planned.action, Action::Remove { .. }));
    if removes { Ok(()) } else { Err(format!("nothing is removed, and {} could be", removable.id)) }
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

/// Property 22: a node that should run and is down is started again as soon as its delay has passed, whatever the node
/// cap says: no delay is longer than half an hour. Signals over their high threshold, starts in progress up to the
/// limit, and more nodes than the cap postpone it; the oldest of several nodes is first.
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
    if facts.room == Room::Pressure || is_busy || !facts.may_plan(trial) || trial.recovers() {
        return Ok(());
    }
    let due = facts.nodes.iter().find(|node| node.is_free() && node.is_due(now));
    due.map_or(Ok(()), |node| Err(format!("{} is down and due, and is not started", node.id)))
}

/// Classic relieves: pressure, or too many nodes, leads to a stop or a removal when a node is eligible and no operation
/// is in progress; without pressure only dead nodes are removed, and no node is stopped.
pub(super) fn relief(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    let over_cap = facts.total() > trial.policy.node_cap;
    let is_due = facts.room == Room::Pressure || over_cap;
    let reliefs = trial.decided().filter(|planned| is_relief(planned));
    let mut reliefs = reliefs.filter(|planned| planned.reason != wnm_core::Reason::Dead);
    if let Some(planned) = reliefs.next() {
        let (verb, id) = (planned.action.verb(), planned.action.node());
        return if is_due { Ok(()) } else { Err(format!("{verb} {id} without pressure")) };
    }
    let is_elsewhere = trial.recovers() || (facts.disk_is_full && !over_cap);
    if !is_due || facts.under_way > 0 || !facts.may_plan(trial) || is_elsewhere {
        return Ok(());
    }
    match facts.nodes.iter().find(|node| node.is_free() && node.is_running()) {
        Some(node) => Err(format!("nothing is stopped or removed, and {} could be", node.id)),
        None => Ok(()),
    }
}

/// Classic grows: with headroom on every signal, no operation in progress and fewer nodes than the cap, a stopped node
/// starts after its delay, or else a node is added; without headroom no node starts.
pub(super) fn growth(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    let (total, cap, now) = (facts.total(), trial.policy.node_cap, trial.observation.now);
    let running =
        facts.nodes.iter().filter(|node| matches!(node.belief, super::facts::Belief::Unknown) || node.is_running());
    let has_room = facts.room == Room::Free && facts.under_way == 0 && total < cap && (running.count() as u32) < cap;
    if trial.recovers() {
        return Ok(());
    }
    let mut grown = trial.decided().filter(|planned| is_growth(planned));
    if let Some(planned) = grown.next() {
        let (verb, id) = (planned.action.verb(), planned.action.node());
        return if has_room { Ok(()) } else { Err(format!("{verb} {id} without room")) };
    }
    let is_upgrading = trial.decided().any(|planned| matches!(planned.action, Action::Upgrade { .. }));
    if !has_room || !facts.may_plan(trial) || is_upgrading {
        return Ok(());
    }
    let waits = facts.nodes.iter().any(|node| node.blocks_additions(now));
    match facts.nodes.iter().find(|node| node.is_free() && node.is_ready(now)) {
        Some(node) => Err(format!("nothing is started, and {} could be", node.id)),
        None if !waits => Err(format!("nothing is added, and there are {total} nodes of {cap}")),
        None => Ok(()),
    }
}

/// Classic rolls out: never with upgrades off, under pressure, or to a refused version; and always when a running node
/// is older, the first node is not newer than the binary, and no operation is in progress.
pub(super) fn rollout(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    let target = trial.observation.target.as_ref();
    let is_pressed = facts.room == Room::Pressure || facts.total() > trial.policy.node_cap;
    let is_refused = target.is_some_and(|target| trial.state.is_refused(target));
    let is_newer = |node: &Believed<'_>| node.sample.version.as_ref().zip(target).is_some_and(|(has, to)| has > to);
    let is_older = |node: &Believed<'_>| node.sample.version.as_ref().zip(target).is_some_and(|(has, to)| has < to);
    let first_is_newer = facts.nodes.first().is_some_and(is_newer);
    let is_wanted = trial.policy.upgrades == Upgrades::ByManager && !first_is_newer;
    let may = is_wanted && !is_pressed && !is_refused;
    let mut upgrades = trial.decided().filter(|planned| matches!(planned.action, Action::Upgrade { .. }));
    if let Some(planned) = upgrades.next() {
        let id = planned.action.node();
        return if may { Ok(()) } else { Err(format!("{id} is upgraded, and may not be")) };
    }
    if !may || facts.under_way > 0 || !facts.may_plan(trial) || trial.recovers() {
        return Ok(());
    }
    let is_due = |node: &&Believed<'_>| node.is_free() && node.is_running() && is_older(node);
    facts.nodes.iter().find(is_due).map_or(Ok(()), |node| Err(format!("nothing is upgraded, and {} is due", node.id)))
}
