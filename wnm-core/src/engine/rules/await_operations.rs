//! Waits while as many operations are in progress as `max_concurrent_operations` allows.

use crate::action::verdict::{Blocker, SkipReason, Verdict};
use crate::engine::rules::Plan;
use crate::engine::situation::Situation;

pub(crate) fn evaluate(situation: &Situation<'_>, _: &mut Plan) -> Verdict {
    // Under steady the reliefs are evaluated before: a relief must not wait for a slow start.
    let (in_progress, limit) = (situation.census.operations(), situation.policy.limits.operations);
    if in_progress >= limit {
        Verdict::Wait(Blocker::OperationLimit { in_progress, limit })
    } else {
        Verdict::Skip(SkipReason::OperationsWithinLimit { in_progress, limit })
    }
}
