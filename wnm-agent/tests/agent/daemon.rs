//! The daemon in stepped time: the timer of the test advances only while the daemon waits.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use wnm_agent::live::{CycleFailure, Event, Live};
use wnm_agent::{
    AgentError, ChannelTimer, DRAIN_LIMIT, DaemonControl, Refreshed, Report, Request, RequestQueue, Timer, Wake,
    run_daemon,
};
use wnm_core::steps::Step;

use crate::common::{Calls, MemoryAgent, MemoryPlatform, MemoryStore, Refused, agent};

pub(crate) const INTERVAL: Duration = Duration::from_secs(60);

pub(crate) type Now = Rc<Cell<Duration>>;

/// A timer that delivers signals at given times.
struct SteppedTimer {
    now: Now,
    signals: VecDeque<(Duration, Wake)>,
}

impl SteppedTimer {
    fn advance(&self, to: Duration) {
        self.now.set(self.now.get().max(to));
    }
}

impl Timer for SteppedTimer {
    fn elapsed(&self) -> Duration {
        self.now.get()
    }

    fn wait(&mut self, timeout: Duration) -> Wake {
        let end = self.now.get() + timeout;
        match self.signals.front() {
            Some((at, wake)) if *at <= end => {
                let (at, wake) = (*at, *wake);
                self.signals.pop_front();
                self.advance(at);
                wake
            }
            Some(_) => {
                self.advance(end);
                Wake::Timeout
            }
            None => panic!("the daemon waits for a signal that never comes"),
        }
    }

    fn sleep(&mut self, duration: Duration) {
        self.advance(self.now.get() + duration);
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TurnError {
    Locked,
    Closed,
    Agent(String),
}

impl From<AgentError<Refused, Refused>> for TurnError {
    fn from(error: AgentError<Refused, Refused>) -> Self {
        Self::Agent(error.to_string())
    }
}

/// A control that notes when each turn takes place.
#[derive(Default)]
pub(crate) struct Control {
    pub(crate) now: Now,
    pub(crate) calls: Calls,
    pub(crate) live: Live,
    pub(crate) requests: RequestQueue,
    /// Changes of the host and the store, one before each turn.
    pub(crate) script: VecDeque<fn(&mut MemoryAgent)>,
    /// The time at which another process releases the lock.
    pub(crate) locked_until: Duration,
    /// Time that each cycle takes.
    pub(crate) cycle_takes: Duration,
    pub(crate) is_output_closed: bool,
    /// The time from which `Start` is complete.
    pub(crate) start_completes: Option<Duration>,
    pub(crate) turns: Vec<u64>,
    pub(crate) failures: Vec<TurnError>,
}

impl DaemonControl<MemoryStore, MemoryPlatform> for Control {
    type Lock = ();
    type Error = TurnError;

    fn lock(&mut self) -> Result<(), TurnError> {
        if self.now.get() < self.locked_until { Err(TurnError::Locked) } else { Ok(()) }
    }

    fn refresh(&mut self, agent: &mut MemoryAgent) -> Result<Refreshed, TurnError> {
        agent.platform.uptime = self.now.get().as_millis() as u64;
        if self.start_completes.is_some_and(|at| at <= self.now.get()) {
            agent.platform.stuck = None;
        }
        if let Some(change) = self.script.pop_front() {
            change(agent);
        }
        Ok(Refreshed::Current)
    }

    fn completed(&mut self, _: &Report, _: &[Event]) -> Result<(), TurnError> {
        self.turns.push(self.now.get().as_millis() as u64);
        self.now.set(self.now.get() + self.cycle_takes);
        if self.is_output_closed { Err(TurnError::Closed) } else { Ok(()) }
    }

    fn failed(&mut self, error: &TurnError) -> CycleFailure {
        self.turns.push(self.now.get().as_millis() as u64);
        self.failures.push(error.clone());
        CycleFailure { error: format!("{error:?}"), hint: None }
    }

    fn next_request(&mut self) -> Option<Request> {
        self.requests.pop()
    }
}

/// Runs a daemon that gets these signals, given in milliseconds, and returns its control.
pub(crate) fn run(
    agent: &mut MemoryAgent,
    signals: &[(u64, Wake)],
    control: Control,
) -> (Control, Result<(), TurnError>) {
    let mut control = control;
    let signals = signals.iter().map(|(at, wake)| (Duration::from_millis(*at), *wake)).collect();
    let mut timer = SteppedTimer { now: Rc::clone(&control.now), signals };
    let live = control.live.clone();
    let ended = run_daemon(agent, INTERVAL, &mut control, &mut timer, &live);
    (control, ended)
}

fn calm() -> (MemoryAgent, Control) {
    let (agent, calls) = agent(&[("node_cap", "0")]);
    (agent, Control { calls, ..Control::default() })
}

#[test]
fn daemon_runs_a_cycle_per_interval() {
    let (mut agent, control) = calm();
    let (control, ended) = run(&mut agent, &[(150_000, Wake::End)], control);
    assert_eq!(ended, Ok(()));
    // The last turn drains.
    assert_eq!(control.turns, [0, 60_000, 120_000, 150_000]);
}

#[test]
fn long_cycle_delays_the_next_and_frees_the_lock() {
    let (mut agent, mut control) = calm();
    control.cycle_takes = Duration::from_secs(20);
    let (control, _) = run(&mut agent, &[(100_000, Wake::End)], control);
    assert_eq!(control.turns, [0, 60_000, 100_000], "a cycle counts towards its interval");

    let (mut agent, mut control) = calm();
    control.cycle_takes = Duration::from_secs(90);
    let (control, _) = run(&mut agent, &[(185_000, Wake::End)], control);
    assert_eq!(control.turns, [0, 90_100, 180_200, 270_200], "the lock is free for 100 ms");
}

#[test]
fn lock_held_elsewhere_skips_the_turn() {
    let (mut agent, mut control) = calm();
    control.locked_until = Duration::from_secs(100);
    let (control, ended) = run(&mut agent, &[(130_000, Wake::End)], control);
    assert_eq!(ended, Ok(()));
    assert_eq!(control.failures, [TurnError::Locked, TurnError::Locked]);
    assert_eq!(control.turns, [0, 60_000, 120_000, 130_000]);
}

#[test]
fn failed_cycle_is_tried_again() {
    let (mut agent, control) = calm();
    agent.store.fails = Some("load");
    let (control, ended) = run(&mut agent, &[(70_000, Wake::End)], control);
    assert_eq!(ended, Ok(()));
    assert_eq!(control.failures.len(), 3);
    assert!(control.failures.iter().all(|error| *error == TurnError::Agent("load fails".to_owned())));
}

#[test]
fn sighup_runs_a_cycle_at_once() {
    let (mut agent, control) = calm();
    let signals = [(10_000, Wake::Now), (11_000, Wake::Now), (80_000, Wake::End)];
    let (control, _) = run(&mut agent, &signals, control);
    assert_eq!(control.turns, [0, 10_000, 11_000, 71_000, 80_000]);
}

#[test]
fn sigterm_drains_until_nothing_is_pending() {
    let (mut agent, calls) = agent(&[]);
    agent.platform.stuck = Some(Step::Start);
    let start_completes = Some(Duration::from_millis(1500));
    let control = Control { calls, start_completes, ..Control::default() };
    let (control, ended) = run(&mut agent, &[(1000, Wake::End)], control);
    assert_eq!(ended, Ok(()));
    assert_eq!(control.turns, [0, 1000, 1200, 1400, 1600]);
    assert!(agent.store.unfinished.is_empty());
    let calls = control.calls.take();
    assert_eq!(calls.last().map(String::as_str), Some("lift_cpu_limit"), "{calls:?}");
}

#[test]
fn draining_ends_after_its_limit() {
    let (mut agent, calls) = agent(&[]);
    agent.platform.stuck = Some(Step::Start);
    let (control, ended) = run(&mut agent, &[(1000, Wake::End)], Control { calls, ..Control::default() });
    assert_eq!(ended, Ok(()));
    let last = *control.turns.last().unwrap();
    assert_eq!(Duration::from_millis(last - 1000), DRAIN_LIMIT);
    assert_eq!(agent.store.unfinished.len(), 1, "the next daemon resumes the action");
}

#[test]
fn draining_begins_no_action() {
    let (mut agent, calls) = agent(&[]);
    let (_, ended) = run(&mut agent, &[(50_000, Wake::End)], Control { calls, ..Control::default() });
    assert_eq!(ended, Ok(()));
    assert_eq!(agent.store.nodes.len(), 1, "only the scheduled cycle adds a node");
}

#[test]
fn closed_output_ends_the_daemon() {
    let (mut agent, mut control) = calm();
    control.is_output_closed = true;
    let (control, ended) = run(&mut agent, &[], control);
    assert_eq!((ended, control.turns), (Err(TurnError::Closed), vec![0]));
}

#[test]
fn channel_timer_delivers_signals_and_ends_with_its_channel() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let mut timer = ChannelTimer::new(receiver);
    sender.send(Wake::Now).unwrap();
    drop(sender);
    assert_eq!(timer.wait(INTERVAL), Wake::Now);
    assert_eq!(timer.wait(INTERVAL), Wake::End);
}

#[test]
fn health_is_read_once_a_day_and_again_after_a_failure() {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let (mut agent, calls) = agent(&[]);
    agent.store.fails = Some("health");
    let mut control = Control { calls, ..Control::default() };
    control.script.extend([|_: &mut MemoryAgent| {}, |_: &mut MemoryAgent| {}]);
    control.script.push_back(|agent| agent.store.fails = None);
    let (_, ended) = run(&mut agent, &[(2 * DAY, Wake::End)], control);
    assert_eq!(ended, Ok(()));
    // Two failures, the first day, and the two midnights after it.
    assert_eq!(agent.store.health_reads, 5);
}
