//! Removes the remnants of all nodes whose folder is missing, and of failed additions, without regard to limits.

use std::time::Duration;

use crate::action::decision::{Action, Reason};
use crate::action::verdict::{SkipReason, Verdict};
use crate::engine::failures;
use crate::engine::node_status::NodeStatus;
use crate::engine::rules::Plan;
use crate::engine::situation::Situation;
use crate::model::observation::Presence;

pub(crate) fn evaluate(situation: &Situation<'_>, plan: &mut Plan) -> Verdict {
    if situation.census.dead == 0 {
        return Verdict::Skip(SkipReason::NoDeadNode);
    }
    let rests = |id| failures::delays(&situation.state.failures, id, situation.observation.now);
    let mut left = false;
    // A removal needs the volume of the node: without it, folder and service cannot be told apart from missing ones.
    let is_reachable = |seen: &NodeStatus<'_>| seen.sample.presence != Presence::VolumeFault;
    let dead = situation.nodes.iter().filter(|seen| seen.is_dead() && !seen.acting && is_reachable(seen));
    for seen in dead.filter(|seen| !rests(seen.id)) {
        plan.push(Action::Remove { node: seen.id, linger: Duration::ZERO }, Reason::Dead);
        left = true;
    }
    if left { Verdict::Act } else { Verdict::Skip(SkipReason::NoDeadNode) }
}
