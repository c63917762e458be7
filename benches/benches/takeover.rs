//! A takeover of 200 running nodes that no wnm has made: `wnm init --import` of processes, and `--from-antctl` of a registry.
//! It takes at most 5 s. The nodes are processes of this bench that wait, with the name and the arguments of a node each.
//!
//! `cargo build --release -p wnm-cli && cargo bench -p wnm-benches --bench takeover`; with `--profile dev` and without
//! `--release` the programs are those of the tests.
#![allow(missing_docs, reason = "a bench is no library")]
#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

#[expect(dead_code, reason = "the nodes of this bench are processes")]
mod colony;

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use serde_json::{Value, json};

use colony::{Result, built};

const NODES: u16 = 200;
const RUNS: usize = 5;
/// Below the ports that the kernel gives to clients.
const PORTS: [u16; 2] = [21_000, 22_000];
const WALLET: &str = "0x00455d78f850b0358E8cea5be24d415E01E107CF";

fn main() -> Result<()> {
    if std::env::args().nth(1).is_some_and(|arg| arg == "--root-dir") {
        std::io::stdin().read_to_end(&mut Vec::new())?;
        return Ok(());
    }
    let wnm = built()?;
    let home = tempfile::tempdir()?;
    let storage = home.path().join("nodes");
    let _nodes = Nodes::start(home.path(), &storage)?;
    let registry = home.path().join(".local/share/autonomi/node/node_registry.json");
    fs::create_dir_all(registry.parent().ok_or("no folder")?)?;
    fs::write(
        &registry,
        json!({"nodes": (1..=NODES).map(|number| entry(&storage, number)).collect::<Vec<_>>()}).to_string(),
    )?;
    println!("load average {}", fs::read_to_string("/proc/loadavg")?.trim());
    println!("{:<34} {:>9} {:>9}   each: median of {RUNS}", "", "wall ms", "cpu ms");
    let storage = storage.display().to_string();
    let import = ["init", "--import", "--process-manager", "setsid+user", "--node-storage", &storage];
    let antctl = ["init", "--from-antctl", "--process-manager", "antctl+user", "--antctl-path", "/bin/true"];
    for (name, args) in [("import", &import[..]), ("antctl", &antctl)] {
        for (step, further) in [("dry run", &["--dry-run"][..]), ("takeover", &[])] {
            let one = |_| run(&wnm, home.path(), &[args, further].concat());
            let runs = (0..RUNS).map(one).collect::<Result<Vec<_>>>()?;
            report(&format!("{name}, {step}, {NODES} nodes"), runs);
        }
    }
    Ok(())
}

fn folder(storage: &Path, number: u16) -> PathBuf {
    storage.join(format!("antnode{number}"))
}

/// The processes of the nodes. They are killed when this value is dropped.
struct Nodes(Vec<Child>);

impl Nodes {
    fn start(home: &Path, storage: &Path) -> Result<Self> {
        let program = home.join("bench");
        fs::copy(std::env::current_exe()?, &program)?;
        let mut nodes = Self(Vec::new());
        for number in 1..=NODES {
            let folder = folder(storage, number);
            fs::create_dir_all(&folder)?;
            let mut key = [7; 32];
            key[..2].copy_from_slice(&number.to_le_bytes());
            fs::write(folder.join("secret-key"), key)?;
            // The kernel tells the name of a hard link as that of the running program.
            fs::hard_link(&program, folder.join("antnode"))?;
            let [port, metrics] = PORTS.map(|start| (start + number).to_string());
            let mut command = Command::new(folder.join("antnode"));
            command.arg("--root-dir").arg(&folder).args(["--port", &port, "--metrics-server-port", &metrics]);
            command.args(["--rewards-address", WALLET, "evm-arbitrum-one"]).env_clear();
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
            nodes.0.push(command.spawn()?);
        }
        Ok(nodes)
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for node in &mut self.0 {
            _ = node.kill();
            _ = node.wait();
        }
    }
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

struct Figures {
    wall: Duration,
    cpu: Duration,
}

/// Runs an import, and removes its traces.
fn run(wnm: &Path, home: &Path, args: &[&str]) -> Result<Figures> {
    let cpu = || -> Result<Duration> {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let micros = (usage.user_time() + usage.system_time()).num_microseconds();
        Ok(Duration::from_micros(u64::try_from(micros)?))
    };
    let db = home.join("colony");
    fs::create_dir(&db)?;
    let (before, begun) = (cpu()?, Instant::now());
    let output =
        Command::new(wnm).arg("--db").arg(db.join("wnm.db")).args(args).env_clear().env("HOME", home).output()?;
    let figures = Figures { wall: begun.elapsed(), cpu: cpu()? - before };
    let taken = String::from_utf8_lossy(&output.stdout).matches("antnode").count();
    if !output.status.success() || taken < usize::from(NODES) {
        return Err(format!("wnm {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr)).into());
    }
    fs::remove_dir_all(&db)?;
    for number in 1..=NODES {
        for file in [".wnm-node", ".wnm-definition", ".wnm-lock", "wnm.pid"] {
            _ = fs::remove_file(folder(&home.join("nodes"), number).join(file));
        }
    }
    Ok(figures)
}

fn report(name: &str, mut runs: Vec<Figures>) {
    let millis = |time: Duration| time.as_secs_f64() * 1000.0;
    runs.sort_by_key(|figures| figures.wall);
    let wall = runs.get(RUNS / 2).map_or(f64::NAN, |figures| millis(figures.wall));
    runs.sort_by_key(|figures| figures.cpu);
    let cpu = runs.get(RUNS / 2).map_or(f64::NAN, |figures| millis(figures.cpu));
    println!("{name:<34} {wall:>9.1} {cpu:>9.1}");
}
