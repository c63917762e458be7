//! `wnm config`, and the precedence of the sources of settings.

use std::fs;
use std::process::Stdio;

use serde_json::json;

use crate::host::{Host, Ran, turn};

/// Runs a command with variables in its environment.
fn with(host: &Host, variables: &[(&str, &str)], words: &[&str]) -> Ran {
    let mut command = host.command(words);
    command.envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = {
        let _turn = turn();
        command.spawn().unwrap()
    };
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { status: output.status, out: text(output.stdout), err: text(output.stderr) }
}

fn put(host: &Host, below: &str, text: impl AsRef<[u8]>) {
    let path = host.path(below);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Returns the output and the messages of a command, with the folder of the host as HOME.
fn plain(host: &Host, ran: &Ran) -> String {
    let home = host.path("");
    format!("{}{}", ran.out, ran.err).replace(home.to_str().unwrap().trim_end_matches('/'), "HOME")
}

#[test]
fn sources_have_the_documented_precedence() {
    let host = Host::with_colony();
    let cap = |variables: &[(&str, &str)], words: &[&str]| {
        let list = with(&host, variables, &[words, &["--json", "config", "list"]].concat()).json();
        let entry = list.as_array().unwrap().iter().find(|entry| entry["key"] == "cpu_less_than").unwrap().clone();
        (entry["value"].to_string(), entry["source"]["kind"].as_str().unwrap().to_owned())
    };
    let is = |value: &str, source: &str| (value.to_owned(), source.to_owned());
    assert_eq!(cap(&[], &[]), is("50", "default"));
    host.expect(0, "config set cpu_less_than 41");
    assert_eq!(cap(&[], &[]), is("41", "database"));
    // The place of the Python wnm, the place of this one, and a named file.
    put(&host, "wnm/config", "cpu_less_than = 42\n");
    assert_eq!(cap(&[], &[]), is("42", "file"));
    put(&host, ".config/wnm/config.toml", "cpu_less_than = 43\n");
    assert_eq!(cap(&[], &[]), is("43", "file"));
    put(&host, "xdg/wnm/config.toml", "cpu_less_than = 44\n");
    assert_eq!(cap(&[("XDG_CONFIG_HOME", host.path("xdg").to_str().unwrap())], &[]), is("44", "file"));
    put(&host, "my.toml", "cpu_less_than = 45\n");
    let named = host.path("my.toml");
    let named = named.to_str().unwrap();
    assert_eq!(cap(&[], &["--config", named]), is("45", "file"));
    assert_eq!(cap(&[("WNM_CONFIG", named)], &[]), is("45", "file"));
    assert_eq!(cap(&[("CPU_LESS_THAN", "46")], &[]), is("46", "environment"));
    assert_eq!(cap(&[("CPU_LESS_THAN", "46"), ("WNM_CPU_LESS_THAN", "47")], &[]), is("47", "environment"));
    let text = with(&host, &[("WNM_NODE_CAP", "5")], &["config", "list", "--origin"]);
    let lines = text.out.lines().filter(|line| {
        ["SETTING", "node_cap", "cpu_", "mem_remove"].iter().any(|word| line.trim_start().starts_with(word))
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n").replace(host.path("").to_str().unwrap(), "HOME/"));
    // Variables with a common meaning are no settings.
    let list = with(&host, &[("HOST", "example.org"), ("ENVIRONMENT", "A=1")], &["--json", "config", "get", "host"]);
    assert_eq!(list.json()["value"], "127.0.0.1");
    // A cycle stores its flags in the database, which the config file overrides.
    host.expect(0, "run --dry-run --cpu-less-than 48");
    assert_eq!(cap(&[], &[]).0, "43");
}

/// The tests of `wnm-sim` check that `tune` writes this file.
#[test]
fn tuned_policy_is_a_config_file() {
    let host = Host::with_colony();
    put(&host, "tuned.toml", include_str!("../../../wnm-sim/tests/data/tuned.toml"));
    let path = host.path("tuned.toml");
    let words = ["--config", path.to_str().unwrap(), "--json", "config", "list"];
    let list = with(&host, &[], &words).json();
    for (key, value) in [
        ("preset", json!("steady")),
        ("cpu_limit", json!(false)),
        ("steady_relief_target", json!(32)),
        ("steady_grace", json!(60)),
    ] {
        let entry = list.as_array().unwrap().iter().find(|entry| entry["key"] == key).unwrap();
        assert_eq!((&entry["value"], &entry["source"]["kind"]), (&value, &"file".into()), "{entry}");
    }
    let ran = with(&host, &[], &["--config", path.to_str().unwrap(), "run", "--dry-run"]);
    assert_eq!(ran.code(), 0, "{}", ran.err);
}

#[test]
fn settings_are_stored_all_or_none() {
    let host = Host::with_colony();
    let mut outputs = Vec::new();
    let mut run = |words: &[&str], code| {
        let ran = host.wnm(words);
        assert_eq!(ran.code(), code, "{words:?}: {}{}", ran.out, ran.err);
        outputs.push(format!("$ wnm {}\n{}", words.join(" "), plain(&host, &ran)));
    };
    run(&["config", "set", "delay_start", "30"], 0);
    run(&["config", "set", "delay-start=30", "mem_less_than=55"], 0);
    run(&["config", "set", "delay_start", "1min", "mem_less_than", "56"], 0);
    run(&["config", "get", "mem_less_than"], 0);
    run(&["config", "unset", "mem_less_than"], 0);
    run(&["config", "set", "cpu_less_than=90", "cpu_remove=80", "node_cap=7"], 1);
    run(&["config", "set", "node_cap=many", "cpu_remove=101"], 1);
    run(&["config", "set", "node_cup", "7"], 1);
    run(&["config", "set", "node_cap"], 1);
    run(&["config", "get", "node_cup"], 1);
    run(&["config", "unset", "rewards_address"], 1);
    run(&["config", "path"], 0);
    assert_eq!(host.expect(0, "config get node_cap").out, "6\n");
    insta::assert_snapshot!(outputs.join("\n"));

    // Settings that nodes were created with are fixed, for every source.
    host.expect(0, "node add");
    for (variables, words) in [
        (&[][..], &["config", "set", "process_manager", "setsid+sudo"][..]),
        (&[], &["config", "unset", "port_start"]),
        (&[("WNM_PROCESS_MANAGER", "setsid+sudo")], &["run", "--dry-run"]),
        (&[("PROCESS_MANAGER", "setsid+sudo")], &["node", "stop", "1"]),
    ] {
        let ran = with(&host, variables, words);
        assert_eq!(ran.code(), 1, "{words:?}: {}", ran.err);
        assert!(ran.err.contains("the existing nodes were created with it"), "{words:?}: {}", ran.err);
    }
    let ran = with(&host, &[("WNM_NODE_CAP", "9")], &["config", "set", "node_cap", "8"]);
    assert_eq!(ran.code(), 1);
    assert!(ran.err.contains("variable WNM_NODE_CAP sets it"), "{}", ran.err);
}

#[test]
fn fixed_setting_of_a_variable_is_stored() {
    let host = Host::new();
    let args = host.init_args();
    let ports = args.iter().position(|word| word == "--port-start").unwrap();
    let rest: Vec<&str> = args
        .iter()
        .enumerate()
        .filter(|(i, _)| ![ports, ports + 1].contains(i))
        .map(|(_, word)| word.as_str())
        .collect();
    let ran = with(&host, &[("WNM_PORT_START", &args[ports + 1])], &rest);
    assert_eq!(ran.code(), 0, "{}", ran.err);
    assert_eq!(host.expect(0, "config get port_start").out.trim(), args[ports + 1]);
}

#[test]
fn dry_run_uses_settings_and_stores_none() {
    let host = Host::with_colony();
    for (line, stored) in
        [("run --dry-run --node-cap 0", "6"), ("--node_cap 0 --dry_run", "6"), ("run --node-cap 0", "0")]
    {
        let shown = host.expect(0, line).out;
        assert!(shown.contains("(node_cap)"), "{line}: {shown}");
        assert_eq!(host.expect(0, "config get node_cap").out.trim(), stored, "{line}");
    }
    // Invalid settings are errors in a dry run too.
    host.expect(1, "run --dry-run --cpu-less-than 99 --cpu-remove 9");
}

#[test]
fn home_is_expanded_in_paths() {
    let host = Host::with_colony();
    host.expect(0, "config set antnode_path ~/.local/bin/antnode");
    assert_eq!(host.expect(0, "config get antnode_path").out.trim(), host.path(".local/bin/antnode").to_str().unwrap());
}

#[test]
fn errors_of_the_config_file_name_its_lines() {
    let host = Host::with_colony();
    fs::create_dir(host.path("folder.toml")).unwrap();
    put(&host, "bytes.toml", b"node_cap = 3\n# \xff\n");
    put(&host, "wrong.toml", "node_cap = 'x'\nnode_cup = 3\n\ncpu_remove = 10\ncpu_remove = 11\n");
    put(&host, "faults.toml", "node_cap = 'x'\nnode_cup = 3\n");
    put(&host, "old.conf", "node_cap = 3\nnode-cap = 4\nmem_remove: 200\n");
    put(&host, "contrary.toml", "cpu_less_than = 80\ncpu_remove = 70\n");
    let mut outputs = Vec::new();
    for file in ["none.toml", "folder.toml", "bytes.toml", "wrong.toml", "faults.toml", "old.conf", "contrary.toml"] {
        let path = host.path(file);
        let ran = host.wnm(&["--config", path.to_str().unwrap(), "run", "--dry-run", "--node-cap", "4"]);
        assert_eq!(ran.code(), 1, "{file}: {}", ran.err);
        outputs.push(format!("{file}\n{}", plain(&host, &ran)));
    }
    let ran = with(&host, &[("WNM_NODE_CAP", "x"), ("MEM_REMOVE", "-1")], &["run", "--dry-run"]);
    assert_eq!(ran.code(), 1);
    outputs.push(format!("variables\n{}", plain(&host, &ran)));
    insta::assert_snapshot!(outputs.join("\n"));
    assert_eq!(host.expect(0, "config get node_cap").out, "6\n");
}

#[test]
fn times_and_sizes_may_name_their_unit_in_every_source() {
    let host = Host::with_colony();
    let value = |variables: &[(&str, &str)], words: &[&str], key: &str| {
        let entry = with(&host, variables, &[words, &["--json", "config", "get", key]].concat()).json();
        (entry["value"].clone(), entry["unit"].clone())
    };
    host.expect(0, "config set delay_restart=2h5min crisis_bytes=1.5TiB");
    assert_eq!(value(&[], &[], "delay_restart"), (json!(7500), json!("seconds")));
    assert_eq!(value(&[], &[], "crisis_bytes"), (json!(1_649_267_441_664_u64), json!("bytes")));
    assert_eq!(host.expect(0, "config get delay_restart").out, "2h 5min\n");
    assert_eq!(host.expect(0, "config get crisis_bytes").out, "1.5 TiB\n");
    assert_eq!(value(&[("WNM_DELAY_RESTART", "90s")], &[], "delay_restart").0, json!(90));
    put(&host, "units.toml", "delay_restart = '1h'\naction_delay = '1.5s'\n");
    put(&host, "units.conf", "delay_restart = 2d\n");
    let [toml, lines] = ["units.toml", "units.conf"].map(|name| host.path(name).to_str().unwrap().to_owned());
    assert_eq!(value(&[], &["--config", &toml], "delay_restart").0, json!(3600));
    assert_eq!(value(&[], &["--config", &toml], "action_delay"), (json!(1500), json!("milliseconds")));
    assert_eq!(value(&[], &["--config", &lines], "delay_restart").0, json!(172_800));
    host.expect(0, "run --delay-restart 3min --node-cap 0");
    assert_eq!(value(&[], &[], "delay_restart").0, json!(180));
    for (text, cause) in [("500ms", "not a whole number of seconds"), ("5 parsecs", "or with units (ms, s, min")] {
        let ran = host.wnm(&["config", "set", "delay_restart", text]);
        assert_eq!(ran.code(), 1, "{text}");
        assert!(ran.err.contains(cause) && ran.err.contains("wnm config set delay_restart=10min"), "{}", ran.err);
    }
}

#[test]
fn flags_after_values_are_flags() {
    let host = Host::with_colony();
    assert_eq!(host.expect(0, "config set node_cap 5 --json").json()[0]["value"], json!(5));
    host.expect(2, "config set node_cap 5 --jsno");
    host.expect(2, "run --node-cap --dry-run");
    for line in ["config set node_cap -5", "config set node_cap=-5", "run --node-cap -5 --dry-run"] {
        let ran = host.expect(1, line);
        assert!(ran.err.contains("invalid value \"-5\" for node_cap: not between 0 and"), "{line}: {}", ran.err);
    }
    host.expect(0, "config set start_args=--verbose");
    host.expect(0, "config set start_args -- --verbose");
}

#[test]
fn changes_name_the_nodes_that_keep_the_old_value() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let ran = host.expect(0, "config set environment=A=1 node_cap=5");
    assert!(ran.out.contains("  1 existing node keeps the old value; new nodes get the new one\n"), "{}", ran.out);
    let changed = host.expect(0, "--json config set environment=A=2").json();
    assert_eq!((&changed[0]["takes_effect"], &changed[0]["nodes_with_old_value"]), (&json!("new_nodes"), &json!(1)));
}

#[test]
fn settings_are_edited_as_a_whole() {
    let host = Host::with_colony();
    let edit = |script: &str, rest: &[&str]| {
        put(&host, "editor", format!("#!/bin/sh\n{script}\n"));
        let editor = format!("/bin/sh {}", host.path("editor").display());
        let folder = host.path("tmp");
        fs::create_dir_all(&folder).unwrap();
        let variables = [("EDITOR", editor.as_str()), ("TMPDIR", folder.to_str().unwrap())];
        with(&host, &variables, &[&["config", "edit"], rest].concat())
    };
    let left = || fs::read_dir(host.path("tmp")).unwrap().count();
    assert_eq!(edit(":", &[]).err, "no change\n");
    let ran = edit("sed -i 's/^#steady_grace.*/steady_grace = \"90s\"/; s/^node_cap.*/node_cap = 7/' \"$1\"", &[]);
    assert_eq!((ran.code(), left()), (0, 0), "{}", ran.err);
    assert!(ran.out.contains("node_cap = 7 (was 6)"), "{}", ran.out);
    assert_eq!(host.expect(0, "config get steady_grace").out, "1min 30s\n");
    // A removed line restores the default.
    assert_eq!(edit("sed -i '/^steady_grace/d' \"$1\"", &[]).code(), 0);
    assert_eq!(host.expect(0, "config get steady_grace").out, "2min\n");
    assert_eq!(edit("exit 3", &[]).code(), 1);
    assert_eq!(left(), 0);
    let ran = edit("echo 'cpu_less_than = 100' > \"$1.new\"; cat \"$1\" >> \"$1.new\"; mv \"$1.new\" \"$1\"", &[]);
    assert_eq!((ran.code(), left()), (1, 1), "{}", ran.err);
    assert!(ran.err.contains(".toml:1)") && ran.err.contains("continue with `wnm config edit "), "{}", ran.err);
    let kept = fs::read_dir(host.path("tmp")).unwrap().next().unwrap().unwrap().path();
    let ran = edit("sed -i '1s/100/45/' \"$1\"", &[kept.to_str().unwrap()]);
    assert_eq!(ran.code(), 0, "{}", ran.err);
    assert_eq!(host.expect(0, "config get cpu_less_than").out, "45 %\n");
    // A smaller colony needs consent: the hint continues with the edited file.
    host.expect(0, "node add --count 2");
    let ran = edit("sed -i 's/^node_cap.*/node_cap = 1/' \"$1\"", &[]);
    assert_eq!(ran.code(), 1, "{}", ran.err);
    let hint = ran.err.rsplit_once("hint: run `wnm ").unwrap().1.trim_end().trim_end_matches('`');
    let words = hint.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let file = words.last().unwrap();
    assert!(hint.contains("config edit --yes /") && file.ends_with(".toml"), "{hint}");
    let ran = edit(":", &["--yes", file]);
    assert_eq!(ran.code(), 0, "{}", ran.err);
    assert_eq!(host.expect(0, "config get node_cap").out, "1\n");
}

/// Asserts that a config file is refused because another user can change it.
#[track_caller]
fn assert_refused(host: &Host, named: &[&str]) {
    let ran = host.wnm(named);
    assert_eq!(ran.code(), 1, "{}", ran.out);
    assert!(ran.err.contains("another user can write it") && ran.err.contains("chmod go-w"), "{}", ran.err);
}

#[test]
fn config_file_that_another_user_can_write_is_refused() {
    let host = Host::with_colony();
    put(&host, "config.toml", "node_cap = 3\n");
    let path = host.path("config.toml");
    let named = ["--config", path.to_str().unwrap(), "config", "get", "node_cap"];
    assert_eq!(host.wnm(&named).out, "3\n");
    let set = |mode| std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    set(0o666);
    assert_refused(&host, &named);
    set(0o644);
    assert_eq!(host.wnm(&named).out, "3\n");
}

#[test]
#[ignore = "needs root; .ci/root-tests runs it"]
fn config_file_of_another_user_is_refused_as_root() {
    let host = Host::with_colony();
    put(&host, "config.toml", "node_cap = 3\n");
    let path = host.path("config.toml");
    let named = ["--config", path.to_str().unwrap(), "config", "get", "node_cap"];
    assert_eq!(host.wnm(&named).out, "3\n");
    std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
    assert_refused(&host, &named);
    // The members of its group can write the file of root.
    std::os::unix::fs::chown(&path, Some(0), Some(12345)).unwrap();
    let set = |mode| std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    set(0o664);
    assert_refused(&host, &named);
    set(0o644);
    assert_eq!(host.wnm(&named).out, "3\n");
}

#[test]
fn defaults_behind_other_work_are_told() {
    let host = Host::with_colony();
    host.expect(0, "config set preset=steady");
    host.expect(0, "config unset cpu_remove max_load_average_allowed");
    let told = |key| {
        let entry = host.wnm(&["--json", "config", "get", key]).json();
        (entry["value"].clone(), entry["source"]["kind"].as_str().unwrap().to_owned())
    };
    assert_eq!(told("cpu_remove"), (json!(70), "default".to_owned()));
    // A cycle observes that the scheduling priority of the nodes is lower than that of other processes.
    host.expect(0, "run");
    assert_eq!(told("cpu_remove"), (json!(92), "behind_other_work".to_owned()));
    assert_eq!(told("desired_load_average"), (json!(null), "behind_other_work".to_owned()));
    assert_eq!(told("mem_less_than"), (json!(60), "default".to_owned()));
    // A threshold that is set holds everywhere, and so does the default of its pair.
    insta::assert_snapshot!(host.expect(0, "config set cpu_remove=80").out, @"
    cpu_less_than = 50 % (was 75 %)
    cpu_remove = 80 % (was 92 %)
    ");
}
