//! The page of a node.

use std::time::Duration;

use serde::Serialize;
use wnm_core::{Desired, Node, NodeDay, NodeHealth, NodeState, Trend, Upnp};

use super::events::{self, EventView};
use super::nodes::{NodeView, or_dash};
use super::{BOLD, duration, health, secret, shell_text, styled, time};
use crate::json::NodeJson;

/// Events of the node on its page, the latest ones.
pub(crate) const EVENTS: usize = 10;

/// Days of the node on its page, the latest ones.
pub(crate) const DAYS: i64 = 7;
/// The title of the days; a node without one has no such section.
const DAYS_TITLE: &str = "days (UTC)";
/// The title of the health; a node without a count of its last day has no such section.
const HEALTH_TITLE: &str = "health (last day)";

/// The work of a node on one day.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct NodeDayView {
    /// The day in UTC, such as `2026-11-30`.
    date: String,
    /// The growth of the stored records; negative when the node gave records up, null if unknown.
    records_gained: Option<i64>,
    /// The records stored on request; null if unknown.
    puts: Option<u64>,
    /// The payments received; null if unknown.
    payments: Option<u64>,
    /// How often peers shunned the node; null if unknown.
    shunned: Option<u64>,
}

impl From<&NodeDay> for NodeDayView {
    fn from(day: &NodeDay) -> Self {
        Self {
            date: health::date(day.day),
            records_gained: day.records_gained(),
            puts: day.puts,
            payments: day.payments,
            shunned: day.shunned,
        }
    }
}

impl NodeDayView {
    /// Returns the line of the page.
    fn line(&self) -> String {
        let gained = or_dash(self.records_gained.map(health::signed));
        let [payments, shunned] = [self.payments, self.shunned].map(or_dash);
        format!("{}  records {gained}, payments {payments}, shunned {shunned}\n", self.date)
    }
}

/// A node with its command line and its last events.
#[derive(Debug)]
pub(crate) struct NodeDetails {
    pub(crate) view: NodeView,
    /// The words of the command line after the program, with secrets as `***`.
    pub(crate) command_line: Vec<String>,
    /// The last 10 events of the node at most, oldest first.
    pub(crate) events: Vec<EventView>,
    /// The last 7 days of the node at most, oldest first.
    pub(crate) days: Vec<NodeDayView>,
}

impl NodeDetails {
    /// Returns the details of a node with these events and days.
    pub(crate) fn new(view: NodeView, events: Vec<EventView>, days: &[NodeDay]) -> Self {
        let command_line = wnm_core::secret::masked_words(&view.node.flavor.arguments(&view.node));
        Self {
            view,
            command_line,
            events,
            days: days.iter().filter(|day| day.is_known()).map(NodeDayView::from).collect(),
        }
    }
}

/// The details of a node as JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct NodeDetailsView<'a> {
    #[serde(flatten)]
    node: NodeJson,
    /// The words of the command line after the program, with secrets as `***`.
    command_line: &'a [String],
    /// The last 10 events of the node at most, oldest first.
    events: &'a [EventView],
    /// The last 7 days of the node at most, oldest first, with a reading every hour. A day of which wnm has no reading is
    /// left out.
    days: &'a [NodeDayView],
}

impl<'a> From<&'a NodeDetails> for NodeDetailsView<'a> {
    fn from(details: &'a NodeDetails) -> Self {
        let NodeDetails { view, command_line, events, days } = details;
        Self { node: NodeJson::from(view), command_line, events, days }
    }
}

/// Returns one page per node.
pub(crate) fn text(nodes: &[NodeDetails]) -> String {
    if nodes.is_empty() {
        return "no nodes\n".to_owned();
    }
    nodes.iter().map(page).collect::<Vec<_>>().join("\n")
}

fn page(details: &NodeDetails) -> String {
    let (view, node) = (&details.view, &details.view.node);
    let since = view.since().map_or_else(String::new, |since| format!(" for {}", duration(since)));
    let reason = view.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
    let mut text = format!("{}  {}{since}{reason}\n", styled(BOLD, &view.name), view.styled_status());
    let mut section = |title: &str, lines: Vec<(&str, String)>| {
        text.push_str(&format!("\n{title}\n"));
        text.extend(lines.iter().map(|(key, value)| format!("  {key:<12}  {value}\n")));
    };
    section("identity", identity(view, node));
    if let Some(ended) = ended(view) {
        section("ended by itself", ended);
    }
    section("process", process(details));
    section("network", network(view, node));
    section("storage", storage(view, node));
    if let Some(health) = &view.health {
        section(HEALTH_TITLE, health_lines(health));
    }
    let variable = |(name, value): &(String, String)| format!("{}\n", secret::line(&[format!("{name}={value}")]));
    let days: Vec<String> = details.days.iter().map(NodeDayView::line).collect();
    for (title, lines) in [
        ("environment", node.environment.iter().map(variable).collect::<Vec<_>>()),
        (DAYS_TITLE, days),
        ("events", details.events.iter().map(events::line).collect()),
    ] {
        if lines.is_empty() && title == DAYS_TITLE {
            continue;
        }
        text.push_str(&format!("\n{title}\n"));
        text.extend(lines.iter().map(|line| format!("  {line}")));
        if lines.is_empty() {
            text.push_str("  -\n");
        }
    }
    text
}

/// Returns the lines about the last end of a node that is down, or that has not been up for ten minutes since; None for
/// any other node.
fn ended(view: &NodeView) -> Option<Vec<(&'static str, String)>> {
    let sample = view.sample.as_ref();
    let is_down = matches!(view.state, Some(NodeState::Stopped { .. })) && view.desired == Desired::Running;
    if !is_down && view.recovery.is_none() {
        return None;
    }
    let recovery = view.recovery.as_ref();
    let exit =
        recovery.and_then(|recovery| recovery.exit.as_ref()).or(sample.and_then(|sample| sample.exit.as_deref()));
    let wait = recovery.map(|recovery| recovery.retry_at.since(view.now)).unwrap_or_default();
    let next = if wait.is_zero() { "in the next cycle".to_owned() } else { format!("in {}", duration(wait)) };
    Some(vec![
        ("exit status", or_dash(exit.and_then(|exit| exit.status))),
        ("last message", or_dash(exit.and_then(|exit| exit.message.as_ref()))),
        ("last start", or_dash(recovery.and_then(|recovery| recovery.error.as_ref()))),
        ("attempts", or_dash(recovery.map(|recovery| recovery.attempts))),
        ("crash loop", if recovery.is_some_and(wnm_core::Recovery::is_crash_loop) { "yes" } else { "no" }.to_owned()),
        ("next start", if is_down { next } else { "-".to_owned() }),
    ])
}

fn identity(view: &NodeView, node: &Node) -> Vec<(&'static str, String)> {
    vec![
        ("peer ID", or_dash(view.peer_id())),
        ("UUID", node.uuid.clone()),
        ("created", format!("{} ({} ago)", time(node.born), duration(view.now.since(node.born)))),
        ("wallet", node.wallet.to_string()),
    ]
}

fn process(details: &NodeDetails) -> Vec<(&'static str, String)> {
    let (view, node) = (&details.view, &details.view.node);
    let sample = view.sample.as_ref();
    let metrics = sample.and_then(|sample| sample.metrics.as_ref());
    vec![
        ("desired", view.desired.word().replace('_', " ")),
        ("manager", node.manager.to_string()),
        ("PID", or_dash(sample.and_then(|s| s.process.as_ref()).map(|p| p.pid))),
        ("uptime", or_dash(metrics.and_then(|m| m.uptime).map(|s| duration(Duration::from_secs(s))))),
        ("restarts", view.restarts.to_string()),
        ("version", or_dash(view.version())),
        ("CPU", or_dash(sample.and_then(|s| s.cpu))),
        ("memory", or_dash(sample.and_then(|s| s.memory))),
        ("program", node.binary.display().to_string()),
        ("arguments", secret::line(&details.command_line)),
    ]
}

fn network(view: &NodeView, node: &Node) -> Vec<(&'static str, String)> {
    let ports = node.ports;
    let now = view.now;
    let sample = view.sample.as_ref();
    // An ant-node does not tell whether peers shun it.
    let is_told = sample
        .is_some_and(|sample| sample.metrics.as_ref().is_some_and(|metrics| metrics.shunned_by_close_group.is_some()));
    let shunned = match sample.and_then(|sample| sample.shunned_since) {
        Some(since) => format!("for {}", duration(now.since(since))),
        None if is_told => "no".to_owned(),
        None => "-".to_owned(),
    };
    vec![
        ("network", if node.network.is_empty() { "-".to_owned() } else { shell_text(&node.network) }),
        ("ports", format!("{} (node), {} (metrics), {} (rpc)", ports.node, or_dash(ports.metrics), or_dash(ports.rpc))),
        ("UPnP", if node.upnp == Upnp::On { "on" } else { "off" }.to_owned()),
        ("peers", or_dash(view.peers())),
        ("shunned", shunned),
    ]
}

fn health_lines(node: &NodeHealth) -> Vec<(&'static str, String)> {
    let trend = node.counts.shunned_trend;
    let gains = match node.counts.records_gained {
        _ if node.gains_nothing => "no record, as most neighbours did".to_owned(),
        gained => or_dash(gained.map(health::signed)),
    };
    vec![("gained", gains), ("shun trend", or_dash(trend.map(Trend::word)))]
}

fn storage(view: &NodeView, node: &Node) -> Vec<(&'static str, String)> {
    vec![
        ("folder", node.root_dir.display().to_string()),
        ("logs", node.log_dir.display().to_string()),
        ("disk", or_dash(view.sample.as_ref().and_then(|sample| sample.disk))),
        ("records", or_dash(view.records())),
    ]
}
