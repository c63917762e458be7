//! The thread of the probes in a daemon.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use wnm_core::probe::{
    Atto, Gate, ProbeCeilings, ProbeLedger, ProbePlan, ProbeRun, ProbeSchedule, Refused, spent_on_day,
};
use wnm_core::{Settings, Timestamp, Windows};

use super::clients::remains::{clear_commands, end_clients};
use super::clients::{ClientProgram, ClientThreads, Payment, ProgramError};
use super::key::read_key;
use super::prober::{Prober, gate};
use super::source::{Refreshed, SourceError, Sources};
use super::spending::Spending;
use crate::aside;
use crate::valves::host::{DaemonHolds, HostZones};
use crate::valves::{Holds, local_times};

/// The time between two steps of the schedule.
const TICK: Duration = Duration::from_millis(500);
/// The time between two attempts to find the client program.
const FIND: Duration = Duration::from_secs(60);
/// The time between two readings of the holds.
const HOLD: Duration = Duration::from_secs(5);
/// The time for which a ceiling is told once.
const TOLD_FOR: Duration = Duration::from_secs(60 * 60);
/// The scratch folder of a daemon.
const RUNS: &str = "runs";
/// The runs that wait for the thread of the cycles; the oldest are dropped beyond it.
const MOST_WAITING: usize = 10_000;

/// The configuration of the probes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeConfig {
    /// The sources of the plan: files, and addresses with `http://` or `https://`.
    pub sources: Vec<String>,
    /// The client program; None for `ant` in `PATH`.
    pub program: Option<PathBuf>,
    /// The operator's arguments of every call of the client.
    pub arguments: Vec<String>,
    /// The times at which probes run.
    pub windows: Windows,
    /// The key file and the tokens a day of uploads; None without uploads.
    pub uploads: Option<(PathBuf, Atto)>,
}

/// The condition of the probes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProbeStatus {
    /// The client program with its version; None while it is not found.
    pub client: Option<String>,
    /// The effective plan.
    pub plan: ProbePlan,
    /// The tasks and entries that are skipped, and the sources and programs that cannot be used.
    pub problems: Vec<String>,
    /// The runs that are running.
    pub running: usize,
    /// The gate of the last step; None before the first.
    pub gate: Option<Gate>,
    /// The reason of a hold; None without one.
    pub hold: Option<String>,
    /// The tasks whose due run waits, with the reason.
    pub waiting: Vec<(String, String)>,
    /// The tokens that uploads spent today; None without uploads.
    pub spent_today: Option<Atto>,
}

#[derive(Debug, Default)]
struct Shared {
    config: Option<(ProbeConfig, Settings)>,
    finished: Vec<ProbeRun>,
    others: Vec<ProbeRun>,
    status: ProbeStatus,
    ends: bool,
}

type Door = Arc<(Mutex<Shared>, Condvar)>;

fn lock(door: &Door) -> MutexGuard<'_, Shared> {
    door.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The probes of a daemon. Their thread starts with the first configuration, and a drop ends all runs.
#[derive(Debug)]
pub struct ProbeService {
    door: Door,
    /// The folder of the runs and of the copies of task files.
    folder: PathBuf,
    cpus: u32,
    holds: DaemonHolds,
    thread: Option<JoinHandle<()>>,
}

impl ProbeService {
    /// Returns probes that are off. `folder` becomes their own; the clients that a daemon which was killed left there are
    /// ended. The thread of the probes reads the holds itself, so that a hold ends all runs also while cycles fail or take
    /// long.
    #[must_use]
    pub fn new(folder: PathBuf, cpus: u32, holds: DaemonHolds) -> Self {
        end_clients(&folder.join(RUNS));
        Self { door: Door::default(), folder, cpus, holds, thread: None }
    }

    /// Tells whether the probes run.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.thread.is_some()
    }

    /// Applies a configuration; None turns the probes off. The settings name the sources of holds. `past` returns the runs of the last day, which count for
    /// ceilings and spending; it is called when the probes are turned on.
    pub fn configure(
        &mut self,
        config: Option<ProbeConfig>,
        settings: &Settings,
        past: impl FnOnce() -> Vec<ProbeRun>,
    ) {
        let Some(config) = config else { return self.end() };
        lock(&self.door).config = Some((config, settings.clone()));
        if self.thread.is_none() {
            let door = Arc::clone(&self.door);
            let (folder, cpus, holds, past) = (self.folder.clone(), self.cpus, self.holds.clone(), past());
            let thread = std::thread::Builder::new().name("wnm-probe".to_owned());
            // The cycles log the problems of the sources.
            let work = move || Worker::new(folder, cpus, holds.readers().without_log(), &past).run(&door);
            match thread.spawn(work) {
                Ok(thread) => self.thread = Some(thread),
                Err(error) => tracing::error!(%error, "cannot start the thread of the probes"),
            }
        }
        self.door.1.notify_all();
    }

    /// Returns the runs that have ended since the last call.
    #[must_use]
    pub fn take_finished(&self) -> Vec<ProbeRun> {
        std::mem::take(&mut lock(&self.door).finished)
    }

    /// Counts runs of other processes for the ceilings, while the probes are on.
    pub fn remember(&self, others: Vec<ProbeRun>) {
        if self.is_on() {
            lock(&self.door).others.extend(others);
        }
    }

    /// Returns the condition; None while the probes are off.
    #[must_use]
    pub fn status(&self) -> Option<ProbeStatus> {
        self.is_on().then(|| lock(&self.door).status.clone())
    }

    /// Turns the probes off: ends all runs, and waits for them.
    pub fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        lock(&self.door).ends = true;
        self.door.1.notify_all();
        if thread.join().is_err() {
            tracing::error!("the thread of the probes panicked");
        }
        let mut shared = lock(&self.door);
        *shared = Shared { finished: std::mem::take(&mut shared.finished), ..Shared::default() };
    }
}

impl Drop for ProbeService {
    fn drop(&mut self) {
        self.end();
    }
}

/// The thread's own data.
struct Worker {
    started: Instant,
    folder: PathBuf,
    ceilings: ProbeCeilings,
    holds: Holds,
    /// The reason of the hold in effect, and the time of its reading.
    hold: Option<String>,
    read_holds: Option<Duration>,
    ledger: Option<ProbeLedger>,
    spending: Arc<Mutex<Spending>>,
    sources: Sources,
    /// The time and the configuration of the last search for the program.
    searched: Option<(Duration, ProbeConfig)>,
    /// The search that goes on.
    search: Option<Receiver<Result<ClientProgram, ProgramError>>>,
    prober: Option<Prober<ClientThreads>>,
    /// The runs that an earlier wnm did not see end, until they are stored.
    cut: Vec<ProbeRun>,
    plan: ProbePlan,
    skipped: Vec<String>,
    source_problem: Option<String>,
    program_problem: Option<String>,
    /// The tasks that were said to wait for a ceiling, with the time.
    told: BTreeMap<String, Duration>,
}

fn now() -> Timestamp {
    wnm_platform::read_clock().map(|reading| reading.wall).unwrap_or_default()
}

impl Worker {
    fn new(folder: PathBuf, cpus: u32, holds: Holds, past: &[ProbeRun]) -> Self {
        let now = now();
        let mut ledger = ProbeLedger::default();
        for run in past {
            ledger.remember_run(run, now, Duration::ZERO);
        }
        let spending = Spending::new(&folder, Atto::default(), spent_on_day(past, now), now);
        Self {
            started: Instant::now(),
            folder,
            ceilings: ProbeCeilings::of_host(cpus),
            holds,
            hold: None,
            read_holds: None,
            ledger: Some(ledger),
            spending: Arc::new(Mutex::new(spending)),
            sources: Sources::default(),
            searched: None,
            search: None,
            prober: None,
            cut: Vec::new(),
            plan: ProbePlan::default(),
            skipped: Vec::new(),
            source_problem: None,
            program_problem: None,
            told: BTreeMap::new(),
        }
    }

    fn run(mut self, door: &Door) {
        loop {
            let (config, others) = {
                let mut shared = lock(door);
                if shared.ends {
                    break;
                }
                (shared.config.clone(), std::mem::take(&mut shared.others))
            };
            self.remember(&others);
            if let Some((config, settings)) = config {
                let (finished, status) = self.tick(&config, &settings);
                let mut shared = lock(door);
                shared.finished.extend(finished);
                let beyond = shared.finished.len().saturating_sub(MOST_WAITING);
                shared.finished.drain(..beyond);
                shared.status = status;
            }
            let shared = lock(door);
            if !shared.ends {
                drop(door.1.wait_timeout(shared, TICK));
            }
        }
        // The results of runs that end with the daemon are still stored.
        if let Some(mut prober) = self.prober.take() {
            let elapsed = self.started.elapsed();
            prober.tick(now(), elapsed, Gate::Closed, Ok(()));
            let until = Instant::now() + Duration::from_secs(10);
            while prober.schedule().running() > 0 && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(50));
                let finished = prober.tick(now(), elapsed, Gate::Draining, Ok(()));
                lock(door).finished.extend(finished);
            }
        }
    }

    fn tick(&mut self, config: &ProbeConfig, settings: &Settings) -> (Vec<ProbeRun>, ProbeStatus) {
        let (now, elapsed) = (now(), self.started.elapsed());
        self.refresh_hold(settings, now, elapsed);
        self.refresh_plan(config, elapsed);
        self.refresh_program(config, elapsed);
        let local = local_times(&mut HostZones, &config.windows, now);
        let gate = local.as_ref().map_or(Gate::Closed, |local| gate(&config.windows, local, self.hold.is_some()));
        let uploads = self.uploads(config, now);
        let mut finished = std::mem::take(&mut self.cut);
        finished.extend(self.prober.iter_mut().flat_map(|prober| prober.tick(now, elapsed, gate, uploads)));
        self.tell_ceilings(elapsed);
        let client = self.prober.as_mut().map(|prober| prober.clients().program().client.to_string());
        let schedule = self.prober.as_ref().map(Prober::schedule);
        let waiting = schedule.iter().flat_map(|schedule| schedule.refused());
        let problems = [&self.program_problem, &self.source_problem].into_iter().flatten();
        let status = ProbeStatus {
            client,
            plan: self.plan.clone(),
            problems: problems
                .cloned()
                .chain(local.err().map(|zone| zone.to_string()))
                .chain(self.skipped.clone())
                .collect(),
            running: schedule.map_or(0, ProbeSchedule::running),
            gate: Some(gate),
            hold: self.hold.clone(),
            waiting: waiting.map(|(task, refused)| (task.to_owned(), refused.to_string())).collect(),
            spent_today: config.uploads.as_ref().map(|_| self.spending().spent(now)),
        };
        (finished, status)
    }

    fn refresh_hold(&mut self, settings: &Settings, now: Timestamp, elapsed: Duration) {
        if self.read_holds.is_none_or(|read| elapsed.saturating_sub(read) >= HOLD) {
            self.read_holds = Some(elapsed);
            let holds = self.holds.sample(settings, now).holds;
            self.hold = holds.into_iter().next().map(|hold| hold.reason);
        }
    }

    /// Logs each task that waits for a ceiling, once an hour: runs that are missing have a reason.
    fn tell_ceilings(&mut self, elapsed: Duration) {
        for (task, refused) in self.prober.iter().flat_map(|prober| prober.schedule().refused()) {
            let is_told = self.told.get(task).is_some_and(|at| elapsed.saturating_sub(*at) < TOLD_FOR);
            if !matches!(refused, Refused::AtOnce(_)) && !is_told {
                tracing::warn!("task {task:?} waits: {refused}");
                self.told.insert(task.to_owned(), elapsed);
            }
        }
        self.told.retain(|_, at| elapsed.saturating_sub(*at) < TOLD_FOR);
    }

    fn spending(&self) -> MutexGuard<'_, Spending> {
        self.spending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whether uploads may start.
    fn uploads(&self, config: &ProbeConfig, now: Timestamp) -> Result<(), Refused> {
        let Some((_, limit)) = &config.uploads else { return Err(Refused::Uploads) };
        let mut spending = self.spending();
        spending.set_limit(*limit);
        if spending.is_left(now) { Ok(()) } else { Err(Refused::Uploads) }
    }

    fn refresh_plan(&mut self, config: &ProbeConfig, elapsed: Duration) {
        if self.sources.names() != config.sources {
            self.sources = Sources::new(config.sources.clone(), &self.folder);
        }
        let Some(Refreshed { changed, problem }) = self.sources.refresh(elapsed) else { return };
        if let Some(read) = changed {
            self.skipped = read.problems.iter().map(ToString::to_string).collect();
            for problem in &self.skipped {
                tracing::warn!("{problem}");
            }
            self.plan = read.plan;
            if let Some(prober) = &mut self.prober {
                prober.set_plan(self.plan.clone());
            }
        }
        match problem {
            None => self.source_problem = None,
            Some(error) => self.tell_source(&error),
        }
    }

    fn tell_source(&mut self, error: &SourceError) {
        let text = error.to_string();
        // A source that stays away is told once.
        if self.source_problem.as_ref() != Some(&text) {
            tracing::warn!(error = text, "the plan of the probes stays as it is");
        }
        self.source_problem = Some(text);
    }

    /// Searches the client program after a change of the configuration, and once a minute: it may be installed or upgraded
    /// meanwhile. A thread waits for its answer, because the runs need this one.
    fn refresh_program(&mut self, config: &ProbeConfig, elapsed: Duration) {
        let is_due = self
            .searched
            .as_ref()
            .is_none_or(|(at, searched)| elapsed.saturating_sub(*at) >= FIND || searched != config);
        if is_due && self.search.is_none() {
            self.searched = Some((elapsed, config.clone()));
            self.clear_commands();
            let (sender, found) = channel();
            let (path, arguments) = (config.program.clone(), config.arguments.clone());
            let find = move || _ = sender.send(ClientProgram::find(path.as_deref(), arguments));
            aside::run("wnm-probe-find", find);
            self.search = Some(found);
        }
        let found = match self.search.as_ref().map(Receiver::try_recv) {
            None | Some(Err(TryRecvError::Empty)) => return,
            Some(Ok(found)) => Some(found),
            Some(Err(TryRecvError::Disconnected)) => None,
        };
        self.search = None;
        // The configuration may have changed meanwhile; then another search is due.
        let Some(found) = found.filter(|_| self.searched.as_ref().is_some_and(|(_, searched)| searched == config))
        else {
            self.searched = None;
            return;
        };
        let payment = config
            .uploads
            .as_ref()
            .map(|(key_file, _)| Payment { key_file: key_file.clone(), spending: Arc::clone(&self.spending) });
        let mut problem = match found {
            Ok(program) => self.use_program(program, payment.clone()).err(),
            Err(error) => Some(error.to_string()),
        };
        if let Some(error) = payment.and_then(|payment| read_key(&payment.key_file).err()) {
            problem.get_or_insert(error.to_string());
        }
        // A problem that lasts is told once.
        if let Some(text) = problem.as_ref().filter(|text| self.program_problem.as_ref() != Some(text)) {
            tracing::warn!(error = text, "not all probes can start");
        }
        self.program_problem = problem;
    }

    /// Takes the runs of commands that were killed.
    fn clear_commands(&mut self) {
        let cut = clear_commands(&self.folder);
        self.remember(&cut);
        self.cut.extend(cut);
    }

    /// Counts runs of other processes for the ceilings.
    fn remember(&mut self, runs: &[ProbeRun]) {
        let (now, elapsed) = (now(), self.started.elapsed());
        for run in runs {
            match (&mut self.ledger, &mut self.prober) {
                (Some(ledger), _) => ledger.remember_run(run, now, elapsed),
                (None, Some(prober)) => prober.remember(run, now, elapsed),
                (None, None) => {}
            }
        }
    }

    fn use_program(&mut self, program: ClientProgram, payment: Option<Payment>) -> Result<(), String> {
        if let Some(prober) = &mut self.prober {
            prober.clients().set_program(program, payment);
            return Ok(());
        }
        let scratch = self.folder.join(RUNS);
        let mut clients = ClientThreads::new(program, payment, &scratch)
            .map_err(|error| format!("cannot use the folder {}: {error}", scratch.display()))?;
        let now = now();
        let mut ledger = self.ledger.take().unwrap_or_default();
        let cut = clients.take_cut();
        for run in &cut {
            ledger.remember_run(run, now, self.started.elapsed());
        }
        self.cut.extend(cut);
        let seed = u64::try_from(now.as_millis()).unwrap_or(0);
        let schedule = ProbeSchedule::new(self.ceilings, ledger, seed);
        let mut prober = Prober::new(schedule, clients);
        prober.set_plan(self.plan.clone());
        self.prober = Some(prober);
        Ok(())
    }
}
