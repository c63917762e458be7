//! What `--json` writes, beside the schemas in `docs/schema`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Deserializer, Value};

use crate::host::{Host, Ran};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema")
}

/// The commands with the schema of what they write, as the page in the docs has them; None where they write no JSON.
static COMMANDS: LazyLock<Vec<(Vec<String>, Option<String>)>> = LazyLock::new(|| {
    let page = fs::read_to_string(folder().join("README.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let commands = rows.flat_map(|(commands, written)| {
        let schema = written.split_once("](").map(|(_, file)| file.split_once(".json").unwrap().0.to_owned());
        let words = |command: &str| command.split_whitespace().map(str::to_owned).collect();
        commands.split("`, `").map(|command| (words(command), schema.clone())).collect::<Vec<_>>()
    });
    commands.collect()
});

static SCHEMAS: LazyLock<BTreeMap<String, Validator>> = LazyLock::new(|| {
    let names = COMMANDS.iter().filter_map(|(_, schema)| schema.clone()).chain(["error".to_owned()]);
    let read = |name: String| {
        let text = fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
        let schema: Value = serde_json::from_str(&text).unwrap();
        jsonschema::meta::validate(&schema).unwrap();
        (name, jsonschema::draft202012::new(&schema).unwrap())
    };
    names.collect::<BTreeSet<_>>().into_iter().map(read).collect()
});

/// Returns the name of the schema of what a command line writes: that of the longest command whose words are all in it.
fn of(words: &[&str]) -> Option<&'static str> {
    let is_this = |(command, _): &&(Vec<String>, _)| command.iter().all(|word| words.contains(&word.as_str()));
    let found = COMMANDS.iter().filter(is_this).max_by_key(|(command, _)| command.len());
    let (_, schema) = found.unwrap_or_else(|| panic!("docs/schema/README.md has no schema for {words:?}"));
    schema.as_deref()
}

#[track_caller]
fn validate(name: &str, document: &Value) {
    let faults: Vec<_> = SCHEMAS[name].iter_errors(document).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(faults.is_empty(), "expected what docs/schema/{name}.json describes, found {faults:#?} in {document:#}");
}

/// Checks everything that a command wrote as JSON.
#[track_caller]
pub(crate) fn check(words: &[&str], ran: &Ran) {
    let is_json = words.contains(&"--json") || words.windows(2).any(|pair| pair == ["--format", "json"]);
    if !is_json || ran.code() == 2 {
        return;
    }
    if let Some(name) = of(words).filter(|_| !ran.out.is_empty()) {
        for document in Deserializer::from_str(&ran.out).into_iter::<Value>() {
            validate(name, &document.unwrap_or_else(|error| panic!("{words:?}: {error}: {}", ran.out)));
        }
    }
    let told = ran.err.lines().last().filter(|line| line.starts_with('{'));
    if let Some(told) = told.filter(|_| words.contains(&"--json")) {
        validate("error", &serde_json::from_str(told).unwrap());
    }
}

#[test]
fn what_every_command_writes_is_as_its_schema_says() {
    let host = Host::new();
    let mut seen = BTreeSet::from(["error".to_owned()]);
    let mut expect = |code: i32, line: &str| {
        // What is written is compared wherever a test runs a command.
        let ran = host.expect(code, &format!("--json {line}"));
        assert!(code != 0 || !ran.out.is_empty(), "{line}");
        let words: Vec<&str> = line.split_whitespace().collect();
        seen.extend(of(&words).map(str::to_owned).filter(|_| !ran.out.is_empty()));
    };
    expect(5, "status");
    expect(
        0,
        &host.init_args().join(" ").replace("--start-args --local --first --ip 127.0.0.1", "--start-args --local"),
    );
    expect(1, "init --rewards-address faucet");
    expect(0, "status");
    expect(1, "explain");
    expect(0, "run --dry-run");
    expect(0, "node add --count 2 --dry-run");
    expect(0, "node add --count 2");
    expect(0, "run");
    expect(0, "node survey");
    for line in ["list", "list 1", "show", "stop 1", "start 1", "restart 1", "disable 2", "enable 2", "reset 2"] {
        expect(0, &format!("node {line}"));
    }
    expect(3, "node upgrade 1");
    expect(1, "node stop 9");
    for line in
        ["status", "explain", "history", "db check", "db path", "db migrate", "config path", "service show --cron"]
    {
        expect(0, line);
    }
    expect(0, &format!("db backup {}", host.path("copy.db").display()));
    for report in ["node-status", "node-status 1", "node-status-details", "machine-config", "machine-metrics"] {
        expect(0, &format!("report {report}"));
    }
    expect(1, "report influx-resources");
    expect(0, "config list --origin");
    expect(0, "config get node_cap");
    expect(0, "config get antctl_version");
    expect(
        0,
        "config set netio_read_less_than=1000000000 netio_read_remove=2000000000 netio_write_less_than=1000000000 netio_write_remove=2000000000",
    );
    expect(0, "config unset netio_read_less_than netio_read_remove netio_write_less_than netio_write_remove");
    expect(0, "doctor");
    expect(0, "node remove 2");
    host.put_binary("0.4.18", wnm_platform::standin::Behaviour::ExitAtStart { code: 1 });
    expect(3, "node add");
    expect(0, "history");
    expect(0, "teardown --confirm");
    let other = Host::new();
    let ran = other.expect(0, "--json init --import --process-manager setsid+user --rewards-address faucet --dry-run");
    assert!(!ran.out.is_empty());
    seen.insert("init-takeover".to_owned());
    assert_eq!(seen, SCHEMAS.keys().cloned().collect(), "every schema is compared with something");
}
