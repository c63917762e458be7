//! Nodes that end by themselves: the delay before each restart, and crash loops.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::steps::Step;
use crate::model::exit::Exit;
use crate::model::node::{NodeId, NodeMap};
use crate::model::observation::{Observation, Presence};
use crate::model::units::Timestamp;
use crate::policy::constants::{FIRST_RETRY, LONGEST_RETRY, LOOP_ENDS, LOOP_RETRY, LOOP_WINDOW, STABLE};

/// The ends of one node since it was last up for ten minutes, and the time of its next start.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Recovery {
    /// Ends and failed starts since the node was last up for ten minutes.
    pub attempts: u32,
    /// Times of the latest ends, at most five, the oldest first.
    pub ends: Vec<Timestamp>,
    /// Time from which the node may start again.
    pub retry_at: Timestamp,
    /// Time of the fifth end within ten minutes; None outside of a crash loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crash_loop_since: Option<Timestamp>,
    /// Time since which the process is observed; None while it does not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up_since: Option<Timestamp>,
    /// The last end; None where nothing is known about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
    /// The error of the last start; None when the process ended after its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Recovery {
    /// Returns whether the node is in a crash loop: five ends within ten minutes, and no ten minutes up since then.
    #[must_use]
    pub const fn is_crash_loop(&self) -> bool {
        self.crash_loop_since.is_some()
    }

    /// Returns the last end as text: the status and the last message, or the error of the last start.
    #[must_use]
    pub fn last_end(&self) -> Option<String> {
        self.error.clone().or_else(|| self.exit.as_ref().map(ToString::to_string))
    }

    /// Records the end of a process.
    pub(crate) fn record_end(&mut self, now: Timestamp, exit: Option<Exit>) {
        self.ends.retain(|end| now.since(*end) < LOOP_WINDOW);
        self.ends.push(now);
        if self.ends.len() > LOOP_ENDS {
            self.ends.remove(0);
        }
        if self.ends.len() == LOOP_ENDS {
            self.crash_loop_since.get_or_insert(now);
        }
        self.exit = exit;
        self.error = None;
        self.delay(now);
    }

    /// Records a failed start. A process that ran and exited is an end like any other.
    pub(crate) fn record_failed_start(&mut self, step: Step, now: Timestamp, error: &str) {
        match step {
            Step::Confirm => self.record_end(now, None),
            _ => self.delay(now),
        }
        self.error = Some(error.to_owned());
    }

    fn delay(&mut self, now: Timestamp) {
        self.attempts = self.attempts.saturating_add(1);
        self.up_since = None;
        self.retry_at = now.after(if self.is_crash_loop() { LOOP_RETRY } else { backoff(self.attempts) });
    }
}

/// Returns the delay after a number of failures in succession: 10 s, doubling up to 5 min.
pub(crate) fn backoff(failures: u32) -> Duration {
    let doubled = FIRST_RETRY.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.min(LONGEST_RETRY)
}

/// Updates the recoveries by an observation: records the nodes that ended, and forgets those that have been up for ten
/// minutes.
pub(crate) fn update<'a>(
    recoveries: &mut NodeMap<Recovery>,
    observation: &Observation,
    ended: impl Iterator<Item = &'a NodeId>,
) {
    let now = observation.now;
    for id in ended {
        let exit = observation.nodes.get(id).and_then(|sample| sample.exit.as_deref()).cloned();
        if let Some(recovery) = recoveries.get_mut(id) {
            recovery.record_end(now, exit);
        } else {
            let mut recovery = Recovery::default();
            recovery.record_end(now, exit);
            recoveries.insert(*id, recovery);
        }
    }
    for (id, recovery) in recoveries.iter_mut() {
        match observation.nodes.get(id).map(|sample| sample.presence) {
            Some(Presence::Answering | Presence::Silent) => _ = recovery.up_since.get_or_insert(now),
            Some(Presence::Gone) => recovery.up_since = None,
            // Not observed: the time up stays as it is.
            Some(
                Presence::Unobserved
                | Presence::Unverified
                | Presence::Unreachable
                | Presence::FolderMissing
                | Presence::VolumeFault,
            )
            | None => {}
        }
    }
    recoveries.retain(|id, recovery| {
        let is_stable = recovery.up_since.is_some_and(|since| now.since(since) >= STABLE);
        !is_stable && observation.nodes.contains_key(id)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_doubles_from_ten_seconds_to_five_minutes() {
        let delays: Vec<u64> = (0..9).map(|failures| backoff(failures).as_secs()).collect();
        assert_eq!(delays, [10, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(backoff(u32::MAX), LONGEST_RETRY);
    }

    #[test]
    fn five_ends_within_ten_minutes_are_a_crash_loop() {
        for (interval, is_loop) in [(100, true), (149, true), (150, false), (600, false)] {
            let mut recovery = Recovery::default();
            for end in 0..5 {
                assert!(!recovery.is_crash_loop());
                recovery.record_end(Timestamp::from_secs(end * interval), None);
            }
            assert_eq!(recovery.is_crash_loop(), is_loop, "{interval}");
            let waits = recovery.retry_at.since(Timestamp::from_secs(4 * interval));
            assert_eq!(waits, if is_loop { LOOP_RETRY } else { Duration::from_secs(160) }, "{interval}");
        }
    }
}
