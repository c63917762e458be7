//! The metrics of the host: its signals with their thresholds, its volumes, its CPU limit and its pressure stalls.

use wnm_core::{Bytes, Cores, Measure, Percent, Reading, Signal, Stall, StallTime, Stalls, Volume};

use super::{Family, Sink, gauge, single};
use crate::live::Snapshot;

/// The families of one unit of signals: values, and thresholds.
struct SignalFamilies {
    value: Family,
    threshold: Family,
    is_of: fn(Reading) -> bool,
    /// Factor from the number of a reading to the base unit.
    factor: f64,
}

const SIGNALS: [SignalFamilies; 3] = [
    SignalFamilies {
        value: gauge("wnm_signal_ratio", "Signal of the host with thresholds, as a share of the whole."),
        threshold: gauge("wnm_signal_threshold_ratio", "Low and high threshold of a signal, as a share of the whole."),
        is_of: |reading| matches!(reading, Reading::Percent(_)),
        factor: 0.01,
    },
    SignalFamilies {
        value: gauge("wnm_signal_load", "Load average of the host with thresholds, in tasks."),
        threshold: gauge("wnm_signal_threshold_load", "Low and high threshold of a load average, in tasks."),
        is_of: |reading| matches!(reading, Reading::Load(_)),
        factor: 1.0,
    },
    SignalFamilies {
        value: gauge("wnm_signal_bytes_per_second", "Traffic of the host with thresholds."),
        threshold: gauge("wnm_signal_threshold_bytes_per_second", "Low and high threshold of a traffic."),
        is_of: |reading| matches!(reading, Reading::Rate(_)),
        factor: 1.0,
    },
];

pub(super) fn write(snapshot: &Snapshot, sink: &mut dyn Sink) {
    let host = &snapshot.report.observation.host;
    single(sink, gauge("wnm_host_cpus", "Logical processors that the nodes may use."), host.cpus.map(f64::from));
    single(sink, gauge("wnm_host_memory_bytes", "Total memory of the host."), bytes(host.memory_total));
    single(
        sink,
        gauge("wnm_host_io_wait_ratio", "Share of processor time spent waiting for disks."),
        ratio(host.io_wait),
    );
    for families in &SIGNALS {
        signals(&snapshot.report.decision.measures, &host.volumes, families, sink);
    }
    sink.family(gauge("wnm_signal_exceeded", "Whether a signal is over its high threshold: 1 while it is."));
    for measure in &snapshot.report.decision.measures {
        let folder = folder(measure.signal, &host.volumes);
        let labels = [("signal", measure.signal.name()), ("folder", folder.as_str())];
        sink.sample("", &labels[..labels_of(&folder)], f64::from(u8::from(measure.is_exceeded())));
    }
    volumes(&host.volumes, sink);
    let limit = host.cpu_limit;
    single(
        sink,
        gauge("wnm_cpu_limit_cores", "CPU limit of all nodes together; absent without one."),
        limit.and_then(|limit| limit.limit).map(Cores::get),
    );
    single(
        sink,
        gauge("wnm_cpu_limit_throttled_ratio", "Share of the time in which the CPU limit throttled the nodes."),
        ratio(limit.and_then(|limit| limit.throttled)),
    );
    if let Some(psi) = &host.psi {
        sink.family(gauge(
            "wnm_pressure_stall_ratio",
            "Share of the last 10 s in which some or all tasks of a group waited for a resource.",
        ));
        stalls("host", &psi.host, sink);
        psi.colony.iter().for_each(|colony| stalls("nodes", colony, sink));
        psi.background.iter().for_each(|background| stalls("background", background, sink));
    }
}

/// Returns the number of labels of a signal: those of volumes have a folder too.
const fn labels_of(folder: &str) -> usize {
    if folder.is_empty() { 1 } else { 2 }
}

fn signals(measures: &[Measure], volumes: &[Volume], families: &SignalFamilies, sink: &mut dyn Sink) {
    let of_unit = || measures.iter().filter(|measure| (families.is_of)(measure.remove));
    if of_unit().next().is_none() {
        return;
    }
    sink.family(families.value);
    for measure in of_unit() {
        let Some(seen) = measure.seen else { continue };
        let folder = folder(measure.signal, volumes);
        let labels = [("signal", measure.signal.name()), ("folder", folder.as_str())];
        sink.sample("", &labels[..labels_of(&folder)], seen.number() * families.factor);
    }
    sink.family(families.threshold);
    for measure in of_unit() {
        let folder = folder(measure.signal, volumes);
        for (level, threshold) in [("low", measure.less_than), ("high", measure.remove)] {
            let labels = [("level", level), ("signal", measure.signal.name()), ("folder", folder.as_str())];
            sink.sample("", &labels[..labels_of(&folder) + 1], threshold.number() * families.factor);
        }
    }
}

fn volumes(volumes: &[Volume], sink: &mut dyn Sink) {
    let folders: Vec<String> = volumes.iter().map(|volume| volume.root.display().to_string()).collect();
    let mut each = |family: Family, value: fn(&Volume) -> Option<f64>| {
        sink.family(family);
        for (volume, folder) in volumes.iter().zip(&folders) {
            if let Some(value) = value(volume) {
                sink.sample("", &[("folder", folder)], value);
            }
        }
    };
    each(gauge("wnm_volume_size_bytes", "Size of the volume of a storage folder."), |volume| bytes(volume.total));
    each(gauge("wnm_volume_available_bytes", "Space of a volume that is available to nodes."), |volume| {
        bytes(volume.available)
    });
    each(gauge("wnm_volume_used_ratio", "Used share of a volume."), |volume| ratio(volume.used));
    each(gauge("wnm_volume_inodes_used_ratio", "Used share of the inodes of a volume."), |volume| {
        ratio(volume.inodes_used)
    });
    each(
        gauge("wnm_volume_faulty", "Whether a volume has a fault: 1 while it is lost, hung or read-only."),
        |volume| Some(f64::from(u8::from(volume.fault.is_some()))),
    );
}

fn stalls(scope: &str, stalls: &Stalls, sink: &mut dyn Sink) {
    for (resource, Stall { some, full }) in [("cpu", stalls.cpu), ("memory", stalls.memory), ("io", stalls.io)] {
        for (tasks, time) in [("some", Some(some)), ("all", full)] {
            if let Some(StallTime { avg10, .. }) = time {
                let labels = [("scope", scope), ("resource", resource), ("tasks", tasks)];
                sink.sample("", &labels, avg10.get() / 100.0);
            }
        }
    }
}

/// Returns the storage folder of the signal of a volume; empty for the signals of the whole host.
fn folder(signal: Signal, volumes: &[Volume]) -> String {
    match signal {
        Signal::Disk(index) => volumes.get(index).map(|volume| volume.root.display().to_string()).unwrap_or_default(),
        _ => String::new(),
    }
}

fn bytes(bytes: Option<Bytes>) -> Option<f64> {
    bytes.map(|bytes| bytes.0 as f64)
}

fn ratio(share: Option<Percent>) -> Option<f64> {
    share.map(|share| share.get() / 100.0)
}
