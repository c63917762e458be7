//! Folders of nodes that the database does not contain.

use std::path::PathBuf;

use wnm_platform::volume::Storage;
use wnm_platform::{Platform, unlisted_folders};
use wnm_store::Snapshot;

use super::{Check, counted, first_few};
use crate::commands::unlisted::{self, Process, Unlisted};

const CHECK: &str = "unlisted_nodes";

/// Lists the nodes in the storage folders that the database does not contain; none on a healthy host. Their numbers are
/// skipped by additions. A scheduled cycle takes in those that their definitions prove, up to the node cap, and moves folders
/// to which no node has written into the trash; the others stay as they are.
pub(super) fn check(platform: &Platform, storage: &Storage, snapshot: &Snapshot) -> Vec<Check> {
    // A row that cannot be read is no missing one, and other checks report it. The search for the processes of such nodes
    // follows the paths of all processes, of which some may be on a volume that hangs.
    let is_clear = snapshot.unreadable.is_empty() && storage.volumes.iter().all(|volume| volume.fault.is_none());
    if !is_clear || unlisted_folders(&snapshot.nodes, storage).is_empty() {
        return Vec::new();
    }
    let roots: Vec<PathBuf> = storage.volumes.iter().map(|volume| volume.root.clone()).collect();
    let found = unlisted::find(platform, &roots, &snapshot.nodes);
    let (whole, bare): (Vec<_>, Vec<_>) =
        found.unwrap_or_default().into_iter().partition(|unlisted| unlisted.node.identity.is_some());
    [with_identity(&whole), without_identity(&bare)].into_iter().flatten().collect()
}

fn with_identity(found: &[Unlisted]) -> Option<Check> {
    let first = found.first()?;
    let name = |Unlisted { node, .. }: &Unlisted| {
        let name = node.folder.file_name().unwrap_or_default().to_string_lossy();
        format!("{name} ({})", node.uuid)
    };
    let subject = counted(found.len(), "node in the storage folders is", "nodes in the storage folders are");
    let message = format!("{subject} not in the database: {}", first_few(found.iter().map(name)));
    let uuid = &first.node.uuid;
    let hint = format!(
        "`wnm trash restore {uuid}` takes it into this colony; a scheduled cycle takes in nodes with a definition"
    );
    Some(Check::warning(CHECK, message, hint))
}

fn without_identity(found: &[Unlisted]) -> Option<Check> {
    let first = found.first()?;
    let folders = first_few(found.iter().map(|unlisted| unlisted.node.folder.display().to_string()));
    let subject = counted(found.len(), "folder of a node", "folders of nodes");
    let message = format!("{subject} without an identity and without a row in the database: {folders}");
    let hint = match first.process {
        Process::Absent => {
            "`wnm run` moves it into the trash unless a node has written to it; delete such a folder by hand".to_owned()
        }
        Process::Runs => "a process uses it: `wnm doctor` names unmanaged processes".to_owned(),
    };
    Some(Check::warning(CHECK, message, hint))
}
