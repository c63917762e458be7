//! Whole processes: the built `wnm` on a colony of 1000 nodes that answer on loopback with the text a real node
//! served. The nodes are endpoints of one server process, so a cycle sees them answer without a process of ours; one
//! with its process costs the reading of `/proc/PID/stat` more, about 5 µs.
//!
//! `cargo build --release -p wnm-cli && cargo bench -p wnm-benches --bench cycle`
#![allow(missing_docs, reason = "a bench is no library")]
#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use wnm_core::{
    HostDefaults, ManagerKind, NewNodeInputs, NodeId, NodeState, Program, RawSettings, Scope, Settings, Timestamp,
    new_node,
};
use wnm_store::Store;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const NODES: u32 = 1000;
const RUNS: usize = 5;
/// Time between two runs, shorter than any that a colony is kept with.
const APART: Duration = Duration::from_secs(1);
/// Where the endpoints are, below the ports the kernel gives to clients.
const METRICS_PORTS: u16 = 21;

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("serve") => serve(),
        _ => measure(),
    }
}

/// Answers on the metrics ports of all nodes until its standard input ends.
fn serve() -> Result<()> {
    let (metrics, metadata) = (wnm_benches::metrics()?, wnm_benches::metadata()?);
    let page = |body: &[u8]| {
        let mut page = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/openmetrics-text\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        )
        .into_bytes();
        page.extend_from_slice(body);
        page
    };
    let pages: &'static [Vec<u8>; 2] = Box::leak(Box::new([page(&metrics), page(&metadata)]));
    for node in 1..=NODES {
        let listener = TcpListener::bind(("127.0.0.1", METRICS_PORTS * 1000 + u16::try_from(node)?))?;
        // A thread that sleeps in accept costs nothing until it is asked.
        thread::Builder::new().stack_size(64 * 1024).spawn(move || {
            for stream in listener.incoming().flatten() {
                _ = answer(stream, pages);
            }
        })?;
    }
    println!("ready");
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn answer(mut stream: TcpStream, pages: &[Vec<u8>; 2]) -> std::io::Result<()> {
    let mut request = [0; 1024];
    let length = stream.read(&mut request)?;
    let is_metadata = request[..length].starts_with(b"GET /metadata");
    stream.write_all(&pages[usize::from(is_metadata)])
}

struct Server(Child);

impl Server {
    fn start() -> Result<Self> {
        let mut child =
            Command::new(std::env::current_exe()?).arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut ready = [0; 6];
        child.stdout.as_mut().ok_or("no output")?.read_exact(&mut ready)?;
        Ok(Self(child))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn measure() -> Result<()> {
    let wnm = built()?;
    let _server = Server::start()?;
    println!("{:<34} {:>9} {:>9} {:>9}   each: median of {RUNS}", "", "wall ms", "cpu ms", "peak MB");
    let mut first = Vec::new();
    for _ in 0..RUNS {
        let home = colony()?;
        first.push(run(&wnm, home.path(), &["-q", "run"])?);
    }
    report("first cycle, 1000 nodes", first);
    let home = colony()?;
    run(&wnm, home.path(), &["-q", "run"])?;
    for (name, args) in [
        ("warm cycle, 1000 nodes", &["-q", "run"][..]),
        ("status, 1000 nodes", &["status"]),
        ("node list, 1000 nodes", &["node", "list"]),
        ("report node-status, 1000 nodes", &["report", "node-status"]),
        ("--version", &["--version"]),
    ] {
        let one = |_| {
            // Right after another cycle, the next would wait for a time to count rates over.
            thread::sleep(APART);
            run(&wnm, home.path(), args)
        };
        let runs = (0..RUNS).map(one).collect::<Result<Vec<_>>>()?;
        report(name, runs);
    }
    println!("{:<34} {:>9.1} MB", "release binary", std::fs::metadata(&wnm)?.len() as f64 / 1e6);
    Ok(())
}

/// Returns the built command, which lies beside the folder this bench runs from.
fn built() -> Result<PathBuf> {
    let bench = std::env::current_exe()?;
    let wnm = bench.ancestors().nth(2).ok_or("no target folder")?.join("wnm");
    if !wnm.exists() {
        return Err(format!("no program at {}: run `cargo build --release -p wnm-cli` first", wnm.display()).into());
    }
    Ok(wnm)
}

struct Figures {
    wall: Duration,
    cpu: Duration,
    /// The highest so far among all runs: the kernel keeps no other for children.
    peak: i64,
}

fn run(wnm: &Path, home: &Path, args: &[&str]) -> Result<Figures> {
    let cpu = || -> Result<Duration> {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let micros = (usage.user_time() + usage.system_time()).num_microseconds();
        Ok(Duration::from_micros(u64::try_from(micros)?))
    };
    let (before, begun) = (cpu()?, Instant::now());
    let status = Command::new(wnm)
        .arg("--db")
        .arg(home.join("wnm.db"))
        .args(args)
        .env_clear()
        .env("HOME", home)
        .stdout(Stdio::null())
        .stdin(Stdio::null())
        .status()?;
    let wall = begun.elapsed();
    if !status.success() {
        return Err(format!("wnm {}: {status}", args.join(" ")).into());
    }
    Ok(Figures { wall, cpu: cpu()? - before, peak: getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss() })
}

fn report(name: &str, mut runs: Vec<Figures>) {
    let millis = |time: Duration| time.as_secs_f64() * 1000.0;
    runs.sort_by_key(|figures| figures.wall);
    let wall = runs.get(RUNS / 2).map_or(f64::NAN, |figures| millis(figures.wall));
    runs.sort_by_key(|figures| figures.cpu);
    let cpu = runs.get(RUNS / 2).map_or(f64::NAN, |figures| millis(figures.cpu));
    let peak = runs.iter().map(|figures| figures.peak).max().unwrap_or_default();
    println!("{name:<34} {wall:>9.1} {cpu:>9.1} {:>9.1}", peak as f64 / 1000.0);
}

/// Makes a colony of 1000 nodes that have a folder each and never ran under this manager.
fn colony() -> Result<tempfile::TempDir> {
    let home = tempfile::tempdir()?;
    let storage = home.path().join("node");
    let program = home.path().join("antnode");
    std::fs::write(&program, "#!/bin/sh\necho 'Autonomi Node v0.4.17'\n")?;
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let mut raw = RawSettings::default();
    for (key, value) in [
        ("node_cap", NODES.to_string()),
        ("rewards_address", "faucet".to_owned()),
        ("process_manager", "setsid+user".to_owned()),
        ("node_storage", storage.display().to_string()),
        ("antnode_path", program.display().to_string()),
        ("metrics_port_start", METRICS_PORTS.to_string()),
        // Nothing is to be done but looking.
        ("cpu_remove", "100".to_owned()),
        ("mem_remove", "100".to_owned()),
        ("hd_remove", "100".to_owned()),
        ("max_load_average_allowed", "100000".to_owned()),
    ] {
        raw.set(key, &value)?;
    }
    let host = HostDefaults {
        cpus: 2,
        storage: storage.clone(),
        programs: home.path().to_owned(),
        manager: ManagerKind::new(Program::Setsid, Scope::User),
    };
    let settings = Settings::new(&raw, &host)?;
    let now = Timestamp::from_secs(1_795_000_000);
    let mut nodes = Vec::new();
    for id in (1..=NODES).filter_map(NodeId::new) {
        let uuid = format!("00000000-0000-4000-8000-{:012}", id.get());
        let inputs = NewNodeInputs { uuid, roll: 0, storage: storage.clone(), logs: PathBuf::new(), now };
        let node = new_node(id, &settings, inputs, [])?;
        std::fs::create_dir_all(&node.root_dir)?;
        nodes.push((node, NodeState::Running { since: now }));
    }
    let mut store = Store::create(&home.path().join("wnm.db"))?;
    store.save_settings(&raw)?;
    store.insert_nodes(&nodes)?;
    Ok(home)
}
