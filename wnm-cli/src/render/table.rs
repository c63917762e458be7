//! Tables without borders, which fit the width of the terminal.

use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement};
use textwrap::core::display_width;

use super::page::Width;
use super::{BOLD, styled};

/// A table with columns that it can omit.
pub(crate) struct Table<'a> {
    pub(crate) header: &'a [&'a str],
    /// The columns that are aligned to the right: numbers.
    pub(crate) right: &'a [usize],
    /// The columns that a table that is too wide omits, in this order.
    pub(crate) optional: &'a [usize],
    /// The cells. Escape codes count for the width of a cell, so only cells of the last column may have a style.
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table<'_> {
    /// Returns the table, without as many optional columns as needed to fit the width.
    pub(crate) fn text(&self, width: Width) -> String {
        let layout = |omitted: usize| self.layout(&self.optional[..omitted], None, &[]);
        let mut text = layout(0);
        for omitted in 1..=self.optional.len() {
            if is_within(&text, width) {
                break;
            }
            text = layout(omitted);
        }
        text
    }

    /// Returns the table, with cells of several lines if it is still too wide without all optional columns. No cell
    /// may have a style.
    pub(crate) fn wrapped(&self, width: Width) -> String {
        self.wrapped_beside(width, &[])
    }

    /// Returns the table as [`wrapped`](Self::wrapped) does, with the cells of the columns in `unbroken` on one line:
    /// words that a reader searches for.
    pub(crate) fn wrapped_beside(&self, width: Width, unbroken: &[usize]) -> String {
        match (self.text(width), width) {
            (text, Width::Columns(columns)) if !is_within(&text, width) => {
                self.layout(self.optional, Some(columns), unbroken)
            }
            (text, _) => text,
        }
    }

    fn layout(&self, omitted: &[usize], width: Option<usize>, unbroken: &[usize]) -> String {
        let is_shown = |(column, _): &(usize, &str)| !omitted.contains(column);
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        match width.map(u16::try_from) {
            Some(Ok(width)) => _ = table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
            Some(Err(_)) | None => _ = table.set_content_arrangement(ContentArrangement::Disabled),
        }
        let cell = |(column, text): (usize, &str)| match self.right.contains(&column) {
            true => Cell::new(text).set_alignment(CellAlignment::Right),
            false => Cell::new(text),
        };
        table.set_header(self.header.iter().copied().enumerate().filter(is_shown).map(cell));
        for row in &self.rows {
            table.add_row(row.iter().map(String::as_str).enumerate().filter(is_shown).map(cell));
        }
        // The first column holds the name that a reader copies: it stays on one line.
        let shown = (0..self.header.len()).filter(|column| !omitted.contains(column));
        for (at, _) in shown.enumerate().filter(|(at, column)| *at == 0 || unbroken.contains(column)) {
            if let Some(column) = table.column_mut(at) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        let text = table.to_string();
        let mut lines = text.lines().map(str::trim_end);
        let header = lines.next().map(|line| styled(BOLD, line)).unwrap_or_default();
        std::iter::once(header.as_str()).chain(lines).collect::<Vec<_>>().join("\n") + "\n"
    }
}

fn is_within(text: &str, width: Width) -> bool {
    text.lines().all(|line| width.holds(display_width(line)))
}
