//! The program that a new node gets.

use std::fmt;

/// The source of the program of a new node, as the setting `upgrade_source` selects it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpgradeSource {
    /// The newest program of a healthy node, where it is newer than the node binary: nodes upgrade themselves.
    Newest,
    /// The node binary at `antnode_path`.
    Binary,
}

impl UpgradeSource {
    /// All sources, in the order of messages.
    pub const ALL: [Self; 2] = [Self::Newest, Self::Binary];
}

impl fmt::Display for UpgradeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Newest => "newest",
            Self::Binary => "binary",
        })
    }
}
