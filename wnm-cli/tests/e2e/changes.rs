//! Nodes get other settings and other places, and keep their identities.

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::daemon;
use crate::host::{Host, OtherVolume, states};

/// Settings with which no other signal keeps a rule from its turn.
const QUIET: &str = "mem_less_than=99.9 mem_remove=100 cpu_less_than=99.9 cpu_remove=100";

fn folder(node: &Value) -> PathBuf {
    PathBuf::from(node["folder"].as_str().unwrap())
}

fn running(host: &Host, count: usize) -> Vec<Value> {
    host.wait_for("running nodes", |nodes| {
        nodes.len() == count && states(nodes).iter().all(|state| *state == "RUNNING")
    })
}

fn result(works: &Value) -> (&str, &str) {
    (works[0]["result"].as_str().unwrap(), works[0]["reason"].as_str().unwrap_or_default())
}

/// Returns the entries of a storage folder, without those that wnm keeps beside the nodes.
fn entries(storage: &Path) -> Vec<String> {
    let names = fs::read_dir(storage).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != ".trash" && !name.starts_with(".wnm")).collect();
    names.sort();
    names
}

#[test]
fn node_moves_with_its_identity() {
    let host = Host::with_colony();
    let other = OtherVolume::new();
    let to = other.path().display();
    host.expect(0, "node add --count 2");
    let before = running(&host, 2);
    let refused = host.expect(3, &format!("--json node move 1 --to {to}")).data();
    assert_eq!(result(&refused), ("refused", format!("{to} is not one of the storage folders").as_str()));
    assert_eq!(refused[0]["hint"], json!(format!("run `wnm storage add {to}`")));
    host.expect(0, &format!("storage add {to}"));

    let planned = host.expect(0, &format!("--json node move 1 --to {to} --dry-run")).json();
    assert_eq!(result(&planned), ("planned", format!("to {to}").as_str()));
    let moved = host.expect(0, &format!("--json node move 1 --to {to}")).json();
    assert_eq!(result(&moved).0, "done", "{moved}");
    let after = running(&host, 2);
    assert_eq!(folder(&after[0]), other.path().join("antnode0001"));
    assert!(!folder(&before[0]).exists());
    for key in ["uuid", "ports", "wallet", "arguments", "created_at"] {
        assert_eq!(after[0][key], before[0][key], "{key}");
    }
    assert_eq!(after[0]["sample"]["peer_id"], before[0]["sample"]["peer_id"]);
    assert_eq!(after[1]["sample"]["pid"], before[1]["sample"]["pid"]);
    // The folder at the old place cannot become a second node of the identity.
    assert_eq!(host.expect(0, "--json trash list").json(), json!([]));
    let again = host.expect(0, &format!("--json node move 1 --to {to}")).json();
    assert_eq!(result(&again), ("already", "already there"));

    // A stopped node stays stopped, and a disabled one disabled.
    host.expect(0, "node stop 2");
    host.expect(0, "node disable 1");
    let home = folder(&before[0]).parent().unwrap().display().to_string();
    host.expect(0, &format!("node move 1 --to {home}"));
    host.expect(0, &format!("node move 2 --to {to}"));
    let nodes = host.nodes();
    assert_eq!(states(&nodes), ["DISABLED", "STOPPED"]);
    assert_eq!((folder(&nodes[0]), folder(&nodes[1])), (folder(&before[0]), other.path().join("antnode0002")));
    host.expect(0, "node start 1,2");
    running(&host, 2);
    host.expect(0, "db check");
    assert_eq!(entries(other.path()), ["antnode0002"]);
    let history = host.expect(0, "history").out;
    assert!(history.contains(&format!("move antnode0001 to {to}")), "{history}");
    host.expect(0, "teardown --yes");
}

#[test]
fn daemon_changes_and_moves_nodes_for_commands() {
    let host = Host::with_colony();
    let other = OtherVolume::new();
    let to = other.path().display();
    host.expect(0, "config set crisis_bytes=1MB");
    host.expect(0, "node add --count 2");
    let before = running(&host, 2);
    let home = folder(&before[0]).parent().unwrap().display().to_string();
    host.expect(0, &format!("storage add {to}"));
    // No second scheduled cycle comes within the test: each end is one of the daemon's own.
    let _daemon = daemon::spawn_slow(&host);
    let cycles = daemon::running(&host)["cycles"].as_u64().unwrap();
    let updated = host.expect(0, "--json node update --all --set environment=RUST_LOG=info").json();
    assert_eq!(result(&updated), ("done", "environment=RUST_LOG=info"), "{updated}");
    let again = host.expect(0, "--json node update 1 --set environment=RUST_LOG=info").json();
    assert_eq!(result(&again), ("already", "already as requested"));
    let moved = host.expect(0, &format!("--json node move 1 --to {to}")).json();
    assert_eq!(result(&moved), ("done", format!("to {to}").as_str()), "{moved}");
    let unknown = host.expect(1, &format!("node move 7 --to {to}")).err;
    assert!(unknown.contains("no such node: antnode0007"), "{unknown}");
    let refused = host.expect(3, "--json node move 1 --to /nowhere").data();
    assert_eq!(result(&refused).0, "refused", "{refused}");
    let drained = host.expect(0, &format!("--json storage drain {home}")).json();
    assert_eq!(result(&drained), ("done", format!("to {to}").as_str()), "{drained}");
    let nodes = running(&host, 2);
    for (old, new) in before.iter().zip(&nodes) {
        assert_eq!(folder(new).parent(), Some(other.path()));
        assert_eq!(new["environment"], json!(["RUST_LOG=info"]));
        assert_eq!(new["uuid"], old["uuid"]);
    }
    assert!(daemon::running(&host)["cycles"].as_u64().unwrap() >= cycles + 5, "the daemon ran the cycles");
}

#[test]
fn node_moves_off_a_full_volume() {
    let host = Host::with_colony();
    let other = OtherVolume::new();
    host.expect(0, &format!("config set node_cap=1 crisis_bytes=1MB hd_remove=100 hd_less_than=99.9 {QUIET}"));
    host.expect(0, "node add");
    let before = running(&host, 1);
    let home = folder(&before[0]).parent().unwrap().to_owned();
    host.expect(0, &format!("storage add {}", other.path().display()));
    host.expect(0, "run");
    let list = host.expect(0, "--json storage list").json();
    let used = |folder: &Path| {
        let view = list.as_array().unwrap().iter().find(|view| view["folder"] == json!(folder)).unwrap();
        view["used"].as_f64().unwrap()
    };
    // The volumes of the test host are never equally full: the thresholds lie between them.
    let (mut from, mut to) = (home.as_path(), other.path());
    if used(from) < used(to) {
        (from, to) = (to, from);
        host.expect(0, &format!("node move 1 --to {}", from.display()));
    }
    let (low, high) = (used(to), used(from));
    assert!(high - low > 3.0, "volumes with {low} and {high} % in use");
    let between = |share: f64| low + (high - low) * share;
    host.expect(0, &format!("config set hd_less_than={:.2} hd_remove={:.2}", between(0.5), between(0.8)));
    let is_there = |nodes: &[Value]| folder(&nodes[0]).parent() == Some(to) && states(nodes) == ["RUNNING"];
    let mut after = host.nodes();
    for _ in 0..100 {
        if is_there(&after) {
            break;
        }
        host.expect(0, "run");
        after = host.nodes();
    }
    assert!(is_there(&after), "{after:#?}");
    for key in ["uuid", "ports", "created_at"] {
        assert_eq!(after[0][key], before[0][key], "{key}");
    }
    assert!(!from.join("antnode0001").exists());
    // The old folder is deleted before another node could move.
    assert_eq!(fs::read_dir(from.join(".trash")).map_or(0, Iterator::count), 0);
    let events = host.expect(0, "history").out;
    assert!(events.contains("move antnode0001"), "{events}");
    host.expect(0, "teardown --yes");
}

#[test]
fn move_survives_the_end_of_wnm() {
    let host = Host::with_colony();
    let other = OtherVolume::new();
    host.expect(0, "node add");
    let before = running(&host, 1);
    fs::write(folder(&before[0]).join("large"), vec![7; 24 << 20]).unwrap();
    host.expect(0, &format!("storage add {}", other.path().display()));
    host.expect(0, "config set move_rate 400kB/s");
    let mut command = host.command(&["node", "move", "1", "--to", &other.path().display().to_string()]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let copy = other.path().join(".moving");
    while fs::read_dir(&copy).map_or(0, Iterator::count) < 2 {
        thread::sleep(Duration::from_millis(20));
    }
    let status = host.expect(0, "--json status").json();
    assert_eq!(status["under_way"][0]["action"], json!("move"), "{status}");
    child.kill().unwrap();
    child.wait().unwrap();
    // The node runs on at its old place, and the next run completes the copy, however long that takes.
    assert_eq!(host.nodes()[0]["sample"]["pid"], before[0]["sample"]["pid"]);
    assert_eq!(states(&host.nodes()), ["MIGRATING"]);
    host.expect(0, "config set move_rate 8MB/s");
    host.expect(0, "run");
    assert!(folder(&host.nodes()[0]).starts_with(other.path()), "{:?}", host.nodes());
    host.wait_for("moved node", |nodes| folder(&nodes[0]).starts_with(other.path()) && states(nodes) == ["RUNNING"]);
    assert_eq!(fs::read(other.path().join("antnode0001/large")).unwrap(), vec![7; 24 << 20]);
    assert!(!copy.exists() && !folder(&before[0]).exists());
    host.expect(0, "teardown --yes");
}

#[test]
fn move_to_a_target_that_vanishes_leaves_the_node_running() {
    let host = Host::with_colony();
    let other = OtherVolume::new();
    host.expect(0, "node add");
    let before = running(&host, 1);
    fs::write(folder(&before[0]).join("large"), vec![7; 24 << 20]).unwrap();
    host.expect(0, &format!("storage add {}", other.path().display()));
    // A full target is found before the first byte.
    host.expect(0, "config set crisis_bytes 900TB");
    let full = host.expect(3, &format!("--json node move 1 --to {}", other.path().display())).data();
    assert_eq!(result(&full).0, "failed");
    assert!(result(&full).1.contains("copy folder"), "{full}");
    host.expect(0, "config set crisis_bytes=1 move_rate=400kB/s");
    let mut command = host.command(&["--json", "node", "move", "1", "--to", &other.path().display().to_string()]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let copy = other.path().join(".moving");
    while fs::read_dir(&copy).map_or(0, Iterator::count) < 2 {
        thread::sleep(Duration::from_millis(20));
    }
    fs::remove_dir_all(other.path()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let nodes = running(&host, 1);
    assert_eq!(nodes[0]["sample"]["pid"], before[0]["sample"]["pid"], "the node has not stopped");
    assert_eq!(folder(&nodes[0]), folder(&before[0]));
}

#[test]
fn drained_folder_loses_its_nodes_and_gets_no_new_ones() {
    let host = Host::with_colony();
    let other = OtherVolume::new();
    let folder_of = |node: &Value| folder(node).parent().unwrap().to_owned();
    host.expect(0, "config set crisis_bytes 1MB");
    host.expect(0, "node add --count 3");
    let before = running(&host, 3);
    let home = folder_of(&before[0]);
    let nowhere = host.expect(1, &format!("storage drain {}", home.display())).err;
    assert!(nowhere.contains("no other storage folder"), "{nowhere}");
    host.expect(0, &format!("storage add {}", other.path().display()));
    let planned = host.expect(0, &format!("--json storage drain {} --dry-run", home.display())).json();
    assert_eq!(planned.as_array().unwrap().len(), 3);
    let drained = host.expect(0, &format!("--json storage drain {}", home.display())).json();
    assert!(drained.as_array().unwrap().iter().all(|work| work["result"] == json!("done")), "{drained}");
    let after = running(&host, 3);
    assert!(after.iter().all(|node| folder_of(node) == other.path()), "{after:#?}");
    host.expect(0, "node add");
    assert!(running(&host, 4).iter().all(|node| folder_of(node) == other.path()));
    let list = host.expect(0, "--json storage list").json();
    let of = |folder: &Path| list.as_array().unwrap().iter().find(|view| view["folder"] == json!(folder)).unwrap();
    assert_eq!((&of(&home)["drained"], &of(&home)["nodes"]), (&json!(true), &json!([])));
    assert_eq!(of(other.path())["nodes"].as_array().unwrap().len(), 4);
    assert!(host.expect(0, "storage list").out.contains("drained"));
    // Adding it again ends the drain.
    host.expect(0, &format!("storage add {}", home.display()));
    host.expect(1, &format!("storage add {}", home.display()));
    let list = host.expect(0, "--json storage list").json();
    assert_eq!(list[0]["drained"], json!(false));
    host.expect(0, "teardown --yes");
}

#[test]
fn update_gives_nodes_other_settings() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 2");
    let before = running(&host, 2);
    let told = host.expect(0, "config set environment RUST_LOG=info").out;
    assert!(told.contains("2 existing nodes keep the old value"), "{told}");
    assert!(told.contains("`wnm node update --all`"), "{told}");
    let planned = host.expect(0, "--json node update --all --dry-run").json();
    assert!(result(&planned).1.contains("environment=RUST_LOG=info"), "{planned}");
    assert_eq!(host.nodes()[0]["environment"], before[0]["environment"]);
    host.expect(0, "node update --all");
    let after = running(&host, 2);
    for (old, new) in before.iter().zip(&after) {
        assert_eq!(new["environment"], json!(["RUST_LOG=info"]), "{new}");
        assert_ne!(new["sample"]["pid"], old["sample"]["pid"]);
        assert_eq!(new["sample"]["peer_id"], old["sample"]["peer_id"]);
    }
    let again = host.expect(0, "--json node update --all").json();
    assert_eq!(result(&again), ("already", "already as requested"));

    // Single settings of one node: the other one and the settings of new nodes stay.
    let port = host.spare_port(0);
    host.expect(0, &format!("node update 1 --set port={port} --set no_upnp=false"));
    let nodes = running(&host, 2);
    assert_eq!(nodes[0]["ports"]["node"], json!(port));
    assert!(UdpSocket::bind(("0.0.0.0", port)).is_err(), "the node has its new port");
    assert_eq!(nodes[1]["sample"]["pid"], after[1]["sample"]["pid"]);
    let logs = host.path("logs");
    host.expect(0, "node stop 2");
    host.expect(0, &format!("node update 2 --set log_dir={}", logs.display()));
    assert_eq!(states(&host.nodes()), ["RUNNING", "STOPPED"]);
    host.expect(0, "node start 2");
    running(&host, 2);
    assert!(logs.join("antnode0002").is_dir());
    host.expect(0, "db check");
}

#[test]
fn failed_update_brings_the_old_settings_back() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let before = running(&host, 1);
    let failed = host.wnm(&["--json", "node", "update", "1", "--set", "start_args=--no-such-flag"]);
    assert_eq!(failed.code(), 3, "{}{}", failed.out, failed.err);
    assert_eq!(result(&failed.data()).0, "failed");
    let after = running(&host, 1);
    assert_eq!(after[0]["arguments"], before[0]["arguments"]);
    let port = host.spare_port(1);
    let _taken = UdpSocket::bind(("0.0.0.0", port)).unwrap();
    host.expect(3, &format!("node update 1 --set port={port}"));
    assert_eq!(running(&host, 1)[0]["ports"], before[0]["ports"]);
    host.expect(0, "db check");
}

#[test]
fn bad_updates_are_refused() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 2");
    let nodes = running(&host, 2);
    for (line, text) in [
        ("node update 1 --set port=0", "invalid value \"0\" for port: not 1 to 65535"),
        ("node update 1 --set log_dir=logs", "invalid value \"logs\" for log_dir: not an absolute folder"),
        ("node update 1 --set port", "no value given for port"),
        ("node update 1 --set node_cap=3", "node_cap is a setting of wnm"),
        ("node update 1 --set ports=3", "ports"),
        ("node update 1 --set rewards_address=0x1", "rewards_address"),
        ("node update 7 --set port=9", "no such node: antnode0007"),
        ("node move 7 --to /tmp", "no such node: antnode0007"),
    ] {
        let ran = host.wnm(&line.split_whitespace().collect::<Vec<_>>());
        assert!(ran.code() == 1 || ran.code() == 2, "{line}: {}", ran.code());
        assert!(ran.err.contains(text), "{line}: {}", ran.err);
        assert!(ran.err.contains("hint: "), "{line}: {}", ran.err);
    }
    let port = nodes[1]["ports"]["metrics"].as_u64().unwrap();
    let refused = host.expect(3, &format!("--json node update 1 --set port={port}")).data();
    assert_eq!(result(&refused), ("refused", format!("node 0002 has port {port}").as_str()));
    let own = nodes[0]["ports"]["metrics"].as_u64().unwrap();
    let refused = host.expect(3, &format!("--json node update 1 --set port={own}")).data();
    assert_eq!(result(&refused), ("refused", format!("port {own} is given twice").as_str()));
    assert_eq!(running(&host, 2)[0]["sample"]["pid"], nodes[0]["sample"]["pid"]);
}

#[test]
fn storage_folders_with_a_path_that_is_no_text_are_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let host = Host::with_colony();
    let other = OtherVolume::new();
    let folder = other.path().join(OsStr::from_bytes(b"disk-\xff"));
    fs::create_dir(&folder).unwrap();
    host.expect(0, "node add");
    let before = running(&host, 1);
    let refuse = || {
        for line in [&["storage", "add"][..], &["storage", "drain"], &["node", "move", "1", "--to"]] {
            let output = host.command(line).arg(&folder).output().unwrap();
            let told = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{line:?}: {told}");
            let path =
                format!("cannot use storage folder {}/disk-\u{fffd}: its path is not UTF-8", other.path().display());
            assert!(told.contains(&path), "{line:?}: {told}");
            assert!(told.contains("hint: rename the folder, or choose another one"), "{line:?}: {told}");
        }
    };
    refuse();
    let _daemon = daemon::spawn_slow(&host);
    daemon::running(&host);
    refuse();
    assert_eq!(running(&host, 1)[0]["sample"]["pid"], before[0]["sample"]["pid"]);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}
