//! Waits one cycle after a reboot of the host, because every stored state is out of date.

use crate::action::verdict::{Blocker, SkipReason, Verdict};
use crate::engine::rules::Plan;
use crate::engine::situation::Situation;

pub(crate) fn evaluate(situation: &Situation<'_>, _: &mut Plan) -> Verdict {
    if situation.observation.rebooted {
        Verdict::Wait(Blocker::Rebooted)
    } else {
        Verdict::Skip(SkipReason::NotRebooted)
    }
}
