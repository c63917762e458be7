//! The database of formicaio, read and never written: its nodes as plain values.
//!
//! Its tables gained and lost columns over time. A column that is missing or empty is None.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::other_tool::{Columns, OtherTool, integer, rows, text};

/// The file name of the database.
pub const FILE_NAME: &str = "formicaio.db";

/// A node in the database of formicaio. Its values are unchecked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FormicaioNode {
    /// The identifier: 12 hexadecimal digits, or those of its container.
    pub id: String,
    /// The status as JSON, such as `"Active"` or `{"Inactive":"Stopped"}`.
    pub status: Option<String>,
    /// The UDP port.
    pub port: Option<u16>,
    /// The TCP port of the metrics server, on the loopback interface.
    pub metrics_port: Option<u16>,
    /// The rewards address, with or without `0x`.
    pub wallet: Option<String>,
    /// The folder that holds the folder of the node; None for the default.
    pub data_dir: Option<PathBuf>,
    /// The recorded version.
    pub version: Option<String>,
    /// The recorded peer ID.
    pub peer_id: Option<String>,
    /// The IP version: `ipv4`, `ipv6` or `dual`; None in older tables.
    pub ip_version: Option<String>,
    /// The address that the node listens on, in tables before the IP version.
    pub listen_address: Option<String>,
    /// Whether the node uses UPnP; None in tables without the column.
    pub upnp: Option<bool>,
    /// Whether an `antnode` checks at its start that it can be reached; None in tables without the column.
    pub reachability_check: Option<bool>,
    /// Whether the node is behind a router that blocks it; None in tables without the column.
    pub home_network: Option<bool>,
}

/// Reads the nodes of a database of any version of formicaio, by identifier. `file` is the one at `path`.
///
/// # Errors
/// The file does not exist, is not such a database, is damaged, or holds an unfinished write.
pub fn read(path: &Path, file: io::Result<File>) -> Result<Vec<FormicaioNode>, StoreError> {
    let opened = OtherTool::Formicaio.open(path, file)?;
    let found = OtherTool::Formicaio.checked(path, rows(&opened.db, "nodes", "node_id"))?;
    Ok(found.iter().map(node).collect())
}

fn node(columns: &Columns) -> FormicaioNode {
    let text = |name| text(columns, name);
    let port = |name| integer(columns, name).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    let flag = |name| integer(columns, name).map(|flag| flag != 0);
    FormicaioNode {
        id: text("node_id").unwrap_or_default(),
        status: text("status"),
        port: port("port"),
        metrics_port: port("metrics_port"),
        wallet: text("rewards_addr"),
        data_dir: text("data_dir_path").map(PathBuf::from),
        version: text("bin_version"),
        peer_id: text("peer_id"),
        ip_version: text("ip_version"),
        listen_address: text("ip_addr"),
        upnp: flag("upnp"),
        reachability_check: flag("reachability_check"),
        home_network: flag("home_network"),
    }
}
