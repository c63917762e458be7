//! The use of CPU, memory and disk by the nodes, summed in one pass.

use std::ops::Sub;

use crate::engine::node_status::NodeStatus;
use crate::model::node::NodeState;
use crate::model::observation::{NodeSample, Observation, Presence};
use crate::model::units::{Bytes, Cores, Percent, Timestamp};
use crate::policy::constants::{
    GROWN, GROWN_DISK, GROWN_MEMORY, MEMORY_GROWTH, PRIOR_DISK, PRIOR_MEMORY, THROTTLED, YOUNG,
};
use crate::policy::thresholds::Policy;

/// A sum with the number of its values.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Sum<T> {
    total: T,
    count: u32,
}

impl<T: Sub<Output = T>> Sum<T> {
    /// Returns the sum without a part of its values.
    fn without(self, others: Self) -> Self {
        Self { total: self.total - others.total, count: self.count - others.count }
    }
}

/// Cores.
impl Sum<f64> {
    fn add(&mut self, cores: Cores) {
        self.total += cores.get();
        self.count += 1;
    }

    fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.total / f64::from(self.count))
    }
}

/// Bytes, as integers until the end: the conversion of each value to `f64` costs time.
impl Sum<u64> {
    fn add(&mut self, bytes: Bytes) {
        self.total = self.total.saturating_add(bytes.0);
        self.count += 1;
    }

    fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.total as f64 / f64::from(self.count))
    }

    /// Returns the bytes that the values lack in sum to reach the typical value.
    fn lacks(self, typical: f64) -> f64 {
        (f64::from(self.count) * typical - self.total as f64).max(0.0)
    }
}

/// Start times of processes of certain ages now: comparing times costs less than computing an age for each node.
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

/// The use by the nodes.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Usage {
    /// Nodes with a running process that is not being removed.
    pub(crate) live: u32,
    /// Share of the time in which the CPU limit throttled the nodes, so that their use does not show their demand; None
    /// up to 5 %.
    pub(crate) throttled: Option<Percent>,
    /// In cores.
    cpu: Sum<f64>,
    growing_cpu: Sum<f64>,
    young_cpu: Sum<f64>,
    /// In bytes.
    memory: Sum<u64>,
    growing_memory: Sum<u64>,
    disk: Sum<u64>,
    growing_disk: Sum<u64>,
}

impl Usage {
    /// Returns the use by these nodes. Not inlined: the loop is faster when it does not share registers with its caller.
    #[inline(never)]
    pub(crate) fn count(policy: &Policy, observation: &Observation, nodes: &[NodeStatus<'_>]) -> Self {
        let now = observation.now;
        let throttled = observation.host.cpu_limit.and_then(|cpu_limit| cpu_limit.throttled);
        let mut usage = Self { throttled: throttled.filter(|share| share.get() > THROTTLED), ..Self::default() };
        // A node counts as running only `delay_start` after its start.
        let (starting, running) = (Ages::at(now), Ages::at(now.after(policy.delays.start)));
        let grown_disk = now.before(GROWN_DISK);
        for NodeStatus { sample, state, acting, .. } in nodes {
            if let Some(disk) = sample.disk {
                usage.disk.add(disk);
                if sample.born > grown_disk {
                    usage.growing_disk.add(disk);
                }
            }
            // A node that is being stopped still uses CPU; as part of the colony it would be stopped for a second time.
            if *acting && !state.is_in_operation() {
                continue;
            }
            // Without a process it uses no CPU, and must not count as a node of unknown use: a lost volume with more than
            // half of the nodes would end the CPU rules for the others.
            if sample.presence == Presence::VolumeFault && sample.process.is_none() {
                continue;
            }
            match **state {
                NodeState::Running { since } => usage.count_process(sample, since, &running),
                // A migrating node runs, except for the last part of its copy.
                NodeState::Unknown { since }
                | NodeState::Restarting { since }
                | NodeState::Upgrading { since, .. }
                | NodeState::Migrating { since } => usage.count_process(sample, since, &starting),
                NodeState::Stopped { .. }
                | NodeState::Removing { .. }
                | NodeState::Dead { .. }
                | NodeState::Disabled { .. } => {}
            }
        }
        usage
    }

    fn count_process(&mut self, sample: &NodeSample, since: Timestamp, ages: &Ages) {
        self.live += 1;
        if let Some(cpu) = sample.cpu {
            self.cpu.add(cpu);
            if since > ages.grown {
                self.growing_cpu.add(cpu);
                if since > ages.young {
                    self.young_cpu.add(cpu);
                }
            }
        }
        if let Some(memory) = sample.memory {
            self.memory.add(memory);
            if since > ages.grown_memory {
                self.growing_memory.add(memory);
            }
        }
    }

    /// Returns the CPU of all nodes, in cores, with `cost` for unknown ones; None when more than half are unknown.
    pub(crate) fn own(&self, cost: f64) -> Option<f64> {
        let unknown = self.live.saturating_sub(self.cpu.count);
        // Beyond half, the estimate would decide more than the measurement.
        (unknown <= self.live / 2).then(|| self.cpu.total + f64::from(unknown) * cost)
    }

    /// Returns the number of running nodes whose CPU is unknown, and of all running nodes.
    pub(crate) const fn unmeasured(&self) -> (u32, u32) {
        (self.live.saturating_sub(self.cpu.count), self.live)
    }

    /// Returns whether the CPU of every node is known.
    pub(crate) const fn is_cpu_known(&self) -> bool {
        self.cpu.count == self.live
    }

    /// Returns the mean CPU of all nodes, in cores; None without one.
    pub(crate) fn mean_cpu(&self) -> Option<f64> {
        self.cpu.mean()
    }

    /// Returns the memory of all nodes, in bytes; None when that of a node is unknown.
    pub(crate) fn all_memory(&self) -> Option<u64> {
        (self.memory.count == self.live).then_some(self.memory.total)
    }

    /// Returns the mean CPU of mature nodes, in cores; None without one.
    pub(crate) fn grown_cpu(&self) -> Option<f64> {
        // The difference of two sums may round to a negative number.
        self.cpu.without(self.growing_cpu).mean().map(|mean| mean.max(0.0))
    }

    /// Returns the CPU of young nodes beyond that of mature ones, in cores; it ends by itself.
    pub(crate) fn excess(&self, cost: f64) -> f64 {
        (self.young_cpu.total - f64::from(self.young_cpu.count) * cost).max(0.0)
    }

    /// Returns the mean memory of mature nodes, in bytes, or an estimate from young ones.
    pub(crate) fn typical_memory(&self) -> f64 {
        let growing = || self.memory.mean().map(|mean| mean * MEMORY_GROWTH);
        self.memory.without(self.growing_memory).mean().or_else(growing).unwrap_or(PRIOR_MEMORY)
    }

    /// Returns the remaining growth of young nodes in memory, in bytes.
    pub(crate) fn memory_to_come(&self) -> f64 {
        self.growing_memory.lacks(self.typical_memory())
    }

    /// Returns the mean memory of all nodes, in bytes; None without one.
    pub(crate) fn mean_memory(&self) -> Option<f64> {
        self.memory.mean()
    }

    /// Returns the remaining growth of young nodes on all volumes, in bytes.
    pub(crate) fn disk_to_come(&self) -> f64 {
        self.growing_disk.lacks(self.typical_disk())
    }

    /// Returns the mean size of folders older than a day, in bytes, or an estimate.
    pub(crate) fn typical_disk(&self) -> f64 {
        self.disk.without(self.growing_disk).mean().unwrap_or(PRIOR_DISK)
    }
}
