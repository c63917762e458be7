//! The results of the probes of the network.

use wnm_core::probe::ProbeSummary;

use super::html::escaped;

/// Returns a table of the runs by kind and size; empty without a run.
pub(super) fn table(summaries: &[ProbeSummary]) -> String {
    if summaries.is_empty() {
        return String::new();
    }
    let rows: String = summaries.iter().map(row).collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table of probes\">\n<table>\n<thead><tr>\
         <th scope=\"col\">Probe</th><th scope=\"col\" class=\"number\">Runs</th><th scope=\"col\" class=\"number\">OK</th>\
         <th scope=\"col\" class=\"number\">Network failures</th><th scope=\"col\" class=\"number\">Mean</th>\
         <th scope=\"col\" class=\"number\">95 %</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n"
    )
}

fn row(summary: &ProbeSummary) -> String {
    let class = if summary.network_failures > 0 { " class=\"dead\"" } else { "" };
    let seconds = |value: fn(&wnm_core::probe::Distribution) -> f64| {
        summary.seconds.as_ref().map_or_else(|| "–".to_owned(), |seconds| format!("{:.1}s", value(seconds)))
    };
    let cells = [
        summary.count.to_string(),
        summary.ok.to_string(),
        summary.network_failures.to_string(),
        seconds(|seconds| seconds.mean),
        seconds(|seconds| seconds.p95),
    ];
    let cells: String = cells.iter().map(|cell| format!("<td class=\"number\">{}</td>", escaped(cell))).collect();
    format!("<tr{class}><th scope=\"row\">{} {}</th>{cells}</tr>\n", escaped(summary.kind), escaped(summary.size))
}
