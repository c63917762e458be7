//! Commands on removed nodes.

use std::fmt;
use std::str::FromStr;

use clap::{Args, Subcommand};
use wnm_core::NodeId;

#[derive(Debug, Subcommand)]
pub(crate) enum Trash {
    /// List removed nodes that can be restored
    #[command(
        after_help = "wnm deletes a removed node after a day, or at the next cycle where disk use is over hd_less_than."
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
