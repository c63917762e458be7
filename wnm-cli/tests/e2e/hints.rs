//! Commands in hints and pages, which act on the database of the command that printed them.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::host::{Host, Ran};

/// Runs `wnm` with a database that is not the usual one.
fn beside(host: &Host, db: &Path, words: &[&str]) -> Ran {
    let mut command = host.command(&[] as &[&str]);
    command.arg("--db").arg(db).args(words);
    Host::run(command, words)
}

/// Returns the commands of wnm between backticks.
fn commands(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).filter(|code| code.starts_with("wnm ")).collect()
}

/// Runs a command as an operator who copies it into a shell.
fn typed(host: &Host, command: &str) -> (i32, String) {
    let folder = Path::new(env!("CARGO_BIN_EXE_wnm")).parent().unwrap();
    let script = format!("PATH='{}':$PATH; {command}", folder.display());
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &script]).envs(host.command(&[] as &[&str]).get_envs().filter_map(|(k, v)| Some((k, v?))));
    let output = shell.stdin(Stdio::null()).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code().unwrap(), text)
}

#[test]
fn command_in_a_hint_acts_on_the_database_of_the_error() {
    let host = Host::with_colony();
    host.expect(0, "node add");
    let db = host.path("another colony/wnm.db");
    std::fs::create_dir(db.parent().unwrap()).unwrap();

    let none = beside(&host, &db, &["node", "list"]);
    let [create] = commands(&none.err)[..] else { panic!("{}", none.err) };
    let init: Vec<String> = host.init_args();
    let create = create.replace("--rewards-address 0x…", &shell_words::join(&init[1..]));
    let storage = format!(" --node-storage '{}'", host.path("others").display());
    let (code, created) = typed(&host, &format!("{create}{storage}"));
    assert!(code == 0 && db.is_file(), "{create}: {created}");
    let next = format!("  wnm --db '{}' service install    manage the nodes", db.display());
    assert!(created.contains(&next), "{created}");

    let unknown = beside(&host, &db, &["node", "show", "9"]);
    assert_eq!(unknown.code(), 1);
    let [list] = commands(&unknown.err)[..] else { panic!("{}", unknown.err) };
    // The usual colony has a node, and this one has none.
    assert_eq!(typed(&host, list), (0, "no nodes\n".to_owned()), "{list}");
    assert!(typed(&host, "wnm node list").1.contains("antnode0001"));

    // The name of a command in a message is no command to type.
    let incomplete = beside(&host, &db, &["node", "stop"]);
    assert!(incomplete.err.starts_with("error: cannot run `wnm node stop`: "), "{}", incomplete.err);

    let json = beside(&host, &db, &["--json", "node", "show", "9"]);
    let document: serde_json::Value = serde_json::from_str(&json.err).unwrap();
    assert_eq!(commands(document["error"]["hint"].as_str().unwrap()), [list]);
}

#[test]
fn commands_repeat_a_database_only_where_it_is_not_the_usual_one() {
    let host = Host::with_colony();
    let db = host.path("other.db");
    let flag = format!("wnm --db {} ", db.display());
    for words in [&["status"][..], &["info"], &["explain"], &["config", "set", "node_capp", "3"], &["doctor"]] {
        let ran = beside(&host, &db, words);
        let text = format!("{}{}", ran.out, ran.err);
        let of_colonies: Vec<&str> = commands(&text).into_iter().filter(|line| !line.ends_with("--help")).collect();
        assert!(!of_colonies.is_empty() && of_colonies.iter().all(|line| line.starts_with(&flag)), "{words:?}: {text}");
        let usual = host.wnm(words);
        assert!(!format!("{}{}", usual.out, usual.err).contains("--db"), "{words:?}: {}{}", usual.out, usual.err);
        // `WNM_DB` names the same one.
        let usual = beside(&host, &host.path("wnm.db"), words);
        assert!(!format!("{}{}", usual.out, usual.err).contains("wnm --db"), "{words:?}: {}", usual.err);
    }
}
