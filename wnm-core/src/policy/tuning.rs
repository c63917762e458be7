//! The parameters of the steady rules.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::units::Percent;
use crate::policy::settings::{Problem, ProblemCause, RawSettings, Relation};

/// The parameters of the steady rules. Shares are of the gap between the two thresholds of a signal, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tuning {
    /// Distance of the warning threshold below the high threshold, as a share.
    pub warning: f64,
    /// Distance of the relief target below the high threshold, as a share.
    pub relief_target: f64,
    /// Distance of the growth target above the low threshold, as a share.
    pub growth_target: f64,
    /// First grace period of the high CPU threshold, before it is adapted.
    pub grace: Duration,
    /// Time after a change before the next one.
    pub cooldown: Duration,
    /// Maximum number of nodes that start or are added together.
    pub adds: u32,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            warning: 0.2,
            relief_target: 0.3,
            growth_target: 0.5,
            grace: Duration::from_secs(120),
            cooldown: Duration::from_secs(60),
            adds: 4,
        }
    }
}

impl Tuning {
    /// Returns the parameters that the settings describe, and adds contradictions to `problems`.
    pub(crate) fn new(raw: &RawSettings, problems: &mut Vec<Problem>) -> Self {
        let default = Self::default();
        let share = |set: Option<Percent>, default: f64| set.map_or(default, |percent| percent.get() / 100.0);
        let seconds = |set: Option<u64>, default: Duration| set.map_or(default, Duration::from_secs);
        let tuning = Self {
            warning: share(raw.steady_warning, default.warning),
            relief_target: share(raw.steady_relief_target, default.relief_target),
            growth_target: share(raw.steady_growth_target, default.growth_target),
            grace: seconds(raw.steady_grace, default.grace),
            cooldown: seconds(raw.steady_cooldown, default.cooldown),
            adds: raw.steady_adds.unwrap_or(default.adds),
        };
        let percent = |share: f64| format!("{} %", share * 100.0);
        if tuning.relief_target < tuning.warning {
            let other_value = percent(tuning.warning);
            let cause = ProblemCause::Contradicts { relation: Relation::AtLeast, other: "steady_warning", other_value };
            problems.push(Problem::new("steady_relief_target", percent(tuning.relief_target), cause));
        }
        if tuning.growth_target + tuning.relief_target > 1.0 {
            let (other, other_value) = ("steady_relief_target", percent(tuning.relief_target));
            let cause = ProblemCause::Contradicts { relation: Relation::WithinWhole, other, other_value };
            problems.push(Problem::new("steady_growth_target", percent(tuning.growth_target), cause));
        }
        if tuning.adds == 0 {
            problems.push(Problem::new("steady_adds", tuning.adds, ProblemCause::AT_LEAST_ONE));
        }
        tuning
    }
}
