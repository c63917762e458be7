//! Standard output that cannot be written, and help in every form.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use crate::host::{Host, turn};

/// Runs a command with this standard output. Returns its exit code and its standard error.
fn with_output(host: &Host, line: &str, out: impl Into<Stdio>) -> (Option<i32>, String) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let child = {
        let _turn = turn();
        host.command(&words).stdout(out).stderr(Stdio::piped()).spawn().unwrap()
    };
    let ran = child.wait_with_output().unwrap();
    (ran.status.code(), String::from_utf8(ran.stderr).unwrap())
}

const LINES: [&str; 7] =
    ["--help", "--version", "node list --help", "status", "--json status", "config list", "report machine-config"];

#[test]
fn full_output_has_its_own_exit_code() {
    let host = Host::with_colony();
    for line in LINES {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let (code, error) = with_output(&host, line, full);
        assert_eq!(code, Some(74), "{line}: {error}");
        assert!(error.contains("cannot write standard output: no space left on device"), "{line}: {error}");
    }
}

#[test]
fn closed_output_ends_the_command_silently() {
    let host = Host::with_colony();
    for line in LINES {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(with_output(&host, line, OwnedFd::from(writer)), (Some(74), String::new()), "{line}");
    }
    // The action takes effect all the same.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(with_output(&host, "node add", OwnedFd::from(writer)).0, Some(74));
    assert_eq!(host.nodes().len(), 1);
}

#[test]
fn help_stands_before_or_after_the_command() {
    let host = Host::new();
    for (line, same) in [
        ("help", "--help"),
        ("help status", "status --help"),
        ("help node list", "node list --help"),
        ("node help list", "node list --help"),
        ("help config set", "config set --help"),
    ] {
        assert_eq!(host.expect(0, line).out, host.expect(0, same).out, "{line}");
    }
    assert!(host.expect(2, "help frobnicate").err.contains("unknown command \"frobnicate\""));
}

#[test]
fn quiet_command_without_a_change_prints_nothing() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    host.wait_for("a running node", |nodes| crate::host::states(nodes) == ["RUNNING"]);
    // Nothing to add, so that the cycles are idle.
    host.expect(0, "config set node_cap 1");
    for line in ["-q run", "-q", "-q node survey", "-q --force_action survey"] {
        let ran = host.expect(0, line);
        assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""), "wnm {line}");
    }
    for line in ["-q run --dry-run", "-q config get node_cap", "-q --json run", "-q node stop 1"] {
        assert!(!host.expect(0, line).out.is_empty(), "wnm {line}");
    }
}
