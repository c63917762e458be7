//! Holds and windows: a colony under a hold stays as it is, and commands that name nodes pass.

use crate::daemon::{spawn, wait_for_exit};
use crate::host::{Host, Ran, states};

/// Returns a colony with one node more than its cap. The removal is voluntary, and depends on no load of the test host.
fn over_cap() -> Host {
    let host = Host::with_colony();
    host.expect(0, "config set preset=classic cpu_remove=100 cpu_less_than=99 mem_remove=100 hd_remove=100");
    host.expect(0, "node add --count 2");
    host.wait_for("two running nodes", |nodes| states(nodes) == ["RUNNING"; 2]);
    host.expect(0, "config set --yes node_cap=1");
    host
}

#[track_caller]
fn set_window(host: &Host, window: &str, code: i32) -> Ran {
    let ran = host.wnm(&["config", "set", "window", window]);
    assert_eq!(ran.code(), code, "{}{}", ran.out, ran.err);
    ran
}

#[test]
fn hold_by_command_is_seen_shown_and_ended() {
    let host = over_cap();
    let held = host.wnm(&["--json", "hold", "--reason", "new disks", "--until", "2h", "--drain"]).json();
    assert_eq!(held["holds"][0]["source"], "command");
    assert_eq!(held["holds"][0]["drain"], true);
    host.expect(0, "run");
    assert_eq!(states(&host.nodes()), ["RUNNING"; 2]);
    let status = host.expect(0, "status").out;
    assert!(status.contains("hold    new disks (by command"), "{status}");
    let explained = host.expect(0, "explain").out;
    assert!(explained.contains("hold by command: new disks"), "{explained}");
    let doctor = host.wnm(&["doctor"]).out;
    assert!(doctor.contains("hint: `wnm resume` ends it"), "{doctor}");
    // A request passes, and says so.
    let request = host.expect(0, "node restart 1");
    assert!(request.err.contains("a hold is in effect: new disks") && request.err.contains("this request passes"));

    assert!(host.expect(0, "resume").out.contains("the hold by command ended"));
    assert!(host.expect(0, "resume").out.contains("no hold by command is in effect"));
    host.expect(0, "run");
    host.wait_for("one node", |nodes| nodes.len() == 1);
}

#[test]
fn hold_is_shown_before_the_first_cycle() {
    let host = Host::with_colony();
    host.expect(0, "hold --reason disks");
    let status = host.expect(0, "status").out;
    assert!(status.contains("hold    disks (by command") && status.contains("no cycle recorded"), "{status}");
    assert_eq!(host.expect(0, "--json status").json()["valves"]["holds"][0]["reason"], "disks");
}

#[test]
fn page_names_a_source_that_cannot_be_read_once() {
    let host = Host::with_colony();
    host.expect(0, "config set hold_file=/dev/null/hold");
    host.expect(0, "run");
    let status = host.expect(0, "status");
    assert!(status.out.contains("warning: cannot read the hold by file, its last state stays: "), "{}", status.out);
    assert_eq!(status.err, "", "the page has the problem");
}

#[test]
fn running_daemon_sees_holds_begin_and_end() {
    let host = over_cap();
    let file = host.path("hold");
    host.expect(0, &format!("config set hold_file={}", file.display()));
    std::fs::write(&file, "a storm\n").unwrap();
    let mut daemon = spawn(&host);
    let blockers = || {
        let blockers = host.expect(0, "--json status").json()["blockers"].clone();
        blockers
            .as_array()
            .unwrap()
            .iter()
            .map(|blocker| blocker["text"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let wait = |goal: &str, wanted: &dyn Fn() -> bool| {
        let mut tries = (0..300).inspect(|_| std::thread::sleep(std::time::Duration::from_millis(100)));
        assert!(tries.any(|_| wanted()), "no {goal} within 30 s");
    };
    wait("hold by file", &|| blockers().contains(&"hold by file: a storm".to_owned()));
    assert_eq!(host.nodes().len(), 2);
    host.expect(0, "hold --reason disks");
    std::fs::remove_file(&file).unwrap();
    wait("hold by command", &|| blockers().contains(&"hold by command: disks".to_owned()));
    host.expect(0, "resume");
    host.wait_for("one node", |nodes| nodes.len() == 1);
    rustix::process::kill_process(rustix::process::Pid::from_child(&daemon.0), rustix::process::Signal::TERM).unwrap();
    assert_eq!(wait_for_exit(&mut daemon), Some(0));
}

#[test]
fn closed_window_waits_and_says_when_it_opens() {
    let host = over_cap();
    // A window that is closed for most of the day, and never now: it denies every minute but one.
    set_window(&host, "daily 00:00-23:59, deny hourly :00-:59, deny hourly :59-:00", 0);
    host.expect(0, "run");
    assert_eq!(states(&host.nodes()), ["RUNNING"; 2]);
    let status = host.expect(0, "--json status").json();
    assert_eq!(status["valves"]["window"]["open"], false);
    assert_eq!(status["valves"]["window"]["changes_at"], serde_json::Value::Null);
    assert!(host.expect(0, "explain").out.contains("outside the window, which does not open within a day (window)"));
    for wrong in ["weekly", "daily 9-17", "daily 10:00-10:00", "daily 10:00-11:00 /etc"] {
        let refused = set_window(&host, wrong, 1);
        assert!(refused.err.contains("hint: "), "{}", refused.err);
    }
    host.expect(0, "config unset window");
    host.expect(0, "run");
    host.wait_for("one node", |nodes| nodes.len() == 1);
}
