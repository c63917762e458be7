//! A node cap on the command line that is below the number of nodes.

use std::fs::File;
use std::process::Stdio;
use std::time::Duration;

use rusqlite::Connection;

use crate::cases::downgrade;
use crate::daemon::{Daemon, running};
use crate::host::{Host, turn};
use crate::terminal::answered;

/// Returns a host with three nodes under a node cap of 6.
fn host() -> Host {
    let host = Host::with_colony();
    host.expect(0, "node add --count 3");
    assert_eq!(host.nodes().len(), 3);
    host
}

fn cap(host: &Host) -> String {
    host.expect(0, "config get node_cap").out.trim().to_owned()
}

#[test]
fn run_without_a_terminal_keeps_the_nodes_and_the_cap() {
    let host = host();
    let refused = host.expect(1, "run --node-cap 1");
    assert!(
        refused.err.contains("error: a node_cap of 1 removes 2 nodes and needs --yes: it stays 6"),
        "{}",
        refused.err
    );
    assert!(refused.err.contains("hint: run `wnm run --node-cap 1 --yes`"), "{}", refused.err);
    // The cycle has run: other nodes are managed as before.
    assert!(refused.out.contains("cycle"), "{}", refused.out);
    assert_eq!((host.nodes().len(), cap(&host).as_str()), (3, "6"));
    host.expect(0, "run --node-cap 3");
    assert_eq!((host.nodes().len(), cap(&host).as_str()), (3, "3"));
    host.expect(0, "run --dry-run --node-cap 1");
    assert_eq!(cap(&host), "3");
    host.expect(0, "run --node-cap 2 --yes");
    assert_eq!(cap(&host), "2");
    host.wait_for("two nodes", |nodes| {
        host.expect(0, "run -q");
        nodes.len() == 2
    });
}

#[test]
fn cap_that_is_stored_was_agreed_to() {
    let host = host();
    host.expect(0, "config set --yes node_cap 1");
    host.expect(0, "run --node-cap 1");
    assert_eq!(cap(&host), "1");
}

#[test]
fn database_of_an_earlier_version_keeps_its_nodes_too() {
    let host = host();
    let path = host.path("wnm.db");
    let rows: Vec<(i64, String, String, i64)> = {
        let db = Connection::open(&path).unwrap();
        let mut select = db.prepare("SELECT id, uuid, facts, digest FROM nodes").unwrap();
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        select.query_map([], row).unwrap().map(Result::unwrap).collect()
    };
    downgrade(&host);
    let db = Connection::open(&path).unwrap();
    for row in rows {
        db.execute("INSERT INTO nodes (id, uuid, facts, digest) VALUES (?1, ?2, ?3, ?4)", row).unwrap();
    }
    drop(db);
    host.expect(1, "run --node-cap 1");
    assert_eq!((host.nodes().len(), cap(&host).as_str()), (3, "6"));
}

#[test]
fn line_of_the_python_wnm_needs_no_consent() {
    let host = host();
    host.expect(0, "--node_cap 1");
    assert_eq!(cap(&host), "1");
}

#[test]
fn daemon_starts_and_keeps_the_nodes() {
    let host = host();
    let log = host.path("daemon.log");
    let spawn = |words: &[&str]| {
        let mut command = host.command(&[&["daemon", "--interval", "200ms"], words].concat());
        command.stdout(Stdio::null()).stderr(File::create(&log).unwrap());
        let _turn = turn();
        Daemon(command.spawn().unwrap())
    };
    let daemon = spawn(&["--node-cap", "1"]);
    running(&host);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!((host.listed().len(), cap(&host).as_str()), (3, "6"));
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.contains("a node_cap of 1 removes 2 nodes and needs --yes: it stays 6"), "{text}");
    assert!(text.contains("`wnm config set --yes node_cap 1`"), "{text}");
    drop(daemon);
    let _daemon = spawn(&["--node-cap", "1", "--yes"]);
    host.wait_for("one node", |nodes| nodes.len() == 1);
    assert_eq!(cap(&host), "1");
}

#[test]
fn run_asks_on_a_terminal() {
    let host = host();
    for (answer, code, stored) in [("n\n", 1, "6"), ("y\n", 0, "2")] {
        let (ended, shown) = answered(&host, &["run", "--node-cap", "2"], answer);
        assert_eq!(ended, Some(code), "{shown}");
        assert!(shown.contains("Set node_cap to 2? The next cycles then remove 1 node."), "{shown}");
        assert_eq!(cap(&host), stored, "{answer:?}");
    }
}
