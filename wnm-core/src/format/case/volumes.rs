//! The volumes of a decision case, and the targets of the moves in its decision.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::action::decision::{Action, Decision};
use crate::model::node::NodeId;
use crate::model::units::{Bytes, Percent};
use crate::model::volume::Volume;

/// One volume with nodes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseVolume {
    /// The storage folder, which names the volume in nodes and answers.
    pub folder: PathBuf,
    /// Used share, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_percent: Option<f64>,
    /// Size, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_bytes: Option<u64>,
    /// Available space, in bytes; the free share of the size when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_bytes: Option<u64>,
    /// The name of the space that volumes share; volumes without one share none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pool: String,
    /// Whether the volume gets no nodes.
    #[serde(default)]
    pub drained: bool,
}

impl CaseVolume {
    /// Returns the volume. An impossible percentage counts as missing.
    pub(super) fn volume(&self) -> Volume {
        let used = self.used_percent.and_then(|share| Percent::new(share).ok());
        let free = |total: u64| used.map(|used| (total as f64 * (100.0 - used.get()) / 100.0) as u64);
        Volume {
            root: self.folder.clone(),
            used,
            total: self.total_bytes.map(Bytes),
            available: self.available_bytes.or_else(|| self.total_bytes.and_then(free)).map(Bytes),
            pool: self.pool.clone(),
            drained: self.drained,
            ..Volume::default()
        }
    }
}

/// Returns the target folder of each move in a decision.
#[must_use]
pub fn case_moves(decision: &Decision) -> BTreeMap<NodeId, &Path> {
    let moves = decision.actions.iter().filter_map(|planned| match &planned.action {
        Action::Move { node, to, .. } => Some((*node, to.as_path())),
        _ => None,
    });
    moves.collect()
}
