//! The rights of the users: stolen credentials of a host can neither command nor write in another host's name.

use std::time::Duration;

use wnm_agent::fleet::command::Target;
use wnm_agent::fleet::engine::{Engine, EngineError, Fault};
use wnm_agent::fleet::keys::Keys;
use wnm_agent::fleet::membership::Operator;
use wnm_agent::fleet::operator::{Fleet, FleetError};

use crate::server::Server;
use crate::{Farm, name, wall};

/// Returns the fault of each command line.
fn faults(engine: &mut Engine, lines: &[String]) -> Vec<Option<Fault>> {
    let mut commands = redis::pipe();
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        commands.cmd(words[0]).arg(&words[1..]);
    }
    engine.ask(&commands).unwrap().into_iter().map(Result::err).collect()
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn host_writes_its_own_keys_and_reads_its_commands_only() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let (mut a, mut b) = (farm.join(&server, "a"), farm.join(&server, "b"));
    a.turn();
    b.turn();
    let mut other = Farm::on(&server, "other");
    other.join(&server, "a").turn();
    let mut engine = Engine::connect(&server.url(), &a.membership.login).unwrap();
    let allowed = [
        "SET wnm:farm:h:a x",
        "GETRANGE wnm:farm:c:all 0 9",
        "GETRANGE wnm:farm:c:host:a 0 9",
        "GETRANGE wnm:farm:s:all 0 9",
        "GETRANGE wnm:farm:s:host:a 0 9",
        "DEL wnm:farm:e:a",
        "TIME",
    ];
    assert_eq!(faults(&mut engine, &allowed.map(str::to_owned)), vec![None; allowed.len()]);
    let mut refused: Vec<String> = Vec::new();
    for key in ["c:all", "c:host:a", "s:all", "s:host:a", "h:b", "n:b", "e:b", "members", "i:0", "c:host:b"] {
        refused
            .extend(["SET {} x", "DEL {}", "SET {} x GET"].map(|line| line.replace("{}", &format!("wnm:farm:{key}"))));
    }
    for key in ["h:b", "n:b", "members", "i:0", "c:host:b", "s:host:b"] {
        refused.push(format!("GETRANGE wnm:farm:{key} 0 9"));
    }
    let others = [
        "SET wnm:other:h:a x",
        "GETRANGE wnm:other:h:a 0 9",
        "GETRANGE wnm:other:c:all 0 9",
        "SET x y",
        "KEYS *",
        "SCAN 0",
        "EVAL return(1) 0",
        "FCALL f 0",
        "SCRIPT LOAD return(1)",
        "ACL LIST",
        "ACL SETUSER x on",
        "ACL SETUSER wnm:farm:host:a +@all",
        "CONFIG GET *",
        "CONFIG SET maxmemory 1",
        "FLUSHALL",
        "FLUSHDB",
        "SHUTDOWN",
        "MONITOR",
        "RENAME wnm:farm:h:a wnm:farm:h:b",
        "COPY wnm:farm:h:a wnm:farm:h:b",
        "REPLICAOF 127.0.0.1 1",
        "CLIENT KILL TYPE normal",
        "PUBLISH a b",
        "SUBSCRIBE a",
        "MIGRATE 127.0.0.1 1 k 0 1",
        "XADD wnm:farm:e:a * a b",
        "HSET wnm:farm:members a 1",
        "INFO",
        "MODULE LIST",
        "SELECT 1",
        "SWAPDB 0 1",
    ];
    refused.extend(others.map(str::to_owned));
    for (line, fault) in refused.iter().zip(faults(&mut engine, &refused)) {
        assert_eq!(fault, Some(Fault::NoRight), "{line}");
    }
    assert_eq!(farm.fleet.hosts().unwrap()[1].state().map(|state| state.up()), Some(3));
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn invitation_can_only_be_fetched() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let invitation = farm.fleet.invite(name("a"), None, Duration::from_secs(60), wall(), &farm.path).unwrap();
    let mut engine = Engine::connect(&server.url(), &invitation.login).unwrap();
    let key = Keys::of(&name("farm")).invitation(&invitation.id);
    let lines = [format!("SET {key} x"), format!("GET {key}"), "GETDEL wnm:farm:i:0".to_owned(), "ACL LIST".to_owned()];
    assert_eq!(faults(&mut engine, &lines), vec![Some(Fault::NoRight); 4]);
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn expelled_host_is_refused_and_no_list_has_it() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let (mut a, mut b) = (farm.join(&server, "a"), farm.join(&server, "b"));
    farm.hold(Target::Host(name("b")));
    a.turn();
    b.turn();
    farm.fleet.expel(&name("b"), &farm.path).unwrap();
    // The engine ends the connections of a user that it loses.
    assert!(b.publisher.turn(&b.documents, &mut b.control, wall()).is_err());
    let error = b.publisher.turn(&b.documents, &mut b.control, wall()).unwrap_err();
    assert!(matches!(error, EngineError::Login { .. }), "{error}");
    assert!(b.hold().is_some(), "the last hold stands");
    a.turn();
    let hosts = |fleet: &mut Fleet| fleet.hosts().unwrap().into_iter().map(|record| record.host).collect::<Vec<_>>();
    assert_eq!(hosts(&mut farm.fleet), [name("a")]);
    assert!(farm.fleet.carried().unwrap().is_empty());
    // Also for an operator who reads the file anew, and on an engine that lost the list.
    server.command(&["DEL", &Keys::of(&name("farm")).members()]);
    let mut again = Fleet::open(Operator::read(&farm.path).unwrap()).unwrap();
    assert_eq!(hosts(&mut again), [name("a")]);
    assert!(matches!(farm.fleet.expel(&name("b"), &farm.path), Err(FleetError::NoSuchHost(_))));
    assert_eq!(farm.join(&server, "b").turn().problems, [""; 0]);
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn operator_cannot_touch_other_keys() {
    let server = Server::start(&[]);
    let farm = Farm::on(&server, "farm");
    let mut engine = Engine::connect(&server.url(), &farm.fleet.operator().login).unwrap();
    let lines = ["SET wnm:other:c:all x", "SET x y", "FLUSHALL", "EVAL return(1) 0", "CONFIG SET maxmemory 1"];
    assert_eq!(faults(&mut engine, &lines.map(str::to_owned)), vec![Some(Fault::NoRight); 5]);
}
