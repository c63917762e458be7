//! What befalls the host and its nodes: deaths, lost folders, upgrades by themselves, reboots; and what falls due.

use wnm_core::NodeId;

use super::node::Folder;
use super::{Host, Seconds, TICK};
use crate::chance::Chance;
use crate::scenario::capacity::Fates;

/// Something that falls due for one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// It is up for a minute.
    GrowUp,
    /// It has ended.
    End,
    /// It has ended, and starts again.
    Restart,
    /// It fetches the version that is there by now.
    UpgradeItself,
    /// It costs no more than others again.
    BeCheap,
}

#[derive(Debug, Clone, Copy)]
struct Timer {
    at: Seconds,
    node: NodeId,
    /// The process it is about.
    serial: u32,
    due: Due,
}

/// What is to happen.
pub(super) struct Events {
    fates: Fates,
    /// Decides what befalls nodes, and so depends on how many there are.
    chance: Chance,
    /// Decides what befalls the host, whoever lives on it.
    weather: Chance,
    timers: Vec<Timer>,
    /// When the first timer runs out.
    first: Seconds,
    next_release: Seconds,
    next_reboot: Seconds,
}

impl Events {
    pub(super) fn new(fates: &Fates, seed: u64) -> Self {
        let mut weather = Chance::new(seed, 994);
        let every = fates.upgrade_every_hours.get() * 3600.0;
        // The first one comes at any time before it would be the second.
        let next_release = if every > 0.0 { weather.between(0.0, every) } else { f64::INFINITY };
        let next_reboot = weather.wait(fates.reboots_per_day.get() / 86_400.0);
        let (fates, chance) = (fates.clone(), Chance::new(seed, 995));
        Self { fates, chance, weather, timers: Vec::new(), first: f64::INFINITY, next_release, next_reboot }
    }

    /// Notes what falls due for a process.
    pub(super) fn at(&mut self, at: Seconds, node: NodeId, serial: u32, due: Due) {
        self.first = self.first.min(at);
        self.timers.push(Timer { at, node, serial, due });
    }

    /// Returns one timer that has run out.
    fn due(&mut self, now: Seconds) -> Option<Timer> {
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

    /// Draws whether something happens in this step that happens so often in a day.
    fn happens(&mut self, per_day: f64) -> bool {
        per_day > 0.0 && self.chance.share() < per_day * TICK / 86_400.0
    }
}

impl Host {
    /// Lets happen what is to happen in this step.
    pub(super) fn happen(&mut self) {
        while let Some(timer) = self.events.due(self.now) {
            self.fall_due(timer);
        }
        if self.now >= self.events.next_release {
            self.release();
        }
        if self.now >= self.events.next_reboot {
            self.reboot();
        }
        if self.down_until > self.now - TICK && self.down_until <= self.now {
            self.come_up();
        }
        let up = f64::from(self.sums.up);
        if self.events.happens(self.events.fates.deaths_per_node_day.get() * up)
            && let Some(id) = self.draw_node()
        {
            self.end(id);
        }
        if self.events.happens(self.events.fates.losses_per_node_day.get() * up)
            && let Some(id) = self.draw_node()
        {
            self.lose(id);
        }
    }

    fn fall_due(&mut self, timer: Timer) {
        let (now, curves) = (self.now, self.curves);
        let Some(node) = self.node(timer.node) else { return };
        let Some(process) = node.process.as_mut().filter(|process| process.serial == timer.serial) else { return };
        match timer.due {
            Due::GrowUp => {
                process.is_grown_up = true;
                self.sums.grown_up += 1;
            }
            Due::End => self.end(timer.node),
            Due::Restart => {
                self.end(timer.node);
                self.start(timer.node, now);
            }
            Due::UpgradeItself => {
                let target = self.target;
                self.change_version(timer.node, target);
                self.end(timer.node);
                self.start(timer.node, now);
                self.make_dear(timer.node);
            }
            Due::BeCheap => {
                let extra = std::mem::take(&mut process.extra);
                node.grow(now, &curves);
                self.sums.base -= extra;
            }
        }
    }

    /// Gives a node another version of the program.
    pub(super) fn change_version(&mut self, id: NodeId, version: u64) {
        if let Some(node) = self.node(id) {
            node.version = node.version.max(version);
            node.is_untold = true;
        }
    }

    /// Lets a node cost more for a while, as one does that has changed its version.
    pub(super) fn make_dear(&mut self, id: NodeId) {
        let fates = &self.events.fates;
        let (cost, seconds) = (fates.upgrade_cost.get(), fates.upgrade_cost_minutes.get() * 60.0);
        let until = self.now + seconds;
        let Some(node) = self.node(id) else { return };
        let base = node.base;
        let Some(process) = node.process.as_mut() else { return };
        process.extra += base * cost;
        let serial = process.serial;
        self.sums.base += base * cost;
        self.events.at(until, id, serial, Due::BeCheap);
    }

    /// A new version appears, and every node that runs fetches it in its time.
    fn release(&mut self) {
        self.target += 1;
        let fates = &self.events.fates;
        let within = fates.upgrade_within_minutes.get() * 60.0;
        self.events.next_release += fates.upgrade_every_hours.get() * 3600.0;
        for node in &self.nodes {
            if let Some(process) = &node.process {
                let at = self.now + self.events.chance.between(0.0, within);
                self.events.at(at, node.id, process.serial, Due::UpgradeItself);
            }
        }
    }

    fn reboot(&mut self) {
        let rate = self.events.fates.reboots_per_day.get() / 86_400.0;
        self.events.next_reboot = self.now + self.events.weather.wait(rate);
        let ids: Vec<NodeId> = self.nodes.iter().map(|node| node.id).collect();
        ids.into_iter().for_each(|id| self.end(id));
        (self.loads, self.loads_alone) = Default::default();
        self.down_until = self.now + self.constants.reboot_seconds.get().max(TICK);
    }

    /// The host is up again, and starts everything that ran, at once.
    fn come_up(&mut self) {
        self.rebooted = true;
        let wanted: Vec<NodeId> = self.nodes.iter().filter(|node| node.is_wanted).map(|node| node.id).collect();
        let now = self.now;
        wanted.into_iter().for_each(|id| self.start(id, now));
    }

    fn lose(&mut self, id: NodeId) {
        self.end(id);
        let constants = self.constants;
        let Ok(place) = self.place(id) else { return };
        let gb = self.nodes[place].disk_gb(&constants);
        self.volumes.hold(self.nodes[place].volume, -gb);
        self.nodes[place].folder = Folder::Lost;
    }

    /// Draws one of the nodes that run.
    fn draw_node(&mut self) -> Option<NodeId> {
        let which = self.events.chance.below(self.sums.up) as usize;
        self.nodes.iter().filter(|node| node.process.is_some()).nth(which).map(|node| node.id)
    }
}
