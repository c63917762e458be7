//! The file of receivers. It contains secrets, so that only its owner may read it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wnm_core::{HttpUrl, Percent};

use super::book::Rhythm;
use super::condition::Severity;
use super::heartbeat::{EVERY, HEARTBEAT, Heartbeat};
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
    /// A chat with a bot of Telegram.
    Telegram,
    /// A program that gets the body of the webhook on standard input.
    Command,
}

/// The API of the bots of Telegram.
const TELEGRAM: &str = "https://api.telegram.org";

impl ReceiverKind {
    /// Returns the word in the file, such as `ntfy`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Ntfy => "ntfy",
            Self::Discord => "discord",
            Self::Alertmanager => "alertmanager",
            Self::Telegram => "telegram",
            Self::Command => "command",
        }
    }

    /// Returns the times of the messages: those of Alertmanager for people. Alertmanager itself groups and repeats, and
    /// resolves an alert that is not repeated for five minutes.
    #[must_use]
    pub const fn rhythm(self) -> Rhythm {
        let [wait, interval, repeat] = match self {
            Self::Webhook | Self::Ntfy | Self::Discord | Self::Telegram | Self::Command => [30, 300, 4 * 3600],
            Self::Alertmanager => [0, 5, 60],
        };
        let seconds = Duration::from_secs;
        Rhythm { wait: seconds(wait), interval: seconds(interval), repeat: seconds(repeat) }
    }
}

/// The place that messages go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An address. Its path may be a secret.
    Url(HttpUrl),
    /// A chat of Telegram: the address of the API, and the chat.
    Chat(HttpUrl, String),
    /// A program with its arguments.
    Command(Vec<String>),
}

impl Target {
    /// Returns the place without secrets: scheme and host of an address, or the path of a program.
    #[must_use]
    pub fn shown(&self) -> &str {
        match self {
            Self::Url(url) | Self::Chat(url, _) => url.origin(),
            Self::Command(words) => words.first().map_or("", String::as_str),
        }
    }
}

/// A receiver of alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// The name, unique in the file.
    pub name: String,
    /// The protocol.
    pub kind: ReceiverKind,
    /// The place that messages go to.
    pub target: Target,
    /// The Bearer token, or the token of a bot; None without one.
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
    /// The heartbeat; None without one.
    pub heartbeat: Option<Heartbeat>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    probe_failures: Option<f64>,
    #[serde(default)]
    heartbeat: Option<String>,
    #[serde(default)]
    heartbeat_every: Option<u64>,
    #[serde(default)]
    receiver: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    kind: ReceiverKind,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    chat: Option<Chat>,
    #[serde(default)]
    command: Option<Vec<String>>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    severity: Option<Severity>,
}

/// A chat of Telegram: its number, or its public name.
#[derive(Deserialize)]
#[serde(untagged)]
enum Chat {
    Number(i64),
    Name(String),
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
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let file: File = private_file::parse(text)?;
        let share = file.probe_failures.unwrap_or(50.0);
        let probe_failures = Percent::new(share).ok().filter(|share| share.get() <= 100.0);
        let probe_failures = probe_failures.ok_or("probe_failures is not between 0 and 100")?;
        if file.receiver.len() > MOST_RECEIVERS {
            return Err(format!("more than {MOST_RECEIVERS} receivers"));
        }
        let mut names = BTreeSet::new();
        let mut receivers = Vec::new();
        for (number, mut entry) in (1..).zip(file.receiver) {
            let kind = entry.kind;
            let name = entry.name.take().unwrap_or_else(|| kind.word().to_owned());
            let is_word = |c: char| c.is_alphanumeric() || "-_.".contains(c);
            if name.is_empty() || name.chars().count() > 40 || !name.chars().all(is_word) {
                return Err(format!("receiver {number}: a name has 1 to 40 letters, digits, dots and hyphens"));
            }
            if name == HEARTBEAT || !names.insert(name.clone()) {
                return Err(format!("receiver {number}: the name {name} is used twice"));
            }
            let target = entry.target().map_err(|cause| format!("receiver {name}: {cause}"))?;
            let Entry { token, severity, .. } = entry;
            receivers.push(Receiver { name, kind, target, token, severity: severity.unwrap_or(Severity::Warning) });
        }
        Ok(Self { receivers, probe_failures, heartbeat: heartbeat(file.heartbeat, file.heartbeat_every)? })
    }
}

fn heartbeat(url: Option<String>, every: Option<u64>) -> Result<Option<Heartbeat>, String> {
    let Some(url) = url else {
        return if every.is_some() { Err("heartbeat_every without heartbeat".to_owned()) } else { Ok(None) };
    };
    let url = address(&url).map_err(|_| "heartbeat is no address that begins with http:// or https://")?;
    let every = every.map_or(EVERY, Duration::from_secs);
    if (30..=3600).contains(&every.as_secs()) {
        Ok(Some(Heartbeat { url, every }))
    } else {
        Err("heartbeat_every is not between 30 and 3600 seconds".to_owned())
    }
}

fn address(text: &str) -> Result<HttpUrl, &'static str> {
    HttpUrl::new(text).map_err(|_| "the url is invalid: it begins with no http:// or https://")
}

impl Entry {
    /// Returns the place that messages go to, from the keys that belong to the kind.
    fn target(&mut self) -> Result<Target, &'static str> {
        let is_wrong = |token: &String| token.is_empty() || token.chars().any(|c| !c.is_ascii_graphic());
        if self.token.as_ref().is_some_and(is_wrong) {
            return Err("the token is empty, or contains spaces or characters beyond ASCII");
        }
        match (self.kind, self.url.take(), self.chat.take(), self.command.take()) {
            (ReceiverKind::Command, None, None, Some(words)) => {
                let is_path = words.first().is_some_and(|program| PathBuf::from(program).is_absolute());
                if self.token.is_some() {
                    Err("a command has no token")
                } else if is_path && words.iter().all(|word| !word.contains('\0')) {
                    Ok(Target::Command(words))
                } else {
                    Err("the command is no list that begins with the absolute path of a program")
                }
            }
            (ReceiverKind::Command, ..) => Err("a command has the key command, and neither url nor chat"),
            (_, _, _, Some(_)) => Err("only a receiver of the kind command has the key command"),
            (ReceiverKind::Telegram, url, Some(chat), None) => {
                // The token is a part of the address.
                let is_token = |token: &String| token.chars().all(|c| c.is_ascii_alphanumeric() || ":_-".contains(c));
                if !self.token.as_ref().is_some_and(is_token) {
                    return Err("the token of the bot is missing, or has other characters than a token of Telegram");
                }
                let chat = match chat {
                    Chat::Number(number) => number.to_string(),
                    Chat::Name(name) => name,
                };
                Ok(Target::Chat(address(url.as_deref().unwrap_or(TELEGRAM))?, chat))
            }
            (ReceiverKind::Telegram, ..) => Err("the chat is missing"),
            (_, _, Some(_), _) => Err("only a receiver of the kind telegram has the key chat"),
            (_, Some(url), ..) => Ok(Target::Url(address(&url)?)),
            (_, None, ..) => Err("the url is missing"),
        }
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
    fn each_kind_has_its_keys() {
        let text = "heartbeat = 'https://hc-ping.com/x'\nheartbeat_every = 60\n\
                    [[receiver]]\nkind = 'telegram'\ntoken = '1:a_b'\nchat = -100\n\
                    [[receiver]]\nkind = 'telegram'\nname = 'b'\ntoken = '1:a'\nchat = '@c'\nurl = 'http://127.0.0.1:1'\n\
                    [[receiver]]\nkind = 'command'\ncommand = ['/bin/notify', '--loud']\n";
        let found = Receivers::parse(text).unwrap();
        let url = |text| HttpUrl::new(text).unwrap();
        let targets: Vec<Target> = found.receivers.into_iter().map(|receiver| receiver.target).collect();
        assert_eq!(
            targets,
            [
                Target::Chat(url(TELEGRAM), "-100".to_owned()),
                Target::Chat(url("http://127.0.0.1:1"), "@c".to_owned()),
                Target::Command(vec!["/bin/notify".to_owned(), "--loud".to_owned()]),
            ]
        );
        assert_eq!(
            targets.iter().map(Target::shown).collect::<Vec<_>>(),
            [TELEGRAM, "http://127.0.0.1:1", "/bin/notify"]
        );
        let every = Duration::from_secs(60);
        assert_eq!(found.heartbeat, Some(Heartbeat { url: url("https://hc-ping.com/x"), every }));
    }

    #[test]
    fn errors_name_the_place_and_no_secret() {
        let cases = [
            ("x = 1\n", "line 1: unknown field"),
            ("\n[[receiver]]\nkind = 'mail'\nurl = 'https://a/SECRET'\n", "line 3: unknown variant"),
            ("[[receiver]]\nkind = 'ntfy'\n", "receiver ntfy: the url is missing"),
            ("[[receiver]]\nkind = 'ntfy'\nurl = 'SECRET'\n", "receiver ntfy: the url is invalid"),
            ("[[receiver]]\nkind = 'ntfy'\nurl = 'https://a'\ntoken = 'SECRET SECRET'\n", "receiver ntfy: the token"),
            ("[[receiver]]\nkind = 'ntfy'\nname = 'a b'\nurl = 'https://a'\n", "receiver 1: a name has"),
            ("[[receiver]]\nkind = 'ntfy'\nurl = 'https://a'\ntoken = \"SECRET\n", "line 4"),
            ("[[receiver]]\nkind = 'ntfy'\nurl = 'https://a'\nchat = 3\n", "only a receiver of the kind telegram"),
            (
                "[[receiver]]\nkind = 'ntfy'\nurl = 'https://a'\ncommand = ['/a']\n",
                "only a receiver of the kind command",
            ),
            ("[[receiver]]\nkind = 'telegram'\ntoken = 'SECRET'\n", "receiver telegram: the chat is missing"),
            ("[[receiver]]\nkind = 'telegram'\nchat = 3\n", "the token of the bot is missing"),
            ("[[receiver]]\nkind = 'telegram'\nchat = 3\ntoken = 'SECRET/..'\n", "the token of the bot is missing"),
            ("[[receiver]]\nkind = 'command'\n", "a command has the key command"),
            ("[[receiver]]\nkind = 'command'\ncommand = ['notify']\n", "begins with the absolute path"),
            ("[[receiver]]\nkind = 'command'\ncommand = []\n", "begins with the absolute path"),
            ("[[receiver]]\nkind = 'webhook'\nname = 'heartbeat'\nurl = 'https://a'\n", "used twice"),
            ("heartbeat = 'ftp://SECRET'\n", "heartbeat is no address"),
            ("heartbeat = 'http://a'\nheartbeat_every = 5\n", "heartbeat_every is not between"),
            ("heartbeat_every = 60\n", "heartbeat_every without heartbeat"),
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
