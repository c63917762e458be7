//! Words and pictures for people, from values.

pub(crate) mod config;
pub(crate) mod cycle;
pub(crate) mod explain;
pub(crate) mod history;
pub(crate) mod nodes;
pub(crate) mod page;
pub(crate) mod reason;
pub(crate) mod report;
pub(crate) mod status;
pub(crate) mod table;
pub(crate) mod takeover;
#[cfg(test)]
mod tests;
pub(crate) mod work;

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use wnm_core::{NodeState, Timestamp};

use crate::error::CliError;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const RED: Style = AnsiColor::Red.on_default();
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();

/// Returns a text in a style that goes away where there is no colour.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Returns an error with its hint on lines of their own.
pub(crate) fn error(error: &CliError) -> String {
    let mut text = format!("{} {error}", styled(RED.bold(), "error:"));
    if let Some(hint) = error.hint() {
        text.push_str(&format!("\n{} {hint}", styled(GREEN.bold(), " hint:")));
    }
    text
}

/// Returns a time span of at most two units, such as `3m 20s`; below a second, `0s`.
pub(crate) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    // Whole units only: nobody needs the seconds of a day.
    let rounded = match seconds {
        0..3600 => seconds,
        3600..86_400 => seconds / 60 * 60,
        _ => seconds / 3600 * 3600,
    };
    let units = humantime::format_duration(Duration::from_secs(rounded)).to_string();
    units.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// Returns a moment in UTC, to the second.
pub(crate) fn moment(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.as_secs())
        .map_or_else(|_| at.as_secs().to_string(), |moment| moment.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// Returns the colour a state is shown in.
pub(crate) fn state_style(state: &NodeState) -> Style {
    match state {
        NodeState::Running { .. } => GREEN,
        NodeState::Unknown { .. }
        | NodeState::Restarting { .. }
        | NodeState::Upgrading { .. }
        | NodeState::Migrating { .. }
        | NodeState::Removing { .. } => YELLOW,
        NodeState::Dead { .. } => RED,
        NodeState::Stopped { .. } | NodeState::Disabled { .. } => DIM,
    }
}

/// Returns words as a shell takes them: those with more than plain characters in quotes.
pub(crate) fn shell_text<T: AsRef<str>>(words: &[T]) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_=./:,+@%~".contains(c);
    let quoted = words.iter().map(AsRef::as_ref).map(|word| match word {
        "" => "''".to_owned(),
        word if word.chars().all(is_plain) => word.to_owned(),
        word => format!("'{}'", word.replace('\'', r"'\''")),
    });
    quoted.collect::<Vec<_>>().join(" ")
}
