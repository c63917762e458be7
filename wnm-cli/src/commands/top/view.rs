//! The frame: the host above, the page in the middle, keys or a question below.

mod header;
mod nodes;
mod text;

use std::io;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use super::app::{App, Prompt, View};
use crate::render::symbols::{self, IS_ASCII};

/// The terminal's means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) colour: Colour,
    pub(super) symbols: Symbols,
}

/// Whether the terminal shows colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    On,
    Off,
}

/// The characters that the locale shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Symbols {
    Unicode,
    Ascii,
}

impl Look {
    /// Returns the means of standard output, by `--color`, `NO_COLOR` and the locale.
    pub(super) fn of_terminal() -> Self {
        let has_colour = anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
        // The flag is above the variable, which crossterm reads too.
        crossterm::style::force_color_output(has_colour);
        Self {
            colour: if has_colour { Colour::On } else { Colour::Off },
            symbols: if *IS_ASCII { Symbols::Ascii } else { Symbols::Unicode },
        }
    }

    /// Returns a style without its colours where the terminal shows none.
    pub(super) fn style(self, style: anstyle::Style) -> Style {
        let colour = match style.get_fg_color() {
            Some(anstyle::Color::Ansi(anstyle::AnsiColor::Red)) => Some(Color::Red),
            Some(anstyle::Color::Ansi(anstyle::AnsiColor::Green)) => Some(Color::Green),
            Some(anstyle::Color::Ansi(anstyle::AnsiColor::Yellow)) => Some(Color::Yellow),
            _ => None,
        };
        let effects = style.get_effects();
        let mut shown = Style::new();
        if effects.contains(anstyle::Effects::BOLD) {
            shown = shown.add_modifier(Modifier::BOLD);
        }
        if effects.contains(anstyle::Effects::DIMMED) {
            shown = shown.add_modifier(Modifier::DIM);
        }
        match (self.colour, colour) {
            (Colour::On, Some(colour)) => shown.fg(colour),
            _ => shown,
        }
    }
}

/// The heights below which the signals, and then the rest of the header, make room for the page.
const WITH_SIGNALS: u16 = 16;
const WITH_HEADER: u16 = 8;

/// Draws the display.
pub(super) fn draw(frame: &mut Frame<'_>, app: &mut App, look: Look) {
    let area = frame.area();
    let mut above = Vec::new();
    if area.height >= WITH_HEADER {
        above = header::lines(app, look, area.width);
    }
    if area.height >= WITH_SIGNALS {
        // The page keeps at least half of the screen.
        let most = usize::from(area.height / 2).saturating_sub(above.len());
        above.extend(header::signals(app, look, area.width).into_iter().take(most));
    }
    above.extend(header::counts(app, look, area.width));
    let height = u16::try_from(above.len()).unwrap_or(u16::MAX);
    let [top, tabs, body, bottom] =
        Layout::vertical([Constraint::Max(height), Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)])
            .areas(area);
    frame.render_widget(ratatui::text::Text::from(above), top);
    frame.render_widget(tab_line(app, look), tabs);
    app.rows = usize::from(body.height);
    match app.view {
        View::Nodes => nodes::draw(frame, app, look, body),
        View::Activity | View::Probes | View::Details(_) | View::Help => text::draw(frame, app, look, body),
    }
    frame.render_widget(bottom_line(app, look), bottom);
    if let Prompt::Filter | Prompt::Question(_) = app.prompt {
        place_cursor(frame, app, bottom);
    }
    if look.symbols == Symbols::Ascii {
        in_ascii(frame.buffer_mut());
    }
    // A text of a node cannot turn or hide the text beside it.
    for cell in &mut frame.buffer_mut().content {
        if cell.symbol().contains(crate::render::printable::is_risky) {
            cell.set_symbol("\u{fffd}");
        }
    }
}

fn tab_line(app: &App, look: Look) -> Line<'static> {
    let mut spans = Vec::new();
    for (view, title) in View::TABS {
        let is_open = view == app.view || (view == View::Nodes && matches!(app.view, View::Details(_)));
        let style =
            if is_open { Style::new().add_modifier(Modifier::REVERSED) } else { look.style(crate::render::DIM) };
        spans.push(Span::styled(format!(" {title} "), style));
        spans.push(Span::raw(" "));
    }
    if app.view == View::Nodes {
        spans.push(Span::styled(nodes::arrangement(app), look.style(crate::render::DIM)));
    }
    Line::from(spans)
}

/// Returns the question, the filter that is typed, the last result, or the keys.
fn bottom_text(app: &App) -> String {
    match app.prompt {
        Prompt::Question(request) => request.question(),
        Prompt::Filter => format!("filter: {}", app.filter),
        Prompt::None if !app.message.is_empty() => app.message.clone(),
        Prompt::None => match app.view {
            View::Nodes => "q quit  ? help  / filter  s sort  Enter details  S start  T stop  R restart",
            View::Details(_) => "Esc back  ↑↓ scroll  S start  T stop  R restart  U upgrade  D disable  X remove",
            View::Activity | View::Probes | View::Help => "q quit  ? help  Tab next page  ↑↓ scroll  Esc back",
        }
        .to_owned(),
    }
}

fn bottom_line(app: &App, look: Look) -> Line<'static> {
    let style = match app.prompt {
        Prompt::Question(_) => look.style(crate::render::YELLOW.bold()),
        Prompt::Filter => Style::new().add_modifier(Modifier::BOLD),
        Prompt::None if app.message.is_empty() => look.style(crate::render::DIM),
        Prompt::None => Style::new().add_modifier(Modifier::BOLD),
    };
    Line::styled(bottom_text(app), style)
}

fn place_cursor(frame: &mut Frame<'_>, app: &App, line: Rect) {
    let width = textwrap::core::display_width(&bottom_text(app));
    let column = u16::try_from(width).unwrap_or(u16::MAX).min(line.width.saturating_sub(1));
    frame.set_cursor_position((line.x + column, line.y));
}

/// Replaces the symbols of the display by ASCII. Each has one cell, so that columns stay in line.
fn in_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        match cell.symbol() {
            "…" => _ = cell.set_symbol("."),
            symbol if !symbol.is_ascii() => {
                let plain = symbols::in_ascii(symbol).into_owned();
                cell.set_symbol(&plain);
            }
            _ => {}
        }
    }
}
