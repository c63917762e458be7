//! What people read: help, status, tables. Colour and width do not change the words.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::host::Host;

#[test]
fn help_reads_well() {
    let host = Host::new();
    let mut all = Vec::new();
    for line in ["--help", "run -h", "node --help", "node stop --help", "daemon -h", "demo --help"] {
        all.push(format!("$ wnm {line}\n{}", host.expect(0, line).out));
    }
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn status_fits_eighty_columns_and_needs_no_colour() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    host.expect(0, "run");
    for line in ["status", "node list", "node show 1", "explain", "history", "doctor"] {
        let plain = host.expect(0, line).out;
        assert!(!plain.contains('\u{1b}'), "{line}: {plain:?}");
        let coloured = host.expect(0, &format!("--color always {line}")).out;
        assert!(coloured.contains('\u{1b}'), "{line}: {coloured:?}");
    }
    let status = host.expect(0, "status").out;
    let widest = status.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 80, "{widest} columns:\n{status}");
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let host = Host::with_colony();
    let wnm = env!("CARGO_BIN_EXE_wnm");
    let db = host.path("wnm.db");
    for line in ["status", "--json status", "util completions bash", "config list", "--help"] {
        let script = format!("'{wnm}' --db '{}' {line} | true", db.display());
        let output = std::process::Command::new("/bin/sh").arg("-c").arg(script).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line}");
    }
}

#[test]
fn a_word_that_is_mistyped_is_met_with_the_nearest() {
    let host = Host::with_colony();
    for (line, nearest) in [
        ("statsu", "status"),
        ("node remov 1", "remove"),
        ("--jsn status", "--json"),
        ("run --cpu-remov 3", "--cpu-remove"),
        ("report node-statu", "node-status"),
        ("--node_capp 3", "--node_cap"),
    ] {
        let ran = host.expect(2, line);
        assert!(ran.err.contains(&format!("'{nearest}'")), "{line}: {}", ran.err);
    }
    for line in ["config set cpu_remov 3", "config get cpu_remov"] {
        assert!(host.expect(1, line).err.contains("did you mean cpu_remove?"), "{line}");
    }
}

/// Runs a command on a terminal, and returns what is shown.
fn on_terminal(host: &Host, variable: &str) -> String {
    let line = format!("'{}' --db '{}' status", env!("CARGO_BIN_EXE_wnm"), host.path("wnm.db").display());
    let mut command = std::process::Command::new("/usr/bin/script");
    command.args(["-qec", &line, "/dev/null"]).env_clear().env("TERM", "xterm").env("HOME", host.path(""));
    command.env(variable, "1").stdin(std::process::Stdio::null());
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_gets_colour_unless_it_wants_none() {
    let host = Host::with_colony();
    host.expect(0, "run");
    for (variable, is_coloured) in [("NOTHING", true), ("NO_COLOR", false)] {
        let shown = on_terminal(&host, variable);
        assert_eq!(shown.contains("\u{1b}[1m"), is_coloured, "{variable}: {shown:?}");
        assert!(shown.contains("last decision"), "{shown}");
    }
}

#[test]
fn shells_and_manuals_know_every_command() {
    let host = Host::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = host.expect(0, &format!("util completions {shell}")).out;
        assert!(script.contains("teardown") && script.contains("cpu-remove"), "{shell}");
    }
    assert!(host.expect(0, "util man").out.contains(".TH wnm 1"));
}

/// What packages install beside the command is kept in the repository, as it is made by the command.
#[test]
fn packages_have_the_completions_and_pages_of_this_command() {
    let host = Host::new();
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    for (shell, name) in [("bash", "wnm.bash"), ("zsh", "_wnm"), ("fish", "wnm.fish")] {
        let now = host.expect(0, &format!("util completions {shell}")).out;
        let is_kept = now == read(&packaging.join("completions").join(name));
        assert!(is_kept, "run `wnm util completions {shell} > wnm-cli/packaging/completions/{name}`");
    }
    let pages = host.path("man");
    host.expect(0, &format!("util man --out {}", pages.display()));
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name()).collect::<BTreeSet<_>>()
    };
    let kept = packaging.join("man");
    let are_kept = names(&pages) == names(&kept)
        && names(&pages).iter().all(|name| read(&pages.join(name)) == read(&kept.join(name)));
    assert!(are_kept, "run `wnm util man --out wnm-cli/packaging/man` on an empty folder");
    assert!(pages.join("wnm-node-stop.1").exists());
}
