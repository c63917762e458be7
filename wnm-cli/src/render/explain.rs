//! The explanation of a decision: every signal with its thresholds, and the verdict of every rule.

use wnm_core::{Measure, Planned, RuleVerdict};
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
        header: &["  SIGNAL", "VALUE", "LOW", "HIGH", ""],
        right: &[1, 2, 3],
        // A narrow page omits the comparison: the numbers show it too.
        optional: &[4],
        rows: cycle.decision.measures.iter().map(row).collect(),
    };
    text.push_str(&table.text(width));
    text.push('\n');
    for (i, RuleVerdict { rule, verdict }) in cycle.decision.verdicts.iter().enumerate() {
        let ends = i + 1 == cycle.decision.verdicts.len();
        let name = format!("{rule:<20}");
        let name = if ends { styled(BOLD, name) } else { name };
        text.push_str(&format!("  {name} {}\n", reason::verdict(verdict, &cycle.decision.measures, cycle.at)));
    }
    let line = |p: &Planned| format!("  {}: {}\n", styled(GREEN, reason::action(&p.action)), reason::reason(&p.reason));
    text.push('\n');
    if cycle.decision.actions.is_empty() {
        // The lines above name the blockers of the skipped rules.
        let decision = &cycle.decision;
        let lines = reason::no_action_lines(decision.blocker(), decision.blockers(), &decision.measures, cycle.at);
        text.extend(lines.first().map(|line| format!("  {}\n", styled(DIM, line))));
    }
    text.extend(cycle.decision.actions.iter().map(line));
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
    let comparison = match measure.seen {
        None => styled(YELLOW, "unknown: wnm adds no node"),
        Some(_) if measure.is_exceeded() => styled(RED, "over the high threshold"),
        Some(_) if measure.allows() => styled(GREEN, "below the low threshold"),
        Some(_) => styled(YELLOW, "between the thresholds"),
    };
    let value = measure.seen.map_or_else(|| "-".to_owned(), |seen| seen.to_string());
    vec![format!("  {}", measure.signal), value, measure.less_than.to_string(), measure.remove.to_string(), comparison]
}
