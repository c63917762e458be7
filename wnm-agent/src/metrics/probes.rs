//! The metrics of probes. A daemon without a run has none.

use super::{Labels, Sink, counter};
use crate::live::{ProbeTotal, Totals};

pub(super) fn write(totals: &Totals, sink: &mut dyn Sink) {
    if totals.probes.is_empty() {
        return;
    }
    let mut family = |name, help, value: fn(&ProbeTotal) -> f64| {
        sink.family(counter(name, help));
        for ((kind, size, outcome), total) in &totals.probes {
            let labels: Labels<'_> = &[("type", kind.word()), ("size", size.word()), ("outcome", outcome.word())];
            sink.sample("", labels, value(total));
        }
    };
    family("wnm_probe_runs_total", "Ended runs of probes since the start of the daemon.", |total| total.runs as f64);
    family("wnm_probe_duration_seconds_total", "Time that the clients of ended runs took.", |total| {
        total.took.as_secs_f64()
    });
    family("wnm_probe_content_bytes_total", "Contents that ended runs transferred or asked a price for.", |total| {
        total.bytes as f64
    });
    family("wnm_probe_spent_tokens_total", "Tokens that uploads cost.", |total| total.tokens);
}
