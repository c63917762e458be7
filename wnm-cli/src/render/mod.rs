//! Text for people: pages, tables and sentences, made from values.

pub(crate) mod action;
pub(crate) mod alert;
pub(crate) mod config;
pub(crate) mod config_file;
pub(crate) mod cycle;
pub(crate) mod daemon;
pub(crate) mod earnings;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod failures;
pub(crate) mod fleet;
pub(crate) mod freshness;
pub(crate) mod health;
pub(crate) mod here;
pub(crate) mod history;
mod host_rollout;
pub(crate) mod live_event;
pub(crate) mod node_list;
pub(crate) mod node_show;
pub(crate) mod nodes;
pub(crate) mod page;
pub(crate) mod printable;
pub(crate) mod probe;
pub(crate) mod reason;
pub(crate) mod recovery;
pub(crate) mod report;
pub(crate) mod secret;
pub(crate) mod status;
pub(crate) mod storage;
pub(crate) mod symbols;
pub(crate) mod table;
pub(crate) mod takeover;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod trash;
mod unlisted;
pub(crate) mod valves;
pub(crate) mod versions;
pub(crate) mod volumes;
pub(crate) mod work;

use std::path::Path;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use jiff::tz::TimeZone;
use wnm_core::{NodeState, Timestamp};

use crate::error::CliError;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const RED: Style = AnsiColor::Red.on_default();
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();

/// Returns a text with escape codes for its style. The output removes them where it has no colour.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Returns an error and its hint, each on a line of its own.
pub(crate) fn error(error: &CliError) -> String {
    let mut text = format!("{} {}", styled(RED.bold(), "error:"), error.message());
    if let Some(hint) = error.hint() {
        text.push_str(&format!("\n{} {}", styled(GREEN.bold(), "hint:"), here::here(&hint)));
    }
    text
}

/// Returns a count with its noun: `1 node`, `3 nodes`.
pub(crate) fn counted(count: impl ToString, noun: &str) -> String {
    let count = count.to_string();
    format!("{count} {noun}{}", if count == "1" { "" } else { "s" })
}

/// Returns a duration in whole units, at most two of them: `45s`, `2h 5min`, `3d 4h`, `46d`.
pub(crate) fn duration(span: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = span.as_secs();
    let (large, small) = match seconds {
        0..MINUTE => ((seconds, "s"), (0, "")),
        MINUTE..HOUR => ((seconds / MINUTE, "min"), (seconds % MINUTE, "s")),
        HOUR..DAY => ((seconds / HOUR, "h"), (seconds % HOUR / MINUTE, "min")),
        _ if seconds < 10 * DAY => ((seconds / DAY, "d"), (seconds % DAY / HOUR, "h")),
        _ => ((seconds / DAY, "d"), (0, "")),
    };
    let parts = [large, small].into_iter().enumerate().filter(|(at, (count, _))| *at == 0 || *count > 0);
    parts.map(|(_, (count, unit))| format!("{count}{unit}")).collect::<Vec<_>>().join(" ")
}

/// Returns a time to the second in the zone of this host: `2026-03-01 13:00:00 CET`.
pub(crate) fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.as_secs())
        .map_or_else(|_| at.as_secs().to_string(), |time| time.to_zoned(zone()).strftime("%F %T %Z").to_string())
}

/// Returns the zone of this host as `TZ` or `/etc/localtime` names it, else UTC. Unit tests use UTC, so that their
/// snapshots do not depend on the host.
pub(crate) fn zone() -> TimeZone {
    if cfg!(test) { TimeZone::UTC } else { TimeZone::try_system().unwrap_or(TimeZone::UTC) }
}

/// Returns the colour of a node state.
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

/// Returns a path as a word of a command that is typed into a shell.
pub(crate) fn typed(path: &Path) -> String {
    shell_text(&[path.to_string_lossy()])
}

/// Returns words as a line of a shell, with quotes around each word that a shell would split or expand.
pub(crate) fn shell_text<T: AsRef<str>>(words: &[T]) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_=./:,+@%~".contains(c);
    let quoted = words.iter().map(AsRef::as_ref).map(|word| match word {
        "" => "''".to_owned(),
        word if word.chars().all(is_plain) => word.to_owned(),
        word => format!("'{}'", word.replace('\'', r"'\''")),
    });
    quoted.collect::<Vec<_>>().join(" ")
}
