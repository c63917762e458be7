//! The CPU limit of the colony: the background load gets the CPU it asks for, and the nodes get the rest.

use crate::engine::situation::Situation;
use crate::model::units::Cores;
use crate::policy::constants::{FINE_GRAIN, GRAIN, LIMIT_ROUNDING};
use crate::policy::pressure::{Measure, Signal};

/// Returns the CPU limit; None under `classic`, on a host without support, and without a running node.
pub(crate) fn evaluate(situation: &Situation<'_>) -> Option<Cores> {
    let Situation { policy, observation, steady, .. } = situation;
    let applied = observation.host.cpu_limit?.limit;
    let steady = steady.as_ref()?;
    let cpu = steady.outlook.cpu.filter(|cpu| cpu.nodes > 0)?;
    let of_machine = f64::from(observation.host.cpus?.max(1)) / 100.0;
    let floor = cpu.floor;
    let headroom = policy.warning_level(policy.cpu) - cpu.background;
    let wanted = if steady.forecast.is_lifted() {
        // Throttled nodes do not show their demand: for some minutes they get all they ask for.
        100.0_f64.max(floor)
    } else {
        let reserve = steady.forecast.reserve();
        let kept = reserve.map_or(0.0, |reserve| if overload(situation).is_some() { headroom } else { reserve });
        (headroom - kept).min(headroom - cpu.rise).max(floor)
    };
    // Every change writes to the control group: small ones are left out.
    let is_near = |limit: &Cores| {
        let difference = (limit.get() / of_machine - wanted).abs();
        difference < GRAIN.min(FINE_GRAIN * wanted) && limit.get() + LIMIT_ROUNDING >= floor * of_machine
    };
    applied.filter(is_near).or_else(|| Cores::clamped(wanted * of_machine))
}

/// Returns the one-minute load average with its thresholds, while it is over the high one.
pub(crate) fn overload(situation: &Situation<'_>) -> Option<Measure> {
    let Situation { policy, observation, .. } = situation;
    let measure = Measure::new(Signal::Load1, observation.host.load.map(|load| load.one), policy.load?);
    measure.is_exceeded().then_some(measure)
}
