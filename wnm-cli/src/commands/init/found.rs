//! `wnm init --import`, `--from-antctl` and `--from-anm`: takes over nodes that are found on the host.

use std::path::Path;
use std::time::Duration;

use wnm_core::{ManagerKind, Program, RawSettings, Scope, Settings};
use wnm_platform::manager::{self, Options};
use wnm_platform::places;

use super::carry::carry_over;
use crate::args::Init;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::takeover::anm::{Anm, AnmColony};
use crate::takeover::{self, Takeover, found};
use crate::{config, context};

/// How long a pass of anm is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// Takes over the nodes that a process manager keeps.
pub(super) fn import(db: &Path, args: &Init, output: &Output) -> Result<Exit, CliError> {
    let asked = asked(args)?;
    let kind = asked.process_manager.unwrap_or_else(|| context::host_defaults(&asked, &asked).manager);
    let (takeover, settings) = plan(kind, args, AnmColony::default())?;
    carry_over(db, &takeover, &settings, args, output)?;
    next(args, output, "see that no other tool keeps these nodes any more (wnm doctor tells), then wnm run --dry-run");
    Ok(Exit::Done)
}

/// Takes over the nodes of the official manager.
pub(super) fn from_antctl(db: &Path, args: &Init, output: &Output) -> Result<Exit, CliError> {
    let own = ManagerKind::new(Program::Antctl, places::own_scope());
    let kind = asked(args)?.process_manager.unwrap_or(own);
    if kind.program != Program::Antctl {
        return Err(CliError::Usage {
            what: format!("expected antctl to keep its nodes, found {kind}"),
            hint: "leave --process-manager out".to_owned(),
        });
    }
    let (takeover, settings) = plan(kind, args, AnmColony::default())?;
    carry_over(db, &takeover, &settings, args, output)?;
    next(args, output, "leave antctl to wnm from here on, then wnm run --dry-run");
    Ok(Exit::Done)
}

/// Takes over the nodes of anm, once it rests.
pub(super) fn from_anm(db: &Path, args: &Init, output: &Output) -> Result<Exit, CliError> {
    let kind = ManagerKind::new(Program::Systemd, Scope::Sudo);
    if let Some(other) = asked(args)?.process_manager.filter(|asked| *asked != kind) {
        return Err(CliError::Usage {
            what: format!("expected {kind} to keep the nodes of anm, found {other}"),
            hint: "leave --process-manager out".to_owned(),
        });
    }
    let anm = Anm::below(Path::new("/"));
    let changes = anm.changes();
    // Whatever is wrong with it is found while anm still runs.
    let (mut takeover, settings) = plan(kind, args, anm.read()?)?;
    if args.dry_run {
        takeover.changes = changes;
        carry_over(db, &takeover, &settings, args, output)?;
        return Ok(Exit::Done);
    }
    let halted = anm.halt(PATIENCE)?;
    let carry = || {
        // Its last pass may have changed something.
        let (mut takeover, settings) = plan(kind, args, anm.read()?)?;
        takeover.changes = changes;
        carry_over(db, &takeover, &settings, args, output)
    };
    match carry() {
        Ok(()) => {
            next(args, output, "wnm run --dry-run, then wnm daemon or a crontab of wnm in the place of anm");
            Ok(Exit::Done)
        }
        Err(error) => {
            halted.undo();
            Err(error)
        }
    }
}

fn next(args: &Init, output: &Output, what: &str) {
    if !args.dry_run {
        output.say(&format!("no node is added beyond node_cap: raise it to have more\n\nnext: {what}"));
    }
}

/// Returns what the operator said, by flags and variables.
fn asked(args: &Init) -> Result<RawSettings, CliError> {
    Ok(config::from_flags(&args.settings)?.over(config::surroundings()?))
}

/// Says what comes over, by what the operator said, what another tool was told, and what the nodes show, in this order.
fn plan(kind: ManagerKind, args: &Init, told: AnmColony) -> Result<(Takeover, Settings), CliError> {
    let flags = config::from_flags(&args.settings)?;
    let environment = config::surroundings()?;
    let asked = flags.clone().over(environment.clone());
    let is_asked = |key: &str| asked.get(key).is_some();
    let problems = told.problems.into_iter().filter(|problem| !is_asked(&problem.key)).collect();
    wnm_core::Problems::none_or(problems)?;
    let host = places::host_defaults(kind.scope);
    let mut options = Options::default();
    if let Some(image) = &asked.docker_image {
        options.docker_image.clone_from(image);
    }
    let manager = manager::open(kind, &options)?;
    let roots = found::roots(&asked.over(told.settings.clone()), &host.storage);
    let survey = found::survey(&*manager, &roots)?;
    let now = wnm_platform::read_clock()?.wall;
    let mut takeover = found::plan(&survey, &*manager, &told.records, now, &|| uuid::Uuid::new_v4().to_string());
    takeover.skipped.extend(takeover::unused_settings(&told.unused));
    if takeover.nodes.is_empty() {
        return Err(nothing(kind, &roots, &takeover));
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

fn nothing(kind: ManagerKind, roots: &[std::path::PathBuf], takeover: &Takeover) -> CliError {
    let roots: Vec<String> = roots.iter().map(|root| root.display().to_string()).collect();
    let skipped: Vec<String> = takeover.skipped.iter().map(|one| format!("; {}: {}", one.name, one.reason)).collect();
    CliError::Usage {
        what: format!(
            "expected nodes kept by {kind} in {}, found none that could come over{}",
            roots.join(", "),
            skipped.concat()
        ),
        hint: "name what keeps them with --process-manager, and where they are with --node-storage".to_owned(),
    }
}
