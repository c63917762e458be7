//! `wnm service` with cron. The system tests cover systemd, which needs a machine of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::Value;

use crate::host::Host;

/// A `crontab` program that stores the table in the home folder.
const CRONTAB: &str = r#"#!/bin/sh
case $1 in
-l) [ -f "$HOME/table" ] && exec cat "$HOME/table"; echo "no crontab for $USER" >&2; exit 1 ;;
*) exec cp "$1" "$HOME/table" ;;
esac
"#;

/// Gives a host a crontab of its own.
pub(crate) fn with_cron(host: &Host) {
    host.put_tool("crontab", CRONTAB);
}

#[test]
fn installed_crontab_line_runs_a_cycle() {
    let host = Host::with_colony();
    with_cron(&host);
    fs::write(host.path("table"), "MAILTO=op\n").unwrap();
    let shown = host.wnm(&["service", "show", "--cron"]);
    for (changed, message) in [
        (true, "installed the service in your crontab\n"),
        (false, "the service is installed already in your crontab\n"),
    ] {
        let ran = host.wnm(&["--json", "service", "install", "--cron"]).json();
        assert_eq!(ran["changed"], Value::Bool(changed));
        assert_eq!(ran["installed"], Value::Bool(true));
        assert_eq!(ran["text"].as_str(), Some(shown.out.as_str()));
        if !changed {
            assert_eq!(host.wnm(&["service", "install", "--cron"]).out, message);
        }
    }
    let table = fs::read_to_string(host.path("table")).unwrap();
    assert_eq!(table, format!("MAILTO=op\n{}", shown.out));

    let command = shown.out.strip_prefix("* * * * * ").unwrap();
    host.expect(1, "explain");
    let cron = Command::new("/bin/sh").args(["-c", command]).env_clear().env("PATH", "/usr/bin:/bin").status();
    assert!(cron.unwrap().success());
    host.expect(0, "explain 1");

    let ran = host.wnm(&["service", "uninstall", "--cron"]);
    assert_eq!(ran.out, "removed the service in your crontab; nodes keep running\n");
    assert_eq!(fs::read_to_string(host.path("table")).unwrap(), "MAILTO=op\n");
    assert_eq!(host.wnm(&["service", "uninstall", "--cron"]).out, "no service installed in your crontab\n");
}

#[test]
#[ignore = "needs root; .ci/root-tests runs it"]
fn wnm_that_another_user_can_replace_is_not_installed_as_root() {
    let host = Host::with_colony();
    with_cron(&host);
    let copy = host.path("shared/wnm");
    fs::create_dir(copy.parent().unwrap()).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_wnm"), &copy).unwrap();
    let run = |words: &[&str]| {
        let usual = host.command(words);
        let mut command = Command::new(&copy);
        command.args(usual.get_args()).envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Host::run(command, words)
    };
    let set = |mode| fs::set_permissions(copy.parent().unwrap(), fs::Permissions::from_mode(mode)).unwrap();
    set(0o777);
    let ran = run(&["service", "install", "--cron"]);
    assert_eq!(ran.code(), 1, "{}", ran.err);
    assert!(ran.err.contains("another user can write") && ran.err.contains("use a copy in a folder"), "{}", ran.err);
    assert!(!host.path("table").exists());

    set(0o755);
    assert_eq!(run(&["service", "install", "--cron"]).code(), 0);
    set(0o777);
    let told = run(&["doctor"]).out;
    assert!(told.contains("the supervisor runs a wnm that another user can replace"), "{told}");
}

#[test]
fn service_of_another_colony_stays() {
    let (one, other) = (Host::with_colony(), Host::with_colony());
    with_cron(&one);
    assert_eq!(one.wnm(&["service", "install", "--cron"]).code(), 0);
    let table = fs::read_to_string(one.path("table")).unwrap();
    let words = ["service", "install", "--cron"];
    let mut command = other.command(&words);
    command.env("PATH", one.tools()).env("HOME", one.path(""));
    let ran = Host::run(command, &words);
    assert_eq!(ran.code(), 1, "{}", ran.err);
    assert!(ran.err.contains("wnm is installed for another database"), "{}", ran.err);
    assert!(ran.err.contains("service uninstall"), "{}", ran.err);
    assert_eq!(fs::read_to_string(one.path("table")).unwrap(), table);
}

#[test]
fn install_without_a_colony_is_refused() {
    let host = Host::new();
    with_cron(&host);
    let ran = host.wnm(&["service", "install", "--cron"]);
    assert_eq!(ran.code(), 5, "{}", ran.err);
    assert!(!host.path("table").exists());
    let both = host.wnm(&["service", "show", "--cron", "--interval", "1m"]);
    assert_eq!(both.code(), 2, "{}", both.err);
}
