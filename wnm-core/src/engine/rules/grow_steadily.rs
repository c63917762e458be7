//! Starts stopped nodes, the oldest first, then adds new ones, while the forecast has headroom for them.

use crate::action::verdict::{Blocker, Comparison, Verdict};
use crate::engine::forecast::Cpu;
use crate::engine::rules::{Plan, grow, no_volume_fits};
use crate::engine::situation::{Situation, Steady};
use crate::model::observation::Observation;
use crate::model::units::{Load, Percent};
use crate::model::volume::Volume;
use crate::policy::constants::{
    BACKGROUND_STALLS, CALM, CPU_MEAN, DISK_GROWTH_MARGIN, LEAST_SEEN, LEAST_SEEN_CALM, SURGE, SURGE_MARGIN, WINDOW,
};
use crate::policy::pressure::{Reading, Signal, measures};
use crate::policy::thresholds::Policy;

pub(crate) fn evaluate(situation: &Situation<'_>, plan: &mut Plan) -> Verdict {
    let Situation { policy, census, .. } = situation;
    let (total, cap) = (census.total, policy.node_cap);
    let active = census.running + census.restarting + census.upgrading + census.migrating;
    if active >= cap || total > cap {
        return Verdict::blocked(Blocker::NodeCap { total, cap });
    }
    let blocked = Verdict::blocked;
    let Some((steady, cpu)) = situation.steady.as_ref().and_then(|steady| Some((steady, steady.outlook.cpu?))) else {
        return blocked(situation.no_outlook());
    };
    if let Some(blocker) = calm(situation, steady) {
        return blocked(blocker);
    }
    if let Some(until) = steady.forecast.cooldown_end(policy, situation.observation.now) {
        return Verdict::Wait(Blocker::Cooldown { until });
    }
    let (is_ready, waiting) = grow::stopped(situation);
    if is_ready == 0
        && let Some((until, node)) = waiting
    {
        return Verdict::Wait(Blocker::RestartDelay { node, until });
    }
    let most = plan.allowance(policy.limits.starts, census.restarting).min(policy.tuning.adds as usize);
    let most = most.min((cap - active) as usize);
    if most == 0 {
        return Verdict::blocked(Blocker::OperationInProgress);
    }
    let (most, is_new) =
        if is_ready > 0 { (most.min(is_ready), false) } else { (most.min((cap.saturating_sub(total)) as usize), true) };
    if most == 0 {
        return Verdict::blocked(Blocker::NodeCap { total, cap });
    }
    if is_new && let Some(blocker) = grow::add_delay(situation) {
        return Verdict::blocked(blocker);
    }
    let mut refused = None;
    let fits = |more: &usize| match obstacle(situation, steady, &cpu, *more, is_new) {
        None => true,
        Some(blocker) => {
            refused = Some(blocker);
            false
        }
    };
    let Some(count) = (1..=most).take_while(fits).last() else {
        return blocked(refused.unwrap_or(Blocker::MissingMetric { signal: Signal::Cpu }));
    };
    grow::fill(situation, plan, count);
    if plan.has_actions() { Verdict::Act } else { Verdict::blocked(Blocker::OperationInProgress) }
}

/// Returns the blocker of all growth: a missing metric, a signal over its level, a limit at its floor, or a short observation.
fn calm(situation: &Situation<'_>, steady: &Steady) -> Option<Blocker> {
    let Situation { policy, observation, .. } = situation;
    for measure in measures(policy, &observation.host) {
        let signal = measure.signal;
        let Some(seen) = measure.seen else {
            return Some(Blocker::MissingMetric { signal });
        };
        let warning = match (signal, measure.less_than, measure.remove) {
            (Signal::Memory, Reading::Percent(low), Reading::Percent(high)) => {
                high.get() - (high.get() - low.get()) * policy.tuning.warning
            }
            (Signal::Cpu, ..) => {
                let mean = steady.outlook.cpu.map_or(f64::INFINITY, |cpu| cpu.mean);
                let threshold = policy.warning_level(policy.cpu);
                if mean > threshold {
                    let seen = Percent::clamped(mean).unwrap_or_default().into();
                    return Some(Blocker::OverThreshold(Comparison {
                        signal,
                        seen,
                        threshold: percent(threshold),
                        mean_over: Some(CPU_MEAN),
                    }));
                }
                continue;
            }
            (Signal::DiskRead | Signal::DiskWrite | Signal::NetRead | Signal::NetWrite, low, _) => {
                if seen >= low {
                    return Some(Blocker::OverThreshold(Comparison::latest(signal, seen, low)));
                }
                continue;
            }
            // The forecast of `obstacle` ignores a single busy minute; the threshold of the operator does not.
            (Signal::Load1 | Signal::Load5 | Signal::Load15, _, high) => {
                if measure.is_exceeded() {
                    return Some(Blocker::OverThreshold(Comparison::latest(signal, seen, high)));
                }
                continue;
            }
            // `obstacle` compares the forecast of volumes.
            _ => continue,
        };
        if seen.number() > warning {
            return Some(Blocker::OverThreshold(Comparison::latest(signal, seen, percent(warning))));
        }
    }
    if observation.host.volumes.is_empty() {
        return Some(Blocker::MissingMetric { signal: Signal::Disk(0) });
    }
    if let Some(share) = background_stalls(observation) {
        let threshold = Percent::clamped(BACKGROUND_STALLS).unwrap_or_default();
        return Some(Blocker::BackgroundStalls { share, threshold });
    }
    if steady.forecast.is_lifted() {
        let (covered, required) = steady.forecast.measured();
        return Some(Blocker::ObservationPeriod { covered, required });
    }
    if steady.forecast.was_at_floor(observation.now) {
        return Some(Blocker::Throttled {
            share: steady.usage.throttled.unwrap_or_default(),
            reserve: Percent::default(),
            load: None,
        });
    }
    let covered = steady.forecast.covered();
    let is_calm = steady.outlook.cpu.is_some_and(|cpu| cpu.mean < policy.cpu.less_than.get());
    let required = if is_calm { LEAST_SEEN_CALM } else { LEAST_SEEN };
    (covered < required).then_some(Blocker::ObservationPeriod { covered, required })
}

/// Returns the share of the time in which background load waits for a CPU, when it is too high for more nodes. Stalls of
/// the whole host are not judged: they include the nodes, which wait because they have a low weight or a limit.
fn background_stalls(observation: &Observation) -> Option<Percent> {
    let stalls = observation.host.psi?.background?;
    Some(stalls.cpu.some.avg10).filter(|share| share.get() >= BACKGROUND_STALLS)
}

/// Returns the blocker of `more` additional nodes; None when they fit.
fn obstacle(situation: &Situation<'_>, steady: &Steady, cpu: &Cpu, more: usize, is_new: bool) -> Option<Blocker> {
    let Situation { policy, observation, .. } = situation;
    let (forecast, usage, tuning) = (&steady.forecast, &steady.usage, &policy.tuning);
    let expected = forecast.cpu_with(more, WINDOW, cpu).unwrap_or(f64::INFINITY);
    if expected >= policy.growth_level(policy.cpu) {
        return Some(no_headroom(Signal::Cpu, expected, policy.growth_level(policy.cpu)));
    }
    if let Some(thresholds) = policy.load {
        let ceiling =
            thresholds.less_than.get() + (thresholds.remove.get() - thresholds.less_than.get()) * tuning.growth_target;
        let Some(expected) = forecast.load_with(more, WINDOW, cpu) else {
            return Some(Blocker::MissingMetric { signal: Signal::Load1 });
        };
        if expected.get() >= ceiling {
            let ceiling = Load::clamped(ceiling).unwrap_or_default();
            return Some(Blocker::NoHeadroom {
                signal: Signal::Load1,
                expected: expected.into(),
                ceiling: ceiling.into(),
            });
        }
    }
    let surge = cpu.mean + SURGE * more as f64 * cpu.cost;
    let ceiling = Policy::below_high(policy.cpu, SURGE_MARGIN);
    let is_alone_in_calm = more == 1 && cpu.excess < CALM;
    if surge >= ceiling && !is_alone_in_calm {
        return Some(Blocker::StartSurge {
            expected: Percent::clamped(surge).unwrap_or_default(),
            ceiling: Percent::clamped(ceiling).unwrap_or_default(),
        });
    }
    let memory = observation.host.memory.zip(observation.host.memory_total);
    let Some((used, total)) = memory else { return Some(Blocker::MissingMetric { signal: Signal::Memory }) };
    let to_come = usage.memory_to_come();
    let expected = used.get() + (to_come + more as f64 * usage.typical_memory()) / total.0.max(1) as f64 * 100.0;
    if expected >= policy.growth_level(policy.memory) {
        return Some(no_headroom(Signal::Memory, expected, policy.growth_level(policy.memory)));
    }
    volumes(situation, steady, more, is_new)
}

/// Returns the blocker of the emptiest volume; None when `more` nodes fit there.
fn volumes(situation: &Situation<'_>, steady: &Steady, more: usize, is_new: bool) -> Option<Blocker> {
    let Situation { policy, observation, .. } = situation;
    if is_new && no_volume_fits(situation) {
        return Some(Blocker::NoVolume);
    }
    let ceiling = Policy::below_high(policy.disk, DISK_GROWTH_MARGIN);
    let more = if is_new { more } else { 0 };
    let fits = |volume: &Volume| if is_new { volume.fits(policy.crisis) } else { volume.fault.is_none() };
    let held = |i: usize| steady.forecast.disk_with(more, i, observation, &steady.usage);
    let all = observation.host.volumes.iter().enumerate().filter(|(_, volume)| fits(volume));
    let all = all.map(|(i, _)| (held(i).unwrap_or(f64::INFINITY), i));
    let (expected, roomiest) = all.min_by(|a, b| a.0.total_cmp(&b.0))?;
    (expected >= ceiling).then(|| no_headroom(Signal::Disk(roomiest), expected, ceiling))
}

fn no_headroom(signal: Signal, expected: f64, ceiling: f64) -> Blocker {
    Blocker::NoHeadroom { signal, expected: percent(expected), ceiling: percent(ceiling) }
}

fn percent(value: f64) -> Reading {
    Percent::clamped(value).unwrap_or_default().into()
}
