//! The service of a daemon that tells alerts to receivers.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver as Results, Sender, channel};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wnm_core::Timestamp;
use wnm_core::probe::ProbeRun;
use wnm_store::draft;

use super::book::{Alert, Book, Extent, Notification};
use super::command::{self, CommandError};
use super::condition::{Severity, conditions};
use super::heartbeat::{Beat, HEARTBEAT, Heartbeat, Pulse};
use super::message::{Message, message};
use super::receivers::{Receiver, Receivers};
use crate::live::{AlertSummary, Live};
use crate::outbound::{self, OutboundError};
use crate::private_file::{self, FileState};
use crate::valves::host::beside;

/// Longest time of a request. Each receiver has a thread of its own while it is asked.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Longest answer of the server of a heartbeat, in bytes.
const LONGEST_ANSWER: u64 = 64 << 10;
/// The age up to which runs of probes count.
const PROBES_COUNTED: Duration = Duration::from_secs(60 * 60);
/// Fewest runs from which a share is judged.
const FEWEST_PROBES: usize = 5;
/// Most runs that are remembered: those of all ceilings in an hour.
const MOST_PROBES: usize = 720;

/// The end of a request: the receiver, the notification, and its failure.
type Answer = (String, Notification, Result<(), SendError>);

/// A message was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The request failed.
    #[error(transparent)]
    Request(#[from] OutboundError),
    /// The command failed.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// The alerts of a daemon and their receivers.
#[derive(Debug)]
pub struct AlertService {
    state: PathBuf,
    host: String,
    book: Book,
    /// The book as it is stored.
    stored: Option<Book>,
    /// The file of receivers, and its state at the last reading.
    file: Option<(PathBuf, Option<FileState>)>,
    receivers: Option<Receivers>,
    problem: Option<String>,
    pulse: Pulse,
    /// The receivers that are being asked.
    asking: BTreeMap<String, Timestamp>,
    answer: Sender<Answer>,
    answers: Results<Answer>,
    /// The ended runs of probes of the last hour: end, and whether the network failed.
    probes: VecDeque<(Timestamp, bool)>,
}

impl AlertService {
    /// Returns the service for the colony of a database. It reads the alerts of the daemon before.
    #[must_use]
    pub fn new(database: &Path) -> Self {
        let state = beside(database, ".alerts");
        let book = load(&state).unwrap_or_default();
        let (answer, answers) = channel();
        Self {
            state,
            host: host_name(),
            stored: Some(book.clone()),
            book,
            file: None,
            receivers: None,
            problem: None,
            pulse: Pulse::default(),
            asking: BTreeMap::new(),
            answer,
            answers,
            probes: VecDeque::new(),
        }
    }

    /// Remembers runs of probes that ended.
    pub fn count_probes(&mut self, runs: &[ProbeRun]) {
        for run in runs {
            self.probes.push_back((run.started.after(run.took), run.outcome.is_network_failure()));
        }
        let surplus = self.probes.len().saturating_sub(MOST_PROBES);
        self.probes.drain(..surplus);
    }

    /// Takes over the live data of the daemon, and begins the messages that are due. Never waits. Without a file of
    /// receivers it does nothing.
    pub fn observe(&mut self, live: &Live, file: Option<&Path>, authorities: Option<&Path>, now: Timestamp) {
        let Some(file) = file else {
            self.end();
            return;
        };
        self.read(file);
        self.receive(now);
        self.probes.retain(|(at, _)| now.since(*at) <= PROBES_COUNTED);
        let snapshot = live.snapshot();
        let found = conditions(&live.status(), snapshot.as_deref(), self.failing_probes(), now);
        self.book.update(now, &found, if snapshot.is_some() { Extent::All } else { Extent::Daemon });
        let (receivers, heartbeat) = self
            .receivers
            .as_ref()
            .map_or_else(Default::default, |known| (known.receivers.clone(), known.heartbeat.clone()));
        let names = receivers.iter().map(|receiver| receiver.name.as_str());
        self.book.set_receivers(names.chain(heartbeat.as_ref().map(|_| HEARTBEAT)));
        for receiver in receivers {
            if self.is_asking(&receiver.name, now) {
                continue;
            }
            let due = self.book.due(&receiver.name, receiver.severity, receiver.kind.rhythm(), now);
            let Some(notification) = due else { continue };
            let (host, authorities) = (self.host.clone(), authorities.map(Path::to_owned));
            self.ask(receiver.name.clone(), notification, now, move |notification| {
                send(&receiver, notification, &host, authorities.as_deref(), now)
            });
        }
        if let Some(heartbeat) = heartbeat {
            self.beat(heartbeat, authorities, now);
        }
        self.store();
    }

    /// Asks the address of the heartbeat when its time has come.
    fn beat(&mut self, heartbeat: Heartbeat, authorities: Option<&Path>, now: Timestamp) {
        let is_critical = |alert: &Alert| alert.is_firing() && alert.kind.severity() == Severity::Critical;
        let beat = if self.book.alerts().iter().any(is_critical) { Beat::Fail } else { Beat::Well };
        if !self.pulse.is_due(&heartbeat, beat, now) || self.is_asking(HEARTBEAT, now) {
            return;
        }
        let authorities = authorities.map(Path::to_owned);
        self.pulse.begun(beat, now);
        self.ask(HEARTBEAT.to_owned(), Notification::default(), now, move |_| {
            send_heartbeat(&heartbeat, beat, authorities.as_deref())
        });
    }

    /// Tells whether a receiver is being asked.
    fn is_asking(&self, name: &str, now: Timestamp) -> bool {
        // A request ends by itself after its time; one whose end was lost must not silence the receiver.
        let is_asked = |since: &Timestamp| now.since(*since) < TIMEOUT * 2 && *since <= now;
        self.asking.get(name).is_some_and(is_asked)
    }

    /// Asks a receiver on a thread of its own. Without a thread the next cycle tries again.
    fn ask(
        &mut self,
        name: String,
        notification: Notification,
        now: Timestamp,
        send: impl FnOnce(&Notification) -> Result<(), SendError> + Send + 'static,
    ) {
        let (answer, asked) = (self.answer.clone(), name.clone());
        let ask = move || {
            let sent = send(&notification);
            _ = answer.send((asked, notification, sent));
        };
        if std::thread::Builder::new().name("wnm-alert".to_owned()).spawn(ask).is_ok() {
            self.asking.insert(name, now);
        }
    }

    /// Ends the alerts, because the setting was removed.
    fn end(&mut self) {
        if self.file.take().is_some() || self.book != Book::default() {
            (self.book, self.receivers, self.problem) = (Book::default(), None, None);
            self.pulse = Pulse::default();
            _ = std::fs::remove_file(&self.state);
            self.stored = Some(Book::default());
        }
    }

    /// Reads the file of receivers if it changed. A file that turns bad leaves the receivers as they are.
    fn read(&mut self, path: &Path) {
        let facts = private_file::state(path);
        let is_new = self.file.as_ref().is_none_or(|(known, at)| known != path || *at != facts);
        if !is_new && self.problem.is_none() {
            return;
        }
        self.file = Some((path.to_owned(), facts));
        match Receivers::read(path) {
            Ok(receivers) => {
                if self.problem.take().is_some() {
                    tracing::info!("the file of the setting alerts is used again");
                }
                self.receivers = Some(receivers);
            }
            Err(error) => {
                let problem = error.to_string();
                if self.problem.as_ref() != Some(&problem) {
                    tracing::warn!("the receivers of alerts stay as they are: {problem}");
                }
                self.problem = Some(problem);
            }
        }
    }

    /// Takes over the ends of requests.
    fn receive(&mut self, now: Timestamp) {
        while let Ok((receiver, notification, sent)) = self.answers.try_recv() {
            self.asking.remove(&receiver);
            if receiver == HEARTBEAT {
                self.pulse.ended(sent.is_err());
            }
            match sent {
                Ok(()) => self.book.accepted(&receiver, &notification, now),
                Err(error) => {
                    let retry_after = match &error {
                        SendError::Request(OutboundError::Status { retry_after, .. }) => *retry_after,
                        _ => None,
                    };
                    let problem = error.to_string();
                    if self.book.told.get(&receiver).is_none_or(|told| told.problem.as_ref() != Some(&problem)) {
                        tracing::warn!(receiver, "the receiver takes no alert: {problem}");
                    }
                    self.book.failed(&receiver, problem, retry_after, now);
                }
            }
        }
    }

    /// Returns the failed and all runs of the last hour, if their share is over the threshold.
    fn failing_probes(&self) -> Option<(usize, usize)> {
        let limit = self.receivers.as_ref()?.probe_failures;
        let failed = self.probes.iter().filter(|(_, is_failure)| *is_failure).count();
        let all = self.probes.len();
        let is_over = all >= FEWEST_PROBES && failed as f64 * 100.0 > limit.get() * all as f64;
        is_over.then_some((failed, all))
    }

    /// Stores the book if it changed.
    fn store(&mut self) {
        if self.stored.as_ref() == Some(&self.book) {
            return;
        }
        let stored = serde_json::to_vec(&self.book).map_err(std::io::Error::from);
        match stored.and_then(|text| draft::replace(&self.state, &text)) {
            Ok(()) => self.stored = Some(self.book.clone()),
            // The alerts are told nevertheless; a restart of the daemon may repeat them.
            Err(error) if self.stored.is_some() => {
                tracing::warn!(%error, "cannot store the alerts beside the database");
                self.stored = None;
            }
            Err(_) => {}
        }
    }

    /// Returns the numbers of firing alerts by severity, and the receivers that fail.
    #[must_use]
    pub fn summary(&self) -> AlertSummary {
        let count = |severity| {
            self.book.alerts().iter().filter(|alert| alert.is_firing() && alert.kind.severity() == severity).count()
        };
        let failing = self.book.told.iter().filter(|(_, told)| told.problem.is_some()).map(|(name, _)| name.clone());
        AlertSummary {
            file: self.file.as_ref().map(|(path, _)| path.clone()),
            warnings: count(Severity::Warning),
            critical: count(Severity::Critical),
            failing: failing.collect(),
            problem: self.problem.clone(),
        }
    }
}

/// Tells alerts to a receiver, and waits for its answer.
///
/// # Errors
/// The receiver cannot be reached, or refuses the message; a command fails, or does not end in time.
pub fn send(
    receiver: &Receiver,
    notification: &Notification,
    host: &str,
    authorities: Option<&Path>,
    now: Timestamp,
) -> Result<(), SendError> {
    let post = match message(receiver, notification, host, now) {
        Message::Command { words, input } => return Ok(command::run(&words, input.as_bytes(), TIMEOUT)?),
        Message::Post(post) => post,
    };
    let client = outbound::client(TIMEOUT, authorities)?;
    let headers: Vec<(&str, &str)> = post.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Ok(outbound::post(&client, &post.url, &headers, post.body.as_bytes())?)
}

/// Asks the address of a heartbeat, and waits for its answer.
///
/// # Errors
/// The server cannot be reached, or answers with an error.
pub fn send_heartbeat(heartbeat: &Heartbeat, beat: Beat, authorities: Option<&Path>) -> Result<(), SendError> {
    let client = outbound::client(TIMEOUT, authorities)?;
    outbound::get(&client, &heartbeat.address(beat), LONGEST_ANSWER)?;
    Ok(())
}

/// Returns the name of this host, for labels.
#[must_use]
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn load(path: &Path) -> Option<Book> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// The state of a receiver, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverState {
    /// The latest message that the receiver accepted; None before the first.
    pub last: Option<Timestamp>,
    /// The latest failure; None after an accepted message.
    pub problem: Option<String>,
}

/// The alerts of a colony, as its daemon stored them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stored {
    /// The alerts: those that last, those that may become one, and resolved ones that a receiver does not know of.
    pub alerts: Vec<Alert>,
    /// The state of each receiver by its name.
    pub receivers: BTreeMap<String, ReceiverState>,
}

/// Returns the stored alerts of the colony of a database; none without a daemon that has told alerts.
#[must_use]
pub fn stored(database: &Path) -> Stored {
    let book = load(&beside(database, ".alerts")).unwrap_or_default();
    let state = |told: &super::book::Told| ReceiverState { last: told.last, problem: told.problem.clone() };
    Stored {
        receivers: book.told.iter().map(|(name, told)| (name.clone(), state(told))).collect(),
        alerts: book.alerts().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::mpsc::Receiver as Paths;
    use std::time::Instant;

    use super::*;
    use crate::live::CycleFailure;

    /// Starts a server that answers to each request; returns its address, and the paths of the requests.
    fn server() -> (String, Paths<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/uuid", listener.local_addr().unwrap());
        let (sender, paths) = channel();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut reader = BufReader::new(&stream);
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                while reader.read_line(&mut String::new()).unwrap_or(0) > 2 {}
                _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nOK");
                if sender.send(line.split(' ').nth(1).unwrap_or_default().to_owned()).is_err() {
                    break;
                }
            }
        });
        (url, paths)
    }

    struct Stand {
        folder: tempfile::TempDir,
        live: Live,
        service: AlertService,
        now: Timestamp,
        paths: Paths<String>,
    }

    impl Stand {
        fn observe(&mut self) {
            self.service.observe(&self.live, Some(&self.folder.path().join("alerts.toml")), None, self.now);
        }

        fn step(&mut self, seconds: u64) {
            for _ in 0..seconds / 5 {
                self.observe();
                self.now = self.now.after(Duration::from_secs(5));
            }
        }

        /// Steps the clock, and returns the path of the request that follows.
        fn next(&mut self, seconds: u64) -> String {
            self.step(seconds);
            let path = self.paths.recv_timeout(Duration::from_secs(20)).unwrap();
            let begun = Instant::now();
            while self.service.asking.contains_key(HEARTBEAT) {
                assert!(begun.elapsed() < Duration::from_secs(20), "the request does not end");
                std::thread::sleep(Duration::from_millis(5));
                self.service.receive(self.now);
            }
            path
        }

        fn set_failure(&self, error: Option<&str>) {
            let failure = error.map(|error| CycleFailure { error: error.to_owned(), hint: None });
            self.live.set_status(|status| status.failure = failure);
        }
    }

    #[test]
    fn heartbeat_follows_the_time_and_critical_alerts() {
        let (url, paths) = server();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("alerts.toml");
        std::fs::write(&file, format!("heartbeat = '{url}'\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let service = AlertService::new(&folder.path().join("wnm.db"));
        let now = Timestamp::from_secs(1_795_000_000);
        let mut stand = Stand { folder, live: Live::default(), service, now, paths };
        assert_eq!(stand.next(5), "/uuid");
        assert!(stand.service.book.told[HEARTBEAT].last.is_some());
        stand.step(290);
        assert!(stand.paths.try_recv().is_err(), "a request before its time");
        assert_eq!(stand.next(10), "/uuid");
        // Cycles that fail for two minutes are a critical alert.
        stand.set_failure(Some("database is locked"));
        assert_eq!(stand.next(130), "/uuid/fail");
        stand.set_failure(None);
        assert_eq!(stand.next(5), "/uuid");
        // Without the setting, nothing asks.
        stand.service.observe(&stand.live, None, None, stand.now);
        assert!(stand.service.asking.is_empty());
    }
}
