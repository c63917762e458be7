//! The CPU limit of the colony: the background load gets the CPU it asks for, and the nodes get the rest.

use crate::engine::situation::{Situation, Steady};
use crate::model::observation::HostSample;
use crate::model::units::Cores;
use crate::policy::constants::{BACKGROUND_STALLS, FINE_GRAIN, GRAIN, LIMIT_ROUNDING};
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
        let kept = match reserve(situation, steady) {
            Some(_) if overload(situation).is_some() => headroom,
            reserve => reserve.unwrap_or_default(),
        };
        let rise = if yields_calmly(&observation.host) { 0.0 } else { cpu.rise };
        (headroom - kept).min(headroom - rise).max(floor)
    };
    // Every change writes to the control group: small ones are left out.
    let is_near = |limit: &Cores| {
        let difference = (limit.get() / of_machine - wanted).abs();
        difference < GRAIN.min(FINE_GRAIN * wanted) && limit.get() + LIMIT_ROUNDING >= floor * of_machine
    };
    applied.filter(is_near).or_else(|| Cores::clamped(wanted * of_machine))
}

/// Returns the CPU that the limit keeps free, in percent of the machine; None while the demand of the nodes is measured.
pub(crate) fn reserve(situation: &Situation<'_>, steady: &Steady) -> Option<f64> {
    let is_free = yields_calmly(&situation.observation.host);
    steady.forecast.reserve().map(|reserve| if is_free { 0.0 } else { reserve })
}

/// Returns whether other work goes before the nodes and gets the CPU that it asks for, as far as pressure stall
/// information tells: the kernel gives way to its peaks at once, which a limit can do only in the next cycle.
pub(crate) fn yields_calmly(host: &HostSample) -> bool {
    let background = host.psi.and_then(|psi| psi.background);
    let is_calm = background.is_none_or(|background| background.cpu.some.avg10.get() < BACKGROUND_STALLS);
    host.weight.is_some_and(|weight| weight.yields_cpu()) && is_calm
}

/// Returns the one-minute load average with its thresholds, while it is over the high one and the cores of the nodes can
/// bring it under it. Processes that wait for a disk count in the load average and run no sooner on more free cores.
pub(crate) fn overload(situation: &Situation<'_>) -> Option<Measure> {
    let Situation { policy, observation, steady, .. } = situation;
    let threshold = policy.load?;
    let left = steady.as_ref().and_then(|steady| steady.outlook.cpu?.tasks_at_floor);
    let can_help = left.is_none_or(|tasks| tasks <= threshold.remove.get());
    let measure = Measure::new(Signal::Load1, observation.host.load.map(|load| load.one), threshold);
    (can_help && measure.is_exceeded()).then_some(measure)
}
