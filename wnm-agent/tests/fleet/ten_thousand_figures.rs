//! The figures of docs/fleet.md for 10,000 hosts: the engine with all their documents, and the commands of the operator.
#![expect(clippy::print_stdout, reason = "the figures are the result")]

use std::time::Instant;

use wnm_agent::fleet::document::{HostRollout, HostState, NodeRow, pack};
use wnm_agent::fleet::keys::Keys;
use wnm_agent::fleet::rollout::driver::Driver;
use wnm_agent::fleet::rollout::plan::RolloutPlan;
use wnm_agent::fleet::rollout::progress::Progress;
use wnm_agent::fleet::watched::Watched;
use wnm_agent::metrics::{Format, fleet};

use crate::figures::usage;
use crate::rollout::{plan, program};
use crate::server::Server;
use crate::{Farm, documents, name, wall};

const HOSTS: usize = 10_000;
const NODES: u32 = 200;
const BATCH: usize = 500;

/// Returns a name as long as those of many hosts.
fn host(number: usize) -> String {
    format!("host-{number:05}.example.org")
}

fn nodes() -> Vec<u8> {
    let row = |id: u32| {
        let seed = u64::from(id) * 7_919;
        serde_json::json!({"id": id, "status": "RUNNING", "version": "0.4.17",
            "peer_id": format!("12D3KooW{:032x}", u128::from(id) * 0x9E37_79B9_7F4A_7C15_1234_5678),
            "cpu": (seed % 400) as f64 / 1000.0, "memory": 90_000_000 + seed % 50_000_000, "uptime": 3600 + id * 60,
            "records": 900 + seed % 700, "peers": 150 + seed % 90, "shunned": seed % 3})
    };
    let rows: Vec<NodeRow> = (1..=NODES).map(|id| serde_json::from_value(row(id)).unwrap()).collect();
    pack(&rows).unwrap()
}

/// Writes the documents of all hosts, as the administrator: invitations of 10,000 hosts would take longer than the test.
fn fill(server: &Server, keys: &Keys) {
    let (mut engine, nodes) = (server.admin(), nodes());
    let rollout = HostRollout { program: Some(program()), outdated: 1, ..HostRollout::default() };
    let state = HostState { at: wall(), desired: 3, rollout, ..documents().state.unwrap() };
    let text = serde_json::to_vec(&state).unwrap();
    println!("a state has {} bytes, the nodes {} bytes", text.len(), nodes.len());
    for first in (0..HOSTS).step_by(BATCH) {
        let mut commands = redis::pipe();
        for number in first..first + BATCH {
            let of = name(&host(number));
            commands.cmd("SET").arg(keys.state(&of)).arg(&text).arg("EX").arg(600);
            commands.cmd("SET").arg(keys.nodes(&of)).arg(&nodes).arg("EX").arg(600);
            commands.cmd("HSET").arg(keys.members()).arg(of.as_str()).arg(1);
        }
        engine.require(&commands).unwrap();
    }
}

#[test]
#[ignore = "figures: needs redis-server in WNM_TEST_REDIS, and a minute"]
fn operator_figures_of_ten_thousand_hosts() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    fill(&server, &Keys::of(&name("farm")));
    println!("redis-server has {:.0} MB", usage(server.process_id()).1 as f64 / 1e6);
    let before = usage(server.process_id()).0;
    let begun = Instant::now();
    let records = farm.fleet.hosts().unwrap();
    let (took, cpu) = (begun.elapsed(), usage(server.process_id()).0 - before);
    assert_eq!(records.iter().filter(|record| record.state().is_some()).count(), HOSTS);
    println!("all states are read in {took:.1?}, with {cpu:.0?} of CPU on the engine");
    let begun = Instant::now();
    let carried = farm.fleet.carried().unwrap();
    println!("all commands are read in {:.1?}", begun.elapsed());
    let mut watched = Watched::default();
    watched.update(records, carried, wall());
    let begun = Instant::now();
    let metrics = fleet::render(&watched, "0.1.0", Format::Prometheus);
    println!("{:.1} MB of metrics in {:.1?}", metrics.len() as f64 / 1e6, begun.elapsed());
    let key = farm.key();
    let wide = RolloutPlan { canary: 0, max_parallel: "10%".parse().unwrap(), ..plan() };
    let mut driver = Driver::start(&mut farm.fleet, key, &farm.path, wide, wall()).unwrap();
    for turn in ["first turn, with 1,000 leases", "next turn"] {
        let begun = Instant::now();
        driver.turn(wall()).unwrap();
        println!("{turn}: {:.1?}", begun.elapsed());
    }
    assert_eq!(driver.rollout().count(|progress| matches!(progress, Progress::Leased(_))), HOSTS / 10);
    println!("our process has {:.0} MB", usage(std::process::id()).1 as f64 / 1e6);
}
