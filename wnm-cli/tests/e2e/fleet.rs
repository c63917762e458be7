//! A fleet of two hosts with real daemons on a redis-server: `.ci/fleet-tests` gets the program and runs the tests.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::daemon::spawn;
use crate::host::{Host, Ran, states};

#[path = "../../../wnm-agent/tests/fleet/server.rs"]
#[expect(dead_code, reason = "the tests of the library use all of it")]
mod server;

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
    fleet(&a, 0, &["doctor"]);
    for page in ["status", "hosts", "nodes", "events", "doctor"] {
        a.expect(0, &format!("fleet {page}"));
    }
    b.expect(0, "fleet leave");
    assert!(fleet(&b, 1, &["leave"]).err.contains("in no fleet"));
    wait_for(&a, &["hosts"], |hosts| hosts[1]["presence"] == "away");
    let files = [a.path("wnm.db.fleet"), a.path("wnm.db.fleet-state")];
    assert!(files.iter().all(|file| file.exists()));
    a.expect(0, "teardown --yes --purge");
    assert!(!files.iter().any(|file| file.exists()));
}

#[test]
fn commands_without_a_fleet_name_the_next_step() {
    let host = Host::with_colony();
    for line in ["status", "hosts", "nodes", "events", "invite a", "hold --reason x", "resume", "doctor"] {
        let ran = host.expect(1, &format!("fleet {line}"));
        assert!(ran.err.contains("hint: create a fleet with `wnm fleet init NAME URL`"), "{line}: {}", ran.err);
    }
    let ran = host.expect(1, "fleet join wnm1.e30");
    assert!(ran.err.contains("hint: copy the whole line"), "{}", ran.err);
    assert!(host.expect(1, "fleet leave").err.contains("this host is in no fleet"));
    let ran = host.expect(1, "fleet init farm redis://192.0.2.1");
    assert!(ran.err.contains("would not be encrypted"), "{}", ran.err);
    host.expect(2, "fleet init Farm redis://127.0.0.1");
    host.expect(2, "fleet init farm http://127.0.0.1");
    let port = server::free_port();
    assert!(host.expect(1, &format!("fleet init farm redis://127.0.0.1:{port}")).err.contains("cannot reach"));
    assert!(!host.path("fleet.json").exists() && !host.path("fleet.key").exists());
}
