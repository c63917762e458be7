//! The thread that writes lines.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use wnm_platform::other_tools;

use super::spool::{LARGEST_SPOOL, Spool};
use super::target::{Destination, Target};
use crate::outbound::{self, OutboundError};

/// Longest time of a request.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Batches that wait for the thread, while it waits for a request or a disk.
const MOST_WAITING: usize = 16;
/// Least and greatest wait after a failure.
const WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(300)];

/// The work of the writer since its start, and its present problems.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// The lines that the destination accepted.
    pub accepted: u64,
    /// The lines that were dropped: beyond the size of the spool, refused by the server, or without a disk.
    pub dropped: u64,
    /// The size of the spool, in bytes.
    pub spooled: u64,
    /// The reason why the destination does not accept lines; None after an accepted batch.
    pub problem: Option<String>,
    /// The reason why the spool cannot be written; None while it can.
    pub spool_problem: Option<String>,
}

/// A writer of lines. Dropping it ends its thread after the present request.
#[derive(Debug)]
pub struct InfluxWriter {
    batches: SyncSender<String>,
    written: Arc<Mutex<Written>>,
}

impl InfluxWriter {
    /// Starts a writer with its spool in a folder; None if the host has no thread left.
    #[must_use]
    pub fn start(target: Target, authorities: Option<PathBuf>, spool: &Path) -> Option<Self> {
        let (batches, waiting) = sync_channel(MOST_WAITING);
        let written = Arc::new(Mutex::new(Written::default()));
        let mut thread = Thread {
            target,
            authorities,
            spool: Spool::open(spool, LARGEST_SPOOL),
            written: Arc::clone(&written),
            wait: None,
            failures: 0,
        };
        let run = move || thread.run(&waiting);
        std::thread::Builder::new().name("wnm-influx".to_owned()).spawn(run).ok()?;
        Some(Self { batches, written })
    }

    /// Hands over lines. Never waits: lines for which no place is left are dropped and counted.
    pub fn write(&self, lines: String) {
        if lines.is_empty() {
            return;
        }
        if let Err(TrySendError::Full(lines) | TrySendError::Disconnected(lines)) = self.batches.try_send(lines) {
            change(&self.written, |written| written.dropped += count(&lines));
        }
    }

    /// Returns the work of the writer.
    #[must_use]
    pub fn written(&self) -> Written {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn change(written: &Mutex<Written>, by: impl FnOnce(&mut Written)) {
    by(&mut written.lock().unwrap_or_else(PoisonError::into_inner));
}

fn count(lines: &str) -> u64 {
    lines.lines().count() as u64
}

struct Thread {
    target: Target,
    authorities: Option<PathBuf>,
    spool: Spool,
    written: Arc<Mutex<Written>>,
    /// The time before which nothing is sent, after a failure.
    wait: Option<Instant>,
    failures: u32,
}

impl Thread {
    fn run(&mut self, batches: &Receiver<String>) {
        loop {
            let wait = self.wait.map_or(WAITS[1], |until| until.saturating_duration_since(Instant::now()));
            // Without a failure only new lines are a reason to send.
            match batches.recv_timeout(wait) {
                Ok(lines) => self.take(&lines),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            batches.try_iter().for_each(|lines| self.take(&lines));
            if self.wait.is_none_or(|until| until <= Instant::now()) {
                self.send_oldest();
            }
            let spooled = self.spool.bytes();
            change(&self.written, |written| written.spooled = spooled);
        }
    }

    /// Puts lines into the spool; without a disk it sends them at once.
    fn take(&mut self, lines: &str) {
        match self.spool.push(lines) {
            Ok(dropped) => change(&self.written, |written| {
                written.dropped += dropped;
                written.spool_problem = None;
            }),
            Err(error) => {
                let problem = error.to_string();
                tracing::debug!(problem, "the spool of lines for InfluxDB cannot be written");
                let sent = self.send(lines);
                change(&self.written, |written| {
                    written.spool_problem = Some(problem);
                    match &sent {
                        Ok(()) => {
                            written.accepted += count(lines);
                            written.problem = None;
                        }
                        Err(error) => {
                            written.dropped += count(lines);
                            written.problem = Some(error.to_string());
                        }
                    }
                });
            }
        }
    }

    /// Sends batches until the spool is empty or one fails.
    fn send_oldest(&mut self) {
        while let Some(lines) = self.spool.oldest() {
            match self.send(&lines) {
                Ok(()) => {
                    self.spool.pop();
                    (self.wait, self.failures) = (None, 0);
                    change(&self.written, |written| {
                        written.accepted += count(&lines);
                        written.problem = None;
                    });
                }
                // Lines that a server refuses would be refused again, and stop all others.
                Err(error @ OutboundError::Status { status: 400 | 413 | 422, .. }) => {
                    tracing::warn!("InfluxDB refused lines, which are dropped: {error}");
                    self.spool.pop();
                    change(&self.written, |written| {
                        written.dropped += count(&lines);
                        written.problem = Some(error.to_string());
                    });
                }
                Err(error) => {
                    let retry_after = match &error {
                        OutboundError::Status { retry_after, .. } => retry_after.unwrap_or_default(),
                        _ => Duration::ZERO,
                    };
                    let wait = WAITS[0] * 2_u32.pow(self.failures.min(9));
                    self.failures = self.failures.saturating_add(1);
                    self.wait = Some(Instant::now() + wait.max(retry_after).min(WAITS[1]));
                    change(&self.written, |written| written.problem = Some(error.to_string()));
                    return;
                }
            }
        }
    }

    fn send(&self, lines: &str) -> Result<(), OutboundError> {
        write_now(&self.target, self.authorities.as_deref(), lines)
    }
}

/// Appends bytes as a whole or not at all: the batch is written again after a failure, as on a full volume.
fn append(mut file: std::fs::File, bytes: &[u8]) -> std::io::Result<()> {
    let before = file.metadata()?;
    file.write_all(bytes).inspect_err(|_| {
        if before.is_file() {
            _ = file.set_len(before.len());
        }
    })
}

/// Writes lines to the destination, and waits for it.
///
/// # Errors
/// The file cannot be written, or the server cannot be reached or refuses the lines.
pub fn write_now(target: &Target, authorities: Option<&Path>, lines: &str) -> Result<(), OutboundError> {
    match &target.destination {
        Destination::File(path) => other_tools::open_to_append(path, 0o640)
            .and_then(|file| append(file, lines.as_bytes()))
            .map_err(|error| OutboundError::Request(format!("cannot write {}: {error}", path.display()))),
        Destination::Server { url, authorization } => {
            let client = outbound::client(TIMEOUT, authorities)?;
            let mut headers = vec![("Content-Type", "text/plain; charset=utf-8")];
            headers.extend(authorization.as_deref().map(|value| ("Authorization", value)));
            outbound::post(&client, url, &headers, lines.as_bytes())
        }
    }
}
