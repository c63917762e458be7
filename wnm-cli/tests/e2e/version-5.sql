-- Version 5 of the database, as SQLite prints it.
CREATE TABLE settings (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
, digest INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE nodes (
    id INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 4294967295),
    uuid TEXT NOT NULL UNIQUE,
    facts TEXT NOT NULL
, digest INTEGER) STRICT;
CREATE TABLE ports (
    port INTEGER PRIMARY KEY CHECK (port BETWEEN 0 AND 65535),
    node INTEGER NOT NULL REFERENCES nodes (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX ports_by_node ON ports (node);
CREATE TABLE samples (
    node INTEGER PRIMARY KEY REFERENCES nodes (id) ON DELETE CASCADE,
    sample TEXT NOT NULL
, digest INTEGER) STRICT;
CREATE TABLE states (
    node INTEGER PRIMARY KEY,
    state TEXT NOT NULL
, digest INTEGER) STRICT;
CREATE TABLE singles (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
, digest INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE cycles (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    ended INTEGER,
    acted INTEGER NOT NULL CHECK (acted IN (0, 1)),
    host TEXT NOT NULL,
    decision TEXT NOT NULL
, kind TEXT NOT NULL DEFAULT 'scheduled'
    CHECK (kind IN ('scheduled', 'requested', 'resumed')), digest INTEGER) STRICT;
CREATE INDEX cycles_by_acted ON cycles (acted, id, at);
CREATE TABLE actions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cycle INTEGER NOT NULL REFERENCES cycles (id) ON DELETE CASCADE,
    node INTEGER NOT NULL,
    begun INTEGER NOT NULL,
    planned TEXT NOT NULL,
    failure TEXT,
    outcome TEXT,
    ended INTEGER
, digest INTEGER) STRICT;
CREATE INDEX actions_by_cycle ON actions (cycle);
CREATE INDEX actions_by_node ON actions (node, cycle);
CREATE INDEX actions_unfinished ON actions (id) WHERE ended IS NULL;
CREATE TABLE steps (
    action INTEGER NOT NULL REFERENCES actions (id) ON DELETE CASCADE,
    way INTEGER NOT NULL CHECK (way IN (0, 1)),
    step TEXT NOT NULL,
    position INTEGER NOT NULL,
    record TEXT NOT NULL, digest INTEGER,
    PRIMARY KEY (action, way, step)
) STRICT, WITHOUT ROWID;
CREATE INDEX cycles_by_kind ON cycles (kind, id);
CREATE TABLE desired (
    node INTEGER PRIMARY KEY,
    desired TEXT NOT NULL
        CHECK (desired IN ('running', 'stopped_by_policy', 'stopped_by_request', 'disabled'))
, digest INTEGER) STRICT;
PRAGMA user_version = 5;
PRAGMA journal_mode = WAL;
PRAGMA application_id = 2003725617;
