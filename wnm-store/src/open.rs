//! Making, opening and restoring a database.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::error::{BUSY_WAIT, Fault, StoreError, file_error};
use crate::file::{self, Existing, suffixed};
use crate::schema::{self, MIGRATIONS};
use crate::{Retention, Store, reserve};

impl Store {
    /// Tells whether there is something at the path of a database, whatever it is.
    #[must_use]
    pub fn exists(path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok()
    }

    /// Makes a database, and its folder where that is absent, and opens it.
    ///
    /// It appears complete or not at all.
    ///
    /// # Errors
    /// There is one already, or it cannot be written.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        let taken = || StoreError::AlreadyInitialised { path: path.to_path_buf() };
        if Self::exists(path) {
            file::inspect(path)?;
            return Err(taken());
        }
        let folder = file::folder(path);
        fs::create_dir_all(folder).map_err(file_error("make the folder", folder))?;
        let path = file::resolved(path);
        file::set_orphans_aside(&path)?;
        let draft = suffixed(&path, &format!(".new-{}", std::process::id()));
        file::remove_if_there(&draft)?;
        let made = connect(&draft, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
            .and_then(|mut db| schema::install(&mut db))
            .map_err(|fault| fault.at(&path))
            .and_then(|()| match file::publish(&draft, &path) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(taken()),
                other => other.map_err(file_error("write", &path)),
            });
        if made.is_err() {
            // What went wrong first matters more than what is left lying.
            let _ = fs::remove_file(&draft);
        }
        made?;
        file::sync_folder(&path)?;
        Self::open(&path)
    }

    /// Opens a database for writing: checks that it is sound, and brings it up to date after a copy of it.
    ///
    /// # Errors
    /// There is none, it is something else, of a later version, damaged, read-only or locked.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let path = file::resolved(path);
        file::inspect(&path)?;
        // Also where the file's mode binds nobody: someone meant it.
        if fs::metadata(&path).map_err(file_error("read", &path))?.permissions().readonly() {
            return Err(StoreError::ReadOnly { path });
        }
        let db = open_to_write(&path).map_err(|fault| fault.at(&path))?;
        reserve::hold(&path);
        Ok(Self { db, path, retention: Retention::default() })
    }

    /// Opens a database for reading, also while another process writes it.
    ///
    /// # Errors
    /// There is none, it is something else, of another version, or may not be read.
    pub fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        let path = file::resolved(path);
        file::inspect(&path)?;
        let (db, found) = connect_to_read(&path).map_err(|fault| fault.at(&path))?;
        let expected = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
        if found < expected {
            return Err(StoreError::OlderVersion { path, expected, found });
        }
        Ok(Self { db, path, retention: Retention::default() })
    }

    /// Puts a copy in the place of the database; returns where the one that was there is now.
    ///
    /// The caller holds the [`Lock`](crate::Lock) and has no store open on it. Nothing is deleted.
    ///
    /// # Errors
    /// The copy is absent, something else, of a later version or damaged, or the place cannot be written.
    pub fn restore(path: &Path, from: &Path) -> Result<Option<PathBuf>, StoreError> {
        fs::metadata(from).map_err(file_error("read", from))?;
        let (path, from) = (file::resolved(path), file::resolved(from));
        if path == from {
            return Err(StoreError::CopyExists { path });
        }
        file::inspect(&from)?;
        let draft = suffixed(&path, ".restored");
        let copied = connect_to_read(&from).and_then(|(source, _)| {
            sound(&source, &from)?;
            file::copy(&source, &draft, Existing::Replace)
        });
        copied.map_err(|fault| fault.at(&from))?;
        let aside = file::set_aside(&path)?;
        file::set_orphans_aside(&path)?;
        fs::rename(&draft, &path).map_err(file_error("write", &path))?;
        file::sync_folder(&path)?;
        Ok(aside)
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, Fault> {
    let db = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(BUSY_WAIT)?;
    db.set_prepared_statement_cache_capacity(64);
    Ok(db)
}

fn open_to_write(path: &Path) -> Result<Connection, Fault> {
    let mut db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    schema::version(&db, path, MIGRATIONS)?;
    if db.is_readonly(rusqlite::MAIN_DB)? {
        return Err(StoreError::ReadOnly { path: path.to_path_buf() }.into());
    }
    sound(&db, path)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    // Where a plain fsync does not reach the disk (macOS), the one that does.
    db.pragma_update(None, "fullfsync", true)?;
    db.pragma_update(None, "checkpoint_fullfsync", true)?;
    db.pragma_update(None, "journal_size_limit", 4 << 20)?;
    // References are not looked at while tables are remade.
    db.pragma_update(None, "foreign_keys", false)?;
    schema::migrate(&mut db, path, MIGRATIONS)?;
    db.pragma_update(None, "foreign_keys", true)?;
    Ok(db)
}

/// Opens a database for reading and returns its version.
fn connect_to_read(path: &Path) -> Result<(Connection, u32), Fault> {
    let attempt = |db: Connection| {
        let version = schema::version(&db, path, MIGRATIONS)?;
        Ok((db, version))
    };
    let opened = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY).and_then(attempt);
    let log = fs::metadata(suffixed(path, "-wal")).map_or(0, |log| log.len());
    match opened {
        // In a folder that we may not write SQLite cannot make its log. Without one, all there is is in the file.
        Err(fault) if fault.is_cannot_open() && log == 0 => connect_immutable(path).and_then(attempt),
        other => other,
    }
}

/// Opens a database that nobody writes.
pub(crate) fn connect_immutable(path: &Path) -> Result<Connection, Fault> {
    let escaped: String = path
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .map(|byte| match byte {
            b'/' | b'.' | b'-' | b'_' => char::from(*byte).to_string(),
            byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    let uri = PathBuf::from(format!("file:{escaped}?immutable=1"));
    connect(&uri, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)
}

/// Checks that the pages of a database hold together.
fn sound(db: &Connection, path: &Path) -> Result<(), Fault> {
    let complaints = complaints(db, "quick_check(5)");
    if complaints.is_empty() {
        return Ok(());
    }
    Err(StoreError::Damaged { path: path.to_path_buf(), found: complaints.join("; ") }.into())
}

/// Returns what one of SQLite's checks complains of; nothing when all is well.
pub(crate) fn complaints(db: &Connection, check: &str) -> Vec<String> {
    let asked = db.prepare(&format!("PRAGMA {check}")).and_then(|mut statement| {
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        rows.collect::<Result<Vec<_>, _>>()
    });
    match asked {
        Ok(lines) => lines.into_iter().filter(|line| line != "ok").collect(),
        Err(error) => vec![error.to_string()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_nobody_writes_is_read_without_files_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b?#%ü.db");
        drop(Store::create(&path).unwrap());
        let db = connect_immutable(&path).unwrap();
        assert_eq!(schema::version(&db, &path, MIGRATIONS).unwrap() as usize, MIGRATIONS.len());
        assert!(!suffixed(&path, "-shm").exists() && !suffixed(&path, "-wal").exists());
    }

    #[test]
    fn another_programs_write_is_waited_for_and_then_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wnm.db");
        let mut store = Store::create(&path).unwrap();
        store.db.busy_timeout(std::time::Duration::from_millis(10)).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let error = store.save_settings(&wnm_core::RawSettings::default()).unwrap_err();
        assert!(matches!(error, StoreError::Busy { .. }), "{error}");
        assert!(store.settings().is_ok(), "readers do not wait");
        other.execute_batch("COMMIT").unwrap();
        assert!(store.save_settings(&wnm_core::RawSettings::default()).is_ok());
    }

    #[test]
    fn a_full_disk_costs_the_reserve_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wnm.db");
        let mut store = Store::create(&path).unwrap();
        let reserve = folder.path().join("wnm.reserve");
        assert_eq!(fs::metadata(&reserve).unwrap().len(), 1 << 20);

        // Full until the reserve is gone.
        let full =
            || Fault::from(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None));
        let written = store.write(|tx| {
            tx.execute("INSERT INTO settings VALUES ('k', 'v')", [])?;
            if reserve.exists() { Err(full()) } else { Ok(()) }
        });
        written.unwrap();
        assert_eq!(store.db.query_row("SELECT count(*) FROM settings", [], |row| row.get(0)), Ok(1));

        // Full for good.
        store.db.pragma_update(None, "max_page_count", 1).unwrap();
        let mut raw = wnm_core::RawSettings::default();
        raw.set("environment", &format!("A={}", "x".repeat(1 << 20))).unwrap();
        let error = store.save_settings(&raw).unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        store.db.pragma_update(None, "max_page_count", 1 << 30).unwrap();
        store.save_settings(&raw).unwrap();
        assert!(store.check().unwrap().is_empty());

        drop(store);
        drop(Store::open(&path).unwrap());
        assert!(reserve.exists(), "held again once there is room");
    }
}
