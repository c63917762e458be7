//! Folders of nodes that the colony does not contain: an older database was restored, or a row was lost.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::node::NodeId;

/// A folder in a storage folder with the marker of a node that the colony does not contain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UnlistedFolder {
    /// The folder.
    pub folder: PathBuf,
    /// The number in its marker. New nodes get another one.
    pub number: NodeId,
    /// The UUID in its marker.
    pub uuid: String,
}
