//! Damaged records and files that are no database.

use rusqlite::Connection;
use std::fs;
use wnm_core::{Action, NodeState};
use wnm_store::{Activity, CycleKind, HistoryFilter, Record, Store, StoreError};

use crate::fixtures::{at, decision, folder, id, node, observation, save, settings};

#[test]
fn damaged_row_hides_no_other_row() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    store.insert_nodes(&[1, 2, 3].map(|n| (node(n), NodeState::Running { since: at(1) }))).unwrap();
    let state = store.load(settings()).unwrap().state;
    save(&mut store, 1, &state, [1, 2, 3]);
    let planned = decision([Action::Stop { node: id(1) }, Action::Stop { node: id(2) }]);
    store.begin(CycleKind::Scheduled, &observation(2, []), &planned, &[]).unwrap();
    // A copy has no state in memory.
    let copy = path.with_file_name("copy.db");
    store.backup(&copy).unwrap();
    let store = Store::open(&copy).unwrap();
    let other = Connection::open(store.path()).unwrap();
    let damage = |sql: &str| assert_eq!(other.execute(sql, []), Ok(1), "{sql}");

    damage("UPDATE samples SET sample = 'torn' WHERE node = 2");
    damage("UPDATE singles SET value = '[' WHERE name = 'counters'");
    let colony = store.load(settings()).unwrap();
    assert_eq!((colony.samples.len(), colony.nodes.len()), (2, 3), "the next look makes new ones");
    assert_eq!(colony.counters, None);

    damage("UPDATE nodes SET facts = CAST(x'ff22' AS TEXT) WHERE id = 2");
    damage("UPDATE states SET state = '{\"state\":\"dancing\"}' WHERE node = 3");
    damage("UPDATE actions SET planned = '{}' WHERE node = 1");
    damage("UPDATE cycles SET decision = '' WHERE acted = 0");
    let error = store.load(settings()).unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt { record, .. } if *record == Record::Node(id(2))), "{error}");
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.nodes.keys().copied().collect::<Vec<_>>(), [id(1), id(3)]);
    assert_eq!((snapshot.state.nodes.len(), snapshot.unfinished.len()), (2, 1));
    assert_eq!(snapshot.last, None);
    let history = store.history(&HistoryFilter { activity: Activity::Any, ..HistoryFilter::default() }).unwrap();
    assert_eq!((history.cycles.len(), history.unreadable.len()), (1, 2));
    let defects: Vec<String> = store.check().unwrap().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!("defects", defects.join("\n"));
}

#[test]
fn every_wrong_file_has_its_own_error() {
    let (folder, path) = folder();
    let mut errors = Vec::new();
    let mut tell = |what: &str, error: StoreError| errors.push(format!("{what}: {error}"));
    assert!(!Store::exists(&path));
    tell("absent", Store::open(&path).unwrap_err());
    tell("absent", Store::open_read_only(&path).unwrap_err());

    drop(Store::create(&path).unwrap());
    assert!(Store::exists(&path));
    tell("there", Store::create(&path).unwrap_err());

    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    tell("newer", Store::open(&path).unwrap_err());
    tell("newer", Store::open_read_only(&path).unwrap_err());

    let place = |name: &str| folder.path().join(name);
    fs::write(place("empty.db"), "").unwrap();
    tell("empty", Store::open(&place("empty.db")).unwrap_err());
    tell("empty", Store::create(&place("empty.db")).unwrap_err());
    tell("directory", Store::open(folder.path()).unwrap_err());
    fs::write(place("text.db"), "key=value\n".repeat(1000)).unwrap();
    tell("text", Store::open(&place("text.db")).unwrap_err());
    let header = [b"SQLite format 3\0".as_slice(), &[0xa5; 5000]].concat();
    fs::write(place("header.db"), header).unwrap();
    tell("garbage", Store::open(&place("header.db")).unwrap_err());
    Connection::open(place("other.db")).unwrap().execute_batch("CREATE TABLE machine (a)").unwrap();
    tell("other", Store::open(&place("other.db")).unwrap_err());
    tell("other", Store::open_read_only(&place("other.db")).unwrap_err());

    let sound = place("sound.db");
    drop(Store::create(&sound).unwrap());
    let bytes = fs::read(&sound).unwrap();
    let mut flipped = bytes.clone();
    flipped[4096..4196].fill(0xff);
    fs::write(place("flipped.db"), flipped).unwrap();
    tell("flipped", Store::open(&place("flipped.db")).unwrap_err());
    fs::write(place("cut.db"), &bytes[..bytes.len() / 2]).unwrap();
    tell("cut", Store::open(&place("cut.db")).unwrap_err());

    let mut permissions = fs::metadata(&sound).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&sound, permissions).unwrap();
    tell("read-only", Store::open(&sound).unwrap_err());
    assert!(Store::open_read_only(&sound).is_ok());

    let here = folder.path().canonicalize().unwrap().display().to_string();
    insta::assert_snapshot!("wrong_files", errors.join("\n").replace(&here, "[folder]"));
}
