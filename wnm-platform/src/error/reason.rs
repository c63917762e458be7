//! The parts of error texts: operations, files, reasons and holders, each as an enum.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use wnm_core::NodeId;

/// An operation on a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileOperation {
    /// Read the content.
    Read,
    /// Write the content.
    Write,
    /// Create a file, folder or link.
    Create,
    /// Remove a file or folder.
    Remove,
    /// Open a file.
    Open,
    /// List the entries of a folder.
    List,
    /// Read the metadata.
    Inspect,
    /// Take the lock of a file.
    Lock,
    /// Copy a program to this path.
    CopyProgramTo,
    /// Replace a program by another one.
    Replace,
    /// Flush to disk.
    Sync,
    /// Rename into the trash folder.
    MoveToTrash,
    /// Move a folder out of the trash.
    MoveFromTrash,
    /// Move a process into a control group.
    AddProcessTo,
    /// Write the CPU limit of a control group.
    LimitCpuOf,
    /// Write the weight of a control group.
    WeighGroup,
    /// Copy a folder, or an entry of one, to another storage folder.
    CopyFolder,
    /// Rename a folder to its new place.
    MoveFolder,
    /// Serialize a node for this path.
    Serialize,
}

impl fmt::Display for FileOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Create => "create",
            Self::Remove => "remove",
            Self::Open => "open",
            Self::List => "list",
            Self::Inspect => "inspect",
            Self::Lock => "lock",
            Self::CopyProgramTo => "copy the node program to",
            Self::Replace => "replace",
            Self::Sync => "flush",
            Self::MoveToTrash => "move to the trash",
            Self::MoveFromTrash => "move out of the trash",
            Self::AddProcessTo => "add a process to control group",
            Self::LimitCpuOf => "set the CPU limit of control group",
            Self::WeighGroup => "set the weight of control group",
            Self::CopyFolder => "copy",
            Self::MoveFolder => "move",
            Self::Serialize => "serialize the node for",
        })
    }
}

/// A kind of file that wnm parses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParsedFile {
    /// The marker in the folder of a node.
    Marker,
    /// The registry of antctl.
    AntctlRegistry,
}

impl fmt::Display for ParsedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Marker => "node marker",
            Self::AntctlRegistry => "antctl registry",
        })
    }
}

/// The reason why a folder may not be used or deleted as the folder of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The path is relative or contains `..`.
    NotAbsolute,
    /// The path is outside all storage folders.
    OutsideStorage,
    /// The path contains this storage folder.
    ContainsStorage(PathBuf),
    /// The path is in the trash.
    InTrash,
    /// The path is the root of all folders.
    RootFolder,
    /// The path is the folder of a node, or is inside this folder of a node.
    InsideNode(PathBuf),
    /// A part of the path is a symbolic link.
    Link(PathBuf),
    /// A part of the path is a file.
    File(PathBuf),
    /// The folder does not exist.
    Missing,
    /// The folder contains files but no marker.
    Unmarked,
    /// The folder has neither a marker nor an identity file.
    NoIdentity,
    /// The folder has no identity file, so that no node can be restored from it.
    NoIdentityFile,
    /// The folder exists already.
    Occupied,
    /// The marker names another node.
    OtherNode {
        /// The number of that node when its folder was created.
        id: NodeId,
        /// The UUID of that node.
        uuid: String,
    },
    /// The UUID of the node is not usable as a file name in the trash.
    BadUuid(String),
    /// The log folder contains the folders of nodes.
    ContainsNodes,
    /// The trash is a link or a file.
    TrashIsNoFolder,
    /// systemd cannot express the path in a unit file.
    NotForUnitFile,
    /// A folder on the path can be written by another user than root and that of wnm.
    SharedFolder(PathBuf),
    /// A folder on the path is not accessible for the user of the nodes.
    ClosedTo {
        /// The folder without access.
        closed: PathBuf,
        /// The user of the nodes.
        user: &'static str,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAbsolute => f.write_str("the path is relative or contains `..`"),
            Self::OutsideStorage => f.write_str("it is outside the storage folders"),
            Self::ContainsStorage(root) => write!(f, "it contains the storage folder {}", root.display()),
            Self::InTrash => f.write_str("it is in the trash"),
            Self::RootFolder => f.write_str("it is the root folder"),
            Self::InsideNode(path) => write!(f, "{} is the folder of a node", path.display()),
            Self::Link(path) => write!(f, "{} is a symbolic link", path.display()),
            Self::File(path) => write!(f, "{} is a file", path.display()),
            Self::Missing => f.write_str("it does not exist"),
            Self::Unmarked => f.write_str("it contains files but no marker"),
            Self::NoIdentity => f.write_str("it contains neither a marker nor an identity file"),
            Self::NoIdentityFile => f.write_str("it contains no identity file"),
            Self::Occupied => f.write_str("it exists already"),
            Self::OtherNode { id, uuid } => write!(f, "its marker names node {id} with UUID {uuid}"),
            Self::BadUuid(uuid) => write!(f, "the UUID {uuid:?} is not usable as a file name"),
            Self::ContainsNodes => f.write_str("it contains folders of nodes"),
            Self::TrashIsNoFolder => f.write_str("the trash is a link or a file"),
            Self::NotForUnitFile => f.write_str("a unit file cannot contain this path"),
            Self::SharedFolder(path) => write!(f, "another user can write {}", path.display()),
            Self::ClosedTo { closed, user } => {
                write!(f, "user {user}, who runs the nodes, may not enter {}", closed.display())
            }
        }
    }
}

/// The holder of a name that a node needs in its process manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameHolder {
    /// The unit is masked.
    Mask {
        /// The name of the unit.
        unit: String,
    },
    /// The unit file is a link.
    Link(PathBuf),
    /// The unit belongs to another node.
    OtherNode {
        /// The UUID of that node.
        uuid: String,
    },
    /// The unit was not written by wnm.
    ExternalUnit,
    /// The container was not created by wnm for this folder.
    Container {
        /// The folder of the container's node, if it is known.
        root: Option<String>,
    },
    /// antctl assigns another number next.
    AntctlCounter {
        /// The next number.
        next: usize,
    },
}

impl fmt::Display for NameHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mask { .. } => f.write_str("a mask"),
            Self::Link(target) => write!(f, "a link to {}", target.display()),
            Self::OtherNode { uuid } => write!(f, "another node with UUID {uuid}"),
            Self::ExternalUnit => f.write_str("a unit that wnm did not write"),
            Self::Container { root: Some(root) } => write!(f, "the container of the node at {root}"),
            Self::Container { root: None } => f.write_str("a container that wnm did not create"),
            Self::AntctlCounter { next } => write!(f, "antctl, which assigns number {next} next"),
        }
    }
}

/// The reason why the engine of containers cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineProblem {
    /// Its daemon does not run.
    NotRunning,
    /// The socket of its daemon is closed to this user.
    NotPermitted,
}

impl fmt::Display for EngineProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRunning => "the docker daemon does not run",
            Self::NotPermitted => "this user may not use the docker daemon",
        })
    }
}

/// The difference between the antctl registry and the request of wnm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryProblem {
    /// The registry has no entry of the node.
    NoEntry,
    /// antctl added the node elsewhere.
    AddedAt(Vec<PathBuf>),
}

impl fmt::Display for RegistryProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEntry => f.write_str("no entry of it"),
            Self::AddedAt(paths) => {
                let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
                write!(f, "an entry at {}", paths.join(", "))
            }
        }
    }
}

/// A property of a node that antctl does not support.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AntctlLimit {
    /// The program is not `antnode`.
    Program,
    /// The folder has another name than antctl gives it.
    FolderName,
    /// A value of the environment contains a comma, which separates variables in `--env`.
    CommaInEnvironment,
    /// systemd would read a path or an argument differently, because antctl does not quote it in the unit.
    Word(String),
}

impl fmt::Display for AntctlLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program => f.write_str("it supports only antnode"),
            Self::FolderName => f.write_str("the folder does not have the name of the service"),
            Self::CommaInEnvironment => f.write_str("a value in the environment contains a comma"),
            Self::Word(word) => {
                write!(f, "it does not quote \"{word}\" in its unit, and systemd reads that differently")
            }
        }
    }
}

/// Returns the cause of an I/O error without the number that the standard library appends.
pub(super) fn cause(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error ").next().unwrap_or_default();
    // "No such file" becomes "no such file", but an acronym at the beginning keeps its capitals.
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

/// Returns the end of a message about a program: its output after a colon, or nothing when it printed nothing.
pub(super) fn suffix(printed: &str) -> String {
    if printed.is_empty() { String::new() } else { format!(": {printed}") }
}

/// The length of a fault of a JSON text, in characters.
const LONGEST_FAULT: usize = 200;

/// Returns the fault of a JSON text with its position, in words of wnm.
pub(crate) fn json_fault(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    let position = format!("line {}, column {}", error.line(), error.column());
    match error.classify() {
        Category::Eof => "the file is truncated".to_owned(),
        Category::Syntax | Category::Io => format!("{position}: not valid JSON"),
        Category::Data => {
            let text = error.to_string();
            let fault = text.split(" at line ").next().unwrap_or_default();
            // The fault quotes the value, which may be of any length.
            let short: String = fault.chars().take(LONGEST_FAULT).collect();
            format!("{position}: {short}{}", if short.len() < fault.len() { " …" } else { "" })
        }
    }
}

/// Returns an error for JSON that a node cannot be written as.
pub(crate) fn not_serialized(path: &Path, error: serde_json::Error) -> super::PlatformError {
    super::PlatformError::File { operation: FileOperation::Serialize, path: path.to_owned(), source: error.into() }
}
