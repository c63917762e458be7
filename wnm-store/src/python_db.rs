//! The database of the Python wnm, read and never written: its settings and nodes as plain values.
//!
//! Its tables gained columns over time. A column that is missing or empty is None; this module fills in no defaults
//! except those of the Python wnm itself.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use wnm_core::{Problem, RawSettings};

use crate::error::{DbError, StoreError};
use crate::other_tool::{Columns, OtherTool, OtherToolError, integer, rows, text};

/// A colony of the Python wnm.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PythonColony {
    /// The settings that could be read.
    pub settings: RawSettings,
    /// The settings that could not be read.
    pub problems: Vec<Problem>,
    /// The columns that are no settings of this wnm, by name.
    pub unused: BTreeMap<String, String>,
    /// The nodes, by number.
    pub nodes: Vec<PythonNode>,
}

/// A node in the database of the Python wnm. Its values are unchecked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PythonNode {
    /// The number; None when it is missing or not a whole number.
    pub id: Option<i64>,
    /// The process manager with its scope, such as `systemd+sudo`.
    pub manager: Option<String>,
    /// The folder of the data, the identity and the program.
    pub root_dir: Option<PathBuf>,
    /// The folder of the logs.
    pub log_dir: Option<PathBuf>,
    /// The copy of the node program that the node runs.
    pub binary: Option<PathBuf>,
    /// The version at the last survey.
    pub version: Option<String>,
    /// The UDP port.
    pub port: Option<i64>,
    /// The TCP port of the metrics server, on the loopback interface.
    pub metrics_port: Option<i64>,
    /// The RPC port, which older tables lack.
    pub rpc_port: Option<i64>,
    /// The payment network.
    pub network: Option<String>,
    /// The rewards address.
    pub wallet: Option<String>,
    /// The identity in the network, such as `12D3KooW…`.
    pub peer_id: Option<String>,
    /// The environment, as `NAME=VALUE` words.
    pub environment: Option<String>,
    /// The state, such as `RUNNING`.
    pub status: Option<String>,
    /// The time of the last survey, in seconds since the Unix epoch.
    pub changed: Option<i64>,
    /// The time of creation, in seconds since the Unix epoch.
    pub born: Option<i64>,
}

/// The limits on traffic, in groups. The Python wnm stores 0 for all four of a group that has no limits.
const TRAFFIC: [[&str; 4]; 2] = [
    ["hdio_read_less_than", "hdio_read_remove", "hdio_write_less_than", "hdio_write_remove"],
    ["netio_read_less_than", "netio_read_remove", "netio_write_less_than", "netio_write_remove"],
];

/// Reads a database of any version of the Python wnm. `file` is the one at `path`, and `home` replaces `~` in its paths.
///
/// # Errors
/// The file does not exist, is not such a database, is damaged, or holds an unfinished write.
pub fn read(path: &Path, file: io::Result<File>, home: &Path) -> Result<PythonColony, StoreError> {
    let opened = OtherTool::PythonWnm.open(path, file)?;
    match OtherTool::PythonWnm.checked(path, colony(&opened.db, home))? {
        Some(colony) => Ok(colony),
        None => Err(OtherTool::PythonWnm.unusable(path, OtherToolError::NoColony)),
    }
}

fn colony(db: &Connection, home: &Path) -> Result<Option<PythonColony>, DbError> {
    let Some(machine) = rows(db, "machine", "id")?.into_iter().next() else { return Ok(None) };
    let mut colony = PythonColony { nodes: nodes(&rows(db, "node", "id")?), ..Default::default() };
    settings(&machine, home, &mut colony);
    Ok(Some(colony))
}

fn settings(machine: &Columns, home: &Path, colony: &mut PythonColony) {
    let is_zero = |key: &&str| integer(machine, key).is_none_or(|limit| limit == 0);
    let idle: Vec<&str> = TRAFFIC.into_iter().filter(|four| four.iter().all(is_zero)).flatten().collect();
    let mut set = |key: &str, value: &str| {
        if let Err(problem) = colony.settings.set(key, value) {
            colony.problems.push(problem);
        }
    };
    for key in machine.keys().filter(|key| !idle.contains(&key.as_str())) {
        let Some(value) = text(machine, key) else { continue };
        if key == "process_manager" {
            set(key, &with_scope(&value));
        } else if key == "antctl_path" && !value.contains('/') {
            // The default finds it in PATH too.
        } else if RawSettings::setting(key).is_some_and(|setting| setting.facts.is_path) {
            // The Python wnm and the shells of its operators replace `~` and `$HOME`.
            set(key, &expanded(&value, home));
        } else if RawSettings::KEYS.contains(&key.as_str()) {
            set(key, &value);
        } else if key != "id" {
            colony.unused.insert(key.clone(), value);
        }
    }
    // Older tables keep the process manager and the network with each node only.
    let first = colony.nodes.first();
    let is_told = text(machine, "process_manager").is_some();
    if let Some(manager) = first.and_then(|node| node.manager.as_deref()).filter(|_| !is_told) {
        set("process_manager", manager);
    }
    if let Some(network) = first.and_then(|node| node.network.as_deref()) {
        set("network", network);
    }
    // Versions without the column started nodes with UPnP.
    if text(machine, "no_upnp").is_none() {
        set("no_upnp", "false");
    }
    // The Python wnm has the rules of the classic preset only.
    set("preset", "classic");
}

/// Returns a process manager with its scope. Older tables lack the scope, which was fixed then.
fn with_scope(manager: &str) -> String {
    match manager {
        "systemd" => "systemd+sudo".to_owned(),
        "launchctl" | "launchd" => "launchd+user".to_owned(),
        "setsid" => "setsid+user".to_owned(),
        other => other.to_owned(),
    }
}

fn expanded(path: &str, home: &Path) -> String {
    let rest = path.strip_prefix("~/").or_else(|| path.strip_prefix("$HOME/"));
    rest.map_or_else(|| path.to_owned(), |rest| home.join(rest).display().to_string())
}

fn nodes(rows: &[Columns]) -> Vec<PythonNode> {
    let node = |columns: &Columns| {
        let text = |name| text(columns, name);
        PythonNode {
            id: integer(columns, "id"),
            manager: text("manager_type").or_else(|| text("method")).map(|manager| with_scope(&manager)),
            root_dir: text("root_dir").map(PathBuf::from),
            log_dir: text("log_dir").map(PathBuf::from),
            binary: text("binary").map(PathBuf::from),
            version: text("version"),
            port: integer(columns, "port"),
            metrics_port: integer(columns, "metrics_port"),
            rpc_port: integer(columns, "rpc_port"),
            network: text("network"),
            wallet: text("wallet"),
            peer_id: text("peer_id"),
            environment: text("environment"),
            status: text("status"),
            changed: integer(columns, "timestamp"),
            born: integer(columns, "age").filter(|age| *age > 0),
        }
    };
    rows.iter().map(node).collect()
}

/// Fuzz target: reads a database file, or one that is made of lines `COLUMN=VALUE`: of a colony, then of nodes, each
/// after an empty line.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let home = Path::new("/home/op");
    let colony = if bytes.starts_with(b"SQLite format 3\0") {
        let path = std::env::temp_dir().join(format!("wnm-fuzz-{}.db", std::process::id()));
        if std::fs::write(&path, bytes).is_err() {
            return;
        }
        let read = read(&path, File::open(&path), home);
        let after = std::fs::read(&path);
        _ = std::fs::remove_file(&path);
        assert!(after.is_ok_and(|after| after == bytes), "the file has changed");
        if let Err(error) = &read {
            assert!(!error.to_string().is_empty());
        }
        read.ok()
    } else {
        std::str::from_utf8(bytes).ok().and_then(made).and_then(|db| colony(&db, home).ok().flatten())
    };
    let Some(colony) = colony else { return };
    assert!(colony.problems.iter().all(|problem| !problem.to_string().is_empty()));
    for key in RawSettings::KEYS {
        let Some(value) = colony.settings.get(key) else { continue };
        assert_eq!(RawSettings::default().set(key, &value), Ok(()), "{key} is {value}");
    }
    assert!(colony.nodes.iter().all(|node| node.born.is_none_or(|born| born > 0)));
}

/// Returns a database with a table of one colony and one of its nodes.
#[cfg(any(test, fuzzing))]
fn made(text: &str) -> Option<Connection> {
    let db = Connection::open_in_memory().ok()?;
    let mut parts = text.split("\n\n").map(|part| part.lines().filter_map(|line| line.split_once('=')).collect());
    let machine: Vec<(&str, &str)> = parts.next()?;
    insert(&db, "machine", &machine).ok()?;
    let mut nodes = parts.peekable();
    if nodes.peek().is_none() {
        insert(&db, "node", &[]).ok()?;
    }
    for node in nodes.take(8) {
        insert(&db, "node", &node).ok()?;
    }
    Some(db)
}

/// Inserts a row into a table, after its missing columns.
#[cfg(any(test, fuzzing))]
fn insert(db: &Connection, table: &str, values: &[(&str, &str)]) -> rusqlite::Result<()> {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    db.execute(&format!("CREATE TABLE IF NOT EXISTS {table} (id)"), [])?;
    db.execute(&format!("INSERT INTO {table} (id) VALUES (NULL)"), [])?;
    for (name, value) in values.iter().take(64) {
        // It exists.
        _ = db.execute(&format!("ALTER TABLE {table} ADD COLUMN {}", quoted(name)), []);
        let update = format!("UPDATE {table} SET {} = ?1 WHERE rowid = (SELECT max(rowid) FROM {table})", quoted(name));
        match (value.parse::<i64>(), value.parse::<f64>(), value.strip_prefix("x'")) {
            (Ok(number), ..) => db.execute(&update, [number]),
            (_, Ok(number), _) => db.execute(&update, [number]),
            (.., Some(blob)) => db.execute(&update, [blob.as_bytes()]),
            (.., None) => db.execute(&update, [value]),
        }?;
    }
    Ok(())
}
