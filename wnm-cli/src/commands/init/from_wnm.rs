//! `wnm init --from-wnm`: takes over a colony of the Python wnm.

use std::path::Path;

use wnm_core::{ManagerKind, RawSettings};
use wnm_platform::{other_tools, places};
use wnm_store::python_db::{self, PythonColony};

use super::carry::carry_over;
use crate::args::Init;
use crate::error::{CliError, CommandError, Exit};
use crate::output::Output;
use crate::takeover::{self, Host};
use crate::{config, context};

/// Takes over settings and nodes, or shows a preview of them. On an error, no file is left behind.
pub(super) fn run(db: &Path, from: &Path, args: &Init, output: &Output) -> Result<Exit, CliError> {
    let flags = config::from_flags(&args.settings)?;
    let home = std::env::home_dir().unwrap_or_default();
    let colony = python_db::read(from, other_tools::open_own(from), &home)?;
    refuse_other_managers(&colony, from)?;
    let environment = config::surroundings()?;
    let asked = |key: &str| flags.get(key).is_some() || environment.get(key).is_some();
    // A flag or a variable replaces a setting of the Python wnm that cannot be read.
    let problems = colony.problems.iter().filter(|problem| !asked(&problem.key)).cloned().collect();
    wnm_core::Problems::none_or(problems)?;
    let host = context::host_defaults(&colony.settings, &flags);
    if !colony.nodes.is_empty() {
        config::check_fixed(&colony.settings, &flags, &host)?;
    }
    let mut stored = flags.over(colony.settings.clone());
    // Stored, because the default depends on the user who runs wnm.
    stored.process_manager.get_or_insert(host.manager);
    let settings = config::fold([RawSettings::default(), environment, stored.clone()], &host)?;
    let facts = Host {
        now: wnm_platform::read_clock()?.wall,
        logs: places::logs_of(&settings),
        folder: &takeover::read_folder,
        uuid: &|| uuid::Uuid::new_v4().to_string(),
    };
    let takeover = takeover::plan(&colony, stored, &settings, &facts);
    carry_over(db, &takeover, &settings, args, output)?;
    if !args.dry_run {
        output.say(&format!(
            "{} is unchanged\n\nnext: remove the Python wnm from your crontab, then `wnm run --dry-run`",
            from.display()
        ));
    }
    Ok(Exit::Done)
}

/// Refuses a colony under a process manager that this wnm does not know.
fn refuse_other_managers(colony: &PythonColony, from: &Path) -> Result<(), CliError> {
    let of_colony = colony.problems.iter().find(|problem| problem.key == "process_manager");
    let of_colony = of_colony.and_then(|problem| problem.value.clone());
    let of_nodes = colony.nodes.iter().filter_map(|node| node.manager.clone());
    let unknown = of_colony.into_iter().chain(of_nodes).find(|manager| manager.parse::<ManagerKind>().is_err());
    let Some(manager) = unknown else { return Ok(()) };
    Err(CommandError::UnknownManager { path: from.to_owned(), manager }.into())
}
