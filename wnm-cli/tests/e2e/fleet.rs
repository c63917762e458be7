//! A fleet of two hosts with real daemons on a redis-server: `.ci/fleet-tests` gets the program and runs the tests.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::daemon::{Daemon, spawn, wait_for_exit};
use crate::host::{Host, Ran, states};

#[path = "../../../wnm-agent/tests/fleet/server.rs"]
#[expect(dead_code, reason = "the tests of the library use all of it")]
pub(crate) mod server;

use server::Server;

/// Runs a command of the operator, whose file is in the folder of the host.
#[track_caller]
fn fleet(host: &Host, code: i32, words: &[&str]) -> Ran {
    let ran = host.wnm(&[&["--json", "fleet"], words].concat());
    assert_eq!(ran.code(), code, "{words:?}: {}{}", ran.out, ran.err);
    ran
}

/// Polls a value of the fleet until it is as wanted.
#[track_caller]
fn wait_for(host: &Host, words: &[&str], wanted: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let value = fleet(host, 0, words).json();
        if wanted(&value) {
            return value;
        }
        assert!(started.elapsed() < Duration::from_secs(150), "{words:?}: {value:#}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn join(operator: &Host, host: &Host, name: &str) {
    let invited = fleet(operator, 0, &["invite", name]).json();
    let command = invited["command"].as_str().unwrap();
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    let member = host.wnm(&[&["--json"], words.as_slice()].concat()).json();
    assert_eq!((&member["fleet"], &member["host"]), (&"farm".into(), &name.into()));
    assert_ne!(host.wnm(&words).code(), 0, "the host is a member already");
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn two_hosts_join_are_held_and_resumed() {
    let server = Server::start(&[]);
    let (a, b) = (Host::with_colony(), Host::with_colony());
    let url = server.url().to_string();
    let created = fleet(&a, 0, &["init", "farm", &url]).json();
    assert!(created["key_file"].as_str().unwrap().ends_with("fleet.key"));
    assert!(fleet(&a, 1, &["init", "farm", &url]).err.contains("exists already"));
    join(&a, &a, "a");
    join(&a, &b, "b");
    // An operator who lost the file and has the key: the hosts obey the commands below.
    std::fs::remove_file(a.path("fleet.json")).unwrap();
    fleet(&a, 0, &["init", "farm", &url]);
    let _daemons = [spawn(&a), spawn(&b)];
    b.expect(0, "node add --count 2");
    let up = |hosts: &Value| hosts[1]["nodes_up"] == 2 && hosts[0]["presence"] == "up";
    wait_for(&a, &["hosts"], up);
    assert_eq!(fleet(&a, 0, &["status"]).json()["hosts_up"], 2);
    wait_for(&a, &["nodes", "b"], |nodes| nodes.as_array().unwrap().len() == 2);
    let events = wait_for(&a, &["events", "b"], |events| !events.as_array().unwrap().is_empty());
    assert_eq!(events[0]["host"], "b");

    let held = fleet(&a, 0, &["hold", "--reason", "new kernel", "--wait", "40s"]).json();
    assert_eq!(held["obeying"], serde_json::json!(["a", "b"]));
    for host in [&a, &b] {
        let status = host.expect(0, "status").out;
        assert!(status.contains("hold    new kernel (by fleet"), "{status}");
        let doctor = host.wnm(&["doctor"]).out;
        assert!(doctor.contains("the engine of the fleet farm answers"), "{doctor}");
    }
    let request = b.expect(0, "node stop 1");
    assert!(request.err.contains("a hold is in effect: new kernel"), "{}", request.err);
    assert_eq!(states(&b.nodes())[0], "STOPPED");
    let resumed = fleet(&a, 0, &["resume", "--host", "b", "--wait", "40s"]).json();
    assert_eq!(resumed["obeying"], serde_json::json!(["b"]));
    assert!(!b.expect(0, "status").out.contains("hold    "), "the hold of b ended");
    assert!(a.expect(0, "status").out.contains("hold    "), "the hold of a stays");
    let words = ["set", "window=daily 00:00-24:00", "max_unavailable=0", "--host", "b", "--wait", "40s"];
    let set = fleet(&a, 0, &words).json();
    assert_eq!((&set["verb"], &set["obeying"]), (&"set".into(), &serde_json::json!(["b"])));
    let status = b.expect(0, "status").out;
    assert!(status.contains("limits  window daily 00:00-24:00; max_unavailable 0 (by fleet, until"), "{status}");
    let window = serde_json::json!({"setting": "daily 00:00-24:00", "open": true});
    wait_for(&a, &["hosts"], |hosts| hosts[1]["window"] == window);
    let commands = fleet(&a, 0, &["status"]).json()["commands"].clone();
    assert!(commands.as_array().unwrap().iter().any(|command| command["verb"] == "set"), "{commands}");
    fleet(&a, 0, &["doctor"]);
    for page in ["status", "hosts", "nodes", "events", "doctor"] {
        a.expect(0, &format!("fleet {page}"));
    }
    b.expect(0, "fleet leave");
    assert!(fleet(&b, 1, &["leave"]).err.contains("in no fleet"));
    wait_for(&a, &["hosts"], |hosts| hosts[1]["presence"] == "away");
    assert_eq!(fleet(&a, 0, &["expel", "b"]).json()["host"], "b");
    assert_eq!(fleet(&a, 0, &["hosts"]).json().as_array().unwrap().len(), 1);
    assert!(fleet(&a, 1, &["expel", "b"]).err.contains("no such host: b"));
    let files = [a.path("wnm.db.fleet"), a.path("wnm.db.fleet-state")];
    assert!(files.iter().all(|file| file.exists()));
    a.expect(0, "teardown --yes --purge");
    assert!(!files.iter().any(|file| file.exists()));
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn demo_ends_and_leaves_nothing() {
    let host = Host::new();
    let engines = server::program("WNM_TEST_REDIS").parent().unwrap().to_owned();
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", engines.display());
    let played = host.command(&["demo", "--fleet"]).env("PATH", path).output().unwrap();
    let printed = String::from_utf8(played.stderr).unwrap();
    assert_eq!(played.status.code(), Some(0), "{printed}");
    for scene in
        ["Three hosts join", "new kernel (by fleet", "only the key", "The engine ends", "all nodes are removed"]
    {
        assert!(printed.contains(scene), "{scene}: {printed}");
    }
    let address = printed.split("init farm redis://").nth(1).unwrap().split(' ').next().unwrap();
    assert!(std::net::TcpStream::connect(address).is_err(), "the engine runs: {address}");
    let folder = printed.split("--password-file ").nth(1).unwrap().split("/admin.txt").next().unwrap();
    assert!(folder.contains("wnm-demo-") && !std::path::Path::new(folder).exists(), "{folder}");
    let left = std::process::Command::new("pgrep").args(["-f", folder]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&left.stdout), "", "processes are left");
}

#[test]
fn demo_without_an_engine_says_how_to_install_it() {
    let host = Host::new();
    let ran = host.command(&["demo", "--fleet"]).env("PATH", "/nonexistent").output().unwrap();
    assert_eq!(ran.status.code(), Some(1));
    let printed = String::from_utf8(ran.stderr).unwrap();
    assert!(printed.contains("no redis-server in PATH"), "{printed}");
    assert!(printed.contains("hint: apt install redis-server"), "{printed}");
}

/// Returns the versions of the running nodes of a host.
fn versions(host: &Host) -> Vec<String> {
    let version = |node: &Value| node["sample"]["version"].as_str().unwrap_or_default().to_owned();
    host.nodes().iter().map(version).collect()
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn rollout_upgrades_the_canary_and_then_the_other_host() {
    let server = Server::start(&[]);
    let (a, b) = (Host::with_colony(), Host::with_colony());
    fleet(&a, 0, &["init", "farm", &server.url().to_string()]);
    join(&a, &a, "a");
    join(&a, &b, "b");
    for host in [&a, &b] {
        host.expect(0, "config set enable_upgrade=true node_cap=2");
    }
    let _daemons = [spawn(&a), spawn(&b)];
    a.expect(0, "node add --count 2");
    b.expect(0, "node add --count 2");
    wait_for(&a, &["hosts"], |hosts| (0..2).all(|i| hosts[i]["nodes_up"] == 2));
    assert!(fleet(&a, 1, &["rollout", "status"]).err.contains("no rollout was started"));
    // The rollout is in effect before any host has the new program.
    let program = a.path("antnode-0.4.18");
    let old = std::fs::read(a.path(".local/bin/antnode")).unwrap();
    a.put_binary("0.4.18", wnm_platform::fake_node::Behaviour::Normal);
    std::fs::copy(a.path(".local/bin/antnode"), &program).unwrap();
    std::fs::write(a.path(".local/bin/antnode"), &old).unwrap();
    let words = ["--json", "fleet", "rollout", "start", "0.4.18", "--min-healthy-time", "1s", "--program"];
    let mut command = a.command(&[&words[..], &[program.to_str().unwrap()]].concat());
    let mut driver = Daemon(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let started = Instant::now();
    let knows = |host: &Host| std::fs::read_to_string(host.path("wnm.db.fleet-state")).unwrap_or_default();
    while ![&a, &b].into_iter().all(|host| knows(host).contains("0.4.18")) {
        assert!(started.elapsed() < Duration::from_secs(60), "the hosts did not read the rollout");
        std::thread::sleep(Duration::from_millis(100));
    }
    let install = |host: &Host| {
        let draft = host.path(".local/bin/antnode.new");
        std::fs::copy(&program, &draft).unwrap();
        std::fs::rename(&draft, host.path(".local/bin/antnode")).unwrap();
    };
    // The canary is the first host that publishes the program.
    install(&a);
    wait_for(&a, &["rollout", "status"], |rollout| rollout["hosts"][0]["progress"] != "waiting");
    install(&b);
    let ended = wait_for(&a, &["rollout", "status"], |rollout| rollout["phase"] == "promotable");
    assert_eq!((&ended["healthy"], &ended["waiting"]), (&1.into(), &1.into()), "{ended:#}");
    assert_eq!(wait_for_exit(&mut driver), Some(0));
    assert_eq!((versions(&a), versions(&b)), (vec!["0.4.18".to_owned(); 2], vec!["0.4.17".to_owned(); 2]));
    let started = Instant::now();
    while !b.expect(0, "explain").out.contains("the fleet rolls out 0.4.18: this host has no lease yet") {
        assert!(started.elapsed() < Duration::from_secs(60), "{}", b.expect(0, "explain").out);
        std::thread::sleep(Duration::from_millis(200));
    }
    let waiting = b.expect(0, "status").out;
    assert!(waiting.contains("rollout 0.4.18: no upgrade begins, this host has no lease yet (by the fleet farm"));
    assert_eq!(b.wnm(&["--json", "status"]).json()["valves"]["rollout"]["wait"], "no_lease");
    let carried = &fleet(&a, 0, &["status"]).json()["rollout"];
    assert_eq!((&carried["standing"], &carried["hosts_upgraded"]), (&"idle".into(), &1.into()), "{carried:#}");
    let completed = fleet(&a, 0, &["rollout", "promote"]).json();
    assert_eq!((&completed["phase"], &completed["healthy"]), (&"complete".into(), &2.into()));
    assert_eq!(versions(&b), vec!["0.4.18".to_owned(); 2]);
    assert!(fleet(&a, 0, &["status"]).json()["rollout"].is_null());
    assert!(fleet(&a, 1, &["rollout", "promote"]).err.contains("the rollout of 0.4.18 has ended"));
    assert!(a.expect(0, "fleet rollout abort --release").out.contains("complete"));
}

/// Sends a request to a server on this host, and returns its whole answer.
fn request(address: &str, line: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "{line} HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

/// Returns the status code of an answer.
fn code(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

/// Returns the document of an answer after a check of its schema.
fn document(address: &str, path: &str, schema: &str) -> Value {
    let answer = request(address, &format!("GET {path}"));
    assert_eq!(code(&answer), "200", "{path}: {answer}");
    let document: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    crate::schema::validate(schema, &document);
    document["data"].clone()
}

#[test]
#[ignore = "needs redis-server in WNM_TEST_REDIS"]
fn server_shows_hosts_and_marks_stale_ones() {
    let mut server = Server::start(&[]);
    let (a, b) = (Host::with_colony(), Host::with_colony());
    fleet(&a, 0, &["init", "farm", &server.url().to_string()]);
    join(&a, &a, "a");
    join(&a, &b, "b");
    let _daemon = spawn(&a);
    a.expect(0, "node add --count 2");
    wait_for(&a, &["nodes", "a"], |nodes| nodes.as_array().is_some_and(|nodes| nodes.len() == 2));
    wait_for(&a, &["hosts"], |hosts| hosts[0]["nodes_up"] == 2);
    let port = server::free_port();
    let words = ["--json", "fleet", "serve", "--interval", "1s", "--listen", &format!("127.0.0.1:{port}")];
    let mut command = a.command(&words);
    let mut served = Daemon(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(served.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    crate::schema::validate("fleet-server", &told);
    let address = told["data"]["url"].as_str().unwrap().trim_start_matches("http://").trim_end_matches('/').to_owned();

    let page = request(&address, "GET /");
    for part in
        ["content-security-policy: default-src 'none'", "fleet farm", "<a href=\"/hosts/a\">a</a>", ">away</td>"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    let host = request(&address, "GET /hosts/a");
    assert!(host.contains("antnode0002") && host.contains("0.4.17"), "{host}");
    let metrics = request(&address, "GET /metrics");
    for sample in ["wnm_fleet_host_up{host=\"a\"} 1", "wnm_fleet_host_up{host=\"b\"} 0", "wnm_fleet_engine_up 1"] {
        assert!(metrics.contains(sample), "{sample}: {metrics}");
    }
    assert_eq!(document(&address, "/api/v1/status", "fleet-status")["hosts_up"], 1);
    assert_eq!(document(&address, "/api/v1/hosts", "fleet-hosts")[0]["host"], "a");
    assert_eq!(document(&address, "/api/v1/hosts/a/nodes", "fleet-nodes").as_array().unwrap().len(), 2);
    let by_name: Value =
        serde_json::from_str(request(&address, "GET /api/v1/hosts?by=name").split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((&by_name["data"]["a"]["nodes_up"], &by_name["data"]["b"]["presence"]), (&2.into(), &"away".into()));
    for (line, wanted) in [
        ("GET /hosts/c", 404),
        ("GET /hosts/%3Cscript%3E", 404),
        ("GET /api/v1/hosts/c", 404),
        ("GET /api/v1/hosts?by=age", 400),
        ("POST /api/v1/hosts", 405),
        ("DELETE /", 405),
        ("GET /nothing", 404),
        ("GET /readyz", 200),
    ] {
        let answer = request(&address, line);
        assert_eq!(code(&answer), wanted.to_string(), "{line}: {answer}");
        assert!(!answer.contains("<script>"), "{answer}");
    }
    // The engine ends: the last states stay, and are marked.
    server.end();
    let started = Instant::now();
    while code(&request(&address, "GET /readyz")) != "503" {
        assert!(started.elapsed() < Duration::from_secs(30), "the engine is away, and not told");
        std::thread::sleep(Duration::from_millis(200));
    }
    let metrics = request(&address, "GET /metrics");
    assert!(
        metrics.contains("wnm_fleet_engine_up 0") && metrics.contains("wnm_fleet_host_up{host=\"a\"} 0"),
        "{metrics}"
    );
    assert!(metrics.contains("wnm_fleet_host_seen_timestamp_seconds{host=\"a\"}"), "{metrics}");
    assert!(request(&address, "GET /").contains(">stale</td>"));
    server.run();
    while code(&request(&address, "GET /readyz")) != "200" {
        assert!(started.elapsed() < Duration::from_secs(60), "the engine is back, and not read");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn commands_without_a_fleet_name_the_next_step() {
    let host = Host::with_colony();
    let rollouts =
        ["status", "promote", "abort", "start 0.4.18 --program /nothing"].map(|line| format!("rollout {line}"));
    let others = [
        "serve",
        "set window=none",
        "status",
        "hosts",
        "nodes",
        "events",
        "invite a",
        "hold --reason x",
        "resume",
        "doctor",
    ];
    for line in rollouts.into_iter().chain(others.map(str::to_owned)) {
        let ran = host.expect(1, &format!("fleet {line}"));
        assert!(ran.err.contains("hint: create a fleet with `wnm fleet init NAME URL`"), "{line}: {}", ran.err);
    }
    let ran = host.expect(1, "fleet join wnm1.e30");
    assert!(ran.err.contains("hint: copy the whole line"), "{}", ran.err);
    assert!(host.expect(1, "fleet leave").err.contains("this host is in no fleet"));
    let ran = host.expect(1, "fleet init farm redis://192.0.2.1");
    assert!(ran.err.contains("would not be encrypted"), "{}", ran.err);
    let ran = host.expect(1, "fleet serve --listen 0.0.0.0:9911 --listen-token-file token");
    assert!(ran.err.contains("which other hosts reach, without --listen-cert, --listen-key"), "{}", ran.err);
    host.expect(2, "fleet serve --listen-cert cert.pem");
    host.expect(2, "fleet join wnm1.e30 --client-cert cert.pem");
    host.expect(2, "fleet serve --listen 127.0.0.1");
    for setting in ["node_cap=1", "window=always", "max_unavailable=-1", "window"] {
        host.expect(2, &format!("fleet set {setting}"));
    }
    host.expect(2, "fleet rollout start 0.4.18");
    host.expect(2, "fleet rollout start latest --program x");
    host.expect(2, "fleet rollout start 0.4.18 --sha256 12");
    host.expect(2, "fleet rollout start 0.4.18 --program x --max-parallel many");
    host.expect(2, "fleet init Farm redis://127.0.0.1");
    host.expect(2, "fleet init farm http://127.0.0.1");
    let port = server::free_port();
    assert!(host.expect(1, &format!("fleet init farm redis://127.0.0.1:{port}")).err.contains("cannot reach"));
    assert!(!host.path("fleet.json").exists() && !host.path("fleet.key").exists());
}
