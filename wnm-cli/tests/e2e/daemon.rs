//! The daemon: it keeps looking, lets commands have their turn, and drains when it is told to end.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::host::{Host, states, turn};

/// A daemon that ends with its test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn(host: &Host) -> Daemon {
    let _turn = turn();
    let mut command = host.command(&["daemon", "--interval", "200ms"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Daemon(command.spawn().unwrap())
}

fn send(daemon: &Daemon, signal: Signal) {
    kill_process(Pid::from_child(&daemon.0), signal).unwrap();
}

#[track_caller]
fn ends(daemon: &mut Daemon) -> Option<i32> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(40) {
        if let Some(status) = daemon.0.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the daemon did not end");
}

#[test]
fn commands_have_their_turn_and_sigterm_drains() {
    let host = Host::with_colony();
    let mut daemon = spawn(&host);
    host.expect(0, "node add --count 2");
    host.wait_for("two running nodes", |nodes| states(nodes).len() >= 2);
    send(&daemon, Signal::HUP);
    send(&daemon, Signal::TERM);
    assert_eq!(ends(&mut daemon), Some(0));
    // The nodes go on without it.
    assert!(host.processes().len() >= 2);
}

#[test]
fn a_killed_daemon_leaves_no_lock_and_no_half_made_node() {
    let host = Host::with_colony();
    for round in 0..4 {
        let mut daemon = spawn(&host);
        std::thread::sleep(Duration::from_millis(150 + 130 * round));
        send(&daemon, Signal::KILL);
        daemon.0.wait().unwrap();
    }
    // The first command after it takes up what had begun.
    let nodes = host.wait_for("every action ended", |nodes| {
        let status = host.expect(0, "--json status").json();
        status["under_way"].as_array().unwrap().is_empty() && nodes.iter().all(|node| node["status"] == "RUNNING")
    });
    assert_eq!(host.processes().len(), nodes.len(), "one process for each node");
}
