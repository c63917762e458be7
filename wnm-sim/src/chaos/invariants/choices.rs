//! Properties of the choice of nodes: eligible nodes, their order, and the reasons.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::iter;

use wnm_core::steps::Step;
use wnm_core::{Action, FailedAction, Measure, NodeId, Planned, Reason, Relief, Signal};

use super::facts::{Believed, Facts};
use super::{Finding, Trial};

/// Property 6: a node that is disabled, in an operation, dead or of unverified origin is never chosen, except for the
/// removal of the remains of a dead one; a new node takes the lowest free number.
pub(super) fn left_alone(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    // Where numbers are not used twice, those up to the highest one ever used are taken.
    let first = trial.policy.highest_node_id_used.map_or(1, |used| used.saturating_add(1));
    let is_taken = |id: NodeId| {
        let failed = |entry: &FailedAction| {
            let of_number = matches!(entry.step, Step::Folder | Step::Define | Step::OpenPort | Step::Start);
            entry.verb == "add" && entry.node == id && of_number
        };
        trial.state.failures.iter().any(failed)
    };
    let mut free = (first..).filter_map(NodeId::new).filter(|id| facts.node(*id).is_none() && !is_taken(*id));
    for added in trial.decided().filter_map(added) {
        match free.next() {
            Some(free) if free == added => {}
            free => return Err(format!("node {added} is added, and {free:?} is the lowest free number")),
        }
    }
    for Planned { action, reason } in trial.decided().filter(|planned| added(planned).is_none()) {
        let id = action.node();
        let Some(node) = facts.node(id) else { return Err(format!("{} of {id}, which is no node", action.verb())) };
        let may_go = matches!(action, Action::Remove { .. }) && *reason == Reason::Dead && node.is_dead();
        if !may_go && !node.is_free() {
            let under_way = if node.acting { " with an action under way" } else { "" };
            return Err(format!("{} of {id}, which is {:?}{under_way}", action.verb(), node.belief));
        }
    }
    Ok(())
}

fn added(planned: &Planned) -> Option<NodeId> {
    match planned.action {
        Action::Add { node } => Some(node),
        Action::Start { .. }
        | Action::Stop { .. }
        | Action::Disable { .. }
        | Action::Enable { .. }
        | Action::Restore { .. }
        | Action::Restart { .. }
        | Action::Upgrade { .. }
        | Action::Remove { .. }
        | Action::Update { .. }
        | Action::Move { .. } => None,
    }
}

/// Property 8: a decision names a node at most once, for rules and requests alike.
pub(super) fn once(trial: &Trial<'_>, _: &Facts<'_>) -> Finding {
    let actions = &trial.decision.actions;
    if actions.len() < 2 {
        return Ok(());
    }
    let mut ids: Vec<NodeId> = actions.iter().map(|planned| planned.action.node()).collect();
    ids.sort_unstable();
    let twice = ids.windows(2).find(|pair| pair[0] == pair[1]);
    twice.map_or(Ok(()), |pair| Err(format!("{} stands in it twice", pair[0])))
}

/// Property 9: a removed node is dead, over the cap, or on a full disk.
pub(super) fn deleted(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    for Planned { action, reason } in trial.decided() {
        let Action::Remove { node: id, .. } = action else { continue };
        let Some(node) = facts.node(*id) else { continue };
        let is_due = match reason {
            Reason::Dead => node.is_dead(),
            Reason::OverCap { .. } => facts.total() > trial.policy.node_cap,
            Reason::Pressure { .. } => facts.disk_is_full && Facts::is_on_full_volume(trial, node.sample),
            Reason::Relief { relief: Relief::Disk, .. } => Facts::is_on_filling_volume(trial, node.sample),
            Reason::Relief { .. }
            | Reason::Outdated { .. }
            | Reason::Ended { .. }
            | Reason::HeadroomToStart
            | Reason::HeadroomToAdd { .. }
            | Reason::Unlisted
            | Reason::Requested => false,
        };
        if !is_due {
            return Err(format!("{id} is removed for {reason:?}"));
        }
    }
    Ok(())
}

/// Property 21: no removal names CPU, memory, load or traffic as its reason.
pub(super) fn kept(trial: &Trial<'_>, _: &Facts<'_>) -> Finding {
    let is_disk = |measure: &Measure| matches!(measure.signal, Signal::Disk(_));
    for Planned { action, reason } in trial.decided() {
        if let (Action::Remove { node, .. }, Reason::Pressure { measure } | Reason::Relief { measure, .. }) =
            (action, reason)
            && !is_disk(measure)
        {
            return Err(format!("{node} is removed for {}", measure.signal));
        }
    }
    Ok(())
}

/// Property 13: a version is only ever changed for a newer one, and an unknown one not at all.
pub(super) fn downgrade(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    for Planned { action, .. } in &trial.decision.actions {
        let (Action::Upgrade { node, to, .. } | Action::Start { node, upgrade_to: Some(to) }) = action else {
            continue;
        };
        let has = facts.node(*node).and_then(|node| node.sample.version.as_ref());
        if has.is_none_or(|has| has >= to) {
            return Err(format!("{node} goes from {has:?} to {to}"));
        }
    }
    Ok(())
}

/// Classic's order: stops and removals take the youngest (of removals, the stopped ones first), starts and upgrades
/// the oldest. Of nodes created together the one with the higher number is the younger.
pub(super) fn order(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    if trial.decided().next().is_none() {
        return Ok(());
    }
    let now = trial.observation.now;
    let target = trial.observation.target.as_ref();
    let is_older = |node: &Believed<'_>| node.sample.version.as_ref().zip(target).is_some_and(|(has, to)| has < to);
    let free = |wanted: &dyn Fn(&Believed<'_>) -> bool| {
        let free = facts.nodes.iter().filter(|node| node.is_free() && wanted(node));
        free.map(Believed::age).collect::<Vec<_>>()
    };
    // Few are ever asked for, so that sorting all would be work for nothing.
    let youngest = |wanted: &dyn Fn(&Believed<'_>) -> bool| {
        let mut heap = BinaryHeap::from(free(wanted));
        iter::from_fn(move || heap.pop()).map(|(_, id)| id)
    };
    let oldest = |wanted: &dyn Fn(&Believed<'_>) -> bool| {
        let mut heap: BinaryHeap<_> = free(wanted).into_iter().map(Reverse).collect();
        iter::from_fn(move || heap.pop()).map(|Reverse((_, id))| id)
    };
    let of_kind = |is_of_kind: fn(&Action) -> bool| {
        let planned = trial.decided().filter(|planned| planned.reason != Reason::Dead);
        planned.map(|planned| &planned.action).filter(move |action| is_of_kind(action)).map(Action::node)
    };
    let stops = of_kind(|action| matches!(action, Action::Stop { .. }));
    follows("stops", stops, || youngest(&|node| node.is_running()))?;
    // The nodes of an unknown volume leave with those of the first full one, so that they have no order of their own.
    let is_certain = trial.observation.host.volumes.len() < 2 || facts.nodes.iter().all(|n| n.sample.volume.is_some());
    for leaving in leaving(trial).into_iter().filter(|_| is_certain) {
        let helps = |node: &Believed<'_>| leaving.volume.is_none_or(|v| node.sample.volume.is_none_or(|on| on == v));
        let stopped_first = || {
            let stopped = youngest(&|node| node.is_stopped() && helps(node));
            stopped.chain(youngest(&|node| node.is_running() && helps(node)))
        };
        follows("removals", leaving.nodes.into_iter(), stopped_first)?;
    }
    let starts = of_kind(|action| matches!(action, Action::Start { .. }));
    if trial.recovers() {
        follows("restarts", starts, || oldest(&|node| node.is_due(now)))?;
    } else {
        follows("starts", starts, || oldest(&|node| node.is_ready(now)))?;
    }
    let upgrades = of_kind(|action| matches!(action, Action::Upgrade { .. }));
    follows("upgrades", upgrades, || oldest(&|node| node.is_running() && is_older(node)))
}

/// The nodes that leave for one reason.
struct Leaving {
    /// The full volume; None for nodes over the cap.
    volume: Option<usize>,
    nodes: Vec<NodeId>,
}

/// Returns the removals of living nodes, by volume.
fn leaving(trial: &Trial<'_>) -> Vec<Leaving> {
    let mut groups: Vec<Leaving> = Vec::new();
    for Planned { action, reason } in trial.decided() {
        let Action::Remove { node, .. } = action else { continue };
        let volume = match reason {
            Reason::Dead => continue,
            Reason::Pressure { measure: Measure { signal: Signal::Disk(volume), .. } } => Some(*volume),
            _ => None,
        };
        match groups.iter_mut().find(|group| group.volume == volume) {
            Some(group) => group.nodes.push(*node),
            None => groups.push(Leaving { volume, nodes: vec![*node] }),
        }
    }
    groups
}

/// Tells whether the planned nodes are the first of the expected list.
fn follows<D: Iterator<Item = NodeId>>(
    kind: &str,
    planned: impl Iterator<Item = NodeId>,
    due: impl FnOnce() -> D,
) -> Finding {
    let mut planned = planned.peekable();
    if planned.peek().is_none() {
        return Ok(());
    }
    let mut due = due();
    for planned in planned {
        match due.next() {
            Some(due) if due == planned => {}
            Some(due) => return Err(format!("{kind} take {planned}, and it was the turn of {due}")),
            None => return Err(format!("{kind} take {planned}, which does not qualify")),
        }
    }
    Ok(())
}

/// A node that the policy stopped starts once `delay_restart` has passed, and a node that ended by itself once its own
/// delay has passed. While one of them waits, no node is added. A node that was stopped by request never starts.
pub(super) fn waiting(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    let now = trial.observation.now;
    let waits = facts.nodes.iter().find(|node| node.blocks_additions(now));
    for Planned { action, reason } in trial.decided() {
        let may_start = |node: &Believed<'_>| match reason {
            Reason::Ended { .. } => node.is_due(now),
            _ => node.is_ready(now),
        };
        match (action, waits) {
            (Action::Start { node, .. }, _) if facts.node(*node).is_some_and(|node| !may_start(node)) => {
                return Err(format!("{node} starts, and has not waited for its time"));
            }
            (Action::Add { node }, Some(waits)) => {
                return Err(format!("{node} is added while {} waits to start", waits.id));
            }
            (_, _) => {}
        }
    }
    Ok(())
}
