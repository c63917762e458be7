//! One run: a policy at the wheel of a host, from the first cycle to the last.

use wnm_core::{Cores, Decision, EngineState, NodeState, Observation};

use super::executor::Executor;
use super::judge::Judge;
use super::{CapacityScenario, Host, Pilot, Score, TICK, timestamp};

/// One cycle, before anything comes of it.
pub(crate) struct Cycle<'a> {
    pub(crate) seen: &'a Observation,
    pub(crate) state: &'a EngineState,
    pub(crate) decision: &'a Decision,
}

/// Runs a policy on a host, and returns what came of it: the same for the same arguments, in whichever thread.
pub(crate) fn run_once(spec: &CapacityScenario, pilot: &mut Pilot, seed: u64, days: f64, cycle_s: u32) -> Score {
    run_observed(spec, pilot, seed, days, cycle_s, |_| {})
}

/// Runs a policy on a host, and shows every cycle to somebody.
pub(crate) fn run_observed(
    spec: &CapacityScenario,
    pilot: &mut Pilot,
    seed: u64,
    days: f64,
    cycle_s: u32,
    mut observe: impl FnMut(&Cycle<'_>),
) -> Score {
    let steps = (f64::from(cycle_s) / TICK).round().max(1.0) as u64;
    let cycles = (days * 86_400.0 / TICK).round() as u64 / steps;
    let cycle = steps as f64 * TICK;
    let mut host = Host::new(spec, seed, cycle);
    host.has_cpu_limit = pilot.has_cpu_limit;
    let mut judge = Judge::new(spec, cycle);
    let mut executor = Executor::default();
    let mut seen = Observation::default();
    pilot.take_over(host.nodes.iter().map(|node| (node.id, NodeState::Running { since: timestamp(0.0) })));
    for _ in 0..cycles {
        for _ in 0..steps {
            let step = host.step();
            judge.step(&host, &step);
        }
        if host.is_down() {
            continue;
        }
        host.look(&mut seen);
        pilot.cycle(&seen, |decision, state| {
            observe(&Cycle { seen: &seen, state, decision });
            decision.actions.iter().for_each(|planned| judge.count(&host, planned));
            host.set_cpu_limit(decision.cpu_limit.map(Cores::get));
            executor.begin(&mut host, &decision.actions);
            executor.carry_on(&mut host);
            &executor.open
        });
        executor.finish();
    }
    judge.finish()
}
