//! `wnm status`: the last cycle on record, in a page.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use wnm_agent::control::Client;
use wnm_agent::earnings;
use wnm_core::{Clock, Day, Desired, Health, NodeId, NodeState, Policy, RawSettings, Recovery, StopCause, Timestamp};
use wnm_store::{Lock, LockError, Snapshot, Store};

use super::service;
use crate::args;
use crate::config;
use crate::config::reload;
use crate::error::{CliError, Exit};
use crate::freshness::{self, Freshness};
use crate::interrupt::{Interrupt, Waited};
use crate::output::Output;
use crate::render;
use crate::render::daemon::{Daemon, Unreachable};
use crate::render::earnings::EarningsNow;
use crate::render::page::Width;
use crate::render::status::{Delayed, NodeProblem, Status, StatusView, UnderWay, text};
use crate::valves;

/// Shows the host and the colony from the database, without the lock and without an observation.
///
/// # Errors
/// The database cannot be read, or the output cannot be written.
pub(crate) fn run(db: &Path, args: &args::Status, output: &Output) -> Result<Exit, CliError> {
    if let Some(period) = args.watch {
        return watch(db, period, output);
    }
    let status = read(db)?;
    output.result(&StatusView::from(&status), |_| text(&status, output.width()))?;
    Ok(if args.check && !status.is_healthy() { Exit::ActionFailed } else { Exit::Done })
}

/// Shows the page again and again until interrupted. On a terminal each page replaces the one before.
fn watch(db: &Path, period: Duration, output: &Output) -> Result<Exit, CliError> {
    let interrupt = Interrupt::new()?;
    loop {
        // The terminal may have another width by now.
        let width = Width::of_output();
        let status = read(db)?;
        output.frame(&StatusView::from(&status), |_| text(&status, width), width)?;
        if interrupt.wait(period) == Waited::Interrupted {
            return Ok(Exit::Done);
        }
    }
}

/// Returns the status of the colony from its database, and of its daemon.
///
/// # Errors
/// The database cannot be read.
pub(crate) fn read(db: &Path) -> Result<Status, CliError> {
    let store = Store::open_read_only(db)?;
    let stored = store.settings()?;
    let survey = freshness::survey_delay(&stored);
    let settings = stored.clone();
    let file = reload::shown(db);
    let refusal = file.as_ref().ok().and_then(|file| file.refusal().cloned());
    let above = file.and_then(|file| Ok(config::from_environment()?.over(file.settings().clone())));
    let raw = above.map(|above| above.over(stored));
    let reads_earnings = raw.as_ref().is_ok_and(|raw| raw.earnings.is_some());
    let policy = raw.and_then(|raw| Ok(Policy::new(&raw, None)?));
    // The status must show even while a setting is invalid, because the operator needs it to see the effects.
    let policy = policy.inspect_err(|error| tracing::warn!(%error, "settings are invalid, the defaults are shown"));
    let policy = policy.or_else(|_| Policy::new(&RawSettings::default(), None))?;
    let snapshot = store.snapshot()?;
    warn_of_unreadable(&snapshot);
    let now = colony_time(snapshot.state.clock.as_ref());
    let mut status = status(&policy, snapshot, survey, now);
    (status.daemon, status.unreachable) = daemon(db, now);
    status.config_file = refusal;
    status.health = store.health(Day::of(now))?;
    status.valves = valves::read(db, settings);
    let record = reads_earnings.then(|| earnings::stored(db).unwrap_or_default());
    status.earnings = record.map(|record| EarningsNow { now: valves::now(), record });
    if status.stale {
        let of_daemon = status.unreachable.as_ref().map(|daemon| daemon.hint.to_owned());
        status.hint = Some(of_daemon.unwrap_or_else(|| render::freshness::hint(&service::installed(db))));
    }
    Ok(status)
}

/// Returns the running daemon, or the one that cannot be asked; None without a daemon.
fn daemon(db: &Path, now: Timestamp) -> (Option<Daemon>, Option<Unreachable>) {
    let holder = || match Lock::check_daemon(db) {
        Err(LockError::Held { holder, .. }) => Some(holder),
        Ok(()) | Err(LockError::OtherOwner { .. } | LockError::Unusable { .. }) => None,
    };
    match Client::of(db).daemon() {
        Ok(Some(info)) => (Some(Daemon { info, now }), None),
        Ok(None) => (None, holder().map(Unreachable::without_socket)),
        Err(error) => (None, Some(Unreachable::new(holder().flatten(), &error))),
    }
}

/// Returns the running daemon if it cannot be asked; None otherwise.
pub(crate) fn unreachable_daemon(db: &Path) -> Option<Unreachable> {
    daemon(db, Timestamp::default()).1
}

/// Warns of each record that could not be read and is missing in the output.
pub(crate) fn warn_of_unreadable(snapshot: &Snapshot) {
    for error in &snapshot.unreadable {
        tracing::warn!(%error, "a record is left out");
    }
}

/// Returns the present time on the colony's clock; the time of its last cycle if the clocks cannot be read.
pub(crate) fn colony_time(clock: Option<&Clock>) -> Timestamp {
    let reading = wnm_platform::observe::host::read_clock().ok();
    match (clock, reading) {
        (Some(clock), Some(reading)) => clock.advance(reading).now(),
        (Some(clock), None) => clock.now(),
        (None, Some(reading)) => reading.wall,
        (None, None) => Timestamp::default(),
    }
}

/// Returns why a node that should run does not; None for all other nodes. A node that has just started, or gets another
/// program, counts as running: its state ends with a delay, or becomes another one.
fn node_problem(snapshot: &Snapshot, id: NodeId, state: &NodeState, now: Timestamp) -> Option<String> {
    let recovery = snapshot.state.recoveries.get(&id);
    let ended = || render::recovery::text(recovery, snapshot.samples.get(&id), now);
    match state {
        NodeState::Unknown { .. } => Some("does not answer".to_owned()),
        NodeState::Dead { .. } => Some("its folder is missing".to_owned()),
        NodeState::Stopped { cause, .. } if snapshot.state.desired(id, state) == Desired::Running => {
            let problem =
                if *cause == StopCause::StartFailed { "its start failed" } else { "its process ended by itself" };
            Some(format!("{problem}; {}", ended()))
        }
        NodeState::Running { .. } | NodeState::Restarting { .. } if recovery.is_some_and(Recovery::is_crash_loop) => {
            Some("it runs again after a crash loop, and is watched for 10min".to_owned())
        }
        NodeState::Stopped { .. }
        | NodeState::Running { .. }
        | NodeState::Restarting { .. }
        | NodeState::Upgrading { .. }
        | NodeState::Migrating { .. }
        | NodeState::Removing { .. }
        | NodeState::Disabled { .. } => None,
    }
}

fn node_problems(snapshot: &Snapshot, now: Timestamp) -> Vec<NodeProblem> {
    let known = snapshot.state.nodes.iter().filter(|(id, _)| snapshot.nodes.contains_key(id));
    let found = known.filter_map(|(id, state)| {
        let problem = if render::volumes::is_affected(snapshot.samples.get(id)) {
            "its volume is lost or faulty".to_owned()
        } else {
            node_problem(snapshot, *id, state, now)?
        };
        Some(NodeProblem { node: *id, name: id.name(), status: state.word(), problem })
    });
    found.collect()
}

fn status(policy: &Policy, snapshot: Snapshot, survey: Duration, now: Timestamp) -> Status {
    let mut by_state: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut by_version: BTreeMap<String, usize> = BTreeMap::new();
    let mut states: BTreeMap<&'static str, NodeState> = BTreeMap::new();
    for (id, state) in snapshot.state.nodes.iter().filter(|(id, _)| snapshot.nodes.contains_key(id)) {
        *by_state.entry(state.word()).or_default() += 1;
        states.entry(state.word()).or_insert_with(|| state.clone());
        let version = snapshot.samples.get(id).and_then(|sample| sample.version.as_ref());
        *by_version.entry(version.map_or_else(|| "unknown".to_owned(), ToString::to_string)).or_default() += 1;
    }
    let freshness = Freshness::of(&snapshot, now, survey);
    let last = snapshot.last.as_ref();
    Status {
        cycle: last.map(|cycle| cycle.id.0),
        at: last.map(|cycle| cycle.at),
        age_seconds: freshness.age.map_or(0, |age| age.as_secs()),
        schedule: freshness.schedule.into(),
        stale: freshness.is_stale(),
        stale_problem: render::freshness::problem(freshness),
        hint: None,
        daemon: None,
        unreachable: None,
        config_file: None,
        valves: None,
        earnings: None,
        health: Health::default(),
        node_problems: node_problems(&snapshot, now),
        failures: render::failures::latest(&snapshot.state).into_iter().cloned().collect(),
        now,
        storage: render::volumes::views(last.map_or(&[], |cycle| &cycle.host.volumes), &snapshot.samples),
        cpus: last.and_then(|cycle| cycle.host.cpus),
        memory_total: last.and_then(|cycle| cycle.host.memory_total).map(|bytes| bytes.0),
        load_scope: last.map(|cycle| cycle.host.load_scope),
        cpu_quota: last.and_then(|cycle| cycle.host.cpu_quota),
        cpu_limit: last.and_then(|cycle| cycle.host.cpu_limit),
        psi: last.and_then(|cycle| cycle.host.psi),
        weight: last.and_then(|cycle| cycle.host.weight),
        unlisted: last.map(|cycle| cycle.host.unlisted.clone()).unwrap_or_default(),
        signals: last.map(|cycle| cycle.decision.measures.clone()).unwrap_or_default(),
        volumes: last.map(|cycle| cycle.host.volumes.clone()).unwrap_or_default(),
        node_cap: policy.node_cap,
        nodes: snapshot.nodes.len(),
        by_state,
        by_version,
        failed_versions: snapshot.state.failed_versions(),
        blocker: last.and_then(|cycle| cycle.decision.blocker().cloned()),
        blockers: last.map(|cycle| cycle.decision.blockers().into_iter().cloned().collect()).unwrap_or_default(),
        decided: last.map(|cycle| cycle.decision.actions.clone()).unwrap_or_default(),
        delayed: delayed(policy, &snapshot, now),
        under_way: snapshot
            .unfinished
            .into_iter()
            .map(|action| UnderWay { record: action.record, outcome: action.outcome })
            .collect(),
        states,
    }
}

/// Returns the nodes that wait for the end of a delay after a start or an upgrade, the earliest end first.
fn delayed(policy: &Policy, snapshot: &Snapshot, now: Timestamp) -> Vec<Delayed> {
    let until = |state: &NodeState| match state {
        NodeState::Restarting { since } => Some(since.after(policy.delays.start)),
        NodeState::Upgrading { since, .. } => Some(since.after(policy.delays.upgrade)),
        _ => None,
    };
    let known = snapshot.state.nodes.iter().filter(|(id, _)| !snapshot.state.acting.contains(id));
    let left = known.filter_map(|(id, state)| {
        let left_seconds = until(state)?.since(now).as_secs();
        Some(Delayed { node: *id, status: state.word(), left_seconds })
    });
    let mut delayed: Vec<Delayed> = left.collect();
    delayed.sort_by_key(|node| (node.left_seconds, node.node));
    delayed
}
