//! The CPU limit of the colony of a database, for commands that run no cycle.

use std::path::Path;

use wnm_core::{RawSettings, Settings};
use wnm_platform::cpu_limit::CpuLimit;
use wnm_platform::weight::ColonyWeight;
use wnm_store::Store;

use crate::config;
use crate::context;
use crate::error::CliError;

/// Lifts the limit if wnm applied it. A failure is logged.
pub(crate) fn lift(cpu_limit: &CpuLimit) {
    if let Err(error) = cpu_limit.lift() {
        tracing::warn!(%error, "cannot lift the CPU limit of the nodes; it ends with the next restart of the host");
    }
}

/// Removes the CPU limit and the weight of a colony without nodes, and the control group that wnm created for it.
///
/// # Errors
/// The database cannot be read, or the settings are not valid.
pub(crate) fn end(db: &Path) -> Result<(), CliError> {
    let settings = settings(db)?;
    if let Err(error) = ColonyWeight::of(&settings).end() {
        tracing::warn!(%error, "cannot remove the weight of the nodes; it ends with the next restart of the host");
    }
    end_limit(&CpuLimit::of(&settings));
    Ok(())
}

fn end_limit(cpu_limit: &CpuLimit) {
    if let Err(error) = cpu_limit.end() {
        tracing::warn!(%error, "cannot lift the CPU limit of the nodes; it ends with the next restart of the host");
    }
}

/// Returns the CPU limit of the colony of a database.
///
/// # Errors
/// The database cannot be read, or the settings are not valid.
pub(crate) fn of(db: &Path) -> Result<CpuLimit, CliError> {
    Ok(CpuLimit::of(&settings(db)?))
}

fn settings(db: &Path) -> Result<Settings, CliError> {
    let stored = Store::open_read_only(db)?.settings()?;
    let host = context::host_defaults(&stored, &RawSettings::default());
    Ok(Settings::new(&config::reload::surroundings_of(db)?.over(stored), &host)?)
}
