//! What starts and stops the processes of nodes: one trait, one file for each process manager.

mod adopt;
mod antctl;
mod definition;
mod docker;
mod launchd;
mod options;
mod setsid;
mod signal;
mod systemd;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use wnm_core::{ManagerKind, Node, NodeId, ProcessIdentity, Program, Scope, Version};

use crate::error::PlatformError;
use crate::node_dir::Folder;

pub use options::{Options, Verbosity};
pub use systemd::ManagerWarning;
pub(crate) use systemd::command_line as systemd_command_line;
pub(crate) use systemd::{Slice, slice_name};

/// A process manager.
///
/// Its verbs are small and idempotent, and none waits: whether a process is up or gone is for
/// [`survey`](Self::survey) to tell. A manager that must be told of changed definitions before it starts anything
/// (such as by a reload) remembers that they changed, and tells it once at the next [`start`](Self::start): the steps
/// of many nodes run side by side, so all definitions of a cycle come before its first start.
pub trait ProcessManager: Send + Sync {
    /// Returns which one this is.
    fn kind(&self) -> ManagerKind;

    /// Makes the manager know a node as it is described now.
    ///
    /// # Errors
    /// The definition could not be written, or was not accepted.
    fn define(&self, node: &Node) -> Result<(), PlatformError>;

    /// Starts the process of a node that is defined; one that runs is left as it is.
    ///
    /// # Errors
    /// The process could not be started. That it started and ended at once is no error.
    fn start(&self, node: &Node) -> Result<(), PlatformError>;

    /// Tells every process that runs the node to end, and keeps the manager from starting it again; none running
    /// counts as done.
    ///
    /// # Errors
    /// The process could not be told.
    fn stop(&self, node: &Node, stop_signal: StopSignal) -> Result<(), PlatformError>;

    /// Returns what the process of a node said last where it does not go into the node's logs; None when it said
    /// nothing, or all is there.
    fn last_words(&self, _node: &Node) -> Option<String> {
        None
    }

    /// Makes the manager forget a node; one it does not know counts as forgotten.
    ///
    /// # Errors
    /// The definition could not be removed.
    fn undefine(&self, node: &Node) -> Result<(), PlatformError>;

    /// Tells of each node whether it runs, all at once.
    fn survey(&self, nodes: &[&Node]) -> BTreeMap<NodeId, Service>;

    /// Returns the nodes that are found on the host without knowing any: how a colony is rebuilt after its database
    /// was lost, and how those of other tools are found.
    ///
    /// # Errors
    /// The storage folders or the definitions cannot be read.
    fn discover(&self, roots: &[PathBuf]) -> Result<Vec<Found>, PlatformError>;

    /// Returns everything this manager keeps that may be a node, by whatever hand and wherever it lies.
    ///
    /// # Errors
    /// The manager cannot be asked, or what it knows cannot be read.
    fn services(&self) -> Result<Vec<Listed>, PlatformError>;

    /// Makes a node that another tool made one of wnm's, so that later steps take it as such; what runs is left as it
    /// is. The node's folder carries its marker by then.
    ///
    /// # Errors
    /// Something else has its name, or what marks it could not be written.
    fn adopt(&self, node: &Node) -> Result<(), PlatformError> {
        definition::write(node)
    }

    /// Returns how often the manager started each node again by itself since somebody started it last, all at once;
    /// nothing of those it does not count for.
    ///
    /// # Errors
    /// The manager cannot be asked.
    fn restarts(&self, _nodes: &[&Node]) -> Result<BTreeMap<NodeId, u32>, PlatformError> {
        Ok(BTreeMap::new())
    }

    /// Returns the highest number that was ever given out, by managers that give none out twice; None by others.
    ///
    /// # Errors
    /// What the manager knows cannot be read.
    fn highest_number(&self) -> Result<Option<u32>, PlatformError> {
        Ok(None)
    }
}

/// How a process is told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// It is asked, and may save what it has.
    Term,
    /// It is ended.
    Kill,
}

/// What a process manager says of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Service {
    /// It runs, as this process.
    Running(ProcessIdentity),
    /// It does not run.
    Stopped,
    /// It could not be told, for this reason. Unknown is not stopped.
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
    /// Its folder, with what marks it.
    pub folder: Folder,
    /// The node as the process manager knows it, or why it is left alone.
    pub node: Result<Node, String>,
    /// What runs on the folder; None when nothing does.
    pub process: Option<FoundProcess>,
    /// What its manager says of it, where it does so in words of its own.
    pub status: Option<String>,
    /// The version its manager has on record.
    pub version: Option<Version>,
}

impl Found {
    fn new(folder: Folder, node: Result<Node, String>, process: Option<FoundProcess>) -> Self {
        Self { folder, node, process, status: None, version: None }
    }
}

/// Something that a process manager keeps under the name of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What the manager calls it.
    pub name: String,
    /// The folder it runs on; None when that cannot be told.
    pub folder: Option<PathBuf>,
}

/// A process found on a node's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundProcess {
    /// Which one.
    pub identity: ProcessIdentity,
    /// Its executable, without the mark of one that was replaced; None when it may not be read.
    pub executable: Option<PathBuf>,
    /// Its arguments, the program's name first.
    pub arguments: Vec<OsString>,
}

/// Returns the process manager of this kind; what it finds and makes beside nodes is as `options` say.
///
/// # Errors
/// It cannot work here, or not with wnm's rights.
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

/// Returns what an operator should know of how this process manager keeps nodes on this host.
#[must_use]
pub fn warning(kind: ManagerKind) -> Option<ManagerWarning> {
    match (kind.program, kind.scope) {
        (Program::Systemd, Scope::User) => systemd::warning(),
        _ => None,
    }
}

/// Returns what else, beside its own process manager, would start a node: words such as "the unit /etc/…"; None when
/// nothing does.
pub(crate) fn other_holder(node: &Node) -> Option<String> {
    other_holders(&[node]).pop().map(|(_, holder)| holder)
}

/// Returns what else, beside their own process managers, would start nodes, as words.
#[must_use]
pub fn other_holders(nodes: &[&Node]) -> Vec<(NodeId, String)> {
    // The services of antctl are units too, of names that it chooses.
    let others: Vec<&Node> = nodes.iter().copied().filter(|node| node.manager.program != Program::Antctl).collect();
    if others.is_empty() { Vec::new() } else { systemd::other_holders(&others) }
}
