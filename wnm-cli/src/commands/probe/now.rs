//! `wnm probe run`: tasks once, in the foreground.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use wnm_agent::probe::{ClientProgram, ClientThreads, Payment, Prober, Spending, clear_commands};
use wnm_agent::valves::host::HostZones;
use wnm_agent::valves::local_times;
use wnm_core::probe::{
    Gate, ProbeCeilings, ProbeKind, ProbeLedger, ProbeOutcome, ProbePlan, ProbeRun, ProbeSchedule, ProbeTask, Refused,
    spent_on_day,
};
use wnm_core::{Settings, Timestamp};
use wnm_platform::places;
use wnm_store::{ProbeFilter, Store};

use super::{folder, now, plan, settings};
use crate::args::ProbeRunNow;
use crate::context::{self, LOCK_TIMEOUT};
use crate::error::{CliError, Exit, ProbeError};
use crate::output::Output;
use crate::render;
use crate::render::probe::RunView;
use crate::valves;

/// The time between two steps of the schedule.
const TICK: Duration = Duration::from_millis(50);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs tasks once, each with one worker, and stores the results.
pub(super) fn run(db: &Path, args: &ProbeRunNow, output: &Output) -> Result<Exit, CliError> {
    let store = Store::open_read_only(db)?;
    let settings = settings(db, &store)?;
    let mut plan = plan(db, &settings)?.plan;
    plan.tasks = chosen(&plan, &args.tasks)?;
    let probe = &settings.probe;
    let program = ClientProgram::find(probe.client.as_deref(), probe.arguments.clone()).map_err(ProbeError::Program)?;
    note_closed_gate(db, &settings, output);
    let started = now()?;
    let since = Some(started.before(DAY));
    let mut past = store.probe_runs(&ProbeFilter { since, limit: u32::MAX, ..ProbeFilter::default() })?.runs;
    let cut = clear_commands(&folder(db));
    past.extend_from_slice(&cut);
    drop(store);
    if plan.tasks.iter().any(|task| task.kind == ProbeKind::Upload) && !probe.upload {
        output.say("uploads are off: `wnm config describe probe_upload` tells how to allow them");
        plan.tasks.retain(|task| task.kind != ProbeKind::Upload);
    }
    let runs = run_all(db, &settings, plan, program, &past, started)?;
    let _lock = context::lock(db, LOCK_TIMEOUT)?;
    Store::open(db)?.insert_probe_runs(&[cut, runs.clone()].concat())?;
    let views: Vec<RunView> = runs.iter().map(RunView::from).collect();
    output.result(&views, |views| render::probe::runs(views, output.width()))?;
    let is_ok = runs.iter().all(|run| run.outcome == ProbeOutcome::Ok);
    Ok(if is_ok { Exit::Done } else { Exit::ActionFailed })
}

/// Says that runs by request pass a hold or a closed window, as requests to nodes do.
fn note_closed_gate(db: &Path, settings: &Settings, output: &Output) {
    let valves = valves::of(db, settings);
    let windows = &settings.probe.windows;
    let local = local_times(&mut HostZones, windows, valves.now);
    let closed = match valves.sample.holds.first() {
        Some(hold) => format!("a hold is in effect: {}", render::valves::hold_text(hold, valves.now)),
        None if local.is_ok_and(|local| Gate::of(windows, &local) != Gate::Closed) => return,
        None => "the time is outside probe_window".to_owned(),
    };
    output.say(&format!("{closed}; this request passes"));
}

/// Returns the named tasks, or all of them, for one run each.
fn chosen(plan: &ProbePlan, names: &[String]) -> Result<Vec<ProbeTask>, ProbeError> {
    let once = |task: &ProbeTask| ProbeTask { workers: 1, repeat: 1, ..task.clone() };
    if names.is_empty() {
        return Ok(plan.tasks.iter().map(once).collect());
    }
    let find = |name: &String| {
        plan.tasks.iter().find(|task| task.name == *name).map(once).ok_or_else(|| {
            let likeness = |task: &&ProbeTask| (strsim::jaro_winkler(&task.name, name) * 1000.0) as u32;
            let nearest = plan.tasks.iter().max_by_key(likeness).filter(|task| likeness(task) > 700);
            ProbeError::NoSuchTask { name: name.clone(), nearest: nearest.map(|task| task.name.clone()) }
        })
    };
    names.iter().map(find).collect()
}

fn run_all(
    db: &Path,
    settings: &Settings,
    plan: ProbePlan,
    program: ClientProgram,
    past: &[ProbeRun],
    started: Timestamp,
) -> Result<Vec<ProbeRun>, CliError> {
    let probe = &settings.probe;
    let mut ledger = ProbeLedger::default();
    for run in past {
        ledger.remember_run(run, started, Duration::ZERO);
    }
    let payment = probe.key_file.clone().filter(|_| probe.upload).map(|key_file| {
        let spent = spent_on_day(past, started);
        Payment { key_file, spending: Arc::new(Mutex::new(Spending::new(&folder(db), probe.spend, spent, started))) }
    });
    // A daemon of the same database has a folder of its own.
    let scratch = folder(db).join(format!("now-{}", std::process::id()));
    let failed = |source| ProbeError::Folder { path: scratch.clone(), source };
    let clients = ClientThreads::new(program, payment, &scratch).map_err(failed)?;
    let cpus = places::host_defaults(places::own_scope()).cpus;
    let seed = u64::try_from(started.as_millis()).unwrap_or(0);
    let mut prober = Prober::new(ProbeSchedule::new(ProbeCeilings::of_host(cpus), ledger, seed), clients);
    prober.set_plan(plan);
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&ended))?;
    }
    let begun = Instant::now();
    let mut runs = Vec::new();
    loop {
        let gate = if ended.load(Ordering::Relaxed) { Gate::Closed } else { Gate::Open };
        // The wall clock stands still, so that no second period begins.
        runs.extend(prober.tick(started, begun.elapsed(), gate, Ok(())));
        let waits_for_room = prober.schedule().refused().any(|(_, refused)| matches!(refused, Refused::AtOnce(_)));
        let waits = prober.schedule().is_waiting() && (waits_for_room || prober.schedule().refused().next().is_none());
        if prober.schedule().running() == 0 && (gate == Gate::Closed || !waits) {
            break;
        }
        std::thread::sleep(TICK);
    }
    for (task, refused) in prober.schedule().refused() {
        tracing::warn!("task {task:?} did not run: {refused}");
    }
    Ok(runs)
}
