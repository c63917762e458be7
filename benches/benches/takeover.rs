//! A takeover of 200 running nodes that no wnm has made: `wnm init --import` of processes, and `--from-antctl` of a registry.
//! It takes at most 5 s. The nodes are processes of this bench that wait, with the name and the arguments of a node each.
//!
//! `cargo build --release -p wnm-cli && cargo bench -p wnm-benches --bench takeover`; with `--profile dev` and without
//! `--release` the programs are those of the tests.
#![allow(missing_docs, reason = "a bench is no library")]
#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use wnm_benches::Result;
use wnm_benches::processes::{Cost, Nodes, RUNS, built, command, heading, measure, report, waited_as_node};

const NODES: u16 = 200;
/// Below the ports that the kernel gives to clients.
const PORTS: [u16; 2] = [21_000, 22_000];
const WALLET: &str = "0x00455d78f850b0358E8cea5be24d415E01E107CF";

fn main() -> Result<()> {
    if waited_as_node()? {
        return Ok(());
    }
    let wnm = built()?;
    let home = tempfile::tempdir()?;
    let storage = home.path().join("nodes");
    let _nodes = start(home.path(), &storage)?;
    let registry = home.path().join(".local/share/autonomi/node/node_registry.json");
    fs::create_dir_all(registry.parent().ok_or("no folder")?)?;
    fs::write(
        &registry,
        json!({"nodes": (1..=NODES).map(|number| entry(&storage, number)).collect::<Vec<_>>()}).to_string(),
    )?;
    println!("load average {}", fs::read_to_string("/proc/loadavg")?.trim());
    heading();
    let storage = storage.display().to_string();
    let import = ["init", "--import", "--process-manager", "setsid+user", "--node-storage", &storage];
    let antctl = ["init", "--from-antctl", "--process-manager", "antctl+user", "--antctl-path", "/bin/true"];
    for (name, args) in [("import", &import[..]), ("antctl", &antctl)] {
        for (step, further) in [("dry run", &["--dry-run"][..]), ("takeover", &[])] {
            let one = |_| run(&wnm, home.path(), &[args, further].concat());
            let runs = (0..RUNS).map(one).collect::<Result<Vec<_>>>()?;
            report(&format!("{name}, {step}, {NODES} nodes"), &runs);
        }
    }
    Ok(())
}

fn folder(storage: &Path, number: u16) -> PathBuf {
    storage.join(format!("antnode{number}"))
}

/// Starts the nodes, each with a key of its own.
fn start(home: &Path, storage: &Path) -> Result<Nodes> {
    let mut nodes = Nodes::new(home)?;
    for number in 1..=NODES {
        let folder = folder(storage, number);
        fs::create_dir_all(&folder)?;
        let mut key = [7; 32];
        key[..2].copy_from_slice(&number.to_le_bytes());
        fs::write(folder.join("secret-key"), key)?;
        let [port, metrics] = PORTS.map(|start| (start + number).to_string());
        let args =
            ["--port", &port, "--metrics-server-port", &metrics, "--rewards-address", WALLET, "evm-arbitrum-one"];
        nodes.start(&folder.join("antnode"), &folder, &args)?;
    }
    Ok(nodes)
}

/// Returns the entry of a node in a registry of antctl.
fn entry(storage: &Path, number: u16) -> Value {
    let folder = folder(storage, number);
    let [port, metrics] = PORTS.map(|start| start + number);
    json!({
        "number": number, "service_name": format!("antnode{number}"), "status": "Running", "version": "0.4.17",
        "data_dir_path": folder, "log_dir_path": folder.join("logs"), "antnode_path": folder.join("antnode"),
        "node_port": port, "metrics_port": metrics, "rpc_socket_addr": format!("127.0.0.1:{}", 23_000 + number),
        "rewards_address": WALLET, "evm_network": "ArbitrumOne", "user_mode": true,
    })
}

/// Runs an import, and removes its traces.
fn run(wnm: &Path, home: &Path, args: &[&str]) -> Result<Cost> {
    let folder_of_db = home.join("colony");
    fs::create_dir(&folder_of_db)?;
    let mut command = command(wnm, home, &folder_of_db, args);
    let (cost, output) = measure(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let taken = String::from_utf8_lossy(&output.stdout).matches("antnode").count();
    if !output.status.success() || taken < usize::from(NODES) {
        return Err(format!("wnm {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr)).into());
    }
    fs::remove_dir_all(&folder_of_db)?;
    for number in 1..=NODES {
        for file in [".wnm-node", ".wnm-definition", ".wnm-lock", "wnm.pid"] {
            _ = fs::remove_file(folder(&home.join("nodes"), number).join(file));
        }
    }
    Ok(cost)
}
