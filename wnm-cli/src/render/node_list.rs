//! The list of nodes as a table.

use std::cmp::{Ordering, Reverse};

use wnm_core::DayCounts;

use super::nodes::{NodeView, or_dash};
use super::page::Width;
use super::table::Table;
use super::{duration, health};
use crate::args::Column;

/// The columns of a list without `--columns`.
const USUAL: [Column; 12] = [
    Column::Name,
    Column::State,
    Column::Since,
    Column::Reason,
    Column::Restarts,
    Column::Version,
    Column::Peers,
    Column::Records,
    Column::Memory,
    Column::Port,
    Column::Age,
    Column::PeerId,
];

/// The columns that a narrow terminal omits, the first one first: the peer ID is the widest and the least useful one.
/// Name, state, time and reason stay, because a list is read to find the nodes that need attention.
const OMITTED: [Column; 8] = [
    Column::PeerId,
    Column::Port,
    Column::Age,
    Column::Memory,
    Column::Records,
    Column::Restarts,
    Column::Peers,
    Column::Version,
];

pub(crate) fn title(column: Column) -> &'static str {
    match column {
        Column::Name => "NODE",
        Column::State => "STATE",
        Column::Since => "SINCE",
        Column::Reason => "REASON",
        Column::Restarts => "RESTARTS",
        Column::Version => "VERSION",
        Column::Peers => "PEERS",
        Column::Records => "RECORDS",
        Column::Cpu => "CPU",
        Column::Memory => "MEMORY",
        Column::Disk => "DISK",
        Column::Port => "PORT",
        Column::Age => "AGE",
        Column::PeerId => "PEER ID",
        Column::Manager => "MANAGER",
        Column::Health => "HEALTH",
        Column::Gained => "GAINED",
        Column::Payments => "PAYMENTS",
        Column::Shunned => "SHUNNED",
    }
}

pub(crate) fn is_number(column: Column) -> bool {
    match column {
        Column::Restarts
        | Column::Peers
        | Column::Records
        | Column::Cpu
        | Column::Memory
        | Column::Disk
        | Column::Port
        | Column::Gained
        | Column::Payments
        | Column::Shunned => true,
        Column::Name
        | Column::State
        | Column::Since
        | Column::Reason
        | Column::Version
        | Column::Age
        | Column::PeerId
        | Column::Manager
        | Column::Health => false,
    }
}

pub(crate) fn cell(view: &NodeView, column: Column) -> String {
    let sample = view.sample.as_ref();
    match column {
        Column::Name => view.name.clone(),
        Column::State => view.status.to_owned(),
        Column::Since => or_dash(view.since().map(duration)),
        Column::Reason => or_dash(view.reason.as_ref()),
        Column::Restarts => view.restarts.to_string(),
        Column::Version => or_dash(view.version()),
        Column::Peers => or_dash(view.peers()),
        Column::Records => or_dash(view.records()),
        Column::Cpu => or_dash(sample.and_then(|sample| sample.cpu)),
        Column::Memory => or_dash(sample.and_then(|sample| sample.memory)),
        Column::Disk => or_dash(sample.and_then(|sample| sample.disk)),
        Column::Port => view.node.ports.node.to_string(),
        Column::Age => duration(view.now.since(view.node.born)),
        Column::PeerId => or_dash(view.peer_id()),
        Column::Manager => view.node.manager.to_string(),
        Column::Health => or_dash(view.health.as_ref().map(health::word)),
        Column::Gained => or_dash(of_day(view, |day| day.records_gained).map(health::signed)),
        Column::Payments => or_dash(of_day(view, |day| day.payments)),
        Column::Shunned => or_dash(of_day(view, |day| day.shunned)),
    }
}

/// Returns a count of the last complete day of a node.
fn of_day<T>(view: &NodeView, count: impl Fn(&DayCounts) -> Option<T>) -> Option<T> {
    count(&view.health.as_ref()?.counts)
}

/// Sorts nodes by a column: texts, versions and ports upwards, other numbers and times from the largest down. Nodes
/// without a value stand last, and nodes with equal values keep their order.
pub(crate) fn sort(nodes: &mut [NodeView], column: Column) {
    fn known_first<T: Ord>(a: Option<T>, b: Option<T>) -> Ordering {
        match (a, b) {
            (Some(a), Some(b)) => a.cmp(&b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }
    // Floating-point numbers have no total order; thousandths of a core are finer than the display.
    let cpu = |view: &NodeView| Some(Reverse((view.sample.as_ref()?.cpu?.get() * 1000.0).round() as u64));
    let memory = |view: &NodeView| view.sample.as_ref()?.memory.map(Reverse);
    let disk = |view: &NodeView| view.sample.as_ref()?.disk.map(Reverse);
    let unhealthy = |view: &NodeView| view.health.as_ref().map(health::rank);
    let gained = |view: &NodeView| of_day(view, |day| day.records_gained).map(Reverse);
    let payments = |view: &NodeView| of_day(view, |day| day.payments).map(Reverse);
    let shunned = |view: &NodeView| of_day(view, |day| day.shunned).map(Reverse);
    nodes.sort_by(|a, b| match column {
        Column::Name => a.node.id.cmp(&b.node.id),
        Column::State => a.status.cmp(b.status),
        Column::Since => known_first(a.since().map(Reverse), b.since().map(Reverse)),
        Column::Reason => known_first(a.reason.as_ref(), b.reason.as_ref()),
        Column::Restarts => b.restarts.cmp(&a.restarts),
        Column::Version => known_first(a.version(), b.version()),
        Column::Peers => known_first(a.peers().map(Reverse), b.peers().map(Reverse)),
        Column::Records => known_first(a.records().map(Reverse), b.records().map(Reverse)),
        Column::Cpu => known_first(cpu(a), cpu(b)),
        Column::Memory => known_first(memory(a), memory(b)),
        Column::Disk => known_first(disk(a), disk(b)),
        Column::Port => a.node.ports.node.cmp(&b.node.ports.node),
        Column::Age => a.node.born.cmp(&b.node.born),
        Column::PeerId => known_first(a.peer_id(), b.peer_id()),
        Column::Manager => a.node.manager.to_string().cmp(&b.node.manager.to_string()),
        // The nodes that need attention stand first.
        Column::Health => known_first(unhealthy(a), unhealthy(b)),
        Column::Gained => known_first(gained(a), gained(b)),
        Column::Payments => known_first(payments(a), payments(b)),
        Column::Shunned => known_first(shunned(a), shunned(b)),
    });
}

/// Returns the names of the nodes, one per line.
pub(crate) fn names(nodes: &[NodeView]) -> String {
    nodes.iter().map(|view| format!("{}\n", view.name)).collect()
}

/// Returns a table of nodes, one line per node. Without named columns a narrow page has fewer of them; named ones are
/// all shown, in cells of several lines if necessary.
pub(crate) fn table(nodes: &[NodeView], named: &[Column], width: Width) -> String {
    if nodes.is_empty() {
        return "no nodes\n".to_owned();
    }
    let columns = if named.is_empty() { &USUAL[..] } else { named };
    let places = |wanted: &dyn Fn(Column) -> bool| -> Vec<usize> {
        columns.iter().enumerate().filter(|(_, column)| wanted(**column)).map(|(at, _)| at).collect()
    };
    let right = places(&is_number);
    let unbroken = places(&|column| column == Column::State);
    let optional: Vec<usize> = match named {
        [] => OMITTED.iter().flat_map(|omitted| places(&|column| column == *omitted)).collect(),
        _ => Vec::new(),
    };
    let header: Vec<&str> = columns.iter().map(|column| title(*column)).collect();
    let rows = nodes.iter().map(|view| columns.iter().map(|column| cell(view, *column)).collect()).collect();
    let table = Table { header: &header, right: &right, optional: &optional, rows };
    let plain = table.wrapped_beside(width, &unbroken);
    // Escape codes would count for the width of a cell, so the colour comes after the layout. A node with a cell of
    // several lines has its state on the first of them, and such a table stays plain.
    if plain.lines().count() != nodes.len() + 1 {
        return plain;
    }
    let mut lines = plain.lines();
    let first = lines.next().map(str::to_owned);
    let coloured = lines.zip(nodes).map(|(line, view)| line.replacen(view.status, &view.styled_status(), 1));
    first.into_iter().chain(coloured).collect::<Vec<_>>().join("\n") + "\n"
}
