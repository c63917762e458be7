//! The earnings of the colony.

use wnm_agent::earnings::Day;

use super::html::escaped;
use crate::render::earnings::{EarningsNow, days, facts, problem, tokens};

/// The number of days on the page.
const DAYS: usize = 14;

/// Returns the balance, the received tokens, and a table of the last days; empty without the setting.
pub(super) fn content(earnings: Option<&EarningsNow>) -> String {
    let Some(earnings) = earnings else { return String::new() };
    let mut text: String = problem(earnings).iter().map(|problem| format!("<p>{}</p>\n", escaped(problem))).collect();
    text.push_str("<dl>\n");
    text.extend(facts(earnings).iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>\n", escaped(value))));
    text.push_str("</dl>\n");
    let rows: String = days(&earnings.record, DAYS).map(row).collect();
    if !rows.is_empty() {
        let head = ["Received", "Transfers", "Balance", "Node-days", "For each node-day"];
        let head: String = head.iter().map(|name| format!("<th scope=\"col\" class=\"number\">{name}</th>")).collect();
        text.push_str(&format!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table of earnings\">\n<table>\n<thead><tr>\
             <th scope=\"col\">Day (UTC)</th>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n"
        ));
    }
    text
}

fn row((date, day): (&str, &Day)) -> String {
    let earned = day.earned();
    let cells = [
        tokens(earned.received.tokens()),
        earned.transfers.to_string(),
        tokens(day.balance().tokens()),
        format!("{:.1}", earned.node_days),
        earned.per_node_day().map_or_else(|| "–".to_owned(), tokens),
    ];
    let cells: String = cells.iter().map(|cell| format!("<td class=\"number\">{}</td>", escaped(cell))).collect();
    format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", escaped(date))
}
