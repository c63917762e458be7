//! The import of nodes that a process manager or antctl runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Pid;
use serde_json::{Value, json};
use wnm_platform::fake_node::{self, Program, Script};
use wnm_store::Store;

use crate::host::{Host, Ran, pid, states};

/// Thresholds that the test machine never reaches: only `node_cap` limits the number of nodes.
const CALM: &str = "--mem-less-than 99 --mem-remove 100 --hd-less-than 99 --hd-remove 100 --cpu-less-than 99.9 \
                    --cpu-remove 100 --desired-load-average 9999 --max-load-average-allowed 10000 --delay-start 0 \
                    --delay-restart 0";

/// Returns two running nodes and a disabled one, without a trace of the wnm that created them.
fn unmanaged(host: &Host) -> Vec<Value> {
    host.expect(0, "node add --count 3");
    host.expect(0, "node disable 3");
    let nodes = host.wait_for("two running nodes", |nodes| states(nodes) == ["RUNNING", "RUNNING", "DISABLED"]);
    forget(host, &nodes);
    nodes
}

/// Removes each trace of wnm from a host and its nodes.
pub(crate) fn forget(host: &Host, nodes: &[Value]) {
    for folder in nodes.iter().flat_map(|node| [&node["folder"], &node["log_folder"]]) {
        for name in [".wnm-node", ".wnm-lock", ".wnm-definition", "wnm.pid"] {
            let _ = std::fs::remove_file(Path::new(folder.as_str().unwrap()).join(name));
        }
    }
    for name in ["wnm.db", "wnm.db-wal", "wnm.db-shm", "wnm.lock", "wnm.reserve"] {
        let _ = std::fs::remove_file(host.path(name));
    }
}

fn init(host: &Host, words: &str, further: &[&str]) -> Ran {
    host.wnm(&[words.split(' ').collect(), CALM.split_whitespace().collect(), further.to_vec()].concat())
}

/// Returns the default storage folder. Without it, the import also finds the nodes of other tests that run on this host.
fn storage(host: &Host) -> String {
    host.path(".local/share/autonomi/node").display().to_string()
}

/// Returns the files of the home folder that a dry run must not change, with their contents.
fn files(host: &Host) -> BTreeMap<PathBuf, Vec<u8>> {
    fn below(folder: &Path, all: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            // Running nodes write into their folders at any time.
            let is_of_node =
                path.components().filter_map(|part| part.as_os_str().to_str()).any(|part| part.starts_with("antnode"));
            let is_ours = path.file_name().is_some_and(|name| name.to_string_lossy().contains("wnm"));
            if path.is_dir() {
                below(&path, all);
            } else if is_ours || !is_of_node {
                all.insert(path.clone(), std::fs::read(&path).unwrap_or_default());
            }
        }
    }
    let mut all = BTreeMap::new();
    below(&host.path(""), &mut all);
    all
}

/// Returns the output with the home folder replaced.
fn output(host: &Host, ran: &Ran) -> String {
    let home = host.path("").display().to_string();
    format!("{}\n{}", ran.out, ran.err).replace(home.trim_end_matches('/'), "HOME")
}

macro_rules! assert_output {
    ($host:expr, $ran:expr) => {
        let filters = vec![
            (r"(port_start +)\d\d", "$1[thousands]"),
            (r"\b[1-6]\d{3}[1-9]( [1-6]\d{3}[1-9])+\b *", "[its ports] "),
            (r"port \d{5}", "port [port]"),
            (r"process \d+", "process [pid]"),
            (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "[time of its identity]"),
        ];
        insta::with_settings!({filters => filters}, {
            insta::assert_snapshot!(output($host, $ran));
        });
    };
}

#[track_caller]
fn assert_calm(host: &Host, before: &[Value]) {
    let processes = |nodes: &[Value]| nodes.iter().take(2).map(pid).collect::<Vec<_>>();
    for _ in 0..3 {
        let ran = host.expect(0, "--json run").json();
        assert_eq!((&ran["decided"], &ran["work"]), (&json!([]), &json!([])), "{ran}");
    }
    let after = host.nodes();
    assert_eq!(states(&after)[..2], ["RUNNING", "RUNNING"]);
    assert_eq!(processes(&after), processes(before));
    for (after, before) in after.iter().zip(before).take(2) {
        for which in ["node", "metrics"] {
            assert_eq!(after["ports"][which], before["ports"][which]);
        }
        for key in ["node", "wallet", "folder", "log_folder", "network"] {
            assert_eq!(after[key], before[key], "{key}");
        }
        assert_eq!(after["sample"]["peer_id"], before["sample"]["peer_id"]);
    }
}

#[test]
fn unmanaged_processes_are_imported_and_continue() {
    let host = Host::with_colony();
    let nodes = unmanaged(&host);
    let before = files(&host);
    let shown =
        init(&host, "init --import --process-manager setsid+user --dry-run", &["--node-storage", &storage(&host)]);
    assert_eq!(shown.code(), 0, "{}", shown.err);
    assert_output!(&host, &shown);
    assert_eq!(files(&host), before);

    let ran = init(&host, "init --import --process-manager setsid+user", &["--node-storage", &storage(&host)]);
    assert_eq!(ran.code(), 0, "{}", ran.err);
    let store = Store::open_read_only(&host.path("wnm.db")).unwrap();
    assert!(store.check().unwrap().is_empty(), "{:?}", store.check());
    let settings = store.settings().unwrap();
    let port = |which: &str| nodes[0]["ports"][which].as_u64().unwrap() / 1000;
    let starts = [settings.port_start, settings.metrics_port_start].map(|start| start.map(|start| u64::from(start.0)));
    assert_eq!(starts, [Some(port("node")), Some(port("metrics"))]);
    drop(store);
    assert_calm(&host, &nodes);
    // Commands work on imported nodes.
    host.expect(0, "node restart 1");
    let again = host.wait_for("the first node again", |nodes| states(nodes)[0] == "RUNNING");
    assert_ne!(pid(&again[0]), pid(&nodes[0]));
    assert_eq!(again[0]["sample"]["peer_id"], nodes[0]["sample"]["peer_id"]);
    host.expect(0, "node remove 2 --yes");
    assert!(!Path::new(nodes[1]["folder"].as_str().unwrap()).exists());
    // The import skipped the third node, so its identity is still there.
    assert!(Path::new(nodes[2]["folder"].as_str().unwrap()).join("secret-key").exists());
}

/// Starts an `ant-node` in a folder of the storage, as its operator would: from that storage, in an environment of its own.
fn start_by_hand(host: &Host, folder: &str, words: &[&str], variables: &[(&str, String)]) -> Option<Pid> {
    let storage = host.path("nodes");
    std::fs::create_dir_all(storage.join(folder)).unwrap();
    let mut command = Command::new(host.path("bin/ant-node"));
    command.args(["--root-dir", folder, "--disable-webrtc-direct", "--network-mode", "development", "--ipv4-only"]);
    command.args(["--rewards-address", "0x00455d78f850b0358E8cea5be24d415E01E107CF"]).args(words);
    command.current_dir(storage).env_clear().envs(variables.iter().cloned());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _turn = crate::host::turn();
    Pid::from_raw(i32::try_from(command.spawn().unwrap().id()).unwrap())
}

#[test]
fn nodes_of_any_name_and_arguments_are_imported() {
    let host = Host::new();
    let script = Script::of(Program::AntNode);
    std::fs::create_dir(host.path("bin")).unwrap();
    fake_node::make(Path::new(env!("CARGO_BIN_EXE_wnm")), &host.path("bin/ant-node"), &script).unwrap();
    let port = |number| host.spare_port(number).to_string();
    let alpha = start_by_hand(&host, "./alpha", &["-p", &port(1)], &[]);
    let seventh = start_by_hand(&host, "node-7", &[], &[("ANT_PORT", port(2))]);
    let hex = start_by_hand(&host, "f00d4b1c", &[], &[]);
    let first = start_by_hand(&host, "node-1", &["-p", &port(3)], &[]);
    let line = format!("init --import --process-manager setsid+user --node-storage {}", host.path("nodes").display());
    // A node is visible when it has written its identity and opened its port.
    let is_ready = || {
        let shown = init(&host, &format!("--json {line} --dry-run"), &[]);
        shown.code() == 0 && shown.json()["nodes"].as_array().is_some_and(|nodes| nodes.len() == 4)
    };
    let mut attempts = (0..300).inspect(|_| std::thread::sleep(std::time::Duration::from_millis(100)));
    assert!(attempts.any(|_| is_ready()));
    let ran = init(&host, &line, &[]);
    assert_eq!(ran.code(), 0, "{}", ran.err);
    let list = host.nodes();
    let facts: Vec<_> = list
        .iter()
        .map(|node| {
            let folder = Path::new(node["folder"].as_str().unwrap());
            (node["node"].as_u64().unwrap(), folder.file_name().unwrap().to_str().unwrap().to_owned(), pid(node))
        })
        .collect();
    let expected = [(1, "node-1", first), (2, "alpha", alpha), (3, "f00d4b1c", hex), (7, "node-7", seventh)];
    assert_eq!(facts, expected.map(|(id, name, pid)| (id, name.to_owned(), pid)));
    assert_eq!(list[1]["ports"]["node"], json!(host.spare_port(1)));
    assert_eq!(list[3]["ports"]["node"], json!(host.spare_port(2)));
    for _ in 0..2 {
        let ran = host.expect(0, "--json run").json();
        assert_eq!((&ran["decided"], &ran["work"]), (&json!([]), &json!([])), "{ran}");
    }
    // The node that had chosen its port itself keeps it.
    let key = host.path("nodes/f00d4b1c/node_identity.key");
    let identity = std::fs::read(&key).unwrap();
    host.expect(0, "node restart 3");
    let again = host.wait_for("the third node again", |nodes| states(nodes)[2] == "RUNNING");
    assert_ne!(pid(&again[2]), hex);
    assert_eq!(again[2]["ports"]["node"], list[2]["ports"]["node"]);
    assert_eq!(std::fs::read(&key).unwrap(), identity);
}

/// A relative folder is one below the working directory of its process, and not of the wnm that reads its command line.
#[test]
fn dry_run_resolves_relative_folders_below_the_working_directory_of_each_process() {
    let host = Host::new();
    let nodes = host.path("nodes");
    for folder in ["inner", "decoy/antnode1", "decoy/inner"] {
        std::fs::create_dir_all(nodes.join(folder)).unwrap();
    }
    let lines: [(&str, &[&str]); 4] = [
        ("", &["--root-dir", "antnode1"]),
        ("", &["--root-dir=./antnode2"]),
        ("inner", &["--root-dir", "../antnode3"]),
        ("inner", &["--root-dir", "././../antnode4/"]),
    ];
    for (at, (from, root)) in (1..).zip(lines) {
        let mut command = Command::new(host.path(".local/bin/antnode"));
        command.args(root).args([
            "--port",
            &host.spare_port(at).to_string(),
            "--local",
            "--first",
            "--ip",
            "127.0.0.1",
        ]);
        command.args(["--rewards-address", "0x00455d78f850b0358E8cea5be24d415E01E107CF", "evm-arbitrum-one"]);
        command.current_dir(nodes.join(from)).env_clear().env("HOME", host.path(""));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let _turn = crate::host::turn();
        assert_ne!(command.spawn().unwrap().id(), 0);
    }
    let line =
        format!("--json init --import --process-manager setsid+user --dry-run --node-storage {}", nodes.display());
    // From folders where the words mean other folders, or none.
    for from in ["", "/", "nodes/decoy"] {
        let shown = || {
            let mut command = host.command(&line.split(' ').chain(CALM.split_whitespace()).collect::<Vec<_>>());
            let output = command.current_dir(host.path(from)).output().unwrap();
            serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default()["data"]["nodes"].clone()
        };
        let found = |shown: &Value| -> Vec<(PathBuf, bool)> {
            let nodes = shown.as_array().into_iter().flatten();
            let mut found: Vec<_> =
                nodes.map(|node| (node["folder"].as_str().unwrap().into(), node["status"] == "RUNNING")).collect();
            found.sort();
            found
        };
        let expected: Vec<_> = (1..=4).map(|number| (nodes.join(format!("antnode{number}")), true)).collect();
        let mut attempts = (0..300).inspect(|_| std::thread::sleep(std::time::Duration::from_millis(100)));
        assert!(attempts.any(|_| found(&shown()) == expected), "from {from:?}: {:#}", shown());
    }
    assert!(!host.path("wnm.db").exists());
}

#[test]
fn running_nodes_outside_of_the_storage_are_found() {
    let host = Host::new();
    std::fs::create_dir(host.path("bin")).unwrap();
    let program = host.path("bin/ant-node");
    fake_node::make(Path::new(env!("CARGO_BIN_EXE_wnm")), &program, &Script::of(Program::AntNode)).unwrap();
    let port = host.spare_port(1).to_string();
    start_by_hand(&host, "far/off/drive/first", &["-p", &port, "--log-max-files", "7"], &[]);
    let folder = host.path("nodes/far/off/drive/first");
    let line = "--json init --import --process-manager setsid+user --dry-run";
    // Nodes of other tests run on this host too.
    let own = |shown: &Value| {
        let nodes = shown["nodes"].as_array().cloned().unwrap_or_default();
        nodes.into_iter().find(|node| node["folder"] == json!(folder))
    };
    let find = || Some(init(&host, line, &[])).filter(|ran| ran.code() == 0).and_then(|ran| own(&ran.json()));
    let mut attempts = (0..300).inspect(|_| std::thread::sleep(std::time::Duration::from_millis(100)));
    let node = attempts.find_map(|_| find()).unwrap();
    assert_eq!(node["ports"]["node"], json!(host.spare_port(1)));
    let notes = node["notes"].to_string();
    assert!(notes.contains("wnm replaces --log-max-files 7 by 1"), "{notes}");
    // In a folder of the operator's choice, no other one is searched.
    let storage = host.path("nodes/far/off/drive").display().to_string();
    let shown = init(&host, line, &["--node-storage", &storage]).json();
    assert_eq!(shown["nodes"].as_array().map(Vec::len), Some(1), "{shown}");
    let elsewhere = init(&host, line, &["--node-storage", "/nowhere"]);
    assert_ne!(elsewhere.code(), 0);
}

#[test]
fn nodes_of_one_identity_are_refused() {
    let host = Host::with_colony();
    let nodes = unmanaged(&host);
    let folder = |node: &Value| PathBuf::from(node["folder"].as_str().unwrap());
    let [running, copy] = [&nodes[0], &nodes[2]].map(folder);
    std::fs::write(copy.join("secret-key"), std::fs::read(running.join("secret-key")).unwrap()).unwrap();
    write_registry(
        &host,
        &json!({"nodes": [entry(&nodes, 0, json!({})), entry(&nodes, 2, json!({"status": "Stopped"}))]}).to_string(),
    );
    let line = "init --from-antctl --process-manager antctl+user --antctl-path /bin/true --dry-run";
    let shown = init(&host, line, &[]);
    let expected = format!("its identity is that of antnode0001 in {}", running.display());
    assert!(shown.out.contains(&expected), "{}{}", shown.out, shown.err);
    std::fs::write(copy.join("secret-key"), [7; 31]).unwrap();
    let shown = init(&host, line, &[]);
    assert!(shown.out.contains("secret-key has 31 bytes, but a key has 32"), "{}{}", shown.out, shown.err);
}

#[test]
fn node_with_the_number_of_another_one_is_imported_without_its_marker() {
    let host = Host::with_colony();
    let nodes = unmanaged(&host);
    let folder = |node: &Value| PathBuf::from(node["folder"].as_str().unwrap());
    let marker = |node: &Value| folder(node).join(".wnm-node");
    for (node, uuid) in nodes[..2].iter().zip(["a", "b"]) {
        std::fs::write(marker(node), json!({"version": 1, "uuid": uuid, "id": 1}).to_string()).unwrap();
    }
    let (line, storage) = ("init --import --process-manager setsid+user", storage(&host));
    let shown = init(&host, &format!("--json {line} --dry-run"), &["--node-storage", &storage]);
    assert_eq!(shown.code(), 0, "{}", shown.err);
    let plan = shown.json();
    assert_eq!(plan["nodes"].as_array().unwrap().len(), 1);
    let refused = marker(&nodes[1]);
    let reason = plan["skipped"].to_string();
    let expected = format!("belongs to antnode0001; if no other wnm manages it, move {} elsewhere", refused.display());
    assert!(reason.contains(&expected), "{reason}");

    // The way that the reason names.
    std::fs::rename(&refused, host.path("marker")).unwrap();
    let ran = init(&host, line, &["--node-storage", &storage]);
    assert_eq!(ran.code(), 0, "{}", ran.err);
    let store = Store::open_read_only(&host.path("wnm.db")).unwrap();
    let numbers: Vec<u32> = store.nodes().unwrap().keys().map(|id| id.get()).collect();
    assert_eq!(numbers, [1, 2]);
    drop(store);
    assert_calm(&host, &nodes);
}

#[test]
fn nodes_of_the_ant_daemon_are_imported() {
    let host = Host::new();
    std::fs::create_dir(host.path("bin")).unwrap();
    let program = host.path("bin/ant-node");
    fake_node::make(Path::new(env!("CARGO_BIN_EXE_wnm")), &program, &Script::of(Program::AntNode)).unwrap();
    let pid_of_first = start_by_hand(&host, "node-1", &[], &[]);
    std::fs::create_dir(host.path("nodes/node-2")).unwrap();
    std::fs::write(host.path("nodes/node-2/node_identity.key"), [2; 32]).unwrap();
    let entry = |id: u16, port: Option<u16>| {
        json!({
            "id": id, "service_name": format!("node{id}"), "log_dir": null, "node_port": port, "version": "0.23.1",
            "rewards_address": "0x00455d78f850b0358E8cea5be24d415E01E107CF", "binary_path": program,
            "data_dir": host.path(&format!("nodes/node-{id}")), "env_variables": {}, "bootstrap_peers": []
        })
    };
    let registry = host.path(".local/share/ant/node_registry.json");
    std::fs::create_dir_all(registry.parent().unwrap()).unwrap();
    let text = json!({
        "schema_version": 1, "next_id": 3,
        "nodes": {"1": entry(1, None), "2": entry(2, Some(host.spare_port(1)))}
    });
    std::fs::write(&registry, text.to_string()).unwrap();
    let is_ready = || {
        let shown = init(&host, "--json init --from-ant --process-manager setsid+user --dry-run", &[]);
        shown.code() == 0 && shown.json()["nodes"].as_array().is_some_and(|nodes| nodes.len() == 2)
    };
    let mut attempts = (0..300).inspect(|_| std::thread::sleep(std::time::Duration::from_millis(100)));
    assert!(attempts.any(|_| is_ready()));
    assert!(registry.exists());
    let ran = init(&host, "init --from-ant --process-manager setsid+user", &[]);
    assert_eq!(ran.code(), 0, "{}", ran.err);
    assert!(!registry.exists() && registry.with_file_name("node_registry.json.before-wnm").exists());
    let nodes = host.nodes();
    assert_eq!((nodes.len(), pid(&nodes[0])), (2, pid_of_first));
    assert_eq!(nodes[1]["ports"]["node"], json!(host.spare_port(1)));
    let again = init(&host, "init --from-ant --process-manager setsid+user", &[]);
    assert_ne!(again.code(), 0);
}

/// Writes a database as formicaio 0.8 does.
fn write_formicaio(path: &Path, rows: &[(&str, &str, u16)]) {
    let db = rusqlite::Connection::open(path).unwrap();
    db.execute_batch(
        "CREATE TABLE nodes (node_id TEXT PRIMARY KEY NOT NULL, pid INTEGER, created INTEGER, status TEXT, \
         bin_version TEXT, port INTEGER, metrics_port INTEGER, rewards_addr TEXT, ip_version TEXT, data_dir_path TEXT)",
    )
    .unwrap();
    for (id, status, port) in rows {
        let values = rusqlite::params![id, status, port, "00455d78f850b0358E8cea5be24d415E01E107CF"];
        db.execute("INSERT INTO nodes VALUES (?1, 1, 1764000000, ?2, '0.23.1', ?3, NULL, ?4, 'ipv4', '')", values)
            .unwrap();
    }
}

#[test]
fn nodes_of_formicaio_are_imported() {
    let host = Host::new();
    let data = host.path("formicaio/node_data");
    let ids = ["0a1b2c3d4e5f", "1a1b2c3d4e5f", "2a1b2c3d4e5f"];
    for (number, id) in (1..).zip(ids) {
        std::fs::create_dir_all(data.join(id)).unwrap();
        let (program, script) = (data.join(id).join("ant-node"), Script::of(Program::AntNode));
        fake_node::make(Path::new(env!("CARGO_BIN_EXE_wnm")), &program, &script).unwrap();
        std::fs::write(data.join(id).join("node_identity.key"), [number; 32]).unwrap();
    }
    let port = |number| host.spare_port(number);
    let mut first = Command::new(data.join(ids[0]).join("ant-node"));
    first.arg("--root-dir").arg(data.join(ids[0])).args(["--port", &port(1).to_string(), "--enable-logging"]);
    first.args(["--ipv4-only", "--rewards-address", "0x00455d78f850b0358E8cea5be24d415E01E107CF"]);
    first.args(["--evm-network", "arbitrum-one"]).current_dir(host.path("formicaio"));
    first.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let pid_of_first = {
        let _turn = crate::host::turn();
        Pid::from_raw(i32::try_from(first.spawn().unwrap().id()).unwrap())
    };
    let database = host.path("formicaio/formicaio.db");
    let [active, stopped] = [r#""Active""#, r#"{"Inactive":"Stopped"}"#];
    write_formicaio(
        &database,
        &[
            (ids[0], active, port(1)),
            (ids[1], stopped, port(2)),
            (ids[2], active, port(3)),
            ("ffffffffffff", active, 1),
        ],
    );
    let before = std::fs::read(&database).unwrap();
    let line = format!("init --from-formicaio {}", host.path("formicaio").display());
    let dry_run = || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        let shown = init(&host, &format!("--json {line} --dry-run"), &[]);
        (shown.code() == 0 && shown.json()["nodes"][0]["status"] == json!("RUNNING")).then(|| shown.json())
    };
    let shown = (0..300).find_map(|_| dry_run()).unwrap();
    let states = |nodes: &Value| -> Vec<(Value, Value)> {
        let nodes = nodes["nodes"].as_array().unwrap().iter();
        nodes.map(|node| (node["previous_state"].clone(), node["status"].clone())).collect()
    };
    let word = |text: &str| json!(text);
    assert_eq!(
        states(&shown),
        [(word("RUNNING"), word("RUNNING")), (word("STOPPED"), word("STOPPED")), (word("RUNNING"), word("STOPPED")),]
    );
    let folder = data.join("ffffffffffff");
    assert_eq!(
        shown["skipped"],
        json!([{
            "name": "node ffffffffffff",
            "reason": format!("the folder {} holds no identity of a node", folder.display())
        }])
    );
    assert_eq!(std::fs::read(&database).unwrap(), before);
    let ran = init(&host, &line, &[]);
    assert_eq!(ran.code(), 0, "{}", ran.err);
    assert!(!database.exists() && std::fs::read(host.path("formicaio/formicaio.db.before-wnm")).unwrap() == before);
    assert_eq!(pid(&host.nodes()[0]), pid_of_first);
    // The node that formicaio recorded as active starts again; the one that its operator had stopped does not.
    host.expect(0, "run");
    let nodes = host.wait_for("the third node", |nodes| pid(&nodes[2]).is_some());
    assert_eq!((pid(&nodes[0]), pid(&nodes[1])), (pid_of_first, None));
    assert_eq!(nodes[2]["ports"]["node"], json!(port(3)));
    let again = init(&host, &line, &[]);
    assert_ne!(again.code(), 0);
}

#[test]
fn import_rebuilds_a_lost_database() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 2");
    host.expect(0, "node stop 2");
    let nodes = host.wait_for("a stopped node", |nodes| states(nodes) == ["RUNNING", "STOPPED"]);
    for name in ["wnm.db", "wnm.db-wal", "wnm.db-shm"] {
        let _ = std::fs::remove_file(host.path(name));
    }
    let ran = init(&host, "init --import --process-manager setsid+user", &["--node-storage", &storage(&host)]);
    assert_eq!(ran.code(), 0, "{}", ran.err);
    let ran = host.expect(0, "--json run").json();
    assert_eq!((&ran["decided"], &ran["work"]), (&json!([]), &json!([])), "{ran}");
    let after = host.nodes();
    assert_eq!(states(&after), ["RUNNING", "STOPPED"]);
    assert_eq!(pid(&after[0]), pid(&nodes[0]));
    for (after, before) in after.iter().zip(&nodes) {
        for key in ["uuid", "ports", "arguments", "created_at"] {
            assert_eq!(after[key], before[key], "{key}");
        }
    }
    host.expect(0, "node start 2");
}

fn entry(nodes: &[Value], node: usize, changes: Value) -> Value {
    let recorded: Value =
        serde_json::from_str(include_str!("../../../wnm-platform/tests/data/antctl-0.14.2/node_registry.json"))
            .unwrap();
    let mut entry = recorded["nodes"][0].clone();
    let (number, node) = (node + 1, &nodes[node]);
    let described = json!({
        "number": number,
        "service_name": format!("antnode{number}"),
        "data_dir_path": node["folder"],
        "log_dir_path": node["log_folder"],
        "antnode_path": node["program"],
        "node_port": node["ports"]["node"],
        "metrics_port": node["ports"]["metrics"],
        "rpc_socket_addr": format!("127.0.0.1:{}", node["ports"]["rpc"]),
        "status": "Running",
    });
    for changes in [described, changes] {
        entry.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    }
    entry
}

fn write_registry(host: &Host, text: &str) {
    std::fs::write(host.path(".local/share/autonomi/node/node_registry.json"), text).unwrap();
}

#[test]
fn nodes_of_antctl_are_imported_and_continue() {
    let host = Host::with_colony();
    let nodes = unmanaged(&host);
    let entry = |node, changes| entry(&nodes, node, changes);
    let mut entries = vec![entry(0, json!({})), entry(1, json!({})), entry(2, json!({"status": "Stopped"}))];
    let odd = [
        json!({"number": 4, "data_dir_path": "/gone/antnode4"}),
        json!({"number": 5, "status": "Removed", "data_dir_path": "/gone/antnode5"}),
    ];
    for (changes, name) in odd.into_iter().zip(["antnode4", "antnode5"]) {
        let mut odd = entry(2, changes);
        odd["service_name"] = json!(name);
        entries.push(odd);
    }
    // Folders with an identity, and an irregular entry in the registry.
    for (number, changes) in [
        (6, json!({"node_port": null})),
        (7, json!({"evm_network": {"Custom": {"rpc_url_http": "http://localhost"}}})),
        (8, json!({"rewards_address": "0x12"})),
        (9, json!({"node_port": nodes[0]["ports"]["node"]})),
    ] {
        let folder = host.path(&format!(".local/share/autonomi/node/antnode{number}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("secret-key"), [7; 32]).unwrap();
        let of_it = json!({
            "number": number, "service_name": format!("antnode{number}"), "data_dir_path": folder,
            "node_port": 40_000 + number, "metrics_port": 41_000 + number, "rpc_socket_addr": null, "status": "Added",
        });
        let mut odd = entry(2, of_it);
        odd.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        entries.push(odd);
    }
    let whole = json!({"nodes": entries, "save_path": "x"}).to_string();
    write_registry(&host, &whole);
    let before = files(&host);
    let shown = init(&host, "init --from-antctl --process-manager antctl+user --antctl-path /bin/true --dry-run", &[]);
    assert_eq!(shown.code(), 0, "{}", shown.err);
    assert_output!(&host, &shown);
    assert_eq!(files(&host), before);

    let ran = init(&host, "init --from-antctl --process-manager antctl+user --antctl-path /bin/true", &[]);
    assert_eq!(ran.code(), 0, "{}", ran.err);
    let registry = std::fs::read_to_string(host.path(".local/share/autonomi/node/node_registry.json")).unwrap();
    assert_eq!(registry, whole);
    // antctl never assigns a number twice.
    let settings = Store::open_read_only(&host.path("wnm.db")).unwrap().settings().unwrap();
    assert_eq!((settings.highest_node_id_used, settings.node_cap), (Some(9), Some(3)));
    assert_calm(&host, &nodes);
}

#[test]
fn refused_import_stores_nothing() {
    let host = Host::new();
    std::fs::create_dir_all(host.path(".local/share/autonomi/node")).unwrap();
    let recorded = include_str!("../../../wnm-platform/tests/data/antctl-0.14.2/node_registry.json");
    let mut outputs = Vec::new();
    let mut refused = |words: &str, further: &[&str]| {
        let dry = init(&host, &format!("{words} --dry-run"), further);
        let ran = init(&host, words, further);
        assert!(ran.code() != 0 && dry.code() == ran.code(), "{}{}", ran.out, ran.err);
        assert!(!host.path("wnm.db").exists());
        outputs.push(format!("$ wnm {words}{}", output(&host, &ran)));
    };
    let from_antctl = "init --from-antctl --process-manager antctl+user";
    refused(from_antctl, &[]);
    for text in [
        &recorded[..recorded.len() / 2],
        &recorded.replacen("\"number\":1", "\"number\":\"one\"", 1),
        &recorded.replacen("\"Added\"", "\"Dreaming\"", 1),
        "[1, 2]",
        // All folders are missing.
        recorded,
    ] {
        write_registry(&host, text);
        refused(from_antctl, &[]);
    }
    refused("init --from-antctl --process-manager setsid+user", &[]);
    refused("init --from-anm --process-manager setsid+user", &[]);
    refused("init --import --process-manager setsid+user", &["--node-storage", "/nowhere"]);
    refused("init --import --from-antctl", &[]);
    insta::assert_snapshot!(outputs.join("\n"));
}

#[test]
fn dry_run_of_a_new_colony_creates_no_file() {
    let host = Host::new();
    let before = files(&host);
    let args: Vec<String> = host.init_args().into_iter().chain(["--dry-run".to_owned()]).collect();
    let ran = host.wnm(&args);
    assert_eq!(ran.code(), 0, "{}", ran.err);
    assert!(ran.out.contains("a colony of up to 6 nodes") && ran.err.contains("nothing was changed"), "{}", ran.err);
    assert_eq!(files(&host), before);
}
