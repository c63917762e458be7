//! The cost of idle daemons, and the speed of their answers.

use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use wnm_benches::Result;
use wnm_benches::processes::Nodes;
use wnm_store::Store;

use super::daemon::{Daemon, await_cycle};
use crate::colony::colony;

/// Time between the start of the daemons and the measurement: the first cycles fill caches.
pub(crate) const SETTLING: Duration = Duration::from_secs(30);
/// Cycles after which answers are measured, and the requests after each.
const CYCLES: usize = 3;
const REQUESTS: usize = 15;

/// An idle colony with its daemon.
pub(crate) struct Colony {
    pub(crate) daemon: Daemon,
    _nodes: Nodes,
    _home: TempDir,
}

impl Colony {
    pub(crate) fn start(wnm: &Path, nodes: u32, address: SocketAddr) -> Result<Self> {
        let home = colony(nodes, &[("listen", &address.to_string())])?;
        let mut running = Nodes::new(home.path())?;
        for node in Store::open_read_only(&home.path().join("wnm.db"))?.snapshot()?.nodes.values() {
            running.start(&node.binary, &node.root_dir, &[""; 0])?;
        }
        Ok(Self { daemon: Daemon::start(wnm, home.path(), address)?, _nodes: running, _home: home })
    }
}

/// The cost of an idle daemon, and the times of its answers.
pub(crate) struct Idle {
    /// CPU time as a share of one core.
    pub(crate) cpu: f64,
    /// Largest resident set, in bytes.
    pub(crate) memory: u64,
    /// Bytes written for each day.
    pub(crate) written: f64,
    pub(crate) answers: Answers,
}

/// The times of answers: right after a cycle, when they are made, and later, when they are kept.
#[derive(Default)]
pub(crate) struct Answers {
    pub(crate) metrics_made: Vec<Duration>,
    pub(crate) metrics_kept: Vec<Duration>,
    pub(crate) page_made: Vec<Duration>,
    pub(crate) page_kept: Vec<Duration>,
}

/// Measures daemons that run beside each other for `length`, and then the answers of one after the other.
pub(crate) fn measure(colonies: &[Colony; 2], length: Duration) -> Result<[Idle; 2]> {
    thread::sleep(SETTLING);
    let begun = Instant::now();
    let read = |colony: &Colony| Ok((colony.daemon.cpu()?, colony.daemon.number("io", "write_bytes")?));
    let before = colonies.iter().map(read).collect::<Result<Vec<_>>>()?;
    thread::sleep(length);
    let took = begun.elapsed().as_secs_f64();
    let after = colonies.iter().map(read).collect::<Result<Vec<_>>>()?;
    let idle = |at: usize| {
        let daemon = &colonies[at].daemon;
        let answers = answers(daemon)?;
        let cpu = (after[at].0 - before[at].0) / took;
        let written = (after[at].1 - before[at].1) as f64 / took * 86_400.0;
        Result::Ok(Idle { cpu, memory: daemon.number("status", "VmHWM")? * 1024, written, answers })
    };
    Ok([idle(0)?, idle(1)?])
}

fn answers(daemon: &Daemon) -> Result<Answers> {
    let mut answers = Answers::default();
    let mut updates = daemon.connect("/updates")?;
    for _ in 0..CYCLES {
        await_cycle(&mut updates)?;
        answers.metrics_made.push(daemon.ask("/metrics")?.0);
        answers.page_made.push(daemon.ask("/")?.0);
        for _ in 0..REQUESTS {
            answers.metrics_kept.push(daemon.ask("/metrics")?.0);
            answers.page_kept.push(daemon.ask("/")?.0);
        }
    }
    Ok(answers)
}
