//! The settings table: the values that the operator stored, as texts by name.

use rusqlite::Connection;
use wnm_core::RawSettings;

use crate::error::{DbError, StoreError};
use crate::record::{Corruption, Record};

/// Reads the settings. Names that this version does not know are ignored.
pub(crate) fn read(db: &Connection) -> Result<RawSettings, DbError> {
    let mut settings = RawSettings::default();
    let mut statement = db.prepare_cached("SELECT key, value FROM settings")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (key, value): (String, String) = (row.get(0)?, row.get(1)?);
        let Some(key) = RawSettings::KEYS.iter().find(|known| **known == key) else { continue };
        settings.set(key, &value).map_err(|problem| StoreError::Corrupt {
            record: Record::Setting(key),
            cause: Corruption::Setting(Box::new(problem)),
        })?;
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
                    "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value
                     WHERE value <> excluded.value",
                )?
                .execute((key, value))?,
            None => db.prepare_cached("DELETE FROM settings WHERE key = ?1")?.execute([key])?,
        };
    }
    Ok(())
}
