//! Signals against thresholds: what there is room for and what is too much.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::observation::HostSample;
use crate::model::units::{BytesPerSecond, Load, Percent};
use crate::policy::thresholds::{Policy, Threshold};

/// Something measured of the host that thresholds are set on.
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
    /// A share.
    Percent(Percent),
    /// A load average.
    Load(Load),
    /// A rate.
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

/// A signal beside its two marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Measure {
    /// What was measured.
    pub signal: Signal,
    /// Its value; None when it could not be had.
    pub seen: Option<Reading>,
    /// Below this there is room.
    pub less_than: Reading,
    /// Above this there is too much.
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

    /// Tells whether the signal leaves room; a missing one does not.
    #[must_use]
    pub fn allows(&self) -> bool {
        self.seen.is_some_and(|seen| seen < self.less_than)
    }

    /// Tells whether the signal is too high; a missing one is not.
    #[must_use]
    pub fn is_exceeded(&self) -> bool {
        self.seen.is_some_and(|seen| seen > self.remove)
    }
}

/// Returns every signal that the policy has thresholds for, in the order in which pressure is named.
pub fn measures<'a>(policy: &'a Policy, host: &'a HostSample) -> impl Iterator<Item = Measure> + 'a {
    let load = policy.load.into_iter().flat_map(|threshold| {
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
    let volumes = host.volumes.iter().enumerate();
    [Measure::new(Signal::Cpu, host.cpu, policy.cpu), Measure::new(Signal::Memory, host.memory, policy.memory)]
        .into_iter()
        .chain(volumes.map(|(i, volume)| Measure::new(Signal::Disk(i), volume.used, policy.disk)))
        .chain(load)
        .chain(disk_io)
        .chain(net_io)
}

/// What the signals and the census allow and demand: the names are those of the earlier tool's decision log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Features {
    /// Processors leave room.
    pub allow_cpu: bool,
    /// Memory leaves room.
    pub allow_mem: bool,
    /// At least one volume leaves room.
    pub allow_hd: bool,
    /// Too little processor time is left.
    pub remove_cpu: bool,
    /// Too little memory is left.
    pub remove_mem: bool,
    /// Some volume is too full.
    pub remove_hd: bool,
    /// Fewer nodes run than the cap allows.
    pub allow_node_cap: bool,
    /// The network leaves room, or has no thresholds.
    pub allow_netio: bool,
    /// There is too much network traffic.
    pub remove_netio: bool,
    /// The disks' traffic leaves room, or has no thresholds.
    pub allow_hdio: bool,
    /// There is too much disk traffic.
    pub remove_hdio: bool,
    /// All load averages leave room.
    pub load_allow: bool,
    /// Some load average is too high.
    pub load_not_allow: bool,
    /// A node may be started or added.
    pub add_new_node: bool,
    /// A node must be stopped or removed.
    pub remove: bool,
    /// A node may be upgraded.
    pub upgrade: bool,
}

impl Features {
    /// Returns what the signals alone say; what depends on the nodes is left false.
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
                Signal::Disk(_) => {
                    // A new node goes where there is room: one volume is enough.
                    features.allow_hd |= measure.allows();
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

    /// Tells whether every signal leaves room.
    #[must_use]
    pub const fn signals_allow(&self) -> bool {
        self.allow_cpu && self.allow_mem && self.allow_hd && self.allow_netio && self.allow_hdio && self.load_allow
    }

    /// Tells whether some signal is too high.
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
