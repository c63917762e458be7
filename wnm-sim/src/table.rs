//! Plain tables for people: words left-aligned, figures right-aligned, no borders.

use comfy_table::{CellAlignment, Table, presets};

/// Returns a table with these headings.
pub(crate) fn table(heading: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(heading);
    table
}

/// Aligns all columns from `words` on to the right, and removes the left margin and trailing blanks.
pub(crate) fn finish(mut table: Table, words: usize) -> String {
    for (i, column) in table.column_iter_mut().enumerate() {
        if i >= words {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines = table.lines();
    let lines: Vec<_> = lines.map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned()).collect();
    lines.join("\n")
}
