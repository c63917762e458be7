//! `wnm daemon`: the daemon of the agent, with signals, the lock of the database and the output.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use wnm_agent::control::socket_path;
use wnm_agent::host::HostAgent;
use wnm_agent::live::{CycleFailure, Event, Live};
use wnm_agent::probe::ProbeService;
use wnm_agent::serve::{self, ServeError, Server};
use wnm_agent::{ChannelTimer, DaemonControl, Refreshed, Report, Request, RequestQueue, Wake, run_daemon};
use wnm_platform::{Platform, places};
use wnm_store::{Lock, ProbeFilter, Schedule, Store};

use crate::api::Api;
use crate::args::Daemon;
use crate::commands::probe;
use crate::config;
use crate::context::{self, Context, LOCK_TIMEOUT, SettingSources};
use crate::error::{CliError, CommandError, Exit};
use crate::freshness;
use crate::output::Output;
use crate::rebuild::{self, Attempt};

/// The age of the runs that count for ceilings and spending after a restart.
const PROBES_COUNTED: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs cycles until SIGTERM or SIGINT.
///
/// # Errors
/// The colony cannot be opened, another daemon runs on it, or the output cannot be written.
pub(crate) fn run(db: &Path, args: &Daemon, output: &mut Output) -> Result<Exit, CliError> {
    let (wake, wakes) = channel();
    // A signal during the start must not kill the process with the lock just taken.
    forward_signals(wake.clone())?;
    let mut timer = ChannelTimer::new(wakes);
    let lock = context::lock(db, LOCK_TIMEOUT)?;
    let Context { mut agent, sources, .. } = match Context::open(db, &args.settings) {
        Err(error) if rebuild::is_needed(&error) => match rebuild::rebuild(db, &config::from_flags(&args.settings)?)? {
            Attempt::Rebuilt => Context::open(db, &args.settings)?,
            Attempt::NoCopy => return Err(error),
        },
        other => other?,
    };
    drop(lock);
    let (live, requests) = (Live::default(), RequestQueue::default());
    let server = start_server(db, &live, &requests, wake)?;
    // Also without a socket, so that a teardown finds the daemon.
    let _daemon = Lock::acquire_for_daemon(db, LOCK_TIMEOUT)?;
    let schedule = Schedule::daemon(args.interval);
    let probes = ProbeService::new(probe::folder(db), places::host_defaults(places::own_scope()).cpus);
    let mut control = Control {
        db,
        sources,
        schedule,
        output,
        is_unreadable: false,
        cycles: 0,
        requests,
        server,
        probes,
        live: &live,
    };
    let ended = run_daemon(&mut agent, args.interval, &mut control, &mut timer, &live);
    // Requests that came too late are dropped, so that their commands run without the daemon.
    while control.requests.pop().is_some() {}
    control.store_probes(&mut agent.store);
    drop(control);
    ended.map(|()| Exit::Done)
}

/// Starts the control socket. Without one, commands take the lock between two cycles.
///
/// # Errors
/// Another daemon runs on the database.
fn start_server(
    db: &Path,
    live: &Live,
    requests: &RequestQueue,
    wake: Sender<Wake>,
) -> Result<Option<Server>, CliError> {
    let daemon = serve::Daemon {
        live: live.clone(),
        requests: requests.clone(),
        // A daemon that has ended takes no request.
        wake: Box::new(move || _ = wake.send(Wake::Requested)),
        documents: Arc::new(Api::of(db)),
        version: env!("CARGO_PKG_VERSION"),
    };
    match Server::start(daemon, &socket_path(db)) {
        Ok(server) => Ok(Some(server)),
        Err(error @ ServeError::Taken { .. }) => Err(CommandError::Serve(error).into()),
        Err(error) => {
            tracing::warn!(%error, "commands take their turn between two cycles");
            Ok(None)
        }
    }
}

/// The command that owns the daemon.
struct Control<'a> {
    db: &'a Path,
    sources: SettingSources,
    schedule: Schedule,
    output: &'a Output,
    /// The last cycle could not read the database.
    is_unreadable: bool,
    /// The cycles that have completed.
    cycles: u64,
    requests: RequestQueue,
    /// The servers; None where the system refuses them.
    server: Option<Server>,
    probes: ProbeService,
    live: &'a Live,
}

impl Control<'_> {
    /// Applies the settings of probes, and stores the runs that ended.
    fn follow_probes(&mut self, agent: &mut HostAgent) {
        let now = wnm_platform::read_clock().map(|reading| reading.wall).unwrap_or_default();
        let filter = ProbeFilter { since: Some(now.before(PROBES_COUNTED)), limit: u32::MAX, ..ProbeFilter::default() };
        let store = &agent.store;
        let past = || {
            store.probe_runs(&filter).map(|found| found.runs).unwrap_or_else(|error| {
                tracing::warn!(%error, "earlier probes do not count for the ceilings");
                Vec::new()
            })
        };
        self.probes.configure(probe::configuration(&agent.settings), past);
        self.write_probes(&mut agent.store);
    }

    /// Ends all probes, and stores their results.
    fn store_probes(&mut self, store: &mut Store) {
        self.probes.configure(None, Vec::new);
        let locked = self.lock();
        if let Err(error) = locked.map(|_lock| self.write_probes(store)) {
            tracing::warn!(%error, "the results of the last probes are lost");
        }
    }

    /// Stores the runs that ended. The caller holds the lock.
    fn write_probes(&mut self, store: &mut Store) {
        let finished = self.probes.take_finished();
        self.live.count_probes(&finished);
        if let Err(error) = store.insert_probe_runs(&finished) {
            tracing::warn!(%error, runs = finished.len(), "the results of probes are lost");
        }
    }
}

impl DaemonControl<Store, Platform> for Control<'_> {
    type Lock = Lock;
    type Error = CliError;

    fn lock(&mut self) -> Result<Lock, CliError> {
        context::lock(self.db, LOCK_TIMEOUT)
    }

    fn refresh(&mut self, agent: &mut HostAgent) -> Result<Refreshed, CliError> {
        let is_unreadable = std::mem::take(&mut self.is_unreadable);
        let refreshed = if is_unreadable && self.sources.rebuild(self.db)? == Attempt::Rebuilt {
            Refreshed::Rebuilt
        } else {
            Refreshed::Current
        };
        self.sources.refresh(self.db, agent)?;
        if let Some(server) = &self.server {
            server.set_listen(agent.settings.listen.address());
        }
        self.follow_probes(agent);
        // In every cycle, because a `wnm run` beside the daemon records the schedule of cron.
        freshness::record(&mut agent.store, self.schedule);
        Ok(refreshed)
    }

    fn completed(&mut self, report: &Report, changes: &[Event]) -> Result<(), CliError> {
        self.cycles += 1;
        self.probes.hold(report.observation.valves.holds.first().map(|hold| hold.reason.clone()));
        // A program reads each cycle; a person reads the journal, where idle cycles would hide the others.
        let is_idle = changes.is_empty() && report.worked.is_empty();
        let is_first = self.cycles == 1 && !self.output.is_quiet();
        if self.output.is_json() || is_first || !is_idle { self.output.cycle(report) } else { Ok(()) }
    }

    fn failed(&mut self, error: &CliError) -> CycleFailure {
        self.is_unreadable = rebuild::is_needed(error);
        CycleFailure { error: error.to_string(), hint: error.hint() }
    }

    fn next_request(&mut self) -> Option<Request> {
        self.requests.pop()
    }
}

/// Sends a wake for each signal. A second signal to end ends the process at once, as if it had never been handled: the
/// next cycle of any wnm resumes the pending actions.
fn forward_signals(sender: Sender<Wake>) -> Result<(), CliError> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    std::thread::spawn(move || {
        let mut is_ending = false;
        for signal in signals.forever() {
            if signal != SIGHUP && std::mem::replace(&mut is_ending, true) {
                _ = emulate_default_handler(signal);
            }
            let wake = if signal == SIGHUP { Wake::Now } else { Wake::End };
            if sender.send(wake).is_err() {
                break;
            }
        }
    });
    Ok(())
}
