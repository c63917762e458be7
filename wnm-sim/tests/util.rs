//! `wnm-sim util` and `wnm-sim help`: completions, man pages, help.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use common::{BINARY, Folder, data, run};

/// The command that renews the packaged files.
const RENEW: &str = "run `WNM_RENEW_PACKAGING=1 cargo test -p wnm-sim --test util`";

/// Returns the candidates that bash would show for the last word.
fn candidates(words: &[&str]) -> BTreeSet<String> {
    let output = Command::new(BINARY)
        .env("WNM_SIM_COMPLETE", "bash")
        .env("_CLAP_IFS", "\n")
        .env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string())
        .args([&["--"], words].concat())
        .current_dir(data())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn completions_know_commands_settings_scenarios_and_policies() {
    for (words, wanted) in [
        (&["wnm-sim", "tr"][..], "try"),
        (&["wnm-sim", "try", "x", "--set", "cpu_r"], "cpu_remove="),
        (&["wnm-sim", "run", "calm", "--set", "preset"], "preset=steady"),
        (&["wnm-sim", "run", "stor"], "storms"),
        (&["wnm-sim", "run", "tun"], "tuned.toml"),
        (&["wnm-sim", "run", "storms", "--policy", "st"], "steady"),
        (&["wnm-sim", "run", "storms", "--policy", "fi"], "fixed:"),
        (&["wnm-sim", "tune", "--scenario", "leak"], "leaks"),
        (&["wnm-sim", "tune", "--bound", "mem_less"], "mem_less_than=10..90"),
        (&["wnm-sim", "util", "completions", "po"], "powershell"),
    ] {
        assert!(candidates(words).contains(wanted), "{words:?}: {:?}", candidates(words));
    }
    assert_eq!(candidates(&["wnm-sim", "run", "zzz"]), BTreeSet::new());
}

#[test]
fn scripts_exist_for_all_shells() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let ran = run(&["util", "completions", shell]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{shell}");
        assert!(ran.out.contains("WNM_SIM_COMPLETE"), "{shell}: {}", ran.out);
    }
    assert_eq!(run(&["util", "completions", "cmd"]).code, 2);
    assert_eq!(run(&["util"]).code, 2);
}

#[test]
fn help_of_a_command_equals_its_flag() {
    for command in ["try", "replay", "tune", "calibrate", "chart", "run", "compare", "explore", "decide", "score"] {
        let ran = run(&["help", command]);
        assert_eq!((ran.code, ran.out), (0, run(&[command, "--help"]).out), "{command}");
    }
    assert_eq!(run(&["help", "paint"]).code, 2);
}

#[test]
fn packaged_pages_and_completions_are_current() {
    let folder = Folder::new();
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    let is_renewed = std::env::var_os("WNM_RENEW_PACKAGING").is_some();
    let pages = packaging.join("man");
    if is_renewed {
        _ = fs::remove_dir_all(&packaging);
        fs::create_dir_all(packaging.join("completions")).unwrap();
        assert_eq!(run(&["util", "man", "--out", pages.to_str().unwrap()]).code, 0);
    }
    let completions =
        [("bash", "wnm-sim.bash"), ("zsh", "_wnm-sim"), ("fish", "wnm-sim.fish"), ("powershell", "wnm-sim.ps1")];
    for (shell, name) in completions {
        let (path, script) = (packaging.join("completions").join(name), run(&["util", "completions", shell]).out);
        if is_renewed {
            fs::write(&path, &script).unwrap();
        }
        assert!(fs::read_to_string(&path).unwrap_or_default() == script, "{} is stale: {RENEW}", path.display());
    }
    let fresh = folder.path("man");
    assert_eq!(run(&["util", "man", "--out", &fresh]).code, 0);
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name()).collect::<BTreeSet<_>>()
    };
    assert_eq!(names(Path::new(&fresh)), names(&pages), "{RENEW}");
    for name in names(&pages) {
        let text = fs::read_to_string(pages.join(&name)).unwrap();
        assert!(fs::read_to_string(Path::new(&fresh).join(&name)).unwrap() == text, "{name:?} is stale: {RENEW}");
        assert!(text.contains("EXIT STATUS") && text.contains("FILES"), "{name:?}");
        let has_examples = !["wnm-sim.1", "wnm-sim-util.1"].contains(&name.to_str().unwrap());
        assert!(!has_examples || text.contains(".SH EXAMPLES"), "{name:?}");
    }
}
