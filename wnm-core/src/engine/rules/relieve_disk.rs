//! Removes nodes from a volume that is over its high threshold, or under steady near it, and that no move relieves: a
//! stopped node frees no space.

use std::time::Duration;

use crate::action::decision::{Action, Reason, Relief};
use crate::action::verdict::{Blocker, Comparison, SkipReason, Verdict};
use crate::engine::node_status::NodeStatus;
use crate::engine::rules::{First, Plan, awaits_removal, choose, move_nodes};
use crate::engine::situation::Situation;
use crate::model::node::NodeState;
use crate::model::units::{Bytes, Percent};
use crate::model::volume::Volume;
use crate::policy::constants::{DISK_MARGIN, MOST_DISK_REMOVALS};
use crate::policy::pressure::{Measure, Signal};
use crate::policy::thresholds::{Policy, Preset};

pub(crate) fn evaluate(situation: &Situation<'_>, plan: &mut Plan) -> Verdict {
    let Situation { policy, census, observation, .. } = situation;
    let threshold = level(policy);
    let mut awaits_move = false;
    let mut allowance = plan.allowance(policy.limits.removals, census.removing).min(MOST_DISK_REMOVALS);
    let mut is_over = false;
    let mut external = None;
    for (i, used) in over(situation) {
        let volume = &observation.host.volumes[i];
        if move_nodes::relieves(situation, i) {
            awaits_move = true;
            continue;
        }
        // A node on an unknown volume counts as one of the first volume over its level.
        let is_lost = |seen: &NodeStatus<'_>| seen.sample.volume.is_none() && !is_over;
        let on_it = |seen: &NodeStatus<'_>| seen.sample.volume == Some(i) || is_lost(seen);
        let over = bytes_over(volume, used, threshold);
        // The bytes over the level may belong to other programs: then identities would go, and the volume would stay full.
        let all = held(situation, |seen| on_it(seen) && (is_removing(seen) || is_removable(seen)));
        if over > all as f64 {
            let (signal, over) = (Signal::Disk(i), Bytes(over as u64));
            external = external.or((all > 0).then_some(Blocker::ExternalUse { signal, held: Bytes(all), over }));
            is_over = true;
            continue;
        }
        // A removal that failed may free its bytes at the next try; another node would be stopped for the same failure.
        let is_leaving = |seen: &NodeStatus<'_>| is_removing(seen) || awaits_removal(situation, seen);
        let mut left = over - held(situation, |seen| on_it(seen) && is_leaving(seen)) as f64;
        let stopped = choose(situation, First::Youngest, allowance, |seen| seen.is_stopped() && on_it(seen));
        let running = choose(situation, First::Youngest, allowance, |seen| seen.is_running() && on_it(seen));
        let measure = Measure::new(Signal::Disk(i), Percent::clamped(used.get()), policy.disk);
        let lingers = running.into_iter().map(|seen| (seen, policy.delays.remove));
        for (seen, linger) in stopped.into_iter().map(|seen| (seen, Duration::ZERO)).chain(lingers).take(allowance) {
            if left <= 0.0 {
                break;
            }
            left -= size(seen).max(1) as f64;
            allowance -= 1;
            plan.push(Action::Remove { node: seen.id, linger }, reason(policy, measure));
        }
        is_over = true;
    }
    match (plan.has_actions(), is_over) {
        (true, _) => Verdict::Act,
        (false, true) if census.removing > 0 => {
            Verdict::blocked(Blocker::ReliefInProgress { removing: census.removing })
        }
        (false, true) => Verdict::blocked(external.unwrap_or(Blocker::NoCandidate)),
        (false, false) if awaits_move => Verdict::blocked(Blocker::MoveInProgress),
        (false, false) => Verdict::Skip(below(situation)),
    }
}

/// Returns the volumes without a fault whose use is above the level, with their use.
pub(super) fn over(situation: &Situation<'_>) -> impl Iterator<Item = (usize, Percent)> {
    let threshold = level(situation.policy);
    let volumes = situation.observation.host.volumes.iter().enumerate();
    let usable = volumes.filter(|(_, volume)| volume.fault.is_none());
    usable.filter_map(|(i, volume)| Some((i, volume.fullness()?))).filter(move |(_, used)| used.get() > threshold)
}

/// Returns the reason of a rule for which no volume is above its level.
pub(super) fn below(situation: &Situation<'_>) -> SkipReason {
    let level = Percent::clamped(level(situation.policy)).unwrap_or_default().into();
    let volumes = situation.observation.host.volumes.iter().enumerate();
    let used = volumes.filter_map(|(i, volume)| Some((i, volume.fullness()?)));
    SkipReason::below(used.map(|(i, used)| Comparison::latest(Signal::Disk(i), used.into(), level)))
}

/// Returns the use of a volume above which nodes leave it, in percent.
pub(crate) fn level(policy: &Policy) -> f64 {
    match policy.preset {
        Preset::Classic => policy.disk.remove.get(),
        Preset::Steady => Policy::below_high(policy.disk, DISK_MARGIN),
    }
}

/// Returns the reason of an action that relieves a volume.
pub(super) fn reason(policy: &Policy, measure: Measure) -> Reason {
    match policy.preset {
        Preset::Classic => Reason::Pressure { measure },
        Preset::Steady => Reason::Relief { relief: Relief::Disk, measure },
    }
}

/// Returns the bytes over a level; 1 when the size of the volume is unknown or its inodes are over the level, so that one
/// node at a time leaves it.
fn bytes_over(volume: &Volume, used: Percent, level: f64) -> f64 {
    let total = volume.total.filter(|_| volume.used == Some(used));
    total.map_or(1.0, |total| (used.get() - level) / 100.0 * total.0 as f64)
}

/// Returns the bytes that the wanted nodes hold together.
fn held(situation: &Situation<'_>, wanted: impl Fn(&NodeStatus<'_>) -> bool) -> u64 {
    situation.nodes.iter().filter(|seen| wanted(seen)).map(size).fold(0, u64::saturating_add)
}

/// Returns the bytes that a node holds. A node of unknown size may free enough alone, so that it ends the removal.
fn size(seen: &NodeStatus<'_>) -> u64 {
    seen.sample.disk.map_or(u64::MAX, |disk| disk.0)
}

fn is_removable(seen: &NodeStatus<'_>) -> bool {
    seen.is_free() && (seen.is_running() || seen.is_stopped())
}

fn is_removing(seen: &NodeStatus<'_>) -> bool {
    matches!(*seen.state, NodeState::Removing { .. })
}
