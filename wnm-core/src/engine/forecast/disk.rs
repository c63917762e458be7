//! The growth of volumes over the last six hours, without the deletions by wnm.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::node::NodeId;
use crate::model::observation::Observation;
use crate::model::units::Timestamp;
use crate::model::volume::Volume;
use crate::policy::constants::{GROWTH_POINTS, GROWTH_STEP, SHORTEST_GROWTH};

/// The growth of one volume.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Filling {
    /// Bytes in use at a time plus the bytes that wnm had deleted until then; oldest first.
    points: VecDeque<(Timestamp, u64)>,
    /// Bytes that wnm deleted.
    deleted: u64,
}

impl Filling {
    /// Returns the growth in bytes per second; 0 before half an hour of observations.
    pub(super) fn growth(&self, volume: &Volume, now: Timestamp) -> f64 {
        let (Some((at, first)), Some(used)) = (self.points.front(), used(volume)) else { return 0.0 };
        let span = now.since(*at);
        // The growth of minutes is mostly that of logs and of downloads.
        if span < SHORTEST_GROWTH {
            return 0.0;
        }
        used.saturating_add(self.deleted).saturating_sub(*first) as f64 / span.as_secs_f64()
    }
}

/// Returns the bytes in use of a volume.
pub(super) fn used(volume: &Volume) -> Option<u64> {
    Some((volume.used?.get() / 100.0 * volume.total?.0 as f64) as u64)
}

/// Updates the growth of all volumes by one observation.
pub(super) fn update(volumes: &mut BTreeMap<PathBuf, Filling>, observation: &Observation) {
    for volume in &observation.host.volumes {
        let Some(used) = used(volume) else { continue };
        let is_due =
            |filling: &Filling| filling.points.back().is_none_or(|(at, _)| observation.now.since(*at) >= GROWTH_STEP);
        // `entry` would need a copy of the path in every cycle.
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

/// Records the deletion of a node's folder by wnm.
pub(super) fn deleted(volumes: &mut BTreeMap<PathBuf, Filling>, node: NodeId, observation: &Observation) {
    let Some(sample) = observation.nodes.get(&node) else { return };
    let volume = sample.volume.and_then(|volume| observation.host.volumes.get(volume));
    if let (Some(filling), Some(disk)) = (volume.and_then(|volume| volumes.get_mut(&volume.root)), sample.disk) {
        // Without this term a removal by wnm reads as a shrinking disk, and the next addition fills it again.
        filling.deleted = filling.deleted.saturating_add(disk.0);
    }
}
