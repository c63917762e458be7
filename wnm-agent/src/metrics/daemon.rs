//! The metrics of the daemon itself: its cycles and its actions.

use super::{Family, Kind, Sink, counter, gauge, seconds, single};
use crate::live::{CYCLE_BUCKETS, DaemonPhase, Live, Totals};

pub(super) fn write(live: &Live, version: &str, sink: &mut dyn Sink) {
    let (status, totals) = (live.status(), live.totals());
    sink.family(gauge("wnm_build_info", "Version of wnm; the value is always 1."));
    sink.sample("", &[("version", version)], 1.0);
    single(
        sink,
        gauge("wnm_start_timestamp_seconds", "Start of the daemon, as a Unix time."),
        status.started.map(seconds),
    );
    single(
        sink,
        gauge("wnm_cycle_interval_seconds", "Time from one scheduled cycle to the next."),
        Some(status.interval.as_secs_f64()),
    );
    single(
        sink,
        gauge("wnm_last_cycle_timestamp_seconds", "Observation of the last complete cycle, as a Unix time."),
        live.snapshot().map(|snapshot| seconds(snapshot.report.observation.now)),
    );
    single(
        sink,
        gauge("wnm_draining", "Whether the daemon was told to end: 1 while it completes its pending actions."),
        Some(f64::from(u8::from(status.phase == DaemonPhase::Draining))),
    );
    single(
        sink,
        gauge("wnm_cycle_failing", "Whether the last cycle failed: 1 until a cycle is complete."),
        Some(f64::from(u8::from(status.failure.is_some()))),
    );
    single(
        sink,
        gauge(
            "wnm_config_file_failing",
            "Whether a change of the config file is not applied: 1 while the settings before it stay.",
        ),
        Some(f64::from(u8::from(status.config_file.is_some()))),
    );
    single(
        sink,
        gauge(
            "wnm_listen_certificate_expiry_timestamp_seconds",
            "End of the certificate of the HTTP server or of its chain, as a Unix time.",
        ),
        status.certificate.map(|certificate| seconds(certificate.ends)),
    );
    sink.family(counter("wnm_cycles_total", "Complete cycles since the start of the daemon."));
    for (trigger, cycles) in Totals::TRIGGERS.iter().zip(totals.cycles) {
        sink.sample("", &[("trigger", trigger)], cycles as f64);
    }
    single(
        sink,
        counter("wnm_cycle_failures_total", "Failed cycles since the start of the daemon."),
        Some(totals.failures as f64),
    );
    durations(&totals, sink);
    sink.family(counter("wnm_actions_total", "Ended actions since the start of the daemon."));
    for (kind, count) in &totals.actions {
        let labels = [("action", kind.verb), ("reason", kind.reason), ("result", kind.result)];
        sink.sample("", &labels, *count as f64);
    }
    sink.family(counter("wnm_events_total", "Events since the start of the daemon."));
    for (kind, count) in &totals.events {
        sink.sample("", &[("kind", kind)], *count as f64);
    }
}

/// Writes the histogram of the duration of cycles. Its buckets include those below them.
fn durations(totals: &Totals, sink: &mut dyn Sink) {
    let help = "Duration of complete cycles.";
    sink.family(Family { name: "wnm_cycle_duration_seconds", help, kind: Kind::Histogram });
    let mut below = 0;
    for (bound, count) in CYCLE_BUCKETS.iter().zip(totals.durations) {
        below += count;
        sink.sample("_bucket", &[("le", &format!("{bound:?}"))], below as f64);
    }
    let all: u64 = totals.durations.iter().sum();
    sink.sample("_bucket", &[("le", "+Inf")], all as f64);
    sink.sample("_sum", &[], totals.duration.as_secs_f64());
    sink.sample("_count", &[], all as f64);
}
