//! `wnm doctor`: checks the host and the colony, with a hint for each problem.

mod alerts;
mod boot;
mod colony;
mod config_file;
mod cpu_limit;
mod earlier_stores;
mod earnings;
mod firewall;
mod folders;
mod gains;
mod host;
mod identities;
mod influx;
mod instances;
mod listen;
mod moves;
mod ports;
mod probe;
mod programs;
mod protected;
mod signals;
mod stored;
mod supervisors;
mod tries;
mod unlisted;
mod valves;
mod volumes;
mod webrtc;
mod weight;

use std::path::Path;

use serde::Serialize;
use wnm_agent::without_numbers;
use wnm_core::{NodeId, RawSettings, Settings};
use wnm_platform::Platform;
use wnm_platform::binary::version_of;
use wnm_platform::observe::process::Processes;
use wnm_store::Snapshot;

use super::fleet;
use crate::config;
use crate::context;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::render::{GREEN, RED, YELLOW, styled};

/// The severity of a check's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Level {
    /// No problem.
    Ok,
    /// A problem that nodes run with.
    Warning,
    /// A problem that stops or endangers nodes; the exit code becomes 3.
    Error,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Check {
    /// The severity of the result.
    level: Level,
    /// The name of the check, such as `node_program`. Two results can have the same name.
    check: &'static str,
    /// The finding: a sentence with names, numbers and paths.
    message: String,
    /// How to fix the problem; null for level `ok`, except where an optional feature is missing.
    hint: Option<String>,
}

impl Check {
    fn new(level: Level, check: &'static str, message: impl Into<String>, hint: Option<String>) -> Self {
        Self { level, check, message: without_numbers(&message.into()), hint }
    }

    pub(crate) fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(Level::Ok, check, message, None)
    }

    pub(crate) fn warning(check: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Level::Warning, check, message, Some(hint.into()))
    }

    pub(crate) fn error(check: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Level::Error, check, message, Some(hint.into()))
    }
}

/// Whether doctor repairs the problems that it can fix without harm to a node: firewall rules, and services that are not
/// enabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fix {
    Yes,
    No,
}

/// Runs all checks and prints their results; exit code 3 if one has the level `error`.
pub(crate) fn run(db: &Path, fix: Fix, output: &mut Output) -> Result<Exit, CliError> {
    let mut checks = Vec::new();
    let (stored, snapshot) = stored::database(db, &mut checks);
    checks.push(stored::lock(db));
    checks.extend(stored::lock_of_python_wnm(db));
    checks.extend(stored::daemon(db));
    checks.push(supervisors::check(db));
    checks.extend(config_file::check(db));
    let host = context::host_defaults(&stored, &RawSettings::default());
    let mut raw = config::reload::surroundings_of(db)?.over(stored);
    if raw.rewards_address.is_none() && snapshot.is_none() {
        // Before `wnm init` no address is set, and none of the checks reads it. A placeholder lets them run.
        let _ = raw.set("rewards_address", "faucet");
    }
    match Settings::new(&raw, &host) {
        Err(problems) => {
            let hint = "correct them with `wnm config set KEY VALUE`; `wnm config list --origin` shows their sources";
            checks.push(Check::error("settings", problems.to_string(), hint));
        }
        Ok(settings) => check_all(db, &settings, snapshot.as_ref(), fix, &mut checks),
    }
    output.result(&checks, |checks| lines(checks))?;
    Ok(if ends_with_error(&checks) { Exit::ActionFailed } else { Exit::Done })
}

/// Adds the checks of the host with these settings, and those of the colony if a database exists.
fn check_all(db: &Path, settings: &Settings, snapshot: Option<&Snapshot>, fix: Fix, checks: &mut Vec<Check>) {
    let platform = Platform::new(settings);
    checks.push(host::manager(settings, platform.as_ref()));
    // A manager that does not answer fails the check before; its trial would only repeat the error.
    let answers = checks.last().is_some_and(|check| check.level != Level::Error);
    checks.extend(platform.as_ref().ok().filter(|_| answers).and_then(|it| tries::service(settings, it)));
    let program = (!settings.manager.chooses_program()).then(|| version_of(settings));
    checks.push(host::program(settings, program.as_ref()));
    let storage = volumes::read(settings, snapshot);
    let usable = storage.volumes.iter().filter(|volume| volume.fault.is_none());
    let usable: Vec<_> = usable.map(|volume| volume.root.clone()).collect();
    checks.extend(tries::storage(settings, &usable, snapshot));
    checks.extend(volumes::check(settings, &storage, snapshot));
    checks.extend(tries::logs(settings));
    checks.extend(tries::processes(settings, &Processes::of_host()));
    checks.extend(tries::unmanaged_firewall(settings, Path::new("/")));
    checks.push(ports::check(settings, snapshot));
    checks.push(cpu_limit::check(settings, snapshot));
    checks.extend(weight::check(settings, snapshot));
    checks.extend(signals::check(settings, snapshot));
    checks.extend(valves::check(&crate::valves::of(db, settings)));
    checks.extend(probe::check(db, settings));
    checks.extend(fleet::check_membership(db, settings.fleet_url.as_ref()));
    checks.extend(alerts::check(db, settings));
    checks.extend(influx::check(db, settings));
    checks.extend(earnings::check(db, settings));
    checks.extend(listen::check(settings));
    let Some(snapshot) = snapshot else { return };
    // Not without a database: every firewall rule would count as one of a missing node, and `--fix` would delete it.
    checks.extend(firewall::check(db, settings, fix));
    checks.extend(instances::check(settings, snapshot));
    checks.extend(identities::check(snapshot, &storage));
    checks.extend(moves::check(snapshot, &storage));
    checks.extend(gains::check(db));
    checks.extend(earlier_stores::check(snapshot, &storage));
    checks.extend(webrtc::check(settings, snapshot));
    let target = program.as_ref().and_then(|version| version.as_ref().ok());
    checks.extend(programs::check(settings, snapshot, target));
    if let Ok(platform) = &platform {
        let services = platform.services(snapshot.nodes.values().filter(|node| storage.answers(node.id)));
        checks.extend(colony::restarts(platform, snapshot, &storage));
        checks.push(colony::down(&services, snapshot, &storage));
        checks.extend(unlisted::check(platform, &storage, snapshot));
        checks.extend(boot::check(platform, snapshot, fix));
        checks.extend(tries::metrics(settings, &services, snapshot));
        checks.extend(folders::check(settings, &services, &storage, snapshot));
    }
    checks.extend(protected::check(snapshot));
    checks.extend(colony::crash_loops(snapshot));
    checks.extend(colony::failures(snapshot));
    checks.extend(colony::check(snapshot));
}

/// Tells whether a result has the level `error`.
pub(crate) fn ends_with_error(checks: &[Check]) -> bool {
    checks.iter().any(|check| check.level == Level::Error)
}

/// Returns the lines of results.
pub(crate) fn lines(checks: &[Check]) -> String {
    checks.iter().map(line).collect()
}

/// Returns the problems of the host that an operator should know right after `wnm init`: an active firewall whose rules wnm
/// does not change, and a process manager whose nodes end at logout.
pub(crate) fn after_init(settings: &Settings) -> Vec<Check> {
    let firewall = tries::unmanaged_firewall(settings, Path::new("/"));
    host::doubt(settings).into_iter().chain(firewall).collect()
}

/// Returns the lines of a check.
pub(crate) fn line(check: &Check) -> String {
    let level = match check.level {
        Level::Ok => styled(GREEN, "ok     "),
        Level::Warning => styled(YELLOW, "warning"),
        Level::Error => styled(RED, "error  "),
    };
    let hint = check.hint.as_ref().map_or_else(String::new, |hint| format!("{:26}hint: {hint}\n", ""));
    format!("{level}  {:<15}  {}\n{hint}", check.check, check.message)
}

/// Most entries of a list in a message: more would hide the other checks on a host with 1000 nodes.
const MOST_LISTED: usize = 5;

/// Returns the first entries of a list, and the count of the others.
pub(crate) fn first_few(all: impl ExactSizeIterator<Item = String>) -> String {
    let more = all.len().saturating_sub(MOST_LISTED);
    let first = all.take(MOST_LISTED).collect::<Vec<_>>().join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}

fn names(ids: &[NodeId]) -> String {
    first_few(ids.iter().map(|id| id.name()))
}

/// Returns a count with its noun: `1 node is`, `3 nodes are`.
fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Returns the settings of a small host with these changes, for the tests of the checks.
#[cfg(test)]
pub(crate) fn settings_with(changes: &[(&str, &str)]) -> Settings {
    let manager = wnm_core::ManagerKind::ALL[0];
    let host = wnm_core::HostDefaults { cpus: 2, storage: "/s".into(), programs: "/bin".into(), manager };
    let mut raw = RawSettings::default();
    for (key, value) in [("rewards_address", "faucet")].iter().chain(changes) {
        raw.set(key, value).unwrap();
    }
    Settings::new(&raw, &host).unwrap()
}
