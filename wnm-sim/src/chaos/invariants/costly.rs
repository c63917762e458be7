//! Properties whose check takes several decisions.

use std::collections::{BTreeMap, BTreeSet};

use wnm_core::{
    BytesPerSecond, EngineState, FailedAction, HostSample, Load, NodeId, NodeState, Observation, Percent, Planned,
    Presence, evaluate,
};

use super::facts::Facts;
use super::{Finding, Trial};

/// Property 1: the same policy, state and observation give the same bytes, twice over.
pub(super) fn same_input(trial: &Trial<'_>, _: &Facts<'_>) -> Finding {
    let Trial { policy, state, observation, .. } = *trial;
    let evaluated = || {
        let evaluation = evaluate(policy, state.clone(), observation);
        Ok::<_, String>((json(&evaluation.decision)?, json(&evaluation.apply(&[]))?))
    };
    let first = evaluated()?;
    if evaluated()? != first || evaluated()? != first {
        return Err("the same input gave another decision or state".to_owned());
    }
    Ok(())
}

/// Property 23: a CPU limit leaves the nodes 55 % of their known demand. The demand is that of the engine; before one was
/// measured the check takes none.
pub(super) fn served(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    const SERVING: f64 = 0.55;
    let Some(limit) = trial.decision.cpu_limit else { return Ok(()) };
    let Some(need) = evaluate(trial.policy, trial.state.clone(), trial.observation).node_cpu() else { return Ok(()) };
    let demand = need.get() * f64::from(facts.with_process());
    if limit.get() + super::limits::ROUNDING < SERVING * demand {
        return Err(format!("a limit of {limit:?} for nodes that need {demand:.3} cores"));
    }
    Ok(())
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, String> {
    serde_json::to_string(value).map_err(|error| format!("cannot be written: {error}"))
}

/// Property 2: a state that was saved and loaded is the same state, and so is everything that follows from it.
pub(super) fn saved_state(trial: &Trial<'_>, _: &Facts<'_>) -> Finding {
    let Trial { policy, state, observation, .. } = *trial;
    let loaded: EngineState =
        serde_json::from_str(&json(state)?).map_err(|error| format!("cannot be read back: {error}"))?;
    if loaded != *state {
        return Err("a loaded state differs from the one saved".to_owned());
    }
    let (ours, theirs) = (evaluate(policy, state.clone(), observation), evaluate(policy, loaded, observation));
    if ours.decision != theirs.decision || ours.apply(&[]) != theirs.apply(&[]) {
        return Err("a loaded state decides otherwise than the one saved".to_owned());
    }
    Ok(())
}

/// Property 3: numbers are names. Nodes that exchange them (all but the first node, whose version prevents
/// upgrades to an older one, and nodes of equal age, whose numbers decide which is younger) are treated as before, under their
/// new names, in the same order.
pub(super) fn permuted(trial: &Trial<'_>, _: &Facts<'_>) -> Finding {
    let Trial { policy, state, observation, .. } = *trial;
    let mut births: BTreeMap<_, u32> = BTreeMap::new();
    for sample in observation.nodes.values() {
        *births.entry(sample.born).or_default() += 1;
    }
    let is_single = |id: &NodeId| observation.nodes.get(id).is_some_and(|sample| births.get(&sample.born) == Some(&1));
    let movable: Vec<NodeId> = observation.nodes.keys().skip(1).filter(|id| is_single(id)).copied().collect();
    let names: BTreeMap<NodeId, NodeId> = movable.iter().copied().zip(movable.iter().rev().copied()).collect();
    let renamed = |id: &NodeId| names.get(id).copied().unwrap_or(*id);
    let state = EngineState {
        nodes: state.nodes.iter().map(|(id, state)| (renamed(id), state.clone())).collect(),
        acting: state.acting.iter().map(renamed).collect(),
        removals: state.removals.iter().map(|(id, reason)| (renamed(id), reason.clone())).collect(),
        missing_since: state.missing_since.iter().map(|(id, since)| (renamed(id), *since)).collect(),
        desired: state.desired.iter().map(|(id, desired)| (renamed(id), *desired)).collect(),
        recoveries: state.recoveries.iter().map(|(id, recovery)| (renamed(id), recovery.clone())).collect(),
        failures: state
            .failures
            .iter()
            .map(|entry| FailedAction { node: renamed(&entry.node), ..entry.clone() })
            .collect(),
        ..state.clone()
    };
    let observation = Observation {
        nodes: observation.nodes.iter().map(|(id, sample)| (renamed(id), sample.clone())).collect(),
        ..observation.clone()
    };
    let after = evaluate(policy, state, &observation).decision.actions;
    let before = evaluate(trial.policy, trial.state.clone(), trial.observation).decision.actions;
    // Dead nodes go all at once, in the order of their numbers.
    let dead = |actions: &[Planned]| -> BTreeSet<NodeId> {
        let dead = actions.iter().filter(|planned| planned.reason == wnm_core::Reason::Dead);
        dead.map(|planned| planned.action.node()).collect()
    };
    let others = |actions: Vec<Planned>| actions.into_iter().filter(|planned| planned.reason != wnm_core::Reason::Dead);
    let same_dead = dead(&before).iter().map(renamed).collect::<BTreeSet<_>>() == dead(&after);
    let named = |planned: &Planned| (planned.action.verb(), renamed(&planned.action.node()));
    let was: Vec<_> = others(before).map(|planned| named(&planned)).collect();
    let is: Vec<_> = others(after).map(|planned| (planned.action.verb(), planned.action.node())).collect();
    if was != is || !same_dead {
        return Err(format!("under other numbers {was:?} became {is:?}"));
    }
    Ok(())
}

/// Property 11: with any one signal raised, by however much, no more nodes are added or started.
pub(super) fn raised(trial: &Trial<'_>, _: &Facts<'_>) -> Finding {
    let Trial { policy, state, observation, .. } = *trial;
    let before = growth(&evaluate(policy, state.clone(), observation).decision.actions);
    let mut higher = observation.clone();
    for (signal, raise) in RAISES {
        for by in [10.0, 1e9] {
            higher.host.clone_from(&observation.host);
            raise(&mut higher.host, by);
            let after = growth(&evaluate(policy, state.clone(), &higher).decision.actions);
            if after > before {
                return Err(format!("{signal} raised by {by} led to {after} adds and starts in place of {before}"));
            }
        }
    }
    Ok(())
}

fn growth(actions: &[Planned]) -> usize {
    let grows = |planned: &&Planned| matches!(planned.action.verb(), "add" | "start");
    actions.iter().filter(grows).count()
}

type Raise = fn(&mut HostSample, f64);

const RAISES: [(&str, Raise); 8] = [
    ("cpu", |host, by| percent(&mut host.cpu, by)),
    ("memory", |host, by| percent(&mut host.memory, by)),
    ("disk", |host, by| host.volumes.iter_mut().for_each(|volume| percent(&mut volume.used, by))),
    ("load", |host, by| {
        if let Some(load) = &mut host.load {
            for average in [&mut load.one, &mut load.five, &mut load.fifteen] {
                *average = Load::clamped(average.get() + by).unwrap_or(*average);
            }
        }
    }),
    ("disk reading", |host, by| rate(&mut host.disk_read, by)),
    ("disk writing", |host, by| rate(&mut host.disk_write, by)),
    ("receiving", |host, by| rate(&mut host.net_read, by)),
    ("sending", |host, by| rate(&mut host.net_write, by)),
];

fn percent(value: &mut Option<Percent>, by: f64) {
    *value = value.and_then(|value| Percent::clamped(value.get() + by));
}

fn rate(value: &mut Option<BytesPerSecond>, by: f64) {
    *value = value.map(|value| BytesPerSecond(value.0.saturating_add((by * 10.0) as u64)));
}

/// A node whose observation agrees with its recorded state keeps that state and its start time, and so does a node
/// without an observation. A changed state is the observed one, and starts now or at an unknown time. A folder counts as
/// missing when the observation lacks it, or when it was missing and was not observed since.
pub(super) fn since(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    let Trial { policy, state, observation, .. } = *trial;
    let after = evaluate(policy, state.clone(), observation).apply(&[]);
    for node in &facts.nodes {
        let (id, sample) = (&node.id, node.sample);
        let is_missing = match sample.presence {
            Presence::FolderMissing => true,
            Presence::Unobserved => state.missing_since.contains_key(id),
            Presence::Answering
            | Presence::Silent
            | Presence::Unverified
            | Presence::Gone
            | Presence::Unreachable
            | Presence::VolumeFault => false,
        };
        if after.missing_since.contains_key(id) != is_missing {
            return Err(format!("the folder of {id} is taken for {}", if is_missing { "there" } else { "missing" }));
        }
        if after.nodes.get(id).is_none_or(|is| !node.belief.is(is)) {
            return Err(format!("{id} is {:?}, and is taken for {:?}", node.belief, after.nodes.get(id)));
        }
        let (Some(was), Some(is)) = (state.nodes.get(id), after.nodes.get(id)) else { continue };
        let is_forgotten = observation.rebooted && matches!(is, NodeState::Stopped { since: None, .. });
        let is_same = was.word() == is.word() && !is_forgotten;
        if (is_same || sample.presence == Presence::Unobserved) && was != is {
            return Err(format!("{id} was {was:?} and became {is:?} without a change"));
        }
        if !is_same && was != is && is.since().is_some_and(|since| since != observation.now) {
            return Err(format!("{id} is {is:?}, which did not begin now"));
        }
    }
    Ok(())
}
