//! Nodes that should run come back: after their end, after a restart of the host, and after failed starts. The tests
//! step the clock of the colony in the database.

use std::fs;
use std::path::Path;

use rustix::process::{Signal, kill_process};
use serde_json::Value;
use wnm_platform::fake_node::{self, Behaviour, Script};

use crate::host::{Host, kill, pid, states, turn};

/// The clock of a colony in its database: the time in milliseconds, and the boot that it counts from.
type Clock = serde_json::Map<String, Value>;

impl Host {
    /// Changes the clock of the colony. The digest of the row is that of the store, so that the row stays valid.
    fn change_clock(&self, change: impl FnOnce(&mut Clock)) {
        let db = rusqlite::Connection::open(self.path("wnm.db")).unwrap();
        let stored = db.query_row("SELECT value FROM singles WHERE name = 'engine'", [], |row| row.get(0));
        let stored: String = stored.unwrap();
        let mut engine: Value = serde_json::from_str(&stored).unwrap();
        // The first cycle starts the clock.
        let Some(clock) = engine["clock"].as_object_mut() else { return };
        change(clock);
        let engine = engine.to_string();
        let mut digest = crc32fast::Hasher::new();
        for text in ["engine", &engine] {
            digest.update(&[3]);
            digest.update(&(text.len() as u64).to_le_bytes());
            digest.update(text.as_bytes());
        }
        let row = (&engine, i64::from(digest.finalize()));
        db.execute("UPDATE singles SET value = ?1, digest = ?2 WHERE name = 'engine'", row).unwrap();
    }

    /// Lets time pass for the colony, and runs a cycle. The actions of the cycle may fail.
    fn run_after(&self, seconds: i64) {
        self.change_clock(|clock| clock["now"] = (clock["now"].as_i64().unwrap() + seconds * 1000).into());
        let ran = self.wnm(&["run"]);
        assert!([0, 3].contains(&ran.code()), "{}{}", ran.out, ran.err);
    }

    /// Runs cycles, ten seconds of the colony apart, until all nodes have these states.
    #[track_caller]
    fn run_until(&self, wanted: &[&str]) {
        for _ in 0..100 {
            self.run_after(10);
            let list = self.expect(0, "--json node list").json();
            if states(list.as_array().unwrap()) == wanted {
                return;
            }
        }
        panic!("the nodes do not reach {wanted:?}: {}", self.expect(0, "--json node list").out);
    }

    /// Ends all processes of nodes.
    fn kill_nodes(&self) {
        self.processes().into_iter().for_each(|node| kill_process(node, Signal::KILL).unwrap());
        self.await_processes(0);
    }

    #[track_caller]
    fn await_processes(&self, count: usize) {
        let started = std::time::Instant::now();
        while self.processes().len() != count {
            assert!(started.elapsed().as_secs() < 30, "not {count} processes: {:?}", self.processes());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    fn storage(&self) -> std::path::PathBuf {
        self.path(".local/share/autonomi/node")
    }

    /// Replaces the program of node 1, so that it exits at once with code 7.
    fn break_node(&self) {
        let script = Script { behaviour: Behaviour::ExitAtStart { code: 7 }, ..Script::default() };
        let program = self.storage().join("antnode0001/antnode");
        fs::remove_file(&program).unwrap();
        let _turn = turn();
        fake_node::make(Path::new(env!("CARGO_BIN_EXE_wnm")), &program, &script).unwrap();
    }
}

/// Returns the number and the total size of all files and folders below a folder.
fn contents(folder: &Path) -> (usize, u64) {
    // A node writes its PID file some time after its start.
    let entries =
        fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| entry.file_name() != "antnode.pid");
    entries.fold((0, 0), |(count, bytes), entry| {
        let facts = entry.metadata().unwrap();
        let (more, size) = if facts.is_dir() { contents(&entry.path()) } else { (0, facts.len()) };
        (count + 1 + more, bytes + size)
    })
}

/// Returns the number of actions of a kind that the history has.
fn actions(host: &Host, verb: &str) -> usize {
    let history = host.expect(0, "--json history --limit 1000").json();
    let cycles = history.as_array().unwrap().iter();
    cycles.flat_map(|cycle| cycle["decided"].as_array().unwrap()).filter(|decided| decided["action"] == verb).count()
}

/// Returns a host with a full colony of running nodes.
fn full(nodes: usize) -> Host {
    let host = Host::with_colony();
    host.expect(0, &format!("node add --count {nodes}"));
    host.wait_for("running nodes", |seen| states(seen) == vec!["RUNNING"; nodes]);
    host.expect(0, &format!("config set node_cap={nodes}"));
    host
}

#[test]
fn killed_node_of_a_full_colony_runs_again() {
    for preset in ["classic", "steady"] {
        let host = full(2);
        host.expect(0, &format!("config set preset={preset} --yes"));
        let before = host.nodes();
        kill(pid(&before[0]).unwrap());
        host.wait_for("a stopped node", |nodes| states(nodes) == ["STOPPED", "RUNNING"]);
        let doctor = host.expect(3, "doctor").out;
        assert!(
            doctor.contains("antnode0001 (signal 9; next start in ") || doctor.contains("antnode0001 ("),
            "{doctor}"
        );
        host.run_until(&["RUNNING", "RUNNING"]);
        let after = host.nodes();
        for node in [0, 1] {
            assert_eq!(after[node]["sample"]["peer_id"], before[node]["sample"]["peer_id"], "{preset}");
        }
        assert_eq!(after[1]["sample"]["pid"], before[1]["sample"]["pid"], "{preset}");
        assert_eq!(host.expect(0, "status --check").code(), 0);
    }
}

#[test]
fn whole_colony_runs_again_after_a_restart_of_the_host() {
    // A container that restarts keeps the boot, and has a new process 1.
    for (fact, value) in [("boot", Value::from("another boot")), ("init", Value::from(1))] {
        let host = full(3);
        host.expect(0, "node stop 3");
        host.wait_for("a stopped node", |nodes| states(nodes)[2] == "STOPPED");
        let peers = |nodes: &[Value]| nodes.iter().map(|node| node["sample"]["peer_id"].clone()).collect::<Vec<_>>();
        let before = host.nodes();
        host.kill_nodes();
        host.change_clock(|clock| clock[fact] = value.clone());
        host.run_until(&["RUNNING", "RUNNING", "STOPPED"]);
        host.await_processes(2);
        let after = host.nodes();
        assert_eq!(peers(&after)[..2], peers(&before)[..2], "{fact}");
        assert_eq!(after[2]["desired"], "stopped_by_request", "{fact}");
    }
}

/// Commands inside of a container: `started STATES` waits until the nodes have these states.
const CONTAINER: &str = r#"
set -eu
wnm() { "$WNM" --db "$HOME/wnm.db" "$@"; }
started() {
  for _ in $(seq 300); do
    wnm run >/dev/null
    wnm --json node list | grep -o '"status": *"[A-Z]*"' | cut -d'"' -f4 | tr '\n' ' ' >"$HOME/states"
    [ "$(cat "$HOME/states")" = "$1 " ] && return
    sleep 0.1
  done
  echo "states: $(cat "$HOME/states")" >&2
  exit 1
}
"#;

/// Runs a shell script as process 1 of a container, whose other processes end with it.
#[track_caller]
fn in_container(host: &Host, script: &str) {
    let mut command = std::process::Command::new("unshare");
    command.args(["--pid", "--fork", "--mount", "--mount-proc", "--kill-child", "sh", "-c"]);
    command.arg(format!("{CONTAINER}{script}")).env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
    command.env("HOME", host.path("")).env("WNM", env!("CARGO_BIN_EXE_wnm"));
    let output = {
        let _turn = turn();
        command.output().unwrap()
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    host.await_processes(0);
}

/// The restart of a container ends all of its processes and keeps the boot ID of the host.
#[test]
#[ignore = "needs root; .ci/root-tests runs it"]
fn colony_runs_again_after_a_restart_of_its_container_as_root() {
    let host = Host::with_colony();
    host.expect(0, "config set node_cap=4");
    in_container(&host, "wnm node add --count 4; started 'RUNNING RUNNING RUNNING RUNNING'; wnm node stop 4");
    let list = || host.expect(0, "--json node list").json().as_array().unwrap().clone();
    let facts = |nodes: &[Value]| -> Vec<[Value; 3]> {
        let fact = |node: &Value| [node["node"].clone(), node["folder"].clone(), node["sample"]["peer_id"].clone()];
        nodes.iter().map(fact).collect()
    };
    let before = list();
    assert!(before.iter().all(|node| node["sample"]["peer_id"].is_string()), "{before:?}");
    // Twice: the second start begins with the state that the first one left.
    for _ in 0..2 {
        in_container(&host, "started 'RUNNING RUNNING RUNNING STOPPED'");
        let after = list();
        assert_eq!(facts(&after), facts(&before));
        assert_eq!(after[3]["desired"], "stopped_by_request");
    }
    assert_eq!(actions(&host, "remove"), 0);
}

#[test]
fn crash_loop_is_named_with_its_end() {
    let host = full(2);
    let before = host.nodes();
    // Five ends of a running node are a crash loop.
    for _ in 0..5 {
        host.run_until(&["RUNNING", "RUNNING"]);
        kill(pid(&host.nodes()[0]).unwrap());
        host.await_processes(1);
    }
    host.run_after(0);
    host.break_node();
    // The exit code is that of a child: a start whose cycle ended before its process has none. A start whose process ended
    // within its cycle is a failed start, and no further end.
    for _ in 0..5 {
        let status = host.expect(0, "status").out;
        if status.contains("exit code 7") && status.contains("crash loop") {
            break;
        }
        host.run_after(1801);
    }
    let status = host.expect(0, "--json status").json();
    let problem = status["node_problems"][0]["problem"].as_str().unwrap().to_owned();
    let doctor = host.expect(3, "doctor").out;
    let node = host.expect(0, "node show 1").out;
    for (page, text) in [("status", &problem), ("doctor", &doctor), ("node show", &node)] {
        assert!(text.contains("crash loop"), "{page}: {text}");
        assert!(text.contains("exit code 7"), "{page}: {text}");
    }
    let details = host.expect(0, "--json node show 1").json();
    assert!(details[0]["ended"]["crash_loop_since"].is_string(), "{details}");
    // Each retry leaves the same files, and the other node runs on.
    let starts = || actions(&host, "start");
    let (files, begun) = (contents(&host.storage()), starts());
    for _ in 0..40 {
        host.run_after(60);
    }
    assert_eq!(contents(&host.storage()).0, files.0);
    assert!(contents(&host.storage()).1 < files.1 + 20_000, "{files:?}");
    assert!((1..=2).contains(&(starts() - begun)), "one try in half an hour, not {}", starts() - begun);
    let nodes = host.nodes();
    assert_eq!(states(&nodes), ["STOPPED", "RUNNING"]);
    assert_eq!(nodes[1]["sample"]["pid"], before[1]["sample"]["pid"]);
}

/// Ends node 1 with SIGABRT five times, and checks that each page names the crash loop, that nothing of a node is lost, and
/// that ten minutes up end the loop. `told` is how the manager reports the end: None for one that does not.
fn crash_loop_ends_with_its_cause(host: &Host, told: Option<&str>) {
    host.expect(0, "node add --count 2");
    host.wait_for("running nodes", |seen| states(seen) == ["RUNNING", "RUNNING"]);
    host.expect(0, "config set node_cap=2");
    let facts =
        |nodes: &[Value]| -> Vec<Value> { nodes.iter().map(|node| node["sample"]["peer_id"].clone()).collect() };
    let before = host.nodes();
    for _ in 0..5 {
        host.run_until(&["RUNNING", "RUNNING"]);
        let node = pid(&host.nodes()[0]).unwrap();
        kill_process(node, Signal::ABORT).unwrap();
        let started = std::time::Instant::now();
        while host.processes().contains(&node) {
            assert!(started.elapsed().as_secs() < 30, "{node:?} does not end");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
    // The fifth end is seen in one of these cycles, and the loop outlasts all of them.
    for _ in 0..60 {
        host.run_after(2);
        if host.expect(0, "--json node show 1").json()[0]["ended"]["crash_loop_since"].is_string() {
            break;
        }
    }
    for page in ["status", "node show 1", "doctor"] {
        let shown = host.wnm(&page.split(' ').collect::<Vec<_>>()).out;
        assert!(shown.contains("crash loop"), "{page}: {shown}");
        assert!(told.is_none_or(|told| shown.contains(told)), "{page}: {shown}");
    }
    let history = host.expect(0, "--json history --limit 1000").json();
    let ends = history.as_array().unwrap().iter().flat_map(|cycle| cycle["ended"].as_array().into_iter().flatten());
    let ends: Vec<&Value> = ends.collect();
    assert_eq!(ends.len(), 5, "{ends:?}");
    if let Some(told) = told {
        assert!(ends.iter().all(|end| end["exit_signal"] == 6), "{ends:?}");
        assert!(host.expect(0, "history --limit 1000").out.contains(told));
    }

    host.run_after(1801);
    host.run_until(&["RUNNING", "RUNNING"]);
    host.run_after(1);
    host.run_after(601);
    let after = host.nodes();
    assert_eq!(states(&after), ["RUNNING", "RUNNING"]);
    assert_eq!(facts(&after), facts(&before));
    assert_eq!(after[1]["sample"]["pid"], before[1]["sample"]["pid"]);
    let shown = host.expect(0, "--json node show 1").json();
    assert_eq!(shown[0]["ended"], Value::Null, "{shown}");
    assert!(!host.expect(0, "status --check").out.contains("crash loop"));
    assert_eq!((actions(host, "remove"), actions(host, "add")), (0, 2));
}

#[test]
fn crash_loop_ends_with_its_cause_under_setsid() {
    // A process that outlives the command that started it has no parent to learn its end from.
    crash_loop_ends_with_its_cause(&Host::with_colony(), None);
}

#[test]
#[ignore = "needs docker; .ci/docker-tests runs it"]
fn crash_loop_ends_with_its_cause_under_docker() {
    let host = Host::with_colony_under_docker();
    crash_loop_ends_with_its_cause(&host, Some("signal 6"));
    host.expect(0, "teardown --yes");
}

#[test]
fn program_that_fails_at_start_costs_a_bounded_number_of_files() {
    let host = Host::new();
    host.put_binary("0.4.17", Behaviour::ExitAtStart { code: 1 });
    assert_eq!(host.wnm(&host.init_args()).code(), 0);
    // The load of the test host should not prevent additions.
    let calm = "preset=classic cpu_less_than=99.9 mem_less_than=99.9 desired_load_average=9999";
    host.expect(0, &format!("config set {calm} --yes"));
    host.expect(3, "node add");
    let mut most = (0, 0);
    for _ in 0..60 {
        host.run_after(60);
        let now = contents(&host.storage());
        most = (most.0.max(now.0), most.1.max(now.1));
    }
    // An hour of tries: the folder of one unborn node at most.
    let program = fs::metadata(host.path(".local/bin/antnode")).unwrap().len();
    assert!(most.0 <= 12 && most.1 <= program + 100_000, "{most:?} with a program of {program} bytes");
    assert_eq!(host.nodes().len(), 0);
    // The delay doubles up to half an hour.
    let adds = actions(&host, "add");
    assert!((1..=9).contains(&adds), "{adds} additions in an hour");
    let status = host.expect(0, "--json status").json();
    let failed = &status["failures"][0];
    assert_eq!(
        (&failed["action"], &failed["name"], &failed["cause"]),
        (&"add".into(), &"antnode0001".into(), &"exit".into())
    );
    let page = host.expect(0, "status").out;
    assert!(page.contains("add antnode0001: node 0001 exited"), "{page}");
    let doctor = host.expect(0, "doctor").out;
    assert!(doctor.contains("add antnode0001"), "{doctor}");
    host.put_binary("0.4.18", Behaviour::Normal);
    host.expect(0, "node add");
    assert_eq!(host.expect(0, "--json status").json()["failures"], serde_json::json!([]));
}

#[test]
fn hung_node_that_was_stopped_by_request_stays_stopped() {
    let host = full(2);
    let nodes = host.nodes();
    kill_process(pid(&nodes[0]).unwrap(), Signal::STOP).unwrap();
    host.wait_for("a silent node", |nodes| states(nodes)[0] == "UNKNOWN");
    host.expect(0, "node stop 1");
    // The process ignores SIGTERM until the grace period has passed.
    for _ in 0..4 {
        host.run_after(30);
    }
    host.await_processes(1);
    for _ in 0..5 {
        host.run_after(3600);
    }
    let nodes = host.nodes();
    assert_eq!(states(&nodes), ["STOPPED", "RUNNING"]);
    assert_eq!(nodes[0]["desired"], "stopped_by_request");
    host.expect(0, "node start 1");
    host.wait_for("the node again", |nodes| states(nodes) == ["RUNNING", "RUNNING"]);
}

#[test]
fn impossible_addition_is_refused_before_files_are_written() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let before = contents(&host.storage());
    // A port of the next number belongs to another process: the addition after that gets another number.
    let list = host.expect(0, "--json node list").json();
    let port = u16::try_from(list[0]["ports"]["node"].as_u64().unwrap() + 1).unwrap();
    let other = std::net::UdpSocket::bind(("0.0.0.0", port)).unwrap();
    let failed = host.expect(3, "node add").out;
    assert!(failed.contains("make folder") && failed.contains(&format!("UDP port {port} is in use")), "{failed}");
    assert_eq!(contents(&host.storage()), before);
    host.expect(0, "node add");
    assert_eq!(host.nodes()[1]["name"], "antnode0003");
    drop(other);

    // A file that is no program, and a program of another kind: no number is at fault. No node gives its program instead.
    host.expect(0, "config set upgrade_source=binary");
    let program = host.path(".local/bin/antnode");
    let before = contents(&host.storage());
    for (text, error) in
        [("#!/bin/sh\necho hello 1.2.3\n", "--version prints"), ("#!/bin/sh\nexit 1\n", "is not antnode")]
    {
        fs::remove_file(&program).unwrap();
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let failed = host.wnm(&["node", "add"]);
        let said = failed.out.clone() + &failed.err;
        assert!(failed.code() != 0 && said.contains(error), "{text}: {said}");
        assert_eq!(contents(&host.storage()), before, "{text}");
    }
    host.put_binary("0.4.17", Behaviour::Normal);
    host.expect(0, "node add");
    assert_eq!(host.nodes().len(), 3);
}

#[test]
fn refused_arguments_and_firewalls_cost_no_files() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let before = contents(&host.storage());
    for (setting, value, good, cause, text) in [
        ("start_args", "--local --no-such-flag", "--local --first --ip 127.0.0.1", "arguments", "'--no-such-flag'"),
        ("start_args", "--port 5 --local", "--local --first --ip 127.0.0.1", "arguments", "'--port"),
        ("firewall", "ufw", "none", "tool", "ufw is not installed"),
    ] {
        let set = |value: &str| {
            let ran = host.wnm(&["config", "set", &format!("{setting}={value}"), "--yes"]);
            assert_eq!(ran.code(), 0, "{}", ran.err);
        };
        set(value);
        for _ in 0..3 {
            let failed = host.expect(3, "node add").out;
            assert!(failed.contains("make folder") && failed.contains(text), "{failed}");
        }
        assert_eq!(contents(&host.storage()), before, "{setting}={value}");
        let failures = host.expect(0, "--json status").json()["failures"].clone();
        let failed = failures.as_array().unwrap().last().unwrap();
        assert_eq!((&failed["action"], &failed["cause"]), (&"add".into(), &cause.into()), "{failures}");
        assert_eq!(failed["name"], "antnode0002", "the number is not at fault");
        assert!(failed["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{failures}");
        set(good);
    }
    host.expect(0, "node add");
    assert_eq!(host.nodes()[1]["name"], "antnode0002");
}
