//! The settings table: the values that the operator stored, as texts by name.

use rusqlite::{Connection, Row};
use wnm_core::RawSettings;

use crate::error::{DbError, StoreError};
use crate::nodes::Unreadable;
use crate::record::{self, Corruption, Record};

/// Reads the settings. Names that this version does not know are ignored.
pub(crate) fn read(db: &Connection) -> Result<RawSettings, DbError> {
    let mut unreadable = Vec::new();
    let settings = readable(db, &mut unreadable)?;
    unreadable.pop().map_or(Ok(settings), |error| Err(error.into()))
}

fn read_row(row: &Row<'_>, settings: &mut RawSettings) -> Result<(), StoreError> {
    // Before the name: a name with a changed letter would count as one of a later version.
    record::verified(row, 2, Record::Settings)?;
    let column = |error| StoreError::Corrupt { record: Record::Settings, cause: Corruption::Column(error) };
    let (key, value): (String, String) = (row.get(0).map_err(column)?, row.get(1).map_err(column)?);
    let Some(key) = RawSettings::KEYS.iter().find(|known| **known == key) else { return Ok(()) };
    settings.set(key, &value).map_err(|problem| StoreError::Corrupt {
        record: Record::Setting(key),
        cause: Corruption::Setting(Box::new(problem)),
    })
}

/// Reads the settings that can be read.
pub(crate) fn readable(db: &Connection, unreadable: &mut Unreadable) -> Result<RawSettings, DbError> {
    let mut settings = RawSettings::default();
    let mut statement = db.prepare("SELECT key, value, digest IS row_digest(key, value) FROM settings")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let Err(error) = read_row(row, &mut settings) {
            unreadable.push(error);
        }
    }
    Ok(settings)
}

/// Writes the settings. Names that this version does not know stay, so that a downgrade and a later upgrade lose nothing.
pub(crate) fn write(db: &Connection, settings: &RawSettings) -> Result<(), DbError> {
    for key in RawSettings::KEYS {
        match settings.get(key) {
            // The condition keeps an unchanged row from dirtying its page, and so from reaching the log.
            Some(value) => db
                .prepare_cached(
                    "INSERT INTO settings VALUES (?1, ?2, row_digest(?1, ?2))
                     ON CONFLICT DO UPDATE SET value = excluded.value, digest = excluded.digest
                     WHERE value <> excluded.value",
                )?
                .execute((key, value))?,
            None => db.prepare_cached("DELETE FROM settings WHERE key = ?1")?.execute([key])?,
        };
    }
    Ok(())
}
