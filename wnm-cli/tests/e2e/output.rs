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

/// Escape codes for the screen, the clipboard and the title, C1 controls, and characters that are invisible or turn the text.
const HOSTILE: &str =
    "\u{1b}[8mx\u{1b}]52;c;eA==\u{7}\u{9b}2J\u{9d}0;t\u{9c}\r\u{8}\u{7f}\u{202e}\u{2066}\u{200b}\u{feff}";

/// Asserts that a text controls the terminal by colours only.
#[track_caller]
#[test]
fn verbose_command_names_its_steps_and_their_times() {
    let host = Host::with_colony();
    let steps = host.expect(0, "-v node add").err;
    for part in ["observed the host and its nodes", "step=copy program", "step=start", "milliseconds=", "antnode0001"] {
        assert!(steps.contains(part), "no {part}: {steps}");
    }
    assert!(!steps.contains("TRACE"), "{steps}");
    let details = host.expect(0, "-vv node stop 1").err;
    for part in ["step=wait for exit", "TRACE stored write=\"begin\" milliseconds="] {
        assert!(details.contains(part), "no {part}: {details}");
    }
    // The names of the code are for tests.
    assert!(!details.contains("SeeGone") && !details.contains("moment"), "{details}");
    let json = host.expect(0, "--log-format json -v node start 1").err;
    let step = json.lines().find(|line| line.contains("\"step\":\"start\"")).unwrap();
    let step: serde_json::Value = serde_json::from_str(step).unwrap();
    assert!(step["fields"]["milliseconds"].is_u64() && step["fields"]["node"] == "antnode0001", "{step}");
}

fn assert_harmless(line: &str, text: &str) {
    let mut plain = text.to_owned();
    for style in ["[0m", "[1m", "[2m", "[3m", "[31m", "[32m", "[33m", "[34m", "[35m"] {
        plain = plain.replace(&format!("\u{1b}{style}"), "");
    }
    let is_bad = |c: char| {
        c.is_control() && c != '\n' && c != '\t'
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}' | '\u{feff}')
    };
    assert!(!plain.contains(is_bad), "{line}: {text:?}");
}

#[test]
fn texts_of_others_control_no_terminal() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    host.wait_for("a running node", |nodes| crate::host::states(nodes) == ["RUNNING"]);
    let storage = host.path("storage");
    let node = host.nodes().remove(0);
    let root = std::path::PathBuf::from(node["folder"].as_str().unwrap());
    let storage = root.parent().map_or(storage, std::path::Path::to_owned);
    // A folder without a row, logs of the node, the messages of its failures, and the reason of a hold.
    let folder = storage.join(format!("n{HOSTILE}"));
    std::fs::create_dir(&folder).unwrap();
    let marker = r#"{"version":1,"uuid":"0b2ad0d5-5d4e-4c7e-9f55-3b7a6f4d9a02","id":7}"#;
    std::fs::write(folder.join(".wnm-node"), marker).unwrap();
    std::fs::write(folder.join("data"), "x").unwrap();
    let logs = std::path::PathBuf::from(node["log_folder"].as_str().unwrap());
    for log in ["antnode.log", "stderr.log", "critical_failure.log"] {
        for place in [&logs, &root] {
            let text = format!("{HOSTILE} said\nError: {HOSTILE}\n");
            _ = std::fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(place.join(log))
                .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
        }
    }
    host.wnm(&["hold", "--reason", HOSTILE]);
    // The node program ends at once, so that its last words are told.
    crate::host::kill(crate::host::pid(&host.nodes()[0]).unwrap());
    let database = format!("/nowhere/{HOSTILE}.db");
    let lines: [&[&str]; 20] = [
        &["run"],
        &["status"],
        &["node", "list"],
        &["node", "show", "1"],
        &["node", "logs", "1"],
        &["node", "logs", "1", "--stderr"],
        &["history"],
        &["events"],
        &["explain"],
        &["doctor"],
        &["trash", "list"],
        &["trash", "restore", "7"],
        &["config", "list"],
        &["config", "set", HOSTILE, HOSTILE],
        &["config", "set", "start_args", HOSTILE],
        &["config", "set", "host", HOSTILE],
        &["node", "show", HOSTILE],
        &["--db", &database, "status"],
        &["db", "restore", &database, "--yes"],
        &[HOSTILE],
    ];
    let mut told = 0;
    for words in lines {
        for form in [&[][..], &["--json"], &["--color", "always"], &["--log-format", "json", "-vv"]] {
            let all: Vec<&str> = form.iter().chain(words).copied().collect();
            let ran = host.wnm(&all);
            for text in [&ran.out, &ran.err] {
                assert_harmless(&all.join(" "), text);
                told += usize::from(text.contains("52;c;eA==") || text.contains("{202e}"));
            }
        }
    }
    assert!(told > 12, "the texts are shown in {told} outputs");
}
