//! Baselines: simple policies that a preset must beat to justify its rules.

use wnm_core::{
    Action, EngineState, Measure, NodeId, NodeSample, NodeState, Observation, Planned, Policy, Reason, Signal,
    Timestamp, free_ids, measures,
};

use crate::SimError;

/// Seconds between two changes of a baseline.
const PAUSE: u64 = 60;
/// Seconds that a baseline waits after it stopped nodes: the load averages need minutes to fall.
const PAUSE_AFTER_LESS: u64 = 300;

/// A simple way to choose the number of running nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Baseline {
    /// A constant number.
    Fixed(u32),
    /// The number that would bring the tightest signal midway between its thresholds, changed by at most a tenth a step.
    Proportional { waits_until: Timestamp },
    /// One node more while every signal is below its low threshold; a quarter fewer over a high threshold.
    Additive { waits_until: Timestamp },
}

/// The colony, grouped by the actions that a baseline may take on each node.
struct Colony<'a> {
    /// Running nodes that may be stopped, youngest first.
    running: Vec<(&'a NodeSample, NodeId)>,
    up: u32,
    /// Nodes that run or are starting.
    /// Nodes that may be started, oldest first.
    stopped: Vec<(&'a NodeSample, NodeId)>,
    dead: Vec<NodeId>,
    removing: u32,
    total: u32,
}

impl<'a> Colony<'a> {
    fn new(state: &EngineState, observation: &'a Observation) -> Self {
        let mut colony =
            Self { running: Vec::new(), up: 0, stopped: Vec::new(), dead: Vec::new(), removing: 0, total: 0 };
        for (id, sample) in &observation.nodes {
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
        // The youngest node has the least data and the least age to lose.
        colony.running.sort_unstable_by_key(|node| std::cmp::Reverse(age(node)));
        colony.stopped.sort_unstable_by_key(age);
        colony
    }
}

impl Baseline {
    /// Returns the baseline with this name; None where no baseline has it.
    ///
    /// # Errors
    /// `fixed:` is not followed by a number.
    pub(super) fn parse(name: &str) -> Result<Option<Self>, SimError> {
        let waits_until = Timestamp::default();
        let count = |count: &str| {
            let wrong =
                || SimError::input(format!("invalid --policy {name}: fixed: needs a number of nodes, as in fixed:40"));
            count.parse().map(Self::Fixed).map_err(|_| wrong())
        };
        match (name, name.strip_prefix("fixed:")) {
            (_, Some(text)) => count(text).map(Some),
            ("proportional", _) => Ok(Some(Self::Proportional { waits_until })),
            ("aimd", _) => Ok(Some(Self::Additive { waits_until })),
            _ => Ok(None),
        }
    }

    /// Returns the actions of this cycle.
    pub(super) fn decide(&mut self, policy: &Policy, state: &EngineState, observation: &Observation) -> Vec<Planned> {
        let colony = Colony::new(state, observation);
        let mut actions = Vec::new();
        let remove = |node| Action::Remove { node, linger: std::time::Duration::ZERO };
        // A dead node counts towards the node cap until its record is removed.
        actions.extend(colony.dead.iter().map(|id| Planned { action: remove(*id), reason: Reason::Dead }));
        if observation.rebooted || !actions.is_empty() {
            return actions;
        }
        let is_fixed = matches!(self, Self::Fixed(_));
        // A stopped node keeps its folder, so that even a simple policy must delete to free disk space.
        let full = measures(policy, &observation.host).find(|m| matches!(m.signal, Signal::Disk(_)) && m.is_exceeded());
        if let (false, Some(measure @ Measure { signal: Signal::Disk(volume), .. })) = (is_fixed, full) {
            let on_it = |node: &&(&NodeSample, NodeId)| node.0.volume == Some(volume);
            let youngest = colony.stopped.iter().rev().chain(&colony.running).find(on_it);
            if let (0, Some((_, id))) = (colony.removing, youngest) {
                actions.push(Planned { action: remove(*id), reason: Reason::Pressure { measure } });
            }
            return actions;
        }
        let Some((target, reason)) = self.target(policy, observation, colony.up) else { return actions };
        let has_headroom = is_fixed || observation.host.volumes.iter().any(|volume| policy.disk.allows(volume.used));
        if target < colony.up {
            let fewer = (colony.up - target) as usize;
            let stop =
                |(_, node): &(_, NodeId)| Planned { action: Action::Stop { node: *node }, reason: reason.clone() };
            actions.extend(colony.running.iter().take(fewer).map(stop));
        } else if has_headroom {
            let more = (target - colony.up) as usize;
            let start = |(_, node): &(_, NodeId)| {
                let action = Action::Start { node: *node, upgrade_to: None };
                Planned { action, reason: Reason::HeadroomToStart }
            };
            actions.extend(colony.stopped.iter().take(more).map(start));
            let (total, cap) = (colony.total, policy.node_cap);
            // Starting a stopped node is cheaper than adding one: its folder is full and its identity is old.
            let new = more.saturating_sub(actions.len()).min(cap.saturating_sub(total) as usize);
            let free = free_ids(observation.nodes.keys().copied(), None).take(new);
            let add = |node| Planned { action: Action::Add { node }, reason: Reason::HeadroomToAdd { total, cap } };
            actions.extend(free.map(add));
        }
        actions
    }

    /// Returns the number of nodes that should run and the reason to stop the rest; None while the baseline waits.
    fn target(&mut self, policy: &Policy, observation: &Observation, up: u32) -> Option<(u32, Reason)> {
        let cap = policy.node_cap;
        let (now, is_additive) = (observation.now, matches!(self, Self::Additive { .. }));
        let waits_until = match self {
            Self::Fixed(count) => return Some(((*count).min(cap), Reason::OverCap { total: up, cap: *count })),
            Self::Proportional { waits_until } | Self::Additive { waits_until } => waits_until,
        };
        if now < *waits_until {
            return None;
        }
        let signals = || measures(policy, &observation.host).filter(|m| !matches!(m.signal, Signal::Disk(_)));
        let headroom = |measure: &Measure| {
            let middle = f64::midpoint(measure.less_than.number(), measure.remove.number());
            measure.seen.map_or(1.0, |seen| middle / seen.number().max(middle / 100.0))
        };
        let tightest = signals().min_by(|one, other| headroom(one).total_cmp(&headroom(other)))?;
        let target = if is_additive {
            if signals().any(|measure| measure.is_exceeded()) {
                up * 3 / 4
            } else {
                up + u32::from(signals().all(|measure| measure.allows()))
            }
        } else {
            let aimed = f64::from(up) * headroom(&tightest).clamp(0.9, 1.1);
            // A dead band of 5 %, within which nothing changes.
            let is_near = (headroom(&tightest) - 1.0).abs() < 0.05;
            if is_near {
                up
            } else if aimed < f64::from(up) {
                aimed.floor() as u32
            } else {
                aimed.ceil() as u32
            }
        };
        // A tenth of nothing is nothing: without this, proportional could never leave 0.
        let target = if up == 0 && tightest.allows() { 1 } else { target.min(cap) };
        if target != up {
            let pause = if target < up { PAUSE_AFTER_LESS } else { PAUSE };
            *waits_until = now.after(std::time::Duration::from_secs(pause));
        }
        Some((target, Reason::Pressure { measure: tightest }))
    }
}
