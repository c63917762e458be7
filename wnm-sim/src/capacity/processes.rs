//! The life of nodes and their processes: create, start, end, remove; keeps the sums up to date.

use wnm_core::{NodeId, Timestamp};

use super::events::TimerEvent;
use super::node::{Folder, Node, Process};
use super::{CapacityModel, SERVES_AFTER, Seconds};

impl CapacityModel {
    /// Ends the process with the most memory, as the kernel's OOM killer does; returns false without a process.
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

    /// Creates a node on the volume with the most free space, without starting it. Ignored where the id exists.
    pub(super) fn create(&mut self, id: NodeId, born: Timestamp) {
        let Err(place) = self.place(id) else { return };
        let sigma = self.constants.cpu_spread.get();
        let spread = (sigma * self.creation.normal() - sigma * sigma / 2.0).exp();
        let leak = if self.creation.share() < self.leaking.0 { self.leaking.1 } else { 0.0 };
        let node = Node {
            id,
            born,
            volume: self.volumes.most_free(),
            folder: Folder::There,
            base: self.constants.cpu_cores.get() * spread,
            leak,
            version: self.target,
            is_version_new: true,
            process: None,
            is_wanted: true,
            disk_gap: self.constants.disk_gb.get(),
            at: self.now,
        };
        self.nodes.insert(place, node);
        self.has_new_nodes = true;
    }

    /// Starts the process of a node. Ignored while it has one, without its folder, and during a reboot.
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
            is_serving: self.now - at >= SERVES_AFTER,
            surge: node.base * self.constants.surge.get(),
            surge_mean: 0.0,
            extra: 0.0,
            memory_gap: self.constants.memory_full_mb.get() - self.constants.memory_start_mb.get(),
            leaked: 0.0,
        };
        self.sums.add(node, &process);
        self.volumes.start_growth(node.volume, node.disk_gap, &self.constants);
        node.process = Some(process);
        if !process.is_serving {
            self.events.at(at + SERVES_AFTER, id, process.serial, TimerEvent::Serve);
        }
    }

    /// Ends the process of a node immediately.
    pub(super) fn end(&mut self, id: NodeId) {
        let Ok(place) = self.place(id) else { return };
        let (now, curves) = (self.now, self.curves);
        let node = &mut self.nodes[place];
        node.grow(now, &curves);
        let Some(process) = node.process.take() else { return };
        self.sums.remove(node, &process);
        self.volumes.stop_growth(node.volume, node.disk_gap, &self.constants);
    }

    /// Removes a node with all its state.
    pub(super) fn remove(&mut self, id: NodeId) {
        self.end(id);
        if let Ok(place) = self.place(id) {
            let node = self.nodes.remove(place);
            self.volumes.add_stopped(node.volume, -node.disk_gb(&self.constants));
            self.has_new_nodes = true;
        }
    }
}
