//! The steady rules on this machine, beside what the modelled host says of the same run.
//!
//! Stand-in nodes use 30 % of the processors, `stress-ng` takes half of them for a while, and `wnm daemon` decides:
//! `cargo test -p wnm-cli --test e2e load:: -- --ignored --nocapture`, as root, where nothing else works.
#![expect(clippy::print_stdout, reason = "the figures are what one runs these for")]

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
/// What nodes and others use, in percent of the processors.
const OWN: f64 = 30.0;
const OTHERS: f64 = 50.0;
/// By how much, in percent of the processors, nodes may differ from those of the model, and all: something else is
/// always there that nobody asked for.
const TOLERANCE: f64 = 6.0;
const TOLERANCE_OF_ALL: f64 = 10.0;

/// A process that is told to end with its test.
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

/// Means over a time: use by everybody and by our nodes, in percent of the processors, and nodes that run.
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

/// Returns the means over so many seconds of a trace.
fn means(trace: &Path, from: u64, until: u64) -> Means {
    let (mut seen, mut state) = (Observation::default(), EngineState::default());
    let (mut sum, mut count, mut began) = (Means { cpu: 0.0, own: 0.0, nodes: 0.0 }, 0.0, None);
    for line in fs::read_to_string(trace).unwrap().lines() {
        let TraceLine::Sample(sample) = TraceLine::parse(line).unwrap() else { continue };
        sample.apply(&mut seen, &mut state).unwrap();
        let began = *began.get_or_insert(seen.now);
        if !(from..until).contains(&seen.now.since(began).as_secs()) {
            continue;
        }
        let running = state.nodes.values().filter(|state| state.is_active()).count();
        let own: f64 = seen.nodes.values().filter_map(|node| node.cpu).map(|cpu| cpu.get()).sum();
        sum.cpu += seen.host.cpu.unwrap().get();
        sum.own += own * 100.0 / cpus();
        sum.nodes += running as f64;
        count += 1.0;
    }
    assert!(count > 0.0, "nothing was recorded from second {from} to second {until}");
    Means { cpu: sum.cpu / count, own: sum.own / count, nodes: sum.nodes / count }
}

fn cpus() -> f64 {
    std::thread::available_parallelism().unwrap().get() as f64
}

/// When others begin, what is looked at before, while they work and after they have ended, and when all is over.
struct Timing {
    quiet: (u64, u64),
    begin: u64,
    busy: (u64, u64),
    end: u64,
    after: (u64, u64),
}

/// Returns what came of it on this machine: before others work, while they do, and after.
fn real(timing: &Timing, quota: bool) -> [Means; 3] {
    let host = Host::new();
    let environment = format!("WNM_STANDIN_BURN=cores={}", OWN / 100.0 * cpus() / f64::from(NODES));
    let mut init = host.init_args();
    let mark = init.iter().position(|arg| arg == "--cpu-remove").unwrap();
    init[mark + 1] = "70".to_owned();
    for (flag, value) in [("--preset", "steady"), ("--environment", &environment)] {
        init.extend([flag.to_owned(), value.to_owned()]);
    }
    init.push(format!("--quota={quota}"));
    let ran = host.wnm(&init);
    assert_eq!(ran.code(), 0, "{}{}", ran.out, ran.err);
    host.expect(0, &format!("node add --count {NODES}"));
    let trace = host.path("real.jsonl");
    let _daemon = Process::spawn(&mut host.command(&["daemon", "--interval", "5s"]));
    let _record = Process::spawn(&mut host.command(&["record", "--interval", "2s", "--out", trace.to_str().unwrap()]));
    sleep(Duration::from_secs(timing.begin));
    let workers = (cpus() * OTHERS / 100.0).ceil();
    let load = 100.0 * OTHERS / 100.0 * cpus() / workers;
    let stress = ["--cpu", &format!("{workers:.0}"), "--cpu-load", &format!("{load:.0}")];
    let others = Process::spawn(Command::new("stress-ng").args(stress));
    sleep(Duration::from_secs(timing.end - timing.begin));
    drop(others);
    sleep(Duration::from_secs(timing.after.1 - timing.end));
    let text = host.expect(0, "history").out;
    println!("{text}{}", host.expect(0, "status").out);
    assert!(!quota || !text.contains(" stop "), "under a cap no node is stopped");
    [timing.quiet, timing.busy, timing.after].map(|(from, until)| means(&trace, from, until))
}

/// Returns what the modelled host says: before others work, and while they do.
fn modelled(timing: &Timing, quota: bool) -> [Means; 2] {
    let program = Path::new(env!("CARGO_BIN_EXE_wnm")).with_file_name("wnm-sim");
    assert!(program.exists(), "expected {}, found nothing: `cargo build -p wnm-sim` first", program.display());
    let folder = tempfile::tempdir().unwrap();
    let [scenario, policy, trace] = ["host.toml", "steady.toml", "run.jsonl"].map(|name| folder.path().join(name));
    let each = OWN / 100.0 * cpus() / f64::from(NODES);
    // A quarter of an hour of quiet, so that it knows the host.
    let day = 900.0 / 86_400.0;
    let per_core = f64::from(NODES) / cpus();
    fs::write(
        &scenario,
        format!(
            "about = \"This machine\"\n[host]\ncpus = {}\nmemory_gb = 16\ndisk_gb = 500\n[colony]\n\
             cap_per_core = {per_core}\nstart_per_core = {per_core}\n[[load]]\nkind = \"jump\"\npercent = {OTHERS}\n\
             day = {day}\n[model]\ncpu_cores = {each}\ncpu_spread = 0\nspikes_per_hour = 0\n",
            cpus()
        ),
    )
    .unwrap();
    fs::write(&policy, format!("preset = \"steady\"\nquota = {quota}\n")).unwrap();
    let mut run = Command::new(program);
    run.arg("run").arg(&scenario).arg("--policy").arg(&policy).arg("--trace").arg(&trace);
    let ran = run.args(["--cycle", "5", "--days", "0.02", "--seeds", "1"]).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let shifted = |at: u64| at - timing.begin + 900;
    let (from, until) = timing.busy;
    [means(&trace, 600, 900), means(&trace, shifted(from), shifted(until))]
}

/// Runs both, prints them side by side, and compares them.
fn compare(timing: &Timing, quota: bool) -> [Means; 3] {
    let real = real(timing, quota);
    let [quiet, busy] = modelled(timing, quota);
    for (when, real, modelled) in [("quiet", &real[0], &quiet), ("others work", &real[1], &busy)] {
        println!("{when:<16} this machine: {real}   the model: {modelled}");
        assert!((real.cpu - modelled.cpu).abs() <= TOLERANCE_OF_ALL, "{when}");
        assert!((real.own - modelled.own).abs() <= TOLERANCE, "{when}");
        assert!((real.nodes - modelled.nodes).abs() <= 0.5, "{when}");
    }
    println!("{:<16} this machine: {}", "they have ended", real[2]);
    real
}

#[test]
#[ignore = "loads the machine for three minutes; needs root, control groups and stress-ng"]
fn nodes_give_way_under_a_cap_and_get_back_what_they_need() {
    // What others took stays in the mean of a minute for a minute.
    let timing = Timing { quiet: (20, 45), begin: 45, busy: (85, 135), end: 135, after: (180, 205) };
    let [quiet, busy, after] = compare(&timing, true);
    assert!(busy.own < 0.7 * quiet.own && after.own > 0.9 * quiet.own);
    assert!([quiet, busy, after].iter().all(|means| means.nodes > f64::from(NODES) - 0.1), "no node is stopped");
}

#[test]
#[ignore = "loads the machine for seven minutes; needs stress-ng"]
fn nodes_stop_without_a_cap_and_rest() {
    let timing = Timing { quiet: (30, 60), begin: 60, busy: (280, 360), end: 360, after: (390, 420) };
    let [quiet, busy, after] = compare(&timing, false);
    assert!(busy.nodes < quiet.nodes - 1.0 && (after.nodes - busy.nodes).abs() < 0.1);
}
