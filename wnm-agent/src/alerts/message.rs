//! The messages of each protocol.

use std::time::Duration;

use serde_json::{Value, json};
use wnm_core::Timestamp;

use super::book::{Alert, Notification};
use super::condition::{ConditionKind, Severity};
use super::receivers::{Receiver, ReceiverKind, Target};

/// Most alerts in one message. The webhook of Alertmanager counts those that are left out.
const MOST_ALERTS: usize = 100;
/// Most alerts in a text for people.
const MOST_LINES: usize = 12;
/// Longest content of a message of Discord, in characters.
const DISCORD_LENGTH: usize = 2000;
/// Longest text of a message of Telegram, in characters.
const TELEGRAM_LENGTH: usize = 4096;
/// Time after which Alertmanager resolves an alert that is not repeated, as after the end of the daemon.
const ALERTMANAGER_END: Duration = Duration::from_secs(300);

/// A message to a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A POST request.
    Post(Post),
    /// A program and the text on its standard input.
    Command {
        /// The program with its arguments.
        words: Vec<String>,
        /// The text.
        input: String,
    },
}

/// A POST request to a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// The address.
    pub url: String,
    /// The headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

/// Returns the message that tells alerts of a host to a receiver.
#[must_use]
pub fn message(receiver: &Receiver, notification: &Notification, host: &str, now: Timestamp) -> Message {
    match &receiver.target {
        Target::Command(words) => {
            Message::Command { words: words.clone(), input: webhook(receiver, notification, host) }
        }
        Target::Chat(url, chat) => Message::Post(telegram(receiver, url.as_str(), chat, notification, host)),
        Target::Url(url) => Message::Post(post(receiver, url.as_str().to_owned(), notification, host, now)),
    }
}

/// Returns the request to the API of Telegram. The text has no markup, so that no name is read as one.
fn telegram(receiver: &Receiver, url: &str, chat: &str, notification: &Notification, host: &str) -> Post {
    let text: String = format!("{}\n{}", title(notification, host), lines(notification));
    let text: String = text.chars().take(TELEGRAM_LENGTH).collect();
    let token = receiver.token.as_deref().unwrap_or_default();
    Post {
        url: format!("{}/bot{token}/sendMessage", url.trim_end_matches('/')),
        headers: vec![("Content-Type", "application/json".to_owned())],
        body: json!({ "chat_id": chat, "text": text, "link_preview_options": { "is_disabled": true } }).to_string(),
    }
}

fn post(receiver: &Receiver, url: String, notification: &Notification, host: &str, now: Timestamp) -> Post {
    let mut headers = Vec::new();
    headers.extend(receiver.token.as_ref().map(|token| ("Authorization", format!("Bearer {token}"))));
    let is_json = receiver.kind != ReceiverKind::Ntfy;
    let kind = if is_json { "application/json" } else { "text/plain; charset=utf-8" };
    headers.push(("Content-Type", kind.to_owned()));
    match receiver.kind {
        ReceiverKind::Webhook | ReceiverKind::Telegram | ReceiverKind::Command => {
            Post { url, headers, body: webhook(receiver, notification, host) }
        }
        ReceiverKind::Discord => {
            let text = format!("**{}**\n{}", title(notification, host), lines(notification));
            let content: String = text.chars().take(DISCORD_LENGTH).collect();
            // Names of nodes and folders must not address members.
            Post { url, headers, body: json!({ "content": content, "allowed_mentions": { "parse": [] } }).to_string() }
        }
        ReceiverKind::Ntfy => {
            let is_urgent = notification.firing.iter().any(|alert| alert.kind.severity() == Severity::Critical);
            let tag = if notification.firing.is_empty() { "white_check_mark" } else { "warning" };
            // Headers are ASCII.
            let ascii = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
            headers.push(("Title", title(notification, host).chars().map(ascii).collect()));
            headers.push(("Priority", if is_urgent { "urgent" } else { "default" }.to_owned()));
            headers.push(("Tags", tag.to_owned()));
            Post { url, headers, body: lines(notification) }
        }
        ReceiverKind::Alertmanager => {
            let url = format!("{}/api/v2/alerts", url.trim_end_matches('/'));
            let all = notification.firing.iter().chain(&notification.resolved).take(MOST_ALERTS);
            let alerts: Vec<Value> = all.map(|alert| posted(alert, host, now)).collect();
            Post { url, headers, body: Value::Array(alerts).to_string() }
        }
    }
}

/// Returns a notification with one alert, for a test of receivers.
#[must_use]
pub fn test_notification(now: Timestamp) -> Notification {
    let alert = Alert {
        kind: ConditionKind::ConfigFile,
        subject: "test".to_owned(),
        text: "test of `wnm alert test`: no action is needed".to_owned(),
        since: now,
        fired: Some(now),
        resolved: None,
    };
    Notification { firing: vec![alert], resolved: Vec::new() }
}

fn title(notification: &Notification, host: &str) -> String {
    let (firing, resolved) = (notification.firing.len(), notification.resolved.len());
    let count = |count: usize| if count == 1 { "1 alert".to_owned() } else { format!("{count} alerts") };
    match (firing, resolved) {
        (0, resolved) => format!("wnm on {host}: {} resolved", count(resolved)),
        (firing, 0) => format!("wnm on {host}: {}", count(firing)),
        (firing, resolved) => format!("wnm on {host}: {}, {resolved} resolved", count(firing)),
    }
}

/// Returns a line for each alert, the urgent ones first.
fn lines(notification: &Notification) -> String {
    let mut firing: Vec<&Alert> = notification.firing.iter().collect();
    firing.sort_by_key(|alert| std::cmp::Reverse(alert.kind.severity()));
    let firing = firing.into_iter().map(|alert| format!("{}: {}", alert.kind.severity().word(), alert.text));
    let all: Vec<String> =
        firing.chain(notification.resolved.iter().map(|alert| format!("resolved: {}", alert.text))).collect();
    let mut text = all.iter().take(MOST_LINES).cloned().collect::<Vec<_>>().join("\n");
    if let Some(more) = all.len().checked_sub(MOST_LINES).filter(|more| *more > 0) {
        text.push_str(&format!("\nand {more} more: `wnm alert list`"));
    }
    text
}

/// Returns a time in RFC 3339.
fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis()).map_or_else(|_| String::new(), |at| at.to_string())
}

fn labels(alert: &Alert, host: &str) -> Value {
    let mut labels = json!({
        "alertname": format!("wnm_{}", alert.kind.word()),
        "host": host,
        "job": "wnm",
        "severity": alert.kind.severity().word(),
    });
    // Prometheus treats an empty label as none.
    if !alert.subject.is_empty() {
        labels["subject"] = alert.subject.clone().into();
    }
    labels
}

/// Returns the body of a webhook of Alertmanager, version 4.
fn webhook(receiver: &Receiver, notification: &Notification, host: &str) -> String {
    let alert = |alert: &Alert| {
        json!({
            "status": if alert.resolved.is_some() { "resolved" } else { "firing" },
            "labels": labels(alert, host),
            "annotations": { "summary": alert.text },
            "startsAt": time(alert.since),
            // The zero time of Go means that the alert lasts.
            "endsAt": alert.resolved.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), time),
            "generatorURL": "",
            "fingerprint": format!("{:016x}", fingerprint(&format!("{host}/{}", alert.key()))),
        })
    };
    let all = notification.firing.iter().chain(&notification.resolved);
    let left_out = all.clone().count().saturating_sub(MOST_ALERTS);
    let alerts: Vec<Value> = all.take(MOST_ALERTS).map(alert).collect();
    json!({
        "version": "4",
        "groupKey": format!("wnm/{host}"),
        "truncatedAlerts": left_out,
        "status": if notification.firing.is_empty() { "resolved" } else { "firing" },
        "receiver": receiver.name,
        "groupLabels": { "host": host },
        "commonLabels": { "host": host, "job": "wnm" },
        "commonAnnotations": {},
        "externalURL": "",
        "alerts": alerts,
    })
    .to_string()
}

/// Returns the FNV-1a hash of a text, which is the same on every machine.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Returns an alert for the API of Alertmanager.
fn posted(alert: &Alert, host: &str, now: Timestamp) -> Value {
    let end = alert.resolved.unwrap_or_else(|| now.after(ALERTMANAGER_END));
    json!({
        "labels": labels(alert, host),
        "annotations": { "summary": alert.text },
        "startsAt": time(alert.since),
        "endsAt": time(end),
    })
}

#[cfg(test)]
mod tests {
    use wnm_core::HttpUrl;

    use super::*;

    #[test]
    fn every_protocol_has_its_form() {
        let now = Timestamp::from_millis(1_795_000_000_000);
        let alert = |kind, subject: &str, text: &str, resolved| Alert {
            kind,
            subject: subject.to_owned(),
            text: text.to_owned(),
            since: now,
            fired: Some(now),
            resolved,
        };
        let down = "antnode0003 should run and does not";
        let firing = vec![
            alert(ConditionKind::SignalExceeded, "cpu", "cpu is 93 %, over its high threshold of 70 %", None),
            alert(ConditionKind::NodeDown, "antnode0003", down, None),
        ];
        let end = Some(now.after(Duration::from_secs(60)));
        let ended = alert(ConditionKind::CyclesFail, "", "the cycles of the daemon fail: database is locked", end);
        let mixed = Notification { firing, resolved: vec![ended.clone()] };
        let resolved = Notification { firing: Vec::new(), resolved: vec![ended] };
        let mut pages = Vec::new();
        for kind in [
            ReceiverKind::Webhook,
            ReceiverKind::Ntfy,
            ReceiverKind::Discord,
            ReceiverKind::Alertmanager,
            ReceiverKind::Telegram,
            ReceiverKind::Command,
        ] {
            let url = HttpUrl::new("https://example.org/base/").unwrap();
            let target = match kind {
                ReceiverKind::Telegram => Target::Chat(url, "-100".to_owned()),
                ReceiverKind::Command => Target::Command(vec!["/bin/notify".to_owned(), "--loud".to_owned()]),
                _ => Target::Url(url),
            };
            let token = [ReceiverKind::Ntfy, ReceiverKind::Telegram].contains(&kind).then(|| "secret".to_owned());
            let receiver = Receiver { name: "one".to_owned(), kind, target, token, severity: Severity::Warning };
            for notification in [&mixed, &resolved] {
                let (head, body) = match message(&receiver, notification, "hoest-ü", now) {
                    Message::Post(Post { url, headers, body }) => (format!("POST {url}\n{headers:?}"), body),
                    Message::Command { words, input } => (format!("run {words:?}"), input),
                };
                let body = serde_json::from_str::<Value>(&body)
                    .map_or(body, |value| serde_json::to_string_pretty(&value).unwrap());
                pages.push(format!("{head}\n\n{body}\n"));
            }
        }
        insta::assert_snapshot!(pages.join("\n"));
    }

    #[test]
    fn many_alerts_are_cut_to_the_limits_of_a_protocol() {
        let now = Timestamp::from_millis(1_795_000_000_000);
        let firing = (0..400)
            .map(|node| Alert {
                kind: ConditionKind::NodeDown,
                subject: format!("antnode{node:04}"),
                text: "ü".repeat(300),
                since: now,
                fired: Some(now),
                resolved: None,
            })
            .collect();
        let all = Notification { firing, resolved: Vec::new() };
        let of = |kind| {
            let url = HttpUrl::new("https://example.org").unwrap();
            let target =
                if kind == ReceiverKind::Telegram { Target::Chat(url, "1".to_owned()) } else { Target::Url(url) };
            let receiver = Receiver { name: "x".to_owned(), kind, target, token: None, severity: Severity::Warning };
            match message(&receiver, &all, "h", now) {
                Message::Post(post) => post.body,
                Message::Command { input, .. } => input,
            }
        };
        let telegram: Value = serde_json::from_str(&of(ReceiverKind::Telegram)).unwrap();
        assert!(telegram["text"].as_str().unwrap().chars().count() <= TELEGRAM_LENGTH);
        let discord: Value = serde_json::from_str(&of(ReceiverKind::Discord)).unwrap();
        assert_eq!(discord["content"].as_str().unwrap().chars().count(), DISCORD_LENGTH);
        let webhook: Value = serde_json::from_str(&of(ReceiverKind::Webhook)).unwrap();
        assert_eq!((&webhook["truncatedAlerts"], webhook["alerts"].as_array().unwrap().len()), (&json!(300), 100));
        assert!(of(ReceiverKind::Ntfy).ends_with("and 388 more: `wnm alert list`"));
    }
}
