//! Properties of the moves that the rules plan.

use wnm_core::{Action, Bytes, NodeId, Planned, Policy, Preset, Reason, Relief, Volume};

use super::facts::{Belief, Believed, Facts};
use super::{Finding, Trial, steady};

/// Property 33: a rule moves one node at a time. The node is free and lies on a volume near its high threshold, and the
/// target stays below its low threshold with it, and keeps `crisis_bytes` free.
pub(super) fn moved(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    let mut moves = trial.decided().filter(|planned| matches!(planned.action, Action::Move { .. }));
    let Some(Planned { action: Action::Move { node: id, to, .. }, .. }) = moves.next() else { return Ok(()) };
    if moves.next().is_some() || is_moving(facts) {
        return Err(format!("{id} moves beside another node"));
    }
    let volumes = &trial.observation.host.volumes;
    let Some(node) = facts.node(*id) else { return Err(format!("{id} moves, and is no node")) };
    let from = node.sample.volume.and_then(|i| volumes.get(i));
    let Some((from, size)) = from.zip(node.sample.disk) else {
        return Err(format!("{id} moves, and its volume or its size is unknown"));
    };
    if !is_filling(trial.policy, from) {
        return Err(format!("{id} moves off a volume with space: {from:?}"));
    }
    match volumes.iter().find(|volume| volume.root == *to) {
        Some(target) if takes(trial.policy, from, target, size) => Ok(()),
        target => Err(format!("{id} moves to a volume that does not take it: {target:?}")),
    }
}

/// Property 34: no node is removed for disk while a node of its volume could move. Failed moves, and a volume that is
/// nearly full, end that.
pub(super) fn moved_first(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    let has_failed = trial.state.failures.iter().any(|failed| failed.verb == "move");
    if !trial.policy.move_nodes || has_failed {
        return Ok(());
    }
    let volumes = &trial.observation.host.volumes;
    for Planned { action, reason } in trial.decided() {
        let Action::Remove { node: id, .. } = action else { continue };
        if !matches!(reason, Reason::Pressure { .. } | Reason::Relief { relief: Relief::Disk, .. }) {
            continue;
        }
        let Some(place) = facts.node(*id).and_then(|node| node.sample.volume) else { continue };
        let Some(from) = volumes.get(place).filter(|from| from.available >= Some(trial.policy.crisis)) else {
            continue;
        };
        if let Some(other) = smallest(facts, place)
            && let Some(size) = other.sample.disk
            && volumes.iter().any(|target| takes(trial.policy, from, target, size))
        {
            return Err(format!("{id} is removed, and {} could move", other.id));
        }
    }
    Ok(())
}

fn is_moving(facts: &Facts<'_>) -> bool {
    facts.nodes.iter().any(|node| node.acting && node.belief == Belief::Migrating)
}

fn smallest<'f, 'a>(facts: &'f Facts<'a>, place: usize) -> Option<&'f Believed<'a>> {
    let size = |node: &&Believed<'a>| -> (Option<Bytes>, NodeId) { (node.sample.disk, node.id) };
    let on_it = |node: &&Believed<'a>| {
        node.is_free()
            && (node.is_running() || node.is_stopped())
            && node.sample.volume == Some(place)
            && node.sample.disk.is_some()
    };
    facts.nodes.iter().filter(on_it).min_by_key(size)
}

fn is_filling(policy: &Policy, volume: &Volume) -> bool {
    let used = volume.used.max(volume.inodes_used);
    match policy.preset {
        Preset::Classic => policy.disk.is_exceeded(used),
        Preset::Steady => steady::is_filling(policy, used),
    }
}

fn takes(policy: &Policy, from: &Volume, target: &Volume, size: Bytes) -> bool {
    let (Some(used), Some(Bytes(total)), Some(Bytes(available))) = (target.used, target.total, target.available) else {
        return false;
    };
    let after = used.get() + 100.0 * size.0 as f64 / (total.max(1)) as f64;
    let is_other = target.root != from.root && (target.pool.is_empty() || target.pool != from.pool);
    is_other
        && target.fault.is_none()
        && !target.drained
        && after < policy.disk.less_than.get()
        && available >= size.0.saturating_add(policy.crisis.0)
}
