//! The import from the Python wnm: imported and skipped nodes, and no change on a calm host.

use std::io::Read;
use std::path::{Path, PathBuf};

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};
use serde_json::{Value, json};
use wnm_store::Store;

use crate::host::{Host, Ran, pid, states};

/// A database of the Python wnm for a test.
pub(crate) struct Python {
    db: Connection,
    pub(crate) path: PathBuf,
}

impl Python {
    /// Returns a colony with these settings. Its high thresholds are 100 %, so that the load of the test machine changes
    /// nothing.
    pub(crate) fn new(host: &Host, settings: &[(&str, Sql)]) -> Self {
        let path = host.path("colony.db");
        let db = Connection::open(&path).unwrap();
        let schema = include_str!("../data/python-schema.sql");
        db.execute_batch(&schema.replace(" NOT NULL", "")).unwrap();
        let python = Self { db, path };
        let defaults = [
            ("node_cap", Sql::from(20)),
            ("cpu_remove", 100.into()),
            ("mem_remove", 100.into()),
            ("hd_remove", 100.into()),
            ("max_load_average_allowed", 10_000.0.into()),
            ("delay_start", 0.into()),
            ("delay_restart", 0.into()),
            ("delay_upgrade", 0.into()),
            ("delay_remove", 0.into()),
            ("rewards_address", "faucet".to_owned().into()),
            ("node_storage", host.path("my nodes").display().to_string().into()),
            ("antnode_path", "~/.local/bin/antnode".to_owned().into()),
            ("process_manager", "setsid+user".to_owned().into()),
            ("no_upnp", 0.into()),
            ("last_stopped_at", 7.into()),
        ];
        let defaults = defaults.into_iter().filter(|(key, _)| !settings.iter().any(|(other, _)| other == key));
        python.insert("machine", &defaults.chain(settings.iter().cloned()).collect::<Vec<_>>());
        python
    }

    fn insert(&self, table: &str, columns: &[(&str, Sql)]) {
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let marks = vec!["?"; names.len()].join(", ");
        let sql = format!("INSERT INTO {table} ({}) VALUES ({marks})", names.join(", "));
        self.db.execute(&sql, params_from_iter(columns.iter().map(|(_, value)| value))).unwrap();
    }

    /// Inserts a node with this folder and these changes to a common one.
    pub(crate) fn node(&self, id: i64, status: &str, folder: &Path, changes: &[(&str, Sql)]) {
        let text = |text: &str| Sql::from(text.to_owned());
        let defaults = [
            ("id", Sql::from(id)),
            ("manager_type", text("setsid+user")),
            ("root_dir", folder.display().to_string().into()),
            ("binary", folder.join("antnode").display().to_string().into()),
            ("version", text("0.4.17")),
            ("port", (55_000 + id).into()),
            ("metrics_port", (13_000 + id).into()),
            ("rpc_port", (30_000 + id).into()),
            ("network", text("evm-arbitrum-one")),
            ("wallet", text("0x00455d78f850b0358E8cea5be24d415E01E107CF")),
            ("status", text(status)),
            ("timestamp", 1_760_000_000.into()),
            ("age", 1_750_000_000.into()),
        ];
        let defaults = defaults.into_iter().filter(|(key, _)| !changes.iter().any(|(other, _)| other == key));
        self.insert("node", &defaults.chain(changes.iter().cloned()).collect::<Vec<_>>());
    }
}

fn init(host: &Host, further: &[&str]) -> Ran {
    let path = host.path("colony.db").display().to_string();
    host.wnm(&[&["init", "--from-wnm", path.as_str()], further].concat())
}

fn without_home(host: &Host, text: &str) -> String {
    let home = host.path("").display().to_string();
    text.replace(home.trim_end_matches('/'), "HOME")
}

/// Creates a folder with the identity of a node.
pub(crate) fn folder(host: &Host, name: &str) -> PathBuf {
    let path = host.path("my nodes").join(name);
    std::fs::create_dir_all(&path).unwrap();
    // Each node has an identity of its own.
    let key: Vec<u8> = name.bytes().cycle().take(32).collect();
    std::fs::write(path.join("secret-key"), key).unwrap();
    path
}

/// Returns the database of a colony of the Python wnm with one stopped node.
pub(crate) fn small_colony(host: &Host) -> PathBuf {
    let python = Python::new(host, &[]);
    python.node(1, "STOPPED", &folder(host, "antnode0001"), &[]);
    python.path.clone()
}

/// Returns a colony with a node for each irregularity that an import handles.
fn irregular(host: &Host) -> Python {
    let python = Python::new(host, &[("environment", "ANT_LOG=all".to_owned().into())]);
    let make = |id: i64, status: &str, changes: &[(&str, Sql)]| {
        python.node(id, status, &folder(host, &format!("antnode{id:04}")), changes);
    };
    make(1, "RUNNING", &[]);
    make(2, "STOPPED", &[("environment", "A='b c' D=e".to_owned().into())]);
    make(3, "FLYING", &[]);
    python.node(4, "DEAD", &host.path("my nodes/antnode0004"), &[]);
    make(5, "REMOVING", &[]);
    make(6, "DISABLED", &[("version", Sql::Null)]);
    make(7, "RUNNING", &[("port", 55_001.into())]);
    let nothing = ["port", "metrics_port", "rpc_port", "wallet", "status", "age", "timestamp", "binary", "network"];
    make(
        8,
        "",
        &nothing.map(|key| (key, Sql::Null)).into_iter().chain([("age", 0.into())]).skip(1).collect::<Vec<_>>()[..],
    );
    make(9, "DEAD", &[]);
    python.node(10, "RUNNING", Path::new("nodes/antnode0010"), &[]);
    make(11, "STOPPED", &[("wallet", "0x123".to_owned().into())]);
    std::fs::create_dir_all(host.path("elsewhere")).unwrap();
    python.node(12, "UPGRADING", &host.path("elsewhere"), &[]);
    make(13, "STOPPED", &[("port", 70_000.into())]);
    make(1234, "RESTARTING", &[]);
    python.node(0, "STOPPED", &host.path("my nodes"), &[]);
    python
}

#[test]
fn dry_run_shows_the_import_and_changes_nothing() {
    let host = Host::new();
    let python = irregular(&host);
    let before = std::fs::read(&python.path).unwrap();
    let ran = init(&host, &["--dry-run"]);
    assert_eq!(ran.code(), 0, "{}", ran.err);
    let times = vec![(r"antnode0008  -  .*", "[node 8, created with its identity]")];
    insta::with_settings!({filters => times}, {
        insta::assert_snapshot!(without_home(&host, &format!("{}\n{}", ran.out, ran.err)));
    });
    assert!(!host.path("wnm.db").exists() && !host.path("my nodes/antnode0001/.wnm-node").exists());
    assert_eq!(std::fs::read(&python.path).unwrap(), before);

    let path = python.path.display().to_string();
    let shown = host.wnm(&["--json", "init", "--from-wnm", &path, "--dry-run"]).json();
    assert_eq!(shown["settings"]["no_upnp"], json!("false"));
    assert_eq!(shown["nodes"].as_array().unwrap().len(), 9);
    assert_eq!(shown["nodes"][1]["environment"], json!(["A=b c", "D=e"]));
    assert_eq!(shown["nodes"][0]["environment"], json!(["ANT_LOG=all"]));
    assert!(shown["nodes"].as_array().unwrap().iter().all(|taken| taken["upnp"] == json!(true)));
}

#[test]
fn colony_is_imported_once() {
    let host = Host::new();
    let python = irregular(&host);
    let before = std::fs::read(&python.path).unwrap();
    let ran = init(&host, &["--node-cap", "9"]);
    assert_eq!(ran.code(), 0, "{}", ran.err);
    assert_eq!(std::fs::read(&python.path).unwrap(), before);
    let store = Store::open_read_only(&host.path("wnm.db")).unwrap();
    assert!(store.check().unwrap().is_empty(), "{:?}", store.check());
    assert_eq!(store.settings().unwrap().node_cap, Some(9));
    let listed = host.expect(0, "--json node list").json();
    let expected = ["RUNNING", "STOPPED", "UNKNOWN", "STOPPED", "DISABLED", "UNKNOWN", "UNKNOWN", "UNKNOWN", "UNKNOWN"];
    assert_eq!(states(listed.as_array().unwrap()), expected);
    for node in listed.as_array().unwrap() {
        let marker = Path::new(node["folder"].as_str().unwrap()).join(".wnm-node");
        let marker: Value = serde_json::from_slice(&std::fs::read(marker).unwrap()).unwrap();
        assert_eq!(marker["uuid"], node["uuid"]);
    }
    let left: Vec<_> = std::fs::read_dir(host.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".wnm-init")), "{left:?}");
    let again = init(&host, &[]);
    assert_eq!(again.code(), 1, "{}", again.err);
    // A second import after the loss of the database finds the same nodes with the same UUIDs.
    let first = listed[0]["uuid"].clone();
    drop(store);
    for name in ["wnm.db", "wnm.db-wal", "wnm.db-shm"] {
        let _ = std::fs::remove_file(host.path(name));
    }
    assert_eq!(init(&host, &["--node-cap", "9"]).code(), 0);
    assert_eq!(host.expect(0, "--json node list").json()[0]["uuid"], first);
}

#[test]
fn import_changes_nothing_on_a_calm_host() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 3");
    host.expect(0, "node disable 3");
    let nodes = host.wait_for("two running nodes", |nodes| states(nodes) == ["RUNNING", "RUNNING", "DISABLED"]);
    // The files that the Python wnm leaves, and none of this wnm.
    let storage = host.path(".local/share/autonomi/node").display().to_string();
    let python = Python::new(
        &host,
        &[
            ("node_cap", 3.into()),
            ("cpu_less_than", 99.into()),
            ("mem_less_than", 99.into()),
            ("hd_less_than", 99.into()),
            ("desired_load_average", 9999.0.into()),
            ("node_storage", storage.into()),
            ("start_args", "--local --first --ip 127.0.0.1".to_owned().into()),
            ("port_start", (nodes[0]["ports"]["node"].as_i64().unwrap() / 1000).into()),
            ("metrics_port_start", (nodes[0]["ports"]["metrics"].as_i64().unwrap() / 1000).into()),
            ("rpc_port_start", (nodes[0]["ports"]["rpc"].as_i64().unwrap() / 1000).into()),
        ],
    );
    for node in &nodes {
        let root = PathBuf::from(node["folder"].as_str().unwrap());
        let port = |which: &str| Sql::from(node["ports"][which].as_i64().unwrap());
        let changes = [("port", port("node")), ("metrics_port", port("metrics")), ("rpc_port", port("rpc"))];
        python.node(node["node"].as_i64().unwrap(), node["status"].as_str().unwrap(), &root, &changes);
        for name in [".wnm-node", ".wnm-lock", ".wnm-definition", "wnm.pid"] {
            let _ = std::fs::remove_file(root.join(name));
        }
    }
    for name in ["wnm.db", "wnm.db-wal", "wnm.db-shm"] {
        let _ = std::fs::remove_file(host.path(name));
    }

    assert_eq!(init(&host, &[]).code(), 0);
    for _ in 0..3 {
        let ran = host.expect(0, "--json run").json();
        assert_eq!((&ran["decided"], &ran["work"]), (&json!([]), &json!([])), "{ran}");
    }
    let after = host.nodes();
    assert_eq!(states(&after), ["RUNNING", "RUNNING", "DISABLED"]);
    let processes = |nodes: &[Value]| nodes.iter().take(2).map(pid).collect::<Vec<_>>();
    assert_eq!(processes(&after), processes(&nodes));
    assert_eq!(after[0]["sample"]["peer_id"], nodes[0]["sample"]["peer_id"]);
    assert_eq!(after[0]["created_at"], json!("2025-06-15T15:06:40.000Z"));
    // Commands work on imported nodes.
    host.expect(0, "node restart 1");
    let again = host.wait_for("the first node again", |nodes| states(nodes)[0] == "RUNNING");
    assert_ne!(pid(&again[0]), pid(&nodes[0]));
    assert_eq!(again[0]["sample"]["peer_id"], nodes[0]["sample"]["peer_id"]);
}

#[test]
fn refused_import_leaves_no_file() {
    let refused = |host: &Host, further: &[&str]| {
        let ran = init(host, further);
        assert_eq!(ran.code(), 1, "{}{}", ran.out, ran.err);
        assert_eq!(ran.out, "");
        assert!(!host.path("wnm.db").exists());
        without_home(host, &ran.err)
    };
    let with = |settings: &[(&str, Sql)], further: &[&str]| {
        let host = Host::new();
        Python::new(&host, settings);
        refused(&host, further)
    };
    let text = |text: &str| Sql::from(text.to_owned());
    let absent = refused(&Host::new(), &[]);
    let of_node = {
        let host = Host::new();
        let python = Python::new(&host, &[]);
        python.node(1, "RUNNING", &folder(&host, "antnode0001"), &[("manager_type", text("s6overlay"))]);
        refused(&host, &["--dry-run"])
    };
    let other_ports = {
        let host = Host::new();
        let python = Python::new(&host, &[]);
        python.node(1, "RUNNING", &folder(&host, "antnode0001"), &[]);
        refused(&host, &["--port-start", "40"])
    };
    let errors = [
        absent,
        with(&[("process_manager", text("openrc+sudo"))], &[]),
        of_node,
        other_ports,
        with(&[("rewards_address", text("nobody"))], &[]),
        with(&[("rewards_address", Sql::Null)], &["--dry-run"]),
        with(&[("cpu_less_than", 150.into())], &[]),
        with(&[("cpu_less_than", 100.into())], &[]),
        with(&[("node_storage", text("nodes"))], &[]),
    ];
    insta::assert_snapshot!(errors.join("\n"));

    // A flag or a variable replaces an invalid setting.
    let host = Host::new();
    Python::new(&host, &[("rewards_address", text("nobody"))]);
    assert_eq!(init(&host, &["--rewards-address", "faucet", "--dry-run"]).code(), 0);
    let path = host.path("colony.db").display().to_string();
    let mut command = host.command(&["init", "--from-wnm", &path]);
    assert!(command.env("WNM_REWARDS_ADDRESS", "faucet").output().unwrap().status.success());
}

#[test]
fn recorded_colony_is_imported() {
    let host = Host::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wnm-store/tests/data/python-colony.db.gz");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(data).unwrap()).read_to_end(&mut bytes).unwrap();
    std::fs::write(host.path("colony.db"), &bytes).unwrap();
    let ran = init(&host, &["--dry-run"]);
    if "systemd+user".parse::<wnm_core::ManagerKind>().is_ok() {
        assert_eq!(ran.code(), 0, "{}", ran.err);
        assert_eq!(ran.out.matches("does not exist, and with it the identity").count(), 8, "{}", ran.out);
    } else {
        assert_eq!(ran.code(), 1, "{}", ran.out);
        assert!(ran.err.contains("found systemd+user") && ran.err.contains("the nodes run on"), "{}", ran.err);
    }
    // The same nodes under a manager that is known.
    let db = Connection::open(host.path("colony.db")).unwrap();
    db.execute_batch(
        "UPDATE machine SET process_manager = 'setsid+user'; UPDATE node SET manager_type = 'setsid+user'",
    )
    .unwrap();
    drop(db);
    let ran = init(&host, &["--dry-run"]);
    assert_eq!(ran.code(), 0, "{}", ran.err);
    assert_eq!(ran.out.matches("does not exist, and with it the identity").count(), 8, "{}", ran.out);
    assert!(!host.path("wnm.db").exists());
}
