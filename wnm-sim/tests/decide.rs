//! `wnm-sim decide`: single situations, and stateful sessions.
#![expect(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use common::{Ran, run, run_with};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

fn recorded() -> String {
    let mut text = String::new();
    let bytes = std::fs::read(common::parity()).unwrap();
    GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    text
}

fn answers(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Sends lines to one stateful session and returns the answers.
fn converse(lines: &[Value]) -> Vec<Value> {
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    let ran = run_with(&["decide", "--stateful"], (text.join("\n") + "\n").as_bytes());
    let answers = answers(&ran);
    assert_eq!(answers.len(), lines.len(), "{ran:?}");
    answers
}

#[test]
fn recorded_cases_are_answered_as_expected() {
    for arguments in [&["decide", "--parity"][..], &["decide", "--parity", "--stateful"]] {
        let path = common::parity();
        let ran = run(&[arguments, &[path.to_str().unwrap()]].concat());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        let (text, answers) = (recorded(), answers(&ran));
        assert_eq!(answers.len(), 2000);
        for (i, (line, answer)) in text.lines().zip(answers).enumerate() {
            let expected: Value = serde_json::from_str::<Value>(line).unwrap()["expected"].take();
            assert_eq!(answer["features"], expected["features"], "features of case {i}");
            // Recorded cases have no time and depend on no other case, so that the actions agree only without state.
            if arguments.len() == 2 {
                assert_eq!(answer["actions"], expected["actions"], "actions of case {i}");
            }
            let count = |key: &str| answer[key].as_array().map(Vec::len);
            assert_eq!(count("reasons"), count("actions"), "reasons of case {i}");
        }
    }
}

#[test]
fn reasons_belong_to_actions() {
    let case = json!({
        "config": {"node_cap": 3}, "metrics": {}, "enable_upgrade": false,
        "nodes": [
            {"id": 1, "status": "DEAD", "version": "", "age": 1},
            {"id": 2, "status": "RUNNING", "version": "0.4.17", "age": 2},
        ],
    });
    let ran = run_with(&["decide"], case.to_string().as_bytes());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let answer = &answers(&ran)[0];
    assert_eq!((&answer["actions"], &answer["reasons"]), (&json!([["remove", 1]]), &json!([{"reason": "dead"}])));

    let calm = json!({"config": {}, "metrics": {}, "nodes": []});
    let answer = &answers(&run_with(&["decide"], calm.to_string().as_bytes()))[0];
    let expected = (&json!([["survey", null]]), &json!([null]));
    assert_eq!((&answer["actions"], &answer["reasons"]), expected);
}

#[test]
fn invalid_line_is_answered_in_its_place() {
    let good = r#"{"config": {}, "metrics": {}, "nodes": []}"#;
    let bad = [
        ("{", "column 1"),
        (r#"{"config": {}, "nodes": []}"#, "missing field `metrics`"),
        (r#"{"metrics": {}, "nodes": []}"#, "the key config is missing"),
        (r#"{"config": {"node_cup": 3}, "metrics": {}, "nodes": []}"#, "did you mean node_cap?"),
        (r#"{"config": {"cpu_remove": 1}, "metrics": {}, "nodes": []}"#, "must be below cpu_remove ("),
        (r#"{"config": {}, "metrics": {}, "nodes": [{"id": 0, "status": "RUNNING"}]}"#, "invalid node name \"0\""),
        (r#"{"config": {}, "metrics": {}, "nodes": [{"id": 1, "status": "ASLEEP"}]}"#, "unknown variant `ASLEEP`"),
        (r#"{"config": {}, "metrics": {"used_cpu_percent": "much"}, "nodes": []}"#, "column 53"),
        (r#"{"config": {}, "metrics": {}, "nodes": [], "mode": "quick"}"#, "unknown field `mode`"),
        (r#"{"config": {}, "metrics": {"cpu": 9}, "nodes": []}"#, "unknown field `cpu`"),
        (r#"{"config": {}, "metrics": {"cpu_limit": {"core": 9}}, "nodes": []}"#, "unknown field `core`"),
        (r#"{"config": {}, "metrics": {}, "nodes": [{"id": 1, "status": "DEAD", "size": 1}]}"#, "unknown field `size`"),
        (
            r#"{"config": {}, "metrics": {}, "nodes": [{"id": 1, "status": "DEAD"}, {"id": 1, "status": "DEAD"}]}"#,
            "node 0001 is listed twice",
        ),
        (r#"{"outcomes": []}"#, "unknown field `outcomes`"),
        ("{\"config\": {}, \"metrics\": {\"antnode_version\": \"\\ud800\"}, \"nodes\": []}", "column"),
    ];
    let mut input = Vec::new();
    for (line, _) in bad {
        input.extend_from_slice(format!("{line}\n{good}\n\n").as_bytes());
    }
    input.extend_from_slice(b"\xff\n");
    let ran = run_with(&["decide"], &input);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    let answers = answers(&ran);
    assert_eq!(answers.len(), 2 * bad.len() + 1);
    for (i, (line, said)) in bad.iter().enumerate() {
        let error = &answers[2 * i];
        assert_eq!(error["line"], json!(3 * i + 1), "{error}");
        assert!(error["error"].as_str().unwrap().contains(said), "{line}: {error}");
        assert_eq!(answers[2 * i + 1]["actions"], json!([["survey", null]]));
    }
    assert_eq!(answers.last().unwrap()["error"], "the line is not UTF-8 (column 1)");
}

#[test]
fn line_of_any_length_is_answered_in_bounded_memory() {
    let mut input = vec![b'x'; 40 << 20];
    input.extend_from_slice(b"\n{\"config\": {}, \"metrics\": {}, \"nodes\": []}\n");
    let answers = answers(&run_with(&["decide"], &input));
    assert_eq!(answers[0]["error"], "the line is longer than 16777216 bytes");
    assert_eq!(answers[1]["actions"], json!([["survey", null]]));
}

/// A caller may wait for each answer before it sends the next line, also without `--stateful`.
#[test]
fn every_line_is_answered_before_the_next() {
    for arguments in [&["decide"][..], &["decide", "--stateful"]] {
        let mut child =
            Command::new(common::BINARY).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        for _ in 0..3 {
            input.write_all(b"{\"config\": {}, \"metrics\": {}, \"nodes\": []}\n").unwrap();
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            assert!(line.contains("survey"), "{line}");
        }
        drop(input);
        assert!(child.wait().unwrap().success());
    }
}

/// A colony of up to four nodes; a start takes 300 s, and a stopped node waits 600 s.
fn case(now: f64, cpu: f64, nodes: &[(u32, &str)]) -> Value {
    let nodes: Vec<_> = nodes
        .iter()
        .map(|(id, status)| json!({"id": id, "status": status, "version": "0.4.17", "age": 1_000 + id}))
        .collect();
    let metrics = json!({
        "used_cpu_percent": cpu, "used_mem_percent": 10, "used_hd_percent": 10,
        "load_average_1": 0, "load_average_5": 0, "load_average_15": 0,
    });
    json!({"now": now, "metrics": metrics, "nodes": nodes})
}

fn first(mut case: Value) -> Value {
    case["config"] = json!({"node_cap": 4, "max_concurrent_operations": 9, "max_concurrent_starts": 9});
    case
}

#[test]
fn actions_done_change_the_state() {
    let three = [(1, "RUNNING"), (2, "RUNNING"), (3, "RUNNING")];
    let stopped = [(1, "RUNNING"), (2, "RUNNING"), (3, "STOPPED")];
    let answers = converse(&[
        first(case(1000.0, 99.0, &three)),
        // Stopped at 1000, so that it waits until 1600, although no line has the time of the stop.
        case(1300.0, 10.0, &stopped),
        case(1599.9, 10.0, &stopped),
        case(1600.0, 10.0, &stopped),
        json!({"reset": true}),
        // The reset forgets the stop and keeps the configuration.
        case(1000.0, 10.0, &stopped),
    ]);
    assert_eq!(answers[0]["actions"], json!([["stop", 3]]));
    let waiting = json!([{"blocker": "restart_delay", "node": 3, "until": 1_600_000}]);
    assert_eq!((&answers[1]["actions"], &answers[1]["reasons"]), (&json!([["survey", null]]), &waiting));
    assert_eq!(answers[2]["reasons"], waiting);
    assert_eq!(answers[3]["actions"], json!([["start", 3], ["add", 4]]));
    assert_eq!(answers[4], json!({}));
    assert_eq!(answers[5]["actions"], json!([["start", 3], ["add", 4]]));
}

#[test]
fn failed_action_does_not_change_the_state() {
    let three = [(1, "RUNNING"), (2, "RUNNING"), (3, "RUNNING")];
    let stopped = [(1, "RUNNING"), (2, "RUNNING"), (3, "STOPPED")];
    let answers = converse(&[
        first(case(1000.0, 99.0, &three)),
        json!({"outcomes": ["failed"]}),
        // The node stopped by itself, at an unknown time before this line.
        case(1300.0, 10.0, &stopped),
        json!({"outcomes": ["failed"]}),
        // The start failed at 1300: the node waits for ten seconds, and no node is added meanwhile.
        case(1305.0, 10.0, &stopped),
        case(1310.0, 10.0, &stopped),
    ]);
    assert_eq!(answers[1], json!({}));
    assert_eq!(answers[2]["actions"], json!([["start", 3]]));
    assert_eq!(answers[4]["actions"], json!([["survey", null]]));
    assert_eq!(answers[5]["actions"], json!([["start", 3]]));
}

#[test]
fn version_that_failed_twice_is_not_tried_again() {
    let outdated = |now: f64| {
        let mut case = first(case(now, 10.0, &[(1, "RUNNING")]));
        case["metrics"]["antnode_version"] = json!("0.4.18");
        case["enable_upgrade"] = json!(true);
        case["config"]["node_cap"] = json!(1);
        case
    };
    let failed = json!({"outcomes": ["failed"]});
    let answers = converse(&[outdated(0.0), failed.clone(), outdated(60.0), failed.clone(), outdated(120.0)]);
    assert_eq!(answers[0]["actions"], json!([["upgrade", 1]]));
    assert_eq!(answers[2]["actions"], json!([["upgrade", 1]]));
    assert_eq!(answers[4]["actions"], json!([["survey", null]]));
}

#[test]
fn pending_action_is_under_way_until_a_line_shows_its_end() {
    let three = [(1, "RUNNING"), (2, "RUNNING"), (3, "RUNNING")];
    let stopped = [(1, "RUNNING"), (2, "RUNNING"), (3, "STOPPED")];
    let mut start = first(case(1000.0, 99.0, &three));
    start["config"]["max_concurrent_operations"] = json!(1);
    let pending = json!({"outcomes": ["pending"]});
    let answers = converse(&[
        start,
        pending.clone(),
        case(1010.0, 99.0, &three),
        case(1020.0, 10.0, &stopped),
        case(2000.0, 10.0, &[(1, "RUNNING"), (2, "RUNNING"), (3, "RUNNING")]),
        pending,
        // The new node is not in the line yet, and must not be added twice.
        case(2010.0, 10.0, &three),
        // After `delay_start` without the node, the add may be tried again.
        case(2300.0, 10.0, &three),
    ]);
    assert_eq!(answers[0]["actions"], json!([["stop", 3]]));
    let under_way = json!([{"blocker": "operation_limit", "in_progress": 1, "limit": 1}]);
    assert_eq!(answers[2]["reasons"], under_way);
    assert_ne!(answers[3]["reasons"], under_way);
    assert_eq!(answers[4]["actions"], json!([["add", 4]]));
    assert_eq!(answers[6]["reasons"], under_way);
    assert_eq!(answers[7]["actions"], json!([["add", 4]]));
}

#[test]
fn pending_removal_is_cancelled_when_the_cap_is_raised() {
    let removing = [(1, "RUNNING"), (2, "RUNNING"), (3, "REMOVING")];
    let mut start = first(case(1000.0, 10.0, &[(1, "RUNNING"), (2, "RUNNING"), (3, "RUNNING")]));
    start["config"]["node_cap"] = json!(2);
    start["config"]["delay_remove"] = json!(300);
    let mut raised = case(1120.0, 10.0, &removing);
    raised["config"] = start["config"].clone();
    raised["config"]["node_cap"] = json!(3);
    let answers = converse(&[
        start,
        json!({"outcomes": ["pending"]}),
        case(1060.0, 10.0, &removing),
        raised,
        case(1180.0, 10.0, &[(1, "RUNNING"), (2, "RUNNING"), (3, "STOPPED")]),
    ]);
    assert_eq!(answers[0]["actions"], json!([["remove", 3]]));
    assert_eq!(answers[2]["cancelled"], json!(null));
    assert_eq!(answers[3]["cancelled"], json!([3]));
    assert_eq!(answers[4]["actions"], json!([["start", 3]]));
}

/// Returns a situation in which the first of two volumes is full, and the second one is as full as given.
fn two_volumes(now: f64, used: [f64; 2], node: (&str, &str)) -> Value {
    let volume =
        |folder: &str, used: f64| json!({"folder": folder, "used_percent": used, "total_bytes": 100_000_000_000_u64});
    let mut case = case(now, 10.0, &[(1, "RUNNING"), (2, node.0)]);
    case["metrics"]["volumes"] = json!([volume("/a", used[0]), volume("/b", used[1])]);
    for (i, folder) in ["/a", node.1].into_iter().enumerate() {
        case["nodes"][i]["volume"] = json!(folder);
        case["nodes"][i]["disk_bytes"] = json!((20 - 10 * i as u64) * 1_000_000_000);
    }
    case
}

#[test]
fn node_moves_to_the_volume_with_space() {
    for preset in ["classic", "steady"] {
        let first = |used| {
            let mut case = first(two_volumes(1000.0, used, ("RUNNING", "/a")));
            case["config"]["preset"] = json!(preset);
            case
        };
        let answers = converse(&[
            first([95.0, 5.0]),
            json!({"outcomes": ["pending"]}),
            two_volumes(1060.0, [95.0, 8.0], ("MIGRATING", "/a")),
            two_volumes(1120.0, [85.0, 15.0], ("RUNNING", "/b")),
            json!({"reset": true}),
            first([95.0, 74.0]),
        ]);
        assert_eq!(answers[0]["actions"], json!([["move", 2]]), "{preset}");
        assert_eq!(answers[0]["move_to"], json!({"2": "/b"}), "{preset}");
        assert_eq!(answers[2]["actions"], json!([["survey", null]]), "{preset}");
        let after = answers[3]["actions"].to_string();
        assert!(!after.contains("move") && !after.contains("remove"), "{preset}: {after}");
        // With the node the second volume would be over its low threshold.
        assert_eq!(answers[5]["actions"][0], json!(["remove", 2]), "{preset}");
        assert_eq!(answers[5].get("move_to"), None, "{preset}");
    }
}

#[test]
fn outcomes_must_fit_the_answer_and_invalid_lines_change_nothing() {
    let three = [(1, "RUNNING"), (2, "RUNNING"), (3, "RUNNING")];
    let stopped = [(1, "RUNNING"), (2, "RUNNING"), (3, "STOPPED")];
    let answers = converse(&[
        json!({"outcomes": ["done"]}),
        case(0.0, 10.0, &three),
        first(case(1000.0, 99.0, &three)),
        json!({"outcomes": []}),
        json!({"outcomes": ["undone"]}),
        json!({"nodes": 7}),
        case(500.0, 99.0, &[(1, "RUNNING"), (1, "RUNNING")]),
        case(1300.0, 10.0, &stopped),
        // A survey has no outcome; a report of one is accepted.
        json!({"outcomes": ["done"]}),
        json!({"outcomes": []}),
        // The time does not go back: it stays 1300, before the 1600 of the cooldown.
        case(1.0, 10.0, &stopped),
    ]);
    let error = |i: usize| answers[i]["error"].as_str().unwrap_or_default().to_owned();
    assert_eq!(error(0), "outcomes must follow a situation");
    assert_eq!(error(1), "the key config is missing, and no line before had it");
    assert_eq!(error(3), "0 outcomes for 1 actions");
    assert!(error(4).contains("unknown variant `undone`"), "{}", error(4));
    assert!(error(5).contains("column"), "{}", error(5));
    assert_eq!(error(6), "node 0001 is listed twice");
    assert_eq!(answers[7]["reasons"][0]["until"], json!(1_600_000));
    assert_eq!((&answers[8], &answers[9]), (&json!({}), &json!({})));
    assert_eq!(answers[10]["reasons"][0]["until"], json!(1_600_000));
}

#[test]
fn answer_of_steady_names_what_is_missing() {
    let node = json!({"id": 1, "status": "RUNNING", "version": "", "age": 1});
    let case = json!({"config": {"preset": "steady"}, "metrics": {"used_cpu_percent": 9}, "nodes": [node]});
    let missing = json!([
        "used_mem_percent",
        "used_hd_percent",
        "cpus",
        "memory_total_bytes",
        "hd_total_bytes",
        "nodes.cpu",
        "now"
    ]);
    for arguments in [&["decide"][..], &["decide", "--stateful"]] {
        assert_eq!(answers(&run_with(arguments, case.to_string().as_bytes()))[0]["missing"], missing);
    }
    let parity = &answers(&run_with(&["decide", "--parity"], case.to_string().as_bytes()))[0];
    assert_eq!(parity.get("missing"), None);
    // With processors the load averages have thresholds, unless other work goes before the nodes.
    let with = |key: &str, value: Value| {
        let mut case = case.clone();
        case["metrics"]["cpus"] = json!(4);
        case["metrics"][key] = value;
        answers(&run_with(&["decide"], case.to_string().as_bytes()))[0]["missing"].to_string()
    };
    assert!(with("used_mem_percent", json!(10)).contains("load_average_15"));
    assert!(!with("yields_cpu", json!(true)).contains("load_average_15"));
    // An impossible value is no metric.
    for (key, impossible) in [("used_cpu_percent", json!(-3)), ("cpus", json!(0)), ("hd_total_bytes", json!(0))] {
        assert!(with(key, impossible.clone()).contains(key), "{key} {impossible}");
    }
}

/// The example of the documentation must run unchanged.
#[test]
fn documented_example_runs() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/decide-protocol.md")).unwrap();
    let code = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let output = Command::new("python3").args(["-c", code, common::BINARY]).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 180);
    assert!(lines[..3].iter().any(|line| line.contains("add")), "{out}");
    let column = |minute: usize, i: usize| lines[minute].split(' ').nth(i).unwrap();
    let running = |minute: usize| column(minute, 1).parse::<u32>().unwrap();
    let limit = |minute: usize| column(minute, 2).parse::<f64>().unwrap();
    // The colony grows while there is headroom. The background load lowers the limit first, and then stops nodes; they
    // start again half an hour after its end.
    assert!(running(59) > 15, "{out}");
    assert!(limit(62) < limit(59), "{out}");
    assert!(running(89) < running(59), "{out}");
    assert!(running(179) > running(89), "{out}");
}
