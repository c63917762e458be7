//! The cap on the colony's CPU, where the host has one to give: others take what they need, and our nodes the rest.

use crate::engine::situation::Situation;
use crate::model::units::Cores;
use crate::policy::constants::{FINE_GRAIN, GRAIN, LEAST, PASSING, SERVING};
use crate::policy::pressure::{Measure, Signal};

/// Returns the cap; None where the host has none, under another preset, and where it would help nobody.
pub(crate) fn judge(situation: &Situation<'_>) -> Option<Cores> {
    let Situation { policy, observation, steady, .. } = situation;
    let in_force = observation.host.cpu_limit?.limit;
    let steady = steady.as_ref()?;
    let cpu = steady.outlook.cpu.filter(|cpu| cpu.nodes > 0)?;
    let of_machine = f64::from(observation.host.cpus?.max(1)) / 100.0;
    let needed = cpu.cost * f64::from(cpu.nodes);
    let serving = SERVING * needed;
    let room = policy.warning_level(policy.cpu) - cpu.background;
    let wanted = if steady.forecast.external_overload_for() >= PASSING {
        // What others take for good beyond all room is not made up for.
        serving
    } else {
        // For what others may begin, and for a load that is too high, nodes give way as far as they still serve; for what
        // others have begun further.
        let reserve = steady.forecast.reserve();
        let kept = reserve.map_or(0.0, |reserve| if overload(situation).is_some() { room } else { reserve });
        (room - kept).max(serving).min(room - cpu.rise).max(LEAST * needed)
    };
    let is_near = |limit: &Cores| (limit.get() / of_machine - wanted).abs() < GRAIN.min(FINE_GRAIN * wanted);
    in_force.filter(is_near).or_else(|| Cores::clamped(wanted * of_machine))
}

/// Returns the load average beside its marks while it is over the upper one.
pub(crate) fn overload(situation: &Situation<'_>) -> Option<Measure> {
    let Situation { policy, observation, .. } = situation;
    let measure = Measure::new(Signal::Load1, observation.host.load.map(|load| load.one), policy.load?);
    measure.is_exceeded().then_some(measure)
}
