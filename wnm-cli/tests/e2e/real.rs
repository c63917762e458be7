//! Real `antnode` processes on loopback. The program is not part of the repository:
//! `WNM_TEST_ANTNODE=/path/to/antnode cargo test -p wnm-cli --test e2e real:: -- --ignored`

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::host::{Host, states};

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
