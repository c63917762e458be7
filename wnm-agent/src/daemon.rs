//! The daemon: cycles at an interval until it is told to end, and then until no action is pending.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use wnm_core::{Day, Health, Timestamp};

use crate::agent::Agent;
use crate::cpu_limit;
use crate::error::AgentError;
use crate::live::{CycleFailure, DaemonPhase, Event, Live, Snapshot, changes};
use crate::platform::Platform;
use crate::report::Report;
use crate::request::{Begun, Request};
use crate::store::Store;
use crate::trigger::{Mode, Trigger};

/// Time for which the daemon resumes pending actions after it was told to end. Supervisors wait longer: systemd gives
/// a service 90 s before it kills it.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(30);
/// Time between two cycles while draining.
const DRAIN_INTERVAL: Duration = Duration::from_millis(200);
/// Time for which the lock is free between two cycles, however long they take. Commands that wait for the lock try
/// for it every 20 ms.
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// Time between two cycles while actions of a request are pending.
const RESUME_INTERVAL: Duration = Duration::from_millis(250);
/// Time after a request for which cycles follow at [`RESUME_INTERVAL`]. The wait for exit, the longest step, is shorter.
const RESUME_LIMIT: Duration = Duration::from_secs(180);

/// The reason why the daemon stops waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// The time is over.
    Timeout,
    /// A cycle is due at once, as after SIGHUP.
    Now,
    /// A request waits.
    Requested,
    /// The daemon is to end, as after SIGTERM.
    End,
}

/// The time of a daemon, and the signals that it waits for.
pub trait Timer {
    /// Returns the time since an arbitrary fixed moment. It never decreases.
    fn elapsed(&self) -> Duration;

    /// Waits for a signal, at most for `timeout`. A signal that came earlier ends the wait at once.
    fn wait(&mut self, timeout: Duration) -> Wake;

    /// Waits for all of `duration`, whatever signals come.
    fn sleep(&mut self, duration: Duration);
}

/// The timer of a process: its monotonic clock, and signals that come in through a channel.
#[derive(Debug)]
pub struct ChannelTimer {
    started: Instant,
    wakes: Receiver<Wake>,
}

impl ChannelTimer {
    /// Returns a timer that wakes for each message. A closed channel counts as [`Wake::End`].
    #[must_use]
    pub fn new(wakes: Receiver<Wake>) -> Self {
        Self { started: Instant::now(), wakes }
    }
}

impl Timer for ChannelTimer {
    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn wait(&mut self, timeout: Duration) -> Wake {
        match self.wakes.recv_timeout(timeout) {
            Ok(wake) => wake,
            Err(RecvTimeoutError::Timeout) => Wake::Timeout,
            Err(RecvTimeoutError::Disconnected) => Wake::End,
        }
    }

    fn sleep(&mut self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// The store after a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refreshed {
    /// The store is that of the last cycle, or one that an operator has put in its place.
    Current,
    /// The store was rebuilt, so that the cycle only observes: it begins no action.
    Rebuilt,
}

/// The owner of a daemon: it holds the lock and the settings, and receives the reports.
pub trait DaemonControl<S: Store, P: Platform> {
    /// The right to write the store, until it is dropped.
    type Lock;
    /// The error of a turn.
    type Error: From<AgentError<S::Error, P::Error>>;

    /// Takes the lock. May wait for a bounded time.
    ///
    /// # Errors
    /// Another process holds the lock. The daemon tries again in its next turn.
    fn lock(&mut self) -> Result<Self::Lock, Self::Error>;

    /// Brings the settings of the agent up to date, under the lock and before each cycle.
    ///
    /// # Errors
    /// The settings cannot be read. The cycle is skipped.
    fn refresh(&mut self, agent: &mut Agent<S, P>) -> Result<Refreshed, Self::Error>;

    /// Receives the report of a cycle, and the changes since the last one.
    ///
    /// # Errors
    /// The report cannot be delivered. The daemon ends at once, without draining.
    fn completed(&mut self, report: &Report, changes: &[Event]) -> Result<(), Self::Error>;

    /// Receives the error of a turn, and returns it as a text with its hint. The daemon tries again in its next turn.
    fn failed(&mut self, error: &Self::Error) -> CycleFailure;

    /// Returns the next request, after [`Wake::Requested`]. A draining daemon drops it. The default has none.
    fn next_request(&mut self) -> Option<Request> {
        None
    }
}

/// Whether actions are pending after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pending {
    Yes,
    /// A node is down for the last part of its move, and must not wait for the next scheduled cycle.
    NodeDown,
    No,
}

impl Pending {
    fn after(report: &Report) -> Self {
        if report.has_node_down_for_move() {
            Self::NodeDown
        } else if report.is_pending() {
            Self::Yes
        } else {
            Self::No
        }
    }

    /// Returns the time until which cycles follow at [`RESUME_INTERVAL`].
    fn resume_until(self, before: Option<Duration>, now: Duration) -> Option<Duration> {
        match self {
            Self::Yes => before,
            Self::NodeDown => Some(now + RESUME_LIMIT),
            Self::No => None,
        }
    }
}

/// Runs a cycle every `interval` until the timer tells the daemon to end; then resumes pending actions for at most
/// [`DRAIN_LIMIT`], and lifts the CPU limit. Each cycle is published in `live`.
///
/// The lock is held for each cycle only, so that commands get their turn. A cycle that takes longer than the interval
/// delays the next one.
///
/// # Errors
/// A report could not be delivered.
pub fn run_daemon<S: Store, P: Platform, C: DaemonControl<S, P>>(
    agent: &mut Agent<S, P>,
    interval: Duration,
    control: &mut C,
    timer: &mut impl Timer,
    live: &Live,
) -> Result<(), C::Error> {
    tracing::info!(?interval, "daemon starts");
    let wall = now(agent);
    live.set_status(|status| {
        status.started = wall;
        status.interval = interval;
    });
    live.log(wall.unwrap_or_default(), vec![Event::DaemonStarted { interval }]);
    let mut due = timer.elapsed();
    let mut resume_until = None;
    loop {
        let now = timer.elapsed();
        if now >= due {
            let pending = run_turn(agent, &Trigger::Scheduled, control, timer, live)?;
            resume_until = pending.resume_until(resume_until, timer.elapsed());
            due = (now + interval).max(timer.elapsed() + LOCK_PAUSE);
        }
        let left = due.saturating_sub(timer.elapsed());
        resume_until = resume_until.filter(|until| timer.elapsed() < *until);
        match timer.wait(if resume_until.is_some() { left.min(RESUME_INTERVAL) } else { left }) {
            Wake::Timeout if timer.elapsed() < due => {
                let pending = run_turn(agent, &Trigger::Resumed, control, timer, live)?;
                resume_until = pending.resume_until(resume_until, timer.elapsed());
            }
            Wake::Timeout => {}
            Wake::Now => due = timer.elapsed(),
            Wake::Requested => {
                while let Some(request) = control.next_request() {
                    if serve(agent, request, control, timer, live)? != Pending::No {
                        resume_until = Some(timer.elapsed() + RESUME_LIMIT);
                    }
                }
            }
            Wake::End => break,
        }
    }
    drain(agent, control, timer, live)
}

/// Resumes pending actions for at most [`DRAIN_LIMIT`], and lifts the CPU limit.
fn drain<S: Store, P: Platform, C: DaemonControl<S, P>>(
    agent: &mut Agent<S, P>,
    control: &mut C,
    timer: &mut impl Timer,
    live: &Live,
) -> Result<(), C::Error> {
    tracing::info!("daemon drains");
    live.set_status(|status| {
        status.phase = DaemonPhase::Draining;
        status.next = None;
    });
    let at = now(agent);
    live.log(at.unwrap_or_default(), vec![Event::DaemonDrains]);
    let told = timer.elapsed();
    while run_turn(agent, &Trigger::Resumed, control, timer, live)? != Pending::No
        && timer.elapsed().saturating_sub(told) < DRAIN_LIMIT
    {
        refuse_requests(control);
        timer.sleep(DRAIN_INTERVAL);
    }
    refuse_requests(control);
    // No daemon adjusts the limit any more, and an old limit could starve the nodes.
    cpu_limit::lift(&mut agent.platform);
    live.set_status(|status| status.phase = DaemonPhase::Ended);
    tracing::info!("daemon ends");
    Ok(())
}

/// Drops the requests that wait: the daemon begins no action while it drains.
fn refuse_requests<S: Store, P: Platform, C: DaemonControl<S, P>>(control: &mut C) {
    while control.next_request().is_some() {}
}

/// Returns the time of the wall clock; None if it cannot be read.
fn now<S, P: Platform>(agent: &mut Agent<S, P>) -> Option<Timestamp> {
    agent.platform.read_clock().ok().map(|reading| reading.wall)
}

/// Runs one cycle under the lock, and publishes it. An error is published, and leaves the next turn to try again.
fn run_turn<S: Store, P: Platform, C: DaemonControl<S, P>>(
    agent: &mut Agent<S, P>,
    trigger: &Trigger,
    control: &mut C,
    timer: &impl Timer,
    live: &Live,
) -> Result<Pending, C::Error> {
    let started = timer.elapsed();
    match run_locked(agent, trigger, control) {
        Ok((report, _)) => {
            let pending = Pending::after(&report);
            publish(agent, report, trigger, timer.elapsed().saturating_sub(started), control, live)?;
            Ok(pending)
        }
        Err(error) => {
            let failure = control.failed(&error);
            live.count_failure();
            // A daemon repeats its turn every few seconds, and would fill the log with the same failure.
            if live.status().failure.as_ref() != Some(&failure) {
                tracing::error!(error = failure.error, hint = failure.hint, "cycle failed");
                live.set_status(|status| status.failure = Some(failure.clone()));
                let at = now(agent);
                live.log(at.unwrap_or_default(), vec![Event::CycleFailed(failure)]);
            }
            // A daemon that drains must not repeat an error until its limit.
            Ok(Pending::No)
        }
    }
}

/// Runs the cycle of a request, and answers it. Its failure is the requester's, and no failure of the daemon.
fn serve<S: Store, P: Platform, C: DaemonControl<S, P>>(
    agent: &mut Agent<S, P>,
    request: Request,
    control: &mut C,
    timer: &impl Timer,
    live: &Live,
) -> Result<Pending, C::Error> {
    let Request { work, requester } = request;
    let trigger = Trigger::from(work);
    let started = timer.elapsed();
    match run_locked(agent, &trigger, control) {
        Ok((report, refreshed)) => {
            let answer = match refreshed {
                Refreshed::Current => Ok(Begun::of(&report)),
                Refreshed::Rebuilt => Err(CycleFailure {
                    error: "the request did not begin: the database was rebuilt".to_owned(),
                    hint: Some("run the command again".to_owned()),
                }),
            };
            let pending = Pending::after(&report);
            // The answer comes last: a requester that reads the snapshot or the events then finds the request's effects.
            let published = publish(agent, report, &trigger, timer.elapsed().saturating_sub(started), control, live);
            requester.answer(answer);
            published.map(|()| pending)
        }
        Err(error) => {
            requester.answer(Err(control.failed(&error)));
            Ok(Pending::No)
        }
    }
}

/// Publishes the report of a cycle.
fn publish<S: Store, P: Platform, C: DaemonControl<S, P>>(
    agent: &mut Agent<S, P>,
    report: Report,
    trigger: &Trigger,
    took: Duration,
    control: &mut C,
    live: &Live,
) -> Result<(), C::Error> {
    let before = live.snapshot();
    let mut events = changes(before.as_deref(), &report, trigger);
    if live.status().failure.is_some() {
        events.insert(0, Event::CyclesRecovered);
    }
    control.completed(&report, &events)?;
    live.set_status(|status| {
        status.cycles += 1;
        status.failure = None;
        if *trigger == Trigger::Scheduled {
            status.phase = DaemonPhase::Running;
            status.next = Some(report.observation.now.after(status.interval));
        }
    });
    let scheduled = match trigger {
        Trigger::Scheduled => Some(Arc::new(report.decision.clone())),
        Trigger::Requested(..) | Trigger::Changed(_) | Trigger::Restored(_) | Trigger::Resumed => {
            before.as_ref().and_then(|before| before.scheduled.clone())
        }
    };
    let health = health(&mut agent.store, before.as_deref(), Day::of(report.observation.now));
    live.publish(Snapshot { report, scheduled, health, took, published: Instant::now() }, trigger, events);
    Ok(())
}

/// Returns the health of the nodes, which the store knows anew once a day. A store that cannot be read is asked again in the
/// next cycle.
fn health<S: Store>(store: &mut S, before: Option<&Snapshot>, today: Day) -> Arc<Health> {
    match before.map(|before| &before.health) {
        Some(known) if known.total.day == today.before(1) => known.clone(),
        _ => store.health(today).map(Arc::new).unwrap_or_else(|error| {
            tracing::debug!(%error, "the metrics have no health of the nodes");
            Arc::default()
        }),
    }
}

fn run_locked<S: Store, P: Platform, C: DaemonControl<S, P>>(
    agent: &mut Agent<S, P>,
    trigger: &Trigger,
    control: &mut C,
) -> Result<(Report, Refreshed), C::Error> {
    let _lock = control.lock()?;
    // Under the lock: a command could otherwise change the settings between the refresh and the cycle.
    let refreshed = control.refresh(agent)?;
    let trigger = match refreshed {
        Refreshed::Current => trigger,
        Refreshed::Rebuilt => &Trigger::Resumed,
    };
    Ok((agent.run_cycle(trigger, Mode::Act, &mut ())?, refreshed))
}
