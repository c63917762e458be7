//! Why a decision was made: every signal against its marks, every rule and what it said.

use wnm_core::{Measure, Planned};
use wnm_store::CycleRecord;

use super::page::Width;
use super::table::Table;
use super::{BOLD, DIM, GREEN, RED, YELLOW, moment, reason, styled};

/// Returns the explanation of one cycle.
pub(crate) fn text(cycle: &CycleRecord, width: Width) -> String {
    let mut text = format!("{}  {}\n\n", styled(BOLD, format!("cycle {}", cycle.id)), moment(cycle.at));
    let table = Table {
        header: &["  SIGNAL", "SEEN", "ADDS BELOW", "ACTS ABOVE", ""],
        right: &[1, 2, 3],
        // The figures say the same.
        shed: &[4],
        rows: cycle.decision.measures.iter().map(row).collect(),
    };
    text.push_str(&table.text(width));
    text.push('\n');
    for (i, judged) in cycle.decision.verdicts.iter().enumerate() {
        let ends = i + 1 == cycle.decision.verdicts.len();
        let name = if ends { styled(BOLD, format!("{:<20}", judged.rule)) } else { format!("{:<20}", judged.rule) };
        text.push_str(&format!("  {name} {}\n", reason::verdict(&judged.verdict, cycle.at)));
    }
    let line = |p: &Planned| format!("  {}: {}\n", styled(GREEN, reason::action(&p.action)), reason::reason(&p.reason));
    text.push('\n');
    if cycle.decision.actions.is_empty() {
        let why = reason::no_action(cycle.decision.blocker(), cycle.at);
        text.push_str(&format!("  {}\n", styled(DIM, why)));
    }
    text.extend(cycle.decision.actions.iter().map(line));
    text
}

fn row(measure: &Measure) -> Vec<String> {
    let verdict = match measure.seen {
        None => styled(YELLOW, "unknown: nothing is added"),
        Some(_) if measure.is_exceeded() => styled(RED, "too high"),
        Some(_) if measure.allows() => styled(GREEN, "leaves room"),
        Some(_) => styled(YELLOW, "between the marks"),
    };
    let seen = measure.seen.map_or_else(|| "-".to_owned(), |seen| seen.to_string());
    vec![format!("  {}", measure.signal), seen, measure.less_than.to_string(), measure.remove.to_string(), verdict]
}
