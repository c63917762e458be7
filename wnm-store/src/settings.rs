//! The settings table: what the operator wants, as texts by name.

use rusqlite::Connection;
use wnm_core::RawSettings;

use crate::error::{Fault, StoreError};

/// Reads the settings. Names that this version does not know are passed over.
pub(crate) fn read(db: &Connection) -> Result<RawSettings, Fault> {
    let mut settings = RawSettings::default();
    let mut statement = db.prepare_cached("SELECT key, value FROM settings")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (key, value): (String, String) = (row.get(0)?, row.get(1)?);
        if RawSettings::KEYS.contains(&key.as_str()) {
            settings.set(&key, &value).map_err(|problem| StoreError::Corrupt {
                what: format!("setting {key}"),
                found: problem.to_string(),
            })?;
        }
    }
    Ok(settings)
}

/// Writes the settings. Names that this version does not know stay as they are.
pub(crate) fn write(db: &Connection, settings: &RawSettings) -> Result<(), Fault> {
    for key in RawSettings::KEYS {
        match settings.get(key) {
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
