//! How volumes fill: the growth of the last hours, our own deletions aside.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::node::NodeId;
use crate::model::observation::{Observation, Volume};
use crate::model::units::Timestamp;
use crate::policy::constants::{GROWTH_POINTS, GROWTH_STEP, SHORTEST_GROWTH};

/// How one volume fills.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Filling {
    /// What the volume held at a moment, and what we had deleted of it until then besides, in bytes; oldest first.
    points: VecDeque<(Timestamp, u64)>,
    /// What we deleted, in bytes.
    deleted: u64,
}

impl Filling {
    /// Returns bytes per second by which the volume fills by itself; 0 before that can be told.
    pub(super) fn growth(&self, volume: &Volume, now: Timestamp) -> f64 {
        let (Some((at, first)), Some(used)) = (self.points.front(), used(volume)) else { return 0.0 };
        let span = now.since(*at);
        if span < SHORTEST_GROWTH {
            return 0.0;
        }
        used.saturating_add(self.deleted).saturating_sub(*first) as f64 / span.as_secs_f64()
    }
}

/// Returns what a volume holds, in bytes.
pub(super) fn used(volume: &Volume) -> Option<u64> {
    Some((volume.used?.get() / 100.0 * volume.total?.0 as f64) as u64)
}

/// Takes up one look at all volumes.
pub(super) fn look(volumes: &mut BTreeMap<PathBuf, Filling>, observation: &Observation) {
    for volume in &observation.host.volumes {
        let Some(used) = used(volume) else { continue };
        let is_due =
            |filling: &Filling| filling.points.back().is_none_or(|(at, _)| observation.now.since(*at) >= GROWTH_STEP);
        // Names are long: a volume that is known is not named anew.
        let filling = match volumes.get_mut(&volume.root) {
            Some(filling) => filling,
            None => volumes.entry(volume.root.clone()).or_default(),
        };
        if is_due(filling) {
            filling.points.push_back((observation.now, used.saturating_add(filling.deleted)));
            if filling.points.len() > GROWTH_POINTS {
                filling.points.pop_front();
            }
        }
    }
}

/// Takes up that a node's folder is gone by our own doing.
pub(super) fn deleted(volumes: &mut BTreeMap<PathBuf, Filling>, node: NodeId, observation: &Observation) {
    let Some(sample) = observation.nodes.get(&node) else { return };
    let volume = sample.volume.and_then(|volume| observation.host.volumes.get(volume));
    if let (Some(filling), Some(disk)) = (volume.and_then(|volume| volumes.get_mut(&volume.root)), sample.disk) {
        filling.deleted = filling.deleted.saturating_add(disk.0);
    }
}
