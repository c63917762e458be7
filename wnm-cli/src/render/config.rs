//! The table of settings.

use super::page::Width;
use super::table::Table;
use crate::commands::config::Entry;

/// Whether the table has a column with the source of each value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sources {
    Shown,
    Hidden,
}

/// Returns a table of settings, one line per setting; `-` stands for a setting without a value.
pub(crate) fn list(entries: &[Entry], sources: Sources, width: Width) -> String {
    let has_sources = sources == Sources::Shown;
    let header: &[&str] = if has_sources { &["SETTING", "VALUE", "SOURCE"] } else { &["SETTING", "VALUE"] };
    let rows = entries.iter().map(|entry| {
        let value = entry.value.clone().unwrap_or_else(|| "-".to_owned());
        let mut row = vec![entry.key.to_owned(), value];
        if has_sources {
            row.push(entry.source.to_string());
        }
        row
    });
    Table { header, right: &[], optional: &[], rows: rows.collect() }.wrapped(width)
}
