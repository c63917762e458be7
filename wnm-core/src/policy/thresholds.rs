//! The policy: thresholds, limits and delays, checked once.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::manager::Program;
use crate::model::observation::HostSample;
use crate::model::units::{Bytes, BytesPerSecond, Load, Percent};
use crate::policy::constants::{DESIRED_LOAD_PER_CPU, MAX_LOAD_PER_CPU, YIELDING_CPU};
use crate::policy::settings::{Problem, ProblemCause, Problems, RawSettings, Relation};
use crate::policy::tuning::Tuning;
use crate::policy::valves::Valves;

/// The low and the high threshold of one signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Threshold<T> {
    /// Nodes are added only while the signal is below this.
    pub less_than: T,
    /// Nodes are stopped or removed while the signal is above this.
    pub remove: T,
}

impl<T: PartialOrd + Copy> Threshold<T> {
    /// Returns whether a signal is below the low threshold; false for a missing one.
    pub fn allows(&self, signal: Option<T>) -> bool {
        signal.is_some_and(|seen| seen < self.less_than)
    }

    /// Returns whether a signal exceeds the high threshold; false for a missing one.
    pub fn is_exceeded(&self, signal: Option<T>) -> bool {
        signal.is_some_and(|seen| seen > self.remove)
    }
}

/// Thresholds of both directions of traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IoThresholds {
    /// Thresholds of reading, or receiving.
    pub read: Threshold<BytesPerSecond>,
    /// Thresholds of writing, or sending.
    pub write: Threshold<BytesPerSecond>,
}

/// Maximum numbers of nodes in an operation at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Upgrades at once, at least 1.
    pub upgrades: u32,
    /// Starts and additions at once, at least 1.
    pub starts: u32,
    /// Removals at once, at least 1.
    pub removals: u32,
    /// Operations of all kinds at once, at least 1.
    pub operations: u32,
}

/// Times for which a node stays as it is after an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delays {
    /// Time after a start before the node counts as running.
    pub start: Duration,
    /// Cooldown after a stop before the node may start again.
    pub restart: Duration,
    /// Time after an upgrade before the node counts as running.
    pub upgrade: Duration,
    /// Time between the stop of a running node and the removal of its folder.
    pub remove: Duration,
}

/// The source of upgrades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upgrades {
    /// Nodes upgrade themselves.
    ByNodes,
    /// wnm upgrades nodes to the version of the node binary, the oldest first.
    ByManager,
}

/// A named set of rules and defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Two thresholds for each signal, as in the Python wnm.
    Classic,
    /// The same thresholds, with a forecast of the load of the nodes and of the background load.
    Steady,
}

impl Preset {
    /// All presets.
    pub const ALL: [Self; 2] = [Self::Classic, Self::Steady];

    /// Returns the value of the setting `preset`.
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

/// The checked settings that the engine decides with, made from [`RawSettings`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// The set of rules.
    pub preset: Preset,
    /// Maximum number of nodes.
    pub node_cap: u32,
    /// Highest number that a node ever had, when numbers must not be reused; None when gaps are refilled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest_node_id_used: Option<u32>,
    /// Thresholds of CPU use.
    pub cpu: Threshold<Percent>,
    /// Thresholds of memory use.
    pub memory: Threshold<Percent>,
    /// Thresholds of the use of each volume that holds nodes.
    pub disk: Threshold<Percent>,
    /// Space that must be free on a volume for one more node.
    #[serde(default)]
    pub crisis: Bytes,
    /// Whether nodes move off a full volume before any of them is removed.
    #[serde(default)]
    pub move_nodes: bool,
    /// Thresholds of the load averages; None when neither they are set nor the number of processors is known.
    pub load: Option<Threshold<Load>>,
    /// Thresholds of disk traffic; None when they are not set.
    pub disk_io: Option<IoThresholds>,
    /// Thresholds of network traffic; None when they are not set.
    pub net_io: Option<IoThresholds>,
    /// Maximum numbers of operations at once.
    pub limits: Limits,
    /// Times after operations.
    pub delays: Delays,
    /// The source of upgrades.
    pub upgrades: Upgrades,
    /// Limits on voluntary actions.
    #[serde(default)]
    pub valves: Valves,
    /// Parameters of the steady rules.
    #[serde(default)]
    pub tuning: Tuning,
    /// The thresholds that no setting gives.
    #[serde(default)]
    pub defaults: DefaultThresholds,
}

/// The thresholds of a policy that have their default value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DefaultThresholds {
    /// Those of CPU use.
    pub cpu: bool,
    /// Those of the load averages.
    pub load: bool,
}

impl Policy {
    /// Default of `node_cap`.
    pub const DEFAULT_NODE_CAP: u32 = 20;
    /// Default of `crisis_bytes`.
    pub const DEFAULT_CRISIS: u64 = 2_000_000_000;

    /// Returns the policy that the settings describe, defaults filled in.
    ///
    /// # Errors
    /// All contradictions at once, each with the settings it is about.
    pub fn new(raw: &RawSettings, cpus: Option<u32>) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let percent = |threshold: Option<Percent>, default: f64| {
            threshold.or_else(|| Percent::clamped(default)).unwrap_or_default()
        };
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
        // Steady observes the effect of each step before the next one, so its steps may be larger.
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
            crisis: Bytes(raw.crisis_bytes.unwrap_or(Self::DEFAULT_CRISIS)),
            // antctl decides the folders of its nodes.
            move_nodes: raw.move_nodes.unwrap_or(true)
                && raw.process_manager.is_none_or(|manager| manager.program != Program::Antctl),
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
            valves: Valves::new(raw),
            tuning: Tuning::new(raw, &mut problems),
            defaults: DefaultThresholds {
                cpu: raw.cpu_less_than.is_none() && raw.cpu_remove.is_none(),
                load: raw.desired_load_average.is_none() && raw.max_load_average_allowed.is_none(),
            },
        };
        Problems::none_or(problems).map(|()| policy)
    }

    /// Returns the policy on a host, with the defaults that hold there.
    ///
    /// Where other work goes before the nodes for CPU time, steady uses more of the CPU, and judges the pressure on other
    /// work instead of load averages. Thresholds that the operator set never change.
    #[must_use]
    pub fn on(&self, host: &HostSample) -> Cow<'_, Self> {
        let yields = host.weight.is_some_and(|weight| weight.yields_cpu());
        if self.preset == Preset::Classic || !yields || self.defaults == DefaultThresholds::default() {
            return Cow::Borrowed(self);
        }
        let mut policy = self.clone();
        if self.defaults.cpu {
            let percent = |value| Percent::clamped(value).unwrap_or_default();
            policy.cpu = Threshold { less_than: percent(YIELDING_CPU.0), remove: percent(YIELDING_CPU.1) };
        }
        if self.defaults.load {
            policy.load = None;
        }
        Cow::Owned(policy)
    }

    /// Returns the warning threshold, in percent.
    pub(crate) fn warning_level(&self, threshold: Threshold<Percent>) -> f64 {
        Self::below_high(threshold, self.tuning.warning)
    }

    /// Returns the relief target, in percent.
    pub(crate) fn relief_level(&self, threshold: Threshold<Percent>) -> f64 {
        Self::below_high(threshold, self.tuning.relief_target)
    }

    /// Returns the growth target, in percent.
    pub(crate) fn growth_level(&self, threshold: Threshold<Percent>) -> f64 {
        Self::below_high(threshold, 1.0 - self.tuning.growth_target)
    }

    /// Returns the level that is a share of the gap between the two thresholds below the high one.
    pub(crate) fn below_high(threshold: Threshold<Percent>, share: f64) -> f64 {
        let (low, high) = (threshold.less_than.get(), threshold.remove.get());
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

/// Returns the thresholds of a group, given as read less_than, read remove, write less_than, write remove.
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
