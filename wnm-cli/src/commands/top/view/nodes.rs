//! The table of nodes: as many columns as fit, and the selected row.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Cell, Row, Table};
use textwrap::core::display_width;

use super::super::app::{App, COLUMNS, Order};
use super::Look;
use crate::args::Column;
use crate::render::here::here;
use crate::render::node_list;
use crate::render::nodes::NodeView;
use crate::render::{DIM, state_style};

/// The columns between two columns.
const GAP: u16 = 2;

/// The columns that a narrow terminal omits, the first one first. The page of a node has all of them.
const OMITTED: [Column; 13] = [
    Column::PeerId,
    Column::Port,
    Column::Age,
    Column::Disk,
    Column::Health,
    Column::Restarts,
    Column::Version,
    Column::Peers,
    Column::Records,
    Column::Cpu,
    Column::Memory,
    Column::Reason,
    Column::Since,
];

/// Returns how the nodes are sorted and filtered.
pub(super) fn arrangement(app: &App) -> String {
    let reversed = if app.order == Order::Reversed { ", reversed" } else { "" };
    let mut text = format!("sorted by {}{reversed}", node_list::title(app.sort).to_lowercase());
    if !app.filter.is_empty() {
        let (shown, all) = (app.shown().count(), app.data.as_ref().map_or(0, |data| data.nodes.len()));
        text.push_str(&format!(", {shown} of {all} match {:?}", app.filter));
    }
    text
}

/// Draws the table.
pub(super) fn draw(frame: &mut Frame<'_>, app: &mut App, look: Look, area: Rect) {
    let views: Vec<&NodeView> = app.shown().collect();
    if views.is_empty() {
        let text = here(match &app.data {
            None => "",
            Some(data) if data.nodes.is_empty() => "no nodes; `wnm node add` adds one",
            Some(_) => "no node matches the filter; Esc clears it",
        });
        frame.render_widget(Text::raw(text), area);
        return;
    }
    let columns = fitting(&views, app.sort, area.width);
    let header = Row::new(columns.iter().map(|(column, _)| aligned(*column, node_list::title(*column).to_owned())));
    let rows: Vec<Row<'_>> = views.iter().map(|view| row(view, &columns, look)).collect();
    let widths = columns.iter().map(|(_, width)| Constraint::Length(*width));
    let table = Table::new(rows, widths)
        .header(header.style(Style::new().add_modifier(Modifier::BOLD)))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
        .column_spacing(GAP);
    let mut state = app.table;
    frame.render_stateful_widget(table, area, &mut state);
    app.table = state;
    app.rows = usize::from(area.height.saturating_sub(1));
}

fn aligned(column: Column, text: String) -> Cell<'static> {
    let alignment = if node_list::is_number(column) { Alignment::Right } else { Alignment::Left };
    Cell::from(Line::from(text).alignment(alignment))
}

fn row(view: &NodeView, columns: &[(Column, u16)], look: Look) -> Row<'static> {
    let cells = columns.iter().map(|(column, _)| {
        let cell = aligned(*column, node_list::cell(view, *column));
        let style = match (&view.state, column) {
            _ if view.is_stale => DIM,
            (Some(state), Column::State) => state_style(state),
            _ => return cell,
        };
        cell.style(look.style(style))
    });
    Row::new(cells)
}

/// Returns the columns that fit, with their widths, the sort column among them. The last one is cut off if even the least do
/// not fit.
fn fitting(views: &[&NodeView], sort: Column, width: u16) -> Vec<(Column, u16)> {
    let widest = |column: Column| {
        let cells = views.iter().map(|view| display_width(&node_list::cell(view, column)));
        let widest = cells.chain([display_width(node_list::title(column))]).max().unwrap_or(0);
        (column, u16::try_from(widest).unwrap_or(u16::MAX))
    };
    let mut columns: Vec<(Column, u16)> = COLUMNS.into_iter().map(widest).collect();
    for omitted in OMITTED.into_iter().filter(|column| *column != sort) {
        let used: u32 = columns.iter().map(|(_, width)| u32::from(*width) + u32::from(GAP)).sum();
        if used <= u32::from(width) + u32::from(GAP) {
            break;
        }
        columns.retain(|(column, _)| *column != omitted);
    }
    columns
}
