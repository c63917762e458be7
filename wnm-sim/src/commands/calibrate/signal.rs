//! One signal of a machine: fitted to a record, and judged by the parts of it that are held out in turn.

use serde::Serialize;

use super::curve::{Curve, Samples};
use super::record::{PARTS, Point, Record};

/// Samples that a fit must have.
pub(super) const ENOUGH: usize = 40;
/// Samples that are fitted: of more, as many at even distances.
const MOST: usize = 1000;
/// How much a signal must vary, as a share of its greatest value, to tell anything.
const VARIES: f64 = 0.01;
/// Above this share of the processors nobody knows what was wanted.
const SATURATED: f64 = 0.95;

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
}

/// Tells whether nobody knows what nodes wanted: the processors were nearly all at work, or a CPU limit held nodes back.
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

    /// Returns the samples that a curve can be fitted to, or why there are too few.
    fn usable<'a>(&self, record: &'a Record) -> Result<Vec<(&'a Point, f64)>, String> {
        let signal = self.signal;
        let measured = |point| Some((point, signal.measured(point, self.of)?));
        let mut samples: Vec<_> = record.points.iter().filter_map(measured).collect();
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
        Ok(samples.into_iter().step_by(thin).collect())
    }

    /// Returns the verdict, or why there can be none.
    fn fit(&mut self, record: &Record) -> Result<Verdict, String> {
        let signal = self.signal;
        let samples = self.usable(record)?;
        let mean = samples.iter().map(|(_, measured)| measured).sum::<f64>() / samples.len() as f64;
        self.mean = Some(mean);
        let all = self.samples(&samples, record);
        let curve = all.curve();
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
        let oldest = all.oldest();
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

    const fn samples<'a>(&self, all: &'a [(&'a Point, f64)], record: &Record) -> Samples<'a> {
        let (signal, of, bound) = (self.signal, self.of, self.bound);
        Samples { signal, of, bound, starts: record.starts, all }
    }

    /// Returns the mean distance of samples from what a fit to the other parts says of them.
    fn held_out_error(&mut self, samples: &[(&Point, f64)], record: &Record) -> Result<f64, String> {
        let mut sum = 0.0;
        for part in 0..PARTS {
            let (held_out, others): (Vec<_>, Vec<_>) = samples.iter().partition(|(point, _)| point.part == part);
            if held_out.is_empty() {
                continue;
            }
            if others.len() < ENOUGH / 2 {
                return Err("nearly all samples that tell something are of one short time".to_owned());
            }
            let curve = self.samples(&others, record).curve();
            sum +=
                held_out.iter().map(|(point, measured)| (curve.at(self.signal, point) - measured).abs()).sum::<f64>();
        }
        self.held_out = samples.len();
        Ok(sum / samples.len() as f64)
    }
}
