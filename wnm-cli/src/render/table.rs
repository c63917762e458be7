//! Tables without frames.

use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement};
use textwrap::core::display_width;

use super::page::Width;
use super::{BOLD, styled};

/// A table, and what it can do without.
pub(crate) struct Table<'a> {
    pub(crate) header: &'a [&'a str],
    /// The columns that hold numbers.
    pub(crate) right: &'a [usize],
    /// The columns that are left out first where the table is too wide, in that order.
    pub(crate) shed: &'a [usize],
    /// A style within a cell would count for its width, so that only the last column may have one.
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table<'_> {
    /// Returns the table: as it comes, or, where that is too wide, without the columns that may be missed.
    pub(crate) fn text(&self, width: Width) -> String {
        let lay = |left_out: usize| self.lay(&self.shed[..left_out], None);
        let mut text = lay(0);
        for left_out in 1..=self.shed.len() {
            if is_within(&text, width) {
                break;
            }
            text = lay(left_out);
        }
        text
    }

    /// Returns the table with cells of several lines where it is too wide. No cell may have a style.
    pub(crate) fn wrapped(&self, width: Width) -> String {
        match (self.text(width), width) {
            (text, Width::Columns(columns)) if !is_within(&text, width) => self.lay(self.shed, Some(columns)),
            (text, _) => text,
        }
    }

    fn lay(&self, left_out: &[usize], width: Option<usize>) -> String {
        let is_shown = |(column, _): &(usize, &str)| !left_out.contains(column);
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
        // What a line is about stays in one piece.
        if let Some(first) = table.column_mut(0) {
            first.set_constraint(ColumnConstraint::ContentWidth);
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
