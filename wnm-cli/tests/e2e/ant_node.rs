//! A colony of `ant-node`: WebRTC of its nodes, and the lock of their chunks.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};
use wnm_platform::fake_node::{self, Program, Script};

use crate::host::{Host, states};

/// Returns a host with a colony of `ant-node`.
fn colony() -> Host {
    let host = Host::new();
    let program = host.path("bin/ant-node");
    fs::create_dir(host.path("bin")).unwrap();
    fake_node::make(Path::new(env!("CARGO_BIN_EXE_wnm")), &program, &Script::of(Program::AntNode)).unwrap();
    let mut args = host.init_args();
    let start_args = args.iter().position(|word| word == "--start-args").unwrap();
    args[start_args + 1] = "--network-mode development --ipv4-only".to_owned();
    args.extend(["--flavor", "ant-node", "--antnode-path", program.to_str().unwrap()].map(str::to_owned));
    let ran = host.wnm(&args);
    assert_eq!(ran.code(), 0, "{}{}", ran.out, ran.err);
    host
}

fn running(host: &Host, count: usize) -> Vec<Value> {
    host.wait_for("running nodes", |nodes| {
        nodes.len() == count && states(nodes).iter().all(|state| *state == "RUNNING")
    })
}

fn has_flag(node: &Value) -> bool {
    node["arguments"].to_string().contains("--disable-webrtc-direct")
}

#[test]
fn nodes_lose_webrtc_with_their_third_port_and_get_it_back() {
    let host = colony();
    host.expect(0, "node add --count 2");
    let before = running(&host, 2);
    assert!(before.iter().all(|node| node["ports"]["rpc"].is_u64() && !has_flag(node)), "{before:#?}");
    let changed = host.expect(0, "config set webrtc=false");
    assert!(changed.out.contains("2 existing nodes keep the old value"), "{}{}", changed.out, changed.err);
    let works = host.expect(0, "--json node update --all --set webrtc=false").json();
    assert!(works.as_array().unwrap().iter().all(|work| work["result"] == json!("done")), "{works}");
    let without = running(&host, 2);
    assert!(without.iter().all(|node| node["ports"]["rpc"].is_null() && has_flag(node)), "{without:#?}");
    host.expect(0, "node add");
    assert!(has_flag(&running(&host, 3)[2]));
    host.expect(0, "--json node update 1 --set webrtc=true");
    let again = running(&host, 3);
    assert_eq!((&again[0]["ports"], &again[0]["uuid"]), (&before[0]["ports"], &before[0]["uuid"]));
    assert!(!has_flag(&again[0]) && has_flag(&again[1]));
    host.expect(0, "teardown --yes");
}

#[test]
fn folder_stays_while_a_process_holds_the_lock_of_its_chunks() {
    let host = colony();
    host.expect(0, "node add");
    let nodes = running(&host, 1);
    let folder = PathBuf::from(nodes[0]["folder"].as_str().unwrap());
    host.expect(0, "node stop 1");
    host.wait_for("stopped node", |nodes| states(nodes) == ["STOPPED"]);
    let lock = File::open(folder.join("chunks/.lock")).unwrap();
    flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
    let mut command = host.command(&["node", "remove", "1", "--yes"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    loop {
        let status = host.expect(0, "--json status").json()["under_way"].to_string();
        if status.contains(&format!("process {} holds the lock", std::process::id())) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{status}");
        thread::sleep(Duration::from_millis(100));
    }
    assert!(folder.join("node_identity.key").exists());
    drop(lock);
    child.wait().unwrap();
    host.wait_for("removed node", <[Value]>::is_empty);
    assert!(!folder.exists());
}
