//! The snapshot of a cycle, and the condition of the daemon.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wnm_core::probe::Atto;
use wnm_core::{Address, Decision, Health, NodeId, Timestamp, Version};

use crate::report::Report;

/// The colony after one cycle of the daemon.
#[derive(Debug)]
pub struct Snapshot {
    /// The observation, the decision, the outcomes and the colony after them.
    pub report: Report,
    /// The decision of the last scheduled cycle, whatever the trigger of this one; None before the first.
    pub scheduled: Option<Arc<Decision>>,
    /// The health of the nodes on the last complete day.
    pub health: Arc<Health>,
    /// The time that the cycle took.
    pub took: Duration,
    /// The moment of the publication, by the monotonic clock of this process.
    pub published: Instant,
}

impl Snapshot {
    /// Returns the count of nodes in each state, by its word, such as `RUNNING`. States without nodes are absent.
    #[must_use]
    pub fn nodes_by_state(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for (_, state) in self.states() {
            *counts.entry(state.word()).or_default() += 1;
        }
        counts
    }

    /// Returns the count of nodes with each version of the node program; None counts the nodes of unknown version.
    #[must_use]
    pub fn nodes_by_version(&self) -> BTreeMap<Option<&Version>, usize> {
        let mut counts = BTreeMap::new();
        for (id, _) in self.states() {
            let sample = self.report.observation.nodes.get(&id);
            *counts.entry(sample.and_then(|sample| sample.version.as_ref())).or_default() += 1;
        }
        counts
    }

    /// Returns the state of each node of the colony. The engine may know a node that the cycle has just removed.
    pub fn states(&self) -> impl Iterator<Item = (NodeId, &wnm_core::NodeState)> {
        let colony = &self.report.colony;
        colony.state.nodes.iter().filter(|(id, _)| colony.nodes.contains_key(id)).map(|(id, state)| (*id, state))
    }
}

/// The condition of a daemon.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DaemonStatus {
    /// The phase of its life.
    pub phase: DaemonPhase,
    /// The start of the daemon, by the wall clock; None if the clock could not be read.
    pub started: Option<Timestamp>,
    /// The time from the start of one scheduled cycle to the start of the next.
    pub interval: Duration,
    /// The due time of the next scheduled cycle, on the colony's clock; None before the first cycle, and while draining.
    pub next: Option<Timestamp>,
    /// The cycles that this daemon has completed.
    pub cycles: u64,
    /// The failure of the last turn; None after a complete cycle.
    pub failure: Option<CycleFailure>,
    /// The reason for which the settings before a change of the config file stay; None while the file is applied.
    pub config_file: Option<CycleFailure>,
    /// The alerts.
    pub alerts: AlertSummary,
    /// The lines for InfluxDB.
    pub influx: InfluxSummary,
    /// The earnings.
    pub earnings: EarningsSummary,
    /// The time for which the certificate of the HTTP server is valid; None without TLS.
    pub certificate: Option<Validity>,
}

/// The time for which a certificate is valid, by the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The begin.
    pub begins: Timestamp,
    /// The end.
    pub ends: Timestamp,
}

/// The state of a certificate at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateState {
    /// It is valid for longer than its renewal needs.
    Valid,
    /// It ends after this time, and should have been renewed.
    Expiring(Duration),
    /// It has ended.
    Expired,
    /// It begins after this time: it is new, or the clock of the host is wrong.
    Early(Duration),
}

impl Validity {
    /// The longest time before the end at which a certificate should have been renewed.
    const RENEWED: Duration = Duration::from_secs(14 * 24 * 60 * 60);

    /// Returns the state at a time. A certificate should have been renewed 14 days before its end, or after three quarters of
    /// its time if that is shorter: the usual clients of ACME renew after two thirds.
    #[must_use]
    pub fn at(self, now: Timestamp) -> CertificateState {
        let left = self.ends.since(now);
        if now < self.begins {
            CertificateState::Early(self.begins.since(now))
        } else if now > self.ends {
            CertificateState::Expired
        } else if left < Self::RENEWED.min(self.ends.since(self.begins) / 4) {
            CertificateState::Expiring(left)
        } else {
            CertificateState::Valid
        }
    }

    /// Returns the problem at a time in a sentence, such as `the certificate ends in 13 days`; None while it is valid for
    /// longer than its renewal needs.
    #[must_use]
    pub fn problem(self, now: Timestamp) -> Option<String> {
        let time = |time: Duration| match time.as_secs() / 3600 {
            1 => "1 hour".to_owned(),
            hours @ 0..48 => format!("{hours} hours"),
            hours => format!("{} days", hours / 24),
        };
        match self.at(now) {
            CertificateState::Valid => None,
            CertificateState::Expiring(left) => Some(format!("the certificate ends in {}", time(left))),
            CertificateState::Expired => Some(format!("the certificate ended {} ago", time(now.since(self.ends)))),
            CertificateState::Early(wait) => {
                Some(format!("the certificate begins in {}, or the clock of the host is wrong", time(wait)))
            }
        }
    }
}

/// The earnings of a colony in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EarningsSummary {
    /// The file that names the server; None without one.
    pub file: Option<PathBuf>,
    /// The last complete reading; None before the first.
    pub read: Option<Timestamp>,
    /// The rewards addresses.
    pub accounts: BTreeMap<Address, AccountSummary>,
    /// Why the earnings cannot be read; None while they can.
    pub problem: Option<String>,
}

/// A rewards address in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccountSummary {
    /// The tokens at the last reading.
    pub balance: Atto,
    /// The tokens received since the first reading.
    pub received: Atto,
    /// The transfers to the address since the first reading.
    pub transfers: u64,
}

/// The lines of a daemon for InfluxDB in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InfluxSummary {
    /// The file that names the server; None without one.
    pub file: Option<PathBuf>,
    /// The lines that the server accepted.
    pub accepted: u64,
    /// The lines that were dropped.
    pub dropped: u64,
    /// The size of the lines that wait, in bytes.
    pub spooled: u64,
    /// Why lines do not arrive; None while they do.
    pub problem: Option<String>,
}

/// The alerts of a daemon in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertSummary {
    /// The file of receivers; None without alerts.
    pub file: Option<PathBuf>,
    /// The alerts of severity `warning` that last.
    pub warnings: usize,
    /// The alerts of severity `critical` that last.
    pub critical: usize,
    /// The names of the receivers that did not take the latest message.
    pub failing: Vec<String>,
    /// Why the file of receivers is not applied; None while it is.
    pub problem: Option<String>,
}

/// The phase of the life of a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DaemonPhase {
    /// No cycle has completed.
    #[default]
    Starting,
    /// Cycles run at the interval.
    Running,
    /// The daemon was told to end, and completes its pending actions.
    Draining,
    /// The daemon has ended.
    Ended,
}

impl DaemonPhase {
    /// Returns the word in JSON, such as `running`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Draining => "draining",
            Self::Ended => "ended",
        }
    }
}

/// The failure of a turn of the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CycleFailure {
    /// The failure and its cause.
    pub error: String,
    /// How the operator can fix the cause; None when there is no specific advice.
    pub hint: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_should_have_been_renewed_before_its_end() {
        let day = |days: i64| Timestamp::from_secs(1_796_000_000 + days * 86_400);
        let days = |days: u64| Duration::from_secs(days * 86_400);
        let of = |lifetime: i64| Validity { begins: day(0), ends: day(lifetime) };
        for (lifetime, now, state) in [
            (90, -1, CertificateState::Early(days(1))),
            (90, 0, CertificateState::Valid),
            (90, 76, CertificateState::Valid),
            (90, 77, CertificateState::Expiring(days(13))),
            (90, 91, CertificateState::Expired),
            // A certificate of 6 days is renewed after 4.
            (8, 6, CertificateState::Valid),
            (8, 7, CertificateState::Expiring(days(1))),
            (3650, 3640, CertificateState::Expiring(days(10))),
        ] {
            assert_eq!(of(lifetime).at(day(now)), state, "{lifetime} {now}");
        }
        for (now, problem) in [
            (-1, Some("the certificate begins in 24 hours, or the clock of the host is wrong")),
            (76, None),
            (77, Some("the certificate ends in 13 days")),
            (93, Some("the certificate ended 3 days ago")),
        ] {
            assert_eq!(of(90).problem(day(now)).as_deref(), problem, "{now}");
        }
    }
}
