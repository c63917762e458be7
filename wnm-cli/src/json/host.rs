//! The host as JSON: its sample, its signals and its CPU limit.

use std::path::PathBuf;

use serde::Serialize;
use wnm_core::{CpuLimitSample, HostSample, Measure, Percent, Reading, Signal, Volume};

use super::Time;
use super::kernel::{PsiView, WeightView, load_scope};

/// A signal with its two thresholds.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SignalView {
    /// The name of the signal.
    #[cfg_attr(test, schemars(extend("enum" = ["cpu", "memory", "disk", "load1", "load5", "load15", "disk_read",
        "disk_write", "net_read", "net_write"])))]
    signal: &'static str,
    /// The storage folder of the volume; null for a signal of the whole host.
    folder: Option<PathBuf>,
    /// The unit of the three numbers.
    #[cfg_attr(test, schemars(extend("enum" = ["percent", "load", "bytes_per_second"])))]
    unit: &'static str,
    /// The latest sample; null if it could not be read.
    value: Option<f64>,
    /// The low threshold: nodes are added only below it.
    low: f64,
    /// The high threshold: nodes are stopped or removed above it.
    high: f64,
}

impl SignalView {
    /// Returns the views of the signals of a host with these volumes.
    pub(crate) fn all(measures: &[Measure], volumes: &[Volume]) -> Vec<Self> {
        let folder = |signal| match signal {
            Signal::Disk(index) => volumes.get(index).map(|volume| volume.root.clone()),
            _ => None,
        };
        let view = |measure: &Measure| Self {
            signal: measure.signal.name(),
            folder: folder(measure.signal),
            unit: match measure.remove {
                Reading::Percent(_) => "percent",
                Reading::Load(_) => "load",
                Reading::Rate(_) => "bytes_per_second",
            },
            value: measure.seen.map(Reading::number),
            low: measure.less_than.number(),
            high: measure.remove.number(),
        };
        measures.iter().map(view).collect()
    }
}

/// The CPU limit of all nodes together.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CpuLimitView {
    /// The applied limit; null if the host applies none.
    cores: Option<f64>,
    /// Share of the time in which the limit throttled the nodes; null if unknown.
    throttled_percent: Option<f64>,
}

impl From<CpuLimitSample> for CpuLimitView {
    fn from(sample: CpuLimitSample) -> Self {
        Self { cores: sample.limit.map(wnm_core::Cores::get), throttled_percent: sample.throttled.map(Percent::get) }
    }
}

/// The sample of the host. Rates and shares are means over the time since the last observation; a value that could not
/// be read is null.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct HostView {
    /// Number of CPUs that wnm may use.
    cpus: Option<u32>,
    /// The start of the host.
    started_at: Option<Time>,
    /// CPU use of all CPUs together.
    cpu_percent: Option<f64>,
    /// Share of CPU time spent waiting for disks.
    io_wait_percent: Option<f64>,
    /// Memory use: the share of the total that is not available to programs.
    memory_percent: Option<f64>,
    /// Total memory.
    memory_total_bytes: Option<u64>,
    /// The volumes of the storage folders, in the order of the setting.
    volumes: Vec<StorageVolumeView>,
    /// Load average over one minute.
    load1: Option<f64>,
    /// Load average over five minutes.
    load5: Option<f64>,
    /// Load average over fifteen minutes.
    load15: Option<f64>,
    /// Disk reads.
    disk_read_bytes_per_second: Option<u64>,
    /// Disk writes.
    disk_write_bytes_per_second: Option<u64>,
    /// Received network traffic.
    net_read_bytes_per_second: Option<u64>,
    /// Sent network traffic.
    net_write_bytes_per_second: Option<u64>,
    /// The pressure stall information of the kernel; null if it provides none.
    psi: Option<PsiView>,
    /// The means by which the nodes run behind other work; null if unknown.
    weight: Option<WeightView>,
    /// Whose processes the load averages count: those of this host, or of the host around this container.
    #[cfg_attr(test, schemars(extend("enum" = ["host", "host_of_container"])))]
    load_scope: &'static str,
    /// The CPU quota of another program on a control group around the nodes; null without one.
    cpu_quota: Option<CpuLimitView>,
    /// The CPU limit; null where the host does not support one.
    cpu_limit: Option<CpuLimitView>,
}

/// A volume with a storage folder.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct StorageVolumeView {
    /// The storage folder.
    folder: PathBuf,
    /// Used share of the volume.
    used_percent: Option<f64>,
    /// Size of the volume.
    total_bytes: Option<u64>,
    /// Space that is available to users without privileges.
    available_bytes: Option<u64>,
}

impl From<&Volume> for StorageVolumeView {
    fn from(volume: &Volume) -> Self {
        Self {
            folder: volume.root.clone(),
            used_percent: volume.used.map(Percent::get),
            total_bytes: volume.total.map(|bytes| bytes.0),
            available_bytes: volume.available.map(|bytes| bytes.0),
        }
    }
}

impl From<&HostSample> for HostView {
    fn from(host: &HostSample) -> Self {
        let rate = |rate: Option<wnm_core::BytesPerSecond>| rate.map(|rate| rate.0);
        Self {
            cpus: host.cpus,
            started_at: host.started.map(Time),
            cpu_percent: host.cpu.map(Percent::get),
            io_wait_percent: host.io_wait.map(Percent::get),
            memory_percent: host.memory.map(Percent::get),
            memory_total_bytes: host.memory_total.map(|bytes| bytes.0),
            volumes: host.volumes.iter().map(StorageVolumeView::from).collect(),
            load1: host.load.map(|load| load.one.get()),
            load5: host.load.map(|load| load.five.get()),
            load15: host.load.map(|load| load.fifteen.get()),
            disk_read_bytes_per_second: rate(host.disk_read),
            disk_write_bytes_per_second: rate(host.disk_write),
            net_read_bytes_per_second: rate(host.net_read),
            net_write_bytes_per_second: rate(host.net_write),
            psi: host.psi.as_ref().map(PsiView::from),
            weight: host.weight.as_ref().map(WeightView::from),
            load_scope: load_scope(host.load_scope),
            cpu_quota: host.cpu_quota.map(CpuLimitView::from),
            cpu_limit: host.cpu_limit.map(CpuLimitView::from),
        }
    }
}
