//! The cap on the CPU of all nodes together: put in force as it is decided, and lifted when nobody decides any more.

use std::path::Path;

use wnm_core::{Decision, Observation, RawSettings, Settings};
use wnm_platform::Platform;
use wnm_platform::cpu_limit::CpuLimit;
use wnm_store::Store;

use crate::config;
use crate::context;
use crate::error::CliError;

/// Puts in force what was decided, where it is not what was seen. A failure is said, and holds up nothing.
pub(crate) fn apply(platform: &Platform, settings: &Settings, observation: &Observation, decision: &Decision) {
    let done = match (observation.host.cpu_limit, decision.cpu_limit) {
        _ if !settings.cpu_limit => platform.cpu_limit().lift(),
        (Some(seen), wanted) if seen.differs_from(wanted) => wanted.map_or_else(
            || platform.cpu_limit().lift(),
            |limit| {
                let processes = observation.nodes.values().filter_map(|node| node.process.as_ref());
                platform.cpu_limit().set(limit, &processes.map(|process| process.pid).collect::<Vec<_>>())
            },
        ),
        (Some(_) | None, _) => Ok(()),
    };
    if let Err(error) = done {
        tracing::warn!(%error, hint = "wnm doctor", "the CPU of the nodes is not capped as decided");
    }
}

/// Lifts the cap if wnm made it. A failure is said.
pub(crate) fn lift(cpu_limit: &CpuLimit) {
    if let Err(error) = cpu_limit.lift() {
        tracing::warn!(%error, "the cap on the CPU of the nodes stays until the host is restarted");
    }
}

/// Lifts the cap on a colony that has no nodes any more, with what was made for it.
pub(crate) fn end(cpu_limit: &CpuLimit) {
    if let Err(error) = cpu_limit.end() {
        tracing::warn!(%error, "the cap on the CPU of nodes stays until the host is restarted");
    }
}

/// Returns the cap on the colony of a database.
pub(crate) fn of(db: &Path) -> Result<CpuLimit, CliError> {
    let stored = Store::open_read_only(db)?.settings()?;
    let host = context::host_defaults(&stored, &RawSettings::default());
    Ok(CpuLimit::of(&Settings::new(&config::surroundings()?.over(stored), &host)?))
}
