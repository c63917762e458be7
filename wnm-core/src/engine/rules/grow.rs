//! Starts nodes that the policy stopped, the oldest first, then adds new ones, while all signals are below their low thresholds.

use crate::action::decision::{Action, Reason};
use crate::action::verdict::{Blocker, Comparison, Verdict};
use crate::engine::failures;
use crate::engine::node_status::NodeStatus;
use crate::engine::rules::{First, Plan, choose, no_volume_fits};
use crate::engine::situation::Situation;
use crate::model::node::{NodeId, NodeState, StopCause};
use crate::model::units::{Timestamp, Version};
use crate::policy::allocation::free_ids;
use crate::policy::constants::PRESSURE_COOLDOWN;
use crate::policy::pressure::{Measure, Signal, measures};
use crate::policy::thresholds::{Policy, Preset};

pub(crate) fn evaluate(situation: &Situation<'_>, plan: &mut Plan) -> Verdict {
    let Situation { policy, census, features, .. } = situation;
    let (total, cap) = (census.total, policy.node_cap);
    if !features.add_new_node {
        return Verdict::blocked(if total > cap || total == cap && census.stopped == 0 || !features.allow_node_cap {
            Blocker::NodeCap { total, cap }
        } else if !features.signals_allow() {
            obstacle(situation)
        } else {
            Blocker::OperationInProgress
        });
    }
    let (_, waiting) = stopped(situation);
    let allowance = plan.allowance(policy.limits.starts, census.restarting);
    fill(situation, plan, allowance);
    match waiting {
        _ if plan.has_actions() => Verdict::Act,
        Some((until, node)) => Verdict::Wait(Blocker::RestartDelay { node, until }),
        None if total >= cap => Verdict::blocked(Blocker::NodeCap { total, cap }),
        None => Verdict::blocked(add_delay(situation).unwrap_or(Blocker::OperationInProgress)),
    }
}

/// Returns the delay after a failed addition, while it runs.
pub(crate) fn add_delay(situation: &Situation<'_>) -> Option<Blocker> {
    let failed = failures::delayed_addition(&situation.state.failures, situation.observation.now)?;
    let (failures, until, error) = (failed.failures, failed.retry_at, failed.error.clone());
    Some(Blocker::AddDelay { failures, until, error })
}

/// Returns the first signal that is missing or not below its low threshold.
fn obstacle(situation: &Situation<'_>) -> Blocker {
    let Situation { policy, observation, features, .. } = situation;
    if no_volume_fits(situation) {
        return Blocker::NoVolume;
    }
    // One volume with space is enough, because a new node goes to the emptiest one.
    let blocks =
        |measure: &Measure| !(measure.allows() || features.allow_hd && matches!(measure.signal, Signal::Disk(_)));
    match measures(policy, &observation.host).find(blocks) {
        Some(Measure { signal, seen: Some(seen), less_than, .. }) => {
            Blocker::OverThreshold(Comparison::latest(signal, seen, less_than))
        }
        Some(Measure { signal, seen: None, .. }) => Blocker::MissingMetric { signal },
        // Without any volume the use of the disk is unknown.
        None => Blocker::MissingMetric { signal: Signal::Disk(0) },
    }
}

/// Returns the number of nodes stopped by the policy that may start now, and the node whose cooldown ends first, with that time.
pub(crate) fn stopped(situation: &Situation<'_>) -> (usize, Option<(Timestamp, NodeId)>) {
    let mut ready = 0;
    let mut waiting = None;
    for seen in situation.nodes.iter().filter(|seen| situation.waits_for_headroom(seen)) {
        match ready_at(situation, seen).filter(|at| *at > situation.observation.now) {
            None => ready += usize::from(seen.is_free()),
            Some(at) => waiting = waiting.into_iter().chain([(at, seen.id)]).min(),
        }
    }
    (ready, waiting)
}

/// Plans up to `allowance` starts and additions: stopped nodes first, the oldest first, then new ones.
pub(crate) fn fill(situation: &Situation<'_>, plan: &mut Plan, allowance: usize) {
    let Situation { policy, census, observation, .. } = situation;
    let (total, cap) = (census.total, policy.node_cap);
    let is_ready = |seen: &NodeStatus<'_>| ready_at(situation, seen).is_none_or(|at| at <= observation.now);
    // Nodes that run without an answer take a place, too.
    let allowance = allowance.min(cap.saturating_sub(census.running) as usize);
    let ready =
        choose(situation, First::Oldest, allowance, |seen| situation.waits_for_headroom(seen) && is_ready(seen));
    let mut left = allowance - ready.len();
    for seen in ready {
        let upgrade_to = newer(situation, seen.sample.version.as_ref());
        plan.push(Action::Start { node: seen.id, upgrade_to }, Reason::HeadroomToStart);
    }
    // A stopped node keeps its identity, whose age has value: no new node is added while one waits for its cooldown.
    let waits =
        |seen: &NodeStatus<'_>| situation.waits_for_headroom(seen) && !is_ready(seen) || situation.comes_back(seen);
    if situation.nodes.iter().any(waits) {
        left = 0;
    }
    // Holes in the numbering are refilled from 1, as operators of the Python wnm expect.
    let taken = situation.nodes.iter().map(|seen| seen.id);
    let failed = &situation.state.failures;
    if failures::delayed_addition(failed, observation.now).is_some() {
        left = 0;
    }
    let most = left.min(cap.saturating_sub(total) as usize);
    let free = free_ids(taken, policy.highest_node_id_used)
        .filter(|id| !failures::avoids(failed, *id) && !observation.host.has_unlisted(*id));
    for node in free.take(most) {
        plan.push(Action::Add { node }, Reason::HeadroomToAdd { total, cap });
    }
}

/// Returns the end of the cooldown of a stopped node; None without a cooldown.
fn ready_at(situation: &Situation<'_>, seen: &NodeStatus<'_>) -> Option<Timestamp> {
    let Policy { preset, delays, .. } = situation.policy;
    match *seen.state {
        NodeState::Stopped { since, cause } => {
            let is_relief = *preset == Preset::Steady && cause == StopCause::Pressure;
            let delay = if is_relief { delays.restart.max(PRESSURE_COOLDOWN) } else { delays.restart };
            since.map(|since| since.after(delay))
        }
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

/// Returns the version to install before a start: that of the node binary, if it is newer and was not refused.
fn newer(situation: &Situation<'_>, version: Option<&Version>) -> Option<Version> {
    let target = situation.observation.target.as_ref().filter(|target| !situation.state.is_refused(target))?;
    version.is_some_and(|version| version < target).then(|| target.clone())
}
