//! What came of a replay, as JSON.

use serde::Serialize;
use wnm_core::{RawSettings, Timestamp};

use crate::SimError;
use crate::commands::replay::{Judged, Replay};
use crate::trace_file::TraceFile;

/// What came of a replay.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Summary<'a> {
    /// The name of the trace.
    trace: &'a str,
    /// Samples in it.
    samples: u64,
    /// Bad lines that were passed over.
    skipped_lines: u64,
    /// The time of the first sample, in Unix seconds; null where there is none.
    first_ts: Option<f64>,
    /// The time of the last sample.
    last_ts: Option<f64>,
    /// The time between samples, gaps left out.
    watched_seconds: f64,
    /// Gaps between samples.
    gaps: u64,
    /// The longest of them.
    longest_gap_seconds: f64,
    /// The policy, and the one it is compared with.
    policies: Vec<Policy<'a>>,
    /// The first sample at which the two decide otherwise; null where they never do.
    parting: Option<Parting<'a>>,
}

/// A policy, and what it did.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Policy<'a> {
    /// What was set, over the defaults.
    settings: &'a RawSettings,
    /// What was decided and why, and how often.
    decided: Vec<Decided>,
    /// How long each signal was over its upper threshold.
    limits: Vec<Limit>,
}

/// How often something was decided for the same reason.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Decided {
    /// The verb, such as `add`.
    decided: &'static str,
    /// Why.
    why: &'static str,
    /// The signal that was too high, if that was why.
    signal: Option<String>,
    /// Samples at which it was decided.
    samples: u64,
    /// Actions of it, of which a sample may have several.
    actions: u64,
}

/// How long one signal was over its upper threshold.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Limit {
    /// The signal.
    signal: String,
    /// Its upper threshold, in its unit: percent, tasks or bytes per second.
    limit: f64,
    /// The time it was over it.
    over_seconds: f64,
    /// The longest time without a break.
    longest_seconds: f64,
    /// The time its value was missing.
    unknown_seconds: f64,
}

/// A sample at which two policies decide otherwise.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Parting<'a> {
    /// Its number.
    sample: u64,
    /// Its line in the trace.
    line: u64,
    /// Its time, in Unix seconds.
    ts: f64,
    /// What each decides.
    decided: &'a [String; 2],
}

fn seconds(at: Timestamp) -> f64 {
    at.as_millis() as f64 / 1000.0
}

/// Returns the summary of a replay as one JSON object.
pub(super) fn text(replay: &Replay, file: &TraceFile) -> Result<String, SimError> {
    serde_json::to_string(&summary(replay, file)).map_err(|error| SimError::Output(error.into()))
}

fn summary<'a>(replay: &'a Replay, file: &'a TraceFile) -> Summary<'a> {
    let extent = &replay.extent;
    Summary {
        trace: file.name(),
        samples: extent.samples,
        skipped_lines: file.skipped(),
        first_ts: extent.first.map(seconds),
        last_ts: extent.last.map(seconds),
        watched_seconds: extent.watched.as_secs_f64(),
        gaps: extent.gaps,
        longest_gap_seconds: extent.longest_gap.as_secs_f64(),
        policies: replay.judged.iter().map(policy).collect(),
        parting: replay.parting.as_ref().map(|parting| Parting {
            sample: parting.sample,
            line: parting.line,
            ts: seconds(parting.at),
            decided: &parting.decided,
        }),
    }
}

fn policy(judged: &Judged) -> Policy<'_> {
    let decided = judged.tally.decided.iter().map(|(heading, count)| Decided {
        decided: heading.verb,
        why: heading.why,
        signal: heading.signal.map(|signal| signal.to_string()),
        samples: count.samples,
        actions: count.actions,
    });
    let limits = judged.tally.limits.iter().map(|limit| Limit {
        signal: limit.signal.to_string(),
        limit: limit.limit.number(),
        over_seconds: limit.over.as_secs_f64(),
        longest_seconds: limit.longest.as_secs_f64(),
        unknown_seconds: limit.unknown.as_secs_f64(),
    });
    Policy { settings: &judged.settings, decided: decided.collect(), limits: limits.collect() }
}

#[cfg(test)]
mod tests {
    use schemars::generate::SchemaSettings;
    use serde_json::Value;

    use super::Summary;

    #[test]
    fn the_schema_in_docs_is_that_of_the_summary() {
        let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
        let schema = Value::from(generator.into_root_schema_for::<Summary<'_>>());
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schema/sim-replay.json");
        if std::env::var_os("WNM_RENEW_SCHEMAS").is_some() {
            std::fs::write(path, serde_json::to_string_pretty(&schema).unwrap() + "\n").unwrap();
        }
        let kept = serde_json::from_str::<Value>(&std::fs::read_to_string(path).unwrap_or_default()).ok();
        let renew = "WNM_RENEW_SCHEMAS=1 cargo test -p wnm-sim --lib schema";
        assert!(kept == Some(schema), "docs/schema/sim-replay.json is stale: run `{renew}`");
    }
}
