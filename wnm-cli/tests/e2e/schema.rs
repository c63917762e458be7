//! The JSON output of every command, compared with the schemas in `docs/schema`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Deserializer, Value};
use wnm_platform::fake_node::Behaviour;

use crate::host::{Host, Ran, turn};
use crate::takeover::Python;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema")
}

/// The commands of `wnm` with the schema of their output, as `docs/schema/README.md` lists them; None without JSON.
static COMMANDS: LazyLock<Vec<(Vec<String>, Option<String>)>> = LazyLock::new(|| {
    let page = fs::read_to_string(folder().join("README.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let rows = rows.filter(|(commands, _)| !commands.starts_with("wnm-sim"));
    let commands = rows.flat_map(|(commands, written)| {
        let schema = written.split_once("](").and_then(|(_, file)| Some(file.split_once(".json)")?.0.to_owned()));
        let words = |command: &str| command.split_whitespace().map(str::to_owned).collect();
        commands.split("`, `").map(|command| (words(command), schema.clone())).collect::<Vec<_>>()
    });
    commands.collect()
});

static SCHEMAS: LazyLock<BTreeMap<String, Validator>> = LazyLock::new(|| {
    let names =
        COMMANDS.iter().filter_map(|(_, schema)| schema.clone()).chain(["error".to_owned(), "live-event".to_owned()]);
    let read = |name: String| {
        let text = fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
        let schema: Value = serde_json::from_str(&text).unwrap();
        jsonschema::meta::validate(&schema).unwrap();
        (name, jsonschema::draft202012::new(&schema).unwrap())
    };
    names.collect::<BTreeSet<_>>().into_iter().map(read).collect()
});

/// Returns the name of the schema for a command line: that of the longest command whose words all occur in it.
fn of(words: &[&str]) -> Option<&'static str> {
    let is_this = |(command, _): &&(Vec<String>, _)| command.iter().all(|word| words.contains(&word.as_str()));
    let found = COMMANDS.iter().filter(is_this).max_by_key(|(command, _)| command.len());
    let (_, schema) = found.unwrap_or_else(|| panic!("docs/schema/README.md has no schema for {words:?}"));
    schema.as_deref()
}

#[track_caller]
pub(crate) fn validate(name: &str, document: &Value) {
    let faults: Vec<_> = SCHEMAS[name].iter_errors(document).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(faults.is_empty(), "the output violates docs/schema/{name}.json: {faults:#?} in {document:#}");
}

/// Checks everything that a command wrote as JSON.
#[track_caller]
pub(crate) fn check(words: &[&str], ran: &Ran) {
    let is_json = words.contains(&"--json") || words.windows(2).any(|pair| pair == ["--format", "json"]);
    if !is_json {
        return;
    }
    // An invalid command line names no command and writes only an error.
    let schema = if ran.code() == 2 { None } else { of(words) };
    if let Some(name) = schema.filter(|_| !ran.out.is_empty()) {
        for document in Deserializer::from_str(&ran.out).into_iter::<Value>() {
            validate(name, &document.unwrap_or_else(|error| panic!("{words:?}: {error}: {}", ran.out)));
        }
    }
    let error = ran.err.lines().last().filter(|line| line.starts_with('{'));
    if let Some(error) = error.filter(|_| words.contains(&"--json")) {
        validate("error", &serde_json::from_str(error).unwrap());
    }
}

/// The exit code and the words of every command that writes JSON, from the first node to the teardown.
const LINES: &[(i32, &str)] = &[
    (0, "status"),
    (0, "hold --reason test"),
    (0, "resume"),
    (1, "explain"),
    (0, "run --dry-run"),
    (0, "node add --count 2 --dry-run"),
    (0, "node add --count 2"),
    (0, "run"),
    (0, "node survey"),
    (0, "node list"),
    (0, "node list 1"),
    (0, "node show"),
    (0, "node logs 1"),
    (0, "node stop 1"),
    (0, "node start 1"),
    (0, "node restart 1"),
    (0, "node upgrade 1"),
    (1, "node remove 1"),
    (1, "node stop 9"),
    (0, "node disable 2"),
    (0, "node enable 2"),
    (0, "node reset 2 --yes"),
    (0, "node update 2 --set start_args=--relay"),
    (3, "node move 2 --to /nowhere"),
    (0, "storage list"),
    (0, "status"),
    (0, "explain"),
    (0, "history"),
    (0, "events"),
    (0, "db path"),
    (0, "db check"),
    (0, "db migrate"),
    (0, "service show --cron"),
    (0, "report node-status"),
    (0, "report node-status 1"),
    (0, "report node-status-details"),
    (0, "report machine-config"),
    (0, "report machine-metrics"),
    (1, "report influx-resources"),
    (0, "config path"),
    (0, "config accept"),
    (0, "config describe node_cap"),
    (0, "config list"),
    (0, "config get node_cap"),
    (0, "config get antctl_version"),
    (0, "config set network evm-arbitrum-one"),
    (0, "config unset network"),
    (0, "doctor"),
    (2, "node stop"),
    (2, "frobnicate"),
    (2, "--force_action teleport"),
    (0, "node remove 1 --yes"),
    (0, "trash list"),
    (0, "trash restore 1"),
    (0, "node restore 1"),
    (1, "trash restore 9"),
    (0, "node remove 2 --yes"),
    (0, "teardown --yes"),
];

#[test]
fn output_of_every_command_matches_its_schema() {
    let host = Host::new();
    // The tests of the API compare its events, and those of fleets, which need an engine, their documents.
    let mut seen = BTreeSet::from(["error".to_owned(), "live-event".to_owned()]);
    seen.extend(SCHEMAS.keys().filter(|name| name.starts_with("fleet-")).cloned());
    // `Host::wnm` compares the output of each command with its schema.
    let mut run = |code: i32, words: &[&str]| {
        let words = [&["--json"], words].concat();
        let ran = host.wnm(&words);
        assert_eq!(ran.code(), code, "{words:?}: {}{}", ran.out, ran.err);
        assert!(code != 0 || !ran.out.is_empty(), "{words:?}");
        seen.extend(Some(&words).filter(|_| !ran.out.is_empty()).and_then(|words| of(words)).map(str::to_owned));
    };
    let init = host.init_args();
    let python = Python::new(&host, &[]);
    run(0, &["init", "--from-wnm", python.path.to_str().unwrap(), "--dry-run"]);
    run(5, &["status"]);
    run(0, &init.iter().map(String::as_str).collect::<Vec<_>>());
    for (code, line) in LINES {
        run(*code, &line.split_whitespace().collect::<Vec<_>>());
    }
    let trace = host.path("trace.jsonl");
    run(0, &["record", "--out", trace.to_str().unwrap(), "--for", "100ms"]);
    let probe = crate::probe::prepare(&host);
    let tasks = probe.to_str().unwrap();
    run(0, &["probe", "check", tasks]);
    run(0, &["config", "set", &format!("probe_tasks={tasks}")]);
    for command in ["run", "status", "history", "tasks"] {
        run(0, &["probe", command]);
    }
    let alerts = crate::alert::receivers(&host, "[[receiver]]\nkind = 'ntfy'\nurl = 'http://127.0.0.1:9'\n");
    run(0, &["config", "set", &format!("alerts={alerts}")]);
    run(0, &["alert", "list"]);
    run(3, &["alert", "test"]);
    let copy = host.path("copy.db");
    run(0, &["db", "backup", copy.to_str().unwrap()]);
    host.put_binary("0.4.18", Behaviour::ExitAtStart { code: 1 });
    run(3, &["node", "add"]);
    run(0, &["history"]);
    assert_eq!(seen, SCHEMAS.keys().cloned().collect(), "a schema without a command");
}

#[test]
fn daemon_writes_one_document_per_cycle() {
    let host = Host::with_colony();
    let mut command = host.command(&["--json", "daemon", "--interval", "100ms"]);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut daemon = {
        let _turn = turn();
        command.spawn().unwrap()
    };
    let lines = BufReader::new(daemon.stdout.take().unwrap()).lines();
    let cycles: Vec<String> = lines.take(2).map(Result::unwrap).collect();
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert_eq!(cycles.len(), 2);
    cycles.iter().for_each(|cycle| validate("cycle", &serde_json::from_str(cycle).unwrap()));
}

#[test]
fn schema_rejects_other_documents() {
    let document =
        |data: Value| serde_json::json!({"version": 1, "generated_at": "2026-03-01T12:00:00.000Z", "data": data});
    let missing = serde_json::json!([{"node": 1, "name": "antnode0001", "action": "add", "reason": null}]);
    assert!(!SCHEMAS["work"].is_valid(&document(missing)));
    assert!(SCHEMAS["work"].is_valid(&document(serde_json::json!([]))));
    assert!(!SCHEMAS["work"].is_valid(&serde_json::json!([])));
}
