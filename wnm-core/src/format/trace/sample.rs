//! A sample of a trace: the host at one moment, with the keys of the machine-metrics report of the Python wnm.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

use crate::engine::state::EngineState;
use crate::format::case::timestamp;
use crate::format::trace::nodes::{NodeChange, NodeChanges};
use crate::format::trace::{MOST_NODES, TraceError, seconds};
use crate::model::cpu_limit::CpuLimitSample;
use crate::model::node::NodeId;
use crate::model::observation::{HostSample, LoadAverages, LoadScope, Observation};
use crate::model::pressure_stall::{Psi, Stall, StallTime, Stalls};
use crate::model::units::{Bytes, BytesPerSecond, Load, Percent, Timestamp, Version};
use crate::model::volume::Volume;
use crate::model::weight::WeightSample;

/// The host and its nodes at one moment. An impossible value, such as a negative percentage, counts as missing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TraceSample {
    /// The time of the sample.
    pub at: Timestamp,
    /// Whether the host restarted since the previous sample.
    pub rebooted: bool,
    /// The metrics of the host.
    pub host: HostSample,
    /// The version of the node program for new nodes.
    pub target: Option<Version>,
    /// The number of running nodes, for traces that list no nodes.
    pub running_nodes: Option<u32>,
    /// The changes of the nodes.
    pub nodes: NodeChanges,
}

impl TraceSample {
    /// Updates an observation and the states of its nodes from the previous sample to this one.
    ///
    /// The number of CPUs is in the header, and stays unchanged in the observation.
    ///
    /// # Errors
    /// The changes contradict the nodes of the previous sample.
    pub fn apply(&self, observation: &mut Observation, state: &mut EngineState) -> Result<(), TraceError> {
        let host = &mut observation.host;
        let mut volumes = std::mem::take(&mut host.volumes);
        volumes.clone_from(&self.host.volumes);
        let memory_total = self.host.memory_total.or(host.memory_total);
        *host = HostSample { volumes, cpus: self.host.cpus.or(host.cpus), memory_total, ..self.host.figures() };
        observation.now = self.at;
        observation.rebooted = self.rebooted;
        observation.target.clone_from(&self.target);
        self.nodes.apply(observation, state)
    }
}

impl HostSample {
    /// Returns everything except the volumes, whose copy would allocate.
    fn figures(&self) -> Self {
        Self { volumes: Vec::new(), unlisted: Vec::new(), ..*self }
    }
}

/// The JSON of a sample. Unknown keys are ignored.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct SampleLine<'a> {
    ts: Option<f64>,
    #[serde(skip_serializing_if = "is_false")]
    rebooted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_start: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    used_cpu_percent: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    io_wait: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    used_mem_percent: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_mem_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    used_hd_percent: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_hd_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    available_hd_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    volumes: Option<Vec<VolumeLine>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hdio_read_bytes: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hdio_write_bytes: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    netio_read_bytes: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    netio_write_bytes: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    load_average_1: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    load_average_5: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    load_average_15: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    load_scope: Option<LoadScope>,
    #[serde(skip_serializing_if = "Option::is_none")]
    psi_cpu: Option<StallLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    psi_memory: Option<StallLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    psi_io: Option<StallLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    psi_colony: Option<StallsLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    psi_background: Option<StallsLine>,
    // Recorded traces have the key `quota`, which is older than the name of this field.
    #[serde(rename = "quota", skip_serializing_if = "Option::is_none")]
    cpu_limit: Option<CpuLimitSample>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_quota: Option<CpuLimitSample>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<WeightSample>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    antnode_version: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    running_nodes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<Vec<NodeChange>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<Vec<NodeChange>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gone: Option<Vec<NodeId>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    note: Option<Cow<'a, str>>,
    // Lines with one of these keys are not samples.
    #[serde(skip_serializing)]
    wnm_trace: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    decided: Option<IgnoredAny>,
}

#[derive(Serialize, Deserialize)]
struct VolumeLine {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used_percent: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    available_bytes: Option<u64>,
}

/// The pressure stall information of a part of the host.
#[derive(Serialize, Deserialize)]
struct StallsLine {
    cpu: StallLine,
    memory: StallLine,
    io: StallLine,
}

impl StallsLine {
    fn new(stalls: &Stalls) -> Self {
        let [cpu, memory, io] = [stalls.cpu, stalls.memory, stalls.io].map(StallLine::new);
        Self { cpu, memory, io }
    }

    fn stalls(&self) -> Option<Stalls> {
        Some(Stalls { cpu: self.cpu.stall()?, memory: self.memory.stall()?, io: self.io.stall()? })
    }
}

/// The pressure stall information of one resource; only one of the kernel's averages is used.
#[derive(Serialize, Deserialize)]
struct StallLine {
    some: StallAverages,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    full: Option<StallAverages>,
}

impl StallLine {
    fn new(stall: Stall) -> Self {
        let averages = |time: StallTime| StallAverages { avg10: time.avg10.get(), total: time.total.map(Into::into) };
        Self { some: averages(stall.some), full: stall.full.map(averages) }
    }

    fn stall(&self) -> Option<Stall> {
        let time = |line: &StallAverages| {
            let total = line.total.as_ref().and_then(serde_json::Number::as_u64);
            Some(StallTime { avg10: percent(Some(line.avg10))?, total })
        };
        Some(Stall { some: time(&self.some)?, full: self.full.as_ref().and_then(time) })
    }
}

#[derive(Serialize, Deserialize)]
struct StallAverages {
    avg10: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total: Option<serde_json::Number>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// A parsed line.
#[expect(clippy::large_enum_variant, reason = "nearly every line is a sample")]
pub(super) enum Parsed {
    Sample(TraceSample),
    Note { at: Timestamp, text: String },
    Other(Kind),
}

/// The kinds of lines that have parsers of their own.
pub(super) enum Kind {
    Header,
    Decided,
    Unknown,
}

pub(super) fn parse(text: &str) -> Result<Parsed, serde_json::Error> {
    let line: SampleLine<'_> = serde_json::from_str(text)?;
    Ok(match (line.ts, &line.note) {
        _ if line.wnm_trace.is_some() => Parsed::Other(Kind::Header),
        _ if line.decided.is_some() => Parsed::Other(Kind::Decided),
        (None, _) => Parsed::Other(Kind::Unknown),
        (Some(ts), Some(note)) => Parsed::Note { at: timestamp(ts), text: note.clone().into_owned() },
        (Some(ts), None) => Parsed::Sample(line.sample(timestamp(ts))),
    })
}

fn percent(value: Option<f64>) -> Option<Percent> {
    value.and_then(|value| Percent::new(value).ok())
}

impl SampleLine<'_> {
    fn sample(self, at: Timestamp) -> TraceSample {
        let nodes = match (self.nodes, self.changed, self.gone) {
            (Some(all), _, _) => NodeChanges::All(all),
            (None, None, None) => NodeChanges::Same,
            (None, changed, gone) => {
                NodeChanges::Some { changed: changed.unwrap_or_default(), gone: gone.unwrap_or_default() }
            }
        };
        let rate = |value: Option<f64>| value.filter(|v| *v >= 0.0).map(|v| BytesPerSecond(v as u64));
        let load = |value: Option<f64>| value.and_then(|v| Load::new(v).ok());
        let loads = (load(self.load_average_1), load(self.load_average_5), load(self.load_average_15));
        let volumes = match self.volumes {
            Some(volumes) => volumes.into_iter().map(VolumeLine::volume).collect(),
            None => vec![Volume {
                used: percent(self.used_hd_percent),
                total: self.total_hd_bytes.map(Bytes),
                available: self.available_hd_bytes.map(Bytes),
                ..Volume::default()
            }],
        };
        let part = |line: Option<StallsLine>| line.and_then(|line| line.stalls());
        let stall = |line: Option<StallLine>| line.and_then(|line| line.stall());
        let stalls = (stall(self.psi_cpu), stall(self.psi_memory), stall(self.psi_io));
        let (colony, background) = (part(self.psi_colony), part(self.psi_background));
        let host = HostSample {
            cpus: None,
            started: self.system_start.map(Timestamp::from_secs),
            cpu: percent(self.used_cpu_percent),
            io_wait: percent(self.io_wait),
            memory: percent(self.used_mem_percent),
            memory_total: self.total_mem_bytes.map(Bytes),
            volumes,
            load: match loads {
                (Some(one), Some(five), Some(fifteen)) => Some(LoadAverages { one, five, fifteen }),
                _ => None,
            },
            load_scope: self.load_scope.unwrap_or_default(),
            disk_read: rate(self.hdio_read_bytes),
            disk_write: rate(self.hdio_write_bytes),
            net_read: rate(self.netio_read_bytes),
            net_write: rate(self.netio_write_bytes),
            psi: match stalls {
                (Some(cpu), Some(memory), Some(io)) => {
                    Some(Psi { host: Stalls { cpu, memory, io }, colony, background })
                }
                _ => None,
            },
            cpu_quota: self.cpu_quota,
            cpu_limit: self.cpu_limit,
            weight: self.weight,
            unlisted: Vec::new(),
        };
        let target = self.antnode_version.and_then(|text| text.parse().ok());
        let running_nodes = self.running_nodes.filter(|count| *count <= MOST_NODES);
        TraceSample { at, rebooted: self.rebooted, host, target, running_nodes, nodes }
    }
}

impl VolumeLine {
    fn volume(self) -> Volume {
        Volume {
            used: percent(self.used_percent),
            total: self.total_bytes.map(Bytes),
            available: self.available_bytes.map(Bytes),
            ..Volume::default()
        }
    }

    fn new(volume: &Volume) -> Self {
        Self {
            used_percent: volume.used.map(Percent::get),
            total_bytes: volume.total.map(|bytes| bytes.0),
            available_bytes: volume.available.map(|bytes| bytes.0),
        }
    }
}

/// Returns the line of a sample. Several volumes are listed, and the `hd` keys are those of the fullest.
pub(super) fn line(sample: &TraceSample) -> Result<String, serde_json::Error> {
    let host = &sample.host;
    let rate = |rate: Option<BytesPerSecond>| rate.map(|rate| rate.0 as f64);
    let stall = |part: fn(&Stalls) -> Stall| host.psi.as_ref().map(|psi| StallLine::new(part(&psi.host)));
    let part =
        |part: fn(&Psi) -> &Option<Stalls>| host.psi.as_ref().and_then(|psi| part(psi).as_ref()).map(StallsLine::new);
    let fullest = host.volumes.iter().max_by_key(|volume| volume.used);
    let (nodes, changed, gone) = match &sample.nodes {
        NodeChanges::Same => (None, None, None),
        NodeChanges::All(all) => (Some(all.clone()), None, None),
        NodeChanges::Some { changed, gone } => {
            let (changed, gone) = (changed.clone(), gone.clone());
            (None, (!changed.is_empty()).then_some(changed), (!gone.is_empty()).then_some(gone))
        }
    };
    serde_json::to_string(&SampleLine {
        ts: Some(seconds(sample.at)),
        rebooted: sample.rebooted,
        system_start: host.started.map(Timestamp::as_secs),
        used_cpu_percent: host.cpu.map(Percent::get),
        io_wait: host.io_wait.map(Percent::get),
        used_mem_percent: host.memory.map(Percent::get),
        total_mem_bytes: host.memory_total.map(|bytes| bytes.0),
        used_hd_percent: fullest.and_then(|volume| volume.used).map(Percent::get),
        total_hd_bytes: fullest.and_then(|volume| volume.total).map(|bytes| bytes.0),
        available_hd_bytes: fullest.and_then(|volume| volume.available).map(|bytes| bytes.0),
        volumes: (host.volumes.len() != 1).then(|| host.volumes.iter().map(VolumeLine::new).collect()),
        hdio_read_bytes: rate(host.disk_read),
        hdio_write_bytes: rate(host.disk_write),
        netio_read_bytes: rate(host.net_read),
        netio_write_bytes: rate(host.net_write),
        load_average_1: host.load.map(|load| load.one.get()),
        load_average_5: host.load.map(|load| load.five.get()),
        load_average_15: host.load.map(|load| load.fifteen.get()),
        load_scope: (host.load_scope != LoadScope::Own).then_some(host.load_scope),
        psi_cpu: stall(|stalls| stalls.cpu),
        psi_memory: stall(|stalls| stalls.memory),
        psi_io: stall(|stalls| stalls.io),
        psi_colony: part(|psi| &psi.colony),
        psi_background: part(|psi| &psi.background),
        cpu_limit: host.cpu_limit,
        cpu_quota: host.cpu_quota,
        weight: host.weight,
        antnode_version: sample.target.as_ref().map(|version| Cow::Owned(version.to_string())),
        running_nodes: sample.running_nodes,
        nodes,
        changed,
        gone,
        ..SampleLine::default()
    })
}
