//! Counts the decisions of a policy on a trace, and the time over its limits.

use std::collections::BTreeMap;
use std::time::Duration;

use wnm_core::{Decision, HostSample, Measure, Policy, Reading, Signal, Timestamp, measures};

use crate::words::Heading;

/// The count of one kind of decision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Samples with such a decision.
    pub samples: u64,
    /// Number of such actions; a sample may have several.
    pub actions: u64,
}

/// The time of one signal over its high threshold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverLimit {
    /// The signal.
    pub signal: Signal,
    /// The high threshold.
    pub limit: Reading,
    /// Time over the threshold.
    pub over: Duration,
    /// Longest uninterrupted time over the threshold.
    pub longest: Duration,
    /// Time without a value.
    pub unknown: Duration,
    current: Duration,
}

/// The counts of a policy on a trace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Decisions by heading.
    pub decided: BTreeMap<Heading, Count>,
    /// The limits, in the order of the engine's signals.
    pub limits: Vec<OverLimit>,
}

impl Tally {
    /// Counts a decision.
    pub fn count(&mut self, decision: &Decision) {
        if decision.actions.is_empty() {
            self.decided.entry(Heading::of_blocker(decision.blocker())).or_default().samples += 1;
            return;
        }
        for (i, planned) in decision.actions.iter().enumerate() {
            let heading = Heading::of_action(planned);
            let count = self.decided.entry(heading).or_default();
            count.actions += 1;
            let is_first = decision.actions[..i].iter().all(|earlier| Heading::of_action(earlier) != heading);
            count.samples += u64::from(is_first);
        }
    }

    /// Adds the interval that ends with a sample; None after a gap.
    pub fn pass(&mut self, policy: &Policy, host: &HostSample, interval: Option<Duration>) {
        for (i, measure) in measures(policy, host).enumerate() {
            if self.limits.get(i).is_none_or(|limit| limit.signal != measure.signal) {
                self.limits.insert(i, OverLimit::new(measure.signal, measure.remove));
            }
            self.limits[i].pass(&measure, interval);
        }
    }
}

impl OverLimit {
    const fn new(signal: Signal, limit: Reading) -> Self {
        let none = Duration::ZERO;
        Self { signal, limit, over: none, longest: none, unknown: none, current: none }
    }

    fn pass(&mut self, measure: &Measure, interval: Option<Duration>) {
        let Some(interval) = interval else {
            // A gap ends the uninterrupted time: the signal is unknown within it.
            self.current = Duration::ZERO;
            return;
        };
        if measure.seen.is_none() {
            self.unknown += interval;
        }
        if measure.is_exceeded() {
            self.over += interval;
            self.current += interval;
            self.longest = self.longest.max(self.current);
        } else {
            self.current = Duration::ZERO;
        }
    }
}

/// The extent of a trace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// Number of samples.
    pub samples: u64,
    /// Time of the first sample.
    pub first: Option<Timestamp>,
    /// Time of the last sample.
    pub last: Option<Timestamp>,
    /// Sum of the intervals without gaps.
    pub watched: Duration,
    /// Number of gaps.
    pub gaps: u64,
    /// Length of the longest gap.
    pub longest_gap: Duration,
}
