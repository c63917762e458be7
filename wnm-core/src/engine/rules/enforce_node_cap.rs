//! Removes the youngest nodes over the node cap, stopped ones first.

use crate::action::verdict::{Blocker, SkipReason, Verdict};
use crate::engine::rules::{Plan, relieve_pressure};
use crate::engine::situation::Situation;

pub(crate) fn evaluate(situation: &Situation<'_>, plan: &mut Plan) -> Verdict {
    let Situation { policy, census, .. } = situation;
    if census.total <= policy.node_cap {
        return Verdict::Skip(SkipReason::NodesWithinCap { total: census.total, cap: policy.node_cap });
    }
    // Removals in progress count: the operator asked for exactly `node_cap` nodes, not for fewer.
    let over = (census.total - policy.node_cap).saturating_sub(census.removing);
    let allowance = plan.allowance(policy.limits.removals, census.removing).min(over as usize);
    relieve_pressure::remove_youngest(situation, plan, allowance);
    if plan.has_actions() {
        Verdict::Act
    } else if census.removing > 0 {
        Verdict::Wait(Blocker::ReliefInProgress { removing: census.removing })
    } else {
        Verdict::Wait(Blocker::NoCandidate)
    }
}
