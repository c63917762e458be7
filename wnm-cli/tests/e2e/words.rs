//! What people read: help, status, tables. Colour and width do not change the words.

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
    let script = format!("'{wnm}' --db '{}' status | true", db.display());
    let output = std::process::Command::new("/bin/sh").arg("-c").arg(script).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn shells_and_manuals_know_every_command() {
    let host = Host::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = host.expect(0, &format!("util completions {shell}")).out;
        assert!(script.contains("teardown") && script.contains("cpu-remove"), "{shell}");
    }
    assert!(host.expect(0, "util man").out.contains(".TH wnm 1"));
    let pages = host.path("man");
    host.expect(0, &format!("util man --out {}", pages.display()));
    for page in ["wnm.1", "wnm-run.1", "wnm-node-stop.1"] {
        assert!(pages.join(page).exists(), "{page}");
    }
}
