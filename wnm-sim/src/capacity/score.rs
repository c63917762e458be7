//! The score of a run.

use serde::{Deserialize, Serialize};

/// Seconds over each limit. A second over several limits counts once in `any`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seconds {
    pub(crate) any: f64,
    pub(crate) cpu: f64,
    pub(crate) memory: f64,
    pub(crate) disk: f64,
    pub(crate) load: f64,
}

/// All results of a run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Score {
    /// Served node-hours: hours of nodes that are up for a minute, each times the share of its demand that it got.
    pub(crate) node_hours: f64,
    /// Node-hours of a clairvoyant policy that always runs the most nodes within all limits.
    pub(crate) node_hours_best: f64,
    /// Length of the run, in seconds.
    pub(crate) seconds: f64,
    /// Time over the limits, whatever the cause.
    pub(crate) over: Seconds,
    /// The part of `over` in which the background load alone was within the limit.
    pub(crate) avoidable: Seconds,
    /// Integral over time of the relative excess over each limit, in seconds.
    pub(crate) severity: f64,
    /// Core-hours that the background load lost to the nodes.
    pub(crate) lost_core_hours: f64,
    /// Seconds for which the background load waited for a processor because of the nodes, as PSI counts them.
    pub(crate) stalled: f64,
    /// Number of times that an avoidable overload began.
    pub(crate) crossings: u32,
    /// The least time over limits that these crossings cost in cycles of this length, in seconds: each costs its length,
    /// or half a cycle and the time of a stop where that is less.
    pub(crate) bound: f64,
    pub(crate) adds: u32,
    pub(crate) starts: u32,
    pub(crate) stops: u32,
    pub(crate) removals: u32,
    /// Starts of nodes that the policy had stopped, and restarts.
    pub(crate) restarts: u32,
    /// Actions that reversed the last action on the same node within half an hour.
    pub(crate) flaps: u32,
    /// Nodes deleted because of pressure, the bytes that they held, and their age in hours.
    pub(crate) deletions: u32,
    pub(crate) deleted_bytes: f64,
    pub(crate) deleted_age_hours: f64,
    /// Seconds with memory exhausted, and with a full volume.
    pub(crate) out_of_memory: f64,
    pub(crate) disk_full: f64,
}

impl Score {
    /// Returns node-hours as a share of the best possible; 0 where none were possible.
    pub(crate) fn yielded(&self) -> f64 {
        if self.node_hours_best > 0.0 { self.node_hours / self.node_hours_best } else { 0.0 }
    }

    /// Returns the number of stops, removals and restarts.
    pub(crate) fn churn(&self) -> f64 {
        f64::from(self.stops + self.removals + self.restarts)
    }

    /// Returns `count` per day of a healthy node; 0 without node-hours.
    pub(crate) fn per_node_day(&self, count: f64) -> f64 {
        if self.node_hours > 0.0 { count / (self.node_hours / 24.0) } else { 0.0 }
    }

    /// Returns `seconds` as a share of the run.
    pub(crate) fn share(&self, seconds: f64) -> f64 {
        if self.seconds > 0.0 { seconds / self.seconds } else { 0.0 }
    }

    /// Returns the single figure that ranks policies: yield minus weighted costs. `docs/tuning.md` explains the weights.
    pub(crate) fn scalar(&self) -> f64 {
        self.yielded()
            - 10.0 * self.share(self.over.any)
            - 0.05 * self.per_node_day(self.churn())
            - 0.5 * self.per_node_day(f64::from(self.deletions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalar_weighs_yield_time_over_limits_churn_and_deletions() {
        let score = Score {
            node_hours: 240.0,
            node_hours_best: 300.0,
            seconds: 10_000.0,
            over: Seconds { any: 100.0, ..Seconds::default() },
            stops: 3,
            restarts: 2,
            removals: 1,
            deletions: 1,
            ..Score::default()
        };
        // 0.8 - 10 * 0.01 - 0.05 * 6 / 10 - 0.5 * 1 / 10
        assert!((score.scalar() - 0.62).abs() < 1e-12, "{}", score.scalar());
        assert_eq!(Score::default().scalar(), 0.0);
    }
}
