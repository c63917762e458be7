//! The cap on the CPU of a whole colony, as the host has it in force.

use serde::{Deserialize, Serialize};

use crate::model::units::{Cores, Percent};

/// What the host says of the colony's CPU CPU limit, at one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CpuLimitSample {
    /// The cap now; None where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Cores>,
    /// Share of the time since the last look in which the colony was held back, 0 to 100; None when nobody counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled: Option<Percent>,
}

impl CpuLimitSample {
    /// The least that two caps must differ by to be two.
    const GRAIN: f64 = 0.01;

    /// Tells whether the cap in force is, to 1 % of a core, another one than what is wanted.
    #[must_use]
    pub fn differs_from(&self, wanted: Option<Cores>) -> bool {
        match (self.limit, wanted) {
            (Some(limit), Some(wanted)) => (limit.get() - wanted.get()).abs() > Self::GRAIN,
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        }
    }
}

/// How often the host has looked whether the colony used up its share, and found that it had: since it was capped first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CpuLimitCounters {
    /// Periods in which the colony wanted to run.
    pub periods: u64,
    /// Those of them in which it was held back.
    pub throttled: u64,
}

impl CpuLimitCounters {
    /// Returns the share of the periods since `before` in which the colony was held back: none of no periods. None when
    /// the counters began anew.
    #[must_use]
    pub fn share_since(self, before: Self) -> Option<Percent> {
        let periods = self.periods.checked_sub(before.periods)?;
        let throttled = self.throttled.checked_sub(before.throttled)?;
        Percent::clamped((throttled as f64 * 100.0 / periods.max(1) as f64).min(100.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cores(cores: f64) -> Option<Cores> {
        Cores::new(cores).ok()
    }

    #[test]
    fn caps_differ_beyond_a_hundredth_of_a_core() {
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
    fn the_share_held_back_is_of_the_periods_since_the_last_look() {
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
    fn what_is_not_known_is_not_written() {
        assert_eq!(serde_json::to_string(&CpuLimitSample::default()).unwrap(), "{}");
        let json = r#"{"limit":12.0,"throttled":8.0}"#;
        let sample: CpuLimitSample = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&sample).unwrap(), json);
        let host = serde_json::to_value(crate::HostSample::default()).unwrap();
        assert_eq!(host.get("cpu_limit"), None);
    }
}
