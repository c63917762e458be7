//! Databases of other tools: opened to read, and never written.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::limits::Limit;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Row};

use crate::error::{Content, DbError, FileOperation, StoreError, file_error};
use crate::file::{self, suffixed};
use crate::open;

/// The time for all reading of one database: real ones take milliseconds.
const DEADLINE: Duration = Duration::from_secs(20);
/// The number of instructions of SQLite between two readings of the clock: some milliseconds.
const INSTRUCTIONS: i32 = 100_000;
/// The maximum length of a value, and of a row in the file, in bytes.
const LONGEST: i32 = 1 << 20;
/// The maximum length of a database, in bytes. That of formicaio has a row for each measurement of a node.
const LONGEST_FILE: u64 = 4 << 30;
/// The maximum length of all values of a table, in bytes.
const LONGEST_IN_ALL: usize = 32 << 20;

/// A tool whose database wnm reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherTool {
    /// The Python wnm.
    PythonWnm,
    /// formicaio.
    Formicaio,
}

impl std::fmt::Display for OtherTool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::PythonWnm => "the Python wnm",
            Self::Formicaio => "formicaio",
        })
    }
}

/// The reason why a file is not a usable database of another tool.
#[derive(Debug, thiserror::Error)]
pub enum OtherToolError {
    /// No file exists at the path.
    #[error("no such file")]
    Missing,
    /// The file is not a SQLite database.
    #[error("{0}")]
    Content(Content),
    /// The pages of the database are inconsistent.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// A table of the tool is missing.
    #[error("it has other tables: {0}")]
    OtherTables(rusqlite::Error),
    /// Reading takes too long.
    #[error("it cannot be read within {} s", DEADLINE.as_secs())]
    TooSlow,
    /// A value, or a table, is too long.
    #[error("it has more data than the tool writes")]
    TooLong,
    /// The table `machine` of the Python wnm has no row.
    #[error("the table `machine` is empty")]
    NoColony,
}

impl OtherTool {
    pub(crate) fn unusable(self, path: &Path, cause: OtherToolError) -> StoreError {
        StoreError::NotOfTool { tool: self, path: path.to_path_buf(), cause }
    }

    /// Opens the database of this tool, as a copy of `opened`, the file at `path`: SQLite would open the path anew, where its
    /// owner can exchange it meanwhile.
    ///
    /// # Errors
    /// The file does not exist, is not a database, is damaged, or holds an unfinished write.
    pub(crate) fn open(self, path: &Path, opened: io::Result<File>) -> Result<Opened, StoreError> {
        let opened = opened.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => self.unusable(path, OtherToolError::Missing),
            _ => match fs::metadata(path).map(|facts| facts.file_type()) {
                Ok(kind) if kind.is_dir() => self.unusable(path, OtherToolError::Content(Content::Folder)),
                Ok(kind) if !kind.is_file() => self.unusable(path, OtherToolError::Content(Content::Special)),
                Ok(_) | Err(_) => file_error(FileOperation::Read, path)(error),
            },
        })?;
        for suffix in ["-wal", "-journal"] {
            let log = suffixed(path, suffix);
            if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
                return Err(StoreError::ToolWrites { tool: self, path: path.to_path_buf(), log });
            }
        }
        let (folder, copy) = copied(opened).map_err(|error| match error.kind() {
            io::ErrorKind::IsADirectory => self.unusable(path, OtherToolError::Content(Content::Folder)),
            _ => file_error(FileOperation::Read, path)(error),
        })?;
        file::inspect(&copy).map_err(|error| match error {
            StoreError::NotADatabase { content, .. } => self.unusable(path, OtherToolError::Content(content)),
            other => other,
        })?;
        let db = open::connect_immutable(&copy).map_err(|error| error.at(path))?;
        // Another user may have written the database: a value may have gigabytes, and an expression in its tables take hours.
        let until = Instant::now() + DEADLINE;
        let bounded = db.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST).map(drop);
        let bounded = bounded.and_then(|()| db.progress_handler(INSTRUCTIONS, Some(move || Instant::now() > until)));
        bounded.map_err(|error| DbError::from(error).at(path))?;
        let errors = open::integrity_errors(&db, "quick_check(5)");
        if Instant::now() > until {
            return Err(self.unusable(path, OtherToolError::TooSlow));
        }
        let errors = errors.map_err(|error| error.at(path))?;
        if errors.is_empty() {
            Ok(Opened { db, _folder: folder })
        } else {
            Err(self.unusable(path, OtherToolError::Damaged(errors.join("; "))))
        }
    }

    /// Tells a missing table or column apart from the other failures of a query.
    pub(crate) fn checked<T>(self, path: &Path, result: Result<T, DbError>) -> Result<T, StoreError> {
        use rusqlite::ErrorCode::{OperationInterrupted, TooBig};
        result.map_err(|error| match error {
            DbError::Sqlite(error) if error.sqlite_error_code() == Some(OperationInterrupted) => {
                self.unusable(path, OtherToolError::TooSlow)
            }
            DbError::Sqlite(error) if error.sqlite_error_code() == Some(TooBig) => {
                self.unusable(path, OtherToolError::TooLong)
            }
            DbError::Sqlite(error)
                if error.sqlite_error_code().is_none_or(|code| code == rusqlite::ErrorCode::Unknown) =>
            {
                self.unusable(path, OtherToolError::OtherTables(error))
            }
            error => error.at(path),
        })
    }
}

/// The copy of a database, which is deleted with this value.
pub(crate) struct Opened {
    pub(crate) db: Connection,
    _folder: tempfile::TempDir,
}

/// Copies a file into a new folder that other users cannot enter. Returns the folder, and the path of the copy.
fn copied(file: File) -> io::Result<(tempfile::TempDir, PathBuf)> {
    let folder = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir()?;
    let path = folder.path().join("copy.db");
    if io::copy(&mut file.take(LONGEST_FILE), &mut File::create_new(&path)?)? == LONGEST_FILE {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok((folder, path))
}

/// A row by the names of its columns, without null values.
pub(crate) type Columns = BTreeMap<String, Value>;

/// Returns the rows of a table in the order of a column.
pub(crate) fn rows(db: &Connection, table: &str, order: &str) -> Result<Vec<Columns>, DbError> {
    let names = column_names(db, table)?;
    let mut statement = db.prepare(&format!("SELECT * FROM {table} ORDER BY {order}"))?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    let mut length = 0;
    while let Some(row) = rows.next()? {
        let mut columns = Columns::new();
        for (i, name) in names.iter().enumerate() {
            // Lossy: a text that is not UTF-8 must not make the other columns unreadable.
            let value = row.get_ref(i)?;
            let value = match value {
                ValueRef::Text(bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
                // wnm reads no column of bytes.
                ValueRef::Blob(_) => Value::Null,
                other => other.try_into().unwrap_or(Value::Null),
            };
            if let Value::Text(text) = &value {
                length += text.len();
            }
            length += size_of::<Value>();
            if length > LONGEST_IN_ALL {
                return Err(too_long().into());
            }
            if value != Value::Null {
                columns.insert(name.clone(), value);
            }
        }
        found.push(columns);
    }
    Ok(found)
}

/// Returns the error of SQLite for values that are too long.
fn too_long() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_TOOBIG), None)
}

/// Returns the names of the columns that `SELECT *` returns. `Statement::column_names` panics for a name that is not
/// UTF-8.
fn column_names(db: &Connection, table: &str) -> Result<Vec<String>, DbError> {
    // 1: a column that a virtual table hides.
    let mut statement =
        db.prepare("SELECT CAST(name AS BLOB) FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid")?;
    let name = |row: &Row<'_>| Ok(String::from_utf8_lossy(row.get_ref(0)?.as_blob().unwrap_or_default()).into_owned());
    Ok(statement.query_map([table], name)?.collect::<Result<_, _>>()?)
}

/// Returns a column as text; None where it holds nothing.
pub(crate) fn text(columns: &Columns, name: &str) -> Option<String> {
    let text = match columns.get(name)? {
        Value::Text(text) => text.trim().to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Blob(_) | Value::Null => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// Returns a column as a whole number; None where it is none.
pub(crate) fn integer(columns: &Columns, name: &str) -> Option<i64> {
    match columns.get(name)? {
        Value::Integer(number) => Some(*number),
        Value::Real(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(*number as i64),
        Value::Text(text) => text.trim().parse().ok(),
        Value::Real(_) | Value::Blob(_) | Value::Null => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python_db;

    /// Returns the error for a database of the Python wnm that these statements make.
    fn error_of(statements: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("colony.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch(statements).unwrap();
        drop(db);
        let begun = Instant::now();
        let error = python_db::read(&path, File::open(&path), folder.path()).unwrap_err();
        assert!(begun.elapsed() < DEADLINE * 2, "{error}");
        assert!(error.hint().is_some(), "{error}");
        error.to_string()
    }

    const ENDLESS: &str = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id FROM n";

    #[test]
    fn views_of_a_database_are_not_evaluated() {
        let error = error_of(&format!("CREATE VIEW machine AS {ENDLESS}; CREATE VIEW node AS {ENDLESS};"));
        assert!(error.contains("other tables"), "{error}");
        let error = error_of(&format!(
            "CREATE TABLE machine (id INTEGER); INSERT INTO machine VALUES (1); CREATE VIEW node AS {ENDLESS};"
        ));
        assert!(error.contains("other tables"), "{error}");
    }

    #[test]
    fn huge_values_are_not_read() {
        let tables = "CREATE TABLE machine (id INTEGER, cpu_count TEXT); CREATE TABLE node (id INTEGER, status TEXT);";
        let error = error_of(&format!("{tables} INSERT INTO machine VALUES (1, CAST(zeroblob(40000000) AS TEXT));"));
        assert!(error.contains("more data"), "{error}");
        // A small file whose values are computed as they are read.
        let error = error_of(
            "CREATE TABLE machine (id INTEGER, cpu_count TEXT AS (printf('%.*c', 10000000, 'x')));\
             CREATE TABLE node (id INTEGER); INSERT INTO machine (id) VALUES (1);",
        );
        assert!(error.contains("more data") || error.contains("damaged"), "{error}");
        let many = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 100)";
        let error = error_of(&format!(
            "{tables} INSERT INTO machine VALUES (1, 'x');\
             INSERT INTO node {many} SELECT id, printf('%.*c', 900000, 'x') FROM n;"
        ));
        assert!(error.contains("more data"), "{error}");
    }

    #[test]
    fn endless_reading_is_ended() {
        let db = Connection::open_in_memory().unwrap();
        db.progress_handler(1, Some(|| true)).unwrap();
        let read = db.query_row(&format!("SELECT count(*) FROM ({ENDLESS})"), [], |_| Ok(())).map_err(DbError::from);
        let error = OtherTool::Formicaio.checked(Path::new("/x"), read).unwrap_err();
        assert!(error.to_string().contains("within 20 s"), "{error}");
    }
}
