//! Real `antnode` and `ant-node` processes on loopback. The programs are not part of the repository:
//! `WNM_TEST_ANTNODE=/path/to/antnode cargo test -p wnm-cli --test e2e real::real_nodes -- --ignored`
//! `WNM_TEST_ANT_NODE=/path/to/ant-node cargo test -p wnm-cli --test e2e real::real_ant -- --ignored`

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};

use crate::host::{Host, pid, states};

const NETWORK: &str = "evm-custom --rpc-url http://127.0.0.1:1 \
    --payment-token-address 0x5FbDB2315678afecb367f032d93F642f64180aa3 \
    --data-payments-address 0x8464135c8F25Da09e49BC8782676a84730C318bC";

/// The first node of the test network, started without wnm.
struct FirstNode(Child);

impl Drop for FirstNode {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn first_node(program: &PathBuf, host: &Host, port: u16, metrics: u16) -> FirstNode {
    let child = Command::new(program)
        .args(["--local", "--first", "--ip", "127.0.0.1"])
        .args(["--port", &port.to_string(), "--metrics-server-port", &metrics.to_string()])
        .arg("--root-dir")
        .arg(host.path("first"))
        .arg("--log-output-dest")
        .arg(host.path("first/logs"))
        .args(["--rewards-address", "0x00455d78f850b0358E8cea5be24d415E01E107CF"])
        .args(NETWORK.split_whitespace())
        .env("HOME", host.path(""))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    FirstNode(child)
}

/// Returns the peer ID from the metrics server of a node, as soon as it answers.
fn peer_id(metrics: u16) -> String {
    let started = Instant::now();
    loop {
        assert!(started.elapsed() < Duration::from_secs(60), "the first node does not answer");
        let mut text = String::new();
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", metrics)) {
            let asked = stream.write_all(b"GET /metadata HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
            let _ = asked.and_then(|()| stream.read_to_string(&mut text));
        }
        if let Some(id) = text.split("peer_id=\"").nth(1).and_then(|rest| rest.split('"').next()) {
            return id.to_owned();
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
#[ignore = "needs a real antnode 0.4, named by WNM_TEST_ANTNODE"]
fn real_nodes_find_each_other() {
    let program = PathBuf::from(std::env::var_os("WNM_TEST_ANTNODE").expect("WNM_TEST_ANTNODE names an antnode"));
    let host = Host::new();
    let [port, metrics] = [host.spare_port(0), host.spare_port(1)];
    let first = first_node(&program, &host, port, metrics);
    let peer = format!("/ip4/127.0.0.1/udp/{port}/quic-v1/p2p/{}", peer_id(metrics));
    let mut args = host.init_args();
    for (flag, value) in [
        ("--start-args", format!("--local --ip 127.0.0.1 --peer {peer}")),
        ("--network", NETWORK.to_owned()),
        ("--antnode-path", program.display().to_string()),
    ] {
        match args.iter().position(|arg| arg == flag) {
            Some(at) => args[at + 1] = value,
            None => args.extend([flag.to_owned(), value]),
        }
    }
    let init = host.wnm(&args);
    assert_eq!(init.code(), 0, "{}{}", init.out, init.err);
    host.expect(0, "node add --count 3");
    let nodes = host.wait_for("three nodes with peers", |nodes| {
        let peers = |node: &serde_json::Value| node["sample"]["routing_table_peers"].as_u64().unwrap_or(0);
        states(nodes) == ["RUNNING"; 3] && nodes.iter().all(|node| peers(node) >= 3)
    });
    for node in &nodes {
        assert!(node["sample"]["peer_id"].as_str().unwrap().starts_with("12D3KooW"), "{node}");
        assert_eq!(node["sample"]["version"], json!("0.4.17"));
    }
    println!("{}", host.expect(0, "node list").out);
    println!("{}", host.expect(0, "status").out);
    host.expect(0, "node restart 2");
    let again = host.wait_for("the same node again", |nodes| states(nodes) == ["RUNNING"; 3]);
    assert_eq!(again[1]["sample"]["peer_id"], nodes[1]["sample"]["peer_id"]);
    host.expect(0, "teardown --yes");
    assert!(host.processes().is_empty());
    drop(first);
}

fn ant_node() -> PathBuf {
    PathBuf::from(std::env::var_os("WNM_TEST_ANT_NODE").unwrap())
}

/// Waits until all nodes run, hold the locks of their chunks, and their peer IDs are known.
fn running(host: &Host, count: usize) -> Vec<Value> {
    host.wait_for("running nodes", |nodes| {
        let is_known = |node: &Value| node["sample"]["peer_id"].as_str().is_some_and(|id| id.len() == 64);
        let is_up = |node: &Value| is_known(node) && holds_lock(&folder(node));
        states(nodes) == vec!["RUNNING"; count] && nodes.iter().all(is_up)
    })
}

fn folder(node: &Value) -> PathBuf {
    PathBuf::from(node["folder"].as_str().unwrap())
}

fn holds_lock(folder: &Path) -> bool {
    // A node makes the file some time after its start.
    let lock = std::fs::File::open(folder.join("chunks/.lock"));
    lock.is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err())
}

#[test]
#[ignore = "needs a real ant-node 0.23, named by WNM_TEST_ANT_NODE"]
fn real_ant_nodes_live_move_and_come_back_from_a_backup() {
    let host = Host::new();
    let mut args = host.init_args();
    let start_args = args.iter().position(|word| word == "--start-args").unwrap();
    args[start_args + 1] = "--network-mode development --ipv4-only".to_owned();
    args.extend(["--flavor", "ant-node", "--antnode-path", ant_node().to_str().unwrap()].map(str::to_owned));
    let init = host.wnm(&args);
    assert_eq!(init.code(), 0, "{}{}", init.out, init.err);
    host.expect(0, "node add --count 2");
    let first = running(&host, 2);
    for node in &first {
        assert!(holds_lock(&folder(node)) && node["ports"]["rpc"].is_u64(), "{node}");
        assert!(node["sample"]["version"].as_str().unwrap().starts_with("0.23."), "{node}");
        assert!(node["sample"]["connected_peers"].is_null() && node["sample"]["shunned_count"].is_null(), "{node}");
    }
    host.expect(0, "node stop 1");
    assert!(!holds_lock(&folder(&first[0])) && holds_lock(&folder(&first[1])));
    host.expect(0, "node start 1");
    running(&host, 2);
    host.expect(0, "node update 1 --set webrtc=false");
    let changed = running(&host, 2);
    assert!(changed[0]["ports"]["rpc"].is_null() && changed[1]["ports"]["rpc"].is_u64(), "{changed:#?}");
    std::fs::create_dir(folder(&changed[1]).join("chunks.mdb")).unwrap();
    std::fs::write(folder(&changed[1]).join("chunks.mdb/data.mdb"), [7; 4096]).unwrap();
    let doctor = host.wnm(&["doctor"]).out;
    assert!(doctor.contains("1 node has a chunk store of an earlier version"), "{doctor}");
    let drive = host.path("drive");
    std::fs::create_dir(&drive).unwrap();
    host.expect(0, &format!("storage add {}", drive.display()));
    host.expect(0, &format!("node move 1 --to {}", drive.display()));
    let moved = running(&host, 2);
    assert!(folder(&moved[0]).starts_with(&drive) && holds_lock(&folder(&moved[0])));
    host.expect(0, &format!("node backup --all --to {}", host.path("all.backup").display()));
    host.expect(0, "teardown --yes");
    assert!(host.processes().is_empty());
    host.expect(0, &format!("node restore --from {} --yes", host.path("all.backup").display()));
    host.expect(0, "node start --all");
    let restored = running(&host, 2);
    for (node, before) in restored.iter().zip(&first) {
        assert_eq!(node["sample"]["peer_id"], before["sample"]["peer_id"]);
        assert_eq!(node["ports"]["node"], before["ports"]["node"]);
    }
    host.expect(0, "teardown --yes");
}

#[test]
#[ignore = "needs a real ant-node 0.23, named by WNM_TEST_ANT_NODE"]
fn real_ant_nodes_started_by_hand_are_imported() {
    const WALLET: &str = "0x00455d78f850b0358E8cea5be24d415E01E107CF";
    let host = Host::new();
    std::fs::create_dir_all(host.path("nodes/node-1")).unwrap();
    std::fs::create_dir_all(host.path("nodes/alpha")).unwrap();
    // Where no other user can exchange it.
    let program = host.path("ant-node");
    std::fs::copy(ant_node(), &program).unwrap();
    let start = |words: &[&str], variables: &[(&str, String)]| {
        let mut command = Command::new(&program);
        command.args(words).args(["--network-mode", "development"]).current_dir(host.path("nodes"));
        command.env_clear().env("HOME", host.path("")).envs(variables.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        FirstNode(command.spawn().unwrap())
    };
    let [one, two] = [1, 2].map(|number| host.spare_port(number).to_string());
    let alpha = start(&["--root-dir", "alpha", "-p", &one, "--rewards-address", WALLET, "--ipv4-only"], &[]);
    let variables = [
        ("ANT_ROOT_DIR", host.path("nodes/node-1").display().to_string()),
        ("ANT_PORT", two),
        ("ANT_REWARDS_ADDRESS", WALLET.to_owned()),
        ("ANT_IPV4_ONLY", "true".to_owned()),
        ("ANT_BOOTSTRAP", format!("127.0.0.1:{one}")),
        ("ANT_DISABLE_WEBRTC_DIRECT", "true".to_owned()),
    ];
    let first = start(&[], &variables);
    let calm = "--mem-remove 100 --hd-remove 100 --cpu-remove 100 --max-load-average-allowed 10000 --delay-start 0 \
                --delay-restart 0";
    let line = format!(
        "init --import --process-manager setsid+user {} --node-storage {}",
        calm.split_whitespace().collect::<Vec<_>>().join(" "),
        host.path("nodes").display()
    );
    let begun = Instant::now();
    loop {
        let shown = host.wnm(&format!("--json {line} --dry-run").split(' ').collect::<Vec<_>>());
        if shown.code() == 0 && shown.json()["nodes"].as_array().is_some_and(|nodes| nodes.len() == 2) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{}{}", shown.out, shown.err);
        std::thread::sleep(Duration::from_millis(500));
    }
    host.expect(0, &line);
    let nodes = host.wait_for("imported nodes", |nodes| states(nodes) == ["RUNNING"; 2]);
    let pids = nodes.iter().map(|node| pid(node).unwrap().as_raw_nonzero().get().unsigned_abs()).collect::<Vec<_>>();
    assert_eq!(pids, [first.0.id(), alpha.0.id()]);
    assert!(folder(&nodes[0]).ends_with("node-1") && folder(&nodes[1]).ends_with("alpha"));
    assert_eq!(
        nodes.iter().map(|node| node["ports"]["node"].as_u64()).collect::<Vec<_>>(),
        [2, 1].map(|number| Some(u64::from(host.spare_port(number))))
    );
    host.expect(0, "--json run");
    let before = host.nodes();
    drop((first, alpha));
    host.expect(0, "node start --all");
    let again = running(&host, 2);
    for (node, before) in again.iter().zip(&before).skip(1) {
        assert_eq!(node["sample"]["peer_id"], before["sample"]["peer_id"]);
    }
    host.expect(0, "teardown --yes");
}
