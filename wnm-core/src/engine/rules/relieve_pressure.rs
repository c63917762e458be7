//! Stops the youngest nodes while CPU, memory or traffic exceeds a high threshold, one step at a time.
//!
//! Load averages stop no node: they lag by minutes, and would stop the whole colony for a load that is gone.

use crate::action::decision::{Action, Reason};
use crate::action::verdict::{Blocker, Comparison, SkipReason, Verdict};
use crate::engine::forecast::Usage;
use crate::engine::node_status::NodeStatus;
use crate::engine::rules::{First, Plan, choose};
use crate::engine::situation::Situation;
use crate::model::node::{NodeState, StopCause};
use crate::model::units::{Bytes, Percent, Timestamp};
use crate::policy::constants::{START_SURGE, STOP_EFFECT};
use crate::policy::pressure::{Measure, Reading, Signal, measures};

pub(crate) fn evaluate(situation: &Situation<'_>, plan: &mut Plan) -> Verdict {
    let Situation { policy, census, observation, .. } = situation;
    let relievable = || measures(policy, &observation.host).filter(|measure| is_relievable(measure.signal));
    let exceeded: Vec<Measure> = relievable().filter(Measure::is_exceeded).collect();
    if exceeded.is_empty() {
        return Verdict::Skip(SkipReason::below(relievable().filter_map(|measure| Comparison::with_high(&measure))));
    }
    if census.removing > 0 {
        return Verdict::Wait(Blocker::ReliefInProgress { removing: census.removing });
    }
    if let Some(until) = settles_at(situation) {
        return Verdict::Wait(Blocker::Cooldown { until });
    }
    let usage = Usage::count(policy, observation, &situation.nodes);
    let mut stops = 0;
    let mut reason = None;
    let mut needless = None;
    for measure in exceeded {
        match stops_for(situation, &usage, &measure) {
            Ok(wanted) if wanted > stops => (stops, reason) = (wanted, Some(Reason::Pressure { measure })),
            Ok(_) => {}
            Err(verdict) => needless = needless.or(Some(verdict)),
        }
    }
    let Some(reason) = reason else {
        return needless.unwrap_or(Verdict::blocked(Blocker::NoCandidate));
    };
    let allowance = plan.allowance(policy.limits.removals, census.removing).min(stops);
    for seen in choose(situation, First::Youngest, allowance, NodeStatus::is_running) {
        plan.push(Action::Stop { node: seen.id }, reason.clone());
    }
    if plan.has_actions() { Verdict::Act } else { Verdict::Wait(Blocker::NoCandidate) }
}

/// Returns whether a stop of nodes lowers the signal within a minute.
const fn is_relievable(signal: Signal) -> bool {
    match signal {
        Signal::Cpu | Signal::Memory | Signal::DiskRead | Signal::DiskWrite | Signal::NetRead | Signal::NetWrite => {
            true
        }
        // A stopped node keeps its bytes: volumes have a rule of their own.
        Signal::Disk(_) | Signal::Load1 | Signal::Load5 | Signal::Load15 => false,
    }
}

/// Returns the time at which the signals show the last stop; None when they already do.
fn settles_at(situation: &Situation<'_>) -> Option<Timestamp> {
    let now = situation.observation.now;
    let stop = |seen: &NodeStatus<'_>| match *seen.state {
        NodeState::Stopped { since, cause: StopCause::Pressure } => since,
        // A stop in progress shows no effect at all yet.
        NodeState::Running { .. } | NodeState::Unknown { .. } if seen.acting => Some(now),
        _ => None,
    };
    let last = situation.nodes.iter().filter_map(stop).max()?;
    Some(last.after(STOP_EFFECT)).filter(|until| *until > now)
}

/// Returns the number of stops that bring a signal back to its high threshold, at least 1, or the verdict when stops do
/// not help.
fn stops_for(situation: &Situation<'_>, usage: &Usage, measure: &Measure) -> Result<usize, Verdict> {
    match (measure.signal, measure.seen, measure.remove) {
        (Signal::Cpu, Some(Reading::Percent(seen)), Reading::Percent(high)) => {
            stops_for_cpu(situation, usage, seen, high)
        }
        (Signal::Memory, Some(Reading::Percent(seen)), Reading::Percent(high)) => {
            stops_for_memory(situation, usage, seen, high)
        }
        // The share of a node in the traffic is unknown.
        _ => Ok(1),
    }
}

fn stops_for_cpu(situation: &Situation<'_>, usage: &Usage, seen: Percent, high: Percent) -> Result<usize, Verdict> {
    let measured = situation.observation.host.cpus.zip(usage.mean_cpu()).filter(|_| usage.is_cpu_known());
    let Some((cpus, mean)) = measured.filter(|(_, mean)| *mean > 0.0) else {
        // The start of a node may be the whole peak: it ends by itself.
        return match surge_ends_at(situation) {
            Some(until) => Err(Verdict::blocked(Blocker::Cooldown { until })),
            None => Ok(1),
        };
    };
    let of_machine = 100.0 / f64::from(cpus.max(1));
    let settled = seen.get() - usage.excess(usage.grown_cpu().unwrap_or(0.0)) * of_machine;
    let over = rounded(settled - high.get());
    if over <= 0.0 {
        let expected = Percent::clamped(settled.max(0.0)).unwrap_or_default();
        return Err(Verdict::Skip(SkipReason::BelowReliefTarget { expected, target: high }));
    }
    Ok(rounded(over / (mean * of_machine)).ceil().max(1.0) as usize)
}

/// Returns a value to a millionth: the last digits of a sum over nodes depend on their order, and no decision may.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// Returns the time at which the last started node has passed the peak of its start; None when every node has.
fn surge_ends_at(situation: &Situation<'_>) -> Option<Timestamp> {
    let Situation { policy, observation, .. } = situation;
    let ends = |seen: &NodeStatus<'_>| match *seen.state {
        // A node counts as running only `delay_start` after its start.
        NodeState::Running { since } => Some(since.after(START_SURGE.saturating_sub(policy.delays.start))),
        NodeState::Restarting { since } | NodeState::Upgrading { since, .. } => Some(since.after(START_SURGE)),
        _ => None,
    };
    situation.nodes.iter().filter_map(ends).max().filter(|until| *until > observation.now)
}

fn stops_for_memory(situation: &Situation<'_>, usage: &Usage, seen: Percent, high: Percent) -> Result<usize, Verdict> {
    let measured = situation.observation.host.memory_total.zip(usage.all_memory());
    let Some((total, held)) = measured else { return Ok(1) };
    let over = (seen.get() - high.get()) / 100.0 * total.0 as f64;
    if over > held as f64 {
        let (signal, over) = (Signal::Memory, Bytes(over as u64));
        return Err(Verdict::blocked(Blocker::ExternalUse { signal, held: Bytes(held), over }));
    }
    let each = usage.mean_memory().unwrap_or(1.0).max(1.0);
    Ok((over / each).ceil().max(1.0) as usize)
}
