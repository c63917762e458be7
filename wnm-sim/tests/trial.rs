//! `wnm-sim try`: calibrate, run and compare in one command.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use common::{Folder, run, run_with};
use serde_json::Value;

const SHORT: &[&str] = &["--days", "0.5", "--seeds", "3"];

fn tried(arguments: &[&str]) -> common::Ran {
    run(&[&["try"], arguments, SHORT].concat())
}

#[test]
fn page_has_credibility_first_and_the_conclusion_last() {
    let ran = tried(&["ramp-1s.jsonl.gz", "--cpus", "2", "--set", "cpu_remove=80", "--set", "cpu_less_than=60"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out);
    // The same seeds give the same page, for any number of threads.
    let again =
        ["ramp-1s.jsonl.gz", "--cpus", "2", "--set", "cpu_remove=80", "--set", "cpu_less_than=60", "--jobs", "1"];
    assert_eq!(tried(&again).out, ran.out);
}

#[test]
fn json_picture_and_scenario_are_written() {
    let folder = Folder::new();
    let (picture, scenario) = (folder.path("try.svg"), folder.path("mine.toml"));
    let trace = folder.path("host.jsonl.gz");
    let recorded = ["run", "noisy-2", "--seeds", "1", "--days", "0.1", "--cycle", "5", "--policy", "classic"];
    assert_eq!(run(&[&recorded[..], &["--trace", &trace]].concat()).code, 0);
    let ran = tried(&[&trace, "--set", "preset=steady", "--json", "--output", &picture, "--scenario", &scenario]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    let schema = include_str!("../../docs/schema/sim-try.json");
    jsonschema::draft202012::new(&serde_json::from_str(schema).unwrap()).unwrap().validate(&told).unwrap();
    assert_eq!(told["changes"]["preset"], "steady");
    let picture = folder.read("try.svg");
    for text in ["present settings, from", "policy classic", "changed settings, from", "policy steady"] {
        assert!(picture.contains(text), "{text}");
    }
    // The scenario is complete: it runs, and a search accepts it.
    let ran = run(&["run", &scenario, "--days", "0.05", "--seeds", "1"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}

/// A change that changes nothing must not look like a gain.
#[test]
fn unchanged_settings_make_no_difference() {
    let ran = tried(&["ramp-1s.jsonl.gz", "--cpus", "2", "--set", "cpu_remove=70"]);
    assert!(ran.out.contains("The change makes no certain difference on this host."), "{}", ran.out);
    assert_eq!(ran.out.matches("no certain difference").count(), 12, "{}", ran.out);
}

#[test]
fn invalid_input_is_refused_with_the_reason() {
    let folder = Folder::new();
    let short =
        folder.write("short.jsonl", "{\"ts\": 1000, \"running_nodes\": 3}\n{\"ts\": 1005, \"running_nodes\": 3}\n");
    let ramp = "ramp-1s.jsonl.gz";
    for (arguments, said) in [
        (
            &[ramp, "--set", "cpu_remove=80"][..],
            "the number of processors is unknown: the header has no host.cpus\nhint: set it with --cpus N",
        ),
        (&[ramp, "--cpus", "2", "--set", "cpu_remov=80"], "did you mean cpu_remove?"),
        (
            &[ramp, "--cpus", "2", "--set", "cpu_remove=40"],
            "policy changed: cpu_less_than (50.0 %) must be below cpu_remove (40.0 %)",
        ),
        (
            &["-", "--cpus", "2", "--set", "cpu_remove=80"],
            "cannot read standard input: try reads the trace twice\nhint: write the trace to a file",
        ),
        (&["nowhere.jsonl", "--set", "cpu_remove=80"], "cannot read nowhere.jsonl"),
        (&[&short, "--cpus", "2", "--set", "cpu_remove=80"], "the trace has 5 s in 1 steps"),
        (&[ramp, "--cpus", "2", "--set", "cpu_remove=80", "-o", "no/x.svg"], "cannot write no/x.svg"),
        (&[ramp, "--cpus", "2", "--set", "cpu_remove=80", "--policy", "no.toml"], "cannot read no.toml"),
    ] {
        let ran = tried(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{arguments:?}");
        assert!(ran.err.starts_with("error: ") && ran.err.contains(said), "{arguments:?}: {}", ran.err);
    }
    for arguments in [&[ramp][..], &[ramp, "--set", "cpu_remove=80", "--seeds", "1"], &["--set", "cpu_remove=80"]] {
        assert_eq!(run(&[&["try"], arguments].concat()).code, 2, "{arguments:?}");
    }
}

#[test]
fn replay_says_that_it_is_open_loop_and_names_try() {
    let ran = run(&["replay", "ramp-1s.jsonl.gz", "--cpus", "2"]);
    assert!(ran.out.contains("Open loop: "), "{}", ran.out);
    assert!(ran.out.contains("wnm-sim try ramp-1s.jsonl.gz --cpus 2 --set KEY=VALUE"), "{}", ran.out);
}

#[test]
fn chart_without_actions_says_so() {
    let samples: String = (0..20).map(|i| format!("{{\"ts\": {}, \"running_nodes\": 20}}\n", 1000 + 5 * i)).collect();
    let ran = run_with(&["chart", "-", "--cpus", "2", "--terminal"], samples.as_bytes());
    assert!(ran.out.contains("no action was decided") && ran.out.contains("policy classic"), "{}", ran.out);
    let ran = run_with(&["chart", "-", "--cpus", "2", "-o", "-"], samples.as_bytes());
    assert!(ran.out.contains("no action was decided") && ran.out.contains("policy classic"), "{}", ran.out);
}
