//! The checks of each decision.

use std::cell::RefCell;
use std::time::Duration;

use wnm_agent::{Evaluated, Observer, Trigger};
use wnm_core::{Action, EngineState, Observation, Planned, Policy, Reason, Timestamp, evaluate};

use super::tally::Tally;
use super::variation::varied;
use crate::chance::{Chance, mixed};
use crate::chaos::fleet::Fleet;
use crate::chaos::invariants::{Property, Trial, Violation, check, check_cycle, check_request, check_thoroughly};
use crate::chaos::ledger::Ledger;

/// Cycles from one thorough check to the next. A thorough check costs as much as some hundred cycles.
const THOROUGH_INTERVAL: u64 = 100;
/// Varied states and observations per thorough check.
const VARIATIONS: u32 = 2;

/// The fleet of the host.
#[derive(Debug)]
pub(super) struct FleetChecks<'a> {
    pub(super) fleet: &'a mut Fleet,
    /// Whether a hold of the host itself is in effect.
    pub(super) is_held: bool,
    /// The time of the engine of the fleet.
    pub(super) now: Timestamp,
}

/// Checks the decision of a cycle before it is stored, and counts it.
#[derive(Debug)]
pub(super) struct DecisionChecks<'a> {
    pub(super) seed: u64,
    pub(super) cycle: u64,
    pub(super) ledger: &'a RefCell<Ledger>,
    pub(super) tally: &'a mut Tally,
    pub(super) fleet: Option<FleetChecks<'a>>,
    /// The first violation of the cycle.
    pub(super) result: Result<(), Violation>,
}

impl Observer for DecisionChecks<'_> {
    fn evaluated(&mut self, evaluated: Evaluated<'_>) {
        let Evaluated { trigger, colony, observation, decision } = evaluated;
        let trial = Trial { policy: &colony.settings.policy, state: &colony.state, observation, decision };
        self.result = match trigger {
            Trigger::Scheduled => self.check_scheduled(&trial),
            Trigger::Requested(..) | Trigger::Changed(_) | Trigger::Restored(_) | Trigger::Resumed => {
                check_request(&trial)
            }
        };
        if self.result.is_ok() {
            self.tally.count(observation, decision);
        }
    }
}

impl DecisionChecks<'_> {
    fn check_scheduled(&mut self, trial: &Trial<'_>) -> Result<(), Violation> {
        check_cycle(trial)?;
        if let Some(FleetChecks { fleet, is_held, now }) = &mut self.fleet {
            fleet.check(trial, *is_held, *now)?;
        }
        if self.cycle.is_multiple_of(THOROUGH_INTERVAL) || trial.observation.rebooted {
            check_thoroughly(trial)?;
            self.check_variations(trial.policy, trial.state, trial.observation)?;
        }
        self.check_failed_additions(trial)?;
        self.check_restart_delay(trial)
    }

    /// Requires that a failed addition is repeated after a delay that grows to half an hour, by the failures that the
    /// ledger holds: a day of failures costs at most 52 folders, one after the other. The engine knows the failures only
    /// from its state.
    fn check_failed_additions(&self, trial: &Trial<'_>) -> Result<(), Violation> {
        let Some((failures, at)) = self.ledger.borrow().failed_additions else { return Ok(()) };
        let least = Duration::from_secs([10, 20, 40, 80].get(failures as usize - 1).copied().unwrap_or(1800));
        let waited = trial.observation.now.since(at);
        let is_addition = |planned: &&Planned| matches!(planned.reason, Reason::HeadroomToAdd { .. });
        match trial.decision.actions.iter().find(is_addition) {
            Some(planned) if waited < least => {
                let detail = format!("add {} {waited:?} after failure {failures}", planned.action.node());
                Err(Violation::new(Property::Bounded, detail))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Requires that no node starts earlier than `delay_restart` after the stop that the ledger holds. The engine knows
    /// that time only from its state.
    fn check_restart_delay(&self, trial: &Trial<'_>) -> Result<(), Violation> {
        let ledger = self.ledger.borrow();
        let is_start = |planned: &&Planned| matches!(planned.action, Action::Start { .. });
        for planned in trial.decision.actions.iter().filter(is_start) {
            let id = planned.action.node();
            let Some(stopped) = ledger.nodes.get(&id).and_then(|stored| stored.stopped_at) else { continue };
            let delay = trial.observation.now.since(stopped);
            if delay < trial.policy.delays.restart {
                return Err(Violation::new(Property::Waiting, format!("{id} starts {delay:?} after its stop")));
            }
        }
        Ok(())
    }

    /// Checks decisions on varied states and observations, which no run reaches by itself.
    fn check_variations(
        &self,
        policy: &Policy,
        state: &EngineState,
        observation: &Observation,
    ) -> Result<(), Violation> {
        let mut chance = Chance::new(self.seed ^ mixed(self.cycle), 4);
        for _ in 0..VARIATIONS {
            let (state, observation) = varied(state, observation, &mut chance);
            let decision = evaluate(policy, state.clone(), &observation).decision;
            let trial = Trial { policy, state: &state, observation: &observation, decision: &decision };
            check_cycle(&trial)?;
            check(Property::Since, &trial)?;
        }
        Ok(())
    }
}
