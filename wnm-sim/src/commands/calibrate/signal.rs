//! One signal of a host: its fit, and the check of the fit by cross-validation.

use serde::Serialize;

use super::curve::{Curve, Samples};
use super::record::{PARTS, Point, Record};

/// The fewest samples for a fit.
pub(super) const ENOUGH: usize = 40;
/// The most samples in a fit; longer records are thinned evenly.
const MOST: usize = 1000;
/// The least variation of a signal, as a share of its maximum, from which anything can be concluded.
const VARIES: f64 = 0.01;
/// Share of the processors above which the demand is unknown.
const SATURATED: f64 = 0.95;

/// A signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// Cores in use.
    Cpu,
    /// Memory in use, in MB.
    Memory,
    /// Disk space of the nodes, in GB.
    Disk,
    /// Load average over one minute.
    Load,
}

/// The result of the cross-validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// The error is within the bound.
    Credible,
    /// The error exceeds the bound.
    NotCredible,
    /// The samples do not allow a conclusion.
    CannotTell,
}

/// A signal with its fit and verdict.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Signal {
    /// Name of the signal.
    pub(super) signal: Kind,
    /// Whether the signal covers only the nodes or the whole host.
    pub(super) of: Scope,
    /// Mean of the samples: cores, MB, GB or tasks.
    pub(super) mean: Option<f64>,
    /// Mean error on held-out samples, as a share of the nodes' use or of the mean load.
    pub(super) error: Option<f64>,
    /// The largest error of a credible model.
    pub(super) bound: f64,
    /// Number of samples held out in turn; 0 for the load, to which nothing is fitted.
    pub(super) held_out: usize,
    /// The result of the cross-validation.
    pub(super) verdict: Verdict,
    /// Why the model is not credible, or why the samples allow no conclusion.
    pub(super) why: Option<String>,
    #[serde(skip)]
    pub(super) curve: Option<Curve>,
}

/// The scope of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(super) enum Scope {
    /// All nodes together.
    Nodes,
    /// The whole host, including the background load.
    Host,
}

impl Kind {
    /// Signals that have constants to fit.
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

    /// Returns the measured value at a point; None where it is unknown.
    fn measured(self, point: &Point, scope: Scope) -> Option<f64> {
        match (self, scope) {
            (Self::Cpu, Scope::Nodes) => point.own_cores,
            (Self::Cpu, Scope::Host) => point.busy,
            (Self::Memory, Scope::Nodes) => point.own_memory_mb,
            (Self::Memory, Scope::Host) => point.memory_mb,
            (Self::Disk, Scope::Nodes) => {
                let known = || point.nodes.iter().filter(|node| node.ran.is_finite());
                let is_any = known().next().is_some();
                known().map(|node| node.disk_gb.map(f64::from)).sum::<Option<f64>>().filter(|_| is_any)
            }
            (Self::Load, Scope::Host) => point.load,
            // The volumes hold far more data than that of nodes, and a load average has no share per process.
            (Self::Disk, Scope::Host) | (Self::Load, Scope::Nodes) => None,
        }
    }
}

/// Tells whether the demand of the nodes is unknown: the processors are saturated, or a CPU limit throttles the nodes.
pub(super) fn is_limited(point: &Point, cpus: u32) -> bool {
    point.is_throttled || point.busy.is_some_and(|busy| busy > SATURATED * f64::from(cpus))
}

impl Signal {
    /// Returns a signal without a fit.
    pub(super) const fn unknown(signal: Kind, of: Scope) -> Self {
        let (bound, verdict) = (signal.bound(), Verdict::CannotTell);
        Self { signal, of, mean: None, error: None, bound, held_out: 0, verdict, why: None, curve: None }
    }

    /// Fits a signal to a record, and checks the fit by cross-validation.
    pub(super) fn fitted(signal: Kind, record: &Record) -> Self {
        let count = |scope| record.points.iter().filter(|point| signal.measured(point, scope).is_some()).count();
        let of = if count(Scope::Nodes) > 0 || count(Scope::Host) == 0 { Scope::Nodes } else { Scope::Host };
        let mut found = Self::unknown(signal, of);
        match found.fit(record) {
            Ok(verdict) => found.verdict = verdict,
            Err(why) => found.why = Some(why),
        }
        found
    }

    /// Returns the usable samples, or the reason why there are too few.
    fn usable<'a>(&self, record: &'a Record) -> Result<Vec<(&'a Point, f64)>, String> {
        let signal = self.signal;
        let measured = |point| Some((point, signal.measured(point, self.of)?));
        let mut samples: Vec<_> = record.points.iter().filter_map(measured).collect();
        if samples.is_empty() {
            let without = match signal {
                Kind::Cpu => "the trace has neither cpu of nodes nor used_cpu_percent",
                Kind::Memory => "the trace has neither memory of nodes nor used_mem_percent with the total memory",
                Kind::Disk | Kind::Load => "the trace has no disk use of nodes",
            };
            return Err(without.to_owned());
        }
        // Memory and disk are not throttled, so that their samples stay valid.
        if signal == Kind::Cpu {
            samples.retain(|(point, _)| !is_limited(point, record.cpus));
        }
        if samples.len() < ENOUGH {
            let found = samples.len();
            return Err(format!("{found} samples have unlimited nodes; {ENOUGH} are needed"));
        }
        let counts = || samples.iter().map(|(point, _)| point.up());
        if self.of == Scope::Host && counts().min() == counts().max() {
            let problem =
                "the number of nodes is constant, so that their use cannot be separated from the background load";
            return Err(format!("{problem}; record starts or stops, or each node (wnm record)"));
        }
        // More samples cost time and hardly change three factors.
        let thin = samples.len().div_ceil(MOST);
        Ok(samples.into_iter().step_by(thin).collect())
    }

    /// Fits the signal and returns the verdict, or the reason why there is none.
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
            return Err(format!("{} does not grow with the number of nodes", signal.word()));
        }
        let oldest = all.oldest();
        if signal != Kind::Cpu && oldest < curve.seconds && (signal == Kind::Disk || curve.young > Some(0.0)) {
            let hours = |seconds: f64| seconds / 3600.0;
            return Err(format!(
                "nodes still grow: the oldest is {:.1} h old; {:.1} h are needed",
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
            Scope::Nodes => "the use of nodes does not follow their number and age as in the model",
            Scope::Host => "only the use of the whole host is known, and the background load varies",
        };
        self.why = Some(why.to_owned());
        Ok(Verdict::NotCredible)
    }

    const fn samples<'a>(&self, all: &'a [(&'a Point, f64)], record: &Record) -> Samples<'a> {
        let (signal, of, bound) = (self.signal, self.of, self.bound);
        Samples { signal, of, bound, starts: record.starts, all }
    }

    /// Returns the mean error of each part under a fit to the other parts.
    fn held_out_error(&mut self, samples: &[(&Point, f64)], record: &Record) -> Result<f64, String> {
        let mut sum = 0.0;
        for part in 0..PARTS {
            let (held_out, others): (Vec<_>, Vec<_>) = samples.iter().partition(|(point, _)| point.part == part);
            if held_out.is_empty() {
                continue;
            }
            if others.len() < ENOUGH / 2 {
                return Err("nearly all usable samples are from one short time".to_owned());
            }
            let curve = self.samples(&others, record).curve();
            sum +=
                held_out.iter().map(|(point, measured)| (curve.at(self.signal, point) - measured).abs()).sum::<f64>();
        }
        self.held_out = samples.len();
        Ok(sum / samples.len() as f64)
    }
}
