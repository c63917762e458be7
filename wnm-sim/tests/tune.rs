//! `tune` as it is typed: what it writes, prints, and refuses.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{BINARY, data, run};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Two scenarios for the search and one for the judgement, an hour or two each.
const TINY: &[&str] =
    &["tune", "--scenario", "storms-2", "--scenario", "calm-2", "--held-out", "jump-2", "--days", "0.1"];

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_tiny_tune_is_the_same_on_any_number_of_threads_and_its_policy_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let tune = |name: &str, jobs: &str| {
        let (report, policy) = (folder.path().join(name), folder.path().join(format!("{name}.toml")));
        let files = ["--report", report.to_str().unwrap(), "--out", policy.to_str().unwrap()];
        let ran = run(&[TINY, &["--budget", "60", "--against", "classic", "--jobs", jobs], &files].concat());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        assert_eq!(ran.out, read(&report.join("tune.txt")));
        let files = ["tune.txt", "tune.json", "front.svg", "runs.jsonl.gz"];
        let mut all: Vec<_> = files.iter().map(|name| std::fs::read(report.join(name)).unwrap()).collect();
        all.push(std::fs::read(&policy).unwrap());
        (all, policy, report)
    };
    let (one, policy, report) = tune("one", "1");
    assert!(one == tune("many", "4").0);

    let told: Value = serde_json::from_str(&read(&report.join("tune.json"))).unwrap();
    let schema = include_str!("../../docs/schema/sim-tune.json");
    jsonschema::draft202012::new(&serde_json::from_str(schema).unwrap()).unwrap().validate(&told).unwrap();
    let picture = read(&report.join("front.svg"));
    assert!(picture.contains("judged on what the search never saw") && picture.contains("classic"), "{picture}");

    // The policy is a file of settings, and the one that the report tells of.
    let again = run(&["run", "calm-2", "--policy", policy.to_str().unwrap(), "--seeds", "1", "--days", "0.1"]);
    assert_eq!((again.code, again.err.as_str()), (0, ""));
    let text = read(&policy);
    let settings = told["settings"].as_object().unwrap();
    assert!(
        settings
            .iter()
            .all(|(key, value)| text.contains(&format!("{key} = ")) && text.contains(value.as_str().unwrap()))
    );
    assert!(text.contains("preset = \"steady\"\n"), "{text}");

    // Every candidate of a rung ran on the same seeds, and nothing of the judgement was seen before.
    let runs = report.join("runs.jsonl.gz");
    assert_eq!(run(&["score", runs.to_str().unwrap()]).code, 0);
    let mut text = String::new();
    let file = flate2::read::GzDecoder::new(std::fs::File::open(runs).unwrap());
    std::io::Read::read_to_string(&mut { file }, &mut text).unwrap();
    let runs: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(runs.len() as u64, told["runs"].as_u64().unwrap());
    let mut searched: BTreeMap<&str, BTreeSet<(&str, u64)>> = BTreeMap::new();
    for run in &runs {
        let (scenario, seed) = (run["scenario"].as_str().unwrap(), run["seed"].as_u64().unwrap());
        if scenario == "jump-2" {
            assert!(seed > 1_000_000);
        } else {
            assert!(seed < 1000);
            searched.entry(run["policy"].as_str().unwrap()).or_default().insert((scenario, seed));
        }
    }
    let most = &searched["steady"];
    assert!(searched.len() > 3 && searched.values().all(|seen| seen.is_subset(most)), "{searched:?}");
}

#[test]
fn standard_output_has_the_policy_alone_or_one_json_object() {
    let ran = run(&[TINY, &["--budget", "20", "--out", "-"]].concat());
    assert!(
        ran.code == 0 && ran.out.starts_with("# ") && ran.out.contains("\nsteady_ride = "),
        "{}{}",
        ran.out,
        ran.err
    );
    let ran = run(&[TINY, &["--budget", "20", "--json", "--seed", "3", "--policy", "classic"]].concat());
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&told["is_complete"], &told["seed"], &told["tuned"][0]["key"]),
        (&true.into(), &3.into(), &"delay_start".into())
    );
}

#[test]
fn ended_early_it_keeps_the_best_until_then_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("tuned.toml");
    let mut child = Command::new(BINARY)
        .args(["tune", "--scenario", "calm-2", "--budget", "100000", "--days", "0.5", "--jobs", "1", "--out"])
        .arg(&policy)
        .current_dir(data())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The file is made when signals are caught already.
    while !policy.exists() {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ended = child.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
    assert_eq!((ended.status.code(), err.as_str()), (Some(130), ""));
    assert!(
        out.contains("PARTIAL, it was interrupted") && out.contains("not judged: there was no time for it"),
        "{out}"
    );
    assert!(read(&policy).contains("# PARTIAL") && read(&policy).contains("preset = \"steady\""));
    child_policy_is_read(&policy);
}

fn child_policy_is_read(policy: &Path) {
    let ran = run(&["run", "calm-2", "--policy", policy.to_str().unwrap(), "--seeds", "1", "--days", "0.1"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}

#[test]
fn what_makes_no_sense_is_refused_with_what_was_expected() {
    for (arguments, said) in [
        (
            &["--budget", "0"][..],
            "--budget 0: expected at least 16 runs: 12 to halve 4 candidates in 2 scenarios, and 4 to",
        ),
        (&["--budget", "15"], "--budget 15: expected at least 16 runs"),
        (&["--budget", "15"], "give more, or fewer scenarios"),
        (
            &["--bound", "steady_warning=0.9..0.2"],
            "--bound steady_warning=0.9..0.2: expected whole numbers from 0 to 100, found 0.9",
        ),
        (&["--bound", "steady_warning=90..20"], "expected the lower bound first, found 90 above 20"),
        (
            &["--bound", "steady_warning=60..70", "--bound", "steady_relief_target=10..20"],
            "the bounds contradict each other",
        ),
        (&["--bound", "steady_sotf=1..2"], "did you mean steady_warning?"),
        (&["--bound", "cpu_remove=1..2"], "--bound cpu_remove=1..2: expected one of steady_relief_target"),
        (&["--policy", "classic", "--bound", "steady_grace=1..2"], "expected one of delay_start"),
        (&["--set", "steady_grace=often"], "--set steady_grace=often: steady_grace: expected"),
        (&["--set", "steady_relief_target=90"], "steady_growth_target: expected at most"),
        (&["--scenario", "strom-2"], "scenario \"strom-2\" is not known; did you mean storms?"),
        (&["--held-out", "nowhere.toml"], "cannot read nowhere.toml"),
        (&["--held-out", "storms-2", "--held-out", "calm-2"], "expected a --scenario that is not held out, found none"),
        (&["--policy", "aimd"], "--policy aimd: expected a preset"),
        (&["--policy", "stead"], "--policy stead: preset: expected"),
        (&["--against", "fixed:x"], "expected fixed: and a number of nodes"),
        (&["--days", "0.0001"], "--days 0.0001: expected at least one cycle"),
        (&["--out", "no/x.toml"], "cannot write no/x.toml"),
        (&["--report", "/proc/no"], "cannot write /proc/no"),
    ] {
        let tiny = ["tune", "--scenario", "storms-2", "--scenario", "calm-2", "--held-out", "jump-2"];
        let days: &[&str] = if arguments.contains(&"--days") { &[] } else { &["--days", "0.1"] };
        let ran = run(&[&tiny[..], days, arguments].concat());
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{arguments:?}");
        assert!(ran.err.starts_with("wnm-sim: ") && ran.err.contains(said), "{arguments:?}: {}", ran.err);
    }
    for arguments in [&["--budget", "-1"][..], &["--jobs", "0"], &["--cycle", "7"]] {
        assert_eq!(run(&[&["tune"], arguments].concat()).code, 2, "{arguments:?}");
    }
}
