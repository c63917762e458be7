//! The database of the Python wnm, read and never written: its settings and nodes as plain values.
//!
//! Its tables grew over time. A column that is not there, or holds nothing, is None; nothing is made up here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::types::Value;
use wnm_core::{Problem, RawSettings};

use crate::error::{Fault, StoreError};
use crate::file::{self, suffixed};
use crate::open;

/// A colony of the Python wnm.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PythonColony {
    /// The settings that could be read.
    pub settings: RawSettings,
    /// Those that could not.
    pub problems: Vec<Problem>,
    /// What it had beyond the settings of this wnm, by name.
    pub unused: BTreeMap<String, String>,
    /// The nodes, by number.
    pub nodes: Vec<PythonNode>,
}

/// A node as the Python wnm had it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PythonNode {
    /// Its number; None when it has none, or one that is no whole number.
    pub id: Option<i64>,
    /// What starts and stops it, with its scope.
    pub manager: Option<String>,
    /// Its data, identity and binary.
    pub root_dir: Option<PathBuf>,
    /// Its logs.
    pub log_dir: Option<PathBuf>,
    /// Its copy of the program.
    pub binary: Option<PathBuf>,
    /// The version it was last seen with.
    pub version: Option<String>,
    /// UDP.
    pub port: Option<i64>,
    /// TCP on loopback.
    pub metrics_port: Option<i64>,
    /// The third one, which older tables lack.
    pub rpc_port: Option<i64>,
    /// The payment network.
    pub network: Option<String>,
    /// Who is paid.
    pub wallet: Option<String>,
    /// Its name in the network.
    pub peer_id: Option<String>,
    /// Its environment, as words.
    pub environment: Option<String>,
    /// Its state, such as `RUNNING`.
    pub status: Option<String>,
    /// When that was last looked at, in seconds since the epoch.
    pub changed: Option<i64>,
    /// When it was made, in seconds since the epoch.
    pub born: Option<i64>,
}

/// Limits on traffic: where all four are 0, there are none.
const TRAFFIC: [[&str; 4]; 2] = [
    ["hdio_read_less_than", "hdio_read_remove", "hdio_write_less_than", "hdio_write_remove"],
    ["netio_read_less_than", "netio_read_remove", "netio_write_less_than", "netio_write_remove"],
];
/// Settings that are paths, in which `~` and `$HOME` stand for the home directory.
const PATHS: [&str; 2] = ["node_storage", "antnode_path"];

/// Reads a database of the Python wnm of whatever age. `home` is what `~` stands for in its paths.
///
/// # Errors
/// There is none, it is something else, it is damaged, or a write to it was not completed.
pub fn read(path: &Path, home: &Path) -> Result<PythonColony, StoreError> {
    let wrong = |found: String| StoreError::NotAPythonColony { path: path.to_path_buf(), found };
    file::inspect(path).map_err(|error| match error {
        StoreError::NotInitialised { .. } => wrong("nothing".to_owned()),
        StoreError::NotADatabase { found, .. } => wrong(found.to_owned()),
        other => other,
    })?;
    for suffix in ["-wal", "-journal"] {
        let log = suffixed(path, suffix);
        if std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
            return Err(StoreError::PythonColonyInUse { path: path.to_path_buf(), log });
        }
    }
    // Nothing is locked, and no file is made beside it.
    let db = open::connect_immutable(path).map_err(|fault| fault.at(path))?;
    let complaints = open::complaints(&db, "quick_check(5)");
    if !complaints.is_empty() {
        return Err(wrong(format!("a damaged one: {}", complaints.join("; "))));
    }
    match colony(&db, home) {
        Ok(Some(colony)) => Ok(colony),
        Ok(None) => Err(wrong("no colony in it".to_owned())),
        Err(Fault::Sqlite(error))
            if error.sqlite_error_code().is_none_or(|code| code == rusqlite::ErrorCode::Unknown) =>
        {
            Err(wrong(format!("other tables: {error}")))
        }
        Err(fault) => Err(fault.at(path)),
    }
}

/// A row by the names of its columns; those that hold nothing are left out.
type Columns = BTreeMap<String, Value>;

fn rows(db: &Connection, select: &str) -> Result<Vec<Columns>, Fault> {
    let mut statement = db.prepare(select)?;
    let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let mut columns = Columns::new();
        for (i, name) in names.iter().enumerate() {
            // As bytes, so that a text that is none does not keep the others from being read.
            let value = row.get_ref(i)?;
            let value = match value {
                rusqlite::types::ValueRef::Text(bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
                other => other.try_into().unwrap_or(Value::Null),
            };
            if value != Value::Null {
                columns.insert(name.clone(), value);
            }
        }
        found.push(columns);
    }
    Ok(found)
}

/// Returns a column as text; None where it holds nothing.
fn text(columns: &Columns, name: &str) -> Option<String> {
    let text = match columns.get(name)? {
        Value::Text(text) => text.trim().to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Blob(_) | Value::Null => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn integer(columns: &Columns, name: &str) -> Option<i64> {
    match columns.get(name)? {
        Value::Integer(number) => Some(*number),
        Value::Real(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(*number as i64),
        Value::Text(text) => text.trim().parse().ok(),
        Value::Real(_) | Value::Blob(_) | Value::Null => None,
    }
}

fn colony(db: &Connection, home: &Path) -> Result<Option<PythonColony>, Fault> {
    let machines = rows(db, "SELECT * FROM machine ORDER BY id LIMIT 1")?;
    let Some(machine) = machines.into_iter().next() else { return Ok(None) };
    let mut colony = PythonColony { nodes: nodes(&rows(db, "SELECT * FROM node ORDER BY id")?), ..Default::default() };
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
        } else if PATHS.contains(&key.as_str()) {
            set(key, &expanded(&value, home));
        } else if RawSettings::KEYS.contains(&key.as_str()) {
            set(key, &value);
        } else if key != "id" {
            colony.unused.insert(key.clone(), value);
        }
    }
    // What an older table does not say of the colony, its first node does.
    let first = colony.nodes.first();
    let is_told = text(machine, "process_manager").is_some();
    if let Some(manager) = first.and_then(|node| node.manager.as_deref()).filter(|_| !is_told) {
        set("process_manager", manager);
    }
    if let Some(network) = first.and_then(|node| node.network.as_deref()) {
        set("network", network);
    }
    // Before it could be switched off, nodes asked the router for their ports.
    if text(machine, "no_upnp").is_none() {
        set("no_upnp", "false");
    }
    // It decided by the rules it always had.
    set("preset", "classic");
}

/// Returns a process manager with its scope, which older tables leave out.
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
