//! What an operator asks for by name or number, and whether it can be granted.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::decision::{Action, Decision, Planned, Reason};
use crate::action::verdict::{RuleVerdict, Verdict};
use crate::engine::evaluate::Evaluation;
use crate::engine::node_status::NodeStatus;
use crate::engine::rules::{First, choose_any};
use crate::engine::situation::Situation;
use crate::engine::state::EngineState;
use crate::model::node::{NodeId, NodeState};
use crate::model::observation::{Observation, Presence};
use crate::model::units::Version;
use crate::policy::allocation::free_ids;
use crate::policy::thresholds::Policy;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Make new nodes.
    Add,
    /// Start stopped or disabled nodes; an outdated one is upgraded as it starts.
    Start,
    /// Stop running nodes.
    Stop,
    /// Stop running nodes and start them again.
    Restart,
    /// Give running or stopped nodes the node binary's version.
    Upgrade,
    /// Remove nodes and their identities.
    Remove,
    /// Keep nodes down until they are started by name.
    Disable,
    /// Let disabled nodes be started again.
    Enable,
}

impl Verb {
    /// Returns the word, such as `add`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Upgrade => "upgrade",
            Self::Remove => "remove",
            Self::Disable => "disable",
            Self::Enable => "enable",
        }
    }
}

/// Which nodes are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// These.
    Named(Vec<NodeId>),
    /// This many, chosen by age as the rules would.
    Count(u32),
    /// All that it can be done to.
    All,
}

/// Why a named node is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum Refusal {
    /// There is no such node.
    #[error("there is no such node")]
    NoSuchNode,
    /// Something else is being done to it.
    #[error("another action on it is under way")]
    Busy,
    /// It is so already, or cannot be in its state.
    #[error("it is {state}")]
    InState {
        /// The state, as reports name it.
        state: String,
    },
    /// What answers on its port is no process of ours.
    #[error("what answers on its ports is not a process of this manager")]
    NotOurs,
    /// The version of the node binary is not known.
    #[error("the version of the node binary is not known")]
    TargetUnknown,
    /// The node has that version, or a newer one.
    #[error("it has version {has}, and the node binary is {target}")]
    NotOutdated {
        /// What it has.
        has: Version,
        /// What it would get.
        target: Version,
    },
    /// The version it has is not known, so it might be newer.
    #[error("its version is not known, so {target} might be a downgrade")]
    VersionUnknown {
        /// What it would get.
        target: Version,
    },
    /// Its process manager gives no number out twice.
    #[error("its number was used before, and the process manager gives none out twice")]
    NumberUsed,
    /// The cap leaves no room.
    #[error("there are {total} nodes, and node_cap is {cap}")]
    CapReached {
        /// Nodes there are.
        total: u32,
        /// Nodes there may be.
        cap: u32,
    },
}

/// An evaluated request of the operator.
#[derive(Debug)]
pub struct RequestEvaluation<'a> {
    /// The cycle with the actions that the request leads to.
    pub evaluation: Evaluation<'a>,
    /// The parts of the request that are refused, with the reason; None stands for nodes requested by count.
    pub refused: Vec<(Option<NodeId>, Refusal)>,
}

/// Evaluates a cycle that an operator requests, in place of the rules.
///
/// Thresholds and limits do not bind an operator; the node cap, identities and versions do. The CPU limit stays as it
/// is. Pure and total.
#[must_use]
pub fn evaluate_request<'a>(
    policy: &'a Policy,
    state: EngineState,
    observation: &'a Observation,
    verb: Verb,
    selection: &Selection,
) -> RequestEvaluation<'a> {
    let (evaluation, refused) = Evaluation::with_plan(policy, state, observation, |situation| {
        let (actions, refused) = plan(situation, verb, selection);
        let decision = Decision {
            measures: situation.measures(),
            features: situation.features,
            actions: actions.into_iter().map(|action| Planned { action, reason: Reason::Requested }).collect(),
            verdicts: vec![RuleVerdict { rule: "requested".into(), verdict: Verdict::Act }],
            cpu_limit: observation.host.cpu_limit.and_then(|seen| seen.limit),
        };
        (decision, refused)
    });
    RequestEvaluation { evaluation, refused }
}

/// The part of a request that is refused, and why.
type Refused = Vec<(Option<NodeId>, Refusal)>;

/// Returns the actions that carry out a request, and the parts that are refused.
fn plan(situation: &Situation<'_>, verb: Verb, selection: &Selection) -> (Vec<Action>, Refused) {
    let policy = situation.policy;
    let mut actions = Vec::new();
    let mut refused = Vec::new();
    match selection {
        Selection::Named(ids) if verb == Verb::Add => {
            for id in ids {
                match place(situation, *id, actions.len() as u32) {
                    _ if actions.contains(&Action::Add { node: *id }) => {}
                    Ok(()) => actions.push(Action::Add { node: *id }),
                    Err(refusal) => refused.push((Some(*id), refusal)),
                }
            }
        }
        Selection::Named(ids) => {
            for id in ids {
                let found = situation.nodes.iter().find(|seen| seen.id == *id);
                match found.ok_or(Refusal::NoSuchNode).and_then(|seen| action(situation, verb, seen)) {
                    Ok(action) if actions.contains(&action) => {}
                    Ok(action) => actions.push(action),
                    Err(refusal) => refused.push((Some(*id), refusal)),
                }
            }
        }
        Selection::Count(_) | Selection::All if verb == Verb::Add => {
            let wanted = if let Selection::Count(count) = selection { *count } else { u32::MAX };
            let (total, cap) = (situation.census.total, policy.node_cap);
            let room = cap.saturating_sub(total);
            let taken = situation.nodes.iter().map(|seen| seen.id);
            actions.extend(
                free_ids(taken, policy.highest_node_id_used)
                    .take(room.min(wanted) as usize)
                    .map(|node| Action::Add { node }),
            );
            if room < wanted && wanted != u32::MAX {
                refused.push((None, Refusal::CapReached { total, cap }));
            }
        }
        Selection::Count(_) | Selection::All => {
            let count = if let Selection::Count(count) = selection { *count as usize } else { usize::MAX };
            actions.extend(by_age(situation, verb, count));
        }
    }
    (actions, refused)
}

/// Returns the action on up to `count` nodes it can be done to, in the order of the rules.
fn by_age(situation: &Situation<'_>, verb: Verb, count: usize) -> Vec<Action> {
    // What was disabled by name is started by name, and removed by name or together with all.
    let is_left = |seen: &NodeStatus<'_>| match verb {
        Verb::Start => true,
        Verb::Remove => count < usize::MAX,
        Verb::Add | Verb::Stop | Verb::Restart | Verb::Upgrade | Verb::Enable | Verb::Disable => false,
    } && matches!(*seen.state, NodeState::Disabled { .. });
    let can = |seen: &NodeStatus<'_>| !is_left(seen) && action(situation, verb, seen).is_ok();
    let is_stopped = |seen: &NodeStatus<'_>| can(seen) && !seen.state.is_active();
    let is_active = |seen: &NodeStatus<'_>| can(seen) && seen.state.is_active();
    let chosen = match verb {
        Verb::Start | Verb::Upgrade | Verb::Restart | Verb::Enable | Verb::Add => {
            choose_any(situation, First::Oldest, count, can)
        }
        Verb::Stop | Verb::Disable => choose_any(situation, First::Youngest, count, can),
        // What does not run goes first.
        Verb::Remove => {
            let mut chosen = choose_any(situation, First::Youngest, count, is_stopped);
            let left = count - chosen.len();
            chosen.extend(choose_any(situation, First::Youngest, left, is_active));
            chosen
        }
    };
    chosen.into_iter().filter_map(|seen| action(situation, verb, seen).ok()).collect()
}

/// Tells whether a new node may have a number, beside others that are added with it.
fn place(situation: &Situation<'_>, id: NodeId, others: u32) -> Result<(), Refusal> {
    let (total, cap) = (situation.census.total, situation.policy.node_cap);
    if let Some(seen) = situation.nodes.iter().find(|seen| seen.id == id) {
        return Err(Refusal::InState { state: seen.state.word().to_owned() });
    }
    if situation.policy.highest_node_id_used.is_some_and(|used| id.get() <= used) {
        return Err(Refusal::NumberUsed);
    }
    if total + others >= cap {
        return Err(Refusal::CapReached { total: total + others, cap });
    }
    Ok(())
}

/// Returns the action that does this to a node, or why it cannot be done.
fn action(situation: &Situation<'_>, verb: Verb, seen: &NodeStatus<'_>) -> Result<Action, Refusal> {
    let node = seen.id;
    let in_state = || Refusal::InState { state: seen.state.word().to_owned() };
    if seen.acting {
        return Err(Refusal::Busy);
    }
    if seen.sample.presence == Presence::Unverified && verb != Verb::Enable {
        return Err(Refusal::NotOurs);
    }
    let is_down = matches!(*seen.state, NodeState::Stopped { .. } | NodeState::Disabled { .. });
    match verb {
        Verb::Add => Err(in_state()),
        Verb::Start if is_down => Ok(Action::Start { node, upgrade_to: newer(situation, seen).ok() }),
        Verb::Stop | Verb::Restart if seen.state.is_active() => Ok(match verb {
            Verb::Stop => Action::Stop { node },
            _ => Action::Restart { node },
        }),
        Verb::Upgrade if seen.state.is_active() => {
            let to = newer(situation, seen)?;
            Ok(Action::Upgrade { node, from: seen.sample.version.clone(), to })
        }
        Verb::Upgrade if matches!(*seen.state, NodeState::Stopped { .. }) => {
            Ok(Action::Start { node, upgrade_to: Some(newer(situation, seen)?) })
        }
        Verb::Enable if matches!(*seen.state, NodeState::Disabled { .. }) => Ok(Action::Enable { node }),
        Verb::Disable if !matches!(*seen.state, NodeState::Disabled { .. } | NodeState::Dead { .. }) => {
            Ok(Action::Disable { node })
        }
        Verb::Remove => Ok(Action::Remove { node, linger: Duration::ZERO }),
        Verb::Start | Verb::Stop | Verb::Restart | Verb::Upgrade | Verb::Enable | Verb::Disable => Err(in_state()),
    }
}

/// Returns the version a node would get, if it is known to be newer than its own.
fn newer(situation: &Situation<'_>, seen: &NodeStatus<'_>) -> Result<Version, Refusal> {
    let target = situation.observation.target.clone().ok_or(Refusal::TargetUnknown)?;
    match seen.sample.version.clone() {
        None => Err(Refusal::VersionUnknown { target }),
        Some(has) if has >= target => Err(Refusal::NotOutdated { has, target }),
        Some(_) => Ok(target),
    }
}
