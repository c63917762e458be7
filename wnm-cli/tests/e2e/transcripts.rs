//! Transcripts that read like documentation: the first hour of a new operator, and the move of a colony of the Python wnm.
//!
//! Each is one snapshot of commands with their output. Values of the test host are replaced: paths, times, processes,
//! identities, digests and ports.

use std::fmt::Write as _;

use crate::host::{Host, states};
use crate::takeover::{Python, folder};

/// Commands with their output, as a terminal shows them.
struct Transcript<'a> {
    host: &'a Host,
    text: String,
}

impl<'a> Transcript<'a> {
    fn of(host: &'a Host) -> Self {
        Self { host, text: String::new() }
    }

    /// Adds a heading.
    fn scene(&mut self, title: &str) {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        writeln!(self.text, "{gap}# {title}").unwrap();
    }

    /// Runs a command, and adds it with its output and messages. A code other than 0 is shown, as a shell would tell it.
    #[track_caller]
    fn run(&mut self, code: i32, line: &str) {
        let ran = self.host.wnm(&shell_words::split(line).unwrap());
        assert_eq!(ran.code(), code, "wnm {line}\n{}{}", ran.out, ran.err);
        let ended = if code == 0 { String::new() } else { format!("[exit code {code}]\n") };
        write!(self.text, "\n$ wnm {line}\n{}{}{ended}", ran.out, ran.err).unwrap();
    }

    /// Runs a command with flags that the test needs, and that the transcript does not show.
    #[track_caller]
    fn run_with(&mut self, line: &str, hidden: &[String]) {
        let words: Vec<String> = shell_words::split(line).unwrap().into_iter().chain(hidden.iter().cloned()).collect();
        let ran = self.host.wnm(&words);
        assert_eq!(ran.code(), 0, "wnm {line}\n{}{}", ran.out, ran.err);
        write!(self.text, "\n$ wnm {line}\n{}{}", ran.out, ran.err).unwrap();
    }

    /// Returns the text with the folder of the host as `/home/op`.
    fn text(&self) -> String {
        let home = self.host.path("");
        self.text.replace(home.to_str().unwrap().trim_end_matches('/'), "/home/op")
    }
}

/// Replaces values of the test host.
const FILTERS: [(&str, &str); 11] = [
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "2026-03-01 12:00:00 UTC"),
    (r"12D3KooW[1-9A-HJ-NP-Za-km-z]{44}", "12D3KooW…"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "1c9e6f0a-5f0e-4d0c-9a3e-0a4b1d2c3e4f"),
    (r"\b\d\.\d s  ", "1.0 s  "),
    // The column of sizes is as wide as its longest one.
    (r" {2,}SIZE\b", "   SIZE"),
    (r" {2,}\d+(\.\d+)? [kMG]B", "  20 MB"),
    (r"\b\d+(\.\d+)? [kMG]B", "20 MB"),
    (r"\b\d\d001-\d\d006", "55001-55006"),
    (r"\b\d+s ago", "2s ago"),
    // The surveys between two commands are cycles too.
    (r"UTC  #\d+", "UTC  #1"),
    (r"(antnode\d{4}) +\d+s\b", "${1}   2s"),
];

/// The flags of a host without systemd, with free ports, whose load does not matter.
fn flags(host: &Host) -> Vec<String> {
    let all = host.init_args();
    // The transcript shows these two itself.
    let is_shown = |pair: &&[String]| ["--rewards-address", "--node-cap"].contains(&pair[0].as_str());
    all[1..].chunks(2).filter(|pair| !is_shown(pair)).flatten().cloned().collect()
}

#[test]
fn first_hour_of_a_new_operator() {
    let host = Host::new();
    let mut hour = Transcript::of(&host);
    hour.scene("A new host");
    hour.run(5, "status");
    hour.run(2, "statsu");
    hour.scene("The colony");
    hour.run(1, "init");
    hour.run_with("init --rewards-address 0x00455d78f850b0358E8cea5be24d415E01E107CF --node-cap 6", &flags(&host));
    hour.run(0, "node add --count 3");
    host.wait_for("three running nodes", |nodes| states(nodes) == ["RUNNING"; 3]);
    hour.run(0, "node list --columns name,state,reason,restarts,version,peers");
    hour.scene("Settings");
    hour.run(0, "config describe cpu_remove");
    hour.run(1, "config set cpu_remove 170");
    hour.run(1, "config set cpu_remov 80");
    hour.run(0, "config set node_cap=5 delay_start=10s");
    hour.run(0, "config set start_args=--verbose");
    hour.run(1, "config set node_cap 2");
    hour.scene("Nodes");
    hour.run(2, "node stop");
    hour.run(0, "node stop 2");
    hour.run(0, "node stop 2");
    hour.run(0, "node list --state STOPPED --columns name,state,reason");
    hour.run(0, "node start antnode0002");
    hour.run(1, "node remove 3");
    hour.run(0, "node remove 3 --dry-run --yes");
    hour.run(0, "node remove 3 --yes");
    hour.run(0, "trash list");
    hour.run(0, "trash restore 3");
    hour.run(1, "node show 9");
    hour.scene("The past");
    hour.run(0, "history");
    hour.run(1, "history --node 77");
    hour.scene("The end");
    hour.run(1, "teardown");
    hour.run(0, "teardown --yes --purge");
    insta::with_settings!({filters => FILTERS}, { insta::assert_snapshot!(hour.text()) });
}

#[test]
fn move_of_an_operator() {
    let host = Host::new();
    let python = Python::new(&host, &[]);
    for id in [1, 2] {
        python.node(id, "STOPPED", &folder(&host, &format!("antnode{id:04}")), &[]);
    }
    let mut moving = Transcript::of(&host);
    moving.scene("A crontab line of the Python wnm, with its flags");
    moving.run(5, "--report node-status");
    moving.scene("The move");
    moving.run(0, &format!("init --from-wnm {} --dry-run", python.path.display()));
    moving.run(0, &format!("init --from-wnm {}", python.path.display()));
    moving.run(1, &format!("init --from-wnm {}", python.path.display()));
    moving.scene("The earlier command lines");
    moving.run(0, "--report node-status");
    moving.run(0, "-q --force_action survey");
    moving.run(0, "--force_action stop --service_name antnode0001");
    moving.run(1, "--force_action stop --service_name antnode0007");
    moving.run(2, "--force_action teleport");
    moving.run(2, "--node_capp 3");
    moving.run(0, "--remove_lockfile");
    moving.scene("The settings, and another policy");
    moving.run(0, "config get node_cap");
    moving.run(0, "config get preset");
    moving.run(0, "config set preset steady");
    moving.run(0, "db check");
    insta::with_settings!({filters => FILTERS}, { insta::assert_snapshot!(moving.text()) });
}
