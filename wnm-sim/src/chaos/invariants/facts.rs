//! Facts of one cycle, derived a second time and independently of the engine.

use std::time::Duration;

use wnm_core::{
    Desired, FailedAction, HostSample, NodeId, NodeSample, NodeState, Policy, Presence, StopCause, Threshold,
    Timestamp, Volume, WindowEnd,
};

use super::{Trial, steady, valves};

/// Time for which a folder must be missing before its node is dead.
const DEAD_AFTER: Duration = Duration::from_secs(300);

/// The state that a node must have after the observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Belief {
    Running,
    Unknown,
    /// With the time from which the node may start again; None without a delay.
    Stopped(Option<Timestamp>),
    Restarting,
    Upgrading,
    Migrating,
    Removing,
    Dead,
    Disabled,
}

impl Belief {
    /// Tells whether a state of the engine is of this kind.
    pub(super) const fn is(self, state: &NodeState) -> bool {
        match state {
            NodeState::Running { .. } => matches!(self, Self::Running),
            NodeState::Unknown { .. } => matches!(self, Self::Unknown),
            NodeState::Stopped { .. } => matches!(self, Self::Stopped(_)),
            NodeState::Restarting { .. } => matches!(self, Self::Restarting),
            NodeState::Upgrading { .. } => matches!(self, Self::Upgrading),
            NodeState::Migrating { .. } => matches!(self, Self::Migrating),
            NodeState::Removing { .. } => matches!(self, Self::Removing),
            NodeState::Dead { .. } => matches!(self, Self::Dead),
            NodeState::Disabled { .. } => matches!(self, Self::Disabled),
        }
    }
}

/// A node with the state that it must have.
pub(super) struct Believed<'a> {
    pub(super) id: NodeId,
    pub(super) sample: &'a NodeSample,
    pub(super) belief: Belief,
    pub(super) acting: bool,
    pub(super) desired: Desired,
    /// The time from which a node that ended by itself may start again.
    pub(super) retry_at: Timestamp,
    pub(super) is_crash_loop: bool,
    /// The volume of the node is not over its high threshold.
    has_space: bool,
    /// An action on the node failed, and its delay has not passed.
    has_failed: bool,
}

impl Believed<'_> {
    /// Tells whether the rules may choose the node at all.
    pub(super) fn is_free(&self) -> bool {
        let is_ours =
            !matches!(self.sample.presence, Presence::Unverified | Presence::FolderMissing | Presence::VolumeFault);
        let may_be_chosen = matches!(self.belief, Belief::Running | Belief::Stopped(_));
        !self.acting && is_ours && may_be_chosen && !self.has_failed
    }

    pub(super) fn is_running(&self) -> bool {
        self.belief == Belief::Running
    }

    pub(super) fn is_stopped(&self) -> bool {
        matches!(self.belief, Belief::Stopped(_))
    }

    /// Tells whether the policy stopped the node, and may start it with headroom.
    pub(super) fn waits_for_headroom(&self) -> bool {
        self.is_stopped() && self.desired == Desired::StoppedByPolicy
    }

    /// Tells whether a node that the policy stopped may start now.
    pub(super) fn is_ready(&self, now: Timestamp) -> bool {
        let has_waited = matches!(self.belief, Belief::Stopped(ready) if ready.is_none_or(|at| at <= now));
        has_waited && self.desired == Desired::StoppedByPolicy
    }

    /// Tells whether the node should run and does not.
    pub(super) fn is_down(&self) -> bool {
        self.is_stopped() && self.desired == Desired::Running
    }

    /// Tells whether a node that is down may start now.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.is_down() && self.retry_at <= now && self.has_space
    }

    /// Tells whether no node is added because of this one: it is expected to run again.
    pub(super) fn blocks_additions(&self, now: Timestamp) -> bool {
        let waits = self.waits_for_headroom() && !self.is_ready(now);
        waits || (self.is_down() && !self.is_crash_loop)
    }

    /// Tells whether a started node runs and answers.
    fn is_up(&self) -> bool {
        self.belief == Belief::Restarting && !self.acting && self.sample.presence == Presence::Answering
    }

    /// Tells whether the node is known to be dead and nothing is done about it yet.
    pub(super) fn is_dead(&self) -> bool {
        self.belief == Belief::Dead && !self.acting
    }

    pub(super) fn age(&self) -> (Timestamp, NodeId) {
        (self.sample.born, self.id)
    }
}

/// The facts that the properties use.
pub(super) struct Facts<'a> {
    /// All nodes, by id.
    pub(super) nodes: Vec<Believed<'a>>,
    pub(super) restarting: u32,
    /// Of these, the nodes that are seen up.
    pub(super) settled: u32,
    pub(super) upgrading: u32,
    pub(super) removing: u32,
    /// Nodes with any operation in progress.
    pub(super) under_way: u32,
    /// Nodes that run or are about to run.
    pub(super) active: u32,
    pub(super) has_dead: bool,
    /// Nodes that vanished in this observation.
    pub(super) vanished: u32,
    /// More nodes vanished than independent failures explain.
    pub(super) is_anomalous: bool,
    /// At least one signal is over its high threshold.
    pub(super) is_pressed: bool,
    /// Every signal is below its low threshold, of the volumes at least one.
    pub(super) has_headroom: bool,
    pub(super) disk_is_full: bool,
}

impl<'a> Facts<'a> {
    pub(super) fn of(trial: &Trial<'a>) -> Self {
        let Trial { policy, state, observation, .. } = *trial;
        let (is_pressed, has_headroom) = compare(policy, &observation.host);
        let mut facts = Self {
            nodes: Vec::with_capacity(observation.nodes.len()),
            restarting: 0,
            settled: 0,
            upgrading: 0,
            removing: 0,
            under_way: 0,
            active: 0,
            has_dead: false,
            vanished: 0,
            is_anomalous: false,
            is_pressed,
            has_headroom,
            disk_is_full: observation.host.volumes.iter().any(|volume| is_over(policy.disk, volume.used)),
        };
        facts.detect_anomaly(trial);
        let may_die = !observation.rebooted && !facts.is_anomalous;
        for (id, sample, recorded) in joined(trial) {
            let acting = !state.acting.is_empty() && state.acting.contains(&id);
            let missing_for = state.missing_since.get(&id).map(|since| observation.now.since(*since));
            let is_missing = sample.presence == Presence::FolderMissing && missing_for >= Some(DEAD_AFTER);
            // A node without a recorded state cannot have lost its folder.
            let may_die = may_die && is_missing && recorded.is_some() && is_in_place(trial, sample);
            let belief = believe(trial, sample, recorded, acting, may_die);
            let desired = desired(trial, id, recorded, belief);
            let recovery = state.recoveries.get(&id);
            let known_retry = recovery.map_or(observation.now, |recovery| recovery.retry_at);
            let has_ended = !acting && !observation.rebooted && ran(recorded) && sample.presence == Presence::Gone;
            // The delay begins with the end, and is never zero.
            let retry_at = if has_ended { observation.now.after(Duration::from_secs(10)) } else { known_retry };
            let is_crash_loop = recovery.is_some_and(wnm_core::Recovery::is_crash_loop);
            let volume = sample.volume.and_then(|i| observation.host.volumes.get(i));
            let has_space = !volume.is_some_and(|volume| is_over(policy.disk, volume.used));
            let waits =
                |entry: &FailedAction| entry.node == id && entry.verb != "add" && entry.retry_at > observation.now;
            let has_failed = state.failures.iter().any(waits);
            let node = Believed { id, sample, belief, acting, desired, retry_at, is_crash_loop, has_space, has_failed };
            facts.count(node);
        }
        facts
    }

    /// Counts the nodes that vanished in this observation; mostly none did, and the count is skipped.
    fn detect_anomaly(&mut self, trial: &Trial<'_>) {
        let Trial { state, observation, .. } = *trial;
        let is_out = |presence| matches!(presence, Presence::Gone | Presence::FolderMissing);
        if observation.rebooted || !observation.nodes.values().any(|sample| is_out(sample.presence)) {
            return;
        }
        let mut missing = false;
        for (id, sample, recorded) in joined(trial).filter(|(_, sample, _)| is_out(sample.presence)) {
            if !state.acting.contains(&id) {
                let lost = has_lost_its_folder(sample.presence, recorded);
                missing |= lost;
                self.vanished += u32::from(lost || has_stopped_by_itself(sample.presence, recorded));
            }
        }
        let is_moved = observation.host.volumes.iter().any(|volume| {
            let known = state.volumes.get(&volume.root);
            known.is_some_and(|device| *device != volume.identity)
        });
        let is_mass = self.vanished > 3.max(observation.nodes.len() as u32 / 5);
        let is_out_of_sight = |(id, sample): (&NodeId, &NodeSample)| {
            let is_hidden =
                matches!(sample.presence, Presence::FolderMissing | Presence::Unobserved | Presence::VolumeFault);
            is_hidden || state.acting.contains(id)
        };
        let all_missing = missing && observation.nodes.iter().all(is_out_of_sight);
        self.is_anomalous = is_mass || all_missing || (missing && is_moved);
    }

    fn count(&mut self, node: Believed<'a>) {
        let of_kind = match node.belief {
            Belief::Restarting => Some(&mut self.restarting),
            Belief::Upgrading => Some(&mut self.upgrading),
            Belief::Removing => Some(&mut self.removing),
            Belief::Migrating
            | Belief::Running
            | Belief::Unknown
            | Belief::Stopped(_)
            | Belief::Dead
            | Belief::Disabled => None,
        };
        let is_operation = of_kind.is_some();
        if let Some(of_kind) = of_kind {
            *of_kind += 1;
        }
        let is_disabled = node.belief == Belief::Disabled;
        // A recorded migrating node without an action of wnm does not count.
        self.under_way += u32::from(is_operation || (node.acting && !is_disabled));
        let is_at_rest = matches!(node.belief, Belief::Stopped(_) | Belief::Removing | Belief::Dead) || is_disabled;
        self.active += u32::from(!is_at_rest);
        self.settled += u32::from(node.is_up());
        self.has_dead |= node.is_dead();
        self.nodes.push(node);
    }

    pub(super) fn total(&self) -> u32 {
        self.nodes.len() as u32
    }

    pub(super) fn node(&self, id: NodeId) -> Option<&Believed<'a>> {
        let place = self.nodes.binary_search_by_key(&id, |node| node.id).ok()?;
        self.nodes.get(place)
    }

    /// Returns the number of nodes that run or come up, without those that an action stops.
    pub(super) fn with_process(&self) -> u32 {
        let runs = |node: &&Believed<'_>| match node.belief {
            Belief::Running | Belief::Unknown => !node.acting,
            Belief::Restarting | Belief::Upgrading => true,
            Belief::Stopped(_) | Belief::Removing | Belief::Migrating | Belief::Dead | Belief::Disabled => false,
        };
        self.nodes.iter().filter(runs).count() as u32
    }

    /// Tells whether the rules that plan actions are evaluated at all, and below the ceiling.
    pub(super) fn may_plan(&self, trial: &Trial<'_>) -> bool {
        let is_moving = self.nodes.iter().any(|node| node.belief == Belief::Migrating);
        let may = !trial.observation.rebooted && !self.is_anomalous && !self.has_dead && !is_moving;
        may && valves::left(trial) > 0
    }

    /// Tells whether no valve prevents a voluntary action. Which actions a draining window or `max_unavailable` prevents
    /// is the matter of other properties.
    pub(super) fn may_volunteer(&self, trial: &Trial<'_>) -> bool {
        let settings = &trial.policy.valves;
        let is_limited = trial.observation.valves.limits.iter().any(|of| of.limits.max_unavailable.is_some());
        let is_plain = settings.max_unavailable.is_none() && !is_limited && settings.window_end == WindowEnd::Continue;
        is_plain && valves::is_open(trial, self)
    }

    /// Tells whether a node lies on a volume that is too full, or on an unknown one.
    pub(super) fn is_on_full_volume(trial: &Trial<'_>, sample: &NodeSample) -> bool {
        let volumes = &trial.observation.host.volumes;
        sample.volume.is_none_or(|v| volumes.get(v).is_some_and(|volume| is_over(trial.policy.disk, volume.used)))
    }
}

impl Facts<'_> {
    /// Tells whether a node lies on a volume near its high threshold, or on an unknown one.
    pub(super) fn is_on_filling_volume(trial: &Trial<'_>, sample: &NodeSample) -> bool {
        let volumes = &trial.observation.host.volumes;
        let is_filling = |v: usize| volumes.get(v).is_some_and(|volume| steady::is_filling(trial.policy, volume.used));
        sample.volume.map_or_else(|| (0..volumes.len()).any(is_filling), is_filling)
    }
}

/// Returns every observed node with its recorded state.
fn joined<'a>(trial: &Trial<'a>) -> impl Iterator<Item = (NodeId, &'a NodeSample, Option<&'a NodeState>)> {
    let mut recorded = trial.state.nodes.iter();
    let mut next = recorded.next();
    trial.observation.nodes.iter().map(move |(id, sample)| {
        while next.is_some_and(|(other, _)| other < id) {
            next = recorded.next();
        }
        (*id, sample, next.filter(|(other, _)| *other == id).map(|(_, state)| state))
    })
}

/// Tells whether the storage of a node is the one it is known to be on.
fn is_in_place(trial: &Trial<'_>, sample: &NodeSample) -> bool {
    let volumes = trial.observation.host.volumes.iter().enumerate();
    let mut of_node = volumes.filter(|(i, _)| sample.volume.is_none_or(|volume| volume == *i)).peekable();
    let devices = &trial.state.volumes;
    of_node.peek().is_some() && of_node.all(|(_, volume)| devices.get(&volume.root) == Some(&volume.identity))
}

/// Tells whether a node was taken to run, or to come up.
const fn ran(recorded: Option<&NodeState>) -> bool {
    matches!(
        recorded,
        Some(
            NodeState::Running { .. }
                | NodeState::Unknown { .. }
                | NodeState::Restarting { .. }
                | NodeState::Upgrading { .. }
        )
    )
}

/// Returns the desired condition of a node: an entry of the state, else what its last stop tells. A node that is seen
/// up should run.
fn desired(trial: &Trial<'_>, id: NodeId, recorded: Option<&NodeState>, belief: Belief) -> Desired {
    let was_running = matches!(recorded, Some(NodeState::Running { .. }));
    if belief == Belief::Running && !was_running {
        return Desired::Running;
    }
    let told = match recorded {
        Some(NodeState::Disabled { .. }) => Desired::Disabled,
        Some(NodeState::Stopped { cause, .. }) => match cause {
            StopCause::Requested => Desired::StoppedByRequest,
            StopCause::Pressure | StopCause::Imported => Desired::StoppedByPolicy,
            StopCause::Found | StopCause::StartFailed | StopCause::Removal => Desired::Running,
        },
        _ => Desired::Running,
    };
    trial.state.desired.get(&id).copied().unwrap_or(told)
}

fn has_lost_its_folder(presence: Presence, recorded: Option<&NodeState>) -> bool {
    let is_expected = matches!(recorded, Some(NodeState::Dead { .. } | NodeState::Removing { .. }));
    presence == Presence::FolderMissing && !is_expected
}

fn has_stopped_by_itself(presence: Presence, recorded: Option<&NodeState>) -> bool {
    presence == Presence::Gone && matches!(recorded, Some(NodeState::Running { .. } | NodeState::Unknown { .. }))
}

/// Returns the state that a node must have: an operation lasts for its delay, and then the observation decides.
fn believe(
    trial: &Trial<'_>,
    sample: &NodeSample,
    recorded: Option<&NodeState>,
    acting: bool,
    may_die: bool,
) -> Belief {
    let presence = sample.presence;
    let delays = &trial.policy.delays;
    let now = trial.observation.now;
    let lasts = |since: Timestamp, delay: Duration| acting || now.since(since) < delay;
    let remembered = match recorded {
        None | Some(NodeState::Unknown { .. }) => Belief::Unknown,
        Some(NodeState::Running { .. }) => Belief::Running,
        Some(NodeState::Stopped { since, .. }) => Belief::Stopped(since.map(|since| since.after(delays.restart))),
        Some(NodeState::Restarting { .. }) => Belief::Restarting,
        Some(NodeState::Upgrading { .. }) => Belief::Upgrading,
        Some(NodeState::Migrating { .. }) => Belief::Migrating,
        Some(NodeState::Removing { .. }) => Belief::Removing,
        Some(NodeState::Dead { .. }) => Belief::Dead,
        Some(NodeState::Disabled { .. }) => Belief::Disabled,
    };
    let is_fixed = match recorded {
        Some(NodeState::Removing { .. } | NodeState::Migrating { .. } | NodeState::Disabled { .. }) => true,
        // A process that is gone has ended, and is not waited for.
        Some(NodeState::Restarting { .. } | NodeState::Upgrading { .. }) if presence == Presence::Gone && !acting => {
            false
        }
        Some(NodeState::Restarting { since }) => lasts(*since, delays.start),
        Some(NodeState::Upgrading { since, .. }) => lasts(*since, delays.upgrade),
        Some(
            NodeState::Running { .. } | NodeState::Unknown { .. } | NodeState::Stopped { .. } | NodeState::Dead { .. },
        )
        | None => false,
    };
    match presence {
        _ if is_fixed => remembered,
        // The remnant of an addition that failed and could not be undone.
        Presence::Gone | Presence::VolumeFault
            if remembered == Belief::Dead && sample.version.is_none() && sample.peer_id.is_none() =>
        {
            Belief::Dead
        }
        Presence::Unobserved => remembered,
        Presence::Answering | Presence::Unverified => Belief::Running,
        Presence::Silent | Presence::Unreachable | Presence::VolumeFault => Belief::Unknown,
        Presence::Gone if trial.observation.rebooted => Belief::Stopped(None),
        Presence::Gone => match remembered {
            Belief::Stopped(ready) => Belief::Stopped(ready),
            Belief::Running
            | Belief::Unknown
            | Belief::Restarting
            | Belief::Upgrading
            | Belief::Migrating
            | Belief::Removing
            | Belief::Dead
            | Belief::Disabled => Belief::Stopped(Some(now.after(delays.restart))),
        },
        Presence::FolderMissing if may_die => Belief::Dead,
        Presence::FolderMissing if matches!(remembered, Belief::Running | Belief::Restarting | Belief::Upgrading) => {
            Belief::Unknown
        }
        Presence::FolderMissing => remembered,
    }
}

fn is_over<T: Copy + PartialOrd>(threshold: Threshold<T>, seen: Option<T>) -> bool {
    seen.is_some_and(|seen| seen > threshold.remove)
}

fn is_under<T: Copy + PartialOrd>(threshold: Threshold<T>, seen: Option<T>) -> bool {
    seen.is_some_and(|seen| seen < threshold.less_than)
}

/// Tells whether a signal is over its high threshold, and whether all are known and below the low one. One volume with
/// space is enough to add a node, and one full volume is enough for pressure.
fn compare(policy: &Policy, host: &HostSample) -> (bool, bool) {
    let loads = policy.load.into_iter().flat_map(|threshold| {
        let seen = |pick: fn(wnm_core::LoadAverages) -> wnm_core::Load| (threshold, host.load.map(pick));
        [seen(|load| load.one), seen(|load| load.five), seen(|load| load.fifteen)]
    });
    let rates = [
        (policy.disk_io.map(|io| io.read), host.disk_read),
        (policy.disk_io.map(|io| io.write), host.disk_write),
        (policy.net_io.map(|io| io.read), host.net_read),
        (policy.net_io.map(|io| io.write), host.net_write),
    ];
    let mut rates_over = false;
    let mut rates_under = true;
    for (threshold, seen) in rates {
        let Some(threshold) = threshold else { continue };
        rates_over |= is_over(threshold, seen);
        rates_under &= is_under(threshold, seen);
    }
    let has_space = |volume: &Volume| {
        is_under(policy.disk, volume.used) && volume.available.is_none_or(|available| available >= policy.crisis)
    };
    let over = is_over(policy.cpu, host.cpu)
        || is_over(policy.memory, host.memory)
        || host.volumes.iter().any(|volume| is_over(policy.disk, volume.used))
        || loads.clone().any(|(threshold, seen)| is_over(threshold, seen))
        || rates_over;
    let under = is_under(policy.cpu, host.cpu)
        && is_under(policy.memory, host.memory)
        && host.volumes.iter().any(has_space)
        && loads.clone().all(|(threshold, seen)| is_under(threshold, seen))
        && rates_under;
    (over, under)
}
