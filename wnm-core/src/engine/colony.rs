//! A colony: all nodes of one host, with everything that is remembered of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::action::steps::ActionRecord;
use crate::engine::state::EngineState;
use crate::model::cpu_limit::CpuLimitCounters;
use crate::model::node::{Node, NodeId, NodeMap};
use crate::model::observation::NodeSample;
use crate::model::units::Timestamp;
use crate::policy::settings::Settings;

/// Everything a cycle starts from.
#[derive(Debug, Clone, PartialEq)]
pub struct Colony {
    /// What the operator wants.
    pub settings: Settings,
    /// The nodes, by id.
    pub nodes: BTreeMap<NodeId, Node>,
    /// What the engine remembers.
    pub state: EngineState,
    /// The last sample of each node that was seen.
    pub samples: NodeMap<NodeSample>,
    /// Actions that began and have not ended, in the order they began.
    pub unfinished: Vec<ActionRecord>,
    /// What rates are counted from.
    pub counters: Option<Counters>,
}

/// The host's counters at one look, from which the next look makes whole-interval rates.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// When they were read.
    pub at: Timestamp,
    /// The name of the host's run, as in [`ClockReading`](crate::ClockReading): after a restart they begin anew.
    pub boot: String,
    /// Milliseconds since the host started.
    pub uptime: u64,
    /// Processor time not idle, in ticks of all processors.
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
    /// Those of the cap on the colony's CPU, where there may be one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_limit: Option<CpuLimitCounters>,
    /// Those of each node's process.
    pub nodes: BTreeMap<NodeId, NodeCounters>,
}

/// The counters of one node's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NodeCounters {
    /// Its process number: another one begins anew.
    pub pid: u32,
    /// Processor time used, in milliseconds.
    pub cpu_millis: u64,
}
