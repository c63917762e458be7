//! `wnm init`: creates a colony, new or taken over from another tool.

mod carry;
mod found;
mod from_wnm;

use std::path::{Path, PathBuf};

use serde::Serialize;
use wnm_core::{NodeId, Preset, RawSettings, Settings};
use wnm_platform::{Platform, node_dir, places, volume};
use wnm_store::{Store, StoreError};

use crate::args::Init;
use crate::config;
use crate::context;
use crate::error::{CliError, CommandError, Exit};
use crate::output::Output;

/// A new colony.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Created {
    /// The path of the database.
    database: PathBuf,
    /// The folders of the nodes.
    storage: Vec<PathBuf>,
    /// The process manager of the nodes, such as `systemd+user`.
    process_manager: String,
    /// The maximum number of nodes.
    node_cap: u32,
    /// The node program.
    program: PathBuf,
    /// The version of the node program.
    program_version: String,
}

/// Checks the settings and the host, then creates the database. On an error, no file is left behind.
pub(crate) fn run(db: &Path, args: &Init, output: &mut Output) -> Result<Exit, CliError> {
    if Store::exists(db) {
        return Err(StoreError::AlreadyInitialised { path: db.to_owned() }.into());
    }
    if places::known_home().is_none() {
        // Otherwise the colony would be in folders of `/`, and elsewhere for a command that has a home directory.
        return Err(CommandError::NoHome { user: places::user() }.into());
    }
    match args {
        Init { from_wnm: Some(from), .. } => return from_wnm::run(db, from, args, output),
        Init { import: true, .. } => return found::import(db, args, output),
        Init { from_antctl: true, .. } => return found::from_antctl(db, args, output),
        Init { from_ant: true, .. } => return found::from_ant(db, args, output),
        Init { from_anm: true, .. } => return found::from_anm(db, args, output),
        Init { .. } => {}
    }
    let mut flags = config::from_flags(&args.settings)?;
    let surroundings = config::surroundings()?;
    if surroundings.preset.is_none() {
        // Stored with the new colony: colonies from before keep their rules.
        flags.preset = flags.preset.or(Some(Preset::Steady));
    }
    let host = context::host_defaults(&surroundings, &flags);
    let settings = config::fold([flags.clone(), surroundings, RawSettings::default()], &host)?;
    let platform = Platform::new(&settings)?;
    platform.check_manager()?;
    let version = platform.program_version(&settings)?;
    let version = version.map_or_else(|| "of its choice".to_owned(), |version| version.to_string());
    if !args.dry_run {
        places::check_storage(&settings.storage)?;
        check_unowned(&settings.storage)?;
        let _lock = context::lock(db, context::LOCK_TIMEOUT)?;
        let mut store = Store::create(db)?;
        store.save_settings(&config::with_fixed(flags, &settings)?)?;
        store.save_volumes(volume::identify(&settings.storage, []))?;
    }
    let created = created(db, &settings, version);
    output.result(&created, |created| {
        let storage: Vec<String> = created.storage.iter().map(|folder| folder.display().to_string()).collect();
        format!(
            "created a colony of up to {} nodes, {} under {}\n  folders   {}\n  database  {}\n\nnext: wnm run --dry-run, then wnm service install\n",
            created.node_cap,
            format_args!("{} {}", settings.flavor.program(), created.program_version),
            created.process_manager,
            storage.join(", "),
            created.database.display(),
        )
    })?;
    if args.dry_run {
        output.say("nothing was changed: run it without --dry-run to create the colony");
    }
    Ok(Exit::Done)
}

/// Checks that the storage folders contain no node of wnm: two colonies would use the same numbers and folders.
fn check_unowned(storage: &[PathBuf]) -> Result<(), CliError> {
    let marked = node_dir::find(storage)?.into_iter().filter_map(|folder| Some((folder.path, folder.marker?.id)));
    let marked: Vec<(PathBuf, NodeId)> = marked.collect();
    let Some((first, _)) = marked.first() else { return Ok(()) };
    let folder = first.parent().unwrap_or(first).to_owned();
    Err(CommandError::OwnedStorage { folder, nodes: marked.into_iter().map(|(_, id)| id).collect() }.into())
}

fn created(db: &Path, settings: &Settings, version: String) -> Created {
    Created {
        database: db.to_owned(),
        storage: settings.storage.clone(),
        process_manager: settings.manager.to_string(),
        node_cap: settings.policy.node_cap,
        program: settings.binary.clone(),
        program_version: version,
    }
}
