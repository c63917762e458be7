//! The figures of rollouts in docs/fleet.md: 1,000 hosts in one process, on one redis-server, in real time.
#![expect(clippy::print_stdout, reason = "the figures are the result")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use wnm_agent::fleet::document::HostState;
use wnm_agent::fleet::rollout::driver::{Driver, INTERVAL as DRIVER_INTERVAL};
use wnm_agent::fleet::rollout::plan::RolloutPlan;
use wnm_agent::fleet::rollout::progress::{Phase, Progress};
use wnm_core::RolloutWait;

use crate::figures::{HOSTS, INTERVAL, JITTER, THREADS, lock, random_share};
use crate::rollout::{make_outdated, plan, program};
use crate::server::Server;
use crate::{Farm, Host, wall};

/// The way of a host with its first upgrades.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Upgrades,
    Refuses,
}

struct Rolling {
    host: Host,
    way: Way,
    next: Instant,
    begun: bool,
    aborted: Option<Instant>,
}

/// The fate of the engine in the middle of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    /// It is killed, and restarts empty after some seconds.
    Restarts,
}

/// The turn of the command after which the engine is killed.
const KILLED_AFTER: u32 = 20;
/// The time without an engine.
const AWAY: Duration = Duration::from_secs(15);

/// Takes the turn of a host: under a lease it upgrades one node in a turn.
fn turn(rolling: &mut Rolling) {
    let Host { publisher, documents, control, .. } = &mut rolling.host;
    match publisher.turn(documents, control, wall()) {
        Ok(turn) => assert!(turn.problems.is_empty(), "{turn:?}"),
        Err(_) => {
            rolling.next = Instant::now() + Duration::from_secs(2) + random_share(INTERVAL);
            return;
        }
    }
    let sample = rolling.host.control.leases.sample(Some(&program()), wall(), Some(wall()));
    let wait = sample.as_ref().and_then(|sample| sample.wait);
    let state: &mut HostState = rolling.host.documents.state.as_mut().unwrap();
    if sample.is_some() && wait.is_none() && state.rollout.outdated > 0 {
        rolling.begun = true;
        match rolling.way {
            Way::Upgrades => state.rollout.outdated -= 1,
            Way::Refuses => state.rollout.refused = true,
        }
    }
    if wait == Some(RolloutWait::Aborted) {
        rolling.aborted.get_or_insert_with(Instant::now);
    }
    rolling.next = Instant::now() + INTERVAL - JITTER + random_share(2 * JITTER);
}

fn run(hosts: &[Mutex<Rolling>], ends: &AtomicBool) {
    while !ends.load(Ordering::Relaxed) {
        for rolling in hosts {
            let mut rolling = lock(rolling);
            if Instant::now() >= rolling.next {
                turn(&mut rolling);
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn roll(bad: impl Fn(usize) -> bool, plan: RolloutPlan, fate: Fate) {
    wnm_platform::open_files::raise();
    let mut server = Server::start(&["--maxclients", "2000"]);
    let mut farm = Farm::on(&server, "farm");
    let hosts: Vec<Mutex<Rolling>> = (0..HOSTS)
        .map(|number| {
            let mut host = farm.join(&server, &format!("host-{number:04}"));
            make_outdated(&mut host, 2);
            let way = if bad(number) { Way::Refuses } else { Way::Upgrades };
            Mutex::new(Rolling {
                host,
                way,
                next: Instant::now() + random_share(INTERVAL),
                begun: false,
                aborted: None,
            })
        })
        .collect();
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for hosts in hosts.chunks(HOSTS / THREADS) {
            let ends = &ends;
            scope.spawn(move || run(hosts, ends));
        }
        std::thread::sleep(INTERVAL + 2 * JITTER);
        let (key, begun) = (farm.key(), Instant::now());
        let mut driver = Driver::start(&mut farm.fleet, key, &farm.path, plan, wall()).unwrap();
        let (mut turns, mut longest, mut most) = (0_u32, Duration::ZERO, 0);
        while driver.rollout().phase.is_running() {
            let turn = Instant::now();
            driver.turn(wall()).unwrap();
            longest = longest.max(turn.elapsed());
            turns += 1;
            if fate == Fate::Restarts && turns == KILLED_AFTER {
                server.end();
                assert!(driver.turn(wall()).is_err());
                std::thread::sleep(AWAY);
                server.run();
                driver.reconnect().unwrap();
                println!(
                    "the engine was killed after {:.0?}, and restarted empty {AWAY:.0?} later",
                    begun.elapsed() - AWAY
                );
            }
            most = most.max(driver.rollout().count(|progress| matches!(progress, Progress::Leased(_))));
            std::thread::sleep(DRIVER_INTERVAL);
        }
        let (took, stopped) = (begun.elapsed(), Instant::now());
        let phase = driver.rollout().phase.clone();
        let failed = driver.rollout().count(|progress| matches!(progress, Progress::Failed(_)));
        std::thread::sleep(2 * INTERVAL);
        ends.store(true, Ordering::Relaxed);
        let touched = hosts.iter().filter(|host| lock(host).begun).count();
        println!("{phase:?} after {took:.0?}: {touched} hosts began, {failed} failed, at most {most} at once");
        println!("a turn of the driver takes {longest:.0?} at most, in {turns} turns");
        if phase == Phase::Stopped {
            let mut times: Vec<Duration> =
                hosts.iter().map(|host| lock(host).aborted.map_or(Duration::MAX, |at| at - stopped)).collect();
            times.sort_unstable();
            println!("stop obeyed: p50 {:.1?}, last {:.1?}", times[HOSTS / 2], times[HOSTS - 1]);
            assert!(times[HOSTS - 1] <= 2 * INTERVAL);
        }
    });
}

#[test]
#[ignore = "figures: needs redis-server in WNM_TEST_REDIS, and ten minutes"]
fn rollout_figures_of_a_thousand_hosts() {
    let plan = RolloutPlan {
        canary: 10,
        max_parallel: "20%".parse().unwrap(),
        max_failures: "1%".parse().unwrap(),
        min_healthy_time: Duration::from_secs(10),
        auto_promote: true,
        ..plan()
    };
    roll(|_| false, plan.clone(), Fate::Stays);
    roll(|_| false, plan.clone(), Fate::Restarts);
    // Every tenth host refuses the version, and no canary does.
    roll(|number| number % 10 == 9 && number > 10, plan, Fate::Stays);
}
