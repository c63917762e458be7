//! What the steady rules may be tuned by, and which of them may be left out to learn what they are worth.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::units::Percent;
use crate::policy::settings::{Problem, RawSettings};

/// One of the steady rules, or a part of one, that a comparison can leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Nothing is stopped for load that is not ours.
    Futility,
    /// What young nodes use beyond what they will is not counted as demand.
    Excess,
    /// As many nodes are stopped as are needed, instead of one.
    Size,
    /// Use over the soft mark that lasts is too much as well.
    Soft,
    /// The time that too much is waited out is learned.
    LearnedRide,
    /// The largest nodes are stopped where one leaks.
    Leak,
    /// What volumes will hold is predicted.
    Forecast,
    /// Growth waits for half an hour of room, not only for five minutes.
    LongWindow,
    /// The surge of starting must fit.
    Surge,
    /// Runnable tasks gate the adds.
    LoadGate,
    /// Memory that nodes have still to grow is kept free.
    MemoryToCome,
    /// A node that was stopped for pressure rests for half an hour.
    Rest,
    /// Nodes that started within the last half hour are stopped last.
    Fresh,
    /// The colony's CPU is capped instead of stopping nodes.
    Quota,
    /// The cap keeps free what others lately rose by, and gives way to a load that is too high.
    Reserve,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Futility,
        Self::Excess,
        Self::Size,
        Self::Soft,
        Self::LearnedRide,
        Self::Leak,
        Self::Forecast,
        Self::LongWindow,
        Self::Surge,
        Self::LoadGate,
        Self::MemoryToCome,
        Self::Rest,
        Self::Fresh,
        Self::Quota,
        Self::Reserve,
    ];
}

/// What the steady rules are tuned by. Shares are of the gap between the two marks of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tuning {
    /// Share below the upper mark from which use is watched.
    pub soft: f64,
    /// Share below the upper mark to which a relief brings use back.
    pub back: f64,
    /// Share above the lower mark that growth stays under.
    pub goal: f64,
    /// How long CPU use may be over its upper mark, before anything was learned.
    pub ride: Duration,
    /// How long a change is given to show before the next.
    pub settle: Duration,
    /// Nodes that are started or added together, at most.
    pub adds: u32,
    /// The part that is left out, to learn what it is worth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without: Option<Part>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            soft: 0.2,
            back: 0.3,
            goal: 0.5,
            ride: Duration::from_secs(120),
            settle: Duration::from_secs(60),
            adds: 4,
            without: None,
        }
    }
}

impl Tuning {
    /// Tells whether a part is in force.
    #[must_use]
    pub fn has(&self, part: Part) -> bool {
        self.without != Some(part)
    }

    /// Returns the tuning that the settings describe, and adds to the problems what contradicts itself.
    pub(crate) fn new(raw: &RawSettings, problems: &mut Vec<Problem>) -> Self {
        let default = Self::default();
        let share = |set: Option<Percent>, default: f64| set.map_or(default, |percent| percent.get() / 100.0);
        let seconds = |set: Option<u64>, default: Duration| set.map_or(default, Duration::from_secs);
        let tuning = Self {
            soft: share(raw.steady_soft, default.soft),
            back: share(raw.steady_back, default.back),
            goal: share(raw.steady_goal, default.goal),
            ride: seconds(raw.steady_ride, default.ride),
            settle: seconds(raw.steady_settle, default.settle),
            adds: raw.steady_adds.unwrap_or(default.adds),
            without: None,
        };
        if tuning.back < tuning.soft {
            let found = format!("{} %", tuning.back * 100.0);
            let expected = format!("at least steady_soft, which is {} %", tuning.soft * 100.0);
            problems.push(Problem::new("steady_back", expected, found));
        }
        if tuning.goal + tuning.back > 1.0 {
            let found = format!("{} %", tuning.goal * 100.0);
            let expected = format!("at most {} %, what steady_back leaves of 100 %", 100.0 - tuning.back * 100.0);
            problems.push(Problem::new("steady_goal", expected, found));
        }
        if tuning.adds == 0 {
            problems.push(Problem::new("steady_adds", "1 or more".into(), tuning.adds));
        }
        tuning
    }
}
