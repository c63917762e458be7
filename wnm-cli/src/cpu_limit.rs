//! The CPU limit of the colony of a database, for commands that run no cycle.

use std::path::Path;

use wnm_core::{RawSettings, Settings};
use wnm_platform::cpu_limit::CpuLimit;
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

/// Lifts the limit of a colony without nodes, and removes the control group that wnm created for it.
pub(crate) fn end(cpu_limit: &CpuLimit) {
    if let Err(error) = cpu_limit.end() {
        tracing::warn!(%error, "cannot lift the CPU limit of the nodes; it ends with the next restart of the host");
    }
}

/// Returns the CPU limit of the colony of a database.
///
/// # Errors
/// The database cannot be read, or the settings are not valid.
pub(crate) fn of(db: &Path) -> Result<CpuLimit, CliError> {
    let stored = Store::open_read_only(db)?.settings()?;
    let host = context::host_defaults(&stored, &RawSettings::default());
    Ok(CpuLimit::of(&Settings::new(&config::surroundings()?.over(stored), &host)?))
}
