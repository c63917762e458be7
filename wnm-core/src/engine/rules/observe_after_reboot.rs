//! After a restart of the host nothing that was believed holds: look at everything first.

use crate::action::verdict::{Blocker, SkipReason, Verdict};
use crate::engine::rules::Plan;
use crate::engine::situation::Situation;

pub(crate) fn judge(situation: &Situation<'_>, _: &mut Plan) -> Verdict {
    if situation.observation.rebooted {
        Verdict::Wait(Blocker::Rebooted)
    } else {
        Verdict::Skip(SkipReason::NotRebooted)
    }
}
