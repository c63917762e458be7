//! `wnm node backup` and `wnm node restore --from`: nodes in a file with their identities.

use std::path::{Path, PathBuf};

use wnm_agent::Mode;
use wnm_core::{Node, NodeState, Program, RawSettings, StopCause};
use wnm_platform::backup::{self, NodeBackup};
use wnm_platform::binary::version_of;
use wnm_platform::files;
use wnm_platform::node_dir::{self, RemovedNode};
use wnm_platform::observe::process::Processes;
use wnm_store::Store;

use super::plan::{Place, Surroundings};
use super::{Storage, insert, no_answer, report_works, restore, undo};
use crate::args::{Backup, Restore, RestoreAny, SettingFlags};
use crate::commands::selection;
use crate::commands::status::colony_time;
use crate::commands::unlisted;
use crate::confirm;
use crate::context::{self, Context, LOCK_TIMEOUT};
use crate::error::{CliError, Exit, TrashError};
use crate::output::Output;
use crate::render::work::{Work, WorkResult};

/// Writes the identities and the descriptions of nodes to a file. Nodes without an identity are refused, and the others are
/// written.
pub(crate) fn save(db: &Path, args: &Backup, output: &Output) -> Result<Exit, CliError> {
    let nodes = Store::open_read_only(db)?.nodes()?;
    let mut ids = selection::named(&args.nodes, nodes.keys().copied())?;
    if args.all {
        ids = nodes.keys().copied().collect();
    }
    let file = if args.to.is_dir() { args.to.join(format!("{}.backup", dated_name())) } else { args.to.clone() };
    let mut saved = Vec::new();
    let mut works = Vec::new();
    for node in ids.iter().filter_map(|id| nodes.get(id)) {
        match NodeBackup::of(node) {
            Ok(backup) => {
                saved.push(backup);
                works.push(Work::backed_up(node.id, WorkResult::Done, file.display().to_string()));
            }
            Err(why) => works.push(Work::backed_up(node.id, WorkResult::Refused, why.to_string())),
        }
    }
    if !saved.is_empty() {
        backup::write(&file, &saved)?;
    }
    report_works(&works, Mode::Act, output)
}

/// Returns a name for a backup, such as `wnm-20261129-221500`, in UTC.
fn dated_name() -> String {
    jiff::Timestamp::now().strftime("wnm-%Y%m%d-%H%M%S").to_string()
}

/// Restores nodes from the trash, or from a backup.
pub(crate) fn restore_any(db: &Path, args: RestoreAny, output: &Output) -> Result<Exit, CliError> {
    match &args.from {
        None => restore(db, &Restore { nodes: args.nodes, number: args.number, dry_run: args.dry_run }, output),
        Some(file) => restore_from(db, file, &args, output),
    }
}

/// Restores nodes from a backup, stopped. All of them are checked before the first one changes.
fn restore_from(db: &Path, file: &Path, args: &RestoreAny, output: &Output) -> Result<Exit, CliError> {
    let backups = selected(file, args)?;
    if args.number.is_some() && backups.len() > 1 {
        return Err(TrashError::OneNumber { count: backups.len() }.into());
    }
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Act };
    if mode == Mode::Act {
        let nodes: Vec<Node> = backups.iter().map(|backup| backup.node.clone()).collect();
        confirm::restore(&nodes, args.consent, output)?;
    }
    let _lock = context::lock(db, LOCK_TIMEOUT)?;
    let mut context = Context::open_once(db, &SettingFlags::default(), RawSettings::default(), mode)?;
    let manager = context.agent.settings.manager;
    if manager.program == Program::Antctl {
        return Err(TrashError::WithoutReuse { manager }.into());
    }
    version_of(&context.agent.settings)?;
    let storage = Storage::of(&context.agent.settings);
    let places = places(&context, &storage, &backups, args)?;
    let mut works = Vec::new();
    let mut restored = Vec::new();
    for (backup, place) in backups.iter().zip(&places) {
        let reason = match place.node.id == backup.node.id {
            true => "stopped".to_owned(),
            false => format!("stopped; it was {}", backup.node.id.name()),
        };
        if mode == Mode::Act {
            create(&mut context, backup, place)?;
            restored.push(place.node.id.name());
        }
        let result = if mode == Mode::Act { WorkResult::Done } else { WorkResult::Planned };
        works.push(Work::restored(place.node.id, result, &reason));
    }
    let exit = report_works(&works, mode, output)?;
    if !restored.is_empty() {
        output.say(&format!("next: `wnm node start {}`", restored.join(",")));
    }
    Ok(exit)
}

/// Returns the nodes of a backup that a command line names, or all.
fn selected(file: &Path, args: &RestoreAny) -> Result<Vec<NodeBackup>, CliError> {
    let mut backups = backup::read(file)?;
    let is_named =
        |backup: &NodeBackup, name: &crate::args::RemovedName| name.is_of(&backup.node.uuid, Some(backup.node.id));
    if let Some(name) = args.nodes.iter().find(|name| !backups.iter().any(|backup| is_named(backup, name))) {
        return Err(TrashError::NotInBackup { file: file.to_owned(), name: name.to_string() }.into());
    }
    backups.retain(|backup| args.nodes.is_empty() || args.nodes.iter().any(|name| is_named(backup, name)));
    Ok(backups)
}

/// Plans the place of each node.
fn places(
    context: &Context,
    storage: &Storage,
    backups: &[NodeBackup],
    args: &RestoreAny,
) -> Result<Vec<Place>, CliError> {
    let (settings, store) = (&context.agent.settings, &context.agent.store);
    let nodes = store.nodes()?;
    if let Some(silent) = storage.silent.first() {
        // A folder there may have the identity.
        return Err(no_answer(silent).into());
    }
    let removed = node_dir::list_trash(&storage.answering);
    let unlisted = unlisted::find(&context.agent.platform, &storage.answering, &nodes)?;
    let folders = living_folders(nodes.values(), unlisted.iter().map(|unlisted| &unlisted.node.folder));
    let mut surroundings = Surroundings { settings, storage, logs: &context.agent.logs, nodes, removed, unlisted };
    let mut places = Vec::new();
    for (index, backup) in backups.iter().enumerate() {
        let name = backup.node.id.name();
        if backup.node.flavor != settings.flavor {
            let (node, setting) = (backup.node.flavor.clone().into(), settings.flavor.clone().into());
            return Err(TrashError::OtherProgram { name, node, setting }.into());
        }
        check_alone(backup, &name, &folders, &surroundings.removed)?;
        if let Some(twin) = backups[..index].iter().find(|other| other.identity == backup.identity) {
            return Err(TrashError::LivesHere { name, folder: twin.node.root_dir.clone() }.into());
        }
        let node = at_home(&backup.node, &surroundings);
        let is_taken = surroundings.nodes.contains_key(&node.id) || files::symlink_metadata(&node.root_dir).is_ok();
        let number = args.number.or_else(|| is_taken.then(|| surroundings.free()));
        let removed = RemovedNode {
            uuid: node.uuid.clone(),
            id: Some(node.id),
            // No folder has this name, because it is empty.
            folder: PathBuf::new(),
            removed: None,
            size: None,
            identity: Some(node.flavor.clone()),
            node: Some(node),
        };
        places.push(surroundings.place(removed, number, name)?);
    }
    Ok(places)
}

/// Returns the folders of the nodes that may run on this host, whatever manages them.
fn living_folders<'a>(
    nodes: impl Iterator<Item = &'a Node>,
    unlisted: impl Iterator<Item = &'a PathBuf>,
) -> Vec<PathBuf> {
    let of_colony = nodes.map(|node| node.root_dir.clone());
    let running = Processes::of_host().all().into_iter().filter_map(|process| process.root_dir().map(PathBuf::from));
    of_colony.chain(unlisted.cloned()).chain(running).collect()
}

/// Checks that no folder of this host has the identity.
fn check_alone(
    backup: &NodeBackup,
    name: &str,
    folders: &[PathBuf],
    removed: &[RemovedNode],
) -> Result<(), TrashError> {
    if let Some(folder) = folders.iter().find(|folder| backup.is_in(folder)) {
        return Err(TrashError::LivesHere { name: name.to_owned(), folder: folder.clone() });
    }
    match removed.iter().find(|removed| backup.is_in(&removed.folder)) {
        Some(removed) => Err(TrashError::InTrash { name: name.to_owned(), uuid: removed.uuid.clone() }),
        None => Ok(()),
    }
}

/// Returns the node in a storage folder of this colony: its own, if the colony has that, else the first that is in use.
fn at_home(node: &Node, surroundings: &Surroundings<'_>) -> Node {
    let settings = surroundings.settings;
    let own = settings.storage.iter().find(|root| node.root_dir.parent() == Some(root));
    let used = || settings.storage.iter().find(|root| !settings.drained.contains(root));
    let storage = own.or_else(used).or(settings.storage.first()).cloned().unwrap_or_default();
    let name = settings.manager.folder_name(node.id);
    let root_dir = storage.join(&name);
    let logs = surroundings.logs;
    Node {
        service: None,
        manager: settings.manager,
        log_dir: if logs.as_os_str().is_empty() { root_dir.join("logs") } else { logs.join(&name) },
        binary: root_dir.join(node.flavor.program()),
        root_dir,
        ..node.clone()
    }
}

/// Creates the folder, then adds the row. After an error the identity is in no folder.
fn create(context: &mut Context, backup: &NodeBackup, place: &Place) -> Result<(), CliError> {
    let (storage, program) = (context.agent.settings.storage.clone(), context.agent.settings.binary.clone());
    let since = colony_time(context.agent.store.snapshot()?.state.clock.as_ref());
    let made = backup.create(&place.node, &program, &storage).map_err(CliError::from);
    let adopted = made.and_then(|()| Ok(context.agent.platform.adopt(&[&place.node])?));
    let stopped = NodeState::Stopped { since: Some(since), cause: StopCause::Requested };
    adopted.and_then(|()| insert(context, &place.node, stopped)).inspect_err(|_| {
        backup.withdraw(&place.node);
        undo(&place.removed, &place.node, &storage);
    })
}
