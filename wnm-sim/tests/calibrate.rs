//! `wnm-sim calibrate`: recovery of known constants, recorded hosts, and errors.
#![expect(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::collections::BTreeMap;

use common::{Folder, run, run_with};
use serde_json::Value;

/// Constants that differ from every default.
const MODEL: &str = "
[model]
cpu_cores = 0.08
cpu_spread = 0.1
surge = 4
surge_seconds = 45
memory_start_mb = 60
memory_full_mb = 240
memory_seconds = 900
disk_gb = 5
disk_seconds = 3600
own_wander = 0.03
own_wander_seconds = 120
background_wander = 0.04
background_wander_seconds = 90
noise = 0.03
spikes_per_hour = 0
";

const SCENARIO: &str = r#"
about = "for tests"
[host]
cpus = 4
memory_gb = 16
disk_gb = 500
[colony]
cap_per_core = 5
start_per_core = 2
[[load]]
kind = "constant"
percent = 20
[nodes]
deaths_per_node_day = 10
"#;

/// Runs a scenario in cycles of `cycle` seconds and returns the path of its trace.
fn trace(folder: &Folder, scenario: &str, days: &str, cycle: &str) -> String {
    let scenario = folder.write("known.toml", scenario);
    let trace = folder.path("known.jsonl.gz");
    let length = ["--days", days, "--cycle", cycle, "--seed", "2", "--seeds", "1"];
    let ran = run(&[&["run", &scenario, "--set", "delay_start=60", "--trace", &trace][..], &length].concat());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    trace
}

fn report(arguments: &[&str]) -> Value {
    let ran = run(&[&["calibrate", "--json"], arguments].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let schema = include_str!("../../docs/schema/sim-calibrate.json");
    let schema = jsonschema::draft202012::new(&serde_json::from_str(schema).unwrap()).unwrap();
    let faults: Vec<_> = schema.iter_errors(&report).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert_eq!(faults, [""; 0]);
    report
}

fn constants(report: &Value) -> BTreeMap<String, f64> {
    let constant = |one: &Value| (one["name"].as_str().unwrap().to_owned(), one["value"].as_f64().unwrap());
    report["model"].as_array().unwrap().iter().map(constant).collect()
}

fn verdicts(report: &Value) -> Vec<&str> {
    report["verdict"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect()
}

/// Returns the trace of a host with two processors and `samples` samples, ten seconds apart: the background load uses a
/// third of the processors, four nodes use 4 % and 50 MB each, and one more node starts at each quarter.
fn machine(samples: u32, line: impl Fn(u32, &mut serde_json::Map<String, Value>)) -> String {
    let mut text = "{\"wnm_trace\": 1, \"host\": {\"cpus\": 2, \"memory_bytes\": 1000000000}}\n".to_owned();
    for i in 0..samples {
        let nodes = 4 + 4 * i / samples;
        let uneven = f64::from(i * 7 % 5) * 0.1;
        let sample = serde_json::json!({
            "ts": 1_000_000 + 10 * i, "running_nodes": nodes, "used_cpu_percent": 33.0 + 4.0 * f64::from(nodes) + uneven,
            "used_mem_percent": 20.0 + 5.0 * f64::from(nodes) + uneven,
            "load_average_1": 1.0, "load_average_5": 1.0, "load_average_15": 1.0
        });
        let Value::Object(mut sample) = sample else { continue };
        line(i, &mut sample);
        text.push_str(&format!("{}\n", Value::Object(sample)));
    }
    text
}

/// The sum over seventy different nodes hides a single start.
#[test]
fn small_surge_is_found_among_many_different_nodes() {
    let folder = Folder::new();
    let text = [
        ("surge = 4", "surge = 2"),
        ("surge_seconds = 45", "surge_seconds = 100"),
        ("cpu_spread = 0.1", "cpu_spread = 0.3"),
        ("cap_per_core = 5", "cap_per_core = 15"),
        ("deaths_per_node_day = 10", "deaths_per_node_day = 0"),
    ]
    .into_iter()
    .fold(format!("{SCENARIO}{MODEL}"), |text, (from, to)| text.replace(from, to));
    let report = report(&[&trace(&folder, &text, "0.5", "60")]);
    let found = constants(&report);
    for (name, known) in [("surge", 2.0), ("surge_seconds", 100.0)] {
        assert!(
            (found.get(name).unwrap_or(&f64::NAN) / known - 1.0).abs() < 0.15,
            "{name}: found {found:?}, which is {known}"
        );
    }
}

#[test]
fn constants_of_a_run_are_recovered() {
    let folder = Folder::new();
    let trace = trace(&folder, &format!("{SCENARIO}{MODEL}"), "0.09", "5");
    let model = folder.path("model.toml");
    let report = report(&[&trace, "--out", &model]);
    assert_eq!(verdicts(&report), ["credible for cpu, memory, disk and load"]);
    let (found, known) = (constants(&report), MODEL.parse::<toml::Table>().unwrap());
    for (name, within) in [
        ("cpu_cores", 0.05),
        ("cpu_spread", 0.35),
        ("surge", 0.1),
        ("surge_seconds", 0.05),
        ("memory_start_mb", 0.01),
        ("memory_full_mb", 0.01),
        ("memory_seconds", 0.01),
        ("disk_gb", 0.01),
        ("disk_seconds", 0.01),
        ("own_wander", 0.2),
        ("own_wander_seconds", 0.5),
        ("background_wander", 0.2),
        ("background_wander_seconds", 0.5),
        ("noise", 0.1),
    ] {
        let known = known["model"][name].as_float().or(known["model"][name].as_integer().map(|n| n as f64)).unwrap();
        let found = found.get(name).unwrap_or(&f64::NAN);
        assert!((found / known - 1.0).abs() <= within, "{name}: found {found}, which is {known}");
    }
    assert!((report["background"]["cpu_percent"].as_f64().unwrap() - 20.0).abs() < 1.0);
    // The fitted table completes a scenario that runs.
    let fitted = std::fs::read_to_string(model).unwrap();
    let scenario = folder.write("fitted.toml", &format!("{SCENARIO}{fitted}"));
    let ran = run(&["run", &scenario, "--days", "0.01", "--seeds", "1"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    for (name, value) in found {
        assert!(fitted.contains(&format!("\n{name} = {value}\n")), "{name}: {fitted}");
    }
}

#[test]
fn recorded_hosts_get_honest_verdicts() {
    for trace in ["ramp", "buildload"] {
        let file = format!("{trace}-1s.jsonl.gz");
        let ran = run(&["calibrate", &file, "--cpus", "2"]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        insta::assert_snapshot!(format!("{trace} calibrated"), ran.out);
    }
    let ran = run(&["calibrate", "ramp-1s.jsonl.gz", "buildload-1s.jsonl.gz", "--cpus", "2", "--out", "-"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!("both calibrated, as a table", ran.out);
}

#[test]
fn counted_nodes_are_fitted_from_the_use_of_the_host() {
    let ran = run_with(&["calibrate", "-"], machine(200, |_, _| {}).as_bytes());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out, @"
    2 processors, 200 samples in 33 min, up to 7 nodes, 3 starts

    constant           signal    fitted
    cpu_cores          cpu         0.08
    background_wander  cpu            0
    noise              cpu     0.007074
    memory_start_mb    memory     49.99
    memory_full_mb     memory     49.99

    The background load uses 33.2 % of the processors (median).

    signal  of           mean   error  bound  held out      verdict
    cpu     host   1.10 cores   0.7 %   10 %       199     credible
    memory  host    477.39 MB   0.4 %    5 %       199     credible
    disk    nodes           -       -    2 %         0  cannot tell
    load    host   1.00 tasks  10.8 %   20 %         0     credible

    credible for cpu, memory and load
    cannot tell for disk: the trace has no disk use of nodes
    ");
}

#[test]
fn gaps_reboots_and_invalid_lines_are_counted_and_not_fitted() {
    let broken = machine(200, |i, sample| {
        let ts = 1_000_000 + 10 * i + if i >= 50 { 86_400 } else { 0 };
        sample.insert("ts".to_owned(), if i == 150 { 5.into() } else { ts.into() });
        if i == 100 {
            sample.insert("rebooted".to_owned(), true.into());
        }
        // Samples after a gap or reboot describe that time, not normal work.
        if i == 50 || i == 100 {
            sample.insert("used_cpu_percent".to_owned(), 90.into());
            sample.insert("used_mem_percent".to_owned(), 90.into());
        }
    });
    let ran = run_with(&["calibrate", "-", "--lenient"], broken.as_bytes());
    insta::assert_snapshot!(ran.err, @"
    warning: skipped -:152:1: ts 5 is earlier than the sample before, 1087890
    warning: -: 1 invalid line skipped
    ");
    let heading = ran.out.lines().next().unwrap();
    assert_eq!(
        heading,
        "2 processors, 199 samples in 33 min, up to 7 nodes, 8 starts, 1 gap, 1 reboot, 1 skipped line"
    );
    let row = |signal: &str| ran.out.lines().find(|line| line.starts_with(signal) && line.contains('%')).unwrap();
    assert!(row("cpu ").contains(" 0.6 % "), "{}", ran.out);
    assert!(row("memory ").contains(" 0.4 % "), "{}", ran.out);
    let ran = run_with(&["calibrate", "-"], broken.as_bytes());
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    insta::assert_snapshot!(ran.err, @"error: -:152:1: ts 5 is earlier than the sample before, 1087890");
}

#[test]
fn missing_data_is_named_in_the_verdict() {
    let without = |key: &'static str| {
        machine(100, move |_, sample| {
            sample.remove(key);
        })
    };
    let constant = |key: &'static str, value: u32| {
        machine(100, move |_, sample| {
            sample.insert(key.to_owned(), value.into());
        })
    };
    let listed = |memory: u64, growth: u64| {
        move |i: u32, sample: &mut serde_json::Map<String, Value>| {
            sample.insert("running_nodes".to_owned(), Value::Null);
            let disk = 1 + growth * u64::from(i);
            let node = |id: u32| {
                serde_json::json!({
                    "id": id, "state": "RUNNING", "born": 1_000_000, "cpu": 0.05, "memory": memory, "disk": disk
                })
            };
            sample.insert("nodes".to_owned(), (1..=3).map(node).collect());
        }
    };
    for (trace, said) in [
        (without("used_cpu_percent"), "cannot tell for cpu: the trace has neither cpu of nodes nor used_cpu_percent"),
        (
            without("used_mem_percent"),
            "cannot tell for memory: the trace has neither memory of nodes nor used_mem_percent with the total memory",
        ),
        (
            without("load_average_5"),
            "cannot tell for load: 0 samples have used_cpu_percent, load averages and free processors; 40 are needed",
        ),
        (
            constant("running_nodes", 3),
            "cannot tell for cpu: the number of nodes is constant, so that their use cannot be separated from the background \
             load; record starts or stops, or each node (wnm record)",
        ),
        (constant("used_cpu_percent", 100), "cannot tell for cpu: 0 samples have unlimited nodes; 40 are needed"),
        (constant("used_mem_percent", 20), "cannot tell for memory: too little variation (less than 1 %)"),
        (machine(100, listed(60_000_000, 0)), "cannot tell for memory: too little variation (less than 1 %)"),
        (machine(100, listed(60_000_000, 0)), "cannot tell for cpu: too little variation (less than 1 %)"),
        (
            machine(100, listed(0, 1_000_000)),
            "cannot tell for disk: nodes still grow: the oldest is 0.3 h old; 1.1 h are needed",
        ),
    ] {
        let ran = run_with(&["calibrate", "-"], trace.as_bytes());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        assert!(ran.out.lines().any(|line| line == said), "{said}: {}", ran.out);
    }
}

#[test]
fn invalid_input_is_refused_with_the_reason() {
    let folder = Folder::new();
    let whole = machine(100, |_, _| {});
    let one = folder.write("one.jsonl", &whole);
    let short = folder.write("short.jsonl", &machine(12, |_, _| {}));
    let single = folder.write("single.jsonl", &machine(1, |_, _| {}));
    let bare = folder.write("bare.jsonl", whole.split_once('\n').unwrap().1);
    let empty = folder.write(
        "empty.jsonl",
        &machine(100, |_, sample| {
            sample.remove("running_nodes");
        }),
    );
    let other = folder.write("other.jsonl", &whole.replace("\"cpus\": 2", "\"cpus\": 4"));
    let small = folder.write("small.jsonl", &whole.replace("1000000000}", "500000000}"));
    let known = folder.write("known.toml", SCENARIO);
    for (arguments, said) in [
        (&[short.as_str()][..], "hint: record at least 7 minutes"),
        (&[&single], "single.jsonl: the trace has 0 s in 0 steps of 5 s without gaps\nhint: record at least 5 minutes"),
        (
            &[&bare],
            "bare.jsonl: the number of processors is unknown: the header has no host.cpus\nhint: set it with --cpus N",
        ),
        (&[&empty], "empty.jsonl: no sample has nodes\nhint: "),
        (&[&one, &other], "other.jsonl: 4 processors, but 2 in the traces before: not the same host"),
        (&[&one, &small], "small.jsonl: 500 MB of memory, but 1000 MB in the traces before: not the same host"),
        (&[&one, &one], "the trace covers the same time as"),
        (&["nowhere.jsonl"], "cannot read nowhere.jsonl"),
        (&[&known], "known.toml:2:1:"),
        (&[&one, "--out", "no/model.toml"], "cannot write no/model.toml"),
    ] {
        let ran = run(&[&["calibrate"], arguments].concat());
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{arguments:?}");
        assert!(ran.err.starts_with("error: ") && ran.err.contains(said), "{arguments:?}: {}", ran.err);
    }
    for arguments in [&["calibrate"][..], &["calibrate", &one, "--cpus", "0"]] {
        assert_eq!(run(arguments).code, 2, "{arguments:?}");
    }
}
