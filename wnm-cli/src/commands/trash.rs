//! `wnm trash` and `wnm node restore`: removed nodes, and their return to the colony. Nodes in the storage folders that the
//! database does not contain come back in the same way.

mod backup;
mod plan;

use std::path::{Path, PathBuf};

use wnm_agent::{Mode, TRASH_RETENTION, Trigger};
use wnm_core::{NodeState, Program, RawSettings, Settings, StopCause, VolumeFault};
use wnm_platform::node_dir::{self, RemovedNode};
use wnm_platform::{PlatformError, files, volume};

use super::node::report_works;
use super::status::colony_time;
use super::unlisted::{self, Process};
use crate::args::{Restore, SettingFlags, Trash};
use crate::context::{self, Context, LOCK_TIMEOUT};
use crate::error::{CliError, Exit, TrashError};
use crate::output::Output;
use crate::render;
use crate::render::trash::TrashView;
use crate::render::work::{Work, WorkResult};
pub(crate) use backup::{restore_any, save};
use plan::{Origin, Place, Plan, Surroundings};

/// Lists or restores removed nodes.
pub(crate) fn run(db: &Path, command: Trash, output: &Output) -> Result<Exit, CliError> {
    match command {
        Trash::List => show(db, output),
        Trash::Restore(args) => restore(db, &args, output),
    }
}

fn show(db: &Path, output: &Output) -> Result<Exit, CliError> {
    let context = Context::open_once(db, &SettingFlags::default(), RawSettings::default(), Mode::DryRun)?;
    let now = wnm_platform::read_clock()?.wall;
    let storage = Storage::of(&context.agent.settings);
    for silent in &storage.silent {
        let error = no_answer(silent);
        tracing::warn!(hint = error.hint(), "cannot list the trash: {error}");
    }
    let removed = node_dir::list_trash(&storage.answering);
    let views: Vec<TrashView> =
        removed.into_iter().map(|removed| TrashView::new(removed, TRASH_RETENTION, now)).collect();
    output.result(&views, |views| render::trash::text(views, output.width()))?;
    Ok(Exit::Done)
}

/// The storage folders of a colony. A call on one whose file system hangs would not return.
struct Storage {
    answering: Vec<PathBuf>,
    silent: Vec<PathBuf>,
}

impl Storage {
    fn of(settings: &Settings) -> Self {
        let answering = volume::answering(&settings.storage);
        let silent = settings.storage.iter().filter(|root| !answering.contains(root)).cloned().collect();
        Self { answering, silent }
    }
}

/// Returns the error of a storage folder whose file system hangs.
fn no_answer(root: &Path) -> PlatformError {
    PlatformError::Volume { path: root.to_owned(), fault: VolumeFault::Hung }
}

/// Restores removed nodes. All of them are checked before the first one changes.
pub(crate) fn restore(db: &Path, args: &Restore, output: &Output) -> Result<Exit, CliError> {
    if args.number.is_some() && args.nodes.len() > 1 {
        return Err(TrashError::OneNumber { count: args.nodes.len() }.into());
    }
    let _lock = context::lock(db, LOCK_TIMEOUT)?;
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Act };
    let mut context = Context::open_once(db, &SettingFlags::default(), RawSettings::default(), mode)?;
    let manager = context.agent.settings.manager;
    if manager.program == Program::Antctl {
        return Err(TrashError::WithoutReuse { manager }.into());
    }
    let storage = Storage::of(&context.agent.settings);
    let plans = plans(&context, &storage, args)?;
    let mut works = Vec::new();
    let (mut restored, mut stopped) = (Vec::new(), Vec::new());
    let mut failed = None;
    for plan in plans {
        works.push(match plan {
            Plan::Already(id) => Work::restored(id, WorkResult::Already, "already in the colony"),
            Plan::Restore(place) if mode == Mode::DryRun => {
                Work::restored(place.node.id, WorkResult::Planned, condition(place.origin))
            }
            Plan::Restore(place) => {
                if let Err(error) = carry_out(&mut context, &storage, &place) {
                    failed = Some(error);
                    break;
                }
                restored.push(place.node.id);
                stopped.extend((place.origin != Origin::Storage(Process::Runs)).then(|| place.node.id.name()));
                Work::restored(place.node.id, WorkResult::Done, condition(place.origin))
            }
        });
    }
    // The nodes are back in any case.
    if !restored.is_empty()
        && let Err(error) = context.run_cycle(&Trigger::Restored(restored), Mode::Act)
    {
        tracing::warn!(%error, "the history does not contain the restored nodes");
    }
    if let Some(error) = failed {
        return Err(error);
    }
    let exit = report_works(&works, mode, output)?;
    if !stopped.is_empty() {
        output.say(&format!("next: `wnm node start {}`", stopped.join(",")));
    }
    Ok(exit)
}

/// Returns the condition of a node after its restore.
const fn condition(origin: Origin) -> &'static str {
    match origin {
        Origin::Trash | Origin::Storage(Process::Absent) => "stopped",
        Origin::Storage(Process::Runs) => "running",
    }
}

fn plans(context: &Context, storage: &Storage, args: &Restore) -> Result<Vec<Plan>, CliError> {
    let (settings, store) = (&context.agent.settings, &context.agent.store);
    let mut removed = node_dir::interrupted_restores(&storage.answering);
    let nodes = store.nodes()?;
    // The description in the folder of a node of the colony is one that the node wrote, or a leftover.
    let is_of_colony = |folder: &Path| {
        let named = nodes.values().filter(|node| node.root_dir.file_name() == folder.file_name());
        named.into_iter().any(|node| files::is_same(&node.root_dir, folder))
    };
    removed.retain(|removed| !is_of_colony(&removed.folder));
    removed.extend(node_dir::list_trash(&storage.answering));
    let mut unlisted = unlisted::find(&context.agent.platform, &storage.answering, &nodes)?;
    unlisted.retain(|unlisted| removed.iter().all(|removed| removed.uuid != unlisted.node.uuid));
    let logs = &context.agent.logs;
    let mut surroundings = Surroundings { settings, storage, logs, nodes, removed, unlisted };
    args.nodes.iter().map(|name| surroundings.plan(name, args.number)).collect()
}

/// Moves the folder back, then adds the row: an interruption in between leaves a folder with its description, which the next
/// cycle or a repeated restore completes. After an error the folder is in the trash again.
fn carry_out(
    context: &mut Context,
    storage: &Storage,
    Place { removed, node, origin }: &Place,
) -> Result<(), CliError> {
    let since = colony_time(context.agent.store.snapshot()?.state.clock.as_ref());
    let stopped = NodeState::Stopped { since: Some(since), cause: StopCause::Requested };
    match origin {
        Origin::Trash => {}
        // Folder, definition and process are as they should be.
        Origin::Storage(Process::Runs) => return insert(context, node, NodeState::Running { since }),
        Origin::Storage(Process::Absent) => return insert(context, node, stopped),
    }
    let storage = &storage.answering;
    node_dir::restore(removed, node, storage)?;
    let adopted = context.agent.platform.adopt(&[node]).map_err(CliError::from);
    if let Err(error) = adopted.and_then(|()| insert(context, node, stopped)) {
        undo(removed, node, storage);
        return Err(error);
    }
    if let Err(error) = node_dir::complete_restore(node) {
        tracing::warn!(node = %node.id, %error, "the description of a restored node stays in its folder");
    }
    Ok(())
}

fn insert(context: &mut Context, node: &wnm_core::Node, state: NodeState) -> Result<(), CliError> {
    Ok(context.agent.store.insert_nodes(&[(node.clone(), state)])?)
}

fn undo(removed: &RemovedNode, node: &wnm_core::Node, storage: &[PathBuf]) {
    if let Err(error) = node_dir::trash(node, storage) {
        tracing::warn!(uuid = removed.uuid, %error, "cannot move the folder back to the trash");
    }
}
