//! Process managers, which start and stop the processes of nodes: one trait, one file for each manager.

mod adopt;
mod antctl;
mod definition;
mod docker;
mod launchd;
mod options;
mod setsid;
mod signal;
mod systemd;
mod unlisted;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use wnm_core::{ExitStatus, ManagerKind, Node, NodeId, ProcessIdentity, Program, Scope, Version};

use crate::error::PlatformError;
use crate::exec::Call;
use crate::node_dir::Folder;
use crate::node_log::Follow;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing {
    //! The fuzz targets of the managers.
    pub(crate) use super::antctl::fuzz as registry;
    pub(crate) use super::docker::fuzz as containers;
    pub(crate) use super::launchd::{fuzz_output as launchctl, fuzz_service as property_list};
    pub(crate) use super::systemd::fuzzing as systemd;
}
pub(crate) use adopt::each;
pub use antctl::{Registered, RegisteredNodes, registered};
pub use docker::{Activity, OtherContainer};
pub(crate) use launchd::runs_behind as launchd_runs_behind;
pub use options::{Options, Verbosity};
pub use systemd::ManagerWarning;
#[cfg(test)]
pub(crate) use systemd::command_in as systemd_command_in;
pub(crate) use systemd::command_line as systemd_command_line;
pub(crate) use systemd::runtime_folder;
pub(crate) use systemd::{ExternalUnit, ExternalUnits, Slice, has_systemd, is_bare_word, slice_name};
pub(crate) use systemd::{LINGERING_USERS, lingering_hint, lingering_told};
pub use unlisted::ProvenNode;
pub(crate) use unlisted::settle as settle_unlisted;

/// A process manager.
///
/// All methods are small and idempotent, and none waits for a process: [`survey`](Self::survey) reports whether it runs.
/// A manager that needs a reload after changed definitions runs it once, at the next [`start`](Self::start): the steps
/// of all nodes run in lockstep, so that all definitions of a cycle come before its first start.
pub trait ProcessManager: Send + Sync {
    /// Returns the kind of this manager.
    fn kind(&self) -> ManagerKind;

    /// Tries the manager: it answers, and has all that a new node needs.
    ///
    /// # Errors
    /// The manager is not installed, does not answer, or lacks a right or a file.
    fn check(&self) -> Result<(), PlatformError> {
        Ok(())
    }

    /// Runs a short program as a service with a name that no node has, and removes the service. None for managers that start
    /// processes without a service, or whose [`check`](Self::check) tries all that a node needs.
    fn try_service(&self) -> Option<Result<(), PlatformError>> {
        None
    }

    /// Checks, before an addition writes a file, that this manager can run a node with these paths and values.
    ///
    /// # Errors
    /// The manager does not support a property of the node.
    fn supports(&self, _node: &Node) -> Result<(), PlatformError> {
        Ok(())
    }

    /// Checks that no other service has the name of a new node, before the first file of the node exists. The default is
    /// for managers whose services have no names of their own, or whose names never meet.
    ///
    /// # Errors
    /// Another service has the name, or the manager does not answer.
    fn check_name(&self, _node: &Node) -> Result<(), PlatformError> {
        Ok(())
    }

    /// Writes or updates the definition of a node.
    ///
    /// # Errors
    /// The definition cannot be written, or the manager rejects it.
    fn define(&self, node: &Node) -> Result<(), PlatformError>;

    /// Starts the process of a defined node, unless it runs.
    ///
    /// # Errors
    /// The process cannot be started. A process that exits at once is no error here.
    fn start(&self, node: &Node) -> Result<(), PlatformError>;

    /// Signals all processes of the node and prevents the manager from starting it again.
    ///
    /// # Errors
    /// A process cannot be signalled.
    fn stop(&self, node: &Node, stop_signal: StopSignal) -> Result<(), PlatformError>;

    /// Moves files that wnm believes or runs out of the folder where the node writes, for a node that an earlier release
    /// of wnm made. A running process continues. Each part is a file that appears completely or not at all, so that the
    /// call can be repeated after an interruption at any moment.
    ///
    /// # Errors
    /// Another user can write the storage folder, or a file cannot be written.
    fn protect(&self, _node: &Node) -> Result<(), PlatformError> {
        Ok(())
    }

    /// Returns a call of the node's program with the rights of the node's process; None when this manager cannot make one.
    /// The default is the call itself, for managers under which nodes run as the user of wnm.
    fn as_node(&self, _node: &Node, call: Call) -> Option<Call> {
        Some(call)
    }

    /// Returns the last message of a node's process that the manager keeps outside of the node's logs, if there is one.
    fn last_words(&self, _node: &Node) -> Option<String> {
        None
    }

    /// Returns the call that prints the last lines of the log that the manager keeps of a node; None for managers that
    /// keep none. With [`Follow::Yes`] the call does not end.
    fn log(&self, _node: &Node, _lines: u32, _follow: Follow) -> Option<Call> {
        None
    }

    /// Returns the status with which the last process of each node ended, with as few calls as possible. Nodes whose
    /// status is unknown are absent.
    fn exits(&self, _nodes: &[&Node]) -> BTreeMap<NodeId, ExitStatus> {
        BTreeMap::new()
    }

    /// Gives up the part of the definition that names the old folder of a node that has moved. The next definition makes it
    /// again. The default does nothing, for managers that find a node by its name and its UUID.
    ///
    /// # Errors
    /// The part cannot be removed.
    fn release(&self, _old: &Node) -> Result<(), PlatformError> {
        Ok(())
    }

    /// Removes the definition of a node, if it exists.
    ///
    /// # Errors
    /// The definition cannot be removed.
    fn undefine(&self, node: &Node) -> Result<(), PlatformError>;

    /// Returns the state of each node, with as few calls as possible.
    fn survey(&self, nodes: &[&Node]) -> BTreeMap<NodeId, Service>;

    /// Finds the nodes in storage folders without a database: after its loss, and for the adoption of external nodes.
    ///
    /// # Errors
    /// The storage folders or the definitions are unreadable.
    fn discover(&self, roots: &[PathBuf]) -> Result<Vec<Found>, PlatformError>;

    /// Returns the node of a folder by a definition that only root and the user of wnm can write, and no process of the node;
    /// None without one.
    fn definition_of(&self, folder: &Folder) -> Option<Node> {
        definition::read(folder, self.kind())
    }

    /// Returns all services of this manager that may run nodes, including external ones.
    ///
    /// # Errors
    /// The manager does not answer, or its definitions are unreadable.
    fn services(&self) -> Result<Vec<Listed>, PlatformError>;

    /// Marks external services as adopted, with as few calls as possible. A running process continues. The folders of the
    /// nodes have their markers already.
    ///
    /// # Errors
    /// The name of a service is taken by another one, or a mark cannot be written.
    fn adopt(&self, nodes: &[&Node]) -> Result<(), PlatformError> {
        adopt::each(nodes, definition::write)
    }

    /// Returns those of these started nodes that the manager does not start after a reboot of the host. The default is for
    /// managers that start all of them, or none.
    fn not_enabled(&self, _nodes: &[&Node]) -> Vec<NodeId> {
        Vec::new()
    }

    /// Lets the manager start a started node after a reboot of the host.
    ///
    /// # Errors
    /// The manager refuses, or a file cannot be written.
    fn enable(&self, _node: &Node) -> Result<(), PlatformError> {
        Ok(())
    }

    /// Returns the number of automatic restarts of each node since its last requested start; empty for managers without
    /// such a counter.
    ///
    /// # Errors
    /// The manager does not answer.
    fn restarts(&self, _nodes: &[&Node]) -> Result<BTreeMap<NodeId, u32>, PlatformError> {
        Ok(BTreeMap::new())
    }

    /// Returns the highest node number so far for managers that assign each number only once; None for others.
    ///
    /// # Errors
    /// The registry of the manager is unreadable.
    fn highest_number(&self) -> Result<Option<u32>, PlatformError> {
        Ok(None)
    }
}

/// The signal that ends a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGTERM: the process may save its data.
    Term,
    /// SIGKILL.
    Kill,
}

/// The state of one node in its process manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Service {
    /// The node runs as this process.
    Running(ProcessIdentity),
    /// The node does not run.
    Stopped,
    /// The state is unknown, for this reason. Unknown does not count as stopped.
    Unknown(String),
}

impl From<&PlatformError> for Service {
    /// Returns an unknown state with the error as its reason.
    fn from(error: &PlatformError) -> Self {
        Self::Unknown(match error.hint() {
            Some(hint) => format!("{error}; hint: {hint}"),
            None => error.to_string(),
        })
    }
}

/// A node found on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its folder with the marker.
    pub folder: Folder,
    /// The node as its definition describes it, or the reason why it cannot be adopted.
    pub node: Result<Described, String>,
    /// The process with this folder; None when it does not run.
    pub process: Option<FoundProcess>,
    /// The status in the manager's own words, for managers that have them.
    pub status: Option<String>,
    /// The version that its manager has recorded.
    pub version: Option<Version>,
    /// The peer ID that its manager has recorded, or that belongs to its identity.
    pub peer_id: Option<String>,
}

/// A node as the definition of its service describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The node. Another one can have the same number.
    pub node: Node,
    /// Whether the number is that of a name or a registry; without one it is a placeholder.
    pub has_number: bool,
    /// The words of its command line that wnm does not know and keeps.
    pub unknown_arguments: Vec<String>,
    /// Settings with another value than the one that wnm gives every node, such as `--max-log-files 5`.
    pub replaced: Vec<String>,
    /// Another tool that starts its service, such as a project of docker compose; None where only its operator does.
    pub starter: Option<String>,
}

impl From<Node> for Described {
    /// Returns a node that wnm has described itself.
    fn from(node: Node) -> Self {
        Self { node, has_number: true, unknown_arguments: Vec::new(), replaced: Vec::new(), starter: None }
    }
}

impl Found {
    fn new(folder: Folder, node: Result<Described, String>, process: Option<FoundProcess>) -> Self {
        Self { folder, node, process, status: None, version: None, peer_id: None }
    }
}

/// A service with the name of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name in the manager.
    pub name: String,
    /// The folder of its node; None when the definition does not show it.
    pub folder: Option<PathBuf>,
    /// Why its definition is unreadable, for a definition that is.
    pub fault: Option<String>,
}

/// A process found on a node's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundProcess {
    /// Its identity.
    pub identity: ProcessIdentity,
    /// Its executable; None without the rights to read it.
    pub executable: Option<PathBuf>,
    /// Its arguments, starting with the program name.
    pub arguments: Vec<OsString>,
    /// Its working directory, where its folder is given relative to it.
    pub working_dir: Option<PathBuf>,
}

impl FoundProcess {
    /// Returns the arguments after the program name; None when one is not UTF-8.
    fn words(&self) -> Option<Vec<String>> {
        self.arguments.iter().skip(1).map(|word| word.to_str().map(ToOwned::to_owned)).collect()
    }
}

/// Opens the process manager of a kind.
///
/// # Errors
/// The manager is not available on this host, or wnm lacks the rights it needs.
pub fn open(kind: ManagerKind, options: &Options) -> Result<Box<dyn ProcessManager>, PlatformError> {
    match (kind.program, kind.scope) {
        (Program::Antctl, _) => Ok(Box::new(antctl::Antctl::new(kind, options)?)),
        (Program::Docker, _) => Ok(Box::new(docker::Docker::new(kind, options))),
        (Program::Systemd, _) => Ok(Box::new(systemd::Systemd::open(kind, options)?)),
        (Program::Launchd, _) => Ok(Box::new(launchd::Launchd::new(kind, options)?)),
        (Program::Setsid, Scope::User | Scope::Zen) => Ok(Box::new(setsid::Setsid::new(kind, options))),
        (Program::Setsid, Scope::Sudo) => {
            if !rustix::process::geteuid().is_root() {
                return Err(PlatformError::NeedsRoot { manager: kind });
            }
            Ok(Box::new(setsid::Setsid::new(kind, options)))
        }
    }
}

/// Returns the process manager of a kind with tools that `exec` runs, and with files and processes in a folder.
#[cfg(test)]
pub(crate) fn with_tools(
    kind: ManagerKind,
    exec: crate::exec::Exec,
    folder: &std::path::Path,
) -> Box<dyn ProcessManager> {
    match kind.program {
        Program::Antctl => Box::new(antctl::Antctl::with_tools(kind, exec, folder)),
        Program::Docker => Box::new(docker::Docker::with_tools(kind, exec, folder)),
        Program::Systemd => Box::new(systemd::Systemd::with_tools(kind, exec, folder)),
        Program::Launchd => Box::new(launchd::Launchd::with_tools(kind, exec, folder)),
        Program::Setsid => Box::new(setsid::Setsid::new(kind, &Options::default())),
    }
}

/// Returns a warning about a process manager on this host, if there is one.
#[must_use]
pub fn warning(kind: ManagerKind) -> Option<ManagerWarning> {
    match (kind.program, kind.scope) {
        (Program::Systemd, Scope::User) => systemd::warning(),
        _ => None,
    }
}

/// Returns an external service that would start a node: "unit /etc/…". None when there is none.
pub(crate) fn other_holder(node: &Node) -> Option<String> {
    other_holders(&[node]).pop().map(|(_, holder)| holder)
}

/// Returns the nodes that have a user of their own, and whose definition is in a folder where that user can write: an
/// earlier release of wnm made them, and [`ProcessManager::protect`] has not converted them.
#[must_use]
pub fn unprotected(nodes: &[&Node]) -> Vec<NodeId> {
    nodes.iter().filter(|node| !definition::is_protected(node)).map(|node| node.id).collect()
}

/// Returns the external services that would start these nodes.
#[must_use]
pub fn other_holders(nodes: &[&Node]) -> Vec<(NodeId, String)> {
    // The services of antctl are systemd units with names of its choice, so they would be reported as external.
    let others: Vec<&Node> = nodes.iter().copied().filter(|node| node.manager.program != Program::Antctl).collect();
    if others.is_empty() { Vec::new() } else { systemd::other_holders(&others) }
}
