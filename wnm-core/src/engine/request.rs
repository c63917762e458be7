//! Requests of an operator: the actions that carry one out, and the parts that are refused.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::decision::{Action, Decision, Planned, Reason};
use crate::action::verdict::{RuleVerdict, Verdict};
use crate::engine::evaluate::Evaluation;
use crate::engine::failures;
use crate::engine::node_status::NodeStatus;
use crate::engine::rules::{First, choose_any, no_volume_fits};
use crate::engine::situation::Situation;
use crate::engine::state::EngineState;
use crate::engine::{cancel, valves};
use crate::model::node::{NodeId, NodeState};
use crate::model::observation::{Observation, Presence};
use crate::model::units::Version;
use crate::model::volume::{Volume, VolumeFault};
use crate::policy::allocation::free_ids;
use crate::policy::thresholds::Policy;

/// The action that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Add new nodes.
    Add,
    /// Start stopped or disabled nodes; an outdated node is upgraded first.
    Start,
    /// Stop running nodes.
    Stop,
    /// Stop running nodes and start them again.
    Restart,
    /// Upgrade running or stopped nodes to the version of the node binary.
    Upgrade,
    /// Remove nodes and their identities.
    Remove,
    /// Stop nodes, and keep them stopped until they are enabled or started by name.
    Disable,
    /// Allow the policy to start disabled nodes.
    Enable,
}

impl Verb {
    /// Returns the verb, such as `add`.
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

/// The nodes that a request selects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// Nodes by number.
    Named(Vec<NodeId>),
    /// A count of nodes, selected by age as the rules do.
    Count(u32),
    /// Every node that the action can be applied to.
    All,
}

/// The reason for which a part of a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum Refusal {
    /// The colony has no node of this number.
    #[error("there is no such node")]
    NoSuchNode,
    /// Another action on the node is in progress.
    #[error("another action is in progress")]
    Busy,
    /// The state of the node does not allow the action, or is its result already.
    #[error("it is {state}")]
    InState {
        /// State as in reports.
        state: String,
    },
    /// The process that answers on the ports of the node is unverified.
    #[error("the process on its ports is not managed by wnm")]
    NotOurs,
    /// The version of the node binary is unknown.
    #[error("the version of the node binary is unknown")]
    TargetUnknown,
    /// The node has the version of the node binary, or a newer one.
    #[error("it has version {has}, and the node binary is {target}")]
    NotOutdated {
        /// Installed version.
        has: Version,
        /// Version of the node binary.
        target: Version,
    },
    /// The version of the node is unknown and might be newer than the node binary.
    #[error("its version is unknown, and {target} might be a downgrade")]
    VersionUnknown {
        /// Version of the node binary.
        target: Version,
    },
    /// The volume of the node has a fault, so that nothing on it can be changed or verified.
    #[error("its volume {}", fault.sentence())]
    VolumeFault {
        /// The fault.
        fault: VolumeFault,
    },
    /// No volume can take another node: each has a fault, or lacks `crisis_bytes` or inodes.
    #[error("no volume can take a node: {}", first_obstacle(root, *fault))]
    NoVolume {
        /// The first storage folder.
        root: PathBuf,
        /// The fault of its volume; None when the volume is too full.
        fault: Option<VolumeFault>,
    },
    /// The node is as requested already.
    #[error("nothing changes")]
    Unchanged,
    /// The folder is no storage folder of the colony.
    #[error("{} is not one of the storage folders", .folder.display())]
    NotAStorageFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// Another node has the port.
    #[error("node {other} has port {port}")]
    PortTaken {
        /// The port.
        port: u16,
        /// The node that has it.
        other: NodeId,
    },
    /// The node would have the port twice.
    #[error("port {port} is given twice")]
    PortTwice {
        /// The port.
        port: u16,
    },
    /// The process manager decides the folder and the arguments of its nodes.
    #[error("antctl decides the folder and the arguments of its nodes")]
    DecidedByAntctl,
    /// As many nodes are unavailable as `max_unavailable` allows, and the request names no node.
    #[error("later: {} unavailable, and max_unavailable is {most}", counted(*unavailable, "node is", "nodes are"))]
    Later {
        /// Nodes that should run and are not available, those of this request included.
        unavailable: u32,
        /// The limit, in nodes.
        most: u32,
    },
    /// The process manager does not allow the reuse of a number.
    #[error("the process manager does not allow the reuse of a number")]
    NumberUsed,
    /// The colony has as many nodes as `node_cap` allows.
    #[error("{}, and node_cap is {cap}", counted(*total, "node exists", "nodes exist"))]
    CapReached {
        /// Nodes of the colony.
        total: u32,
        /// The node cap.
        cap: u32,
    },
}

fn first_obstacle(root: &Path, fault: Option<VolumeFault>) -> String {
    let root = root.display();
    match fault {
        Some(fault) => format!("the volume of {root} {}", fault.sentence()),
        None => format!("{root} has less space than crisis_bytes, or too few inodes"),
    }
}

/// Returns a count with its noun: `1 node is`, `3 nodes are`.
fn counted(count: u32, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

impl Refusal {
    /// Returns the refusal of a new node for which no volume has room.
    #[must_use]
    pub fn no_volume(volumes: &[Volume]) -> Self {
        let first = volumes.first().cloned().unwrap_or_default();
        Self::NoVolume { root: first.root, fault: first.fault }
    }
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
    policy: &Policy,
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
            // A request must not let the delay of a removal pass whose reason has gone.
            cancelled: cancel::evaluate(situation),
            ended: situation.ends(),
            verdicts: vec![RuleVerdict { rule: "requested".into(), verdict: Verdict::Act }],
            cpu_limit: observation.host.cpu_limit.and_then(|seen| seen.limit),
        };
        (decision, refused)
    });
    RequestEvaluation { evaluation, refused }
}

/// The refused parts of a request, with the reasons.
type Refused = Vec<(Option<NodeId>, Refusal)>;

/// Returns the actions that carry out a request, and the parts that are refused.
fn plan(situation: &Situation<'_>, verb: Verb, selection: &Selection) -> (Vec<Action>, Refused) {
    let policy = situation.policy;
    let mut actions = Vec::new();
    let mut refused = Vec::new();
    if verb == Verb::Add && no_volume_fits(situation) {
        refused.push((None, Refusal::no_volume(&situation.observation.host.volumes)));
        return (actions, refused);
    }
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
            let free = cap.saturating_sub(total);
            let taken = situation.nodes.iter().map(|seen| seen.id);
            let host = &situation.observation.host;
            let avoids = |id: &NodeId| failures::avoids(&situation.state.failures, *id) || host.has_unlisted(*id);
            actions.extend(
                free_ids(taken, policy.highest_node_id_used)
                    .filter(|id| !avoids(id))
                    .take(free.min(wanted) as usize)
                    .map(|node| Action::Add { node }),
            );
            if free < wanted && wanted != u32::MAX {
                refused.push((None, Refusal::CapReached { total, cap }));
            }
        }
        Selection::Count(_) | Selection::All => {
            let count = if let Selection::Count(count) = selection { *count as usize } else { usize::MAX };
            actions.extend(by_age(situation, verb, count));
            refused.extend(postponed(situation, verb, &mut actions));
            if *selection == Selection::All {
                // Named, so that a teardown does not claim to have reached every node.
                refused.extend(out_of_reach(situation, verb));
            }
        }
    }
    (actions, refused)
}

/// Removes restarts and upgrades beyond `max_unavailable`, and returns their refusal. A request that names its nodes
/// passes, and so do verbs after which a node stays down.
fn postponed(situation: &Situation<'_>, verb: Verb, actions: &mut Vec<Action>) -> Vec<(Option<NodeId>, Refusal)> {
    if !matches!(verb, Verb::Restart | Verb::Upgrade) {
        return Vec::new();
    }
    let Some((mut left, unavailable, most)) = valves::stops_left(situation) else { return Vec::new() };
    let unavailable = unavailable.max(most);
    let mut later = Vec::new();
    actions.retain(|action| {
        // A stopped node is upgraded by its start, which stops no node.
        let may = matches!(action, Action::Start { .. }) || left > 0;
        if may && !matches!(action, Action::Start { .. }) {
            left -= 1;
        } else if !may {
            later.push((Some(action.node()), Refusal::Later { unavailable, most }));
        }
        may
    });
    later
}

/// Returns the refusals of nodes that only the fault of their volume keeps from an action.
fn out_of_reach(situation: &Situation<'_>, verb: Verb) -> impl Iterator<Item = (Option<NodeId>, Refusal)> {
    situation.nodes.iter().filter_map(move |seen| match action(situation, verb, seen) {
        Err(refusal @ Refusal::VolumeFault { .. }) => Some((Some(seen.id), refusal)),
        Ok(_) | Err(_) => None,
    })
}

/// Returns the actions on up to `count` nodes, selected in the order of the rules.
fn by_age(situation: &Situation<'_>, verb: Verb, count: usize) -> Vec<Action> {
    // A disabled node starts only by name, and is removed only by name or with all nodes.
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
        // Stopped nodes earn nothing, so they are removed first.
        Verb::Remove => {
            let mut chosen = choose_any(situation, First::Youngest, count, is_stopped);
            let left = count - chosen.len();
            chosen.extend(choose_any(situation, First::Youngest, left, is_active));
            chosen
        }
    };
    chosen.into_iter().filter_map(|seen| action(situation, verb, seen).ok()).collect()
}

/// Returns whether a new node may have a number, beside `others` that the request adds.
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

/// Returns the action on a node, or the reason for which it is refused.
fn action(situation: &Situation<'_>, verb: Verb, seen: &NodeStatus<'_>) -> Result<Action, Refusal> {
    let node = seen.id;
    let in_state = || Refusal::InState { state: seen.state.word().to_owned() };
    if seen.acting {
        return Err(Refusal::Busy);
    }
    if verb != Verb::Enable {
        check_process_and_volume(situation, seen)?;
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

/// Checks that the process of a node is verified, and that its volume has no fault.
pub(crate) fn check_process_and_volume(situation: &Situation<'_>, seen: &NodeStatus<'_>) -> Result<(), Refusal> {
    match seen.sample.presence {
        Presence::Unverified => Err(Refusal::NotOurs),
        Presence::VolumeFault => {
            let volume = seen.sample.volume.and_then(|volume| situation.observation.host.volumes.get(volume));
            let fault = volume.and_then(|volume| volume.fault).unwrap_or(VolumeFault::Lost);
            Err(Refusal::VolumeFault { fault })
        }
        _ => Ok(()),
    }
}

/// Returns the version of the node binary, if it is known to be newer than that of the node.
fn newer(situation: &Situation<'_>, seen: &NodeStatus<'_>) -> Result<Version, Refusal> {
    let target = situation.observation.target.clone().ok_or(Refusal::TargetUnknown)?;
    match seen.sample.version.clone() {
        None => Err(Refusal::VersionUnknown { target }),
        Some(has) if has >= target => Err(Refusal::NotOutdated { has, target }),
        Some(_) => Ok(target),
    }
}
