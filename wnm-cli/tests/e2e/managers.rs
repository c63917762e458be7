//! Process managers that are not there, or do not answer.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::host::{Host, Ran, turn};

/// Puts a program of this name in front of the others.
fn put(host: &Host, name: &str, script: &str) {
    fs::create_dir_all(host.path("bin")).unwrap();
    let _turn = turn();
    fs::write(host.path("bin").join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(host.path("bin").join(name), fs::Permissions::from_mode(0o755)).unwrap();
}

fn wnm(host: &Host, args: &[String]) -> Ran {
    let mut command = host.command(args);
    command.env("PATH", format!("{}:/usr/bin:/bin", host.path("bin").display()));
    let output = {
        let _turn = turn();
        command.output().unwrap()
    };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { status: output.status, out: text(output.stdout), err: text(output.stderr) }
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
        let ran = wnm(&host, &init_under(&host, manager));
        assert_ne!(ran.code(), 0, "{manager}");
        assert!(ran.err.contains(error) && ran.err.contains(hint), "{manager}: {}", ran.err);
        assert!(!host.path("wnm.db").exists(), "{manager}");
    }
}

#[test]
fn doctor_tries_the_manager() {
    let host = Host::new();
    put(&host, "docker", "exit 0");
    let ran = wnm(&host, &init_under(&host, "docker"));
    assert_eq!(ran.code(), 0, "{}", ran.err);
    let doctor = ["doctor".to_owned()];
    for (script, says) in [
        ("exit 0", "process_manager  docker"),
        (DEAD, "docker: the docker daemon does not run"),
        (NO_IMAGE, "docker: image debian:bookworm-slim is not on this host"),
    ] {
        put(&host, "docker", script);
        let ran = wnm(&host, &doctor);
        assert!(ran.out.contains(says), "{}", ran.out);
        assert!(script == "exit 0" || ran.code() == 3, "{}", ran.out);
    }
}

#[test]
fn addition_under_a_manager_that_does_not_work_costs_no_files() {
    let host = Host::new();
    put(&host, "docker", "exit 0");
    assert_eq!(wnm(&host, &init_under(&host, "docker")).code(), 0);
    let storage = host.path(".local/share/autonomi/node");
    for (script, says, cause) in [
        (DEAD, "the docker daemon does not run", "tool"),
        (NO_IMAGE, "image debian:bookworm-slim is not on this host", "tool"),
        (CLOSED, "this user may not use the docker daemon", "rights"),
    ] {
        put(&host, "docker", script);
        for _ in 0..3 {
            let ran = wnm(&host, &["node", "add"].map(str::to_owned));
            assert!(ran.code() != 0 && ran.out.contains("make folder") && ran.out.contains(says), "{}", ran.out);
        }
        let nodes = fs::read_dir(&storage).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let nodes: Vec<_> = nodes.filter(|name| name.to_string_lossy().starts_with("antnode")).collect();
        assert!(nodes.is_empty(), "{nodes:?}");
        let status = wnm(&host, &["--json", "status"].map(str::to_owned)).json();
        let failed = status["failures"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&failed["cause"], &failed["name"]), (&cause.into(), &"antnode0001".into()), "{failed}");
    }
}
