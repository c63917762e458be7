//! The identities of volumes, which the engine remembers from cycle to cycle, and the nodes on intact volumes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wnm_core::{EngineState, NodeId, Observation, Presence};

use crate::platform::Platform;

/// Returns the identities of usable volumes that are new to the state, and marks those volumes.
///
/// A volume on which the folder of a node is missing keeps its known identity: it may be the wrong one.
pub(crate) fn identify<P: Platform>(
    platform: &mut P,
    state: &EngineState,
    observation: &Observation,
) -> BTreeMap<PathBuf, u64> {
    let lacks_folder = |volume: usize| {
        let mut on_it = observation.nodes.values().filter(|sample| sample.volume.is_none_or(|at| at == volume));
        on_it.any(|sample| sample.presence == Presence::FolderMissing)
    };
    let volumes = observation.host.volumes.iter().enumerate();
    let is_new = |volume: &wnm_core::Volume| {
        volume.fault.is_none() && state.volumes.get(&volume.root).is_none_or(|known| *known != volume.identity)
    };
    let new = volumes.filter(|(at, volume)| is_new(volume) && !lacks_folder(*at));
    let new: Vec<&Path> = new.map(|(_, volume)| volume.root.as_path()).collect();
    if new.is_empty() { BTreeMap::new() } else { platform.identify_volumes(&new) }
}

/// Tells whether the folder of a node was seen on an intact volume. Files of other nodes would be written to the bare mount
/// point of a lost volume, or keep the cycle waiting for a file system that hangs.
pub(crate) fn is_intact(observation: &Observation, node: NodeId) -> bool {
    let Some(sample) = observation.nodes.get(&node) else { return false };
    let volume = sample.volume.and_then(|volume| observation.host.volumes.get(volume));
    let is_there = !matches!(sample.presence, Presence::FolderMissing | Presence::VolumeFault);
    is_there && volume.is_none_or(|volume| volume.fault.is_none())
}

#[cfg(test)]
mod tests {
    use wnm_core::{NodeSample, Volume, VolumeFault};

    use super::*;

    #[test]
    fn files_change_only_in_folders_on_intact_volumes() {
        let id = NodeId::new(1).unwrap();
        let volumes =
            [None, Some(VolumeFault::Lost), Some(VolumeFault::Hung)].map(|fault| Volume { fault, ..Volume::default() });
        for (presence, volume, expected) in [
            (Presence::Answering, Some(0), true),
            (Presence::Gone, Some(0), true),
            // A folder outside of the storage folders has no volume.
            (Presence::Gone, None, true),
            (Presence::FolderMissing, Some(0), false),
            (Presence::VolumeFault, None, false),
            // A process goes on after its volume was detached.
            (Presence::Answering, Some(1), false),
            (Presence::Unobserved, Some(2), false),
        ] {
            let mut observation = Observation::default();
            observation.host.volumes = volumes.to_vec();
            assert!(!is_intact(&observation, id), "a node that was not observed");
            observation.nodes.insert(id, NodeSample { presence, volume, ..NodeSample::default() });
            assert_eq!(is_intact(&observation, id), expected, "{presence:?} {volume:?}");
        }
    }
}
