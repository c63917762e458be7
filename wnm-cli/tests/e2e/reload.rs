//! A config file that changes while wnm runs: half written, cut, missing, or with fewer nodes.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::daemon::{spawn, wait_for_exit};
use crate::host::{Host, states};

const WHOLE: &str = "delay_start = 0\nnode_cap = 3\ncpu_less_than = 45\n";

fn file(host: &Host) -> PathBuf {
    host.path(".config/wnm/config.toml")
}

fn put(host: &Host, text: &str) {
    fs::create_dir_all(file(host).parent().unwrap()).unwrap();
    fs::write(file(host), text).unwrap();
}

/// Returns a host with three running nodes, whose cap is in the config file alone.
fn with_nodes() -> Host {
    let host = Host::with_colony();
    host.expect(0, "config set --yes node_cap=1 cpu_less_than=0");
    put(&host, WHOLE);
    host.expect(0, "node add --count 3");
    host.wait_for("three running nodes", |nodes| states(nodes) == ["RUNNING"; 3]);
    host
}

fn status(host: &Host) -> Value {
    host.expect(0, "--json status").json()
}

/// Waits until the status shows, or no longer shows, why the file is not applied.
#[track_caller]
fn wait_for_status(host: &Host, wanted: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let status = status(host);
        if wanted(&status) {
            return status;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{:#}", status["config_file"]);
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn error(status: &Value) -> &str {
    status["config_file"]["error"].as_str().unwrap_or_default()
}

#[test]
fn bad_file_keeps_the_settings_of_a_run() {
    let host = with_nodes();
    host.expect(0, "run");
    let cases: [(&str, &str); 5] = [
        ("delay_start = 0\nnode_cap = ", "line 2: invalid TOML"),
        ("node_cap = 'many'\n", "invalid value \"many\" for node_cap"),
        ("cpu_less_than = 90\ncpu_remove = 80\nnode_cap = 3\n", "cpu_remove"),
        ("node_cap = 3\nport_start = 20\n", "cannot change port_start"),
        // The rest of a cut file is valid, and would remove two nodes.
        ("delay_start = 0\n", "would lower node_cap from 3 to 1 and remove 2 nodes"),
    ];
    for (text, cause) in cases {
        put(&host, text);
        let ran = host.expect(0, "run");
        assert!(ran.err.contains(cause), "{text:?}: {}", ran.err);
        let status = status(&host);
        assert!(error(&status).contains(cause), "{text:?}: {status:#}");
        assert_eq!((&status["node_cap"], &status["nodes"]), (&3.into(), &3.into()), "{text:?}");
        assert_eq!(host.expect(0, "config get node_cap").out, "3\n", "{text:?}");
        let doctor = host.wnm(&["--json", "doctor"]).data();
        let found = doctor.as_array().unwrap().iter().find(|check| check["check"] == "config_file").unwrap();
        assert_eq!(found["level"], "warning");
        assert!(found["message"].as_str().unwrap().contains(cause), "{found}");
    }
    fs::remove_file(file(&host)).unwrap();
    let ran = host.expect(0, "run");
    assert!(ran.err.contains("was in use and is missing"), "{}", ran.err);
    assert_eq!(status(&host)["nodes"], 3);
    put(&host, WHOLE);
    host.expect(0, "run");
    assert_eq!(status(&host)["config_file"], Value::Null);
    // A growing file needs no consent.
    put(&host, &WHOLE.replace("= 3", "= 4"));
    host.expect(0, "run");
    assert_eq!(status(&host)["node_cap"], 4);
}

#[test]
fn accepted_file_may_remove_nodes() {
    let host = with_nodes();
    host.expect(0, "run");
    put(&host, &WHOLE.replace("= 3", "= 2"));
    host.expect(0, "run");
    let refused = host.expect(1, "config accept");
    assert!(refused.err.contains("--yes"), "{}", refused.err);
    host.expect(0, "config accept --yes");
    assert_eq!(status(&host)["config_file"], Value::Null);
    host.expect(0, "run");
    host.wait_for("two nodes", |nodes| {
        host.expect(0, "run");
        nodes.len() == 2
    });
    // Without the file, the cap of the database holds after consent only.
    fs::remove_file(file(&host)).unwrap();
    host.expect(0, "run");
    assert_eq!(status(&host)["node_cap"], 2);
    host.expect(0, "config accept --yes");
    assert_eq!(status(&host)["node_cap"], 1);
}

#[test]
fn file_that_no_cycle_used_is_an_error_at_once() {
    let host = Host::with_colony();
    put(&host, "node_cap = ");
    let ran = host.expect(1, "run");
    assert!(ran.err.contains("invalid TOML"), "{}", ran.err);
}

#[test]
fn daemon_follows_a_valid_file_and_keeps_its_settings_beside_a_bad_one() {
    let host = with_nodes();
    let mut daemon = spawn(&host);
    wait_for_status(&host, |status| status["daemon"]["phase"] == "running");
    // Half of the file, and the other half before the daemon would use it.
    put(&host, "delay_start = 0\n");
    std::thread::sleep(Duration::from_millis(600));
    put(&host, &WHOLE.replace("= 3", "= 5"));
    wait_for_status(&host, |status| status["node_cap"] == 5);
    assert_eq!(host.nodes().len(), 3);

    put(&host, "node_cap = \n");
    wait_for_status(&host, |status| error(status).contains("invalid TOML"));
    put(&host, "delay_start = 0\n");
    let status = wait_for_status(&host, |status| error(status).contains("remove 2 nodes"));
    assert_eq!((&status["node_cap"], &status["nodes"]), (&5.into(), &3.into()));
    kill_process(Pid::from_child(&daemon.0), Signal::HUP).unwrap();
    std::thread::sleep(Duration::from_millis(800));
    assert_eq!(host.nodes().len(), 3, "a reload is no consent to a removal");

    // A restart of the daemon does not use the cut file either.
    kill_process(Pid::from_child(&daemon.0), Signal::TERM).unwrap();
    assert_eq!(wait_for_exit(&mut daemon), Some(0));
    let _daemon = spawn(&host);
    wait_for_status(&host, |status| status["daemon"]["phase"] == "running" && status["daemon"]["cycles"] != 0);
    assert_eq!(host.nodes().len(), 3);
    host.expect(0, "config accept --yes");
    host.wait_for("one node", |nodes| nodes.len() == 1);
}
