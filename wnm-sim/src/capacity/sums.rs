//! Sums over all running processes, which replace a loop over the nodes in every step.

use super::node::{Node, Process};

/// Sums over all running processes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) up: u32,
    pub(super) serving: u32,
    /// Mature CPU use including upgrade costs, and the surge above it, in cores.
    pub(super) base: f64,
    pub(super) surge: f64,
    /// Memory still to be taken in MB, leaks in MB/s, and leaked memory in MB.
    pub(super) memory_gap: f64,
    pub(super) leak: f64,
    pub(super) leaked: f64,
}

impl Sums {
    pub(super) fn add(&mut self, node: &Node, process: &Process) {
        self.up += 1;
        self.serving += u32::from(process.is_serving);
        self.base += node.base + process.extra;
        self.surge += process.surge;
        self.memory_gap += process.memory_gap;
        self.leak += node.leak;
        self.leaked += process.leaked;
    }

    pub(super) fn remove(&mut self, node: &Node, process: &Process) {
        self.up -= 1;
        self.serving -= u32::from(process.is_serving);
        self.base -= node.base + process.extra;
        self.surge -= process.surge;
        self.memory_gap -= process.memory_gap;
        self.leak -= node.leak;
        // The kernel gets all memory of an ended process back, including the leaked part.
        self.leaked -= process.leaked;
    }
}
