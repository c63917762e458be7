//! The pages of text: activity, probes, the details of a node, and help. They are those of the commands.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::super::app::{App, View};
use super::super::feed::{Data, Details};
use super::super::keys::HELP;
use super::Look;
use super::header::{lines_of, notes};
use crate::render::page::{Width, fitted};
use crate::render::{BOLD, events, node_show, probe, status, styled};

/// Draws the page, from the line that the operator has scrolled to.
pub(super) fn draw(frame: &mut Frame<'_>, app: &mut App, look: Look, area: Rect) {
    let columns = Width::Columns(usize::from(area.width.max(1)));
    let lines = lines(app, columns, look);
    app.lines = lines.len();
    app.scroll = app.scroll.min(app.lines.saturating_sub(app.rows));
    let shown: Vec<Line<'static>> = lines.into_iter().skip(app.scroll).take(app.rows).collect();
    frame.render_widget(Paragraph::new(shown), area);
}

fn lines(app: &App, width: Width, look: Look) -> Vec<Line<'static>> {
    let fit = |text: &str| lines_of(&fitted(text, width), look);
    let Some(data) = &app.data else { return if app.view == View::Help { fit(&help()) } else { Vec::new() } };
    match app.view {
        View::Help => fit(&help()),
        View::Activity => fit(&activity(data, &notes(app))),
        View::Probes => match &data.probes {
            None => fit("reading …\n"),
            Some(Ok(view)) => fit(&probe::status(view, width)),
            Some(Err(error)) => fit(error),
        },
        View::Details(node) => match &data.details {
            Some(Ok(details)) if details.node.view.node.id == node => fit(&details_text(details)),
            Some(Err(error)) => fit(error),
            Some(Ok(_)) | None => fit("reading …\n"),
        },
        View::Nodes => Vec::new(),
    }
}

fn help() -> String {
    HELP.iter().map(|(keys, effect)| format!("  {keys:<14}  {effect}\n")).collect()
}

/// Returns the problems, the work under way, the last decision, and the latest events, latest first.
fn activity(data: &Data, notes: &str) -> String {
    let status = &data.status;
    let at = status.at.unwrap_or_default();
    let mut text = format!("{notes}{}", status::lists(status, at));
    text.push_str(&format!("\n{}\n\n{}", styled(BOLD, "last decision"), status::decision(status, at)));
    text.push_str(&format!("\n{}\n\n", styled(BOLD, "latest events")));
    text.extend(data.events.iter().rev().map(|event| format!("  {}", events::line(event))));
    if data.events.is_empty() {
        text.push_str("  no events\n");
    }
    text.trim_start_matches('\n').to_owned()
}

/// Returns the page of a node, and the last lines of its log. A node program writes the log, so that escape codes in it
/// have no effect.
fn details_text(Details { node, log }: &Details) -> String {
    let mut text = node_show::text(std::slice::from_ref(node));
    match log {
        Ok((origin, lines)) => {
            text.push_str(&format!("\nlog  {origin}\n"));
            text.extend(lines.iter().map(|line| format!("  {}\n", plain(line))));
            if lines.is_empty() {
                text.push_str("  -\n");
            }
        }
        Err(error) => text.push_str(&format!("\nlog\n  {error}\n")),
    }
    text
}

/// Returns a line without escape codes and control characters.
fn plain(line: &str) -> String {
    let stripped = anstream::adapter::strip_str(line).to_string();
    stripped.chars().map(|c| if c == '\t' { ' ' } else { c }).filter(|c| !c.is_control()).collect()
}
