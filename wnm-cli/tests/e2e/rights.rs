//! Rights and files of other users: modes, owners, the lock, crontabs and home folders.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::process::{Command, Output};

use crate::host::{Host, turn};

fn run(mut command: Command) -> Output {
    let _turn = turn();
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Runs wnm below a shell with this umask.
fn with_umask(host: &Host, umask: &str, args: &[String]) {
    let inner = host.command(args);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("umask {umask} && exec \"$0\" \"$@\"")]).arg(inner.get_program());
    command.args(inner.get_args()).env_clear().envs(inner.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let output = run(command);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn modes_do_not_depend_on_the_umask() {
    for umask in ["000", "077", "027"] {
        let host = Host::new();
        with_umask(&host, umask, &host.init_args());
        with_umask(&host, umask, &["node", "add"].map(str::to_owned));
        let data = host.path(".local/share/autonomi");
        let node = data.join("node/antnode0001");
        for folder in [&data, &data.join("node"), &node, &data.join("logs"), &data.join("logs/antnode0001")] {
            assert_eq!(mode(folder), 0o755, "{} with umask {umask}", folder.display());
        }
        for file in ["wnm.db", "wnm.lock", "wnm.reserve"] {
            assert_eq!(mode(&host.path(file)), 0o600, "{file} with umask {umask}");
        }
        assert_eq!(mode(&node.join(".wnm-definition")), 0o600, "umask {umask}");
        host.expect(0, "teardown --yes");
    }
}

#[test]
fn init_makes_the_lock() {
    let host = Host::new();
    assert_eq!(host.wnm(&host.init_args()).code(), 0);
    assert_eq!(mode(&host.path("wnm.lock")), 0o600);
}

#[test]
#[ignore = "needs root; .ci/root-tests runs it"]
fn database_of_another_user_is_refused_without_a_trace_as_root() {
    let host = Host::with_colony();
    let database = host.path("wnm.db");
    fs::remove_file(host.path("wnm.lock")).unwrap();
    chown(&database, Some(65_534), Some(65_534)).unwrap();
    for line in [
        "run",
        "node add",
        "config set node_cap=3",
        "teardown --yes",
        "daemon",
        "doctor --fix",
        "service install --cron",
    ] {
        let ran = host.wnm(&line.split(' ').collect::<Vec<_>>());
        let said = format!("{}{}", ran.out, ran.err);
        assert!(ran.code() != 0 && said.contains("belongs to user nobody"), "{line}: {said}");
        assert!(said.contains("as in `sudo -u nobody wnm --db "), "{line}: {said}");
        assert!(!host.path("wnm.lock").exists(), "{line}");
    }
    assert_eq!(fs::metadata(&database).unwrap().uid(), 65_534);
    // Reading changes nothing.
    host.expect(0, "node list");
}

#[test]
fn crontab_of_any_encoding_keeps_its_bytes() {
    const TABLE: &[u8] =
        b"# sauvegarde de la base donn\xe9es\n0 3 * * * /usr/local/bin/sauve --dossier /srv/donn\xe9es\n";
    let host = Host::with_colony();
    // Answers as busybox does, whose words differ from those of cron.
    let script = "#!/bin/sh\nif [ \"$1\" = -l ]; then\n  [ -e \"$HOME/table\" ] || { echo \"crontab: can't open 'op': No such \
                  file or directory\" >&2; exit 1; }\n  cat \"$HOME/table\"\nelse cat \"$1\" >\"$HOME/table\"; fi\n";
    host.put_tool("crontab", script);
    let service = |verb: &str| {
        let ran = host.wnm(&["service", verb, "--cron"]);
        assert_eq!(ran.code(), 0, "{}", ran.err);
        fs::read(host.path("table")).unwrap()
    };
    assert!(text(&service("install")).contains("# wnm service"), "without a crontab before");
    fs::write(host.path("table"), TABLE).unwrap();
    assert!(service("install").starts_with(TABLE));
    assert_eq!(service("uninstall"), TABLE);
}

#[test]
fn init_without_a_home_directory_says_so() {
    let host = Host::new();
    let mut command = host.command(&host.init_args());
    command.env("HOME", "nowhere");
    let output = run(command);
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.contains("cannot find the home directory of user "), "{said}");
    assert!(said.contains("hint: set HOME, as in `HOME="), "{said}");
    assert!(!host.path("wnm.db").exists());
}

#[test]
fn logs_go_to_the_folder_of_the_setting() {
    let host = Host::new();
    let mut args = host.init_args();
    args.extend(["--log-dir".to_owned(), host.path("log files").display().to_string()]);
    let ran = host.wnm(&args);
    assert_eq!(ran.code(), 0, "{}", ran.err);
    host.expect(0, "node add");
    let logs = host.path("log files/antnode0001");
    let shown = host.expect(0, "--json node show 1").json();
    assert_eq!(shown[0]["log_folder"].as_str().map(Path::new), Some(logs.as_path()), "{shown}");
    assert!(logs.is_dir());
    host.expect(0, "teardown --yes");
    assert!(!logs.exists());
    let refused = host.expect(1, "config set log_dir=relative");
    assert!(refused.err.contains("relative"), "{}", refused.err);
}
