//! The settings of a rollout.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::order::Program;
use crate::policy::valves::MaxUnavailable;

/// The life of a lease without renewal. A host that is silent for so long has failed.
pub const LEASE: Duration = Duration::from_secs(300);

/// The settings of a rollout. The names are those of the update stanza of Nomad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutPlan {
    /// The node program.
    pub program: Program,
    /// The number of hosts that upgrade first; 0 for none.
    pub canary: u32,
    /// Most hosts that upgrade at the same time.
    pub max_parallel: MaxUnavailable,
    /// Most hosts that may fail: one more stops the rollout.
    pub max_failures: MaxUnavailable,
    /// Time for which an upgraded host must be healthy.
    pub min_healthy_time: Duration,
    /// Longest time from the end of the upgrades of a host until it is healthy.
    pub healthy_deadline: Duration,
    /// Longest time in which a host with a lease upgrades no node.
    pub progress_deadline: Duration,
    /// Least time between two first leases.
    pub stagger: Duration,
    /// Whether the other hosts follow without `promote` when the canaries are healthy.
    pub auto_promote: bool,
}

impl RolloutPlan {
    /// Returns the most hosts that upgrade at the same time, at least one of `hosts`.
    #[must_use]
    pub fn most_parallel(&self, hosts: usize) -> usize {
        (self.max_parallel.of(u32::try_from(hosts).unwrap_or(u32::MAX)) as usize).max(1)
    }

    /// Returns the most failed hosts of `hosts` with which the rollout goes on. A share is rounded down: no more hosts
    /// may fail than it says.
    #[must_use]
    pub fn most_failures(&self, hosts: usize) -> usize {
        match self.max_failures {
            MaxUnavailable::Nodes(hosts) => hosts as usize,
            // At most 100 % of a number of hosts, so that the cast is exact.
            MaxUnavailable::Share(share) => (hosts as f64 * share.get() / 100.0).floor() as usize,
        }
    }
}
