//! The metrics of the lines for InfluxDB. A daemon without a server for them has none.

use super::{Sink, counter, gauge, single};
use crate::live::InfluxSummary;

pub(super) fn write(influx: &InfluxSummary, sink: &mut dyn Sink) {
    if influx.file.is_none() {
        return;
    }
    sink.family(counter("wnm_influx_lines_total", "Lines for InfluxDB since the start of the daemon, by result."));
    sink.sample("", &[("result", "accepted")], influx.accepted as f64);
    sink.sample("", &[("result", "dropped")], influx.dropped as f64);
    let help = "Size of the lines that wait for InfluxDB.";
    single(sink, gauge("wnm_influx_spool_bytes", help), Some(influx.spooled as f64));
    let is_failing = influx.problem.is_some();
    let help = "Whether InfluxDB accepts no lines, or the spool or the file of the setting influx cannot be used.";
    single(sink, gauge("wnm_influx_failing", help), Some(f64::from(u8::from(is_failing))));
}
