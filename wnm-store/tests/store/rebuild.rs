//! Databases that cannot be read, of every kind, and their rebuilding.

use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use wnm_core::{Colony, Desired, NodeState, StopCause};
use wnm_store::{Corruption, Followed, Remains, Store, StoreError};

use crate::fixtures::{at, folder, id, node, save, settings};

/// Damages the database at a path.
type Damage = fn(&Path);

/// The time between two copies, and more.
const LATER: i64 = 3_600_001;

/// Returns a database with three nodes and a copy of it, and its colony.
fn colony() -> (TempDir, PathBuf, Colony) {
    let (folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    store.save_settings(&settings().to_raw()).unwrap();
    let stopped = NodeState::Stopped { since: Some(at(2)), cause: StopCause::Requested };
    let states = [NodeState::Running { since: at(1) }, stopped, NodeState::Disabled { since: at(3) }];
    let nodes: Vec<_> = (1..).zip(states).map(|(number, state)| (node(number), state)).collect();
    store.insert_nodes(&nodes).unwrap();
    let mut state = store.load(settings()).unwrap().state;
    state.nodes.insert(id(1), NodeState::Unknown { since: at(4) });
    state.set_desired(id(1), Desired::StoppedByPolicy);
    save(&mut store, 10, &state, [1, 2]);
    let colony = store.load(settings()).unwrap();
    drop(store);
    (folder, path.canonicalize().unwrap(), colony)
}

fn load(path: &Path) -> Result<Colony, StoreError> {
    let store = Store::open(path)?;
    store.settings()?;
    store.load(settings())
}

/// Asserts that a damaged database is either unharmed or rebuilt with all nodes, settings and desired states.
#[track_caller]
fn assert_rebuilt(path: &Path, colony: &Colony, damage: &str) {
    match load(path) {
        Ok(loaded) => {
            assert_eq!((&loaded.nodes, &loaded.state), (&colony.nodes, &colony.state), "{damage}");
            return;
        }
        Err(error) if is_refused(&error) => return,
        Err(error) => assert!(error.is_unreadable(), "{damage}: {error}"),
    }
    let remains = Remains::read(path).unwrap_or_else(|| panic!("{damage}: no remains"));
    assert_eq!((&remains.nodes, &remains.settings), (&colony.nodes, &settings().to_raw()), "{damage}");
    Store::rebuild(path, &remains).unwrap_or_else(|error| panic!("{damage}: {error}"));
    let loaded = load(path).unwrap_or_else(|error| panic!("{damage}: {error}"));
    assert_eq!((&loaded.nodes, &loaded.state), (&colony.nodes, &colony.state), "{damage}");
}

/// Tells whether a database is left alone, because its header may be that of another version.
fn is_refused(error: &StoreError) -> bool {
    matches!(error, StoreError::NewerVersion { .. })
}

/// Puts the undamaged files back.
fn reset(path: &Path, sound: &[u8]) {
    let folder = path.parent().unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap().path();
        let name = entry.file_name().unwrap().to_str().unwrap().to_owned();
        if name.contains(".set-aside-") || name.contains("-wal") || name.contains("-shm") {
            fs::remove_file(entry).unwrap();
        }
    }
    fs::write(path, sound).unwrap();
}

#[test]
fn each_damaged_page_is_rebuilt() {
    let (_folder, path, colony) = colony();
    let sound = fs::read(&path).unwrap();
    assert_rebuilt(&path, &colony, "none");
    for page in 0..sound.len() / 4096 {
        for (kind, fill) in [("zeros", 0), ("ones", 0xff), ("text", b'x')] {
            for part in [0..4096, 0..64, 2048..4096] {
                let mut bytes = sound.clone();
                bytes[page * 4096..][part.clone()].fill(fill);
                reset(&path, &bytes);
                assert_rebuilt(&path, &colony, &format!("page {page}: {kind} in {part:?}"));
            }
        }
    }
}

#[test]
fn each_length_is_rebuilt() {
    let (_folder, path, colony) = colony();
    let sound = fs::read(&path).unwrap();
    // A prime, so that the lengths fall on all places of a page.
    for length in (0..sound.len()).step_by(1021).chain((0..sound.len()).step_by(4096)) {
        reset(&path, &sound[..length]);
        assert_rebuilt(&path, &colony, &format!("{length} bytes"));
    }
}

#[test]
fn each_flipped_bit_of_the_header_is_rebuilt() {
    let (_folder, path, colony) = colony();
    let sound = fs::read(&path).unwrap();
    for bit in 0..100 * 8 {
        let mut bytes = sound.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        reset(&path, &bytes);
        assert_rebuilt(&path, &colony, &format!("byte {} of the header, bit {}", bit / 8, bit % 8));
    }
}

#[test]
fn each_changed_letter_is_noticed() {
    let (_folder, path, colony) = colony();
    let sound = fs::read(&path).unwrap();
    let changes = [
        ("settings", "UPDATE settings SET key = 'node_cqp' WHERE key = 'node_cap'"),
        ("settings", "UPDATE settings SET value = '7' WHERE key = 'node_cap'"),
        ("nodes", "UPDATE nodes SET facts = replace(facts, '55001', '55091') WHERE id = 1"),
        ("nodes", "UPDATE nodes SET uuid = 'uuid-9' WHERE id = 1"),
        ("nodes", "UPDATE nodes SET id = 9 WHERE id = 1"),
        ("states", "UPDATE states SET state = replace(state, '4', '5')"),
        ("singles", "UPDATE singles SET value = replace(value, 'acting', 'bcting') WHERE name = 'engine'"),
    ];
    for (table, change) in changes {
        reset(&path, &sound);
        let other = Connection::open(&path).unwrap();
        other.pragma_update(None, "foreign_keys", false).unwrap();
        assert!(other.execute(change, []).unwrap() > 0, "{change}");
        drop(other);
        let Err(error) = load(&path) else { panic!("not noticed: {change}") };
        assert!(matches!(error, StoreError::Corrupt { cause: Corruption::Digest, .. }), "{table}: {error}");
        assert_rebuilt(&path, &colony, change);
    }
}

#[test]
fn lost_and_exchanged_files_are_rebuilt() {
    let (folder, path, colony) = colony();
    let kinds: [(&str, Damage); 4] = [
        ("deleted", |path| fs::remove_file(path).unwrap()),
        ("a folder", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
            fs::write(path.join("file"), "").unwrap();
        }),
        ("another program", |path| {
            fs::remove_file(path).unwrap();
            Connection::open(path).unwrap().execute_batch("CREATE TABLE songs (name)").unwrap();
        }),
        ("a damaged copy beside", |path| {
            fs::remove_file(path).unwrap();
            fs::copy(path.with_file_name("wnm.db.copy-1"), path.with_file_name("wnm.db.copy-2")).unwrap();
            fs::write(path.with_file_name("wnm.db.copy-1"), "x".repeat(9000)).unwrap();
        }),
    ];
    for (kind, damage) in kinds {
        damage(&path);
        assert_rebuilt(&path, &colony, kind);
    }
    let aside = fs::read_dir(folder.path().join("deeper")).unwrap();
    let aside = aside.filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().contains(".set-aside-"));
    assert_eq!(aside.count(), 2, "a folder and a database");
}

#[test]
fn database_without_a_copy_is_left_alone() {
    let (_folder, path) = folder();
    drop(Store::create(&path).unwrap());
    fs::write(&path, "x".repeat(9000)).unwrap();
    assert_eq!(Remains::read(&path), None);
}

#[test]
fn rows_of_the_database_are_later_than_those_of_a_copy() {
    let (_folder, path, _) = colony();
    let mut store = Store::open(&path).unwrap();
    store.insert_nodes(&[(node(4), NodeState::Running { since: at(5) })]).unwrap();
    let mut raw = settings().to_raw();
    raw.node_cap = Some(99);
    store.save_settings(&raw).unwrap();
    drop(store);
    let other = Connection::open(&path).unwrap();
    other.execute("UPDATE nodes SET facts = '{}' WHERE id = 1", []).unwrap();
    drop(other);
    let remains = Remains::read(&path).unwrap();
    assert_eq!(remains.settings.node_cap, Some(99));
    assert_eq!(remains.nodes.keys().map(|id| id.get()).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(remains.nodes[&id(1)], node(1));
}

#[test]
fn copies_are_hourly_and_after_a_change_of_settings() {
    let (_folder, path, colony) = colony();
    let mut store = Store::open(&path).unwrap();
    let copies = || (1..9).filter(|number| path.with_file_name(format!("wnm.db.copy-{number}")).exists()).count();
    let ran = |now: i64, store: &mut Store| {
        save(store, now, &colony.state, [1]);
        copies()
    };
    assert_eq!((ran(11, &mut store), ran(12, &mut store)), (1, 1));
    let mut raw = settings().to_raw();
    raw.node_cap = Some(99);
    store.save_settings(&raw).unwrap();
    assert_eq!((ran(13, &mut store), ran(14, &mut store)), (2, 2));
    assert_eq!((ran(LATER + 13, &mut store), ran(LATER + 14, &mut store)), (3, 3));
    assert_eq!(ran(3 * LATER, &mut store), 3);
    store.purge().unwrap();
    assert_eq!(copies(), 0);
}

#[test]
fn database_that_is_damaged_again_and_again_is_not_rebuilt_for_ever() {
    let (_folder, path, _) = colony();
    let remains = Remains::read(&path).unwrap();
    let rebuilt = (0..100).take_while(|_| Store::rebuild(&path, &remains).is_ok()).count();
    assert_eq!(rebuilt, 20);
    let error = Store::rebuild(&path, &remains).unwrap_err();
    assert!(matches!(error, StoreError::RebuiltTooOften { count: 20, .. }), "{error}");
}

#[test]
fn removed_database_is_written_again_by_the_process_that_has_it_open() {
    let (_folder, path, colony) = colony();
    let mut daemon = Store::open(&path).unwrap();
    daemon.insert_nodes(&[(node(4), NodeState::Running { since: at(5) })]).unwrap();
    for damage in [
        |path: &Path| fs::remove_file(path).unwrap(),
        |path: &Path| {
            fs::remove_file(path).unwrap();
            fs::write(path, "key = value\n").unwrap();
        },
    ] {
        damage(&path);
        assert_eq!(daemon.follow(&path).unwrap(), Followed::WrittenBack);
        assert_eq!(daemon.nodes().unwrap().len(), 4, "also a node that no copy has");
        save(&mut daemon, 20, &colony.state, [1]);
        assert!(daemon.check().unwrap().is_empty());
        assert_eq!(Store::open_read_only(&path).unwrap().nodes().unwrap().len(), 4);
    }
}
