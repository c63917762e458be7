//! Pressure stall information (PSI) of the kernel: the time in which tasks wait for CPU, memory or disks.

use serde::{Deserialize, Serialize};

use crate::model::units::Percent;

/// Pressure stall information of the host, and of its parts where control groups tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Psi {
    /// The stalls of all tasks of the host.
    pub host: Stalls,
    /// The stalls of the nodes; None without a control group of version 2 that contains them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colony: Option<Stalls>,
    /// The stalls of the background load, which the kernel does not count itself: a lower bound, from the host without
    /// the nodes and from the control groups beside theirs. None where `colony` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<Stalls>,
}

impl Psi {
    /// Returns the stalls of the background load, or those of the host where control groups do not tell.
    #[must_use]
    pub fn background_or_host(&self) -> &Stalls {
        self.background.as_ref().unwrap_or(&self.host)
    }
}

/// The stalls of a group of tasks for each resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Stalls {
    /// Waits for a CPU.
    pub cpu: Stall,
    /// Waits for memory.
    pub memory: Stall,
    /// Waits for disks.
    pub io: Stall,
}

impl Stalls {
    /// Returns the least stalls of the tasks that are not in `part`.
    #[must_use]
    pub fn without(&self, part: &Self) -> Self {
        self.zip(part, Stall::without)
    }

    /// Returns the larger stalls for each resource.
    #[must_use]
    pub fn max(&self, other: &Self) -> Self {
        self.zip(other, Stall::max)
    }

    fn zip(&self, other: &Self, combine: impl Fn(Stall, Stall) -> Stall) -> Self {
        Self {
            cpu: combine(self.cpu, other.cpu),
            memory: combine(self.memory, other.memory),
            io: combine(self.io, other.io),
        }
    }
}

/// The stalls of a group of tasks for one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Stall {
    /// The time in which at least one task waited.
    pub some: StallTime,
    /// The time in which all tasks waited at once; None where the kernel does not count it, as for CPU before Linux 5.13.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<StallTime>,
}

impl Stall {
    fn without(self, part: Self) -> Self {
        // All tasks together waited while those of the part did, so that `full` of the rest is unknown.
        Self { some: self.some.without(part.some), full: None }
    }

    fn max(self, other: Self) -> Self {
        Self { some: self.some.max(other.some), full: self.full.zip(other.full).map(|(full, other)| full.max(other)) }
    }
}

/// A time in which tasks waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StallTime {
    /// Share of the last ten seconds, as a running average of the kernel.
    pub avg10: Percent,
    /// Microseconds since the start of the host or of the control group; None where no total is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

impl StallTime {
    fn without(self, part: Self) -> Self {
        let avg10 = Percent::clamped((self.avg10.get() - part.avg10.get()).max(0.0)).unwrap_or_default();
        let total = self.total.zip(part.total).map(|(total, part)| total.saturating_sub(part));
        Self { avg10, total }
    }

    fn max(self, other: Self) -> Self {
        Self { avg10: self.avg10.max(other.avg10), total: self.total.max(other.total) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(avg10: f64, total: u64) -> StallTime {
        StallTime { avg10: Percent::new(avg10).unwrap(), total: Some(total) }
    }

    fn stalls(avg10: f64, total: u64) -> Stalls {
        let stall = Stall { some: time(avg10, total), full: Some(time(avg10 / 2.0, total / 2)) };
        Stalls { cpu: stall, memory: stall, io: stall }
    }

    #[test]
    fn background_is_what_the_nodes_leave() {
        let rest = stalls(30.0, 900).without(&stalls(20.0, 1000));
        assert_eq!(rest.cpu, Stall { some: time(10.0, 0), full: None });
        assert_eq!(stalls(10.0, 5).without(&stalls(20.0, 1)).io.some, time(0.0, 4));
        let larger = rest.max(&stalls(12.0, 7));
        assert_eq!(larger.memory, Stall { some: time(12.0, 7), full: None });
    }

    #[test]
    fn host_stands_in_for_unknown_background() {
        let mut psi = Psi { host: stalls(30.0, 1), colony: None, background: None };
        assert_eq!(psi.background_or_host(), &psi.host);
        psi.background = Some(stalls(1.0, 1));
        assert_eq!(psi.background_or_host(), &stalls(1.0, 1));
    }
}
