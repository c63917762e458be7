//! Tables for people: words at the left, figures at the right, no lines.

use comfy_table::{CellAlignment, Table, presets};

/// Returns a table with these headings.
pub(crate) fn table(heading: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(heading);
    table
}

/// Aligns columns of figures to the right, and spares the margin at the left.
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
