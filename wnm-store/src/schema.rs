//! The tables, and how older ones become newer ones.

use std::path::Path;

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use crate::error::{Fault, StoreError};
use crate::file::{Existing, copy, suffixed};

/// Marks a database as one of wnm: "wnm1".
const APPLICATION: u32 = 0x776e_6d31;

/// Every change of the tables, in order. What was released is never edited: a change is one more entry.
pub(crate) const MIGRATIONS: &[M<'static>] = &[M::up(FIRST), M::up(CYCLE_KIND)];

/// All times are Unix milliseconds; all texts but `settings.value` are JSON of the core's types.
const FIRST: &str = "
-- What the operator wants, as texts. Keys of later versions are kept.
CREATE TABLE settings (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The nodes, and with their rows the reservation of their numbers.
CREATE TABLE nodes (
    id INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 4294967295),
    uuid TEXT NOT NULL UNIQUE,
    facts TEXT NOT NULL
) STRICT;

-- Each port belongs to one node, whatever it is used for.
CREATE TABLE ports (
    port INTEGER PRIMARY KEY CHECK (port BETWEEN 0 AND 65535),
    node INTEGER NOT NULL REFERENCES nodes (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX ports_by_node ON ports (node);

-- What was last seen of each node.
CREATE TABLE samples (
    node INTEGER PRIMARY KEY REFERENCES nodes (id) ON DELETE CASCADE,
    sample TEXT NOT NULL
) STRICT;

-- What the engine believes of each node: exactly its state's map, so that there is no reference to nodes.
CREATE TABLE states (
    node INTEGER PRIMARY KEY,
    state TEXT NOT NULL
) STRICT;

-- What there is one of: the rest of the engine's state, and the counters that rates are made from.
CREATE TABLE singles (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row a cycle; `ended` is null while it goes on, and for ever when it never came to its end.
CREATE TABLE cycles (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    ended INTEGER,
    acted INTEGER NOT NULL CHECK (acted IN (0, 1)),
    host TEXT NOT NULL,
    decision TEXT NOT NULL
) STRICT;
CREATE INDEX cycles_by_acted ON cycles (acted, id, at);

-- One row an action, written before anything is done. `failure` is where it turned back, `outcome` the last one.
CREATE TABLE actions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cycle INTEGER NOT NULL REFERENCES cycles (id) ON DELETE CASCADE,
    node INTEGER NOT NULL,
    begun INTEGER NOT NULL,
    planned TEXT NOT NULL,
    failure TEXT,
    outcome TEXT,
    ended INTEGER
) STRICT;
CREATE INDEX actions_by_cycle ON actions (cycle);
CREATE INDEX actions_by_node ON actions (node, cycle);
CREATE INDEX actions_unfinished ON actions (id) WHERE ended IS NULL;

-- One row a step done; way 0 leads forward, 1 back.
CREATE TABLE steps (
    action INTEGER NOT NULL REFERENCES actions (id) ON DELETE CASCADE,
    way INTEGER NOT NULL CHECK (way IN (0, 1)),
    step TEXT NOT NULL,
    position INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (action, way, step)
) STRICT, WITHOUT ROWID;
";

/// Tells scheduled cycles from those of an operator's command. Cycles of version 1 count as scheduled, as most were.
const CYCLE_KIND: &str = "
ALTER TABLE cycles ADD COLUMN kind TEXT NOT NULL DEFAULT 'scheduled'
    CHECK (kind IN ('scheduled', 'requested', 'resumed'));
CREATE INDEX cycles_by_kind ON cycles (kind, id);
";

/// Makes the tables in an empty database.
pub(crate) fn install(db: &mut Connection) -> Result<(), Fault> {
    db.pragma_update(None, "application_id", APPLICATION)?;
    Migrations::from_slice(MIGRATIONS).to_latest(db)?;
    Ok(())
}

/// Returns the version of the tables.
///
/// # Errors
/// The database is another program's, or of a later version.
pub(crate) fn version(db: &Connection, path: &Path, known: &[M<'_>]) -> Result<u32, Fault> {
    let application: u32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let expected = u32::try_from(known.len()).unwrap_or(u32::MAX);
    if application != APPLICATION || found == 0 {
        let found = "the database of another program";
        return Err(StoreError::NotADatabase { path: path.to_path_buf(), found }.into());
    }
    if found > expected {
        return Err(StoreError::NewerVersion { path: path.to_path_buf(), expected, found }.into());
    }
    Ok(found)
}

/// Brings the tables up to date, one version after the other, each after a copy of the file as it was.
pub(crate) fn migrate(db: &mut Connection, path: &Path, known: &[M<'_>]) -> Result<(), Fault> {
    let current = version(db, path, known)? as usize;
    let migrations = Migrations::from_slice(known);
    for target in current + 1..=known.len() {
        copy(db, &suffixed(path, &format!(".before-{target}")), Existing::Replace)?;
        migrations.to_version(db, target)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::Store;

    #[test]
    fn the_migrations_are_sound() {
        Migrations::from_slice(MIGRATIONS).validate().unwrap();
    }

    #[test]
    fn a_copy_is_made_before_each_migration() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wnm.db");
        let first = Store::create(&path).unwrap();
        first.db.execute("INSERT INTO settings VALUES ('k', 'v')", []).unwrap();
        drop(first);

        let later =
            [MIGRATIONS, &[M::up("CREATE TABLE later (a);"), M::up("ALTER TABLE later ADD b; DROP TABLE settings;")]]
                .concat();
        let [first, second] = [MIGRATIONS.len() as u32 + 1, MIGRATIONS.len() as u32 + 2];
        let mut db = Connection::open(&path).unwrap();
        migrate(&mut db, &path, &later).unwrap();
        migrate(&mut db, &path, &later).unwrap();
        assert_eq!(version(&db, &path, &later).unwrap(), second);

        let copied = |n: u32| Connection::open(suffixed(&path, &format!(".before-{n}"))).unwrap();
        assert_eq!(version(&copied(first), &path, &later).unwrap(), first - 1);
        assert_eq!(version(&copied(second), &path, &later).unwrap(), first);
        let value: String = copied(second).query_row("SELECT value FROM settings", [], |row| row.get(0)).unwrap();
        assert_eq!(value, "v");
        let copies = fs::read_dir(folder.path()).unwrap();
        let copies = copies.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains(".before-"));
        assert_eq!(copies.count(), 2);

        let refused = Store::open(&path).unwrap_err();
        assert!(matches!(refused, StoreError::NewerVersion { found, .. } if found == second), "{refused}");
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wnm.db");
        drop(Store::create(&path).unwrap());
        let broken = [MIGRATIONS, &[M::up("CREATE TABLE later (a); INSERT INTO nowhere VALUES (1);")]].concat();
        let mut db = Connection::open(&path).unwrap();
        migrate(&mut db, &path, &broken).unwrap_err();
        drop(db);
        assert!(Store::open(&path).is_ok());
    }

    #[test]
    fn cycles_of_version_1_become_scheduled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wnm.db");
        let mut db = Connection::open(&path).unwrap();
        db.pragma_update(None, "application_id", APPLICATION).unwrap();
        Migrations::from_slice(&MIGRATIONS[..1]).to_latest(&mut db).unwrap();
        db.execute("INSERT INTO cycles (at, acted, host, decision) VALUES (1, 0, '{}', '{}')", []).unwrap();
        migrate(&mut db, &path, MIGRATIONS).unwrap();
        let kind: String = db.query_row("SELECT kind FROM cycles", [], |row| row.get(0)).unwrap();
        assert_eq!(kind, "scheduled");
    }
}
