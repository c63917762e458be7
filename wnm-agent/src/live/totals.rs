//! Counts since the start of the daemon.

use std::collections::BTreeMap;
use std::time::Duration;

use wnm_core::Reason;
use wnm_core::probe::{ProbeKind, ProbeOutcome, ProbeRun, SizeClass};

use super::event::Event;
use crate::trigger::Trigger;

/// The upper bounds of the histogram of the duration of cycles, in seconds.
pub const CYCLE_BUCKETS: [f64; 12] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Counts since the start of the daemon. They only rise.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Totals {
    /// The complete cycles of each trigger: scheduled, requested, resumed.
    pub cycles: [u64; 3],
    /// The turns that failed.
    pub failures: u64,
    /// The complete cycles by the bucket of their duration; the last entry counts those beyond all bounds.
    pub durations: [u64; CYCLE_BUCKETS.len() + 1],
    /// The duration of all complete cycles together.
    pub duration: Duration,
    /// The ended actions by verb, reason and result.
    pub actions: BTreeMap<ActionKind, u64>,
    /// The logged events by kind.
    pub events: BTreeMap<&'static str, u64>,
    /// The ended runs of probes.
    pub probes: BTreeMap<(ProbeKind, SizeClass, ProbeOutcome), ProbeTotal>,
}

/// The ended runs of probes of one kind, size and outcome.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ProbeTotal {
    /// The count of the runs.
    pub runs: u64,
    /// The time that their clients took.
    pub took: Duration,
    /// The bytes of their contents.
    pub bytes: u64,
    /// The tokens that they cost; a quote costs nothing.
    pub tokens: f64,
}

/// A kind of ended action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActionKind {
    /// The verb, such as `add`.
    pub verb: &'static str,
    /// The reason, such as `headroom_to_add`.
    pub reason: &'static str,
    /// The result: `done` or `failed`.
    pub result: &'static str,
}

impl Totals {
    /// The words of the triggers, in the order of [`cycles`](Self::cycles).
    pub const TRIGGERS: [&'static str; 3] = ["scheduled", "requested", "resumed"];

    pub(super) fn count_cycle(&mut self, trigger: &Trigger, took: Duration) {
        let index = match trigger {
            Trigger::Scheduled => 0,
            Trigger::Requested(..) | Trigger::Changed(_) | Trigger::Restored(_) => 1,
            Trigger::Resumed => 2,
        };
        self.cycles[index] += 1;
        let bucket = CYCLE_BUCKETS.iter().position(|bound| took.as_secs_f64() <= *bound);
        self.durations[bucket.unwrap_or(CYCLE_BUCKETS.len())] += 1;
        self.duration += took;
    }

    pub(super) fn count_probe(&mut self, run: &ProbeRun) {
        let total = self.probes.entry((run.kind, run.size, run.outcome)).or_default();
        total.runs += 1;
        total.took += run.took;
        total.bytes = total.bytes.saturating_add(run.bytes.0);
        if run.kind == ProbeKind::Upload {
            total.tokens += run.cost.map_or(0.0, |cost| cost.tokens());
        }
    }

    pub(super) fn count_event(&mut self, event: &Event) {
        *self.events.entry(event.kind()).or_default() += 1;
        let Event::ActionEnded { planned, failure, .. } = event else { return };
        let result = if failure.is_some() { "failed" } else { "done" };
        let kind = ActionKind { verb: planned.action.verb(), reason: reason(&planned.reason), result };
        *self.actions.entry(kind).or_default() += 1;
    }
}

/// Returns the name of the kind of a reason.
const fn reason(reason: &Reason) -> &'static str {
    match reason {
        Reason::Dead => "dead",
        Reason::Pressure { .. } => "pressure",
        Reason::Relief { .. } => "relief",
        Reason::OverCap { .. } => "over_cap",
        Reason::Outdated { .. } => "outdated",
        Reason::Ended { .. } => "ended",
        Reason::HeadroomToStart => "headroom_to_start",
        Reason::HeadroomToAdd { .. } => "headroom_to_add",
        Reason::Unlisted => "unlisted",
        Reason::Requested => "requested",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_fall_into_their_buckets() {
        let mut totals = Totals::default();
        for millis in [0, 10, 11, 60_000, 60_001] {
            totals.count_cycle(&Trigger::Resumed, Duration::from_millis(millis));
        }
        assert_eq!(totals.cycles, [0, 0, 5]);
        assert_eq!(
            (totals.durations[0], totals.durations[1], totals.durations[11], totals.durations[12]),
            (2, 1, 1, 1)
        );
        assert_eq!(totals.duration, Duration::from_millis(120_022));
    }
}
