//! Publications, holds and resumes, restarts of the engine, and copies of a host.

use std::time::Duration;

use wnm_agent::fleet::command::{Target, enclose};
use wnm_agent::fleet::control::Control;
use wnm_agent::fleet::invitation::accept;
use wnm_agent::fleet::keys::Keys;
use wnm_agent::fleet::operator::{Carried, FleetError, Order};
use wnm_core::FleetLimits;

use crate::server::{Server, program};
use crate::{Farm, Host, documents, name, wall};

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn hosts_publish_and_obey() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let (mut a, mut b) = (farm.join(&server, "a"), farm.join(&server, "b"));
    farm.fleet.invite(name("c"), None, Duration::from_secs(60), wall(), &farm.path).unwrap();
    assert_eq!((a.turn().problems, b.turn().problems), (vec![], vec![]));
    let hosts = farm.fleet.hosts().unwrap();
    let states: Vec<_> = hosts.iter().map(|host| (host.host.as_str(), host.state().map(|state| state.up()))).collect();
    assert_eq!(states, [("a", Some(3)), ("b", Some(3)), ("c", None)]);
    let names = [name("a"), name("c")];
    let nodes = farm.fleet.nodes(&names).unwrap();
    assert_eq!((nodes[0].as_ref().unwrap().as_ref().unwrap().len(), nodes[1].is_none()), (1, true));
    assert_eq!(farm.fleet.events(&names).unwrap()[0].as_ref().unwrap().as_ref().unwrap().events.len(), 1);

    let generation = farm.hold(Target::All);
    a.turn();
    assert_eq!(a.hold().unwrap().reason, "new kernel");
    assert_eq!(farm.fleet.hosts().unwrap()[0].state().unwrap().generation, generation);
    // A later command for one host counts there, also for a host that reads both at once.
    farm.resume(Target::Host(name("b")));
    assert_eq!((b.turn().problems, b.hold()), (vec![], None));
    assert!(a.turn().problems.is_empty() && a.hold().is_some());
    farm.resume(Target::All);
    assert_eq!((a.turn().problems, a.hold()), (vec![], None));
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn hold_without_signature_is_obeyed_and_only_the_key_ends_it() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let mut host = farm.join(&server, "a");
    let order = farm.order(Target::All, Duration::from_secs(600));
    let sent = farm.fleet.stop(&order).unwrap();
    host.turn();
    assert_eq!(host.hold().unwrap().reason, "new kernel (without signature)");
    assert_eq!(farm.fleet.hosts().unwrap()[0].state().unwrap().stops, sent);
    // An empty engine ends no hold.
    server.command(&["DEL", &Keys::of(&name("farm")).stop(&Target::All)]);
    host.turn();
    assert!(host.hold().is_some());
    farm.fleet.stop(&order).unwrap();
    host.turn();
    farm.resume(Target::All);
    assert_eq!((host.turn().problems, host.hold()), (vec![], None));
    // A short hold ends none that is longer, and a resume ends holds that the engine has lost.
    let long = Order { drain: true, ..farm.order(Target::All, Duration::from_secs(3_600)) };
    farm.fleet.stop(&long).unwrap();
    host.turn();
    farm.fleet.stop(&order).unwrap();
    host.turn();
    let hold = host.hold().unwrap();
    assert_eq!((hold.until, hold.drain), (Some(long.not_after), true));
    server.command(&["DEL", &Keys::of(&name("farm")).stop(&Target::All)]);
    farm.resume(Target::All);
    assert_eq!((host.turn().problems, host.hold()), (vec![], None));
    assert!(!farm.fleet.carried().unwrap().iter().any(|carried| matches!(carried, Carried::Stop(_))));
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn limits_are_obeyed_and_an_older_generation_is_refused_and_told() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let mut host = farm.join(&server, "a");
    let (key, order) = (farm.key(), farm.order(Target::All, Duration::from_secs(600)));
    let limits = |most: &str| FleetLimits { max_unavailable: Some(most.parse().unwrap()), ..FleetLimits::default() };
    farm.fleet.set(&key, &farm.path, &order, limits("1")).unwrap();
    let name_of = Keys::of(&name("farm")).limits(&Target::All);
    let mut get = redis::pipe();
    get.cmd("GET").arg(&name_of);
    let replayed = wnm_agent::fleet::engine::text(&server.admin().require(&get).unwrap()[0]).unwrap();
    assert!(host.turn().problems.is_empty());
    let generation = farm.fleet.set(&key, &farm.path, &order, limits("10%")).unwrap();
    assert!(host.turn().problems.is_empty());
    assert_eq!(host.control.limits.in_effect(wall()), [(limits("10%"), order.not_after)]);
    assert_eq!(farm.fleet.hosts().unwrap()[0].state().unwrap().limits, generation);
    // They are no hold, and a hold does not end them.
    farm.hold(Target::All);
    farm.resume(Target::All);
    assert!(host.turn().problems.is_empty());
    for (text, told) in [
        (replayed.clone(), "its generation"),
        (replayed.replace("max_unavailable", "node_cap"), "its signature is not by the key of the fleet"),
        (r#"{"max_unavailable":"0"}"#.to_owned(), "it is not a command of the documented form"),
    ] {
        server.command(&["SET", &name_of, &text]);
        let problems = host.turn().problems;
        assert!(problems[0].starts_with("the document with limits for all hosts is refused"), "{problems:?}");
        assert!(problems[0].contains(told), "{problems:?}");
        assert_eq!(host.control.limits.in_effect(wall()), [(limits("10%"), order.not_after)]);
    }
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn invitation_works_once_and_a_second_one_ends_the_first_password() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let invitation = farm.fleet.invite(name("a"), None, Duration::from_secs(60), wall(), &farm.path).unwrap();
    let mut first = Host::new(&server, accept(invitation.clone()).unwrap());
    first.turn();
    assert!(matches!(accept(invitation.clone()), Err(FleetError::InvitationUsed(_))));
    let mut second = farm.join(&server, "a");
    second.turn();
    // The user of the used invitation was removed by the second one.
    assert!(matches!(accept(invitation), Err(FleetError::InvitationUsed(_))));
    // The engine forgets an invitation at its end.
    let ended = farm.fleet.invite(name("b"), None, Duration::from_secs(60), wall(), &farm.path).unwrap();
    server.command(&["PEXPIRE", &Keys::of(&name("farm")).invitation(&ended.id), "0"]);
    assert!(matches!(accept(ended), Err(FleetError::InvitationUsed(_))));
    let mut first = Host::new(&server, first.membership);
    assert!(first.publisher.turn(&documents(), &mut first.control, wall()).is_err());
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn restarted_and_empty_engine_is_refilled_and_holds_stand() {
    let mut server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let mut host = farm.join(&server, "a");
    let old = farm.hold(Target::All);
    host.turn();
    let key = Keys::of(&name("farm")).command(&Target::All);
    let mut get = redis::pipe();
    get.cmd("GET").arg(&key);
    let replayed = wnm_agent::fleet::engine::text(&server.admin().require(&get).unwrap()[0]).unwrap();
    server.end();
    assert!(host.publisher.turn(&documents(), &mut host.control, wall()).is_err());
    assert!(host.hold().is_some());
    server.run();
    assert!(host.turn().problems.is_empty());
    assert!(host.hold().is_some());
    farm.fleet = wnm_agent::fleet::operator::Fleet::open(farm.fleet.operator().clone()).unwrap();
    assert!(farm.fleet.hosts().unwrap()[0].state().is_some());
    let mut list = redis::pipe();
    list.cmd("HLEN").arg("wnm:farm:members");
    assert_eq!(server.admin().require(&list).unwrap(), [redis::Value::Int(1)]);
    // The operator's own record makes the generation higher, and an older command that comes back is refused.
    assert!(farm.resume(Target::All) > old);
    host.turn();
    assert_eq!(host.hold(), None);
    server.command(&["SET", &key, &replayed]);
    let problems = host.turn().problems;
    assert!(problems[0].starts_with("the command for all hosts is refused: its generation"), "{problems:?}");
    assert_eq!(host.hold(), None);
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn forged_truncated_and_ended_commands_are_refused_and_told() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let mut host = farm.join(&server, "a");
    let key = Keys::of(&name("farm")).command(&Target::All);
    farm.hold(Target::All);
    let mut get = redis::pipe();
    get.cmd("GET").arg(&key);
    let real = wnm_agent::fleet::engine::text(&server.admin().require(&get).unwrap()[0]).unwrap();
    let stop = Keys::of(&name("farm")).stop(&Target::All);
    for (slot, text) in [
        (&key, real.replace("new kernel", "old kernel")),
        (&key, real[..real.len() / 2].to_owned()),
        (&key, "x".repeat(100_000)),
        (&key, "{\"verb\":\"resume\"}".to_owned()),
        (&stop, real.clone()),
        (&stop, "no hold".to_owned()),
    ] {
        server.command(&["DEL", &key, &stop]);
        server.command(&["SET", slot, &text]);
        let turn = host.turn();
        assert_eq!((turn.problems.len(), host.hold()), (1, None), "{text:.40}");
        let published = farm.fleet.hosts().unwrap()[0].state().unwrap().problem.clone();
        assert!(turn.problems[0].starts_with(&published.unwrap()), "{turn:?}");
    }
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn copy_of_a_host_stops_publishing_and_says_so() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let mut first = farm.join(&server, "a");
    first.turn();
    first.turn();
    let mut copy = Host::new(&server, first.membership.clone());
    std::thread::sleep(Duration::from_millis(5));
    copy.turn();
    let told = first.turn().problems;
    assert!(told[0].contains("another daemon publishes as host a"), "{told:?}");
    let stops = copy.turn().problems;
    assert!(stops[0].contains("this one stops publishing"), "{stops:?}");
    first.turn();
    assert!(first.turn().problems.is_empty());
    let silent = copy.turn().problems;
    assert!(silent[0].contains("so that this one does not"), "{silent:?}");
    // A second copy stops too, and the first stays silent.
    let mut second = Host::new(&server, first.membership.clone());
    std::thread::sleep(Duration::from_millis(5));
    second.turn();
    first.turn();
    assert!(second.turn().problems[0].contains("this one stops publishing"));
    first.turn();
    assert!(first.turn().problems.is_empty());
    for copy in [&mut copy, &mut second] {
        assert!(copy.turn().problems[0].contains("so that this one does not"));
    }
    // A copy still obeys.
    farm.hold(Target::All);
    copy.turn();
    assert!(copy.hold().is_some());
    // And takes over when the first is gone.
    first.publisher.withdraw().unwrap();
    assert!(copy.turn().problems.is_empty());
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn clock_that_is_off_by_an_hour_is_told() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let mut host = farm.join(&server, "a");
    farm.hold(Target::All);
    let hour = Duration::from_secs(3600);
    for (at, word, is_held) in [(wall().after(hour), "ahead of", false), (wall().before(hour), "behind", true)] {
        host.control = Control::default();
        let problems = host.publisher.turn(&host.documents, &mut host.control, at).unwrap().problems;
        assert!(problems.iter().any(|problem| problem.contains(word)), "{problems:?}");
        assert_eq!(host.control.hold(at).is_some(), is_held, "{word}");
    }
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn two_fleets_share_a_server() {
    let server = Server::start(&[]);
    let (mut one, mut two) = (Farm::on(&server, "one"), Farm::on(&server, "two"));
    let (mut a, mut b) = (one.join(&server, "a"), two.join(&server, "a"));
    one.hold(Target::All);
    a.turn();
    b.turn();
    assert_eq!((a.hold().is_some(), b.hold()), (true, None));
    // A signed command of the other fleet, under the key of this one.
    let key = |fleet: &str| Keys::of(&name(fleet)).command(&Target::All);
    server.command(&["COPY", &key("one"), &key("two")]);
    assert!(b.turn().problems[0].contains("not by the key of the fleet"));
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS and minisign in WNM_TEST_MINISIGN"]
fn command_signed_by_the_program_minisign_is_obeyed() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let mut host = farm.join(&server, "a");
    let (now, end) = (wall().as_millis(), wall().after(Duration::from_secs(600)).as_millis());
    let document = format!(
        r#"{{"fleet":"farm","generation":{now},"target":"all","issued":{now},"not_after":{end},"verb":{{"hold":{{"reason":"by hand","drain":true}}}}}}"#
    );
    let folder = tempfile::tempdir().unwrap();
    let (file, signature) = (folder.path().join("command.json"), folder.path().join("command.minisig"));
    std::fs::write(&file, &document).unwrap();
    let key = wnm_agent::fleet::membership::Operator::key_path(&farm.path);
    let signed = std::process::Command::new(program("WNM_TEST_MINISIGN"))
        .args([
            "-S",
            "-W",
            "-s",
            key.to_str().unwrap(),
            "-m",
            file.to_str().unwrap(),
            "-x",
            signature.to_str().unwrap(),
        ])
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(signed.status.success(), "{signed:?}");
    let text = enclose(document, std::fs::read_to_string(&signature).unwrap()).unwrap();
    server.command(&["SET", &Keys::of(&name("farm")).command(&Target::All), &text]);
    assert!(host.turn().problems.is_empty());
    assert_eq!(host.hold().map(|hold| (hold.reason, hold.drain)), Some(("by hand".to_owned(), true)));
}
