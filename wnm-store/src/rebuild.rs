//! The rebuilding of a database that cannot be read, from its readable rows and its copies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use wnm_core::{Desired, EngineState, Node, NodeId, NodeMap, NodeState, RawSettings};

use crate::error::{DbError, StoreError};
use crate::file::{self, suffixed};
use crate::nodes::{self, Single};
use crate::record::{self, Record};
use crate::schedule::Schedule;
use crate::schema::{self, MIGRATIONS};
use crate::write::Write;
use crate::{Store, copies, open, settings};

/// The number of files set aside from which a database is not rebuilt.
const MOST_ASIDE: usize = 20;
/// The numbers of cycles and actions that a rebuilt database leaves out: more than an hour of cycles, the age of a copy.
/// A number must not name two cycles.
const SKIPPED_NUMBERS: i64 = 10_000;

/// The data of a colony from the readable rows of a damaged database and from its copies.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Remains {
    /// The stored settings.
    pub settings: RawSettings,
    /// The nodes. Some may have been removed since, and others may be missing.
    pub nodes: BTreeMap<NodeId, Node>,
    /// The state of the engine, with the states and the desired conditions of these nodes.
    pub state: EngineState,
    /// The latest copy of the database.
    pub copy: PathBuf,
    schedule: Option<Schedule>,
    /// The highest numbers of cycles and of actions.
    numbers: [i64; 2],
}

impl Remains {
    /// Reads the remains of a database; None where no copy of it can be read. Rows of the database itself are later than
    /// those of its copies, and so have precedence.
    ///
    /// The database may be of any content, and may be absent.
    #[must_use]
    pub fn read(database: &Path) -> Option<Self> {
        let database = file::resolved(database);
        let copies: Vec<(PathBuf, Part)> = copies::existing(&database)
            .into_iter()
            .filter_map(|path| Part::read_copy(&path).map(|part| (path, part)))
            .collect();
        let copy = copies.first()?.0.clone();
        let mut merged = Part::read(&database);
        copies.into_iter().for_each(|(_, copied)| merged.complete(copied));
        let desired = merged.desired.rows;
        let mut state = EngineState { nodes: merged.states.rows, ..merged.engine.unwrap_or_default() };
        for (id, desired) in desired {
            if state.nodes.get(&id).is_some_and(|node| desired.is_possible_in(node)) {
                state.set_desired(id, desired);
            }
        }
        let nodes = merged.nodes.rows.into_iter().collect();
        let Part { settings, schedule, numbers, .. } = merged;
        Some(Self { settings: settings.rows, nodes, state, copy, schedule, numbers })
    }
}

/// The readable rows of a table.
struct Rows<T> {
    rows: T,
    /// All rows of the table: those of another file add nothing.
    is_complete: bool,
}

/// The readable rows of one file.
struct Part {
    settings: Rows<RawSettings>,
    nodes: Rows<NodeMap<Node>>,
    states: Rows<NodeMap<NodeState>>,
    desired: Rows<NodeMap<Desired>>,
    engine: Option<EngineState>,
    schedule: Option<Schedule>,
    numbers: [i64; 2],
}

impl Part {
    /// Reads the rows of a copy; None for a file that is no undamaged copy.
    fn read_copy(path: &Path) -> Option<Self> {
        file::inspect(path).and_then(|()| file::check_owner(path)).ok()?;
        let db = open::connect_immutable(path).ok()?;
        schema::version(&db, path, MIGRATIONS).ok()?;
        let part = Self::of(Some(&db));
        (open::integrity_errors(&db, "quick_check(1)").is_ok_and(|errors| errors.is_empty())
            && part.nodes.is_complete
            && part.settings.is_complete)
            .then_some(part)
    }

    /// Reads the rows of a file of any content.
    fn read(path: &Path) -> Self {
        let opened = file::inspect(path).and_then(|()| file::check_owner(path)).ok();
        let db = opened.and_then(|()| {
            // With its log, whose transactions are the latest. A folder that may not be written has no log to complete.
            let db = open::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
            schema::version(&db, path, MIGRATIONS).ok()?;
            Some(db)
        });
        Self::of(db.as_ref())
    }

    fn of(db: Option<&Connection>) -> Self {
        let numbers = ["cycles", "actions"].map(|table| db.map_or(0, |db| highest(db, table)));
        let single = |single| db.and_then(|db| nodes::single(db, single, &mut Vec::new()).ok().flatten());
        Self {
            settings: read(db, settings::readable),
            nodes: read(db, |db, unreadable| Ok(nodes::all(db, unreadable)?.into_iter().collect())),
            states: read(db, nodes::states),
            desired: read(db, nodes::readable_desired),
            engine: single(Single::Engine),
            schedule: db.and_then(|db| nodes::single(db, Single::Schedule, &mut Vec::new()).ok().flatten()),
            numbers,
        }
    }

    /// Adds the rows of an older part to tables that are not complete.
    fn complete(&mut self, older: Self) {
        if !self.settings.is_complete {
            self.settings.rows = std::mem::take(&mut self.settings.rows).over(older.settings.rows);
            self.settings.is_complete = older.settings.is_complete;
        }
        complete(&mut self.nodes, older.nodes);
        complete(&mut self.states, older.states);
        complete(&mut self.desired, older.desired);
        self.engine = self.engine.take().or(older.engine);
        self.schedule = self.schedule.take().or(older.schedule);
        for (number, older) in self.numbers.iter_mut().zip(older.numbers) {
            *number = older.max(*number);
        }
    }
}

fn complete<T>(newer: &mut Rows<NodeMap<T>>, older: Rows<NodeMap<T>>) {
    if newer.is_complete {
        return;
    }
    for (id, row) in older.rows {
        if !newer.rows.contains_key(&id) {
            newer.rows.insert(id, row);
        }
    }
    newer.is_complete = older.is_complete;
}

/// Reads a table as far as possible. An error in its pages leaves it without rows.
fn read<T: Default>(
    db: Option<&Connection>,
    read: impl FnOnce(&Connection, &mut nodes::Unreadable) -> Result<T, DbError>,
) -> Rows<T> {
    let mut unreadable = Vec::new();
    match db.map(|db| read(db, &mut unreadable)) {
        Some(Ok(rows)) => Rows { rows, is_complete: unreadable.is_empty() },
        Some(Err(_)) | None => Rows { rows: T::default(), is_complete: false },
    }
}

fn highest(db: &Connection, table: &str) -> i64 {
    let select = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
    db.query_row(select, [table], |row| row.get(0)).unwrap_or(0)
}

impl Store {
    /// Replaces a database that cannot be read by a new one with these data, and sets the old file aside. Returns its new
    /// path; None if no file was there.
    ///
    /// The caller holds the [`Lock`](crate::Lock). After a crash the call can be repeated.
    ///
    /// # Errors
    /// Two nodes share a port, or the folder cannot be written.
    pub fn rebuild(database: &Path, remains: &Remains) -> Result<Option<PathBuf>, StoreError> {
        let path = file::resolved(database);
        // A database that is damaged again and again must not fill the disk.
        let count = file::count_aside(&path);
        if count >= MOST_ASIDE {
            return Err(StoreError::RebuiltTooOften { path, count });
        }
        let draft = suffixed(&path, ".rebuilt");
        file::remove(&draft)?;
        write(&draft, remains).map_err(|error| error.at(&path))?;
        Write::Rebuild.run(|| file::replace(&path, &draft))
    }
}

/// Writes a new database, complete and on the disk.
fn write(draft: &Path, remains: &Remains) -> Result<(), DbError> {
    let engine = nodes::engine_json(&remains.state)?;
    let states = nodes::json_rows(&remains.state.nodes, Record::NodeState)?;
    let schedule = remains.schedule.map(|schedule| record::to_json(&schedule, Record::Schedule)).transpose()?;
    file::create_private(draft)?;
    let mut db = open::connect(draft, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    schema::install(&mut db)?;
    let tx = db.transaction()?;
    settings::write(&tx, &remains.settings)?;
    for node in remains.nodes.values() {
        nodes::insert(&tx, node)?;
    }
    nodes::write_states(&tx, &states)?;
    nodes::write_desired(&tx, &nodes::desired_rows(&remains.state))?;
    nodes::write_single(&tx, Single::Engine, &engine)?;
    if let Some(schedule) = &schedule {
        nodes::write_single(&tx, Single::Schedule, schedule)?;
    }
    for (table, number) in ["cycles", "actions"].iter().zip(remains.numbers) {
        let next = number.saturating_add(SKIPPED_NUMBERS);
        tx.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", (table, next))?;
    }
    Ok(tx.commit()?)
}
