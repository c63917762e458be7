//! The daemon: cycles beside commands of an operator, the end after a signal, and recovery after a kill.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::host::{Host, states, turn};

/// A daemon that is killed at the end of its test.
pub(crate) struct Daemon(pub(crate) Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn spawn(host: &Host) -> Daemon {
    let _turn = turn();
    let mut command = host.command(&["daemon", "--interval", "200ms"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let daemon = Daemon(command.spawn().unwrap());
    // Before it handles them, signals end it at once.
    let mut attempts = (0..600).inspect(|_| std::thread::sleep(Duration::from_millis(50)));
    assert!(attempts.any(|_| handles_signals(daemon.0.id())), "the daemon did not start");
    daemon
}

/// Tells whether a process handles SIGTERM: bit 15 of the mask of caught signals, counted from 1.
fn handles_signals(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigCgt:")?.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << 14) != 0)
}

fn send(daemon: &Daemon, signal: Signal) {
    kill_process(Pid::from_child(&daemon.0), signal).unwrap();
}

#[track_caller]
pub(crate) fn wait_for_exit(daemon: &mut Daemon) -> Option<i32> {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(40) {
        if let Some(status) = daemon.0.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the daemon did not end");
}

#[test]
fn commands_run_beside_the_daemon_and_sigterm_ends_it() {
    let host = Host::with_colony();
    let mut daemon = spawn(&host);
    host.expect(0, "node add --count 2");
    host.wait_for("two running nodes", |nodes| states(nodes).len() >= 2);
    send(&daemon, Signal::HUP);
    send(&daemon, Signal::TERM);
    assert_eq!(wait_for_exit(&mut daemon), Some(0));
    // Nodes outlive the daemon.
    assert!(host.processes().len() >= 2);
}

#[test]
fn second_signal_ends_a_draining_daemon_at_once() {
    let host = Host::with_colony();
    host.expect(0, "config set preset=classic cpu_remove=100 mem_remove=100 hd_remove=100 delay_remove=600");
    host.expect(0, "node add");
    host.expect(0, "config set --yes node_cap=0");
    let mut daemon = spawn(&host);
    let phase = || host.expect(0, "--json status").json()["daemon"]["phase"].as_str().map(str::to_owned);
    let wait = |goal: &str, wanted: &dyn Fn() -> bool| {
        let mut tries = (0..200).inspect(|_| std::thread::sleep(Duration::from_millis(50)));
        assert!(tries.any(|_| wanted()), "no {goal}");
    };
    // The removal lasts ten minutes, so that the daemon drains until its limit.
    wait("removal", &|| states(&host.expect(0, "--json node list").json().as_array().unwrap()[..]) == ["REMOVING"]);
    send(&daemon, Signal::TERM);
    wait("draining", &|| phase().as_deref() == Some("draining"));
    let told = Instant::now();
    send(&daemon, Signal::TERM);
    assert_eq!(wait_for_exit(&mut daemon), None, "it ends by the signal");
    assert!(told.elapsed() < Duration::from_secs(10), "{:?}", told.elapsed());
    // The next cycle goes on with the removal.
    host.expect(0, "run");
    assert_eq!(states(&host.expect(0, "--json node list").json().as_array().unwrap()[..]), ["REMOVING"]);
}

#[test]
fn daemon_prints_its_first_cycle_and_changes_but_no_idle_cycles() {
    let host = Host::with_colony();
    // The policy adds no node, whatever the load of the test host.
    host.expect(0, "config set node_cap=0");
    let mut daemon = {
        let _turn = turn();
        let mut command = host.command(&["daemon", "--interval", "100ms"]);
        Daemon(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap())
    };
    let cycles = || host.expect(0, "--json history --idle --limit 100").json().as_array().unwrap().len();
    let started = Instant::now();
    while cycles() < 5 {
        assert!(started.elapsed() < Duration::from_secs(30), "five cycles take more than 30 s");
        std::thread::sleep(Duration::from_millis(100));
    }
    host.expect(0, "config set node_cap=1");
    host.expect(0, "node add");
    host.wait_for("a running node", |nodes| states(nodes) == ["RUNNING"]);
    send(&daemon, Signal::TERM);
    assert_eq!(wait_for_exit(&mut daemon), Some(0));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut daemon.0.stdout.take().unwrap(), &mut text).unwrap();
    let printed: Vec<&str> = text.lines().filter(|line| line.contains("  cycle ")).collect();
    assert!(printed.len() >= 2 && printed.len() < cycles(), "{text}");
    assert!(printed.last().unwrap().ends_with("1 of 1 nodes up"), "{text}");
}

#[test]
fn killed_daemon_leaves_no_lock_and_no_incomplete_node() {
    let host = Host::with_colony();
    for round in 0..4 {
        let mut daemon = spawn(&host);
        std::thread::sleep(Duration::from_millis(150 + 130 * round));
        send(&daemon, Signal::KILL);
        daemon.0.wait().unwrap();
    }
    // The first command after the kill resumes the actions that had started.
    let nodes = host.wait_for("every action ended", |nodes| {
        let status = host.expect(0, "--json status").json();
        status["under_way"].as_array().unwrap().is_empty() && nodes.iter().all(|node| node["status"] == "RUNNING")
    });
    assert_eq!(host.processes().len(), nodes.len(), "one process for each node");
}

#[test]
fn restore_beside_the_daemon_does_not_split_the_colony() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 1");
    let _daemon = spawn(&host);
    let copy = host.path("copy.db");
    host.expect(0, &format!("db backup {}", copy.display()));
    host.expect(0, &format!("db restore {}", copy.display()));
    let latest = || host.expect(0, "--json history --idle --limit 1").json();
    let before = latest();
    // The daemon records its cycles in the restored database.
    let started = Instant::now();
    while latest() == before {
        assert!(started.elapsed() < Duration::from_secs(30), "the daemon still writes the replaced file");
        std::thread::sleep(Duration::from_millis(100));
    }
    host.expect(0, "db check");
}

/// Returns the control socket of a host.
fn socket(host: &Host) -> std::path::PathBuf {
    host.path("wnm.db.sock")
}

/// Waits until the daemon has run a cycle, and returns its part of the status.
pub(crate) fn running(host: &Host) -> serde_json::Value {
    let started = Instant::now();
    loop {
        let status = host.expect(0, "--json status").json();
        if status["daemon"]["phase"] == "running" {
            return status["daemon"].clone();
        }
        assert!(started.elapsed() < Duration::from_secs(30), "no running daemon: {status}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Starts a daemon that runs no second scheduled cycle within a test.
pub(crate) fn spawn_slow(host: &Host) -> Daemon {
    let _turn = turn();
    let mut command = host.command(&["daemon", "--interval", "10m"]);
    Daemon(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

#[test]
fn daemon_carries_out_commands_and_status_shows_it() {
    use std::os::unix::fs::PermissionsExt;
    let host = Host::with_colony();
    host.expect(0, "config set node_cap=2");
    let mut daemon = spawn_slow(&host);
    let view = running(&host);
    assert_eq!(view["pid"], daemon.0.id());
    assert!(view["next_cycle_in_seconds"].as_u64().unwrap() > 300, "{view}");
    assert_eq!(socket(&host).metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let page = host.expect(0, "status").out;
    assert!(page.contains(&format!("daemon  PID {} since ", daemon.0.id())), "{page}");

    let added = host.expect(0, "--json node add --count 2").json();
    assert!(added.as_array().unwrap().iter().all(|work| work["result"] == "done"), "{added}");
    assert_eq!(host.expect(0, "--json node stop 1").json()[0]["result"], "done");
    assert_eq!(host.expect(0, "--json node stop 1").json()[0]["result"], "already");
    let error = host.expect(1, "node stop 9").err;
    assert!(error.contains("no such node: antnode0009"), "{error}");
    // The daemon ran these cycles: its count and its snapshot tell so.
    assert!(running(&host)["cycles"].as_u64() >= view["cycles"].as_u64().map(|cycles| cycles + 3));

    send(&daemon, Signal::TERM);
    assert_eq!(wait_for_exit(&mut daemon), Some(0));
    assert!(!socket(&host).exists());
    assert!(host.expect(0, "--json status").json()["daemon"].is_null());
    assert_eq!(host.expect(0, "--json node start 1").json()[0]["result"], "done", "a command works without the daemon");
}

#[test]
fn second_daemon_on_a_database_is_refused() {
    let host = Host::with_colony();
    let first = spawn_slow(&host);
    running(&host);
    let refused = host.expect(1, "daemon");
    assert!(refused.err.contains("error: another daemon runs on this database"), "{}", refused.err);
    assert!(refused.err.contains("hint: run `wnm status`"), "{}", refused.err);
    assert_eq!(running(&host)["pid"], first.0.id());
}

#[test]
fn daemon_without_a_control_socket_is_shown_and_refuses_a_second_one() {
    let host = Host::with_colony();
    // A folder in its place cannot be replaced by a socket.
    std::fs::create_dir(socket(&host)).unwrap();
    let daemon = spawn_slow(&host);
    let pid = serde_json::Value::from(daemon.0.id());
    let started = Instant::now();
    let view = loop {
        let view = host.expect(0, "--json status").json();
        if !view["unreachable_daemon"].is_null() {
            break view;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "no daemon: {view}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!((&view["daemon"], &view["unreachable_daemon"]["pid"]), (&serde_json::Value::Null, &pid));
    let page = host.expect(0, "status").out;
    let problem = "warning: the daemon has no control socket for this release of wnm\nhint: commands work";
    assert!(page.contains(&format!("daemon  PID {pid} since ")) && page.contains(problem), "{page}");
    let doctor = host.wnm(&["doctor"]).out;
    assert!(
        doctor.contains(&format!("the daemon has no control socket for this release of wnm (PID {pid})")),
        "{doctor}"
    );
    let refused = host.expect(1, "daemon").err;
    assert!(refused.contains(&format!("error: another daemon (PID {pid}) runs on this database")), "{refused}");
    assert!(refused.contains("hint: run `wnm status`"), "{refused}");
    assert_eq!(host.expect(0, "--json node add").json()[0]["result"], "done", "a command works");
}

#[test]
fn commands_work_beside_a_stopped_daemon_and_a_stale_socket() {
    let host = Host::with_colony();
    let mut daemon = spawn_slow(&host);
    running(&host);
    send(&daemon, Signal::STOP);
    let page = host.expect(0, "status").out;
    let line = format!("daemon  PID {} since ", daemon.0.id());
    let problem = "warning: the daemon does not answer: the time limit is over\nhint: see the log of the daemon";
    assert!(page.contains(&line) && page.contains(problem), "{page}");
    let view = host.expect(0, "--json status").json();
    assert_eq!(
        (&view["daemon"], &view["unreachable_daemon"]["pid"]),
        (&serde_json::Value::Null, &daemon.0.id().into())
    );
    let added = host.expect(0, "node add");
    assert!(added.err.contains("the command runs without the daemon"), "{}", added.err);
    send(&daemon, Signal::CONT);
    send(&daemon, Signal::KILL);
    daemon.0.wait().unwrap();
    assert!(socket(&host).exists(), "a killed daemon leaves its socket");
    assert!(host.expect(0, "status").err.is_empty());
    assert_eq!(host.expect(0, "--json node stop 1").json()[0]["result"], "done");
    let _next = spawn_slow(&host);
    running(&host);
}

#[test]
fn followed_events_come_at_once_from_a_daemon() {
    use std::io::{BufRead, BufReader};
    let host = Host::with_colony();
    let _daemon = spawn_slow(&host);
    running(&host);
    let mut follower = {
        let _turn = turn();
        let mut command = host.command(&["--json", "events", "--follow", "--lines", "0"]);
        Daemon(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap())
    };
    let mut lines = BufReader::new(follower.0.stdout.take().unwrap()).lines();
    let started = Instant::now();
    while !handles_signals(follower.0.id()) {
        assert!(started.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(20));
    }
    host.expect(0, "node add");
    let mut next = || -> serde_json::Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!((next()["data"]["event"].as_str(), next()["data"]["event"].as_str()), (Some("begun"), Some("done")));
    send(&follower, Signal::INT);
    assert_eq!(wait_for_exit(&mut follower), Some(0));
}
