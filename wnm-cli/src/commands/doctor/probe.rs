//! Whether probes can run.

use std::path::Path;
use std::time::Duration;

use wnm_agent::probe::{ClientProgram, Sources, read_key};
use wnm_core::{ProbeSettings, Settings};

use super::Check;

const NAME: &str = "probe";

/// Checks client, tasks and key file; nothing while probes are off.
pub(super) fn check(db: &Path, settings: &Settings) -> Vec<Check> {
    let probe = &settings.probe;
    if !probe.on {
        return Vec::new();
    }
    let checks = [client(probe), tasks(db, probe)].into_iter().chain(key(probe));
    checks.collect()
}

fn client(probe: &ProbeSettings) -> Check {
    match ClientProgram::find(probe.client.as_deref(), Vec::new()) {
        Ok(program) => Check::ok(NAME, format!("client {} at {}", program.client, program.path.display())),
        Err(error) => {
            let hint = "name the client program with `wnm config set probe_client PATH`";
            Check::warning(NAME, format!("no probe can run: {error}"), hint)
        }
    }
}

fn tasks(db: &Path, probe: &ProbeSettings) -> Check {
    let mut sources = Sources::new(probe.sources.clone(), crate::commands::probe::folder(db));
    match sources.refresh(Duration::ZERO) {
        Ok(read) => {
            let read = read.unwrap_or_default();
            match read.problems.first() {
                Some(problem) => {
                    let more = read.problems.len() - 1;
                    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
                    Check::warning(NAME, format!("{problem}{more}"), "see all with `wnm probe tasks`")
                }
                None => Check::ok(NAME, format!("{} tasks can run", read.plan.tasks.len())),
            }
        }
        Err(error) => Check::warning(NAME, error.to_string(), "check the sources with `wnm probe tasks`"),
    }
}

fn key(probe: &ProbeSettings) -> Option<Check> {
    let path = probe.key_file.as_ref().filter(|_| probe.upload)?;
    Some(match read_key(path) {
        Ok(_) => Check::ok(NAME, format!("uploads may spend {} tokens a day", probe.spend)),
        Err(error) => Check::warning(
            NAME,
            error.to_string(),
            format!("write the key to a file of its own: `install -m 600 /dev/stdin {}`", path.display()),
        ),
    })
}
