//! The volumes of a cycle, with their nodes and faults.

use std::path::PathBuf;

use serde::Serialize;
use wnm_core::{Bytes, NodeMap, NodeSample, Percent, Presence, Volume, VolumeFault};

use super::{RED, styled};

/// A volume with its nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct VolumeView {
    /// The storage folder.
    folder: PathBuf,
    /// The fault; null for a usable volume.
    pub(crate) fault: Option<VolumeFault>,
    /// Used share of the bytes; null if unknown.
    used_percent: Option<Percent>,
    /// Space that is available to users without privileges; null if unknown.
    available_bytes: Option<Bytes>,
    /// Used share of the inodes; null if unknown, or where their number has no limit.
    inodes_used_percent: Option<Percent>,
    /// The names of the nodes on the volume.
    nodes: Vec<String>,
}

/// Returns the volumes with their nodes, in the order of the setting `node_storage`.
pub(crate) fn views(volumes: &[Volume], samples: &NodeMap<NodeSample>) -> Vec<VolumeView> {
    let view = |(at, volume): (usize, &Volume)| VolumeView {
        folder: volume.root.clone(),
        fault: volume.fault,
        used_percent: volume.used,
        available_bytes: volume.available,
        inodes_used_percent: volume.inodes_used,
        nodes: samples.iter().filter(|(_, sample)| sample.volume == Some(at)).map(|(id, _)| id.name()).collect(),
    };
    volumes.iter().enumerate().map(view).collect()
}

/// Most nodes of a volume that its line names.
const MOST_NODES: usize = 5;

/// Returns a line for each volume with a fault, with its nodes.
pub(crate) fn fault_lines(views: &[VolumeView]) -> Vec<String> {
    let line = |view: &VolumeView| {
        let sentence = format!("the volume of {} {}", view.folder.display(), view.fault?.sentence());
        let first = view.nodes.iter().take(MOST_NODES).cloned().collect::<Vec<_>>().join(", ");
        let nodes = match view.nodes.len() {
            0 => String::new(),
            1..=MOST_NODES => format!("; nodes: {first}"),
            all => format!("; nodes: {first} and {} more", all - MOST_NODES),
        };
        Some(format!("  {}{nodes}", styled(RED, sentence)))
    };
    views.iter().filter_map(line).collect()
}

/// Returns whether a node is unknown because of its volume.
pub(crate) fn is_affected(sample: Option<&NodeSample>) -> bool {
    sample.is_some_and(|sample| sample.presence == Presence::VolumeFault)
}

#[cfg(test)]
mod tests {
    use wnm_core::NodeId;

    use super::*;

    #[test]
    fn fault_names_folder_and_nodes() {
        let on = |volume| NodeSample { volume, ..NodeSample::default() };
        let lost = |root: &str| Volume { root: root.into(), fault: Some(VolumeFault::Lost), ..Volume::default() };
        let usable = Volume { root: "/a".into(), ..Volume::default() };
        let samples: NodeMap<NodeSample> =
            (1..).filter_map(NodeId::new).zip([Some(0), Some(1), None, Some(1)].map(on)).collect();
        let lines = |volumes: &[Volume], samples| {
            anstream::adapter::strip_str(&fault_lines(&views(volumes, samples)).join("\n")).to_string()
        };
        assert_eq!(
            lines(&[usable.clone(), lost("/b"), lost("/c")], &samples),
            "  the volume of /b is lost; nodes: antnode0002, antnode0004\n  the volume of /c is lost"
        );
        let many = (1..=8).filter_map(NodeId::new).map(|id| (id, on(Some(0)))).collect();
        assert!(lines(&[lost("/b")], &many).ends_with(" and 3 more"));
        assert_eq!(lines(&[usable], &samples), "");
    }
}
