//! `wnm node`: nodes by name.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;
use wnm_core::{ActionId, NodeId, Outcome, Planned, Program, RawSettings, Refusal, Selection, Verb};
use wnm_store::Store;

use super::status::colony_time;
use crate::args::{Count, Node, Nodes, Reset, Selected, SettingFlags, Survey};
use crate::context::{self, Context, LOCK_PATIENCE};
use crate::cycle::{self, Mode, Report, Wish};
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::render;

/// Time between two looks while actions are under way.
const POLL: Duration = Duration::from_millis(250);
/// How long a command stays with its actions; what is not over then goes on with the next cycles.
const PATIENCE: Duration = Duration::from_secs(180);

/// Carries out a command on nodes.
pub(crate) fn run(db: &Path, command: Node, output: &mut Output) -> Result<Exit, CliError> {
    match command {
        Node::List(nodes) => show(db, &nodes, output, render::nodes::list),
        Node::Show(nodes) => show(db, &nodes, output, render::nodes::show),
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
    text: fn(&[render::nodes::NodeView]) -> String,
) -> Result<Exit, CliError> {
    let snapshot = Store::open_read_only(db)?.snapshot()?;
    if let Some(id) = only.nodes.iter().find(|id| !snapshot.nodes.contains_key(id)) {
        return Err(no_such_node(*id));
    }
    let now = colony_time(snapshot.state.clock.as_ref());
    output.result(&render::nodes::views(snapshot, &only.nodes, now), |views| text(views))?;
    Ok(Exit::Done)
}

pub(super) fn no_such_node(id: NodeId) -> CliError {
    CliError::Usage {
        what: format!("expected a node of this colony, found {}", id.name()),
        mend: "`wnm node list` shows them".to_owned(),
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
    let _lock = context::lock(db, LOCK_PATIENCE)?;
    let once = RawSettings { survey_delay: args.interval, ..RawSettings::default() };
    let mode = mode(args.dry_run);
    let mut context = Context::open_once(db, &SettingFlags::default(), once, mode)?;
    let report = cycle::run(&mut context, &Wish::GoOn, mode)?;
    output.cycle(&report)?;
    Ok(Exit::Done)
}

/// How a request is carried out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) mode: Mode,
    /// Milliseconds between the actions on two nodes; None as the settings have it.
    pub(crate) interval: Option<u64>,
}

/// What came of a request.
#[derive(Serialize)]
struct Work {
    #[serde(flatten)]
    planned: Planned,
    #[serde(flatten)]
    outcome: Outcome,
}

/// Does what is asked, and stays with it until it is over.
pub(crate) fn act(
    db: &Path,
    verb: Verb,
    selection: &Selection,
    Manner { mode, interval }: Manner,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let _lock = context::lock(db, LOCK_PATIENCE)?;
    let once = RawSettings { action_delay: interval, ..RawSettings::default() };
    let mut context = Context::open_once(db, &SettingFlags::default(), once, mode)?;
    context.progress = output.progress();
    match ask(&mut context, verb, selection, mode)? {
        Answer::Shown(report) => {
            output.cycle(&report)?;
            Ok(Exit::Done)
        }
        Answer::Worked(works, refused) => tell(&works, &refused, output),
    }
}

/// Removes nodes, and makes new ones of the same numbers. What is cut short between is a removal: adding a node, which
/// gets the lowest free number, is what is left to do.
fn reset(db: &Path, args: Reset, output: &mut Output) -> Result<Exit, CliError> {
    let _lock = context::lock(db, LOCK_PATIENCE)?;
    let mode = mode(args.dry_run);
    let mut context = Context::open_once(db, &SettingFlags::default(), RawSettings::default(), mode)?;
    context.progress = output.progress();
    if context.settings.manager.program == Program::Antctl {
        return Err(CliError::Usage {
            what: format!(
                "expected a process manager that gives a number out again, found {}",
                context.settings.manager
            ),
            mend: "wnm node remove NODE, then wnm node add: the new node gets the next number".to_owned(),
        });
    }
    let removal = ask(&mut context, Verb::Remove, &Selection::Named(args.nodes), mode)?;
    let (mut works, mut refused) = match removal {
        Answer::Shown(report) => {
            output.cycle(&report)?;
            return Ok(Exit::Done);
        }
        Answer::Worked(works, refused) => (works, refused),
    };
    let gone = works.iter().filter(|work| matches!(work.outcome, Outcome::Done));
    let gone = Selection::Named(gone.map(|work| work.planned.action.node()).collect());
    if let Answer::Worked(made, not_made) = ask(&mut context, Verb::Add, &gone, Mode::Act)? {
        works.extend(made);
        refused.extend(not_made);
    }
    tell(&works, &refused, output)
}

/// What came of a request.
enum Answer {
    /// What would be done.
    Shown(Box<Report>),
    /// What was done, and what was not begun.
    Worked(Vec<Work>, Vec<(Option<NodeId>, Refusal)>),
}

fn ask(context: &mut Context, verb: Verb, selection: &Selection, mode: Mode) -> Result<Answer, CliError> {
    let report = cycle::run(context, &Wish::Asked(verb, selection.clone()), mode)?;
    if let Some((Some(id), Refusal::NoSuchNode)) = report.refused.first() {
        return Err(no_such_node(*id));
    }
    if mode == Mode::DryRun {
        return Ok(Answer::Shown(Box::new(report)));
    }
    let refused = report.refused.clone();
    Ok(Answer::Worked(stay_with(context, report)?, refused))
}

fn tell(works: &[Work], refused: &[(Option<NodeId>, Refusal)], output: &Output) -> Result<Exit, CliError> {
    let failed = works.iter().any(|work| matches!(work.outcome, Outcome::Failed(_)));
    output.result(&works, |works| render::cycle::works(works.iter().map(|w| (&w.planned, &w.outcome)), refused))?;
    if output.is_json() {
        for (node, refusal) in refused {
            output.say(&render::cycle::refused(*node, refusal));
        }
    }
    Ok(if failed || !refused.is_empty() { Exit::ActionFailed } else { Exit::Done })
}

/// Goes on with the actions that a cycle began until each has ended, and returns what came of them.
fn stay_with(context: &mut Context, first: Report) -> Result<Vec<Work>, CliError> {
    let began = Instant::now();
    let mine: Vec<(ActionId, Planned)> = {
        let asked = |p: &Planned| first.decision.actions.contains(p);
        let records = first.worked.iter().map(|(record, _)| record).filter(|record| asked(&record.planned));
        records.map(|record| (record.id, record.planned.clone())).collect()
    };
    let mut outcomes: std::collections::BTreeMap<ActionId, Outcome> = std::collections::BTreeMap::new();
    let mut report = first;
    loop {
        let worked = report.worked.drain(..).map(|(record, outcome)| (record.id, outcome));
        outcomes.extend(worked);
        let is_open = |id: &ActionId| outcomes.get(id).is_none_or(|o| matches!(o, Outcome::Pending { .. }));
        if !mine.iter().any(|(id, _)| is_open(id)) || began.elapsed() > PATIENCE {
            break;
        }
        std::thread::sleep(POLL);
        report = cycle::run(context, &Wish::GoOn, Mode::Act)?;
    }
    context.progress.end();
    let works =
        mine.into_iter().filter_map(|(id, planned)| outcomes.remove(&id).map(|outcome| Work { planned, outcome }));
    Ok(works.collect())
}
