//! Room for more: start what is stopped, oldest first, then add.

use crate::allocation::free_ids;
use crate::decision::{Action, Pass, Reason, Rest, Verdict};
use crate::node::NodeState;
use crate::rules::{First, Plan, choose};
use crate::situation::{Seen, Situation};
use crate::units::{Timestamp, Version};

pub(crate) fn judge(situation: &Situation<'_>, plan: &mut Plan) -> Verdict {
    let Situation { policy, census, features, observation, .. } = situation;
    let (total, cap) = (census.total, policy.node_cap);
    if !features.add_new_node {
        return Verdict::Passes(if total >= cap || !features.allow_node_cap {
            Pass::CapReached { total, cap }
        } else if !features.signals_allow() {
            Pass::NoRoom
        } else {
            Pass::Busy
        });
    }
    let room = plan.room(policy.limits.starts, census.restarting);
    let ready_at = |seen: &Seen<'_>| ready_at(&seen.state, policy.delays.restart);
    let is_ready = |seen: &Seen<'_>| ready_at(seen).is_none_or(|at| at <= observation.now);
    let waiting = situation.nodes.iter().filter(|seen| seen.is_stopped() && !is_ready(seen));
    let next_ready = waiting.filter_map(|seen| ready_at(seen).map(|at| (at, seen.id))).min();

    let stopped = choose(situation, First::Oldest, room, |seen| seen.is_stopped() && is_ready(seen));
    let mut left = room - stopped.len();
    for seen in stopped {
        let upgrade_to = newer(situation, seen.sample.version.as_ref());
        plan.push(Action::Start { node: seen.id, upgrade_to }, Reason::RoomToStart);
    }
    // A stopped node that only waits for its time is worth more than a new one.
    if next_ready.is_some() {
        left = 0;
    }
    let taken = situation.nodes.iter().map(|seen| seen.id);
    for node in free_ids(taken, policy.highest_node_id_used).take(left.min((cap - total) as usize)) {
        plan.push(Action::Add { node }, Reason::RoomToAdd { total, cap });
    }
    match next_ready {
        _ if plan.has_actions() => Verdict::Acts,
        Some((until, node)) => Verdict::Rests(Rest::WaitingToRestart { node, until }),
        None => Verdict::Passes(Pass::Busy),
    }
}

/// Returns when a stopped node may start; None when it need not wait.
fn ready_at(state: &NodeState, delay: std::time::Duration) -> Option<Timestamp> {
    match state {
        NodeState::Stopped { since, .. } => since.map(|since| since.after(delay)),
        NodeState::Running { .. }
        | NodeState::Unknown { .. }
        | NodeState::Restarting { .. }
        | NodeState::Upgrading { .. }
        | NodeState::Migrating { .. }
        | NodeState::Removing { .. }
        | NodeState::Dead { .. }
        | NodeState::Disabled { .. } => None,
    }
}

/// Returns the version a node is to have when it starts, if that is newer than its own and was not refused.
fn newer(situation: &Situation<'_>, version: Option<&Version>) -> Option<Version> {
    let target = situation.observation.target.as_ref().filter(|target| !situation.state.is_refused(target))?;
    version.is_some_and(|version| version < target).then(|| target.clone())
}
