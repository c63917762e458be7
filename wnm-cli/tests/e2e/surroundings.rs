//! States in which the caller of wnm leaves it: signals, limits and file systems.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::daemon::{Daemon, wait_for_exit};
use crate::host::{Host, Ran, turn};
use crate::metrics::get;
use crate::probe;

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

/// Gives a host with a copy of wnm to another user: root has no limit of tasks.
fn give_away(host: &Host) {
    {
        let _turn = turn();
        fs::copy(env!("CARGO_BIN_EXE_wnm"), host.path("wnm")).unwrap();
    }
    let all = Command::new("chown").args(["-R", "65534:65534"]).arg(host.path("")).status().unwrap();
    assert!(all.success());
}

/// Returns a command of the copy of wnm as that user.
fn as_nobody(host: &Host, limits: &[&str], args: &[String]) -> Command {
    let inner = host.command(args);
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).args(limits);
    command.arg(host.path("wnm")).args(inner.get_args()).current_dir("/").stdin(Stdio::null());
    command.env_clear().envs(inner.get_envs().filter_map(|(key, value)| Some((key, value?))));
    command
}

#[test]
#[ignore = "needs root; .ci/root-tests runs it"]
fn lack_of_tasks_is_no_fault_of_a_volume_as_root() {
    let host = Host::new();
    give_away(&host);
    let unprivileged = |limits: &[&str], args: &[String]| Host::run(as_nobody(&host, limits, args), args);
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

/// A thread that does not start would end a released daemon, whose panics abort it.
#[test]
#[ignore = "needs root; .ci/root-tests runs it"]
fn daemon_works_on_at_its_limit_of_tasks_as_root() {
    let host = Host::with_colony();
    probe::prepare(&host);
    fs::write(host.path("probe.toml"), "[[task]]\nname = \"ask\"\nkind = \"quote\"\nsize = \"tiny\"\nevery = 60\n")
        .unwrap();
    fs::write(host.path("influx.toml"), "url = \"http://localhost:9\"\ndatabase = \"wnm\"\nevery = 10\n").unwrap();
    let private = Command::new("chmod").arg("600").arg(host.path("influx.toml")).status().unwrap();
    assert!(private.success());
    let address = format!("127.0.0.1:{}", host.spare_port(1));
    let [tasks, influx] = ["probe.toml", "influx.toml"].map(|file| host.path(file).display().to_string());
    host.expect(0, &format!("config set listen={address} influx={influx} probe_tasks={tasks}"));
    assert_eq!(host.wnm(&["config", "set", "probe=true", "probe_window=hourly :00-:60"]).code(), 0);
    give_away(&host);
    let log = host.path("log");
    let args = ["daemon", "--interval", "200ms"].map(str::to_owned);
    let mut command = as_nobody(&host, &[], &args);
    command.stdout(Stdio::null()).stderr(fs::File::create(&log).unwrap());
    let mut daemon = Daemon(command.spawn().unwrap());
    let wait = |goal: &str, is_reached: &dyn Fn(usize) -> bool| {
        let started = Instant::now();
        loop {
            let runs = host.expect(0, "--json probe history").json();
            let failed = runs.as_array().unwrap().iter().filter(|run| {
                run["outcome"] == "client_error" && run["cause"].to_string().contains("cannot start a thread")
            });
            if is_reached(if goal == "failed run" { failed.count() } else { runs.as_array().unwrap().len() }) {
                return;
            }
            let said = fs::read_to_string(&log).unwrap();
            assert!(started.elapsed() < Duration::from_secs(100), "no {goal}: {runs} {said}");
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    wait("first run", &|runs| runs > 0);
    let limit = |tasks: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "prlimit"]);
        command.arg(format!("--pid={}", daemon.0.id())).arg(format!("--nproc={tasks}:"));
        assert!(command.status().unwrap().success());
    };
    limit("1");
    for path in ["/", "/api/v1/nodes", "/api/v1/history", "/metrics"] {
        let answer = get(&address, path);
        assert!(answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
    wait("failed run", &|runs| runs > 0);
    let said = fs::read_to_string(&log).unwrap();
    assert!(!said.contains("panicked"), "{said}");
    limit("1000");
    rustix::process::kill_process(rustix::process::Pid::from_child(&daemon.0), rustix::process::Signal::TERM).unwrap();
    assert_eq!(wait_for_exit(&mut daemon), Some(0), "{}", fs::read_to_string(&log).unwrap());
}
