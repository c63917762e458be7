//! The steady preset on the capacity model under constant background load: the colony settles within a day and does not
//! change after that (invariants 16 and 17).
#![expect(clippy::unwrap_used, reason = "a test may")]

mod common;

use common::run;
use serde_json::Value;

/// A host on which only the processors limit the number of nodes.
const HOST: &str = r#"
about = "for tests"
[host]
cpus = 4
memory_gb = 64
disk_gb = 20000
[colony]
cap_per_core = 40
start_per_core = 3
"#;

const NO_NOISE: &str = "
[model]
own_wander = 0
background_wander = 0
noise = 0
spikes_per_hour = 0
";

/// Seconds after which the colony has settled.
const SETTLED: f64 = 86_400.0;

struct Host {
    folder: tempfile::TempDir,
    scenario: String,
}

impl Host {
    /// Returns a host with this background load in percent.
    fn new(background: u32, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scenario = folder.path().join("constant.toml").to_str().unwrap().to_owned();
        let load = format!("[[load]]\nkind = \"constant\"\npercent = {background}\n");
        std::fs::write(&scenario, format!("{HOST}{load}{more}")).unwrap();
        Self { folder, scenario }
    }

    /// Runs three days and returns the score.
    fn run(&self, arguments: &[&str]) -> Value {
        let ran = run(&[&["run", &self.scenario, "--days", "3", "--json"], arguments].concat());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        serde_json::from_str::<Value>(&ran.out).unwrap()["scores"][0].clone()
    }

    /// Runs steady and returns the actions of the first day and of the days after it.
    fn actions(&self, cpu_limit: &str, seed: &str) -> [Vec<String>; 2] {
        let trace = self.folder.path().join("run.jsonl");
        let trace = trace.to_str().unwrap();
        self.run(&["--policy", "steady", "--set", cpu_limit, "--seed", seed, "--seeds", "1", "--trace", trace]);
        let text = std::fs::read_to_string(trace).unwrap();
        let mut actions = [const { Vec::new() }; 2];
        let mut began = None;
        for line in text.lines().filter(|line| line.contains("\"decided\"")) {
            let line: Value = serde_json::from_str(line).unwrap();
            let at = line["ts"].as_f64().unwrap();
            let later = at - *began.get_or_insert(at) > SETTLED;
            let verb = |planned: &Value| planned["action"]["action"].as_str().unwrap().to_owned();
            actions[usize::from(later)].extend(line["decided"].as_array().unwrap().iter().map(verb));
        }
        actions
    }
}

fn settles(cpu_limit: &str) {
    for (background, seed) in [(20, "1"), (60, "2")] {
        let [first, later] = Host::new(background, NO_NOISE).actions(cpu_limit, seed);
        assert!(!first.is_empty(), "{cpu_limit}, {background} %: no action on the first day");
        assert_eq!(later, [""; 0], "{cpu_limit}, {background} %");
    }
    // With noise, a quiet period can allow one more node, and that node stays.
    let [_, later] = Host::new(40, "").actions(cpu_limit, "3");
    assert!(later.iter().all(|verb| verb == "add") && later.len() < 3, "{cpu_limit}: {later:?}");
}

#[test]
fn steady_settles_without_cpu_limit() {
    settles("cpu_limit=false");
}

#[test]
fn steady_settles_with_cpu_limit() {
    settles("cpu_limit=true");
}

#[test]
fn steady_does_not_flap_with_noise() {
    let flaps = |score: Value| score["flaps"]["mean"].as_f64().unwrap();
    for background in [10, 60] {
        let host = Host::new(background, "");
        for cpu_limit in ["cpu_limit=true", "cpu_limit=false"] {
            let steady = host.run(&["--policy", "steady", "--set", cpu_limit, "--seeds", "3"]);
            assert!(flaps(steady) == 0.0, "{cpu_limit}, {background} %");
        }
    }
    // The scenario that does flap shows that the score counts flaps.
    let ran = run(&["run", "bursts-2", "--policy", "classic", "--days", "1", "--seeds", "1", "--json"]);
    assert!(flaps(serde_json::from_str::<Value>(&ran.out).unwrap()["scores"][0].clone()) > 0.0);
}
