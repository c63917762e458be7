//! The nodes beside a job that wants all processors, on this machine: the throughput and the waits of the job, and the
//! share of their demand that the nodes get. `docs/policies.md` has a table of one run:
//! `cargo test -p wnm-cli --test e2e behind:: -- --ignored --nocapture`, as root.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crate::host::Host;
use crate::load::{Means, Process, cpus, means, moments};

const NODES: u32 = 6;
/// CPU use of the nodes, in percent of all processors.
const OWN: f64 = 40.0;
/// Seconds without the job, and with it. The first seconds with it, in which a preset reacts, count too.
const QUIET: u64 = 15;
const BUSY: u64 = 45;

/// The figures of one period with the job.
struct Figures {
    /// Operations of the job per second.
    throughput: f64,
    /// CPU time of the job, in seconds.
    cpu: f64,
    /// Share of the time in which a task of the host waited for a CPU, in percent.
    waits: Option<f64>,
}

/// Runs a job that wants all processors, in processes as short as those of a compiler.
fn job(seconds: u64) -> Figures {
    let workers = format!("{:.0}", cpus());
    let time = format!("{seconds}s");
    let before = waited();
    let arguments = ["--cpu", &workers, "--cpu-method", "int64", "--metrics", "--timeout", &time];
    // In a session of its own, as a shell or a service starts it.
    let ran = Command::new("setsid").args(["--wait", "stress-ng"]).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&ran.stderr).into_owned() + &String::from_utf8_lossy(&ran.stdout);
    let waits = waited().zip(before).map(|(after, before)| (after - before) as f64 / (seconds as f64 * 1e4));
    let [throughput, user, system] = [5, 3, 4].map(|column| figure(&text, column));
    Figures { throughput, cpu: user + system, waits }
}

/// Returns a column behind the name of the stressor that `stress-ng --metrics` prints.
fn figure(text: &str, column: usize) -> f64 {
    let line = text.lines().find(|line| line.contains("metrc:") && line.contains(" cpu "));
    let words: Vec<&str> = line.unwrap_or_else(|| panic!("no figures: {text}")).split_ascii_whitespace().collect();
    let at = words.iter().position(|word| *word == "cpu").unwrap();
    words[at + column].parse().unwrap()
}

/// Returns the microseconds since the boot in which a task waited for a CPU; None where the kernel does not count them.
fn waited() -> Option<u64> {
    let text = fs::read_to_string("/proc/pressure/cpu").ok()?;
    text.lines().next()?.rsplit_once("total=")?.1.parse().ok()
}

/// Returns the figures of the job beside a colony with these settings, and the means of the nodes.
fn beside(settings: &[(&str, &str)]) -> (Figures, Means) {
    let host = Host::new();
    let environment = format!("WNM_FAKE_NODE_BURN=cores={}", OWN / 100.0 * cpus() / f64::from(NODES));
    let mut init = host.init_args();
    let high = init.iter().position(|arg| arg == "--cpu-remove").unwrap();
    init[high + 1] = "70".to_owned();
    for (flag, value) in settings.iter().chain([&("--environment", environment.as_str())]) {
        init.extend([(*flag).to_owned(), (*value).to_owned()]);
    }
    let ran = host.wnm(&init);
    assert_eq!(ran.code(), 0, "{}{}", ran.out, ran.err);
    host.expect(0, &format!("node add --count {NODES}"));
    let trace = host.path("behind.jsonl");
    let _daemon = Process::spawn(&mut host.command(&["daemon", "--interval", "5s"]));
    let _record = Process::spawn(&mut host.command(&["record", "--interval", "2s", "--out", trace.to_str().unwrap()]));
    sleep(Duration::from_secs(QUIET));
    let figures = job(BUSY);
    let moments = moments(&trace);
    let busy = means(&moments, QUIET, QUIET + BUSY);
    (figures, busy)
}

#[test]
#[ignore = "loads the machine for six minutes; needs stress-ng, and root for control groups"]
fn job_gets_more_beside_nodes_with_a_weight() {
    let alone = job(15);
    println!("| colony | job: throughput | job: part of both | nodes: part of demand | running nodes | host waits |");
    println!("|---|---|---|---|---|---|");
    let waits = |figures: &Figures| figures.waits.map_or_else(|| "–".to_owned(), |waits| format!("{waits:.0} %"));
    println!("| none | 100 % | 100 % | – | – | {} |", waits(&alone));
    let mut shares = Vec::new();
    for (name, settings) in [
        ("classic, weight 100", [("--preset", "classic"), ("--cpu-weight", "100"), ("--io-weight", "100")]),
        ("classic, weight 10", [("--preset", "classic"), ("--cpu-weight", "10"), ("--io-weight", "10")]),
        ("steady, weight 100", [("--preset", "steady"), ("--cpu-weight", "100"), ("--io-weight", "100")]),
        ("steady, weight 10", [("--preset", "steady"), ("--cpu-weight", "10"), ("--io-weight", "10")]),
    ] {
        let (figures, busy) = beside(&settings);
        let throughput = 100.0 * figures.throughput / alone.throughput;
        let nodes = busy.own / 100.0 * cpus() * BUSY as f64;
        // Other load of this machine takes its part of both.
        let share = 100.0 * figures.cpu / (figures.cpu + nodes);
        let (served, running) = (100.0 * busy.own / OWN, busy.nodes);
        println!(
            "| {name} | {throughput:.0} % | {share:.0} % | {served:.0} % | {running:.1} of {NODES} | {} |",
            waits(&figures)
        );
        shares.push(share);
    }
    let [classic, classic_weighed, steady, steady_weighed] = shares.as_slice() else { panic!("four colonies") };
    // Both presets relieve the job by and by; the weight does so from the first second on.
    assert!(classic_weighed > classic && *steady_weighed > steady - 1.0, "{shares:?}");
}
