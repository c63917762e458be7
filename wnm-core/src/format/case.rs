//! Decision cases: one situation as JSON, with the words of the Python wnm, and the decision in it.
//!
//! `{"config": {…}, "metrics": {…}, "nodes": [{"id", "status", "version", "age"}], "enable_upgrade": false}`

mod nodes;
mod volumes;

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::action::decision::Decision;
use crate::action::verdict::Blocker;
use crate::engine::state::EngineState;
use crate::model::cpu_limit::CpuLimitSample;
use crate::model::hold::ValveSample;
use crate::model::node::NodeId;
use crate::model::observation::{HostSample, LoadAverages, Observation};
use crate::model::pressure_stall::{Psi, Stall, StallTime, Stalls};
use crate::model::units::{Bytes, BytesPerSecond, Cores, Load, Percent, Timestamp};
use crate::model::volume::Volume;
use crate::model::weight::{WeightMeans, WeightSample};
use crate::policy::settings::{Problems, RawSettings};
use crate::policy::thresholds::{Policy, Preset};

pub use nodes::{CaseNode, CaseStatus};
pub use volumes::{CaseVolume, case_moves};

/// Thresholds, limits and delays, and the time of the last stop of the host.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CaseConfig {
    /// The settings.
    pub settings: RawSettings,
    /// The time of the last cycle before the stop, in Unix seconds. A later start of the host means a reboot.
    pub last_stopped_at: Option<i64>,
}

impl<'de> Deserialize<'de> for CaseConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = CaseConfig;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of settings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CaseConfig, A::Error> {
                let mut config = CaseConfig::default();
                while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                    if key == "last_stopped_at" {
                        config.last_stopped_at = map.next_value()?;
                    } else {
                        config.settings.set_from(&key, &mut map)?;
                    }
                }
                Ok(config)
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

/// The metrics of the machine-metrics report that decisions depend on. An absent key is an unknown metric.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaseMetrics {
    /// The start of the host, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_start: Option<i64>,
    /// CPU use, in percent of all CPUs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_cpu_percent: Option<f64>,
    /// Memory use, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_mem_percent: Option<f64>,
    /// Use of the volume with the nodes, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_hd_percent: Option<f64>,
    /// Disk reads, in bytes per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hdio_read_bytes: Option<f64>,
    /// Disk writes, in bytes per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hdio_write_bytes: Option<f64>,
    /// Received network traffic, in bytes per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub netio_read_bytes: Option<f64>,
    /// Sent network traffic, in bytes per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub netio_write_bytes: Option<f64>,
    /// Load average over one minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_average_1: Option<f64>,
    /// Load average over five minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_average_5: Option<f64>,
    /// Load average over fifteen minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_average_15: Option<f64>,
    /// The version of the node program for new nodes; empty if unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub antnode_version: Option<String>,
    /// Number of processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u32>,
    /// Total memory, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_total_bytes: Option<u64>,
    /// Size of the volume with the nodes, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hd_total_bytes: Option<u64>,
    /// The volumes with nodes, in place of `used_hd_percent` and `hd_total_bytes`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<CaseVolume>,
    /// The CPU limit; absent on a host without support for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_limit: Option<CaseCpuLimit>,
    /// Whether other work of the host goes before the nodes for CPU time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub yields_cpu: Option<bool>,
    /// Share of the time in which a task of the host waited for a CPU, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_stall_percent: Option<f64>,
    /// Share of the time in which a task of the background load waited for a CPU, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background_cpu_stall_percent: Option<f64>,
}

/// The CPU limit of all nodes together.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaseCpuLimit {
    /// The applied limit, in cores; None while the host applies none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores: Option<f64>,
    /// Share of the time in which the limit throttled the nodes, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled_percent: Option<f64>,
}

impl CaseCpuLimit {
    fn sample(self) -> CpuLimitSample {
        CpuLimitSample {
            limit: self.cores.and_then(|cores| Cores::new(cores).ok()),
            throttled: self.throttled_percent.and_then(|share| Percent::new(share).ok()),
        }
    }
}

impl CaseMetrics {
    /// Returns the metrics as a host sample. An impossible value, such as a negative percentage, counts as missing.
    #[must_use]
    pub fn host(&self) -> HostSample {
        let percent = |value: Option<f64>| value.and_then(|v| Percent::new(v).ok());
        let rate = |value: Option<f64>| value.filter(|v| *v >= 0.0).map(|v| BytesPerSecond(v as u64));
        let load = |value: Option<f64>| value.and_then(|v| Load::new(v).ok());
        let loads = (load(self.load_average_1), load(self.load_average_5), load(self.load_average_15));
        HostSample {
            started: self.system_start.map(Timestamp::from_secs),
            cpu: percent(self.used_cpu_percent),
            memory: percent(self.used_mem_percent),
            cpus: self.cpus,
            memory_total: self.memory_total_bytes.map(Bytes),
            volumes: self.volumes(),
            cpu_limit: self.cpu_limit.map(CaseCpuLimit::sample),
            weight: self.yields_cpu.map(|yields| WeightSample { cpu: yields.then_some(WeightMeans::Group), io: None }),
            psi: self.psi(),
            load: match loads {
                (Some(one), Some(five), Some(fifteen)) => Some(LoadAverages { one, five, fifteen }),
                _ => None,
            },
            disk_read: rate(self.hdio_read_bytes),
            disk_write: rate(self.hdio_write_bytes),
            net_read: rate(self.netio_read_bytes),
            net_write: rate(self.netio_write_bytes),
            ..HostSample::default()
        }
    }
}

impl CaseMetrics {
    fn volumes(&self) -> Vec<Volume> {
        if !self.volumes.is_empty() {
            return self.volumes.iter().map(CaseVolume::volume).collect();
        }
        let used = self.used_hd_percent.and_then(|share| Percent::new(share).ok());
        vec![Volume { used, total: self.hd_total_bytes.map(Bytes), ..Volume::default() }]
    }

    /// Returns the stalls; those of the nodes are the difference, which no rule needs.
    fn psi(&self) -> Option<Psi> {
        let stalls = |share: Option<f64>| {
            let avg10 = share.and_then(|share| Percent::new(share).ok())?;
            let some = StallTime { avg10, total: None };
            Some(Stalls { cpu: Stall { some, full: None }, ..Stalls::default() })
        };
        let background = stalls(self.background_cpu_stall_percent);
        let host = stalls(self.cpu_stall_percent).or(background)?;
        Some(Psi { host, colony: background.map(|background| host.without(&background)), background })
    }

    /// Returns the keys that the rules of `steady` need and the metrics lack, or give with an impossible value.
    #[must_use]
    pub fn missing(&self, policy: &Policy) -> Vec<&'static str> {
        let host = self.host();
        let known = |value: fn(&Volume) -> bool| host.volumes.iter().any(value);
        let (disk, size) = if self.volumes.is_empty() {
            ("used_hd_percent", "hd_total_bytes")
        } else {
            ("volumes.used_percent", "volumes.total_bytes")
        };
        let load = |value: Option<f64>| policy.load.is_none() || value.is_some_and(|value| Load::new(value).is_ok());
        let above_0 = |value: Option<u64>| value.is_some_and(|value| value > 0);
        let needed = [
            ("used_cpu_percent", host.cpu.is_some()),
            ("used_mem_percent", host.memory.is_some()),
            (disk, known(|volume| volume.used.is_some())),
            ("cpus", above_0(self.cpus.map(u64::from))),
            ("memory_total_bytes", above_0(self.memory_total_bytes)),
            (size, known(|volume| volume.total.is_some_and(|total| total.0 > 0))),
            ("load_average_1", load(self.load_average_1)),
            ("load_average_5", load(self.load_average_5)),
            ("load_average_15", load(self.load_average_15)),
        ];
        needed.into_iter().filter(|(_, is_there)| !is_there).map(|(key, _)| key).collect()
    }
}

pub(crate) fn timestamp(seconds: f64) -> Timestamp {
    // A cast saturates, and turns NaN into 0.
    Timestamp::from_millis((seconds * 1000.0).round() as i64)
}

/// One situation: a host, its nodes and the settings.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Thresholds, limits and delays; None to keep those of the previous case.
    #[serde(default)]
    pub config: Option<CaseConfig>,
    /// The metrics of the host.
    pub metrics: CaseMetrics,
    /// The nodes, in any order.
    pub nodes: Vec<CaseNode>,
    /// Whether wnm upgrades the nodes.
    #[serde(default)]
    pub enable_upgrade: bool,
    /// The set of rules; None for that of the settings.
    #[serde(default)]
    pub preset: Option<Preset>,
    /// The time of the observation, in Unix seconds.
    #[serde(default)]
    pub now: Option<f64>,
    /// The expected decision, for programs that compare; this crate ignores it.
    #[serde(default)]
    pub expected: serde::de::IgnoredAny,
}

impl Case {
    /// Returns the policy of this case.
    ///
    /// # Errors
    /// A setting is out of range or contradicts another one.
    pub fn policy(&self, config: &CaseConfig) -> Result<Policy, Problems> {
        let mut raw = config.settings.clone();
        raw.enable_upgrade = Some(self.enable_upgrade);
        raw.preset = self.preset.or(raw.preset);
        Policy::new(&raw, self.metrics.cpus)
    }

    /// Returns the observation of this case, and replaces the states of the nodes in `state`.
    ///
    /// # Errors
    /// The case lists a node twice.
    pub fn observe(&self, config: &CaseConfig, state: &mut EngineState) -> Result<Observation, DuplicateNode> {
        let mut observation = Observation::default();
        self.observe_into(config, &mut observation, state)?;
        Ok(observation)
    }

    /// Like [`observe`](Self::observe), but reuses the memory of an observation.
    ///
    /// # Errors
    /// The case lists a node twice; `observation` and `state` are then unchanged.
    pub fn observe_into(
        &self,
        config: &CaseConfig,
        observation: &mut Observation,
        state: &mut EngineState,
    ) -> Result<(), DuplicateNode> {
        self.check_ids()?;
        let target = self.metrics.antnode_version.as_deref().and_then(|text| text.parse().ok());
        let now = self.now.map(timestamp).unwrap_or_default();
        let rebooted = self.metrics.system_start.zip(config.last_stopped_at).is_some_and(|(start, stop)| start > stop);
        for node in &self.nodes {
            let next = node.state(state.nodes.get(&node.id), now, target.as_ref());
            state.nodes.insert(node.id, next);
            observation.nodes.insert(node.id, node.sample(&self.metrics.volumes));
        }
        // A case lists all nodes: those of the previous case that it does not list no longer exist.
        if state.nodes.len() > self.nodes.len() || observation.nodes.len() > self.nodes.len() {
            let ids: BTreeSet<NodeId> = self.nodes.iter().map(|node| node.id).collect();
            state.nodes.retain(|id, _| ids.contains(id));
            observation.nodes.retain(|id, _| ids.contains(id));
        }
        *observation = Observation {
            now,
            rebooted,
            host: self.metrics.host(),
            nodes: std::mem::take(&mut observation.nodes),
            target,
            valves: ValveSample::default(),
        };
        Ok(())
    }

    /// Checks that the case lists each node once.
    ///
    /// # Errors
    /// The case lists a node twice.
    pub fn check_ids(&self) -> Result<(), DuplicateNode> {
        if self.nodes.is_sorted_by(|one, next| one.id < next.id) {
            return Ok(());
        }
        let mut ids = BTreeSet::new();
        let twice = self.nodes.iter().find(|node| !ids.insert(node.id));
        twice.map_or(Ok(()), |node| Err(DuplicateNode { id: node.id }))
    }
}

/// A case lists a node twice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("node {id} is listed twice")]
pub struct DuplicateNode {
    /// The number of the node.
    pub id: NodeId,
}

/// Returns the decision in the words of a case: `["stop", 12]`, or `["survey", null]` without an action.
#[must_use]
pub fn case_actions(decision: &Decision) -> Vec<(&'static str, Option<NodeId>)> {
    match decision.blocker() {
        Some(Blocker::Rebooted) => vec![("resurvey", None)],
        _ if decision.actions.is_empty() => vec![("survey", None)],
        _ => decision.actions.iter().map(|p| (p.action.verb(), Some(p.action.node()))).collect(),
    }
}
