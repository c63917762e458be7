//! Waits while many nodes vanish at once: the cause is outside the nodes, and a removal would destroy identities.

use crate::action::verdict::{Blocker, SkipReason, Verdict};
use crate::engine::rules::Plan;
use crate::engine::situation::Situation;

pub(crate) fn evaluate(situation: &Situation<'_>, _: &mut Plan) -> Verdict {
    match situation.anomaly {
        Some(anomaly) => Verdict::Wait(Blocker::Anomaly { anomaly }),
        None => Verdict::Skip(SkipReason::NoAnomaly),
    }
}
