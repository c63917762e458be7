//! Too much CPU use for too long: stop as many of the youngest as bring it back, once, unless it is not ours.

use std::time::Duration;

use crate::decision::{Action, Hold, Pass, Reason, Relief, Rest, Verdict};
use crate::pressure::{Measure, Signal};
use crate::rules::{First, Plan, choose};
use crate::situation::{Seen, Situation};
use crate::tuning::Part;
use crate::units::Percent;

/// How long CPU use may be over its soft mark.
const SOFT_RIDE: Duration = Duration::from_secs(300);

pub(crate) fn judge(situation: &Situation<'_>, plan: &mut Plan) -> Verdict {
    let Situation { policy, steady, .. } = situation;
    let Some((steady, cpu)) = steady.as_ref().and_then(|steady| Some((steady, steady.outlook.cpu?))) else {
        return Verdict::Passes(Pass::Holds(Hold::Missing { signal: Signal::Cpu }));
    };
    if cpu.is_futile {
        let (foreign, mark) = (Percent::clamped(cpu.foreign).unwrap_or_default(), policy.cpu.remove);
        return Verdict::Passes(Pass::Futile { foreign, mark });
    }
    let ride = steady.trend.ride(policy);
    let (over, over_soft) = steady.trend.dwelt();
    let relief = if over >= ride && !over.is_zero() {
        Relief::Ride
    } else if over_soft >= SOFT_RIDE && policy.tuning.has(Part::Soft) {
        Relief::Soft
    } else if over.is_zero() && over_soft.is_zero() {
        return Verdict::Passes(Pass::NoPressure);
    } else {
        return Verdict::Passes(Pass::Dwelling { over, ride, over_soft, soft_ride: SOFT_RIDE });
    };
    if let Some(until) = steady.trend.settles_at(policy, situation.observation.now) {
        return Verdict::Rests(Rest::Settling { until });
    }
    let running = situation.nodes.iter().filter(|seen| seen.is_free() && seen.is_running()).count();
    let nodes = f64::from(cpu.nodes.max(1));
    let each = ((cpu.demand - cpu.foreign).max(cpu.cost * nodes) / nodes).max(f64::MIN_POSITIVE);
    let excess = if policy.tuning.has(Part::Excess) { cpu.excess } else { 0.0 };
    let wanted = ((cpu.demand - excess - policy.back(policy.cpu)) / each).ceil();
    if wanted < 1.0 {
        return Verdict::Passes(Pass::NoPressure);
    }
    let count = if policy.tuning.has(Part::Size) { (wanted as usize).min(running.div_ceil(2)) } else { 1 };
    let seen = Percent::clamped(cpu.mean);
    let measure = Measure::new(Signal::Cpu, seen, policy.cpu);
    for node in choose(situation, First::Youngest, count, Seen::is_running) {
        plan.push(Action::Stop { node: node.id }, Reason::Relief { relief, measure });
    }
    if plan.has_actions() { Verdict::Acts } else { Verdict::Rests(Rest::NothingToRelieve) }
}
