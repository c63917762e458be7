//! The JSON schemas in `docs/schema`, generated from the serialised types. This module exists in tests only.

mod openapi;
mod reports;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::Value;

use crate::args::Cli;
use crate::commands::{config, db, doctor, explain, init, logs, record, service};
use crate::json::{Document, ErrorDocument, NodeJson};
use crate::render::{
    alert, cycle, events, fleet, history, live_event, node_show, probe, report, status, storage, trash, valves, work,
};
use crate::takeover::Takeover;

/// The command that writes the schema files.
const RENEW: &str = "WNM_RENEW_SCHEMAS=1 cargo test -p wnm-cli --bin wnm schema";

fn schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    Value::from(SchemaGenerator::new(settings).into_root_schema_for::<T>())
}

/// Returns the schema of a document whose `data` is a T.
fn document<T: JsonSchema>() -> Value {
    schema::<Document<T>>()
}

/// Returns all schemas by their file names without extension.
fn schemas() -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("alert-list", document::<alert::AlertsView>()),
        ("alert-test", document::<Vec<alert::TestedView>>()),
        ("config-describe", document::<Vec<config::describe::Description>>()),
        ("config-get", document::<Option<config::Entry>>()),
        ("config-list", document::<Vec<config::Entry>>()),
        ("config-path", document::<config::FileView>()),
        ("config-set", document::<Vec<config::change::Changed>>()),
        ("cycle", document::<cycle::Summary>()),
        ("db-check", document::<db::Checked>()),
        ("db-copy", document::<db::Copied>()),
        ("db-path", document::<config::FileView>()),
        ("doctor", document::<Vec<doctor::Check>>()),
        ("error", schema::<ErrorDocument>()),
        ("events", document::<Vec<events::EventView>>()),
        ("explain", document::<explain::Explanation>()),
        ("fleet-created", document::<fleet::CreatedFleet>()),
        ("fleet-events", document::<Vec<fleet::FleetEventView>>()),
        ("fleet-hosts", document::<Vec<fleet::HostView>>()),
        ("fleet-invitation", document::<fleet::Invited>()),
        ("fleet-member", document::<Option<fleet::Member>>()),
        ("fleet-nodes", document::<Vec<fleet::FleetNodeView>>()),
        ("fleet-order", document::<fleet::Sent>()),
        ("fleet-rollout", document::<Option<fleet::RolloutView>>()),
        ("fleet-server", document::<fleet::Served>()),
        ("fleet-status", document::<fleet::FleetStatusView>()),
        ("history", document::<Vec<history::CycleView>>()),
        ("live-event", document::<live_event::LiveEventView>()),
        ("init", document::<init::Created>()),
        ("init-takeover", document::<Takeover>()),
        ("node", document::<Vec<NodeJson>>()),
        ("node-logs", document::<logs::LogView>()),
        ("node-show", document::<Vec<node_show::NodeDetailsView<'_>>>()),
        ("probe-check", document::<probe::CheckedFile>()),
        ("probe-runs", document::<Vec<probe::RunView>>()),
        ("probe-status", document::<probe::StatusView>()),
        ("probe-tasks", document::<probe::PlanView>()),
        ("record", document::<record::Recorded>()),
        ("report-machine-config", schema::<reports::MachineConfig>()),
        ("report-machine-metrics", schema::<reports::MachineMetrics>()),
        ("report-node-status", schema::<Vec<report::node_status::Status>>()),
        ("report-node-status-details", schema::<Vec<report::node_status_details::Details>>()),
        ("service", document::<service::View>()),
        ("status", document::<status::StatusView<'_>>()),
        ("storage", document::<Vec<storage::StorageView>>()),
        ("valves", document::<valves::ValvesView>()),
        ("trash", document::<Vec<trash::TrashView>>()),
        ("work", document::<Vec<work::Work>>()),
    ])
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema")
}

#[test]
fn schemas_in_docs_are_current() {
    if std::env::var_os("WNM_RENEW_SCHEMAS").is_some() {
        for (name, schema) in schemas() {
            let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
            fs::write(folder().join(format!("{name}.json")), text).unwrap();
        }
    }
    let read = |path: &Path| serde_json::from_str::<Value>(&fs::read_to_string(path).unwrap_or_default()).ok();
    for (name, schema) in schemas() {
        let is_current = read(&folder().join(format!("{name}.json"))) == Some(schema);
        assert!(is_current, "docs/schema/{name}.json is stale: run `{RENEW}`");
    }
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    // The tests of wnm-sim check the schemas of that program.
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".json") && !name.starts_with("sim-")
    };
    let files: BTreeSet<_> = files.filter(is_ours).collect();
    let known: BTreeSet<_> = schemas().keys().map(|name| folder().join(format!("{name}.json"))).collect();
    assert_eq!(files, known, "docs/schema has a file without a schema");
}

/// Adds the values that a schema allows, with the schema's name.
fn spellings(name: &str, schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            let values = fields.get("enum").and_then(Value::as_array).into_iter().flatten().chain(fields.get("const"));
            found.extend(values.filter_map(Value::as_str).map(|value| format!("{name}: {value}")));
            let keys = fields.get("properties").and_then(Value::as_object).into_iter().flat_map(|keys| keys.keys());
            found.extend(keys.map(|key| format!("{name}: {key}")));
            fields.values().for_each(|below| spellings(name, below, found));
        }
        Value::Array(all) => all.iter().for_each(|below| spellings(name, below, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Programs read words in snake case, and the names of the kernel and of the Python wnm; no variant of an enum.
#[test]
fn no_internal_spelling_is_in_json() {
    let mut found = Vec::new();
    schemas().iter().for_each(|(name, schema)| spellings(name, schema, &mut found));
    assert!(found.len() > 200, "{}", found.len());
    found.retain(|word| word.split_once(": ").is_some_and(|(_, word)| word.contains(|c: char| c.is_ascii_uppercase())));
    assert_eq!(found, Vec::<String>::new());
}

/// Returns the command lines of all commands without subcommands.
fn commands(command: &clap::Command, typed: &str) -> Vec<String> {
    let below = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .flat_map(|command| commands(command, &format!("{typed} {}", command.get_name())));
    let below: Vec<String> = below.collect();
    if below.is_empty() { vec![typed.trim_start().to_owned()] } else { below }
}

#[test]
fn page_of_schemas_names_every_command() {
    let page = fs::read_to_string(folder().join("README.md")).unwrap();
    let mut commands = commands(&Cli::command(), "");
    commands.retain(|command| command != "report");
    let kinds = <crate::args::ReportKind as clap::ValueEnum>::value_variants().iter();
    let kinds = kinds.filter_map(clap::ValueEnum::to_possible_value);
    commands.extend(kinds.map(|kind| format!("report {}", kind.get_name())));
    for command in commands {
        assert!(page.contains(&format!("`{command}`")), "docs/schema/README.md does not list `wnm {command}`");
    }
    for name in schemas().keys() {
        assert!(page.contains(&format!("]({name}.json)")), "docs/schema/README.md does not name {name}.json");
    }
}
