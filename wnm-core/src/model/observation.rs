//! Observations of the host and its nodes at one moment. A value that could not be read is None, never a guess.

use serde::{Deserialize, Serialize};

use crate::model::cpu_limit::CpuLimitSample;
use crate::model::exit::Exit;
use crate::model::hold::ValveSample;
use crate::model::metrics::NodeMetrics;
use crate::model::node::{NodeId, NodeMap};
use crate::model::pressure_stall::Psi;
use crate::model::units::{Bytes, BytesPerSecond, Cores, Load, Percent, Timestamp, Version};
use crate::model::unlisted::UnlistedFolder;
use crate::model::volume::Volume;
use crate::model::weight::WeightSample;

/// All data of one reading of the host and its nodes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Observation {
    /// The time of the colony's [`Clock`](crate::Clock).
    pub now: Timestamp,
    /// Whether the host restarted since the last cycle.
    pub rebooted: bool,
    /// The metrics of the host.
    pub host: HostSample,
    /// The samples of the nodes.
    pub nodes: NodeMap<NodeSample>,
    /// The version of the node program for new nodes; None if unknown.
    pub target: Option<Version>,
    /// The holds in effect, and the local times of the windows.
    #[serde(default, skip_serializing_if = "ValveSample::is_empty")]
    pub valves: ValveSample,
}

/// The metrics of the host. Rates and shares are averages over the time since the last observation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct HostSample {
    /// Number of CPUs that wnm may use.
    pub cpus: Option<u32>,
    /// The start of the host.
    pub started: Option<Timestamp>,
    /// CPU use, 0 to 100 % of all CPUs together.
    pub cpu: Option<Percent>,
    /// Share of CPU time spent waiting for disks.
    pub io_wait: Option<Percent>,
    /// Memory use: the share of the total that is not available to programs.
    pub memory: Option<Percent>,
    /// Total memory.
    pub memory_total: Option<Bytes>,
    /// The volumes of the storage folders, in the order of the setting.
    pub volumes: Vec<Volume>,
    /// Load averages of the kernel; None also where they are those of another host.
    pub load: Option<LoadAverages>,
    /// The processes that the load averages of this host count.
    #[serde(skip_serializing_if = "LoadScope::is_own")]
    pub load_scope: LoadScope,
    /// Disk reads.
    pub disk_read: Option<BytesPerSecond>,
    /// Disk writes.
    pub disk_write: Option<BytesPerSecond>,
    /// Received network traffic.
    pub net_read: Option<BytesPerSecond>,
    /// Sent network traffic.
    pub net_write: Option<BytesPerSecond>,
    /// Pressure stall information; None where the kernel does not provide it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psi: Option<Psi>,
    /// The CPU quota that the nodes are nearest to, which another program has set on a control group around them; None
    /// without one. [`cpu`](Self::cpu) is the use of it where it is higher than that of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_quota: Option<CpuLimitSample>,
    /// The CPU limit; None where the host does not support one, or the setting `cpu_limit` forbids it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_limit: Option<CpuLimitSample>,
    /// The means by which the nodes run behind other work; None if unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<WeightSample>,
    /// The folders of nodes in the storage folders that the colony does not contain.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unlisted: Vec<UnlistedFolder>,
}

impl HostSample {
    /// Returns whether the number belongs to a folder of a node that the colony does not contain.
    #[must_use]
    pub fn has_unlisted(&self, number: NodeId) -> bool {
        self.unlisted.iter().any(|folder| folder.number == number)
    }
}

/// The processes that the load averages of a host count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LoadScope {
    /// Those of this host.
    #[default]
    Own,
    /// Those of the host around this container. The load is not judged: stopping nodes may not lower it.
    Container,
}

impl LoadScope {
    const fn is_own(&self) -> bool {
        matches!(self, Self::Own)
    }
}

/// The load averages of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoadAverages {
    /// Average over one minute.
    pub one: Load,
    /// Average over five minutes.
    pub five: Load,
    /// Average over fifteen minutes.
    pub fifteen: Load,
}

/// The observed condition of a node's process, metrics server and folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Not observed in this cycle: the node keeps its state.
    #[default]
    Unobserved,
    /// The node's process runs and answers.
    Answering,
    /// The node's process runs without an answer.
    Silent,
    /// The port answers, but the process is not the node's. The node counts as running, and wnm never signals it.
    #[serde(alias = "stray")]
    Unverified,
    /// No process and no answer.
    Gone,
    /// The process manager gave no answer, and the port neither.
    Unreachable,
    /// The node's folder does not exist, and no process runs on it.
    FolderMissing,
    /// The volume of the node's folder has a fault, so that folder and process prove nothing.
    VolumeFault,
}

/// The observation of a node.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct NodeSample {
    /// The condition of the node.
    pub presence: Presence,
    /// The creation time of the identity.
    pub born: Timestamp,
    /// The version of the running program, or of the node's copy of it.
    pub version: Option<Version>,
    /// The last known version; None while [`version`](Self::version) is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_version: Option<Version>,
    /// The version before, in the first observation of a newer one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgraded_from: Option<Version>,
    /// Index of the node's volume in [`HostSample::volumes`]; None if unknown.
    pub volume: Option<usize>,
    /// CPU use, averaged over the time since the last observation.
    pub cpu: Option<Cores>,
    /// Resident memory.
    pub memory: Option<Bytes>,
    /// Disk space of the node's folder.
    pub disk: Option<Bytes>,
    /// The node's process.
    pub process: Option<ProcessIdentity>,
    /// The peer id, which identifies the node in the network.
    pub peer_id: Option<String>,
    /// The reason why the answer on the metrics port counts as none; None for an answer of the node, or without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrong_answer: Option<WrongAnswer>,
    /// The first observation that peers of the close group shun the node; None if no peer is known to shun it now.
    pub shunned_since: Option<Timestamp>,
    /// The metrics that the node reports.
    pub metrics: Option<Box<NodeMetrics>>,
    /// Whether another process than that of the last observation runs, of the same version and since the same boot: the
    /// process ended in between, and its process manager started the next one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub restarted: bool,
    /// The end of the last process; None while a process runs, and where nothing is known about its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<Box<Exit>>,
}

/// An answer on the metrics port of a node that is not the node's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WrongAnswer {
    /// The text contains no metric of a node: a web page, or another program.
    NotMetrics,
    /// Another node answers.
    OtherPeer {
        /// The peer id in the answer.
        answered: String,
        /// The peer id of the node; None if unknown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        known: Option<String>,
    },
}

/// The identity of a process, which differs from a later process with the same PID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProcessIdentity {
    /// The identifier of the boot, as in [`ClockReading`](crate::ClockReading).
    pub boot: String,
    /// The PID.
    pub pid: u32,
    /// The start time in clock ticks since boot; on macOS in seconds since the Unix epoch.
    pub start: u64,
}
