//! Scenarios: a host, a policy and what happens, drawn from a seed or written down in a file.

use std::path::Path;

use serde::{Deserialize, Serialize};
use wnm_core::{Load, Percent, Policy, PortRanges, RawSettings};

use crate::SimError;
use crate::chance::Chance;
use crate::chaos::faults::Event;

/// The version of the files that this program writes, and the newest that it reads.
const VERSION: u32 = 1;

/// An event and the cycle at whose beginning it happens, from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scripted {
    pub(crate) cycle: u64,
    #[serde(flatten)]
    pub(crate) event: Event,
}

/// The host that is modelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HostSize {
    pub(crate) cpus: u32,
    pub(crate) memory_mb: u64,
    /// The size of each volume.
    pub(crate) volumes_mb: Vec<u64>,
}

/// Everything that a run depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scenario {
    /// Says what kind of file this is, and of which version.
    pub(crate) wnm_scenario: u32,
    /// Names the noise of the host, and everything not written down here.
    pub(crate) seed: u64,
    /// How many cycles, before the calm at the end.
    pub(crate) cycles: u64,
    /// Seconds from cycle to cycle.
    pub(crate) interval: u32,
    /// Nodes at the beginning.
    pub(crate) nodes: u32,
    pub(crate) host: HostSize,
    pub(crate) settings: RawSettings,
    /// What happened when this was written; for people, and not read.
    #[serde(default, skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub(crate) violates: Option<String>,
    pub(crate) events: Vec<Scripted>,
}

impl Scenario {
    /// Draws a scenario from a seed; its events are not written down but drawn as it runs.
    pub(crate) fn drawn(seed: u64, cycles: u64, nodes: Option<u32>) -> Self {
        let mut chance = Chance::new(seed, 0);
        let drawn = match chance.below(20) {
            0 | 1 => 0,
            2..=13 => chance.within(1..=20),
            14..=18 => chance.within(20..=100),
            _ => chance.within(100..=250),
        };
        let nodes = nodes.unwrap_or(drawn);
        let host = host(nodes, &mut chance);
        Self {
            wnm_scenario: VERSION,
            seed,
            cycles,
            interval: chance.one_of([1, 5, 10, 30, 60, 60, 120]),
            nodes,
            settings: settings(nodes, host.cpus, &mut chance),
            host,
            violates: None,
            events: Vec::new(),
        }
    }

    /// Returns a scenario whose colony stays about as large as it begins, for measuring.
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
    /// The file cannot be read, is no scenario (with line and column), or contradicts itself.
    pub(crate) fn read(path: &Path) -> Result<Self, SimError> {
        let text = std::fs::read_to_string(path).map_err(|source| SimError::Read { path: path.to_owned(), source })?;
        let bad = |what: String| SimError::input(format!("{}: {what}", path.display()));
        let scenario: Self = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
        if scenario.wnm_scenario > VERSION {
            return Err(bad(format!("expected wnm_scenario up to {VERSION}, found {}", scenario.wnm_scenario)));
        }
        if scenario.host.volumes_mb.is_empty() || scenario.host.cpus == 0 || scenario.interval == 0 {
            return Err(bad("expected at least one volume, one cpu and one second from cycle to cycle".to_owned()));
        }
        scenario.policy().map_err(|what| bad(format!("settings: {what}")))?;
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

    /// Returns the policy and the ports of the settings, or what is wrong with them.
    pub(crate) fn policy(&self) -> Result<(Policy, PortRanges), String> {
        let policy = Policy::new(&self.settings, Some(self.host.cpus)).map_err(|problems| problems.to_string())?;
        let ports = PortRanges::new(&self.settings).map_err(|problem| problem.to_string())?;
        Ok((policy, ports))
    }
}

/// Draws a host on which so many nodes fit well, or hardly.
fn host(nodes: u32, chance: &mut Chance) -> HostSize {
    // In tenths of what the nodes need.
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
    }
}

/// Draws settings that do not contradict each other, and otherwise may be unwise.
fn settings(nodes: u32, cpus: u32, chance: &mut Chance) -> RawSettings {
    let mut marks = |low: u32, high: u32| {
        let less_than = chance.within(low..=high);
        let remove = (less_than + chance.within(1..=25)).min(100);
        (Percent::clamped(f64::from(less_than)), Percent::clamped(f64::from(remove)))
    };
    let (cpu_less_than, cpu_remove) = marks(20, 90);
    let (mem_less_than, mem_remove) = marks(30, 90);
    let (hd_less_than, hd_remove) = marks(40, 95);
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
    raw
}
