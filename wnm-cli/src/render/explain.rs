//! Why a decision was made: every signal against its marks, every rule and what it said.

use wnm_core::{Measure, Planned};
use wnm_store::{CycleKind, CycleRecord};

use super::page::Width;
use super::table::Table;
use super::{BOLD, DIM, GREEN, RED, YELLOW, reason, styled, time};

/// Returns the explanation of one cycle, below a line for each cycle that an operator's command requested after it.
pub(crate) fn text(cycle: &CycleRecord, requested: &[CycleRecord], width: Width) -> String {
    let mut text: String = requested.iter().map(request).collect();
    if !requested.is_empty() {
        text.push('\n');
    }
    let kind = match cycle.kind {
        CycleKind::Scheduled => "",
        CycleKind::Requested | CycleKind::Resumed => cycle.kind.word(),
    };
    let title = styled(BOLD, format!("cycle {}", cycle.id));
    text.push_str(format!("{title}  {}  {kind}", time(cycle.at)).trim_end());
    text.push_str("\n\n");
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
        let name = if ends { styled(BOLD, format!("{:<18}", judged.rule)) } else { format!("{:<18}", judged.rule) };
        let distance = reason::distance(&judged.verdict, &cycle.decision.measures);
        let distance = distance.map_or_else(String::new, |distance| format!(" ({distance})"));
        text.push_str(&format!("  {name} {}{distance}\n", reason::verdict(&judged.verdict, cycle.at)));
    }
    let line = |p: &Planned| format!("  {}: {}\n", styled(GREEN, reason::action(&p.action)), reason::reason(&p.reason));
    match cycle.decision.rest() {
        Some(rest) => text.push_str(&format!("\n  {}\n", styled(DIM, reason::rest(&rest, cycle.at)))),
        None => {
            text.push('\n');
            text.extend(cycle.decision.actions.iter().map(line));
        }
    }
    text
}

/// Returns the line of a requested cycle with its actions.
fn request(cycle: &CycleRecord) -> String {
    let actions: Vec<String> =
        cycle.actions.iter().map(|action| reason::action(&action.record.planned.action)).collect();
    let actions = if actions.is_empty() { "no action".to_owned() } else { actions.join(", ") };
    let title = styled(BOLD, format!("cycle {}", cycle.id));
    format!("{title}, requested: {actions}  {}\n", styled(DIM, time(cycle.at)))
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
