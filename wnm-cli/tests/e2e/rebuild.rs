//! Databases that cannot be read: rebuilt by a cycle that begins no action, while the nodes run.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::daemon;
use crate::host::{Host, OtherVolume, pid, states};

/// Returns a host with three nodes, of which one was stopped by request, and with a node younger than the copy.
fn colony() -> Host {
    let host = Host::with_colony();
    host.expect(0, "node add --count 3");
    host.wait_for("three nodes", |nodes| states(nodes) == ["RUNNING"; 3]);
    host.expect(0, "node stop 2");
    host.expect(0, "config set node_cap 5 --yes");
    host.expect(0, "run");
    host.expect(0, "node add");
    host.wait_for("four nodes", |nodes| states(nodes) == ["RUNNING", "STOPPED", "RUNNING", "RUNNING"]);
    host
}

/// Damages the database at a path.
type Damage = fn(&Path);

/// The facts of a colony that a rebuild keeps.
#[derive(Debug, PartialEq)]
struct Facts {
    nodes: Vec<(Value, Value, Option<i32>)>,
    cap: String,
    processes: usize,
}

fn facts(host: &Host) -> Facts {
    let nodes = host.nodes();
    let facts = nodes
        .iter()
        .map(|node| (node["name"].clone(), node["desired"].clone(), pid(node).map(|pid| pid.as_raw_nonzero().get())));
    Facts {
        nodes: facts.collect(),
        cap: host.expect(0, "config get node_cap").out.trim().to_owned(),
        processes: host.processes().len(),
    }
}

fn drop_log(host: &Host) {
    for name in ["wnm.db-wal", "wnm.db-shm"] {
        let _ = fs::remove_file(host.path(name));
    }
}

#[test]
fn every_damage_is_rebuilt_and_no_node_is_touched() {
    let host = colony();
    let db = host.path("wnm.db");
    let before = facts(&host);
    assert_eq!((before.nodes.len(), before.processes, before.cap.as_str()), (4, 3, "5"), "{before:?}");
    let kinds: [(&str, Damage); 8] = [
        ("cut", |db| fs::File::options().write(true).open(db).unwrap().set_len(9_000).unwrap()),
        ("zeros", |db| fs::write(db, vec![0; 100_000]).unwrap()),
        ("random bytes", |db| {
            let mut random = Vec::new();
            std::io::Read::read_to_end(
                &mut std::io::Read::take(fs::File::open("/dev/urandom").unwrap(), 50_000),
                &mut random,
            )
            .unwrap();
            fs::write(db, random).unwrap();
        }),
        ("empty", |db| fs::write(db, "").unwrap()),
        ("deleted", |db| fs::remove_file(db).unwrap()),
        ("a folder", |db| {
            fs::remove_file(db).unwrap();
            fs::create_dir(db).unwrap();
        }),
        ("another program", |db| {
            fs::remove_file(db).unwrap();
            rusqlite::Connection::open(db).unwrap().execute_batch("CREATE TABLE songs (name)").unwrap();
        }),
        ("a changed letter", |db| {
            let other = rusqlite::Connection::open(db).unwrap();
            other.execute("UPDATE settings SET key = 'node_cqp' WHERE key = 'node_cap'", []).unwrap();
        }),
    ];
    for (kind, damage) in kinds {
        drop_log(&host);
        damage(&db);
        // A command with a purpose of its own refuses, and names the one that rebuilds.
        let refused = host.wnm(&["node", "stop", "1"]);
        assert!([1, 5].contains(&refused.code()) && refused.err.contains("`wnm run`"), "{kind}: {}", refused.err);
        let ran = host.wnm(&["--json", "run"]);
        assert_eq!(ran.code(), 0, "{kind}: {}{}", ran.out, ran.err);
        let (decided, work) = (ran.data()["decided"].clone(), ran.data()["work"].clone());
        assert_eq!((decided, work), (serde_json::json!([]), serde_json::json!([])), "{kind}: {}", ran.out);
        assert!(ran.err.contains("was rebuilt"), "{kind}: {}", ran.err);
        assert_eq!(facts(&host), before, "{kind}");
        host.expect(0, "db check");
        // The next cycle acts again, and has nothing to do.
        host.expect(0, "run");
        assert_eq!(facts(&host), before, "{kind}");
    }
    let aside = fs::read_dir(host.path("")).unwrap();
    let aside =
        aside.filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().starts_with("wnm.db.set-aside-"));
    assert_eq!(aside.count(), kinds.len() - 1, "all but the deleted one");
}

#[test]
fn nodes_that_moved_and_changed_after_the_copy_are_found() {
    let host = Host::with_colony();
    let other = OtherVolume::new();
    host.expect(0, "config set crisis_bytes=1MB");
    host.expect(0, "node add --count 3");
    host.expect(0, "node stop 2");
    host.expect(0, &format!("storage add {}", other.path().display()));
    host.expect(0, "run");
    let copies = host.path("wnm.db.copy-1").metadata().unwrap().modified().unwrap();
    host.expect(0, &format!("node move 1,2 --to {}", other.path().display()));
    host.expect(0, "node update 3 --set environment=RUST_LOG=info");
    assert_eq!(host.path("wnm.db.copy-1").metadata().unwrap().modified().unwrap(), copies, "the copy is older");
    let place = |host: &Host| -> Vec<_> {
        let nodes = host.nodes();
        nodes
            .iter()
            .map(|node| [&node["folder"], &node["log_folder"], &node["environment"]].map(Clone::clone))
            .collect()
    };
    let (before, places) = (facts(&host), place(&host));
    drop_log(&host);
    fs::write(host.path("wnm.db"), vec![0; 100_000]).unwrap();
    let ran = host.expect(0, "run");
    assert!(ran.err.contains("found nodes at folders that they moved to after the copy"), "{}", ran.err);
    assert_eq!((facts(&host), place(&host)), (before, places));
    host.expect(0, "db check");
    host.expect(0, "node start 2");
    host.wait_for("three nodes", |nodes| states(nodes) == ["RUNNING"; 3]);
    host.expect(0, "node restart 3");
    assert_eq!(host.nodes()[2]["environment"], serde_json::json!(["RUST_LOG=info"]));
}

#[test]
fn read_only_database_is_an_error_and_stays() {
    let host = colony();
    let db = host.path("wnm.db");
    let content = fs::read(&db).unwrap();
    fs::set_permissions(&db, fs::Permissions::from_mode(0o400)).unwrap();
    let ran = host.expect(1, "run");
    assert!(ran.err.contains("it is read-only"), "{}", ran.err);
    assert_eq!(fs::read(&db).unwrap(), content);
    assert_eq!(host.processes().len(), 3);
    fs::set_permissions(&db, fs::Permissions::from_mode(0o600)).unwrap();
    host.expect(0, "run");
}

#[test]
fn daemon_writes_a_lost_database_again_and_rebuilds_a_damaged_one() {
    let host = colony();
    let db = host.path("wnm.db");
    let before = facts(&host);
    let daemon = daemon::spawn(&host);
    let kinds: [(&str, Damage); 3] = [
        ("deleted", |db| fs::remove_file(db).unwrap()),
        ("exchanged", |db| {
            fs::remove_file(db).unwrap();
            fs::write(db, "key = value").unwrap();
        }),
        // In place, under the descriptor of the daemon.
        ("overwritten", |db| fs::write(db, vec![0xff; 40_000]).unwrap()),
    ];
    for (kind, damage) in kinds {
        damage(&db);
        let begun = Instant::now();
        loop {
            let status = host.wnm(&["--json", "status"]);
            if status.code() == 0 && host.wnm(&["db", "check"]).code() == 0 && facts(&host) == before {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{kind}: {}{}", status.out, status.err);
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    drop(daemon);
}

#[test]
fn folders_of_another_colony_are_refused() {
    let host = colony();
    for name in ["wnm.db", "wnm.db-wal", "wnm.db-shm", "wnm.db.copy-1", "wnm.db.copy-2", "wnm.db.copy-3"] {
        let _ = fs::remove_file(host.path(name));
    }
    let refused = host.wnm(&host.init_args());
    assert_eq!(refused.code(), 1, "{}", refused.out);
    assert!(refused.err.contains("contains 4 nodes of another colony: antnode0001"), "{}", refused.err);
    assert!(refused.err.contains("wnm init --import"), "{}", refused.err);
    assert!(!host.path("wnm.db").exists());
    assert_eq!(host.processes().len(), 3);
}
