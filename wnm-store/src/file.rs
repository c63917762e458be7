//! The database as a file: what lies at its path, what lies beside it, and copies of it.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::error::{BUSY_WAIT, Fault, StoreError, file_error};

/// Returns the path of a file beside the database, such as `wnm.lock` for `wnm.db`.
pub(crate) fn beside(path: &Path, extension: &str) -> PathBuf {
    let beside = path.with_extension(extension);
    // A database that already ends so must not be taken for what belongs to it.
    if beside == path { path.with_added_extension(extension) } else { beside }
}

/// Returns the path with more at its end, such as `wnm.db-wal`.
pub(crate) fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Returns the path with links resolved, as far as it exists, so that one database has one lock.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    let whole = || fs::canonicalize(path).ok();
    let parent = || Some(fs::canonicalize(folder(path)).ok()?.join(path.file_name()?));
    whole().or_else(parent).unwrap_or_else(|| path.to_path_buf())
}

/// Returns the folder that holds a file.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Checks that a file begins as a database of SQLite does, without changing anything.
///
/// # Errors
/// It is absent, something else, or may not be read.
pub(crate) fn inspect(path: &Path) -> Result<(), StoreError> {
    let wrong = |found| Err(StoreError::NotADatabase { path: path.to_path_buf(), found });
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(StoreError::NotInitialised { path: path.to_path_buf() });
        }
        Err(error) => return Err(file_error("read", path)(error)),
    };
    if metadata.is_dir() {
        return wrong("a directory");
    }
    if !metadata.is_file() {
        return wrong("something that is not a file");
    }
    if metadata.len() == 0 {
        return wrong("an empty file");
    }
    let mut start = Vec::new();
    let file = File::open(path).map_err(file_error("read", path))?;
    file.take(16).read_to_end(&mut start).map_err(file_error("read", path))?;
    if start != b"SQLite format 3\0" { wrong("a file that is not SQLite's") } else { Ok(()) }
}

/// Makes a change of names in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = folder(path);
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(file_error("make durable", folder))
}

/// Removes a file that may be absent.
pub(crate) fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(file_error("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Renames a file that may be absent, to a name that none has yet; returns the new one when it was there.
pub(crate) fn set_aside(path: &Path) -> Result<Option<PathBuf>, StoreError> {
    if fs::symlink_metadata(path).is_err() {
        return Ok(None);
    }
    let free =
        (1u32..).map(|n| suffixed(path, &format!(".set-aside-{n}"))).find(|to| fs::symlink_metadata(to).is_err());
    let Some(to) = free else { return Ok(None) };
    fs::rename(path, &to).map_err(file_error("set aside", path))?;
    Ok(Some(to))
}

/// Sets aside a write-ahead log whose database is gone: SQLite would play it into the next one.
pub(crate) fn set_orphans_aside(path: &Path) -> Result<(), StoreError> {
    set_aside(&suffixed(path, "-wal"))?;
    set_aside(&suffixed(path, "-journal"))?;
    // Made anew from the log, and worthless without it.
    remove_if_there(&suffixed(path, "-shm"))
}

/// Removes a database that nobody has open, with what SQLite keeps beside it.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    for suffix in ["-wal", "-shm", "-journal", ""] {
        remove_if_there(&suffixed(path, suffix))?;
    }
    Ok(())
}

/// Gives a finished file its name, unless something has that name.
///
/// # Errors
/// Something has that name (`AlreadyExists`).
pub(crate) fn publish(from: &Path, to: &Path) -> std::io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(error),
        // Not every file system has links.
        Err(_) if fs::symlink_metadata(to).is_err() => fs::rename(from, to),
        Err(error) => Err(error),
    }
}

/// What to do with a file that has the name of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    Refuse,
    Replace,
}

/// Writes a copy of a database as of now, complete and durable before it has its name.
pub(crate) fn copy(db: &Connection, to: &Path, existing: Existing) -> Result<(), Fault> {
    if existing == Existing::Refuse && fs::symlink_metadata(to).is_ok() {
        return Err(StoreError::CopyExists { path: to.to_path_buf() }.into());
    }
    let draft = suffixed(to, &format!(".new-{}", std::process::id()));
    remove_if_there(&draft)?;
    let written = write_copy(db, &draft).and_then(|()| match existing {
        Existing::Replace => Ok(fs::rename(&draft, to).map_err(file_error("write", to))?),
        Existing::Refuse => Ok(publish(&draft, to).map_err(file_error("write", to))?),
    });
    if written.is_err() {
        // What went wrong first matters more than what is left lying.
        let _ = fs::remove_file(&draft);
    }
    written?;
    Ok(sync_folder(to)?)
}

fn write_copy(db: &Connection, draft: &Path) -> Result<(), Fault> {
    File::create_new(draft).map_err(file_error("write", draft))?;
    let mut target = Connection::open_with_flags(draft, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let backup = Backup::new(db, &mut target)?;
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
    Ok(File::open(draft).and_then(|file| file.sync_all()).map_err(file_error("write", draft))?)
}
