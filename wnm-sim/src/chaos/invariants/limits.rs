//! Properties of amounts: the limits, the node cap, the floor of the CPU limit, and one direction at a time.

use wnm_core::{Action, NodeId, Planned, Reason};

use super::facts::Facts;
use super::{Finding, Trial, is_recovery};

/// The actions of a decision by kind, without the removal of dead nodes.
#[derive(Default)]
struct Tally {
    starts: u32,
    reliefs: u32,
    upgrades: u32,
    moves: u32,
}

fn tally<'a>(planned: impl Iterator<Item = &'a Planned>) -> Tally {
    let mut tally = Tally::default();
    for planned in planned.filter(|planned| planned.reason != Reason::Dead) {
        match planned.action {
            Action::Add { .. } | Action::Start { .. } | Action::Restart { .. } => tally.starts += 1,
            Action::Stop { .. } | Action::Remove { .. } | Action::Disable { .. } => tally.reliefs += 1,
            Action::Move { .. } => tally.moves += 1,
            Action::Upgrade { .. } => tally.upgrades += 1,
            Action::Enable { .. } | Action::Restore { .. } | Action::Update { .. } => {}
        }
    }
    tally
}

/// Property 4: planned operations and those in progress stay within the limit of their kind and within the common limit.
///
/// Stops share the limit of removals, as in the Python wnm; a relief of steady stops as many nodes as it needs. Dead
/// nodes are removed outside all limits, and requests are not bound by them. A limit that operations in progress already
/// exceed allows no further operation.
pub(super) fn limits(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    let limits = &trial.policy.limits;
    let is_steady_stop =
        |planned: &&Planned| matches!((&planned.action, &planned.reason), (Action::Stop { .. }, Reason::Relief { .. }));
    let Tally { starts, reliefs, upgrades, moves } = tally(trial.decided().filter(|planned| !is_steady_stop(planned)));
    // A started node that is seen up holds back no restart of another one.
    let settled = if trial.recovers() { facts.settled } else { 0 };
    for (kind, planned, under_way, limit) in [
        ("starts", starts, facts.restarting - settled, limits.starts),
        ("stops and removals", reliefs, facts.removing, limits.removals),
        ("upgrades", upgrades, facts.upgrading, limits.upgrades),
        ("operations", starts + reliefs + upgrades + moves, facts.under_way - settled, limits.operations),
    ] {
        if planned > 0 && planned.saturating_add(under_way) > limit {
            return Err(format!("{planned} {kind} planned beside {under_way} in progress, and {limit} allowed"));
        }
    }
    Ok(())
}

/// Property 25: no more removals for the cap than nodes are over it, removals in progress included.
pub(super) fn excess(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    let for_cap = trial.decided().filter(|planned| matches!(planned.reason, Reason::OverCap { .. })).count() as u32;
    let over = facts.total().saturating_sub(trial.policy.node_cap);
    let is_cancelled = |id: &NodeId| trial.decision.cancelled.iter().any(|found| found.node == *id);
    let is_delayed = |(id, reason): &(&NodeId, &Reason)| matches!(reason, Reason::OverCap { .. }) && !is_cancelled(id);
    let delayed = trial.state.removals.iter().filter(is_delayed).count() as u32;
    if delayed > over {
        return Err(format!("{delayed} removals in their delay, and {over} nodes over the cap"));
    }
    if for_cap > 0 && for_cap.saturating_add(facts.removing) > over {
        return Err(format!("{for_cap} removals beside {} in progress, and {over} nodes over the cap", facts.removing));
    }
    Ok(())
}

/// Property 5: a decision either relieves the host or uses its headroom.
pub(super) fn one_way(trial: &Trial<'_>, _: &Facts<'_>) -> Finding {
    let Tally { starts, reliefs, moves, .. } = tally(trial.decided());
    if starts > 0 && reliefs + moves > 0 {
        return Err(format!("{starts} starts beside {reliefs} stops and removals, and {moves} moves"));
    }
    Ok(())
}

/// Property 7: starts and adds lead to no more active nodes than the cap allows.
///
/// The operator may lower the cap below the running nodes, or start nodes by name. Only decisions of the rules are
/// checked.
pub(super) fn cap(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    // A node that ended by itself has its place in the colony.
    let Tally { starts, .. } = tally(trial.decided().filter(|planned| !is_recovery(planned)));
    let (active, cap) = (facts.active, trial.policy.node_cap);
    if starts > 0 && active.saturating_add(starts) > cap {
        return Err(format!("{starts} starts beside {active} active nodes, and a cap of {cap}"));
    }
    let adds = trial.decided().filter(|planned| matches!(planned.action, Action::Add { .. })).count() as u32;
    if adds > 0 && facts.total().saturating_add(adds) > cap {
        return Err(format!("{adds} adds beside {} nodes, and a cap of {cap}", facts.total()));
    }
    Ok(())
}

/// Property 23, the part that needs no forecast: a CPU limit leaves each node a fiftieth of a core.
pub(super) fn least_cores(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    const LEAST_CORES: f64 = 0.02;
    let Some(limit) = trial.decision.cpu_limit else { return Ok(()) };
    let nodes = facts.with_process();
    if limit.get() + ROUNDING < LEAST_CORES * f64::from(nodes) {
        return Err(format!("a limit of {limit:?} for {nodes} nodes"));
    }
    Ok(())
}

/// Difference of two CPU limits that the kernel does not tell apart, in cores: it counts whole microseconds of a period
/// of 100 ms, and the forecast has single precision.
pub(super) const ROUNDING: f64 = 0.000_2;
