//! `wnm daemon`: the daemon of the agent, with signals, the lock of the database and the output.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use wnm_agent::alerts::AlertService;
use wnm_agent::control::socket_path;
use wnm_agent::earnings::EarningsService;
use wnm_agent::fleet::FleetService;
use wnm_agent::host::HostAgent;
use wnm_agent::influx::InfluxService;
use wnm_agent::live::{CycleFailure, Event, Live};
use wnm_agent::probe::ProbeService;
use wnm_agent::serve::{self, ServeError, Server};
use wnm_agent::valves::host::DaemonHolds;
use wnm_agent::{ChannelTimer, DaemonControl, Refreshed, Report, Request, RequestQueue, Wake, run_daemon};
use wnm_core::probe::ProbeRun;
use wnm_core::{NodeState, Settings};
use wnm_platform::{Platform, places};
use wnm_store::{Lock, LockError, ProbeFilter, Schedule, Store};

use crate::api::Api;
use crate::args::{ConsentFlag, Daemon};
use crate::commands::config::cap::{self, Agreed};
use crate::commands::probe;
use crate::config;
use crate::config::reload::{Refreshing, Refusal, Reload, STABLE};
use crate::context::{self, Context, LOCK_TIMEOUT, SettingSources};
use crate::error::{CliError, CommandError, Exit};
use crate::freshness;
use crate::notify::{Notifier, NotifyingTimer};
use crate::output::Output;
use crate::rebuild::{self, Attempt};
use crate::render::live_event;

/// The age of the runs that count for ceilings and spending after a restart.
const PROBES_COUNTED: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs cycles until SIGTERM or SIGINT.
///
/// # Errors
/// The colony cannot be opened, another daemon runs on it, or the output cannot be written.
pub(crate) fn run(db: &Path, args: &Daemon, output: &mut Output) -> Result<Exit, CliError> {
    let consent = ConsentFlag { is_given: args.yes };
    let Agreed { settings, left_out } = cap::agreed(db, &args.settings, consent, output)?;
    if let Some(cap) = left_out {
        // Not refused: after a reboot, the nodes would be without their daemon.
        let error = CommandError::LowerCap { cap, line: format!("wnm config set --yes node_cap {}", cap.after) };
        tracing::warn!(hint = error.hint(), "{error}");
    }
    let (wake, wakes) = channel();
    let reload = Arc::new(AtomicBool::new(false));
    // A signal during the start must not kill the process with the lock just taken.
    forward_signals(wake.clone(), reload.clone())?;
    let notifier = Notifier::from_environment();
    let mut timer = NotifyingTimer::new(ChannelTimer::new(wakes), &notifier);
    let lock = context::lock(db, LOCK_TIMEOUT)?;
    let Context { mut agent, sources, .. } = match Context::open(db, &settings) {
        Err(error) if rebuild::is_needed(&error) => match rebuild::rebuild(db, &config::from_flags(&settings)?)? {
            Attempt::Rebuilt => Context::open(db, &settings)?,
            Attempt::NoCopy => return Err(error),
        },
        other => other?,
    };
    drop(lock);
    let (live, requests) = (Live::default(), RequestQueue::default());
    let server = start_server(db, &live, &requests, wake.clone())?;
    // Also without a socket, so that other commands find the daemon.
    let _daemon = Lock::acquire_for_daemon(db, LOCK_TIMEOUT).map_err(refused)?;
    notifier.ready();
    let schedule = Schedule::daemon(args.interval);
    let fleet = FleetService::new(db, live.clone(), env!("CARGO_PKG_VERSION"), live_event::text);
    let mut alerts = AlertService::new(db);
    // The latest run comes last; without them a restart would resolve the alert of failed probes.
    let past: Vec<ProbeRun> = past_probes(&agent.store).into_iter().rev().collect();
    alerts.count_probes(&past);
    let holds = DaemonHolds::new(db).with_fleet(fleet.shared());
    agent.holds = holds.readers();
    let probes = ProbeService::new(probe::folder(db), places::host_defaults(places::own_scope()).cpus, holds);
    let mut control = Control {
        db,
        sources,
        started: Instant::now(),
        reload,
        wake,
        notifier: &notifier,
        schedule,
        output,
        is_unreadable: false,
        cycles: 0,
        requests,
        server,
        probes,
        last_probe: agent.store.last_probe_run().ok(),
        fleet,
        alerts,
        influx: InfluxService::new(db, env!("CARGO_PKG_VERSION")),
        certificate_is_told: false,
        earnings: EarningsService::new(db),
        files: Files::default(),
        live: &live,
    };
    let ended = run_daemon(&mut agent, args.interval, &mut control, &mut timer, &live);
    // Requests that came too late are dropped, so that their commands run without the daemon.
    while control.requests.pop().is_some() {}
    control.store_probes(&mut agent.store);
    drop(control);
    ended.map(|()| Exit::Done)
}

/// Returns the error of a daemon that cannot take the lock of the daemon.
fn refused(error: LockError) -> CliError {
    match error {
        LockError::Held { holder, .. } => CommandError::SecondDaemon { pid: holder.map(|holder| holder.pid) }.into(),
        LockError::OtherOwner { .. } | LockError::Unusable { .. } => error.into(),
    }
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
        Ok(server) => {
            if let Some(error) = server.no_socket() {
                tracing::warn!(%error, "commands take their turn between two cycles");
            }
            Ok(Some(server))
        }
        Err(error @ ServeError::Taken { .. }) => Err(CommandError::Serve(error).into()),
        Err(error) => {
            tracing::warn!(%error, "commands take their turn between two cycles, and no HTTP is served");
            Ok(None)
        }
    }
}

/// The files that the settings name for alerts, lines and earnings.
#[derive(Default)]
struct Files {
    /// The receivers of alerts.
    alerts: Option<PathBuf>,
    /// The server for lines.
    influx: Option<PathBuf>,
    /// The server of the earnings.
    earnings: Option<PathBuf>,
    /// The authorities that their addresses are trusted with.
    authorities: Option<PathBuf>,
}

/// The command that owns the daemon.
struct Control<'a> {
    db: &'a Path,
    sources: SettingSources,
    started: Instant,
    /// SIGHUP came since the last cycle.
    reload: Arc<AtomicBool>,
    wake: Sender<Wake>,
    notifier: &'a Notifier,
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
    /// The number of the last run of a probe that was told, to notice those of commands beside the daemon.
    last_probe: Option<i64>,
    fleet: FleetService,
    alerts: AlertService,
    influx: InfluxService,
    /// The log names the present problem of the certificate.
    certificate_is_told: bool,
    earnings: EarningsService,
    files: Files,
    live: &'a Live,
}

impl Control<'_> {
    /// Brings the settings up to date. A config file that has just changed is read again when it has been the same for
    /// long enough.
    fn follow_settings(&mut self, agent: &mut HostAgent) -> Result<(), CliError> {
        let is_requested = self.reload.swap(false, Ordering::Relaxed);
        let reload = if is_requested { Reload::Requested } else { Reload::Scheduled };
        if is_requested {
            self.notifier.reloading();
        }
        let refreshing = self.sources.refresh(self.db, agent, self.started.elapsed(), reload);
        if is_requested {
            // Also after a failure: the daemon goes on, and names the failure in its status.
            self.notifier.ready();
        }
        let refreshing = refreshing?;
        let refusal = self.sources.refusal().cloned();
        self.live.set_config_file(refusal.map(|Refusal { error, hint }| CycleFailure { error, hint }));
        if refreshing == Refreshing::Changed {
            let wake = self.wake.clone();
            // Without the thread, a later cycle reads the file.
            _ = std::thread::Builder::new().name("wnm-config".to_owned()).spawn(move || {
                std::thread::sleep(STABLE);
                _ = wake.send(Wake::Now);
            });
        }
        Ok(())
    }

    /// Applies the settings of probes, and stores the runs that ended.
    fn follow_probes(&mut self, agent: &mut HostAgent) {
        let past = || past_probes(&agent.store);
        self.probes.configure(probe::configuration(&agent.settings), &agent.settings, past);
        self.write_probes(&mut agent.store);
    }

    /// Begins the messages to receivers of alerts, the writes of lines and the readings of earnings that are due.
    fn tell(&mut self) {
        let Files { alerts, influx, earnings, authorities } = &self.files;
        let now = wnm_platform::read_clock().map(|reading| reading.wall).unwrap_or_default();
        let problem = self.live.status().certificate.and_then(|certificate| certificate.problem(now));
        // Only when it begins: the time that is left changes every hour.
        let is_told = problem.is_some() == self.certificate_is_told;
        if let Some(problem) = problem.as_ref().filter(|_| !is_told) {
            tracing::warn!(hint = "renew the file of listen_cert", "{problem}");
        }
        self.certificate_is_told = problem.is_some();
        self.alerts.observe(self.live, alerts.as_deref(), authorities.as_deref(), now);
        self.live.set_alerts(self.alerts.summary());
        self.influx.observe(self.live, influx.as_deref(), authorities.as_deref(), now);
        self.live.set_influx(self.influx.summary());
        self.earnings.observe(self.live, earnings.as_deref(), authorities.as_deref(), now);
        self.live.set_earnings(self.earnings.summary());
    }

    /// Ends all probes, and stores their results.
    fn store_probes(&mut self, store: &mut Store) {
        self.probes.end();
        let locked = self.lock();
        if let Err(error) = locked.map(|_lock| self.write_probes(store)) {
            tracing::warn!(%error, "the results of the last probes are lost");
        }
    }

    /// Stores the runs that ended, and tells them with those that commands stored. The caller holds the lock.
    fn write_probes(&mut self, store: &mut Store) {
        let others = self.last_probe.and_then(|last| store.probe_runs_after(last).ok());
        let others = others.map_or_else(Vec::new, |others| others.runs);
        let finished = self.probes.take_finished();
        for runs in [&others, &finished] {
            self.live.count_probes(runs);
            self.alerts.count_probes(runs);
            self.influx.write_probes(runs);
        }
        self.probes.remember(others);
        if let Err(error) = store.insert_probe_runs(&finished) {
            tracing::warn!(%error, runs = finished.len(), "the results of probes are lost");
        }
        self.last_probe = store.last_probe_run().ok().or(self.last_probe);
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
        self.follow_settings(agent)?;
        if let Some(server) = &self.server {
            server.set_listen(&agent.settings.listen);
        }
        self.notifier.allow(pauses(&agent.settings, self.live));
        self.follow_probes(agent);
        self.fleet.configure(&agent.settings);
        let Settings { alerts, influx, earnings, ca_file, .. } = &agent.settings;
        self.files = Files {
            alerts: alerts.clone(),
            influx: influx.clone(),
            earnings: earnings.clone(),
            authorities: ca_file.clone(),
        };
        // In every cycle, because a `wnm run` beside the daemon records the schedule of cron.
        freshness::record(&mut agent.store, self.schedule);
        Ok(refreshed)
    }

    fn completed(&mut self, report: &Report, changes: &[Event]) -> Result<(), CliError> {
        self.cycles += 1;
        self.notifier.status(&status_line(report));
        self.tell();
        // A program reads each cycle; a person reads the journal, where idle cycles would hide the others.
        let is_idle = changes.is_empty() && report.worked.is_empty();
        let is_first = self.cycles == 1 && !self.output.is_quiet();
        if self.output.is_json() || is_first || !is_idle { self.output.cycle(report) } else { Ok(()) }
    }

    fn failed(&mut self, error: &CliError) -> CycleFailure {
        self.is_unreadable = rebuild::is_needed(error);
        self.notifier.status(&format!("the last cycle failed: {}", error.message()));
        self.tell();
        CycleFailure { error: error.to_string(), hint: error.hint() }
    }

    fn next_request(&mut self) -> Option<Request> {
        self.requests.pop()
    }
}

/// Returns the stored runs of probes that count after a restart.
fn past_probes(store: &Store) -> Vec<ProbeRun> {
    let now = wnm_platform::read_clock().map(|reading| reading.wall).unwrap_or_default();
    let filter = ProbeFilter { since: Some(now.before(PROBES_COUNTED)), limit: u32::MAX, ..ProbeFilter::default() };
    store.probe_runs(&filter).map(|found| found.runs).unwrap_or_else(|error| {
        tracing::warn!(%error, "earlier probes do not count for the ceilings and the alerts");
        Vec::new()
    })
}

/// Returns the pauses that the settings put into one cycle, between the probes of nodes and between actions.
fn pauses(settings: &Settings, live: &Live) -> Duration {
    let nodes = live.snapshot().map_or(0, |last| last.report.colony.nodes.len());
    let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
    settings.survey_delay.saturating_add(settings.action_delay).saturating_mul(nodes)
}

/// Returns the state of the colony in a line, for the service manager.
fn status_line(report: &Report) -> String {
    let colony = &report.colony;
    let states = colony.state.nodes.iter().filter(|(id, _)| colony.nodes.contains_key(id));
    let running = states.filter(|(_, state)| matches!(state, NodeState::Running { .. })).count();
    let hold = report.observation.valves.holds.first();
    let hold = hold.map_or_else(String::new, |hold| format!("; hold: {}", hold.reason));
    format!("{running} of {} nodes run{hold}", colony.nodes.len())
}

/// Sends a wake for each signal. A second signal to end ends the process at once, as if it had never been handled: the
/// next cycle of any wnm resumes the pending actions.
fn forward_signals(sender: Sender<Wake>, reload: Arc<AtomicBool>) -> Result<(), CliError> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    std::thread::Builder::new().spawn(move || {
        let mut is_ending = false;
        for signal in signals.forever() {
            if signal != SIGHUP && std::mem::replace(&mut is_ending, true) {
                _ = emulate_default_handler(signal);
            }
            let wake = if signal == SIGHUP { Wake::Now } else { Wake::End };
            reload.fetch_or(signal == SIGHUP, Ordering::Relaxed);
            if sender.send(wake).is_err() {
                break;
            }
        }
    })?;
    Ok(())
}
