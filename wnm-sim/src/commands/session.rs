//! A conversation in which the engine's state goes on from one situation to the next.

use std::collections::BTreeMap;

use serde::Deserialize;
use wnm_core::case::{Case, CaseConfig, CaseNode, CaseStatus};
use wnm_core::steps::{Failure, Step, StepFailure};
use wnm_core::{
    Action, EngineState, NodeId, NodeSample, NodeState, Observation, Outcome, Planned, Policy, Timestamp, Version,
    evaluate,
};

use crate::commands::decide::{parse, write_decision};

/// What is remembered between two lines.
#[derive(Default)]
pub(crate) struct Session {
    config: Option<CaseConfig>,
    state: EngineState,
    /// In Unix seconds.
    now: Option<f64>,
    answered: Option<Answered>,
    pending: BTreeMap<NodeId, Pending>,
}

/// The last answer: what it was given to, and what came of it.
struct Answered {
    policy: Policy,
    observation: Observation,
    actions: Vec<Planned>,
    told: Vec<Told>,
    /// The node of each action, as it stood in the line.
    nodes: BTreeMap<NodeId, (CaseStatus, Option<Version>)>,
}

/// An action that has begun and not ended.
struct Pending {
    action: Action,
    begun: Timestamp,
    /// The node as it stood when it began; None for a node that was yet to be made.
    before: Option<(CaseStatus, Option<Version>)>,
}

/// A line that is no situation.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Control {
    Outcomes(Vec<Told>),
    Reset(bool),
}

/// What came of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Told {
    Done,
    Failed,
    Pending,
}

impl Session {
    /// Answers one line.
    pub(crate) fn answer(&mut self, line: &[u8], answer: &mut Vec<u8>) -> Result<(), String> {
        if is_control(line) {
            self.control(parse(line)?)?;
            answer.extend_from_slice(b"{}");
            return Ok(());
        }
        let mut case: Case = parse(line)?;
        let config = case.config.take().or_else(|| self.config.clone());
        let config = config.ok_or("expected config in the first line, found none")?;
        let policy = case.policy(&config).map_err(|problems| format!("config: {problems}"))?;
        case.check_ids().map_err(|error| error.to_string())?;

        // Time neither runs backwards nor begins again where a line does not tell it.
        case.now = case.now.into_iter().chain(self.now).reduce(f64::max);
        self.settle();
        let mut observation = case.observe(&config, &mut self.state).map_err(|error| error.to_string())?;
        self.keep_pending(&case, &policy, &mut observation);
        let decision = evaluate(&policy, self.state.clone(), &observation).decision;
        write_decision(&decision, answer);

        let told = vec![Told::Done; decision.actions.len()];
        let nodes = decision.actions.iter().map(|planned| planned.action.node());
        let nodes = nodes.filter_map(|id| find(&case, id).map(|node| (id, stands(node)))).collect();
        self.config = Some(config);
        self.now = case.now;
        self.answered = Some(Answered { policy, observation, actions: decision.actions, told, nodes });
        Ok(())
    }

    fn control(&mut self, control: Control) -> Result<(), String> {
        match control {
            Control::Reset(true) => *self = Self { config: self.config.take(), ..Self::default() },
            Control::Reset(false) => {}
            Control::Outcomes(told) => {
                let answered = self.answered.as_mut().ok_or("expected a situation before its outcomes, found none")?;
                let (expected, found) = (answered.actions.len(), told.len());
                // A survey is an action to those who speak of it, and nothing comes of it.
                if expected == 0 && found <= 1 {
                    return Ok(());
                }
                if expected != found {
                    return Err(format!("expected {expected} outcomes, as many as actions, found {found}"));
                }
                answered.told = told;
            }
        }
        Ok(())
    }

    /// Brings the state from the last answer to what came of it.
    fn settle(&mut self) {
        let Some(Answered { policy, observation, actions, told, mut nodes }) = self.answered.take() else { return };
        let mut outcomes = Vec::with_capacity(actions.len());
        for (planned, told) in actions.into_iter().zip(told) {
            let id = planned.action.node();
            let outcome = match told {
                Told::Done => Outcome::Done,
                Told::Failed => Outcome::Failed(failure(&planned.action, observation.now)),
                Told::Pending => {
                    let (action, before) = (planned.action.clone(), nodes.remove(&id));
                    self.pending.insert(id, Pending { action, begun: observation.now, before });
                    pending(&planned.action, observation.now)
                }
            };
            outcomes.push((planned, outcome));
        }
        self.state = evaluate(&policy, std::mem::take(&mut self.state), &observation).apply(&outcomes);
    }

    /// Counts actions as under way until the lines show that they have ended.
    fn keep_pending(&mut self, case: &Case, policy: &Policy, observation: &mut Observation) {
        let now = observation.now;
        self.pending.retain(|id, pending| match (find(case, *id), &pending.before) {
            (Some(node), Some(before)) => stands(node) == *before,
            (None, None) => now.since(pending.begun) < policy.delays.start,
            (Some(_), None) | (None, Some(_)) => false,
        });
        for (id, pending) in &self.pending {
            if matches!(pending.action, Action::Add { .. }) {
                let born = pending.begun;
                observation.nodes.insert(*id, NodeSample { born, volume: Some(0), ..NodeSample::default() });
                self.state.nodes.insert(*id, NodeState::Restarting { since: born });
            }
        }
        self.state.acting = self.pending.keys().copied().collect();
    }
}

fn find(case: &Case, id: NodeId) -> Option<&CaseNode> {
    case.nodes.iter().find(|node| node.id == id)
}

fn stands(node: &CaseNode) -> (CaseStatus, Option<Version>) {
    (node.status, node.version.clone())
}

/// The step at which an action is said to stand by one who tells no steps.
fn last_step(action: &Action) -> Step {
    action.steps().last().copied().unwrap_or(Step::Confirm)
}

fn pending(action: &Action, since: Timestamp) -> Outcome {
    Outcome::Pending { step: last_step(action), since, why: "told to be pending".to_owned() }
}

fn failure(action: &Action, at: Timestamp) -> Failure {
    let error = "told to have failed".to_owned();
    Failure { failed: StepFailure { step: last_step(action), at, error, hint: None }, rolled_back: true }
}

/// Tells whether a line is about the conversation: its one key says so.
fn is_control(line: &[u8]) -> bool {
    let after =
        |line: &[u8], mark: u8| line.iter().position(|byte| !byte.is_ascii_whitespace()).filter(|i| line[*i] == mark);
    let Some(brace) = after(line, b'{') else { return false };
    let Some(quote) = after(&line[brace + 1..], b'"') else { return false };
    let key = &line[brace + quote + 2..];
    key.starts_with(b"outcomes\"") || key.starts_with(b"reset\"")
}
