//! The shape of all JSON output: one envelope, and views of the core's types for programs.
//!
//! The core's own types keep the keys of the database and of recorded traces. A view has plain keys, codes instead of
//! nested tags, times as RFC 3339, and the unit of each number in its key.

mod action;
mod host;
mod kernel;
mod node;

use serde::{Serialize, Serializer};
use wnm_core::Timestamp;

pub(crate) use action::{ActionView, Cause, PlannedView, UnderWayView, VerdictView, step};
pub(crate) use host::{CpuLimitView, HostView, SignalView};
pub(crate) use kernel::{PsiView, WeightView, load_scope};
#[cfg(test)]
pub(crate) use node::NodeDescription;
pub(crate) use node::{EndView, NodeJson, description, state_word};

/// The version of the shape. A change that can break a reader increases it; a new key does not.
const VERSION: u32 = 1;

/// A JSON document of standard output.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Document<T> {
    /// The version of the shape of this document.
    version: u32,
    /// The time at which wnm wrote the document.
    generated_at: Time,
    /// The result of the command.
    data: T,
}

impl<T> Document<T> {
    /// Returns the document with a result of the present moment.
    pub(crate) fn now(data: T) -> Self {
        Self { version: VERSION, generated_at: Time::now(), data }
    }
}

/// A JSON document of standard error: the error that ended the command.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ErrorDocument {
    /// The version of the shape of this document.
    version: u32,
    /// The time at which wnm wrote the document.
    generated_at: Time,
    /// The error.
    error: ErrorReport,
}

/// An error as JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ErrorReport {
    /// The failure and its cause.
    pub(crate) message: String,
    /// The way to fix the cause; null without specific advice.
    pub(crate) hint: Option<String>,
    /// The exit code of the process.
    pub(crate) exit_code: u8,
}

impl ErrorDocument {
    /// Returns the document with an error of the present moment.
    pub(crate) fn now(error: ErrorReport) -> Self {
        Self { version: VERSION, generated_at: Time::now(), error }
    }
}

/// A time, which serialises as RFC 3339 in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time(Timestamp);

impl Time {
    fn now() -> Self {
        Self(Timestamp::from_millis(jiff::Timestamp::now().as_millisecond()))
    }
}

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A time before 1970 or after 9999, which a wrong clock may have stored, becomes the nearest one within.
        const LAST_SECOND: i64 = 253_402_207_199;
        let at = jiff::Timestamp::from_millisecond(self.0.as_millis().clamp(0, LAST_SECOND * 1000));
        at.map_err(serde::ser::Error::custom)?.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string().serialize(serializer)
    }
}

#[cfg(test)]
impl schemars::JsonSchema for Time {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A time in UTC as RFC 3339 writes it, such as 2026-03-01T12:00:00.000Z.",
            "type": "string",
            "format": "date-time"
        })
    }
}

/// Serialises a time as [`Time`], for `serialize_with`.
pub(crate) fn time<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    Time(*at).serialize(serializer)
}

/// Serialises an optional time as [`Time`], for `serialize_with`.
pub(crate) fn optional_time<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(Time).serialize(serializer)
}

/// Returns the code of a tagged value of the core, such as `no_headroom`. The tags are stable: the database has them.
fn code<T: Serialize>(value: &T, tag: &str) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.get(tag).and_then(serde_json::Value::as_str).unwrap_or("unknown").to_owned()
}

/// Returns the word of a value that the core serialises as a string, such as `open_port`.
fn word<T: Serialize>(value: &T) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        let text = |millis| serde_json::to_string(&Time(Timestamp::from_millis(millis))).unwrap();
        assert_eq!(text(0), r#""1970-01-01T00:00:00.000Z""#);
        assert_eq!(text(1_772_366_400_588), r#""2026-03-01T12:00:00.588Z""#);
        assert_eq!(text(i64::MIN), text(0));
        assert!(text(i64::MAX).starts_with("\"9999-12-30"));
    }
}
