//! The summary of a replay as text.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use wnm_core::trace::TraceHeader;
use wnm_core::{RawSettings, Timestamp};

use crate::commands::replay::{Difference, OverLimit, PolicyReplay, Replay};
use crate::table::{finish, table};
use crate::trace_file::TraceFile;
use crate::words::Heading;

/// Returns the summary as text.
pub(super) fn text(replay: &Replay, file: &TraceFile) -> String {
    let extent = &replay.extent;
    let mut text = format!("trace    {}: {} samples over {}", file.name(), extent.samples, length(span(replay)));
    if extent.gaps > 0 {
        let gaps = if extent.gaps == 1 { "gap" } else { "gaps" };
        _ = write!(text, ", {} {gaps} (the longest {})", extent.gaps, length(extent.longest_gap));
    }
    if file.skipped() > 0 {
        _ = write!(text, ", {} invalid lines skipped", file.skipped());
    }
    for (name, policies) in ["policy ", "against"].into_iter().zip(&replay.policies) {
        _ = write!(text, "\n{name}  {}", settings_text(&policies.settings));
    }
    _ = write!(text, "\n\n{}\n\n{}\n", decided_table(&replay.policies), limits_table(replay));
    if replay.policies.len() > 1 {
        _ = writeln!(text, "\n{}", difference_text(replay));
    }
    // Standard input cannot be read again.
    let trace = if file.name() == "-" { "TRACE" } else { file.name() };
    let known = file.header().and_then(|header| header.cpus);
    let cpus = replay.policies[0].course.observation().host.cpus.filter(|_| known.is_none());
    let cpus = cpus.map(|cpus| format!(" --cpus {cpus}")).unwrap_or_default();
    _ = writeln!(
        text,
        "\nOpen loop: no decision changes the samples after it, so time over a limit is that of the recording."
    );
    _ = writeln!(text, "For the effect of settings: wnm-sim try {trace}{cpus} --set KEY=VALUE");
    text
}

fn decided_table(policies: &[PolicyReplay]) -> String {
    let mut heading = vec!["decision", "reason"];
    for name in ["", "against "].iter().take(policies.len()) {
        heading.extend(if name.is_empty() { ["samples", "actions"] } else { ["against", "actions"] });
    }
    let mut table = table(&heading);
    let headings: BTreeSet<Heading> =
        policies.iter().flat_map(|policies| policies.tally.decided.keys().copied()).collect();
    let (actions, others): (Vec<_>, Vec<_>) = headings.into_iter().partition(Heading::is_action);
    for heading in actions.into_iter().chain(others) {
        let mut row = vec![heading.verb.to_owned(), heading.because()];
        for policies in policies {
            let count = policies.tally.decided.get(&heading).copied().unwrap_or_default();
            let actions = if heading.is_action() { count.actions.to_string() } else { String::new() };
            row.extend([count.samples.to_string(), actions]);
        }
        table.add_row(row);
    }
    finish(table, 2)
}

fn limits_table(replay: &Replay) -> String {
    let second = replay.policies.get(1);
    let mut heading = vec!["signal", "limit", "time over", "share", "longest", "unknown"];
    if second.is_some() {
        heading.extend(["against", "time over"]);
    }
    let mut table = table(&heading);
    let watched = replay.extent.watched;
    let share = |part: Duration| {
        let whole = watched.as_secs_f64();
        if whole > 0.0 { format!("{:.1} %", 100.0 * part.as_secs_f64() / whole) } else { String::new() }
    };
    let signals: BTreeSet<_> =
        replay.policies.iter().flat_map(|policies| policies.tally.limits.iter().map(|limit| limit.signal)).collect();
    let find =
        |policies: &PolicyReplay, signal| policies.tally.limits.iter().find(|limit| limit.signal == signal).cloned();
    for signal in signals {
        let mut row = vec![signal.to_string()];
        let one = find(&replay.policies[0], signal);
        row.extend(one.map_or_else(Default::default, |limit| {
            let OverLimit { limit, over, longest, unknown, .. } = limit;
            [limit.to_string(), length(over), share(over), length(longest), length(unknown)]
        }));
        if let Some(second) = second {
            let other = find(second, signal);
            row.extend(other.map_or_else(Default::default, |limit| [limit.limit.to_string(), length(limit.over)]));
        }
        table.add_row(row);
    }
    finish(table, 1)
}

fn settings_text(settings: &RawSettings) -> String {
    let stated: Vec<String> = TraceHeader::POLICY_KEYS
        .iter()
        .filter_map(|key| settings.get(key).map(|value| format!("{key}={value}")))
        .collect();
    if stated.is_empty() { "defaults".to_owned() } else { stated.join(" ") }
}

fn difference_text(replay: &Replay) -> String {
    let Some(Difference { sample, line, at, decided: [one, other] }) = &replay.first_difference else {
        return "the policies make the same decision at every sample".to_owned();
    };
    let into = replay.extent.first.map_or(Duration::ZERO, |first| at.since(first));
    let (at, into) = (calendar(*at), length(into));
    format!(
        "the policies first differ at sample {sample} (line {line}), {at}, after {into}:\n  policy   {one}\n  against  {other}"
    )
}

fn span(replay: &Replay) -> Duration {
    let (first, last) = (replay.extent.first, replay.extent.last);
    first.zip(last).map_or(Duration::ZERO, |(first, last)| last.since(first))
}

/// Formats a duration in its two largest units: `27m 5s`.
pub(crate) fn length(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{:.1}s", time.as_secs_f64()),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// Formats a time in UTC; as Unix seconds where it is outside the calendar.
fn calendar(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.as_millis()) {
        Ok(at) => at.to_string(),
        Err(_) => format!("ts {}", at.as_millis() as f64 / 1000.0),
    }
}
