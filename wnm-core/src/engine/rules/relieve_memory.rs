//! Stops nodes that leak memory, else the youngest ones, when memory use exceeds its warning threshold.

use std::cmp::Reverse;

use crate::action::decision::{Action, Reason, Relief};
use crate::action::verdict::{Blocker, Comparison, SkipReason, Verdict};
use crate::engine::node_status::NodeStatus;
use crate::engine::rules::{Plan, choose_to_stop, is_delayed};
use crate::engine::situation::Situation;
use crate::model::units::{Bytes, Percent};
use crate::policy::constants::LEAKS;
use crate::policy::pressure::{Measure, Signal};

pub(crate) fn evaluate(situation: &Situation<'_>, plan: &mut Plan) -> Verdict {
    let Situation { policy, observation, steady, .. } = situation;
    let host = &observation.host;
    let (Some(steady), Some(used), Some(total)) = (steady, host.memory, host.memory_total) else {
        return Verdict::blocked(Blocker::MissingMetric { signal: Signal::Memory });
    };
    let warning = policy.warning_level(policy.memory);
    if used.get() <= warning {
        let level = Percent::clamped(warning).unwrap_or_default();
        return Verdict::Skip(SkipReason::below([Comparison::latest(Signal::Memory, used.into(), level.into())]));
    }
    if let Some(until) = steady.forecast.cooldown_end(policy, observation.now) {
        return Verdict::Wait(Blocker::Cooldown { until });
    }
    let of_total = |percent: f64| percent / 100.0 * total.0 as f64;
    let over = of_total(used.get() - warning);
    if let Some(held) = steady.usage.all_memory().filter(|held| over > *held as f64) {
        let (signal, over) = (Signal::Memory, Bytes(over as u64));
        return Verdict::blocked(Blocker::ExternalUse { signal, held: Bytes(held), over });
    }
    let mut running: Vec<_> = situation.nodes.iter().filter(|seen| seen.is_free() && seen.is_running()).collect();
    let most = running.len().div_ceil(2);
    let memory = |seen: &&NodeStatus<'_>| seen.sample.memory.map_or(0, |memory| memory.0);
    // The largest first, and the youngest of equals: the order must not depend on the order of the samples.
    running.sort_unstable_by_key(|seen| (Reverse(memory(seen)), Reverse(seen.id)));
    let typical = running.get(running.len() / 2).map_or(0, memory) as f64;
    let measure = Measure::new(Signal::Memory, Some(used), policy.memory);

    // Down to the growth target, where the stopped nodes may start again at once.
    let goal = of_total(policy.growth_level(policy.memory));
    let mut left = of_total(used.get());
    for seen in running.iter().take(most) {
        let held = memory(seen) as f64;
        if held <= LEAKS * typical || left < goal {
            break;
        }
        if is_delayed(situation, seen) {
            continue;
        }
        // The node may start again at the typical size, so that only the difference is freed for good.
        left -= held - typical;
        plan.push(Action::Stop { node: seen.id }, Reason::Relief { relief: Relief::Leak, measure });
    }
    if plan.has_actions() {
        return Verdict::Act;
    }
    let each = steady.usage.mean_memory().unwrap_or(0.0).max(1.0);
    let wanted = (of_total(used.get() - policy.relief_level(policy.memory)) / each).ceil().max(1.0);
    for node in choose_to_stop(situation, (wanted as usize).min(most)) {
        plan.push(Action::Stop { node: node.id }, Reason::Relief { relief: Relief::Memory, measure });
    }
    if plan.has_actions() { Verdict::Act } else { Verdict::blocked(Blocker::NoCandidate) }
}
