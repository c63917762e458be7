//! Properties of the valves: holds, windows, `max_unavailable` and the ceiling.

use std::time::Duration;

use wnm_core::{Action, MaxUnavailable, Planned, Presence, Reason, TimeOfDay, Timestamp, Window, evaluate};

use super::facts::{Belief, Facts};
use super::{Finding, Trial};

/// The ceiling, written down a second time: actions, and the seconds that they count in.
const CEILING: [(usize, u64); 2] = [(120, 60), (1200, 3600)];

/// Tells whether an action changes a colony that could stay as it is.
fn is_voluntary(planned: &&Planned) -> bool {
    !matches!(
        planned.reason,
        Reason::Pressure { .. } | Reason::Relief { .. } | Reason::Ended { .. } | Reason::Unlisted | Reason::Requested
    )
}

/// Tells whether a voluntary action may begin at all, whichever it is.
pub(super) fn is_open(trial: &Trial<'_>, facts: &Facts<'_>) -> bool {
    trial.observation.valves.holds.is_empty() && is_inside(trial) && !is_doubtful(facts)
}

/// Tells whether the windows of the host and those of the fleet are open.
fn is_inside(trial: &Trial<'_>) -> bool {
    let Trial { policy, observation, .. } = trial;
    let own = (&policy.valves.windows, &observation.valves.local);
    let of_fleet = observation.valves.limits.iter().map(|of| (&of.limits.window, &of.local));
    let utc = TimeOfDay::utc(observation.now);
    std::iter::once(own).chain(of_fleet).all(|(windows, local)| are_open(windows.as_slice(), local, utc))
}

/// Tells whether windows are open, read from their texts.
fn are_open(windows: &[Window], local: &[Option<TimeOfDay>], utc: TimeOfDay) -> bool {
    let (mut allows, mut allowed) = (false, false);
    for (place, window) in windows.iter().enumerate() {
        let Some(local) = local.get(place).copied().unwrap_or(Some(utc)) else { return false };
        let text = window.to_string();
        let denies = text.starts_with("deny");
        let inside = contains(&text, local.as_secs() / 60);
        if denies && inside {
            return false;
        }
        allows |= !denies;
        allowed |= !denies && inside;
    }
    !allows || allowed
}

/// Tells whether the text of a window contains a minute of the day: some minute from its begin on reaches it before its
/// end.
fn contains(text: &str, minute: u32) -> bool {
    let words: Vec<&str> = text.split(' ').filter(|word| *word != "deny").collect();
    let period = if words.first() == Some(&"daily") { 1440 } else { 60 };
    let bound = |text: &str| {
        let (hour, minute) = text.split_once(':').unwrap_or_default();
        hour.parse::<u32>().unwrap_or_default() * 60 + minute.parse::<u32>().unwrap_or_default()
    };
    let (from, to) = words.get(1).and_then(|range| range.split_once('-')).unwrap_or_default();
    let (mut at, to) = (bound(from), bound(to) % period);
    for _ in 0..period {
        if at % period == minute % period {
            return true;
        }
        at = (at + 1) % period;
        if at == to {
            return false;
        }
    }
    false
}

/// Tells whether more than half of the running nodes, and more than three, give no answer.
fn is_doubtful(facts: &Facts<'_>) -> bool {
    let running: Vec<_> = facts
        .nodes
        .iter()
        .filter(|node| !node.acting && matches!(node.belief, Belief::Running | Belief::Unknown))
        .collect();
    let is_silent = |presence| matches!(presence, Presence::Silent | Presence::Unreachable | Presence::VolumeFault);
    let silent = running.iter().filter(|node| is_silent(node.sample.presence)).count();
    silent > 3 && silent > running.len() / 2
}

/// Property 26: no voluntary action begins under a hold, outside the windows, or while most nodes are silent.
pub(super) fn voluntary(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    let Some(planned) = trial.decided().find(is_voluntary) else { return Ok(()) };
    let what = || format!("{} of {} for {:?}", planned.action.verb(), planned.action.node(), planned.reason);
    if let Some(hold) = trial.observation.valves.holds.first() {
        return Err(format!("{} under the hold {hold:?}", what()));
    }
    if !is_inside(trial) {
        return Err(format!("{} outside {:?}", what(), trial.policy.valves.windows));
    }
    if is_doubtful(facts) { Err(format!("{} while most nodes are silent", what())) } else { Ok(()) }
}

/// Property 29: a rollout of the fleet begins no upgrade that the host's own policy would not begin, and lets none begin
/// without a lease or to another version.
pub(super) fn fleet(trial: &Trial<'_>, _: &Facts<'_>) -> Finding {
    let Some(rollout) = &trial.observation.valves.rollout else { return Ok(()) };
    let upgrades = |decided: &[Planned]| -> Vec<Planned> {
        let is_upgrade = |planned: &&Planned| matches!(planned.reason, Reason::Outdated { .. });
        decided.iter().filter(is_upgrade).cloned().collect()
    };
    let decided = upgrades(&trial.decision.actions);
    let Some(first) = decided.first() else { return Ok(()) };
    let is_other = |planned: &Planned| !matches!(&planned.action, Action::Upgrade { to, .. } if *to == rollout.version);
    if rollout.wait.is_some() || decided.iter().any(is_other) {
        return Err(format!("{} is upgraded under {rollout:?}", first.action.node()));
    }
    let mut alone = trial.observation.clone();
    alone.valves.rollout = None;
    let own = upgrades(&evaluate(trial.policy, trial.state.clone(), &alone).decision.actions);
    match decided.iter().find(|planned| !own.contains(planned)) {
        Some(planned) => Err(format!("{} is upgraded because of the rollout", planned.action.node())),
        None => Ok(()),
    }
}

/// Property 27: a voluntary action stops a running node only while fewer nodes than `max_unavailable` are unavailable,
/// those of this decision included.
pub(super) fn unavailable(trial: &Trial<'_>, facts: &Facts<'_>) -> Finding {
    let is_running = |node| facts.node(node).is_some_and(|node| node.is_running());
    let stops = trial.decided().filter(is_voluntary).filter(|planned| match planned.action {
        Action::Upgrade { .. } | Action::Restart { .. } => true,
        Action::Remove { node, .. }
        | Action::Stop { node }
        | Action::Disable { node }
        | Action::Update { node, .. }
        | Action::Move { node, .. } => is_running(node),
        Action::Add { .. } | Action::Start { .. } | Action::Enable { .. } | Action::Restore { .. } => false,
    });
    let stops = stops.count();
    if stops == 0 {
        return Ok(());
    }
    let mut should_run = 0;
    let mut down = 0;
    for node in &facts.nodes {
        let counts = match node.belief {
            Belief::Disabled => false,
            Belief::Stopped(_) => node.acting || node.is_down(),
            _ => true,
        };
        should_run += usize::from(counts);
        down += usize::from(counts && (node.acting || node.belief != Belief::Running));
    }
    let of_fleet = trial.observation.valves.limits.iter().filter_map(|of| of.limits.max_unavailable);
    let most = trial.policy.valves.max_unavailable.into_iter().chain(of_fleet).map(|limit| match limit {
        MaxUnavailable::Nodes(nodes) => nodes as usize,
        MaxUnavailable::Share(share) => (should_run as f64 * share.get() / 100.0).ceil() as usize,
    });
    let Some(most) = most.min() else { return Ok(()) };
    if down + stops > most {
        return Err(format!(
            "{stops} nodes are stopped beside {down} of {should_run} unavailable ones, and {most} may be"
        ));
    }
    Ok(())
}

/// Returns the actions of the rules that the state remembers, each with its begin.
fn remembered(trial: &Trial<'_>) -> Vec<(Timestamp, usize)> {
    let recent = serde_json::to_value(&trial.state.recent).and_then(serde_json::from_value);
    recent.unwrap_or_default()
}

/// Returns the number of actions that the ceiling still allows.
pub(super) fn left(trial: &Trial<'_>) -> usize {
    let recent = remembered(trial);
    let left = |(most, seconds): (usize, u64)| {
        let begin = trial.observation.now.before(Duration::from_secs(seconds));
        most.saturating_sub(recent.iter().filter(|(at, _)| *at > begin).map(|(_, count)| count).sum())
    };
    CEILING.into_iter().map(left).min().unwrap_or_default()
}

/// Property 28, for one decision: the actions of the rules stay within the ceiling, whatever is configured.
pub(super) fn ceiling(trial: &Trial<'_>, _: &Facts<'_>) -> Finding {
    let (planned, left) = (trial.decided().count(), left(trial));
    if planned > left { Err(format!("{planned} actions, and the ceiling leaves {left}")) } else { Ok(()) }
}

/// Property 28, for a run: the begins of all actions of the rules, the latest last, crashes included.
pub(crate) fn pace(begun: &[Timestamp]) -> Finding {
    let Some(now) = begun.last() else { return Ok(()) };
    for (most, seconds) in CEILING {
        let begin = now.before(Duration::from_secs(seconds));
        let count = begun.iter().rev().take_while(|at| **at > begin).count();
        if count > most {
            return Err(format!("{count} actions within {seconds} s"));
        }
    }
    Ok(())
}
