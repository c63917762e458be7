//! `wnm storage`: the storage folders, new ones, and the way of all nodes off one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wnm_agent::{Mode, Platform as _, Trigger};
use wnm_core::{ChangeRequest, Folders, Node, NodeChange, NodeId, RawSettings, Settings};

use super::change::storage_folder;
use super::config::change;
use super::drive::{Driver, Limit};
use super::node::report_works;
use crate::args::{ConsentFlag, SettingFlags, Storage};
use crate::context::{self, Context, LOCK_TIMEOUT};
use crate::error::{ChangeError, CliError, Exit};
use crate::output::Output;
use crate::render::storage::{self, StorageView};
use crate::render::work::Work;

/// Lists, adds or drains storage folders.
pub(super) fn run(db: &Path, command: Storage, output: &mut Output) -> Result<Exit, CliError> {
    match command {
        Storage::List => list(db, output),
        Storage::Add { folders } => add(db, &folders, output),
        Storage::Drain { folder, dry_run } => {
            let mode = if dry_run { Mode::DryRun } else { Mode::Act };
            drain(db, &storage_folder(&folder)?, mode, output)
        }
    }
}

fn list(db: &Path, output: &Output) -> Result<Exit, CliError> {
    let mut context = Context::open_once(db, &SettingFlags::default(), RawSettings::default(), Mode::DryRun)?;
    let report = context.run_cycle(&Trigger::Resumed, Mode::DryRun)?;
    let views = storage::views(&report.observation.host.volumes, &report.observation.nodes);
    output.result(&views, |views: &Vec<StorageView>| storage::text(views, output.width()))?;
    Ok(Exit::Done)
}

/// Appends folders to `node_storage`, and uses drained ones again.
fn add(db: &Path, folders: &[PathBuf], output: &Output) -> Result<Exit, CliError> {
    let folders = folders.iter().map(|folder| storage_folder(folder)).collect::<Result<Vec<_>, _>>()?;
    let Settings { mut storage, mut drained, .. } = settings(db)?;
    for folder in folders {
        if drained.contains(&folder) {
            drained.retain(|other| *other != folder);
        } else if storage.contains(&folder) {
            return Err(ChangeError::IsAStorageFolder { folder }.into());
        }
        if !storage.contains(&folder) {
            wnm_platform::places::check_storage(std::slice::from_ref(&folder))?;
            storage.push(folder);
        }
    }
    change::apply(db, &["node_storage"], ConsentFlag { is_given: true }, output, |stored| {
        stored.node_storage = Some(Folders(storage.clone()));
        stored.drained_storage = (!drained.is_empty()).then(|| Folders(drained.clone()));
        Ok(())
    })?;
    Ok(Exit::Done)
}

fn settings(db: &Path) -> Result<Settings, CliError> {
    let context = Context::open_once(db, &SettingFlags::default(), RawSettings::default(), Mode::DryRun)?;
    Ok(context.agent.settings)
}

/// Adds no more nodes to a folder, and moves its nodes one by one to the folder with the most headroom then.
fn drain(db: &Path, folder: &Path, mode: Mode, output: &mut Output) -> Result<Exit, CliError> {
    let Settings { storage, mut drained, .. } = settings(db)?;
    if !storage.iter().any(|other| other == folder) {
        return Err(ChangeError::NotAStorageFolder { folder: folder.to_owned(), storage }.into());
    }
    if !drained.iter().any(|other| other == folder) {
        drained.push(folder.to_owned());
    }
    if storage.iter().all(|other| drained.contains(other)) {
        return Err(ChangeError::NowhereToDrain { folder: folder.to_owned() }.into());
    }
    if mode == Mode::Act {
        let _lock = context::lock(db, LOCK_TIMEOUT)?;
        let mut store = wnm_store::Store::open(db)?;
        let mut stored = store.settings()?;
        stored.drained_storage = Some(Folders(drained.clone()));
        store.save_settings(&stored)?;
    }
    let once = RawSettings { drained_storage: Some(Folders(drained)), ..RawSettings::default() };
    let driver = Driver { db, once: once.clone(), mode, limit: Limit::None };
    let mut works: Vec<Work> = Vec::new();
    // In a dry run all targets are chosen at once, from what each would take.
    let mut planned = BTreeMap::new();
    for node in nodes_in(db, folder)? {
        let Some(to) = target(db, &once, &planned)? else {
            works.push(Work::without_target(node));
            continue;
        };
        let request = ChangeRequest { node, change: NodeChange::Move(to) };
        if mode == Mode::DryRun
            && let Some(described) = wnm_store::Store::open_read_only(db)?.nodes()?.remove(&node)
        {
            planned.insert(node, request.change.applied_to(&described));
        }
        works.extend(driver.run(&[request], output)?);
    }
    report_works(&works, mode, output)
}

fn nodes_in(db: &Path, folder: &Path) -> Result<Vec<NodeId>, CliError> {
    let nodes = wnm_store::Store::open_read_only(db)?.nodes()?;
    Ok(nodes.into_values().filter(|node| node.root_dir.parent() == Some(folder)).map(|node| node.id).collect())
}

/// Returns the storage folder with the most headroom besides the moves that are `planned`; None when none has enough.
fn target(db: &Path, once: &RawSettings, planned: &BTreeMap<NodeId, Node>) -> Result<Option<PathBuf>, CliError> {
    let mut context = Context::open_once(db, &SettingFlags::default(), once.clone(), Mode::DryRun)?;
    let report = context.run_cycle(&Trigger::Resumed, Mode::DryRun)?;
    Ok(context.agent.platform.storage_for(&report.colony, &report.observation, planned))
}
