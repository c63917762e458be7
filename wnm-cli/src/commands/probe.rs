//! `wnm probe`: runs of client programs that tell whether the network answers from this host.

mod now;

use std::path::{Path, PathBuf};
use std::time::Duration;

use wnm_agent::probe::{ClientProgram, ProbeConfig, ReadPlan, Refreshed, SourceError, Sources, read_file, read_plan};
use wnm_core::probe::{ProbeKind, ProbeSummary, run_line, summary_line};
use wnm_core::{ProbeSettings, RawSettings, Settings, Timestamp};
use wnm_store::{ProbeFilter, Store};

use crate::args::{Probe, ProbeCheck, ProbeHistory};
use crate::config;
use crate::context;
use crate::error::{CliError, CommandError, Exit, ProbeError};
use crate::output::Output;
use crate::render;
use crate::render::probe::{CheckedFile, PlanView, RunView, StatusView};

/// The time that `wnm probe status` sums up.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs a command on probes.
pub(crate) fn run(db: &Path, command: Probe, output: &Output) -> Result<Exit, CliError> {
    match command {
        Probe::Run(args) => now::run(db, &args, output),
        Probe::Status => status(db, output),
        Probe::History(args) => history(db, &args, output),
        Probe::Tasks => tasks(db, output),
        Probe::Check(args) => check(&args, output),
    }
}

/// Returns the folder of the probes of a database.
pub(crate) fn folder(db: &Path) -> PathBuf {
    db.with_file_name("probe")
}

/// Returns the configuration for a daemon; None when probes are off.
pub(crate) fn configuration(settings: &Settings) -> Option<ProbeConfig> {
    let ProbeSettings { on, sources, client, arguments, windows, upload, key_file, spend } = settings.probe.clone();
    on.then(|| ProbeConfig {
        sources,
        program: client,
        arguments,
        windows,
        uploads: key_file.filter(|_| upload).map(|key_file| (key_file, spend)),
    })
}

fn settings(db: &Path, store: &Store) -> Result<Settings, CliError> {
    let stored = store.settings()?;
    let surroundings = config::reload::surroundings_of(db)?;
    let host = context::host_defaults(&stored, &surroundings);
    Ok(config::fold([RawSettings::default(), surroundings, stored], &host)?)
}

fn now() -> Result<Timestamp, CliError> {
    Ok(wnm_platform::read_clock()?.wall)
}

/// Reads the plan of the settings.
fn plan(db: &Path, settings: &Settings) -> Result<ReadPlan, CliError> {
    if settings.probe.sources.is_empty() {
        return Err(ProbeError::NoTasks.into());
    }
    let Refreshed { changed, problem } = Sources::new(settings.probe.sources.clone(), &folder(db)).read_now();
    match (changed, problem) {
        (None, Some(error)) => Err(ProbeError::Source(error).into()),
        (read, problem) => {
            if let Some(error) = problem {
                tracing::warn!("an earlier copy is used: {error}");
            }
            Ok(read.unwrap_or_default())
        }
    }
}

fn tasks(db: &Path, output: &Output) -> Result<Exit, CliError> {
    let settings = settings(db, &Store::open_read_only(db)?)?;
    let view = PlanView::from(plan(db, &settings)?);
    output.result(&view, |view| render::probe::plan(view, output.width()))?;
    Ok(Exit::Done)
}

fn status(db: &Path, output: &Output) -> Result<Exit, CliError> {
    let view = condition(db)?;
    output.result(&view, |view| render::probe::status(view, output.width()))?;
    Ok(Exit::Done)
}

/// Returns the condition of the probes. Reads task files, which may be at other hosts, and asks the client for its version.
///
/// # Errors
/// The database cannot be read, or the settings are not valid.
pub(super) fn condition(db: &Path) -> Result<StatusView, CliError> {
    let store = Store::open_read_only(db)?;
    let settings = settings(db, &store)?;
    let now = now()?;
    let filter = ProbeFilter { since: Some(now.before(DAY)), limit: u32::MAX, ..ProbeFilter::default() };
    let runs = store.probe_runs(&filter)?.runs;
    let client = ClientProgram::find(settings.probe.client.as_deref(), Vec::new());
    let plan = plan(db, &settings);
    Ok(StatusView::new(&settings.probe, client, plan, &runs, now))
}

fn history(db: &Path, args: &ProbeHistory, output: &Output) -> Result<Exit, CliError> {
    let store = Store::open_read_only(db)?;
    let now = now()?;
    let at = |moment: Option<crate::args::Moment>| moment.map(|moment| moment.at(now));
    let (since, until) = (at(args.since), at(args.until));
    if let (Some(since), Some(until)) = (since, until)
        && since > until
    {
        let (since, until) = (render::time(since), render::time(until));
        return Err(CommandError::EmptyPeriod { since, until }.into());
    }
    let filter = ProbeFilter {
        since,
        until,
        kind: args.kind.map(|kind| kind.0),
        task: args.task.clone(),
        outcome: args.outcome.map(|outcome| outcome.0),
        limit: args.limit,
    };
    let found = store.probe_runs(&filter)?;
    for error in &found.unreadable {
        tracing::warn!(%error, "skipping a run");
    }
    if args.lines {
        let host = rustix::system::uname();
        let host = host.nodename().to_string_lossy();
        let runs: String = found.runs.iter().rev().map(|run| run_line(run, &host)).collect();
        let summaries = ProbeSummary::of(&found.runs);
        let summaries: String = summaries.iter().map(|summary| summary_line(summary, &host, now)).collect();
        output.text(&format!("{runs}{summaries}"))?;
        return Ok(Exit::Done);
    }
    let views: Vec<RunView> = found.runs.iter().map(RunView::from).collect();
    output.result(&views, |views| render::probe::runs(views, output.width()))?;
    Ok(Exit::Done)
}

/// Checks task files together, as the daemon reads them.
fn check(args: &ProbeCheck, output: &Output) -> Result<Exit, CliError> {
    let names: Vec<String> = args.files.iter().map(|file| file.display().to_string()).collect();
    let mut texts = Vec::new();
    for path in &args.files {
        texts.push(read_file(path).map_err(ProbeError::Checked)?);
    }
    // Each file alone first, so that an error names its file.
    for (name, text) in names.iter().zip(&texts) {
        read_plan([text.as_slice()])
            .map_err(|(_, cause)| ProbeError::Checked(SourceError::Content { source_name: name.clone(), cause }))?;
    }
    let content = |(at, cause): (usize, _)| {
        let source_name = names.get(at).cloned().unwrap_or_default();
        ProbeError::Checked(SourceError::Content { source_name, cause })
    };
    let read = read_plan(texts.iter().map(Vec::as_slice)).map_err(content)?;
    let count = |kind| read.plan.tasks.iter().filter(|task| task.kind == kind).count();
    let checked = CheckedFile {
        files: names,
        downloads: count(ProbeKind::Download),
        quotes: count(ProbeKind::Quote),
        uploads: count(ProbeKind::Upload),
        known_files: read.plan.files.len(),
        seeds: read.plan.seeds.len(),
        problems: read.problems.iter().map(ToString::to_string).collect(),
    };
    output.result(&checked, render::probe::checked)?;
    Ok(if checked.problems.is_empty() { Exit::Done } else { Exit::ActionFailed })
}
