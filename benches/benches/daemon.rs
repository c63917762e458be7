//! The daemon over time: the cost of an idle colony of 200 and of 1000 nodes, the speed of its answers, a crowd of
//! clients, and the time from the end of a node to its restart and from pressure to relief. Writes `docs/figures.md`.
//!
//! | part | time |
//! |---|---|
//! | start of both colonies | 10 s |
//! | both idle, and the reactions of a third daemon beside them | 30 s, and the length: 600 s, or that of `--seconds` |
//! | answers, one colony after the other | 30 s |
//! | crowd | 20 s |
//!
//! `just figures`, or `just figures --seconds 60` for a short run with fewer reactions.
#![allow(missing_docs, reason = "a bench is no library")]

mod colony;
mod figures;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use wnm_benches::Result;
use wnm_benches::processes::{built, waited_as_node};

use colony::{Server, serve};
use figures::idle::Colony;
use figures::page::{Figures, render};
use figures::reactions::Rounds;
use figures::{crowd, idle, reactions};

/// The sizes of the colonies; the server has an endpoint for each node of the largest.
const NODES: [u32; 2] = [200, 1000];
/// Time for which idle daemons are measured without the flag.
const SECONDS: u64 = 600;
/// The ports of the daemons: of both colonies, and of the fake nodes.
const PORTS: [u16; 3] = [19_910, 19_911, 19_912];

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == "serve") {
        return serve(NODES[1]);
    }
    if waited_as_node()? {
        return Ok(());
    }
    let seconds = args.iter().position(|arg| arg == "--seconds").and_then(|at| args.get(at + 1)?.parse().ok());
    let wnm = built()?;
    let figures = measure(&wnm, Duration::from_secs(seconds.unwrap_or(SECONDS)))?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/figures.md");
    Ok(fs::write(path, render(&figures, &wnm)?)?)
}

fn measure(wnm: &Path, length: Duration) -> Result<Figures> {
    let (limit, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most.min(limit.max(crowd::SLOW_CLIENTS + 1000)), most)?;
    let begun = Instant::now();
    let [few, many, fake] = PORTS.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let begin = load()?;
    let _server = Server::start()?;
    let colonies = [Colony::start(wnm, NODES[0], few)?, Colony::start(wnm, NODES[1], many)?];
    tell(begun, &format!("idle for {} s, and reactions", (idle::SETTLING + length).as_secs()));
    let rounds = Rounds {
        kills: (length.as_secs() / 12).clamp(5, 20) as u32,
        reliefs: (length.as_secs() / 20).clamp(3, 20) as u32,
    };
    let (idle, reactions) = thread::scope(|scope| {
        let reacting = scope.spawn(|| reactions::measure(wnm, fake, rounds).map_err(|error| error.to_string()));
        let idle = idle::measure(&colonies, length);
        (idle, reacting.join())
    });
    let reactions = reactions.map_err(|_| "the thread of the reactions panicked")??;
    tell(begun, "crowd");
    let crowd = crowd::measure(&colonies[1].daemon)?;
    tell(begun, "complete");
    Ok(Figures { length, loads: [begin, load()?], idle: idle?, crowd, reactions })
}

fn load() -> Result<String> {
    Ok(fs::read_to_string("/proc/loadavg")?.split(' ').next().unwrap_or_default().to_owned())
}

#[expect(clippy::print_stderr, reason = "the operator waits for minutes")]
fn tell(begun: Instant, part: &str) {
    eprintln!("{:4} s: {part}", begun.elapsed().as_secs());
}
