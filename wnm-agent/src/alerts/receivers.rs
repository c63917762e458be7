//! The file of receivers. It contains secrets, so that only its owner may read it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wnm_core::{HttpUrl, Percent};

use super::book::Rhythm;
use super::condition::Severity;
use crate::private_file::{self, PrivateFileError};

/// Most receivers.
const MOST_RECEIVERS: usize = 20;

/// The protocol of a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiverKind {
    /// A POST request in the form of the webhooks of Alertmanager, version 4.
    Webhook,
    /// A topic of ntfy.
    Ntfy,
    /// A webhook of Discord.
    Discord,
    /// The API of Alertmanager, version 2.
    Alertmanager,
}

impl ReceiverKind {
    /// Returns the word in the file, such as `ntfy`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Ntfy => "ntfy",
            Self::Discord => "discord",
            Self::Alertmanager => "alertmanager",
        }
    }

    /// Returns the times of the messages: those of Alertmanager for people. Alertmanager itself groups and repeats, and
    /// resolves an alert that is not repeated for five minutes.
    #[must_use]
    pub const fn rhythm(self) -> Rhythm {
        let [wait, interval, repeat] = match self {
            Self::Webhook | Self::Ntfy | Self::Discord => [30, 300, 4 * 3600],
            Self::Alertmanager => [0, 5, 60],
        };
        let seconds = Duration::from_secs;
        Rhythm { wait: seconds(wait), interval: seconds(interval), repeat: seconds(repeat) }
    }
}

/// A receiver of alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// The name, unique in the file.
    pub name: String,
    /// The protocol.
    pub kind: ReceiverKind,
    /// The address. Its path may be a secret.
    pub url: HttpUrl,
    /// The Bearer token; None without one.
    pub token: Option<String>,
    /// The least severity of its alerts.
    pub severity: Severity,
}

/// The content of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Receivers {
    /// The receivers, in the order of the file.
    pub receivers: Vec<Receiver>,
    /// The share of failed probes above which the network counts as failing.
    pub probe_failures: Percent,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    probe_failures: Option<f64>,
    #[serde(default)]
    receiver: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    kind: ReceiverKind,
    url: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    severity: Option<Severity>,
}

impl Receivers {
    /// Reads the file.
    ///
    /// # Errors
    /// The file cannot be read, other users can read it, or it is not valid.
    pub fn read(path: &Path) -> Result<Self, PrivateFileError> {
        private_file::read(path, Self::parse)
    }

    /// Reads the text of a file.
    fn parse(text: &str) -> Result<Self, String> {
        let file: File = private_file::parse(text)?;
        let share = file.probe_failures.unwrap_or(50.0);
        let probe_failures = Percent::new(share).ok().filter(|share| share.get() <= 100.0);
        let probe_failures = probe_failures.ok_or("probe_failures is not between 0 and 100")?;
        if file.receiver.len() > MOST_RECEIVERS {
            return Err(format!("more than {MOST_RECEIVERS} receivers"));
        }
        let mut names = BTreeSet::new();
        let mut receivers = Vec::new();
        for (number, Entry { kind, url, name, token, severity }) in (1..).zip(file.receiver) {
            let name = name.unwrap_or_else(|| kind.word().to_owned());
            let is_word = |c: char| c.is_alphanumeric() || "-_.".contains(c);
            if name.is_empty() || name.chars().count() > 40 || !name.chars().all(is_word) {
                return Err(format!("receiver {number}: a name has 1 to 40 letters, digits, dots and hyphens"));
            }
            if !names.insert(name.clone()) {
                return Err(format!("receiver {number}: the name {name} is used twice"));
            }
            let url = HttpUrl::new(&url)
                .map_err(|_| format!("receiver {name}: the url is invalid: it begins with no http:// or https://"))?;
            if token.as_ref().is_some_and(|token| token.is_empty() || token.chars().any(|c| !c.is_ascii_graphic())) {
                return Err(format!("receiver {name}: the token is empty, or contains spaces"));
            }
            receivers.push(Receiver { name, kind, url, token, severity: severity.unwrap_or(Severity::Warning) });
        }
        Ok(Self { receivers, probe_failures })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn file_names_receivers_in_order() {
        let text = "probe_failures = 25\n[[receiver]]\nkind = 'ntfy'\nurl = 'https://ntfy.sh/x'\n\
                    [[receiver]]\nkind = 'webhook'\nname = 'pager'\nurl = 'http://127.0.0.1:1/a'\ntoken = 't'\nseverity = 'critical'\n";
        let found = Receivers::parse(text).unwrap();
        let names: Vec<_> = found.receivers.iter().map(|r| (r.name.as_str(), r.kind, r.severity)).collect();
        let expected =
            [("ntfy", ReceiverKind::Ntfy, Severity::Warning), ("pager", ReceiverKind::Webhook, Severity::Critical)];
        assert_eq!(names, expected);
        assert_eq!(found.probe_failures, Percent::new(25.0).unwrap());
        assert_eq!(Receivers::parse("").unwrap().receivers, []);
    }

    #[test]
    fn errors_name_the_place_and_no_secret() {
        let cases = [
            ("x = 1\n", "line 1: unknown field"),
            ("\n[[receiver]]\nkind = 'mail'\nurl = 'https://a/SECRET'\n", "line 3: unknown variant"),
            ("[[receiver]]\nkind = 'ntfy'\n", "missing field `url`"),
            ("[[receiver]]\nkind = 'ntfy'\nurl = 'SECRET'\n", "receiver ntfy: the url is invalid"),
            ("[[receiver]]\nkind = 'ntfy'\nurl = 'https://a'\ntoken = 'SECRET SECRET'\n", "receiver ntfy: the token"),
            ("[[receiver]]\nkind = 'ntfy'\nname = 'a b'\nurl = 'https://a'\n", "receiver 1: a name has"),
            ("[[receiver]]\nkind = 'ntfy'\nurl = 'https://a'\ntoken = \"SECRET\n", "line 4"),
            ("probe_failures = 101\n", "probe_failures is not between"),
            ("[[receiver]]\nkind='ntfy'\nurl='http://a'\n[[receiver]]\nkind='ntfy'\nurl='http://b'\n", "used twice"),
        ];
        for (text, cause) in cases {
            let error = Receivers::parse(text).unwrap_err();
            assert!(error.contains(cause), "{text:?}: {error}");
            assert!(!error.contains("SECRET"), "{error}");
        }
    }

    #[test]
    fn file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.toml");
        assert!(matches!(Receivers::read(&path), Err(PrivateFileError::Unreadable { .. })));
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Receivers::read(&path), Err(PrivateFileError::Open { mode: 0o640, .. })));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(Receivers::read(&path).unwrap().receivers.is_empty());
        std::fs::write(&path, "#".repeat(70_000)).unwrap();
        assert!(Receivers::read(&path).unwrap_err().to_string().ends_with("longer than 64 KiB"));
        assert!(matches!(Receivers::read(folder.path()), Err(PrivateFileError::Unreadable { .. })));
    }
}
