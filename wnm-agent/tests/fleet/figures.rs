//! The figures of docs/fleet.md: 1,000 hosts of 200 nodes in one process, on one redis-server.
#![expect(clippy::print_stdout, reason = "the figures are the result")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use wnm_agent::fleet::command::Target;
use wnm_agent::fleet::document::{NodeRow, pack};

use crate::server::Server;
use crate::{Farm, Host, wall};

pub(crate) const HOSTS: usize = 1_000;
const NODES: u32 = 200;
pub(crate) const THREADS: usize = 8;
/// The interval of the daemon, with its random part.
pub(crate) const INTERVAL: Duration = Duration::from_secs(10);
pub(crate) const JITTER: Duration = Duration::from_secs(1);
/// The time over which CPU and traffic are measured.
const STEADY: Duration = Duration::from_secs(120);
/// The time in which a hold must be obeyed on 99 of 100 hosts.
const OBEYED: Duration = Duration::from_secs(15);

/// A host with the time of its next turn.
struct Simulated {
    host: Host,
    next: Instant,
    turns: u32,
    /// The time at which it first held.
    held: Option<Instant>,
}

pub(crate) fn random_share(span: Duration) -> Duration {
    let mut bytes = [0_u8; 2];
    getrandom::fill(&mut bytes).unwrap();
    span.mul_f64(f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX))
}

/// Returns the nodes of a host in a minute: most of their numbers change.
fn nodes(host: usize, minute: u32) -> Vec<u8> {
    let row = |id: u32| {
        let seed = u64::from(id) * 7_919 + host as u64 * 104_729 + u64::from(minute) * 31;
        serde_json::json!({"id": id, "status": "RUNNING", "version": "0.4.17",
            "peer_id": format!("12D3KooW{:032x}", u128::from(id) * 0x9E37_79B9_7F4A_7C15_1234_5678 + host as u128),
            "cpu": (seed % 400) as f64 / 1000.0, "memory": 90_000_000 + seed % 50_000_000, "uptime": 3600 + minute * 60,
            "records": 900 + seed % 700, "peers": 150 + seed % 90, "shunned": seed % 3})
    };
    let rows: Vec<NodeRow> = (1..=NODES).map(|id| serde_json::from_value(row(id)).unwrap()).collect();
    pack(&rows).unwrap()
}

/// Returns CPU time and resident memory of a process.
pub(crate) fn usage(process: u32) -> (Duration, u64) {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = [11, 12].map(|at: usize| fields[at].parse::<u64>().unwrap()).iter().sum();
    (Duration::from_millis(ticks * 10), fields[21].parse::<u64>().unwrap() * 4096)
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn traffic(server: &Server) -> [u64; 2] {
    let mut info = redis::pipe();
    info.cmd("INFO").arg("stats");
    let text = wnm_agent::fleet::engine::text(&server.admin().require(&info).unwrap()[0]).unwrap();
    ["total_net_input_bytes:", "total_net_output_bytes:"]
        .map(|name| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().parse().unwrap())
}

/// Takes the turns of some hosts until told to end.
fn drive(hosts: &[Mutex<Simulated>], first: usize, ends: &AtomicBool) {
    while !ends.load(Ordering::Relaxed) {
        for (at, simulated) in hosts.iter().enumerate() {
            let mut simulated = lock(simulated);
            if Instant::now() < simulated.next {
                continue;
            }
            simulated.turns += 1;
            if simulated.turns % 6 == 1 {
                simulated.host.documents.nodes = nodes(first + at, simulated.turns / 6);
            }
            let turn = simulated.host.turn();
            assert!(turn.problems.is_empty(), "{turn:?}");
            if simulated.held.is_none() && simulated.host.hold().is_some() {
                simulated.held = Some(Instant::now());
            }
            simulated.next = Instant::now() + INTERVAL - JITTER + random_share(2 * JITTER);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
#[ignore = "figures: needs redis-server in WNM_TEST_REDIS, and three minutes"]
fn figures_of_a_thousand_hosts() {
    wnm_platform::open_files::raise();
    let server = Server::start(&["--maxclients", "2000"]);
    let mut farm = Farm::on(&server, "farm");
    let begun = Instant::now();
    let simulated: Vec<Mutex<Simulated>> = (0..HOSTS)
        .map(|number| {
            let host = farm.join(&server, &format!("host-{number}"));
            let next = Instant::now() + random_share(INTERVAL);
            Mutex::new(Simulated { host, next, turns: 0, held: None })
        })
        .collect();
    println!("{HOSTS} hosts joined in {:.1} s", begun.elapsed().as_secs_f64());
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for (part, hosts) in simulated.chunks(HOSTS / THREADS).enumerate() {
            let ends = &ends;
            scope.spawn(move || drive(hosts, part * HOSTS / THREADS, ends));
        }
        std::thread::sleep(2 * INTERVAL + 2 * JITTER);
        measure(&server, &mut farm);
        let sent = Instant::now();
        farm.hold(Target::All);
        while simulated.iter().any(|host| lock(host).held.is_none()) && sent.elapsed() < 4 * INTERVAL {
            std::thread::sleep(Duration::from_millis(50));
        }
        ends.store(true, Ordering::Relaxed);
        let mut times: Vec<Duration> =
            simulated.iter().map(|host| lock(host).held.map_or(Duration::MAX, |at| at - sent)).collect();
        times.sort_unstable();
        println!(
            "hold obeyed: p50 {:?}, p99 {:?}, last {:?}",
            times[HOSTS / 2],
            times[HOSTS * 99 / 100],
            times[HOSTS - 1]
        );
        assert!(times[HOSTS * 99 / 100] <= OBEYED);
    });
    let end = wall();
    assert!(simulated.iter().all(|host| lock(host).host.control.hold(end).is_some()));
}

/// Prints the use of both sides over the steady time.
fn measure(server: &Server, farm: &mut Farm) {
    let both = [server.process_id(), std::process::id()];
    let (before, bytes) = (both.map(usage), traffic(server));
    std::thread::sleep(STEADY);
    let (after, more) = (both.map(usage), traffic(server));
    for (at, name) in ["redis-server", "all hosts"].iter().enumerate() {
        let share = (after[at].0 - before[at].0).as_secs_f64() / STEADY.as_secs_f64();
        println!("{name}: {:.1} % of a core, {:.0} MB", share * 100.0, after[at].1 as f64 / 1e6);
    }
    let rate = |at: usize| (more[at] - bytes[at]) as f64 / STEADY.as_secs_f64() / HOSTS as f64;
    println!("a host sends {:.0} B/s and receives {:.0} B/s", rate(0), rate(1));
    let begun = Instant::now();
    let hosts = farm.fleet.hosts().unwrap();
    assert_eq!(hosts.iter().filter(|host| host.state().is_some()).count(), HOSTS);
    println!("the operator reads all states in {:.0} ms", begun.elapsed().as_secs_f64() * 1e3);
}
