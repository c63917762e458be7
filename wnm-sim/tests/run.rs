//! `wnm-sim run` and `wnm-sim score`: output, files and errors.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use common::{Folder, run, run_with};

/// A host without randomness, so that its figures are known.
const PLAIN: &str = r#"
about = "for tests"
[host]
cpus = 4
memory_gb = 16
disk_gb = 1000
[colony]
cap_per_core = 5
start_per_core = 3
[[load]]
kind = "constant"
percent = 10
[model]
cpu_spread = 0
surge = 0
own_wander = 0
background_wander = 0
noise = 0
spikes_per_hour = 0
"#;

#[test]
fn table_shows_scores_and_ranks() {
    let folder = Folder::new();
    let plain = folder.write("plain.toml", PLAIN);
    let ran = run(&["run", &plain, "--policy", "fixed:12", "--policy", "fixed:16", "--seeds", "2", "--days", "0.5"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out, @r"
    scenario  policy    cycle  runs         scalar   of best %       over %  avoidable %  bound %  lost core-hours    stalled %        churn  flaps  deleted  GB  out of memory s  disk full s
    plain     fixed:12   60 s     2  0.600 ± 0.000  60.0 ± 0.0  0.00 ± 0.00  0.00 ± 0.00     0.00        0.0 ± 0.0  0.00 ± 0.00  0.00 ± 0.00  0 ± 0    0 ± 0   0                0            0
    plain     fixed:16   60 s     2  0.799 ± 0.000  79.9 ± 0.0  0.00 ± 0.00  0.00 ± 0.00     0.00        0.0 ± 0.0  0.00 ± 0.00  0.00 ± 0.00  0 ± 0    0 ± 0   0                0            0

    rank  policy    cycle  scenarios  scalar
    1     fixed:16   60 s          1   0.799
    2     fixed:12   60 s          1   0.600
    ");
    let ran = run(&["run", &plain, "--policy", "fixed:12", "--seeds", "1", "--days", "0.5", "--json"]);
    insta::assert_snapshot!(ran.out, @r#"{"scores":[{"scenario":"plain","policy":"fixed:12","days":0.5,"cycle":60,"runs":1,"scalar":{"mean":0.6,"within":null},"yielded":{"mean":0.6,"within":null},"node_hours":{"mean":144.0,"within":null},"lost_core_hours":{"mean":0.0,"within":null},"stalled":{"mean":0.0,"within":null},"over":{"mean":0.0,"within":null},"avoidable":{"mean":0.0,"within":null},"bound":{"mean":0.0,"within":null},"severity":{"mean":0.0,"within":null},"churn":{"mean":0.0,"within":null},"flaps":{"mean":0.0,"within":null},"deletions":{"mean":0.0,"within":null},"deleted_bytes":{"mean":0.0,"within":null},"deleted_age_hours":{"mean":0.0,"within":null},"out_of_memory":{"mean":0.0,"within":null},"disk_full":{"mean":0.0,"within":null}}],"pooled":[{"policy":"fixed:12","cycle":60,"scenarios":1,"seeds":1,"node_hours":{"mean":144.0,"within":null},"node_hours_best":{"mean":240.0,"within":null},"of_best":{"mean":0.6,"within":null},"lost_core_hours":{"mean":0.0,"within":null},"stalled_hours":{"mean":0.0,"within":null},"over_hours":{"mean":0.0,"within":null},"avoidable_hours":{"mean":0.0,"within":null},"churn":{"mean":0.0,"within":null},"flaps":{"mean":0.0,"within":null},"deleted_bytes":{"mean":0.0,"within":null},"out_of_memory":{"mean":0.0,"within":null},"disk_full":{"mean":0.0,"within":null}}],"ranking":[{"policy":"fixed:12","cycle":60,"scenarios":1,"scalar":{"mean":0.6,"within":null}}]}"#);
}

#[test]
fn runs_do_not_depend_on_jobs_and_can_be_scored_again() {
    let folder = Folder::new();
    let out = |name: &str, jobs: &str| {
        let path = folder.path(name);
        let arguments =
            ["run", "storms-2", "leaks-2", "--policy", "classic", "--policy", "aimd", "--seeds", "3", "--days", "0.5"];
        let ran = run(&[&arguments[..], &["--jobs", jobs, "--out", &path]].concat());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        (path, ran.out)
    };
    let (one, printed) = out("one.jsonl", "1");
    let (many, same) = out("many.jsonl", "4");
    let text = std::fs::read_to_string(&one).unwrap();
    assert_eq!(text, std::fs::read_to_string(many).unwrap());
    assert_eq!((printed.as_str(), text.lines().count()), (same.as_str(), 12));
    assert_eq!(run(&["score", &one]).out, printed);
    assert_eq!(run_with(&["score", "-"], text.as_bytes()).out, printed);
    // With `--out -` standard output holds the runs alone.
    let ran = run(&["run", "storms-2", "--seeds", "1", "--days", "0.1", "--out", "-"]);
    assert!(ran.out.starts_with("{\"wnm_run\":1,\"scenario\":\"storms-2\"") && ran.out.lines().count() == 1);
}

#[test]
fn recorded_run_can_be_drawn_and_replayed() {
    let folder = Folder::new();
    let (trace, picture) = (folder.path("run.jsonl.gz"), folder.path("run.svg"));
    let ran = run(&["run", "jump-2", "--seeds", "1", "--days", "0.5", "--trace", &trace]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let drawn = run(&["chart", &trace, "-o", &picture]);
    assert_eq!((drawn.code, drawn.err.as_str()), (0, ""));
    assert!(std::fs::read_to_string(picture).unwrap().contains("headroom to add"));
    let replayed = run(&["replay", &trace]);
    assert!(replayed.out.contains("720 samples over 11h 59m"), "{}{}", replayed.out, replayed.err);
}

#[test]
fn invalid_input_is_refused_with_the_reason() {
    let folder = Folder::new();
    let wrong = |name: &str, from: &str, to: &str| folder.write(name, &PLAIN.replace(from, to));
    let typo = wrong("typo.toml", "start_per_core", "start_pre_core");
    let negative = wrong("negative.toml", "memory_gb = 16", "memory_gb = -16");
    let kind = wrong("kind.toml", "\"constant\"", "\"quake\"");
    let colony = wrong("colony.toml", "start_per_core = 3", "start_per_core = 30");
    let host = wrong("host.toml", "cpus = 4", "cpus = 0");
    let trace = wrong("trace.toml", "kind = \"constant\"\npercent = 10", "kind = \"trace\"\ntrace = \"no.jsonl\"");
    let bounds = folder.write("bounds.toml", &format!("{PLAIN}\n[settings]\ncpu_less_than = 90\n"));
    let policy = folder.write("policy.toml", "cpu_less_than = 80\ncpu_remove = 60\n");
    let policy_typo = folder.write("policy-typo.toml", "cpu_remove = 60\nnode_cup = 3\n");
    for (arguments, said) in [
        (&["strom-2"][..], "no such scenario: strom-2\nhint: use storms-2"),
        (&["xyz"], "no such scenario: xyz\nhint: use all, a .toml file, or one of calm, noisy,"),
        (&["nowhere.toml"], "cannot read nowhere.toml: no such file"),
        (&[typo.as_str()], "typo.toml:9: invalid TOML: "),
        (&[typo.as_str()], "unknown key start_pre_core, allowed: cap_per_core, start_per_core"),
        (&[negative.as_str()], "negative.toml:5: invalid TOML: "),
        (&[negative.as_str()], "the number -16 is not finite or below 0"),
        (&[kind.as_str()], "unknown word quake, allowed: constant, noisy"),
        (&[colony.as_str()], "colony.toml:9: colony: start_per_core 30 is above cap_per_core 5"),
        (&[host.as_str()], "host.toml:4: host: cpus must be above 0"),
        (&[trace.as_str()], "no.jsonl: no such file"),
        (
            &[bounds.as_str()],
            "scenario bounds: invalid settings: cpu_less_than (90.0 %) must be below cpu_remove (70.0 %)",
        ),
        (
            &["calm-2", "--set", "cpu_remove=40"],
            "invalid settings: cpu_less_than (50.0 %) must be below cpu_remove (40.0 %)",
        ),
        (&["calm-2", "--set", "node_cup=4"], "did you mean node_cap?"),
        (
            &["calm-2", "--policy", policy.as_str()],
            "policy policy: cpu_less_than (80.0 %) must be below cpu_remove (60.0 %)",
        ),
        (&["calm-2", "--policy", policy_typo.as_str()], "policy-typo.toml:2: invalid TOML: "),
        (
            &["calm-2", "--policy", "clasic"],
            "--policy clasic: invalid value \"clasic\" for preset: not one of classic, steady",
        ),
        (&["calm-2", "--policy", "no.toml"], "cannot read no.toml"),
        (&["calm-2", "--policy", "fixed:many"], "invalid --policy fixed:many: fixed: needs a number of nodes"),
        (&["calm-2", "--days", "0.0001", "--cycle", "60"], "invalid --days 0.0001: shorter than one cycle of 60 s"),
        (
            &["calm", "--trace", "x.jsonl", "--seeds", "1"],
            "--trace writes a single run, and these arguments give 4 runs",
        ),
        (&["calm-2", "--out", "no/x.jsonl"], "cannot write no/x.jsonl"),
    ] {
        let ran = run(&[&["run"], arguments].concat());
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{arguments:?}");
        assert!(ran.err.starts_with("error: ") && ran.err.contains(said), "{arguments:?}: {}", ran.err);
    }
    for arguments in [
        &["run"][..],
        &["run", "calm-2", "--seeds", "0"],
        &["run", "calm-2", "--days", "0"],
        &["run", "calm-2", "--days", "NaN"],
        &["run", "calm-2", "--cycle", "0"],
        &["run", "calm-2", "--cycle", "7"],
        &["run", "calm-2", "--jobs", "0"],
        &["score"],
    ] {
        assert_eq!(run(arguments).code, 2, "{arguments:?}");
    }
}

/// An incomplete or impossible scenario names the key, and the line of its table or of the key itself.
#[test]
fn scenario_names_what_it_lacks_with_the_line() {
    let folder = Folder::new();
    folder.write("bare.jsonl", "{\"ts\": 1000, \"used_cpu_percent\": 10}\n");
    let trace = "kind = \"trace\"\ntrace = \"bare.jsonl\"";
    for (from, to, said) in [
        ("cpus = 4\n", "", "x.toml:3: invalid TOML: missing key cpus"),
        ("percent = 10\n", "", "x.toml:10: invalid TOML: missing key percent"),
        (
            PLAIN,
            "[model]\ncpu_cores = 1\n",
            "x.toml:1: invalid TOML: missing key about\nhint: a scenario needs about = ",
        ),
        ("[model]\n", "[model]\nsurge_seconds = 0\n", "x.toml:14: model: surge_seconds must be above 0"),
        (
            "[model]\n",
            "[model]\nmemory_start_mb = 999\n",
            "x.toml:14: model: memory_start_mb 999 is above memory_full_mb 180",
        ),
        ("[[load]]", "[memory]\nsqueeze = 10\n[[load]]", "x.toml:11: memory: squeeze needs the key often"),
        ("[[load]]", "[disks]\nvolumes = [60, 60]\n[[load]]", "x.toml:11: disks: the volumes add up to 120 %"),
        (
            "kind = \"constant\"\npercent = 10",
            trace,
            "bare.jsonl:1: no number of processors: the header has no key host.cpus\nhint: set it with --cpus N",
        ),
    ] {
        let path = folder.write("x.toml", &PLAIN.replacen(from, to, 1));
        let ran = run(&["run", &path]);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{to}");
        assert!(ran.err.contains(said), "{to}: {}", ran.err);
    }
}

/// A trace of background load without a header needs the number of processors, from a flag or beside its name.
#[test]
fn background_trace_without_header_takes_the_processors_from_flag_or_scenario() {
    let folder = Folder::new();
    let samples: String =
        (0..120).map(|i| format!("{{\"ts\": {}, \"used_cpu_percent\": 30}}\n", 1000 + 5 * i)).collect();
    folder.write("bare.jsonl", &samples);
    let load = "kind = \"trace\"\ntrace = \"bare.jsonl\"";
    let bare = folder.write("bare.toml", &PLAIN.replace("kind = \"constant\"\npercent = 10", load));
    let keyed =
        folder.write("keyed.toml", &PLAIN.replace("kind = \"constant\"\npercent = 10", &format!("{load}\ncpus = 8")));
    let short = ["--days", "0.05", "--seeds", "1"];
    let flagged = run(&[&["run", bare.as_str(), "--cpus", "8"], &short[..]].concat());
    assert_eq!((flagged.code, flagged.err.as_str()), (0, ""));
    assert_eq!(flagged.out.replace("bare ", "keyed"), run(&[&["run", keyed.as_str()], &short[..]].concat()).out);
    for command in [&["tune", "--budget", "20", "--scenario"][..], &["compare"]] {
        let ran = run(&[command, &[bare.as_str(), "--cpus", "8", "--days", "0.01"], &["--jobs", "1"]].concat());
        let want_of_budget = ran.err.contains("budget");
        assert!(ran.code == 0 || want_of_budget, "{command:?}: {}", ran.err);
    }
}

#[test]
fn files_without_runs_are_refused_with_the_line() {
    let folder = Folder::new();
    let ran = run(&["run", "calm-2", "--seeds", "2", "--days", "0.1", "--out", "-"]);
    let (whole, first) = (ran.out.clone(), ran.out.lines().next().unwrap().to_owned());
    let cut = folder.write("cut.jsonl", &whole[..whole.len() - 40]);
    let later = folder.write("later.jsonl", &whole.replacen("\"wnm_run\":1", "\"wnm_run\":2", 1));
    let other = folder.write("other.jsonl", &format!("{first}\n{{\"ts\": 5}}\n"));
    let empty = folder.write("empty.jsonl", "\n");
    let packed = folder.write("packed.jsonl.gz", &whole);
    for (file, said) in [
        (&cut, "cut.jsonl:2: invalid JSON: EOF while parsing"),
        (&later, "later.jsonl:1: wnm_run is 2, and this wnm-sim reads version 1"),
        (&other, "other.jsonl:2: invalid JSON: unknown field `ts`, expected one of `wnm_run`"),
        (&empty, "empty.jsonl: the file is empty"),
        (&packed, "packed.jsonl.gz:1: cannot read further"),
    ] {
        let ran = run(&["score", file]);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{said}");
        assert!(ran.err.contains(said), "{said}: {}", ran.err);
    }
    assert_eq!(run(&["score", "nowhere.jsonl"]).code, 1);
}
