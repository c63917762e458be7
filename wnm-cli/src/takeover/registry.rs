//! Tools that run nodes as their own children, and list them in a file.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::PathBuf;

use wnm_core::{ManagerKind, Node, NodeId, Version};
use wnm_platform::binary::check_owner;
use wnm_platform::manager::{Described, Found, Options};
use wnm_platform::other_tools;
use wnm_store::StoreError;

use super::contained::Contained;

/// A node that cannot be imported, with the reason.
pub(crate) type Refused = (String, String);

/// A node in a registry.
pub(crate) struct Entry {
    /// Its name for the operator.
    pub(crate) name: String,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// Its number, if the tool numbers its nodes.
    pub(crate) number: Option<NodeId>,
    /// Its version, as the tool recorded it.
    pub(crate) version: Option<Version>,
    /// Its peer ID, as the tool recorded it.
    pub(crate) peer_id: Option<String>,
    /// `RUNNING` or `STOPPED`, if the tool records the state that its operator wants.
    pub(crate) status: Option<String>,
    /// The node that the registry describes, or the reason why it does not suffice for one that does not run.
    pub(crate) node: Result<Node, String>,
}

/// A list of nodes of another tool. Only [`retire`](Self::retire) changes a file, and [`Retired::undo`] restores it.
pub(crate) trait Registry {
    /// Returns the name of the tool.
    fn tool(&self) -> &'static str;

    /// Returns the nodes, under this process manager.
    ///
    /// # Errors
    /// The file is missing or unreadable.
    fn entries(&self, manager: ManagerKind) -> Result<Vec<Result<Entry, Refused>>, RegistryError>;

    /// Returns the nodes inside containers, which [`entries`](Self::entries) leaves out, and those that cannot be imported.
    ///
    /// # Errors
    /// The file is missing or unreadable.
    fn contained(&self, _options: &Options) -> Result<(Vec<Contained>, Vec<Refused>), RegistryError> {
        Ok((Vec::new(), Vec::new()))
    }

    /// Checks that the tool does not run.
    ///
    /// # Errors
    /// It runs.
    fn check_unsupervised(&self) -> Result<(), RegistryError>;

    /// Returns the changes that [`retire`](Self::retire) makes, a sentence each.
    fn changes(&self) -> Vec<String>;

    /// Renames the file, so that a later start of the tool does not find the nodes.
    ///
    /// # Errors
    /// The tool runs or changes the file, or the file cannot be renamed.
    fn retire(&self) -> Result<Retired, RegistryError>;
}

/// Completes the nodes that a process manager found in the folders of a registry: a node that does not run is described by
/// the registry alone. Also returns the nodes that cannot be imported.
pub(crate) fn complete(entries: Vec<Result<Entry, Refused>>, found: &mut Vec<Found>) -> Vec<Refused> {
    let mut refused = Vec::new();
    let mut registered = BTreeSet::new();
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(other) => {
                refused.push(other);
                continue;
            }
        };
        let Some(found) = found.iter_mut().find(|found| found.folder.path == entry.folder) else {
            let reason = format!("the folder {} holds no identity of a node", entry.folder.display());
            refused.push((entry.name, reason));
            continue;
        };
        registered.insert(entry.folder);
        found.version = entry.version;
        found.peer_id = found.peer_id.take().or(entry.peer_id);
        found.status = entry.status;
        match (&mut found.node, entry.number) {
            (Ok(found), Some(number)) => (found.node.id, found.has_number) = (number, true),
            (Ok(_), None) => {}
            (Err(_), number) if found.process.is_none() => {
                let has_number = number.is_some();
                // wnm starts it with its own rights.
                let trusted = entry.node.and_then(|node| match check_owner(&node.binary) {
                    Ok(()) => Ok(node),
                    Err(error) => Err(error.to_string()),
                });
                found.node = trusted.map(|node| Described { has_number, ..Described::from(node) });
            }
            (Err(_), _) => {}
        }
    }
    // Other folders beside those of the registry are not those of the tool, unless a node runs on them.
    found.retain(|found| registered.contains(&found.folder.path) || found.process.is_some());
    refused
}

/// The right to restore a renamed registry.
pub(crate) struct Retired {
    from: PathBuf,
    to: PathBuf,
    /// The lock of the tool on its registry, where it has one.
    _lock: Option<fs::File>,
}

impl Retired {
    /// Renames a registry under the lock of its tool.
    ///
    /// # Errors
    /// The registry cannot be renamed.
    pub(crate) fn rename(from: PathBuf, to: PathBuf, lock: Option<fs::File>) -> Result<Self, RegistryError> {
        match other_tools::rename(&from, &to) {
            Ok(()) => Ok(Self { from, to, _lock: lock }),
            Err(source) => Err(RegistryError::File { verb: "rename", path: from, source }),
        }
    }

    /// Restores the registry.
    pub(crate) fn undo(self) {
        if let Err(error) = other_tools::rename(&self.to, &self.from) {
            tracing::error!(path = %self.to.display(), %error, "cannot restore the registry");
        }
    }
}

/// A failure to read or retire a registry.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    #[error("no registry of ant at {}", path.display())]
    NoAnt { path: PathBuf },
    #[error("cannot parse registry of ant {}: {fault}", path.display())]
    NotOfAnt { path: PathBuf, fault: String },
    #[error("another command of ant changes the registry: it holds {}", path.display())]
    AntBusy { path: PathBuf },
    #[error("the daemon of ant runs as process {pid}: it would start, stop and delete the same nodes")]
    AntRuns { pid: u32 },
    #[error("formicaio runs as process {pid}: it would start and stop the same nodes")]
    FormicaioRuns { pid: u32 },
    #[error(transparent)]
    Formicaio(#[from] StoreError),
    #[error("cannot {verb} {}: {source}", path.display())]
    File { verb: &'static str, path: PathBuf, source: io::Error },
}

impl RegistryError {
    /// Returns how to fix the problem.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::NoAnt { .. } => "`wnm init --import` imports running nodes without it",
            Self::File { .. } => "run wnm as the user of the file; nothing was changed",
            Self::NotOfAnt { .. } => "restore the registry from a backup; nothing was changed",
            Self::AntBusy { .. } => "wait for the end of that command, then try again; nothing was changed",
            Self::AntRuns { .. } => {
                "`ant node daemon stop` ends the daemon, and its nodes continue to run; then try again"
            }
            Self::FormicaioRuns { .. } => {
                "end formicaio, and with systemd also disable its service, so that it does not start again; then try again"
            }
            Self::Formicaio(error) => return error.hint().unwrap_or_else(|| "nothing was changed".to_owned()),
        }
        .to_owned()
    }
}
