//! One run: a policy on a host, from the first cycle to the last.

use wnm_core::{Cores, Decision, EngineState, NodeState, Observation};

use super::executor::Executor;
use super::score_keeper::ScoreKeeper;
use super::{CapacityModel, CapacityScenario, Pilot, Score, TICK, timestamp};

/// One cycle, before its decision is executed.
pub(crate) struct Cycle<'a> {
    pub(crate) observation: &'a Observation,
    pub(crate) state: &'a EngineState,
    pub(crate) decision: &'a Decision,
}

/// Runs a policy on a host and returns its score. Deterministic: the same arguments give the same score on any thread.
pub(crate) fn run_once(spec: &CapacityScenario, pilot: &mut Pilot, seed: u64, days: f64, cycle_s: u32) -> Score {
    run_observed(spec, pilot, seed, days, cycle_s, |_| {})
}

/// As [`run_once`]; calls `observe` with every cycle.
pub(crate) fn run_observed(
    spec: &CapacityScenario,
    pilot: &mut Pilot,
    seed: u64,
    days: f64,
    cycle_s: u32,
    mut observe: impl FnMut(&Cycle<'_>),
) -> Score {
    // Cycles are whole steps, because the model has no state between two steps.
    let steps = (f64::from(cycle_s) / TICK).round().max(1.0) as u64;
    let cycles = (days * 86_400.0 / TICK).round() as u64 / steps;
    let cycle = steps as f64 * TICK;
    let mut host = CapacityModel::new(spec, seed, cycle);
    host.has_cpu_limit = pilot.has_cpu_limit;
    host.weight = pilot.weight;
    let mut score_keeper = ScoreKeeper::new(spec, cycle);
    let mut executor = Executor::default();
    let mut observation = Observation::default();
    pilot.take_over(host.nodes.iter().map(|node| (node.id, NodeState::Running { since: timestamp(0.0) })));
    for _ in 0..cycles {
        for _ in 0..steps {
            let step = host.step();
            score_keeper.step(&host, &step);
        }
        // The manager runs on the same host, so it makes no cycle during a reboot.
        if host.is_down() {
            continue;
        }
        host.observe(&mut observation);
        pilot.cycle(&observation, |decision, state| {
            observe(&Cycle { observation: &observation, state, decision });
            decision.actions.iter().for_each(|planned| score_keeper.count(&host, planned));
            host.set_cpu_limit(decision.cpu_limit.map(Cores::get));
            executor.cancel(&decision.cancelled);
            executor.begin(&mut host, &decision.actions);
            executor.advance(&mut host);
            &executor.open
        });
        executor.finish();
    }
    score_keeper.finish()
}
