//! `wnm doctor`: what would keep a colony from running here, each with its hint.

mod colony;
mod cpu_limit;
mod firewall;
mod host;
mod instances;
mod ports;
mod stored;
mod supervisors;
mod volumes;

use std::path::Path;

use serde::Serialize;
use wnm_core::{NodeId, RawSettings, Settings};
use wnm_platform::Platform;
use wnm_store::Snapshot;

use crate::config;
use crate::context;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::render::{GREEN, RED, YELLOW, styled};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Health {
    Fine,
    Doubtful,
    Wrong,
}

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Check {
    what: &'static str,
    health: Health,
    found: String,
    hint: Option<String>,
}

impl Check {
    fn fine(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, health: Health::Fine, found: found.into(), hint: None }
    }

    fn doubtful(what: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what, health: Health::Doubtful, found: found.into(), hint: Some(hint.into()) }
    }

    fn wrong(what: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what, health: Health::Wrong, found: found.into(), hint: Some(hint.into()) }
    }
}

/// Whether what can be mended without harm is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fix {
    Yes,
    No,
}

/// Looks at everything, and changes nothing but what `fix` allows; exit 3 when something is wrong.
pub(crate) fn run(db: &Path, fix: Fix, output: &mut Output) -> Result<Exit, CliError> {
    let mut checks = Vec::new();
    let (stored, snapshot) = stored::database(db, &mut checks);
    checks.push(stored::lock(db));
    checks.extend(stored::lock_of_python_wnm(db));
    checks.push(supervisors::check(db));
    let host = context::host_defaults(&stored, &RawSettings::default());
    let mut raw = config::surroundings()?.over(stored);
    if raw.rewards_address.is_none() && snapshot.is_none() {
        // Not given before init; nothing that is looked at here depends on it.
        let _ = raw.set("rewards_address", "faucet");
    }
    match Settings::new(&raw, &host) {
        Err(problems) => checks.push(Check::wrong("settings", problems.to_string(), "wnm run --SETTING VALUE")),
        Ok(settings) => look(db, &settings, snapshot.as_ref(), fix, &mut checks),
    }
    let is_wrong = checks.iter().any(|check| check.health == Health::Wrong);
    output.result(&checks, |checks| checks.iter().map(line).collect())?;
    Ok(if is_wrong { Exit::ActionFailed } else { Exit::Done })
}

/// Looks at the host as the settings want it used, and at the colony where there is one.
fn look(db: &Path, settings: &Settings, snapshot: Option<&Snapshot>, fix: Fix, checks: &mut Vec<Check>) {
    let platform = Platform::new(settings);
    checks.push(host::manager(settings, platform.as_ref().err()));
    checks.push(host::binary(settings));
    checks.push(host::folders(settings));
    checks.extend(volumes::check(settings, snapshot));
    checks.push(ports::check(settings, snapshot));
    checks.push(cpu_limit::check(settings, snapshot));
    let Some(snapshot) = snapshot else { return };
    // Without a database every rule would seem to lead nowhere.
    checks.extend(firewall::check(db, settings, fix));
    checks.extend(instances::check(settings, snapshot));
    checks.extend(platform.ok().and_then(|platform| colony::restarts(&platform, snapshot)));
    checks.extend(colony::check(snapshot));
}

fn line(check: &Check) -> String {
    let mark = match check.health {
        Health::Fine => styled(GREEN, "ok   "),
        Health::Doubtful => styled(YELLOW, "hm   "),
        Health::Wrong => styled(RED, "wrong"),
    };
    let hint = check.hint.as_ref().map_or_else(String::new, |hint| format!("{:20}hint: {hint}\n", ""));
    format!("{mark} {:<13} {}\n{hint}", check.what, check.found)
}

/// How many of many are told.
const TOLD: usize = 5;

/// Returns the first few of many, and how many more there are.
fn some(all: impl ExactSizeIterator<Item = String>) -> String {
    let more = all.len().saturating_sub(TOLD);
    let first = all.take(TOLD).collect::<Vec<_>>().join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}

fn names(ids: &[NodeId]) -> String {
    some(ids.iter().map(|id| id.name()))
}
