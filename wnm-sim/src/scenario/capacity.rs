//! Scenarios of the capacity model: a host, a colony, load and events; built in, or read from a TOML file.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use wnm_core::{HostSample, Percent, Policy, RawSettings, Weight, WeightMeans, WeightSample};

use super::catalogue;
use crate::SimError;
use crate::capacity::background::Point;
use crate::capacity::constants::Constants;
use crate::capacity::recording::{self, TraceFacts};
use crate::chance::Chance;

/// A finite number, 0 or more.
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
        if is_fine { Ok(Self(value)) } else { Err(format!("the number {value} is not finite or below 0")) }
    }
}

/// A range with both ends above 0.
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
        let expected = || format!("the range [{low}, {high}] is not two numbers above 0, the smaller one first");
        if is_fine { Ok(Self(low, high)) } else { Err(expected()) }
    }
}

/// How often episodes begin, and how long they last.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EpisodeRate {
    /// Episodes that begin in a day without any.
    pub(crate) per_day: Amount,
    /// The range of the length, in minutes.
    pub(crate) minutes: Span,
}

impl EpisodeRate {
    pub(crate) fn per_second(self) -> f64 {
        self.per_day.get() / 86_400.0
    }
}

/// One source of background load. Percentages are of all processors.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Source {
    /// Constant load.
    Constant { percent: Percent },
    /// Load with slow noise: `spread` is the standard deviation in percent of the load, `seconds` the correlation time.
    Noisy { percent: Percent, spread: Percent, seconds: Amount },
    /// A daily cosine: the mean, and the amplitude with its peak at `peak_hour`.
    Diurnal { percent: Percent, swing: Percent, peak_hour: Amount },
    /// No load before a day of the run, constant load from then on.
    Jump { percent: Percent, day: Amount },
    /// Heavy load in episodes at random times.
    Storms { percent: Percent, often: EpisodeRate },
    /// Short heavy load at random times.
    Bursts { percent: Percent, often: EpisodeRate },
    /// Another tenant that uses most of the processors for hours.
    Neighbour { percent: Percent, often: EpisodeRate },
    /// Tasks that only wait for disks: they raise the load averages without using CPU.
    Waiters { tasks_per_core: Amount, often: EpisodeRate },
    /// Background load of a recorded host, repeated: `build`, `ramp`, or a trace file beside the scenario.
    Trace {
        trace: String,
        /// Processors of the recorded host, for a trace without them.
        cpus: Option<u32>,
        /// Cores that each node used, for a trace that only counts nodes.
        node_cores: Option<Amount>,
        #[serde(skip)]
        points: Arc<[Point]>,
    },
}

/// The size of a host.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Size {
    pub(crate) cpus: u32,
    pub(crate) memory_gb: Amount,
    /// The sum of all volumes.
    pub(crate) disk_gb: Amount,
}

impl Size {
    /// Names and sizes of the hosts for scenarios that define none.
    pub(crate) const STANDARD: [(&'static str, Self); 4] = [
        ("64", Self { cpus: 64, memory_gb: Amount::of(256.0), disk_gb: Amount::of(16_000.0) }),
        ("16", Self { cpus: 16, memory_gb: Amount::of(64.0), disk_gb: Amount::of(4000.0) }),
        ("4", Self { cpus: 4, memory_gb: Amount::of(16.0), disk_gb: Amount::of(1000.0) }),
        ("2", Self { cpus: 2, memory_gb: Amount::of(8.0), disk_gb: Amount::of(500.0) }),
    ];
}

/// The size of the colony, relative to the processors.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Colony {
    /// The node cap per processor.
    pub(crate) cap_per_core: Amount,
    /// Nodes that run at the beginning, per processor.
    pub(crate) start_per_core: Amount,
}

/// The volumes and their background use.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Disks {
    /// Size of each volume, in percent of all disk space.
    pub(crate) volumes: Vec<Percent>,
    /// Background use of each volume, in percent of its size.
    pub(crate) background: Percent,
    /// Growth of the background use, in percentage points a day.
    pub(crate) growth_per_day: Amount,
}

impl Default for Disks {
    fn default() -> Self {
        let percent = |value| Percent::clamped(value).unwrap_or_default();
        Self { volumes: vec![percent(100.0)], background: percent(10.0), growth_per_day: Amount::default() }
    }
}

/// The background use of memory.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Memory {
    /// Constant background use, in percent.
    pub(crate) background: Percent,
    /// Growth of the background use, in percentage points a day.
    pub(crate) growth_per_day: Amount,
    /// Additional use during an episode, in percent.
    pub(crate) squeeze: Percent,
    /// The episodes of additional use; required where `squeeze` is above 0.
    pub(crate) often: Option<EpisodeRate>,
}

/// Rates of the events of nodes and of the host.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EventRates {
    /// Share of the nodes that leak memory, in percent.
    pub(crate) leaking: Percent,
    /// The leak of such a node, in MB an hour.
    pub(crate) leak_mb_per_hour: Amount,
    /// Deaths of a node's process, per day of a running node.
    pub(crate) deaths_per_node_day: Amount,
    /// Losses of a node's folder, per day of a running node.
    pub(crate) losses_per_node_day: Amount,
    /// Hours between two releases, which nodes fetch by themselves; 0 for none.
    pub(crate) upgrade_every_hours: Amount,
    /// Minutes within which all running nodes have upgraded.
    pub(crate) upgrade_within_minutes: Amount,
    /// Additional CPU use of a node after an upgrade, as a share of its use.
    pub(crate) upgrade_cost: Amount,
    /// Minutes for which the additional use lasts.
    pub(crate) upgrade_cost_minutes: Amount,
    /// Whether the binary for new nodes keeps its version, so that nodes that upgrade themselves become newer.
    pub(crate) binary_stays: bool,
    /// Lasting rise of the CPU demand of every node, as a share of it, and the day of the run on which it begins.
    pub(crate) need_rises_by: Amount,
    pub(crate) need_rises_on_day: Amount,
    /// Reboots of the host in a day.
    pub(crate) reboots_per_day: Amount,
}

/// A scenario as written in its file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// A sentence that describes the scenario.
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
    pub(crate) nodes: EventRates,
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
    /// The operator's settings for this host; every policy runs on top of them.
    pub(crate) settings: RawSettings,
    /// The limits by which every policy is scored.
    pub(crate) limits: Policy,
}

impl CapacityScenario {
    /// Returns the scenarios with this name: on one host (`storms-2`), on each (`storms`), `all`, or of a TOML file.
    ///
    /// # Errors
    /// No scenario has the name, its file cannot be read, or its content is invalid.
    pub(crate) fn find(name: &str, set: &RawSettings, facts: TraceFacts) -> Result<Vec<Self>, SimError> {
        if name == "all" {
            return catalogue::NAMES
                .iter()
                .map(|name| Self::find(name, set, facts))
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
            (catalogue::text(base).ok_or_else(|| catalogue::unknown(name))?.to_owned(), base.to_owned())
        };
        let scenario = Arc::new(Scenario::parse(&text, name, facts)?);
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
            .map_err(|problems| SimError::input(format!("scenario {name}: invalid settings: {problems}")))?;
        let limits = limits.on(&weighted_host(&settings)).into_owned();
        Ok(Self { name, size, scenario, settings, limits })
    }

    /// Tells whether the background load is constant except for its noise.
    pub(crate) fn is_constant(&self) -> bool {
        let Scenario { load, memory, .. } = &*self.scenario;
        memory.often.is_none() && load.iter().all(|source| matches!(source, Source::Constant { .. }))
    }

    /// Returns the number of nodes that run at the beginning.
    pub(crate) fn start(&self) -> u32 {
        let start = (self.scenario.colony.start_per_core.get() * f64::from(self.size.cpus)).round() as u32;
        start.min(self.limits.node_cap)
    }
}

/// Returns a host on which the nodes have the weight of the settings, as on the modelled one.
fn weighted_host(settings: &RawSettings) -> HostSample {
    let is_behind = settings.cpu_weight.unwrap_or(Weight::BEHIND).is_behind();
    let weight = WeightSample { cpu: is_behind.then_some(WeightMeans::Group), io: None };
    HostSample { weight: Some(weight), ..HostSample::default() }
}

impl Scenario {
    /// Parses a scenario; `name` is its path or name, for messages and for traces beside it.
    ///
    /// # Errors
    /// The text is not a valid scenario, or a trace that it names cannot be read.
    pub(crate) fn parse(text: &str, name: &str, facts: TraceFacts) -> Result<Self, SimError> {
        let mut scenario: Self = toml::from_str(text)
            .map_err(|error| SimError::toml(name, text, error.span().map_or(0, |span| span.start), &error))
            .map_err(with_parts)?;
        scenario.check().map_err(|(table, key, problem)| {
            SimError::input(format!("{name}:{}: {table}: {problem}", line_of(text, table, key)))
        })?;
        for source in &mut scenario.load {
            if let Source::Trace { trace, cpus, node_cores, points } = source {
                let node_cores = node_cores.map(Amount::get).or(facts.node_cores);
                let facts = TraceFacts { cpus: facts.cpus.or(*cpus), node_cores, ..facts };
                *points = recording::load(trace, Path::new(name).parent(), facts)?;
            }
        }
        Ok(scenario)
    }

    /// Returns the table, the key and the problem of a value that is not possible.
    fn check(&self) -> Result<(), (&'static str, &'static str, String)> {
        let whole: f64 = self.disks.volumes.iter().map(|volume| volume.get()).sum();
        if self.disks.volumes.is_empty() || self.disks.volumes.iter().any(|v| v.get() <= 0.0) || whole > 100.01 {
            let problem = format!("the volumes add up to {whole} %, not to at most 100 % with each above 0");
            return Err(("disks", "volumes", problem));
        }
        let above_0 = |table, sizes: &[(&'static str, f64)]| match sizes.iter().find(|(_, size)| *size <= 0.0) {
            Some((key, _)) => Err((table, *key, format!("{key} must be above 0"))),
            None => Ok(()),
        };
        if let Some(size) = self.host {
            let (memory, disk) = (size.memory_gb.get(), size.disk_gb.get());
            above_0("host", &[("cpus", f64::from(size.cpus)), ("memory_gb", memory), ("disk_gb", disk)])?;
        }
        let Colony { cap_per_core, start_per_core } = self.colony;
        if start_per_core > cap_per_core {
            let (start, cap) = (start_per_core.get(), cap_per_core.get());
            let problem = format!("start_per_core {start} is above cap_per_core {cap}");
            return Err(("colony", "start_per_core", problem));
        }
        let model = &self.model;
        above_0(
            "model",
            &[
                ("surge_seconds", model.surge_seconds.get()),
                ("memory_seconds", model.memory_seconds.get()),
                ("disk_seconds", model.disk_seconds.get()),
                ("cpu_cores", model.cpu_cores.get()),
                ("memory_full_mb", model.memory_full_mb.get()),
                ("disk_gb", model.disk_gb.get()),
            ],
        )?;
        if model.memory_start_mb > model.memory_full_mb {
            let (start, full) = (model.memory_start_mb.get(), model.memory_full_mb.get());
            let problem = format!("memory_start_mb {start} is above memory_full_mb {full}");
            return Err(("model", "memory_start_mb", problem));
        }
        if model.delete_least_seconds > model.delete_most_seconds {
            let (least, most) = (model.delete_least_seconds.get(), model.delete_most_seconds.get());
            let problem = format!("delete_least_seconds {least} is above delete_most_seconds {most}");
            return Err(("model", "delete_least_seconds", problem));
        }
        if self.memory.squeeze.get() > 0.0 && self.memory.often.is_none() {
            return Err(("memory", "squeeze", "squeeze needs the key often = { per_day, minutes }".to_owned()));
        }
        Ok(())
    }
}

/// Adds to the error of an incomplete scenario the parts that a scenario needs: a `[model]` table alone is the usual case.
fn with_parts(error: SimError) -> SimError {
    let is_incomplete = matches!(&error, SimError::Input { problem, .. }
        if ["missing key about", "missing key colony"].iter().any(|lacking| problem.ends_with(lacking)));
    if !is_incomplete {
        return error;
    }
    error.hint("a scenario needs about = \"…\" and [colony] with cap_per_core and start_per_core above its [model]")
}

/// Returns the line of a key in a table of a TOML document; that of the table where the key has a default, else 1.
fn line_of(text: &str, table: &str, key: &str) -> usize {
    let mut current = "";
    let mut header = 1;
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if let Some(name) = line.strip_prefix('[') {
            current = name.trim_matches(['[', ']', ' ']);
            header = if current == table { number } else { header };
        } else if let Some((name, _)) = line.split_once('=') {
            let name = name.trim();
            // A table may be written inline, as `colony = { … }`, or with dotted keys.
            let is_key = if current == table { name == key } else { current.is_empty() && name.starts_with(table) };
            if is_key {
                return number;
            }
        }
    }
    header
}
