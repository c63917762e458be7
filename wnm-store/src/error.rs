//! Errors of the database: the failure, and the cause as data. The caller adds a hint.

mod db;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wnm_core::{ActionId, NodeId};

use crate::copies;
use crate::file::Owner;
use crate::history::CycleId;
use crate::other_tool::{OtherTool, OtherToolError};
use crate::record::{Corruption, Record};

pub(crate) use db::{BUSY_WAIT, DbError};

/// Returns a path as a word of a command that is typed into a shell.
pub(crate) fn typed(path: &Path) -> String {
    shell_words::quote(&path.to_string_lossy()).into_owned()
}

/// A failure to read or to write the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No file exists at the path of the database.
    #[error("no database at {path}")]
    NotInitialised {
        /// The path of the database.
        path: PathBuf,
    },
    /// A database exists where one was to be created.
    #[error("cannot create database {path}: it exists already")]
    AlreadyInitialised {
        /// The path of the database.
        path: PathBuf,
    },
    /// The file is not a database of wnm.
    #[error("cannot open database {path}: {content}")]
    NotADatabase {
        /// The path of the file.
        path: PathBuf,
        /// The content of the file.
        content: Content,
    },
    /// The file to restore is not a database of wnm.
    #[error("cannot restore {path}: {content}")]
    NotABackup {
        /// The path of the file.
        path: PathBuf,
        /// The content of the file.
        content: Content,
    },
    /// The file is not a usable database of another tool.
    #[error("cannot read {path} as a database of {tool}: {cause}")]
    NotOfTool {
        /// The tool.
        tool: OtherTool,
        /// The path of the file.
        path: PathBuf,
        /// The reason.
        cause: OtherToolError,
    },
    /// Another tool is writing its database, or a crash interrupted a write.
    #[error("cannot read {path}: {log} holds unfinished writes")]
    ToolWrites {
        /// The tool.
        tool: OtherTool,
        /// The path of the database.
        path: PathBuf,
        /// The file of SQLite that holds the writes.
        log: PathBuf,
    },
    /// A later version of wnm wrote the database.
    #[error("cannot open database {path}: its version is {found}, this wnm knows versions up to {supported}")]
    NewerVersion {
        /// The path of the database.
        path: PathBuf,
        /// The latest version that this wnm knows.
        supported: u32,
        /// The version of the database.
        found: u32,
    },
    /// An earlier version of wnm wrote the database, and a read-only connection cannot migrate it.
    #[error("cannot read database {path}: its version is {found}, this wnm needs version {supported}")]
    OlderVersion {
        /// The path of the database.
        path: PathBuf,
        /// The version that this wnm needs.
        supported: u32,
        /// The version of the database.
        found: u32,
    },
    /// The pages of the database are inconsistent.
    #[error("database {path} is damaged: {details}")]
    Damaged {
        /// The path of the database.
        path: PathBuf,
        /// The report of SQLite.
        details: String,
    },
    /// One record cannot be read; the others can.
    #[error("cannot read {record} from the database: {cause}")]
    Corrupt {
        /// The record.
        record: Record,
        /// The reason.
        cause: Corruption,
    },
    /// The file may not be written.
    #[error("cannot write database {path}: it is read-only")]
    ReadOnly {
        /// The path of the database.
        path: PathBuf,
    },
    /// SQLite cannot open the database, or the `-wal` and `-shm` files beside it.
    #[error("cannot open database {path}: SQLite cannot open it or the files beside it")]
    CannotOpen {
        /// The path of the database.
        path: PathBuf,
    },
    /// Another program kept the database locked.
    #[error("cannot use database {path}: another program has locked it for {} s", waited.as_secs())]
    Busy {
        /// The path of the database.
        path: PathBuf,
        /// The time after which SQLite gave up.
        waited: Duration,
    },
    /// The disk, or the disk quota, is full.
    #[error("cannot write to {path}: no space left on its disk or in its disk quota")]
    Full {
        /// The path of the file.
        path: PathBuf,
    },
    /// Another file is at the path of the open database, or none.
    #[error("cannot write database {path}: the file was removed or replaced")]
    Replaced {
        /// The path of the database.
        path: PathBuf,
    },
    /// The database belongs to another user than root and that of this process.
    #[error("cannot open database {path}: it belongs to user {owner}")]
    OtherOwner {
        /// The path of the database.
        path: PathBuf,
        /// Its owner.
        owner: Owner,
    },
    /// Another user can write the database, as any user or as a member of its group.
    #[error("cannot open database {path}: another user can write it")]
    Untrusted {
        /// The path of the database.
        path: PathBuf,
    },
    /// Another node has a value that must be unique.
    #[error("{value} already belongs to node {owner}")]
    NotUnique {
        /// The value.
        value: UniqueValue,
        /// The node that has it.
        owner: NodeId,
    },
    /// Progress was reported of a cycle or an action that has ended or was never begun.
    #[error("cannot record progress of {work}: it has ended or was never begun")]
    NotUnderWay {
        /// The cycle or the action.
        work: Work,
    },
    /// A file exists at the path of a new copy.
    #[error("cannot write a copy to {path}: the file exists already")]
    CopyExists {
        /// The path of the copy.
        path: PathBuf,
    },
    /// The backup to restore is the database itself.
    #[error("cannot restore database {path} from itself")]
    RestoreFromItself {
        /// The path of the database.
        path: PathBuf,
    },
    /// A value has no JSON form, such as a path that is not UTF-8.
    #[error("cannot store {record}: {source}")]
    NotSerialisable {
        /// The record.
        record: Record,
        /// The error of the JSON writer.
        source: serde_json::Error,
    },
    /// A database was damaged again after each of many rebuilds.
    #[error("cannot rebuild database {path}: {count} earlier files of it are set aside already")]
    RebuiltTooOften {
        /// The path of the database.
        path: PathBuf,
        /// The number of the files.
        count: usize,
    },
    /// The system refused an operation on a file.
    #[error("cannot {operation} {path}: {source}")]
    File {
        /// The operation.
        operation: FileOperation,
        /// The path of the file or folder.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// SQLite failed in a way that has no variant of its own.
    #[error("cannot use database {path}: {source}")]
    Sqlite {
        /// The path of the database.
        path: PathBuf,
        /// The error of SQLite.
        source: rusqlite::Error,
    },
}

impl StoreError {
    /// Tells whether the database cannot be read, or does not exist, so that only a copy can replace it. A database that
    /// may not be read, is in use, or belongs to another version stays.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        match self {
            Self::NotInitialised { .. } | Self::NotADatabase { .. } | Self::Damaged { .. } => true,
            // A setting that this version cannot use has been written so.
            Self::Corrupt { cause, .. } => !matches!(cause, Corruption::Setting(_) | Corruption::Migration(_)),
            _ => false,
        }
    }

    /// Returns how the operator can fix the cause; None when there is no specific advice.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotADatabase { path, .. } | Self::Damaged { path, .. } if !copies::existing(path).is_empty() => {
                "run `wnm run`, which rebuilds the database from its copies"
            }
            Self::NotInitialised { .. } => "create a colony with `wnm init --rewards-address 0x…`",
            Self::AlreadyInitialised { .. } => {
                "change settings with `wnm config set`, or remove the colony with `wnm teardown --purge`"
            }
            Self::NotADatabase { .. } => "name another file with --db, or move this one away and run `wnm init`",
            Self::NotOfTool { tool: OtherTool::PythonWnm, .. } => {
                "name the colony.db of the Python wnm, or an undamaged copy of it"
            }
            Self::NotOfTool { tool: OtherTool::Formicaio, .. } => {
                "name the formicaio.db of formicaio or its folder, or an undamaged copy of it"
            }
            Self::ToolWrites { tool: OtherTool::PythonWnm, .. } => {
                "stop the Python wnm and remove its crontab line; if the file stays, run the Python wnm once more"
            }
            Self::ToolWrites { tool: OtherTool::Formicaio, .. } => {
                "end formicaio; if the file stays, start and end formicaio once more"
            }
            Self::NewerVersion { .. } => "install the version of wnm that wrote it, or a later one",
            Self::OlderVersion { .. } => "migrate it with `wnm db migrate`",
            Self::Damaged { .. } => "restore a backup with `wnm db restore FILE`",
            Self::Corrupt { .. } if self.is_unreadable() => {
                "run `wnm run`, which takes the row from an hourly copy; without a copy, run `wnm db restore FILE`"
            }
            Self::Corrupt { .. } => "see `wnm db check`, or restore a backup with `wnm db restore FILE`",
            Self::ReadOnly { .. } | Self::CannotOpen { .. } => {
                "run wnm as the owner of the file, or make the file and its folder writable"
            }
            Self::Busy { .. } => "wait until the other program has ended",
            Self::Full { .. } => "free disk space",
            Self::CopyExists { .. } => "name a file that does not exist",
            Self::OtherOwner { path, owner } => {
                return Some(format!("run wnm as {owner}, as in `{}`", owner.command(path, "status")));
            }
            Self::Untrusted { path } => return Some(format!("run `chmod go-w {}`", typed(path))),
            Self::Replaced { .. } => {
                "replace a database with `wnm db restore FILE`, which waits for the end of a cycle"
            }
            Self::RebuiltTooOften { path, .. } => {
                return Some(format!("check the disk, then move the files {}.set-aside-* away", path.display()));
            }
            Self::NotABackup { .. } | Self::RestoreFromItself { .. } => {
                "name a backup that `wnm db backup` has written"
            }
            Self::File { operation, path, source } => return operation.hint(path, source),
            Self::NotUnique { .. } | Self::NotUnderWay { .. } | Self::NotSerialisable { .. } | Self::Sqlite { .. } => {
                return None;
            }
        };
        Some(hint.to_owned())
    }
}

/// The content of a file that is not a database of wnm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Content {
    /// The path is a folder.
    #[error("a folder")]
    Folder,
    /// The path is a device, a socket or a pipe.
    #[error("not a regular file")]
    Special,
    /// The file has no bytes.
    #[error("an empty file")]
    Empty,
    /// The file does not begin with the header of SQLite.
    #[error("not a SQLite file")]
    NotSqlite,
    /// The header is that of SQLite, the rest is not.
    #[error("not a SQLite file, or a damaged one")]
    DamagedHeader,
    /// The tables belong to another program.
    #[error("a SQLite file of another program")]
    OtherProgram,
}

/// An operation on a file or folder, as the verb of an error message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileOperation {
    /// Create a folder.
    CreateFolder,
    /// Create a temporary folder inside another.
    CreateDraft,
    /// Read a file or its metadata.
    Read,
    /// Write a file.
    Write,
    /// Delete a file.
    Remove,
    /// Rename a file out of the way.
    SetAside,
    /// Flush a folder to the disk.
    Sync,
}

impl FileOperation {
    /// Returns how the operator can fix an error of the system; None for a failure of the disk.
    fn hint(self, path: &Path, error: &io::Error) -> Option<String> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match (error.kind(), self) {
            (io::ErrorKind::NotFound, Self::Read | Self::Remove | Self::SetAside) => {
                Some(format!("check the name: `ls {}` lists the files there", typed(folder)))
            }
            (io::ErrorKind::NotFound, _) => Some(format!("create the folder with `mkdir -p {}`", typed(folder))),
            (io::ErrorKind::NotADirectory, _) => {
                Some(format!("name a file in a folder: {} is not one", folder.display()))
            }
            (io::ErrorKind::IsADirectory, _) => Some(format!("name a file: {} is a folder", path.display())),
            // Not the system has refused it: another user can write it.
            (io::ErrorKind::PermissionDenied, Self::Read) if error.raw_os_error().is_none() => {
                let path = typed(path);
                Some(format!("check it and run `chown $(id -u) {path} && chmod go-w {path}`, or run wnm as its owner"))
            }
            (io::ErrorKind::PermissionDenied, _) => {
                Some(format!("name another file, or run wnm as a user with access to {}", folder.display()))
            }
            (io::ErrorKind::ReadOnlyFilesystem, _) => Some("name a file on a writable file system".to_owned()),
            _ => None,
        }
    }
}

impl fmt::Display for FileOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateFolder => "create the folder",
            Self::CreateDraft => "create a temporary folder in",
            Self::Read => "read",
            Self::Write => "write",
            Self::Remove => "remove",
            Self::SetAside => "rename",
            Self::Sync => "flush to disk",
        })
    }
}

/// A value that at most one node may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UniqueValue {
    /// The number of the node.
    Number(NodeId),
    /// A port, for nodes, metrics or RPC: all share one space.
    Port(u16),
    /// The UUID that identifies a node for ever.
    Uuid(String),
}

impl fmt::Display for UniqueValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(id) => write!(f, "number {id}"),
            Self::Port(port) => write!(f, "port {port}"),
            Self::Uuid(uuid) => write!(f, "UUID {uuid}"),
        }
    }
}

/// A cycle or an action, as the object of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// A cycle.
    Cycle(CycleId),
    /// An action.
    Action(ActionId),
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cycle(id) => write!(f, "cycle {id}"),
            Self::Action(id) => write!(f, "action {}", id.0),
        }
    }
}

/// Returns a function for `map_err` that attaches the operation and the path to an error of the system.
pub(crate) fn file_error(operation: FileOperation, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_path_buf();
    move |source| match source.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full { path },
        _ => StoreError::File { operation, path, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_in_hints_quote_their_paths() {
        let path = || PathBuf::from("/srv/my nodes/$(id)/wnm.db");
        let failed = |operation, kind: io::ErrorKind| StoreError::File { operation, path: path(), source: kind.into() };
        for (error, expected) in [
            (StoreError::Untrusted { path: path() }, "run `chmod go-w '/srv/my nodes/$(id)/wnm.db'`"),
            (
                failed(FileOperation::Write, io::ErrorKind::NotFound),
                "create the folder with `mkdir -p '/srv/my nodes/$(id)'`",
            ),
            (
                failed(FileOperation::Read, io::ErrorKind::NotFound),
                "check the name: `ls '/srv/my nodes/$(id)'` lists the files there",
            ),
            (
                failed(FileOperation::Read, io::ErrorKind::PermissionDenied),
                "check it and run `chown $(id -u) '/srv/my nodes/$(id)/wnm.db' && chmod go-w '/srv/my nodes/$(id)/wnm.db'`, or \
                 run wnm as its owner",
            ),
            (
                StoreError::OtherOwner { path: path(), owner: Owner::named("ant") },
                "run wnm as ant, as in `sudo -u ant wnm --db '/srv/my nodes/$(id)/wnm.db' status`",
            ),
        ] {
            assert_eq!(error.hint().as_deref(), Some(expected), "{error}");
        }
        assert_eq!(typed(Path::new("/var/wnm.db")), "/var/wnm.db");
    }
}
