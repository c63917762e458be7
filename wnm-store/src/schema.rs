//! The tables and their migrations.

use std::path::Path;

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use crate::error::{Content, DbError, StoreError};
use crate::file::{IfExists, copy, suffixed};
use crate::write::Write;

/// The `application_id` of a database of wnm: "wnm1" in ASCII.
const APPLICATION: u32 = 0x776e_6d31;

/// All migrations, in order. A released one is never edited, because databases that have run it would differ from new ones.
pub(crate) const MIGRATIONS: &[M<'static>] = &[
    M::up(FIRST),
    M::up(CYCLE_KIND),
    M::up(SETTING_NAMES),
    M::up(DESIRED),
    M::up(DIGESTS),
    M::up(PROBES),
    M::up(NODE_DAYS),
];

/// The tables of version 1. Times are Unix milliseconds. Texts are JSON of the types of `wnm-core`, except in `settings`,
/// and except UUIDs.
const FIRST: &str = "
-- The stored settings, as texts. Keys of later versions stay.
CREATE TABLE settings (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The nodes. A row also reserves the number of its node.
CREATE TABLE nodes (
    id INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 4294967295),
    uuid TEXT NOT NULL UNIQUE,
    facts TEXT NOT NULL
) STRICT;

-- The reserved ports. A port belongs to one node, for whichever use.
CREATE TABLE ports (
    port INTEGER PRIMARY KEY CHECK (port BETWEEN 0 AND 65535),
    node INTEGER NOT NULL REFERENCES nodes (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX ports_by_node ON ports (node);

-- The last sample of each node.
CREATE TABLE samples (
    node INTEGER PRIMARY KEY REFERENCES nodes (id) ON DELETE CASCADE,
    sample TEXT NOT NULL
) STRICT;

-- The states of the nodes in the engine. Without a reference to nodes, because the engine may know a node that the
-- same transaction deletes.
CREATE TABLE states (
    node INTEGER PRIMARY KEY,
    state TEXT NOT NULL
) STRICT;

-- Values of which one exists: the rest of the state of the engine, the counters for rates, the cache.
CREATE TABLE singles (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row for each cycle. `ended` is null while the cycle runs, and for ever when a crash interrupted it.
CREATE TABLE cycles (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    ended INTEGER,
    acted INTEGER NOT NULL CHECK (acted IN (0, 1)),
    host TEXT NOT NULL,
    decision TEXT NOT NULL
) STRICT;
CREATE INDEX cycles_by_acted ON cycles (acted, id, at);

-- One row for each action, written before the action begins. `failure` is the failure that made it turn back.
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

-- One row for each step done. `way` is 0 forward and 1 on the way back.
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

/// Gives stored settings their new names: a name that no build knows would silently fall back to the default. A setting
/// that is stored under its new name already wins.
const SETTING_NAMES: &str = "
UPDATE OR IGNORE settings SET key = 'cpu_limit' WHERE key = 'quota';
UPDATE OR IGNORE settings SET key = 'steady_warning' WHERE key = 'steady_soft';
UPDATE OR IGNORE settings SET key = 'steady_relief_target' WHERE key = 'steady_back';
UPDATE OR IGNORE settings SET key = 'steady_growth_target' WHERE key = 'steady_goal';
UPDATE OR IGNORE settings SET key = 'steady_grace' WHERE key = 'steady_ride';
UPDATE OR IGNORE settings SET key = 'steady_cooldown' WHERE key = 'steady_settle';
";

/// Stores the desired condition of each node beside its observed state. Of older nodes the cause of the last stop tells
/// who stopped them; all others should run.
const DESIRED: &str = "
-- The condition that each node should be in. A node without a row has the condition that its state implies.
CREATE TABLE desired (
    node INTEGER PRIMARY KEY,
    desired TEXT NOT NULL
        CHECK (desired IN ('running', 'stopped_by_policy', 'stopped_by_request', 'disabled'))
) STRICT;
INSERT INTO desired SELECT node, CASE
    WHEN NOT json_valid(state) THEN 'running'
    WHEN state ->> '$.state' = 'disabled' THEN 'disabled'
    WHEN state ->> '$.state' <> 'stopped' THEN 'running'
    WHEN state ->> '$.cause' IN ('requested', 'asked') THEN 'stopped_by_request'
    WHEN state ->> '$.cause' = 'pressure' THEN 'stopped_by_policy'
    ELSE 'running'
END FROM states;
";

/// Adds a digest to each row whose texts a cycle believes. A row without one counts as damaged.
const DIGESTS: &str = "
ALTER TABLE settings ADD COLUMN digest INTEGER;
UPDATE settings SET digest = row_digest(key, value);
ALTER TABLE nodes ADD COLUMN digest INTEGER;
UPDATE nodes SET digest = row_digest(id, uuid, facts);
ALTER TABLE samples ADD COLUMN digest INTEGER;
UPDATE samples SET digest = row_digest(node, sample);
ALTER TABLE states ADD COLUMN digest INTEGER;
UPDATE states SET digest = row_digest(node, state);
ALTER TABLE desired ADD COLUMN digest INTEGER;
UPDATE desired SET digest = row_digest(node, desired);
ALTER TABLE singles ADD COLUMN digest INTEGER;
UPDATE singles SET digest = row_digest(name, value);
ALTER TABLE cycles ADD COLUMN digest INTEGER;
UPDATE cycles SET digest = row_digest(host, decision);
ALTER TABLE actions ADD COLUMN digest INTEGER;
UPDATE actions SET digest = row_digest(node, planned, failure, outcome);
ALTER TABLE steps ADD COLUMN digest INTEGER;
UPDATE steps SET digest = row_digest(way, step, position, record);
";

/// Adds the runs of probes.
const PROBES: &str = "
-- One row for each run of a client that ended. `run` is JSON.
CREATE TABLE probe_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    started INTEGER NOT NULL,
    run TEXT NOT NULL,
    digest INTEGER
) STRICT;
CREATE INDEX probe_runs_by_start ON probe_runs (started);
";

/// Adds the health of the nodes per day.
const NODE_DAYS: &str = "
-- One row for each node and day, counted in UTC from 1970. `facts` is JSON. Ordered by day, so that the rows of a day are
-- on few pages.
CREATE TABLE node_days (
    day INTEGER NOT NULL,
    node INTEGER NOT NULL REFERENCES nodes (id) ON DELETE CASCADE,
    facts TEXT NOT NULL,
    digest INTEGER,
    PRIMARY KEY (day, node)
) STRICT, WITHOUT ROWID;
";

/// Creates the tables in an empty database.
pub(crate) fn install(db: &mut Connection) -> Result<(), DbError> {
    db.pragma_update(None, "application_id", APPLICATION)?;
    Migrations::from_slice(MIGRATIONS).to_latest(db)?;
    Ok(())
}

/// Returns the latest version that a list of migrations leads to.
pub(crate) fn latest(known: &[M<'_>]) -> u32 {
    u32::try_from(known.len()).unwrap_or(u32::MAX)
}

/// Returns the version of the tables.
///
/// # Errors
/// The database belongs to another program, or has a later version.
pub(crate) fn version(db: &Connection, path: &Path, known: &[M<'_>]) -> Result<u32, DbError> {
    let application: u32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let supported = latest(known);
    if application != APPLICATION || found == 0 {
        let content = Content::OtherProgram;
        return Err(StoreError::NotADatabase { path: path.to_path_buf(), content }.into());
    }
    if found > supported {
        return Err(StoreError::NewerVersion { path: path.to_path_buf(), supported, found }.into());
    }
    Ok(found)
}

/// Migrates the tables to the latest version, one version at a time, each after a copy of the file.
pub(crate) fn migrate(db: &mut Connection, path: &Path, known: &[M<'_>]) -> Result<(), DbError> {
    let current = version(db, path, known)? as usize;
    let migrations = Migrations::from_slice(known);
    for target in current + 1..=known.len() {
        copy(db, &suffixed(path, &format!(".before-{target}")), IfExists::Replace)?;
        Write::Migration.run(|| migrations.to_version(db, target))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::Store;

    #[test]
    fn migrations_are_valid() {
        let mut db = Connection::open_in_memory().unwrap();
        crate::digest::register(&db).unwrap();
        Migrations::from_slice(MIGRATIONS).to_latest(&mut db).unwrap();
    }

    #[test]
    fn each_migration_is_preceded_by_a_copy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wnm.db");
        let first = Store::create(&path).unwrap();
        first.db.execute("INSERT INTO settings (key, value) VALUES ('k', 'v')", []).unwrap();
        drop(first);

        let later =
            [MIGRATIONS, &[M::up("CREATE TABLE later (a);"), M::up("ALTER TABLE later ADD b; DROP TABLE settings;")]]
                .concat();
        let [first, second] = [MIGRATIONS.len() as u32 + 1, MIGRATIONS.len() as u32 + 2];
        let mut db = crate::open::connect(&path, rusqlite::OpenFlags::default()).unwrap();
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
    fn failed_migration_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wnm.db");
        drop(Store::create(&path).unwrap());
        let broken = [MIGRATIONS, &[M::up("CREATE TABLE later (a); INSERT INTO nowhere VALUES (1);")]].concat();
        let mut db = crate::open::connect(&path, rusqlite::OpenFlags::default()).unwrap();
        migrate(&mut db, &path, &broken).unwrap_err();
        drop(db);
        assert!(Store::open(&path).is_ok());
    }

    #[test]
    fn cycles_of_version_1_become_scheduled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wnm.db");
        let mut db = crate::open::connect(&path, rusqlite::OpenFlags::default()).unwrap();
        db.pragma_update(None, "application_id", APPLICATION).unwrap();
        Migrations::from_slice(&MIGRATIONS[..1]).to_latest(&mut db).unwrap();
        db.execute("INSERT INTO cycles (at, acted, host, decision) VALUES (1, 0, '{}', '{}')", []).unwrap();
        migrate(&mut db, &path, MIGRATIONS).unwrap();
        let kind: String = db.query_row("SELECT kind FROM cycles", [], |row| row.get(0)).unwrap();
        assert_eq!(kind, "scheduled");
    }

    #[test]
    fn cause_of_the_last_stop_tells_the_desired_condition() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wnm.db");
        let mut db = crate::open::connect(&path, rusqlite::OpenFlags::default()).unwrap();
        db.pragma_update(None, "application_id", APPLICATION).unwrap();
        Migrations::from_slice(&MIGRATIONS[..3]).to_latest(&mut db).unwrap();
        let states = [
            (r#"{"state":"running","since":1}"#, "running"),
            (r#"{"state":"restarting","since":1}"#, "running"),
            (r#"{"state":"disabled","since":1}"#, "disabled"),
            (r#"{"state":"stopped","since":1,"cause":"pressure"}"#, "stopped_by_policy"),
            (r#"{"state":"stopped","since":null,"cause":"requested"}"#, "stopped_by_request"),
            (r#"{"state":"stopped","since":1,"cause":"asked"}"#, "stopped_by_request"),
            (r#"{"state":"stopped","since":1,"cause":"found"}"#, "running"),
            (r#"{"state":"stopped","since":1,"cause":"start_failed"}"#, "running"),
            ("no JSON", "running"),
            ("{}", "running"),
        ];
        for (node, (state, _)) in (1..).zip(&states) {
            db.execute("INSERT INTO states VALUES (?1, ?2)", (node, state)).unwrap();
        }
        migrate(&mut db, &path, MIGRATIONS).unwrap();
        for (node, (state, want)) in (1..).zip(&states) {
            let desired: String =
                db.query_row("SELECT desired FROM desired WHERE node = ?1", [node], |row| row.get(0)).unwrap();
            assert_eq!(desired, *want, "{state}");
        }
    }

    #[test]
    fn stored_settings_get_their_new_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wnm.db");
        let mut db = crate::open::connect(&path, rusqlite::OpenFlags::default()).unwrap();
        db.pragma_update(None, "application_id", APPLICATION).unwrap();
        Migrations::from_slice(&MIGRATIONS[..2]).to_latest(&mut db).unwrap();
        let old = "INSERT INTO settings (key, value) VALUES ('steady_soft', '30'), ('steady_ride', '60'), ('steady_grace', '90')";
        db.execute(old, []).unwrap();
        migrate(&mut db, &path, MIGRATIONS).unwrap();
        let value = |key: &str| {
            db.query_row("SELECT value FROM settings WHERE key = ?1", [key], |row| row.get::<_, String>(0)).ok()
        };
        assert_eq!(value("steady_warning").as_deref(), Some("30"));
        assert_eq!(value("steady_grace").as_deref(), Some("90"));
    }
}
