//! Starts nodes that should run and whose process ended by itself, outside the node cap: they are no additions.

use crate::action::decision::{Action, Reason};
use crate::action::verdict::{Blocker, Comparison, SkipReason, Verdict};
use crate::engine::node_status::NodeStatus;
use crate::engine::recovery::Recovery;
use crate::engine::rules::{First, Plan, choose};
use crate::engine::situation::Situation;
use crate::model::node::{NodeId, NodeState};
use crate::model::observation::Presence;
use crate::policy::pressure::{Signal, measures};

pub(crate) fn evaluate(situation: &Situation<'_>, plan: &mut Plan) -> Verdict {
    let Situation { policy, census, observation, state, .. } = situation;
    // Most cycles end here.
    if census.stopped == 0 {
        return Verdict::Skip(SkipReason::NothingDown);
    }
    let has_space = |seen: &NodeStatus<'_>| {
        let is_full =
            |i: usize| observation.host.volumes.get(i).is_some_and(|volume| policy.disk.is_exceeded(volume.used));
        !seen.sample.volume.is_some_and(is_full)
    };
    let is_due = |seen: &NodeStatus<'_>| {
        situation.is_down(seen) && situation.recovers_at(seen.id) <= observation.now && has_space(seen)
    };
    if !situation.nodes.iter().any(|seen| seen.is_free() && is_due(seen)) {
        return waiting(situation).map_or(Verdict::Skip(SkipReason::NothingDown), Verdict::blocked);
    }
    if let Some(blocker) = obstacle(situation) {
        return Verdict::blocked(blocker);
    }
    let starting = census.restarting - settled(situation);
    let in_progress = census.operations() - settled(situation);
    let allowance = policy.limits.starts.saturating_sub(starting);
    let allowance = allowance.min(policy.limits.operations.saturating_sub(in_progress)) as usize;
    for seen in choose(situation, First::Oldest, allowance, is_due) {
        let recovery = state.recoveries.get(&seen.id);
        let exit = seen.sample.exit.clone().or_else(|| recovery?.exit.clone().map(Box::new));
        let attempt = recovery.map_or(1, |recovery| recovery.attempts.max(1));
        // Without an upgrade: a node comes back as it was, and the rule `upgrade` has its own conditions.
        plan.push(Action::Start { node: seen.id, upgrade_to: None }, Reason::Ended { attempt, exit });
    }
    if plan.has_actions() { Verdict::Act } else { Verdict::blocked(Blocker::OperationInProgress) }
}

/// Returns the node that starts first, with the time of its start; None when no node is down.
fn waiting(situation: &Situation<'_>) -> Option<Blocker> {
    let down = situation.nodes.iter().filter(|seen| situation.is_down(seen));
    let (until, node) = down.map(|seen| (situation.recovers_at(seen.id), seen.id)).min()?;
    Some(if is_crash_loop(situation, node) {
        Blocker::CrashLoop { node, until }
    } else {
        Blocker::RetryDelay { node, until }
    })
}

fn is_crash_loop(situation: &Situation<'_>, node: NodeId) -> bool {
    situation.state.recoveries.get(&node).is_some_and(Recovery::is_crash_loop)
}

/// Returns the number of started nodes that are seen up: they hold back no further start, although they count as
/// starting until `delay_start` has passed. Otherwise a colony would take hours to come back after a reboot.
fn settled(situation: &Situation<'_>) -> u32 {
    let is_up = |seen: &&NodeStatus<'_>| {
        let is_starting = matches!(*seen.state, NodeState::Restarting { .. });
        is_starting && !seen.acting && seen.sample.presence == Presence::Answering
    };
    situation.nodes.iter().filter(is_up).count() as u32
}

/// Returns the condition under which a rule of relief would stop or remove a node again: a signal over its high
/// threshold that a stop lowers, or more nodes than the cap allows.
fn obstacle(situation: &Situation<'_>) -> Option<Blocker> {
    let Situation { policy, census, observation, steady, .. } = situation;
    let (total, cap) = (census.total, policy.node_cap);
    if total.saturating_sub(census.removing) > cap {
        return Some(Blocker::NodeCap { total, cap });
    }
    let is_relieved = |signal: Signal| match signal {
        // Under steady a stop follows a grace period, and only if it helps; a node that is down would wait for hours.
        Signal::Cpu => steady.is_none(),
        // Load averages lag by minutes, and block additions only. A full volume concerns its own nodes.
        Signal::Load1 | Signal::Load5 | Signal::Load15 | Signal::Disk(_) => false,
        Signal::Memory | Signal::DiskRead | Signal::DiskWrite | Signal::NetRead | Signal::NetWrite => true,
    };
    let mut exceeded = measures(policy, &observation.host).filter(|measure| measure.is_exceeded());
    let measure = exceeded.find(|measure| is_relieved(measure.signal))?;
    Comparison::with_high(&measure).map(Blocker::RestartOverThreshold)
}
