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
        let widths = self.widths();
        self.lines(self.fitting(&widths, width).unwrap_or(self.optional), &widths)
    }

    /// Returns the table, with cells of several lines if it is still too wide without all optional columns. No cell
    /// may have a style.
    pub(crate) fn wrapped(&self, width: Width) -> String {
        self.wrapped_beside(width, &[])
    }

    /// Returns the table as [`wrapped`](Self::wrapped) does, with the cells of the columns in `unbroken` on one line:
    /// words that a reader searches for.
    pub(crate) fn wrapped_beside(&self, width: Width, unbroken: &[usize]) -> String {
        let widths = self.widths();
        match (self.fitting(&widths, width), width) {
            (None, Width::Columns(columns)) => self.broken(columns, unbroken),
            (omitted, _) => self.lines(omitted.unwrap_or(self.optional), &widths),
        }
    }

    /// Returns the width of each column.
    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.header.iter().map(|name| display_width(name)).collect();
        for row in &self.rows {
            widths.iter_mut().zip(row).for_each(|(width, cell)| *width = (*width).max(display_width(cell)));
        }
        widths
    }

    /// Returns the columns to omit so that the table fits the width; None if it is too wide without all optional ones.
    fn fitting(&self, widths: &[usize], width: Width) -> Option<&[usize]> {
        (0..=self.optional.len()).map(|omitted| &self.optional[..omitted]).find(|omitted| {
            let shown = widths.iter().enumerate().filter(|(column, _)| !omitted.contains(column));
            // A space on both sides of each cell, without the last one of the line.
            width.holds(shown.map(|(_, width)| width + 2).sum::<usize>().saturating_sub(1))
        })
    }

    /// Returns the table with one line for each row, without some columns.
    fn lines(&self, omitted: &[usize], widths: &[usize]) -> String {
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let mut line = String::new();
            for (column, (cell, width)) in cells.zip(widths).enumerate().filter(|(column, _)| !omitted.contains(column))
            {
                let padding = " ".repeat(width.saturating_sub(display_width(cell)));
                let (before, after) = if self.right.contains(&column) { (&*padding, "") } else { ("", &*padding) };
                line.extend([" ", before, cell, after, " "]);
            }
            line.truncate(line.trim_end().len());
            line
        };
        let header = styled(BOLD, line(&mut self.header.iter().copied()));
        let rows = self.rows.iter().map(|row| line(&mut row.iter().map(String::as_str)));
        std::iter::once(header).chain(rows).flat_map(|line| [line, "\n".to_owned()]).collect()
    }

    /// Returns the table with cells of several lines, without the optional columns.
    fn broken(&self, width: usize, unbroken: &[usize]) -> String {
        let is_shown = |(column, _): &(usize, &str)| !self.optional.contains(column);
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(u16::try_from(width).unwrap_or(u16::MAX));
        let cell = |(column, text): (usize, &str)| match self.right.contains(&column) {
            true => Cell::new(text).set_alignment(CellAlignment::Right),
            false => Cell::new(text),
        };
        table.set_header(self.header.iter().copied().enumerate().filter(is_shown).map(cell));
        for row in &self.rows {
            table.add_row(row.iter().map(String::as_str).enumerate().filter(is_shown).map(cell));
        }
        // The first column holds the name that a reader copies: it stays on one line.
        let shown = (0..self.header.len()).filter(|column| !self.optional.contains(column));
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
