//! The hold of the setting `hold_url`: a server that answers whether voluntary actions are held.
//!
//! The answer is a JSON document such as `{"hold": true, "reason": "move to another rack", "until":
//! "2026-12-01T06:00:00Z", "drain": false}`; all keys but `hold` are optional. Any other answer, and none, changes nothing:
//! the last state stays, and status, metrics and doctor name the problem. The last answer is stored beside the database,
//! so that it outlives a restart, and so that two processes together ask once a minute at most.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wnm_core::{Hold, HoldSource, HttpUrl, Settings, Timestamp};
use wnm_store::draft;

use super::super::{ReadHold, Reading};
use super::command::beside;
use super::file::{Content, read_bounded};
use super::one_line;
use crate::outbound::{self, OutboundError};

/// Least time between two requests.
pub const POLL_INTERVAL: Duration = Duration::from_secs(60);
/// Longest time of a request. Only the first cycle of a process waits for it.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest answer, in bytes.
const LONGEST_ANSWER: u64 = 16 << 10;

/// The document that the server answers with.
#[derive(Debug, Deserialize)]
struct Answer {
    hold: bool,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    until: Option<String>,
    #[serde(default)]
    drain: bool,
}

/// The last answer, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Polled {
    url: HttpUrl,
    /// The time of the last request.
    at: Timestamp,
    /// The hold of the last valid answer.
    hold: Option<Hold>,
    /// The problem of the last request; None for a valid answer.
    problem: Option<String>,
}

impl Polled {
    fn reading(&self) -> Reading {
        let problem = self.problem.as_ref().map(|problem| format!("{}: {problem}", self.url.origin()));
        Reading { hold: self.hold.clone(), problem }
    }

    /// Returns the state after a request.
    fn after(last: Option<&Self>, url: &HttpUrl, at: Timestamp, asked: Result<Option<Hold>, String>) -> Self {
        let known = last.filter(|last| last.url == *url).and_then(|last| last.hold.clone());
        let (hold, problem) = match asked {
            Ok(hold) => (hold, None),
            Err(problem) => (known, Some(problem)),
        };
        Self { url: url.clone(), at, hold, problem }
    }
}

fn load(path: &Path) -> Option<Polled> {
    match read_bounded(path).ok()? {
        Content::Text(text) => serde_json::from_str(&text).ok(),
        Content::Missing | Content::Unusual(_) => None,
    }
}

/// The last answer of the server, without a request.
#[derive(Debug)]
pub struct CachedUrl {
    path: PathBuf,
}

impl CachedUrl {
    /// Returns the last answer for the colony of a database.
    #[must_use]
    pub fn of(database: &Path) -> Self {
        Self { path: beside(database, ".hold-url") }
    }
}

impl ReadHold for CachedUrl {
    fn source(&self) -> HoldSource {
        HoldSource::Url
    }

    fn read(&mut self, settings: &Settings, _: Timestamp) -> Reading {
        let Some(url) = &settings.hold_url else { return Reading::default() };
        load(&self.path).filter(|polled| polled.url == *url).map_or_else(Reading::default, |polled| polled.reading())
    }
}

/// The result of a request: the hold of a valid answer, or the problem.
type Asked = Result<Option<Hold>, String>;

/// A hold by a server. A clone has the same answers and requests, for another thread.
#[derive(Debug, Clone)]
pub(super) struct UrlHold(Arc<Mutex<Poll>>);

#[derive(Debug)]
struct Poll {
    path: PathBuf,
    /// Whether the stored answer was read.
    is_loaded: bool,
    last: Option<Polled>,
    /// The request under way, with its address and its begin.
    asking: Option<(HttpUrl, Timestamp, Receiver<Asked>)>,
}

impl UrlHold {
    pub(super) fn new(database: &Path) -> Self {
        let path = beside(database, ".hold-url");
        Self(Arc::new(Mutex::new(Poll { path, is_loaded: false, last: None, asking: None })))
    }
}

impl Poll {
    /// Takes over the answer of the request under way, after a wait of at most `patience`.
    fn receive(&mut self, patience: Duration) {
        let Some((url, at, answers)) = self.asking.take() else { return };
        let asked = if patience.is_zero() {
            match answers.try_recv() {
                Ok(asked) => asked,
                Err(TryRecvError::Empty) => {
                    self.asking = Some((url, at, answers));
                    return;
                }
                Err(TryRecvError::Disconnected) => Err("the request ended without an answer".to_owned()),
            }
        } else {
            answers.recv_timeout(patience).unwrap_or_else(|_| Err("no answer in time".to_owned()))
        };
        let polled = Polled::after(self.last.as_ref(), &url, at, asked);
        // Without the file the next process asks again: no reason to stop this one.
        if let Ok(text) = serde_json::to_vec(&polled) {
            _ = draft::replace(&self.path, &text);
        }
        self.last = Some(polled);
    }

    fn read(&mut self, settings: &Settings, wall: Timestamp) -> Reading {
        let Some(url) = &settings.hold_url else {
            if self.last.take().is_some() {
                _ = std::fs::remove_file(&self.path);
            }
            (self.asking, self.is_loaded) = (None, false);
            return Reading::default();
        };
        let is_first = !self.is_loaded;
        if is_first {
            (self.is_loaded, self.last) = (true, load(&self.path));
        }
        self.receive(Duration::ZERO);
        if self.is_due(url, wall) {
            self.asking = start(url, settings.ca_file.as_deref()).map(|answers| (url.clone(), wall, answers));
            if is_first {
                self.receive(TIMEOUT + Duration::from_secs(1));
            }
        }
        self.last.as_ref().filter(|last| last.url == *url).map_or_else(Reading::default, Polled::reading)
    }

    fn is_due(&self, url: &HttpUrl, wall: Timestamp) -> bool {
        self.asking.is_none()
            && self.last.as_ref().is_none_or(|last| {
                // A clock that was set back must not delay the next request.
                last.url != *url || wall.since(last.at) >= POLL_INTERVAL || last.at > wall
            })
    }
}

impl ReadHold for UrlHold {
    fn source(&self) -> HoldSource {
        HoldSource::Url
    }

    fn read(&mut self, settings: &Settings, wall: Timestamp) -> Reading {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).read(settings, wall)
    }
}

/// Asks the server on a thread that ends with its answer; None if the host has no thread left.
fn start(url: &HttpUrl, authorities: Option<&Path>) -> Option<Receiver<Asked>> {
    let (answer, answers) = channel();
    let (url, authorities) = (url.clone(), authorities.map(Path::to_owned));
    let ask = move || _ = answer.send(ask(&url, authorities.as_deref()).map_err(|error| error.to_string()));
    std::thread::Builder::new().name("wnm-hold".to_owned()).spawn(ask).ok()?;
    Some(answers)
}

fn ask(url: &HttpUrl, authorities: Option<&Path>) -> Result<Option<Hold>, OutboundError> {
    let client = outbound::client(TIMEOUT, authorities)?;
    let answer = outbound::get(&client, url.as_str(), LONGEST_ANSWER)?;
    let Answer { hold, reason, until, drain } =
        serde_json::from_slice(&answer).map_err(|error| OutboundError::Answer(error.to_string()))?;
    let unreadable = |text: String| OutboundError::Answer(format!("until is {text:?}"));
    let until = until.map(|text| moment(&text).ok_or_else(|| unreadable(text))).transpose()?;
    Ok(hold.then(|| Hold { source: HoldSource::Url, reason: one_line(&reason), since: None, until, drain }))
}

/// Reads a time in the format of RFC 3339. The last days of the year 9999, which stand for no end, are beyond the range
/// of jiff with its time zones.
fn moment(text: &str) -> Option<Timestamp> {
    let of_last_days = |date: jiff::civil::Date| (date.year() == 9999).then_some(jiff::Timestamp::MAX);
    let at = text.parse().ok().or_else(|| of_last_days(text.get(..10)?.parse().ok()?))?;
    Some(Timestamp::from_millis(at.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_days_of_the_calendar_are_moments() {
        let last = jiff::Timestamp::MAX.as_millisecond();
        for (text, millis) in [
            ("2026-06-01T00:00:00Z", Some(1_780_272_000_000)),
            ("2026-06-01T02:00:00+02:00", Some(1_780_272_000_000)),
            ("9999-12-31T23:59:59Z", Some(last)),
            ("9999-12-31", Some(last)),
            ("9998-12-31", None),
            ("10000-01-01T00:00:00Z", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(moment(text), millis.map(Timestamp::from_millis), "{text}");
        }
    }
}
