//! The daemon over time: the cost of an idle colony of 200 and of 1000 nodes, the speed of its answers, a crowd of
//! clients, and the time from the end of a node to its restart. Writes `docs/figures.md`.
//!
//! `just figures`, or `just figures --seconds 60` for a short run.
#![allow(missing_docs, reason = "a bench is no library")]

mod colony;

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use colony::{Result, Server, built, colony, serve};

const ADDRESS: &str = "127.0.0.1:19910";
/// The largest colony, and the endpoints of the server.
const NODES: u32 = 1000;
/// Time for which an idle daemon is measured without the flag.
const SECONDS: u64 = 600;
/// Time between the start of the daemon and the measurement: the first cycles fill caches.
const SETTLING: Duration = Duration::from_secs(30);
const SCRAPES: usize = 50;
const READERS: usize = 50;
const SLOW_CLIENTS: u64 = 10_000;
/// The fake nodes that are killed, and how often each is.
const KILLED: u32 = 5;
const KILLS: usize = 4;
const LIMIT: Duration = Duration::from_secs(120);

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == "serve") {
        return serve(NODES);
    }
    let seconds = args.iter().position(|arg| arg == "--seconds").and_then(|at| args.get(at + 1)?.parse().ok());
    let page = measure(Duration::from_secs(seconds.unwrap_or(SECONDS)))?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/figures.md");
    Ok(fs::write(path, page)?)
}

fn measure(length: Duration) -> Result<String> {
    let wnm = built()?;
    let (limit, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most.min(limit.max(SLOW_CLIENTS + 1000)), most)?;
    let begin = load()?;
    let server = Server::start()?;
    let idle = [idle(&wnm, 200, length)?, idle(&wnm, NODES, length)?];
    let crowd = crowd(&wnm)?;
    drop(server);
    let mut reactions = reactions(&wnm)?;
    reactions.sort();
    let mut page = String::from(HEAD);
    let cores = thread::available_parallelism()?;
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let model = read("/proc/cpuinfo");
    let model =
        model.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("unknown", |m| m.1);
    let kernel = read("/proc/sys/kernel/osrelease");
    writeln!(
        page,
        "Host: {cores} cores of {model}, Linux {}. Load average of 1 min at the begin and at the end: {begin} and {}. Other\nload delays answers and reactions; it does not change the CPU time of the daemon.\n",
        kernel.trim(),
        load()?
    )?;
    writeln!(
        page,
        "| idle for {} s, with a cycle every 5 s | 200 nodes | 1000 nodes | bound |\n|---|---|---|---|",
        length.as_secs()
    )?;
    let row = |page: &mut String, name: &str, bound: &str, value: fn(&Idle) -> String| {
        writeln!(page, "| {name} | {} | {} | {bound} |", value(&idle[0]), value(&idle[1]))
    };
    row(&mut page, "CPU, of one core", "2 %", |idle| format!("{:.2} %", idle.cpu * 100.0))?;
    row(&mut page, "memory (largest resident set)", "50 MB", |idle| format!("{:.1} MB", idle.memory as f64 / 1e6))?;
    row(&mut page, "written to disk, for each day", "200 MB", |idle| format!("{:.1} MB", idle.written / 1e6))?;
    row(&mut page, "`/metrics` after a cycle (rendered), median", "20 ms", |idle| millis(middle(&idle.rendered)))?;
    row(&mut page, "`/metrics` again, median", "", |idle| millis(middle(&idle.scrapes)))?;
    row(&mut page, "first byte of the page, median", "10 ms", |idle| millis(middle(&idle.pages)))?;
    row(&mut page, "first byte of the page after a cycle (made anew), median", "", |idle| millis(middle(&idle.made)))?;
    writeln!(
        page,
        "\n| crowd, 1000 nodes | |\n|---|---|\n| {READERS} readers of events: from the first reader to the last, per cycle | {} |",
        millis(crowd.spread)
    )?;
    writeln!(
        page,
        "| {SLOW_CLIENTS} clients that begin a request and stop: `/metrics` beside them | {} |",
        millis(crowd.beside)
    )?;
    writeln!(page, "| memory of the daemon after them | {:.1} MB |\n", crowd.memory as f64 / 1e6)?;
    writeln!(
        page,
        "| from the kill of a node to its new process, {} kills of fake nodes | |\n|---|---|",
        reactions.len()
    )?;
    for (name, share) in [("p50", 50), ("p99", 99)] {
        writeln!(page, "| {name} | {:.1} s |", percentile(&reactions, share).as_secs_f64())?;
    }
    writeln!(page, "\nThe binary has {:.1} MB (bound: 14 MB).", fs::metadata(&wnm)?.len() as f64 / 1e6)?;
    Ok(page)
}

const HEAD: &str = "# Figures of the daemon\n\n`just figures` measures and writes this page. The nodes of the first two tables are endpoints of one process that\nserves the metrics of a real node; those of the last are processes of fake nodes.\n\n";

fn load() -> Result<String> {
    Ok(fs::read_to_string("/proc/loadavg")?.split(' ').next().unwrap_or_default().to_owned())
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn middle(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    percentile(&times, 50)
}

/// Returns the least time that is not less than a share of sorted ones, in percent; zero without one.
fn percentile(sorted: &[Duration], share: usize) -> Duration {
    let rank = (sorted.len() * share).div_ceil(100);
    rank.checked_sub(1).and_then(|at| sorted.get(at)).copied().unwrap_or_default()
}

/// A process that is killed when this value is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

impl Running {
    /// Starts a daemon, and waits until its cycles complete.
    fn daemon(wnm: &Path, home: &Path) -> Result<Self> {
        let daemon = Self(command(wnm, home, &["--quiet", "daemon"]).spawn()?);
        let begun = Instant::now();
        while !matches!(ask("/readyz"), Ok((_, answer)) if answer.starts_with("HTTP/1.0 200")) {
            if begun.elapsed() > LIMIT {
                return Err("the daemon completes no cycle".into());
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(daemon)
    }

    fn read(&self, file: &str) -> Result<String> {
        Ok(fs::read_to_string(format!("/proc/{}/{file}", self.0.id()))?)
    }

    /// Returns the CPU time so far, in seconds.
    fn cpu(&self) -> Result<f64> {
        let stat = self.read("stat")?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
        // utime and stime are the 14th and the 15th field; the third is the first after the name. A tick is 10 ms.
        Ok((ticks(11) + ticks(12)) / 100.0)
    }

    fn number(&self, file: &str, key: &str) -> Result<u64> {
        let text = self.read(file)?;
        let line = text.lines().find_map(|line| line.strip_prefix(key)).ok_or("no such key")?;
        Ok(line.trim_start_matches(':').split_whitespace().next().unwrap_or_default().parse()?)
    }
}

fn command(wnm: &Path, home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(wnm);
    command.arg("--db").arg(home.join("wnm.db")).args(args).env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn connect(path: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(ADDRESS)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {ADDRESS}\r\n\r\n").as_bytes())?;
    Ok(stream)
}

/// Returns the time to the first byte of an answer, and the answer.
fn ask(path: &str) -> Result<(Duration, String)> {
    let begun = Instant::now();
    let mut stream = connect(path)?;
    let mut first = [0];
    stream.read_exact(&mut first)?;
    let took = begun.elapsed();
    let mut answer = first.to_vec();
    stream.read_to_end(&mut answer)?;
    Ok((took, String::from_utf8_lossy(&answer).into_owned()))
}

/// The cost of an idle daemon, and the speed of its answers.
struct Idle {
    /// CPU time as a share of one core.
    cpu: f64,
    /// Largest resident set, in bytes.
    memory: u64,
    /// Bytes written for each day.
    written: f64,
    rendered: Vec<Duration>,
    scrapes: Vec<Duration>,
    made: Vec<Duration>,
    pages: Vec<Duration>,
}

fn idle(wnm: &Path, nodes: u32, length: Duration) -> Result<Idle> {
    let home = colony(nodes, &[("listen", ADDRESS)])?;
    let daemon = Running::daemon(wnm, home.path())?;
    thread::sleep(SETTLING);
    let (cpu, written, begun) = (daemon.cpu()?, daemon.number("io", "write_bytes")?, Instant::now());
    thread::sleep(length);
    let took = begun.elapsed().as_secs_f64();
    let cpu = (daemon.cpu()? - cpu) / took;
    let written = (daemon.number("io", "write_bytes")? - written) as f64 / took * 86_400.0;
    let mut idle = Idle {
        cpu,
        memory: 0,
        written,
        rendered: Vec::new(),
        scrapes: Vec::new(),
        made: Vec::new(),
        pages: Vec::new(),
    };
    let mut updates = connect("/updates")?;
    for _ in 0..5 {
        // Right after a cycle: the first answer is made, the next ones are kept.
        await_cycle(&mut updates)?;
        idle.rendered.push(ask("/metrics")?.0);
        idle.made.push(ask("/")?.0);
        for _ in 0..SCRAPES / 5 {
            idle.scrapes.push(ask("/metrics")?.0);
            idle.pages.push(ask("/")?.0);
        }
    }
    idle.memory = daemon.number("status", "VmHWM")? * 1024;
    Ok(idle)
}

fn await_cycle(updates: &mut TcpStream) -> Result<()> {
    let mut seen = Vec::new();
    let mut part = [0; 256];
    while !seen.windows(12).any(|window| window == b"event: cycle") {
        let read = updates.read(&mut part)?;
        if read == 0 {
            return Err("the stream ended".into());
        }
        seen.extend_from_slice(&part[..read]);
    }
    Ok(())
}

/// The daemon with many clients.
struct Crowd {
    spread: Duration,
    beside: Duration,
    memory: u64,
}

fn crowd(wnm: &Path) -> Result<Crowd> {
    let home = colony(NODES, &[("listen", ADDRESS)])?;
    let daemon = Running::daemon(wnm, home.path())?;
    let readers = (0..READERS).map(|_| connect("/updates")).collect::<Result<Vec<_>>>()?;
    let waits = readers.into_iter().map(|mut reader| {
        thread::spawn(move || {
            // The first cycle may have been announced to some of the readers only.
            await_cycle(&mut reader).ok()?;
            await_cycle(&mut reader).ok()?;
            Some(Instant::now())
        })
    });
    let waits: Vec<_> = waits.collect();
    let times: Vec<Instant> = waits.into_iter().filter_map(|wait| wait.join().ok().flatten()).collect();
    if times.len() < READERS {
        return Err(format!("only {} of {READERS} readers got a cycle", times.len()).into());
    }
    let spread = times.iter().max().zip(times.iter().min()).map_or(Duration::ZERO, |(last, first)| *last - *first);
    let mut slow = Vec::new();
    for _ in 0..SLOW_CLIENTS {
        let mut client = TcpStream::connect(ADDRESS)?;
        // The server may have disconnected this one already, for a later one.
        _ = client.write_all(b"GET /metrics HTTP/1.1\r\nHost: ");
        slow.push(client);
    }
    let (beside, answer) = ask("/metrics")?;
    if !answer.starts_with("HTTP/1.0 200") {
        return Err(format!("no metrics beside slow clients: {answer}").into());
    }
    Ok(Crowd { spread, beside, memory: daemon.number("status", "VmRSS")? * 1024 })
}

/// Kills fake nodes, and returns the times until each has a new process.
fn reactions(wnm: &Path) -> Result<Vec<Duration>> {
    let home = tempfile::tempdir()?;
    let home = home.path();
    fs::create_dir_all(home.join(".local/bin"))?;
    fs::copy(wnm, home.join(".local/bin/antnode"))?;
    let flags = "init --rewards-address faucet --process-manager setsid+user --firewall none --port-start 17 \
                 --metrics-port-start 18 --rpc-port-start 19 --delay-start 0 --delay-restart 0 --cpu-remove 100 \
                 --mem-remove 100 --hd-less-than 99.9 --hd-remove 100 --max-load-average-allowed 100000 --cpu-limit=false";
    let cap = KILLED.to_string();
    let words: Vec<&str> = flags.split_whitespace().chain(["--node-cap", &cap, "--listen", ADDRESS]).collect();
    if !command(wnm, home, &words).status()?.success() {
        return Err("cannot create the colony of fake nodes".into());
    }
    let daemon = Running::daemon(wnm, home)?;
    let times =
        command(wnm, home, &["node", "add", "--count", &cap]).status().map_err(Into::into).and_then(|_| kills(home));
    _ = command(wnm, home, &["teardown", "--yes"]).status();
    drop(daemon);
    times
}

fn kills(home: &Path) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    for round in 0..KILLS {
        for node in 1..=KILLED {
            let name = format!("antnode{node:04}");
            let before = process(home, &name).ok_or("a fake node does not run")?;
            // Kills fall on all phases of the cycle.
            thread::sleep(Duration::from_millis(700 * u64::from(node) + 130 * round as u64));
            let begun = Instant::now();
            kill(before, Signal::SIGKILL)?;
            while process(home, &name).is_none_or(|now| now == before) {
                if begun.elapsed() > LIMIT {
                    return Err(format!("{name} does not run again").into());
                }
                thread::sleep(Duration::from_millis(20));
            }
            times.push(begun.elapsed());
        }
    }
    Ok(times)
}

/// Returns the process of a fake node, by the folder of its program.
fn process(home: &Path, name: &str) -> Option<Pid> {
    let numbers = fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let is_it = |pid: &i32| {
        let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        program.starts_with(home) && program.iter().any(|part| part == name) && !state.contains(") Z ")
    };
    let mut numbers = numbers;
    numbers.find(is_it).map(Pid::from_raw)
}
