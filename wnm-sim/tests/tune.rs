//! `wnm-sim tune`: output, files and errors.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{BINARY, data, run};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Two scenarios for the search and one for the validation, of a few hours each.
const TINY: &[&str] =
    &["tune", "--scenario", "storms-2", "--scenario", "calm-2", "--held-out", "jump-2", "--days", "0.1"];

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn tune_does_not_depend_on_jobs_and_its_policy_is_readable() {
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
    assert!(picture.contains("validation on unseen runs") && picture.contains("classic"), "{picture}");

    // The policy file holds the settings of the report.
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

    // The candidates of a round ran on the same seeds, and the validation on others.
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
fn standard_output_holds_only_the_policy_or_json() {
    let ran = run(&[TINY, &["--budget", "20", "--out", "-"]].concat());
    assert!(
        ran.code == 0 && ran.out.starts_with("# ") && ran.out.contains("\nsteady_grace = "),
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
fn interrupted_tune_keeps_the_best_policy() {
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
    // tune creates the file after it has installed its signal handlers.
    while !policy.exists() {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ended = child.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
    assert_eq!((ended.status.code(), err.as_str()), (Some(130), ""));
    assert!(out.contains("PARTIAL, interrupted") && out.contains("not validated: interrupted before"), "{out}");
    assert!(read(&policy).contains("# PARTIAL") && read(&policy).contains("preset = \"steady\""));
    policy_is_readable(&policy);
}

fn policy_is_readable(policy: &Path) {
    let ran = run(&["run", "calm-2", "--policy", policy.to_str().unwrap(), "--seeds", "1", "--days", "0.1"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}

#[test]
fn invalid_input_is_refused_with_the_reason() {
    for (arguments, said) in [
        (
            &["--budget", "0"][..],
            "--budget 0 is too small: 16 runs are needed, 12 to halve 4 candidates in 2 scenarios, and 4 to",
        ),
        (&["--budget", "15"], "--budget 15 is too small: 16 runs are needed"),
        (&["--budget", "15"], "hint: raise --budget, or name fewer scenarios"),
        (
            &["--bound", "steady_warning=0.9..0.2"],
            "invalid --bound steady_warning=0.9..0.2: 0.9 is not a whole number from 0 to 100",
        ),
        (&["--bound", "steady_warning=90..20"], "the lower bound 90 is above the upper bound 20"),
        (
            &["--bound", "steady_warning=60..70", "--bound", "steady_relief_target=10..20"],
            "the bounds contradict each other",
        ),
        (&["--bound", "steady_warnig=1..2"], "did you mean steady_warning?"),
        (
            &["--bound", "cpu_limit=1..2"],
            "invalid --bound cpu_limit=1..2: cpu_limit cannot be tuned, only steady_relief_target",
        ),
        (&["--bound", "cpu_remove=20..50"], "no cpu_less_than from 50 on is below a cpu_remove of at most 50"),
        (&["--policy", "classic", "--bound", "steady_grace=1..2"], "steady_grace cannot be tuned, only delay_start"),
        (
            &["--set", "steady_grace=often"],
            "invalid --set steady_grace=often: invalid value \"often\" for steady_grace",
        ),
        (
            &["--set", "steady_relief_target=90"],
            "steady_growth_target (50 %) and steady_relief_target (90 %) must not exceed 100 % together",
        ),
        (&["--scenario", "strom-2"], "no such scenario: strom-2\nhint: use storms-2"),
        (&["--held-out", "nowhere.toml"], "cannot read nowhere.toml"),
        (&["--held-out", "storms-2", "--held-out", "calm-2"], "every --scenario is held out: the search has none left"),
        (&["--policy", "aimd"], "invalid --policy aimd: a baseline has no settings to tune"),
        (&["--policy", "stead"], "--policy stead: invalid value \"stead\" for preset"),
        (&["--against", "fixed:x"], "fixed: needs a number of nodes"),
        (&["--days", "0.0001"], "invalid --days 0.0001: shorter than one cycle"),
        (&["--out", "no/x.toml"], "cannot write no/x.toml"),
        (&["--report", "/proc/no"], "cannot write /proc/no"),
    ] {
        let tiny = ["tune", "--scenario", "storms-2", "--scenario", "calm-2", "--held-out", "jump-2"];
        let days: &[&str] = if arguments.contains(&"--days") { &[] } else { &["--days", "0.1"] };
        let ran = run(&[&tiny[..], days, arguments].concat());
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{arguments:?}");
        assert!(ran.err.starts_with("error: ") && ran.err.contains(said), "{arguments:?}: {}", ran.err);
    }
    for arguments in [&["--budget", "-1"][..], &["--jobs", "0"], &["--cycle", "7"]] {
        assert_eq!(run(&[&["tune"], arguments].concat()).code, 2, "{arguments:?}");
    }
}

/// Tuned thresholds reach the policy file in order, although the scenario sets others.
#[test]
fn thresholds_can_be_tuned() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("tuned.toml");
    let bounds = ["--bound", "cpu_less_than=30..60", "--bound", "cpu_remove=50..90", "--bound", "mem_remove=70..95"];
    let ran = run(&[TINY, &["--budget", "40", "--out", policy.to_str().unwrap()], &bounds].concat());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let row = |key: &str| ran.out.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    assert!(row("cpu_remove").contains("50..90") && row("cpu_less_than").contains("30..60"), "{}", ran.out);
    let text = read(&policy);
    let value = |key: &str| -> Option<u32> {
        text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = ")?.parse().ok())
    };
    // The best policy may be the starting one, which sets no threshold.
    if let (Some(low), Some(high)) = (value("cpu_less_than"), value("cpu_remove")) {
        assert!(low < high && (30..=60).contains(&low) && (50..=90).contains(&high), "{text}");
    }
    assert_eq!(run(&["run", "calm-2", "--policy", policy.to_str().unwrap(), "--seeds", "1", "--days", "0.1"]).code, 0);
}
