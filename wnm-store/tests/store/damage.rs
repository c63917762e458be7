//! Damaged records and files that are no database.

use rusqlite::Connection;
use std::fs;
use wnm_core::{Action, Desired, NodeState};
use wnm_store::{Activity, CycleKind, HistoryFilter, Record, Store, StoreError};

use crate::fixtures::{at, decision, every_state, folder, id, node, observation, save, settings};

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

/// Desired states that a person wrote into the database: each word with each state, with the digest of its row and with
/// another one. No node is lost, a condition that cannot be is reported, and the next cycle writes the one that counts.
#[test]
fn impossible_desired_states_are_reported_and_repaired() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    let states: Vec<_> = (1..).map(id).zip(every_state()).collect();
    let nodes: Vec<_> = states.iter().map(|(id, state)| (node(id.get()), state.clone())).collect();
    store.insert_nodes(&nodes).unwrap();
    let words = Desired::ALL.map(Desired::word).into_iter().chain(["dancing", ""]);
    let edits = words.flat_map(|word| [(word, true), (word, false)]);
    for (now, (word, is_digest_right)) in (1..).zip(edits) {
        let state = store.load(settings()).unwrap().state;
        save(&mut store, now, &state, 1..=9);
        // A copy has no state in memory.
        let copy = path.with_file_name(format!("copy-{now}.db"));
        store.backup(&copy).unwrap();
        let mut edited = Store::open(&copy).unwrap();
        edit_desired(&edited, word, is_digest_right);
        let colony = edited.load(settings()).unwrap();
        assert_eq!(colony.state.nodes.iter().map(|(id, state)| (*id, state.clone())).collect::<Vec<_>>(), states);
        assert_eq!(colony.nodes.len(), states.len());
        let counts = |state: &NodeState| {
            let desired = Desired::from_word(word).filter(|desired| desired.is_possible_in(state));
            desired.filter(|_| is_digest_right)
        };
        for (id, state) in &states {
            let want = counts(state).unwrap_or(Desired::implied_by(state));
            assert_eq!(colony.state.desired(*id, state), want, "{word} in {}", state.word());
        }
        let wrong = states.iter().filter(|(_, state)| counts(state).is_none()).count();
        assert_eq!(edited.snapshot().unwrap().unreadable.len(), wrong, "{word}, {is_digest_right}");
        save(&mut edited, 1000, &colony.state, 1..=9);
        assert_eq!(edited.snapshot().unwrap().unreadable.len(), 0, "{word}, {is_digest_right}");
        assert_eq!(Store::open(&copy).unwrap().load(settings()).unwrap().state.desired, colony.state.desired);
    }
}

/// Writes a word as the desired state of every node, as a person with a SQLite shell can.
fn edit_desired(store: &Store, word: &str, is_digest_right: bool) {
    let db = Connection::open(store.path()).unwrap();
    db.pragma_update(None, "ignore_check_constraints", true).unwrap();
    for number in 1..=9_i64 {
        let mut digest = crc32fast::Hasher::new();
        for (kind, bytes) in [(1, number.to_le_bytes().as_slice()), (3, word.as_bytes())] {
            digest.update(&[kind]);
            digest.update(&(bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        }
        let digest = i64::from(digest.finalize()) + i64::from(!is_digest_right);
        let edited = db.execute("UPDATE desired SET desired = ?1, digest = ?2 WHERE node = ?3", (word, digest, number));
        assert_eq!(edited, Ok(1));
    }
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
