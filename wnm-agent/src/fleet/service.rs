//! The thread of a daemon that takes part in a fleet. The cycles never wait for it.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use wnm_core::{EngineUrl, Settings, Timestamp};

use super::document::{self, HostEvent, MOST_EVENTS};
use super::hold::{FleetState, SharedState};
use super::membership::Membership;
use super::publisher::{Documents, Publisher};
use super::random_hex;
use super::rollout::program::ProgramDigest;
use crate::live::{Live, LoggedEvent};
use crate::report::Report;
use crate::without_numbers;

/// Time between two turns with the engine.
const INTERVAL: Duration = Duration::from_secs(10);
/// Share of the time between two turns that is added or taken away at random, so that the hosts of a fleet do not come at
/// once.
const JITTER: u32 = 10;
/// Time between two turns before the first cycle, whose state the host then publishes.
const FIRST_CYCLE: Duration = Duration::from_secs(1);
/// Longest time between two attempts to reach the engine. The attempts of a fleet spread over it.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// Time between two writes of an unchanged state, which holds the time of the last turn.
pub(super) const STORE_INTERVAL: Duration = Duration::from_secs(60);

/// Returns an event in a sentence.
pub type Describe = fn(&LoggedEvent) -> String;

/// The part of a daemon in a fleet.
#[derive(Debug)]
pub struct FleetService {
    database: PathBuf,
    live: Live,
    /// The version of wnm.
    version: &'static str,
    describe: Describe,
    shared: SharedState,
    /// The configuration of the thread.
    config: Option<(EngineUrl, Membership)>,
    /// The thread ends when its channel closes.
    thread: Option<(Sender<Infallible>, JoinHandle<()>)>,
}

impl FleetService {
    /// Returns the part of a daemon that is in no fleet yet.
    #[must_use]
    pub fn new(database: &Path, live: Live, version: &'static str, describe: Describe) -> Self {
        let shared = SharedState::default();
        shared.set(FleetState::read(database).unwrap_or_default());
        Self { database: database.to_owned(), live, version, describe, shared, config: None, thread: None }
    }

    /// Returns the state that the hold of the daemon reads.
    #[must_use]
    pub fn shared(&self) -> SharedState {
        self.shared.clone()
    }

    /// Joins or leaves the fleet of the settings. Returns at once.
    pub fn configure(&mut self, settings: &Settings) {
        let Some(url) = settings.fleet_url.clone() else {
            if self.config.take().is_some() || self.thread.is_some() {
                self.thread = None;
                self.shared.set(FleetState::default());
            }
            return;
        };
        let membership = match Membership::read(&self.database) {
            Ok(membership) => membership,
            Err(error) => {
                let state =
                    FleetState { problem: Some(format!("the host is in no fleet: {error}")), ..self.shared.get() };
                (self.config, self.thread) = (None, None);
                self.shared.set(state);
                return;
            }
        };
        let config = (url, membership);
        if self.config.as_ref() == Some(&config) && self.thread.is_some() {
            return;
        }
        if self.config.as_ref().is_none_or(|(_, last)| last.fleet != config.1.fleet || last.host != config.1.host) {
            self.shared.set(FleetState::read(&self.database).unwrap_or_default());
        }
        self.start(config.clone());
        self.config = Some(config);
    }

    fn start(&mut self, (url, membership): (EngineUrl, Membership)) {
        let id = match random_hex() {
            Ok(id) => id,
            Err(error) => {
                tracing::error!(%error, "cannot take part in the fleet");
                return;
            }
        };
        let worker = Worker {
            database: self.database.clone(),
            live: self.live.clone(),
            version: self.version,
            describe: self.describe,
            shared: self.shared.clone(),
            publisher: Publisher::new(url, membership, id),
            failures: 0,
            interval: interval(),
            stored: None,
            store_failure: None,
            program: ProgramDigest::default(),
        };
        let (sender, ends) = channel();
        // The new thread waits for the one before, so that they do not take each other for a copy of the host.
        let before = self.thread.take().map(|(_, thread)| thread);
        let thread = std::thread::Builder::new().name("wnm-fleet".to_owned());
        match thread.spawn(move || {
            if let Some(before) = before {
                _ = before.join();
            }
            worker.run(&ends);
        }) {
            Ok(thread) => self.thread = Some((sender, thread)),
            Err(error) => tracing::error!(%error, "cannot start the thread of the fleet"),
        }
    }
}

/// The data of the thread.
struct Worker {
    database: PathBuf,
    live: Live,
    version: &'static str,
    describe: Describe,
    shared: SharedState,
    publisher: Publisher,
    /// The turns in a row that did not reach the engine.
    failures: u32,
    /// The time between two turns.
    interval: Duration,
    /// The last stored state.
    stored: Option<FleetState>,
    /// The failure to store it that was logged last; None after a success.
    store_failure: Option<String>,
    program: ProgramDigest,
}

impl Worker {
    fn run(mut self, ends: &Receiver<Infallible>) {
        loop {
            let pause = self.turn();
            match ends.recv_timeout(pause) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(_) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Takes one turn; returns the time until the next.
    fn turn(&mut self) -> Duration {
        let wall = wnm_platform::read_clock().map(|reading| reading.wall).unwrap_or_default();
        let mut state = self.shared.get();
        let documents = self.documents();
        state.program = documents.state.as_ref().and_then(|state| state.rollout.program.clone());
        let turned = self.publisher.turn(&documents, &mut state.control, wall);
        let pause = match turned {
            Ok(turn) => {
                self.failures = 0;
                (state.reached, state.engine) = (Some(wall), turn.engine);
                if let Some(engine) = turn.engine {
                    self.shared.set_engine_time(engine);
                }
                state.problem = turn.problems.into_iter().next();
                match documents.state {
                    Some(_) => self.interval - self.interval / JITTER + random_share(2 * self.interval / JITTER),
                    None => FIRST_CYCLE,
                }
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                state.problem = Some(error.to_string());
                let longest = self.interval.saturating_mul(1 << (self.failures - 1).min(4)).min(LONGEST_PAUSE);
                Duration::from_secs(2) + random_share(longest)
            }
        };
        self.shared.set(state.clone());
        self.store(state, wall);
        pause
    }

    /// Stores the state when it changed, and once a minute.
    fn store(&mut self, state: FleetState, wall: Timestamp) {
        let is_same = self.stored.as_ref().is_some_and(|last| {
            let age = last.reached.map_or(Duration::ZERO, |at| wall.since(at));
            let facts = |state: &FleetState| (state.control.clone(), state.problem.clone(), state.program.clone());
            facts(last) == facts(&state) && age < STORE_INTERVAL
        });
        if is_same {
            return;
        }
        match state.write(&self.database) {
            Ok(()) => (self.stored, self.store_failure) = (Some(state), None),
            // The daemon holds by its own copy, and tries again in the next turn. A full disk must not fill with its log.
            Err(error) => {
                let failure = Some(without_numbers(&error.to_string()));
                if failure != self.store_failure {
                    tracing::warn!(error = failure, "a hold of the fleet would not outlive this daemon");
                }
                self.store_failure = failure;
            }
        }
    }

    fn documents(&mut self) -> Documents {
        let Some(snapshot) = self.live.snapshot() else { return Documents::default() };
        let nodes = document::nodes(&snapshot).unwrap_or_default();
        let log = self.live.events(self.live.last_event().saturating_sub(MOST_EVENTS as u64)).events;
        let events = log.iter().map(|event| HostEvent::of(event, &(self.describe)(event))).collect();
        let mut state = document::state(&snapshot, &self.live.status(), self.version);
        let Report { observation, colony, .. } = &snapshot.report;
        state.rollout.program = self.program.read(&colony.settings.binary, observation.target.as_ref());
        Documents { state: Some(state), nodes, events }
    }
}

/// Returns the time between two turns. A build with debug assertions takes that of a test, in milliseconds.
fn interval() -> Duration {
    let of_test = std::env::var("WNM_FLEET_INTERVAL").ok().filter(|_| cfg!(debug_assertions));
    of_test.and_then(|millis| millis.parse().ok()).map_or(INTERVAL, Duration::from_millis)
}

/// Returns a random part of a time.
fn random_share(span: Duration) -> Duration {
    let mut bytes = [0_u8; 2];
    // Without random numbers the whole time passes.
    if getrandom::fill(&mut bytes).is_err() {
        return span;
    }
    span.mul_f64(f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX))
}
