//! Invalid input ends with an error, a hint, the right exit code, and no change.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt;

use wnm_platform::fake_node::Behaviour;

use crate::host::{Host, states, turn};

/// Runs `init` with some flags changed or added, and returns its error, with the folder of the host as HOME.
fn refused(change: &[(&str, &str)]) -> String {
    let host = Host::new();
    refused_on(&host, change)
}

fn refused_on(host: &Host, change: &[(&str, &str)]) -> String {
    let mut args = host.init_args();
    for (flag, value) in change {
        let flag = format!("--{flag}");
        if let Some(at) = args.iter().position(|arg| *arg == flag) {
            args.drain(at..at + 2);
        }
        args.extend([flag, (*value).to_owned()]);
    }
    init_error(host, &args)
}

fn init_error(host: &Host, args: &[String]) -> String {
    let ran = host.wnm(args);
    assert_eq!(ran.code(), 1, "{}{}", ran.out, ran.err);
    assert_eq!(ran.out, "");
    assert!(!host.path("wnm.db").exists(), "no database may be left behind");
    assert!(ran.err.contains("error:") && ran.err.contains("hint:"), "{}", ran.err);
    let home = host.path("").display().to_string();
    ran.err.replace(home.trim_end_matches('/'), "HOME")
}

#[test]
fn invalid_settings_are_errors() {
    let without_wallet = {
        let host = Host::new();
        let mut args = host.init_args();
        let at = args.iter().position(|arg| arg == "--rewards-address").unwrap();
        args.drain(at..at + 2);
        init_error(&host, &args)
    };
    let all = [
        without_wallet,
        refused(&[("rewards-address", "0x123")]),
        refused(&[("rewards-address", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD")]),
        refused(&[("cpu-less-than", "80"), ("cpu-remove", "80")]),
        refused(&[("cpu-less-than", "NaN")]),
        refused(&[("mem-remove", "101")]),
        refused(&[("port-start", "64"), ("node-cap", "2000")]),
        refused(&[("port-start", "13"), ("metrics-port-start", "13")]),
        refused(&[("max-concurrent-starts", "0")]),
        refused(&[("desired-load-average", "3"), ("max-load-average-allowed", "2")]),
        refused(&[("netio-read-less-than", "1000")]),
        refused(&[("process-manager", "sysv")]),
        refused(&[("node-storage", "relative/folder")]),
        refused(&[("start-args", "--log 'unclosed")]),
        refused(&[("environment", "NOVALUE")]),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn invalid_node_programs_are_errors() {
    let missing = {
        let host = Host::new();
        std::fs::remove_file(host.path(".local/bin/antnode")).unwrap();
        refused_on(&host, &[])
    };
    let not_executable = {
        let host = Host::new();
        let path = host.path(".local/bin/antnode");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
        refused_on(&host, &[])
    };
    let other_program = refused(&[("antnode-path", "/bin/echo")]);
    let garbage = {
        let host = Host::new();
        std::fs::write(host.path(".local/bin/antnode"), [0x7f, b'E', b'L', b'F', 9, 9, 9]).unwrap();
        refused_on(&host, &[])
    };
    insta::assert_snapshot!([missing, not_executable, other_program, garbage].join("\n"));
}

#[test]
fn unwritable_storage_folder_is_an_error() {
    let host = Host::new();
    std::fs::write(host.path("occupied"), "").unwrap();
    let below_a_file = host.path("occupied/node").display().to_string();
    let on_proc = refused(&[("node-storage", "/proc/node")]);
    insta::assert_snapshot!([refused_on(&host, &[("node-storage", &below_a_file)]), on_proc].join("\n"));
}

#[test]
fn commands_before_init_name_init() {
    let host = Host::new();
    for line in ["run", "status", "node list", "node add", "history", "explain", "teardown --yes", "daemon"] {
        let ran = host.expect(5, line);
        assert!(ran.err.contains("wnm init --rewards-address"), "{line}: {}", ran.err);
    }
    assert!(!host.path("wnm.db").exists());
    let doctor = host.doctor_of_a_new_host();
    assert_eq!(doctor.code(), 0, "{}{}", doctor.out, doctor.err);
    assert!(doctor.out.contains("no database at") && doctor.out.contains("wnm init"), "{}", doctor.out);
}

#[test]
fn impossible_requests_are_errors() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let mut errors = Vec::new();
    for (code, line) in [
        (1, "node stop 7"),
        (1, "node show antnode0007"),
        (1, "teardown"),
        (1, "explain 99"),
        (1, "run --port-start 60"),
        (1, "run --cpu-less-than 70 --cpu-remove 60"),
        (1, "node stop 1 7"),
        (1, "node remove 1"),
        (1, "node reset 1"),
        (1, "node stop 5-9"),
        (2, "node stop"),
        (2, "node remove --dry-run"),
        (2, "node stop nonsense"),
        (2, "node stop 9-5"),
        (2, "node stop --state ASLEEP"),
        (2, "node stop --all --count 2"),
        (2, "node add --count 0"),
        (2, "daemon --interval 1ms"),
        (2, "frobnicate"),
        (2, "run --no-such-setting 3"),
    ] {
        let ran = host.expect(code, line);
        assert_eq!(ran.out, "", "{line}");
        errors.push(format!("$ wnm {line}\n{}", ran.err));
    }
    let again = host.wnm(&host.init_args());
    assert_eq!(again.code(), 1);
    errors.push(format!("$ wnm init\n{}", again.err));
    let home = host.path("").display().to_string();
    let varying = [
        (r"(cannot change port_start from )\d+", "${1}N"),
        (r" NODE +AGE +SIZE +FOLDER", " NODE AGE SIZE FOLDER"),
        (r"(antnode\d+) +\d+s +[\d.]+ .B +", "$1 AGE SIZE "),
    ];
    insta::with_settings!({filters => varying.to_vec()}, {
        insta::assert_snapshot!(errors.join("\n").replace(home.trim_end_matches('/'), "HOME"));
    });
}

#[test]
fn unusable_files_and_variables_are_errors() {
    let host = Host::with_colony();
    let mut errors = Vec::new();
    for (code, line) in [
        (1, "node restore --from /missing"),
        (1, "db restore /etc/passwd"),
        (1, "storage add /etc/passwd"),
        (1, "probe check /missing"),
        (2, "fleet rollout start x"),
    ] {
        errors.push(format!("$ wnm {line}\n{}", host.expect(code, line).err));
    }
    for (code, name, value) in [(1, "WNM_NODE_CAP", &b"5\xff"[..]), (2, "WNM_CONFIG", b"")] {
        let mut command = host.command(&["run", "--dry-run"]);
        let output = command.env(name, OsStr::from_bytes(value)).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{name}");
        errors.push(format!("{name}\n{}", String::from_utf8(output.stderr).unwrap()));
    }
    insta::assert_snapshot!(errors.join("\n"), @r#"
    $ wnm node restore --from /missing
    error: cannot read /missing: no such file or directory
    hint: name a file that `wnm node backup` has written

    $ wnm db restore /etc/passwd
    error: cannot restore /etc/passwd: not a SQLite file
    hint: name a backup that `wnm db backup` has written

    $ wnm storage add /etc/passwd
    error: cannot write to storage folder /etc/passwd: file exists
    hint: name a folder: /etc/passwd or a part of its path is a file

    $ wnm probe check /missing
    error: cannot read /missing: no such file or directory
    hint: name an existing file

    $ wnm fleet rollout start x
    error: invalid value "x" for VERSION: not like 0.4.17 or 0.4.10-rc.1
    hint: see `wnm fleet rollout start --help`

    WNM_NODE_CAP
    error: invalid value "5�" for node_cap: not UTF-8 (variable WNM_NODE_CAP)
    hint: set a valid value, such as `WNM_NODE_CAP=20`, or unset the variable

    WNM_CONFIG
    error: variable WNM_CONFIG is empty
    hint: name a file in it, or run `unset WNM_CONFIG`; see `wnm run --help`
    "#);
}

#[test]
fn second_wnm_is_locked_out() {
    let host = Host::with_colony();
    let lock = wnm_store::Lock::acquire(&host.path("wnm.db"), std::time::Duration::ZERO).unwrap();
    let ran = host.expect(4, "run");
    assert!(ran.err.contains(&format!("another wnm (PID {}) is running since ", std::process::id())), "{}", ran.err);
    // A read needs no lock.
    host.expect(0, "status");
    drop(lock);
    host.expect(0, "run");
}

#[test]
fn unusable_databases_are_errors() {
    let host = Host::with_colony();
    let path = host.path("wnm.db");
    let sound = std::fs::read(&path).unwrap();
    let newer = {
        let db = rusqlite::Connection::open(&path).unwrap();
        db.pragma_update(None, "user_version", 99).unwrap();
        db.close().unwrap();
        std::fs::read(&path).unwrap()
    };
    let beside = ["wnm.db-wal", "wnm.db-shm"].map(|name| host.path(name));
    for (content, found, hint) in [
        (newer.as_slice(), "its version is 99", "install the version of wnm that wrote it"),
        (&sound[..sound.len() / 2], "malformed", "wnm db restore FILE"),
        (b"node_cap = 3\n".repeat(500).as_slice(), "not a SQLite file", "--db"),
        (b"", "an empty file", "--db"),
    ] {
        beside.iter().for_each(|file| _ = std::fs::remove_file(file));
        std::fs::write(&path, content).unwrap();
        for line in ["run", "status", "node add", "config set node_cap 7"] {
            let ran = host.expect(1, line);
            assert!(ran.err.contains(found) && ran.err.contains(hint), "{line}: {}", ran.err);
        }
        assert_eq!(std::fs::read(&path).unwrap(), content, "{found}");
        let doctor = host.expect(3, "doctor");
        assert!(doctor.out.contains(found), "{}", doctor.out);
    }
    beside.iter().for_each(|file| _ = std::fs::remove_file(file));
    std::fs::write(&path, sound).unwrap();
    host.expect(0, "run");
}

#[test]
fn ports_of_other_processes_fail_the_start() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let port = host.nodes()[0]["ports"]["node"].as_u64().unwrap();
    host.expect(0, "node stop --count 1");
    let holder = std::net::UdpSocket::bind(("0.0.0.0", u16::try_from(port).unwrap())).unwrap();
    let failed = host.expect(3, "node start 1");
    assert!(failed.out.contains(&port.to_string()), "{}", failed.out);
    drop(holder);
    host.expect(0, "node start 1");
}

#[test]
fn start_without_disk_space_is_an_error() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    host.expect(0, "node stop --count 1");
    let failed = host.command(&["node", "start", "1"]).env("WNM_CRISIS_BYTES", "900000000000000").output().unwrap();
    assert_eq!(failed.status.code(), Some(3));
    for said in [String::from_utf8(failed.stdout).unwrap(), host.expect(0, "history").out] {
        assert!(said.contains("not enough disk space at ") && said.contains(" 900.0 TB needed, "), "{said}");
    }
    host.expect(0, "node start 1");
}

#[test]
fn node_that_ignores_sigterm_is_killed() {
    let host = Host::new();
    host.put_binary("0.4.17", Behaviour::IgnoreTerm);
    assert_eq!(host.wnm(&host.init_args()).code(), 0);
    host.expect(0, "node add");
    host.expect(0, "node remove --all --yes");
    assert!(host.processes().is_empty());
}

/// A program that hangs, floods or crashes when it is asked for its version, or names one that is none: cycles go on, the
/// node runs on, no new node gets the program, and no file or process is left.
#[test]
fn program_without_an_answer_holds_nothing() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let before = host.wait_for("a running node", |nodes| states(nodes) == ["RUNNING"]);
    host.expect(0, "config set upgrade_source=binary enable_upgrade=true");
    let storage = host.path(".local/share/autonomi/node");
    let folders = || std::fs::read_dir(&storage).unwrap().flatten().filter(|one| one.path().is_dir()).count();
    let (program, folders_before) = (host.path(".local/bin/antnode"), folders());
    for (script, says) in [
        ("exec sleep 600", "does not exit"),
        ("exec yes version", "printed more than"),
        ("kill -SEGV $$", "is not antnode"),
        ("echo Autonomi Node v99999999999999999999.1.2", "is not antnode"),
    ] {
        std::fs::remove_file(&program).unwrap();
        {
            let _turn = turn();
            std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let started = std::time::Instant::now();
        let failed = host.expect(3, "node add");
        assert!(failed.out.contains(says), "{script}: {}", failed.out);
        // Twice the deadline of ten seconds, and the time of a busy host.
        assert!(started.elapsed().as_secs() < 60, "{script}");
        host.expect(0, "run");
        let doctor = host.expect(3, "doctor").out;
        assert!(doctor.contains("error    node_program"), "{script}: {doctor}");
    }
    let after = host.nodes();
    assert_eq!(states(&after), ["RUNNING"]);
    assert_eq!(after[0]["sample"]["pid"], before[0]["sample"]["pid"]);
    assert_eq!(folders(), folders_before);
    assert_eq!(host.processes().len(), 1, "{:?}", host.processes());
}
