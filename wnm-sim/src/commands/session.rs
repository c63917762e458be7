//! A stateful session of `wnm-sim decide`: the engine state continues from one situation to the next.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use wnm_core::case::{Case, CaseConfig, CaseNode, CaseStatus};
use wnm_core::steps::{Failure, Step, StepFailure};
use wnm_core::{
    Action, Cancellation, EngineState, NodeId, NodeSample, NodeState, Observation, Outcome, Planned, Policy, Timestamp,
    Version,
};

use crate::commands::decide::{Rules, parse, write_answer};

/// The state between two lines.
pub(crate) struct Session {
    rules: Rules,
    config: Option<CaseConfig>,
    state: EngineState,
    /// Time of the last situation, in Unix seconds.
    now: Option<f64>,
    answered: Option<Answered>,
    pending: BTreeMap<NodeId, Pending>,
}

/// The last answer with its situation and outcomes.
struct Answered {
    policy: Policy,
    observation: Observation,
    actions: Vec<Planned>,
    cancelled: Vec<(Planned, Outcome)>,
    outcomes: Vec<ReportedOutcome>,
    /// The condition of each action's node in the situation.
    nodes: BTreeMap<NodeId, Condition>,
}

/// An action that has begun and not ended.
struct Pending {
    planned: Planned,
    begun: Timestamp,
    /// Condition of the node when the action began; None for a node to be created.
    before: Option<Condition>,
    /// Whether a line has shown the node in the status of the action, so that the former status means its end.
    was_shown: bool,
}

/// Status, version and volume of a node: an action ends when a line shows another one.
type Condition = (CaseStatus, Option<Version>, Option<PathBuf>);

/// A line that controls the session.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Control {
    Outcomes(Vec<ReportedOutcome>),
    Reset(bool),
}

/// The outcome of an action, as the caller reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReportedOutcome {
    Done,
    Failed,
    Pending,
}

impl Session {
    /// Returns a session without a situation.
    pub(crate) fn new(rules: Rules) -> Self {
        let (state, pending) = (EngineState::default(), BTreeMap::new());
        Self { rules, config: None, state, now: None, answered: None, pending }
    }

    /// Answers one line.
    pub(crate) fn answer(&mut self, line: &[u8], answer: &mut Vec<u8>) -> Result<(), String> {
        // Decided by the first key without parsing, because a situation is large and control lines are rare.
        if is_control(line) {
            self.control(parse(line)?)?;
            answer.extend_from_slice(b"{}");
            return Ok(());
        }
        let mut case: Case = parse(line)?;
        let config = case.config.take().or_else(|| self.config.clone());
        let config = config.ok_or("the key config is missing, and no line before had it")?;
        let policy = case.policy(&config).map_err(|problems| format!("invalid config: {problems}"))?;
        case.check_ids().map_err(|error| error.to_string())?;

        // A line without a time keeps the last one, and the time never goes back.
        case.now = case.now.into_iter().chain(self.now).reduce(f64::max);
        self.apply_outcomes();
        let mut observation = case.observe(&config, &mut self.state).map_err(|error| error.to_string())?;
        self.apply_pending(&case, &policy, &mut observation);
        let evaluation = self.rules.evaluate(&policy, self.state.clone(), &observation);
        write_answer(&case, &policy, self.rules, &evaluation, answer);
        let decision = evaluation.decision;

        let outcomes = vec![ReportedOutcome::Done; decision.actions.len()];
        let nodes = decision.actions.iter().map(|planned| planned.action.node());
        let nodes = nodes.filter_map(|id| find(&case, id).map(|node| (id, condition(node)))).collect();
        self.config = Some(config);
        self.now = case.now;
        // The outcomes arrive after the answer; until then the actions count as done.
        let cancelled = decision.cancelled.iter().filter_map(|found| self.cancel(found)).collect();
        self.answered = Some(Answered { policy, observation, actions: decision.actions, cancelled, outcomes, nodes });
        Ok(())
    }

    /// Ends a pending removal, and returns its outcome.
    fn cancel(&mut self, Cancellation { node, because }: &Cancellation) -> Option<(Planned, Outcome)> {
        let pending = self.pending.remove(node)?;
        Some((pending.planned, Outcome::Cancelled { because: because.clone() }))
    }

    fn control(&mut self, control: Control) -> Result<(), String> {
        match control {
            Control::Reset(true) => *self = Self { config: self.config.take(), ..Self::new(self.rules) },
            Control::Reset(false) => {}
            Control::Outcomes(outcomes) => {
                let answered = self.answered.as_mut().ok_or("outcomes must follow a situation")?;
                let (needed, found) = (answered.actions.len(), outcomes.len());
                // The protocol reports a survey as an action, although the engine has no action for it.
                if needed == 0 && found <= 1 {
                    return Ok(());
                }
                if needed != found {
                    return Err(format!("{found} outcomes for {needed} actions"));
                }
                answered.outcomes = outcomes;
            }
        }
        Ok(())
    }

    /// Applies the outcomes of the last answer to the state.
    fn apply_outcomes(&mut self) {
        let Some(Answered { policy, observation, actions, cancelled, outcomes: reported, mut nodes }) =
            self.answered.take()
        else {
            return;
        };
        let mut outcomes = cancelled;
        for (planned, reported) in actions.into_iter().zip(reported) {
            let id = planned.action.node();
            let outcome = match reported {
                ReportedOutcome::Done => Outcome::Done,
                ReportedOutcome::Failed => Outcome::Failed(failure(&planned.action, observation.now)),
                ReportedOutcome::Pending => {
                    let (begun, before) = (observation.now, nodes.remove(&id));
                    let begun = Pending { planned: planned.clone(), begun, before, was_shown: false };
                    self.pending.insert(id, begun);
                    pending(&planned.action, observation.now)
                }
            };
            outcomes.push((planned, outcome));
        }
        self.state = self.rules.evaluate(&policy, std::mem::take(&mut self.state), &observation).apply(&outcomes);
    }

    /// Marks the nodes of pending actions as busy, until a situation shows that the actions have ended.
    fn apply_pending(&mut self, case: &Case, policy: &Policy, observation: &mut Observation) {
        let now = observation.now;
        self.pending.retain(|id, pending| match (find(case, *id), &pending.before) {
            (Some(node), Some(before)) => {
                let of_action = match pending.planned.action {
                    Action::Remove { .. } => Some(CaseStatus::Removing),
                    Action::Move { .. } => Some(CaseStatus::Migrating),
                    _ => None,
                };
                let is_shown = of_action == Some(node.status);
                pending.was_shown |= is_shown;
                is_shown || (!pending.was_shown && condition(node) == *before)
            }
            // An add that no line ever shows must not block the session for ever.
            (None, None) => now.since(pending.begun) < policy.delays.start,
            (Some(_), None) | (None, Some(_)) => false,
        });
        for (id, pending) in &self.pending {
            if matches!(pending.planned.action, Action::Add { .. }) {
                let born = pending.begun;
                observation.nodes.insert(*id, NodeSample { born, volume: Some(0), ..NodeSample::default() });
                self.state.nodes.insert(*id, NodeState::Restarting { since: born });
            }
        }
        self.state.acting = self.pending.keys().copied().collect();
        let ended = |id: &NodeId| !self.pending.contains_key(id);
        let ended: Vec<NodeId> = self.state.removals.keys().copied().filter(ended).collect();
        for id in ended {
            self.state.removals.remove(&id);
        }
    }
}

fn find(case: &Case, id: NodeId) -> Option<&CaseNode> {
    case.nodes.iter().find(|node| node.id == id)
}

fn condition(node: &CaseNode) -> Condition {
    (node.status, node.version.clone(), node.volume.clone())
}

/// Returns the step at which a pending or failed action is taken to be: the protocol reports no steps.
fn last_step(action: &Action) -> Step {
    action.steps().last().copied().unwrap_or(Step::Confirm)
}

fn pending(action: &Action, since: Timestamp) -> Outcome {
    let step = match action {
        Action::Remove { linger, .. } if !linger.is_zero() => Step::Linger,
        _ => last_step(action),
    };
    Outcome::Pending { step, since, why: "reported as pending".to_owned() }
}

fn failure(action: &Action, at: Timestamp) -> Failure {
    let error = "reported as failed".to_owned();
    Failure {
        failed: StepFailure { step: last_step(action), at, error, cause: wnm_core::FailureCause::Other, hint: None },
        rolled_back: true,
    }
}

/// Tells whether a line controls the session, by its first key.
fn is_control(line: &[u8]) -> bool {
    let after =
        |line: &[u8], mark: u8| line.iter().position(|byte| !byte.is_ascii_whitespace()).filter(|i| line[*i] == mark);
    let Some(brace) = after(line, b'{') else { return false };
    let Some(quote) = after(&line[brace + 1..], b'"') else { return false };
    let key = &line[brace + quote + 2..];
    key.starts_with(b"outcomes\"") || key.starts_with(b"reset\"")
}
