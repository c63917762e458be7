//! What our nodes use, summed in one pass over them.

use std::time::Duration;

use crate::node::NodeState;
use crate::observation::Observation;
use crate::policy::{Policy, Preset};
use crate::situation::Seen;
use crate::units::{Percent, Timestamp};

/// Age of a process from which its CPU is that of a grown node.
const GROWN: Duration = Duration::from_secs(900);
/// Age of a process up to which it may need more than it will.
const YOUNG: Duration = Duration::from_secs(600);
/// Age of a process from which its memory is that of a grown node.
const GROWN_MEMORY: Duration = Duration::from_secs(8 * 3600);
/// Age of a node from which its folder tells what nodes come to hold.
const GROWN_DISK: Duration = Duration::from_secs(86_400);
/// How much more memory than now a colony of young nodes is expected to need.
const MEMORY_GROWTH: f64 = 1.5;
/// Memory of a node before one was measured, in bytes.
const PRIOR_MEMORY: f64 = 200e6;
/// What a node comes to hold within a day or two before one was measured, in bytes.
const PRIOR_DISK: f64 = 5e9;

/// Share of the time, in percent, from which being held back counts.
const THROTTLED: f64 = 5.0;

/// A sum and how many it is of.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Sum {
    total: f64,
    count: u32,
}

impl Sum {
    fn add(&mut self, value: f64) {
        self.total += value;
        self.count += 1;
    }

    fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.total / f64::from(self.count))
    }
}

/// When a state began that makes a process of some age now: comparing moments costs less than telling ages.
struct Ages {
    young: Timestamp,
    grown: Timestamp,
    grown_memory: Timestamp,
}

impl Ages {
    fn at(now: Timestamp) -> Self {
        Self { young: now.before(YOUNG), grown: now.before(GROWN), grown_memory: now.before(GROWN_MEMORY) }
    }
}

/// What our nodes use.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Usage {
    /// Nodes whose process lives and is not on its way out.
    pub(crate) live: u16,
    /// For which share of the time the colony was held back by its quota, so that its use does not show what it
    /// needs; None where that is next to nothing.
    pub(crate) throttled: Option<Percent>,
    /// In cores.
    cpu: Sum,
    grown_cpu: Sum,
    young_cpu: Sum,
    /// In bytes.
    memory: Sum,
    grown_memory: Sum,
    disk: Sum,
    grown_disk: Sum,
}

impl Usage {
    /// Returns what these nodes use; None where no rule asks for it.
    pub(crate) fn of(policy: &Policy, observation: &Observation, nodes: &[Seen<'_>]) -> Option<Self> {
        match policy.preset {
            Preset::Classic => None,
            Preset::Steady => Some(Self::count(policy, observation, nodes)),
        }
    }

    fn count(policy: &Policy, observation: &Observation, nodes: &[Seen<'_>]) -> Self {
        let now = observation.now;
        let throttled = observation.host.quota.and_then(|quota| quota.throttled);
        let mut usage = Self { throttled: throttled.filter(|share| share.get() > THROTTLED), ..Self::default() };
        // A node that runs was started for a while before.
        let (starting, running) = (Ages::at(now), Ages::at(now.after(policy.delays.start)));
        let grown_disk = now.before(GROWN_DISK);
        for Seen { sample, state, acting, .. } in nodes {
            if let Some(disk) = sample.disk {
                usage.disk.add(disk.0 as f64);
                if sample.born <= grown_disk {
                    usage.grown_disk.add(disk.0 as f64);
                }
            }
            let (since, ages) = match **state {
                NodeState::Running { since } => (since, &running),
                NodeState::Unknown { since } | NodeState::Restarting { since } | NodeState::Upgrading { since, .. } => {
                    (since, &starting)
                }
                NodeState::Stopped { .. }
                | NodeState::Migrating { .. }
                | NodeState::Removing { .. }
                | NodeState::Dead { .. }
                | NodeState::Disabled { .. } => continue,
            };
            if *acting && !state.is_in_operation() {
                continue;
            }
            usage.live = usage.live.saturating_add(1);
            if let Some(cpu) = sample.cpu {
                usage.cpu.add(cpu.get());
                if since <= ages.grown {
                    usage.grown_cpu.add(cpu.get());
                } else if since > ages.young {
                    usage.young_cpu.add(cpu.get());
                }
            }
            if let Some(memory) = sample.memory {
                usage.memory.add(memory.0 as f64);
                if since <= ages.grown_memory {
                    usage.grown_memory.add(memory.0 as f64);
                }
            }
        }
        usage
    }

    /// Returns what all nodes use, in cores; None when that is known of less than half of them.
    pub(crate) fn own(&self, cost: f64) -> Option<f64> {
        let unknown = u32::from(self.live).saturating_sub(self.cpu.count);
        (unknown <= u32::from(self.live) / 2).then(|| self.cpu.total + f64::from(unknown) * cost)
    }

    /// Returns what a grown node uses, in cores.
    pub(crate) fn grown_cpu(&self) -> Option<f64> {
        self.grown_cpu.mean()
    }

    /// Returns what young nodes use beyond what they will once they are grown, in cores: it goes away by itself.
    pub(crate) fn excess(&self, cost: f64) -> f64 {
        (self.young_cpu.total - f64::from(self.young_cpu.count) * cost).max(0.0)
    }

    /// Returns the memory of a grown node, in bytes.
    pub(crate) fn typical_memory(&self) -> f64 {
        let growing = || self.memory.mean().map(|mean| mean * MEMORY_GROWTH);
        self.grown_memory.mean().or_else(growing).unwrap_or(PRIOR_MEMORY)
    }

    /// Returns what the nodes have still to grow in memory, in bytes.
    pub(crate) fn memory_to_come(&self) -> f64 {
        let (all, grown) = (self.memory, self.grown_memory);
        (f64::from(all.count - grown.count) * self.typical_memory() - (all.total - grown.total)).max(0.0)
    }

    /// Returns the mean memory of a node as it is now, in bytes.
    pub(crate) fn mean_memory(&self) -> Option<f64> {
        self.memory.mean()
    }

    /// Returns what young nodes have still to grow on all volumes, in bytes.
    pub(crate) fn disk_to_come(&self) -> f64 {
        let (all, grown) = (self.disk, self.grown_disk);
        (f64::from(all.count - grown.count) * self.typical_disk() - (all.total - grown.total)).max(0.0)
    }

    /// Returns what a node comes to hold within a day or two, in bytes.
    pub(crate) fn typical_disk(&self) -> f64 {
        self.grown_disk.mean().unwrap_or(PRIOR_DISK)
    }
}
