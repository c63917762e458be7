//! The `steady` rules on this machine, compared with the capacity model of `wnm-sim`.
//!
//! Fake nodes use 30 % of the processors, `stress-ng` adds a background load of 50 % for a while, and `wnm daemon`
//! decides:
//! `cargo test -p wnm-cli --test e2e load:: -- --ignored --nocapture`, as root, on an idle
//! machine.
#![expect(clippy::print_stdout, reason = "the printed figures are the result of these tests")]

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use wnm_core::trace::TraceLine;
use wnm_core::{EngineState, Observation};

use crate::host::{Host, turn};

const NODES: u32 = 6;
/// Seconds without background load after which the policy knows the simulated host.
const QUIET: u64 = 900;
/// CPU use of the nodes, and the background load, in percent of all processors.
const OWN: f64 = 30.0;
const BACKGROUND: f64 = 50.0;
/// Allowed differences to the model, in percent of all processors: of the nodes' use, and of the use of all processes.
/// The second is larger, since the machine runs other processes too.
const TOLERANCE: f64 = 6.0;
const TOLERANCE_OF_ALL: f64 = 10.0;

/// A process that gets SIGTERM at the end of its test.
struct Process(Child);

impl Process {
    fn spawn(command: &mut Command) -> Self {
        let _turn = turn();
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}

/// Means over a period: CPU use of all processes and of the nodes, in percent of all processors, and running nodes.
struct Means {
    cpu: f64,
    own: f64,
    nodes: f64,
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cpu {:5.1} %, nodes {:5.1} % by {:.1}", self.cpu, self.own, self.nodes)
    }
}

/// Returns the samples of a trace, each with its second.
fn moments(trace: &Path) -> Vec<(u64, Means)> {
    let (mut seen, mut state) = (Observation::default(), EngineState::default());
    let mut began = None;
    let mut moments = Vec::new();
    for line in fs::read_to_string(trace).unwrap().lines() {
        let TraceLine::Sample(sample) = TraceLine::parse(line).unwrap() else { continue };
        sample.apply(&mut seen, &mut state).unwrap();
        let at = seen.now.since(*began.get_or_insert(seen.now)).as_secs();
        let nodes = state.nodes.values().filter(|state| state.is_active()).count() as f64;
        let own: f64 = seen.nodes.values().filter_map(|node| node.cpu).map(|cpu| cpu.get()).sum();
        moments.push((at, Means { cpu: seen.host.cpu.unwrap().get(), own: own * 100.0 / cpus(), nodes }));
    }
    moments
}

/// Processor time that the hypervisor gave to other machines (steal), and all processor time, in ticks since the boot.
#[derive(Debug, Clone, Copy)]
struct Ticks {
    stolen: u64,
    all: u64,
}

impl Ticks {
    fn now() -> Self {
        let text = fs::read_to_string("/proc/stat").unwrap();
        let words = text.lines().next().unwrap().split_ascii_whitespace().skip(1);
        // The last two columns, the time of guests, are part of the others.
        let ticks: Vec<u64> = words.take(8).map(|word| word.parse().unwrap()).collect();
        Self { stolen: ticks[7], all: ticks.iter().sum() }
    }

    /// Returns the share of stolen processor time since `before`, in percent.
    fn stolen_since(self, before: Self) -> f64 {
        100.0 * (self.stolen - before.stolen) as f64 / (self.all - before.all).max(1) as f64
    }
}

/// Waits, and records the ticks every 5 s.
fn watch(seconds: u64, ticks: &mut Vec<Ticks>) {
    for _ in 0..seconds / 5 {
        ticks.push(Ticks::now());
        sleep(Duration::from_secs(5));
    }
}

/// Returns the means over the seconds `from..until`.
fn means(moments: &[(u64, Means)], from: u64, until: u64) -> Means {
    let within: Vec<_> = moments.iter().filter(|(at, _)| (from..until).contains(at)).map(|(_, means)| means).collect();
    assert!(!within.is_empty(), "no sample from second {from} to second {until}");
    let mean = |figure: fn(&Means) -> f64| within.iter().map(|means| figure(means)).sum::<f64>() / within.len() as f64;
    Means { cpu: mean(|means| means.cpu), own: mean(|means| means.own), nodes: mean(|means| means.nodes) }
}

fn cpus() -> f64 {
    std::thread::available_parallelism().unwrap().get() as f64
}

/// A measured period: its name, its start and its end, in seconds after the start of the background load.
type Window = (&'static str, i64, i64);

/// The quiet seconds before the background load, the second of its end, and the measured periods in order.
struct Timing {
    before: u64,
    end: u64,
    windows: &'static [Window],
}

impl Timing {
    /// Returns the end of the last period, in seconds after the start of the background load.
    fn over(&self) -> u64 {
        self.windows.last().unwrap().2.try_into().unwrap()
    }

    /// Returns the means over all periods, for a background load that starts at second `onset`.
    fn means(&self, moments: &[(u64, Means)], onset: u64) -> Vec<Means> {
        let at = |seconds: i64| onset.checked_add_signed(seconds).unwrap();
        self.windows.iter().map(|(_, from, until)| means(moments, at(*from), at(*until))).collect()
    }
}

/// Returns the means on this machine, each with the share of stolen processor time in percent.
fn real(timing: &Timing, cpu_limit: bool) -> Vec<(Means, f64)> {
    let host = Host::new();
    let environment = format!("WNM_FAKE_NODE_BURN=cores={}", OWN / 100.0 * cpus() / f64::from(NODES));
    let mut init = host.init_args();
    let mark = init.iter().position(|arg| arg == "--cpu-remove").unwrap();
    init[mark + 1] = "70".to_owned();
    for (flag, value) in [("--preset", "steady"), ("--environment", &environment)] {
        init.extend([flag.to_owned(), value.to_owned()]);
    }
    init.push(format!("--cpu-limit={cpu_limit}"));
    // Nodes have the weight of other work, as in the model, so that only the limit decides.
    init.push("--cpu-weight=100".to_owned());
    let ran = host.wnm(&init);
    assert_eq!(ran.code(), 0, "{}{}", ran.out, ran.err);
    host.expect(0, &format!("node add --count {NODES}"));
    let trace = host.path("real.jsonl");
    let _daemon = Process::spawn(&mut host.command(&["daemon", "--interval", "5s"]));
    let _record = Process::spawn(&mut host.command(&["record", "--interval", "2s", "--out", trace.to_str().unwrap()]));
    let mut ticks = Vec::new();
    watch(timing.before, &mut ticks);
    let workers = (cpus() * BACKGROUND / 100.0).ceil();
    let load = 100.0 * BACKGROUND / 100.0 * cpus() / workers;
    let stress = ["--cpu", &format!("{workers:.0}"), "--cpu-load", &format!("{load:.0}")];
    let background = Process::spawn(Command::new("stress-ng").args(stress));
    watch(timing.end, &mut ticks);
    drop(background);
    watch(timing.over() - timing.end, &mut ticks);
    ticks.push(Ticks::now());
    let text = host.expect(0, "history").out;
    println!("{text}{}", host.expect(0, "status").out);
    assert!(!cpu_limit || !text.contains(" stop "), "the CPU limit takes the place of a stop");
    let at = |seconds: i64| ticks[(timing.before.checked_add_signed(seconds).unwrap() / 5) as usize];
    // The policy sets the limit by a mean of one minute, so stolen time of the minute before counts too.
    let stolen = timing
        .windows
        .iter()
        .map(|(_, from, until)| at(*until).stolen_since(at((from - 60).max(-(timing.before as i64)))));
    timing.means(&moments(&trace), timing.before).into_iter().zip(stolen).collect()
}

/// Returns the background load of the simulated host as a trace, which the simulator repeats: a long quiet time, the
/// load, and a quiet time until the end of the last period.
fn background(timing: &Timing) -> String {
    // A seed starts at a random second of the trace. The quiet time is long, so that few seeds start just before the
    // load, and nodes return before its next start.
    let quiet = 8 * QUIET;
    let sample = |at: u64| {
        let used = if (quiet..quiet + timing.end).contains(&at) { BACKGROUND } else { 0.0 };
        format!("{{\"ts\":{at},\"used_cpu_percent\":{used}}}\n")
    };
    let header = format!("{{\"wnm_trace\":1,\"program\":\"test\",\"host\":{{\"cpus\":{}}},\"policy\":{{}}}}\n", cpus());
    (0..quiet + timing.over()).step_by(5).map(sample).fold(header, |trace, line| trace + &line)
}

/// Returns the second at which the background load starts after at least `QUIET` seconds without it.
fn onset(moments: &[(u64, Means)]) -> u64 {
    let mut quiet_since = None;
    let begins = |(at, means): &(u64, Means)| {
        if means.cpu - means.own < BACKGROUND / 2.0 {
            quiet_since.get_or_insert(*at);
            return None;
        }
        quiet_since.take().filter(|since| at - since >= QUIET).map(|_| *at)
    };
    moments.iter().find_map(begins).unwrap()
}

/// Returns the means on the simulated host.
fn simulated(timing: &Timing, cpu_limit: bool) -> Vec<Means> {
    let program = Path::new(env!("CARGO_BIN_EXE_wnm")).with_file_name("wnm-sim");
    assert!(program.exists(), "no program at {}: run `cargo build -p wnm-sim`", program.display());
    let folder = tempfile::tempdir().unwrap();
    let [scenario, policy, trace] = ["host.toml", "steady.toml", "run.jsonl"].map(|name| folder.path().join(name));
    let background = background(timing);
    // Ten times the trace contains a whole one, wherever the seed starts.
    let days = 10.0 * background.lines().count() as f64 / 86_400.0;
    fs::write(folder.path().join("background.jsonl"), background).unwrap();
    let each = OWN / 100.0 * cpus() / f64::from(NODES);
    let per_core = f64::from(NODES) / cpus();
    fs::write(
        &scenario,
        format!(
            "about = \"This machine\"\n[host]\ncpus = {}\nmemory_gb = 16\ndisk_gb = 500\n[colony]\n\
             cap_per_core = {per_core}\nstart_per_core = {per_core}\n[[load]]\nkind = \"trace\"\n\
             trace = \"background.jsonl\"\n[model]\ncpu_cores = {each}\ncpu_spread = 0\nspikes_per_hour = 0\n",
            cpus()
        ),
    )
    .unwrap();
    fs::write(&policy, format!("preset = \"steady\"\ncpu_limit = {cpu_limit}\ncpu_weight = 100\n")).unwrap();
    let mut run = Command::new(program);
    run.arg("run").arg(&scenario).arg("--policy").arg(&policy).arg("--trace").arg(&trace);
    let ran = run.args(["--cycle", "5", "--seeds", "1", "--days", &days.to_string()]).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let moments = moments(&trace);
    timing.means(&moments, onset(&moments))
}

/// Compares this machine with the simulated host, prints both, and returns the means on this machine with the stolen
/// share.
///
/// Stolen time counts as background load, and nodes yield to it: all processes may use more by that share, nodes less.
fn compare(timing: &Timing, cpu_limit: bool) -> Vec<(Means, f64)> {
    let simulated = simulated(timing, cpu_limit);
    let real = real(timing, cpu_limit);
    for (((when, ..), (real, stolen)), simulated) in timing.windows.iter().zip(&real).zip(&simulated) {
        println!("{when:<16} this machine: {real}   the model: {simulated}   stolen: {stolen:.1} %");
        let (all, own) = (real.cpu - simulated.cpu, real.own - simulated.own);
        assert!((-TOLERANCE_OF_ALL..=TOLERANCE_OF_ALL + stolen).contains(&all), "{when}");
        assert!((-TOLERANCE - stolen..=TOLERANCE).contains(&own), "{when}");
        assert!((real.nodes - simulated.nodes).abs() <= 0.5, "{when}");
    }
    real
}

#[test]
#[ignore = "takes fourteen minutes of a quiet machine; needs root, control groups and stress-ng"]
fn cpu_limit_throttles_nodes_and_is_lifted_again() {
    // The load stays in the mean of one minute for a minute after its end.
    let windows = &[("before", -25, 0), ("loaded", 40, 90), ("after", 135, 160)];
    // The limit stays lifted until the demand of the nodes was measured, in about nine minutes.
    let means = compare(&Timing { before: 660, end: 90, windows }, true);
    let [(before, _), (busy, _), (after, stolen)] = means.as_slice() else { panic!("three periods") };
    assert!(busy.own < 0.7 * before.own && after.own > 0.9 * before.own - stolen);
    assert!(means.iter().all(|(means, _)| means.nodes > f64::from(NODES) - 0.1), "no node is stopped");
}

#[test]
#[ignore = "loads the machine for seven minutes; needs stress-ng"]
fn nodes_stop_without_a_cpu_limit_and_cool_down() {
    let windows = &[("before", -30, 0), ("loaded", 220, 300), ("after", 330, 360)];
    let means = compare(&Timing { before: 60, end: 300, windows }, false);
    let [(before, _), (busy, _), (after, _)] = means.as_slice() else { panic!("three periods") };
    assert!(busy.nodes < before.nodes - 1.0 && (after.nodes - busy.nodes).abs() < 0.1);
}
