//! `wnm init --from-wnm`: takes over a colony of the Python wnm.

use std::path::Path;

use wnm_core::{ManagerKind, RawSettings};
use wnm_platform::places;
use wnm_store::python_db::{self, PythonColony};

use super::carry::carry_over;
use crate::args::Init;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::takeover::{self, Host};
use crate::{config, context};

/// Takes over settings and nodes, or shows what would come over. On any error nothing is left behind.
pub(super) fn run(db: &Path, from: &Path, args: &Init, output: &Output) -> Result<Exit, CliError> {
    let flags = config::from_flags(&args.settings)?;
    let home = std::env::home_dir().unwrap_or_default();
    let colony = python_db::read(from, &home)?;
    refuse_other_managers(&colony, from)?;
    let environment = config::surroundings()?;
    let asked = |key: &str| flags.get(key).is_some() || environment.get(key).is_some();
    // A flag or a variable says what stands in the place of a setting that cannot be read.
    let problems = colony.problems.iter().filter(|problem| !asked(&problem.key)).cloned().collect();
    wnm_core::Problems::none_or(problems)?;
    let host = context::host_defaults(&colony.settings, &flags);
    if !colony.nodes.is_empty() {
        config::keep_fixed(&colony.settings, &flags, &host)?;
    }
    let mut kept = flags.over(colony.settings.clone());
    // What keeps the nodes is known from now on, whoever runs wnm.
    kept.process_manager.get_or_insert(host.manager);
    let settings = config::fold([RawSettings::default(), environment, kept.clone()], &host)?;
    let facts = Host {
        now: wnm_platform::read_clock()?.wall,
        logs: places::logs(settings.manager.scope),
        folder: &takeover::read_folder,
        uuid: &|| uuid::Uuid::new_v4().to_string(),
    };
    let takeover = takeover::plan(&colony, kept, &settings, &facts);
    carry_over(db, &takeover, &settings, args, output)?;
    if !args.dry_run {
        output.say(&format!(
            "{} was only read\n\nnext: take the Python wnm out of your crontab, then wnm run --dry-run",
            from.display()
        ));
    }
    Ok(Exit::Done)
}

/// Refuses a colony that another process manager keeps than those this wnm knows.
fn refuse_other_managers(colony: &PythonColony, from: &Path) -> Result<(), CliError> {
    let of_colony = colony.problems.iter().find(|problem| problem.key == "process_manager");
    let of_colony = of_colony.and_then(|problem| problem.value.clone());
    let of_nodes = colony.nodes.iter().filter_map(|node| node.manager.clone());
    let unknown = of_colony.into_iter().chain(of_nodes).find(|manager| manager.parse::<ManagerKind>().is_err());
    let Some(manager) = unknown else { return Ok(()) };
    let known = ManagerKind::ALL.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Err(CliError::Usage {
        what: format!("expected nodes kept by one of {known} in {}, found {manager}", from.display()),
        hint: format!("nothing was changed, and the nodes run on: a wnm that knows {manager} can take them over"),
    })
}
