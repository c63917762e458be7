//! The engine: `evaluate` derives a decision, `apply` the state after its outcomes. Both are pure and total.

use crate::action::decision::{Action, Cancellation, Decision, Planned};
use crate::action::steps::Outcome;
use crate::action::verdict::{RuleVerdict, Verdict};
use crate::engine::recovery;
use crate::engine::rule_set::RuleSet;
use crate::engine::rules::{MOST_RULES, Plan, rules};
use crate::engine::situation::{Situation, StateUpdate, Steady};
use crate::engine::state::{self, EngineState};
use crate::engine::{cancel, ceiling, cpu_limit, valves};
use crate::model::observation::Observation;
use crate::model::units::Cores;
use crate::policy::thresholds::Policy;

/// One evaluated cycle: the decision, and everything needed to derive the next state from its outcomes.
///
/// Dropping an evaluation discards the cycle, as a dry run does.
#[derive(Debug)]
pub struct Evaluation<'a> {
    /// The actions of this cycle with their reasons, and the verdict of each rule.
    ///
    /// A caller that cannot begin an action removes it here before the decision is stored.
    pub decision: Decision,
    observation: &'a Observation,
    /// The state before the cycle, without its forecast, which `update` carries.
    state: EngineState,
    update: StateUpdate,
}

/// Evaluates one cycle: evaluates the rules of the policy's preset in order of priority.
///
/// Pure and total: the same arguments give the same decision, byte for byte, and nothing fails.
#[must_use]
pub fn evaluate<'a>(policy: &Policy, state: EngineState, observation: &'a Observation) -> Evaluation<'a> {
    evaluate_with(policy, RuleSet::OfPreset, state, observation)
}

/// Evaluates one cycle with the rules of the Python wnm, whatever the preset of the policy.
///
/// For comparisons only: these rules remove nodes that [`evaluate`] keeps, and leave nodes stopped that it starts.
#[must_use]
pub fn evaluate_parity<'a>(policy: &Policy, state: EngineState, observation: &'a Observation) -> Evaluation<'a> {
    evaluate_with(policy, RuleSet::Parity, state, observation)
}

fn evaluate_with<'a>(
    policy: &Policy,
    rule_set: RuleSet,
    mut state: EngineState,
    observation: &'a Observation,
) -> Evaluation<'a> {
    let policy = &*policy.on(&observation.host);
    let forecast = state.forecast.take();
    let situation = Situation::new(policy, rule_set, &state, forecast, observation);
    // The forecast moves through the cycle: a copy of it in every cycle is measurable.
    let decision = decide(&situation, rule_set);
    let update = situation.into_update();
    Evaluation { decision, observation, state, update }
}

impl<'a> Evaluation<'a> {
    /// Returns the state before the cycle, without the forecast.
    #[must_use]
    pub const fn state(&self) -> &EngineState {
        &self.state
    }

    /// Returns the CPU that a mature node needs, in cores, as the forecast knows it; None under `classic`, and before a
    /// node was measured.
    #[must_use]
    pub fn node_cpu(&self) -> Option<Cores> {
        self.update.steady.as_ref()?.forecast.node_cpu()
    }

    /// Evaluates a cycle whose actions come from `plan` instead of from the rules.
    pub(crate) fn with_plan<T>(
        policy: &Policy,
        mut state: EngineState,
        observation: &'a Observation,
        plan: impl FnOnce(&Situation<'_>) -> (Decision, T),
    ) -> (Self, T) {
        let policy = &*policy.on(&observation.host);
        let forecast = state.forecast.take();
        let situation = Situation::new(policy, RuleSet::OfPreset, &state, forecast, observation);
        let (decision, rest) = plan(&situation);
        let update = situation.into_update();
        (Self { decision, observation, state, update }, rest)
    }

    /// Returns the state that the next cycle starts from.
    ///
    /// `outcomes` holds every action that was worked on in this cycle, those begun in earlier cycles included; an
    /// action of the decision that is missing there counts as not begun.
    #[must_use]
    pub fn apply(self, outcomes: &[(Planned, Outcome)]) -> EngineState {
        let Self { decision, observation, mut state, update } = self;
        let now = observation.now;
        let begun = decision.actions.iter().filter(|planned| ceiling::is_counted(planned)).count();
        state.recent.record(u32::try_from(begun).unwrap_or(u32::MAX), now);
        state.forecast = update.steady.map(|Steady { mut forecast, usage, .. }| {
            for (planned, outcome) in outcomes {
                if !state.acting.contains(&planned.action.node()) {
                    forecast.begin(planned, &usage, now);
                }
                if let (Action::Remove { node, .. }, Outcome::Done) = (&planned.action, outcome) {
                    forecast.deleted(*node, observation);
                }
            }
            forecast
        });
        let ended = || update.ended.iter().chain(&update.restarted);
        recovery::update(&mut state.recoveries, observation, ended());
        state.record_own_upgrades(observation, ended());
        state.extend(update.changes, observation);
        state.missing_since = update.missing_since;
        state::remember_volumes(&mut state, observation);
        for (planned, outcome) in outcomes {
            state::apply(&mut state, planned, outcome, now);
        }
        state
    }
}

/// Returns the removals that end in their delay. The Python wnm completed every removal.
fn cancelled(situation: &Situation<'_>, rule_set: RuleSet) -> Vec<Cancellation> {
    match rule_set {
        RuleSet::OfPreset => cancel::evaluate(situation),
        RuleSet::Parity => Vec::new(),
    }
}

fn decide(situation: &Situation<'_>, rule_set: RuleSet) -> Decision {
    let mut plan = Plan::new(situation);
    let mut verdicts = Vec::with_capacity(MOST_RULES);
    for rule in rules(rule_set, situation.policy.preset) {
        let verdict = (rule.evaluate)(situation, &mut plan);
        let verdict = valves::filter(situation, rule_set, &mut plan, verdict);
        let ends = !matches!(verdict, Verdict::Skip(_));
        verdicts.push(RuleVerdict { rule: rule.name.into(), verdict });
        if ends {
            break;
        }
    }
    Decision {
        measures: situation.measures(),
        features: situation.features,
        actions: plan.into_actions(),
        cancelled: cancelled(situation, rule_set),
        ended: situation.ends(),
        verdicts,
        cpu_limit: cpu_limit::evaluate(situation),
    }
}
