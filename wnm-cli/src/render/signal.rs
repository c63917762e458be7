//! The JSON form of signals. The type of the core keeps the keys of recorded traces (`seen`, `less_than`, `remove`).

use serde::{Serialize, Serializer};
use wnm_core::{Measure, Reading, Signal};

/// A signal with its two thresholds.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SignalView {
    /// The name of the signal.
    signal: Signal,
    /// The latest sample; null if it could not be read.
    value: Option<Reading>,
    /// The low threshold: nodes are added only below it.
    low: Reading,
    /// The high threshold: nodes are stopped or removed above it.
    high: Reading,
}

impl From<&Measure> for SignalView {
    fn from(measure: &Measure) -> Self {
        let Measure { signal, seen, less_than, remove } = *measure;
        Self { signal, value: seen, low: less_than, high: remove }
    }
}

/// Serialises measures as [`SignalView`]s, for `serialize_with`.
pub(crate) fn serialize<S: Serializer>(measures: &[Measure], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(measures.iter().map(SignalView::from))
}
