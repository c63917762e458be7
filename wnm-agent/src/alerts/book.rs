//! The alerts of a colony, and the knowledge of each receiver: a pure state machine.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wnm_core::Timestamp;

use super::condition::{Condition, ConditionKind, Severity};

/// Longest time for which a resolved alert waits for a receiver that is away.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// Wait after the first failure of a receiver. It doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_secs(10);
/// Longest wait after a failure, also where a receiver asks for more.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);
/// Doublings of the wait after failures: up to 10 min 40 s.
const MOST_DOUBLINGS: u32 = 6;

/// A condition that lasts, lasted, or may become an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its kind.
    pub kind: ConditionKind,
    /// Its subject; empty for the host.
    pub subject: String,
    /// The latest sentence of the condition.
    pub text: String,
    /// The begin of the condition.
    pub since: Timestamp,
    /// The time at which it had lasted for long enough; None before.
    pub fired: Option<Timestamp>,
    /// The end of the condition; None while it lasts.
    pub resolved: Option<Timestamp>,
}

impl Alert {
    /// Returns whether the condition lasts, and has lasted for long enough.
    #[must_use]
    pub const fn is_firing(&self) -> bool {
        self.fired.is_some() && self.resolved.is_none()
    }

    /// Returns the identity of the alert on this host, such as `node_down/antnode0003`.
    #[must_use]
    pub fn key(&self) -> String {
        key(self.kind, &self.subject)
    }
}

fn key(kind: ConditionKind, subject: &str) -> String {
    format!("{}/{subject}", kind.word())
}

/// The part of the conditions that an update contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All conditions.
    All,
    /// The conditions of the daemon itself; those of nodes and host are unknown before the first cycle.
    Daemon,
}

/// The times of the messages to a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rhythm {
    /// Wait for further alerts before the first message.
    pub wait: Duration,
    /// Least time between two messages.
    pub interval: Duration,
    /// Time after which alerts that last are told again.
    pub repeat: Duration,
}

/// The alerts that one message tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notification {
    /// The alerts that last.
    pub firing: Vec<Alert>,
    /// The alerts that ended since the last message.
    pub resolved: Vec<Alert>,
}

/// The messages to a receiver, and its answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    /// The alerts that the receiver knows to last, with the time of the latest message about each.
    firing: BTreeMap<String, Timestamp>,
    /// The latest message that the receiver accepted.
    pub(super) last: Option<Timestamp>,
    /// Failures since the last accepted message.
    failures: u32,
    /// The time before which no message is sent, after a failure.
    pause: Option<Timestamp>,
    /// The latest failure; None after an accepted message.
    pub(super) problem: Option<String>,
}

/// All alerts, and the knowledge of each receiver.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    alerts: Vec<Alert>,
    pub(super) told: BTreeMap<String, Told>,
}

impl Book {
    /// Returns all alerts: those that last, and resolved ones that a receiver does not know of.
    #[must_use]
    pub fn alerts(&self) -> &[Alert] {
        &self.alerts
    }

    /// Takes over the conditions at a time of the wall clock.
    pub fn update(&mut self, now: Timestamp, conditions: &[Condition], extent: Extent) {
        let present: BTreeSet<String> =
            conditions.iter().map(|condition| key(condition.kind, &condition.subject)).collect();
        for alert in &mut self.alerts {
            let is_known = extent == Extent::All || alert.kind.is_of_daemon();
            if is_known && alert.resolved.is_none() && !present.contains(&alert.key()) {
                alert.resolved = Some(now);
            }
        }
        for Condition { kind, subject, text } in conditions {
            let of = key(*kind, subject);
            let known = self.alerts.iter_mut().find(|alert| alert.resolved.is_none() && alert.key() == of);
            let alert = match known {
                Some(alert) => alert,
                None => {
                    // The earlier alert of this condition is superseded: a receiver that knows it learns of the new one.
                    self.alerts.retain(|alert| alert.key() != of || alert.is_firing());
                    self.alerts.push(Alert {
                        kind: *kind,
                        subject: subject.clone(),
                        text: String::new(),
                        since: now,
                        fired: None,
                        resolved: None,
                    });
                    let Some(alert) = self.alerts.last_mut() else { continue };
                    alert
                }
            };
            alert.text.clone_from(text);
            // A clock that was set back must not delay the alert for ever.
            alert.since = alert.since.min(now);
            if alert.fired.is_none() && now.since(alert.since) >= kind.lasts() {
                alert.fired = Some(now);
            }
        }
        self.forget(now);
    }

    /// Drops alerts that ended before they fired, and resolved ones that every receiver knows of.
    fn forget(&mut self, now: Timestamp) {
        let told = &self.told;
        self.alerts.retain(|alert| match (alert.fired, alert.resolved) {
            (_, None) => true,
            (None, Some(_)) => told.values().any(|told| told.firing.contains_key(&alert.key())),
            (Some(_), Some(resolved)) => {
                now.since(resolved) < KEPT && told.values().any(|told| told.firing.contains_key(&alert.key()))
            }
        });
    }

    /// Keeps the receivers of these names, and forgets all others.
    pub fn set_receivers<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        let names: BTreeSet<&str> = names.collect();
        self.told.retain(|name, _| names.contains(name.as_str()));
        for name in names {
            self.told.entry(name.to_owned()).or_default();
        }
    }

    /// Returns the message that is due for a receiver, with alerts of at least this severity; None without one.
    #[must_use]
    pub fn due(&self, receiver: &str, least: Severity, rhythm: Rhythm, now: Timestamp) -> Option<Notification> {
        let told = self.told.get(receiver)?;
        // A time that is far in the future is that of a clock which was set back.
        let waits = |until: Timestamp| until > now && until.since(now) <= LONGEST_WAIT;
        if told.pause.is_some_and(waits) || told.last.is_some_and(|last| waits(last.after(rhythm.interval))) {
            return None;
        }
        let counts = |alert: &&Alert| alert.kind.severity() >= least;
        let firing: Vec<&Alert> = self.alerts.iter().filter(|alert| alert.is_firing()).filter(counts).collect();
        let is_fresh = |alert: &&&Alert| !told.firing.contains_key(&alert.key());
        let fresh = firing.iter().filter(is_fresh).filter_map(|alert| alert.fired).min();
        let is_repeated = |alert: &&Alert| {
            told.firing.get(&alert.key()).is_some_and(|at| *at > now || now.since(*at) >= rhythm.repeat)
        };
        let ended = |alert: &&Alert| {
            let is_superseded = firing.iter().any(|other| other.key() == alert.key());
            alert.resolved.is_some() && told.firing.contains_key(&alert.key()) && !is_superseded
        };
        let resolved: Vec<Alert> = self.alerts.iter().filter(ended).cloned().collect();
        let is_due = fresh.is_some_and(|fired| fired > now || now.since(fired) >= rhythm.wait)
            || !resolved.is_empty()
            || firing.iter().any(is_repeated);
        is_due.then(|| Notification { firing: firing.into_iter().cloned().collect(), resolved })
    }

    /// Records that a receiver accepted a message.
    pub fn accepted(&mut self, receiver: &str, notification: &Notification, now: Timestamp) {
        let Some(told) = self.told.get_mut(receiver) else { return };
        for alert in &notification.resolved {
            told.firing.remove(&alert.key());
        }
        for alert in &notification.firing {
            told.firing.insert(alert.key(), now);
        }
        (told.last, told.failures, told.pause, told.problem) = (Some(now), 0, None, None);
        self.forget(now);
    }

    /// Records that a message failed. The next attempt waits longer after each failure, and at least for the time that
    /// the receiver asks for.
    pub fn failed(&mut self, receiver: &str, problem: String, retry_after: Option<Duration>, now: Timestamp) {
        let Some(told) = self.told.get_mut(receiver) else { return };
        let wait = FIRST_WAIT * 2_u32.pow(told.failures.min(MOST_DOUBLINGS));
        told.failures = told.failures.saturating_add(1);
        told.pause = Some(now.after(wait.max(retry_after.unwrap_or_default()).min(LONGEST_WAIT)));
        told.problem = Some(problem);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Rhythm = Rhythm {
        wait: Duration::from_secs(30),
        interval: Duration::from_secs(300),
        repeat: Duration::from_secs(4 * 3600),
    };

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_795_000_000_000).after(Duration::from_secs(seconds))
    }

    fn down(node: u32) -> Condition {
        let subject = format!("antnode{node:04}");
        Condition { kind: ConditionKind::NodeDown, text: format!("{subject} should run and does not"), subject }
    }

    fn book() -> Book {
        let mut book = Book::default();
        book.set_receivers(["r"].into_iter());
        book
    }

    /// Updates the book every 5 s, and returns the messages that a receiver accepted: time, firing, resolved.
    fn messages(
        book: &mut Book,
        from: u64,
        to: u64,
        conditions: impl Fn(u64) -> Vec<Condition>,
    ) -> Vec<(u64, usize, usize)> {
        let mut sent = Vec::new();
        for second in (from..=to).step_by(5) {
            book.update(at(second), &conditions(second), Extent::All);
            if let Some(notification) = book.due("r", Severity::Warning, CALM, at(second)) {
                sent.push((second, notification.firing.len(), notification.resolved.len()));
                book.accepted("r", &notification, at(second));
            }
        }
        sent
    }

    #[test]
    fn condition_is_told_once_after_its_time_and_once_at_its_end() {
        let mut book = book();
        let sent = messages(&mut book, 0, 3600, |second| if second < 2000 { vec![down(1)] } else { vec![] });
        // 15 minutes and the wait for others; then the end.
        assert_eq!(sent, [(930, 1, 0), (2000, 0, 1)]);
        assert_eq!(book.alerts(), []);
    }

    #[test]
    fn short_condition_is_no_alert_and_a_flapping_one_starts_anew() {
        let mut book = book();
        assert_eq!(messages(&mut book, 0, 7200, |second| if second % 800 < 700 { vec![down(1)] } else { vec![] }), []);
    }

    #[test]
    fn alerts_that_begin_together_are_one_message_and_later_ones_wait() {
        let mut book = book();
        let sent = messages(&mut book, 0, 2000, |second| {
            let nodes = if second >= 60 {
                3
            } else if second >= 20 {
                2
            } else {
                1
            };
            (1..=nodes).map(down).collect()
        });
        // The third node fires at 960, within the least time between two messages.
        assert_eq!(sent, [(930, 2, 0), (1230, 3, 0)]);
    }

    #[test]
    fn lasting_alert_is_repeated_every_four_hours() {
        let mut book = book();
        let sent = messages(&mut book, 0, 9 * 3600, |_| vec![down(1)]);
        assert_eq!(sent.iter().map(|(second, ..)| *second).collect::<Vec<_>>(), [930, 15_330, 29_730]);
    }

    #[test]
    fn receiver_that_was_away_gets_the_present_state() {
        let mut book = book();
        let mut tries = Vec::new();
        for second in (0..=5400).step_by(5) {
            let conditions = if second < 3000 { vec![down(1)] } else { vec![down(2)] };
            book.update(at(second), &conditions, Extent::All);
            if book.due("r", Severity::Warning, CALM, at(second)).is_some() {
                tries.push(second);
                book.failed("r", "no answer in time".to_owned(), None, at(second));
            }
        }
        assert_eq!(tries[..6], [930, 940, 960, 1000, 1080, 1240]);
        assert!(tries.windows(2).all(|pair| pair[1] - pair[0] <= 645 || pair[0] < 3900), "{tries:?}");
        // The first node recovered before the receiver heard of it.
        let [Alert { subject, .. }] = book.alerts() else { panic!("{:?}", book.alerts()) };
        assert_eq!(subject, "antnode0002");
        book.failed("r", "429".to_owned(), Some(Duration::from_secs(1800)), at(5400));
        assert_eq!(book.due("r", Severity::Warning, CALM, at(5400 + 1795)), None);
        assert!(book.due("r", Severity::Warning, CALM, at(5400 + 1800)).is_some());
        // A receiver cannot silence alerts for days.
        book.failed("r", "429".to_owned(), Some(Duration::from_secs(86_400)), at(8000));
        assert!(book.due("r", Severity::Warning, CALM, at(8000 + 3600)).is_some());
    }

    #[test]
    fn restart_of_the_daemon_neither_repeats_nor_resolves() {
        let mut book = book();
        assert_eq!(messages(&mut book, 0, 1000, |_| vec![down(1)]).len(), 1);
        let mut book: Book = serde_json::from_str(&serde_json::to_string(&book).unwrap()).unwrap();
        // Before its first cycle the daemon knows nothing of nodes.
        book.update(at(1005), &[], Extent::Daemon);
        assert!(book.alerts()[0].is_firing());
        assert_eq!(messages(&mut book, 1010, 2000, |_| vec![down(1)]), []);
        assert_eq!(messages(&mut book, 2005, 2100, |_| vec![]), [(2005, 0, 1)]);
    }

    #[test]
    fn severity_and_clock_changes() {
        let mut book = book();
        let signal = Condition { kind: ConditionKind::SignalExceeded, subject: "cpu".to_owned(), text: "x".to_owned() };
        for second in [0, 900, 1000] {
            book.update(at(second), std::slice::from_ref(&signal), Extent::All);
        }
        assert_eq!(book.due("r", Severity::Critical, CALM, at(1000)), None);
        let notification = book.due("r", Severity::Warning, CALM, at(1000)).unwrap();
        book.accepted("r", &notification, at(1000));
        assert_eq!(book.due("other", Severity::Warning, CALM, at(1000)), None);
        // The clock is set back by a year: the end is told nevertheless.
        let back = at(0).before(Duration::from_secs(365 * 86_400));
        book.update(back, &[], Extent::All);
        assert_eq!(book.due("r", Severity::Warning, CALM, back).unwrap().resolved.len(), 1);
    }
}
