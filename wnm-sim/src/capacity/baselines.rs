//! Simple baselines: what a policy must beat to be worth its rules.

use wnm_core::{
    Action, EngineState, Measure, NodeId, NodeSample, NodeState, Observation, Planned, Policy, Reason, Signal,
    Timestamp, free_ids, measures,
};

use crate::SimError;

/// Seconds between two steps of a baseline.
const PAUSE: u64 = 60;
/// Seconds that a baseline waits after it took nodes away, while the load averages still fall.
const PAUSE_AFTER_LESS: u64 = 300;

/// A simple way to decide how many nodes run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Baseline {
    /// Always so many.
    Fixed(u32),
    /// As many as would bring the tightest signal to the middle between its marks, at most a tenth more or fewer.
    Proportional { rests_until: Timestamp },
    /// One more while there is room; a quarter fewer when there is too much.
    Additive { rests_until: Timestamp },
}

/// The colony as a baseline sees it.
struct Colony<'a> {
    /// Nodes that run and may be stopped, and all that run or start.
    running: Vec<(&'a NodeSample, NodeId)>,
    up: u32,
    /// Nodes that may be started.
    stopped: Vec<(&'a NodeSample, NodeId)>,
    dead: Vec<NodeId>,
    removing: u32,
    total: u32,
}

impl<'a> Colony<'a> {
    fn new(state: &EngineState, seen: &'a Observation) -> Self {
        let mut colony =
            Self { running: Vec::new(), up: 0, stopped: Vec::new(), dead: Vec::new(), removing: 0, total: 0 };
        for (id, sample) in &seen.nodes {
            colony.total += 1;
            let is_acting = state.acting.contains(id);
            match state.nodes.get(id) {
                Some(NodeState::Running { .. } | NodeState::Unknown { .. }) | None if !is_acting => {
                    colony.up += 1;
                    colony.running.push((sample, *id));
                }
                Some(NodeState::Restarting { .. } | NodeState::Upgrading { .. } | NodeState::Migrating { .. }) => {
                    colony.up += 1;
                }
                Some(NodeState::Stopped { .. }) if !is_acting => colony.stopped.push((sample, *id)),
                Some(NodeState::Dead { .. }) if !is_acting => colony.dead.push(*id),
                Some(NodeState::Removing { .. }) => colony.removing += 1,
                _ => {}
            }
        }
        let age = |(sample, id): &(&NodeSample, NodeId)| (sample.born, *id);
        colony.running.sort_unstable_by_key(|node| std::cmp::Reverse(age(node)));
        colony.stopped.sort_unstable_by_key(age);
        colony
    }
}

impl Baseline {
    /// Returns the baseline of this name; None where there is none.
    pub(super) fn parse(name: &str) -> Result<Option<Self>, SimError> {
        let rests_until = Timestamp::default();
        let count = |count: &str| {
            let wrong = || SimError::Input(format!("--policy {name}: expected fixed: and a number of nodes"));
            count.parse().map(Self::Fixed).map_err(|_| wrong())
        };
        match (name, name.strip_prefix("fixed:")) {
            (_, Some(text)) => count(text).map(Some),
            ("proportional", _) => Ok(Some(Self::Proportional { rests_until })),
            ("aimd", _) => Ok(Some(Self::Additive { rests_until })),
            _ => Ok(None),
        }
    }

    /// Returns what to do.
    pub(super) fn decide(&mut self, policy: &Policy, state: &EngineState, seen: &Observation) -> Vec<Planned> {
        let colony = Colony::new(state, seen);
        let mut actions = Vec::new();
        let remove = |node| Action::Remove { node, linger: std::time::Duration::ZERO };
        actions.extend(colony.dead.iter().map(|id| Planned { action: remove(*id), reason: Reason::Dead }));
        if seen.rebooted || !actions.is_empty() {
            return actions;
        }
        let is_fixed = matches!(self, Self::Fixed(_));
        // Stopping frees no disk, so that even a simple policy deletes.
        let full = measures(policy, &seen.host).find(|m| matches!(m.signal, Signal::Disk(_)) && m.is_exceeded());
        if let (false, Some(measure @ Measure { signal: Signal::Disk(volume), .. })) = (is_fixed, full) {
            let on_it = |node: &&(&NodeSample, NodeId)| node.0.volume == Some(volume);
            let youngest = colony.stopped.iter().rev().chain(&colony.running).find(on_it);
            if let (0, Some((_, id))) = (colony.removing, youngest) {
                actions.push(Planned { action: remove(*id), reason: Reason::Pressure { measure } });
            }
            return actions;
        }
        let Some((target, reason)) = self.aim(policy, seen, colony.up) else { return actions };
        let has_room = is_fixed || seen.host.volumes.iter().any(|volume| policy.disk.allows(volume.used));
        if target < colony.up {
            let fewer = (colony.up - target) as usize;
            let stop =
                |(_, node): &(_, NodeId)| Planned { action: Action::Stop { node: *node }, reason: reason.clone() };
            actions.extend(colony.running.iter().take(fewer).map(stop));
        } else if has_room {
            let more = (target - colony.up) as usize;
            let start = |(_, node): &(_, NodeId)| {
                let action = Action::Start { node: *node, upgrade_to: None };
                Planned { action, reason: Reason::HeadroomToStart }
            };
            actions.extend(colony.stopped.iter().take(more).map(start));
            let (total, cap) = (colony.total, policy.node_cap);
            let new = more.saturating_sub(actions.len()).min(cap.saturating_sub(total) as usize);
            let free = free_ids(seen.nodes.keys().copied(), None).take(new);
            let add = |node| Planned { action: Action::Add { node }, reason: Reason::HeadroomToAdd { total, cap } };
            actions.extend(free.map(add));
        }
        actions
    }

    /// Returns how many nodes are to run, and why fewer; None while it waits.
    fn aim(&mut self, policy: &Policy, seen: &Observation, up: u32) -> Option<(u32, Reason)> {
        let cap = policy.node_cap;
        let (now, is_additive) = (seen.now, matches!(self, Self::Additive { .. }));
        let rests_until = match self {
            Self::Fixed(count) => return Some(((*count).min(cap), Reason::OverCap { total: up, cap: *count })),
            Self::Proportional { rests_until } | Self::Additive { rests_until } => rests_until,
        };
        if now < *rests_until {
            return None;
        }
        let signals = || measures(policy, &seen.host).filter(|m| !matches!(m.signal, Signal::Disk(_)));
        let room = |measure: &Measure| {
            let goal = f64::midpoint(measure.less_than.number(), measure.remove.number());
            measure.seen.map_or(1.0, |seen| goal / seen.number().max(goal / 100.0))
        };
        let tightest = signals().min_by(|one, other| room(one).total_cmp(&room(other)))?;
        let target = if is_additive {
            if signals().any(|measure| measure.is_exceeded()) {
                up * 3 / 4
            } else {
                up + u32::from(signals().all(|measure| measure.allows()))
            }
        } else {
            let aimed = f64::from(up) * room(&tightest).clamp(0.9, 1.1);
            let is_near = (room(&tightest) - 1.0).abs() < 0.05;
            if is_near {
                up
            } else if aimed < f64::from(up) {
                aimed.floor() as u32
            } else {
                aimed.ceil() as u32
            }
        };
        let target = if up == 0 && tightest.allows() { 1 } else { target.min(cap) };
        if target != up {
            let pause = if target < up { PAUSE_AFTER_LESS } else { PAUSE };
            *rests_until = now.after(std::time::Duration::from_secs(pause));
        }
        Some((target, Reason::Pressure { measure: tightest }))
    }
}
