//! The colony: all nodes of one database on one host, with the stored data about them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::action::steps::ActionRecord;
use crate::engine::state::EngineState;
use crate::model::cpu_limit::{CpuLimitCounters, CpuQuotaCounters};
use crate::model::node::{Node, NodeId, NodeMap};
use crate::model::observation::NodeSample;
use crate::model::units::Timestamp;
use crate::policy::settings::Settings;

/// The input of a cycle, as the store loads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Colony {
    /// Settings of the operator.
    pub settings: Settings,
    /// Nodes by number.
    pub nodes: BTreeMap<NodeId, Node>,
    /// State of the engine.
    pub state: EngineState,
    /// Last sample of each observed node.
    pub samples: NodeMap<NodeSample>,
    /// Unfinished actions, in order of their start.
    pub unfinished: Vec<ActionRecord>,
    /// Counters of the last observation, from which rates are computed.
    pub counters: Option<Counters>,
}

/// Counters of the host at one observation. The next observation computes rates of the whole interval from them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Time of the reading.
    pub at: Timestamp,
    /// Boot identifier, as in [`ClockReading`](crate::ClockReading): the counters restart with the host.
    pub boot: String,
    /// Milliseconds since the host started.
    pub uptime: u64,
    /// The processors whose time is counted, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u32>,
    /// Processor time not idle, in ticks of these processors.
    pub cpu_busy: u64,
    /// Processor time waiting for disks, in the same ticks.
    pub cpu_io_wait: u64,
    /// All processor time, in the same ticks.
    pub cpu_total: u64,
    /// Bytes read from disks.
    pub disk_read: u64,
    /// Bytes written to disks.
    pub disk_write: u64,
    /// Bytes received.
    pub net_read: u64,
    /// Bytes sent.
    pub net_write: u64,
    /// Counters of the CPU limit, on a host that supports one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_limit: Option<CpuLimitCounters>,
    /// Counters of the control groups around the nodes that have a CPU quota, by path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cpu_quotas: BTreeMap<String, CpuQuotaCounters>,
    /// Counters of the process of each node.
    pub nodes: BTreeMap<NodeId, NodeCounters>,
}

/// The counters of the process of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NodeCounters {
    /// Process number: another process has counters of its own.
    pub pid: u32,
    /// Processor time used, in milliseconds.
    pub cpu_millis: u64,
}
