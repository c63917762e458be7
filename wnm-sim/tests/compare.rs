//! `wnm-sim compare`: output, files, errors, and interruption.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::process::{Command, Stdio};

use common::{BINARY, Folder, run};

/// A small host whose load jumps, so that every policy must act.
const SMALL: &str = r#"
about = "for tests"
[host]
cpus = 2
memory_gb = 8
disk_gb = 2000
[colony]
cap_per_core = 16
start_per_core = 12
[[load]]
kind = "constant"
percent = 20
[[load]]
kind = "jump"
percent = 30
day = 0.05
"#;

#[test]
fn comparison_does_not_depend_on_jobs() {
    let folder = Folder::new();
    let small = folder.write("small.toml", SMALL);
    let mine = folder.write("mine.toml", "steady_grace = 120\n");
    let compare = |jobs: &str, further: &[&str]| {
        let arguments =
            ["compare", &small, "calm-2", "--seeds", "2", "--days", "0.15", "--tuned", &mine, "--jobs", jobs];
        let ran = run(&[&arguments[..], further].concat());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        ran.out
    };
    let report = folder.path("report");
    let text = compare("1", &["--ablation", "--report", &report]);
    insta::assert_snapshot!("small", text);
    assert_eq!(text, compare("3", &["--ablation", "--out", &folder.path("runs.jsonl")]));

    // The pages hold the tables of the terminal, with the charts beside them.
    let files = std::fs::read_dir(&report).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<_> = files.collect();
    files.sort();
    assert_eq!(files, ["differences.svg", "figures.md", "front.svg", "parts.md", "run.svg", "scenarios.md"]);
    let page = folder.read("report/figures.md") + &folder.read("report/scenarios.md") + &folder.read("report/parts.md");
    let outline: Vec<_> = page.lines().filter(|line| line.starts_with(['#', '!'])).collect();
    insta::assert_snapshot!(outline.join("\n"), @r#"
    # Steady and classic, in figures
    ## Targets against the better classic: cycles of 60 s, 2 seeds
    ## Targets against the best simple baseline: cycles of 60 s, 2 seeds
    ## All policies, sums over the scenarios in a run of each: cycles of 60 s, 2 seeds
    ## Charts
    ![node-hours against avoidable time](front.svg)
    ![scalar minus that of the better classic, by scenario](differences.svg)
    ![a run under classic and steady](run.svg)
    # Steady and classic, scenario by scenario
    ## steady minus the better classic, by seed: cycles of 60 s, 2 seeds
    ## steady / the better classic: cycles of 60 s, 2 seeds
    ## steady-weight minus the better classic, by seed: cycles of 60 s, 2 seeds
    ## steady-weight / the better classic: cycles of 60 s, 2 seeds
    ## steady-defaults minus the better classic, by seed: cycles of 60 s, 2 seeds
    ## steady-defaults / the better classic: cycles of 60 s, 2 seeds
    ## steady-idle minus the better classic, by seed: cycles of 60 s, 2 seeds
    ## steady-idle / the better classic: cycles of 60 s, 2 seeds
    ## steady-tuned minus the better classic, by seed: cycles of 60 s, 2 seeds
    ## steady-tuned / the better classic: cycles of 60 s, 2 seeds
    # Steady without each of its parts
    ## Changes in steady-weight without a part: cycles of 60 s, 4 runs each
    ## Changes in steady without a part: cycles of 60 s, 4 runs each
    "#);
    for name in ["differences.svg", "front.svg", "run.svg"] {
        let picture = folder.read(&format!("report/{name}"));
        let says = |text: &str| assert!(picture.contains(text), "{name}: {text}");
        says("steady");
        match name {
            "front.svg" => says("proportional"),
            "run.svg" => says("small under classic"),
            _ => says("calm-2"),
        }
    }

    // The runs can be scored.
    let scored = run(&["score", &folder.path("runs.jsonl")]);
    assert!(scored.out.contains("steady-weight-without-cpu-limit"), "{}{}", scored.out, scored.err);

    let json: serde_json::Value = serde_json::from_str(&compare("2", &["--json"])).unwrap();
    let schema = include_str!("../../docs/schema/sim-compare.json");
    let schema = jsonschema::draft202012::new(&serde_json::from_str(schema).unwrap()).unwrap();
    let faults: Vec<_> = schema.iter_errors(&json).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn five_scenarios_also_run_in_short_cycles() {
    let ran = run(&["compare", "bursts-2", "--seeds", "6", "--days", "0.02"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let titles = ran.out.lines().filter(|line| line.starts_with("Targets against")).collect::<Vec<_>>();
    insta::assert_snapshot!(titles.join("\n"), @r"
    Targets against the best simple baseline: cycles of 60 s, 6 seeds
    Targets against the better classic: cycles of 60 s, 6 seeds
    Targets against the best simple baseline: cycles of 5 s, 3 seeds
    Targets against the better classic: cycles of 5 s, 3 seeds
    ");
    assert!(ran.out.ends_with("steady-tuned is missing: --tuned was not given.\n"), "{}", ran.out);
}

#[test]
fn interrupted_comparison_covers_the_complete_seeds() {
    let folder = Folder::new();
    let (small, out, report) = (folder.write("small.toml", SMALL), folder.path("runs.jsonl.gz"), folder.path("report"));
    let child = Command::new(BINARY)
        .args(["compare", &small, "--seeds", "100000", "--days", "0.02", "--jobs", "1", "--out", &out])
        .args(["--report", &report])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Each run is flushed, so that the file grows from the first run on.
    while std::fs::metadata(&out).map_or(0, |file| file.len()) < 4000 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    let (text, said) = (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
    assert_eq!(ended.status.code(), Some(130), "{said}");
    let seeds = said
        .strip_prefix("warning: interrupted after ")
        .and_then(|rest| rest.strip_suffix(" of 100000 seeds; the report is not written\n")?.parse::<u64>().ok());
    let seeds = seeds.unwrap_or_else(|| panic!("{said}"));
    assert!(seeds > 0 && text.contains(&format!("cycles of 60 s, {seeds} seed")), "{text}");
    assert!(!std::path::Path::new(&report).join("figures.md").exists());
    let scored = run(&["score", &out]);
    assert!(scored.code == 0 && scored.out.contains("steady-weight"), "{}{}", scored.out, scored.err);
}

#[test]
fn invalid_input_is_refused_before_the_first_run() {
    let folder = Folder::new();
    let typo = folder.write("typo.toml", "steady_rite = 120\n");
    let bounds = folder.write("bounds.toml", "cpu_less_than = 99\n");
    let file = folder.write("file", "");
    let inside = format!("{file}/report");
    for (arguments, said) in [
        (&["strom-2"][..], "no such scenario: strom-2\nhint: use storms-2"),
        (&["calm-2", "calm"], "two scenarios have the name calm-2"),
        (&["calm-2", "--tuned", "nowhere.toml"], "cannot read nowhere.toml"),
        (&["calm-2", "--tuned", &typo], "typo.toml:1: invalid TOML: "),
        (
            &["calm-2", "--tuned", &bounds],
            "policy steady-tuned: cpu_less_than (99.0 %) must be below cpu_remove (70.0 %)",
        ),
        (&["calm-2", "--days", "0.0001"], "invalid --days 0.0001: shorter than one cycle of 60 s"),
        (&["calm-2", "--out", "no/x.jsonl"], "cannot write no/x.jsonl"),
        (&["calm-2", "--report", &inside], "cannot write"),
    ] {
        let ran = run(&[&["compare"], arguments].concat());
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{arguments:?}");
        assert!(ran.err.starts_with("error: ") && ran.err.contains(said), "{arguments:?}: {}", ran.err);
    }
    for arguments in [&["--seeds", "0"][..], &["--days", "0"], &["--cycle", "7"], &["--jobs", "0"]] {
        assert_eq!(run(&[&["compare"], arguments].concat()).code, 2, "{arguments:?}");
    }
}
