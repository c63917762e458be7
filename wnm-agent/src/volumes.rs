//! The identities of volumes, which the engine remembers from cycle to cycle.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wnm_core::{EngineState, Observation, Presence};

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
