//! The states in which a killed `wnm` leaves nodes. Each must be one of the model that `wnm-sim explore` checks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use wnm_core::steps::{ActionRecord, StepFailure, StepRecord};
use wnm_core::{ActionId, Planned, Timestamp};

use crate::crash::Colony;

/// The files of a node program: in place, staged by an upgrade, and retained by it.
const PROGRAMS: [(&str, &str); 3] = [("antnode", "program"), ("antnode.new", "staged"), ("antnode.old", "retained")];

/// The states in which a crash leaves a node of the model, as a snapshot of a test of `wnm-sim`.
const OF_MODEL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../wnm-sim/src/commands/explore/run/snapshots/wnm_sim__commands__explore__run__states__states.snap"
);

/// The states of a node that comes out of the trash, which the model does not have: its folder is in place, then its row, and
/// then the action that records it. The next cycle takes in a folder without a row.
const OF_A_RESTORE: [&str; 3] = [
    "no action | no row | folder program definition",
    "no action | new | folder program definition",
    "restore: end | new | folder program definition",
];

/// The rows of a database that concern one node.
#[derive(Default)]
struct Row {
    /// The storage folder; None without a row of the node.
    storage: Option<PathBuf>,
    uuid: String,
    desired: Option<String>,
    action: Option<ActionRecord>,
}

/// Returns the state of each node, such as `add: confirm | new | folder program definition process`.
pub(crate) fn states(colony: &Colony) -> BTreeSet<String> {
    let rows = rows(&colony.host.path("wnm.db"));
    let folders = colony.storage.iter().flat_map(|storage| fs::read_dir(storage).into_iter().flatten().flatten());
    let named = folders.map(|folder| folder.file_name().to_string_lossy().into_owned());
    let named = named.filter(|name| name.starts_with("antnode"));
    let names: BTreeSet<String> = rows.keys().cloned().chain(named).collect();
    let running = running(colony);
    let nothing = Row::default();
    names.iter().map(|name| state(colony, name, rows.get(name).unwrap_or(&nothing), &running)).collect()
}

/// Returns the states that a crash can leave a node in: those of the model, and those of a restored node.
pub(crate) fn of_model() -> BTreeSet<String> {
    let snapshot = fs::read_to_string(OF_MODEL).unwrap();
    let (_, states) = snapshot.strip_prefix("---\n").and_then(|rest| rest.split_once("---\n")).unwrap();
    states.lines().chain(OF_A_RESTORE).map(str::to_owned).collect()
}

fn state(colony: &Colony, name: &str, row: &Row, running: &BTreeSet<PathBuf>) -> String {
    let action = row.action.as_ref().map_or_else(
        || "no action".to_owned(),
        |record| {
            let step = record.next_step().map_or_else(|| "end".to_owned(), |step| step.to_string());
            let back = if record.failure.is_some() { ", back" } else { "" };
            format!("{}: {step}{back}", record.planned.action.verb())
        },
    );
    let desired = if row.storage.is_none() { "no row" } else { row.desired.as_deref().unwrap_or("new") };
    let places: Vec<PathBuf> = colony.storage.iter().map(|storage| storage.join(name)).collect();
    let made: Vec<&PathBuf> = places.iter().filter(|place| place.join(".wnm-node").exists()).collect();
    // A node that moved has a folder at either place.
    let old = row.storage.as_ref().map(|storage| storage.join(name));
    let current = made.iter().find(|place| Some(**place) != old.as_ref()).or(made.first());
    let has = |file: &str| current.is_some_and(|place| place.join(file).exists());
    let mut parts = Vec::new();
    parts.extend(current.map(|_| "folder"));
    parts.extend(PROGRAMS.iter().filter(|(file, _)| has(file)).map(|(_, part)| *part));
    parts.extend(has(".wnm-definition").then_some("definition"));
    parts.extend(places.iter().any(|place| running.contains(place)).then_some("process"));
    let is_copied = colony.storage.iter().any(|storage| storage.join(".moving").join(&row.uuid).is_dir());
    parts.extend((is_copied && !row.uuid.is_empty()).then_some("copy"));
    parts.extend((made.len() > 1).then_some("source"));
    format!("{action} | {desired} | {}", parts.join(" "))
}

/// Returns the folders on which a node runs. A trial of its arguments prints the version only.
fn running(colony: &Colony) -> BTreeSet<PathBuf> {
    let line = |pid: rustix::process::Pid| fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).ok();
    let folder = |line: Vec<u8>| {
        let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        let is_trial = words.iter().any(|word| word == "--version");
        let folder = words.iter().skip_while(|word| *word != "--root-dir").nth(1).filter(|_| !is_trial);
        folder.map(|folder| PathBuf::from(folder.as_ref()))
    };
    colony.processes().into_iter().filter_map(line).filter_map(folder).collect()
}

/// Reads the rows by the name of their node, from a copy of the database: an open database changes its files.
fn rows(database: &Path) -> BTreeMap<String, Row> {
    if !database.exists() {
        return BTreeMap::new();
    }
    let copy = tempfile::tempdir().unwrap();
    for suffix in ["", "-wal"] {
        let [from, to] = [database.to_owned(), copy.path().join("db")]
            .map(|path| PathBuf::from(format!("{}{suffix}", path.display())));
        let _ = fs::copy(from, to);
    }
    let db = Connection::open_with_flags(copy.path().join("db"), OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    let mut rows: BTreeMap<u32, Row> = BTreeMap::new();
    for (node, uuid, facts) in select::<(u32, String, String)>(&db, "SELECT id, uuid, facts FROM nodes") {
        let facts: Value = serde_json::from_str(&facts).unwrap();
        let root = Path::new(facts["root_dir"].as_str().unwrap()).to_owned();
        let row = rows.entry(node).or_default();
        (row.storage, row.uuid) = (root.parent().map(Path::to_owned), uuid);
    }
    for (node, desired) in select::<(u32, String)>(&db, "SELECT node, desired FROM desired") {
        rows.entry(node).or_default().desired = Some(desired);
    }
    let unfinished = "SELECT id, node, planned, failure FROM actions WHERE ended IS NULL ORDER BY id";
    for (id, node, planned, failure) in select::<(i64, u32, String, Option<String>)>(&db, unfinished) {
        let planned: Planned = serde_json::from_str(&planned).unwrap();
        let mut record = ActionRecord::new(ActionId(id), planned, Timestamp::from_millis(0));
        record.failure = failure.map(|text| serde_json::from_str::<StepFailure>(&text).unwrap());
        let steps = format!("SELECT way, record FROM steps WHERE action = {id} ORDER BY way, position");
        for (way, step) in select::<(i64, String)>(&db, &steps) {
            let step: StepRecord = serde_json::from_str(&step).unwrap();
            if way == 0 { record.done.push(step) } else { record.undone.push(step) }
        }
        rows.entry(node).or_default().action = Some(record);
    }
    rows.into_iter().map(|(node, row)| (format!("antnode{node:04}"), row)).collect()
}

fn select<T: for<'a> TryFrom<&'a rusqlite::Row<'a>, Error = rusqlite::Error>>(db: &Connection, query: &str) -> Vec<T> {
    // An unreadable database, and one of an earlier release, has no such tables.
    let Ok(mut statement) = db.prepare(query) else { return Vec::new() };
    statement.query_map([], |row| T::try_from(row)).unwrap().map(Result::unwrap).collect()
}
