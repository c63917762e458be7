//! What was seen of the host and its nodes at one moment. What could not be seen is None: missing is data.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::cpu_limit::CpuLimitSample;
use crate::model::metrics::NodeMetrics;
use crate::model::node::NodeMap;
use crate::model::units::{Bytes, BytesPerSecond, Cores, Load, Percent, Timestamp, Version};

/// One look at everything.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Observation {
    /// The time on the colony's [`Clock`](crate::Clock), which never jumps.
    pub now: Timestamp,
    /// Whether the host was restarted since the last cycle.
    pub rebooted: bool,
    /// The machine.
    pub host: HostSample,
    /// The nodes, by id.
    pub nodes: NodeMap<NodeSample>,
    /// The version of the binary that new nodes get; None when it cannot be told.
    pub target: Option<Version>,
}

/// The machine at one moment. Rates and shares are over the whole time since the last look.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct HostSample {
    /// Processors that wnm may use.
    pub cpus: Option<u32>,
    /// When the host started.
    pub started: Option<Timestamp>,
    /// Use of all processors.
    pub cpu: Option<Percent>,
    /// Time the processors waited for disks.
    pub io_wait: Option<Percent>,
    /// Use of memory: what is not available, of the total.
    pub memory: Option<Percent>,
    /// All memory.
    pub memory_total: Option<Bytes>,
    /// The volumes that hold nodes, in the order of the storage folders.
    pub volumes: Vec<Volume>,
    /// Load averages.
    pub load: Option<LoadAverages>,
    /// Disk reading.
    pub disk_read: Option<BytesPerSecond>,
    /// Disk writing.
    pub disk_write: Option<BytesPerSecond>,
    /// Network receiving.
    pub net_read: Option<BytesPerSecond>,
    /// Network sending.
    pub net_write: Option<BytesPerSecond>,
    /// Pressure stall information, where the kernel has it.
    pub stalls: Option<Stalls>,
    /// The cap on the colony's CPU; None where this host cannot cap it, or is not to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_limit: Option<CpuLimitSample>,
}

/// The kernel's load averages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoadAverages {
    /// Over one minute.
    pub one: Load,
    /// Over five minutes.
    pub five: Load,
    /// Over fifteen minutes.
    pub fifteen: Load,
}

/// A volume that holds nodes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Volume {
    /// The storage folder on it.
    pub root: PathBuf,
    /// The number of its device. A change of it between two looks without a reboot means another disk.
    pub device: u64,
    /// Its use.
    pub used: Option<Percent>,
    /// Its size.
    pub total: Option<Bytes>,
    /// What an ordinary user may still write.
    pub available: Option<Bytes>,
}

/// Shares of the last ten seconds in which some tasks waited for a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Stalls {
    /// Waited for a processor.
    pub cpu: Percent,
    /// Waited for memory.
    pub memory: Percent,
    /// Waited for disks.
    pub io: Percent,
}

/// What was seen of a node's process, endpoint and folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Nobody looked: the node is believed to be as it was.
    #[default]
    Unobserved,
    /// Our process, and it answers.
    Answering,
    /// Our process, and no answer.
    Silent,
    /// No process of ours, but its endpoint answers. Counts as running, and is never signalled.
    Stray,
    /// Neither process nor answer.
    Gone,
    /// The process manager could not be asked, and the endpoint is silent.
    Unreachable,
    /// Its folder is not there.
    FolderMissing,
}

/// One node at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct NodeSample {
    /// What was seen of it.
    pub presence: Presence,
    /// When its identity was made.
    pub born: Timestamp,
    /// The version that runs, or of its binary when it does not.
    pub version: Option<Version>,
    /// Which of the host's volumes holds it, as an index; None when unknown.
    pub volume: Option<usize>,
    /// Processor time over the whole time since the last look.
    pub cpu: Option<Cores>,
    /// Resident memory.
    pub memory: Option<Bytes>,
    /// What its folder holds.
    pub disk: Option<Bytes>,
    /// Its process.
    pub process: Option<ProcessIdentity>,
    /// Its name in the network.
    pub peer_id: Option<String>,
    /// When peers near it were first seen to shun it, of a shunning that goes on; None when none is known to.
    pub shunned_since: Option<Timestamp>,
    /// What it says of itself.
    pub metrics: Option<Box<NodeMetrics>>,
}

/// One process, and not another one that got its number later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProcessIdentity {
    /// The name of the host's run, as in [`ClockReading`](crate::ClockReading).
    pub boot: String,
    /// Its number.
    pub pid: u32,
    /// When it started, in the kernel's ticks since boot (seconds since the epoch on macOS).
    pub start: u64,
}
