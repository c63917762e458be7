//! Moves nodes off a volume that is over its high threshold, or under steady near it. A move keeps the identity of the
//! node, which a removal does not.

use std::path::Path;

use crate::action::decision::{Action, Afterwards};
use crate::action::verdict::{Blocker, MoveObstacle, SkipReason, Verdict};
use crate::engine::node_status::NodeStatus;
use crate::engine::rules::{First, Plan, choose, relieve_disk};
use crate::engine::situation::Situation;
use crate::model::node::NodeState;
use crate::model::units::{Bytes, Percent};
use crate::model::volume::{NODE_INODES, Volume};
use crate::policy::constants::MOST_FAILED_MOVES;
use crate::policy::pressure::{Measure, Signal};

pub(crate) fn evaluate(situation: &Situation<'_>, plan: &mut Plan) -> Verdict {
    if !situation.policy.move_nodes {
        return Verdict::Skip(SkipReason::MovesDisabled);
    }
    let mut is_awaited = false;
    let mut hindered = None;
    for (i, used) in relieve_disk::over(situation) {
        if is_moving_off(situation, i) {
            is_awaited = true;
            continue;
        }
        let action = match next(situation, i) {
            Ok(action) => action,
            Err(obstacle) => {
                hindered.get_or_insert(obstacle);
                continue;
            }
        };
        // Two copies at once would take each other's time, and the second one may not be needed.
        if is_any_moving(situation) {
            is_awaited = true;
        } else if plan.allowance(1, 0) > 0 {
            let measure = Measure::new(Signal::Disk(i), Percent::clamped(used.get()), situation.policy.disk);
            plan.push(action, relieve_disk::reason(situation.policy, measure));
            return Verdict::Act;
        } else {
            let (in_progress, limit) = (situation.census.operations(), situation.policy.limits.operations);
            return Verdict::blocked(Blocker::OperationLimit { in_progress, limit });
        }
    }
    match hindered {
        _ if is_awaited => Verdict::blocked(Blocker::MoveInProgress),
        Some(obstacle) => Verdict::Skip(SkipReason::NoMove { obstacle }),
        None => Verdict::Skip(relieve_disk::below(situation)),
    }
}

/// Returns whether moves relieve a volume over its level, so that no node on it is removed: one is in progress, or can
/// begin now or after another one.
pub(super) fn relieves(situation: &Situation<'_>, volume: usize) -> bool {
    situation.policy.move_nodes && (is_moving_off(situation, volume) || next(situation, volume).is_ok())
}

fn is_any_moving(situation: &Situation<'_>) -> bool {
    situation.nodes.iter().any(is_moving)
}

/// Returns whether a node moves off a volume that can still wait for it.
fn is_moving_off(situation: &Situation<'_>, volume: usize) -> bool {
    let may = situation.observation.host.volumes.get(volume).is_some_and(|from| can_wait(situation, from));
    may && situation.nodes.iter().any(|seen| seen.sample.volume == Some(volume) && is_moving(seen))
}

fn is_moving(seen: &NodeStatus<'_>) -> bool {
    seen.acting && matches!(*seen.state, NodeState::Migrating { .. })
}

/// Returns whether a volume can wait until a copy is complete: `crisis_bytes` are free.
fn can_wait(situation: &Situation<'_>, from: &Volume) -> bool {
    from.available.is_none_or(|available| available >= situation.policy.crisis)
}

/// Returns whether moves failed so often that nodes are removed instead.
fn are_failing(situation: &Situation<'_>) -> bool {
    let now = situation.observation.now;
    let delayed = situation.state.failures.iter().filter(|failed| failed.verb == "move" && failed.retry_at > now);
    delayed.fold(0_u32, |sum, failed| sum.saturating_add(failed.failures)) >= MOST_FAILED_MOVES
}

/// Returns the move of the smallest node on a volume to the volume with the most space.
///
/// # Errors
/// The condition that keeps all nodes on the volume.
fn next(situation: &Situation<'_>, volume: usize) -> Result<Action, MoveObstacle> {
    let from = situation.observation.host.volumes.get(volume).filter(|from| can_wait(situation, from));
    let from = from.ok_or(MoveObstacle::NearlyFull)?;
    if are_failing(situation) {
        return Err(MoveObstacle::Failures);
    }
    let is_candidate = |seen: &NodeStatus<'_>| {
        (seen.is_running() || seen.is_stopped()) && seen.sample.volume == Some(volume) && seen.sample.disk.is_some()
    };
    let size = |seen: &&NodeStatus<'_>| seen.sample.disk.map(|bytes| (bytes, seen.id));
    let candidates = choose(situation, First::Oldest, usize::MAX, is_candidate).into_iter();
    let seen = candidates.min_by_key(size).ok_or(MoveObstacle::NoCandidate)?;
    let to = target(situation, from, seen).ok_or(MoveObstacle::NoSpace)?.to_owned();
    let then = if seen.is_stopped() { Afterwards::Stopped } else { Afterwards::Running };
    Ok(Action::Move { node: seen.id, to, then })
}

/// Returns the storage folder with the most space of those whose volume stays below its low threshold with the node.
fn target<'s>(situation: &'s Situation<'_>, from: &Volume, seen: &NodeStatus<'_>) -> Option<&'s Path> {
    let bytes = seen.sample.disk?;
    let records = seen.sample.metrics.as_ref().and_then(|metrics| metrics.records).unwrap_or(0);
    let takes = |volume: &&Volume| !volume.shares_space_with(from) && stays_below(situation, volume, bytes, records);
    let volumes = &situation.observation.host.volumes;
    Some(volumes.iter().filter(takes).max_by_key(|volume| volume.available)?.root.as_path())
}

/// Returns whether a volume is usable, and with this folder stays below its low threshold and keeps `crisis_bytes` and
/// the inodes of a new node free.
fn stays_below(situation: &Situation<'_>, volume: &Volume, folder: Bytes, files: u64) -> bool {
    let policy = situation.policy;
    let (Some(used), Some(total), Some(available)) = (volume.fullness(), volume.total, volume.available) else {
        return false;
    };
    let share = folder.0 as f64 / total.0.max(1) as f64 * 100.0;
    volume.fits(policy.crisis)
        && available.0.saturating_sub(folder.0) >= policy.crisis.0
        && volume.inodes_free.is_none_or(|free| free.saturating_sub(files) >= NODE_INODES)
        && used.get() + share < policy.disk.less_than.get()
}
