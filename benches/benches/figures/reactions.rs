//! The time from the end of a fake node to its restart, and from pressure to the stop of a node.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::daemon::{Daemon, command, wait_for};
use wnm_benches::Result;

/// The memory of a fake node. All nodes together hold more than the ballast is over the threshold; otherwise the policy
/// stops none, because stops would not help.
const MEMORY: &str = "100MB";
/// Share of the host's memory, in percent, between the use and the high threshold, and that of the ballast.
const MARGIN: f64 = 1.0;
const BALLAST: f64 = 1.5;

/// How often each reaction is measured.
#[derive(Clone, Copy)]
pub(crate) struct Rounds {
    /// Kills, each of another node: wnm waits longer before each further restart of the same node.
    pub(crate) kills: u32,
    /// Ballasts.
    pub(crate) reliefs: u32,
}

/// The times of the reactions, sorted.
#[derive(Default)]
pub(crate) struct Reactions {
    /// From a kill to the state of the node in the daemon's answers.
    pub(crate) noticed: Vec<Duration>,
    /// From a kill to the new process.
    pub(crate) restarted: Vec<Duration>,
    /// From the memory in use to the end of the process that is stopped for it.
    pub(crate) relieved: Vec<Duration>,
}

pub(crate) fn measure(wnm: &Path, address: SocketAddr, rounds: Rounds) -> Result<Reactions> {
    let home = tempfile::tempdir()?;
    let home = home.path();
    fs::create_dir_all(home.join(".local/bin"))?;
    fs::copy(wnm, home.join(".local/bin/antnode"))?;
    let nodes = rounds.kills.max(10).to_string();
    let flags = "init --preset classic --rewards-address faucet --process-manager setsid+user --firewall none \
                 --port-start 17 --metrics-port-start 18 --rpc-port-start 19 --delay-start 0 --delay-restart 0 \
                 --delay-remove 0 --cpu-remove 100 --mem-less-than 1 --mem-remove 100 --hd-less-than 99.9 --hd-remove 100 \
                 --crisis-bytes 1MB --max-load-average-allowed 100000 --cpu-limit=false";
    let memory = format!("WNM_FAKE_NODE_BURN=memory={MEMORY}");
    let (listen, mut words) = (address.to_string(), flags.split_whitespace().collect::<Vec<_>>());
    words.extend(["--node-cap", &nodes, "--listen", &listen, "--environment", &memory]);
    run(wnm, home, &words)?;
    let daemon = Daemon::start(wnm, home, address)?;
    let measured = run(wnm, home, &["node", "add", "--count", &nodes]).and_then(|()| {
        let mut reactions = Reactions::default();
        kills(&daemon, home, rounds.kills, &mut reactions)?;
        reliefs(wnm, home, rounds.reliefs, &mut reactions)?;
        Ok(reactions)
    });
    _ = command(wnm, home, &["teardown", "--yes"]).status();
    let mut reactions = measured?;
    for times in [&mut reactions.noticed, &mut reactions.restarted, &mut reactions.relieved] {
        times.sort();
    }
    Ok(reactions)
}

fn run(wnm: &Path, home: &Path, words: &[&str]) -> Result<()> {
    let output = command(wnm, home, words).stdout(Stdio::piped()).stderr(Stdio::piped()).output()?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    let error = || format!("wnm {}: {}\n{out}{err}", words.join(" "), output.status);
    if output.status.success() { Ok(()) } else { Err(error().into()) }
}

/// Kills each node once. A kill does not wait for the restart of the node before.
fn kills(daemon: &Daemon, home: &Path, count: u32, reactions: &mut Reactions) -> Result<()> {
    thread::scope(|scope| {
        let mut waits = Vec::new();
        for node in 1..=count {
            let name = format!("antnode{node:04}");
            let before = process(home, &name).ok_or("a fake node does not run")?;
            kill(before, Signal::SIGKILL)?;
            waits.push(scope.spawn(move || {
                let begun = Instant::now();
                let is_noticed = || Ok(!daemon.ask(&format!("/api/v1/nodes/{node}"))?.1.contains("\"RUNNING\""));
                wait_for("the notice of a kill", is_noticed).map_err(|error| error.to_string())?;
                let noticed = begun.elapsed();
                let is_restarted = || Ok(process(home, &name).is_some_and(|now| now != before));
                wait_for("the restart of a node", is_restarted).map_err(|error| error.to_string())?;
                Ok::<_, String>((noticed, begun.elapsed()))
            }));
            // Kills fall on all phases of the cycle of 5 s, and one node starts in each cycle.
            thread::sleep(Duration::from_millis(6100));
        }
        for wait in waits {
            let (noticed, restarted) = wait.join().map_err(|_| "a thread panicked")??;
            reactions.noticed.push(noticed);
            reactions.restarted.push(restarted);
        }
        Ok(())
    })
}

/// Uses memory until a node is stopped, and starts the node again.
fn reliefs(wnm: &Path, home: &Path, count: u32, reactions: &mut Reactions) -> Result<()> {
    for round in 0..count {
        let (total, used) = memory()?;
        run(wnm, home, &["config", "set", &format!("mem_remove={:.2}", used + MARGIN)])?;
        let nodes = processes(home);
        thread::sleep(Duration::from_millis(1300 * u64::from(round % 4)));
        // Pages count once they are written.
        let ballast = vec![1_u8; (total as f64 * BALLAST / 100.0) as usize];
        let begun = Instant::now();
        let mut stopped = None;
        wait_for("the stop of a node", || {
            let now = processes(home);
            stopped = nodes.iter().find(|(_, pid)| now.iter().all(|(_, other)| other != pid)).cloned();
            Ok(stopped.is_some())
        })?;
        reactions.relieved.push(begun.elapsed());
        drop(std::hint::black_box(ballast));
        run(wnm, home, &["config", "set", "mem_remove=100"])?;
        // After a stop for pressure the policy waits a minute for its effect; a start on request ends that wait.
        let (name, _) = stopped.unwrap_or_default();
        let mut last = None;
        // The stop may not be complete in the journal yet.
        let started = wait_for("the start of a stopped node", || {
            last = run(wnm, home, &["node", "start", &name]).err();
            Ok(last.is_none())
        });
        started.map_err(|error| last.unwrap_or(error))?;
    }
    Ok(())
}

/// Returns the memory of this host in bytes, and its use in percent.
fn memory() -> Result<(u64, f64)> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let number = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)).ok_or("no such key")?;
        Result::Ok(line.trim_start_matches(':').split_whitespace().next().unwrap_or_default().parse::<u64>()? * 1024)
    };
    let (total, free) = (number("MemTotal")?, number("MemAvailable")?);
    Ok((total, 100.0 - free as f64 / total as f64 * 100.0))
}

/// Returns the process of a fake node.
fn process(home: &Path, name: &str) -> Option<Pid> {
    processes(home).into_iter().find_map(|(node, pid)| (node == name).then(|| Pid::from_raw(pid)))
}

/// Returns the running fake nodes with their processes, by the folders of their programs.
fn processes(home: &Path) -> Vec<(String, i32)> {
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let node = |pid: i32| {
        let program = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
        let state = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let names = program.strip_prefix(home).ok()?.iter().filter_map(|part| part.to_str());
        let name = names.into_iter().find(|name| name.len() == 11 && name.starts_with("antnode"))?;
        (!state.contains(") Z ")).then(|| (name.to_owned(), pid))
    };
    numbers.filter_map(node).collect()
}
