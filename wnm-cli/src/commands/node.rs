//! `wnm node`: actions on nodes that the operator names or counts.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use wnm_agent::{Mode, Report, Trigger};
use wnm_core::{
    ActionId, Day, NodeId, NodeState, Outcome, Planned, Presence, Program, RawSettings, Refusal, Selection, Verb,
    WindowState,
};
use wnm_store::{ActionFilter, Store};

use super::by_daemon;
use super::change;
use super::logs;
use super::selection;
use super::status::colony_time;
use super::trash;
use crate::args::{Count, Node, NodeList, NodeRange, Nodes, Removed, Selected, SettingFlags, Survey};
use crate::confirm::{self, Purpose};
use crate::context::{self, Context, LOCK_TIMEOUT};
use crate::error::{CliError, CommandError, Exit};
use crate::freshness::{self, Freshness};
use crate::json::NodeJson;
use crate::output::Output;
use crate::progress::Progress;
use crate::render;
use crate::render::node_show::{self, NodeDetails, NodeDetailsView};
use crate::render::nodes::NodeView;
use crate::render::work::{Work, WorkResult};
use crate::valves;

/// Pause between two cycles while actions are under way.
pub(super) const CYCLE_PAUSE: Duration = Duration::from_millis(250);
/// Time for which a command waits for its actions. Later cycles finish the rest.
pub(super) const TIMEOUT: Duration = Duration::from_secs(180);

/// Runs a command on nodes.
pub(crate) fn run(db: &Path, command: Node, output: &mut Output) -> Result<Exit, CliError> {
    match command {
        Node::List(args) => list(db, &args, output),
        Node::Show(nodes) => show(db, &nodes, output),
        Node::Logs(args) => logs::run(db, &args, output),
        Node::Add(Count { count, interval, dry_run }) => {
            act(db, Verb::Add, &Selection::Count(count), RequestOptions { mode: mode(dry_run), interval }, output)
        }
        Node::Remove(args) => remove(db, args, output),
        Node::Start(which) => selected(db, Verb::Start, which, output),
        Node::Stop(which) => selected(db, Verb::Stop, which, output),
        Node::Restart(which) => selected(db, Verb::Restart, which, output),
        Node::Upgrade(which) => selected(db, Verb::Upgrade, which, output),
        Node::Reset(args) => reset(db, args, output),
        Node::Update(args) => change::update(db, &args, output),
        Node::Move(args) => change::relocate(db, &args, output),
        Node::Enable(which) => selected(db, Verb::Enable, which, output),
        Node::Disable(which) => selected(db, Verb::Disable, which, output),
        Node::Backup(args) => trash::save(db, &args, output),
        Node::Restore(args) => trash::restore_any(db, args, output),
        Node::Survey(args) => survey(db, &args, output),
    }
}

fn mode(dry_run: bool) -> Mode {
    if dry_run { Mode::DryRun } else { Mode::Act }
}

/// Lists nodes in a table, or only their names with `--quiet`.
fn list(db: &Path, args: &NodeList, output: &Output) -> Result<Exit, CliError> {
    let mut views = views(db, &args.nodes)?;
    if !args.state.is_empty() {
        let is_wanted = |state: &NodeState| args.state.iter().any(|name| name.is_of(state));
        views.retain(|view| view.state.as_ref().is_some_and(is_wanted));
    }
    if let Some(column) = args.sort {
        render::node_list::sort(&mut views, column);
    }
    let json = |views: &Vec<NodeView>| views.iter().map(NodeJson::from).collect::<Vec<_>>();
    if output.is_quiet() && !output.is_json() {
        output.text(&render::node_list::names(&views))?;
    } else {
        output.either(&views, json, |views| render::node_list::table(views, &args.columns, output.width()))?;
    }
    Ok(Exit::Done)
}

/// Shows a page for each node, with the last events of the node.
fn show(db: &Path, only: &Nodes, output: &Output) -> Result<Exit, CliError> {
    let details = details(db, &only.nodes)?;
    let json: Vec<_> = details.iter().map(NodeDetailsView::from).collect();
    output.result(&json, |_| node_show::text(&details))?;
    Ok(Exit::Done)
}

/// Returns the details of the named nodes, or of all.
///
/// # Errors
/// A named node does not exist, or the database cannot be read.
pub(crate) fn details(db: &Path, only: &[NodeRange]) -> Result<Vec<NodeDetails>, CliError> {
    let store = Store::open_read_only(db)?;
    let mut days = store.node_days(Day::of(wnm_platform::read_clock()?.wall).before(node_show::DAYS - 1))?.days;
    let details = |view: NodeView| {
        let filter = ActionFilter {
            node: Some(view.node.id),
            since: Some(view.node.born),
            until: None,
            limit: u32::try_from(node_show::EVENTS).unwrap_or(u32::MAX),
        };
        let mut events = super::events::read(&store, &filter)?;
        events.drain(..events.len().saturating_sub(node_show::EVENTS));
        let days = days.remove(&view.node.id).unwrap_or_default();
        Ok(NodeDetails::new(view, events, &days))
    };
    views(db, only)?.into_iter().map(details).collect()
}

/// Returns the views of the named nodes, or of all. Warns if their record is stale.
///
/// # Errors
/// A named node does not exist, or the database cannot be read.
pub(crate) fn views(db: &Path, only: &[NodeRange]) -> Result<Vec<NodeView>, CliError> {
    let store = Store::open_read_only(db)?;
    let snapshot = store.snapshot()?;
    let only = selection::named(only, snapshot.nodes.keys().copied())?;
    let now = colony_time(snapshot.state.clock.as_ref());
    let freshness = Freshness::of(&snapshot, now, freshness::survey_delay(&store.settings()?));
    if let Some(problem) = render::freshness::problem(freshness) {
        tracing::warn!("{problem}; the states are those of that cycle");
    }
    let restarts = store.restarts(&snapshot.nodes)?;
    let health = store.health(Day::of(now))?;
    Ok(render::nodes::views(snapshot, &only, now, freshness, &restarts, &health))
}

fn selected(db: &Path, verb: Verb, which: Selected, output: &mut Output) -> Result<Exit, CliError> {
    let selection = selection::of(db, &which)?;
    act(db, verb, &selection, RequestOptions { mode: mode(which.dry_run), interval: which.interval }, output)
}

/// Removes nodes, after the consent of the operator.
fn remove(db: &Path, Removed { which, consent }: Removed, output: &mut Output) -> Result<Exit, CliError> {
    let mut selection = selection::of(db, &which)?;
    if mode(which.dry_run) == Mode::Act {
        selection = confirm::removal(db, selection, consent, Purpose::Remove, output)?;
    }
    act(db, Verb::Remove, &selection, RequestOptions { mode: mode(which.dry_run), interval: which.interval }, output)
}

/// Probes every node and stores the results.
fn survey(db: &Path, args: &Survey, output: &mut Output) -> Result<Exit, CliError> {
    let _lock = context::lock(db, LOCK_TIMEOUT)?;
    let once = RawSettings { survey_delay: args.interval, ..RawSettings::default() };
    let mode = mode(args.dry_run);
    let mut context = Context::open_once(db, &SettingFlags::default(), once, mode)?;
    let report = context.run_cycle(&Trigger::Resumed, mode)?;
    let (nodes, states) = (&report.observation.nodes, &report.colony.state.nodes);
    let seen = nodes.iter().filter(|(_, sample)| sample.presence != Presence::Unobserved);
    let mut works: Vec<Work> = seen.map(|(id, sample)| Work::surveyed(*id, states.get(id), sample)).collect();
    works.extend(report.worked.iter().map(|(record, outcome)| Work::started(&record.planned, outcome, None)));
    // cron mails each output, so that a survey without a finding has none.
    if output.is_quiet() && !output.is_json() && works.iter().all(|work| work.result == WorkResult::Done) {
        return Ok(Exit::Done);
    }
    report_works(&works, mode, output)
}

/// The options of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestOptions {
    pub(crate) mode: Mode,
    /// The pause between the actions on two nodes, in milliseconds; None for the setting `action_delay`.
    pub(crate) interval: Option<u64>,
}

/// Requests actions, of the daemon if one runs, and waits for their ends.
pub(crate) fn act(
    db: &Path,
    verb: Verb,
    selection: &Selection,
    RequestOptions { mode, interval }: RequestOptions,
    output: &mut Output,
) -> Result<Exit, CliError> {
    if mode == Mode::Act {
        note_closed_valve(db, output);
    }
    let options = RequestOptions { mode, interval };
    report_works(&works(db, verb, selection, options, || output.progress())?, mode, output)
}

/// Requests actions, of the daemon if one runs, and returns their results after their ends.
///
/// # Errors
/// The daemon or the lock refuses the request, or the cycle fails.
pub(super) fn works(
    db: &Path,
    verb: Verb,
    selection: &Selection,
    RequestOptions { mode, interval }: RequestOptions,
    progress: impl Fn() -> Progress,
) -> Result<Vec<Work>, CliError> {
    // A pause between two nodes would keep the daemon from its cycles: such a command runs its own.
    if mode == Mode::Act
        && interval.is_none()
        && let Some(works) = by_daemon::request(db, verb, selection, progress())?
    {
        return Ok(works);
    }
    let _lock = context::lock(db, LOCK_TIMEOUT)?;
    let once = RawSettings { action_delay: interval, ..RawSettings::default() };
    let mut context = Context::open_once(db, &SettingFlags::default(), once, mode)?;
    context.progress = progress();
    request(&mut context, verb, selection, mode)
}

/// Says that a request passes a hold or a closed window. A display of the valves that fails prevents no request.
fn note_closed_valve(db: &Path, output: &Output) {
    let stored = Store::open_read_only(db).and_then(|store| store.settings());
    let Some(valves) = stored.ok().and_then(|stored| valves::read(db, stored)) else { return };
    let closed = match valves.sample.holds.first() {
        Some(hold) => Some(format!("a hold is in effect: {}", render::valves::hold_text(hold, valves.now))),
        None => match valves.settings.window_state(&valves.sample, valves.now) {
            Ok(WindowState::Open { .. }) => None,
            Ok(WindowState::Closed { .. }) | Err(_) => Some("the time is outside the window".to_owned()),
        },
    };
    if let Some(closed) = closed {
        output.say(&format!("{closed}; this request passes"));
    }
}

/// Removes nodes, and adds new ones with the same numbers. A crash in between leaves a removal: `wnm node add` then gives
/// the lowest free number.
fn reset(db: &Path, Removed { which, consent }: Removed, output: &mut Output) -> Result<Exit, CliError> {
    let mode = mode(which.dry_run);
    let mut selection = selection::of(db, &which)?;
    if mode == Mode::Act {
        selection = confirm::removal(db, selection, consent, Purpose::Reset, output)?;
    }
    let _lock = context::lock(db, LOCK_TIMEOUT)?;
    let once = RawSettings { action_delay: which.interval, ..RawSettings::default() };
    let mut context = Context::open_once(db, &SettingFlags::default(), once, mode)?;
    context.progress = output.progress();
    if context.agent.settings.manager.program == Program::Antctl {
        return Err(CommandError::ResetWithoutReuse { manager: context.agent.settings.manager }.into());
    }
    let mut works = request(&mut context, Verb::Remove, &selection, mode)?;
    works.iter_mut().for_each(|work| work.action = "reset");
    let gone: Vec<NodeId> =
        works.iter().filter(|work| work.result == WorkResult::Done).filter_map(|work| work.node).collect();
    if !gone.is_empty() {
        for made in request(&mut context, Verb::Add, &Selection::Named(gone), mode)? {
            if let Some(work) = works.iter_mut().find(|work| work.node == made.node) {
                work.continue_with(made);
            }
        }
    }
    report_works(&works, mode, output)
}

pub(super) fn request(
    context: &mut Context,
    verb: Verb,
    selection: &Selection,
    mode: Mode,
) -> Result<Vec<Work>, CliError> {
    let begun = Instant::now();
    let report = context.run_cycle(&Trigger::Requested(verb, selection.clone()), mode)?;
    if let Some((Some(id), Refusal::NoSuchNode)) = report.refused.first() {
        return Err(CommandError::NoSuchNode(*id).into());
    }
    let refused = report.refused.clone();
    let mut works = match mode {
        Mode::DryRun => report.decision.actions.iter().map(Work::planned).collect(),
        Mode::Act => wait_for(context, report, begun)?,
    };
    works.extend(refused.into_iter().map(|(node, refusal)| Work::refused(verb, node, &refusal)));
    Ok(works)
}

pub(super) fn report_works(works: &[Work], mode: Mode, output: &Output) -> Result<Exit, CliError> {
    output.result(&works, |works| render::work::text(works, output.width()))?;
    let is_undone = |work: &Work| matches!(work.result, WorkResult::Refused | WorkResult::Failed);
    Ok(if mode == Mode::Act && works.iter().any(is_undone) { Exit::ActionFailed } else { Exit::Done })
}

/// Runs cycles that begin no action until none is pending, at most for [`TIMEOUT`].
pub(super) fn finish_pending(context: &mut Context) -> Result<(), CliError> {
    let begun = Instant::now();
    while context.run_cycle(&Trigger::Resumed, Mode::Act)?.is_pending() && begun.elapsed() < TIMEOUT {
        std::thread::sleep(CYCLE_PAUSE);
    }
    Ok(())
}

/// Returns the time since the begin of a command, in seconds with three decimals.
pub(super) fn elapsed(begun: Instant) -> f64 {
    (begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0
}

/// Runs cycles until the actions that the first one began have ended, and returns their outcomes.
fn wait_for(context: &mut Context, first: Report, begun: Instant) -> Result<Vec<Work>, CliError> {
    let mine: Vec<(ActionId, Planned)> = {
        let asked = |p: &Planned| first.decision.actions.contains(p);
        let records = first.worked.iter().map(|(record, _)| record).filter(|record| asked(&record.planned));
        records.map(|record| (record.id, record.planned.clone())).collect()
    };
    let mut outcomes: BTreeMap<ActionId, (Outcome, f64)> = BTreeMap::new();
    let mut report = first;
    loop {
        let now = elapsed(begun);
        outcomes.extend(report.worked.drain(..).map(|(record, outcome)| (record.id, (outcome, now))));
        let is_open = |id: &ActionId| outcomes.get(id).is_none_or(|(o, _)| matches!(o, Outcome::Pending { .. }));
        if !mine.iter().any(|(id, _)| is_open(id)) || begun.elapsed() > TIMEOUT {
            break;
        }
        std::thread::sleep(CYCLE_PAUSE);
        report = context.run_cycle(&Trigger::Resumed, Mode::Act)?;
    }
    context.progress.end();
    let work = |(id, planned): (ActionId, Planned)| {
        let (outcome, seconds) = outcomes.remove(&id)?;
        Some(Work::started(&planned, &outcome, Some(seconds)))
    };
    Ok(mine.into_iter().filter_map(work).collect())
}
