//! The reasons why wnm does not import a node.

use std::path::{Path, PathBuf};

use wnm_core::{ManagerKind, NodeId, NotAManager, Problem, UnfitText, WalletError};
use wnm_platform::identity::KeyFault;

/// Why a node is not imported, as a sentence for people.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Obstacle {
    #[error("the number {} is not from 1 to {}", number(*.0), u32::MAX)]
    Number(Option<i64>),
    #[error("no folder is recorded")]
    NoFolder,
    #[error("the folder {} is not an absolute path without ..", .0.display())]
    RelativeFolder(PathBuf),
    #[error("the {name} {} is not an absolute path without ..", path.display())]
    NotPlain { name: &'static str, path: PathBuf },
    #[error("the folder {} does not exist, and with it the identity", .0.display())]
    MissingFolder(PathBuf),
    #[error(
        "the folder {} is a symbolic link to {}: a node that starts with the folder itself can be imported",
        folder.display(), target.display()
    )]
    Link { folder: PathBuf, target: PathBuf },
    #[error("the folder {} holds no identity of a node", .0.display())]
    NoIdentity(PathBuf),
    #[error("the folder of the service is unknown")]
    UnknownFolder,
    #[error("the marker in its folder belongs to {}{}", .id.name(), way_out(.marker))]
    OtherMarker { id: NodeId, marker: PathBuf },
    #[error("the node in {} has the same number{}", .folder.display(), .marker.as_deref().map_or_else(String::new, way_out))]
    SameNumber {
        folder: PathBuf,
        /// The marker of wnm in the folder of the node that is not imported; None where its number has another source.
        marker: Option<PathBuf>,
    },
    #[error("port {port} belongs to {}", .owner.name())]
    SamePort { port: u16, owner: NodeId },
    #[error("the folder {} belongs to {}", .folder.display(), .owner.name())]
    SameFolder { folder: PathBuf, owner: NodeId },
    #[error(
        "its identity is that of {} in {}: two nodes of one identity must never run, so delete one folder",
        .owner.name(), .folder.display()
    )]
    SameIdentity { owner: NodeId, folder: PathBuf },
    #[error(transparent)]
    Key(#[from] KeyFault),
    #[error("two of its ports are the same: {}", .0.iter().map(u16::to_string).collect::<Vec<_>>().join(", "))]
    RepeatedPort(Vec<u16>),
    #[error("the {name} {port} is not from 1 to 65535")]
    Port { name: &'static str, port: i64 },
    #[error("no {0} is recorded, and its number gives none")]
    NoPort(&'static str),
    #[error("its process manager is {0}: import it with --process-manager {0}")]
    OtherManager(ManagerKind),
    #[error(transparent)]
    UnknownManager(#[from] NotAManager),
    #[error("wallet: {0}")]
    Wallet(#[from] WalletError),
    #[error(transparent)]
    Setting(#[from] Box<Problem>),
    #[error(transparent)]
    Text(#[from] UnfitText),
    #[error("environment: {0:?} is not KEY=VALUE")]
    Environment(String),
    /// The process manager cannot tell the node's arguments.
    #[error("{reason}{}", running(*.pid))]
    Unreadable { reason: String, pid: Option<u32> },
}

fn number(recorded: Option<i64>) -> String {
    recorded.map_or_else(|| "(none)".to_owned(), |number| number.to_string())
}

/// Returns how a node comes over whose marker has the number of another one.
fn way_out(marker: &Path) -> String {
    let marker = marker.display();
    format!("; if no other wnm manages it, move {marker} elsewhere: the node is then imported with its identity")
}

fn running(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!("; its process {pid} continues to run"))
}
