//! The CPU limit of all nodes together, as the host applies it.

use serde::{Deserialize, Serialize};

use crate::model::units::{Cores, Percent};

/// The CPU limit in one observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CpuLimitSample {
    /// The applied limit; None if the host applies none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Cores>,
    /// Share of the time since the last observation in which the limit throttled the nodes, 0 to 100 %; None if the
    /// counters are unknown or restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled: Option<Percent>,
}

impl CpuLimitSample {
    /// The least difference of two limits, in cores. The kernel stores whole microseconds per period of 100 ms,
    /// so that the value read back is rarely the value written.
    const GRAIN: f64 = 0.01;

    /// Tells whether the applied limit differs from the wanted one by more than 1 % of a core.
    #[must_use]
    pub fn differs_from(&self, wanted: Option<Cores>) -> bool {
        match (self.limit, wanted) {
            (Some(limit), Some(wanted)) => (limit.get() - wanted.get()).abs() > Self::GRAIN,
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        }
    }
}

/// The counters of the kernel for the CPU limit, since the first limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CpuLimitCounters {
    /// Number of periods in which a node was runnable.
    pub periods: u64,
    /// Number of these periods in which the limit throttled the nodes.
    pub throttled: u64,
}

impl CpuLimitCounters {
    /// Returns the share of throttled periods since `before`, 0 % without a period; None if the counters restarted.
    #[must_use]
    pub fn share_since(self, before: Self) -> Option<Percent> {
        let periods = self.periods.checked_sub(before.periods)?;
        let throttled = self.throttled.checked_sub(before.throttled)?;
        Percent::clamped((throttled as f64 * 100.0 / periods.max(1) as f64).min(100.0))
    }
}

/// The counters of a control group with a CPU quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CpuQuotaCounters {
    /// CPU time of the processes in the group, in microseconds.
    pub used_micros: u64,
    /// The periods of the CPU quota; None where the kernel does not count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub periods: Option<CpuLimitCounters>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cores(cores: f64) -> Option<Cores> {
        Cores::new(cores).ok()
    }

    #[test]
    fn limits_differ_beyond_a_hundredth_of_a_core() {
        for (limit, wanted, differs) in [
            (None, None, false),
            (None, cores(1.0), true),
            (cores(1.0), None, true),
            (cores(1.0), cores(1.009), false),
            (cores(1.0), cores(0.98), true),
        ] {
            assert_eq!(CpuLimitSample { limit, throttled: None }.differs_from(wanted), differs, "{limit:?} {wanted:?}");
        }
    }

    #[test]
    fn throttled_share_counts_periods_since_the_last_observation() {
        let count = |periods, throttled| CpuLimitCounters { periods, throttled };
        for (before, now, share) in [
            (count(100, 50), count(200, 58), Some(8.0)),
            (count(0, 0), count(10, 10), Some(100.0)),
            (count(100, 50), count(100, 50), Some(0.0)),
            (count(100, 50), count(3, 1), None),
            (count(100, 50), count(103, 49), None),
        ] {
            assert_eq!(now.share_since(before).map(Percent::get), share, "{before:?} {now:?}");
        }
    }

    #[test]
    fn unknown_values_are_not_serialized() {
        assert_eq!(serde_json::to_string(&CpuLimitSample::default()).unwrap(), "{}");
        let json = r#"{"limit":12.0,"throttled":8.0}"#;
        let sample: CpuLimitSample = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&sample).unwrap(), json);
        let host = serde_json::to_value(crate::HostSample::default()).unwrap();
        assert_eq!(host.get("cpu_limit"), None);
    }
}
