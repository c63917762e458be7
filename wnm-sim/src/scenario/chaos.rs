//! Scenarios of `explore`: a host, settings and events, drawn from a seed or read from a file.

use std::path::Path;

use serde::{Deserialize, Serialize};
use wnm_core::{EngineUrl, HostDefaults, Load, ManagerKind, Percent, Program, RawSettings, Scope, Settings};

use crate::SimError;
use crate::chance::Chance;
use crate::chaos::faults::Event;
use crate::chaos::ledger::storage_folder;

/// The format version that this program writes, and the newest one that it reads.
const VERSION: u32 = 1;

/// An event, and the cycle at whose beginning it occurs, from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scripted {
    pub(crate) cycle: u64,
    #[serde(flatten)]
    pub(crate) event: Event,
}

/// The size of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HostSize {
    pub(crate) cpus: u32,
    pub(crate) memory_mb: u64,
    /// The size of each volume; at least one.
    pub(crate) volumes_mb: Vec<u64>,
    /// Whether the host can limit the CPU of all nodes together.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) cpu_limit: bool,
}

/// A scenario: the complete input of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scenario {
    /// The format version. The key also identifies the kind of file.
    pub(crate) wnm_scenario: u32,
    /// The seed of the noise of the host, and of everything that the scenario does not list.
    pub(crate) seed: u64,
    /// The number of cycles before the calm cycles at the end.
    pub(crate) cycles: u64,
    /// Seconds from cycle to cycle.
    pub(crate) interval: u32,
    /// The number of nodes at the start.
    pub(crate) nodes: u32,
    pub(crate) host: HostSize,
    pub(crate) settings: RawSettings,
    /// The violation that the scenario shows, for people. Never read.
    #[serde(default, skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub(crate) violates: Option<String>,
    pub(crate) events: Vec<Scripted>,
}

impl Scenario {
    /// Draws a scenario from a seed. Its list of events is empty: they are drawn cycle by cycle.
    pub(crate) fn drawn(seed: u64, cycles: u64, nodes: Option<u32>) -> Self {
        let mut chance = Chance::new(seed, 0);
        let drawn = match chance.below(20) {
            0 | 1 => 0,
            2..=13 => chance.within(1..=20),
            14..=18 => chance.within(20..=100),
            _ => chance.within(100..=250),
        };
        let nodes = nodes.unwrap_or(drawn);
        // Not drawn: a draw would change all that follows it.
        let host = HostSize { cpu_limit: seed.is_multiple_of(2), ..host(nodes, &mut chance) };
        Self {
            wnm_scenario: VERSION,
            seed,
            cycles,
            interval: chance.one_of([1, 5, 10, 30, 60, 60, 120]),
            nodes,
            settings: RawSettings {
                fleet_url: seed.is_multiple_of(3).then(fleet_url).flatten(),
                ..settings(nodes, host.cpus, &mut chance)
            },
            host,
            violates: None,
            events: Vec::new(),
        }
    }

    /// Returns a scenario whose colony has a nearly constant size, for benchmarks.
    pub(crate) fn steady(nodes: u32, cycles: u64) -> Self {
        let percent = |value: f64| Percent::clamped(value);
        Self {
            wnm_scenario: VERSION,
            seed: 1,
            cycles,
            interval: 60,
            nodes,
            host: HostSize {
                cpus: (nodes / 4).max(1),
                memory_mb: u64::from(nodes) * 1000,
                volumes_mb: vec![u64::from(nodes) * 50_000],
                cpu_limit: false,
            },
            settings: RawSettings {
                node_cap: Some(nodes),
                cpu_less_than: percent(80.0),
                cpu_remove: percent(95.0),
                mem_less_than: percent(80.0),
                mem_remove: percent(95.0),
                max_concurrent_starts: Some(nodes.max(1)),
                max_concurrent_operations: Some(nodes.max(1)),
                delay_start: Some(60),
                ..RawSettings::default()
            },
            violates: None,
            events: Vec::new(),
        }
    }

    /// Reads a scenario from a file.
    ///
    /// # Errors
    /// The file cannot be read, is not a scenario (with line and column), or its values contradict each other.
    pub(crate) fn read(path: &Path) -> Result<Self, SimError> {
        let text = std::fs::read_to_string(path).map_err(|source| SimError::Read { path: path.to_owned(), source })?;
        let bad = |cause: String| SimError::input(format!("{}: {cause}", path.display()));
        let scenario: Self = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
        if scenario.wnm_scenario > VERSION {
            return Err(bad(format!(
                "unknown format version {}: this wnm-sim reads versions up to {VERSION}",
                scenario.wnm_scenario
            )));
        }
        if scenario.host.volumes_mb.is_empty() || scenario.host.cpus == 0 || scenario.interval == 0 {
            return Err(bad("volumes_mb is empty, or cpus or interval is 0".to_owned()));
        }
        scenario.settings().map_err(|cause| bad(format!("settings: {cause}")))?;
        Ok(scenario)
    }

    /// Writes the scenario to a file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<(), SimError> {
        let failed = |source| SimError::Write { path: path.to_owned(), source };
        let mut text = serde_json::to_string_pretty(self).map_err(|error| failed(error.into()))?;
        text.push('\n');
        std::fs::write(path, text).map_err(failed)
    }

    /// Returns the checked settings, with those that the model fixes: the storage folders, the process manager, and a
    /// wallet.
    ///
    /// # Errors
    /// The settings contradict each other.
    pub(crate) fn settings(&self) -> Result<Settings, String> {
        let mut raw = RawSettings { process_manager: None, ..self.settings.clone() };
        let volumes: Vec<String> =
            (0..self.host.volumes_mb.len()).map(|volume| storage_folder(volume).display().to_string()).collect();
        let fixed = [("rewards_address", "faucet"), ("node_storage", &volumes.join(","))];
        for (key, text) in fixed {
            raw.set(key, text).map_err(|problem| problem.to_string())?;
        }
        let host = HostDefaults {
            cpus: self.host.cpus,
            storage: storage_folder(0),
            programs: "/programs".into(),
            manager: ManagerKind { program: Program::Setsid, scope: Scope::User },
        };
        Settings::new(&raw, &host).map_err(|problems| problems.to_string())
    }
}

/// Returns the address of the engine of a modelled fleet, whatever it is.
fn fleet_url() -> Option<EngineUrl> {
    EngineUrl::new("redis://127.0.0.1").ok()
}

/// Draws a host with 0.6 to 3 times the resources that the nodes need.
fn host(nodes: u32, chance: &mut Chance) -> HostSize {
    let mut scaled = |each: u64| u64::from(nodes + 4) * each * u64::from(chance.within(6..=30)) / 10;
    HostSize {
        cpus: (scaled(90) / 1000).max(1) as u32,
        memory_mb: scaled(180) + 1000,
        volumes_mb: {
            let whole = scaled(12_000) + 20_000;
            match chance.below(4) {
                0 => vec![whole / 2, whole / 2],
                1 => vec![whole / 2, whole / 4, whole / 4],
                _ => vec![whole],
            }
        },
        cpu_limit: false,
    }
}

/// Windows of drawn settings.
const WINDOWS: [&str; 4] =
    ["hourly :05-:55", "daily 22:00-06:00, hourly :00-:20", "deny daily 10:00-14:00", "deny hourly :50-:10"];
/// Values of `max_unavailable` of drawn settings.
const LIMITS: [&str; 4] = ["0", "1", "10%", "50%"];

/// Draws consistent settings, reasonable or not.
fn settings(nodes: u32, cpus: u32, chance: &mut Chance) -> RawSettings {
    let mut thresholds = |low: u32, high: u32| {
        let less_than = chance.within(low..=high);
        let remove = (less_than + chance.within(1..=25)).min(100);
        (Percent::clamped(f64::from(less_than)), Percent::clamped(f64::from(remove)))
    };
    let (cpu_less_than, cpu_remove) = thresholds(20, 90);
    let (mem_less_than, mem_remove) = thresholds(30, 90);
    let (hd_less_than, hd_remove) = thresholds(40, 95);
    let mut raw = RawSettings {
        cpu_less_than,
        cpu_remove,
        mem_less_than,
        mem_remove,
        hd_less_than,
        hd_remove,
        ..RawSettings::default()
    };
    raw.node_cap = Some(chance.one_of([nodes, nodes + 5, nodes * 2 + 2, nodes / 2, 50]));
    if chance.once_in(2) {
        let desired = chance.within(1..=4 * cpus);
        raw.desired_load_average = Load::clamped(f64::from(desired) / 2.0);
        raw.max_load_average_allowed = Load::clamped(f64::from(desired + chance.below(cpus * 2)) / 2.0);
    }
    let rate = u64::from(nodes + 1) * 50_000;
    if chance.once_in(5) {
        raw.hdio_read_less_than = Some(rate);
        raw.hdio_read_remove = Some(rate * 2);
        raw.hdio_write_less_than = Some(rate);
        raw.hdio_write_remove = Some(rate * 3);
    }
    if chance.once_in(5) {
        raw.netio_read_less_than = Some(rate);
        raw.netio_read_remove = Some(rate * 2);
        raw.netio_write_less_than = Some(rate);
        raw.netio_write_remove = Some(rate * 3);
    }
    let mut delay = || Some(u64::from(chance.one_of([0_u32, 30, 300, 300, 600])));
    raw.delay_start = delay();
    raw.delay_restart = delay();
    raw.delay_upgrade = delay();
    raw.delay_remove = delay();
    let mut limit = || Some(chance.one_of([1, 1, 2, 5, 1000]));
    raw.max_concurrent_upgrades = limit();
    raw.max_concurrent_starts = limit();
    raw.max_concurrent_removals = limit();
    raw.max_concurrent_operations = limit();
    raw.enable_upgrade = Some(chance.once_in(2));
    let mut valve = |raw: &mut RawSettings, key: &str, values: &[&str]| {
        if chance.once_in(4) {
            let value = values[chance.below(values.len() as u32) as usize];
            // The values are constants, which a test reads.
            _ = raw.set(key, value);
        }
    };
    valve(&mut raw, "window", &WINDOWS);
    valve(&mut raw, "drain", &["true"]);
    valve(&mut raw, "max_unavailable", &LIMITS);
    raw
}
