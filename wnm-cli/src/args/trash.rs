//! Commands on removed nodes.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};
use wnm_core::NodeId;

use super::{ConsentFlag, NodeRange};

#[derive(Debug, Subcommand)]
pub(crate) enum Trash {
    /// List removed nodes that can be restored
    #[command(
        after_help = "wnm deletes a removed node after a day, or at the next cycle where disk use is over hd_less_than.\n\nExample:\n  wnm trash list    the names for `wnm trash restore`"
    )]
    List,
    /// Restore removed nodes with their identities, stopped
    #[command(
        after_help = "Examples:\n  wnm trash restore antnode0003\n  wnm trash restore antnode0003 --as 7\n  wnm trash restore 1c9e6f0a-5f0e-4d0c-9a3e-0a4b1d2c3e4f"
    )]
    Restore(Restore),
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// Removed nodes, such as 3 or antnode0003, or their UUIDs, as `wnm trash list` shows them
    #[arg(value_name = "NODE|UUID", value_delimiter = ',', required = true)]
    pub(crate) nodes: Vec<RemovedName>,
    /// Number of the restored node [default: the number that the node had]
    #[arg(long = "as", value_name = "N")]
    pub(crate) number: Option<NodeId>,
    /// Show which nodes would be restored, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// The nodes and the file of a backup.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("backed_up").args(["nodes", "all"]).required(true))]
pub(crate) struct Backup {
    /// Nodes, such as 3, 0003, antnode0003 or 5-9, separated by spaces or commas
    #[arg(value_name = "NODE", value_delimiter = ',')]
    pub(crate) nodes: Vec<NodeRange>,
    /// All nodes
    #[arg(long)]
    pub(crate) all: bool,
    /// File to write, which must not exist, or folder for a file with the date as its name
    #[arg(long, value_name = "FILE|FOLDER")]
    pub(crate) to: PathBuf,
}

/// The restore of nodes from the trash or from a backup.
#[derive(Debug, Args)]
pub(crate) struct RestoreAny {
    /// Removed nodes, such as 3 or antnode0003, or their UUIDs, as `wnm trash list` shows them; with --from the nodes of the
    /// backup [default with --from: all]
    #[arg(value_name = "NODE|UUID", value_delimiter = ',', required_unless_present = "from")]
    pub(crate) nodes: Vec<RemovedName>,
    /// Restore nodes from this file of `wnm node backup` instead of the trash
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Number of the restored node [default: the number that the node had; with --from the lowest free one where that is taken]
    #[arg(long = "as", value_name = "N")]
    pub(crate) number: Option<NodeId>,
    /// Show which nodes would be restored, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) consent: ConsentFlag,
}

/// The name of a removed node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RemovedName {
    /// The number that the node had.
    Number(NodeId),
    /// The UUID, or its beginning.
    Uuid(String),
}

/// A word that names no removed node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("neither a node such as 3 or antnode0003, nor the first 8 characters of a UUID or more")]
pub(crate) struct NotARemovedNode;

impl RemovedName {
    /// Tells whether a node has this name.
    pub(crate) fn is_of(&self, uuid: &str, id: Option<NodeId>) -> bool {
        match self {
            Self::Number(number) => id == Some(*number),
            Self::Uuid(beginning) => uuid.starts_with(beginning),
        }
    }
}

impl FromStr for RemovedName {
    type Err = NotARemovedNode;

    fn from_str(text: &str) -> Result<Self, NotARemovedNode> {
        // A UUID may begin with eight digits, and no colony has that many nodes.
        const SHORTEST_UUID: usize = 8;
        let is_hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        match text.parse() {
            Ok(id) if text.len() < SHORTEST_UUID || !is_hexadecimal => Ok(Self::Number(id)),
            _ if text.len() >= SHORTEST_UUID && is_hexadecimal => Ok(Self::Uuid(text.to_ascii_lowercase())),
            _ => Err(NotARemovedNode),
        }
    }
}

impl fmt::Display for RemovedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(id) => f.write_str(&id.name()),
            Self::Uuid(uuid) => f.write_str(uuid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_nodes_are_named_by_number_or_uuid() {
        let name = |text: &str| text.parse::<RemovedName>();
        assert_eq!(name("3").map(|name| name.to_string()), Ok("antnode0003".to_owned()));
        assert_eq!(name("antnode0003.service").map(|name| name.to_string()), Ok("antnode0003".to_owned()));
        assert_eq!(name("1C9E6F0A"), Ok(RemovedName::Uuid("1c9e6f0a".to_owned())));
        assert_eq!(name("12345678"), Ok(RemovedName::Uuid("12345678".to_owned())));
        for text in ["", "0", "1c9e", "nonsense", "../../etc"] {
            assert_eq!(name(text), Err(NotARemovedNode), "{text}");
        }
    }
}
