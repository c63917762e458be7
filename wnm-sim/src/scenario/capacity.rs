//! Scenarios of load: a host, a colony, and what happens on it, built in or from a file.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use wnm_core::{Percent, Policy, RawSettings};

use super::catalogue;
use crate::SimError;
use crate::capacity::background::Point;
use crate::capacity::constants::Constants;
use crate::capacity::recording;
use crate::chance::Chance;

/// A finite number that is not negative.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Deserialize)]
#[serde(try_from = "f64")]
pub(crate) struct Amount(f64);

impl Amount {
    pub(crate) const fn of(value: f64) -> Self {
        Self(value)
    }

    pub(crate) const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Amount {
    type Error = String;
    fn try_from(value: f64) -> Result<Self, String> {
        let is_fine = value.is_finite() && value >= 0.0;
        if is_fine { Ok(Self(value)) } else { Err(format!("expected a number of 0 or more, found {value}")) }
    }
}

/// The least and the greatest of something.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "[f64; 2]")]
pub(crate) struct Span(f64, f64);

impl Span {
    pub(crate) fn draw(self, chance: &mut Chance) -> f64 {
        chance.between(self.0, self.1)
    }

    #[cfg(test)]
    pub(crate) const fn mean(self) -> f64 {
        f64::midpoint(self.0, self.1)
    }
}

impl TryFrom<[f64; 2]> for Span {
    type Error = String;
    fn try_from([low, high]: [f64; 2]) -> Result<Self, String> {
        let is_fine = low > 0.0 && low <= high && high.is_finite();
        let expected = || format!("expected the least and the greatest, above 0, found [{low}, {high}]");
        if is_fine { Ok(Self(low, high)) } else { Err(expected()) }
    }
}

/// How often something begins, and how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Often {
    /// Beginnings in a day of quiet.
    pub(crate) per_day: Amount,
    /// How long it lasts.
    pub(crate) minutes: Span,
}

impl Often {
    pub(crate) fn per_second(self) -> f64 {
        self.per_day.get() / 86_400.0
    }
}

/// One source of background load. Percentages are of all processors.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Source {
    /// Always the same.
    Constant { percent: Percent },
    /// Wanders with this spread (in percent of it) and forgets where it was in so many seconds.
    Noisy { percent: Percent, spread: Percent, seconds: Amount },
    /// A day's course: the mean, and how far it goes above at the peak and below twelve hours later.
    Diurnal { percent: Percent, swing: Percent, peak_hour: Amount },
    /// Nothing before a day of the run, and this from then on.
    Jump { percent: Percent, day: Amount },
    /// Heavy load at random times.
    Storms { percent: Percent, often: Often },
    /// Short heavy load at random times.
    Bursts { percent: Percent, often: Often },
    /// Somebody who takes most of the processors for hours.
    Neighbour { percent: Percent, often: Often },
    /// A crowd that only waits for disks: it raises the load averages and nothing else.
    Waiters { tasks_per_core: Amount, often: Often },
    /// A recorded machine, less what its nodes used, over and over: `build`, `ramp`, or a trace file.
    Trace {
        trace: String,
        #[serde(skip)]
        points: Arc<[Point]>,
    },
}

/// The host.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Size {
    pub(crate) cpus: u32,
    pub(crate) memory_gb: Amount,
    /// All volumes together.
    pub(crate) disk_gb: Amount,
}

impl Size {
    /// The hosts on which a scenario runs that names none, and how they are called.
    pub(crate) const STANDARD: [(&'static str, Self); 2] = [
        ("16", Self { cpus: 16, memory_gb: Amount::of(64.0), disk_gb: Amount::of(4000.0) }),
        ("2", Self { cpus: 2, memory_gb: Amount::of(8.0), disk_gb: Amount::of(500.0) }),
    ];
}

/// The colony.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Colony {
    /// Nodes that the operator allows, for each processor.
    pub(crate) cap_per_core: Amount,
    /// Nodes that run at the beginning, for each processor.
    pub(crate) start_per_core: Amount,
}

/// The volumes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Disks {
    /// Size of each volume, in percent of all disk space.
    pub(crate) volumes: Vec<Percent>,
    /// What is not ours of each volume, in percent of it.
    pub(crate) background: Percent,
    /// What is added to that in a day.
    pub(crate) growth_per_day: Amount,
}

impl Default for Disks {
    fn default() -> Self {
        let percent = |value| Percent::clamped(value).unwrap_or_default();
        Self { volumes: vec![percent(100.0)], background: percent(10.0), growth_per_day: Amount::default() }
    }
}

/// The memory.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Memory {
    /// What is not ours, in percent.
    pub(crate) background: Percent,
    /// What is added to that in a day.
    pub(crate) growth_per_day: Amount,
    /// What somebody takes beyond it for a while, in percent.
    pub(crate) squeeze: Percent,
    /// When.
    pub(crate) often: Option<Often>,
}

/// What befalls nodes.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Fates {
    /// How many nodes leak, in percent.
    pub(crate) leaking: Percent,
    /// What such a node leaks.
    pub(crate) leak_mb_per_hour: Amount,
    /// How often the process of a node dies.
    pub(crate) deaths_per_node_day: Amount,
    /// How often a node loses its folder.
    pub(crate) losses_per_node_day: Amount,
    /// Hours between two versions, which nodes fetch by themselves; 0 for none.
    pub(crate) upgrade_every_hours: Amount,
    /// Minutes in which all have done so.
    pub(crate) upgrade_within_minutes: Amount,
    /// What a node then costs more, as a share of its use.
    pub(crate) upgrade_cost: Amount,
    /// For how long.
    pub(crate) upgrade_cost_minutes: Amount,
    /// How often the host starts anew.
    pub(crate) reboots_per_day: Amount,
}

/// A scenario as it stands in its file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// What it is about, in a sentence.
    pub(crate) about: String,
    pub(crate) host: Option<Size>,
    pub(crate) colony: Colony,
    #[serde(default)]
    pub(crate) disks: Disks,
    #[serde(default)]
    pub(crate) memory: Memory,
    #[serde(default)]
    pub(crate) load: Vec<Source>,
    #[serde(default)]
    pub(crate) nodes: Fates,
    #[serde(default)]
    pub(crate) settings: RawSettings,
    #[serde(default)]
    pub(crate) model: Constants,
}

/// A scenario on a host: everything that a run depends on but the policy and the seed.
#[derive(Debug, Clone)]
pub(crate) struct CapacityScenario {
    pub(crate) name: String,
    pub(crate) size: Size,
    pub(crate) scenario: Arc<Scenario>,
    /// What the operator of this host wants: pilots begin with these settings.
    pub(crate) settings: RawSettings,
    /// The limits by which every policy is judged.
    pub(crate) limits: Policy,
}

impl CapacityScenario {
    /// Returns the scenarios of this name: built in, on one host (`storms-2`), on both (`storms`), `all`, or of a file.
    ///
    /// # Errors
    /// There is none, its file cannot be read or is wrong, or it contradicts itself.
    pub(crate) fn find(name: &str, set: &RawSettings) -> Result<Vec<Self>, SimError> {
        if name == "all" {
            return catalogue::NAMES
                .iter()
                .map(|name| Self::find(name, set))
                .collect::<Result<Vec<_>, _>>()
                .map(|all| all.concat());
        }
        let is_file = name.ends_with(".toml") || name.contains('/');
        let (base, host) = match name.rsplit_once('-') {
            Some((base, host)) if !is_file && Size::STANDARD.iter().any(|(known, _)| *known == host) => {
                (base, Some(host))
            }
            _ => (name, None),
        };
        let (text, stem) = if is_file {
            let path = Path::new(name);
            let text =
                std::fs::read_to_string(path).map_err(|source| SimError::Read { path: path.to_owned(), source })?;
            (text, path.file_stem().map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned()))
        } else {
            (
                catalogue::text(base).ok_or_else(|| SimError::Input(catalogue::unknown(name)))?.to_owned(),
                base.to_owned(),
            )
        };
        let scenario = Arc::new(Scenario::parse(&text, name)?);
        let sizes: Vec<_> = match scenario.host {
            Some(size) => vec![(stem, size)],
            None => Size::STANDARD
                .into_iter()
                .filter(|(known, _)| host.is_none_or(|host| host == *known))
                .map(|(known, size)| (format!("{stem}-{known}"), size))
                .collect(),
        };
        sizes.into_iter().map(|(name, size)| Self::new(name, size, Arc::clone(&scenario), set)).collect()
    }

    pub(crate) fn new(name: String, size: Size, scenario: Arc<Scenario>, set: &RawSettings) -> Result<Self, SimError> {
        let per_core = |nodes: Amount| (nodes.get() * f64::from(size.cpus)).round() as u32;
        let node_cap = Some(per_core(scenario.colony.cap_per_core));
        let settings =
            set.clone().over(scenario.settings.clone()).over(RawSettings { node_cap, ..RawSettings::default() });
        let limits = Policy::new(&settings, Some(size.cpus))
            .map_err(|problems| SimError::Input(format!("{name}: settings: {problems}")))?;
        Ok(Self { name, size, scenario, settings, limits })
    }

    /// Tells whether the load that is not ours is always the same, but for its noise.
    pub(crate) fn is_constant(&self) -> bool {
        let Scenario { load, memory, .. } = &*self.scenario;
        memory.often.is_none() && load.iter().all(|source| matches!(source, Source::Constant { .. }))
    }

    /// Returns how many nodes run at the beginning.
    pub(crate) fn start(&self) -> u32 {
        let start = (self.scenario.colony.start_per_core.get() * f64::from(self.size.cpus)).round() as u32;
        start.min(self.limits.node_cap)
    }
}

impl Scenario {
    /// Reads a scenario from its text.
    pub(crate) fn parse(text: &str, name: &str) -> Result<Self, SimError> {
        let bad = |what: &str| SimError::Input(format!("{name}: {}", what.trim_end()));
        let mut scenario: Self = toml::from_str(text).map_err(|error| bad(&error.to_string()))?;
        scenario.check().map_err(|what| bad(&what))?;
        for source in &mut scenario.load {
            if let Source::Trace { trace, points } = source {
                *points = recording::load(trace, Path::new(name).parent())?;
            }
        }
        Ok(scenario)
    }

    /// Returns what contradicts itself.
    fn check(&self) -> Result<(), String> {
        let whole: f64 = self.disks.volumes.iter().map(|volume| volume.get()).sum();
        if self.disks.volumes.is_empty() || self.disks.volumes.iter().any(|v| v.get() <= 0.0) || whole > 100.01 {
            return Err(format!(
                "disks: volumes: expected one or more above 0, at most 100 % together, found {whole} %"
            ));
        }
        if let Some(size) = self.host
            && (size.cpus == 0 || size.memory_gb.get() <= 0.0 || size.disk_gb.get() <= 0.0)
        {
            return Err("host: expected at least one cpu, and memory_gb and disk_gb above 0".to_owned());
        }
        let Colony { cap_per_core, start_per_core } = self.colony;
        if start_per_core > cap_per_core {
            let (start, cap) = (start_per_core.get(), cap_per_core.get());
            return Err(format!(
                "colony: start_per_core: expected at most cap_per_core, which is {cap}, found {start}"
            ));
        }
        let model = &self.model;
        let times = [model.surge_seconds, model.memory_seconds, model.disk_seconds];
        let sizes = [model.cpu_cores, model.memory_full_mb, model.disk_gb];
        if times.iter().chain(&sizes).any(|figure| figure.get() <= 0.0) {
            let names = "surge_seconds, memory_seconds, disk_seconds, cpu_cores, memory_full_mb and disk_gb";
            return Err(format!("model: expected {names} above 0"));
        }
        if model.memory_start_mb > model.memory_full_mb || model.delete_least_seconds > model.delete_most_seconds {
            return Err(
                "model: expected memory_start_mb ≤ memory_full_mb and delete_least_seconds ≤ delete_most_seconds"
                    .to_owned(),
            );
        }
        if self.memory.squeeze.get() > 0.0 && self.memory.often.is_none() {
            return Err("memory: expected often (per_day, minutes) beside squeeze".to_owned());
        }
        Ok(())
    }
}
