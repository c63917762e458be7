//! The ceilings that no task file exceeds.

use std::collections::VecDeque;
use std::time::Duration;

use super::outcome::ProbeRun;
use super::plan::ProbeKind;
use crate::model::units::{Bytes, Timestamp};

/// The time over which runs and bytes are counted.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// The greatest load that probes put on this host and on the network, whatever the task file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeCeilings {
    /// The count of runs at the same time.
    pub at_once: u32,
    /// The bytes of all runs that start within an hour.
    pub bytes_per_hour: Bytes,
}

impl ProbeCeilings {
    /// Returns the ceilings of a host with this count of CPUs: two runs and 10 GB an hour for each CPU, at most 20 runs
    /// and 100 GB. A client encrypts each file, at about 20 MB/s with one CPU, so that 10 GB keep a CPU busy for a
    /// seventh of the hour.
    #[must_use]
    pub fn of_host(cpus: u32) -> Self {
        let cpus = cpus.clamp(1, 10);
        Self { at_once: 2 * cpus, bytes_per_hour: Bytes(10_000_000_000 * u64::from(cpus)) }
    }

    /// Returns the count of runs of a kind that start within an hour.
    #[must_use]
    pub const fn runs_per_hour(self, kind: ProbeKind) -> u32 {
        match kind {
            ProbeKind::Download => 360,
            ProbeKind::Quote => 240,
            ProbeKind::Upload => 120,
        }
    }
}

/// The reason why a run does not start yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// As many runs as allowed are running.
    #[error("{0} runs at once are the ceiling")]
    AtOnce(u32),
    /// As many runs as allowed started within the last hour.
    #[error("{limit} {kind} runs an hour are the ceiling")]
    Runs {
        /// The kind of the runs.
        kind: ProbeKind,
        /// The ceiling.
        limit: u32,
    },
    /// The runs of the last hour transfer as many bytes as allowed.
    #[error("{limit} an hour are the ceiling")]
    Bytes {
        /// The ceiling.
        limit: Bytes,
    },
    /// Uploads are off, or have spent as much as allowed.
    #[error("uploads are not allowed now")]
    Uploads,
}

/// The runs that started within the last hour, by a clock that never goes back.
#[derive(Debug, Clone, Default)]
pub struct ProbeLedger {
    /// Time of the start in milliseconds, kind and bytes; oldest first. A run before the start of the clock has a
    /// negative time.
    started: VecDeque<(i64, ProbeKind, Bytes)>,
}

impl ProbeLedger {
    /// Records a run that started `age` ago, before this process.
    pub fn remember(&mut self, kind: ProbeKind, bytes: Bytes, age: Duration, elapsed: Duration) {
        let at = millis(elapsed) - millis(age);
        let later = self.started.partition_point(|(started, ..)| *started <= at);
        self.started.insert(later, (at, kind, bytes));
    }

    /// Records a run of this host that started before this process. A download counts as at its start: the bytes of one
    /// that failed are unknown.
    pub fn remember_run(&mut self, run: &ProbeRun, now: Timestamp, elapsed: Duration) {
        let bytes = if run.kind == ProbeKind::Download { run.size.most() } else { run.bytes };
        self.remember(run.kind, bytes, now.since(run.started), elapsed);
    }

    /// Records a run that starts now.
    ///
    /// # Errors
    /// The run would exceed a ceiling. It is not recorded.
    pub fn admit(
        &mut self,
        ceilings: ProbeCeilings,
        kind: ProbeKind,
        bytes: Bytes,
        elapsed: Duration,
    ) -> Result<(), Refused> {
        let now = millis(elapsed);
        while self.started.front().is_some_and(|(started, ..)| *started <= now - millis(HOUR)) {
            self.started.pop_front();
        }
        let limit = ceilings.runs_per_hour(kind);
        let runs = self.started.iter().filter(|(_, other, _)| *other == kind).count();
        if runs >= limit as usize {
            return Err(Refused::Runs { kind, limit });
        }
        let sum = self.started.iter().fold(bytes.0, |sum, (_, _, bytes)| sum.saturating_add(bytes.0));
        if sum > ceilings.bytes_per_hour.0 {
            return Err(Refused::Bytes { limit: ceilings.bytes_per_hour });
        }
        self.started.push_back((now, kind, bytes));
        Ok(())
    }
}

pub(super) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn each_kind_has_its_ceiling_for_any_hour() {
        let ceilings = ProbeCeilings::of_host(4);
        for kind in ProbeKind::ALL {
            let limit = ceilings.runs_per_hour(kind);
            let mut ledger = ProbeLedger::default();
            for _ in 0..limit {
                assert_eq!(ledger.admit(ceilings, kind, Bytes(1), MINUTE), Ok(()));
            }
            assert_eq!(ledger.admit(ceilings, kind, Bytes(1), MINUTE * 60), Err(Refused::Runs { kind, limit }));
            assert_eq!(ledger.admit(ceilings, kind, Bytes(1), MINUTE * 61), Ok(()));
        }
    }

    #[test]
    fn bytes_of_all_kinds_count_together() {
        let ceilings = ProbeCeilings::of_host(1);
        let limit = ceilings.bytes_per_hour;
        let mut ledger = ProbeLedger::default();
        assert_eq!(ledger.admit(ceilings, ProbeKind::Download, Bytes(limit.0 - 5), MINUTE), Ok(()));
        assert_eq!(ledger.admit(ceilings, ProbeKind::Quote, Bytes(6), MINUTE), Err(Refused::Bytes { limit }));
        assert_eq!(ledger.admit(ceilings, ProbeKind::Quote, Bytes(5), MINUTE), Ok(()));
        assert_eq!(ledger.admit(ceilings, ProbeKind::Upload, Bytes(u64::MAX), MINUTE), Err(Refused::Bytes { limit }));
    }

    #[test]
    fn runs_before_the_start_of_the_process_count() {
        let ceilings = ProbeCeilings::of_host(1);
        let mut ledger = ProbeLedger::default();
        for _ in 0..120 {
            ledger.remember(ProbeKind::Upload, Bytes(1), MINUTE * 59, Duration::ZERO);
        }
        let refused = Err(Refused::Runs { kind: ProbeKind::Upload, limit: 120 });
        assert_eq!(ledger.admit(ceilings, ProbeKind::Upload, Bytes(1), MINUTE / 2), refused);
        assert_eq!(ledger.admit(ceilings, ProbeKind::Upload, Bytes(1), MINUTE), Ok(()));
    }

    #[test]
    fn host_of_any_size_has_ceilings() {
        for (cpus, at_once, gigabytes) in [(0, 2, 10), (1, 2, 10), (4, 8, 40), (64, 20, 100)] {
            let want = ProbeCeilings { at_once, bytes_per_hour: Bytes(gigabytes * 1_000_000_000) };
            assert_eq!(ProbeCeilings::of_host(cpus), want);
        }
    }
}
