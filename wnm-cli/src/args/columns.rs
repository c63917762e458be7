//! The list of nodes: which nodes, in which order, with which columns.

use clap::{Args, ValueEnum};

use super::selected::{NodeRange, StateName};

/// The nodes, the order and the columns of a list.
#[derive(Debug, Args)]
pub(crate) struct NodeList {
    /// Nodes, such as 3, 0003, antnode0003 or 5-9, separated by spaces or commas [default: all]
    #[arg(value_name = "NODE", value_delimiter = ',')]
    pub(crate) nodes: Vec<NodeRange>,
    /// List only nodes in these states, such as STOPPED, separated by commas
    #[arg(
        long,
        value_name = "STATE",
        value_enum,
        ignore_case = true,
        value_delimiter = ',',
        hide_possible_values = true
    )]
    pub(crate) state: Vec<StateName>,
    /// Sort by a column: texts upwards, numbers and times from the largest down [default: name]
    #[arg(long, value_name = "COLUMN", value_enum, ignore_case = true, hide_possible_values = true)]
    pub(crate) sort: Option<Column>,
    /// Columns to show, separated by commas: name, state, since, reason, restarts, version, peers, records, cpu, memory,
    /// disk, port, age, peer-id, manager, and of the last complete day in UTC health, gained, payments, shunned
    #[arg(
        long,
        value_name = "COLUMN",
        value_enum,
        ignore_case = true,
        value_delimiter = ',',
        hide_possible_values = true
    )]
    pub(crate) columns: Vec<Column>,
}

/// A column of the list of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Column {
    #[value(alias = "node")]
    Name,
    State,
    Since,
    Reason,
    Restarts,
    Version,
    Peers,
    Records,
    Cpu,
    Memory,
    Disk,
    Port,
    Age,
    #[value(alias = "peer_id", alias = "peer id")]
    PeerId,
    Manager,
    Health,
    Gained,
    Payments,
    Shunned,
}
