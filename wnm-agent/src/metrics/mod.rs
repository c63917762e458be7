//! The metrics of a daemon: families of samples from its live data, written in the text format of Prometheus, in
//! OpenMetrics, or as JSON.
//!
//! Names follow the conventions of Prometheus: the prefix `wnm_`, base units (seconds, bytes, ratios from 0 to 1), and
//! `_total` for counters. The labels are bounded: kinds, states, signals, storage folders, and the nodes of the colony. An
//! unknown value has no sample.

mod alerts;
mod daemon;
mod earnings;
#[cfg(feature = "fleet")]
pub mod fleet;
mod host;
#[cfg(feature = "host")]
mod influx;
mod nodes;
mod probes;
mod spool;
mod text;
mod valves;

use wnm_core::Timestamp;

use crate::live::Live;

#[cfg(feature = "host")]
pub use influx::lines as influx_lines;
pub use text::Format;

/// The kind of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A value that rises and falls.
    Gauge,
    /// A count that only rises until its process starts again. Its name ends with `_total`.
    Counter,
    /// Counts of samples up to each bound, with their sum.
    Histogram,
}

/// A family: a name, and one sample for each set of labels.
#[derive(Debug, Clone, Copy)]
struct Family {
    name: &'static str,
    help: &'static str,
    kind: Kind,
}

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family { name, help, kind: Kind::Gauge }
}

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family { name, help, kind: Kind::Counter }
}

/// The labels of a sample: names and values.
type Labels<'a> = &'a [(&'static str, &'a str)];

/// The writer of a format.
trait Sink {
    /// Begins a family. All its samples follow.
    fn family(&mut self, family: Family);

    /// Writes a sample of the current family. `suffix` is empty, except for the parts of a histogram.
    fn sample(&mut self, suffix: &'static str, labels: Labels<'_>, value: f64);
}

/// Writes a family with one sample without labels, if its value is known.
fn single(sink: &mut dyn Sink, family: Family, value: Option<f64>) {
    if let Some(value) = value {
        sink.family(family);
        sink.sample("", &[], value);
    }
}

/// Returns a time in seconds since the Unix epoch.
fn seconds(at: Timestamp) -> f64 {
    at.as_millis() as f64 / 1000.0
}

/// Returns the metrics of a daemon in a format.
#[must_use]
pub fn render(live: &Live, version: &str, format: Format) -> Vec<u8> {
    let mut sink = text::sink(format);
    write(live, version, sink.as_sink());
    sink.finish()
}

/// Writes all families.
fn write(live: &Live, version: &str, sink: &mut dyn Sink) {
    daemon::write(live, version, sink);
    alerts::write(&live.status().alerts, sink);
    spool::write(&live.status().influx, sink);
    earnings::write(&live.status().earnings, sink);
    probes::write(&live.totals(), sink);
    if let Some(snapshot) = live.snapshot() {
        host::write(&snapshot, sink);
        nodes::write(&snapshot, sink);
        valves::write(&snapshot, sink);
    }
}
