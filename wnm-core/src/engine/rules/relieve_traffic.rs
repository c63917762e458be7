//! Stops the youngest node, one at a time, while the traffic of disks or network exceeds a threshold that is set.

use crate::action::decision::{Action, Reason, Relief};
use crate::action::verdict::{Blocker, Comparison, SkipReason, Verdict};
use crate::engine::rules::{Plan, choose_to_stop};
use crate::engine::situation::Situation;
use crate::policy::pressure::{Measure, Signal, measures};

pub(crate) fn evaluate(situation: &Situation<'_>, plan: &mut Plan) -> Verdict {
    let Situation { policy, observation, features, steady, .. } = situation;
    let is_traffic =
        |signal| matches!(signal, Signal::DiskRead | Signal::DiskWrite | Signal::NetRead | Signal::NetWrite);
    if !(features.remove_hdio || features.remove_netio) {
        let traffic = measures(policy, &observation.host).filter(|measure| is_traffic(measure.signal));
        return Verdict::Skip(SkipReason::below(traffic.filter_map(|measure| Comparison::with_high(&measure))));
    }
    if let Some(until) = steady.as_ref().and_then(|steady| steady.forecast.cooldown_end(policy, observation.now)) {
        return Verdict::Wait(Blocker::Cooldown { until });
    }
    let is_wanted = |measure: &Measure| is_traffic(measure.signal) && measure.is_exceeded();
    let exceeded = measures(policy, &observation.host).find(is_wanted);
    for (measure, seen) in exceeded.into_iter().zip(choose_to_stop(situation, 1)) {
        plan.push(Action::Stop { node: seen.id }, Reason::Relief { relief: Relief::Traffic, measure });
    }
    if plan.has_actions() { Verdict::Act } else { Verdict::blocked(Blocker::NoCandidate) }
}
