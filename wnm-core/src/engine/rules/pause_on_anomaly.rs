//! When many nodes vanish together, the cause is not the nodes: touch nothing and say so.

use crate::action::verdict::{Blocker, SkipReason, Verdict};
use crate::engine::rules::Plan;
use crate::engine::situation::Situation;

pub(crate) fn judge(situation: &Situation<'_>, _: &mut Plan) -> Verdict {
    match situation.anomaly {
        Some(anomaly) => Verdict::Wait(Blocker::Anomaly { anomaly }),
        None => Verdict::Skip(SkipReason::NoAnomaly),
    }
}
