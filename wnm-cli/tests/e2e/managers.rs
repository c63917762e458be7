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
fn doctor_tries_antctl() {
    let host = Host::new();
    put(&host, "antctl", "echo 'Autonomi Node Manager v0.14.2'");
    let ran = wnm(&host, &init_under(&host, "antctl+user"));
    assert_eq!(ran.code(), 0, "{}", ran.err);
    for (script, says) in [
        ("echo 'Autonomi Node Manager v0.14.2'", "process_manager  antctl+user"),
        ("echo 'error while loading shared libraries: libssl.so.3' >&2; exit 127", "libssl.so.3"),
    ] {
        put(&host, "antctl", script);
        let ran = wnm(&host, &["doctor".to_owned()]);
        assert!(ran.out.contains(says), "{}", ran.out);
        assert_eq!(ran.out.lines().any(|line| line.starts_with("error    process_manager")), ran.code() == 3);
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
