//! The cap on the colony's CPU, where the host has one to give: others take what they need, and our nodes the rest.

use crate::situation::Situation;
use crate::tuning::Part;
use crate::units::Cores;

/// What stays free below the upper mark, in percent of the machine.
const MARGIN: f64 = 2.0;
/// The least share of what they need that nodes are held to: below half they serve nobody.
const LEAST: f64 = 0.55;
/// Caps closer than this, in percent of the machine, are one.
const GRAIN: f64 = 2.0;

/// Returns the cap; None where the host has none, under another preset, and where it would help nobody.
pub(crate) fn judge(situation: &Situation<'_>) -> Option<Cores> {
    let Situation { policy, observation, steady, .. } = situation;
    let in_force = observation.host.quota?.limit;
    let cpu = steady.as_ref()?.outlook.cpu.filter(|cpu| cpu.nodes > 0 && !cpu.is_futile)?;
    if !policy.tuning.has(Part::Quota) {
        return None;
    }
    let of_machine = f64::from(observation.host.cpus?.max(1)) / 100.0;
    let room = policy.cpu.remove.get() - MARGIN - cpu.foreign;
    let wanted = room.max(LEAST * cpu.cost * f64::from(cpu.nodes));
    let is_near = |limit: &Cores| (limit.get() / of_machine - wanted).abs() < GRAIN;
    in_force.filter(is_near).or_else(|| Cores::clamped(wanted * of_machine))
}
