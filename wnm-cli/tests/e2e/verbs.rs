//! Commands on nodes never guess, ask before they remove, and succeed when the work is done already.

use std::io::Read as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::host::{Host, states, turn};

const VERBS: [&str; 8] = ["remove", "stop", "start", "restart", "upgrade", "reset", "enable", "disable"];

/// Returns the names and results of a command.
fn results(out: &str) -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(out).unwrap();
    let works = document["data"].as_array().unwrap();
    let text = |work: &Value, key: &str| work[key].as_str().unwrap().to_owned();
    works.iter().map(|work| (text(work, "name"), text(work, "result"))).collect()
}

#[test]
fn verbs_without_a_selection_are_usage_errors() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 2");
    for verb in VERBS {
        for flags in ["", " --dry-run", " --interval 5"] {
            let ran = host.expect(2, &format!("node {verb}{flags}"));
            for choice in ["3", "5-9", "1,3", "--all", "--count N", "--state STOPPED"] {
                assert!(ran.err.contains(choice), "{verb} does not name {choice}: {}", ran.err);
            }
        }
        host.expect(2, &format!("node {verb} 1 --all"));
        host.expect(2, &format!("node {verb} --all --state STOPPED"));
    }
    assert_eq!(states(&host.nodes()), ["RUNNING", "RUNNING"]);
}

#[test]
fn nodes_are_selected_by_range_list_and_state() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 4");
    let selected = |line: &str| {
        let names = results(&host.expect(0, &format!("--json {line}")).out).into_iter().map(|(name, _)| name);
        names.map(|name| name.trim_start_matches("antnode000").to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(selected("node stop 2-3 --dry-run"), "2 3");
    assert_eq!(selected("node stop 3,1-2,2 --dry-run"), "3 1 2");
    // A range means the nodes of the colony in it.
    assert_eq!(selected("node stop 3-99 --dry-run"), "3 4");
    assert_eq!(selected("node stop antnode0001-antnode0002"), "1 2");
    assert_eq!(selected("node start --state stopped --dry-run"), "1 2");
    assert_eq!(selected("node disable --state RUNNING,STOPPED --dry-run"), "1 2 3 4");
    assert_eq!(host.expect(0, "node start --state DEAD").out, "nothing to do\n");
    let shown = |line: &str| host.expect(0, &format!("--json {line}")).json().as_array().unwrap().len();
    assert_eq!((shown("node list 2-9"), shown("node show 1-2,4"), shown("node list")), (3, 3, 4));
    assert_eq!(shown("report node-status 3-4"), 2);
    host.expect(1, "node list 7-9");
    host.expect(1, "node stop 7-9");
    // A node that does not exist stops nothing else.
    host.expect(1, "node stop 4 7");
    assert_eq!(states(&host.nodes()), ["STOPPED", "STOPPED", "RUNNING", "RUNNING"]);
}

#[test]
fn repeated_verbs_succeed() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 2");
    for (verb, word) in
        [("start", "running"), ("stop", "stopped"), ("disable", "disabled"), ("stop", "stopped"), ("enable", "enabled")]
    {
        host.expect(0, &format!("node {verb} 1"));
        let again = host.expect(0, &format!("--json node {verb} 1")).json();
        assert_eq!(again[0]["result"], json!("already"), "{verb}: {again}");
        assert_eq!(again[0]["reason"], json!(format!("already {word}")), "{verb}: {again}");
        let text = host.expect(0, &format!("node {verb} 1")).out;
        assert!(text.contains(&format!("already {word}\n")) && text.contains("1 already"), "{verb}: {text}");
    }
    let both = host.expect(0, "--json node stop 1,2");
    let expected = [("antnode0002", "done"), ("antnode0001", "already")];
    assert_eq!(results(&both.out), expected.map(|(name, result)| (name.to_owned(), result.to_owned())));
    host.expect(1, "node stop 7");
    host.expect(3, "node restart 1");
}

#[test]
fn removal_without_a_terminal_needs_yes() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 3");
    for line in
        ["node remove 1", "node remove --all", "node reset 1", "teardown", "teardown --purge", "config set node_cap 2"]
    {
        let ran = host.expect(1, line);
        assert!(ran.err.contains("needs --yes") && ran.err.contains("hint: run `wnm "), "{line}: {}", ran.err);
        assert!(ran.err.contains(".local/share/autonomi/node/antnode000"), "{line} lists no folder: {}", ran.err);
        assert_eq!(ran.out, "", "{line}");
        let json = host.expect(1, &format!("--json {line}"));
        let error: Value = serde_json::from_str(json.err.lines().last().unwrap()).unwrap();
        assert!(error["error"]["hint"].as_str().unwrap().contains(" --yes"), "{line}: {error}");
    }
    assert_eq!(host.nodes().len(), 3);
    for line in [
        "node remove --all --dry-run",
        "node reset 1 --dry-run",
        "teardown --dry-run",
        "config set node_cap 3",
        "config set node_cap=5",
    ] {
        host.expect(0, line);
    }
    assert_eq!(states(&host.nodes()), ["RUNNING"; 3]);

    // The hint works when it is typed.
    let hint = host.expect(1, "node remove 3").err;
    let line = hint.split("run `wnm ").nth(1).unwrap().split('`').next().unwrap().to_owned();
    let ran = host.wnm(&line.split(' ').collect::<Vec<_>>());
    assert_eq!(ran.code(), 0, "{line}: {}", ran.err);
    let hint = host.expect(1, "config set node_cap 1").err;
    let line = hint.split("run `wnm ").nth(1).unwrap().split('`').next().unwrap().to_owned();
    host.expect(0, &line);
    assert_eq!(host.expect(0, "config get node_cap").out, "1\n");
    // The word of the Python wnm.
    host.expect(0, "node remove 2 --confirm");
    host.expect(0, "teardown --confirm");
}

/// Runs a command on a terminal, answers, and returns the exit code and the terminal.
fn answered(host: &Host, line: &str, answer: &str) -> (i32, String) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&screen).unwrap();
    unlockpt(&screen).unwrap();
    let name = ptsname(&screen, Vec::new()).unwrap();
    let open = || {
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
        rustix::fs::open(&*name, flags, rustix::fs::Mode::empty()).unwrap()
    };
    let mut command = host.command(&line.split_whitespace().collect::<Vec<_>>());
    command.env("NO_COLOR", "1").stdin(open()).stdout(open()).stderr(open());
    rustix::io::write(&screen, format!("{answer}\n").as_bytes()).unwrap();
    let mut child = {
        let _turn = turn();
        command.spawn().unwrap()
    };
    drop(command);
    let mut shown = Vec::new();
    let mut screen = std::fs::File::from(screen);
    let mut part = [0; 4096];
    while let Ok(read @ 1..) = screen.read(&mut part) {
        shown.extend_from_slice(&part[..read]);
    }
    let code = child.wait().unwrap().code().unwrap_or(-1);
    (code, String::from_utf8_lossy(&shown).replace('\r', ""))
}

#[test]
fn removal_asks_on_a_terminal() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 3");
    for (answer, line) in
        [("n", "node remove 3"), ("", "node remove 3"), ("no", "teardown"), ("x", "config set node_cap 1")]
    {
        let (code, shown) = answered(&host, line, answer);
        assert_eq!(code, 1, "{line}: {shown}");
        assert!(shown.contains("[y/N]") && shown.contains("antnode0003"), "{line}: {shown}");
        assert!(shown.contains("nothing was changed"), "{line}: {shown}");
    }
    assert_eq!(states(&host.nodes()), ["RUNNING"; 3]);
    let (code, shown) = answered(&host, "node remove 2-3", "y");
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("Remove 2 nodes?") && shown.contains("FOLDER"), "{shown}");
    let (code, shown) = answered(&host, "node remove 1 --dry-run", "");
    assert!(code == 0 && !shown.contains("[y/N]"), "{shown}");
    let (code, shown) = answered(&host, "teardown --purge", "YES");
    assert_eq!(code, 0, "{shown}");
    assert!(!host.path("wnm.db").exists());
}

#[test]
fn question_needs_a_terminal_for_its_answer() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    // A `yes |` in a script is no operator.
    let mut command = host.command(&["node", "remove", "1"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = {
        let _turn = turn();
        command.spawn().unwrap()
    };
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"y\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(host.nodes().len(), 1);
}

#[test]
fn old_lines_need_no_answer() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 3");
    host.expect(0, "--force_action stop");
    host.expect(0, "--force_action start");
    host.expect(0, "--force_action upgrade --dry_run");
    host.expect(0, "--force_action remove");
    assert_eq!(host.nodes().len(), 2);
    host.expect(0, "--force_action remove --service_name antnode0001");
    host.expect(0, "--force_action update_config --node_cap 1");
    assert_eq!(host.nodes().len(), 1);
}
