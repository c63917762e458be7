//! `node-status`: one line per node.

use serde::Serialize;

use super::Row;

/// A node in the list.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Status {
    service_name: String,
    peer_id: String,
    status: &'static str,
    connected_peers: u64,
}

/// Returns the JSON form of the list.
pub(crate) fn values(rows: &[Row<'_>]) -> Vec<Status> {
    let status = |row: &Row<'_>| Status {
        service_name: row.service(),
        peer_id: row.peer_id().unwrap_or("-").to_owned(),
        status: row.status(),
        connected_peers: row.figure(|metrics| metrics.connected_peers).unwrap_or(0),
    };
    rows.iter().map(status).collect()
}

/// Returns the list as a table with the column widths of the Python wnm.
pub(crate) fn text(rows: &[Row<'_>]) -> String {
    if rows.is_empty() {
        return "No nodes found.\n".to_owned();
    }
    let line = |service: &str, peer: &str, status: &str, peers: &str| {
        format!("{service:<20}{peer:<55}{status:<15}{peers:>15}\n")
    };
    let mut text = line("Service Name", "Peer ID", "Status", "Connected Peers");
    for status in values(rows) {
        let peers = status.connected_peers.to_string();
        text.push_str(&line(&status.service_name, &status.peer_id, status.status, &peers));
    }
    text
}
