//! The head of the display: the daemon, problems, holds, signals and counts.

use std::time::Duration;

use ansi_to_tui::IntoText as _;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use wnm_core::Measure;

use super::super::app::App;
use super::super::feed::Data;
use super::{Colour, Look};
use crate::render::daemon::Unreachable;
use crate::render::here::here;
use crate::render::status::{self, Status};
use crate::render::{DIM, RED, YELLOW, duration, health, styled, valves, versions, volumes};

/// The maximum number of lines about problems, holds and windows. The page of activity has them all.
const MOST_NOTES: usize = 4;
/// The columns of a terminal that shows two signals in a line.
const TWO_COLUMNS: u16 = 76;
/// The columns of the name and of the value of a signal.
const NAME: usize = 12;
const VALUE: usize = 11;
/// The width of a column of signals from which on the thresholds are printed, and their columns.
const WITH_THRESHOLDS: usize = 56;
const THRESHOLDS: usize = 22;

/// Returns a text with escape codes as lines, without colours where the terminal shows none.
pub(super) fn lines_of(text: &str, look: Look) -> Vec<Line<'static>> {
    // The library returns an empty line for no text.
    if text.is_empty() {
        return Vec::new();
    }
    let plain = || anstream::adapter::strip_str(text).to_string().lines().map(|l| Line::from(l.to_owned())).collect();
    match look.colour {
        Colour::On => text.into_text().map_or_else(|_| plain(), |text| text.lines),
        Colour::Off => plain(),
    }
}

/// Returns the line of the host, and the first lines of problems, holds and windows.
pub(super) fn lines(app: &App, look: Look, width: u16) -> Vec<Line<'static>> {
    let Some(data) = &app.data else {
        let text = app.failure.clone().unwrap_or_else(|| "reading …".to_owned());
        return vec![Line::from(text)];
    };
    let mut lines = vec![first(&data.host, &data.status, look, usize::from(width))];
    lines.extend(lines_of(&notes(app), look).into_iter().take(MOST_NOTES));
    lines
}

/// Returns a line for each problem, hold and window, and one for nodes that gain nothing; empty without one.
pub(super) fn notes(app: &App) -> String {
    let Some(Data { status, .. }) = &app.data else { return String::new() };
    let hint = |hint: Option<&str>| hint.map_or_else(String::new, |hint| format!("; hint: {}", here(hint)));
    let mut notes = String::new();
    if let Some(failure) = &app.failure {
        notes.push_str(&format!("{}\n", styled(RED, format!("cannot read the data: {failure}"))));
    }
    if let Some(problem) = &status.stale_problem {
        let stale = format!("stale: {problem}{}", hint(status.hint.as_deref()));
        notes.push_str(&format!("{}\n", styled(YELLOW.bold(), stale)));
    }
    if let Some(Unreachable { problem, hint: way, .. }) = &status.unreachable {
        notes.push_str(&format!("{}\n", styled(YELLOW.bold(), format!("{problem}{}", hint(Some(way))))));
    }
    if let Some(failure) = status.daemon.as_ref().and_then(|daemon| daemon.info.failure.as_ref()) {
        let failed = format!("the last cycle failed: {}{}", failure.error, hint(failure.hint.as_deref()));
        notes.push_str(&format!("{}\n", styled(RED, failed)));
    }
    notes.extend(volumes::fault_lines(&status.storage).into_iter().map(|line| format!("{}\n", line.trim_start())));
    let valves = status.valves.as_ref().map(valves::lines).unwrap_or_default();
    notes.extend(valves.lines().filter(|line| !line.is_empty()).map(|line| format!("{line}\n")));
    notes.extend(health::idle(&status.health).map(|idle| format!("{}\n", styled(YELLOW, idle))));
    notes
}

/// Returns the host and the daemon on the left, and the age of the data on the right.
fn first(host: &str, status: &Status, look: Look, width: usize) -> Line<'static> {
    let silent = || match status.unreachable.as_ref().map(|daemon| daemon.holder.as_ref()) {
        Some(Some(holder)) => format!("daemon PID {}", holder.pid),
        Some(None) => "daemon".to_owned(),
        None => "no daemon".to_owned(),
    };
    let daemon = status.daemon.as_ref().map_or_else(silent, |daemon| {
        let next = daemon.info.next.map(|next| duration(next.since(daemon.now)));
        let next = next.map_or_else(|| format!(", {}", daemon.info.phase), |next| format!(", next cycle in {next}"));
        format!("daemon PID {}{next}", daemon.info.pid)
    });
    let age = match status.at {
        None => "no cycle recorded".to_owned(),
        Some(_) => format!("observed {} ago", duration(Duration::from_secs(status.age_seconds))),
    };
    let title = format!("wnm on {host}");
    let used = textwrap::core::display_width(&title) + 2 + daemon.len() + age.len();
    let gap = width.saturating_sub(used).max(2);
    let style = if status.stale { look.style(YELLOW) } else { look.style(DIM) };
    Line::from(vec![
        Span::styled(title, Style::new().add_modifier(Modifier::BOLD)),
        Span::raw(format!("  {daemon}{:gap$}", "")),
        Span::styled(age, style),
    ])
}

/// Returns the signals against their thresholds, two in a line where the terminal is wide enough.
pub(super) fn signals(app: &App, look: Look, width: u16) -> Vec<Line<'static>> {
    let Some(data) = &app.data else { return Vec::new() };
    let columns = if width >= TWO_COLUMNS { 2 } else { 1 };
    let each = (usize::from(width) - 2 * (columns - 1)) / columns;
    // They are read downwards, as the list of `wnm status`.
    let signals = &data.status.signals;
    let rows = signals.len().div_ceil(columns);
    let row = |at: usize| {
        let mut spans = Vec::new();
        for measure in (0..columns).filter_map(|column| signals.get(at + column * rows)) {
            if !spans.is_empty() {
                spans.push(Span::raw("  "));
            }
            spans.extend(signal(measure, each, data.status.stale, look));
        }
        Line::from(spans)
    };
    (0..rows).map(row).collect()
}

fn signal(measure: &Measure, width: usize, is_stale: bool, look: Look) -> Vec<Span<'static>> {
    let thresholds = if width >= WITH_THRESHOLDS { THRESHOLDS } else { 0 };
    let bar = width.saturating_sub(NAME + VALUE + 1 + thresholds).clamp(4, 40);
    let style = look.style(if is_stale { DIM } else { status::signal_style(measure) });
    // A terminal without colours needs a sign.
    let sign = if measure.is_exceeded() { "!" } else { " " };
    let seen = measure.seen.map_or_else(|| "unknown".to_owned(), |seen| seen.to_string());
    let mut spans = vec![
        Span::raw(format!("{:<NAME$}", measure.signal.to_string())),
        Span::styled(status::bar(measure, bar), style),
        Span::styled(format!("{seen:>VALUE$}{sign}"), style),
    ];
    if thresholds > 0 {
        let limits = format!("{:>10} {:>10} ", measure.less_than.to_string(), measure.remove.to_string());
        spans.push(Span::styled(limits, look.style(DIM)));
    }
    spans
}

/// Returns the counts by state and by version, in one line if they fit; nothing before the first data.
pub(super) fn counts(app: &App, look: Look, width: u16) -> Vec<Line<'static>> {
    let Some(Data { status, .. }) = &app.data else { return Vec::new() };
    let mut spans = vec![Span::styled("nodes ", Style::new().add_modifier(Modifier::BOLD))];
    spans.push(Span::raw(format!("{} of at most {}", status.nodes, status.node_cap)));
    for (word, count) in &status.by_state {
        let style = status.states.get(word).map_or(Style::new(), |state| look.style(crate::render::state_style(state)));
        spans.push(Span::raw("  "));
        spans.push(Span::styled(format!("{count} {}", word.to_lowercase()), style));
    }
    let mut lines = vec![Line::from(spans)];
    let versions = Span::raw(format!("  versions {}", versions::line(&status.by_version)));
    if lines[0].width() + versions.width() <= usize::from(width) {
        lines[0].push_span(versions);
    } else {
        lines.push(Line::from(versions));
    }
    lines
}
