//! The relief of the Python wnm: stops or removes the youngest nodes over a high threshold.
//!
//! Kept to check the order of rules against recorded decisions. It removes nodes under any pressure while one of them has
//! another version than the node binary, so that no colony may run it.

use std::time::Duration;

use crate::action::decision::{Action, Reason};
use crate::action::verdict::{Blocker, Comparison, SkipReason, Verdict};
use crate::engine::node_status::NodeStatus;
use crate::engine::rules::{First, Plan, choose};
use crate::engine::situation::Situation;
use crate::policy::pressure::{Measure, Signal, measures};

/// Stops the youngest nodes over a high threshold, or removes them where the Python wnm does.
pub(crate) fn relieve_pressure(situation: &Situation<'_>, plan: &mut Plan) -> Verdict {
    let Situation { policy, census, features, .. } = situation;
    if !features.remove {
        let signals = measures(policy, &situation.observation.host);
        return Verdict::Skip(SkipReason::below(signals.filter_map(|measure| Comparison::with_high(&measure))));
    }
    let allowance = plan.allowance(policy.limits.removals, census.removing);
    let over_cap = census.total > policy.node_cap;
    // As the Python wnm does: under pressure an outdated colony removes nodes, and adds them later in the new version.
    let by_removal = features.remove_hd || over_cap || (census.outdated > 0 && census.removing == 0);
    if by_removal {
        remove_youngest(situation, plan, allowance);
    } else if census.removing == 0 {
        for seen in choose(situation, First::Youngest, allowance, NodeStatus::is_running) {
            plan.push(Action::Stop { node: seen.id }, reason(situation, None));
        }
    }
    if plan.has_actions() {
        Verdict::Act
    } else if census.removing > 0 {
        Verdict::Wait(Blocker::ReliefInProgress { removing: census.removing })
    } else {
        Verdict::Wait(Blocker::NoCandidate)
    }
}

/// Plans the removal of stopped nodes, then of running ones; for a full disk only of those on it.
fn remove_youngest(situation: &Situation<'_>, plan: &mut Plan, allowance: usize) {
    // Over the cap any node may go, on whichever volume it lies.
    let over_cap = situation.census.total > situation.policy.node_cap;
    let for_disk = situation.features.remove_hd && !over_cap;
    let would_help = |seen: &NodeStatus<'_>| {
        let is_full = |volume: usize| {
            let volume = situation.observation.host.volumes.get(volume);
            volume.is_some_and(|volume| situation.policy.disk.is_exceeded(volume.fullness()))
        };
        !for_disk || seen.sample.volume.is_none_or(is_full)
    };
    let stopped = choose(situation, First::Youngest, allowance, |seen| seen.is_stopped() && would_help(seen));
    let left = allowance - stopped.len();
    let running = choose(situation, First::Youngest, left, |seen| seen.is_running() && would_help(seen));
    for (seen, linger) in stopped
        .into_iter()
        .map(|seen| (seen, Duration::ZERO))
        .chain(running.into_iter().map(|seen| (seen, situation.policy.delays.remove)))
    {
        let volume = for_disk.then_some(seen.sample.volume).flatten();
        plan.push(Action::Remove { node: seen.id, linger }, reason(situation, volume));
    }
}

/// Returns the reason of a relief: the node cap, else the volume of the node, else the first exceeded signal.
fn reason(situation: &Situation<'_>, volume: Option<usize>) -> Reason {
    let (total, cap) = (situation.census.total, situation.policy.node_cap);
    if total > cap {
        return Reason::OverCap { total, cap };
    }
    let mut exceeded = measures(situation.policy, &situation.observation.host).filter(Measure::is_exceeded);
    let is_wanted = |measure: &Measure| match (situation.features.remove_hd, measure.signal) {
        (true, Signal::Disk(i)) => volume.is_none_or(|wanted| wanted == i),
        (true, _) => false,
        (false, _) => true,
    };
    exceeded.find(is_wanted).map_or(Reason::OverCap { total, cap }, |measure| Reason::Pressure { measure })
}
