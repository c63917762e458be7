//! The CPU limit of the colony: the background load gets the CPU it asks for, and the nodes get the rest.

use crate::engine::situation::Situation;
use crate::model::units::Cores;
use crate::policy::constants::{FINE_GRAIN, GRAIN, LEAST, PASSING, SERVING};
use crate::policy::pressure::{Measure, Signal};

/// Returns the CPU limit; None under `classic`, on a host without support, and without a running node.
pub(crate) fn evaluate(situation: &Situation<'_>) -> Option<Cores> {
    let Situation { policy, observation, steady, .. } = situation;
    let applied = observation.host.cpu_limit?.limit;
    let steady = steady.as_ref()?;
    let cpu = steady.outlook.cpu.filter(|cpu| cpu.nodes > 0)?;
    let of_machine = f64::from(observation.host.cpus?.max(1)) / 100.0;
    let needed = cpu.cost * f64::from(cpu.nodes);
    // Nodes serve at this level; below it they only keep their place.
    let serving = SERVING * needed;
    let headroom = policy.warning_level(policy.cpu) - cpu.background;
    let wanted = if steady.forecast.external_overload_for() >= PASSING {
        // A permanent overload would starve the nodes for good: they keep the serving level.
        serving
    } else {
        // The reserve and a high load average lower the limit to the serving level at most; a rise that has begun lowers
        // it further.
        let reserve = steady.forecast.reserve();
        let kept = reserve.map_or(0.0, |reserve| if overload(situation).is_some() { headroom } else { reserve });
        (headroom - kept).max(serving).min(headroom - cpu.rise).max(LEAST * needed)
    };
    // Every change writes to the control group: small ones are left out.
    let is_near = |limit: &Cores| (limit.get() / of_machine - wanted).abs() < GRAIN.min(FINE_GRAIN * wanted);
    applied.filter(is_near).or_else(|| Cores::clamped(wanted * of_machine))
}

/// Returns the one-minute load average with its thresholds, while it is over the high one.
pub(crate) fn overload(situation: &Situation<'_>) -> Option<Measure> {
    let Situation { policy, observation, .. } = situation;
    let measure = Measure::new(Signal::Load1, observation.host.load.map(|load| load.one), policy.load?);
    measure.is_exceeded().then_some(measure)
}
