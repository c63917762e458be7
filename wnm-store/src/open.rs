//! Creating, opening and restoring a database.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::error::{BUSY_WAIT, DbError, FileOperation, StoreError, file_error};
use crate::file::{self, IfExists, suffixed};
use crate::schema::{self, MIGRATIONS};
use crate::{Store, copies, digest, draft, reserve};

impl Store {
    /// Tells whether a file of any content exists at the path.
    #[must_use]
    pub fn exists(path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok()
    }

    /// Creates a database, and its folder if necessary, and opens it.
    ///
    /// The tables are made in a draft, so that after a crash the database either does not exist or is complete.
    ///
    /// # Errors
    /// A file exists at the path, or the folder cannot be written.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        let path = vacant(path)?;
        let draft = draft::path(&path);
        file::create_private(&draft)?;
        let made = connect(&draft, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
            .and_then(|mut db| schema::install(&mut db))
            .map_err(|error| error.at(&path))
            .and_then(|()| match draft::publish(&draft, &path) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(taken(&path)),
                other => other.map_err(file_error(FileOperation::Write, &path)),
            });
        if made.is_err() {
            // The first error matters more than a draft that is left behind.
            let _ = fs::remove_file(&draft);
        }
        made?;
        file::sync_folder(&path)?;
        Self::open(&path)
    }

    /// Creates a database with its first content, and opens it. The caller holds the lock of the database.
    ///
    /// The content is written to a draft, so that after a crash the database either does not exist or has all of it.
    ///
    /// # Errors
    /// Those of [`create`](Self::create) and of `fill`.
    pub fn create_with<E: From<StoreError>>(
        path: &Path,
        fill: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<Self, E> {
        let path = vacant(path)?;
        let folder = suffixed(&path, ".draft");
        // Of an attempt that was cut.
        let _ = fs::remove_dir_all(&folder);
        let private = fs::DirBuilder::new().mode(0o700).create(&folder);
        private.map_err(file_error(FileOperation::CreateDraft, file::folder(&path)))?;
        let filled = Self::create(&folder.join("wnm.db")).map_err(E::from).and_then(|mut draft| {
            fill(&mut draft)?;
            draft.backup(&path)?;
            Ok(draft.purge()?)
        });
        // The result matters more than a draft that is left behind.
        let _ = fs::remove_dir_all(&folder);
        filled?;
        Ok(Self::open(&path)?)
    }

    /// Opens a database for writing. Checks its pages, and migrates an older version after copying the file.
    ///
    /// # Errors
    /// The file does not exist, is not a database of wnm, has a later version, or is damaged, read-only or locked.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let path = file::resolved(path);
        file::inspect(&path)?;
        file::check_owner(&path)?;
        // For root too, which the mode does not bind: an operator has set it on purpose.
        if fs::metadata(&path).map_err(file_error(FileOperation::Read, &path))?.permissions().readonly() {
            return Err(StoreError::ReadOnly { path });
        }
        reserve::make_room(&path)?;
        let identity = file::identity(&path)?;
        let db = open_to_write(&path).map_err(|error| error.at(&path))?;
        file::make_private(&path);
        reserve::hold(&path);
        let store = Self { db, changed: file::last_change(&path)?, path, identity, begun: None };
        // Exchanged between the two calls: which of the files SQLite has open is unknown.
        if store.is_replaced() { Err(StoreError::Replaced { path: store.path }) } else { Ok(store) }
    }

    /// Opens a database for reading, also while another process writes it.
    ///
    /// # Errors
    /// The file does not exist, is not a database of wnm, has another version, or may not be read.
    pub fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        let path = file::resolved(path);
        file::inspect(&path)?;
        let identity = file::identity(&path)?;
        let (db, found) = connect_to_read(&path).map_err(|error| error.at(&path))?;
        let supported = schema::latest(MIGRATIONS);
        if found < supported {
            return Err(StoreError::OlderVersion { path, supported, found });
        }
        Ok(Self { db, changed: file::last_change(&path)?, path, identity, begun: None })
    }

    /// Replaces the database by a copy of a backup. The previous database is renamed; returns its new path, if it existed.
    ///
    /// The caller holds the [`Lock`](crate::Lock) and has no store open on the database.
    ///
    /// # Errors
    /// The backup does not exist, is not a database of wnm, has a later version or is damaged, or the folder cannot be
    /// written.
    pub fn restore(path: &Path, from: &Path) -> Result<Option<PathBuf>, StoreError> {
        fs::metadata(from).map_err(file_error(FileOperation::Read, from))?;
        let (path, from) = (file::resolved(path), file::resolved(from));
        if path == from {
            return Err(StoreError::RestoreFromItself { path });
        }
        file::inspect(&from).map_err(|error| match error {
            StoreError::NotADatabase { path, content } => StoreError::NotABackup { path, content },
            error => error,
        })?;
        // The copy belongs to the user of wnm, and names the programs that wnm runs.
        file::check_owner(&from)?;
        let draft = suffixed(&path, ".restored");
        let copied = connect_to_read(&from).and_then(|(source, _)| {
            check_pages(&source, &from)?;
            check_tables_only(&source, &from)?;
            file::copy(&source, &draft, IfExists::Replace)
        });
        copied.map_err(|error| error.at(&from))?;
        complete(&path);
        let aside = file::set_aside(&path)?;
        file::set_orphans_aside(&path)?;
        fs::rename(&draft, &path).map_err(file_error(FileOperation::Write, &path))?;
        file::sync_folder(&path)?;
        Ok(aside)
    }
}

fn taken(path: &Path) -> StoreError {
    StoreError::AlreadyInitialised { path: path.to_path_buf() }
}

/// Returns the resolved path of a new database, in a folder that exists. Files that an earlier database left there are
/// set aside.
fn vacant(path: &Path) -> Result<PathBuf, StoreError> {
    if Store::exists(path) {
        file::inspect(path)?;
        return Err(taken(path));
    }
    let folder = file::folder(path);
    fs::create_dir_all(folder).map_err(file_error(FileOperation::CreateFolder, folder))?;
    let path = file::resolved(path);
    file::set_orphans_aside(&path)?;
    copies::set_aside(&path)?;
    Ok(path)
}

/// Moves the write-ahead log of a database into its file, as far as possible, before the file gets another name: SQLite
/// finds the log by the name of the database.
fn complete(path: &Path) {
    let moved = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .and_then(|db| Ok(db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?));
    if let Err(error) = moved {
        tracing::debug!(?error, "the log of the replaced database keeps a name of its own");
    }
}

/// Opens a connection with the settings that every connection needs.
pub(crate) fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, DbError> {
    let db = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(BUSY_WAIT)?;
    // No database that wnm reads needs triggers, views or functions of its own. Foreign keys are constraints.
    for (config, is_on) in [
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
    ] {
        db.set_db_config(config, is_on)?;
    }
    digest::register(&db)?;
    db.set_prepared_statement_cache_capacity(64);
    Ok(db)
}

fn open_to_write(path: &Path) -> Result<Connection, DbError> {
    let mut db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    schema::version(&db, path, MIGRATIONS)?;
    if db.is_readonly(rusqlite::MAIN_DB)? {
        // Of a writable file, SQLite writes none whose header names a later format.
        let is_writable = rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
        let path = path.to_path_buf();
        return Err(if is_writable {
            StoreError::Damaged { path, details: "its header names an unknown format".to_owned() }
        } else {
            StoreError::ReadOnly { path }
        }
        .into());
    }
    check_pages(&db, path)?;
    // With a write-ahead log, `wnm status` can read while a cycle writes.
    db.pragma_update(None, "journal_mode", "WAL")?;
    // In WAL mode, NORMAL syncs only at checkpoints: a power loss could undo the last commits, and with them the record of
    // a step that was done.
    db.pragma_update(None, "synchronous", "FULL")?;
    // On macOS, fsync leaves the data in the cache of the drive; F_FULLFSYNC flushes it.
    db.pragma_update(None, "fullfsync", true)?;
    db.pragma_update(None, "checkpoint_fullfsync", true)?;
    // After one large transaction SQLite would keep a log of that size for ever; 4 MiB is its size at a checkpoint (1000
    // pages of 4 KiB).
    db.pragma_update(None, "journal_size_limit", 4 << 20)?;
    // A migration that rebuilds a table drops the old one, which would delete the rows that refer to it.
    db.pragma_update(None, "foreign_keys", false)?;
    schema::migrate(&mut db, path, MIGRATIONS)?;
    db.pragma_update(None, "foreign_keys", true)?;
    Ok(db)
}

/// Opens a database for reading and returns its version.
pub(crate) fn connect_to_read(path: &Path) -> Result<(Connection, u32), DbError> {
    let attempt = |db: Connection| {
        let version = schema::version(&db, path, MIGRATIONS)?;
        Ok((db, version))
    };
    let log = fs::metadata(suffixed(path, "-wal")).map_or(0, |log| log.len());
    match reserve::make_room(path) {
        // A reader too would map the index of the log.
        Err(_) if log == 0 => return connect_immutable(path).and_then(attempt),
        room => room?,
    }
    let opened = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY).and_then(attempt);
    match opened {
        // Even a reader creates the -shm file, and fails in a folder without write permission. When no log exists, the
        // database file is complete by itself and can be read as immutable.
        Err(error) if error.is_cannot_open() && log == 0 => connect_immutable(path).and_then(attempt),
        other => other,
    }
}

/// Opens a database that no process writes: SQLite takes no locks and creates no files.
pub(crate) fn connect_immutable(path: &Path) -> Result<Connection, DbError> {
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

/// Checks the pages of a database.
pub(crate) fn check_pages(db: &Connection, path: &Path) -> Result<(), DbError> {
    // `quick_check` leaves out the comparison of indexes with their tables, so that its time grows only linearly with the
    // size of the database. Five errors are enough for a message.
    let errors = integrity_errors(db, "quick_check(5)")?;
    if errors.is_empty() {
        return Ok(());
    }
    Err(StoreError::Damaged { path: path.to_path_buf(), details: errors.join("; ") }.into())
}

/// Checks that a database has no triggers and no views. wnm makes none, and ignores those of others.
fn check_tables_only(db: &Connection, path: &Path) -> Result<(), DbError> {
    let code = "SELECT group_concat(type || ' ' || name, ', ') FROM sqlite_schema WHERE type IN ('trigger', 'view')";
    match db.query_row(code, [], |row| row.get::<_, Option<String>>(0))? {
        None => Ok(()),
        Some(found) => {
            let details = format!("no database of wnm contains {found}");
            Err(StoreError::Damaged { path: path.to_path_buf(), details }.into())
        }
    }
}

/// Returns the defects that a check of SQLite reports; none for a sound database. A failure of the check that says nothing about
/// the file is an error, such as the lock of another program: such a database would be set aside.
pub(crate) fn integrity_errors(db: &Connection, check: &str) -> Result<Vec<String>, DbError> {
    let lines = db.prepare(&format!("PRAGMA {check}")).and_then(|mut statement| {
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        rows.collect::<Result<Vec<_>, _>>()
    });
    match lines {
        Ok(lines) => Ok(lines.into_iter().filter(|line| line != "ok").collect()),
        Err(error) => match error.sqlite_error_code() {
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::OutOfMemory
                | ErrorCode::OperationInterrupted
                | ErrorCode::PermissionDenied
                | ErrorCode::CannotOpen
                | ErrorCode::DiskFull,
            ) => Err(error.into()),
            _ => Ok(vec![error.to_string()]),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Write;

    #[test]
    fn lock_of_another_program_is_no_defect() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let (db, other) = (Connection::open(&path).unwrap(), Connection::open(&path).unwrap());
        db.execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)").unwrap();
        db.busy_timeout(Duration::ZERO).unwrap();
        assert_eq!(integrity_errors(&db, "quick_check(1)").unwrap(), [""; 0]);
        other.execute_batch("BEGIN EXCLUSIVE").unwrap();
        let error = integrity_errors(&db, "quick_check(1)").unwrap_err().at(&path);
        assert!(matches!(error, StoreError::Busy { .. }), "{error}");
        drop(other);
        let length = fs::metadata(&path).unwrap().len();
        fs::File::options().write(true).open(&path).unwrap().set_len(length - 4096).unwrap();
        assert!(!integrity_errors(&db, "quick_check(1)").unwrap().is_empty());
    }

    #[test]
    fn immutable_database_is_read_without_files_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b?#%ü.db");
        drop(Store::create(&path).unwrap());
        let db = connect_immutable(&path).unwrap();
        assert_eq!(schema::version(&db, &path, MIGRATIONS).unwrap() as usize, MIGRATIONS.len());
        assert!(!suffixed(&path, "-shm").exists() && !suffixed(&path, "-wal").exists());
    }

    #[test]
    fn database_with_code_is_not_restored() {
        let folder = tempfile::tempdir().unwrap();
        let [path, from] = ["wnm.db", "from.db"].map(|name| folder.path().join(name));
        let mut store = Store::create(&path).unwrap();
        store.backup(&from).unwrap();
        let trigger =
            "CREATE TRIGGER planted AFTER INSERT ON nodes BEGIN DELETE FROM nodes; END; CREATE VIEW seen AS SELECT 1;";
        Connection::open(&from).unwrap().execute_batch(trigger).unwrap();
        let error = Store::restore(&path, &from).unwrap_err();
        assert!(error.to_string().contains("trigger planted, view seen"), "{error}");
        // In the database itself, such code does not run.
        Connection::open(&path).unwrap().execute_batch(trigger).unwrap();
        let node = crate::node_days::tests::node();
        let state = wnm_core::NodeState::Running { since: wnm_core::Timestamp::default() };
        store.insert_nodes(&[(node, state)]).unwrap();
        assert_eq!(store.nodes().unwrap().len(), 1);
    }

    #[test]
    fn database_has_its_first_content_or_does_not_exist() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wnm.db");
        let raw = wnm_core::RawSettings { node_cap: Some(7), ..wnm_core::RawSettings::default() };
        // Of an attempt that was cut.
        fs::create_dir(folder.path().join("wnm.db.draft")).unwrap();
        let failed = Store::create_with(&path, |store| {
            store.save_settings(&raw)?;
            assert!(!path.exists(), "it is not published yet");
            Err(taken(&path))
        });
        assert!(matches!(failed, Err(StoreError::AlreadyInitialised { .. })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let store = Store::create_with::<StoreError>(&path, |store| store.save_settings(&raw)).unwrap();
        assert_eq!(store.settings().unwrap().node_cap, Some(7));
        assert!(!folder.path().join("wnm.db.draft").exists());
    }

    #[test]
    fn write_of_another_program_is_busy_after_the_timeout() {
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
    fn full_disk_costs_only_the_reserve() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wnm.db");
        let mut store = Store::create(&path).unwrap();
        let reserve = folder.path().join("wnm.reserve");
        assert_eq!(fs::metadata(&reserve).unwrap().len(), 1 << 20);

        // The disk is full until the reserve is gone.
        let full = || {
            DbError::from(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None))
        };
        let written = store.write(Write::Settings, |tx| {
            tx.execute("INSERT INTO settings VALUES ('k', 'v', row_digest('k', 'v'))", [])?;
            if reserve.exists() { Err(full()) } else { Ok(()) }
        });
        written.unwrap();
        assert_eq!(store.db.query_row("SELECT count(*) FROM settings", [], |row| row.get(0)), Ok(1));

        // The disk stays full.
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
        assert!(reserve.exists(), "created again when space is free");
    }
}
