//! Pages about the recorded past: their age, and the values that no longer apply.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use wnm_platform::fake_node::Behaviour;

use crate::host::{Host, kill, pid, states, turn};

/// Moves all cycles on record into the past.
fn age_cycles(host: &Host, by: Duration) {
    let db = rusqlite::Connection::open(host.path("wnm.db")).unwrap();
    let millis = i64::try_from(by.as_millis()).unwrap();
    db.execute("UPDATE cycles SET at = at - ?1", [millis]).unwrap();
    // As after a restart of the host: later idle cycles are in memory.
    let facts = std::fs::metadata(host.path("wnm.db")).unwrap();
    let _ = std::fs::remove_file(format!("/dev/shm/wnm-{}/{:x}-{:x}", facts.uid(), facts.dev(), facts.ino()));
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

    kill(pid(&nodes[0]).unwrap());
    host.wait_for("a stopped node", |nodes| states(nodes)[0] == "STOPPED");
    let page = host.expect(3, "status --check").out;
    assert!(page.contains("antnode0001 stopped: its process ended by itself"), "{page}");
    let problems = host.expect(3, "--json status --check").data();
    assert_eq!(problems["node_problems"].as_array().unwrap().len(), 1);
    host.expect(0, "status");
    host.expect(2, "status --chek");
}

#[test]
fn stopped_node_shows_no_values_of_its_process() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 2");
    let before = host.wait_for("two running nodes", |nodes| states(nodes) == ["RUNNING"; 2]);
    assert!(
        before[0]["sample"]["connected_peers"].is_number() && before[0]["sample"]["memory_bytes"].is_number(),
        "{before:#?}"
    );
    host.expect(0, "node stop 1");
    host.expect(0, "node disable 2");
    let nodes = host.expect(0, "--json node list").json();
    for node in nodes.as_array().unwrap() {
        let sample = &node["sample"];
        for key in ["cpu_cores", "memory_bytes", "pid", "connected_peers"] {
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
    kill(pid(&nodes[0]).unwrap());
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

#[test]
fn node_show_masks_secrets_and_lists_events() {
    let host = Host::with_colony();
    host.expect(0, "config set environment=API_TOKEN=hunter2");
    host.expect(0, "node add");
    host.expect(0, "node stop 1");
    let page = host.expect(0, "node show 1").out;
    assert!(page.contains("API_TOKEN=***") && !page.contains("hunter2"), "{page}");
    let events: Vec<&str> = page.split_once("events\n").unwrap().1.lines().collect();
    assert_eq!(events.len(), 4, "{page}");
    assert!(events[3].contains(" UTC  stop antnode0001 done in "), "{page}");
    assert!(page.contains("--metrics-server-port") && page.contains("STOPPED"), "{page}");
    for line in ["--json node show 1", "--json node list"] {
        let json = host.expect(0, line).out;
        assert!(json.contains("***") && !json.contains("hunter2"), "{json}");
    }
    host.expect(1, "node show 7");
}

#[test]
fn secrets_are_in_no_page_log_or_error() {
    let host = Host::with_colony();
    host.expect(0, "config set environment=API_TOKEN=hunter2");
    let arguments = "start_args=--network-contacts-url https://op:hunter2@127.0.0.1/contacts";
    assert_eq!(host.wnm(&["config", "set", arguments]).code(), 0);
    let mut shown = String::new();
    for line in [
        "--verbose node add",
        "--verbose node restart 1",
        "status",
        "--json status",
        "node list",
        "--json node list",
        "node show 1",
        "--json node show 1",
        "events",
        "--json events",
        "history",
        "--json history",
        "explain",
        "--json explain",
        "report node-status-details",
        "report node-status-details --format json",
        "doctor",
    ] {
        let ran = host.wnm(&line.split(' ').collect::<Vec<_>>());
        shown.push_str(&format!("$ wnm {line}\n{}{}", ran.out, ran.err));
    }
    let refused = host.wnm(&["config", "set", "environment=API_TOKEN=hunter2 \""]);
    assert_ne!(refused.code(), 0);
    shown.push_str(&refused.err);
    assert!(shown.contains("API_TOKEN=***") && shown.contains("https://***@127.0.0.1/contacts"), "{shown}");
    let place = shown.find("hunter2").map(|at| &shown[at.saturating_sub(300)..at]);
    assert_eq!(place, None);
}

#[test]
fn events_are_listed_by_node_and_time() {
    let host = Host::with_colony();
    assert_eq!(host.expect(0, "events").out, "no events\n");
    host.expect(0, "node add --count 2");
    host.expect(0, "node stop 2");
    let all = lines(&host.expect(0, "events").out);
    assert_eq!(all.len(), 6, "{all:#?}");
    assert!(all[4].ends_with("UTC stop antnode0002 begun: requested"), "{all:#?}");
    let last = host.expect(0, "--json events -n 1 --node 2").json();
    assert_eq!((&last[0]["event"], &last[0]["name"]), (&json!("done"), &json!("antnode0002")));
    assert!(last[0]["seconds"].is_number() && last.as_array().unwrap().len() == 1, "{last}");
    assert_eq!(host.expect(0, "events --since 1h --node 1").out.lines().count(), 2);
    assert_eq!(host.expect(0, "events --until 2001-01-01").out, "no events\n");
    assert_eq!(host.expect(0, "events -n 0").out, "no events\n");

    // A removed node keeps its events; a node that never existed is an error.
    host.expect(0, "node remove 2 --yes");
    assert_eq!(host.expect(0, "events --node 2").out.lines().count(), 6);
    host.put_binary("0.4.17", Behaviour::ExitAtStart { code: 1 });
    host.expect(3, "node add");
    let failed = host.expect(0, "events -n 1").out;
    assert!(failed.contains("add antnode0002 failed after ") && failed.contains("exited"), "{failed}");
    for line in ["events --node 9", "history --node 9"] {
        let ran = host.expect(1, line);
        assert!(ran.err.contains("no such node: antnode0009") && ran.err.contains("wnm node list"), "{}", ran.err);
    }
    for (line, error) in [
        ("events --since yesterday", "2026-11-01"),
        ("history --until 2026-13-01", "2026-11-01"),
        ("events -f --until 1h", "--until"),
        ("history --limit 0", "0"),
        ("history --idle --node 1", "--idle"),
    ] {
        let ran = host.expect(2, line);
        assert!(ran.err.contains(error), "{line}: {}", ran.err);
    }
    let backwards = host.expect(1, "history --since 1h --until 2h");
    assert!(backwards.err.contains("--since") && backwards.err.contains("earlier"), "{}", backwards.err);
}

#[test]
fn followed_events_go_on_until_interrupted() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let mut follower = {
        let _turn = turn();
        let mut command = host.command(&["--json", "events", "-f", "-n", "1"]);
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    };
    let mut events = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut next =
        || -> Value { serde_json::from_str::<Value>(&events.next().unwrap().unwrap()).unwrap()["data"].take() };
    assert_eq!(next()["event"], json!("done"));
    host.expect(0, "node stop 1");
    let (begun, done) = (next(), next());
    assert_eq!((&begun["event"], &done["event"]), (&json!("begun"), &json!("done")));
    assert_eq!((&done["action"], &done["action_id"]), (&json!("stop"), &begun["action_id"]));
    kill_process(Pid::from_child(&follower), Signal::INT).unwrap();
    assert_eq!(follower.wait().unwrap().code(), Some(0));
}

#[test]
fn history_counts_actions_and_knows_idle_cycles() {
    let host = Host::with_colony();
    let empty = host.expect(0, "history").out;
    assert!(empty.contains("`wnm history --idle`"), "{empty}");
    host.expect(0, "node add --count 2");
    host.expect(0, "node survey");
    let acting = host.expect(0, "history").out;
    assert!(acting.ends_with("\n\n2 actions in 1 cycle\n"), "{acting}");
    // One node of a cycle with two actions.
    let one = host.expect(0, "history --node 2 --since 1h").out;
    assert!(one.ends_with("\n\n1 action in 1 cycle\n"), "{one}");
    let idle = host.expect(0, "history --idle --limit 1").out;
    assert!(idle.contains("no action: ") && idle.contains("the latest 1 cycles"), "{idle}");
    let json = host.expect(0, "--json history --idle").json();
    assert!(json.as_array().unwrap().iter().any(|cycle| cycle["work"] == json!([])), "{json}");
    assert_eq!(host.expect(0, "--json history --until 2001-01-01").json(), json!([]));
}
