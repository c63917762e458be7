//! Stops the programs that run cycles on a database.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use wnm_agent::DRAIN_LIMIT;
use wnm_platform::observe::process::{Liveness, Processes};
use wnm_store::{Lock, LockError};

use crate::commands::service;
use crate::error::{CliError, CommandError};
use crate::output::Output;

/// Time for the end of a daemon: its drain, and a last cycle.
const TIMEOUT: Duration = DRAIN_LIMIT.saturating_add(Duration::from_secs(30));
const POLL: Duration = Duration::from_millis(50);

/// Uninstalls the services of a database, and ends its daemon.
///
/// # Errors
/// A service cannot be removed, or the daemon cannot be ended.
pub(super) fn stop(db: &Path, output: &Output) -> Result<(), CliError> {
    for place in service::uninstall_all(db)? {
        output.say(&format!("removed the service {place}"));
    }
    let Some(pid) = daemon(db)? else { return Ok(()) };
    let unended = || CliError::from(CommandError::DaemonRuns { pid });
    // The file may be of another PID namespace: only a daemon of wnm gets the signal.
    let process = Processes::of_host().facts(pid).filter(|process| process.life == Liveness::Alive);
    let is_daemon = process.is_some_and(|process| process.arguments.iter().any(|word| word == "daemon"));
    let target = i32::try_from(pid).ok().and_then(Pid::from_raw).filter(|_| is_daemon).ok_or_else(unended)?;
    kill_process(target, Signal::TERM).map_err(|_| unended())?;
    output.say(&format!("waiting for the end of the daemon (PID {pid})"));
    let begun = Instant::now();
    while daemon(db)?.is_some() {
        if begun.elapsed() > TIMEOUT {
            return Err(unended());
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// Returns the process of the daemon of a database; None when none runs.
fn daemon(db: &Path) -> Result<Option<u32>, CliError> {
    match Lock::check_daemon(db) {
        Ok(()) => Ok(None),
        Err(LockError::Held { holder: Some(holder), .. }) => Ok(Some(holder.pid)),
        // The daemon is about to write its PID, or has removed it at its end.
        Err(LockError::Held { holder: None, .. }) => Ok(Some(0)),
        Err(error) => Err(error.into()),
    }
}
