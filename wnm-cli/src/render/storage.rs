//! The storage folders with their nodes and their space.

use std::path::PathBuf;

use serde::Serialize;
use wnm_core::{Bytes, NodeMap, NodeSample, Percent, Volume, VolumeFault};

use super::page::Width;
use super::table::Table;
use super::{RED, YELLOW, styled};

/// A storage folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct StorageView {
    /// The folder.
    folder: PathBuf,
    /// The names of the nodes in it.
    nodes: Vec<String>,
    /// Disk space of these nodes; null when none of them was measured yet.
    held: Option<Bytes>,
    /// Used share of the volume; null if unknown.
    used: Option<Percent>,
    /// Space that is available to users without privileges; null if unknown.
    available: Option<Bytes>,
    /// The fault of the volume; null for a usable one.
    fault: Option<VolumeFault>,
    /// Whether the folder gets no new nodes.
    drained: bool,
}

/// Returns the storage folders in the order of the setting `node_storage`.
pub(crate) fn views(volumes: &[Volume], samples: &NodeMap<NodeSample>) -> Vec<StorageView> {
    let view = |(at, volume): (usize, &Volume)| {
        let on_it = || samples.iter().filter(move |(_, sample)| sample.volume == Some(at));
        let sizes: Vec<u64> = on_it().filter_map(|(_, sample)| Some(sample.disk?.0)).collect();
        StorageView {
            folder: volume.root.clone(),
            nodes: on_it().map(|(id, _)| id.name()).collect(),
            held: (!sizes.is_empty()).then(|| Bytes(sizes.iter().fold(0, |sum, size| sum.saturating_add(*size)))),
            used: volume.used,
            available: volume.available,
            fault: volume.fault,
            drained: volume.drained,
        }
    };
    volumes.iter().enumerate().map(view).collect()
}

/// Returns a table of the storage folders.
pub(crate) fn text(views: &[StorageView], width: Width) -> String {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let row = |view: &StorageView| {
        let state = match (view.fault, view.drained) {
            (Some(fault), _) => styled(RED, fault.sentence().trim_start_matches("is ")),
            (None, true) => styled(YELLOW, "drained"),
            (None, false) => "ok".to_owned(),
        };
        vec![
            view.folder.display().to_string(),
            view.nodes.len().to_string(),
            or_dash(view.held.map(|held| held.to_string())),
            or_dash(view.used.map(|used| used.to_string())),
            or_dash(view.available.map(|free| free.to_string())),
            state,
        ]
    };
    let table = Table {
        header: &["FOLDER", "NODES", "HELD", "USED", "FREE", "STATE"],
        right: &[1, 2, 3, 4],
        optional: &[2, 3],
        rows: views.iter().map(row).collect(),
    };
    table.text(width)
}
