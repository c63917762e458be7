//! The state of a rollout, and its next leases: pure functions of the published states of the hosts.
//!
//! A host waits, has a lease, and then is healthy or has failed. A lease that ends before its host is healthy is a
//! failure. With more failures than the plan allows, or after an abort, no lease is given out or renewed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::host_state::HostState;
use super::name::Name;
use super::order::Program;
use super::plan::{LEASE, RolloutPlan};
use crate::model::units::Timestamp;

/// A rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// The settings.
    pub plan: RolloutPlan,
    /// The generation of its first document.
    pub generation: u64,
    /// The begin, by the clock of the engine.
    pub started: Timestamp,
    /// The state.
    pub phase: Phase,
    /// The hosts, each invited one.
    pub hosts: BTreeMap<Name, Progress>,
    /// The end of its documents, by the wall clock of the operator.
    pub until: Timestamp,
    /// The number of canaries that got a lease.
    canaries: u32,
    /// The last first lease, by the clock of the engine.
    last_lease: Option<Timestamp>,
    /// The last change of the state of a host.
    last_change: Timestamp,
}

/// The state of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The first hosts upgrade.
    Canary,
    /// The first hosts are healthy, and the others wait for `promote`.
    Promotable,
    /// The other hosts upgrade.
    Waves,
    /// Every host is healthy, has nodes that upgrade themselves, or is one of the failures that the plan allows.
    Complete,
    /// The hosts that are left cannot upgrade, and none changed within the deadline.
    Incomplete,
    /// More hosts failed than the plan allows.
    Stopped,
    /// An operator aborted it.
    Aborted,
}

impl Phase {
    /// Returns whether leases are given out.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        matches!(self, Self::Canary | Self::Waves)
    }
}

/// The progress of one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// It has no lease.
    Waiting(Wait),
    /// It has a lease.
    Leased(Leased),
    /// It has the version, and is healthy.
    Healthy,
    /// It failed.
    Failed(Failure),
}

/// The reason for which a host has no lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// Its turn has not come.
    Turn,
    /// The engine has no state of it.
    Away,
    /// Its node program is another one, or cannot be read.
    Program,
    /// A hold is in effect on it.
    Held,
    /// Its windows are closed: it may upgrade later.
    Window,
    /// Its nodes upgrade themselves (`enable_upgrade` is false).
    ByNodes,
    /// It has fewer nodes than it should, a signal over its threshold, or failed cycles.
    Unhealthy,
}

/// The reason for which a host failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// Its lease ended without a result.
    LeaseLapsed,
    /// It refuses the version after failed upgrades.
    Refused,
    /// It upgraded no node within the deadline.
    NoProgress,
    /// It upgraded its nodes, and was not healthy within the deadline.
    Unhealthy,
}

/// A host with a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leased {
    /// The begin of its first lease.
    pub since: Timestamp,
    /// The end of its lease.
    pub until: Timestamp,
    /// Its outdated nodes when it was last seen.
    pub outdated: u64,
    /// The last decrease of its outdated nodes.
    progress: Timestamp,
    /// The last publication of which its lease was renewed.
    sequence: u64,
    /// The time from which it had no outdated node.
    upgraded: Option<Timestamp>,
    /// The time from which it was healthy.
    healthy: Option<Timestamp>,
}

impl Rollout {
    /// Returns a rollout that has given out no lease.
    #[must_use]
    pub fn new(plan: RolloutPlan, generation: u64, now: Timestamp, until: Timestamp) -> Self {
        let phase = if plan.canary == 0 { Phase::Waves } else { Phase::Canary };
        let (hosts, last_lease) = (BTreeMap::new(), None);
        Self { plan, generation, started: now, phase, hosts, until, canaries: 0, last_lease, last_change: now }
    }

    /// Returns the number of hosts with a progress.
    pub fn count(&self, is_counted: impl Fn(&Progress) -> bool) -> usize {
        self.hosts.values().filter(|progress| is_counted(progress)).count()
    }

    /// Lets the hosts after the canaries follow.
    pub fn promote(&mut self, now: Timestamp) {
        if matches!(self.phase, Phase::Canary | Phase::Promotable | Phase::Incomplete) {
            (self.phase, self.last_change) = (Phase::Waves, now);
        }
    }

    /// Takes the published states of all invited hosts, by the clock of the engine. Returns the hosts that get a lease
    /// now, a first or a renewed one, which ends at the time in their progress.
    pub fn step(&mut self, states: &BTreeMap<Name, Option<HostState>>, now: Timestamp) -> Vec<Name> {
        if !self.phase.is_running() {
            return Vec::new();
        }
        let before = std::mem::take(&mut self.hosts);
        let mut leases = Vec::new();
        for (host, state) in states {
            let last = before.get(host).cloned().unwrap_or(Progress::Waiting(Wait::Turn));
            let next = self.follow(last.clone(), state.as_ref(), now);
            if std::mem::discriminant(&next) != std::mem::discriminant(&last) {
                self.last_change = now;
            }
            if let (Progress::Leased(last), Progress::Leased(next)) = (&last, &next) {
                if next.until != last.until {
                    leases.push(host.clone());
                }
                self.last_change = self.last_change.max(next.progress);
            }
            self.hosts.insert(host.clone(), next);
        }
        // A host that is no longer invited still counts as failed.
        let failed = before.into_iter().filter(|(_, progress)| matches!(progress, Progress::Failed(_)));
        failed.for_each(|(host, progress)| _ = self.hosts.entry(host).or_insert(progress));
        self.end_or_advance(now);
        if self.phase.is_running() {
            leases.extend(self.first_leases(states, now));
            leases
        } else {
            Vec::new()
        }
    }

    fn follow(&self, progress: Progress, state: Option<&HostState>, now: Timestamp) -> Progress {
        match progress {
            Progress::Failed(_) => progress,
            // A host that got another version, or more nodes of an old one, upgrades again in its turn.
            Progress::Waiting(_) | Progress::Healthy => match state {
                Some(state) if has_program(state, &self.plan.program) && state.rollout.outdated == 0 => {
                    Progress::Healthy
                }
                _ if progress == Progress::Healthy && state.is_none() => Progress::Healthy,
                _ => Progress::Waiting(wait(state, &self.plan.program)),
            },
            Progress::Leased(leased) => self.follow_lease(leased, state, now),
        }
    }

    fn follow_lease(&self, mut leased: Leased, state: Option<&HostState>, now: Timestamp) -> Progress {
        if leased.until <= now {
            return Progress::Failed(Failure::LeaseLapsed);
        }
        let Some(state) = state else { return Progress::Leased(leased) };
        if state.rollout.refused {
            return Progress::Failed(Failure::Refused);
        }
        // No deadline runs while the windows of the host are closed.
        if state.rollout.outdated < leased.outdated || is_closed(state) {
            leased.progress = now;
        }
        leased.outdated = state.rollout.outdated;
        let is_upgraded = leased.outdated == 0 && has_program(state, &self.plan.program);
        leased.upgraded = leased.upgraded.filter(|_| is_upgraded).or(is_upgraded.then_some(now));
        let is_healthy = is_upgraded && is_healthy(state);
        leased.healthy = leased.healthy.filter(|_| is_healthy).or(is_healthy.then_some(now));
        if leased.healthy.is_some_and(|since| now.since(since) >= self.plan.min_healthy_time) {
            return Progress::Healthy;
        }
        match leased.upgraded {
            Some(since) if now.since(since) >= self.plan.healthy_deadline => {
                return Progress::Failed(Failure::Unhealthy);
            }
            None if now.since(leased.progress) >= self.plan.progress_deadline => {
                return Progress::Failed(Failure::NoProgress);
            }
            Some(_) | None => {}
        }
        // Only a new publication renews a lease: that of a silent host ends.
        if leased.until.since(now) <= LEASE / 2 && state.sequence != leased.sequence {
            (leased.until, leased.sequence) = (now.after(LEASE), state.sequence);
        }
        Progress::Leased(leased)
    }

    /// Ends the rollout, or advances it to the next phase.
    fn end_or_advance(&mut self, now: Timestamp) {
        let is_leased = |progress: &Progress| matches!(progress, Progress::Leased(_));
        let failures = self.count(|progress| matches!(progress, Progress::Failed(_)));
        // A canary stands for all hosts, so that its failure stops the rollout whatever the plan allows.
        let most = if self.phase == Phase::Canary { 0 } else { self.plan.most_failures(self.hosts.len()) };
        if failures > most {
            self.phase = Phase::Stopped;
            return;
        }
        if self.count(is_leased) > 0 {
            return;
        }
        let may_upgrade = |progress: &Progress| matches!(progress, Progress::Waiting(wait) if *wait != Wait::ByNodes);
        let left = self.count(may_upgrade);
        let can_upgrade = self.count(|progress| matches!(progress, Progress::Waiting(Wait::Turn | Wait::Window)));
        let takes_part = |progress: &Progress| *progress != Progress::Waiting(Wait::ByNodes);
        if left == 0 && self.count(takes_part) > 0 {
            self.phase = Phase::Complete;
        } else if self.phase == Phase::Canary && self.canaries_left() == 0 {
            (self.phase, self.last_change) =
                (if self.plan.auto_promote { Phase::Waves } else { Phase::Promotable }, now);
        } else if can_upgrade == 0 && now.since(self.last_change) >= self.plan.progress_deadline {
            self.phase = Phase::Incomplete;
        }
    }

    /// Returns the number of canaries that have no lease yet.
    const fn canaries_left(&self) -> usize {
        self.plan.canary.saturating_sub(self.canaries) as usize
    }

    fn first_leases(&mut self, states: &BTreeMap<Name, Option<HostState>>, now: Timestamp) -> Vec<Name> {
        let leased = self.count(|progress| matches!(progress, Progress::Leased(_)));
        let mut free = self.plan.most_parallel(self.hosts.len()).saturating_sub(leased);
        if self.phase == Phase::Canary {
            free = free.min(self.canaries_left());
        }
        if self.plan.stagger > Duration::ZERO {
            let is_early = self.last_lease.is_some_and(|last| now.since(last) < self.plan.stagger);
            free = free.min(usize::from(!is_early));
        }
        let mut leases = Vec::new();
        for (host, progress) in &mut self.hosts {
            if leases.len() == free {
                break;
            }
            let Some(Some(state)) = states.get(host) else { continue };
            if *progress != Progress::Waiting(Wait::Turn) {
                continue;
            }
            *progress = Progress::Leased(Leased {
                since: now,
                until: now.after(LEASE),
                outdated: state.rollout.outdated,
                progress: now,
                sequence: state.sequence,
                upgraded: None,
                healthy: None,
            });
            leases.push(host.clone());
        }
        if self.phase == Phase::Canary {
            self.canaries = self.canaries.saturating_add(u32::try_from(leases.len()).unwrap_or(u32::MAX));
        }
        if !leases.is_empty() {
            (self.last_lease, self.last_change) = (Some(now), now);
        }
        leases
    }
}

fn has_program(state: &HostState, program: &Program) -> bool {
    state.rollout.program.as_ref() == Some(program)
}

fn is_closed(state: &HostState) -> bool {
    state.window.as_ref().is_some_and(|window| window.open == Some(false))
}

fn is_healthy(state: &HostState) -> bool {
    let is_exceeded = state.signals.iter().any(|signal| signal.exceeded);
    state.up() >= state.desired && state.failure.is_none() && !is_exceeded
}

/// Returns the reason for which a host has no lease; [`Wait::Turn`] for one that may get it.
fn wait(state: Option<&HostState>, program: &Program) -> Wait {
    match state {
        None => Wait::Away,
        Some(state) if state.rollout.by_nodes => Wait::ByNodes,
        Some(state) if !has_program(state, program) => Wait::Program,
        Some(state) if !state.holds.is_empty() => Wait::Held,
        Some(state) if is_closed(state) => Wait::Window,
        Some(state) if !is_healthy(state) => Wait::Unhealthy,
        Some(_) => Wait::Turn,
    }
}
