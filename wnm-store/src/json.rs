//! Values of the core as JSON texts in columns.

use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;

/// Returns a value as text.
///
/// # Errors
/// It holds what JSON cannot, such as a path that is not UTF-8.
pub(crate) fn text(value: &impl Serialize, what: impl FnOnce() -> String) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Unwritable { what: what(), found: error.to_string() })
}

/// Reads a value from a column; None where the column is null.
///
/// # Errors
/// The text is not one of such a value. The error names the row by `what`.
pub(crate) fn optional<T: DeserializeOwned>(
    row: &Row<'_>,
    column: usize,
    what: impl FnOnce() -> String,
) -> Result<Option<T>, StoreError> {
    let found = match row.get_ref(column) {
        Ok(ValueRef::Null) => return Ok(None),
        Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => match serde_json::from_slice(bytes) {
            Ok(value) => return Ok(Some(value)),
            Err(error) => error.to_string(),
        },
        Ok(ValueRef::Integer(_) | ValueRef::Real(_)) => "a number".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(StoreError::Corrupt { what: what(), found })
}

/// Reads a value from a column.
///
/// # Errors
/// There is none, or the text is not one of such a value. The error names the row by `what`.
pub(crate) fn required<T: DeserializeOwned>(
    row: &Row<'_>,
    column: usize,
    what: impl Fn() -> String,
) -> Result<T, StoreError> {
    let value = optional(row, column, &what)?;
    value.ok_or_else(|| StoreError::Corrupt { what: what(), found: "nothing".to_owned() })
}
