//! The cap on the colony's CPU, where the host has one to give: others take what they need, and our nodes the rest.

use crate::situation::Situation;
use crate::tuning::Part;
use crate::units::Cores;

/// The least share of what they need that nodes are held to while others come and go: they are frozen rather than stopped.
const LEAST: f64 = 0.02;
/// The share of what they need with which nodes still serve.
pub(crate) const SERVING: f64 = 0.55;
/// Caps closer than this, in percent of the machine, are one.
const GRAIN: f64 = 2.0;

/// Returns the cap; None where the host has none, under another preset, and where it would help nobody.
pub(crate) fn judge(situation: &Situation<'_>) -> Option<Cores> {
    let Situation { policy, observation, steady, .. } = situation;
    let in_force = observation.host.quota?.limit;
    let cpu = steady.as_ref()?.outlook.cpu.filter(|cpu| cpu.nodes > 0)?;
    if !policy.tuning.has(Part::Quota) {
        return None;
    }
    let of_machine = f64::from(observation.host.cpus?.max(1)) / 100.0;
    let needed = cpu.cost * f64::from(cpu.nodes);
    // What others take beyond all room is not made up for: then nodes keep what they need to serve.
    let least = if cpu.is_futile { SERVING } else { LEAST };
    let room = policy.soft(policy.cpu) - cpu.foreign - cpu.rise;
    let wanted = room.max(least * needed);
    let is_near = |limit: &Cores| (limit.get() / of_machine - wanted).abs() < GRAIN;
    in_force.filter(is_near).or_else(|| Cores::clamped(wanted * of_machine))
}
