//! The registry of antctl: a JSON file that antctl rewrites after each change.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use wnm_core::{Node, Version};

use crate::error::{FileOperation, ParsedFile, PlatformError, json_fault};
use crate::guarded::{self, Trust};

/// The maximum size of the registry in bytes: about 1 kB for each node ever added.
const LIMIT: u64 = 64 * 1024 * 1024;

/// All nodes that were ever added, including removed ones, ordered by number.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub(super) struct Registry {
    pub(super) nodes: Vec<Entry>,
}

/// The values of one node that wnm uses. Other keys, also of newer versions, are ignored.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Entry {
    pub(super) service_name: String,
    pub(super) number: u32,
    pub(super) status: Status,
    pub(super) data_dir_path: PathBuf,
    pub(super) log_dir_path: PathBuf,
    pub(super) antnode_path: PathBuf,
    #[serde(default)]
    pub(super) version: Option<String>,
    #[serde(default)]
    pub(super) node_port: Option<u16>,
    #[serde(default)]
    pub(super) metrics_port: Option<u16>,
    #[serde(default)]
    pub(super) rpc_socket_addr: Option<String>,
    #[serde(default)]
    pub(super) rewards_address: Option<String>,
    #[serde(default)]
    pub(super) no_upnp: bool,
    #[serde(default)]
    pub(super) evm_network: serde_json::Value,
}

/// The status of a node at the last antctl command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Status {
    /// Added and never started, or exited at the first start.
    Added,
    /// Started by antctl.
    Running,
    /// Stopped by antctl, or found to have exited.
    Stopped,
    /// Removed; its name and ports stay reserved.
    Removed,
}

impl Registry {
    /// Reads the registry; a missing file is an empty one.
    pub(super) fn read(path: &Path) -> Result<Self, PlatformError> {
        match guarded::read(path, LIMIT, Trust::Anyone) {
            Ok(text) => Self::parse(&text).map_err(|error| PlatformError::Unparsable {
                file: ParsedFile::AntctlRegistry,
                path: path.to_owned(),
                reason: json_fault(&error),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(PlatformError::File { operation: FileOperation::Read, path: path.to_owned(), source }),
        }
    }

    /// Parses the registry, or the output of `status --json`, which is empty without nodes.
    pub(super) fn parse(text: &[u8]) -> serde_json::Result<Self> {
        if text.trim_ascii().is_empty() { Ok(Self::default()) } else { serde_json::from_slice(text) }
    }

    /// Returns the entry of a node, unless it was removed.
    pub(super) fn of(&self, node: &Node) -> Option<&Entry> {
        self.living().find(|entry| entry.data_dir_path == node.root_dir)
    }

    /// Returns the entries that were not removed.
    pub(super) fn living(&self) -> impl Iterator<Item = &Entry> {
        self.nodes.iter().filter(|entry| entry.status != Status::Removed)
    }

    /// Returns the number of the next node.
    pub(super) fn next(&self) -> usize {
        self.nodes.len() + 1
    }
}

impl Entry {
    /// Returns the recorded version of the node's program.
    pub(super) fn version(&self) -> Option<Version> {
        self.version.as_deref().and_then(Version::find_in)
    }
}
