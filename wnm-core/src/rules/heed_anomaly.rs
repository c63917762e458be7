//! When many nodes vanish together, the cause is not the nodes: touch nothing and say so.

use crate::decision::{Pass, Rest, Verdict};
use crate::rules::Plan;
use crate::situation::Situation;

pub(crate) fn judge(situation: &Situation<'_>, _: &mut Plan) -> Verdict {
    match situation.anomaly {
        Some(anomaly) => Verdict::Rests(Rest::Anomaly { anomaly }),
        None => Verdict::Passes(Pass::NoAnomaly),
    }
}
