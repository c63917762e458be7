//! Commands of a user who may start no more tasks: threads and processes.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::Command;

use crate::host::{Host, Ran, turn};
use crate::terminal::shown_on_terminal;

/// Returns a command of a copy of wnm as another user, whose limits apply. Root has none.
fn unprivileged(host: &Host, limits: &[&str], line: &[String]) -> Command {
    let inner = host.command(line);
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).args(limits);
    command.arg(host.path("wnm")).args(inner.get_args()).current_dir("/");
    command.env_clear().envs(inner.get_envs().filter_map(|(key, value)| Some((key, value?))));
    command
}

#[test]
#[ignore = "needs root; .ci/root-tests runs it"]
fn commands_without_another_task_name_the_limit_as_root() {
    let host = Host::new();
    {
        let _turn = turn();
        fs::copy(env!("CARGO_BIN_EXE_wnm"), host.path("wnm")).unwrap();
    }
    let all = Command::new("chown").args(["-R", "65534:65534"]).arg(host.path("")).status().unwrap();
    assert!(all.success());
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let run = |limits: &[&str], line: &[String]| -> Ran { Host::run(unprivileged(&host, limits, line), line) };
    for line in [host.init_args(), words("node add")] {
        let ran = run(&[], &line);
        assert_eq!(ran.code(), 0, "{}{}", ran.out, ran.err);
    }
    let limit = ["prlimit", "--nproc=1"];
    let receiver =
        |name| format!("[[receiver]]\nname = \"{name}\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:9/\"\n");
    let file = host.path("alerts.toml");
    fs::write(&file, ["a", "b"].map(receiver).concat()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    chown(&file, Some(65_534), None).unwrap();
    assert_eq!(run(&[], &words(&format!("config set alerts={}", file.display()))).code(), 0);
    // The receivers are asked one after the other.
    let ran = run(&limit, &words("alert test"));
    assert!(ran.code() == 3 && ran.out.matches("onnection refused").count() == 2, "{}{}", ran.out, ran.err);
    let fault = "error: cannot start a thread: resource temporarily unavailable\nhint: end other processes";
    for line in ["daemon", "events --follow", "node logs 1 --follow", "status --watch"] {
        let ran = run(&limit, &words(line));
        assert!(ran.code() == 70 && ran.err.starts_with(fault), "{line}: {}{}", ran.out, ran.err);
    }
    // On a terminal, the display and the progress bar of a command need threads.
    for (line, said) in [("top", "cannot start a thread"), ("node stop 1", "1 done"), ("node start 1", "1 failed")] {
        let shown = shown_on_terminal(unprivileged(&host, &limit, &words(line)), 80);
        assert!(shown.contains(said) && !shown.contains("panicked"), "{line}: {shown}");
    }
    assert_eq!(run(&[], &words("teardown --yes")).code(), 0);
}
