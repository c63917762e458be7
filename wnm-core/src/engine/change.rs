//! Requests to change what existing nodes are made of: their settings or their storage folder.

use std::collections::BTreeMap;

use crate::action::decision::{Action, Afterwards, Decision, Planned, Reason};
use crate::action::verdict::{RuleVerdict, Verdict};
use crate::engine::evaluate::Evaluation;
use crate::engine::node_status::NodeStatus;
use crate::engine::request::{Refusal, RequestEvaluation, check_process_and_volume};
use crate::engine::situation::Situation;
use crate::engine::state::EngineState;
use crate::model::manager::Program;
use crate::model::node::{Node, NodeId, NodeState};
use crate::model::node_update::{ChangeRequest, NodeChange};
use crate::model::observation::Observation;
use crate::policy::settings::Settings;
use crate::policy::thresholds::Policy;

/// Checks a change against the colony, without regard to the state of the node.
///
/// # Errors
/// The node does not exist or is as requested already, a port belongs to another node, the target is no storage folder,
/// or the process manager decides about folders and arguments.
pub fn check_change(
    settings: &Settings,
    nodes: &BTreeMap<NodeId, Node>,
    request: &ChangeRequest,
) -> Result<(), Refusal> {
    let node = nodes.get(&request.node).ok_or(Refusal::NoSuchNode)?;
    if node.manager.program == Program::Antctl {
        return Err(Refusal::DecidedByAntctl);
    }
    if let NodeChange::Move(to) = &request.change
        && !settings.storage.contains(to)
    {
        return Err(Refusal::NotAStorageFolder { folder: to.clone() });
    }
    let changed = request.change.applied_to(node);
    if changed == *node {
        return Err(Refusal::Unchanged);
    }
    let ports: Vec<u16> = changed.ports.all().collect();
    if let Some(port) = ports.iter().enumerate().find_map(|(i, port)| ports.get(..i)?.contains(port).then_some(*port)) {
        return Err(Refusal::PortTwice { port });
    }
    for other in nodes.values().filter(|other| other.id != node.id) {
        if let Some(port) = other.ports.all().find(|port| ports.contains(port)) {
            return Err(Refusal::PortTaken { port, other: other.id });
        }
    }
    Ok(())
}

/// Evaluates a cycle in which an operator changes nodes, in place of the rules. The requests have passed
/// [`check_change`]. Pure and total.
#[must_use]
pub fn evaluate_changes<'a>(
    policy: &Policy,
    state: EngineState,
    observation: &'a Observation,
    requests: &[ChangeRequest],
) -> RequestEvaluation<'a> {
    let (evaluation, refused) = Evaluation::with_plan(policy, state, observation, |situation| {
        let mut actions: Vec<Planned> = Vec::new();
        let mut refused = Vec::new();
        for request in requests {
            let found = situation.nodes.iter().find(|seen| seen.id == request.node);
            match found.ok_or(Refusal::NoSuchNode).and_then(|seen| action(situation, request, seen)) {
                Ok(action) if actions.iter().any(|planned| planned.action.node() == action.node()) => {}
                Ok(action) => actions.push(Planned { action, reason: Reason::Requested }),
                Err(refusal) => refused.push((Some(request.node), refusal)),
            }
        }
        let decision = Decision {
            measures: situation.measures(),
            features: situation.features,
            actions,
            cancelled: Vec::new(),
            ended: situation.ends(),
            verdicts: vec![RuleVerdict { rule: "requested".into(), verdict: Verdict::Act }],
            cpu_limit: observation.host.cpu_limit.and_then(|seen| seen.limit),
        };
        (decision, refused)
    });
    RequestEvaluation { evaluation, refused }
}

/// Returns the action that carries out a change, or the reason for which it is refused.
fn action(situation: &Situation<'_>, request: &ChangeRequest, seen: &NodeStatus<'_>) -> Result<Action, Refusal> {
    if seen.acting {
        return Err(Refusal::Busy);
    }
    check_process_and_volume(situation, seen)?;
    let then = match *seen.state {
        NodeState::Stopped { .. } | NodeState::Disabled { .. } => Afterwards::Stopped,
        NodeState::Running { .. }
        | NodeState::Unknown { .. }
        | NodeState::Restarting { .. }
        | NodeState::Upgrading { .. } => Afterwards::Running,
        NodeState::Migrating { .. } | NodeState::Removing { .. } | NodeState::Dead { .. } => {
            return Err(Refusal::InState { state: seen.state.word().to_owned() });
        }
    };
    let node = seen.id;
    Ok(match &request.change {
        NodeChange::Update(update) => Action::Update { node, update: update.clone(), then },
        NodeChange::Move(to) => Action::Move { node, to: to.clone(), then },
    })
}
