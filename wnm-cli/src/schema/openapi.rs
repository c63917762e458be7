//! The description of the API, `packaging/openapi.json`: its paths are those of the server, its schemas those of the
//! serialised types.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};
use wnm_agent::serve::paths;

use super::RENEW;
use crate::commands::{config, explain};
use crate::json::{Document, ErrorDocument, NodeJson};
use crate::render::{history, live_event, node_show, status};

/// The path of the description itself, which is a file.
const SELF: &str = "/api/v1/openapi.json";

/// The writer of the description.
struct Writer {
    schemas: SchemaGenerator,
    paths: serde_json::Map<String, Value>,
    /// The name of each schema of a document, by the name that the generator numbers.
    documents: BTreeMap<String, &'static str>,
}

/// The begin of a reference to a schema.
const SCHEMAS: &str = "#/components/schemas/";

impl Writer {
    fn new() -> Self {
        let settings = SchemaSettings::draft2020_12()
            .for_serialize()
            .with(|settings| settings.definitions_path = "/components/schemas".into());
        Self { schemas: SchemaGenerator::new(settings), paths: serde_json::Map::new(), documents: BTreeMap::new() }
    }

    fn schema<T: JsonSchema>(&mut self) -> Value {
        Value::from(self.schemas.subschema_for::<T>())
    }

    /// Returns the schema of a document of a command. The generator would number the documents in the order of the paths.
    fn named<T: JsonSchema>(&mut self, name: &'static str) -> Value {
        let schema = self.schema::<Document<T>>();
        let numbered = schema["$ref"].as_str().and_then(|path| path.strip_prefix(SCHEMAS)).unwrap();
        self.documents.insert(numbered.to_owned(), name);
        schema
    }

    /// Returns the paths and the schemas with the names of documents.
    fn finish(mut self) -> (Value, Value) {
        let mut schemas = self.schemas.take_definitions(true);
        for (numbered, name) in &self.documents {
            let schema = schemas.remove(numbered).unwrap();
            assert!(schemas.insert((*name).to_owned(), schema).is_none(), "{name} is used twice");
        }
        let mut text = json!([self.paths, schemas]).to_string();
        for (numbered, name) in &self.documents {
            text = text.replace(&format!("\"{SCHEMAS}{numbered}\""), &format!("\"{SCHEMAS}{name}\""));
        }
        let both: [Value; 2] = serde_json::from_str(&text).unwrap();
        both.into()
    }

    /// Adds a path with its parameters and answers.
    fn path(&mut self, path: &str, summary: &str, parameters: Value, answers: Value) {
        let operation = json!({ "summary": summary, "parameters": parameters, "responses": answers });
        self.paths.insert(path.to_owned(), json!({ "get": operation }));
    }

    /// Adds a path that answers with a document of a command.
    fn document<T: JsonSchema>(&mut self, path: &str, name: &'static str, summary: &str, parameters: Value) {
        let error = self.schema::<ErrorDocument>();
        let mut answers = json!({
            "200": answer("The document.", "application/json", self.named::<T>(name)),
            "503": answer("The data cannot be read now.", "application/json", error.clone()),
        });
        if parameters != json!([]) {
            answers["400"] = text("The parameter is not valid.");
        }
        if path.contains("{node}") || path.ends_with("explain") {
            answers["404"] = answer("The node or the cycle does not exist.", "application/json", error);
        }
        self.path(path, summary, parameters, answers);
    }

    /// Adds a path that answers with text.
    fn text(&mut self, path: &str, summary: &str, parameters: Value, answers: &[(&str, &str, &str)]) {
        let answers: serde_json::Map<String, Value> = answers
            .iter()
            .map(|(code, kind, description)| {
                ((*code).to_owned(), answer(description, kind, json!({ "type": "string" })))
            })
            .collect();
        self.path(path, summary, parameters, Value::from(answers));
    }
}

fn answer(description: &str, content_type: &str, schema: Value) -> Value {
    json!({ "description": description, "content": { content_type: { "schema": schema } } })
}

fn text(description: &str) -> Value {
    answer(description, "text/plain", json!({ "type": "string" }))
}

fn number(name: &str, least: u64, most: Option<u64>, description: &str) -> Value {
    let mut schema = json!({ "type": "integer", "minimum": least });
    if let Some(most) = most {
        schema["maximum"] = most.into();
    }
    json!([{ "name": name, "in": "query", "description": description, "schema": schema }])
}

/// Returns the families of metrics as JSON.
fn families() -> Value {
    json!({ "type": "array", "items": {
        "type": "object",
        "required": ["name", "help", "type", "samples"],
        "properties": {
            "name": { "type": "string" },
            "help": { "type": "string" },
            "type": { "enum": ["gauge", "counter", "histogram"] },
            "samples": { "type": "array", "items": {
                "type": "object",
                "required": ["name", "labels", "value"],
                "properties": {
                    "name": { "type": "string" },
                    "labels": { "type": "object", "additionalProperties": { "type": "string" } },
                    "value": { "type": "number" }
                }
            } }
        }
    } })
}

fn api(writer: &mut Writer) {
    let none = || json!([]);
    writer.document::<status::StatusView<'_>>(
        "/api/v1/status",
        "StatusDocument",
        "The host, the colony and the last decision",
        none(),
    );
    writer.document::<Vec<NodeJson>>("/api/v1/nodes", "NodesDocument", "All nodes", none());
    let node = json!([{ "name": "node", "in": "path", "required": true, "description": "A number or a name, such as antnode0003.",
        "schema": { "type": "string" } }]);
    writer.document::<Vec<node_show::NodeDetailsView<'_>>>(
        "/api/v1/nodes/{node}",
        "NodeDocument",
        "A node with its last events",
        node,
    );
    let limit = number("limit", 1, Some(1000), "The maximum number of cycles; 50 without it.");
    writer.document::<Vec<history::CycleView>>(
        "/api/v1/history",
        "HistoryDocument",
        "The latest cycles that acted, latest first",
        limit,
    );
    writer.document::<Vec<config::Entry>>(
        "/api/v1/config",
        "ConfigDocument",
        "The effective settings, with secrets as ***",
        none(),
    );
    let cycle = number("cycle", 0, None, "The number of a cycle; the last scheduled one without it.");
    writer.document::<explain::Explanation>(
        "/api/v1/explain",
        "ExplainDocument",
        "The rules of a cycle with their verdicts",
        cycle,
    );
    let event = writer.named::<live_event::LiveEventView>("EventDocument");
    let mut stream = answer("Events as they happen.", "text/event-stream", json!({ "type": "string" }));
    stream["content"]["text/event-stream"]["x-event-data"] = event;
    let after = number("after", 0, None, "The number of the last event that the reader has.");
    let answers = json!({ "200": stream, "400": text("The parameter is not valid."),
        "503": text("50 readers are connected already.") });
    writer.path("/api/v1/events", "New events as a stream", after, answers);
}

fn openapi() -> Value {
    let mut writer = Writer::new();
    api(&mut writer);
    let format = json!([{ "name": "format", "in": "query", "schema": { "enum": ["json"] },
        "description": "JSON in place of the text formats." }]);
    writer.path(
        "/metrics",
        "The metrics of the last cycle",
        format,
        json!({ "200": { "description": "The metrics; compressed with gzip where Accept-Encoding permits it.", "content": {
            "text/plain": { "schema": { "type": "string" } },
            "application/openmetrics-text": { "schema": { "type": "string" } },
            "application/json": { "schema": families() }
        } }, "400": text("The parameter is not valid.") }),
    );
    let plain = "text/plain";
    let none = || json!([]);
    writer.text("/healthz", "Whether the daemon runs", none(), &[("200", plain, "The daemon runs.")]);
    let ready = [("200", plain, "Cycles complete."), ("503", plain, "The last cycle failed, or none completed.")];
    writer.text("/readyz", "Whether cycles complete", none(), &ready);
    writer.text("/api/v1", "The list of paths", none(), &[("200", plain, "The list.")]);
    writer.text("/", "The page for browsers", none(), &[("200", "text/html", "The page.")]);
    let updates = [("200", "text/event-stream", "An event `cycle` after each cycle."), ("503", plain, "50 readers.")];
    writer.text("/updates", "The announcements for the page", none(), &updates);
    let description = answer("The description.", "application/json", json!({ "type": "object" }));
    writer.path(SELF, "This description", none(), json!({ "200": description }));
    let (paths, schemas) = writer.finish();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "wnm daemon",
            "version": "1",
            "description": "Read-only access to a daemon of wnm. Every path takes GET and HEAD. A request with the name of \
                            another host, or of another origin, has status 403. Where the setting `listen_token_file` \
                            names a token, a request without it has status 401."
        },
        "servers": [{ "url": "http://127.0.0.1:9910" }],
        "security": [{}, { "token": [] }, { "password": [] }],
        "paths": paths,
        "components": { "schemas": schemas, "securitySchemes": {
            "token": { "type": "http", "scheme": "bearer" },
            "password": { "type": "http", "scheme": "basic", "description": "The password is the token." }
        } },
    })
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/openapi.json")
}

#[test]
fn description_of_the_api_is_current() {
    let current = openapi();
    if std::env::var_os("WNM_RENEW_SCHEMAS").is_some() {
        fs::write(file(), serde_json::to_string_pretty(&current).unwrap() + "\n").unwrap();
    }
    let written: Value = serde_json::from_str(&fs::read_to_string(file()).unwrap()).unwrap();
    assert!(written == current, "{} is stale: run `{RENEW}`", file().display());
}

#[test]
fn description_has_every_route_and_every_schema() {
    let current = openapi();
    let described: BTreeSet<&str> = current["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(described, paths().chain([SELF]).collect());
    let mut names = current["components"]["schemas"].as_object().unwrap().keys();
    assert_eq!(names.find(|name| name.ends_with(|c: char| c.is_ascii_digit())), None, "a name that is numbered");
    for (path, item) in current["paths"].as_object().unwrap() {
        let named = item["get"]["parameters"].as_array().unwrap().iter().filter(|parameter| parameter["in"] == "path");
        assert_eq!(named.count(), path.matches('{').count(), "{path}");
    }
    // Each reference leads to a schema.
    let text = current.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(current.pointer(reference).is_some(), "{reference}");
    }
}
