//! The summary of a replay as JSON.

use serde::Serialize;
use wnm_core::{RawSettings, Timestamp};

use crate::SimError;
use crate::commands::replay::{PolicyReplay, Replay};
use crate::trace_file::TraceFile;

/// The summary of a replay.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Summary<'a> {
    /// Path of the trace.
    trace: &'a str,
    /// Number of samples.
    samples: u64,
    /// Number of skipped invalid lines.
    skipped_lines: u64,
    /// Time of the first sample, in Unix seconds; null without samples.
    first_ts: Option<f64>,
    /// Time of the last sample, in Unix seconds; null without samples.
    last_ts: Option<f64>,
    /// Sum of the intervals between samples, without gaps.
    watched_seconds: f64,
    /// Number of gaps between samples.
    gaps: u64,
    /// Length of the longest gap.
    longest_gap_seconds: f64,
    /// The policy, and the second one of `--against`.
    policies: Vec<Policy<'a>>,
    /// The first sample at which the two policies decide differently; null where they never do.
    first_difference: Option<Difference<'a>>,
}

/// A policy with its decisions.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Policy<'a> {
    /// The settings, without defaults.
    settings: &'a RawSettings,
    /// Counts of decisions by action and reason.
    decided: Vec<Decided>,
    /// Time over the high threshold for each signal.
    limits: Vec<Limit>,
}

/// The count of one action and reason.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Decided {
    /// The action, such as `add`; `wait` or `idle` for no action.
    decided: &'static str,
    /// The reason.
    why: &'static str,
    /// The signal over its threshold, where that is the reason.
    signal: Option<String>,
    /// Samples with such a decision.
    samples: u64,
    /// Number of such actions; a sample may have several.
    actions: u64,
}

/// The time of one signal over its high threshold.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Limit {
    /// Name of the signal.
    signal: String,
    /// The high threshold: percent, tasks or bytes per second.
    limit: f64,
    /// Time over the threshold.
    over_seconds: f64,
    /// Longest uninterrupted time over the threshold.
    longest_seconds: f64,
    /// Time without a value.
    unknown_seconds: f64,
}

/// A sample at which two policies decide differently.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Difference<'a> {
    /// Index of the sample, from 1.
    sample: u64,
    /// Line in the trace, from 1.
    line: u64,
    /// Time, in Unix seconds.
    ts: f64,
    /// The decision of each policy.
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
        policies: replay.policies.iter().map(policy).collect(),
        first_difference: replay.first_difference.as_ref().map(|first_difference| Difference {
            sample: first_difference.sample,
            line: first_difference.line,
            ts: seconds(first_difference.at),
            decided: &first_difference.decided,
        }),
    }
}

fn policy(policies: &PolicyReplay) -> Policy<'_> {
    let decided = policies.tally.decided.iter().map(|(heading, count)| Decided {
        decided: heading.verb,
        why: heading.why,
        signal: heading.signal.map(|signal| signal.to_string()),
        samples: count.samples,
        actions: count.actions,
    });
    let limits = policies.tally.limits.iter().map(|limit| Limit {
        signal: limit.signal.to_string(),
        limit: limit.limit.number(),
        over_seconds: limit.over.as_secs_f64(),
        longest_seconds: limit.longest.as_secs_f64(),
        unknown_seconds: limit.unknown.as_secs_f64(),
    });
    Policy { settings: &policies.settings, decided: decided.collect(), limits: limits.collect() }
}

#[cfg(test)]
mod tests {
    use schemars::generate::SchemaSettings;
    use serde_json::Value;

    use super::Summary;

    #[test]
    fn schema_in_docs_is_current() {
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
