//! `wnm node logs` and `wnm status --watch`, which go on until interrupted; messages of `-v`.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::host::{Host, turn};

/// Starts a command whose output the test reads.
fn start(host: &Host, line: &str) -> Child {
    let mut command = host.command(&line.split_whitespace().collect::<Vec<_>>());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let _turn = turn();
    command.spawn().unwrap()
}

/// Ends a command as Ctrl-C does, and returns its exit code.
fn interrupt(mut child: Child) -> Option<i32> {
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    child.wait().unwrap().code()
}

/// Returns the log file of the first node.
fn log_file(host: &Host) -> PathBuf {
    let shown = host.expect(0, "--json node logs 1").json();
    PathBuf::from(shown["file"].as_str().unwrap())
}

#[test]
fn last_lines_of_the_log_are_printed() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let file = log_file(&host);
    // It is the last line that the node writes by itself.
    host.wait_for("a started node", |_| std::fs::read_to_string(&file).unwrap().contains("Node started"));
    let mut log = OpenOptions::new().append(true).open(&file).unwrap();
    writeln!(log, "one\n\x1b[2Jtwo\nthree").unwrap();
    let ran = host.expect(0, "node logs antnode0001 -n 2");
    assert_eq!(ran.out, "two\nthree\n", "without the escape sequence");
    assert_eq!(ran.err, format!("log of antnode0001: {}\n", file.display()));
    assert_eq!(host.expect(0, "-q node logs 1 -n 1").err, "");
    assert_eq!(host.expect(0, "node logs 1 -n 0").out, "");
    assert!(host.expect(0, "node logs 1").out.contains("Running antnode v0.4.17"));
    let json = host.expect(0, "--json node logs 1 -n 1").json();
    assert_eq!(json["lines"], serde_json::json!(["three"]));
}

#[test]
fn absent_logs_are_errors() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let ran = host.expect(1, "node logs 9");
    assert!(ran.err.contains("no such node: antnode0009") && ran.err.contains("hint: "), "{}", ran.err);
    let ran = host.expect(1, "node logs 1 --source manager");
    assert!(ran.err.contains("its process manager keeps none"), "{}", ran.err);
    assert!(
        ran.err.contains("hint: see its state and its last events with `wnm node show antnode0001`"),
        "{}",
        ran.err
    );
    let folder = log_file(&host).parent().unwrap().to_owned();
    host.expect(0, "node stop 1");
    std::fs::remove_dir_all(folder).unwrap();
    let ran = host.expect(1, "node logs 1 --source program");
    assert!(ran.err.contains("no log of antnode0001 in ") && ran.err.contains("--source manager"), "{}", ran.err);
}

#[test]
fn log_is_followed_until_ctrl_c() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let mut log = OpenOptions::new().append(true).open(log_file(&host)).unwrap();
    writeln!(log, "before").unwrap();
    let mut child = start(&host, "node logs 1 -f -n 1");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "before");
    writeln!(log, "after").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "after");
    assert_eq!(interrupt(child), Some(0));
}

#[test]
fn status_is_shown_again_until_ctrl_c() {
    let host = Host::with_colony();
    host.expect(0, "run");
    let mut child = start(&host, "status --watch=100ms");
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let pages = lines.filter(|line| line.starts_with("host  observed")).take(2).count();
    assert_eq!(pages, 2);
    assert_eq!(interrupt(child), Some(0));
    assert_eq!(host.expect(2, "status --watch=1ms").out, "");
    assert_eq!(host.expect(2, "status --watch 1ms").out, "");
    assert_eq!(host.expect(2, "status --watch --check").out, "");
}

#[test]
fn pages_are_ascii_in_the_locale_c() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    host.expect(0, "run");
    for line in ["--help", "status", "node list", "node show 1", "explain", "history", "doctor", "config list", "run"] {
        let mut command = host.command(&line.split_whitespace().collect::<Vec<_>>());
        command.env("LANG", "C");
        let output = {
            let _turn = turn();
            command.output().unwrap()
        };
        let text = [output.stdout, output.stderr].concat();
        assert!(text.is_ascii(), "{line}: {}", String::from_utf8_lossy(&text));
    }
    assert!(!host.expect(0, "--help").out.is_ascii(), "the help has a symbol that the locale changes");
}

#[test]
fn verbose_names_commands_with_their_times() {
    let host = Host::new();
    let init = [vec!["-v".to_owned()], host.init_args()].concat();
    let ran = host.wnm(&init);
    assert_eq!(ran.code(), 0, "{}", ran.err);
    let is_call = |line: &&str| line.contains("exit code 0 command=") && line.contains("milliseconds=");
    assert!(ran.err.lines().filter(is_call).any(|line| line.contains("/antnode --version")), "{}", ran.err);
    let quiet = host.expect(0, "doctor");
    assert!(!quiet.err.contains("milliseconds="), "{}", quiet.err);
}
