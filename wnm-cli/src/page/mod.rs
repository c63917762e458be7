//! The page for browsers that a daemon serves: HTML without a build step, from the same values as `wnm status`.
//!
//! Everything that comes from outside, such as versions, folders, errors and names, is escaped by [`html::escaped`]. The
//! page works without its script, which adds sorting, filtering, and replacing the parts that a cycle changed.

mod activity;
mod chart;
mod earnings;
mod fleet;
mod html;
mod nodes;
mod probes;

use wnm_agent::live::SignalSeries;
use wnm_agent::serve::PageFile;
use wnm_core::probe::ProbeSummary;
use wnm_store::CycleRecord;

use crate::error::CliError;
use crate::render::here::here_html;
use crate::render::nodes::NodeView;
use crate::render::status::Status;
use crate::render::time;
pub(crate) use fleet::{FleetContent, fleet, host, no_host};
use html::escaped;

/// The files that the page refers to.
pub(crate) const FILES: &[PageFile] = &[
    PageFile { path: "/page.css", content_type: "text/css; charset=utf-8", content: include_str!("page.css") },
    PageFile { path: "/page.js", content_type: "text/javascript; charset=utf-8", content: include_str!("page.js") },
    PageFile { path: "/page.svg", content_type: "image/svg+xml", content: include_str!("page.svg") },
];

/// The data of the page.
#[derive(Debug)]
pub(crate) struct Content<'a> {
    /// The name of the host.
    pub(crate) host: &'a str,
    pub(crate) status: &'a Status,
    /// All nodes.
    pub(crate) nodes: &'a [NodeView],
    /// The latest cycles that acted, latest first.
    pub(crate) history: &'a [CycleRecord],
    pub(crate) signals: &'a [SignalSeries],
    /// The runs of probes of the last day, by kind and size.
    pub(crate) probes: &'a [ProbeSummary],
}

/// Returns the whole page.
pub(crate) fn html(content: &Content<'_>) -> String {
    let status = content.status;
    let mut page = String::with_capacity(16_384 + content.nodes.len() * 1024);
    begin(&mut page, &format!("wnm on {}", content.host));
    let observed = status.at.map_or_else(|| "no cycle recorded".to_owned(), |at| format!("observed {}", time(at)));
    page.push_str(&format!(
        "<header>\n<h1>wnm on {}</h1>\n<div id=\"state\" data-part>{}<span>{}</span></div>\n\
         <p id=\"live\" role=\"status\">not live</p>\n</header>\n<main>\n",
        escaped(content.host),
        activity::badge(status),
        escaped(observed),
    ));
    section(&mut page, "problems", "Problems", &activity::problems(status));
    section(&mut page, "valves", "Holds and windows", &activity::valves(status));
    section(&mut page, "signals", "Signals", &chart::all(status, content.signals));
    nodes::section(&mut page, status, content.nodes);
    section(&mut page, "next", "Next", &activity::next(status));
    section(&mut page, "done", "Latest actions", &activity::done(content.history));
    section(&mut page, "earnings", "Earnings", &earnings::content(status.earnings.as_ref()));
    section(&mut page, "probes", "Probes of the last day", &probes::table(content.probes));
    page.push_str("</main>\n");
    end(&mut page);
    page
}

/// Returns a page whose commands act on the database of this process.
pub(crate) fn here(page: String) -> String {
    here_html(page, |flag| escaped(flag).to_string())
}

/// Returns the page in place of one whose data could not be read.
pub(crate) fn failed(host: &str, error: &CliError) -> String {
    let mut page = String::new();
    begin(&mut page, &format!("wnm on {host}"));
    let hint = error.hint().map_or_else(String::new, |hint| format!("<p>hint: {}</p>\n", escaped(hint)));
    page.push_str(&format!(
        "<header>\n<h1>wnm on {}</h1>\n<p id=\"live\" role=\"status\">not live</p>\n</header>\n<main>\n\
         <section class=\"failed\" role=\"alert\"><h2>The data cannot be read</h2>\n<p>{}</p>\n{hint}</section>\n</main>\n",
        escaped(host),
        escaped(error),
    ));
    end(&mut page);
    page
}

/// Writes the head of a page. The title is that of the window.
fn begin(page: &mut String, title: &str) {
    page.push_str(&format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <link rel=\"icon\" href=\"/page.svg\">\n<link rel=\"stylesheet\" href=\"/page.css\">\n\
         <script src=\"/page.js\" defer></script>\n\
         <noscript><meta http-equiv=\"refresh\" content=\"30\"></noscript>\n</head>\n<body>\n",
        escaped(title),
    ));
}

fn end(page: &mut String) {
    page.push_str(&format!(
        "<footer>wnm {} · <a href=\"/metrics\">metrics</a> · <a href=\"/api/v1\">API</a></footer>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION")
    ));
}

/// Writes a section whose content the script replaces; nothing for one without content.
fn section(page: &mut String, id: &str, title: &str, content: &str) {
    let hidden = if content.is_empty() { " hidden" } else { "" };
    page.push_str(&format!(
        "<section id=\"{id}\" aria-labelledby=\"{id}-title\"{hidden}>\n<h2 id=\"{id}-title\">{title}</h2>\n\
         <div id=\"{id}-content\" data-part>{content}</div>\n</section>\n"
    ));
}

#[cfg(test)]
mod tests;
