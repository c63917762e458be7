//! Results as lines of the InfluxDB line protocol.

use std::fmt::Write as _;

use super::outcome::{ContentCheck, ProbeOutcome, ProbeRun};
use super::summary::ProbeSummary;
use crate::model::units::Timestamp;

/// Returns the line of a run, with its line feed; the time is that of its end.
#[must_use]
pub fn run_line(run: &ProbeRun, host: &str) -> String {
    let tags = [
        ("host", host),
        ("type", run.kind.word()),
        ("size", run.size.word()),
        ("task", &run.task),
        ("client", &run.client),
        ("outcome", run.outcome.word()),
    ];
    let flag = |is: bool| if is { "true" } else { "false" }.to_owned();
    let mut fields = vec![
        ("seconds", number(run.took.as_secs_f64())),
        ("bytes", integer(run.bytes.0)),
        ("attempt", integer(run.attempt.into())),
        ("ok", flag(run.outcome == ProbeOutcome::Ok)),
        ("md5_checked", flag(run.content != ContentCheck::Unchecked)),
        ("md5_valid", flag(run.content == ContentCheck::Valid)),
    ];
    fields.extend(run.rate().map(|rate| ("bytes_per_second", number(rate))));
    fields.extend(run.cost.map(|cost| ("cost_ant", number(cost.tokens()))));
    fields.extend(run.exit_code.map(|code| ("exit_code", format!("{code}i"))));
    influx_line("wnm_probe", &tags, &fields, run.started.after(run.took))
}

/// Returns the line of a summary, with its line feed.
#[must_use]
pub fn summary_line(summary: &ProbeSummary, host: &str, at: Timestamp) -> String {
    let tags = [("host", host), ("type", summary.kind.word()), ("size", summary.size.word())];
    let mut fields = vec![
        ("count", integer(summary.count as u64)),
        ("ok", integer(summary.ok as u64)),
        ("network_failures", integer(summary.network_failures as u64)),
    ];
    if let Some(seconds) = summary.seconds {
        for (name, value) in [
            ("seconds_min", seconds.min),
            ("seconds_max", seconds.max),
            ("seconds_mean", seconds.mean),
            ("seconds_p95", seconds.p95),
        ] {
            fields.push((name, number(value)));
        }
    }
    influx_line("wnm_probe_summary", &tags, &fields, at)
}

fn integer(value: u64) -> String {
    // Integers of the protocol have 63 bits.
    format!("{}i", i64::try_from(value).unwrap_or(i64::MAX))
}

fn number(value: f64) -> String {
    format!("{value:?}")
}

/// Returns a line with its line feed. Values of fields are in the form of the protocol: `1.5`, `7i`, `true` or a quoted text.
#[must_use]
pub fn influx_line(measurement: &str, tags: &[(&str, &str)], fields: &[(&str, String)], at: Timestamp) -> String {
    let mut line = measurement.to_owned();
    // The protocol has no empty tags.
    for (key, value) in tags.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = write!(line, ",{key}={}", tag(value));
    }
    for (at, (key, value)) in fields.iter().enumerate() {
        let _ = write!(line, "{}{key}={value}", if at == 0 { ' ' } else { ',' });
    }
    let _ = writeln!(line, " {}", at.as_millis().saturating_mul(1_000_000));
    line
}

/// Returns the value of a tag. The protocol cannot express a line feed there, nor a backslash before a special character.
fn tag(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            ',' | '=' | ' ' => escaped.extend(['\\', c]),
            '\\' => escaped.push('/'),
            c if c.is_control() => escaped.push_str("\\ "),
            c => escaped.push(c),
        }
    }
    escaped
}
