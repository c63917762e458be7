//! Removes the remnants of all nodes whose folder is missing, without regard to limits.

use std::time::Duration;

use crate::action::decision::{Action, Reason};
use crate::action::verdict::{SkipReason, Verdict};
use crate::engine::failures;
use crate::engine::rules::Plan;
use crate::engine::situation::Situation;

pub(crate) fn evaluate(situation: &Situation<'_>, plan: &mut Plan) -> Verdict {
    if situation.census.dead == 0 {
        return Verdict::Skip(SkipReason::NoDeadNode);
    }
    let rests = |id| failures::delays(&situation.state.failures, id, situation.observation.now);
    let mut left = false;
    for seen in situation.nodes.iter().filter(|seen| seen.is_dead() && !seen.acting && !rests(seen.id)) {
        plan.push(Action::Remove { node: seen.id, linger: Duration::ZERO }, Reason::Dead);
        left = true;
    }
    if left { Verdict::Act } else { Verdict::Skip(SkipReason::NoDeadNode) }
}
