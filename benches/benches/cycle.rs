//! Whole processes: the built `wnm` on a colony of 1000 nodes that answer on loopback with the text a real node
//! served. The nodes are endpoints of one server process, so a cycle sees them answer without a process of ours; one
//! with its process costs the reading of `/proc/PID/stat` more, about 5 µs.
//!
//! `cargo build --release -p wnm-cli && cargo bench -p wnm-benches --bench cycle`
#![allow(missing_docs, reason = "a bench is no library")]
#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

mod colony;

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

use colony::{Result, Server, built, colony, serve};

const NODES: u32 = 1000;
const RUNS: usize = 5;
/// Time between two runs, shorter than any that a colony is kept with.
const APART: Duration = Duration::from_secs(1);

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("serve") => serve(NODES),
        _ => measure(),
    }
}

fn measure() -> Result<()> {
    let wnm = built()?;
    let _server = Server::start()?;
    println!("{:<34} {:>9} {:>9} {:>9}   each: median of {RUNS}", "", "wall ms", "cpu ms", "peak MB");
    let mut first = Vec::new();
    for _ in 0..RUNS {
        let home = colony(NODES, &[])?;
        first.push(run(&wnm, home.path(), &["-q", "run"])?);
    }
    report("first cycle, 1000 nodes", first);
    let home = colony(NODES, &[])?;
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
