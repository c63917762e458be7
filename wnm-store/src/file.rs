//! The database as a file: its path, the files beside it, and copies.

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::draft;
use crate::error::{BUSY_WAIT, Content, DbError, FileOperation, StoreError, file_error, typed};

/// Returns the path of a file beside the database, such as `wnm.lock` for `wnm.db`.
pub(crate) fn beside(path: &Path, extension: &str) -> PathBuf {
    let beside = path.with_extension(extension);
    // A database named `wnm.lock` must not share the path of its own lock.
    if beside == path { path.with_added_extension(extension) } else { beside }
}

/// Returns the path with a suffix, such as `wnm.db-wal`.
pub(crate) fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Returns the path with links resolved as far as it exists. Two names of one database must lead to the same lock.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    let whole = || fs::canonicalize(path).ok();
    let parent = || Some(fs::canonicalize(folder(path)).ok()?.join(path.file_name()?));
    whole().or_else(parent).unwrap_or_else(|| path.to_path_buf())
}

/// Returns the folder that holds a file.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Checks that a file begins with the header of SQLite. SQLite itself would turn an empty file into a database, and
/// reports most other files only as "file is not a database".
///
/// # Errors
/// The file does not exist, is not a SQLite file, or may not be read.
pub(crate) fn inspect(path: &Path) -> Result<(), StoreError> {
    let wrong = |content| Err(StoreError::NotADatabase { path: path.to_path_buf(), content });
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(StoreError::NotInitialised { path: path.to_path_buf() });
        }
        Err(error) => return Err(file_error(FileOperation::Read, path)(error)),
    };
    if metadata.is_dir() {
        return wrong(Content::Folder);
    }
    if !metadata.is_file() {
        return wrong(Content::Special);
    }
    if metadata.len() == 0 {
        return wrong(Content::Empty);
    }
    let mut start = Vec::new();
    let file = File::open(path).map_err(file_error(FileOperation::Read, path))?;
    file.take(16).read_to_end(&mut start).map_err(file_error(FileOperation::Read, path))?;
    if start != b"SQLite format 3\0" { wrong(Content::NotSqlite) } else { Ok(()) }
}

/// The identity of a file: its device and inode numbers. Another file at the same path has another identity.
pub(crate) type FileIdentity = (u64, u64);

/// Returns the identity of the file at a path.
///
/// # Errors
/// The file does not exist, or its folder may not be read.
pub(crate) fn identity(path: &Path) -> Result<FileIdentity, StoreError> {
    match fs::metadata(path) {
        Ok(facts) => Ok((facts.dev(), facts.ino())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(StoreError::NotInitialised { path: path.to_path_buf() })
        }
        Err(error) => Err(file_error(FileOperation::Read, path)(error)),
    }
}

/// The last change of a file: the seconds, the nanoseconds and the length in bytes.
pub(crate) type Change = (i64, i64, u64);

/// Returns the last change of a file.
///
/// # Errors
/// The file does not exist, or its folder may not be read.
pub(crate) fn last_change(path: &Path) -> Result<Change, StoreError> {
    let facts = fs::metadata(path).map_err(file_error(FileOperation::Read, path))?;
    Ok((facts.mtime(), facts.mtime_nsec(), facts.len()))
}

/// Creates an empty file that only its owner can read: a database contains the environment of the nodes. SQLite gives the
/// files beside it the same mode.
pub(crate) fn create_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let made = File::options().write(true).create_new(true).mode(0o600).open(path);
    made.map(drop).map_err(file_error(FileOperation::Write, path))
}

/// Takes away the rights of other users to a database that an earlier release created. A group may keep reading.
pub(crate) fn make_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    for path in ["", "-wal", "-shm"].map(|suffix| suffixed(path, suffix)) {
        let Ok(facts) = fs::metadata(&path) else { continue };
        let mode = facts.permissions().mode();
        if mode & 0o137 != 0 {
            // A file system without modes keeps the file as it is.
            let _ = fs::set_permissions(&path, fs::Permissions::from_mode(mode & 0o640));
        }
    }
}

/// Checks that no other user than root and that of this process decides about the content of a database: it names the
/// programs that wnm runs.
///
/// # Errors
/// Another user owns the file or can write it. A group counts as another user, apart from those of root and of this process.
pub(crate) fn check_owner(path: &Path) -> Result<(), StoreError> {
    let facts = fs::metadata(path).map_err(file_error(FileOperation::Read, path))?;
    if let Some(owner) = other_owner(&facts) {
        return Err(StoreError::OtherOwner { path: path.to_path_buf(), owner });
    }
    let is_own_group = [0, rustix::process::getegid().as_raw()].contains(&facts.gid());
    let others = if is_own_group { 0o002 } else { 0o022 };
    if facts.mode() & others == 0 { Ok(()) } else { Err(StoreError::Untrusted { path: path.to_path_buf() }) }
}

/// A user who owns a file, by name where the host has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner(String);

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Owner {
    #[cfg(test)]
    pub(crate) fn named(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// Returns the command line that runs a command of wnm for a database as its owner.
    pub(crate) fn command(&self, database: &Path, command: &str) -> String {
        // sudo takes an ID behind a number sign.
        let user = if self.0.bytes().all(|byte| byte.is_ascii_digit()) { format!("'#{self}'") } else { self.0.clone() };
        format!("sudo -u {user} wnm --db {} {command}", typed(database))
    }
}

/// Returns the owner of a file, unless that is root or the user of this process.
pub(crate) fn other_owner(facts: &fs::Metadata) -> Option<Owner> {
    let user = facts.uid();
    if [0, rustix::process::geteuid().as_raw()].contains(&user) {
        return None;
    }
    let known = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(user)).ok().flatten();
    Some(Owner(known.map_or_else(|| user.to_string(), |known| known.name)))
}

/// Flushes the folder of a file. A new name of a file survives a power loss only after its folder has been flushed.
pub(crate) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = folder(path);
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(file_error(FileOperation::Sync, folder))
}

/// Removes a file that may be absent.
pub(crate) fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(file_error(FileOperation::Remove, path)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Renames a file to a free name. Returns the new path, or None when no such file exists.
pub(crate) fn set_aside(path: &Path) -> Result<Option<PathBuf>, StoreError> {
    let Some(to) = free_name(path) else { return Ok(None) };
    fs::rename(path, &to).map_err(file_error(FileOperation::SetAside, path))?;
    Ok(Some(to))
}

/// Replaces a database that no process writes by a finished file. The old one is set aside; returns its new path, or None
/// when no such file exists.
pub(crate) fn replace(path: &Path, draft: &Path) -> Result<Option<PathBuf>, StoreError> {
    set_orphans_aside(path)?;
    let aside = keep_aside(path)?;
    fs::rename(draft, path).map_err(file_error(FileOperation::Write, path))?;
    sync_folder(path)?;
    Ok(aside)
}

/// Gives a file that is about to be replaced a second name, so that a crash before that leaves it in its place. A folder
/// is renamed. Returns the new path, or None when no such file exists.
fn keep_aside(path: &Path) -> Result<Option<PathBuf>, StoreError> {
    let Some(to) = free_name(path) else { return Ok(None) };
    match fs::hard_link(path, &to) {
        Ok(()) => Ok(Some(to)),
        Err(_) => set_aside(path),
    }
}

/// Returns a free name for a file that is set aside; None when no such file exists.
fn free_name(path: &Path) -> Option<PathBuf> {
    fs::symlink_metadata(path).ok()?;
    (1u32..).map(|n| suffixed(path, &format!(".set-aside-{n}"))).find(|to| fs::symlink_metadata(to).is_err())
}

/// Returns the number of files of this database that are set aside.
pub(crate) fn count_aside(path: &Path) -> usize {
    let mut prefix = path.file_name().unwrap_or_default().to_owned();
    prefix.push(".set-aside-");
    let names = fs::read_dir(folder(path)).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.filter(|name| name.as_encoded_bytes().starts_with(prefix.as_encoded_bytes())).count()
}

/// Renames a write-ahead log or a rollback journal whose database is gone. SQLite would replay it into the next database
/// at that path.
pub(crate) fn set_orphans_aside(path: &Path) -> Result<(), StoreError> {
    set_aside(&suffixed(path, "-wal"))?;
    set_aside(&suffixed(path, "-journal"))?;
    // The -shm file is an index of the log, which SQLite rebuilds.
    remove_if_there(&suffixed(path, "-shm"))
}

/// Removes a database that no process has open, with the files of SQLite beside it.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    for suffix in ["-wal", "-shm", "-journal", ""] {
        remove_if_there(&suffixed(path, suffix))?;
    }
    Ok(())
}

/// The treatment of a file that has the name of a new copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfExists {
    /// Keep the file, and return an error.
    Fail,
    /// Replace the file.
    Replace,
}

/// Writes a copy of a database, as of now. The copy is complete and on the disk before it gets its name.
pub(crate) fn copy(db: &Connection, to: &Path, if_exists: IfExists) -> Result<(), DbError> {
    if if_exists == IfExists::Fail && fs::symlink_metadata(to).is_ok() {
        return Err(StoreError::CopyExists { path: to.to_path_buf() }.into());
    }
    // An error of the draft's folder must name the copy, which the operator knows.
    to.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .map_or(Ok(()), |folder| fs::metadata(folder).map(drop).map_err(file_error(FileOperation::Write, to)))?;
    let draft = draft::path(to);
    create_private(&draft).map_err(|error| match error {
        // The operator knows the copy, not its draft.
        StoreError::File { operation, source, .. } => StoreError::File { operation, path: to.to_path_buf(), source },
        error => error,
    })?;
    let written = write_copy(db, &draft).and_then(|()| match if_exists {
        IfExists::Replace => Ok(fs::rename(&draft, to).map_err(file_error(FileOperation::Write, to))?),
        IfExists::Fail => Ok(draft::publish(&draft, to).map_err(file_error(FileOperation::Write, to))?),
    });
    if written.is_err() {
        // The first error matters more than a draft that is left behind.
        let _ = fs::remove_file(&draft);
    }
    written?;
    Ok(sync_folder(to)?)
}

fn write_copy(db: &Connection, draft: &Path) -> Result<(), DbError> {
    let mut target = Connection::open_with_flags(draft, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let backup = Backup::new(db, &mut target)?;
    // `Backup` ignores the busy timeout of the connection, so that the wait for a writer is done here.
    let mut waits = BUSY_WAIT.as_millis() / 50;
    loop {
        match backup.step(-1)? {
            StepResult::Done => break,
            StepResult::More => {}
            _ if waits > 0 => {
                waits -= 1;
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            _ => return Err(StoreError::Busy { path: draft.to_path_buf(), waited: BUSY_WAIT }.into()),
        }
    }
    drop(backup);
    drop(target);
    Ok(File::open(draft).and_then(|file| file.sync_all()).map_err(file_error(FileOperation::Write, draft))?)
}
