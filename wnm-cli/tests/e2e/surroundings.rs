//! States in which the caller of wnm leaves it: signals, limits and file systems.

use std::fs;
use std::process::Command;

use crate::host::{Host, Ran, turn};

impl Host {
    /// Runs wnm by a program that takes a command line.
    fn run_by(&self, program: &[&str], line: &str) -> Ran {
        let inner = self.command(&line.split(' ').collect::<Vec<_>>());
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).arg(inner.get_program()).args(inner.get_args());
        command.env_clear().envs(inner.get_envs().filter_map(|(key, value)| Some((key, value?))));
        Self::run(command, &line.split(' ').collect::<Vec<_>>())
    }
}

#[test]
fn ends_of_programs_are_seen_where_the_caller_ignores_them() {
    let host = Host::with_colony();
    for line in ["node add", "run", "doctor"] {
        let ran = host.run_by(&["env", "--ignore-signal=CHLD"], line);
        assert!(!ran.err.contains("panicked") && !ran.err.contains("no child processes"), "{line}: {}", ran.err);
        assert!(line == "doctor" || ran.code() == 0, "{line}: {}{}", ran.out, ran.err);
    }
    host.expect(0, "teardown --yes");
}

#[test]
fn limit_on_the_size_of_files_fails_the_addition_only() {
    let host = Host::with_colony();
    let ran = host.run_by(&["prlimit", "--fsize=2000000"], "node add");
    assert!(ran.code() == 3 && ran.out.contains("file too large"), "{}{}", ran.out, ran.err);
    assert!(!host.path(".local/share/autonomi/node/antnode0001").exists());
    host.expect(0, "node add");
    host.expect(0, "teardown --yes");
}

#[test]
#[ignore = "needs root; .ci/root-tests runs it"]
fn host_without_its_boot_id_is_named_as_root() {
    let host = Host::with_colony();
    let script = "mount -t proc -o subset=pid proc /proc && exec \"$0\" \"$@\"";
    let part = ["unshare", "--mount", "sh", "-c", script];
    for (line, code) in [("run", 1), ("doctor", 3)] {
        let ran = host.run_by(&part, line);
        let said = format!("{}{}", ran.out, ran.err);
        assert!(ran.code() == code && said.contains("cannot read the boot ID of this host"), "{line}: {said}");
        assert!(said.contains("hint: mount /proc with all of its files"), "{line}: {said}");
    }
}

#[test]
#[ignore = "needs root; .ci/root-tests runs it"]
fn lack_of_tasks_is_no_fault_of_a_volume_as_root() {
    let host = Host::new();
    // A copy that another user reaches: root has no limit.
    let wnm = host.path("wnm");
    {
        let _turn = turn();
        fs::copy(env!("CARGO_BIN_EXE_wnm"), &wnm).unwrap();
    }
    let all = Command::new("chown").args(["-R", "65534:65534"]).arg(host.path("")).status().unwrap();
    assert!(all.success());
    let unprivileged = |limits: &[&str], args: &[String]| {
        let inner = host.command(args);
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).args(limits);
        command.arg(&wnm).args(inner.get_args()).current_dir("/");
        command.env_clear().envs(inner.get_envs().filter_map(|(key, value)| Some((key, value?))));
        Host::run(command, args)
    };
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    for (args, code) in [(host.init_args(), 0), (words("node add"), 0)] {
        let ran = unprivileged(&[], &args);
        assert_eq!(ran.code(), code, "{}{}", ran.out, ran.err);
    }
    for (line, code) in [("run", 0), ("status", 0), ("node stop 1", 0), ("daemon", 70)] {
        let ran = unprivileged(&["prlimit", "--nproc=1"], &words(line));
        let said = format!("{}{}", ran.out, ran.err);
        assert!(ran.code() == code && !said.contains("panicked") && !said.contains("file system"), "{line}: {said}");
        assert!(code == 0 || said.contains("esource temporarily unavailable"), "{line}: {said}");
    }
    assert_eq!(unprivileged(&[], &words("teardown --yes")).code(), 0);
}
