//! Pages about the recorded past: their age, and the values that no longer apply.

use std::time::Duration;

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use crate::host::{Host, pid, states};

/// Moves all cycles on record into the past.
fn age_cycles(host: &Host, by: Duration) {
    let db = rusqlite::Connection::open(host.path("wnm.db")).unwrap();
    let millis = i64::try_from(by.as_millis()).unwrap();
    db.execute("UPDATE cycles SET at = at - ?1", [millis]).unwrap();
}

#[test]
fn stale_record_is_marked_on_every_page() {
    let host = Host::with_colony();
    host.expect(3, "status --check");
    host.expect(0, "node add --count 2");
    host.wait_for("two running nodes", |nodes| states(nodes) == ["RUNNING"; 2]);
    let fresh = host.expect(0, "--json status --check").json();
    assert_eq!((&fresh["stale"], &fresh["node_problems"], &fresh["hint"]), (&json!(false), &json!([]), &Value::Null));
    assert_eq!(fresh["schedule"], json!({"runner": "wnm run", "interval_seconds": 60.0}));

    age_cycles(&host, Duration::from_secs(7_200));
    let page = host.expect(3, "--color always status --check").out;
    assert!(page.contains("no cycle for 2h, expected every 1min from `wnm run`"), "{page}");
    assert!(page.contains("`wnm service install`"), "{page}");
    assert!(page.contains("\u{1b}[2mRUNNING"), "states are not grey: {page:?}");
    // Without --check the page is the same, and a script that only wants the page goes on.
    let stale = host.expect(0, "--json status").json();
    assert_eq!(stale["stale"], json!(true));
    assert!(stale["hint"].as_str().unwrap().contains("`wnm run`"), "{stale}");
    let list = host.expect(0, "--color always node list");
    assert!(list.err.contains("no cycle for 2h"), "{}", list.err);
    assert!(list.out.contains("\u{1b}[2mRUNNING"), "{:?}", list.out);

    // The command of the hint helps.
    host.expect(0, "run");
    host.expect(0, "status --check");
    assert!(!host.expect(0, "node list").err.contains("no cycle"));
}

#[test]
fn check_names_nodes_that_should_run() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 3");
    let nodes = host.wait_for("three running nodes", |nodes| states(nodes) == ["RUNNING"; 3]);
    host.expect(0, "node stop 3");
    host.expect(0, "node disable 2");
    host.expect(0, "status --check");

    kill_process(pid(&nodes[0]).unwrap(), Signal::KILL).unwrap();
    host.wait_for("a stopped node", |nodes| states(nodes)[0] == "STOPPED");
    let page = host.expect(3, "status --check").out;
    assert!(page.contains("antnode0001 stopped: its process ended by itself"), "{page}");
    let problems = host.expect(3, "--json status --check").out;
    let problems: Value = serde_json::from_str(&problems).unwrap();
    assert_eq!(problems["node_problems"].as_array().unwrap().len(), 1);
    host.expect(0, "status");
    host.expect(2, "status --chek");
}

#[test]
fn stopped_node_shows_no_values_of_its_process() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 2");
    let before = host.wait_for("two running nodes", |nodes| states(nodes) == ["RUNNING"; 2]);
    assert!(before[0]["sample"]["metrics"].is_object() && before[0]["sample"]["memory"].is_number(), "{before:#?}");
    host.expect(0, "node stop 1");
    host.expect(0, "node disable 2");
    let nodes = host.expect(0, "--json node list").json();
    for node in nodes.as_array().unwrap() {
        let sample = &node["sample"];
        for key in ["cpu", "memory", "process", "metrics"] {
            assert_eq!(sample[key], Value::Null, "{key}: {node:#}");
        }
        assert!(sample["peer_id"].is_string() && sample["version"].is_string(), "{node:#}");
    }
    let page = host.expect(0, "node show 1").out;
    assert!(page.lines().any(|line| line.split_whitespace().collect::<Vec<_>>() == ["peers", "-"]), "{page}");
}

/// Returns the lines of a page with single spaces between words.
fn lines(page: &str) -> Vec<String> {
    page.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn node_list_filters_sorts_and_names_columns() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 3");
    let nodes = host.wait_for("three running nodes", |nodes| states(nodes) == ["RUNNING"; 3]);
    host.expect(0, "node restart 2");
    host.expect(0, "node disable 3");
    kill_process(pid(&nodes[0]).unwrap(), Signal::KILL).unwrap();
    host.wait_for("a stopped node", |nodes| states(nodes)[0] == "STOPPED");

    let list = host.expect(0, "node list --columns name,state,reason,restarts").out;
    assert_eq!(
        lines(&list),
        [
            "NODE STATE REASON RESTARTS",
            "antnode0001 STOPPED process ended by itself 0",
            "antnode0002 RUNNING - 1",
            "antnode0003 DISABLED requested 0",
        ]
    );
    let json = host.expect(0, "--json node list --columns name --sort restarts").json();
    assert_eq!((&json[0]["name"], &json[0]["restarts"]), (&json!("antnode0002"), &json!(1)));
    assert_eq!(json[1]["reason"], json!("process ended by itself"));

    // Names for `xargs`, and lists of states in any case.
    assert_eq!(host.expect(0, "node list -q").out, "antnode0001\nantnode0002\nantnode0003\n");
    assert_eq!(host.expect(0, "-q node list --state stopped,DISABLED").out, "antnode0001\nantnode0003\n");
    assert_eq!(host.expect(0, "node list -q --state DEAD").out, "");
    assert_eq!(host.expect(0, "node list --state DEAD").out, "no nodes\n");
    assert_eq!(host.expect(0, "node list -q 2-3 --sort state").out, "antnode0003\nantnode0002\n");

    for (line, error) in [
        ("node list --state STOPED", "STOPED"),
        ("node list --sort size", "size"),
        ("node list --columns name,colour", "colour"),
    ] {
        let ran = host.expect(2, line);
        assert!(ran.err.contains(error) && ran.err.contains("--help"), "{}", ran.err);
    }
    // A named node must exist, also with a filter.
    host.expect(1, "node list 9 --state STOPPED");
}
