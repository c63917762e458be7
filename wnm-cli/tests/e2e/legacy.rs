//! Command lines of the Python wnm, as its users have them in crontabs and scripts.

use serde_json::json;

use crate::host::{Host, states};

#[test]
fn forced_actions_work() {
    let host = Host::with_colony();
    host.expect(0, "");
    host.expect(0, "-q");
    host.expect(0, "--force_action add --count 2 --interval 1");
    host.expect(0, "--force_action survey");
    host.wait_for("two running nodes", |nodes| states(nodes) == ["RUNNING"; 2]);
    host.expect(0, "--force_action stop --service_name antnode0002");
    host.expect(0, "--force_action disable --service_name antnode0001.service");
    assert_eq!(states(&host.nodes()), ["DISABLED", "STOPPED"]);
    host.expect(0, "--force_action teardown --confirm --dry_run");
    assert_eq!(host.nodes().len(), 2);
    host.expect(1, "--force_action teardown");
    host.expect(0, "--force_action teardown --confirm");
    assert_eq!(host.nodes().len(), 0);
}

#[test]
fn crontab_line_works_unchanged() {
    let host = Host::with_colony();
    std::fs::create_dir_all(host.path(".local/share/autonomi")).unwrap();
    std::fs::rename(host.path("wnm.db"), host.path(".local/share/autonomi/wnm.db")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_wnm"), host.path("wnm")).unwrap();
    let home = host.path("");
    let cron = |command: &str| {
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args(["-c", command]).env_clear().env("HOME", &home).current_dir(&home);
        shell.env("PATH", format!("{}:/usr/bin:/bin", home.display())).status().unwrap()
    };
    for command in ["wnm >> log 2>&1", "wnm -q --force_action add >> log 2>&1", "wnm >> log 2>&1"] {
        assert!(cron(command).success(), "{}", std::fs::read_to_string(host.path("log")).unwrap());
    }
    let log = std::fs::read_to_string(host.path("log")).unwrap();
    assert!(!log.contains('\u{1b}') && !log.is_empty(), "{log}");
    assert_eq!(host.processes().len(), 1);
}

#[test]
fn settings_for_one_run_are_not_stored() {
    let host = Host::with_colony();
    let is_stored = |text: &str| {
        let store = wnm_store::Store::open_read_only(&host.path("wnm.db")).unwrap();
        serde_json::to_string(&store.settings().unwrap()).unwrap().contains(text)
    };
    host.expect(0, "--enable_upgrade --this_action_delay 7 --this_survey_delay 8 --dry_run");
    host.expect(0, "run --this_action_delay 7 --this-enable-upgrade=false --dry_run");
    host.expect(0, "node survey --interval 3 --dry_run");
    assert!(!["enable_upgrade", "action_delay", "survey_delay"].into_iter().any(is_stored));
    host.expect(0, "run --action_delay 7");
    assert!(is_stored("action_delay"));
    let refused = host.expect(1, "run --this-action-delay soon");
    assert!(refused.err.contains("invalid value \"soon\" for action_delay: not a whole number"), "{}", refused.err);
}

#[test]
fn refused_line_changes_nothing() {
    let host = Host::with_colony();
    let locks = host.expect(0, "--remove_lockfile");
    assert!(locks.err.contains("the lock ends with its process"), "{}", locks.err);
    let unknown = host.expect(2, "--node_capp 50");
    assert!(unknown.err.contains("--node-cap"), "{}", unknown.err);
    for (code, line) in
        [(2, "--force_action disable_config --node_cap 60"), (1, "--migrate_anm"), (2, "--force_action frobnicate")]
    {
        let refused = host.expect(code, line);
        assert!(refused.err.contains("error:") && refused.err.contains("hint:"), "{}", refused.err);
    }
    assert_eq!(host.expect(0, "--json status").json()["node_cap"], json!(6));
}

#[test]
fn hint_names_the_database_of_the_python_wnm() {
    let host = Host::new();
    std::fs::write(host.path("colony.db"), "").unwrap();
    let path = host.path("colony.db").display().to_string();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_wnm"));
    command.env_clear().env("HOME", host.path("")).arg("--dbpath").arg(format!("sqlite:///{path}"));
    let output = command.output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5), "{message}");
    let db = host.path("wnm.db");
    assert!(message.contains(&format!("`wnm --db {} init --from-wnm {path}`", db.display())), "{message}");
    assert!(!host.path("wnm.db").exists());
}
