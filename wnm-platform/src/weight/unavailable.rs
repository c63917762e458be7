//! Reasons why nodes do not run behind other work.

use std::fmt;

use crate::cpu_limit::NoCpuLimit;

/// The reason why the nodes of a colony compete with other work as equals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoWeight {
    /// The setting gives the nodes the weight of an ordinary service or more.
    Ordinary,
    /// These many running nodes are outside of the control group.
    Outside(usize),
    /// The weight is not applied yet, or another program changed it.
    NotApplied,
    /// This host has no control group for the nodes.
    NoGroup(NoCpuLimit),
    /// No disk of this host gives time by weight or by priority.
    NoDisk,
    /// The services of these many running nodes were loaded without the low priority.
    NotLoaded(usize),
}

impl NoWeight {
    /// Returns how the operator can change this; None when there is no way, or no need.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Outside(_) | Self::NotLoaded(_) => {
                Some("`wnm node restart NODE` puts a node behind other work".to_owned())
            }
            Self::NotApplied => Some("run `wnm run`, which applies the weight".to_owned()),
            Self::NoGroup(reason) => reason.hint(),
            Self::Ordinary | Self::NoDisk => None,
        }
    }
}

impl fmt::Display for NoWeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ordinary => f.write_str("the setting gives the nodes the weight of an ordinary service"),
            Self::Outside(1) => f.write_str("1 running node is outside of the control group"),
            Self::Outside(count) => write!(f, "{count} running nodes are outside of the control group"),
            Self::NotApplied => f.write_str("the weight is not applied"),
            Self::NoGroup(reason) => reason.fmt(f),
            Self::NoDisk => f.write_str("no disk of this host serves by weight or priority (scheduler bfq or io.cost)"),
            Self::NotLoaded(1) => f.write_str("1 running node was started without low priority"),
            Self::NotLoaded(count) => write!(f, "{count} running nodes were started without low priority"),
        }
    }
}
