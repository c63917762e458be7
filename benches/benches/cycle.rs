//! Whole processes: the built `wnm` on a colony of 1000 nodes that answer on loopback with the text a real node
//! served. The nodes are endpoints of one server process, so a cycle sees them answer without a process of ours; one
//! with its process costs the reading of `/proc/PID/stat` more, about 5 µs.
//!
//! `cargo build --release -p wnm-cli && cargo bench -p wnm-benches --bench cycle`
#![allow(missing_docs, reason = "a bench is no library")]
#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

mod colony;

use std::path::Path;
use std::thread;
use std::time::Duration;

use wnm_benches::Result;
use wnm_benches::processes::{Cost, RUNS, built, command, heading, measure, report};

use colony::{Server, colony, serve};

const NODES: u32 = 1000;
/// Time between two runs, shorter than any that a colony is kept with.
const APART: Duration = Duration::from_secs(1);

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("serve") => serve(NODES),
        _ => measure_all(),
    }
}

fn measure_all() -> Result<()> {
    let wnm = built()?;
    let _server = Server::start()?;
    heading();
    let mut first = Vec::new();
    for _ in 0..RUNS {
        let home = colony(NODES, &[])?;
        first.push(run(&wnm, home.path(), &["-q", "run"])?);
    }
    report("first cycle, 1000 nodes", &first);
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
        report(name, &runs);
    }
    println!("{:<34} {:>9.1} MB", "release binary", std::fs::metadata(&wnm)?.len() as f64 / 1e6);
    Ok(())
}

fn run(wnm: &Path, home: &Path, args: &[&str]) -> Result<Cost> {
    let (cost, output) = measure(&mut command(wnm, home, home, args))?;
    if !output.status.success() {
        return Err(format!("wnm {}: {}", args.join(" "), output.status).into());
    }
    Ok(cost)
}
