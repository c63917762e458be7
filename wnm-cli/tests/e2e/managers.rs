//! Process managers that are not there, or do not answer.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use wnm_core::{Flavor, ManagerKind, Node, NodeId, NodeState, Ports, Timestamp, Upnp};
use wnm_store::Store;

use crate::host::{Host, Ran, states, turn};

/// Puts a program of this name in front of the others.
fn put(host: &Host, name: &str, script: &str) {
    host.put_tool(name, &format!("#!/bin/sh\n{script}\n"));
}

fn init_under(host: &Host, manager: &str) -> Vec<String> {
    host.init_args().into_iter().map(|word| if word == "setsid+user" { manager.to_owned() } else { word }).collect()
}

const DEAD: &str = "echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon \
                    running?' >&2; exit 1";
const CLOSED: &str = "echo 'Got permission denied while trying to connect to the Docker daemon socket' >&2; exit 1";
const NO_IMAGE: &str = "case $1 in image) echo 'Error: No such image: x' >&2; exit 1 ;; esac";

#[test]
fn init_refuses_a_manager_that_does_not_work() {
    for (program, script, manager, error, hint) in [
        ("docker", DEAD, "docker", "the docker daemon does not run", "systemctl start docker"),
        ("docker", CLOSED, "docker", "this user may not use the docker daemon", "usermod -aG docker"),
        ("docker", NO_IMAGE, "docker", "image debian:bookworm-slim is not on this host", "docker pull debian"),
        ("antctl", "echo 'no such library' >&2; exit 127", "antctl+user", "no such library", ""),
    ] {
        let host = Host::new();
        put(&host, program, script);
        let ran = host.wnm(&init_under(&host, manager));
        assert_ne!(ran.code(), 0, "{manager}");
        assert!(ran.err.contains(error) && ran.err.contains(hint), "{manager}: {}", ran.err);
        assert!(!host.path("wnm.db").exists(), "{manager}");
    }
}

/// Runs `wnm init` as a user in a namespace with its own /run, where systemd seems to run or not.
fn init_beside_systemd(host: &Host, user: &str, manager: &str, booted: &str) -> Ran {
    let words: Vec<String> = init_under(host, manager).iter().map(|word| format!("'{word}'")).collect();
    let (wnm, path, home) = (env!("CARGO_BIN_EXE_wnm"), host.tools(), host.path(""));
    let run = format!(
        "mount -t tmpfs t /run && {booted} && cp '{wnm}' /run/wnm && chmod 755 /run /run/wnm && \
         exec setpriv --reuid {user} --regid {user} --clear-groups env -u XDG_RUNTIME_DIR PATH='{}' HOME='{}' \
         /run/wnm --db '{}' {}",
        path,
        home.display(),
        host.path("wnm.db").display(),
        words.join(" ")
    );
    let output = {
        let _turn = turn();
        std::process::Command::new("unshare").args(["--mount", "--propagation", "private", "sh", "-ec", &run]).output()
    };
    let output = output.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { status: output.status, out: text(output.stdout), err: text(output.stderr) }
}

#[test]
#[ignore = "needs root; .ci/root-tests runs it"]
fn init_refuses_a_systemd_that_it_cannot_use_as_root() {
    const BOOTED: &str = "mkdir -p /run/systemd/system";
    const SESSION: &str = "mkdir -p /run/systemd/system /run/user/65534/systemd/private && chmod -R 755 /run/user";
    const SUDO: &str = "echo 'sudo: a password is required' >&2; exit 1";
    const SILENT: &str = "echo 'Failed to connect to bus: Connection refused' >&2; exit 1";
    const WORKS: &str = "echo Version=255";
    for (user, manager, booted, systemctl, error, hint) in [
        ("65534", "systemd+user", "true", WORKS, "systemd", "setsid+user"),
        ("65534", "systemd+user", BOOTED, WORKS, "no systemd instance of user 65534", "enable-linger"),
        ("65534", "systemd+user", SESSION, SILENT, "systemd instance of user 65534", "enable-linger"),
        ("65534", "systemd+sudo", BOOTED, WORKS, "sudo", "sudo"),
        ("0", "systemd+sudo", BOOTED, SILENT, "Failed to connect to bus", ""),
    ] {
        let host = Host::new();
        put(&host, "systemctl", systemctl);
        put(&host, "sudo", SUDO);
        fs::set_permissions(host.path(""), fs::Permissions::from_mode(0o777)).unwrap();
        let ran = init_beside_systemd(&host, user, manager, booted);
        assert!(!matches!(ran.code(), 0 | 101), "{manager}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(error) && ran.err.contains(hint), "{user} {manager}: {}", ran.err);
        assert!(!host.path("wnm.db").exists(), "{manager}");
    }
}

#[test]
fn doctor_tries_antctl() {
    let host = Host::new();
    put(&host, "antctl", "echo 'Autonomi Node Manager v0.14.2'");
    let ran = host.wnm(&init_under(&host, "antctl+user"));
    assert_eq!(ran.code(), 0, "{}", ran.err);
    for (script, says) in [
        ("echo 'Autonomi Node Manager v0.14.2'", "process_manager  antctl+user"),
        ("echo 'error while loading shared libraries: libssl.so.3' >&2; exit 127", "libssl.so.3"),
    ] {
        put(&host, "antctl", script);
        let ran = host.wnm(&["doctor"]);
        assert!(ran.out.contains(says), "{}", ran.out);
        // The disk of the test host can be another error.
        let is_error = ran.out.lines().any(|line| line.starts_with("error    process_manager"));
        assert_eq!(is_error, script.contains("exit 127"), "{}", ran.out);
        assert!(!is_error || ran.code() == 3, "{}", ran.out);
    }
}

/// A node of docker, with its folder.
fn container(host: &Host, number: u16) -> Node {
    let id = NodeId::new(number.into()).unwrap();
    let root = host.path(".local/share/autonomi/node").join(id.name());
    let uuid = format!("c0ffee00-0000-4000-8000-{number:012}");
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join(".wnm-node"), format!(r#"{{"version":1,"uuid":"{uuid}","id":{number}}}"#)).unwrap();
    Node {
        service: None,
        id,
        uuid,
        flavor: Flavor::Antnode,
        manager: ManagerKind::ALL.into_iter().find(|kind| kind.to_string() == "docker").unwrap(),
        log_dir: root.join("logs"),
        binary: root.join("antnode"),
        root_dir: root,
        ports: Ports { node: host.spare_port(2 * number), metrics: Some(host.spare_port(2 * number + 1)), rpc: None },
        wallet: "0x00455d78f850b0358E8cea5be24d415E01E107CF".parse().unwrap(),
        network: vec!["evm-arbitrum-one".to_owned()],
        arguments: Vec::new(),
        environment: Vec::new(),
        upnp: Upnp::On,
        born: Timestamp::from_secs(i64::from(number)),
    }
}

#[test]
fn cycle_under_a_dead_docker_daemon_is_one_sentence_and_changes_nothing() {
    let host = Host::new();
    put(&host, "docker", "exit 0");
    let ran = host.wnm(&init_under(&host, "docker"));
    assert_eq!(ran.code(), 0, "{}", ran.err);
    let running = |number| (container(&host, number), NodeState::Running { since: Timestamp::from_secs(9) });
    Store::open(&host.path("wnm.db")).unwrap().insert_nodes(&[running(1), running(2)]).unwrap();
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let calls = host.path("calls").display().to_string();
    for (script, error, hint) in [
        (DEAD, "the docker daemon does not run", "systemctl start docker"),
        (CLOSED, "this user may not use the docker daemon", "usermod -aG docker"),
        ("exit 127", "docker", "wnm doctor"),
    ] {
        put(&host, "docker", &format!("echo \"$*\" >>{calls}\n{script}"));
        for _ in 0..2 {
            let ran = host.wnm(&words("run"));
            assert_eq!(ran.code(), 3, "{script}: {}{}", ran.out, ran.err);
            let said: Vec<&str> = ran.err.lines().filter(|line| !line.is_empty()).collect();
            assert!(
                matches!(said[..], [first, second] if first.starts_with("error: ") && first.contains(error)
                    && first.ends_with("nodes of unknown state: antnode0001, antnode0002") && second.starts_with("hint: ") && second.contains(hint)),
                "{script}: {said:#?}"
            );
            let list = host.wnm(&words("--json node list")).json();
            assert_eq!(states(list.as_array().unwrap()), ["UNKNOWN", "UNKNOWN"], "{script}");
        }
        assert_eq!(host.wnm(&["doctor"]).code(), 3, "{script}");
    }
    let calls = fs::read_to_string(calls).unwrap();
    let changes = ["create", "start", "stop", "kill", "rm"];
    assert!(!calls.lines().any(|call| call.split(' ').any(|word| changes.contains(&word))), "{calls}");
}

#[test]
fn doctor_tries_the_manager() {
    let host = Host::new();
    put(&host, "docker", "exit 0");
    let ran = host.wnm(&init_under(&host, "docker"));
    assert_eq!(ran.code(), 0, "{}", ran.err);
    for (script, says) in [
        ("exit 0", "process_manager  docker"),
        (DEAD, "docker: the docker daemon does not run"),
        (NO_IMAGE, "docker: image debian:bookworm-slim is not on this host"),
    ] {
        put(&host, "docker", script);
        let ran = host.wnm(&["doctor"]);
        assert!(ran.out.contains(says), "{}", ran.out);
        assert!(script == "exit 0" || ran.code() == 3, "{}", ran.out);
    }
}
