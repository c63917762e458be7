//! The nodes: a grid coloured by state, and a table that can be sorted and filtered.

use std::collections::BTreeMap;

use wnm_core::{Cores, NodeState};

use super::html::escaped;
use crate::render::nodes::NodeView;
use crate::render::status::Status;
use crate::render::versions::{self, OfVersion};
use crate::render::{duration, health};

/// Returns the class of a state for its colour, and the symbol that tells it without colours.
fn look(state: Option<&NodeState>) -> (&'static str, char) {
    match state {
        Some(NodeState::Running { .. }) => ("running", '✓'),
        Some(NodeState::Restarting { .. }) => ("changing", '↻'),
        Some(NodeState::Upgrading { .. }) => ("changing", '↑'),
        Some(NodeState::Migrating { .. }) => ("changing", '→'),
        Some(NodeState::Removing { .. }) => ("changing", '−'),
        Some(NodeState::Stopped { .. }) => ("stopped", '■'),
        Some(NodeState::Disabled { .. }) => ("stopped", '/'),
        Some(NodeState::Dead { .. }) => ("dead", '×'),
        Some(NodeState::Unknown { .. }) | None => ("unknown", '?'),
    }
}

/// Writes the section of the nodes. The script replaces the counts, the grid and the rows, and keeps the filter.
pub(super) fn section(page: &mut String, status: &Status, nodes: &[NodeView]) {
    page.push_str(
        "<section id=\"nodes\" aria-labelledby=\"nodes-title\">\n<h2 id=\"nodes-title\">Nodes</h2>\n\
         <div id=\"counts\" data-part>",
    );
    page.push_str(&counts(status, nodes));
    page.push_str("</div>\n<div id=\"grid\" class=\"grid\" role=\"group\" aria-label=\"Nodes by state\" data-part>");
    nodes.iter().enumerate().for_each(|(at, view)| cell(page, at, view));
    page.push_str("</div>\n");
    page.push_str(
        "<form id=\"filter\" hidden>\n\
         <label>Filter <input id=\"text\" type=\"search\" autocomplete=\"off\" placeholder=\"name, version, peer ID …\"></label>\n\
         <label>State <select id=\"only\"><option value=\"\">all</option></select></label>\n\
         <span id=\"found\" role=\"status\"></span>\n</form>\n\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table of nodes\">\n<table id=\"table\">\n\
         <thead><tr>",
    );
    page.extend(COLUMNS.iter().map(|column| {
        let number = if column.is_number { " class=\"number\"" } else { "" };
        format!("<th scope=\"col\"{number}>{}</th>", column.title)
    }));
    page.push_str("</tr></thead>\n<tbody id=\"rows\" data-part>");
    nodes.iter().for_each(|view| row(page, view));
    page.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}

fn counts(status: &Status, nodes: &[NodeView]) -> String {
    let mut states: BTreeMap<&str, (usize, Option<&NodeState>)> = BTreeMap::new();
    for view in nodes {
        states.entry(view.status).or_insert((0, view.state.as_ref())).0 += 1;
    }
    let mut text = format!("<ul class=\"counts\">\n<li><b>{}</b> of at most {}</li>\n", nodes.len(), status.node_cap);
    text.extend(states.iter().map(|(word, (count, state))| {
        let (class, symbol) = look(*state);
        format!(
            "<li><i class=\"{class}\" aria-hidden=\"true\">{symbol}</i> <b>{count}</b> {}</li>\n",
            word.to_lowercase()
        )
    }));
    text.push_str("</ul>\n");
    text.push_str(&versions(&status.by_version));
    if !status.health.nodes.is_empty() {
        text.push_str(&format!("<p>last day (UTC): {}</p>\n", health::counts(&status.health.total)));
    }
    text.extend(health::idle(&status.health).map(|idle| format!("<p>{}</p>\n", escaped(idle))));
    text
}

/// Returns the counts by version, the newest first, and whether the versions differ; empty without a node.
fn versions(by_version: &BTreeMap<String, usize>) -> String {
    let all: usize = by_version.values().sum();
    let behind = versions::older(by_version);
    let items: String = versions::newest_first(by_version)
        .iter()
        .map(|OfVersion { name: version, nodes: count, .. }| {
            let (name, label) = (escaped(version), escaped(format!("{count} of {all} nodes have version {version}")));
            format!("<li><b>{count}</b> {name} <meter min=\"0\" max=\"{all}\" value=\"{count}\" aria-label=\"{label}\"></meter></li>\n")
        })
        .collect();
    if items.is_empty() {
        return items;
    }
    let are = if behind == 1 { "node has" } else { "nodes have" };
    let drift = if behind > 0 { format!(": {behind} {are} an older version than the newest") } else { String::new() };
    format!("<p>versions{drift}</p>\n<ul class=\"counts\">\n{items}</ul>\n")
}

/// Writes the cell of a node: a link to its row. Only the first is reached with Tab, and the arrow keys move from there.
fn cell(page: &mut String, at: usize, view: &NodeView) {
    let (class, symbol) = look(view.state.as_ref());
    let reason = view.reason.as_ref().map_or_else(String::new, |reason| format!(", {reason}"));
    let label = format!("{} {}{reason}", view.name, view.status.to_lowercase());
    let focus = if at == 0 { 0 } else { -1 };
    page.push_str(&format!(
        "<a href=\"#{name}\" class=\"{class}\" tabindex=\"{focus}\" title=\"{label}\" aria-label=\"{label}\">{symbol}</a>\n",
        name = escaped(&view.name),
        label = escaped(label),
    ));
}

/// A column of the table. Cells have a value to sort by where their text does not sort.
struct Column {
    title: &'static str,
    is_number: bool,
    cell: fn(&NodeView) -> Cell,
}

/// The text of a cell, and its number; None for a text.
type Cell = (Option<String>, Option<f64>);

const fn text(title: &'static str, cell: fn(&NodeView) -> Cell) -> Column {
    Column { title, is_number: false, cell }
}

const fn number(title: &'static str, cell: fn(&NodeView) -> Cell) -> Column {
    Column { title, is_number: true, cell }
}

const COLUMNS: [Column; 15] = [
    text("Node", |view| (Some(view.name.clone()), Some(f64::from(view.node.id.get())))),
    text("State", |view| (Some(view.status.to_lowercase()), None)),
    number("Since", |view| (view.since().map(duration), view.since().map(|since| since.as_secs_f64()))),
    text("Reason", |view| (view.reason.clone(), None)),
    text("Version", |view| (view.version().map(ToString::to_string), None)),
    text("Peer ID", |view| (view.peer_id().map(str::to_owned), None)),
    number("Uptime", |view| {
        let uptime = metrics(view, |metrics| metrics.uptime);
        (uptime.map(|seconds| duration(std::time::Duration::from_secs(seconds))), uptime.map(float))
    }),
    number("Records", |view| count(metrics(view, |metrics| metrics.records))),
    number("Peers", |view| count(metrics(view, |metrics| metrics.connected_peers))),
    number("Shunned", |view| count(metrics(view, |metrics| metrics.shunned_count))),
    number("CPU", |view| {
        let cpu = view.sample.as_ref().and_then(|sample| sample.cpu);
        (cpu.map(|cores| cores.to_string()), cpu.map(Cores::get))
    }),
    number("Memory", |view| bytes(view.sample.as_ref().and_then(|sample| sample.memory))),
    number("Disk", |view| bytes(view.sample.as_ref().and_then(|sample| sample.disk))),
    number("Payments", |view| count(metrics(view, |metrics| metrics.payment_count))),
    number("Restarts", |view| count(Some(view.restarts.into()))),
];

fn metrics(view: &NodeView, value: fn(&wnm_core::NodeMetrics) -> Option<u64>) -> Option<u64> {
    value(view.sample.as_ref()?.metrics.as_ref()?)
}

fn float(value: u64) -> f64 {
    value as f64
}

fn count(value: Option<u64>) -> Cell {
    (value.map(|value| value.to_string()), value.map(float))
}

fn bytes(value: Option<wnm_core::Bytes>) -> Cell {
    (value.map(|bytes| bytes.to_string()), value.map(|bytes| float(bytes.0)))
}

fn row(page: &mut String, view: &NodeView) {
    let (class, _) = look(view.state.as_ref());
    page.push_str(&format!("<tr id=\"{}\" class=\"{class}\" tabindex=\"-1\">", escaped(&view.name)));
    for (at, column) in COLUMNS.iter().enumerate() {
        let (shown, value) = (column.cell)(view);
        let value = value.map_or_else(String::new, |value| format!(" data-v=\"{value}\""));
        let shown = shown.map_or_else(|| "–".to_owned(), |shown| escaped(shown).to_string());
        page.push_str(&match (at, column.is_number) {
            (0, _) => format!("<th scope=\"row\"{value}>{shown}</th>"),
            (_, true) => format!("<td class=\"number\"{value}>{shown}</td>"),
            (_, false) => format!("<td{value}>{shown}</td>"),
        });
    }
    page.push_str("</tr>\n");
}
