//! Completions of shells: the script of a shell asks wnm for the candidates of a line that is typed.

use std::collections::BTreeSet;

use crate::host::Host;

/// Returns the candidates that bash shows for the last word of a line. A line that ends in a blank has an empty last word.
fn candidates(host: &Host, line: &str) -> BTreeSet<String> {
    let words: Vec<&str> = line.split(' ').collect();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_wnm"));
    command.env_clear().env("HOME", host.path("")).env("WNM_DB", host.path("wnm.db"));
    command.env("WNM_COMPLETE", "bash").env("_CLAP_IFS", "\n");
    command.env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string());
    let output = command.arg("--").args(&words).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn completions_know_nodes_settings_and_values() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 2");
    for (line, wanted) in [
        ("wnm st", "status"),
        ("wnm ", "node"),
        ("wnm node st", "stop"),
        ("wnm node stop ", "antnode0001"),
        ("wnm node stop antnode0001 antnode0", "antnode0002"),
        ("wnm node show antn", "antnode0002"),
        ("wnm history --node ", "antnode0001"),
        ("wnm node list --state ST", "STOPPED"),
        ("wnm node list --sort re", "restarts"),
        ("wnm explain ", "1"),
        ("wnm config get node_", "node_cap"),
        ("wnm config describe cpu", "cpu_remove"),
        ("wnm config set node_c", "node_cap="),
        ("wnm config set preset ", "steady"),
        ("wnm config set preset=c", "preset=classic"),
        ("wnm config set no_upnp=", "no_upnp=false"),
        ("wnm run --preset ", "steady"),
        ("wnm init --process-manager sets", "setsid+user"),
        ("wnm run --cpu-rem", "--cpu-remove"),
        ("wnm report node-status-d", "node-status-details"),
        ("wnm util completions po", "powershell"),
    ] {
        let found = candidates(&host, line);
        assert!(found.contains(wanted), "{line:?}: {found:?}");
    }
    assert_eq!(candidates(&host, "wnm node stop zzz"), BTreeSet::new());
    host.expect(0, "node remove 2 --yes");
    assert!(candidates(&host, "wnm trash restore ").contains("antnode0002"));
}

#[test]
fn host_without_a_colony_completes_words_only() {
    let host = Host::new();
    assert_eq!(candidates(&host, "wnm node stop antnode"), BTreeSet::new());
    assert!(candidates(&host, "wnm config set prese").contains("preset="));
}
