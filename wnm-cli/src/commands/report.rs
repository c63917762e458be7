//! `wnm report`: the last cycle on record, for scripts and dashboards.

use std::path::Path;

use serde::Serialize;
use wnm_core::{RawSettings, Settings};
use wnm_platform::Platform;
use wnm_store::{Snapshot, Store};

use super::selection;
use super::status::warn_of_unreadable;
use crate::args::{Report, ReportFormat, ReportKind};
use crate::error::{CliError, CommandError, Exit};
use crate::output::Output;
use crate::push::Target;
use crate::render::counted;
use crate::render::report::fields::Fields;
use crate::render::report::{
    Row, influx, machine_config, machine_metrics, node_status, node_status_details, observed_at, rows,
};
use crate::{config, context};

/// Prints a report from the database, without the lock and without an observation.
pub(crate) fn run(db: &Path, args: &Report, output: &Output) -> Result<Exit, CliError> {
    let format = format(args, output)?;
    let target = args.push.as_deref().map(|url| Target::new(url, |name| std::env::var(name).ok())).transpose()?;
    let store = Store::open_read_only(db)?;
    let snapshot = store.snapshot()?;
    warn_of_unreadable(&snapshot);
    let nodes = selection::named(&args.nodes, snapshot.nodes.keys().copied())?;
    let rows = rows(&snapshot, &nodes).map_err(CommandError::NoSuchNode)?;
    let text = match args.kind {
        ReportKind::NodeStatus => listed(format, &node_status::values(&rows), || node_status::text(&rows))?,
        ReportKind::NodeStatusDetails => {
            let (settings, _) = settings(db, &store)?;
            let values = node_status_details::values(&rows, &settings.host, observed_at(&snapshot));
            listed(format, &values, || node_status_details::text(&rows))?
        }
        ReportKind::InfluxResources => influx::lines(&rows, observed_at(&snapshot)),
        ReportKind::MachineConfig => {
            let (settings, cpus) = settings(db, &store)?;
            let cpus = snapshot.last.as_ref().and_then(|cycle| cycle.host.cpus).unwrap_or(cpus);
            named(format, &machine_config::fields(&settings, cpus, &rows, store.path()))?
        }
        // The Python wnm writes the format `config` of this report as text for people, and scripts may read it.
        ReportKind::MachineMetrics if format == ReportFormat::Config => metrics(db, &store, &snapshot, &rows)?.text(),
        ReportKind::MachineMetrics => named(format, &metrics(db, &store, &snapshot, &rows)?)?,
    };
    match target {
        Some(target) => {
            target.write(&text)?;
            output.say(&format!("wrote {}", counted(text.lines().count(), "line")));
        }
        None => output.text(&text)?,
    }
    Ok(Exit::Done)
}

/// Returns the requested format.
///
/// # Errors
/// The report does not have the format, or cannot be pushed.
fn format(args: &Report, output: &Output) -> Result<ReportFormat, CliError> {
    let whole = if output.is_json() { ReportFormat::Json } else { ReportFormat::Text };
    let format = args.format.unwrap_or(whole);
    let name = |value: &dyn Fn() -> Option<clap::builder::PossibleValue>| {
        value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    };
    let (kind, asked) = (
        name(&|| clap::ValueEnum::to_possible_value(&args.kind)),
        name(&|| clap::ValueEnum::to_possible_value(&format)),
    );
    let known: &[ReportFormat] = match args.kind {
        ReportKind::NodeStatus | ReportKind::NodeStatusDetails => &[ReportFormat::Text, ReportFormat::Json],
        ReportKind::InfluxResources => &[ReportFormat::Text],
        ReportKind::MachineConfig | ReportKind::MachineMetrics => clap::ValueEnum::value_variants(),
    };
    if !known.contains(&format) {
        let names = known.iter().map(|format| name(&|| clap::ValueEnum::to_possible_value(format)));
        return Err(CommandError::ReportFormat { report: kind, format: asked, known: names.collect() }.into());
    }
    if args.push.is_some() && args.kind != ReportKind::InfluxResources {
        return Err(CommandError::NotPushable { report: kind }.into());
    }
    Ok(format)
}

/// Returns the effective settings, and the number of processors of this host.
fn settings(db: &Path, store: &Store) -> Result<(Settings, u32), CliError> {
    let stored = store.settings()?;
    let host = context::host_defaults(&stored, &RawSettings::default());
    let settings = config::fold([RawSettings::default(), config::reload::surroundings_of(db)?, stored], &host)?;
    Ok((settings, host.cpus))
}

fn metrics(db: &Path, store: &Store, snapshot: &Snapshot, rows: &[Row<'_>]) -> Result<Fields, CliError> {
    let (settings, _) = settings(db, store)?;
    let platform = Platform::new(&settings)?;
    platform.restore_program_cache(store.cached()?);
    let target = platform.program_version(&settings).ok().flatten();
    let host = snapshot.last.as_ref().map(|cycle| cycle.host.clone()).unwrap_or_default();
    Ok(machine_metrics::fields(&settings, &host, rows, target.as_ref()))
}

fn listed<T: Serialize>(format: ReportFormat, values: &[T], text: impl FnOnce() -> String) -> Result<String, CliError> {
    Ok(match format {
        ReportFormat::Json => serde_json::to_string_pretty(values)?,
        ReportFormat::Text | ReportFormat::Env | ReportFormat::Config => text(),
    })
}

fn named(format: ReportFormat, fields: &Fields) -> Result<String, CliError> {
    Ok(match format {
        ReportFormat::Text => fields.text(),
        ReportFormat::Json => serde_json::to_string_pretty(fields)?,
        ReportFormat::Env => fields.env(),
        ReportFormat::Config => fields.config(),
    })
}
