//! `wnm node`: nodes by name.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use wnm_agent::{Mode, Report, Trigger};
use wnm_core::{ActionId, NodeId, Outcome, Planned, Presence, Program, RawSettings, Refusal, Selection, Verb};
use wnm_store::Store;

use super::status::colony_time;
use crate::args::{Count, Node, Nodes, Reset, Selected, SettingFlags, Survey};
use crate::context::{self, Context, LOCK_TIMEOUT};
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::render;
use crate::render::page::Width;
use crate::render::work::{Work, WorkResult};

/// Time between two looks while actions are under way.
const POLL: Duration = Duration::from_millis(250);
/// How long a command stays with its actions; what is not over then goes on with the next cycles.
const PATIENCE: Duration = Duration::from_secs(180);

/// Carries out a command on nodes.
pub(crate) fn run(db: &Path, command: Node, output: &mut Output) -> Result<Exit, CliError> {
    match command {
        Node::List(nodes) => show(db, &nodes, output, render::nodes::list),
        Node::Show(nodes) => show(db, &nodes, output, |nodes, _| render::nodes::show(nodes)),
        Node::Add(Count { count, interval, dry_run }) => {
            act(db, Verb::Add, &Selection::Count(count), Manner { mode: mode(dry_run), interval }, output)
        }
        Node::Remove(which) => selected(db, Verb::Remove, which, output),
        Node::Start(which) => selected(db, Verb::Start, which, output),
        Node::Stop(which) => selected(db, Verb::Stop, which, output),
        Node::Restart(which) => selected(db, Verb::Restart, which, output),
        Node::Upgrade(which) => selected(db, Verb::Upgrade, which, output),
        Node::Reset(args) => reset(db, args, output),
        Node::Enable(which) => selected(db, Verb::Enable, which, output),
        Node::Disable(which) => selected(db, Verb::Disable, which, output),
        Node::Survey(args) => survey(db, &args, output),
    }
}

fn mode(dry_run: bool) -> Mode {
    if dry_run { Mode::DryRun } else { Mode::Act }
}

fn show(
    db: &Path,
    only: &Nodes,
    output: &Output,
    text: fn(&[render::nodes::NodeView], Width) -> String,
) -> Result<Exit, CliError> {
    let snapshot = Store::open_read_only(db)?.snapshot()?;
    if let Some(id) = only.nodes.iter().find(|id| !snapshot.nodes.contains_key(id)) {
        return Err(no_such_node(*id));
    }
    let now = colony_time(snapshot.state.clock.as_ref());
    output.result(&render::nodes::views(snapshot, &only.nodes, now), |views| text(views, output.width()))?;
    Ok(Exit::Done)
}

pub(super) fn no_such_node(id: NodeId) -> CliError {
    CliError::Usage {
        what: format!("expected a node of this colony, found {}", id.name()),
        hint: "`wnm node list` shows them".to_owned(),
    }
}

fn selected(db: &Path, verb: Verb, which: Selected, output: &mut Output) -> Result<Exit, CliError> {
    let selection = match (which.nodes.is_empty(), which.all) {
        (false, _) => Selection::Named(which.nodes),
        (true, true) => Selection::All,
        (true, false) => Selection::Count(which.count.unwrap_or(1)),
    };
    act(db, verb, &selection, Manner { mode: mode(which.dry_run), interval: which.interval }, output)
}

/// Looks at every node and records what is seen.
fn survey(db: &Path, args: &Survey, output: &mut Output) -> Result<Exit, CliError> {
    let _lock = context::lock(db, LOCK_TIMEOUT)?;
    let once = RawSettings { survey_delay: args.interval, ..RawSettings::default() };
    let mode = mode(args.dry_run);
    let mut context = Context::open_once(db, &SettingFlags::default(), once, mode)?;
    let report = context.run_cycle(&Trigger::Resumed, mode)?;
    let (nodes, states) = (&report.observation.nodes, &report.colony.state.nodes);
    let seen = nodes.iter().filter(|(_, sample)| sample.presence != Presence::Unobserved);
    let mut works: Vec<Work> = seen.map(|(id, sample)| Work::surveyed(*id, states.get(id), sample)).collect();
    works.extend(report.worked.iter().map(|(record, outcome)| Work::started(&record.planned, outcome.clone(), None)));
    tell(&works, mode, output)
}

/// How a request is carried out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) mode: Mode,
    /// Milliseconds between the actions on two nodes; None as the settings have it.
    pub(crate) interval: Option<u64>,
}

/// Does what is asked, and stays with it until it is over.
pub(crate) fn act(
    db: &Path,
    verb: Verb,
    selection: &Selection,
    Manner { mode, interval }: Manner,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let _lock = context::lock(db, LOCK_TIMEOUT)?;
    let once = RawSettings { action_delay: interval, ..RawSettings::default() };
    let mut context = Context::open_once(db, &SettingFlags::default(), once, mode)?;
    context.progress = output.progress();
    tell(&ask(&mut context, verb, selection, mode)?, mode, output)
}

/// Removes nodes, and makes new ones of the same numbers. What is cut short between is a removal: adding a node, which
/// gets the lowest free number, is what is left to do.
fn reset(db: &Path, args: Reset, output: &mut Output) -> Result<Exit, CliError> {
    let _lock = context::lock(db, LOCK_TIMEOUT)?;
    let mode = mode(args.dry_run);
    let mut context = Context::open_once(db, &SettingFlags::default(), RawSettings::default(), mode)?;
    context.progress = output.progress();
    if context.agent.settings.manager.program == Program::Antctl {
        return Err(CliError::Usage {
            what: format!(
                "expected a process manager that gives a number out again, found {}",
                context.agent.settings.manager
            ),
            hint: "wnm node remove NODE, then wnm node add: the new node gets the next number".to_owned(),
        });
    }
    let mut works = ask(&mut context, Verb::Remove, &Selection::Named(args.nodes), mode)?;
    works.iter_mut().for_each(|work| work.action = "reset");
    let gone: Vec<NodeId> =
        works.iter().filter(|work| work.result == WorkResult::Done).filter_map(|work| work.node).collect();
    if !gone.is_empty() {
        for made in ask(&mut context, Verb::Add, &Selection::Named(gone), mode)? {
            if let Some(work) = works.iter_mut().find(|work| work.node == made.node) {
                work.continue_with(made);
            }
        }
    }
    tell(&works, mode, output)
}

fn ask(context: &mut Context, verb: Verb, selection: &Selection, mode: Mode) -> Result<Vec<Work>, CliError> {
    let begun = Instant::now();
    let report = context.run_cycle(&Trigger::Requested(verb, selection.clone()), mode)?;
    if let Some((Some(id), Refusal::NoSuchNode)) = report.refused.first() {
        return Err(no_such_node(*id));
    }
    let refused = report.refused.clone();
    let mut works = match mode {
        Mode::DryRun => report.decision.actions.iter().map(Work::planned).collect(),
        Mode::Act => stay_with(context, report, begun)?,
    };
    works.extend(refused.into_iter().map(|(node, refusal)| Work::refused(verb.word(), node, refusal)));
    Ok(works)
}

fn tell(works: &[Work], mode: Mode, output: &Output) -> Result<Exit, CliError> {
    output.result(&works, |works| render::work::text(works, output.width()))?;
    let is_undone = |work: &Work| matches!(work.result, WorkResult::Refused | WorkResult::Failed);
    Ok(if mode == Mode::Act && works.iter().any(is_undone) { Exit::ActionFailed } else { Exit::Done })
}

/// Goes on with the actions that a cycle began until each has ended, and returns what came of them.
fn stay_with(context: &mut Context, first: Report, begun: Instant) -> Result<Vec<Work>, CliError> {
    let mine: Vec<(ActionId, Planned)> = {
        let asked = |p: &Planned| first.decision.actions.contains(p);
        let records = first.worked.iter().map(|(record, _)| record).filter(|record| asked(&record.planned));
        records.map(|record| (record.id, record.planned.clone())).collect()
    };
    let mut outcomes: BTreeMap<ActionId, (Outcome, f64)> = BTreeMap::new();
    let mut report = first;
    loop {
        let now = (begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        outcomes.extend(report.worked.drain(..).map(|(record, outcome)| (record.id, (outcome, now))));
        let is_open = |id: &ActionId| outcomes.get(id).is_none_or(|(o, _)| matches!(o, Outcome::Pending { .. }));
        if !mine.iter().any(|(id, _)| is_open(id)) || begun.elapsed() > PATIENCE {
            break;
        }
        std::thread::sleep(POLL);
        report = context.run_cycle(&Trigger::Resumed, Mode::Act)?;
    }
    context.progress.end();
    let work = |(id, planned): (ActionId, Planned)| {
        let (outcome, seconds) = outcomes.remove(&id)?;
        Some(Work::started(&planned, outcome, Some(seconds)))
    };
    Ok(mine.into_iter().filter_map(work).collect())
}
