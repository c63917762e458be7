//! Removes nodes from a volume before it is full: a stopped node frees no space.

use std::time::Duration;

use crate::action::decision::{Action, Reason, Relief};
use crate::action::verdict::{Blocker, Comparison, SkipReason, Verdict};
use crate::engine::node_status::NodeStatus;
use crate::engine::rules::{First, Plan, choose};
use crate::engine::situation::Situation;
use crate::model::node::NodeState;
use crate::model::units::Percent;
use crate::policy::constants::{DISK_MARGIN, MOST_DISK_REMOVALS};
use crate::policy::pressure::{Measure, Signal};
use crate::policy::thresholds::Policy;

pub(crate) fn evaluate(situation: &Situation<'_>, plan: &mut Plan) -> Verdict {
    let Situation { policy, census, observation, .. } = situation;
    let threshold = Policy::below_high(policy.disk, DISK_MARGIN);
    let mut allowance = plan.allowance(policy.limits.removals, census.removing).min(MOST_DISK_REMOVALS);
    let mut is_over = false;
    for (i, volume) in observation.host.volumes.iter().enumerate() {
        let used = volume.fullness().filter(|used| volume.fault.is_none() && used.get() > threshold);
        let Some(used) = used else { continue };
        // A node on an unknown volume counts as one of the first volume over its level.
        let is_lost = |seen: &NodeStatus<'_>| seen.sample.volume.is_none() && !is_over;
        let on_it = |seen: &NodeStatus<'_>| seen.sample.volume == Some(i) || is_lost(seen);
        // A node of unknown size may free enough alone, so that it ends the removal.
        let held = |seen: &NodeStatus<'_>| seen.sample.disk.map_or(u64::MAX, |disk| disk.0);
        let leaving = situation.nodes.iter().filter(|seen| is_removing(seen) && on_it(seen));
        let under_way = leaving.map(held).fold(0, u64::saturating_add);
        let over = volume.total.map_or(1.0, |total| (used.get() - threshold) / 100.0 * total.0 as f64);
        let mut left = over - under_way as f64;
        let stopped = choose(situation, First::Youngest, allowance, |seen| seen.is_stopped() && on_it(seen));
        let running = choose(situation, First::Youngest, allowance, |seen| seen.is_running() && on_it(seen));
        let measure = Measure::new(Signal::Disk(i), Percent::clamped(used.get()), policy.disk);
        let lingers = running.into_iter().map(|seen| (seen, policy.delays.remove));
        for (seen, linger) in stopped.into_iter().map(|seen| (seen, Duration::ZERO)).chain(lingers).take(allowance) {
            if left <= 0.0 {
                break;
            }
            left -= held(seen).max(1) as f64;
            allowance -= 1;
            plan.push(Action::Remove { node: seen.id, linger }, Reason::Relief { relief: Relief::Disk, measure });
        }
        is_over = true;
    }
    match (plan.has_actions(), is_over) {
        (true, _) => Verdict::Act,
        (false, true) if census.removing > 0 => {
            Verdict::blocked(Blocker::ReliefInProgress { removing: census.removing })
        }
        (false, true) => Verdict::blocked(Blocker::NoCandidate),
        (false, false) => {
            let level = Percent::clamped(threshold).unwrap_or_default().into();
            let used = observation.host.volumes.iter().enumerate().filter_map(|(i, volume)| Some((i, volume.fullness()?)));
            let disks = used.map(|(i, used)| Comparison::latest(Signal::Disk(i), used.into(), level));
            Verdict::Skip(SkipReason::below(disks))
        }
    }
}

fn is_removing(seen: &NodeStatus<'_>) -> bool {
    matches!(*seen.state, NodeState::Removing { .. })
}
