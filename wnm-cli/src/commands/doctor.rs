//! `wnm doctor`: what would keep a colony from running here, each with its mend.

mod firewall;
mod keepers;

use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use wnm_core::{NodeId, Presence, RawSettings, Settings};
use wnm_platform::{Platform, binary, places};
use wnm_store::{Lock, LockError, Snapshot, Store, StoreError};

use super::status::colony_time;
use crate::config;
use crate::context;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::render::{GREEN, RED, YELLOW, span, styled};

/// Disk a node may come to need: under it, a wave of others' removals can fill every disk at once.
const DISK_PER_NODE: u64 = 35_000_000_000;
/// Age of the last cycle beyond which nothing seems to keep the colony.
const STALE: Duration = Duration::from_secs(600);
/// Difference between the colony's clock and the wall clock that is worth a word.
const CLOCK_DRIFT: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Health {
    Fine,
    Doubtful,
    Wrong,
}

/// One thing looked at.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Check {
    what: &'static str,
    health: Health,
    found: String,
    mend: Option<String>,
}

impl Check {
    fn fine(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, health: Health::Fine, found: found.into(), mend: None }
    }

    fn doubtful(what: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what, health: Health::Doubtful, found: found.into(), mend: Some(mend.into()) }
    }

    fn wrong(what: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what, health: Health::Wrong, found: found.into(), mend: Some(mend.into()) }
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
    let (stored, snapshot) = database(db, &mut checks);
    checks.push(lock(db));
    checks.push(keepers::check(db));
    let host = context::host_defaults(&stored, &RawSettings::default());
    let mut raw = config::surroundings()?.over(stored);
    if raw.rewards_address.is_none() && snapshot.is_none() {
        // Not given before init; nothing that is looked at here depends on it.
        let _ = raw.set("rewards_address", "faucet");
    }
    match Settings::new(&raw, &host) {
        Err(problems) => checks.push(Check::wrong("settings", problems.to_string(), "wnm run --SETTING VALUE")),
        Ok(settings) => {
            look(&settings, snapshot.as_ref(), &mut checks);
            // Without a database every rule would seem to lead nowhere.
            if snapshot.is_some() {
                checks.extend(firewall::check(db, &settings, fix));
            }
        }
    }
    let is_wrong = checks.iter().any(|check| check.health == Health::Wrong);
    output.result(&checks, |checks| checks.iter().map(line).collect())?;
    Ok(if is_wrong { Exit::ActionFailed } else { Exit::Done })
}

fn line(check: &Check) -> String {
    let mark = match check.health {
        Health::Fine => styled(GREEN, "ok   "),
        Health::Doubtful => styled(YELLOW, "hm   "),
        Health::Wrong => styled(RED, "wrong"),
    };
    let mend = check.mend.as_ref().map_or_else(String::new, |mend| format!("{:20}mend: {mend}\n", ""));
    format!("{mark} {:<13} {}\n{mend}", check.what, check.found)
}

fn database(db: &Path, checks: &mut Vec<Check>) -> (RawSettings, Option<Snapshot>) {
    let read = Store::open_read_only(db).and_then(|store| Ok((store.settings()?, store.snapshot()?, store.check()?)));
    match read {
        Ok((settings, snapshot, problems)) => {
            checks.push(match problems.first() {
                None => Check::fine("database", format!("{}, {} nodes", db.display(), snapshot.nodes.len())),
                Some(problem) => Check::wrong(
                    "database",
                    problem.clone(),
                    format!("keep a copy of {} before anything else", db.display()),
                ),
            });
            (settings, Some(snapshot))
        }
        Err(StoreError::NotInitialised { path }) => {
            let found = format!("none at {}", path.display());
            checks.push(Check::wrong("database", found, "wnm init --rewards-address 0x…"));
            (RawSettings::default(), None)
        }
        Err(error) => {
            checks.push(Check::wrong("database", error.to_string(), "restore a copy, or ask for help with this text"));
            (RawSettings::default(), None)
        }
    }
}

fn lock(db: &Path) -> Check {
    match Lock::acquire(db, Duration::ZERO) {
        Ok(_) => Check::fine("lock", "free"),
        Err(error @ LockError::Held { .. }) => Check::fine("lock", error.to_string()),
        Err(error) => Check::wrong("lock", error.to_string(), "make the folder of the database writable"),
    }
}

fn look(settings: &Settings, snapshot: Option<&Snapshot>, checks: &mut Vec<Check>) {
    let platform = match Platform::new(settings) {
        Ok(platform) => {
            checks.push(match wnm_platform::manager::doubt(settings.manager) {
                None => Check::fine("manager", settings.manager.to_string()),
                Some(doubt) => Check::doubtful("manager", format!("{}: {}", settings.manager, doubt.found), doubt.mend),
            });
            Some(platform)
        }
        Err(error) => {
            checks.push(Check::wrong("manager", error.to_string(), "wnm init --process-manager setsid+user"));
            None
        }
    };
    checks.push(match binary::version_of(settings) {
        _ if settings.manager.chooses_program() => {
            Check::fine("node binary", format!("as {} chooses", settings.manager))
        }
        Ok(version) => Check::fine("node binary", format!("{} {version}", settings.binary.display())),
        Err(error) => {
            let mend = format!("put {} there, or set antnode_path", settings.flavor.program());
            Check::wrong("node binary", error.to_string(), mend)
        }
    });
    checks.push(match places::check_storage(&settings.storage) {
        Ok(()) => Check::fine("folders", folders(settings)),
        Err(error) => Check::wrong("folders", error.to_string(), "make it writable, or set node_storage"),
    });
    checks.push(disk(settings, platform.as_ref()));
    checks.push(ports(settings, snapshot));
    checks.extend(snapshot.and_then(last_look));
    checks.extend(snapshot.and_then(clock));
    checks.extend(snapshot.and_then(strays));
    checks.extend(snapshot.and_then(silent));
}

fn folders(settings: &Settings) -> String {
    settings.storage.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Compares what is left on the volumes with what a full colony may come to hold.
fn disk(settings: &Settings, platform: Option<&Platform>) -> Check {
    let volumes = platform.map(|platform| platform.volumes(&settings.storage)).unwrap_or_default();
    let total: u64 = volumes.iter().filter_map(|volume| volume.total).map(|total| total.0).sum();
    let cap = u64::from(settings.policy.node_cap.max(1));
    let (each, crisis) = (wnm_core::Bytes(total / cap), settings.crisis);
    let found = format!("{each} for each of {cap} nodes");
    let least = wnm_core::Bytes(DISK_PER_NODE);
    if each < crisis {
        Check::wrong("disk", format!("{found}, less than crisis_bytes, {crisis}"), "lower node_cap, or add storage")
    } else if each < least {
        Check::doubtful("disk", format!("{found}; a node may come to need {least}"), "lower node_cap, or add storage")
    } else {
        Check::fine("disk", found)
    }
}

/// Looks whether the ports of nodes that do not run are free now.
fn ports(settings: &Settings, snapshot: Option<&Snapshot>) -> Check {
    let is_up =
        |id: NodeId| snapshot.is_some_and(|s| s.state.nodes.get(&id).is_some_and(wnm_core::NodeState::is_active));
    let taken: Vec<String> = (1..=settings.policy.node_cap)
        .filter_map(NodeId::new)
        .filter(|id| !is_up(*id))
        .filter_map(|id| settings.ports.of(id))
        .flat_map(|ports| {
            let udp = UdpSocket::bind(("0.0.0.0", ports.node)).is_err().then(|| format!("{}/udp", ports.node));
            let tcp =
                TcpListener::bind(("127.0.0.1", ports.metrics)).is_err().then(|| format!("{}/tcp", ports.metrics));
            udp.into_iter().chain(tcp)
        })
        .collect();
    match taken.as_slice() {
        [] => Check::fine("ports", "those of nodes to come are free"),
        [first, ..] => Check::wrong(
            "ports",
            format!("{} of nodes to come are taken, {first} first", taken.len()),
            format!(
                "`ss -lnp | grep {}` shows by whom; end that, or choose other ranges",
                first.split('/').next().unwrap_or(first)
            ),
        ),
    }
}

fn last_look(snapshot: &Snapshot) -> Option<Check> {
    let clock = snapshot.state.clock.as_ref();
    let age = colony_time(clock).since(clock?.now());
    let found = format!("the last cycle was {} ago", span(age));
    Some(if age > STALE {
        Check::doubtful("cycles", found, "keep `wnm daemon` running, or `wnm` in a crontab")
    } else {
        Check::fine("cycles", found)
    })
}

fn clock(snapshot: &Snapshot) -> Option<Check> {
    let reading = wnm_platform::read_clock().ok()?;
    let wall = reading.wall;
    let now = snapshot.state.clock.as_ref()?.advance(reading).now();
    let drift = wall.since(now).max(now.since(wall));
    Some(if drift > CLOCK_DRIFT {
        let found =
            format!("the wall clock was set by {} since the host started; delays are not affected", span(drift));
        Check::doubtful("clock", found, "times in the history follow again after the next reboot")
    } else {
        Check::fine("clock", "steady")
    })
}

fn strays(snapshot: &Snapshot) -> Option<Check> {
    let strays: Vec<String> = snapshot
        .samples
        .iter()
        .filter(|(_, sample)| sample.presence == Presence::Stray)
        .map(|(id, _)| id.name())
        .collect();
    (!strays.is_empty()).then(|| {
        let found = format!("another process answers on the ports of {}", strays.join(", "));
        Check::wrong("strays", found, "`ss -lntp` shows it; end it, and the node can be managed again")
    })
}

fn silent(snapshot: &Snapshot) -> Option<Check> {
    let is_silent = |presence| matches!(presence, Presence::Silent | Presence::Unreachable);
    let silent: Vec<String> =
        snapshot.samples.iter().filter(|(_, sample)| is_silent(sample.presence)).map(|(id, _)| id.name()).collect();
    (!silent.is_empty()).then(|| {
        let found = format!("no answer from the metrics ports of {}", silent.join(", "));
        Check::doubtful("metrics", found, "`wnm node show NODE` names its log; wnm node restart NODE")
    })
}
