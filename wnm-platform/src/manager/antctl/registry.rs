//! What the official manager remembers of its nodes: a file of JSON that it writes whole after each change.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use wnm_core::{Node, Version};

use crate::error::{FileOperation, ParsedFile, PlatformError, json_fault};
use crate::node_dir;

/// The longest registry that is read, in bytes: about a kilobyte a node, with room for years of removed ones.
const LIMIT: u64 = 64 * 1024 * 1024;

/// All nodes that were ever added, removed ones included, in the order of their numbers.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub(super) struct Registry {
    pub(super) nodes: Vec<Entry>,
}

/// One node, as far as wnm needs to know. What else is written, and what newer versions write, is passed over.
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

/// Where a node stands as its manager last saw it; it does not look by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Status {
    /// Made, and not started since; or started and ended at once.
    Added,
    /// Started, and not told to stop since.
    Running,
    /// Told to stop, or seen to have ended.
    Stopped,
    /// Gone; its name and its ports stay taken.
    Removed,
}

impl Registry {
    /// Reads the registry; one that is not there yet is empty.
    pub(super) fn read(path: &Path) -> Result<Self, PlatformError> {
        match node_dir::read_bounded(path, LIMIT) {
            Ok(text) => Self::parse(&text).map_err(|error| PlatformError::Unparsable {
                file: ParsedFile::AntctlRegistry,
                path: path.to_owned(),
                reason: json_fault(&error),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(PlatformError::File { operation: FileOperation::Read, path: path.to_owned(), source }),
        }
    }

    /// Reads the text of the registry, or of `status --json`, which is empty when there are no nodes.
    pub(super) fn parse(text: &[u8]) -> serde_json::Result<Self> {
        if text.trim_ascii().is_empty() { Ok(Self::default()) } else { serde_json::from_slice(text) }
    }

    /// Returns the entry of a node that was not removed.
    pub(super) fn of(&self, node: &Node) -> Option<&Entry> {
        self.living().find(|entry| entry.data_dir_path == node.root_dir)
    }

    /// Returns the entries that were not removed.
    pub(super) fn living(&self) -> impl Iterator<Item = &Entry> {
        self.nodes.iter().filter(|entry| entry.status != Status::Removed)
    }

    /// Returns the number that the next node will have.
    pub(super) fn next(&self) -> usize {
        self.nodes.len() + 1
    }
}

impl Entry {
    /// Returns the version of the node's program as its manager knows it.
    pub(super) fn version(&self) -> Option<Version> {
        self.version.as_deref().and_then(Version::find_in)
    }
}
