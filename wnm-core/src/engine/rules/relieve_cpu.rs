//! Stops as many of the youngest nodes as reduce CPU use to the relief target, once the grace period has passed.

use std::time::Duration;

use crate::action::decision::{Action, Reason, Relief};
use crate::action::verdict::{Blocker, Comparison, SkipReason, Verdict};
use crate::engine::cpu_limit::{self, overload, yields_calmly};
use crate::engine::rules::{Plan, choose_to_stop};
use crate::engine::situation::Situation;
use crate::model::units::Percent;
use crate::policy::constants::{CPU_MEAN, WARNING_GRACE, YIELDING_GRACE};
use crate::policy::pressure::{Measure, Reading, Signal};

pub(crate) fn evaluate(situation: &Situation<'_>, plan: &mut Plan) -> Verdict {
    let Situation { policy, observation, steady, .. } = situation;
    let Some((steady, cpu)) = steady.as_ref().and_then(|steady| Some((steady, steady.outlook.cpu?))) else {
        return Verdict::blocked(situation.no_outlook());
    };
    // Stopped nodes would free less CPU than the background load takes at once: the host gains nothing.
    if cpu.is_external_overload {
        let (background, threshold) = (Percent::clamped(cpu.background).unwrap_or_default(), policy.cpu.remove);
        return Verdict::blocked(Blocker::ExternalOverload { background, threshold });
    }
    // Without the limit the nodes use more for some minutes, which says nothing about their number.
    if steady.forecast.is_lifted() {
        let (covered, required) = steady.forecast.measured();
        return Verdict::blocked(Blocker::ObservationPeriod { covered, required });
    }
    // Above its floor the limit keeps the nodes back by itself; a stop on top would cost service for nothing.
    let is_at_floor = steady.forecast.is_at_floor(observation.now);
    if let Some(share) = steady.usage.throttled.filter(|_| !is_at_floor) {
        let reserve = cpu_limit::reserve(situation, steady).and_then(Percent::clamped);
        let load = reserve.and_then(|_| overload(situation));
        return Verdict::blocked(Blocker::Throttled { share, reserve: reserve.unwrap_or_default(), load });
    }
    // The peaks of the background load mostly end within minutes, and within an hour where nodes behind it harm it little.
    let warning_grace = if yields_calmly(&observation.host) { YIELDING_GRACE } else { WARNING_GRACE };
    // At its floor the limit can save no more.
    let patience = if is_at_floor || warning_grace > WARNING_GRACE { warning_grace } else { Duration::ZERO };
    let grace = steady.forecast.grace(policy).max(patience);
    let (over, over_warning) = steady.forecast.time_over_thresholds();
    let relief = if over >= grace && !over.is_zero() {
        Relief::Grace
    } else if over_warning >= warning_grace {
        Relief::Warning
    } else if over.is_zero() && over_warning.is_zero() && cpu.mean <= policy.warning_level(policy.cpu) {
        let percent = |value| Reading::Percent(Percent::clamped(value).unwrap_or_default());
        let (seen, threshold) = (percent(cpu.mean), percent(policy.warning_level(policy.cpu)));
        let mean = Comparison { signal: Signal::Cpu, seen, threshold, mean_over: Some(CPU_MEAN) };
        return Verdict::Skip(SkipReason::below([mean]));
    } else {
        return Verdict::blocked(Blocker::GracePeriod { over, grace, over_warning, warning_grace });
    };
    let nodes = f64::from(cpu.nodes.max(1));
    // A throttled node gives back its limited use and not its demand.
    let least = if is_at_floor { 0.0 } else { cpu.cost * nodes };
    let each = ((cpu.demand - cpu.background).max(least) / nodes).max(f64::MIN_POSITIVE);
    // A safeguard without a measured effect (docs/policies/parts.md, row `excess`): right after many starts, the CPU of
    // young nodes falls without a stop.
    let excess = cpu.excess;
    let wanted = ((cpu.demand - excess - policy.relief_level(policy.cpu)) / each).ceil();
    if wanted < 1.0 {
        let percent = |value| Percent::clamped(value).unwrap_or_default();
        let (expected, target) = (percent(cpu.demand - excess), percent(policy.relief_level(policy.cpu)));
        return Verdict::Skip(SkipReason::BelowReliefTarget { expected, target });
    }
    stop(situation, plan, relief, wanted)
}

/// Plans the stop of the youngest nodes, at most half of those that run.
fn stop(situation: &Situation<'_>, plan: &mut Plan, relief: Relief, wanted: f64) -> Verdict {
    let Situation { policy, observation, steady, .. } = situation;
    if let Some(until) = steady.as_ref().and_then(|steady| steady.forecast.cooldown_end(policy, observation.now)) {
        return Verdict::Wait(Blocker::Cooldown { until });
    }
    let running = situation.nodes.iter().filter(|seen| seen.is_free() && seen.is_running()).count();
    // At most half: an estimate from one minute must not empty a colony.
    let count = (wanted as usize).min(running.div_ceil(2));
    let seen = steady.as_ref().and_then(|steady| steady.outlook.cpu).and_then(|cpu| Percent::clamped(cpu.mean));
    let measure = Measure::new(Signal::Cpu, seen, policy.cpu);
    for node in choose_to_stop(situation, count) {
        plan.push(Action::Stop { node: node.id }, Reason::Relief { relief, measure });
    }
    if plan.has_actions() { Verdict::Act } else { Verdict::Wait(Blocker::NoCandidate) }
}
