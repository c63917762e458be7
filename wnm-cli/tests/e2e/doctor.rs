//! `wnm doctor` on hosts with a problem.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::host::{Host, Ran, kill, pid, states, turn};

/// A `crontab` program that prints the file `table` of the home folder.
const CRONTAB: &str = "#!/bin/sh\nexec cat \"$HOME/table\"\n";

fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let _turn = turn();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Returns the level and the message of a check, the most severe of several; empty without a result.
fn result(ran: &Ran, name: &str) -> (String, String) {
    let checks = ran.data();
    let mut results: Vec<&Value> = checks.as_array().unwrap().iter().filter(|check| check["check"] == name).collect();
    results.sort_by_key(|check| ["error", "warning", "ok"].iter().position(|level| check["level"] == *level));
    let text = |key: &str| results.first().map_or_else(String::new, |check| check[key].as_str().unwrap().to_owned());
    (text("level"), text("message"))
}

fn doctor(host: &Host) -> Ran {
    host.wnm(&["--json", "doctor"])
}

#[test]
fn doctor_creates_no_file() {
    let host = Host::new();
    let ran = host.doctor_of_a_new_host();
    // On a disk without space for a node, doctor has an error.
    assert!([0, 3].contains(&ran.code()), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("hint: run `wnm init --rewards-address"), "{}", ran.out);
    let left = fs::read_dir(host.path("")).unwrap().flatten().map(|entry| entry.file_name()).collect::<Vec<_>>();
    assert_eq!(left, [".local"], "only the node binary");
    assert!(!host.path(".local/share").exists());
}

#[test]
fn second_supervisor_is_reported() {
    let host = Host::with_colony();
    host.put_tool("crontab", CRONTAB);
    script(&host.path("venv/bin/wnm"), "#!/usr/bin/python3\n");
    for (line, level, message) in [
        ("0 3 * * * wnm report node-status", "ok", "none"),
        ("PATH=FOLDER\n*/1 * * * * wnm >> log 2>&1", "ok", "wnm runs in your crontab: */1"),
        ("*/1 * * * * wnm >> log 2>&1", "warning", "cron finds no wnm for the line in your crontab: */1"),
        (
            "*/1 * * * * . HOME/venv/bin/activate && wnm",
            "error",
            "the Python wnm manages nodes on this host too (in your crontab)",
        ),
        ("*/1 * * * * python3 -m wnm", "error", "the Python wnm manages nodes on this host too (in your crontab)"),
        (
            "* * * * * wnm\n* * * * * wnm run # wnm service",
            "error",
            "2 supervisors run wnm: in your crontab; in your crontab: * * * * * wnm",
        ),
    ] {
        let line = line.replace("HOME", host.path("").display().to_string().trim_end_matches('/'));
        let folder = Path::new(env!("CARGO_BIN_EXE_wnm")).parent().unwrap();
        let line = line.replace("FOLDER", &folder.display().to_string());
        fs::write(host.path("table"), line + "\n").unwrap();
        let ran = doctor(&host);
        let supervisor = result(&ran, "supervisor");
        assert!(supervisor.0 == level && supervisor.1.contains(message), "{supervisor:?}");
        assert_eq!(ran.code(), if level == "error" { 3 } else { 0 }, "{}", ran.out);
    }
    fs::write(host.path("wnm_active"), "").unwrap();
    assert_eq!(result(&doctor(&host), "python_lock").0, "error");
}

#[test]
fn program_that_another_user_can_replace_has_a_hint_of_its_own() {
    use std::os::unix::fs::PermissionsExt as _;
    let host = Host::with_colony();
    fs::set_permissions(host.path(".local/bin"), fs::Permissions::from_mode(0o777)).unwrap();
    let ran = doctor(&host);
    assert_eq!(result(&ran, "node_program").0, "error");
    assert!(ran.out.contains("chmod go-w"), "{}", ran.out);
    fs::remove_file(host.path(".local/bin/antnode")).unwrap();
    fs::set_permissions(host.path(".local/bin"), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(doctor(&host).out.contains("put antnode for this machine there"));
}

#[test]
fn unmanaged_process_and_service_are_reported() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let node = host.nodes().remove(0);
    assert_eq!(result(&doctor(&host), "instances").0.replace("warning", ""), "");
    let port = node["ports"]["node"].as_u64().unwrap() + 1;
    let folder = host.path("elsewhere").display().to_string();
    let mut command = std::process::Command::new(host.path(".local/bin/antnode"));
    command.args(["--root-dir", &folder, "--port", &port.to_string(), "--rewards-address"]);
    command.args(["0x00455d78f850b0358E8cea5be24d415E01E107CF", "--local", "--first", "--ip", "127.0.0.1"]);
    command.arg("evm-arbitrum-one").env_clear().env("HOME", host.path("")).stdout(std::process::Stdio::null());
    let mut unmanaged = {
        let _turn = turn();
        command.spawn().unwrap()
    };
    let bound = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        std::net::UdpSocket::bind(("0.0.0.0", u16::try_from(port).unwrap())).is_err()
    });
    let ran = doctor(&host);
    unmanaged.kill().unwrap();
    unmanaged.wait().unwrap();
    assert!(bound, "the unmanaged process binds its port");
    let process = format!("process {} on port {port} of antnode0002", unmanaged.id());
    assert_eq!(result(&ran, "instances").0, "error");
    assert!(result(&ran, "instances").1.contains(&process), "{}", ran.out);
    let (level, message) = result(&ran, "ports");
    let holder = format!("in use: process {} ", unmanaged.id());
    assert!(level == "error" && message.contains(&holder), "{message}");
    assert!(message.ends_with(&format!(" has UDP port {port}")), "{message}");
    assert_eq!(ran.code(), 3);
    assert_eq!(result(&doctor(&host), "ports").0, "ok");

    // A forgotten unit of another tool would start the node again.
    let units = host.path(".config/systemd/user");
    fs::create_dir_all(units.join("default.target.wants")).unwrap();
    let root = node["folder"].as_str().unwrap();
    fs::write(units.join("old.service"), format!("[Service]\nExecStart=/opt/antnode --root-dir {root}\n")).unwrap();
    std::os::unix::fs::symlink("../old.service", units.join("default.target.wants/old.service")).unwrap();
    let service = format!("antnode0001 by unit {}", units.join("old.service").display());
    assert!(result(&doctor(&host), "instances").1.contains(&service), "{}", doctor(&host).out);
}

#[test]
fn node_program_for_another_machine_is_an_error() {
    let host = Host::with_colony();
    // The head of an executable for 64-bit SPARC, on which these tests do not run.
    let mut head = b"\x7fELF\x02\x02\x01\x00\0\0\0\0\0\0\0\0\0\x02\0\x2b\0\0\0\x01".to_vec();
    head.resize(4096, 0);
    fs::write(host.path(".local/bin/antnode"), head).unwrap();
    let (level, message) = result(&doctor(&host), "node_program");
    assert!(level == "error" && message.contains("machine"), "{message}");
}

/// Programs that a check may call.
const TOOLS: [&str; 8] = ["stat", "systemctl", "loginctl", "crontab", "ufw", "docker", "journalctl", "findmnt"];

/// Returns the programs that doctor calls, in order of their names.
fn programs_called(host: &Host) -> Vec<String> {
    for tool in TOOLS {
        let text = format!("#!/bin/sh\necho {tool} >>\"$HOME/calls\"\nexec /usr/bin/{tool} \"$@\"\n");
        host.put_tool(tool, &text);
    }
    let _ = fs::remove_file(host.path("calls"));
    doctor(host).data();
    let mut calls: Vec<String> =
        fs::read_to_string(host.path("calls")).unwrap_or_default().lines().map(ToOwned::to_owned).collect();
    calls.sort();
    calls
}

#[test]
fn doctor_calls_as_many_programs_for_many_nodes_as_for_few() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 2");
    host.wait_for("two nodes", |nodes| states(nodes) == ["RUNNING"; 2]);
    let few = programs_called(&host);
    assert!(few.contains(&"stat".to_owned()), "{few:?}");
    host.expect(0, "node add --count 4");
    host.wait_for("six nodes", |nodes| states(nodes) == ["RUNNING"; 6]);
    assert_eq!(programs_called(&host), few);
}

/// Returns the check of this name and level, which must be there once.
fn only(ran: &Ran, name: &str, level: &str) -> Value {
    let checks = ran.data();
    let mut found = checks.as_array().unwrap().iter().filter(|check| check["check"] == name && check["level"] == level);
    let check = found.next().cloned().unwrap_or_else(|| panic!("no {level} {name}: {checks}"));
    assert_eq!(found.next(), None, "{name}");
    check
}

#[test]
fn folder_that_a_node_cannot_write_is_named_with_the_node() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 2");
    let nodes = host.wait_for("two nodes", |nodes| states(nodes) == ["RUNNING"; 2]);
    assert_eq!(result(&doctor(&host), "folder").0, "");
    // A file in the place of the log folder is closed to root, too.
    let logs = host.expect(0, "--json node show 2").json()[0]["log_folder"].as_str().unwrap().to_owned();
    fs::remove_dir_all(&logs).unwrap();
    fs::write(&logs, "").unwrap();
    let ran = doctor(&host);
    assert_eq!(ran.code(), 3, "{}", ran.out);
    let check = only(&ran, "folder", "error");
    let message = format!("1 folder is not writable for the user of the node: antnode0002 ({logs})");
    assert_eq!(check["message"], message);
    let page = host.wnm(&["doctor"]);
    assert_eq!(page.code(), 3);
    assert!(page.out.contains(&message) && page.out.contains(check["hint"].as_str().unwrap()), "{}", page.out);
    drop(nodes);
}

#[test]
fn node_that_hangs_is_named_although_its_port_accepts_connections() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 2");
    let nodes = host.wait_for("two nodes", |nodes| states(nodes) == ["RUNNING"; 2]);
    assert_eq!(result(&doctor(&host), "metrics").0, "");
    rustix::process::kill_process(pid(&nodes[1]).unwrap(), rustix::process::Signal::STOP).unwrap();
    let check = only(&doctor(&host), "metrics", "warning");
    assert_eq!(check["message"], "1 running node does not answer on the metrics port: antnode0002");
    assert!(check["hint"].as_str().unwrap().contains("`wnm node restart NODE`"), "{check}");
    rustix::process::kill_process(pid(&nodes[1]).unwrap(), rustix::process::Signal::CONT).unwrap();
}

#[test]
fn every_problem_has_a_hint_and_errors_have_an_exit_code() {
    let host = Host::with_colony();
    host.expect(0, "node add --count 2");
    let nodes = host.wait_for("two nodes", |nodes| states(nodes) == ["RUNNING"; 2]);
    // A killed node that no cycle has started again is an error.
    kill(pid(&nodes[0]).unwrap());
    let ran = doctor(&host);
    assert_eq!(ran.code(), 3, "{}", ran.out);
    let checks = ran.data();
    for check in checks.as_array().unwrap() {
        let is_good = check["level"] == "ok";
        assert!(is_good || check["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{check}");
        assert!(check["message"].as_str().is_some_and(|message| !message.is_empty()), "{check}");
    }
    // The page has the same lines.
    let page = host.wnm(&["doctor"]);
    assert_eq!(page.code(), 3);
    for check in checks.as_array().unwrap() {
        let name = check["check"].as_str().unwrap();
        assert!(page.out.lines().any(|line| line.split_whitespace().nth(1) == Some(name)), "{name}: {}", page.out);
    }
}
