//! The pages of a fleet: the hosts as rows, and the nodes of one host. Every text of a host is escaped.

use std::collections::BTreeMap;
use std::time::Duration;

use wnm_agent::fleet::document::{HostState, NodeRow, SignalState};
use wnm_agent::fleet::name::Name;
use wnm_agent::fleet::watched::{Freshness, Watched, WatchedHost};
use wnm_core::Timestamp;

use super::html::escaped;
use super::{begin, end, section};
use crate::render::{duration, time};

/// The data of the page of a fleet.
#[derive(Debug)]
pub(crate) struct FleetContent<'a> {
    pub(crate) fleet: &'a Name,
    pub(crate) watched: &'a Watched,
    /// The sentences of the commands that the engine carries.
    pub(crate) commands: &'a [String],
    pub(crate) now: Timestamp,
}

/// Returns the page of all hosts.
pub(crate) fn fleet(content: &FleetContent<'_>) -> String {
    let FleetContent { fleet, watched, commands, now } = content;
    let mut page = String::with_capacity(16_384 + watched.hosts.len() * 1024);
    begin(&mut page, &format!("wnm: fleet {fleet}"));
    head(&mut page, &format!("fleet {fleet}"), watched);
    section(&mut page, "problems", "Problems", &list(&problems(watched)));
    section(&mut page, "valves", "Commands", &list(commands));
    page.push_str(
        "<section id=\"nodes\" aria-labelledby=\"nodes-title\">\n<h2 id=\"nodes-title\">Hosts</h2>\n\
         <div id=\"counts\" data-part>",
    );
    page.push_str(&counts(watched));
    page.push_str("</div>\n<div id=\"grid\" class=\"grid\" role=\"group\" aria-label=\"Hosts by state\" data-part>");
    watched.hosts.iter().enumerate().for_each(|(at, (name, host))| cell(&mut page, at, name, host));
    page.push_str("</div>\n");
    let columns =
        ["Host", "State", "Nodes up", "Desired", "Versions", "Signals", "Hold", "Problem", "Outdated", "Last seen"];
    table_begin(&mut page, "hosts", "name, version, hold …", &columns, &[2, 3, 8, 9]);
    watched.hosts.iter().for_each(|(name, host)| row(&mut page, name, host, *now));
    page.push_str("</tbody>\n</table>\n</div>\n</section>\n</main>\n");
    end(&mut page);
    page
}

/// Returns the page of one host with its nodes. The nodes are None while the engine has none.
pub(crate) fn host(
    name: &Name,
    host: &WatchedHost,
    nodes: Option<&[NodeRow]>,
    watched: &Watched,
    now: Timestamp,
) -> String {
    let mut page = String::with_capacity(16_384);
    begin(&mut page, &format!("wnm: {name}"));
    head(&mut page, name.as_str(), watched);
    let mut lines: Vec<String> = watched.problem.iter().cloned().collect();
    lines.extend(host.state().into_iter().flat_map(|state| state.failure.iter().chain(&state.problem).cloned()));
    if host.freshness == Freshness::Stale {
        let seen = host.seen.map_or_else(|| "never".to_owned(), |seen| format!("{} ago", duration(now.since(seen))));
        lines.push(format!("the host publishes no state, last seen: {seen}"));
    }
    section(&mut page, "problems", "Problems", &list(&lines));
    let holds = host.state().map(|state| state.holds.as_slice()).unwrap_or_default();
    let holds: Vec<String> = holds.iter().map(|hold| format!("hold by {}: {}", hold.source, hold.reason)).collect();
    section(&mut page, "valves", "Holds", &list(&holds));
    let signals = host.state().map(|state| state.signals.as_slice()).unwrap_or_default();
    section(&mut page, "signals", "Signals", &signal_list(signals));
    page.push_str(
        "<section id=\"nodes\" aria-labelledby=\"nodes-title\">\n<h2 id=\"nodes-title\">Nodes</h2>\n\
         <div id=\"counts\" data-part>",
    );
    page.push_str(&host.state().map(|state| counts_of(&state.nodes, &state.versions)).unwrap_or_default());
    page.push_str("</div>\n");
    let columns = ["Node", "State", "Version", "Uptime", "Records", "Peers", "Shunned", "CPU", "Memory", "Peer ID"];
    table_begin(&mut page, "nodes", "version, peer ID …", &columns, &[3, 4, 5, 6, 7, 8]);
    nodes.unwrap_or_default().iter().for_each(|node| node_row(&mut page, node));
    page.push_str("</tbody>\n</table>\n</div>\n</section>\n<p><a href=\"/\">all hosts</a></p>\n</main>\n");
    end(&mut page);
    page
}

/// Returns the page in place of one for an unknown host.
pub(crate) fn no_host(text: &str) -> String {
    let mut page = String::new();
    begin(&mut page, "wnm: fleet");
    page.push_str(&format!(
        "<header>\n<h1>wnm: fleet</h1>\n<p id=\"live\" role=\"status\">not live</p>\n</header>\n<main>\n\
         <section class=\"failed\" role=\"alert\"><h2>No such host</h2>\n<p>{}</p>\n<p><a href=\"/\">all hosts</a></p>\n\
         </section>\n</main>\n",
        escaped(text),
    ));
    end(&mut page);
    page
}

fn head(page: &mut String, title: &str, watched: &Watched) {
    let read = watched.read.map_or_else(|| "the engine was not read yet".to_owned(), |at| format!("read {}", time(at)));
    let (class, word) = match (&watched.problem, watched.read) {
        (Some(_), _) => ("over", "engine away"),
        (None, None) => ("unknown", "no data"),
        (None, Some(_)) if problems(watched).is_empty() => ("below", "healthy"),
        (None, Some(_)) => ("between", "problems"),
    };
    page.push_str(&format!(
        "<header>\n<h1>wnm: {}</h1>\n<div id=\"state\" data-part><b class=\"badge {class}\">{word}</b> <span>{}</span></div>\n\
         <p id=\"live\" role=\"status\">not live</p>\n</header>\n<main>\n",
        escaped(title),
        escaped(read),
    ));
}

fn table_begin(page: &mut String, rows: &str, placeholder: &str, columns: &[&str], numbers: &[usize]) {
    page.push_str(&format!(
        "<form id=\"filter\" hidden>\n\
         <label>Filter <input id=\"text\" type=\"search\" autocomplete=\"off\" placeholder=\"{placeholder}\"></label>\n\
         <label>State <select id=\"only\"><option value=\"\">all</option></select></label>\n\
         <span id=\"found\" role=\"status\"></span>\n</form>\n\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table of {rows}\">\n\
         <table id=\"table\" data-rows=\"{rows}\">\n<thead><tr>"
    ));
    for (at, column) in columns.iter().enumerate() {
        let number = if numbers.contains(&at) { " class=\"number\"" } else { "" };
        page.push_str(&format!("<th scope=\"col\"{number}>{column}</th>"));
    }
    page.push_str("</tr></thead>\n<tbody id=\"rows\" data-part>");
}

fn list(lines: &[String]) -> String {
    let items: String = lines.iter().map(|line| format!("<li>{}</li>\n", escaped(line))).collect();
    if items.is_empty() { items } else { format!("<ul>\n{items}</ul>\n") }
}

/// Returns the problems of the fleet, a line each.
fn problems(watched: &Watched) -> Vec<String> {
    let mut lines: Vec<String> =
        watched.problem.iter().map(|problem| format!("{problem}; the states below are stale")).collect();
    let of_host = |(name, host): (&Name, &WatchedHost)| {
        problem(host).filter(|_| host.freshness == Freshness::Current).map(|problem| format!("{name}: {problem}"))
    };
    lines.extend(watched.hosts.iter().filter_map(of_host));
    lines
}

fn problem(host: &WatchedHost) -> Option<String> {
    match &host.record.state {
        Some(Ok(state)) => state.failure.clone().or_else(|| state.problem.clone()),
        Some(Err(error)) => Some(error.to_string()),
        None => None,
    }
}

/// Returns the word of a host, the class of its colour, and the symbol that tells it without colours.
fn look(host: &WatchedHost) -> (&'static str, &'static str, char) {
    match (&host.record.state, host.freshness) {
        (None, _) => ("away", "unknown", '?'),
        (Some(_), Freshness::Stale) => ("stale", "dead", '×'),
        (Some(Err(_)), Freshness::Current) => ("damaged", "dead", '×'),
        (Some(Ok(state)), Freshness::Current) if !state.holds.is_empty() => ("held", "stopped", '■'),
        (Some(Ok(state)), Freshness::Current) if state.up() < state.desired => ("nodes down", "changing", '↓'),
        (Some(Ok(_)), Freshness::Current) => ("up", "running", '✓'),
    }
}

fn counts(watched: &Watched) -> String {
    let mut words: BTreeMap<&str, (usize, &str, char)> = BTreeMap::new();
    for host in watched.hosts.values() {
        let (word, class, symbol) = look(host);
        words.entry(word).or_insert((0, class, symbol)).0 += 1;
    }
    let states = || watched.hosts.values().filter_map(WatchedHost::current);
    let sum = |of: fn(&HostState) -> u64| states().map(of).fold(0, u64::saturating_add);
    let mut text = format!("<ul class=\"counts\">\n<li><b>{}</b> hosts</li>\n", watched.hosts.len());
    text.extend(words.iter().map(|(word, (count, class, symbol))| {
        format!("<li><i class=\"{class}\" aria-hidden=\"true\">{symbol}</i> <b>{count}</b> {word}</li>\n")
    }));
    text.push_str(&format!(
        "<li><b>{}</b> of {} nodes up</li>\n</ul>\n",
        sum(HostState::up),
        sum(|state| state.desired)
    ));
    let mut versions: BTreeMap<String, u64> = BTreeMap::new();
    for (version, count) in states().flat_map(|state| &state.versions) {
        *versions.entry(version.clone()).or_default() += count;
    }
    text.push_str(&version_counts(&versions));
    text
}

fn counts_of(nodes: &BTreeMap<String, u64>, versions: &BTreeMap<String, u64>) -> String {
    let items: String = nodes
        .iter()
        .map(|(word, count)| format!("<li><b>{count}</b> {}</li>\n", escaped(word.to_lowercase())))
        .collect();
    format!("<ul class=\"counts\">\n{items}</ul>\n{}", version_counts(versions))
}

fn version_counts(versions: &BTreeMap<String, u64>) -> String {
    let items: String = versions
        .iter()
        .map(|(version, count)| format!("<li><b>{count}</b> nodes of {}</li>\n", escaped(version)))
        .collect();
    if items.is_empty() { items } else { format!("<ul class=\"counts\">\n{items}</ul>\n") }
}

/// Writes the cell of a host: a link to its row, whose ID has a prefix, because a host may have the name of a part of the
/// page. Only the first is reached with Tab.
fn cell(page: &mut String, at: usize, name: &Name, host: &WatchedHost) {
    let (word, class, symbol) = look(host);
    let focus = if at == 0 { 0 } else { -1 };
    page.push_str(&format!(
        "<a href=\"#host-{name}\" class=\"{class}\" tabindex=\"{focus}\" title=\"{name} {word}\" aria-label=\"{name} {word}\">{symbol}</a>\n",
    ));
}

fn row(page: &mut String, name: &Name, host: &WatchedHost, now: Timestamp) {
    let (word, class, _) = look(host);
    let state = host.state();
    let number = |value: Option<u64>| match value {
        Some(value) => format!("<td class=\"number\" data-v=\"{value}\">{value}</td>"),
        None => "<td class=\"number\">–</td>".to_owned(),
    };
    let words = |text: Option<String>| {
        let text = text.filter(|text| !text.is_empty()).unwrap_or_else(|| "–".to_owned());
        format!("<td>{}</td>", escaped(text))
    };
    let versions = state.map(|state| state.versions.keys().cloned().collect::<Vec<_>>().join(", "));
    let signals = state.map(|state| state.signals.iter().filter_map(signal_text).collect::<Vec<_>>().join(", "));
    let hold = state.and_then(|state| state.holds.first()).map(|hold| format!("{}: {}", hold.source, hold.reason));
    let age = host.seen.map(|seen| now.since(seen));
    let seen = age.map_or_else(
        || "<td class=\"number\">–</td>".to_owned(),
        |age: Duration| format!("<td class=\"number\" data-v=\"{}\">{}</td>", age.as_secs(), escaped(duration(age))),
    );
    page.push_str(&format!(
        "<tr id=\"host-{name}\" class=\"{class}\" tabindex=\"-1\"><th scope=\"row\"><a href=\"/hosts/{name}\">{name}</a></th>\
         <td>{word}</td>{}{}{}{}{}{}{}{seen}</tr>\n",
        number(state.map(HostState::up)),
        number(state.map(|state| state.desired)),
        words(versions),
        words(signals),
        words(hold),
        words(problem(host)),
        number(state.map(|state| state.rollout.outdated)),
    ));
}

/// Returns a signal against its high threshold, such as `cpu 71 of 70 !`; None for an unknown value.
fn signal_text(signal: &SignalState) -> Option<String> {
    let mark = if signal.exceeded { " !" } else { "" };
    Some(format!("{} {:.0} of {:.0}{mark}", signal.signal, signal.value?, signal.high))
}

fn signal_list(signals: &[SignalState]) -> String {
    let items: String = signals
        .iter()
        .map(|signal| {
            let value = signal.value.map_or_else(|| "unknown".to_owned(), |value| format!("{value:.1}"));
            let over = if signal.exceeded { ", over its high threshold" } else { "" };
            format!(
                "<dt>{}</dt><dd>{value} (low {:.1}, high {:.1}){over}</dd>\n",
                escaped(&signal.signal),
                signal.low,
                signal.high
            )
        })
        .collect();
    if items.is_empty() { items } else { format!("<dl>\n{items}</dl>\n") }
}

fn node_row(page: &mut String, node: &NodeRow) {
    let class = match node.status.as_str() {
        "RUNNING" => "running",
        "STOPPED" | "DISABLED" => "stopped",
        "DEAD" => "dead",
        _ => "changing",
    };
    let name = node.id.name();
    let cell = |value: Option<(f64, String)>| match value {
        Some((value, text)) => format!("<td class=\"number\" data-v=\"{value}\">{}</td>", escaped(text)),
        None => "<td class=\"number\">–</td>".to_owned(),
    };
    let count = |value: Option<u64>| cell(value.map(|value| (value as f64, value.to_string())));
    let text = |value: Option<&str>| format!("<td>{}</td>", escaped(value.unwrap_or("–")));
    let uptime = node.uptime.map(|seconds| (seconds as f64, duration(Duration::from_secs(seconds))));
    let memory = node.memory.map(|bytes| (bytes as f64, wnm_core::Bytes(bytes).to_string()));
    page.push_str(&format!(
        "<tr id=\"{name}\" class=\"{class}\" tabindex=\"-1\"><th scope=\"row\" data-v=\"{}\">{name}</th><td>{}</td>{}{}{}{}{}{}{}{}</tr>\n",
        node.id.get(),
        escaped(node.status.to_lowercase()),
        text(node.version.as_deref()),
        cell(uptime),
        count(node.records),
        count(node.peers),
        count(node.shunned),
        cell(node.cpu.map(|cpu| (cpu, format!("{cpu:.2}")))),
        cell(memory),
        text(node.peer_id.as_deref()),
    ));
}
