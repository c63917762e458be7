//! The kind of cause for which a step fails.

use serde::{Deserialize, Serialize};

/// The kind of cause for which a step failed. It tells which tries would fail for the same cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FailureCause {
    /// The number of the node is taken: its folder, its service or one of its ports.
    Number,
    /// Bytes or inodes are missing on the volume.
    Space,
    /// The volume is lost, read-only, or mounted so that no program can run from it.
    Volume,
    /// The node program is missing, or is not a program of the flavor for this machine.
    Program,
    /// The node program refuses the arguments that the settings give a node.
    Arguments,
    /// The user of wnm or of the nodes lacks a right to a file, a folder or a command, or another user has too many.
    Rights,
    /// The process of the node ended before it was up.
    Exit,
    /// A tool of the host, such as systemctl or docker, failed or does not answer.
    Tool,
    /// Any other cause.
    #[default]
    Other,
}

impl FailureCause {
    /// Returns whether the cause is of no kind.
    #[must_use]
    pub fn is_other(&self) -> bool {
        *self == Self::Other
    }
}
