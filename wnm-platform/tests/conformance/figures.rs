//! What many nodes cost under a service manager of the system.
#![expect(clippy::print_stderr, reason = "figures are told")]

use std::time::{Duration, Instant};

use wnm_core::steps::{Executor, Journal};
use wnm_core::{Action, ActionRecord, FirewallKind, ManagerKind, NodeId, Outcome, Timestamp};
use wnm_platform::executor::HostExecutor;
use wnm_platform::manager::Service;
use wnm_platform::{Movers, firewall};

use crate::colony::{NoJournal, TestColony};
use crate::lifecycle::remove_of;

/// How long a batch may take in all.
const BATCH: Duration = Duration::from_secs(120);

/// Longest survey of two hundred nodes on an idle host.
const SURVEY: Duration = Duration::from_millis(150);

/// Adds two hundred nodes, fifty at a time, looks at all of them, and removes them.
pub(crate) fn two_hundred_nodes(kind: ManagerKind) {
    let mut colony = TestColony::new(kind);
    let ids: Vec<NodeId> = (1..=200).map(|number| colony.plan(number)).collect();
    for fifty in ids.chunks(50) {
        let before = processor_time();
        let took = carried_out(&colony, fifty.iter().map(|node| Action::Add { node: *node }));
        let own = processor_time() - before;
        eprintln!("{kind}: 50 nodes added in {took:.1?}, of which {own:.1?} are our own");
    }
    let nodes: Vec<_> = colony.nodes.values().collect();
    let manager = colony.manager();
    let mut looks: Vec<Duration> = (0..9)
        .map(|_| {
            let began = Instant::now();
            let seen = manager.survey(&nodes);
            let took = began.elapsed();
            assert!(seen.values().all(|service| matches!(service, Service::Running(_))), "{seen:?}");
            took
        })
        .collect();
    looks.sort_unstable();
    let (best, median) = (looks[0], looks[looks.len() / 2]);
    eprintln!("{kind}: 200 nodes surveyed in {best:.1?} at best, {median:.1?} in the median");
    assert!(best <= SURVEY, "survey of 200 nodes: got {looks:.1?}, want at most {SURVEY:?}");
    let took = carried_out(&colony, ids.iter().map(|node| remove_of(*node)));
    eprintln!("{kind}: 200 nodes removed in {took:.1?}");
    for id in ids {
        assert!(!colony.node(id).root_dir.exists());
    }
}

/// Returns the processor time that this process and its ended children had.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks: u64 = fields.split_whitespace().skip(11).take(4).map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
}

/// Carries out actions and returns how long that took.
fn carried_out(colony: &TestColony, actions: impl Iterator<Item = Action>) -> Duration {
    let mut records: Vec<ActionRecord> = actions.map(|action| colony.record(action)).collect();
    let (manager, firewall, movers) = (colony.manager(), firewall::open(FirewallKind::None), Movers::default());
    let mut executor = HostExecutor::new(&*manager, &*firewall, &movers, &colony.settings, &colony.nodes);
    let began = Instant::now();
    loop {
        let outcomes = lockstep(&mut records, &mut executor, &mut NoJournal, colony.now());
        assert!(!outcomes.iter().any(|outcome| matches!(outcome, Outcome::Failed(_))), "{outcomes:?}");
        if outcomes.iter().all(|outcome| *outcome == Outcome::Done) {
            return began.elapsed();
        }
        assert!(began.elapsed() < BATCH, "{outcomes:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn lockstep(
    records: &mut [ActionRecord],
    executor: &mut dyn Executor,
    journal: &mut dyn Journal,
    now: Timestamp,
) -> Vec<Outcome> {
    wnm_core::steps::carry_out(records, &[], executor, journal, now)
}
