//! The explanation of a decision, top down: the decision with its reasons, every signal with its thresholds, and the verdict of every rule.

use wnm_core::{Measure, Planned, RuleVerdict, SkipReason, Verdict};
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
    text.push_str(&decision(cycle));
    let signals = Table {
        header: &["  SIGNAL", "VALUE", "LOW", "HIGH", ""],
        right: &[1, 2, 3],
        // A narrow page omits the comparison: the numbers show it too.
        optional: &[4],
        rows: cycle.decision.measures.iter().map(row).collect(),
    };
    text.push_str(&format!("\n{}\n\n{}", styled(BOLD, "signals"), signals.text(width)));
    let head = format!("  {:<20}  {:<7}  REASON", "RULE", "VERDICT");
    text.push_str(&format!("\n{}\n\n{}\n", styled(BOLD, "rules, in order of priority"), styled(DIM, head)));
    text.extend(cycle.decision.verdicts.iter().map(|verdict| rule(verdict, cycle)));
    text
}

/// Returns the decision with its reasons: the cancelled removals and the actions, or why there is none.
fn decision(cycle: &CycleRecord) -> String {
    let decision = &cycle.decision;
    let action =
        |p: &Planned| format!("  {}: {}\n", styled(GREEN, reason::action(&p.action)), reason::reason(&p.reason));
    let cancelled: String =
        decision.cancelled.iter().map(|found| format!("  {}\n", styled(YELLOW, reason::cancellation(found)))).collect();
    let lines: String = if decision.actions.is_empty() && !cancelled.is_empty() {
        String::new()
    } else if decision.actions.is_empty() {
        let lines = reason::no_action_lines(decision.blocker(), decision.blockers(), &decision.measures, cycle.at);
        lines.iter().map(|line| format!("  {line}\n")).collect()
    } else {
        decision.actions.iter().map(action).collect()
    };
    format!("{}\n\n{cancelled}{lines}", styled(BOLD, "decision"))
}

/// Returns the line of a rule, with its verdict in colour.
fn rule(RuleVerdict { rule, verdict }: &RuleVerdict, cycle: &CycleRecord) -> String {
    let (word, reason) = reason::verdict(verdict, &cycle.decision.measures, cycle.at);
    let style = match verdict {
        Verdict::Act => GREEN,
        Verdict::Wait(_) | Verdict::Skip(SkipReason::Blocked(_)) => YELLOW,
        Verdict::Skip(_) => DIM,
    };
    format!("  {rule:<20}  {}  {reason}\n", styled(style, format!("{word:<7}")))
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
