//! `wnm init --import`, `--from-antctl` and `--from-anm`: takes over nodes that run on the host, or in its containers.

use std::path::Path;
use std::time::Duration;

use wnm_core::{ManagerKind, Program, RawSettings, Scope, Settings};
use wnm_platform::manager::{self, Options};
use wnm_platform::places;

use super::carry::carry_over;
use crate::args::Init;
use crate::error::{CliError, CommandError, Exit};
use crate::output::Output;
use crate::takeover::anm::{Anm, AnmColony};
use crate::takeover::contained::{self, Contained, Copies};
use crate::takeover::found::{self, Reach};
use crate::takeover::registry::{self, Refused, Registry};
use crate::takeover::{self, Skipped, Takeover};
use crate::{config, context};

/// The maximum time for the running pass of anm to end.
const ANM_TIMEOUT: Duration = Duration::from_secs(120);

/// Takes over the nodes of a process manager.
pub(super) fn import(db: &Path, args: &Init, output: &Output) -> Result<Exit, CliError> {
    let given = given(args)?;
    let kind = given.process_manager.unwrap_or_else(|| context::host_defaults(&given, &given).manager);
    let (takeover, settings) = plan(kind, args, AnmColony::default(), None)?;
    carry_over(db, &takeover, &settings, args, output)?;
    next(args, output, "check with `wnm doctor` that no other tool manages these nodes, then `wnm run --dry-run`");
    Ok(Exit::Done)
}

/// Takes over the nodes of antctl, the official manager.
pub(super) fn from_antctl(db: &Path, args: &Init, output: &Output) -> Result<Exit, CliError> {
    let own = ManagerKind::new(Program::Antctl, places::own_scope());
    let kind = given(args)?.process_manager.unwrap_or(own);
    if kind.program != Program::Antctl {
        return Err(CommandError::WrongManager { tool: "antctl", manager: kind, required: "antctl" }.into());
    }
    let (takeover, settings) = plan(kind, args, AnmColony::default(), None)?;
    carry_over(db, &takeover, &settings, args, output)?;
    next(args, output, "do not use antctl for these nodes any more, then `wnm run --dry-run`");
    Ok(Exit::Done)
}

/// Copies the nodes of antctl out of a container, and takes them over.
pub(super) fn from_container(db: &Path, place: &str, args: &Init, output: &Output) -> Result<Exit, CliError> {
    let kind = contained_kind("antctl in a container", args)?;
    let (nodes, refused) = contained::of_antctl(place, kind, &Options::default())?;
    let (takeover, settings, copies) = plan_contained(kind, args, nodes, refused)?;
    let rest = copies.check_rest();
    if args.dry_run {
        carry_over(db, &takeover, &settings, args, output)?;
        say_obstacle(rest, output);
        return Ok(Exit::Done);
    }
    rest?;
    copies.make()?;
    carry_over(db, &takeover, &settings, args, output)?;
    next(args, output, AFTER_COPY);
    Ok(Exit::Done)
}

/// The advice after nodes were copied out of containers.
const AFTER_COPY: &str =
    "`wnm run --dry-run`, then `wnm service install`; when all nodes run well, `docker rm` the container";

/// Returns the process manager for nodes that are copied out of containers.
fn contained_kind(tool: &'static str, args: &Init) -> Result<ManagerKind, CliError> {
    let given = given(args)?;
    let kind = given.process_manager.unwrap_or_else(|| context::host_defaults(&given, &given).manager);
    if kind.program == Program::Antctl {
        return Err(CommandError::WrongManager { tool, manager: kind, required: "another process manager" }.into());
    }
    Ok(kind)
}

fn say_obstacle(rest: Result<(), contained::ContainedError>, output: &Output) {
    if let Err(error) = rest {
        let hint = error.hint().map(|hint| format!(": {hint}")).unwrap_or_default();
        output.say(&format!("{error}{hint}"));
    }
}

/// Plans a takeover of nodes inside containers.
fn plan_contained(
    kind: ManagerKind,
    args: &Init,
    nodes: Vec<Contained>,
    refused: Vec<Refused>,
) -> Result<(Takeover, Settings, Copies), CliError> {
    let flags = config::from_flags(&args.settings)?;
    let environment = config::surroundings()?;
    let given = flags.clone().over(environment.clone());
    let host = places::host_defaults(kind.scope);
    let storage = given.node_storage.as_ref().and_then(|folders| folders.0.first()).unwrap_or(&host.storage).clone();
    let manager = manager::open(kind, &Options::default())?;
    let now = wnm_platform::read_clock()?.wall;
    let (mut takeover, copies) =
        contained::plan(nodes, &storage, &*manager, now, &|| uuid::Uuid::new_v4().to_string())?;
    takeover.skipped.extend(refused.into_iter().map(|(name, reason)| Skipped { name, reason }));
    if takeover.nodes.is_empty() {
        return Err(nothing_found(kind, &[storage], &takeover).into());
    }
    takeover.settings = flags.over(takeover.settings);
    let settings = config::fold([RawSettings::default(), environment, takeover.settings.clone()], &host)?;
    Ok((takeover, settings, copies))
}

/// Takes over the nodes that a tool runs as its children. They are processes without a service, so they come under
/// `setsid`.
pub(super) fn from_registry(
    db: &Path,
    registry: &dyn Registry,
    args: &Init,
    output: &Output,
) -> Result<Exit, CliError> {
    let (nodes, mut refused) = registry.contained(&Options::default())?;
    if !nodes.is_empty() {
        let kind = contained_kind(registry.tool(), args)?;
        // Its processes would need another process manager.
        let process = |entry: registry::Entry| (entry.name, "it is no container: import it with --import".to_owned());
        refused.extend(registry.entries(kind)?.into_iter().map(|entry| entry.map_or_else(|refused| refused, process)));
        let (mut takeover, settings, copies) = plan_contained(kind, args, nodes, refused)?;
        takeover.changes.extend(registry.changes());
        let rest = copies.check_rest();
        if args.dry_run {
            carry_over(db, &takeover, &settings, args, output)?;
            if let Err(error) = registry.check_unsupervised() {
                output.say(&format!("{error}: {}", error.hint()));
            }
            say_obstacle(rest, output);
            return Ok(Exit::Done);
        }
        // First the tool, which starts its containers again, then these.
        registry.check_unsupervised()?;
        rest?;
        copies.make()?;
        let retired = registry.retire()?;
        return match carry_over(db, &takeover, &settings, args, output) {
            Ok(()) => {
                next(args, output, AFTER_COPY);
                Ok(Exit::Done)
            }
            Err(error) => {
                retired.undo();
                Err(error)
            }
        };
    }
    let own = ManagerKind::new(Program::Setsid, places::own_scope());
    let kind = given(args)?.process_manager.unwrap_or(own);
    if kind.program != Program::Setsid {
        return Err(CommandError::WrongManager { tool: registry.tool(), manager: kind, required: "setsid" }.into());
    }
    let (mut takeover, settings) = plan(kind, args, AnmColony::default(), Some(registry))?;
    takeover.changes = registry.changes();
    if args.dry_run {
        carry_over(db, &takeover, &settings, args, output)?;
        if let Err(error) = registry.check_unsupervised() {
            output.say(&format!("{error}: {}", error.hint()));
        }
        return Ok(Exit::Done);
    }
    let retired = registry.retire()?;
    match carry_over(db, &takeover, &settings, args, output) {
        Ok(()) => {
            next(args, output, "`wnm run --dry-run`, then `wnm service install`");
            Ok(Exit::Done)
        }
        Err(error) => {
            retired.undo();
            Err(error)
        }
    }
}

/// Takes over the nodes of anm, after its running pass has ended.
pub(super) fn from_anm(db: &Path, args: &Init, output: &Output) -> Result<Exit, CliError> {
    let kind = ManagerKind::new(Program::Systemd, Scope::Sudo);
    if let Some(other) = given(args)?.process_manager.filter(|given| *given != kind) {
        return Err(CommandError::WrongManager { tool: "anm", manager: other, required: "systemd+sudo" }.into());
    }
    let anm = Anm::below(Path::new("/"));
    let changes = anm.changes();
    // Planned once before the stop, so that anm keeps running after an error.
    let (mut takeover, settings) = plan(kind, args, anm.read()?, None)?;
    if args.dry_run {
        takeover.changes = changes;
        carry_over(db, &takeover, &settings, args, output)?;
        return Ok(Exit::Done);
    }
    let halted = anm.halt(ANM_TIMEOUT)?;
    let carry = || {
        // Planned again, because the last pass of anm may have changed nodes.
        let (mut takeover, settings) = plan(kind, args, anm.read()?, None)?;
        takeover.changes = changes;
        carry_over(db, &takeover, &settings, args, output)
    };
    match carry() {
        Ok(()) => {
            next(args, output, "`wnm run --dry-run`, then `wnm service install`");
            Ok(Exit::Done)
        }
        Err(error) => {
            halted.undo();
            Err(error)
        }
    }
}

fn next(args: &Init, output: &Output, step: &str) {
    if !args.dry_run {
        output.say(&format!("to have more nodes, raise node_cap\n\nnext: {step}"));
    }
}

/// Returns the settings of flags, variables and the config file.
fn given(args: &Init) -> Result<RawSettings, CliError> {
    Ok(config::from_flags(&args.settings)?.over(config::surroundings()?))
}

/// Plans a takeover. Settings of the operator take precedence over those of the other tool, and those over the values that
/// the nodes show.
fn plan(
    kind: ManagerKind,
    args: &Init,
    told: AnmColony,
    registry: Option<&dyn Registry>,
) -> Result<(Takeover, Settings), CliError> {
    let flags = config::from_flags(&args.settings)?;
    let environment = config::surroundings()?;
    let given = flags.clone().over(environment.clone());
    let is_given = |key: &str| given.get(key).is_some();
    let problems = told.problems.into_iter().filter(|problem| !is_given(&problem.key)).collect();
    wnm_core::Problems::none_or(problems)?;
    let host = places::host_defaults(kind.scope);
    let mut options = Options::default();
    if let Some(image) = &given.docker_image {
        options.docker_image.clone_from(image);
    }
    let manager = manager::open(kind, &options)?;
    // A process is no service: in folders of the operator's choice, and beside a registry, other processes are those of others.
    let is_limited = kind.program == Program::Setsid && (given.node_storage.is_some() || registry.is_some());
    let reach = if is_limited { Reach::Folders } else { Reach::Services };
    let mut roots = found::roots(&given.over(told.settings.clone()), &host.storage, kind.program);
    let entries = registry.map(|registry| registry.entries(kind)).transpose()?.unwrap_or_default();
    roots.extend(entries.iter().flatten().filter_map(|entry| entry.folder.parent()).map(Path::to_owned));
    roots.sort();
    roots.dedup();
    let mut survey = found::survey(&*manager, &roots, reach)?;
    let refused = if registry.is_some() { registry::complete(entries, &mut survey.found) } else { Vec::new() };
    let now = wnm_platform::read_clock()?.wall;
    let mut takeover = found::plan(&survey, &*manager, &told.records, now, &|| uuid::Uuid::new_v4().to_string());
    takeover.skipped.extend(refused.into_iter().map(|(name, reason)| Skipped { name, reason }));
    takeover.skipped.extend(takeover::unused_settings(&told.unused));
    if takeover.nodes.is_empty() {
        return Err(nothing_found(kind, &roots, &takeover).into());
    }
    takeover.settings = flags.over(told.settings).over(takeover.settings);
    let settings = config::fold([RawSettings::default(), environment, takeover.settings.clone()], &host)?;
    for taken in &mut takeover.nodes {
        let root = &taken.node.root_dir;
        if !settings.storage.iter().any(|storage| root.starts_with(storage)) {
            taken.notes.push(takeover::OUTSIDE_STORAGE.to_owned());
        }
    }
    Ok((takeover, settings))
}

fn nothing_found(kind: ManagerKind, roots: &[std::path::PathBuf], takeover: &Takeover) -> CommandError {
    let roots: Vec<String> = roots.iter().map(|root| root.display().to_string()).collect();
    let skipped: Vec<String> = takeover.skipped.iter().map(|one| format!("; {}: {}", one.name, one.reason)).collect();
    CommandError::NothingToTakeOver { manager: kind, folders: roots.join(", "), skipped: skipped.concat() }
}
