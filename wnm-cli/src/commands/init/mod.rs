//! `wnm init`: begins a colony.

mod carry;
mod found;
mod from_wnm;

use std::path::Path;

use serde::Serialize;
use wnm_core::{RawSettings, Settings};
use wnm_platform::{Platform, places};
use wnm_store::Store;

use crate::args::Init;
use crate::config;
use crate::context;
use crate::error::{CliError, Exit};
use crate::output::Output;

/// A colony that begins.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Begun {
    /// The database.
    database: std::path::PathBuf,
    /// The folders that nodes go to.
    storage: Vec<std::path::PathBuf>,
    /// What starts and stops nodes.
    process_manager: String,
    /// Nodes there may be.
    node_cap: u32,
    /// The program that new nodes get.
    node_binary: std::path::PathBuf,
    /// Its version.
    version: String,
}

/// Checks everything a colony needs, then writes its database; on any error nothing is left behind.
pub(crate) fn run(db: &Path, args: &Init, output: &mut Output) -> Result<Exit, CliError> {
    if Store::exists(db) {
        return Err(CliError::AlreadyInitialised { path: db.to_owned() });
    }
    match args {
        Init { from_wnm: Some(from), .. } => return from_wnm::run(db, from, args, output),
        Init { import: true, .. } => return found::import(db, args, output),
        Init { from_antctl: true, .. } => return found::from_antctl(db, args, output),
        Init { from_anm: true, .. } => return found::from_anm(db, args, output),
        Init { .. } => {}
    }
    let flags = config::from_flags(&args.settings)?;
    let surroundings = config::surroundings()?;
    let host = context::host_defaults(&surroundings, &flags);
    let settings = config::fold([flags.clone(), surroundings, RawSettings::default()], &host)?;
    let version = Platform::new(&settings)?.program_version(&settings)?;
    let version = version.map_or_else(|| "of its own choice".to_owned(), |version| version.to_string());
    if !args.dry_run {
        places::check_storage(&settings.storage)?;
        Store::create(db)?.save_settings(&config::with_fixed(flags, &settings)?)?;
    }
    let begun = begun(db, &settings, version);
    output.result(&begun, |begun| {
        let storage: Vec<String> = begun.storage.iter().map(|folder| folder.display().to_string()).collect();
        format!(
            "a colony of up to {} nodes, {} under {}\n  nodes go to  {}\n  database     {}\n\nnext: wnm run, or wnm daemon\n",
            begun.node_cap,
            format_args!("{} {}", settings.flavor.program(), begun.version),
            begun.process_manager,
            storage.join(", "),
            begun.database.display(),
        )
    })?;
    if args.dry_run {
        output.say("nothing was changed: without --dry-run this begins");
    }
    Ok(Exit::Done)
}

fn begun(db: &Path, settings: &Settings, version: String) -> Begun {
    Begun {
        database: db.to_owned(),
        storage: settings.storage.clone(),
        process_manager: settings.manager.to_string(),
        node_cap: settings.policy.node_cap,
        node_binary: settings.binary.clone(),
        version,
    }
}
