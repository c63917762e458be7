//! `wnm-sim replay` and `wnm-sim chart` on recorded hosts.
#![expect(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::collections::BTreeMap;

use common::{run, run_with};
use serde_json::Value;

/// A trace with listed nodes: a change names the second node, and the third one disappears.
const LISTED: &str = r#"{"wnm_trace": 1, "program": "wnm 0.1.0", "host": {"cpus": 2}, "policy": {"node_cap": 4}}
{"ts": 100.0, "used_cpu_percent": 10, "used_mem_percent": 10, "used_hd_percent": 10, "load_average_1": 0, "load_average_5": 0, "load_average_15": 0, "nodes": [{"id": 1, "state": "RUNNING", "born": 10}, {"id": 2, "state": "STOPPED", "since": 90, "born": 20}, {"id": 3, "state": "RUNNING", "born": 30}]}
{"ts": 110.5, "note": "a job begins"}
{"ts": 160.0, "used_cpu_percent": 90, "used_mem_percent": 10, "used_hd_percent": 10, "load_average_1": 0, "load_average_5": 0, "load_average_15": 0}
{"ts": 220.0, "used_cpu_percent": 10, "used_mem_percent": 10, "used_hd_percent": 95, "load_average_1": 0, "load_average_5": 0, "load_average_15": 0, "gone": [3]}
{"ts": 800.0, "used_cpu_percent": 10, "used_mem_percent": 10, "used_hd_percent": 10, "load_average_1": 0, "load_average_5": 0, "load_average_15": 0, "changed": [{"id": 2, "version": "0.4.17"}]}
{"ts": 300000.0, "used_cpu_percent": 10}
"#;

#[test]
fn recorded_hosts_are_summarised() {
    for (trace, arguments) in [
        ("ramp", ["--set", "node_cap=50", "--against", "cpu_remove=40", "--against", "cpu_less_than=30"]),
        ("buildload", ["--set", "node_cap=8", "--set", "hdio_read_remove=50000000", "--against", "preset=classic"]),
    ] {
        let file = format!("{trace}-1s.jsonl.gz");
        let mut arguments = [&["replay", &file, "--cpus", "2"][..], &arguments].concat();
        if trace == "buildload" {
            for more in ["hdio_read_less_than=9000000", "hdio_write_less_than=1", "hdio_write_remove=90000000000"] {
                arguments.extend(["--set", more]);
            }
        }
        let ran = run(&arguments);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        insta::assert_snapshot!(format!("{trace} in sum"), ran.out);
    }
}

#[test]
fn listed_colony_is_replayed() {
    let ran = run_with(&["replay", "-", "--csv", "--against", "cpu_remove=95"], LISTED.as_bytes());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let cell = |line: &str, column: &str| {
        let place = ran.out.lines().next().unwrap().split(',').position(|name| name == column).unwrap();
        // A decision is quoted because it may hold commas.
        let quoted: Vec<&str> = line.split('"').collect();
        match column {
            "decided" => quoted[1].to_owned(),
            "against_decided" => quoted[3].to_owned(),
            _ => line.split(',').nth(place).unwrap().to_owned(),
        }
    };
    let column = |name: &str| ran.out.lines().skip(1).map(|line| cell(line, name)).collect::<Vec<_>>();
    assert_eq!(column("ts"), ["100", "160", "220", "800", "300000"]);
    assert_eq!(column("used_mem_percent"), ["10", "10", "10", "10", ""]);
    assert_eq!(column("nodes"), ["3", "3", "2", "2", "2"]);
    assert_eq!(column("running"), ["2", "2", "1", "1", "1"]);
    let decided = [
        "wait (restart delay)",
        "stop 3 (pressure, cpu)",
        "remove 2 (pressure, disk)",
        "start 2 (headroom to start)",
        "idle (nothing to do)",
    ];
    assert_eq!(column("decided"), decided);
    let mut against = decided;
    against[1] = "idle (nothing to do)";
    assert_eq!(column("against_decided"), against);
}

#[test]
fn json_summary_has_gaps_and_the_first_difference() {
    let ran = run_with(&["replay", "-", "--json", "--against", "cpu_remove=95"], LISTED.as_bytes());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let summary: Value = serde_json::from_str(&ran.out).unwrap();
    let schema = include_str!("../../docs/schema/sim-replay.json");
    let schema = jsonschema::draft202012::new(&serde_json::from_str(schema).unwrap()).unwrap();
    let faults: Vec<_> = schema.iter_errors(&summary).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    insta::assert_json_snapshot!(summary);
}

/// Returns the number of samples for each decision in the summary of a replay.
fn decided(arguments: &[&str]) -> BTreeMap<String, u64> {
    let ran = run(&[&["replay", "--json"], arguments].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let summary: Value = serde_json::from_str(&ran.out).unwrap();
    let decided = summary["policies"][0]["decided"].as_array().unwrap();
    let key = |row: &Value| format!("{} {}", row["decided"].as_str().unwrap(), row["why"].as_str().unwrap());
    decided.iter().map(|row| (key(row), row["samples"].as_u64().unwrap())).collect()
}

#[test]
fn load_rules_need_processors() {
    let ran = run(&["replay", "ramp-1s.jsonl.gz"]);
    assert_eq!(ran.code, 0);
    assert!(
        ran.err.contains("load rules are disabled") && ran.err.contains("hint: set it with --cpus N"),
        "{}",
        ran.err
    );
    assert!(ran.out.contains("cpu") && !ran.out.contains("load"), "{}", ran.out);
    let told = run(&["replay", "ramp-1s.jsonl.gz", "--set", "max_load_average_allowed=2"]);
    assert_eq!(told.err, "");
    assert!(told.out.contains("load 5 min"), "{}", told.out);
}

#[test]
fn nodes_are_counted_or_given() {
    let counted = decided(&["ramp-1s.jsonl.gz", "--cpus", "2"]);
    assert!(counted["remove over cap"] > 100, "{counted:?}");
    let few = decided(&["ramp-1s.jsonl.gz", "--cpus", "2", "--nodes", "3"]);
    assert!(!few.contains_key("remove over cap"), "{few:?}");
    let many = decided(&["ramp-1s.jsonl.gz", "--cpus", "2", "--nodes", "21"]);
    // The ceiling of the actions in an hour.
    assert_eq!(many.get("remove over cap"), Some(&1200));
    let ran = run_with(&["replay", "-", "--nodes", "9"], LISTED.as_bytes());
    assert!(ran.err.contains("warning: --nodes is ignored"), "{}", ran.err);
    let ran = run_with(&["replay", "-"], b"{\"ts\": 1}\n");
    assert!(ran.err.contains("with --nodes N"), "{}", ran.err);
}

#[test]
fn settings_follow_the_precedence() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).into_os_string().into_string().unwrap();
    let (trace, policy) = (path("t.jsonl"), path("p.toml"));
    std::fs::write(&trace, LISTED).unwrap();
    std::fs::write(&policy, "node_cap = 2\ncpu_remove = 91.5\n").unwrap();
    let cap = |arguments: &[&str]| {
        let ran = run(&[&["replay", &trace], arguments].concat());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        let settings = ran.out.lines().find(|line| line.starts_with("policy ")).unwrap();
        settings.trim_start_matches("policy ").trim().to_owned()
    };
    assert_eq!(cap(&[]), "node_cap=4");
    assert_eq!(cap(&["--policy", &policy]), "node_cap=2 cpu_remove=91.5");
    assert_eq!(cap(&["--policy", &policy, "--set", "node_cap=1"]), "node_cap=1 cpu_remove=91.5");
}

#[test]
fn run_replays_as_its_trace() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).into_os_string().into_string().unwrap();
    for (run_file, trace) in [("run.jsonl.gz", "ramp-1s.jsonl.gz"), ("run.jsonl", "buildload-1s.jsonl.gz")] {
        let run_file = path(run_file);
        let made = decided(&[trace, "--cpus", "2", "--set", "node_cap=30", "--run", &run_file]);
        // The header of the run has the processors and the policy.
        assert_eq!(decided(&[&run_file]), made);
        let bytes = std::fs::read(&run_file).unwrap();
        assert_eq!(bytes.starts_with(&[0x1f, 0x8b]), run_file.ends_with(".gz"));
    }
    let listed = path("listed.jsonl");
    std::fs::write(&listed, LISTED).unwrap();
    let again = path("again.jsonl");
    let made = decided(&[&listed, "--run", &again]);
    assert_eq!(decided(&[&again]), made);
    let text = std::fs::read_to_string(&again).unwrap();
    assert_eq!(run(&["replay", &listed, "--run", "-"]).out, text);
    assert!(text.contains("a job begins"), "{text}");
    assert_eq!(text.matches("\"decided\"").count(), 5);
}

#[test]
fn chart_shows_nodes_signals_and_actions() {
    let folder = tempfile::tempdir().unwrap();
    let svg = folder.path().join("ramp.svg").into_os_string().into_string().unwrap();
    let ran = run(&["chart", "ramp-1s.jsonl.gz", "--cpus", "2", "--set", "node_cap=50", "-o", &svg]);
    assert_eq!((ran.code, ran.err.as_str(), ran.out.as_str()), (0, "", ""));
    let picture = std::fs::read_to_string(&svg).unwrap();
    assert!(picture.len() < 300_000, "{} bytes", picture.len());
    for text in [
        "ramp-1s.jsonl.gz, from 2026-11-20T21:56:53.759Z: policy classic, the decisions it would have made at each sample (open loop)",
        "running",
        "node cap 50",
        "stop: pressure, cpu (1)",
        "remove: over cap (391)",
        "high threshold 70",
        "low threshold 50",
        "load averages",
        "min",
    ] {
        assert!(picture.contains(text), "{text} is missing");
    }
    let drawn = |argument: &str| picture.matches(argument).count();
    assert!(drawn("<polygon") >= 1 && drawn("<polyline") >= 6 && drawn("<rect") >= 5, "{}", &picture[..500]);
}

#[test]
fn chart_of_a_run_shows_its_decisions() {
    let run_file = r#"{"wnm_trace": 1, "host": {"cpus": 2}}
{"ts": 1, "used_cpu_percent": 99, "running_nodes": 4}
{"ts": 1, "decided": [{"action": {"action": "stop", "node": 4}, "reason": {"reason": "requested"}}]}
{"ts": 2, "used_cpu_percent": 99, "running_nodes": 4}
{"ts": 2, "decided": [], "blocker": {"blocker": "no_candidate"}}
{"ts": 3, "note": "lunch <&> tea"}
"#;
    let ran = run_with(&["chart", "-", "-o", "-"], run_file.as_bytes());
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("stop: requested (1)") && !ran.out.contains("pressure"), "{}", ran.out);
    assert!(ran.out.contains(", recorded decisions") && ran.out.contains("lunch &lt;&amp;&gt; tea"), "{}", ran.out);
    let trace: String = run_file.lines().filter(|line| !line.contains("decided")).map(|l| format!("{l}\n")).collect();
    let ran = run_with(&["chart", "-", "-o", "-"], trace.as_bytes());
    assert!(ran.out.contains("stop: pressure, cpu (2)") && !ran.out.contains("requested"), "{}", ran.out);
}

#[test]
fn nearly_empty_trace_is_drawn() {
    for text in [
        "{\"ts\": 1}\n",
        "{\"ts\": -1e300}\n{\"ts\": 1e300, \"used_cpu_percent\": 5}\n",
        // Applying the only line fails.
        "{\"ts\": 1, \"gone\": [7], \"changed\": [{\"id\": 7}]}\n",
    ] {
        for how in [&["-o", "-"][..], &["--terminal"]] {
            let ran = run_with(&[&["chart", "-", "--lenient"], how].concat(), text.as_bytes());
            assert_eq!(ran.code, 0, "{text}{}", ran.err);
            assert!(ran.out.contains("nodes"), "{text}{}", ran.out);
        }
    }
}

#[test]
fn terminal_chart_has_the_same_panels() {
    let ran = run(&["chart", "buildload-1s.jsonl.gz", "--cpus", "2", "--terminal"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out);
}
