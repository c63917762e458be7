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

/// Returns the candidates that bash gets from the script, where it splits the last word into `parts`.
fn candidates_of_script(host: &Host, line: &str, parts: &[&str], current: &str) -> Vec<String> {
    let script = host.path("wnm.bash");
    std::fs::write(&script, host.expect(0, "util completions bash").out).unwrap();
    let before: Vec<&str> = line.split(' ').collect();
    let words = [&before[..before.len() - 1], parts].concat();
    let index = words.len() - 1;
    let text = "source \"$0\"; COMP_LINE=$1 COMP_CWORD=$2 COMP_WORDS=(\"${@:4}\"); _wnm wnm \"$3\" \"\"; \
                printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut command = std::process::Command::new("bash");
    command.env_clear().env("HOME", host.path("")).env("WNM_DB", host.path("wnm.db"));
    let wnm = std::path::Path::new(env!("CARGO_BIN_EXE_wnm")).parent().unwrap();
    command.env("PATH", format!("{}:/usr/bin:/bin", wnm.display()));
    command.args(["--norc", "-c", text]).arg(&script).args([line, &index.to_string(), current]).args(&words);
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// bash splits words at `=`, and replaces the part after it.
#[test]
fn bash_completes_values_after_an_equals_sign() {
    let host = Host::with_colony();
    for (line, parts, current, wanted) in [
        ("wnm config set preset=st", &["preset", "=", "st"][..], "st", &["steady"][..]),
        ("wnm config set preset=", &["preset", "="], "", &["classic", "steady"]),
        ("wnm config set cpu_remove=80 preset=c", &["preset", "=", "c"], "c", &["classic"]),
        ("wnm run --preset=cl", &["--preset", "=", "cl"], "cl", &["classic"]),
        ("wnm --color=never stat", &["stat"], "stat", &["status"]),
        ("wnm config set no_upnp f", &["f"], "f", &["false"]),
        ("wnm config set nod", &["nod"], "nod", &["node_cap=", "node_storage="]),
        ("wnm run --preset ", &[""], "", &["classic", "steady"]),
    ] {
        assert_eq!(candidates_of_script(&host, line, parts, current), wanted, "{line}");
    }
}
