//! Errors of a restore from the trash.

use std::path::PathBuf;

use wnm_core::{Flavor, ManagerKind, NodeId};

use crate::render::counted;

/// The reason why a removed node cannot be restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrashError {
    #[error("no removed node {name} in the trash")]
    NotFound { name: String },
    #[error("the trash contains {} nodes {name}", .uuids.len())]
    Several { name: String, uuids: Vec<String> },
    #[error("cannot restore {}: it contains no identity file", .folder.display())]
    NoIdentity { folder: PathBuf },
    #[error("cannot restore node {uuid}: its number is unknown")]
    NoNumber { uuid: String, free: NodeId },
    #[error("cannot restore {name}: the colony has another {}", .taken.name())]
    NumberTaken { name: String, taken: NodeId, free: NodeId },
    #[error("cannot restore {name}: {} exists already", .folder.display())]
    FolderTaken { name: String, folder: PathBuf, free: NodeId },
    #[error("cannot restore {name}: the colony has {}, and node_cap is {cap}", counted(total, "node"))]
    CapReached { name: String, total: usize, cap: u32 },
    #[error("cannot restore {uuid} under this number: its folder {} stays in its place", .folder.display())]
    InPlace { uuid: String, folder: PathBuf },
    #[error("cannot restore a node under {manager}: it never reuses the number of a removed node")]
    WithoutReuse { manager: ManagerKind },
    #[error("cannot restore {name}: {} has the same identity", .folder.display())]
    LivesHere { name: String, folder: PathBuf },
    #[error("cannot restore {name}: its identity is in the trash, with its records")]
    InTrash { name: String, uuid: String },
    #[error("cannot restore {name}: it is a node of {node}, and the setting flavor is {setting}")]
    OtherProgram { name: String, node: Box<Flavor>, setting: Box<Flavor> },
    #[error("the backup {} contains no node {name}", .file.display())]
    NotInBackup { file: PathBuf, name: String },
    #[error("--as gives one number, and {count} nodes are named")]
    OneNumber { count: usize },
}

impl TrashError {
    /// Returns how the operator can fix the cause.
    pub(super) fn hint(&self) -> String {
        match self {
            Self::NotFound { .. } => "list the removed nodes with `wnm trash list`".to_owned(),
            Self::Several { uuids, .. } => {
                let latest = uuids.first().map_or("UUID", String::as_str);
                format!("restore the latest with `wnm trash restore {latest}`, or see `wnm trash list`")
            }
            Self::NoIdentity { .. } => "add a new node with `wnm node add`".to_owned(),
            Self::NoNumber { uuid: name, free }
            | Self::NumberTaken { name, free, .. }
            | Self::FolderTaken { name, free, .. } => {
                format!("give it another number with `wnm trash restore {name} --as {}`", free.get())
            }
            Self::CapReached { total, .. } => format!("raise it first with `wnm config set node_cap {}`", total + 1),
            Self::InPlace { uuid, .. } => format!("restore it under its own number with `wnm trash restore {uuid}`"),
            Self::WithoutReuse { .. } => "add a new node with `wnm node add`".to_owned(),
            Self::LivesHere { .. } => "an identity must never run twice: remove that node first".to_owned(),
            Self::InTrash { uuid, .. } => format!("restore it from there with `wnm trash restore {uuid}`"),
            Self::OtherProgram { .. } => "set flavor and antnode_path to its program with `wnm config set`".to_owned(),
            Self::NotInBackup { .. } => {
                "without names all nodes of the file are restored; --dry-run lists them".to_owned()
            }
            Self::OneNumber { .. } => "restore each node with a command of its own".to_owned(),
        }
    }
}
