//! The cap on the colony's CPU, where the host has one to give: others take what they need, and our nodes the rest.

use std::time::Duration;

use crate::engine::census::Situation;
use crate::model::units::Cores;
use crate::policy::pressure::{Measure, Signal};

/// The least share of what they need that nodes are held to while others come and go: they are frozen rather than stopped.
const LEAST: f64 = 0.02;
/// The share of what they need with which nodes still serve.
pub(crate) const SERVING: f64 = 0.55;
/// How long others alone keep the machine at its mark before it is no longer believed to pass.
const PASSING: Duration = Duration::from_secs(900);
/// Caps closer than this, in percent of the machine and as a share of themselves, are one.
const GRAIN: f64 = 2.0;
const FINE_GRAIN: f64 = 0.05;

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
