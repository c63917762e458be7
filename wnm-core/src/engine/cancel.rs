//! Removals in their delay whose reason has gone.

use crate::action::decision::{Cancellation, Reason, ReasonGone, Relief};
use crate::action::verdict::Comparison;
use crate::engine::node_status::NodeStatus;
use crate::engine::rules::{disk_level, surplus_removals};
use crate::engine::situation::Situation;
use crate::engine::valves;
use crate::model::node::NodeState;
use crate::model::units::Percent;
use crate::policy::pressure::{Measure, Signal};

/// Returns the removals that end now. One whose reason cannot be judged, because a metric is missing, continues.
pub(crate) fn evaluate(situation: &Situation<'_>) -> Vec<Cancellation> {
    let removals = &situation.state.removals;
    // Most cycles end here.
    if removals.is_empty() {
        return Vec::new();
    }
    let drains = valves::drains(situation);
    let mut cancelled = Vec::new();
    let mut over_cap = Vec::new();
    for seen in situation.nodes.iter().filter(|seen| is_removing(seen)) {
        let because = match removals.get(&seen.id) {
            None | Some(Reason::Dead | Reason::Requested) => None,
            Some(Reason::OverCap { .. }) if drains => Some(ReasonGone::Drained),
            Some(Reason::OverCap { .. }) => {
                over_cap.push(seen);
                None
            }
            Some(Reason::Pressure { measure } | Reason::Relief { relief: Relief::Disk, measure }) => {
                relieved(situation, seen, measure)
            }
            Some(_) => Some(ReasonGone::NotRemovedFor),
        };
        cancelled.extend(because.map(|because| Cancellation { node: seen.id, because }));
    }
    // The rule removes the youngest, so the oldest stay.
    over_cap.sort_unstable_by_key(|seen| (seen.sample.born, seen.id));
    let surplus = surplus_removals(situation).min(over_cap.len() as u32);
    let removing = situation.census.removing.saturating_sub(surplus);
    let (total, cap) = (situation.census.total.saturating_sub(removing), situation.policy.node_cap);
    let because = ReasonGone::WithinCap { total, cap };
    let kept = over_cap.into_iter().take(surplus as usize);
    cancelled.extend(kept.map(|seen| Cancellation { node: seen.id, because: because.clone() }));
    cancelled.sort_unstable_by_key(|cancellation| cancellation.node);
    cancelled
}

fn is_removing(seen: &NodeStatus<'_>) -> bool {
    seen.acting && matches!(*seen.state, NodeState::Removing { .. })
}

/// Judges a removal for a full volume anew; any other pressure removes no node.
fn relieved(situation: &Situation<'_>, seen: &NodeStatus<'_>, measure: &Measure) -> Option<ReasonGone> {
    let Signal::Disk(recorded) = measure.signal else { return Some(ReasonGone::NotRemovedFor) };
    // The order of the storage folders may have changed since.
    let place = seen.sample.volume.unwrap_or(recorded);
    let volume = situation.observation.host.volumes.get(place).filter(|volume| volume.fault.is_none())?;
    let (used, level) = (volume.fullness()?, Percent::clamped(disk_level(situation.policy))?);
    let below = Comparison::latest(Signal::Disk(place), used.into(), level.into());
    (used <= level).then_some(ReasonGone::Relieved { below })
}
