//! The alerts of a daemon and their receivers.

use std::time::Duration;

use serde::Serialize;
use wnm_agent::alerts::{Alert, HEARTBEAT, Receivers, Severity, Stored};
use wnm_core::Timestamp;

use super::page::Width;
use super::table::Table;
use super::{GREEN, RED, YELLOW, duration, styled};
use crate::json::Time;

/// The state of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum AlertState {
    /// The condition lasts, and has not lasted for long enough.
    Pending,
    /// The condition has lasted for long enough.
    Firing,
    /// The condition has ended, and a receiver does not know of it.
    Resolved,
}

/// An alert as JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AlertView {
    /// The kind of the condition.
    kind: &'static str,
    /// A node, a signal, a storage folder or a source of holds; null for the host.
    subject: Option<String>,
    /// The state.
    state: AlertState,
    /// The urgency.
    #[cfg_attr(test, schemars(extend("enum" = ["warning", "critical"])))]
    severity: &'static str,
    /// The condition in a sentence.
    text: String,
    /// The begin of the condition.
    since: Time,
    /// The end of the condition; null while it lasts.
    resolved_at: Option<Time>,
}

/// A receiver as JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ReceiverView {
    /// The name.
    name: String,
    /// The protocol.
    #[cfg_attr(test, schemars(extend("enum" = ["webhook", "ntfy", "discord", "alertmanager", "telegram", "command", "heartbeat"])))]
    kind: &'static str,
    /// Scheme and host of the address, whose path may be a secret; the path of a command.
    address: String,
    /// The least severity of its alerts.
    #[cfg_attr(test, schemars(extend("enum" = ["warning", "critical"])))]
    severity: &'static str,
    /// The latest message that it accepted; null without one.
    last_accepted_at: Option<Time>,
    /// The latest failure; null after an accepted message.
    error: Option<String>,
}

/// The alerts and their receivers as JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AlertsView {
    /// The alerts, the urgent ones first.
    alerts: Vec<AlertView>,
    /// The receivers, in the order of their file.
    receivers: Vec<ReceiverView>,
}

/// The result of a test message as JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct TestedView {
    /// The name of the receiver.
    pub(crate) name: String,
    /// The protocol.
    #[cfg_attr(test, schemars(extend("enum" = ["webhook", "ntfy", "discord", "alertmanager", "telegram", "command", "heartbeat"])))]
    pub(crate) kind: &'static str,
    /// Scheme and host of the address, or the path of a command.
    pub(crate) address: String,
    /// Why the receiver did not take the message; null when it did.
    pub(crate) error: Option<String>,
}

/// A receiver, or the heartbeat.
struct Row<'a> {
    name: &'a str,
    kind: &'static str,
    address: &'a str,
    severity: Severity,
}

/// Returns the receivers in the order of their file, and the heartbeat behind them.
fn rows(receivers: &Receivers) -> Vec<Row<'_>> {
    let all = receivers.receivers.iter().map(|receiver| Row {
        name: &receiver.name,
        kind: receiver.kind.word(),
        address: receiver.target.shown(),
        severity: receiver.severity,
    });
    let heartbeat = receivers.heartbeat.iter().map(|heartbeat| Row {
        name: HEARTBEAT,
        kind: HEARTBEAT,
        address: heartbeat.url.origin(),
        severity: Severity::Critical,
    });
    all.chain(heartbeat).collect()
}

fn state(alert: &Alert) -> AlertState {
    match alert {
        Alert { resolved: Some(_), .. } => AlertState::Resolved,
        Alert { fired: Some(_), .. } => AlertState::Firing,
        Alert { fired: None, resolved: None, .. } => AlertState::Pending,
    }
}

impl AlertsView {
    /// Returns the view of the stored alerts and the receivers of the file.
    pub(crate) fn of(stored: &Stored, receivers: &Receivers) -> Self {
        let mut alerts: Vec<&Alert> = stored.alerts.iter().collect();
        alerts.sort_by_key(|alert| (state(alert) != AlertState::Firing, std::cmp::Reverse(alert.kind.severity())));
        let view = |alert: &Alert| AlertView {
            kind: alert.kind.word(),
            subject: Some(alert.subject.clone()).filter(|subject| !subject.is_empty()),
            state: state(alert),
            severity: alert.kind.severity().word(),
            text: alert.text.clone(),
            since: alert.since.into(),
            resolved_at: alert.resolved.map(Time::from),
        };
        let receiver = |row: Row<'_>| {
            let known = stored.receivers.get(row.name);
            ReceiverView {
                name: row.name.to_owned(),
                kind: row.kind,
                address: row.address.to_owned(),
                severity: row.severity.word(),
                last_accepted_at: known.and_then(|known| known.last).map(Time::from),
                error: known.and_then(|known| known.problem.clone()),
            }
        };
        let receivers = rows(receivers).into_iter().map(receiver).collect();
        Self { alerts: alerts.into_iter().map(view).collect(), receivers }
    }
}

/// Returns the page of the alerts and receivers.
pub(crate) fn page(stored: &Stored, receivers: &Receivers, now: Timestamp, width: Width) -> String {
    let mut alerts: Vec<&Alert> = stored.alerts.iter().collect();
    alerts.sort_by_key(|alert| (state(alert) != AlertState::Firing, std::cmp::Reverse(alert.kind.severity())));
    let row = |alert: &&Alert| {
        let age = |at: Timestamp| duration(Duration::from_secs(now.since(at).as_secs()));
        let (word, at) = match state(alert) {
            AlertState::Firing if alert.kind.severity() == Severity::Critical => (styled(RED, "critical"), alert.since),
            AlertState::Firing => (styled(YELLOW, "warning"), alert.since),
            AlertState::Pending => ("pending".to_owned(), alert.since),
            AlertState::Resolved => (styled(GREEN, "resolved"), alert.resolved.unwrap_or(alert.since)),
        };
        vec![alert.text.clone(), age(at), word]
    };
    let mut text = if alerts.is_empty() {
        "no alerts\n".to_owned()
    } else {
        let rows = alerts.iter().map(row).collect();
        Table { header: &["ALERT", "FOR", "STATE"], right: &[1], optional: &[1], rows }.text(width)
    };
    let row = |row: Row<'_>| {
        let known = stored.receivers.get(row.name);
        let state = match known {
            Some(known) => match (&known.problem, known.last) {
                (Some(problem), _) => styled(RED, problem),
                (None, Some(at)) => format!("accepted a message {} ago", duration(now.since(at))),
                (None, None) => "no message yet".to_owned(),
            },
            None => "not used by a daemon yet".to_owned(),
        };
        vec![row.name.to_owned(), row.kind.to_owned(), row.address.to_owned(), state]
    };
    let rows: Vec<Vec<String>> = rows(receivers).into_iter().map(row).collect();
    text.push('\n');
    text.push_str(
        &Table { header: &["RECEIVER", "KIND", "ADDRESS", "STATE"], right: &[], optional: &[2, 1], rows }.text(width),
    );
    text
}

/// Returns the lines of a test.
pub(crate) fn tested(results: &[TestedView]) -> String {
    let line = |result: &TestedView| match &result.error {
        None => format!("{}  {} ({}) accepted the message\n", styled(GREEN, "ok     "), result.name, result.address),
        Some(error) => format!("{}  {} ({}): {error}\n", styled(RED, "error  "), result.name, result.address),
    };
    results.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use wnm_agent::alerts::{ConditionKind, Heartbeat, Receiver, ReceiverKind, ReceiverState, Target};
    use wnm_core::{HttpUrl, Percent};

    use super::*;
    use crate::render::tests::at_each_width;

    #[test]
    fn page_lists_alerts_and_receivers() {
        let now = Timestamp::from_secs(1_795_000_000);
        let alert = |kind, subject: &str, text: &str, minutes: u64, fired, resolved| Alert {
            kind,
            subject: subject.to_owned(),
            text: text.to_owned(),
            since: now.before(Duration::from_secs(minutes * 60)),
            fired,
            resolved,
        };
        let cpu = "cpu is 93 %, over its high threshold of 70 %";
        let alerts = vec![
            alert(ConditionKind::SignalExceeded, "cpu", cpu, 20, Some(now), None),
            alert(ConditionKind::NodeDown, "antnode0003", "antnode0003 should run and does not", 3, None, None),
            alert(ConditionKind::NodesSilent, "", "7 of 9 running nodes give no answer", 9, Some(now), None),
            alert(ConditionKind::CyclesFail, "", "the cycles of the daemon fail: x", 9, Some(now), Some(now)),
        ];
        let state = |problem: Option<&str>| ReceiverState {
            last: Some(now.before(Duration::from_secs(75))),
            problem: problem.map(str::to_owned),
        };
        let known = [("pager", state(None)), ("ntfy", state(Some("the server answered 429: slow down")))];
        let receivers = BTreeMap::from(known.map(|(name, state)| (name.to_owned(), state)));
        let stored = Stored { alerts, receivers };
        let url = HttpUrl::new("https://example.org/secret").unwrap();
        let receiver = |name: &str, kind| Receiver {
            name: name.to_owned(),
            kind,
            target: match kind {
                ReceiverKind::Command => Target::Command(vec!["/usr/bin/notify".to_owned(), "secret".to_owned()]),
                _ => Target::Url(url.clone()),
            },
            token: Some("secret".to_owned()),
            severity: Severity::Warning,
        };
        let all = Receivers {
            receivers: vec![
                receiver("pager", ReceiverKind::Webhook),
                receiver("ntfy", ReceiverKind::Ntfy),
                receiver("new", ReceiverKind::Command),
            ],
            probe_failures: Percent::new(50.0).unwrap(),
            heartbeat: Some(Heartbeat { url: url.clone(), every: Duration::from_secs(300) }),
        };
        let pages = at_each_width(|width| page(&stored, &all, now, width));
        let json = serde_json::to_string_pretty(&AlertsView::of(&stored, &all)).unwrap();
        assert!(!format!("{pages}{json}").contains("secret"));
        insta::assert_snapshot!(pages);
        let tested: Vec<TestedView> = [None, Some("no answer in time".to_owned())]
            .into_iter()
            .map(|error| TestedView {
                name: "pager".to_owned(),
                kind: "webhook",
                address: "https://example.org".to_owned(),
                error,
            })
            .collect();
        insta::assert_snapshot!(anstream::adapter::strip_str(&super::tested(&tested)), @r"
        ok       pager (https://example.org) accepted the message
        error    pager (https://example.org): no answer in time
        ");
    }
}
