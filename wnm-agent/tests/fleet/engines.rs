//! Engines that cannot be used: full, read-only, old, slow, with another type, with another certificate.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use wnm_agent::fleet::command::Target;
use wnm_agent::fleet::engine::{Engine, EngineError};
use wnm_agent::fleet::keys::Keys;
use wnm_agent::fleet::membership::{ClientFiles, Login, Plaintext, Secret};
use wnm_agent::fleet::publisher::Publisher;
use wnm_agent::fleet::rollout::driver::Driver;
use wnm_agent::fleet::rollout::plan::LEASE;
use wnm_core::{EngineUrl, RolloutWait};

use crate::rollout::{make_outdated, plan, program};
use crate::server::{Server, admin};
use crate::{Farm, name};

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn full_and_read_only_engines_are_told_and_their_commands_obeyed() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    for (limits, frees, told) in [
        (vec!["CONFIG", "SET", "maxmemory", "1"], vec!["CONFIG", "SET", "maxmemory", "0"], "its memory is full"),
        (vec!["REPLICAOF", "127.0.0.1", "1"], vec!["REPLICAOF", "NO", "ONE"], "it is a read-only replica"),
    ] {
        let mut host = farm.join(&server, "a");
        farm.hold(Target::All);
        server.command(&limits);
        let problems = host.turn().problems;
        assert!(problems.iter().any(|problem| problem.ends_with(told)), "{problems:?}");
        assert!(host.hold().is_some(), "{told}");
        // The check of the operator, which only asks otherwise, finds it too.
        assert_eq!(farm.fleet.facts().unwrap().refuses.unwrap().to_string(), told);
        server.command(&frees);
        assert!(host.turn().problems.is_empty());
        assert_eq!(farm.fleet.facts().unwrap().refuses, None);
    }
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn engine_that_may_lose_commands_is_told() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    for policy in ["noeviction", "allkeys-lru"] {
        server.command(&["CONFIG", "SET", "maxmemory-policy", policy]);
        assert_eq!(farm.fleet.facts().unwrap().eviction, policy);
    }
}

/// Passes connections to one server, and new ones to another server from some time on, as a name does after a failover.
struct Name {
    port: u16,
    target: Arc<AtomicU16>,
}

impl Name {
    fn of(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, target) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU16::new(server.port)));
        let present = Arc::clone(&target);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) =
                    (client.unwrap(), TcpStream::connect(("127.0.0.1", present.load(Ordering::SeqCst))).unwrap());
                for (mut from, mut to) in [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)]
                {
                    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                }
            }
        });
        Self { port, target }
    }
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn host_finds_the_successor_of_a_primary_that_became_a_replica() {
    let (first, second) = (Server::start(&[]), Server::start(&[]));
    let name = Name::of(&first);
    let mut farm = Farm::on(&first, "farm");
    let mut host = farm.join(&first, "a");
    let url = EngineUrl::new(&format!("redis://127.0.0.1:{}", name.port)).unwrap();
    host.publisher = Publisher::new(url, host.membership.clone(), "a".to_owned());
    assert!(host.turn().problems.is_empty());
    let password = host.membership.login.password.as_ref().unwrap().reveal().to_owned();
    let user = ["ACL", "SETUSER", &host.membership.login.user, "on", &format!(">{password}"), "~*", "+@all"];
    second.command(&user);
    first.command(&["REPLICAOF", "127.0.0.1", "1"]);
    name.target.store(second.port, Ordering::SeqCst);
    assert!(!host.turn().problems.is_empty(), "the connection still leads to the replica");
    assert!(host.turn().problems.is_empty());
    let mut get = redis::pipe();
    get.cmd("EXISTS").arg(Keys::of(&crate::name("farm")).state(&crate::name("a")));
    assert_eq!(second.admin().require(&get).unwrap(), [redis::Value::Int(1)]);
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn keys_of_another_type_are_told() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let mut host = farm.join(&server, "a");
    server.command(&["HSET", "wnm:farm:c:all", "a", "b"]);
    let problems = host.turn().problems;
    assert!(problems[0].contains("cannot read the command for all hosts"), "{problems:?}");
    server.command(&["HSET", "wnm:farm:h:b", "a", "b"]);
    farm.join(&server, "b");
    assert!(farm.fleet.hosts().unwrap()[1].state.as_ref().unwrap().is_err());
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn wrong_password_is_told() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let mut login = farm.join(&server, "a").membership.login;
    login.password = Some(Secret::new("wrong".to_owned()));
    assert!(matches!(Engine::connect(&server.url(), &login), Err(EngineError::Login { .. })));
    login.user = "stranger".to_owned();
    assert!(matches!(Engine::connect(&server.url(), &login), Err(EngineError::Login { .. })));
    server.command(&["ACL", "SETUSER", "default", "resetpass", ">secret"]);
    assert!(matches!(Engine::connect(&server.url(), &admin()), Err(EngineError::Login { .. })));
}

#[test]
fn old_and_silent_servers_are_told() {
    let serve = |answer: &'static str| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while let Some(Ok(line)) = lines.next() {
                if line == "HELLO" {
                    _ = (&stream).write_all(answer.as_bytes());
                }
            }
        });
        EngineUrl::new(&format!("redis://127.0.0.1:{port}")).unwrap()
    };
    let old = serve("*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n6.2.14\r\n");
    let error = Engine::connect(&old, &admin()).unwrap_err();
    assert!(matches!(&error, EngineError::Old { version, .. } if version == "6.2.14"), "{error}");
    let older = serve("-ERR unknown command `HELLO`\r\n");
    assert!(matches!(Engine::connect(&older, &admin()), Err(EngineError::Old { .. })));
    let error = Engine::connect(&serve(""), &admin()).unwrap_err();
    assert!(error.to_string().ends_with("no answer in time"), "{error}");
    // Servers of other protocols, and answers that no Redis gives.
    let nested: &'static str = "*1\r\n".repeat(100_000).leak();
    for answer in [
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "\u{16}\u{3}\u{1}\r\n",
        "$99999999999999999999\r\n",
        "$-7\r\nx\r\n",
        "*-7\r\n",
        ":1e9\r\n",
        nested,
    ] {
        let error = Engine::connect(&serve(answer), &admin()).unwrap_err();
        let is_told = matches!(error, EngineError::Unreachable { .. } | EngineError::Old { .. });
        assert!(is_told, "{:?}: {error}", answer.get(..20));
    }
}

/// Makes an authority, and a certificate of it for 127.0.0.1.
fn certificates(folder: &Path) {
    let script = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=own-ca -keyout ca.key -out ca.pem
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=engine -keyout server.key -out server.csr
printf 'subjectAltName=IP:127.0.0.1\\nextendedKeyUsage=serverAuth\\n' >ext
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out server.pem";
    let made = Command::new("sh").arg("-ec").arg(script).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS, and openssl"]
fn own_authority_is_trusted_and_no_other() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    certificates(folder.path());
    certificates(other.path());
    let server = Server::start_with_tls(folder.path(), "no");
    let login = |ca: Option<&Path>| {
        let ca = ca.map(|folder| std::fs::read_to_string(folder.join("ca.pem")).unwrap());
        Login { user: "default".to_owned(), password: None, ca, client: None, plaintext: Plaintext::Refused }
    };
    let path = folder.path().join("fleet.json");
    let mut fleet =
        wnm_agent::fleet::operator::Fleet::create(name("farm"), server.url(), &login(Some(folder.path())), &path)
            .unwrap();
    let invitation = fleet.invite(name("a"), None, std::time::Duration::from_secs(60), crate::wall(), &path).unwrap();
    assert!(invitation.encode().unwrap().len() < 4_000);
    let mut host = crate::Host::new(&server, wnm_agent::fleet::invitation::accept(invitation).unwrap());
    assert!(host.turn().problems.is_empty());
    for wrong in [None, Some(other.path())] {
        let error = Engine::connect(&server.url(), &login(wrong)).unwrap_err();
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    let plain = EngineUrl::new(&format!("redis://127.0.0.1:{}", server.port)).unwrap();
    assert!(matches!(Engine::connect(&plain, &login(None)), Err(EngineError::Unreachable { .. })));
    let tls_to_plain = Server::start(&[]);
    let url = EngineUrl::new(&format!("rediss://127.0.0.1:{}", tls_to_plain.port)).unwrap();
    assert!(matches!(Engine::connect(&url, &login(None)), Err(EngineError::Unreachable { .. })));
}

/// Makes a certificate that is its own authority, valid until a year, and its key.
fn self_signed(folder: &Path, subject: &str, until: i32) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new([subject.to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    let certificate = params.self_signed(&key).unwrap().pem();
    for (file, text) in [("ca.pem", &certificate), ("server.pem", &certificate), ("server.key", &key.serialize_pem())] {
        std::fs::write(folder.join(file), text).unwrap();
    }
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(folder.join("server.key"), private).unwrap();
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn expired_certificate_and_one_of_another_name_are_told() {
    for (subject, until, told) in [("127.0.0.1", 2020, "expired"), ("redis.example.org", 4000, "not valid for name")] {
        let folder = tempfile::tempdir().unwrap();
        self_signed(folder.path(), subject, until);
        let server = Server::start_with_tls(folder.path(), "no");
        let ca = Some(std::fs::read_to_string(folder.path().join("ca.pem")).unwrap());
        let error = Engine::connect(&server.url(), &Login { ca, ..admin() }).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn engine_that_requires_certificates_of_its_clients_gets_that_of_a_login() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for folder in [&folder, &other] {
        self_signed(folder.path(), "127.0.0.1", 4000);
    }
    let server = Server::start_with_tls(folder.path(), "yes");
    let ca = Some(std::fs::read_to_string(folder.path().join("ca.pem")).unwrap());
    let file = |folder: &tempfile::TempDir, name: &str| folder.path().join(name);
    let login = |certificate, key| {
        let client = Some(ClientFiles { certificate, key });
        Login { ca: ca.clone(), client, ..admin() }
    };
    let good = login(file(&folder, "server.pem"), file(&folder, "server.key"));
    let path = folder.path().join("fleet.json");
    let mut fleet = wnm_agent::fleet::operator::Fleet::create(name("farm"), server.url(), &good, &path).unwrap();
    assert_eq!(fleet.operator().login.client, good.client);
    // An invitation names no file of the operator; the host has its own certificate.
    let mut invitation = fleet.invite(name("a"), None, Duration::from_secs(60), crate::wall(), &path).unwrap();
    assert_eq!(invitation.login.client, None);
    invitation.login.client = good.client;
    let mut host = crate::Host::new(&server, wnm_agent::fleet::invitation::accept(invitation).unwrap());
    assert!(host.turn().problems.is_empty());

    let is_refused = |login: &Login| Engine::connect(&server.url(), login).unwrap_err();
    for wrong in [Login { ca: ca.clone(), ..admin() }, login(file(&other, "server.pem"), file(&other, "server.key"))] {
        let error = is_refused(&wrong);
        assert!(matches!(error, EngineError::Unreachable { .. }), "{error}");
    }
    for (certificate, key) in [
        (file(&other, "server.pem"), file(&folder, "server.key")),
        (file(&folder, "server.pem"), file(&folder, "ca.pem")),
        (file(&folder, "server.key"), file(&folder, "server.key")),
        (file(&folder, "missing"), file(&folder, "server.key")),
    ] {
        let error = is_refused(&login(certificate, key));
        assert!(matches!(error, EngineError::Client { .. }), "{error}");
    }
    let key = file(&folder, "server.key");
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let error = is_refused(&login(file(&folder, "server.pem"), key));
    assert!(error.to_string().contains("other users can read it"), "{error}");
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn user_that_is_deleted_while_its_host_runs_is_told() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let mut host = farm.join(&server, "a");
    farm.hold(Target::All);
    host.turn();
    server.command(&["ACL", "DELUSER", "wnm:farm:host:a"]);
    let mut turn = || host.publisher.turn(&host.documents, &mut host.control, crate::wall());
    // The engine ends the connection, and refuses the next one.
    turn().unwrap_err();
    assert!(matches!(turn(), Err(EngineError::Login { .. })));
    assert!(host.hold().is_some(), "the hold stands");
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn long_values_are_told_and_not_read() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let (mut host, mut other) = (farm.join(&server, "a"), farm.join(&server, "b"));
    assert!(host.turn().problems.is_empty() && other.turn().problems.is_empty());
    let long = "x".repeat(1 << 20);
    for key in ["c:all", "s:all", "r:all", "h:b", "n:b", "e:b"] {
        server.command(&["SET", &format!("wnm:farm:{key}"), &long]);
    }
    let problems = host.turn().problems;
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems.iter().all(|problem| problem.contains("longer than 64 KiB")), "{problems:?}");
    let hosts = farm.fleet.hosts().unwrap();
    assert!(hosts[0].state().is_some() && hosts[1].state.as_ref().unwrap().is_err());
    let nodes = farm.fleet.nodes(&[name("a"), name("b")]).unwrap();
    assert!(nodes[0].as_ref().unwrap().is_ok() && nodes[1].as_ref().unwrap().is_err());
    assert!(farm.fleet.events(&[name("b")]).unwrap()[0].as_ref().unwrap().is_err());
    // The commands of the operator replace them.
    farm.hold(Target::All);
    host.turn();
    assert!(host.hold().is_some());
    other.turn();
    assert!(farm.fleet.hosts().unwrap()[1].state().is_some());
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn clock_of_a_host_off_by_an_hour_is_told_and_moves_no_lease() {
    let server = Server::start(&[]);
    let hour = Duration::from_secs(3_600);
    for (fleet, wall, word) in
        [("fast", crate::wall().after(hour), "ahead of"), ("slow", crate::wall().before(hour), "behind")]
    {
        let mut farm = Farm::on(&server, fleet);
        let mut host = farm.join(&server, "a");
        make_outdated(&mut host, 1);
        host.turn();
        let key = farm.key();
        let mut driver = Driver::start(&mut farm.fleet, key, &farm.path, plan(), crate::wall()).unwrap();
        driver.turn(crate::wall()).unwrap();
        let turn = host.publisher.turn(&host.documents, &mut host.control, wall).unwrap();
        assert!(turn.problems.iter().any(|problem| problem.contains(word)), "{turn:?}");
        // The lease begins and ends by the clock of the engine.
        let wait = |engine| host.control.leases.sample(Some(&program()), wall, Some(engine)).unwrap().wait;
        let engine = turn.engine.unwrap();
        assert_eq!((wait(engine), wait(engine.after(LEASE))), (None, Some(RolloutWait::LeaseEnded)), "{word}");
    }
    // The end of a hold goes by the clock of the host: one whose end has passed there is refused and told.
    let mut farm = Farm::on(&server, "held");
    let mut host = farm.join(&server, "a");
    farm.hold(Target::All);
    let wall = crate::wall().after(hour);
    let turn = host.publisher.turn(&host.documents, &mut host.control, wall).unwrap();
    assert!(turn.problems[0].ends_with("it has ended"), "{turn:?}");
    let wall = crate::wall().before(hour);
    host.publisher.turn(&host.documents, &mut host.control, wall).unwrap();
    assert!(host.control.hold(wall).is_some());
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn slow_engine_delays_a_turn_and_ends_it_after_its_limit() {
    let server = Server::start(&[]);
    let mut farm = Farm::on(&server, "farm");
    let mut host = farm.join(&server, "a");
    host.turn();
    farm.hold(Target::All);
    server.command(&["CLIENT", "PAUSE", "2000", "ALL"]);
    assert!(host.turn().problems.is_empty());
    assert!(host.hold().is_some());
    server.command(&["CLIENT", "PAUSE", "8000", "ALL"]);
    let error = host.publisher.turn(&host.documents, &mut host.control, crate::wall()).unwrap_err();
    assert!(error.to_string().ends_with("no answer in time"), "{error}");
    assert!(host.hold().is_some(), "the hold stands");
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn two_fleets_share_a_server_and_nothing_else() {
    let server = Server::start(&[]);
    let (mut one, mut two) = (Farm::on(&server, "one"), Farm::on(&server, "two"));
    let (mut a, mut b) = (one.join(&server, "a"), two.join(&server, "a"));
    one.hold(Target::All);
    assert!(a.turn().problems.is_empty() && b.turn().problems.is_empty());
    assert_eq!((a.hold().is_some(), b.hold()), (true, None));
    // A command of one fleet under the key of the other is refused and told.
    let mut get = redis::pipe();
    get.cmd("GET").arg("wnm:one:c:all");
    let text = wnm_agent::fleet::engine::text(&server.admin().require(&get).unwrap()[0]).unwrap();
    server.command(&["SET", "wnm:two:c:all", &text]);
    let problems = b.turn().problems;
    assert!(problems[0].ends_with("its signature is not by the key of the fleet"), "{problems:?}");
    server.command(&["DEL", "wnm:two:c:all"]);
    two.resume(Target::All);
    assert!(b.turn().problems.is_empty() && a.turn().problems.is_empty());
    assert!(a.hold().is_some() && one.fleet.hosts().unwrap().len() == 1);
}
