//! `wnm doctor` on hosts that something is wrong with.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::host::{Host, Ran, turn};

/// A `crontab` that has the table in the home folder.
const CRONTAB: &str = "#!/bin/sh\nexec cat \"$HOME/table\"\n";

fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let _turn = turn();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// What doctor found of one kind, the worst of several.
fn found(ran: &Ran, what: &str) -> (String, String) {
    let checks: Vec<Value> = serde_json::from_str(&ran.out).unwrap();
    let mut of_kind: Vec<_> = checks.iter().filter(|check| check["what"] == what).collect();
    of_kind.sort_by_key(|check| ["wrong", "doubtful", "fine"].iter().position(|health| check["health"] == *health));
    let text = |key: &str| of_kind.first().map_or_else(String::new, |check| check[key].as_str().unwrap().to_owned());
    (text("health"), text("found"))
}

fn doctor(host: &Host) -> Ran {
    let path = format!("{}:/usr/bin:/bin", host.path("bin").display());
    let _turn = turn();
    let output = host.command(&["--json", "doctor"]).env("PATH", path).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { status: output.status, out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn looking_leaves_no_trace() {
    let host = Host::new();
    let ran = host.expect(3, "doctor");
    assert!(ran.out.contains("hint: wnm init --rewards-address"), "{}", ran.out);
    let left = fs::read_dir(host.path("")).unwrap().flatten().map(|entry| entry.file_name()).collect::<Vec<_>>();
    assert_eq!(left, [".local"], "only the node binary");
    assert!(!host.path(".local/share").exists());
}

#[test]
fn other_keepers_are_told() {
    let host = Host::with_colony();
    script(&host.path("bin/crontab"), CRONTAB);
    script(&host.path("venv/bin/wnm"), "#!/usr/bin/python3\n");
    for (line, health, said) in [
        ("0 3 * * * wnm report node-status", "fine", "none of wnm's own"),
        ("*/1 * * * * wnm >> log 2>&1", "fine", "in your crontab by the line */1"),
        (
            "*/1 * * * * . HOME/venv/bin/activate && wnm",
            "wrong",
            "the Python wnm keeps nodes here too, in your crontab",
        ),
        ("*/1 * * * * python3 -m wnm", "wrong", "the Python wnm keeps nodes here too, in your crontab"),
        (
            "* * * * * wnm\n* * * * * wnm run # wnm service",
            "wrong",
            "kept in your crontab, and in your crontab by the line",
        ),
    ] {
        let line = line.replace("HOME", host.path("").display().to_string().trim_end_matches('/'));
        fs::write(host.path("table"), line + "\n").unwrap();
        let ran = doctor(&host);
        let supervisor = found(&ran, "supervisor");
        assert!(supervisor.0 == health && supervisor.1.contains(said), "{supervisor:?}");
        assert_eq!(ran.code(), if health == "wrong" { 3 } else { 0 }, "{}", ran.out);
    }
    fs::write(host.path("wnm_active"), "").unwrap();
    assert_eq!(found(&doctor(&host), "old lock").0, "wrong");
}

#[test]
fn a_process_that_the_colony_does_not_know_is_told() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let node = host.nodes().remove(0);
    assert_eq!(found(&doctor(&host), "instances").0.replace("doubtful", ""), "");
    let port = node["ports"]["node"].as_u64().unwrap() + 1;
    let folder = host.path("elsewhere").display().to_string();
    let mut command = std::process::Command::new(host.path(".local/bin/antnode"));
    command.args(["--root-dir", &folder, "--port", &port.to_string(), "--rewards-address"]);
    command.args(["0x00455d78f850b0358E8cea5be24d415E01E107CF", "--local", "--first", "--ip", "127.0.0.1"]);
    command.arg("evm-arbitrum-one").env_clear().env("HOME", host.path("")).stdout(std::process::Stdio::null());
    let mut stray = {
        let _turn = turn();
        command.spawn().unwrap()
    };
    let bound = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        std::net::UdpSocket::bind(("0.0.0.0", u16::try_from(port).unwrap())).is_err()
    });
    let ran = doctor(&host);
    stray.kill().unwrap();
    stray.wait().unwrap();
    assert!(bound, "the stray takes its port");
    let said = format!("process {} on {port} of antnode0002", stray.id());
    assert_eq!(found(&ran, "instances").0, "wrong");
    assert!(found(&ran, "instances").1.contains(&said), "{}", ran.out);
    let ports = found(&ran, "ports");
    assert!(ports.1.contains(&format!("UDP port {port} first, by process {} ", stray.id())), "{ports:?}");
    assert_eq!(ran.code(), 3);
    assert_eq!(found(&doctor(&host), "ports").0, "fine");

    // A unit that somebody forgot would start the node again.
    let units = host.path(".config/systemd/user");
    fs::create_dir_all(units.join("default.target.wants")).unwrap();
    let root = node["root_dir"].as_str().unwrap();
    fs::write(units.join("old.service"), format!("[Service]\nExecStart=/opt/antnode --root-dir {root}\n")).unwrap();
    std::os::unix::fs::symlink("../old.service", units.join("default.target.wants/old.service")).unwrap();
    let said = format!("antnode0001 by the unit {}", units.join("old.service").display());
    assert!(found(&doctor(&host), "instances").1.contains(&said), "{}", doctor(&host).out);
}

#[test]
fn a_node_program_for_another_machine_is_told() {
    let host = Host::with_colony();
    // The head of an executable for a machine that nobody tests on: a 64-bit SPARC.
    let mut head = b"\x7fELF\x02\x02\x01\x00\0\0\0\0\0\0\0\0\0\x02\0\x2b\0\0\0\x01".to_vec();
    head.resize(4096, 0);
    fs::write(host.path(".local/bin/antnode"), head).unwrap();
    let (health, said) = found(&doctor(&host), "node binary");
    assert!(health == "wrong" && said.contains("machine"), "{said}");
}
