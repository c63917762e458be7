//! Nodes come and go: made, started, ended, forgotten, and counted as they do.

use wnm_core::{NodeId, Timestamp};

use super::events::Due;
use super::node::{Folder, Node, Process};
use super::{GROWN_UP, Host, Seconds};

impl Host {
    /// Ends the largest process, as the kernel does when there is no memory left; tells whether there was one.
    pub(super) fn kill_largest(&mut self) -> bool {
        let (now, constants) = (self.now, self.constants);
        let curves = self.curves;
        let size = |node: &mut Node| {
            node.grow(now, &curves);
            node.process.map(|process| (process.memory_mb(&constants), node.id))
        };
        let largest = self.nodes.iter_mut().filter_map(size).max_by(|one, other| one.0.total_cmp(&other.0));
        largest.inspect(|(_, id)| self.end(*id)).is_some()
    }

    pub(super) fn place(&self, id: NodeId) -> Result<usize, usize> {
        self.nodes.binary_search_by_key(&id, |node| node.id)
    }

    pub(super) fn node(&mut self, id: NodeId) -> Option<&mut Node> {
        self.place(id).ok().map(|place| &mut self.nodes[place])
    }

    /// Makes a node where there is the most room, and does not start it.
    pub(super) fn make(&mut self, id: NodeId, born: Timestamp) {
        let Err(place) = self.place(id) else { return };
        let sigma = self.constants.cpu_spread.get();
        let spread = (sigma * self.births.normal() - sigma * sigma / 2.0).exp();
        let leak = if self.births.share() < self.leaking.0 { self.leaking.1 } else { 0.0 };
        let node = Node {
            id,
            born,
            volume: self.volumes.roomiest(),
            folder: Folder::There,
            base: self.constants.cpu_cores.get() * spread,
            leak,
            version: self.target,
            is_untold: true,
            process: None,
            is_wanted: true,
            disk_gap: self.constants.disk_gb.get(),
            at: self.now,
        };
        self.nodes.insert(place, node);
        self.is_new = true;
    }

    /// Starts the process of a node, if it has none and its folder is there.
    pub(super) fn start(&mut self, id: NodeId, at: Seconds) {
        let Ok(place) = self.place(id) else { return };
        let node = &mut self.nodes[place];
        node.is_wanted = true;
        if node.process.is_some() || node.folder == Folder::Lost || self.now < self.down_until {
            return;
        }
        self.next_serial += 1;
        node.grow(at, &self.curves);
        let process = Process {
            serial: self.next_serial,
            started: at,
            is_ending: false,
            is_grown_up: self.now - at >= GROWN_UP,
            surge: node.base * self.constants.surge.get(),
            surge_mean: 0.0,
            extra: 0.0,
            memory_gap: self.constants.memory_full_mb.get() - self.constants.memory_start_mb.get(),
            leaked: 0.0,
        };
        self.sums.add(node, &process);
        self.volumes.begin_to_grow(node.volume, node.disk_gap, &self.constants);
        node.process = Some(process);
        if !process.is_grown_up {
            self.events.at(at + GROWN_UP, id, process.serial, Due::GrowUp);
        }
    }

    /// Ends the process of a node, now.
    pub(super) fn end(&mut self, id: NodeId) {
        let Ok(place) = self.place(id) else { return };
        let (now, curves) = (self.now, self.curves);
        let node = &mut self.nodes[place];
        node.grow(now, &curves);
        let Some(process) = node.process.take() else { return };
        self.sums.take(node, &process);
        self.volumes.cease_to_grow(node.volume, node.disk_gap, &self.constants);
    }

    /// Forgets a node of which nothing is left.
    pub(super) fn forget(&mut self, id: NodeId) {
        self.end(id);
        if let Ok(place) = self.place(id) {
            let node = self.nodes.remove(place);
            self.volumes.hold(node.volume, -node.disk_gb(&self.constants));
            self.is_new = true;
        }
    }
}
