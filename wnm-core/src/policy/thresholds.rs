//! What the operator wants of the host: thresholds, limits and delays, checked once.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::units::{BytesPerSecond, Load, Percent};
use crate::policy::constants::{DESIRED_LOAD_PER_CPU, MAX_LOAD_PER_CPU};
use crate::policy::settings::{Problem, ProblemCause, Problems, RawSettings, Relation};
use crate::policy::tuning::Tuning;

/// Two marks on one signal: below the lower one there is room for more, above the upper one there is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Threshold<T> {
    /// Nodes are added only while the signal is below this.
    pub less_than: T,
    /// Nodes are stopped or removed while the signal is above this.
    pub remove: T,
}

impl<T: PartialOrd + Copy> Threshold<T> {
    /// Tells whether a signal leaves room; a missing one does not.
    pub fn allows(&self, signal: Option<T>) -> bool {
        signal.is_some_and(|seen| seen < self.less_than)
    }

    /// Tells whether a signal is too high; a missing one is not.
    pub fn is_exceeded(&self, signal: Option<T>) -> bool {
        signal.is_some_and(|seen| seen > self.remove)
    }
}

/// Marks on both directions of a device's traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IoThresholds {
    /// Marks on reading, or receiving.
    pub read: Threshold<BytesPerSecond>,
    /// Marks on writing, or sending.
    pub write: Threshold<BytesPerSecond>,
}

/// How many nodes may be in an operation at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Nodes changing their program, at least 1.
    pub upgrades: u32,
    /// Nodes starting, at least 1.
    pub starts: u32,
    /// Nodes on their way out, at least 1.
    pub removals: u32,
    /// All of these together, at least 1.
    pub operations: u32,
}

/// How long a node is left alone after an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delays {
    /// After it was told to start.
    pub start: Duration,
    /// After it stopped, before the same identity may start again.
    pub restart: Duration,
    /// After its program was changed.
    pub upgrade: Duration,
    /// After a running node was stopped to be removed, before its folder goes.
    pub remove: Duration,
}

/// Who brings new versions of the node program to the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upgrades {
    /// Nodes fetch them by themselves.
    ByNodes,
    /// wnm rolls out its own binary, oldest node first.
    ByManager,
}

/// A set of rules with their parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Two thresholds a signal, as operators of the earlier tools know them.
    Classic,
    /// The same thresholds, with what lies behind the signals: what nodes cost, whose load it is, and what comes.
    Steady,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Classic, Self::Steady];

    /// Returns the word that settings use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Steady => "steady",
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Everything the engine needs to know of the operator's wishes. Made from [`RawSettings`] only, and then consistent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Which rules are in force.
    pub preset: Preset,
    /// Nodes the colony may have.
    pub node_cap: u32,
    /// The highest number a node ever had, where no number may be used twice; None where holes are refilled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest_node_id_used: Option<u32>,
    /// Marks on the use of all processors.
    pub cpu: Threshold<Percent>,
    /// Marks on the use of memory.
    pub memory: Threshold<Percent>,
    /// Marks on the use of each volume that holds nodes.
    pub disk: Threshold<Percent>,
    /// Marks on the load averages; None when neither they nor the number of processors is known.
    pub load: Option<Threshold<Load>>,
    /// Marks on disk traffic, when set.
    pub disk_io: Option<IoThresholds>,
    /// Marks on network traffic, when set.
    pub net_io: Option<IoThresholds>,
    /// How many operations at once.
    pub limits: Limits,
    /// How long each takes to settle.
    pub delays: Delays,
    /// Who upgrades nodes.
    pub upgrades: Upgrades,
    /// What the steady rules are tuned by.
    #[serde(default)]
    pub tuning: Tuning,
}

impl Policy {
    /// Nodes a colony may have where the operator does not say.
    pub const DEFAULT_NODE_CAP: u32 = 20;

    /// Returns the policy that the settings describe, defaults filled in.
    ///
    /// # Errors
    /// All contradictions at once, each with the settings it is about.
    pub fn new(raw: &RawSettings, cpus: Option<u32>) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let percent =
            |mark: Option<Percent>, default: f64| mark.or_else(|| Percent::clamped(default)).unwrap_or_default();
        let mut pair = |keys: [&'static str; 2], values: [Option<Percent>; 2], defaults: [f64; 2]| {
            let threshold =
                Threshold { less_than: percent(values[0], defaults[0]), remove: percent(values[1], defaults[1]) };
            if threshold.less_than >= threshold.remove {
                problems.push(contradiction(keys, Relation::Below, threshold));
            }
            threshold
        };
        let cpu = pair(["cpu_less_than", "cpu_remove"], [raw.cpu_less_than, raw.cpu_remove], [50.0, 70.0]);
        let memory = pair(["mem_less_than", "mem_remove"], [raw.mem_less_than, raw.mem_remove], [60.0, 75.0]);
        let disk = pair(["hd_less_than", "hd_remove"], [raw.hd_less_than, raw.hd_remove], [75.0, 90.0]);
        let mut limit = |key: &str, value: Option<u32>, default: u32| {
            let value = value.unwrap_or(default);
            if value == 0 {
                problems.push(Problem::new(key, value, ProblemCause::AT_LEAST_ONE));
            }
            value
        };
        let preset = raw.preset.unwrap_or(Preset::Classic);
        // Steady rules see what each step does before the next, and may take larger ones.
        let (at_once, delay_start) = match preset {
            Preset::Classic => (1, 300),
            Preset::Steady => (4, 60),
        };
        let policy = Self {
            preset,
            node_cap: raw.node_cap.unwrap_or(Self::DEFAULT_NODE_CAP),
            highest_node_id_used: raw.highest_node_id_used,
            limits: Limits {
                upgrades: limit("max_concurrent_upgrades", raw.max_concurrent_upgrades, 1),
                starts: limit("max_concurrent_starts", raw.max_concurrent_starts, at_once),
                removals: limit("max_concurrent_removals", raw.max_concurrent_removals, at_once),
                operations: limit("max_concurrent_operations", raw.max_concurrent_operations, at_once),
            },
            cpu,
            memory,
            disk,
            load: load(raw, cpus, &mut problems),
            disk_io: io(
                ["hdio_read_less_than", "hdio_read_remove", "hdio_write_less_than", "hdio_write_remove"],
                [raw.hdio_read_less_than, raw.hdio_read_remove, raw.hdio_write_less_than, raw.hdio_write_remove],
                &mut problems,
            ),
            net_io: io(
                ["netio_read_less_than", "netio_read_remove", "netio_write_less_than", "netio_write_remove"],
                [raw.netio_read_less_than, raw.netio_read_remove, raw.netio_write_less_than, raw.netio_write_remove],
                &mut problems,
            ),
            delays: Delays {
                start: Duration::from_secs(raw.delay_start.unwrap_or(delay_start)),
                restart: Duration::from_secs(raw.delay_restart.unwrap_or(600)),
                upgrade: Duration::from_secs(raw.delay_upgrade.unwrap_or(300)),
                remove: Duration::from_secs(raw.delay_remove.unwrap_or(300)),
            },
            upgrades: if raw.enable_upgrade.unwrap_or(false) { Upgrades::ByManager } else { Upgrades::ByNodes },
            tuning: Tuning::new(raw, &mut problems),
        };
        Problems::none_or(problems).map(|()| policy)
    }

    /// Returns the mark from which use is watched.
    pub(crate) fn warning_level(&self, marks: Threshold<Percent>) -> f64 {
        Self::below_upper(marks, self.tuning.warning)
    }

    /// Returns the mark to which a relief brings use back.
    pub(crate) fn relief_level(&self, marks: Threshold<Percent>) -> f64 {
        Self::below_upper(marks, self.tuning.relief_target)
    }

    /// Returns the mark that growth stays under.
    pub(crate) fn growth_level(&self, marks: Threshold<Percent>) -> f64 {
        Self::below_upper(marks, 1.0 - self.tuning.growth_target)
    }

    /// Returns what lies so far below the high threshold, as a share of the gap between the two.
    pub(crate) fn below_upper(marks: Threshold<Percent>, share: f64) -> f64 {
        let (low, high) = (marks.less_than.get(), marks.remove.get());
        high - (high - low) * share
    }
}

fn load(raw: &RawSettings, cpus: Option<u32>, problems: &mut Vec<Problem>) -> Option<Threshold<Load>> {
    let share = |per_cpu: f64| cpus.and_then(|n| Load::clamped(per_cpu * f64::from(n)));
    let less_than = raw.desired_load_average.or_else(|| share(DESIRED_LOAD_PER_CPU));
    let remove = raw.max_load_average_allowed.or_else(|| share(MAX_LOAD_PER_CPU));
    let threshold = Threshold { less_than: less_than.or(remove)?, remove: remove.or(less_than)? };
    if threshold.less_than > threshold.remove {
        let keys = ["desired_load_average", "max_load_average_allowed"];
        problems.push(contradiction(keys, Relation::AtMost, threshold));
    }
    Some(threshold)
}

/// Returns the marks of a group, given as read less_than, read remove, write less_than, write remove.
///
/// A group is set when its four limits sum to more than 1: the earlier tool's databases hold 0 and 1 for "unset".
fn io(keys: [&'static str; 4], limits: [Option<u64>; 4], problems: &mut Vec<Problem>) -> Option<IoThresholds> {
    let limits = limits.map(Option::unwrap_or_default);
    if limits.iter().fold(0_u64, |sum, limit| sum.saturating_add(*limit)) <= 1 {
        return None;
    }
    let mut pair = |keys: [&'static str; 2], less_than: u64, remove: u64| {
        let threshold = Threshold { less_than: BytesPerSecond(less_than), remove: BytesPerSecond(remove) };
        if less_than >= remove {
            problems.push(contradiction(keys, Relation::BelowInGroup, threshold));
        }
        threshold
    };
    let [read_low, read_high, write_low, write_high] = keys;
    Some(IoThresholds {
        read: pair([read_low, read_high], limits[0], limits[1]),
        write: pair([write_low, write_high], limits[2], limits[3]),
    })
}

/// Returns the problem of two thresholds whose values are in the wrong order.
fn contradiction<T: fmt::Display>(keys: [&'static str; 2], relation: Relation, threshold: Threshold<T>) -> Problem {
    let [key, other] = keys;
    let cause = ProblemCause::Contradicts { relation, other, other_value: threshold.remove.to_string() };
    Problem::new(key, threshold.less_than, cause)
}
