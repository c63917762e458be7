//! One signal of a machine: fitted to a record, and judged by the parts of it that are held out in turn.

use serde::Serialize;

use super::fit::{Row, factors, least, median, residual};
use super::record::{PARTS, Point, Record};
use super::surge;
use crate::host::TICK;

/// Samples that a fit must have.
pub(super) const ENOUGH: usize = 40;
/// Starts of which a course after the start can be told.
const STARTS: u32 = 3;
/// Samples that are fitted: of more, as many at even distances.
const MOST: usize = 1000;
/// How much a signal must vary, as a share of its greatest value, to tell anything.
const VARIES: f64 = 0.01;
/// Above this share of the processors nobody knows what was wanted.
const SATURATED: f64 = 0.95;
/// What a course after the start must take of the error of young processes to be one.
const BETTER: f64 = 0.2;
/// Samples with at least so many young processes are those that tell of their course; so many of them are needed.
const YOUNG: f64 = 0.1;
const ENOUGH_YOUNG: usize = 10;
/// A surge that lasts longer is none.
const LONGEST_SURGE: f64 = 1800.0;

/// What is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// Cores at work.
    Cpu,
    /// Memory in use, in MB.
    Memory,
    /// What nodes store, in GB.
    Disk,
    /// The load average of a minute.
    Load,
}

/// What held-out samples say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// The error is within the bound.
    Credible,
    /// It is not.
    NotCredible,
    /// There is nothing to tell it by.
    CannotTell,
}

/// A signal, fitted and judged.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Signal {
    /// Which.
    pub(super) signal: Kind,
    /// Whether it is of the nodes alone, or of the whole machine.
    pub(super) of: Whose,
    /// The mean of the samples: cores, MB, GB, or tasks.
    pub(super) mean: Option<f64>,
    /// The mean distance of the model from held-out samples, as a share of what nodes use, or of the mean load.
    pub(super) error: Option<f64>,
    /// The greatest error with which the model is credible.
    pub(super) bound: f64,
    /// How many samples were held out, in turn; of the load none, because nothing is fitted to it.
    pub(super) held_out: usize,
    /// What that says.
    pub(super) verdict: Verdict,
    /// Why it is not credible, or nothing can be told, where that is known.
    pub(super) why: Option<String>,
    #[serde(skip)]
    pub(super) curve: Option<Curve>,
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(super) enum Whose {
    /// The nodes together.
    Nodes,
    /// The machine, with what is not ours.
    Machine,
}

/// What nodes use by their age: so much each, and so much for what the column of age says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Curve {
    /// Cores of a grown node, MB of a grown node, or GB of a full one.
    pub(super) each: f64,
    /// Cores of a node that starts beyond that, or MB that it lacks; None where nobody can tell.
    pub(super) young: Option<f64>,
    /// Seconds in which that falls to a third.
    pub(super) seconds: f64,
    /// What is not ours.
    pub(super) level: f64,
}

/// A sample of a signal.
type Sample<'a> = (&'a Point, f64);

impl Kind {
    /// Those that constants are fitted to.
    pub(super) const FITTED: [Self; 3] = [Self::Cpu, Self::Memory, Self::Disk];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Load => "load",
        }
    }

    pub(super) const fn unit(self) -> &'static str {
        match self {
            Self::Cpu => "cores",
            Self::Memory => "MB",
            Self::Disk => "GB",
            Self::Load => "tasks",
        }
    }

    const fn bound(self) -> f64 {
        match self {
            Self::Cpu => 0.10,
            Self::Memory => 0.05,
            Self::Disk => 0.02,
            Self::Load => 0.20,
        }
    }

    /// Returns what was measured at a point.
    fn measured(self, point: &Point, whose: Whose) -> Option<f64> {
        match (self, whose) {
            (Self::Cpu, Whose::Nodes) => point.own_cores,
            (Self::Cpu, Whose::Machine) => point.busy,
            (Self::Memory, Whose::Nodes) => point.own_memory_mb,
            (Self::Memory, Whose::Machine) => point.memory_mb,
            (Self::Disk, Whose::Nodes) => {
                let known = || point.nodes.iter().filter(|node| node.ran.is_finite());
                let is_any = known().next().is_some();
                known().map(|node| node.disk_gb.map(f64::from)).sum::<Option<f64>>().filter(|_| is_any)
            }
            (Self::Load, Whose::Machine) => point.load,
            // Others write to the same volumes, and far more; and a load average is of all.
            (Self::Disk, Whose::Machine) | (Self::Load, Whose::Nodes) => None,
        }
    }

    /// Returns what a fitted curve multiplies: the processes, and what is left of their youth.
    fn columns(self, point: &Point, seconds: f64) -> [f64; 2] {
        let left = |age: f64| if age < 30.0 * seconds { (-age / seconds).exp() } else { 0.0 };
        let mut sums = [0.0; 2];
        for node in &point.nodes {
            let (each, young) = match (self, node.age) {
                (Self::Cpu, Some(age)) => use_of_processors(f64::from(age), point.length, seconds),
                (Self::Memory, Some(age)) => (1.0, -left(f64::from(age))),
                (Self::Disk, _) if node.ran.is_finite() => (1.0 - left(f64::from(node.ran)), 0.0),
                _ => continue,
            };
            sums[0] += each;
            sums[1] += young;
        }
        sums
    }
}

/// Returns for which share of a step a process was there, and the mean of what was left of its surge.
pub(super) fn use_of_processors(age: f64, length: f64, seconds: f64) -> (f64, f64) {
    let there = age.min(length);
    if age - there > 30.0 * seconds {
        return (there / length, 0.0);
    }
    let left = |age: f64| (-age / seconds).exp();
    (there / length, (left(age - there) - left(age)) * seconds / length)
}

/// Tells whether nobody knows what nodes wanted: the processors were nearly all at work, or a quota held nodes back.
pub(super) fn is_held_back(point: &Point, cpus: u32) -> bool {
    point.is_throttled || point.busy.is_some_and(|busy| busy > SATURATED * f64::from(cpus))
}

impl Signal {
    /// Returns a signal of which nothing is known yet.
    pub(super) const fn unknown(signal: Kind, of: Whose) -> Self {
        let (bound, verdict) = (signal.bound(), Verdict::CannotTell);
        Self { signal, of, mean: None, error: None, bound, held_out: 0, verdict, why: None, curve: None }
    }

    /// Fits a signal to a record, and judges that by fits to all but a part, for each part in turn.
    pub(super) fn fitted(signal: Kind, record: &Record) -> Self {
        let count = |whose| record.points.iter().filter(|point| signal.measured(point, whose).is_some()).count();
        let of = if count(Whose::Nodes) > 0 || count(Whose::Machine) == 0 { Whose::Nodes } else { Whose::Machine };
        let mut found = Self::unknown(signal, of);
        match found.fit(record) {
            Ok(verdict) => found.verdict = verdict,
            Err(why) => found.why = Some(why),
        }
        found
    }

    /// Returns the verdict, or why there can be none.
    fn fit(&mut self, record: &Record) -> Result<Verdict, String> {
        let signal = self.signal;
        let measured = |point| Some((point, signal.measured(point, self.of)?));
        let mut samples: Vec<Sample<'_>> = record.points.iter().filter_map(measured).collect();
        if samples.is_empty() {
            let without = match signal {
                Kind::Cpu => "the trace has neither the CPU of nodes nor used_cpu_percent",
                Kind::Memory => "the trace has neither the memory of nodes nor used_mem_percent of a known total",
                Kind::Disk | Kind::Load => "the trace does not list what nodes store",
            };
            return Err(without.to_owned());
        }
        if signal == Kind::Cpu {
            samples.retain(|(point, _)| !is_held_back(point, record.cpus));
        }
        if samples.len() < ENOUGH {
            let found = samples.len();
            return Err(format!(
                "{ENOUGH} samples are needed in which nodes got what they wanted, and {found} are there"
            ));
        }
        let counts = || samples.iter().map(|(point, _)| point.up());
        if self.of == Whose::Machine && counts().min() == counts().max() {
            let what = "the number of nodes does not change, so that theirs is not told from what is not ours";
            return Err(format!("{what}; record some starts or stops, or each node (wnm record)"));
        }
        let thin = samples.len().div_ceil(MOST);
        let samples: Vec<_> = samples.into_iter().step_by(thin).collect();
        let mean = samples.iter().map(|(_, measured)| measured).sum::<f64>() / samples.len() as f64;
        self.mean = Some(mean);
        let curve = self.curve(&samples, record);
        let low = samples.iter().map(|(_, measured)| *measured).fold(f64::INFINITY, f64::min);
        let high = samples.iter().map(|(_, measured)| *measured).fold(0.0, f64::max);
        if curve.each > 0.0 {
            self.curve = Some(curve);
        }
        if high - low < VARIES * high {
            return Err(format!("too little variation (less than {:.0} %)", VARIES * 100.0));
        }
        if curve.each <= 0.0 || mean <= curve.level {
            return Err(format!("more nodes did not use more {}", signal.word()));
        }
        let oldest = self.oldest(&samples);
        if signal != Kind::Cpu && oldest < curve.seconds && (signal == Kind::Disk || curve.young > Some(0.0)) {
            let hours = |seconds: f64| seconds / 3600.0;
            return Err(format!(
                "nodes still grow: the oldest is {:.1} h old, and {:.1} h are needed",
                hours(oldest),
                hours(curve.seconds)
            ));
        }
        let error = self.held_out_error(&samples, record)? / (mean - curve.level);
        self.error = Some(error);
        if error <= self.bound {
            return Ok(Verdict::Credible);
        }
        let why = match self.of {
            Whose::Nodes => "what nodes use does not go with their number and age as the model has it",
            Whose::Machine => "it is known of the whole machine only, where others use more or less",
        };
        self.why = Some(why.to_owned());
        Ok(Verdict::NotCredible)
    }

    /// Returns the mean distance of samples from what a fit to the other parts says of them.
    fn held_out_error(&mut self, samples: &[Sample<'_>], record: &Record) -> Result<f64, String> {
        let mut sum = 0.0;
        for part in 0..PARTS {
            let (held_out, others): (Vec<_>, Vec<_>) = samples.iter().partition(|(point, _)| point.part == part);
            if held_out.is_empty() {
                continue;
            }
            if others.len() < ENOUGH / 2 {
                return Err("nearly all samples that tell something are of one short time".to_owned());
            }
            let curve = self.curve(&others, record);
            sum +=
                held_out.iter().map(|(point, measured)| (curve.at(self.signal, point) - measured).abs()).sum::<f64>();
        }
        self.held_out = samples.len();
        Ok(sum / samples.len() as f64)
    }

    /// Returns the age of the oldest process or folder of which it is known; endless for one of before the record.
    fn oldest(&self, samples: &[Sample<'_>]) -> f64 {
        let of = |point: &Point| {
            let age = |node: &super::record::NodePoint| match self.signal {
                Kind::Disk => Some(node.ran).filter(|ran| ran.is_finite()),
                _ => node.age,
            };
            point.nodes.iter().filter_map(age).fold(0.0, f32::max)
        };
        f64::from(samples.iter().map(|(point, _)| of(point)).fold(0.0, f32::max))
    }

    /// Returns what the model says of each sample for factors of 1, beside what was measured.
    fn rows(&self, samples: &[Sample<'_>], seconds: f64) -> Vec<Row> {
        let level = if self.of == Whose::Machine { 1.0 } else { 0.0 };
        let row = |(point, measured): &Sample<'_>| {
            let [each, young] = self.signal.columns(point, seconds);
            ([each, young, level], *measured)
        };
        samples.iter().map(row).collect()
    }

    fn curve(&self, samples: &[Sample<'_>], record: &Record) -> Curve {
        let rows = |seconds: f64| self.rows(samples, seconds);
        let fit = |rows: &[Row]| {
            let factors = factors(rows);
            (rows.iter().map(|row| residual(row, &factors).abs()).sum::<f64>(), factors)
        };
        // What is over within a sample is not seen.
        let shortest = median(&mut samples.iter().map(|(point, _)| point.length).collect::<Vec<_>>()).unwrap_or(TICK);
        let finite = |age: f32| Some(age).filter(|age| age.is_finite());
        let known = |point: &Point| point.nodes.iter().filter_map(|node| finite(node.age?)).fold(0.0, f32::max);
        let longest = match self.signal {
            Kind::Disk => 4.0 * self.oldest(samples),
            _ => 4.0 * f64::from(samples.iter().map(|(point, _)| known(point)).fold(0.0, f32::max)),
        };
        let longest = if self.signal == Kind::Cpu { longest.min(LONGEST_SURGE) } else { longest };
        let search = || least(shortest, longest.max(2.0 * shortest), |seconds| fit(&rows(seconds)).0);
        if self.signal == Kind::Disk {
            let seconds = search();
            let [each, _, level] = fit(&rows(seconds)).1;
            return Curve { each, young: Some(0.0), seconds, level };
        }
        let mut plain = rows(shortest);
        plain.iter_mut().for_each(|(columns, _)| columns[1] = 0.0);
        let [each, _, level] = fit(&plain).1;
        let none = Curve { each, young: None, seconds: shortest, level };
        if record.starts < STARTS {
            return none;
        }
        let seconds = search();
        let rows = rows(seconds);
        let [each, young, level] = fit(&rows).1;
        let young = if self.signal == Kind::Memory { young.min(each) } else { young };
        let course = Curve { each, young: Some(young), seconds, level };
        let is_young = |at: &usize| rows[*at].0[1].abs() >= YOUNG;
        let young: Vec<_> = (0..rows.len()).filter(is_young).map(|at| &samples[at]).collect();
        if young.len() < ENOUGH_YOUNG {
            return none;
        }
        let off = |curve: &Curve| {
            young.iter().fold([0.0; 2], |[off, sum], (point, measured)| {
                [off + (curve.at(self.signal, point) - measured).abs(), sum + measured - curve.level]
            })
        };
        let ([with, _], [without, whole]) = (off(&course), off(&none));
        if with < (1.0 - BETTER) * without && seconds < 0.9 * longest && each > 0.0 {
            if (self.signal, self.of) != (Kind::Cpu, Whose::Nodes) {
                return course;
            }
            let refined = surge::refined(course, samples.iter().map(|(point, _)| *point), [shortest, longest]);
            let ratio = refined.young.unwrap_or_default() / each;
            let as_one = |row: &Row| ([row.0[0] + ratio * row.0[1], 0.0, row.0[2]], row.1);
            let [each, ..] = fit(&self.rows(samples, refined.seconds).iter().map(as_one).collect::<Vec<_>>()).1;
            Curve { each, young: Some(ratio * each), ..refined }
        } else if without < self.bound * whole {
            Curve { young: Some(0.0), ..none }
        } else {
            none
        }
    }
}

impl Curve {
    /// Returns what the model says of a signal at a point.
    pub(super) fn at(&self, signal: Kind, point: &Point) -> f64 {
        let [each, young] = signal.columns(point, self.seconds);
        self.each * each + self.young.unwrap_or_default() * young + self.level
    }
}
