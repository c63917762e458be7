//! Signals and their comparison with the thresholds.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::observation::{HostSample, LoadScope};
use crate::model::units::{BytesPerSecond, Load, Percent};
use crate::policy::thresholds::{Policy, Threshold};

/// A measured quantity of the host that has thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Use of all processors.
    Cpu,
    /// Use of memory.
    Memory,
    /// Use of the volume with this index.
    Disk(usize),
    /// Load average over one minute.
    Load1,
    /// Load average over five minutes.
    Load5,
    /// Load average over fifteen minutes.
    Load15,
    /// Disk reading.
    DiskRead,
    /// Disk writing.
    DiskWrite,
    /// Network receiving.
    NetRead,
    /// Network sending.
    NetWrite,
}

impl Signal {
    /// Returns the name of the signal in JSON and metrics. The volumes share one, and differ in their folder.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disk(_) => "disk",
            Self::Load1 => "load1",
            Self::Load5 => "load5",
            Self::Load15 => "load15",
            Self::DiskRead => "disk_read",
            Self::DiskWrite => "disk_write",
            Self::NetRead => "net_read",
            Self::NetWrite => "net_write",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disk(0) => "disk",
            Self::Disk(volume) => return write!(f, "disk {}", volume + 1),
            Self::Load1 => "load 1 min",
            Self::Load5 => "load 5 min",
            Self::Load15 => "load 15 min",
            Self::DiskRead => "disk read",
            Self::DiskWrite => "disk write",
            Self::NetRead => "net read",
            Self::NetWrite => "net write",
        })
    }
}

/// A value of a signal, in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// A share, 0 to 100 %.
    Percent(Percent),
    /// A load average, in tasks.
    Load(Load),
    /// A rate, in bytes per second.
    Rate(BytesPerSecond),
}

impl Reading {
    /// Returns the bare number in its unit: percent, tasks or bytes per second.
    #[must_use]
    pub fn number(self) -> f64 {
        match self {
            Self::Percent(percent) => percent.get(),
            Self::Load(load) => load.get(),
            Self::Rate(rate) => rate.0 as f64,
        }
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => percent.fmt(f),
            Self::Load(load) => load.fmt(f),
            Self::Rate(rate) => rate.fmt(f),
        }
    }
}

impl From<Percent> for Reading {
    fn from(percent: Percent) -> Self {
        Self::Percent(percent)
    }
}

impl From<Load> for Reading {
    fn from(load: Load) -> Self {
        Self::Load(load)
    }
}

impl From<BytesPerSecond> for Reading {
    fn from(rate: BytesPerSecond) -> Self {
        Self::Rate(rate)
    }
}

/// A signal with its value and its two thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Measure {
    /// The measured signal.
    pub signal: Signal,
    /// Its value; None when it could not be read.
    pub seen: Option<Reading>,
    /// Low threshold: nodes are added only below it.
    pub less_than: Reading,
    /// High threshold: nodes are stopped or removed above it.
    pub remove: Reading,
}

impl Measure {
    pub(crate) fn new<T: Copy + Into<Reading>>(signal: Signal, seen: Option<T>, threshold: Threshold<T>) -> Self {
        Self {
            signal,
            seen: seen.map(Into::into),
            less_than: threshold.less_than.into(),
            remove: threshold.remove.into(),
        }
    }

    /// Returns whether the signal is below its low threshold; false for a missing one.
    #[must_use]
    pub fn allows(&self) -> bool {
        self.seen.is_some_and(|seen| seen < self.less_than)
    }

    /// Returns whether the signal exceeds its high threshold; false for a missing one.
    #[must_use]
    pub fn is_exceeded(&self) -> bool {
        self.seen.is_some_and(|seen| seen > self.remove)
    }
}

/// Returns every signal that has thresholds, in the order in which reasons name them. The load averages of a container
/// are those of its host, and no signal.
pub fn measures<'a>(policy: &'a Policy, host: &'a HostSample) -> impl Iterator<Item = Measure> + 'a {
    let judged = policy.load.filter(|_| host.load_scope == LoadScope::Own);
    let load = judged.into_iter().flat_map(|threshold| {
        let seen = host.load;
        [
            Measure::new(Signal::Load1, seen.map(|l| l.one), threshold),
            Measure::new(Signal::Load5, seen.map(|l| l.five), threshold),
            Measure::new(Signal::Load15, seen.map(|l| l.fifteen), threshold),
        ]
    });
    let disk_io = policy.disk_io.into_iter().flat_map(|io| {
        [
            Measure::new(Signal::DiskRead, host.disk_read, io.read),
            Measure::new(Signal::DiskWrite, host.disk_write, io.write),
        ]
    });
    let net_io = policy.net_io.into_iter().flat_map(|io| {
        [
            Measure::new(Signal::NetRead, host.net_read, io.read),
            Measure::new(Signal::NetWrite, host.net_write, io.write),
        ]
    });
    // The values of a volume with a fault are unknown, and must not block growth on the others.
    let volumes = host.volumes.iter().enumerate().filter(|(_, volume)| volume.fault.is_none());
    [Measure::new(Signal::Cpu, host.cpu, policy.cpu), Measure::new(Signal::Memory, host.memory, policy.memory)]
        .into_iter()
        .chain(volumes.map(|(i, volume)| Measure::new(Signal::Disk(i), volume.fullness(), policy.disk)))
        .chain(load)
        .chain(disk_io)
        .chain(net_io)
}

/// Conditions of signals and census. The names are those of the decision log of the Python wnm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Features {
    /// CPU use is below its low threshold.
    pub allow_cpu: bool,
    /// Memory use is below its low threshold.
    pub allow_mem: bool,
    /// The use of at least one volume is below the low threshold, and a new node fits there.
    pub allow_hd: bool,
    /// CPU use exceeds its high threshold.
    pub remove_cpu: bool,
    /// Memory use exceeds its high threshold.
    pub remove_mem: bool,
    /// The use of at least one volume exceeds the high threshold.
    pub remove_hd: bool,
    /// Fewer nodes run than `node_cap` allows.
    pub allow_node_cap: bool,
    /// Network traffic is below its low thresholds, or has none.
    pub allow_netio: bool,
    /// Network traffic exceeds a high threshold.
    pub remove_netio: bool,
    /// Disk traffic is below its low thresholds, or has none.
    pub allow_hdio: bool,
    /// Disk traffic exceeds a high threshold.
    pub remove_hdio: bool,
    /// All load averages are below their low threshold.
    pub load_allow: bool,
    /// A load average exceeds its high threshold.
    pub load_not_allow: bool,
    /// All conditions of a start or an addition hold.
    pub add_new_node: bool,
    /// A high threshold or the node cap is exceeded.
    pub remove: bool,
    /// All conditions of an upgrade hold.
    pub upgrade: bool,
}

impl Features {
    /// Returns the conditions of the signals; those of the census are false.
    pub(crate) fn of_signals(policy: &Policy, host: &HostSample) -> Self {
        let mut features = Self {
            allow_cpu: true,
            allow_mem: true,
            allow_hd: false,
            remove_cpu: false,
            remove_mem: false,
            remove_hd: false,
            allow_node_cap: false,
            allow_netio: true,
            remove_netio: false,
            allow_hdio: true,
            remove_hdio: false,
            load_allow: true,
            load_not_allow: false,
            add_new_node: false,
            remove: false,
            upgrade: false,
        };
        measures(policy, host).for_each(|measure| {
            let (allow, remove) = match measure.signal {
                Signal::Cpu => (&mut features.allow_cpu, &mut features.remove_cpu),
                Signal::Memory => (&mut features.allow_mem, &mut features.remove_mem),
                Signal::Disk(i) => {
                    // A new node goes to the emptiest volume, so one with space is enough.
                    let fits = host.volumes.get(i).is_some_and(|volume| volume.fits(policy.crisis));
                    features.allow_hd |= measure.allows() && fits;
                    features.remove_hd |= measure.is_exceeded();
                    return;
                }
                Signal::Load1 | Signal::Load5 | Signal::Load15 => {
                    (&mut features.load_allow, &mut features.load_not_allow)
                }
                Signal::DiskRead | Signal::DiskWrite => (&mut features.allow_hdio, &mut features.remove_hdio),
                Signal::NetRead | Signal::NetWrite => (&mut features.allow_netio, &mut features.remove_netio),
            };
            *allow &= measure.allows();
            *remove |= measure.is_exceeded();
        });
        features
    }

    /// Returns whether every signal allows growth.
    #[must_use]
    pub const fn signals_allow(&self) -> bool {
        self.allow_cpu && self.allow_mem && self.allow_hd && self.allow_netio && self.allow_hdio && self.load_allow
    }

    /// Returns whether at least one signal exceeds its high threshold.
    #[must_use]
    pub const fn signals_demand(&self) -> bool {
        self.remove_cpu
            || self.remove_mem
            || self.remove_hd
            || self.remove_netio
            || self.remove_hdio
            || self.load_not_allow
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::settings::RawSettings;

    #[test]
    fn load_of_a_container_is_no_signal() {
        let policy = Policy::new(&RawSettings::default(), Some(4)).unwrap();
        let judged = |load_scope| {
            let host = HostSample { load_scope, ..HostSample::default() };
            let signals: Vec<Signal> = measures(&policy, &host).map(|measure| measure.signal).collect();
            (signals.contains(&Signal::Load1), Features::of_signals(&policy, &host).load_allow)
        };
        assert_eq!(judged(LoadScope::Own), (true, false), "an unknown load prevents growth");
        assert_eq!(judged(LoadScope::Container), (false, true));
    }
}
