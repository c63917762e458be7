//! No more operations at once than the operator allows.

use crate::action::decision::{Pass, Rest, Verdict};
use crate::engine::census::Situation;
use crate::engine::rules::Plan;

pub(crate) fn judge(situation: &Situation<'_>, _: &mut Plan) -> Verdict {
    let (under_way, limit) = (situation.census.operations(), situation.policy.limits.operations);
    if under_way >= limit {
        Verdict::Rests(Rest::OperationsUnderWay { under_way, limit })
    } else {
        Verdict::Passes(Pass::OperationsLeft { under_way, limit })
    }
}
