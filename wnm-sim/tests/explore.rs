//! The explorer: reproducible runs, violations and their scenarios, invalid scenarios.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn explore(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wnm-sim")).arg("explore").args(arguments).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn same_seed_gives_the_same_run() {
    let folder = tempfile::tempdir().unwrap();
    let output = explore(folder.path(), &["--seed", "7", "--seeds", "20", "--cycles", "200"]);
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{printed}");
    insta::assert_snapshot!(printed, @r#"
    runs     20
    cycles   4087, with 38 nodes on average
    actions  add 69 disable 1 move 8 remove 297 restart 1 start 417 stop 99 update 4 upgrade 7; 857 done, 38 failed, 8 cancelled
    crashes  14 at 4 points; 20 reboots
    fleet    2927 turns of hosts, 2835 texts refused; the host held in 469 cycles; 7 leases, 0 lapsed; 0 upgrades in a rollout, 9 of other hosts
    digest   7d34071730a76c24
    no violation
    "#);
}

#[test]
fn host_of_a_fleet_gives_the_same_run() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = ["--seed", "2", "--seeds", "12", "--cycles", "500", "--set", "fleet_url=redis://127.0.0.1"];
    let output = explore(folder.path(), &fleet);
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{printed}");
    insta::assert_snapshot!(printed, @r#"
    runs     12
    cycles   6033, with 40 nodes on average
    actions  add 71 disable 2 move 11 remove 171 restart 3 start 481 stop 158 update 3 upgrade 8; 847 done, 53 failed, 8 cancelled
    crashes  28 at 5 points; 28 reboots
    fleet    15759 turns of hosts, 13524 texts refused; the host held in 2233 cycles; 74 leases, 4 lapsed; 0 upgrades in a rollout, 40 of other hosts
    digest   3403471321d5d868
    no violation
    "#);
}

#[test]
fn wall_clock_jump_changes_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("written.json");
    let run = |events: &str| {
        let scenario = format!(
            r#"{{"wnm_scenario": 1, "seed": 3, "cycles": 300, "interval": 60, "nodes": 10,
                "host": {{"cpus": 2, "memory_mb": 4000, "volumes_mb": [300000]}},
                "settings": {{"node_cap": "15", "cpu_less_than": "45", "cpu_remove": "60"}}, "events": [{events}]}}"#
        );
        std::fs::write(&path, scenario).unwrap();
        let output = explore(folder.path(), &["--scenario", "written.json"]);
        assert!(output.status.success(), "{}", text(&output.stdout));
        text(&output.stdout)
    };
    let jumps = [(3, 60), (50, -31_536_000), (51, 86_400), (200, 1_500_000_000), (250, -1_500_000_000)];
    let jumps = jumps.map(|(cycle, by)| format!(r#"{{"cycle": {cycle}, "event": "jump", "seconds": {by}}}"#));
    let calm = run("");
    assert!(calm.contains("stop") || calm.contains("add"), "no action: {calm}");
    assert_eq!(calm, run(&jumps.join(", ")));
}

#[test]
fn violation_is_reported_shrunk_and_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let found =
        explore(folder.path(), &["--nodes", "40", "--cycles", "300", "--faults", "sabotage,nodes,crashes,lies"]);
    let printed = text(&found.stdout);
    assert_eq!(found.status.code(), Some(3), "{printed}");
    assert!(printed.starts_with("violation of property Tombstone, no folder is gone without a tombstone"), "{printed}");
    assert!(printed.contains("seed 1, cycle "), "{printed}");

    let scenario: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("scenario-1.json")).unwrap()).unwrap();
    // One event is enough, and it needs few nodes and no further cycle.
    assert_eq!(scenario["events"].as_array().unwrap().len(), 1);
    assert_eq!(scenario["events"][0]["event"], "sabotage");
    assert!(scenario["nodes"].as_u64() < Some(40), "{scenario:#}");
    assert_eq!(scenario["cycles"].as_u64(), scenario["events"][0]["cycle"].as_u64().map(|cycle| cycle + 1));

    let again = explore(folder.path(), &["--scenario", "scenario-1.json", "--output", "again.json"]);
    assert_eq!(again.status.code(), Some(3));
    assert_eq!(text(&again.stdout).lines().next(), printed.lines().next());
}

#[test]
fn folder_that_a_failed_addition_leaves_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let explore_with = |remnant: &str| {
        let scenario = format!(
            r#"{{"wnm_scenario": 1, "seed": 3, "cycles": 60, "interval": 60, "nodes": 2,
                "host": {{"cpus": 4, "memory_mb": 8000, "volumes_mb": [300000]}}, "settings": {{"node_cap": "3"}},
                "events": [{{"cycle": 0, "event": "release", "patch": 9, "works": false}}{remnant}]}}"#
        );
        std::fs::write(folder.path().join("written.json"), scenario).unwrap();
        explore(folder.path(), &["--scenario", "written.json", "--output", "shrunk.json"])
    };
    let calm = explore_with("");
    let printed = text(&calm.stdout);
    assert!(calm.status.success() && printed.contains("failed"), "{printed}");

    let found = explore_with(r#", {"cycle": 0, "event": "remnant", "node": 3}"#);
    let printed = text(&found.stdout);
    assert_eq!(found.status.code(), Some(3), "{printed}");
    let sentence = "violation of property 24, a repeated failure costs a bounded number of folders and bytes";
    assert!(printed.starts_with(sentence), "{printed}");
    assert!(printed.contains("failed add of 0003 leaves 1 folders and 7"), "{printed}");
}

#[test]
fn invalid_scenario_is_rejected_with_its_position() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |content: &str| {
        std::fs::write(folder.path().join("bad.json"), content).unwrap();
        let output = explore(folder.path(), &["--scenario", "bad.json"]);
        assert_eq!(output.status.code(), Some(1), "{content}");
        text(&output.stderr).trim_end().to_owned()
    };
    let whole = r#"{"wnm_scenario": 1, "seed": 1, "cycles": 1, "interval": 1, "nodes": 1,
"host": {"cpus": 1, "memory_mb": 1000, "volumes_mb": [1000]},
"settings": {}, "events": []}"#;
    let printed = [
        refused(""),
        refused("{\"wnm_scenario\": 1,\n  \"seed\": \"one\"}"),
        refused(&whole.replace("[]}", "[{\"cycle\": 0, \"event\": \"rain\"}]}")),
        refused(&whole.replace("\"wnm_scenario\": 1", "\"wnm_scenario\": 9")),
        refused(&whole.replace("[1000]", "[]")),
        refused(&whole.replace("{},", "{\"cpu_remove\": \"10\"},")),
        refused(&whole[..40]),
    ];
    insta::assert_snapshot!(printed.join("\n"), @r#"
    error: bad.json: EOF while parsing a value at line 1 column 0
    error: bad.json: invalid type: string "one", expected u64 at line 2 column 15
    error: bad.json: unknown variant `rain`, expected one of `die`, `hang`, `stubborn`, `fail`, `slow`, `lose`, `blind`, `overlook`, `unreachable`, `lie`, `deny`, `stray`, `jump`, `sleep`, `reboot`, `lose_folder`, `mass_death`, `mass_loss`, `unmount`, `ask`, `ask_some`, `move`, `update`, `cap`, `release`, `self_upgrade`, `surge`, `crash`, `journal_fails`, `hold`, `sabotage`, `remnant` at line 3 column 56
    error: bad.json: unknown format version 9: this wnm-sim reads versions up to 1
    error: bad.json: volumes_mb is empty, or cpus or interval is 0
    error: bad.json: settings: cpu_less_than (50.0 %) must be below cpu_remove (10.0 %)
    error: bad.json: EOF while parsing a value at line 1 column 40
    "#);
    assert_eq!(explore(folder.path(), &["--scenario", "none.json"]).status.code(), Some(1));
    assert_eq!(explore(folder.path(), &["--faults", "rain"]).status.code(), Some(2));
}
