//! `wnm init`: creates a colony, new or taken over from another tool.

mod carry;
mod found;
mod from_wnm;
mod preset;

use std::path::{Path, PathBuf};

use serde::Serialize;
use wnm_core::{NodeId, Preset, RawSettings, Settings};
use wnm_platform::{Platform, node_dir, places, volume};
use wnm_store::{Store, StoreError};

use crate::args::Init;
use crate::commands::doctor;
use crate::config;
use crate::context;
use crate::error::{CliError, CommandError, Exit};
use crate::output::Output;
use crate::render::counted;
use crate::render::here::here_command;
use crate::takeover::ant::Ant;
use crate::takeover::formicaio::Formicaio;

/// A new colony.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Created {
    /// The path of the database.
    database: PathBuf,
    /// The rewards addresses of new nodes, with their weights if there are several.
    wallet: String,
    /// The port ranges of the nodes, up to the node cap.
    ports: String,
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

/// Returns the page: the facts to check once more, and the next commands.
fn page(created: &Created, is_dry_run: bool) -> String {
    let storage: Vec<String> = created.storage.iter().map(|folder| folder.display().to_string()).collect();
    let lines = [
        ("wallet", created.wallet.clone()),
        ("program", format!("{} ({})", created.program.display(), created.program_version)),
        ("manager", created.process_manager.clone()),
        ("ports", created.ports.clone()),
        ("storage", storage.join(", ")),
        ("database", created.database.display().to_string()),
    ];
    let facts: String = lines.iter().map(|(name, value)| format!("  {name:<9} {value}\n")).collect();
    let cap = created.node_cap;
    if is_dry_run {
        return format!("would create a colony of up to {}\n\n{facts}", counted(cap, "node"));
    }
    let next = [
        ("wnm doctor", "check this host"),
        ("wnm run --dry-run", "show the first decision"),
        ("wnm service install", "manage the nodes from now on"),
    ];
    let next = next.map(|(command, effect)| (here_command(command), effect));
    let width = next.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    let next: String = next.iter().map(|(command, effect)| format!("  {command:<width$}    {effect}\n")).collect();
    format!("created a colony of up to {}\n\n{facts}\nnext:\n{next}", counted(cap, "node"))
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
    let args = &*preset::ask(args, output)?;
    match args {
        Init { from_wnm: Some(from), .. } => return from_wnm::run(db, from, args, output),
        Init { import: true, .. } => return found::import(db, args, output),
        Init { from_antctl: true, container: Some(place), .. } => {
            return found::from_container(db, place, args, output);
        }
        Init { from_antctl: true, .. } => return found::from_antctl(db, args, output),
        Init { from_ant: true, .. } => return found::from_registry(db, &Ant::of_user(), args, output),
        Init { from_formicaio: Some(path), .. } => {
            return found::from_registry(db, &Formicaio::at(path), args, output);
        }
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
        let stored = config::with_fixed(flags, &settings)?;
        Store::create_with(db, |store| {
            store.save_settings(&stored)?;
            store.save_volumes(volume::identify(&settings.storage, []))
        })?;
    }
    let created = created(db, &settings, version);
    output.result(&created, |created| page(created, args.dry_run))?;
    if args.dry_run {
        output.say("nothing was changed: run it without --dry-run to create the colony");
    }
    warn(&settings, output);
    Ok(Exit::Done)
}

/// Prints the problems of the host that keep nodes from their peers, or from running on after a logout.
fn warn(settings: &Settings, output: &Output) {
    for check in doctor::after_init(settings) {
        output.say(doctor::line(&check).trim_end());
    }
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
        wallet: settings.to_raw().get("rewards_address").unwrap_or_default(),
        ports: ports(settings),
        storage: settings.storage.clone(),
        process_manager: settings.manager.to_string(),
        node_cap: settings.policy.node_cap,
        program: settings.binary.clone(),
        program_version: version,
    }
}

/// Returns the port ranges of all nodes up to the node cap: `55001-55020 (node), 13001-13020 (metrics), …`.
fn ports(settings: &Settings) -> String {
    let raw = settings.to_raw();
    let range = |key: &str, name: &str| {
        let start: u32 = raw.get(key)?.parse().ok()?;
        let (first, last) = (start * 1000 + 1, start * 1000 + settings.policy.node_cap);
        let numbers = if last < first { format!("from {first}") } else { format!("{first}-{last}") };
        Some(format!("{numbers} ({name})"))
    };
    let ranges = [range("port_start", "node"), range("metrics_port_start", "metrics"), range("rpc_port_start", "rpc")];
    ranges.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
