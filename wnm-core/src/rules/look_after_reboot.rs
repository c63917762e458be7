//! After a restart of the host nothing that was believed holds: look at everything first.

use crate::decision::{Pass, Rest, Verdict};
use crate::rules::Plan;
use crate::situation::Situation;

pub(crate) fn judge(situation: &Situation<'_>, _: &mut Plan) -> Verdict {
    if situation.observation.rebooted { Verdict::Rests(Rest::Rebooted) } else { Verdict::Passes(Pass::NotRebooted) }
}
