//! What a policy did on a trace, counted.

use std::collections::BTreeMap;
use std::time::Duration;

use wnm_core::{Decision, HostSample, Policy, Reading, Signal, Timestamp, measures};

use crate::words::Heading;

/// How often something was decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Samples at which it was.
    pub samples: u64,
    /// Actions of it, of which a sample may have several.
    pub actions: u64,
}

/// How long one signal was over its upper threshold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverLimit {
    /// The signal.
    pub signal: Signal,
    /// Its upper threshold.
    pub limit: Reading,
    /// The time it was over it.
    pub over: Duration,
    /// The longest time without a break.
    pub longest: Duration,
    /// The time its value was missing.
    pub unknown: Duration,
    current: Duration,
}

/// What a policy did on a trace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// What was decided and why.
    pub decided: BTreeMap<Heading, Count>,
    /// The limits, in the order in which pressure is named.
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

    /// Counts the time that ends with a sample; None where nothing is known of it.
    pub fn pass(&mut self, policy: &Policy, host: &HostSample, interval: Option<Duration>) {
        for (i, measure) in measures(policy, host).enumerate() {
            if self.limits.get(i).is_none_or(|limit| limit.signal != measure.signal) {
                self.limits.insert(i, OverLimit::new(measure.signal, measure.remove));
            }
            self.limits[i].pass(measure.seen.is_none(), measure.is_exceeded(), interval);
        }
    }
}

impl OverLimit {
    const fn new(signal: Signal, limit: Reading) -> Self {
        let none = Duration::ZERO;
        Self { signal, limit, over: none, longest: none, unknown: none, current: none }
    }

    fn pass(&mut self, is_unknown: bool, is_over: bool, interval: Option<Duration>) {
        let Some(interval) = interval else {
            self.current = Duration::ZERO;
            return;
        };
        if is_unknown {
            self.unknown += interval;
        }
        if is_over {
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
    /// Samples.
    pub samples: u64,
    /// The time of the first one.
    pub first: Option<Timestamp>,
    /// The time of the last one.
    pub last: Option<Timestamp>,
    /// The time about which something is known.
    pub watched: Duration,
    /// Times about which nothing is known.
    pub gaps: u64,
    /// The longest of these.
    pub longest_gap: Duration,
}
