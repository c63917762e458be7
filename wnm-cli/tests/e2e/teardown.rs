//! The end of a colony: a daemon and a service stop first, and the exit code tells whether a trace is left.

use std::fs;
use std::os::unix::fs::chown;
use std::process::{Child, Command, Stdio};

use rustix::fs::{FlockOperation, flock};

use crate::daemon::{spawn, wait_for_exit};
use crate::host::{Host, states};
use crate::service::with_cron;

#[test]
fn daemon_ends_before_the_nodes_and_nothing_comes_back() {
    let host = Host::with_colony();
    let mut daemon = spawn(&host);
    host.expect(0, "node add --count 2");
    host.wait_for("two nodes", |nodes| states(nodes) == ["RUNNING"; 2]);
    // The daemon is in its place also between two cycles.
    let second = host.expect(1, "daemon");
    assert!(second.err.contains("another daemon runs"), "{}", second.err);
    let ran = host.expect(0, "teardown --yes --purge");
    assert!(ran.err.contains(&format!("waiting for the end of the daemon (PID {})", daemon.0.id())), "{}", ran.err);
    assert_eq!(wait_for_exit(&mut daemon), Some(0));
    assert!(host.processes().is_empty());
    let left = fs::read_dir(host.path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> = left.filter(|name| name.starts_with("wnm.")).collect();
    assert!(left.iter().all(|name| ["wnm.lock", "wnm.daemon"].contains(&name.as_str())), "{left:?}");
}

#[test]
fn service_is_removed_before_the_nodes() {
    let host = Host::with_colony();
    with_cron(&host);
    host.expect(0, "node add");
    // The line of another colony stays.
    fs::write(host.path("table"), "* * * * * wnm --quiet --db /other.db run >/dev/null # wnm service\n").unwrap();
    assert_eq!(host.wnm(&["teardown", "--yes"]).code(), 0);
    assert!(fs::read_to_string(host.path("table")).unwrap().contains("/other.db"));
    fs::write(host.path("table"), "").unwrap();
    host.expect(0, "node add");
    assert_eq!(host.wnm(&["service", "install", "--cron"]).code(), 0);
    let ran = host.wnm(&["teardown", "--yes"]);
    assert_eq!(ran.code(), 0, "{}", ran.err);
    assert!(ran.err.contains("removed the service in your crontab"), "{}", ran.err);
    assert_eq!(fs::read_to_string(host.path("table")).unwrap(), "");
}

#[test]
fn trace_of_a_node_is_an_error_until_it_is_gone() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    host.wait_for("a node", |nodes| states(nodes) == ["RUNNING"]);
    // More nested folders than wnm deletes.
    let nested: String = (0..50).map(|_| "d/").collect();
    fs::create_dir_all(host.path(".local/share/autonomi/node/antnode0001").join(nested)).unwrap();
    let ran = host.expect(3, "teardown --yes --purge");
    assert!(ran.err.contains("nested folders"), "{}", ran.err);
    assert!(host.path("wnm.db").exists(), "the database stays until nothing is left");
    for entry in fs::read_dir(host.path(".local/share/autonomi/node/.trash")).unwrap() {
        fs::remove_dir_all(entry.unwrap().path().join("d")).unwrap();
    }
    host.expect(0, "teardown --yes --purge");
    assert!(!host.path("wnm.db").exists());
}

/// A colony with a node, and a process that is no daemon and whose PID is in the lock of the daemon.
struct FalseDaemon {
    host: Host,
    victim: Child,
    held: fs::File,
}

impl FalseDaemon {
    fn new() -> Self {
        let host = Host::with_colony();
        host.expect(0, "node add");
        host.wait_for("a node", |nodes| states(nodes) == ["RUNNING"]);
        let victim = Command::new("sleep").arg("300").stdout(Stdio::null()).spawn().unwrap();
        let path = host.path("wnm.daemon");
        fs::write(&path, format!("{{\"pid\":{},\"since\":1800000000000}}\n", victim.id())).unwrap();
        let held = fs::File::open(&path).unwrap();
        flock(&held, FlockOperation::NonBlockingLockExclusive).unwrap();
        Self { host, victim, held }
    }

    /// Asserts that process and colony are unchanged, and ends both.
    #[track_caller]
    fn end_unchanged(mut self) {
        assert_eq!(self.victim.try_wait().unwrap(), None);
        assert_eq!(states(&self.host.nodes()), ["RUNNING"], "the colony is unchanged");
        drop(self.held);
        chown(self.host.path("wnm.daemon"), Some(rustix::process::geteuid().as_raw()), None).unwrap();
        self.host.expect(0, "teardown --yes");
        self.victim.kill().unwrap();
        self.victim.wait().unwrap();
    }
}

/// A process that holds the lock of a daemon gets its name from whoever wrote the file.
#[test]
fn lock_of_a_daemon_ends_no_other_process() {
    let stand = FalseDaemon::new();
    let ran = stand.host.wnm(&["teardown", "--yes"]);
    assert_eq!(ran.code(), 1, "{}", ran.err);
    assert!(ran.err.contains("the daemon of the colony") && !ran.err.contains("waiting"), "{}", ran.err);
    stand.end_unchanged();
}

#[test]
#[ignore = "needs root; .ci/root-tests runs it"]
fn lock_of_another_users_daemon_ends_no_process_as_root() {
    let stand = FalseDaemon::new();
    chown(stand.host.path("wnm.daemon"), Some(4242), Some(4242)).unwrap();
    let ran = stand.host.wnm(&["teardown", "--yes"]);
    assert_ne!(ran.code(), 0, "{}", ran.err);
    let names_it = ran.err.contains(&stand.victim.id().to_string());
    assert!(ran.err.contains("belongs to user 4242") && !names_it, "{}", ran.err);
    stand.end_unchanged();
}
