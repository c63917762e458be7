//! The removed nodes in the trash.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use wnm_core::{Bytes, NodeId, Timestamp};
use wnm_platform::node_dir::RemovedNode;

use super::duration;
use super::page::Width;
use super::table::Table;
use crate::json;

/// A removed node in the trash.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct TrashView {
    /// The number that the node had; null if it is unknown.
    node: Option<NodeId>,
    /// The name that the node had.
    name: Option<String>,
    /// The UUID of the node.
    uuid: String,
    /// The time of the removal; null if it is unreadable.
    #[serde(serialize_with = "json::optional_time")]
    #[cfg_attr(test, schemars(with = "Option<json::Time>"))]
    removed_at: Option<Timestamp>,
    /// The time until which the folder stays, where disk use is below `hd_less_than`.
    #[serde(serialize_with = "json::optional_time")]
    #[cfg_attr(test, schemars(with = "Option<json::Time>"))]
    kept_until: Option<Timestamp>,
    /// Disk space of the folder in bytes; null if it could not be measured.
    #[serde(rename = "size_bytes")]
    size: Option<Bytes>,
    /// The folder in the trash.
    folder: PathBuf,
    /// Whether the folder contains an identity. A folder without one cannot be restored.
    has_identity: bool,
    /// The time now, for ages.
    #[serde(skip)]
    now: Timestamp,
}

impl TrashView {
    /// Returns the view of a removed node whose folder stays for `retention`.
    pub(crate) fn new(removed: RemovedNode, retention: Duration, now: Timestamp) -> Self {
        Self {
            node: removed.id,
            name: removed.id.map(NodeId::name),
            uuid: removed.uuid,
            removed_at: removed.removed,
            kept_until: removed.removed.map(|removed| removed.after(retention)),
            size: removed.size,
            folder: removed.folder,
            has_identity: removed.identity.is_some(),
            now,
        }
    }

    fn row(&self) -> Vec<String> {
        let ago = self.removed_at.map(|removed| format!("{} ago", duration(self.now.since(removed))));
        let left = self.kept_until.map(|until| duration(until.since(self.now)));
        let uuid = if self.has_identity { self.uuid.clone() } else { format!("{} (no identity)", self.uuid) };
        vec![
            self.name.clone().unwrap_or_else(|| "-".to_owned()),
            ago.unwrap_or_else(|| "-".to_owned()),
            left.unwrap_or_else(|| "-".to_owned()),
            self.size.map_or_else(|| "-".to_owned(), |size| size.to_string()),
            uuid,
            self.folder.display().to_string(),
        ]
    }
}

/// Returns a table of removed nodes, the latest first. A narrow page omits the folders and the UUIDs.
pub(crate) fn text(removed: &[TrashView], width: Width) -> String {
    if removed.is_empty() {
        return "the trash is empty\n".to_owned();
    }
    let table = Table {
        header: &["NODE", "REMOVED", "KEPT FOR", "SIZE", "UUID", "FOLDER"],
        right: &[1, 2, 3],
        optional: &[5, 4],
        rows: removed.iter().map(TrashView::row).collect(),
    };
    table.text(width)
}

#[cfg(test)]
mod tests {
    use wnm_core::Flavor;

    use super::*;

    #[test]
    fn narrow_page_omits_folders() {
        let now = Timestamp::from_secs(1_770_000_000);
        let removed = |id: u32, hours: i64, identity| RemovedNode {
            uuid: format!("{id:08x}-5f0e-4d0c-9a3e-0a4b1d2c3e4f"),
            id: NodeId::new(id),
            folder: PathBuf::from(format!("/mnt/nodes/.trash/{id:08x}-5f0e-4d0c-9a3e-0a4b1d2c3e4f")),
            removed: Some(Timestamp::from_secs(1_770_000_000 - hours * 3600 - 60)),
            size: Some(Bytes(u64::from(id) * 400_000_000)),
            node: None,
            identity,
        };
        let all = [removed(3, 2, Some(Flavor::AntNode)), removed(12, 23, None), removed(0, 30, Some(Flavor::AntNode))];
        let views = all.map(|removed| TrashView::new(removed, Duration::from_secs(86400), now));
        let page = |width| anstream::adapter::strip_str(&text(&views, width)).to_string();
        insta::assert_snapshot!(page(Width::Full));
        insta::assert_snapshot!(page(Width::Columns(60)));
        assert_eq!(text(&[], Width::Full), "the trash is empty\n");
    }
}
