//! Settings, for people.

use super::page::Width;
use super::table::Table;
use crate::commands::config::Entry;

/// Returns every setting as a line that a file of settings could have, with where it comes from if that was asked.
pub(crate) fn list(entries: &[Entry], origin: bool, width: Width) -> String {
    let header: &[&str] = if origin { &["SETTING", "VALUE", "ORIGIN"] } else { &["SETTING", "VALUE"] };
    let rows = entries.iter().map(|entry| {
        let value = entry.value.clone().unwrap_or_else(|| "-".to_owned());
        let mut row = vec![entry.key.to_owned(), value];
        if origin {
            row.push(entry.origin.to_string());
        }
        row
    });
    Table { header, right: &[], shed: &[], rows: rows.collect() }.wrapped(width)
}
