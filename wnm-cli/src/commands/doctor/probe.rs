//! Whether probes can run.

use std::path::Path;

use wnm_agent::probe::{ClientProgram, Sources, read_key};
use wnm_core::{ProbeSettings, Settings};
use wnm_platform::places;

use super::Check;
use crate::commands::probe::folder;
use crate::render::{counted, shell_text};

const NAME: &str = "probe";

/// Checks client, tasks, scratch folder and key file; nothing while probes are off.
pub(super) fn check(db: &Path, settings: &Settings) -> Vec<Check> {
    let probe = &settings.probe;
    if !probe.on {
        return Vec::new();
    }
    let checks = [client(probe), tasks(db, probe)].into_iter().chain(scratch(db)).chain(key(probe));
    checks.collect()
}

/// Returns the warning of a folder in which no run can make its files.
fn scratch(db: &Path) -> Option<Check> {
    let folder = folder(db);
    places::unwritable(std::slice::from_ref(&folder)).map(|folder| {
        let message = format!("no probe can run: {} is not writable", folder.display());
        Check::warning(NAME, message, "make it a folder that the user of wnm can write")
    })
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
    let refreshed = Sources::new(probe.sources.clone(), &folder(db)).read_now();
    match refreshed.problem {
        None => {
            let read = refreshed.changed.unwrap_or_default();
            match read.problems.first() {
                Some(problem) => {
                    let more = read.problems.len() - 1;
                    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
                    Check::warning(NAME, format!("{problem}{more}"), "see all with `wnm probe tasks`")
                }
                None => Check::ok(NAME, format!("{} can run", counted(read.plan.tasks.len(), "task"))),
            }
        }
        Some(error) => Check::warning(NAME, error.to_string(), "check the sources with `wnm probe tasks`"),
    }
}

fn key(probe: &ProbeSettings) -> Option<Check> {
    let path = probe.key_file.as_ref().filter(|_| probe.upload)?;
    Some(match read_key(path) {
        Ok(_) => Check::ok(NAME, format!("uploads may spend {} tokens a day", probe.spend)),
        Err(error) => {
            let write = || {
                ["install", "-m", "600", "/dev/stdin"]
                    .map(str::to_owned)
                    .into_iter()
                    .chain([path.display().to_string()])
                    .collect()
            };
            let words: Vec<String> = error.command().map_or_else(write, Vec::from);
            Check::warning(NAME, format!("no upload can run: {error}"), format!("run `{}`", shell_text(&words)))
        }
    })
}
