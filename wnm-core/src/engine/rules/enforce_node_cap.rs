//! Removes exactly the nodes over the node cap: the youngest, stopped ones first.

use std::time::Duration;

use crate::action::decision::{Action, Reason};
use crate::action::verdict::{Blocker, SkipReason, Verdict};
use crate::engine::node_status::NodeStatus;
use crate::engine::rules::{First, Plan, awaits_removal, choose};
use crate::engine::situation::Situation;

/// Returns the number of removals in progress beyond those that bring the colony to its cap.
pub(crate) fn surplus_removals(situation: &Situation<'_>) -> u32 {
    let Situation { policy, census, .. } = situation;
    census.removing.saturating_sub(census.total.saturating_sub(policy.node_cap))
}

pub(crate) fn evaluate(situation: &Situation<'_>, plan: &mut Plan) -> Verdict {
    let Situation { policy, census, .. } = situation;
    let (total, cap) = (census.total, policy.node_cap);
    if total <= cap {
        return Verdict::Skip(SkipReason::NodesWithinCap { total, cap });
    }
    // Removals in progress count: the operator asked for exactly `node_cap` nodes, not for fewer. So do those that failed and
    // wait for their next try: each of them has stopped its node, and would have stopped the whole colony one by one.
    let failed = situation.nodes.iter().filter(|seen| awaits_removal(situation, seen)).count() as u32;
    let over = (total - cap).saturating_sub(census.removing).saturating_sub(failed);
    let allowance = plan.allowance(policy.limits.removals, census.removing).min(over as usize);
    let stopped = choose(situation, First::Youngest, allowance, NodeStatus::is_stopped);
    let running = choose(situation, First::Youngest, allowance - stopped.len(), NodeStatus::is_running);
    let lingers = running.into_iter().map(|seen| (seen, policy.delays.remove));
    for (seen, linger) in stopped.into_iter().map(|seen| (seen, Duration::ZERO)).chain(lingers) {
        plan.push(Action::Remove { node: seen.id, linger }, Reason::OverCap { total, cap });
    }
    if plan.has_actions() {
        Verdict::Act
    } else if census.removing > 0 {
        // A removal takes minutes, and the host may need a relief before its end.
        Verdict::blocked(Blocker::ReliefInProgress { removing: census.removing })
    } else {
        Verdict::blocked(Blocker::NoCandidate)
    }
}
