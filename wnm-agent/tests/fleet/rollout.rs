//! Rollouts on a real engine: leases, lost data, other drivers, forged documents, and the rights of hosts.

use std::time::Duration;

use wnm_agent::fleet::command::Target;
use wnm_agent::fleet::document::HostRollout;
use wnm_agent::fleet::engine::{Engine, Fault};
use wnm_agent::fleet::keys::Keys;
use wnm_agent::fleet::operator::{Fleet, FleetError};
use wnm_agent::fleet::rollout::driver::{self, AfterAbort, Driver, abort};
use wnm_agent::fleet::rollout::order::Program;
use wnm_agent::fleet::rollout::plan::RolloutPlan;
use wnm_agent::fleet::rollout::progress::{Failure, Phase, Progress, Wait};
use wnm_core::{MaxUnavailable, RolloutSample, RolloutWait};

use crate::server::Server;
use crate::{Farm, Host, name, wall};

pub(crate) fn program() -> Program {
    Program { version: "0.4.18".parse().unwrap(), sha256: "ab".repeat(32).parse().unwrap() }
}

pub(crate) fn plan() -> RolloutPlan {
    RolloutPlan {
        program: program(),
        canary: 1,
        max_parallel: MaxUnavailable::Nodes(1),
        max_failures: MaxUnavailable::Nodes(0),
        min_healthy_time: Duration::ZERO,
        healthy_deadline: Duration::from_secs(60),
        progress_deadline: Duration::from_secs(60),
        stagger: Duration::ZERO,
        auto_promote: false,
    }
}

/// Makes a host one with outdated nodes, all of which run.
pub(crate) fn make_outdated(host: &mut Host, outdated: u64) {
    let state = host.documents.state.as_mut().unwrap();
    state.desired = 3;
    state.rollout = HostRollout { program: Some(program()), outdated, ..HostRollout::default() };
}

/// Returns the rollout as the host obeys it.
fn obeyed(host: &Host) -> Option<RolloutSample> {
    host.control.leases.sample(Some(&program()), wall(), Some(wall()))
}

fn waits(host: &Host) -> Option<RolloutWait> {
    obeyed(host).unwrap().wait
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn canary_then_the_others_each_under_a_lease() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let (mut a, mut b) = (farm.join(&server, "a"), farm.join(&server, "b"));
    for host in [&mut a, &mut b] {
        make_outdated(host, 1);
        host.turn();
        assert_eq!(obeyed(host), None);
    }
    let key = farm.key();
    let mut driver = Driver::start(&mut farm.fleet, key, &farm.path, plan(), wall()).unwrap();
    b.turn();
    assert_eq!(waits(&b), Some(RolloutWait::NoLease));
    assert_eq!(driver.turn(wall()).unwrap().len(), 2);
    assert!(a.turn().problems.is_empty());
    assert_eq!((waits(&a), waits(&b)), (None, Some(RolloutWait::NoLease)));
    make_outdated(&mut a, 0);
    a.turn();
    driver.turn(wall()).unwrap();
    driver.turn(wall()).unwrap();
    assert_eq!(driver.rollout().phase, Phase::Promotable);
    let key = farm.key();
    // The last turn of a driver that waits for a promotion lets another command go on at once.
    let mut driver = Driver::promote(&mut farm.fleet, key, &farm.path, wall()).unwrap();
    driver.turn(wall()).unwrap();
    b.turn();
    assert_eq!(waits(&b), None);
    make_outdated(&mut b, 0);
    b.turn();
    driver.turn(wall()).unwrap();
    driver.turn(wall()).unwrap();
    assert_eq!(driver.rollout().phase, Phase::Complete);
    assert_eq!(driver::read_rollout(&farm.path).unwrap().unwrap().phase, Phase::Complete);
    b.turn();
    assert_eq!(obeyed(&b), None);
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn failed_host_stops_all_and_an_abort_too() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let (mut a, mut b) = (farm.join(&server, "a"), farm.join(&server, "b"));
    for host in [&mut a, &mut b] {
        make_outdated(host, 1);
        host.turn();
    }
    let key = farm.key();
    let mut driver = Driver::start(&mut farm.fleet, key, &farm.path, plan(), wall()).unwrap();
    driver.turn(wall()).unwrap();
    a.documents.state.as_mut().unwrap().rollout.refused = true;
    a.turn();
    driver.turn(wall()).unwrap();
    assert_eq!(driver.rollout().phase, Phase::Stopped);
    assert_eq!(driver.rollout().hosts[&name("a")], Progress::Failed(Failure::Refused));
    for host in [&mut a, &mut b] {
        host.turn();
        assert_eq!(waits(host), Some(RolloutWait::Aborted));
    }
    let key = farm.key();
    let ended = Driver::promote(&mut farm.fleet, key, &farm.path, wall());
    assert!(matches!(ended, Err(FleetError::RolloutEnded(_))));
    // A command on another computer aborts the one that drives.
    let operator = farm.fleet.operator().clone();
    let mut other = Fleet::open(operator).unwrap();
    make_outdated(&mut a, 1);
    a.turn();
    let key = farm.key();
    let mut driver = Driver::start(&mut farm.fleet, key, &farm.path, plan(), wall()).unwrap();
    driver.turn(wall()).unwrap();
    let key = crate::SigningKey::read(&crate::Operator::key_path(&farm.path)).unwrap();
    let second = Driver::start(&mut other, key, &farm.path, plan(), wall());
    assert!(matches!(second, Err(FleetError::RolloutDriven)));
    let key = crate::SigningKey::read(&crate::Operator::key_path(&farm.path)).unwrap();
    abort(&mut other, &key, &farm.path, AfterAbort::Stop, "sick", wall()).unwrap();
    driver.turn(wall()).unwrap();
    assert_eq!(driver.rollout().phase, Phase::Aborted);
    a.turn();
    assert_eq!(waits(&a), Some(RolloutWait::Aborted));
    abort(&mut other, &key, &farm.path, AfterAbort::Release, "", wall()).unwrap();
    a.turn();
    assert_eq!(obeyed(&a), None);
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn emptied_engine_gets_the_rollout_again_and_hosts_remember_it() {
    let mut server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let mut a = farm.join(&server, "a");
    make_outdated(&mut a, 1);
    a.turn();
    let key = farm.key();
    let mut driver = Driver::start(&mut farm.fleet, key, &farm.path, plan(), wall()).unwrap();
    driver.turn(wall()).unwrap();
    a.turn();
    assert_eq!(waits(&a), None);
    server.end();
    assert!(driver.turn(wall()).is_err());
    assert!(a.publisher.turn(&a.documents, &mut a.control, wall()).is_err());
    // Without the time of the engine the lease does not count.
    let away = a.control.leases.sample(Some(&program()), wall(), None).unwrap();
    assert_eq!(away.wait, Some(RolloutWait::EngineAway));
    server.run();
    a.turn();
    assert_eq!(waits(&a), None);
    driver.reconnect().unwrap();
    driver.turn(wall()).unwrap();
    assert!(matches!(driver.rollout().hosts[&name("a")], Progress::Leased(_)));
    let mut late = farm.join(&server, "b");
    late.turn();
    assert_eq!(waits(&late), Some(RolloutWait::NoLease));
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn forged_and_foreign_documents_are_refused_and_told() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let mut other = Farm::on(&server, "other");
    let (mut a, mut b) = (farm.join(&server, "a"), other.join(&server, "a"));
    for host in [&mut a, &mut b] {
        make_outdated(host, 1);
        host.turn();
    }
    let (key, other_key) = (farm.key(), other.key());
    Driver::start(&mut farm.fleet, key, &farm.path, plan(), wall()).unwrap().turn(wall()).unwrap();
    Driver::start(&mut other.fleet, other_key, &other.path, plan(), wall()).unwrap().turn(wall()).unwrap();
    let text = |key: &str| {
        let mut get = redis::pipe();
        get.cmd("GET").arg(key);
        wnm_agent::fleet::engine::text(&server.admin().require(&get).unwrap()[0]).unwrap()
    };
    let (all, own) = ("wnm:farm:r:all", "wnm:farm:r:host:a");
    let (rollout, lease, foreign) = (text(all), text(own), text("wnm:other:r:host:a"));
    for (key, value) in
        [(own, foreign.as_str()), (own, &lease.replace("lease", "least")), (own, &lease[..lease.len() / 2]), (all, "x")]
    {
        server.command(&["DEL", all, own]);
        server.command(&["SET", key, value]);
        let problems = a.turn().problems;
        assert!(problems.len() == 1 && problems[0].starts_with("the rollout for"), "{value:.60}: {problems:?}");
        assert_eq!(obeyed(&a), None);
    }
    server.command(&["DEL", all, own]);
    server.command(&["HSET", own, "a", "b"]);
    assert!(a.turn().problems[0].contains("cannot read the rollout for host a"));
    // Without the lease of its own fleet, that of another one is nothing.
    server.command(&["DEL", own]);
    server.command(&["SET", all, &rollout]);
    assert!(a.turn().problems.is_empty());
    assert_eq!(waits(&a), Some(RolloutWait::NoLease));
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn hosts_cannot_write_leases() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let a = farm.join(&server, "a");
    let mut engine = Engine::connect(&server.url(), &a.membership.login).unwrap();
    let keys = Keys::of(&name("farm"));
    let own = keys.rollout(&Target::Host(name("a")));
    let mut commands = redis::pipe();
    commands.cmd("GETRANGE").arg(&own).arg(0).arg(9);
    for key in [own, keys.rollout(&Target::All), keys.driver()] {
        commands.cmd("SET").arg(&key).arg("x").cmd("DEL").arg(&key);
    }
    commands.cmd("GETRANGE").arg(keys.rollout(&Target::Host(name("b")))).arg(0).arg(9);
    let faults: Vec<_> = engine.ask(&commands).unwrap().into_iter().map(Result::err).collect();
    assert_eq!(faults[0], None);
    assert_eq!(faults[1..], vec![Some(Fault::NoRight); 7]);
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn hosts_without_the_program_wait() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let mut a = farm.join(&server, "a");
    a.turn();
    let key = farm.key();
    let mut driver = Driver::start(&mut farm.fleet, key, &farm.path, plan(), wall()).unwrap();
    driver.turn(wall()).unwrap();
    assert_eq!(driver.rollout().hosts[&name("a")], Progress::Waiting(Wait::Program));
    a.turn();
    // A lease of another program than that of the host lets no upgrade begin either.
    assert_eq!(waits(&a), Some(RolloutWait::NoLease));
}
