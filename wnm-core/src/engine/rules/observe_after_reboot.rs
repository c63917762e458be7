//! After a restart of the host nothing that was believed holds: look at everything first.

use crate::action::decision::{Pass, Rest, Verdict};
use crate::engine::census::Situation;
use crate::engine::rules::Plan;

pub(crate) fn judge(situation: &Situation<'_>, _: &mut Plan) -> Verdict {
    if situation.observation.rebooted { Verdict::Rests(Rest::Rebooted) } else { Verdict::Passes(Pass::NotRebooted) }
}
