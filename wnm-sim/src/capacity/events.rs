//! Events of the host and its nodes: deaths, lost folders, upgrades by the node itself, reboots; and the timers of nodes.

use wnm_core::NodeId;

use super::node::Folder;
use super::{CapacityModel, Seconds, TICK};
use crate::chance::Chance;
use crate::scenario::capacity::{Amount, EventRates};

/// The event of a timer of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimerEvent {
    /// The process has been up for [`SERVES_AFTER`](super::SERVES_AFTER) and counts as serving.
    Serve,
    /// The process ends.
    Exit,
    /// The process ends and starts again.
    Restart,
    /// The process fetches the current release and starts again with it.
    SelfUpgrade,
    /// The additional cost after a change of version ends.
    EndUpgradeCost,
}

#[derive(Debug, Clone, Copy)]
struct Timer {
    at: Seconds,
    node: NodeId,
    /// The process that set the timer; a later process of the same node ignores it.
    serial: u32,
    event: TimerEvent,
}

/// Pending and random events.
pub(super) struct Events {
    rates: EventRates,
    /// Draws events of nodes. Its numbers depend on how many nodes the policy runs.
    node_chance: Chance,
    /// Draws events of the host. Independent of the policy, so that all policies meet the same reboots and releases.
    host_chance: Chance,
    timers: Vec<Timer>,
    /// The time of the earliest timer, to skip the search in most steps.
    first: Seconds,
    next_release: Seconds,
    next_reboot: Seconds,
    /// When the demand of all nodes rises for good; infinite for never.
    rise_at: Seconds,
}

impl Events {
    pub(super) fn new(rates: &EventRates, seed: u64) -> Self {
        let mut host_chance = Chance::new(seed, 994);
        let every = rates.upgrade_every_hours.get() * 3600.0;
        // The phase is random, so that seeds differ in when the first release appears.
        let next_release = if every > 0.0 { host_chance.between(0.0, every) } else { f64::INFINITY };
        let next_reboot = host_chance.wait(rates.reboots_per_day.get() / 86_400.0);
        let (rates, node_chance) = (rates.clone(), Chance::new(seed, 995));
        let rise_at = match rates.need_rises_by.get() {
            0.0 => f64::INFINITY,
            _ => rates.need_rises_on_day.get() * 86_400.0,
        };
        let (timers, first) = (Vec::new(), f64::INFINITY);
        Self { rates, node_chance, host_chance, timers, first, next_release, next_reboot, rise_at }
    }

    /// Sets a timer for a process.
    pub(super) fn at(&mut self, at: Seconds, node: NodeId, serial: u32, event: TimerEvent) {
        self.first = self.first.min(at);
        self.timers.push(Timer { at, node, serial, event });
    }

    /// Removes and returns one expired timer; None where none has expired.
    fn expired(&mut self, now: Seconds) -> Option<Timer> {
        // Most steps have no expired timer, and thousands of timers may be pending.
        if now < self.first {
            return None;
        }
        let place = self.timers.iter().position(|timer| timer.at <= now);
        let Some(place) = place else {
            self.first = self.timers.iter().map(|timer| timer.at).fold(f64::INFINITY, f64::min);
            return None;
        };
        Some(self.timers.swap_remove(place))
    }

    /// Draws whether an event with this daily rate happens in this step.
    fn draw(&mut self, per_day: f64) -> bool {
        per_day > 0.0 && self.node_chance.share() < per_day * TICK / 86_400.0
    }
}

impl CapacityModel {
    /// Applies all events of this step.
    pub(super) fn apply_events(&mut self) {
        while let Some(timer) = self.events.expired(self.now) {
            self.fire(timer);
        }
        if self.now >= self.events.next_release {
            self.release();
        }
        if self.now >= self.events.next_reboot {
            self.reboot();
        }
        if self.now >= self.events.rise_at {
            self.raise_need();
        }
        // True in exactly one step: the one in which the reboot ends.
        if self.down_until > self.now - TICK && self.down_until <= self.now {
            self.boot();
        }
        // One draw for all nodes: at these rates two deaths within five seconds do not matter.
        let up = f64::from(self.sums.up);
        if self.events.draw(self.events.rates.deaths_per_node_day.get() * up)
            && let Some(id) = self.draw_node()
        {
            self.end(id);
        }
        if self.events.draw(self.events.rates.losses_per_node_day.get() * up)
            && let Some(id) = self.draw_node()
        {
            self.lose_folder(id);
        }
    }

    fn fire(&mut self, timer: Timer) {
        let (now, curves) = (self.now, self.curves);
        let Some(node) = self.node(timer.node) else { return };
        // The process that set the timer may have ended, and another may run in its place.
        let Some(process) = node.process.as_mut().filter(|process| process.serial == timer.serial) else { return };
        match timer.event {
            TimerEvent::Serve => {
                process.is_serving = true;
                self.sums.serving += 1;
            }
            TimerEvent::Exit => self.end(timer.node),
            TimerEvent::Restart => {
                self.end(timer.node);
                self.start(timer.node, now);
            }
            TimerEvent::SelfUpgrade => {
                let release = self.release;
                self.change_version(timer.node, release);
                self.end(timer.node);
                self.start(timer.node, now);
                self.add_upgrade_cost(timer.node);
            }
            TimerEvent::EndUpgradeCost => {
                let extra = std::mem::take(&mut process.extra);
                node.grow(now, &curves);
                self.sums.base -= extra;
            }
        }
    }

    /// Sets the version of a node's program; a version never goes back.
    pub(super) fn change_version(&mut self, id: NodeId, version: u64) {
        if let Some(node) = self.node(id) {
            node.version = node.version.max(version);
            node.is_version_new = true;
        }
    }

    /// Adds the CPU cost that a node has for a while after a change of version.
    pub(super) fn add_upgrade_cost(&mut self, id: NodeId) {
        let rates = &self.events.rates;
        let (cost, seconds) = (rates.upgrade_cost.get(), rates.upgrade_cost_minutes.get() * 60.0);
        let until = self.now + seconds;
        let Some(node) = self.node(id) else { return };
        let base = node.base;
        let Some(process) = node.process.as_mut() else { return };
        process.extra += base * cost;
        let serial = process.serial;
        self.sums.base += base * cost;
        self.events.at(until, id, serial, TimerEvent::EndUpgradeCost);
    }

    /// Publishes a new release; every running node fetches it at a random time within the configured minutes.
    fn release(&mut self) {
        self.release += 1;
        let rates = &self.events.rates;
        // The binary for new nodes follows the release, unless the file stays as it is.
        if !rates.binary_stays {
            self.target = self.release;
        }
        let within = rates.upgrade_within_minutes.get() * 60.0;
        self.events.next_release += rates.upgrade_every_hours.get() * 3600.0;
        for node in &self.nodes {
            if let Some(process) = &node.process {
                let at = self.now + self.events.node_chance.between(0.0, within);
                self.events.at(at, node.id, process.serial, TimerEvent::SelfUpgrade);
            }
        }
    }

    /// Raises the demand of present and future nodes for good, as a change of the network does.
    fn raise_need(&mut self) {
        let by = self.events.rates.need_rises_by.get();
        self.events.rise_at = f64::INFINITY;
        let (now, curves) = (self.now, self.curves);
        for node in &mut self.nodes {
            node.grow(now, &curves);
            if node.process.is_some() {
                self.sums.base += node.base * by;
            }
            node.base *= 1.0 + by;
        }
        self.constants.cpu_cores = Amount::of(self.constants.cpu_cores.get() * (1.0 + by));
    }

    fn reboot(&mut self) {
        let rate = self.events.rates.reboots_per_day.get() / 86_400.0;
        self.events.next_reboot = self.now + self.events.host_chance.wait(rate);
        let ids: Vec<NodeId> = self.nodes.iter().map(|node| node.id).collect();
        ids.into_iter().for_each(|id| self.end(id));
        // The kernel starts its load averages at 0.
        (self.loads, self.loads_alone) = Default::default();
        self.down_until = self.now + self.constants.reboot_seconds.get().max(TICK);
    }

    /// Ends a reboot: all wanted nodes start at the same moment, as a service manager starts its enabled units.
    fn boot(&mut self) {
        self.rebooted = true;
        let wanted: Vec<NodeId> = self.nodes.iter().filter(|node| node.is_wanted).map(|node| node.id).collect();
        let now = self.now;
        wanted.into_iter().for_each(|id| self.start(id, now));
    }

    fn lose_folder(&mut self, id: NodeId) {
        self.end(id);
        let constants = self.constants;
        let Ok(place) = self.place(id) else { return };
        let gb = self.nodes[place].disk_gb(&constants);
        self.volumes.add_stopped(self.nodes[place].volume, -gb);
        self.nodes[place].folder = Folder::Lost;
    }

    /// Returns a random running node; None where no node runs.
    fn draw_node(&mut self) -> Option<NodeId> {
        let which = self.events.node_chance.below(self.sums.up) as usize;
        self.nodes.iter().filter(|node| node.process.is_some()).nth(which).map(|node| node.id)
    }
}
