//! The CPU limit of the chaos model: the kernel of the host gives the nodes together no more than the limit.

use wnm_core::{Cores, CpuLimitSample, Percent};

use super::node::HostNode;

/// The CPU limit of all nodes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct CpuLimit {
    /// The applied limit in thousandths of a core; None without a limit.
    applied: Option<i64>,
    /// The share of their demand that the nodes did not get in the last interval, in thousandths.
    throttled_permille: i64,
}

impl CpuLimit {
    pub(super) fn set(&mut self, limit: Option<Cores>) {
        self.applied = limit.map(|limit| (limit.get() * 1000.0).round() as i64);
    }

    /// Returns the CPU that nodes with this demand get, in thousandths of a core, and reduces the use of each.
    pub(super) fn share_out(&mut self, nodes: &mut [HostNode], demand: i64) -> i64 {
        let served = self.applied.map_or(demand, |limit| demand.min(limit));
        self.throttled_permille = if demand > 0 { (demand - served) * 1000 / demand } else { 0 };
        if served < demand {
            for node in nodes {
                node.millicores = node.millicores * served / demand;
            }
        }
        served
    }

    pub(super) fn sample(&self) -> CpuLimitSample {
        CpuLimitSample {
            limit: self.applied.and_then(|limit| Cores::clamped(limit as f64 / 1000.0)),
            throttled: Percent::clamped(self.throttled_permille as f64 / 10.0),
        }
    }
}
