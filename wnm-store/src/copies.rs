//! Copies of the data that cannot be observed again: settings, nodes, desired states and the state of the engine. A
//! database that cannot be read is rebuilt from them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::OpenFlags;
use serde::{Deserialize, Serialize};
use wnm_core::Timestamp;

use crate::error::{DbError, FileOperation, StoreError, file_error};
use crate::file::{self, suffixed};
use crate::nodes::{self, Single};
use crate::record::{self, Record};
use crate::write::Write;
use crate::{Store, open, reserve, schema};

/// The number of copies. Damage that only a person notices is some hours old.
const KEPT: u32 = 3;
/// The time between two copies of unchanged settings. New nodes are found by their folders, without a copy.
const INTERVAL: Duration = Duration::from_secs(60 * 60);

/// The tables that a copy contains completely, in an order that satisfies their references.
const TABLES: [&str; 6] = ["settings", "nodes", "ports", "states", "desired", "sqlite_sequence"];

/// The last copy.
#[derive(Serialize, Deserialize)]
struct Copied {
    at: Timestamp,
    /// The digest of the settings.
    settings: u32,
}

/// Returns the paths of the copies of a database that exist, the latest first.
pub(crate) fn existing(database: &Path) -> Vec<PathBuf> {
    (1..=KEPT).map(|number| place(database, number)).filter(|path| path.is_file()).collect()
}

fn place(database: &Path, number: u32) -> PathBuf {
    suffixed(database, &format!(".copy-{number}"))
}

/// Renames the copies of a database that is gone: they must not become those of another colony.
pub(crate) fn set_aside(database: &Path) -> Result<(), StoreError> {
    existing(database).iter().try_for_each(|path| file::set_aside(path).map(drop))
}

/// Removes all copies of a database.
pub(crate) fn remove(database: &Path) -> Result<(), StoreError> {
    (1..=KEPT).try_for_each(|number| file::remove_if_there(&place(database, number)))
}

impl Store {
    /// Writes a copy if the last one is an hour old or has other settings, and deletes the fourth.
    pub(crate) fn keep_copy(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let settings = self.settings_digest()?;
        let last: Option<Copied> = self.read(|db| nodes::single(db, Single::Copied, &mut Vec::new()))?;
        let is_fresh =
            last.is_some_and(|last| last.settings == settings && last.at <= now && now.since(last.at) < INTERVAL);
        // On a nearly full disk the space is for the database; the copies that exist stay.
        if (is_fresh && place(&self.path, 1).is_file()) || !reserve::has_room(&self.path) {
            return Ok(());
        }
        let draft = suffixed(&self.path, ".copy-new");
        let written = self.write_draft(&draft).map_err(|error| error.at(&self.path));
        if written.is_err() {
            // The first error matters more than a draft that is left behind.
            let _ = fs::remove_file(&draft);
        }
        written?;
        for number in (1..KEPT).rev() {
            let from = place(&self.path, number);
            match fs::rename(&from, place(&self.path, number + 1)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(file_error(FileOperation::SetAside, &from)(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        let first = place(&self.path, 1);
        Write::Copy.run(|| fs::rename(&draft, &first)).map_err(file_error(FileOperation::Write, &first))?;
        file::sync_folder(&first)?;
        let text = record::to_json(&Copied { at: now, settings }, Record::Copied)?;
        self.write(Write::Copied, |tx| nodes::write_single(tx, Single::Copied, &text))
    }

    /// Returns a digest of the table of settings, in which the digests of its rows count.
    fn settings_digest(&self) -> Result<u32, StoreError> {
        self.read(|db| {
            let text = "SELECT row_digest(group_concat(key || '=' || digest, ' ' ORDER BY key)) FROM settings";
            Ok(db.prepare_cached(text)?.query_row([], |row| row.get(0))?)
        })
    }

    /// Writes a copy to a new file, complete and on the disk.
    fn write_draft(&self, draft: &Path) -> Result<(), DbError> {
        file::remove_if_there(draft)?;
        file::create_private(draft)?;
        let mut target = open::connect(draft, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // The draft is nothing before its name, and is flushed as a whole.
        target.pragma_update(None, "synchronous", "OFF")?;
        target.pragma_update(None, "journal_mode", "MEMORY")?;
        schema::install(&mut target)?;
        let tx = target.transaction()?;
        let source = self.db.unchecked_transaction()?;
        for table in TABLES {
            copy_rows(&source, &tx, &format!("SELECT * FROM {table}"), table)?;
        }
        // Without counters, which are of the moment.
        let singles = "SELECT * FROM singles WHERE name IN ('engine', 'schedule', 'cached')";
        copy_rows(&source, &tx, singles, "singles")?;
        drop(source);
        tx.commit()?;
        drop(target);
        Ok(File::open(draft).and_then(|file| file.sync_all()).map_err(file_error(FileOperation::Write, draft))?)
    }
}

fn copy_rows(from: &rusqlite::Connection, to: &rusqlite::Connection, select: &str, table: &str) -> Result<(), DbError> {
    let mut rows = from.prepare(select)?;
    let marks = vec!["?"; rows.column_count()].join(", ");
    let mut insert = to.prepare(&format!("INSERT INTO {table} VALUES ({marks})"))?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let columns = row.as_ref().column_count();
        let values: Vec<rusqlite::types::Value> = (0..columns).map(|at| row.get(at)).collect::<Result<_, _>>()?;
        insert.execute(rusqlite::params_from_iter(values))?;
    }
    Ok(())
}
