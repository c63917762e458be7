//! Help, completions and man pages; output with and without colour.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::host::Host;

/// The command that renews the packaged files.
const RENEW: &str = "run `WNM_RENEW_PACKAGING=1 cargo test -p wnm-cli --test e2e words`";

#[test]
fn help_of_commands() {
    let host = Host::new();
    let mut all = Vec::new();
    for line in ["--help", "run -h", "node --help", "node stop --help", "daemon -h", "demo --help", "service --help"] {
        let words: Vec<&str> = line.split(' ').collect();
        let mut command = host.command(&words);
        // Help shows the values of variables.
        command.env_remove("WNM_DB");
        let ran = Host::run(command, &words);
        assert_eq!(ran.code(), 0, "{line}: {}", ran.err);
        all.push(format!("$ wnm {line}\n{}", ran.out));
    }
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn colour_is_off_in_a_pipe() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    host.expect(0, "run");
    for line in ["status", "node list", "node show 1", "explain", "history", "doctor"] {
        let plain = host.expect(0, line).out;
        assert!(!plain.contains('\u{1b}'), "{line}: {plain:?}");
        let coloured = host.expect(0, &format!("--color always {line}")).out;
        assert!(coloured.contains('\u{1b}'), "{line}: {coloured:?}");
    }
}

#[test]
fn closed_pipe_is_no_error() {
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
fn mistyped_word_gets_a_suggestion() {
    let host = Host::with_colony();
    for (line, nearest) in [
        ("statsu", "status"),
        ("node remov 1", "remove"),
        ("--jsn status", "--json"),
        ("run --cpu-remov 3", "--cpu-remove"),
        ("report node-statu", "node-status"),
        ("--node_capp 3", "--node-cap"),
    ] {
        let ran = host.expect(2, line);
        assert!(ran.err.lines().any(|line| line.starts_with("hint:") && line.contains(nearest)), "{line}: {}", ran.err);
    }
    for line in ["config set cpu_remov 3", "config get cpu_remov"] {
        assert!(host.expect(1, line).err.contains("did you mean cpu_remove?"), "{line}");
    }
}

/// Runs `wnm status` on a terminal, which `script` of util-linux provides, with a variable set, and returns the output.
#[cfg(target_os = "linux")]
fn on_terminal(host: &Host, variable: &str) -> String {
    let line = format!("'{}' --db '{}' status", env!("CARGO_BIN_EXE_wnm"), host.path("wnm.db").display());
    let mut command = std::process::Command::new("/usr/bin/script");
    command.args(["-qec", &line, "/dev/null"]).env_clear().env("TERM", "xterm").env("HOME", host.path(""));
    command.env(variable, "1").stdin(std::process::Stdio::null());
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn terminal_gets_colour_without_no_color() {
    let host = Host::with_colony();
    host.expect(0, "run");
    for (variable, is_coloured) in [("NOTHING", true), ("NO_COLOR", false)] {
        let shown = on_terminal(&host, variable);
        assert_eq!(shown.contains("\u{1b}[1m"), is_coloured, "{variable}: {shown:?}");
        assert!(shown.contains("last decision"), "{shown}");
    }
}

#[test]
fn completions_and_man_page_are_printed() {
    let host = Host::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = host.expect(0, &format!("util completions {shell}")).out;
        assert!(script.contains("WNM_COMPLETE"), "{shell}: {script}");
    }
    assert!(host.expect(0, "util man").out.contains(".TH wnm 1"));
}

/// The completions and man pages that packages install are in the repository. `WNM_RENEW_PACKAGING=1` renews them.
#[test]
fn packaged_completions_and_man_pages_are_current() {
    let host = Host::new();
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let is_renewed = std::env::var_os("WNM_RENEW_PACKAGING").is_some();
    for (shell, name) in [("bash", "wnm.bash"), ("zsh", "_wnm"), ("fish", "wnm.fish"), ("powershell", "wnm.ps1")] {
        let script = host.expect(0, &format!("util completions {shell}")).out;
        let path = packaging.join("completions").join(name);
        if is_renewed {
            fs::write(&path, &script).unwrap();
        }
        assert!(script == read(&path), "{} is stale: {RENEW}", path.display());
    }
    let pages = packaging.join("man");
    if is_renewed {
        fs::remove_dir_all(&pages).unwrap();
        host.expect(0, &format!("util man --out {}", pages.display()));
    }
    let generated = host.path("man");
    host.expect(0, &format!("util man --out {}", generated.display()));
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name()).collect::<BTreeSet<_>>()
    };
    assert_eq!(names(&generated), names(&pages), "{RENEW}");
    for name in names(&generated) {
        assert!(read(&generated.join(&name)) == read(&pages.join(&name)), "{} is stale: {RENEW}", name.display());
    }
    assert!(generated.join("wnm-node-stop.1").exists());
}

/// Returns the Rust sources of the workspace.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        let path = entry.path();
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        match entry.file_type().unwrap() {
            kind if kind.is_dir() && entry.file_name() != "target" => sources(&path, found),
            kind if kind.is_file() && is_source => found.push(path),
            _ => {}
        }
    }
}

/// A threat whose test was renamed or removed would seem to be tested.
#[test]
fn tests_that_the_pages_about_threats_and_faults_name_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    let mut names = BTreeSet::new();
    for path in &paths {
        names.insert(path.file_stem().unwrap().to_string_lossy().into_owned());
        for line in fs::read_to_string(path).unwrap().lines() {
            let declared = ["fn ", "mod "].iter().find_map(|word| Some(line.split_once(word)?.1));
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            names.extend(declared.map(|rest| rest.chars().take_while(|c| is_part(*c)).collect::<String>()));
        }
    }
    let mut checked = 0;
    for page in ["docs/THREATS.md", "docs/RELIABILITY.md"] {
        let text = fs::read_to_string(root.join(page)).unwrap();
        for quoted in text.split('`').skip(1).step_by(2).filter(|quoted| !quoted.contains(['\n', '{'])) {
            let is_path = quoted.contains("::");
            let is_test = is_path || quoted.matches('_').count() > 3 && !quoted.contains(['/', '=', '.', ' ']);
            let Some(name) = quoted.split(' ').next_back().filter(|_| is_test) else { continue };
            let parts: Vec<&str> = name.split("::").filter(|part| !part.is_empty()).collect();
            // A unit test is in the module `tests` of its file.
            let last = parts.iter().rev().find(|part| **part != "tests").unwrap();
            assert!(names.contains(*last), "{page} names `{quoted}`, which does not exist");
            checked += 1;
        }
    }
    assert!(checked > 60, "{checked}");
}
